"""Whole worlds from a seed: cameras, authorities and what happened to them, hotlists, and reads near every edge.

The documents are folded as a gateway folds them; nobody signs them, since the fold looks at no signature.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tests.oracles.cedar_oracle import Committed, Device, later, moment
from tests.simulator import founding
from tests.strategies import LISTED_PLATES, entry_of
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, parse_rfc3339, rfc3339
from wicketgate.base.signing import dump_envelope
from wicketgate.commits.hits import ListStood
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.transactions import CameraSet, CamerasRegistered, DocumentTaken, Transaction
from wicketgate.hotlists import Entry
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.documents.authority import MatchTerms
from wicketgate.regime.documents.document import sign_document
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

FIELDS = ("plate", "time", "place", "vehicle", "patch-image", "overview-image")
SOURCES = ("tfl", "westminster")
GROUPS = ("ccz-boundary", "ulez", "bus-lanes")
KINDS = ("murder", "robbery", "kidnap")
APPROVERS = ("met/inspector", "met/superintendent", "met/commander")
ZONES = ("Europe/London", "America/New_York", "Asia/Kolkata")
UNITS = (("met", "national-security-units"), ("met", "serious-crime"), ("tfl", "charging"))
STARTS = ("2026-07-08T12:00:00Z", "2026-03-27T20:00:00Z", "2026-10-24T09:00:00Z", "2028-01-31T00:00:00Z")
"""Two of them lie days before a change of the clocks, one before the 29th of February."""
HAPPENINGS = (
    *("version", "suspend", "resume", "resume", "review", "review", "end", "cameras"),
    *("challenge", "objection", "decide"),
)
COVERED = Admitted()
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_AREAS = (
    {"south": 51.5, "west": -0.2, "north": 51.52, "east": -0.1},
    {"south": 51.0, "west": -1, "north": 52, "east": 1},
)


@dataclass(frozen=True, kw_only=True)
class Read:
    """A read, as far as a decision looks at it."""

    camera: int
    captured_us: int
    plate: str


@dataclass
class World:
    """What happened, and how it stands now."""

    random: random.Random
    at_us: int
    state: State = field(default_factory=State)
    parsed: Parsed = field(default_factory=Parsed)
    committed: list[Committed] = field(default_factory=list)
    lists: dict[str, list[Entry] | None] = field(default_factory=dict)
    stood: dict[str, dict[str, ListStood]] = field(default_factory=dict)
    full: frozenset[str] = frozenset()
    acts: int = 0
    watch: Callable[[World], None] | None = None

    @property
    def devices(self) -> list[Device]:
        """The register's cameras as they were sent."""
        return [
            Device(
                source=camera.source,
                id=camera.id,
                groups=camera.groups,
                latitude=camera.latitude,
                longitude=camera.longitude,
                active=camera.active,
            )
            for camera in self.state.cameras
        ]

    def match_terms(self, name: str, at_us: int) -> MatchTerms | None:
        """Return what the list of the version that counts may hold; None in another mode."""
        named = self.state.authorities[name]
        moment = RegimeAt(self.state.regime, self.parsed, at_us)
        return moment.authority(named.versions[moment.current(named)]).match

    def unlisted_terms(self, name: str, at_us: int) -> UnlistedTerms | None:
        """Return when the lists of the version that counts may be relied on; None in another mode."""
        named = self.state.authorities[name]
        moment = RegimeAt(self.state.regime, self.parsed, at_us)
        return moment.authority(named.versions[moment.current(named)]).unlisted

    def take(self, document: dict[str, Any], admitted: Admitted = COVERED) -> None:
        """Commit a document, with what its admission found."""
        found = {"due_us": admitted.due_us, "cap": admitted.cap, "fulfils": admitted.fulfils}
        self.committed.append(Committed(at_us=self.at_us, document=document, **found))
        self.apply(dump_envelope(sign_document(document, [])), admitted)

    def take_unseen(self, document: dict[str, Any], admitted: Admitted = COVERED) -> None:
        """Commit a document that the oracle knows nothing of, such as a charter."""
        self.apply(dump_envelope(sign_document(document, [])), admitted)

    def apply(self, envelope: bytes, admitted: Admitted = COVERED) -> None:
        """Let an envelope take effect."""
        entry = self.state.entries
        taken = DocumentTaken(envelope=envelope, entry=entry, admitted=admitted)
        # What the entry says is the ledger's business: the fold counts it.
        transaction = Transaction(at_us=self.at_us, first_entry=entry, entries=(b"{}",), document=taken)
        self._commit(transaction)

    def register(self, source: str, cameras: Sequence[CameraSet]) -> None:
        """Register all cameras of a source."""
        listed = CamerasRegistered(source=source, cameras=tuple(cameras))
        entry = self.state.entries
        self._commit(Transaction(at_us=self.at_us, first_entry=entry, entries=(b"{}",), cameras=listed))

    def _commit(self, transaction: Transaction) -> None:
        self.state.apply(transaction, self.state.sequence + 1, self.parsed)
        if self.watch is not None:
            self.watch(self)

    def act(self, kind: str, name: str, **more: Any) -> None:
        """Commit an act."""
        self.acts += 1
        body = {"id": f"a{self.acts}", "authority": name, "at": rfc3339(self.at_us), **more}
        if kind not in {"review", "challenge"}:
            body["reason"] = "so"
        self.take({kind: body})


