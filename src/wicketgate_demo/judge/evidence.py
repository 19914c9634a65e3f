"""The evidence of a run: things sent, received, logged and shown.

Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wicketgate.base.clock import SECOND_US, parse_rfc3339
from wicketgate.feeds.batches import Batch

_FAULTS_KEPT = 5
BEGIN_US = SECOND_US // 4
END_US = 5 * SECOND_US


class Sent(msgspec.Struct, frozen=True):
    """A sent read, as the simulated cameras recorded it.

    Attributes
    ----------
    camera : str or None
        None for one that no list has.
    captured_at, plate : str
        As the device said them, the plate in normal form.
    became : str
        `accepted`, `repeated`, `quarantined` or `unacknowledged`.
    at : int
        When it was answered, microseconds.
    truth : str
        What the vehicle's plate really says; empty where it is not recorded.
    role : str
        Why the vehicle drives (`vehicles.InventedVehicle.role`).
    others : tuple of str
        What else the device said of the plate while it followed the vehicle.
    slack_us : int
        How much earlier than `captured_at` the gateway's time may be, for such devices.
    passed_us : int
        When the vehicle passed, which a device may say less exactly; 0 where it is not recorded.
    """

    camera: str | None
    captured_at: str
    plate: str
    became: str
    at: int
    source: str = "tfl"
    truth: str = ""
    role: str = ""
    format: str = "native"
    others: tuple[str, ...] = ()
    slack_us: int = 0
    passed_us: int = 0


class FeedRow(msgspec.Struct, frozen=True):
    """One decoded row of a feed, with the facts of its batch."""

    batch: int
    where: str
    reference: str
    value: dict[str, Any]

    @property
    def read(self) -> dict[str, Any]:
        """The fields shown by the row."""
        found = self.value.get("read")
        return found if isinstance(found, dict) else {}


@dataclass(slots=True)
class Finding:
    """The finding on one law, with its faults in words.

    The words never hold a plate.
    """

    faults: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, fault: str) -> None:
        """Note a fault.

        The first five are kept.
        """
        self.count += 1
        if len(self.faults) < _FAULTS_KEPT:
            self.faults.append(fault)

    @property
    def held(self) -> bool:
        """Whether nothing was wrong."""
        return self.count == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Force:
    """One version of an authority, and its time in force.

    The time is in microseconds, half-open.
    """

    reference: str
    mode: str
    fields: frozenset[str]
    sources: frozenset[str]
    groups: frozenset[str]
    hours: bool
    from_us: int
    until_us: int
    stops: tuple[tuple[int, int], ...]

    def in_force(self, at_us: int) -> bool:
        """Say whether it was in force."""
        return self.from_us <= at_us < self.until_us and not any(a <= at_us < b for a, b in self.stops)

    def surely(self, at_us: int) -> bool:
        """Say whether it was in force around a moment.

        Then a read answered at that moment was decided under it.
        """
        return all(self.in_force(at_us + margin) for margin in (-BEGIN_US, 0, END_US))

    def has(self, source: str, groups: Iterable[str]) -> bool:
        """Say whether a camera is in its scope."""
        return source in self.sources and (not self.groups or not self.groups.isdisjoint(groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class SentEntry:
    """One entry of a hotlist, as it was sent.

    `voi` is its id.
    """

    voi: str
    plate: str
    kind: str
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt, with the code due and the code received.

    `powers` are those that it was told it widens.
    """

    what: str
    wanted: str
    status: int
    code: str
    powers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The evidence of a run.

    Attributes
    ----------
    cameras : mapping of str to mapping
        For each source the groups of its cameras.
    sent : sequence of Sent
        Each read, with what the gateway said became of it.
    tally : mapping
        What the cameras counted.
    feeds : mapping of str to sequence of Batch
        What each recipient received, by authority.
    faults : mapping of str to str
        What a recipient found wrong while it received, by authority.
    register : mapping
        The register at the end, which `verified` checked.
    entries : mapping of int to bytes
        The ledger's entries by index; those of documents, operations and cameras at least.
    verified : mapping of str to mapping
        Reports of `wicketgate verify --json`, by feed, and under the empty name one without a feed.
    opened : mapping or None
        The overseer's report, with the last openings; None where nothing came to its term in the run.
    at_rest : mapping
        The report on the deployment once it was stopped.
    starts : int
        How often the gateway was started in this run.
    shown : mapping of str to bytes
        Everything public, every log and the metrics, by where it stands.
    hotlists : mapping of str to sequence of SentEntry
        What stood on each authority's list throughout the run.
    stays : mapping of str to frozenset of str
        The plates on the lists of each authority that lets go what is on none, throughout the run, as `one_glyph`
        writes them.
    late_after_us : int
        From when a read is late.
    images : mapping of str to str
        What was fetched of images: their references to the SHA-256 of what came.
    kept : mapping of str to frozenset of str
        The SHA-256 of each image that a recipient in bulk has on disk, by authority.
    attempts : sequence of Attempt
        The documents by which officers tried to widen something in this run.
    passed_on : sequence of Attempt
        What a recipient told of rows that it passed on.
    """

    cameras: Mapping[str, Mapping[str, Sequence[str]]]
    sent: Sequence[Sent]
    tally: Mapping[str, Any]
    feeds: Mapping[str, Sequence[Batch]]
    faults: Mapping[str, str]
    register: Mapping[str, Any]
    entries: Mapping[int, bytes]
    verified: Mapping[str, Mapping[str, Any]]
    at_rest: Mapping[str, Any]
    starts: int
    shown: Mapping[str, bytes]
    hotlists: Mapping[str, Sequence[SentEntry]] = field(default_factory=dict)
    stays: Mapping[str, frozenset[str]] = field(default_factory=dict)
    late_after_us: int = 60 * SECOND_US
    images: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, frozenset[str]] = field(default_factory=dict)
    attempts: Sequence[Attempt] = ()
    opened: Mapping[str, Any] | None = None
    passed_on: Sequence[Attempt] = ()


def forces(register: Mapping[str, Any]) -> dict[str, Force]:
    """Return each version in a register, by its reference."""
    found: dict[str, Force] = {}
    for version in register["authorities"]:
        document = version["document"]
        scope = document["scope"]
        reference = f"{version['name']}@{version['version']}"
        found[reference] = Force(
            reference=reference,
            mode=document["authority"]["mode"],
            fields=frozenset(scope["fields"]),
            sources=frozenset(scope["sources"]),
            groups=frozenset(scope.get("groups", ())),
            hours=bool(scope.get("hours")),
            from_us=parse_rfc3339(version["in_force_from"]),
            until_us=parse_rfc3339(version["in_force_until"]),
            stops=tuple(_stops(version.get("acts", ()))),
        )
    return found


def _stops(acts: Iterable[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Return the suspensions of an authority.

    A suspension that nothing lifts has no end.
    """
    begun: dict[str, int] = {}
    stops: list[tuple[int, int]] = []
    for act in acts:
        if act["kind"] == "suspension":
            begun[act["id"]] = parse_rfc3339(act["at"])
        elif act["kind"] == "resumption":
            lifted = act["document"]["resumption"]["suspension"]
            if lifted in begun:
                stops.append((begun.pop(lifted), parse_rfc3339(act["at"])))
    return stops + [(from_us, 1 << 62) for from_us in begun.values()]


