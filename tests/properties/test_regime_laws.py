"""The regime as a fold: whatever is submitted, in whatever order, nothing that is in force widens unseen.

The oracle here knows no boxes: it asks of single powers, one after another, who may do what with which read.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.vectors import make_documents as world
from tests.vectors.cases_consultations import consultation_on, decision_on
from tests.vectors.make_documents import changed, put
from wicketgate.base.clock import DAY_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.periods import Period, add
from wicketgate.base.signing import PrivateKey, canonical, dump_envelope, parse_canonical
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.transactions import DocumentTaken, Transaction
from wicketgate.regime.admission.admit import admit, entry_members
from wicketgate.regime.admitted import Admitted, Stood
from wicketgate.regime.documents.document import SignedDocument, open_document, sign_document
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.standing import standing_entry

BEGIN_US = parse_rfc3339(world.BEGIN)
VKEY = "example+00000000+AA=="
WITHIN = 90 * DAY_US
GROUPS = ("ccz-boundary", "ulez", "elsewhere")
CRIME = {"instrument": "data-sharing-agreement", "purpose": "crime/serious", "above": "crime"}
TERROR = {
    "instrument": "ministerial-certificate",
    "purpose": "national-security/terrorism",
    "above": "national-security",
}
OWN = {"instrument": "own-purpose", "purpose": "road-charging/congestion", "above": "road-charging"}
SIGNERS = {
    "data-sharing-agreement": world.MATCH_OFFICES,
    "ministerial-certificate": world.CT_OFFICES,
    "own-purpose": ("tfl/commissioner", "tfl/data-protection"),
}

Document = dict[str, Any]


@lru_cache(maxsize=64)
def key_of(office: str) -> PrivateKey:
    return world.key_of(office)


# --- single powers, and who allows them -------------------------------------------------------------------


class Power(NamedTuple):
    unit: str
    purpose: str
    mode: str
    group: str
    field: str
    kept_days: int
    onward: str
    cameras: int
    kind: str


def below(purpose: str, above: str) -> bool:
    return purpose == above or purpose.startswith(above + "/")


def days(period: str) -> int:
    return int(period[1:-1])


def allows(document: Document, cap: int | None, power: Power) -> bool:
    """Return whether an authority allows a power; nothing of `wicketgate.regime.powers` is asked."""
    head, scope = document["authority"], document["scope"]
    modes = {"match": ("match",), "bulk": ("match", "search", "bulk")}[head["mode"]]
    return (
        power.unit == f"{head['recipient']}/{head['unit']}"
        and below(power.purpose, head["purpose"])
        and power.mode in modes
        and (not scope["groups"] or power.group in scope["groups"])
        and power.field in scope["fields"]
        and power.kept_days <= days(head["recipient_retention"])
        and power.onward in ("", *head.get("onward", ()))
        and (cap is None or power.cameras <= cap)
        and ("match" not in document or power.kind in document["match"]["kinds"])
    )


def powers_of(document: Document, cap: int | None) -> Iterator[Power]:
    """Yield some of the powers of an authority, at every edge that another could have."""
    head, scope = document["authority"], document["scope"]
    purpose = head["purpose"]
    purposes = {"crime": ("crime", "crime/serious"), "national-security": (purpose, f"{purpose}/terrorism")}
    cameras = {1, 40, 50, 110, 150, *([cap] if cap else [10**6])}
    for some in itertools.product(
        (f"{head['recipient']}/{head['unit']}",),
        purposes.get(purpose, (purpose,)),
        ("match", "search", "bulk"),
        GROUPS,
        scope["fields"],
        (1, 7, 28),
        ("", "home-office"),
        sorted(cameras),
        ("murder", "robbery"),
    ):
        power = Power(*some)
        if allows(document, cap, power):
            yield power


def need_of(charter: Document, document: Document, power: Power) -> tuple[str, int | None]:
    """Return what the charter says that a power needs, and for `within` for how many days."""
    order = ("notice", "marked", "within", "before")
    found, within = -1, None
    head = document["authority"]
    for rule in charter.get("consultations", ()):
        if (
            head["instrument"]["kind"] in rule.get("instruments", [head["instrument"]["kind"]])
            and head["mode"] in rule.get("modes", [head["mode"]])
            and any(below(power.purpose, one) for one in rule.get("purposes", [power.purpose]))
            and power.group in rule.get("groups", [power.group])
            and power.field in rule.get("fields", [power.field])
            and power.cameras <= rule.get("max_cameras", power.cameras)
            and any(below(power.unit, one) for one in rule.get("units", [power.unit]))
            and power.kept_days <= days(rule.get("longest_retention", "P1000D"))
            and power.onward in ("", *rule.get("onward", [power.onward] if rule["need"] == "before" else []))
        ):
            found = max(found, order.index(rule["need"]))
            if rule["need"] == "within":
                within = min(within or 10**6, days(rule["within"]))
    return order[found] if found >= 0 else "before", within


def grown(charter: Document, cameras: int) -> int | None:
    growth = charter["limits"].get("camera_growth")
    return None if growth is None else math.ceil(cameras * (100 + growth) / 100)


# --- the world --------------------------------------------------------------------------------------------

LENIENT = world.example("charter")["consultations"]
CHARTERS = {
    "example": LENIENT,
    "strict": [],
    "bounded": [
        {**LENIENT[1], "units": ["met/serious-crime"], "onward": ["home-office"]},
        {**LENIENT[2], "longest_retention": "P7D", "units": ["met"]},
    ],
    "few-cameras": [{**LENIENT[1], "max_cameras": 110}, {**LENIENT[2], "max_cameras": 50}],
    "before-beats": [
        *LENIENT,
        {"need": "before", "groups": ["ulez"]},
        {"need": "marked", "fields": ["time"]},
    ],
}


def charter_of(rules: list[Any]) -> Document:
    return changed(
        world.example("charter"),
        put("signatures.8.modes", ["match", "bulk"]),
        put("consultations", rules),
        put("limits.longest_review", None),
    )


@dataclass
class Consulted:
    draft: Document
    cap: int | None
    closes_us: int
    covered: Document | None = None
    until_us: int | None = None
    quashed: bool = False


@dataclass(kw_only=True)
class Taken:
    """A document that took effect, or how things stood from then on."""

    entry: int
    at_us: int
    document: SignedDocument | None = None
    envelope: bytes = b""
    admitted: Admitted = field(default_factory=Admitted)
    stood: tuple[Stood, ...] = ()


@dataclass
class Held:
    """A version that took effect, and why each of its powers could."""

    document: Document
    cap: int | None
    begins_us: int
    urgent: bool
    left: dict[Power, tuple[str, int | None]] = field(default_factory=dict)
    """What no consultation covered when it took effect: the need, and by when one must."""


class World:
    """A regime to which documents are submitted, and what the oracle remembers."""

    def __init__(self, rules: list[Any]) -> None:
        self.charter = charter_of(rules)
        self.regime = Regime()
        self.parsed = Parsed()
        self.at_us = BEGIN_US
        self.log: list[bytes] = []
        self.taken: list[Taken] = []
        self.consulted: dict[str, Consulted] = {}
        self.held: dict[str, list[Held]] = {}
        self.stays: set[str] = set()
        self.acts = 0
        envelope = self.sign(self.charter, world.ROOTS)
        self.apply(open_document(envelope), envelope, Admitted())
        groups = {"ccz-boundary": 150, "ulez": 150}
        self.write("cameras", source="tfl", count=150, groups=groups, root="ab" * 32)

    def sign(self, document: Document, offices: tuple[str, ...]) -> bytes:
        return dump_envelope(sign_document(world.bound(document), [key_of(office) for office in offices]))

    def apply(self, document: SignedDocument, envelope: bytes, admitted: Admitted) -> None:
        entry = len(self.log)
        members = entry_members(document.kind, admitted) if entry else {}
        self.write("document", envelope=parse_canonical(envelope), **members)
        self.regime.apply(document, envelope, entry=entry, at_us=self.at_us, admitted=admitted)
        self.taken.append(
            Taken(entry=entry, at_us=self.at_us, document=document, envelope=envelope, admitted=admitted)
        )
        self.tell()

    def write(self, kind: str, **members: Any) -> None:
        self.log.append(canonical({"kind": kind, "at": rfc3339(self.at_us), **members}))

    def tell(self) -> None:
        """Write down how things stand now, where the log does not tell."""
        changes = RegimeAt(self.regime, self.parsed, self.at_us).untold()
        if changes:
            entry = len(self.log)
            self.log.append(canonical(standing_entry(changes, self.at_us)))
            for stood in changes:
                self.regime.tell(stood, at_us=self.at_us, entry=entry)
            self.taken.append(Taken(entry=entry, at_us=self.at_us, stood=tuple(changes)))

    def wait(self, days: int) -> None:
        """Let time pass; the log has no seconds of it, but says so."""
        before_us = self.at_us
        self.at_us += days * DAY_US
        if days:
            self.write(
                "operation",
                operation="start",
                missing_from=rfc3339(before_us),
                missing_until=rfc3339(self.at_us),
            )
            self.tell()

    def submit(self, document: Document, offices: tuple[str, ...], cameras: int = 0) -> Admitted | None:
        """Submit a document; return None if it was refused, and then nothing has changed."""
        envelope = self.sign(document, offices)
        opened = open_document(envelope)
        before = msgspec.msgpack.encode(self.regime)
        try:
            admitted = admit(
                RegimeAt(self.regime, self.parsed, self.at_us),
                opened,
                cameras=cameras,
                next_entry=len(self.log),
            )
        except DocumentRefused as error:
            event(error.code)
            assert msgspec.msgpack.encode(self.regime) == before
            return None
        assert msgspec.msgpack.encode(self.regime) == before
        event(f"{opened.kind} {admitted.need if opened.kind == 'authority' else ''}")
        self.apply(opened, envelope, admitted)
        return admitted

    # --- what is submitted --------------------------------------------------------------------------------

    def authority(self, draft: Document, cameras: int, named: str | None) -> None:
        name = draft["authority"]["name"]
        versions = self.held.setdefault(name, [])
        document = changed(draft, put("authority.version", len(versions) + 1))
        if named is not None:
            document = changed(document, put("authority.consultation", named))
        kind = document["authority"]["instrument"]["kind"]
        covering = [one for one in self.consulted.values() if self.covers_until(one, document)]
        offices = dict.fromkeys((*SIGNERS[kind], "home-office/secretary-of-state"))
        admitted = self.submit(document, tuple(offices), cameras)
        if admitted is None:
            return
        begins_us = max(self.at_us, parse_rfc3339(document["authority"]["valid_from"]))
        held = Held(
            document=document, cap=admitted.cap, begins_us=begins_us, urgent=admitted.need == "urgent"
        )
        waiting = self.waiting()
        for power in powers_of(document, admitted.cap):
            if not any(allows(one.covered or {}, self.cap_of(one), power) for one in covering):
                need, within = need_of(self.charter, document, power)
                due_us = None if within is None else begins_us + within * DAY_US
                if need == "within":
                    # The same power, whatever the unit, may have waited already under another name or version.
                    due_us = min([due_us or 0, *waiting.get(power._replace(unit=""), [])])
                    assert held.urgent or due_us > self.at_us
                held.left[power] = need, due_us
        versions.append(held)
        self.check_admitted(held, admitted)

    def waiting(self) -> dict[Power, list[int]]:
        """Return by when consultations are due, by the power without its unit."""
        found: dict[Power, list[int]] = {}
        for name, named in self.regime.authorities.items():
            for version, held in zip(named.versions, self.held[name], strict=False):
                if version.consult_due_us is None or version.consulted_us is not None:
                    continue
                for power in powers_of(held.document, held.cap):
                    found.setdefault(power._replace(unit=""), []).append(version.consult_due_us)
        return found

    def covers_until(self, one: Consulted, document: Document) -> bool:
        until_us = parse_rfc3339(document["authority"]["valid_until"])
        return one.until_us is not None and one.until_us >= until_us and not one.quashed

    def cap_of(self, one: Consulted) -> int | None:
        assert one.covered is not None
        return one.covered["scope"].get("max_cameras", one.cap)

    def check_admitted(self, held: Held, admitted: Admitted) -> None:
        """The need that admission found is that of its powers, one by one."""
        needs = {need for need, _ in held.left.values()}
        if held.urgent:
            assert held.document["authority"]["urgent"]
            assert needs
            self.check_not_renewed(held)
            return
        assert "before" not in needs
        assert admitted.need == next(
            (need for need in ("within", "marked", "notice") if need in needs), "covered"
        )
        assert bool(admitted.wider) == bool(needs)

    def check_not_renewed(self, held: Held) -> None:
        recipient = held.document["authority"]["recipient"]
        mine = {power._replace(unit=recipient) for power in held.left}
        for versions in self.held.values():
            for other in versions:
                if other is held or not other.urgent:
                    continue
                if held.begins_us < add(other.begins_us, Period(months=12)):
                    theirs = {
                        power._replace(unit=other.document["authority"]["recipient"])
                        for power in powers_of(other.document, other.cap)
                    }
                    assert not mine & theirs

    def consultation(self, draft: Document, cameras: int, length: int) -> None:
        id_ = f"c-{len(self.consulted)}"
        closes_us = self.at_us + length * DAY_US
        document = changed(
            consultation_on(draft, id_),
            put("consultation.opens_at", rfc3339(self.at_us)),
            put("consultation.closes_at", rfc3339(closes_us)),
        )
        cap = draft["scope"].get("max_cameras", grown(self.charter, cameras))
        if self.submit(document, ("tfl/data-protection",), cameras) is not None:
            assert length >= 28
            self.consulted[id_] = Consulted(draft=draft, cap=cap, closes_us=closes_us)

    def decision(self, number: int, length: int, approved: bool, covered: Document | None) -> None:
        id_ = f"c-{number % max(1, len(self.consulted))}"
        until_us = self.at_us + length * DAY_US
        document = decision_on(id_, put("decision.covered_until", rfc3339(until_us)))
        if not approved:
            document = changed(
                document, put("decision.outcome", "rejected"), put("decision.covered_until", None)
            )
        elif covered is not None:
            document = changed(document, put("covered", covered))
        if self.submit(document, world.DECIDERS) is None:
            return
        one = self.consulted[id_]
        assert one.covered is None
        assert self.at_us >= one.closes_us
        if not approved:
            return
        one.covered, one.until_us = covered or one.draft, until_us
        if covered is not None:
            assert all(allows(one.draft, one.cap, power) for power in powers_of(covered, self.cap_of(one)))

    def act(self, kind: str, name: str, offices: tuple[str, ...], **members: Any) -> bool:
        self.acts += 1
        table = {
            "id": f"a-{self.acts}",
            "authority": name,
            "at": rfc3339(self.at_us),
            **({} if kind == "challenge" else {"reason": "So it is."}),
            **members,
        }
        return self.submit({kind: table}, offices) is not None

    # --- laws ---------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Nothing in force has a power that nothing allows."""
        for name, named in self.regime.authorities.items():
            for number, held in enumerate(self.held.get(name, ())):
                how = RegimeAt(self.regime, self.parsed, self.at_us).status(named, number)
                if named.versions[number].revoked_us is not None:
                    assert how == "revoked"
                if how != "in-force":
                    continue
                assert not self.stays & named.suspensions.keys()
                assert not named.suspensions
                assert self.at_us < parse_rfc3339(held.document["authority"]["valid_until"])
                if held.urgent:
                    assert self.at_us < held.begins_us + 14 * DAY_US
                    continue
                for power, (need, due_us) in held.left.items():
                    assert need != "before"
                    if need == "within" and due_us is not None and self.at_us >= due_us:
                        assert self.since_covered(held, power), (name, power)

    def since_covered(self, held: Held, power: Power) -> bool:
        """Return whether some decision has covered a power until the authority's end, quashed later or not."""
        until_us = parse_rfc3339(held.document["authority"]["valid_until"])
        return any(
            one.until_us is not None
            and one.until_us >= until_us
            and allows(one.covered or {}, self.cap_of(one), power)
            for one in self.consulted.values()
        )


