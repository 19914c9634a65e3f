"""The laws of questions: no answer beyond its authority, narrowing adds nothing, nobody approves their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.oracles.cedar_oracle import Device
from tests.oracles.search_oracle import may_show
from tests.vectors import make_documents as world
from wicketgate.base.clock import DAY_US, HOUR_US, parse_rfc3339
from wicketgate.base.periods import parse_period
from wicketgate.commits.cameras import Camera
from wicketgate.gate.answers import FoundRead, shown_rows
from wicketgate.gate.single import Decider, Search
from wicketgate.gate.tables import terms_at
from wicketgate.history.questions import KINDS, CameraBreadth
from wicketgate.regime.charter import SearchRules
from wicketgate.regime.documents.authority import parse_authority
from wicketgate.regime.documents.search_terms import QUESTION_KINDS
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.searches.approvals import ApprovalGiven
from wicketgate.regime.searches.rules import (
    AskedSearch,
    AwaitingApproval,
    GivenReason,
    judge,
    judge_approval,
    may_run,
    open_needs,
    with_approval,
)

CHARTER = world.changed(
    world.example("charter"),
    world.put("signatures.8.modes", ["match", "search"]),
    world.put("consultations.2.modes", ["match", "search"]),
)
BEGUN = world.Story.under(CHARTER)
AT_US = parse_rfc3339("2026-07-20T11:30:00Z")
MET, ICO = "met/serious-crime", "ico/commissioner"
DEVICES = (
    Device(source="tfl", id="a", groups=("ccz-boundary",)),
    Device(source="tfl", id="b", groups=("ulez",)),
    Device(source="tfl", id="c", groups=("ulez", "ccz-boundary")),
)
CAMERAS = [Camera(source=one.source, id=one.id, groups=tuple(one.groups), active=True) for one in DEVICES]
WEEKDAYS = {
    "zone": "Europe/London",
    "days": ["mon", "tue", "wed", "thu", "fri"],
    "from": "07:00",
    "until": "18:00",
}
NIGHTS = {"zone": "Europe/London", "days": ["sat", "sun"], "from": "22:00", "until": "06:00"}
MORNINGS = {**WEEKDAYS, "until": "12:00"}
AGES = ("P1D", "P7D", "P14D", "P28D")
Document = dict[str, Any]


def some(*values: Any, least: int = 1) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), unique_by=str, min_size=least)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    document = world.example("authority-search")
    document["scope"]["groups"] = draw(some("ccz-boundary", "ulez", least=0))
    hours = draw(st.sampled_from(([], [WEEKDAYS], [WEEKDAYS, NIGHTS])))
    document["scope"]["hours"] = hours
    search: Document = {"max_age": draw(st.sampled_from(AGES))}
    if draw(st.booleans()):
        search["questions"] = draw(some(*QUESTION_KINDS))
    if draw(st.booleans()):
        search["breadth"] = {
            "camera_days": draw(st.sampled_from((0, 10, 300))),
            "plates": draw(st.sampled_from((0, 1, 50))),
        }
    if draw(st.booleans()):
        search["hours"] = [MORNINGS]
    ages = draw(st.sampled_from(((), ("P7D",), ("P1D", "P14D"))))
    search["tiers"] = [{"older_than": age, "approver": draw(st.sampled_from((MET, ICO)))} for age in ages]
    document["search"] = search
    return document


def narrowed(document: Document, draw: st.DataObject) -> Document:
    """Return a document with one member narrower, or as it is where that cannot be."""
    document = world.changed(document)
    scope, search = document["scope"], document["search"]
    step = draw.draw(
        st.sampled_from(
            ("groups", "questions", "camera_days", "plates", "age", "hours", "tier", "scope hours")
        )
    )
    event(f"narrowed: {step}")
    if step == "groups":
        scope["groups"] = (scope["groups"] or ["ulez", "ccz-boundary"])[:1]
    if step == "questions":
        search["questions"] = search.get("questions", ["plate"])[:1]
    if step in ("camera_days", "plates") and "breadth" in search:
        search["breadth"][step] //= 2
    if step == "age":
        search["max_age"] = AGES[max(0, AGES.index(search["max_age"]) - 1)]
    if step == "hours":
        search["hours"] = [MORNINGS]
    if step == "scope hours":
        scope["hours"] = [WEEKDAYS]
    if step == "tier" and not search["tiers"]:
        search["tiers"] = [{"older_than": "P7D", "approver": MET}]
    return document


@dataclass(frozen=True)
class Put:
    """A question as it is put, and who approved it."""

    reads: tuple[FoundRead, ...]
    kinds: tuple[str, ...]
    approved_by: tuple[str, ...]
    retention: str


def edges(text: str) -> int:
    return AT_US - int(text[1:-1]) * DAY_US


captures = (
    st.builds(lambda text, more: edges(text) + more, st.sampled_from(AGES), st.sampled_from((-1, 0, 1)))
    | st.integers(AT_US - 30 * DAY_US, AT_US + HOUR_US)
    | st.just(AT_US)
)
puts = st.builds(
    Put,
    st.lists(st.builds(FoundRead, st.integers(0, 2), captures), min_size=1, max_size=12).map(tuple),
    some("plate", "pattern", "scenes").map(tuple),
    some(MET, ICO, "tfl/commissioner", least=0).map(tuple),
    st.sampled_from(("P7D", "P28D", "P60D")),
)


def shown(document: Document, put: Put) -> dict[int, frozenset[str]]:
    """Return the rows that are shown and their fields, by the gate."""
    story = BEGUN.then(document, world.MATCH_OFFICES)
    moment = RegimeAt(story.regime, Parsed(), AT_US)
    terms = terms_at(
        moment, CAMERAS, "tfl-met-questions", captured_us=min(one.captured_us for one in put.reads)
    )
    decider = Decider([terms], [f"{one.source}/{one.id}" for one in CAMERAS])
    rows = shown_rows(
        decider,
        "tfl-met-questions@1",
        put.reads,
        AT_US,
        Search(approved_by=frozenset(put.approved_by), kinds=frozenset(put.kinds)),
        dict.fromkeys(range(3), parse_period(put.retention)),
    )
    return {row.number: row.fields for row in rows}


@settings(max_examples=60, deadline=None)
@given(documents(), puts, st.data())
def test_an_answer_has_the_rows_of_the_oracle_and_narrowing_adds_none(
    document: Document, put: Put, data: st.DataObject
) -> None:
    found = shown(document, put)
    expected = {
        number
        for number, read in enumerate(put.reads)
        if may_show(
            document, DEVICES[read.camera], read.captured_us, AT_US, put.kinds, put.approved_by, put.retention
        )
    }
    assert found.keys() == expected
    assert all(fields == set(document["scope"]["fields"]) for fields in found.values())
    event(f"rows: {bool(found)}")
    assert shown(narrowed(document, data), put).keys() <= found.keys()


# --- rights -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asking:
    """What the law looks at of a question."""

    kinds: tuple[str, ...]
    is_counted_first: bool
    from_us: int


questions = st.builds(Asking, some(*KINDS).map(tuple), st.booleans(), captures)
breadths = st.builds(
    lambda cameras, days, plates: CameraBreadth(cameras, days, cameras * days, plates),
    st.sampled_from((0, 1, 10)),
    st.sampled_from((1, 28, 31)),
    st.sampled_from((None, 1, 2, 51)),
)
charters = st.builds(
    SearchRules,
    second=some(ICO, "{recipient}/serious-crime", least=0).map(tuple),
    emergency_within=st.sampled_from((None, parse_period("PT24H"))),
)
reasons = st.sampled_from(
    (GivenReason(offence="a", case="b", words="c"), GivenReason(offence="a", case="", words="c"))
)


@st.composite
def askings(draw: st.DrawFn, document: Document) -> AskedSearch:
    return AskedSearch(
        unit="met/serious-crime",
        authority=parse_authority(document),
        stopped=draw(st.sampled_from((None, None, None, "suspended"))),
        question=draw(questions),
        breadth=draw(breadths),
        reason=draw(reasons),
        at_us=AT_US,
        counted=draw(st.sampled_from((None, 9, 51))),
        emergency=draw(st.booleans()),
        emergency_stopped=draw(st.booleans()),
    )


@given(documents(), charters, st.data())
def test_narrowing_an_authority_never_adds_a_right(
    document: Document, rules: SearchRules, data: st.DataObject
) -> None:
    asked = data.draw(askings(document))
    wide = judge(asked, rules)
    less = AskedSearch(
        **{name: getattr(asked, name) for name in AskedSearch.__slots__}
        | {"authority": parse_authority(narrowed(document, data))}
    )
    narrow = judge(less, rules)
    event(f"code: {wide.code} then {narrow.code}")
    if wide.code is not None:
        assert narrow.code is not None
    if narrow.answers_now:
        assert wide.answers_now
    if narrow.code is None:
        assert len(narrow.needs) >= len(wide.needs)
        assert narrow.counts_first == wide.counts_first


people = st.sampled_from(("person:a", "person:b", "person:c", "person:d"))
offices = st.sampled_from((MET, ICO, "tfl/commissioner"))


@given(documents(), charters, st.data())
def test_nobody_approves_their_own_and_nobody_twice(
    document: Document, rules: SearchRules, data: st.DataObject
) -> None:
    asked = data.draw(askings(document))
    said = judge(asked, rules)
    waiting = AwaitingApproval(asker=data.draw(people), needs=said.needs, counted=asked.counted)
    for _ in range(4):
        given = ApprovalGiven(
            by=data.draw(people), office=data.draw(offices), counted=data.draw(st.sampled_from((None, 9, 51)))
        )
        code = judge_approval(waiting, given, {given.office})
        if given.by == waiting.asker or given.counted != waiting.counted:
            assert code is not None
        if code is None:
            waiting = with_approval(waiting, given)
    approvers = [one.by for one in waiting.given]
    assert waiting.asker not in approvers
    assert len(set(approvers)) == len(approvers)
    if may_run(waiting, said.needs):
        assert len(approvers) >= len(said.needs)
        assert all(any(one.office in need.offices for one in waiting.given) for need in said.needs)
    assert len(open_needs(waiting)) >= len(said.needs) - len(approvers)