@lru_cache
def _founded(start: str) -> tuple[bytes, Parsed]:
    world = World(random=random.Random(), at_us=parse_rfc3339(start))
    world.apply(founding())
    world.parsed.charter(world.state)
    return dump_state(world.state), world.parsed


def begin(chance: random.Random, start: str) -> World:
    """Return a world that has a charter and nothing else."""
    state, parsed = _founded(start)
    world = World(random=chance, at_us=parse_rfc3339(start), state=load_state(state))
    charter = world.state.charter_envelope
    world.parsed.keep(charter, parsed.open(charter))  # once for all worlds
    return world


@lru_cache
def _example(name: str) -> dict[str, Any]:
    document = documents.example(name)
    prose = ("title", "necessity", "proportionality", "why_not_match", "why_not_search")
    document["authority"] |= {member: "so" for member in prose if member in document["authority"]}
    return document


def make_world(seed: int, watch: Callable[[World], None] | None = None) -> World:
    """Return the world of a seed; `watch` is told after each commit."""
    chance = random.Random(seed)
    world = begin(chance, chance.choice(STARTS))
    world.watch = watch
    for source in SOURCES[: chance.randint(1, 2)]:
        world.register(source, _cameras(chance))
    names = [f"a{number}" for number in range(chance.randint(1, 3))]
    for name in names:
        _issue(world, name)
    for _ in range(chance.randint(0, 5)):
        world.at_us += chance.choice([0, 1, HOUR_US, DAY_US, chance.randint(0, 12 * DAY_US)])
        _happen(world, chance.choice(names))
    world.full = frozenset(name for name in names if chance.random() < 0.04)
    for name in names:
        world.lists[name] = _entries(world, name) if chance.random() < 0.92 else None
        world.stood[name] = _stood(world, world.lists[name] or [])
    return world


def _cameras(chance: random.Random) -> list[CameraSet]:
    found = []
    for number in range(chance.randint(1, 3)):
        placed = chance.random() < 0.7
        found.append(
            CameraSet(
                id=f"c{number}",
                groups=tuple(chance.sample(GROUPS, chance.randint(0, 2))),
                latitude=chance.choice([51.49, 51.5, 51.51, 51.52, 51.520001]) if placed else None,
                longitude=chance.choice([-0.2, -0.15, -0.1, 0.05]) if placed else None,
            )
        )
    return found


def _happen(world: World, name: str) -> None:
    chance, named = world.random, world.state.authorities[name]
    match chance.choice(HAPPENINGS):
        case "version":
            _issue(world, name)
        case "suspend":
            world.act("suspension", name)
        case "resume" if named.suspensions:
            world.act("resumption", name, suspension=chance.choice(sorted(named.suspensions)))
        case "review":
            reviewed_us = world.at_us - chance.choice([0, 1, DAY_US, 9 * DAY_US])
            more = {"findings": "none", "continue": True, "version": len(named.versions)}
            why = {"why_not_match": "so", "why_not_search": "so"}
            world.act("review", name, reviewed_at=rfc3339(reviewed_us), **more, **why)
        case "end" if named.versions[-1].revoked_us is None and chance.random() < 0.5:
            kind, more = chance.choice(
                [
                    ("revocation", {}),
                    ("quashed", {"court": "The High Court"}),
                    ("objection", {"organisation": "home-office", "annul": True}),
                ]
            )
            world.act(kind, name, **more)
        case "challenge":
            world.act("challenge", name, court="The High Court", claim="so", stay=chance.random() < 0.5)
        case "objection":
            world.act("objection", name, organisation="home-office", annul=False)
        case "decide" if any(version.consult_due_us is not None for version in named.versions):
            _consult(world, name)
        case "cameras":
            world.register(chance.choice(SOURCES), _cameras(chance))