# --- what is drawn ----------------------------------------------------------------------------------------


@st.composite
def drafts(draw: st.DrawFn) -> Document:
    """Draw an authority of a small world, from the day 0 on; `started` moves it."""
    about = draw(st.sampled_from([CRIME, CRIME, TERROR, OWN]))
    mode = draw(st.sampled_from(["match", "bulk"])) if about is CRIME else "bulk"
    base = world.example("authority-match" if mode == "match" else "authority")
    unit = "charging" if about is OWN else draw(st.sampled_from(["national-security-units", "serious-crime"]))
    purpose = draw(st.sampled_from([about["purpose"], about["purpose"], about["above"]]))
    most = draw(st.sampled_from([None, None, 40, 50, 150]))
    return changed(
        base,
        put("authority.name", f"{about['above']}-{mode}-{unit}-{purpose.replace('/', '-')}"[:64]),
        put("authority.recipient", "tfl" if about is OWN else "met"),
        put("authority.unit", unit),
        put("authority.purpose", purpose),
        put("authority.instrument", {"kind": about["instrument"], "citation": "An instrument"}),
        put("authority.recipient_retention", draw(st.sampled_from(["P7D", "P28D"]))),
        put("authority.onward", draw(st.sampled_from([[], [], ["home-office"]]))),
        put("authority.review_every", "P300D"),
        put(
            "scope.groups", draw(st.sampled_from([["ccz-boundary"], ["ulez"], ["ccz-boundary", "ulez"], []]))
        ),
        put(
            "scope.fields", draw(st.sampled_from([["plate"], ["plate", "time"], ["plate", "overview-image"]]))
        ),
        *([] if most is None else [put("scope.max_cameras", most)]),
        *(
            [put("match.kinds", draw(st.sampled_from([["murder"], ["murder", "robbery"]])))]
            if mode == "match"
            else []
        ),
    )


