"""The law of links: in whatever order they are asked, they are never more than rows shown, nor above a day's number.

The oracle keeps plain lists of what was let be, and knows nothing of marks and days.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, HOUR_US
from wicketgate.base.errors import InputError
from wicketgate.commits.keepers import KnownLinks
from wicketgate.gateway.keepers.adapters import Enquiry, dvla
from wicketgate.regime.documents.authority import Authority, parse_authority
from wicketgate.regime.keepers.rules import LINKABLE_US, MOST_ASKED, LinkQuestion, RowShown, refusal_of
from wicketgate.regime.keepers.values import LinkAsked, LinkEnded

CAUSES = ("unpaid-charge", "stolen")
AT_US = 20_000 * DAY_US


def authority(*, name: str = "own", **keeper: Any) -> Authority:
    document = copy.deepcopy(documents.example("authority-own-use"))
    document["authority"]["name"] = name
    document["keeper"] = {
        "causes": list(CAUSES[:1]),
        "registers": ["dvla"],
        "per_day": 3,
        "not_before": "P3D",
        **keeper,
    }
    return parse_authority(document)


OWN = authority()
BARE = parse_authority(documents.example("authority-own-use"))


def question(**more: Any) -> LinkQuestion:
    """Return a link that the law lets be, but for what is said."""
    shown = RowShown(
        released_by=more.pop("released_by", OWN),
        released_us=more.pop("released_us", AT_US - 4 * DAY_US),
        captured_us=more.pop("captured_us", AT_US - 4 * DAY_US),
        source=more.pop("source", "tfl"),
        images=more.pop("images", {"ref"}),
    )
    given_: dict[str, Any] = {
        "unit": "tfl/charging",
        "authority": OWN,
        "stopped": None,
        "cause": CAUSES[0],
        "case": "C-1",
        "shown": shown,
        "image": "ref",
        "causes": CAUSES,
        "today": 0,
        "before": KnownLinks().before("own", CAUSES[0], 1),
        "at_us": AT_US,
        **more,
    }
    return LinkQuestion(**given_)


def test_what_is_whole_is_let_be() -> None:
    assert refusal_of(question()) is None


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"authority": None}, "no-authority"),
        ({"unit": "met/serious-crime"}, "no-authority"),
        ({"stopped": "revoked"}, "revoked"),
        ({"case": "  "}, "reason-missing"),
        ({"cause": "stolen"}, "cause-not-allowed"),
        ({"causes": ()}, "cause-not-allowed"),
        ({"authority": BARE}, "cause-not-allowed"),
        ({"released_by": BARE}, "row-unknown"),
        ({"released_by": authority(causes=["stolen"])}, "cause-not-allowed"),
        ({"released_by": authority(name="another")}, "row-unknown"),
        ({"shown": "row-unknown"}, "row-unknown"),
        ({"shown": "erased"}, "erased"),
        ({"shown": "not-confirmed"}, "not-confirmed"),
        ({"image": ""}, "image-needed"),
        ({"image": "another"}, "image-needed"),
        ({"source": "westminster", "image": "another"}, "image-needed"),
        ({"captured_us": AT_US - 3 * DAY_US + 1}, "not-before"),
        ({"captured_us": AT_US - 5 * DAY_US, "released_by": authority(not_before="P6D")}, "not-before"),
        ({"released_us": AT_US - LINKABLE_US}, "row-unknown"),
        ({"today": 3}, "limit-reached"),
        ({"decided": "so"}, "person-needed"),
    ],
)
def test_each_refusal_has_its_code(more: dict[str, Any], code: str) -> None:
    assert refusal_of(question(**more)) == code


def test_a_row_of_another_source_needs_no_image() -> None:
    assert refusal_of(question(source="westminster", image="")) is None
    assert refusal_of(question(captured_us=AT_US - 3 * DAY_US)) is None


steps = st.lists(
    st.tuples(
        st.sampled_from(CAUSES),
        st.integers(1, 4),
        st.sampled_from((0, HOUR_US, 9 * HOUR_US, DAY_US)),
        st.sampled_from(("answered", "unknown", "vehicle-differs", "unanswered", "stopped", None)),
        st.booleans(),
    ),
    max_size=40,
)


@given(steps, st.integers(1, 5))
def test_links_are_never_more_than_rows_shown_nor_above_a_days_number(steps: Any, per_day: int) -> None:
    own, links, at_us = authority(causes=list(CAUSES), per_day=per_day), KnownLinks(), AT_US
    asked: list[tuple[str, int, int, str]] = []
    ended: dict[str, str] = {}
    for cause, seq, later_us, became, decides in steps:
        at_us += later_us
        found = question(
            authority=own,
            released_by=own,
            cause=cause,
            at_us=at_us,
            today=links.today(own.name, at_us),
            before=links.before(own.name, cause, seq),
            decided="sure" if decides else "",
            is_person=True,
            released_us=at_us - 4 * DAY_US,
            captured_us=at_us - 4 * DAY_US,
        )
        times = [one for one in asked if one[:2] == (cause, seq)]
        today = [one for one in asked if one[2] == at_us // DAY_US]
        is_done = any(ended.get(one[3]) in ("answered", "unknown") for one in times)
        refused = is_done or len(times) >= MOST_ASKED or len(today) >= per_day
        assert refusal_of(found) == ("limit-reached" if refused else None)
        if refused:
            continue
        id_ = links.id_of(own.name, cause, seq) or f"{cause}-{seq}-{len(asked)}"
        common = {"id": id_, "authority": own.reference, "cause": cause, "seq": seq}
        links.take(
            [
                LinkAsked(
                    **common,
                    unit="tfl/charging",
                    by="x",
                    case="C",
                    register="dvla",
                    source="tfl",
                    event_us=at_us,
                )
            ],
            at_us,
        )
        asked.append((cause, seq, at_us // DAY_US, id_))
        if became is not None:
            links.take([LinkEnded(**common, became=became)], at_us)
            ended[id_] = became
            assert links.before(own.name, cause, seq).differs == (became == "vehicle-differs")
    # One id for one row and cause; never more of a day than is said; never more links than rows shown for a cause.
    assert len({one[3] for one in asked}) == len({one[:2] for one in asked})
    assert max(Counter(one[2] for one in asked).values(), default=0) <= per_day
    for cause in CAUSES:
        rows = {one[1] for one in asked if one[0] == cause}
        assert links.counts.get(own.name, {}).get(cause, 0) == len(rows)


def test_what_is_done_is_asked_no_more_and_nothing_ends_that_was_not_asked() -> None:
    links = KnownLinks()
    common = {"id": "a", "authority": "own@1", "cause": CAUSES[0], "seq": 1}
    asked = LinkAsked(**common, unit="u", by="x", case="C", register="dvla", source="tfl", event_us=0)
    with pytest.raises(InputError):
        links.take([LinkEnded(**common, became="answered")], AT_US)
    links.take([asked, LinkEnded(**common, became="answered")], AT_US)
    for again in (asked, LinkEnded(**common, became="answered")):
        with pytest.raises(InputError):
            links.take([again], AT_US)


def test_what_could_be_linked_no_more_is_forgotten() -> None:
    links = KnownLinks()
    for seq in range(5):
        common = {"id": f"a{seq}", "authority": "own@1", "cause": CAUSES[0], "seq": seq}
        asked = LinkAsked(**common, unit="u", by="x", case="C", register="dvla", source="tfl", event_us=0)
        links.take([asked, LinkEnded(**common, became="answered")], AT_US + seq * DAY_US)
    links.take([], AT_US + LINKABLE_US)
    assert len(links.marks["own/unpaid-charge"]) == 5  # a day more than a row can be shown
    assert links.listed == {}
    links.take([], AT_US + LINKABLE_US + 10 * DAY_US)
    assert links.marks == {}
    assert links.counts == {"own": {CAUSES[0]: 5}}


ASKED = Enquiry(plate="AB12CDE", cause="c", enquirer="e", reference="r", date="2026-07-08")


odd = st.recursive(
    st.none() | st.text() | st.integers(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
)


@given(st.binary() | odd.map(json.dumps).map(str.encode))
def test_whatever_a_register_answers_is_a_value_or_an_input_error(body: bytes) -> None:
    for read in (lambda: dvla.vehicle_in(body, ASKED.plate), lambda: dvla.keeper_in(body, ASKED)):
        with contextlib.suppress(InputError):
            read()


def test_an_answer_of_another_vehicle_or_day_is_none() -> None:
    body = (
        b'{"registrationNumber":"%s","dateOfEvent":"%s","make":"FORD",'
        b'"keeper":{"name":"N","address":["A"]},"more":1}'
    )
    good = body % (b"AB12CDE", b"2026-07-08")
    assert dvla.keeper_in(good, ASKED).name == "N"
    assert dvla.vehicle_in(good, "AB12CDE").make == "FORD"
    for other in (body % (b"AB12CDF", b"2026-07-08"), body % (b"AB12CDE", b"2026-07-09")):
        with pytest.raises(InputError):
            dvla.keeper_in(other, ASKED)
    with pytest.raises(InputError):
        dvla.vehicle_in(body % (b"AB12CDF", b"2026-07-08"), "AB12CDE")