def rows_of(name: str, batches: Sequence[Batch]) -> Iterator[FeedRow]:
    """Yield the rows of a feed that show a read: neither those erased nor errata."""
    for batch in batches:
        for number, line in enumerate(batch.lines, 1):
            value = msgspec.json.decode(line)
            if "erased" not in value and "erratum" not in value:
                where = f"`{name}`, batch {batch.header.get('batch')}, row {number}"
                yield FeedRow(batch.number, where, str(batch.header.get("authority")), value)


def named(batches: Sequence[Batch]) -> frozenset[str]:
    """Return the SHA-256 of each image that the rows of a feed name."""
    rows = (row.read for row in rows_of("", batches))
    images = (read.get(member) for read in rows for member in ("patch_image", "overview_image"))
    return frozenset(str(image.get("sha256")) for image in images if isinstance(image, dict))


class Matching:
    """The matching of a feed's rows with the sent reads.

    Parameters
    ----------
    rows : iterable of FeedRow
        Of one feed; those without plate, time and place are left out, and those that come again with an image.
    """

    def __init__(self, rows: Iterable[FeedRow]) -> None:
        self._rows: dict[tuple[str, str, str], dict[int, FeedRow]] = {}
        self.twice = 0
        self._count = 0
        self._taken: set[tuple[str, str, str, int]] = set()
        for row in rows:
            read = row.read
            if row.value.get("again") or not {"plate", "captured_at", "camera", "source"} <= read.keys():
                continue
            at_us = parse_rfc3339(read["captured_at"])
            known = self._rows.setdefault((read["source"], str(read["camera"]), read["plate"]), {})
            self.twice += at_us in known
            known[at_us] = row
            self._count += 1

    def take(self, sent: Sent) -> FeedRow | None:
        """Return the row of a read, or None.

        The row is accounted for then.
        """
        if sent.camera is None:
            return None
        at_us = parse_rfc3339(sent.captured_at)
        for plate in (sent.plate, *sent.others):
            key = (sent.source, sent.camera, plate)
            for there_us, row in self._rows.get(key, {}).items():
                if at_us - sent.slack_us <= there_us <= at_us:
                    self._taken.add((*key, there_us))
                    return row
        return None

    @property
    def strange(self) -> int:
        """The number of rows sent by nobody, as far as `take` was asked."""
        return self._count - self.twice - len(self._taken)


def expected(
    evidence: Evidence, authority: str, also: Callable[[Sent], bool] = lambda sent: True
) -> list[Sent]:
    """Return the accepted reads due in a feed.

    They are those in scope, answered while the authority was surely in force.

    A read that was answered as repeated is one too: its first post was stored, and the answer to that was lost.
    Each read is there once, however often it was sent.
    """
    versions = [
        force
        for reference, force in forces(evidence.register).items()
        if reference.partition("@")[0] == authority
        and not force.hours
        and {"plate", "time", "place"} <= force.fields
    ]
    found: dict[tuple[str, str | None, str, str], Sent] = {}
    for sent in evidence.sent:
        if sent.camera is None or sent.became not in ("accepted", "repeated") or not also(sent):
            continue
        groups = evidence.cameras.get(sent.source, {}).get(sent.camera, ())
        if any(force.surely(sent.at) and force.has(sent.source, groups) for force in versions):
            found.setdefault((sent.source, sent.camera, sent.captured_at, sent.plate), sent)
    return list(found.values())


def counted(sent: Iterable[Sent]) -> Counter[str]:
    """Return the number of reads by outcome."""
    return Counter(read.became for read in sent)