def started(draft: Document, at_us: int, wait: int, length: int, urgent: bool = False) -> Document:
    from_us = at_us + wait * DAY_US
    return changed(
        draft,
        put("authority.urgent", urgent),
        put("authority.valid_from", rfc3339(from_us)),
        put("authority.valid_until", rfc3339(from_us + (14 if urgent else length) * DAY_US)),
    )


pool = st.lists(drafts(), min_size=2, max_size=4)
which = st.integers(0, 3)
cameras = st.sampled_from([40, 100, 105, 130])
authorities = st.tuples(
    st.just("authority"),
    which,
    cameras,
    st.sampled_from([0, 0, 5]),
    st.sampled_from([10, 200]),
    which | st.none(),
    st.sampled_from([False, False, False, True]),
)
steps = st.one_of(
    st.tuples(st.just("wait"), st.integers(0, 60)),
    authorities,
    authorities,
    st.tuples(st.just("consultation"), which, cameras, st.sampled_from([27, 28, 28, 28, 30])),
    st.tuples(st.just("consulted"), which, cameras, which | st.none()),
    st.tuples(st.just("consulted"), which, cameras, st.none()),
    st.tuples(st.just("decision"), which, st.sampled_from([20, 300]), st.booleans(), which | st.none()),
    st.tuples(st.sampled_from(["suspension", "resumption", "revocation", "stay", "objection"]), which),
    st.tuples(st.just("quashed"), which, which | st.none()),
    st.tuples(
        st.just("relied"), which, st.sampled_from([20, 400]), st.sampled_from([10, 200]), st.booleans()
    ),
    st.tuples(st.just("again"), which, st.booleans(), st.integers(1, 100), st.integers(1, 60)),
)
sequences = st.lists(steps, min_size=6, max_size=16)