def _consult(world: World, name: str) -> None:
    """Consult on a name, and decide: what waited for it waits no more."""
    world.acts += 1
    named, at = world.state.authorities[name], rfc3339(world.at_us)
    waiting = [n for n, version in enumerate(named.versions, 1) if version.consult_due_us is not None]
    number = world.random.choice(waiting)
    draft = next(
        item.document
        for item in world.committed
        if item.kind == "authority"
        and (item.document["authority"]["name"], item.document["authority"]["version"]) == (name, number)
    )
    closes_at = rfc3339(world.at_us + 1)
    body = {"id": f"c{world.acts}", "title": "It", "at": at, "opens_at": at, "closes_at": closes_at}
    world.take({"consultation": {**body, "assessment": "so"}, "draft": draft})
    covered_until = rfc3339(world.at_us + 100 * DAY_US)
    decided = {"id": f"d{world.acts}", "consultation": f"c{world.acts}", "at": at, "reasons": "so"}
    world.take(
        {"decision": {**decided, "outcome": "approved", "answers": [], "covered_until": covered_until}},
        Admitted(fulfils=(f"{name}@{number}",)),
    )


def _issue(world: World, name: str) -> None:
    """Commit the next version of a name; the first decides whose it is."""
    chance, named = world.random, world.state.authorities.get(name)
    count = len(named.versions) if named else 0
    unit = world.parsed.authority(named.versions[0]) if named else None
    recipient, unit_id = (unit.recipient, unit.unit) if unit else chance.choice(UNITS)
    mode = chance.choice(["bulk", "bulk", "bulk", "match", "match", "search", "unlisted", "unlisted"])
    ages = [-90, -90, -30, -1, 0, 2] if mode != "search" else [-200, -90, -90, 0]
    begins_us = world.at_us + chance.choice(ages) * DAY_US + chance.choice([0, 0, 1])
    ends_us = max(begins_us, world.at_us) + chance.choice(
        [1, 9 * DAY_US, 40 * DAY_US, 90 * DAY_US, 300 * DAY_US]
    )
    document = copy.deepcopy(_example("authority-match" if mode == "match" else "authority"))
    document["authority"] |= {
        "name": name,
        "version": count + 1,
        "recipient": recipient,
        "unit": unit_id,
        "mode": mode,
        "valid_from": rfc3339(begins_us),
        "valid_until": rfc3339(ends_us),
    }
    document["authority"].pop("review_every", None)
    if chance.random() < 0.4:
        document["authority"]["review_every"] = chance.choice(["PT6H", "P7D", "P1M", "P1M", "P3M"])
    document["scope"] = {
        "sources": chance.sample(SOURCES, chance.choice([1, 2, 2])),
        "groups": chance.sample(GROUPS, chance.choice([0, 0, 1, 2])),
        "fields": chance.sample(FIELDS, chance.randint(1, 6)),
    }
    if chance.random() < 0.25:
        document["scope"]["hours"] = [_hours(chance) for _ in range(chance.randint(1, 2))]
    if chance.random() < 0.2:
        document["scope"]["area"] = chance.choice(_AREAS)
    if mode == "match":
        kinds = chance.sample(KINDS, chance.randint(1, 3))
        document["match"] |= {"kinds": kinds, "max_entries": chance.choice([1, 2, 3, 5000])}
    if mode == "unlisted":
        document["unlisted"] = {
            "lists": chance.sample(KINDS, chance.choice([1, 1, 1, 2])),
            "min_entries": chance.choice([1, 1, 2]),
            "max_shrink": chance.choice([0, 0.25, 0.5]),
            "stale_after": chance.choice(["PT6H", "P1D", "P1M"]),
        }
    if mode == "search" or (mode in {"bulk", "unlisted"} and chance.random() < 0.2):
        document["search"] = _search(chance)
    admitted = Admitted(cap=chance.choice([None, None, None, 1, 2]))
    if chance.random() < 0.15:
        due_us = max(world.at_us, begins_us) + chance.choice([1, HOUR_US, 5 * DAY_US])
        admitted = Admitted(cap=admitted.cap, need="within", wider=("it",), due_us=due_us)
    world.take(document, admitted)


def _search(chance: random.Random) -> dict[str, Any]:
    ages = ["PT6H", "P1D", "P7D", "P1M", "P3M"]
    tiers = sorted(chance.sample(range(4), chance.choice([0, 1, 2, 3])))
    approvers = sorted(chance.sample(range(3), len(tiers)))
    more: dict[str, Any] = {}
    if chance.random() < 0.6:
        kinds = ["plate", *chance.sample(["pattern", "place", "scenes"], chance.randint(0, 3))]
        more = {"questions": kinds, "breadth": {"camera_days": 300, "plates": 10}, "answer_retention": "PT6H"}
    if chance.random() < 0.3:
        more["hours"] = [_hours(chance) for _ in range(chance.randint(1, 2))]
    return {
        **more,
        "max_age": chance.choice(ages[1:]),
        "tiers": [
            {"older_than": ages[age], "approver": APPROVERS[approver]}
            for age, approver in zip(tiers, approvers, strict=True)
        ],
    }