def run(rules: list[Any], drawn: list[Document], sequence: list[tuple[Any, ...]]) -> World:
    """Return a world to which a sequence of things happened; its laws held after each."""
    some = World(rules)
    for kind, *rest in sequence:
        if kind == "wait":
            some.wait(rest[0])
        elif kind == "authority":
            number, count, wait, length, consultation, urgent = rest
            draft = started(drawn[number % len(drawn)], some.at_us, wait, length, urgent)
            some.authority(draft, count, None if consultation is None else f"c-{consultation}")
        elif kind == "consultation":
            number, count, length = rest
            some.consultation(started(drawn[number % len(drawn)], some.at_us, 0, 250), count, length)
        elif kind == "consulted":
            number, count, less = rest
            some.consultation(started(drawn[number % len(drawn)], some.at_us, 0, 250), count, 28)
            some.wait(28)
            covered = None if less is None else started(drawn[less % len(drawn)], some.at_us, 0, 10)
            some.decision(len(some.consulted) - 1, 400, True, covered)
        elif kind == "relied":
            rely(some, drawn[rest[0] % len(drawn)], *rest[1:])
        elif kind == "again":
            submit_again(some, drawn[rest[0] % len(drawn)], *rest[1:])
        elif kind == "decision":
            number, length, approved, covers = rest
            covered = None if covers is None else started(drawn[covers % len(drawn)], some.at_us, 0, 10)
            some.decision(number, length, approved, covered)
        else:
            names = sorted(some.regime.authorities) or ["nothing"]
            act(some, kind, names[rest[0] % len(names)], rest[1:])
        some.check()
    return some


def rely(some: World, draft: Document, covered: int, length: int, quash: bool) -> None:
    """Consult on a draft, decide, and rest an authority on it; then let a court quash both, and try again."""
    some.consultation(started(draft, some.at_us, 0, 250), 100, 28)
    some.wait(28)
    number = len(some.consulted) - 1
    some.decision(number, covered, True, None)
    some.authority(started(draft, some.at_us, 0, length), 100, None)
    if quash:
        act(some, "quashed", draft["authority"]["name"], [number])
        some.authority(started(draft, some.at_us, 0, length), 100, None)


def submit_again(some: World, draft: Document, urgent: bool, wait: int, later: int) -> None:
    """Submit an authority; then the same powers for another unit, under another name; then let time pass."""
    some.authority(started(draft, some.at_us, 0, 200, urgent), 100, None)
    some.wait(wait)
    other = changed(draft, put("authority.name", f"{draft['authority']['name']}-2"[-64:]))
    if draft["authority"]["recipient"] == "met":
        units = {"serious-crime": "national-security-units", "national-security-units": "serious-crime"}
        other = changed(other, put("authority.unit", units[draft["authority"]["unit"]]))
    some.authority(started(other, some.at_us, 0, 200, urgent), 100, None)
    some.check()
    some.wait(later)