def _hours(chance: random.Random) -> dict[str, Any]:
    begin, end = chance.choice(
        [("07:00", "18:00"), ("22:00", "06:00"), ("00:00", "24:00"), ("01:30", "02:30"), ("12:00", "12:00")]
    )
    days = [_DAYS[day] for day in sorted(chance.sample(range(7), chance.randint(1, 7)))]
    return {"zone": chance.choice(ZONES), "days": days, "from": begin, "until": end}


def _entries(world: World, name: str) -> list[Entry]:
    chance = world.random
    unlisted = world.parsed.authority(world.state.authorities[name].versions[-1]).unlisted
    kinds = KINDS if unlisted is None or chance.random() < 0.1 else unlisted.lists
    found = []
    for plate in chance.sample(LISTED_PLATES, chance.randint(0 if unlisted is None else 2, 4)):
        listed_us = world.at_us - chance.choice([0, HOUR_US, 2 * DAY_US, 90 * DAY_US])
        until_us = world.at_us + chance.choice([0, 1, *[30 * DAY_US] * (1 if unlisted is None else 6)])
        priority, kind = chance.randint(1, 4), chance.choice(kinds)
        found.append(entry_of(plate, listed_us, until_us, kind=kind, priority=priority))
    return found


def _stood(world: World, entries: Sequence[Entry]) -> dict[str, ListStood]:
    """Return how lists stand: some shrank, and some were put long ago or never."""
    chance, found = world.random, {}
    for kind in KINDS:
        many = sum(entry.kind == kind for entry in entries)
        if chance.random() < 0.95:
            put_us = world.at_us - chance.choice([0, 0, 0, HOUR_US, DAY_US - 1, 2 * DAY_US])
            against = many + chance.choice([0, 0, 0, 0, 1, 3])
            found[kind] = ListStood(entries=many, against=against, confirmed_us=put_us)
    return found


# --- what may be asked ------------------------------------------------------------------------------------


def moments(world: World, count: int) -> list[int]:
    """Return moments of decision from now on, most of them at an edge or beside one."""
    edges = {world.at_us}
    for item in world.committed:
        authority = item.document.get("authority")
        if isinstance(authority, dict):
            edges |= {moment(authority["valid_from"]), moment(authority["valid_until"])}
            if "review_every" in authority:
                begins = max(item.at_us, moment(authority["valid_from"]))
                edges.add(later(begins, authority["review_every"]))
        edges |= set() if item.due_us is None else {item.due_us}
        if item.kind == "review":
            edges.add(later(moment(item.document["review"]["reviewed_at"]), "P7D"))
    ahead = sorted(edge for edge in edges if edge >= world.at_us)
    chance = world.random
    ahead = ahead if chance.random() < 0.5 else ahead[:1]
    found = [chance.choice(ahead) + chance.choice([-1, 0, 0, 1, MINUTE_US, DAY_US]) for _ in range(count)]
    return [max(at_us, world.at_us) for at_us in found]


def reads(world: World, at_us: int, count: int) -> list[Read]:
    """Return reads that may be decided at a moment, most of them captured at an edge or beside one."""
    chance = world.random
    day = at_us - at_us % DAY_US
    edges = [*[at_us] * 6, day, *(day + minutes * MINUTE_US for minutes in (30, 60, 150, 360, 1020, 1260))]
    for item in world.committed:
        authority = item.document.get("authority")
        if isinstance(authority, dict):
            edges += [moment(authority["valid_from"]), moment(authority["valid_until"])]
    for age in ("PT6H", "P1D", "P7D", "P1M", "P3M"):
        edges.append(at_us - (later(at_us, age) - at_us))
    found = []
    for _ in range(count):
        captured_us = chance.choice(edges) + chance.choice([-1, 0, 0, 1, -HOUR_US, -DAY_US])
        camera = chance.randint(-1, len(world.state.cameras)) if chance.random() < 0.1 else None
        found.append(
            Read(
                camera=chance.randrange(len(world.state.cameras)) if camera is None else camera,
                captured_us=min(captured_us, at_us + MINUTE_US),
                plate=chance.choice([*LISTED_PLATES, "KLM3"]),
            )
        )
    return found