def act(some: World, kind: str, name: str, rest: list[Any]) -> None:
    named = some.regime.authorities.get(name)
    if kind == "suspension":
        some.act(kind, name, ("ico/deputy",))
    elif kind == "revocation":
        some.act(kind, name, ("tfl/data-protection",))
    elif kind == "stay":
        if some.act("challenge", name, ("high-court/judge",), court="A court", claim="A claim", stay=True):
            some.stays.add(f"a-{some.acts}")
    elif kind == "resumption":
        open_ = sorted(named.suspensions) if named else []
        for one in open_[:1]:
            lifted = some.act(kind, name, ("tfl/data-protection", "ico/commissioner"), suspension=one)
            assert lifted == (one not in some.stays)
            if not lifted:
                assert some.act(kind, name, ("high-court/judge",), suspension=one)
                some.stays.discard(one)
    elif kind == "objection":
        some.act(kind, name, ("parliament/clerk",), organisation="parliament", annul=True)
    else:
        consultation = f"c-{rest[0]}" if rest[0] is not None else None
        members = {"court": "A court"} | ({} if consultation is None else {"consultation": consultation})
        if some.act("quashed", name, ("high-court/judge",), **members) and consultation is not None:
            some.consulted[consultation].quashed = True


# --- the laws ---------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(rules=st.sampled_from(sorted(CHARTERS)), drawn=pool, sequence=sequences)
def test_nothing_in_force_has_powers_that_nothing_allows(
    rules: str, drawn: list[Document], sequence: list[tuple[Any, ...]]
) -> None:
    run(CHARTERS[rules], drawn, sequence)


@settings(max_examples=25)
@given(rules=st.sampled_from(sorted(CHARTERS)), drawn=pool, sequence=sequences)
def test_the_fold_is_the_same_again_and_in_a_snapshot_and_for_who_reads_the_log(
    rules: str, drawn: list[Document], sequence: list[tuple[Any, ...]]
) -> None:
    some = run(CHARTERS[rules], drawn, sequence)
    again, state, parsed = Regime(), State(), Parsed()
    for taken in some.taken:
        entry, at_us, document = taken.entry, taken.at_us, taken.document
        for stood in taken.stood:
            again.tell(stood, at_us=at_us, entry=entry)
        signed = None
        if document is not None:
            if again.charters:
                cameras = taken.admitted.cameras
                found = admit(RegimeAt(again, parsed, at_us), document, cameras=cameras, next_entry=entry)
                assert found == taken.admitted
            again.apply(document, taken.envelope, entry=entry, at_us=at_us, admitted=taken.admitted)
            signed = DocumentTaken(envelope=taken.envelope, entry=entry, admitted=taken.admitted)
        transaction = Transaction(at_us=at_us, first_entry=entry, document=signed, stood=taken.stood)
        state.apply(transaction, state.sequence + 1)
        state = load_state(dump_state(state))
    assert again == some.regime
    assert state.regime == some.regime
    # And who has nothing but the log: a few seconds more, so that everything should have been told.
    fold = EntryFold(VKEY)
    seconds = [
        canonical({"at": rfc3339(some.at_us + number * SECOND_US), "kind": "second", "root": "0" * 64})
        for number in range(11)
    ]
    for index, entry_bytes in enumerate([*some.log, *seconds]):
        fold.take(index, entry_bytes)
    assert fold.regime == some.regime
    documents, in_time, _ = fold.checks(some.charter["charter"]["origin"])
    # The regime alone is here: no gateway began this log.
    assert [fault for fault in documents.faults if "`init`" not in fault] == []
    assert in_time.ok, in_time.faults
