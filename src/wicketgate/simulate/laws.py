"""Whether the five laws held in a run: what was sent, received, logged and shown, compared with one another. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wicketgate.batches import Batch
from wicketgate.clock import SECOND_US, parse_rfc3339
from wicketgate.errors import WicketgateError
from wicketgate.signing import parse_envelope, parse_json

_FAULTS_KEPT = 5
_FIELDS = {
    "plate": {"plate", "confidence"},
    "time": {"captured_at"},
    "place": {"source", "camera", "lane", "direction"},
    "vehicle": {"vehicle"},
}
_BEGIN_US = SECOND_US // 4
_END_US = 5 * SECOND_US
_PUBLIC_CHECKS = frozenset({"key", "log", "documents", "seconds", "figures", "fresh", "register"})


class Sent(msgspec.Struct, frozen=True):
    """A read that the simulated cameras sent, as they recorded it; `at` is when they were answered."""

    camera: str | None
    captured_at: str
    plate: str
    became: str
    at: int


Key = tuple[str, str, str]


@dataclass(slots=True)
class Finding:
    """Whether a law held, and in words where it did not. Words never hold a plate."""

    faults: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, fault: str) -> None:
        """Note a fault; the first five are kept."""
        self.count += 1
        if len(self.faults) < _FAULTS_KEPT:
            self.faults.append(fault)

    @property
    def held(self) -> bool:
        """Whether nothing was wrong."""
        return self.count == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Force:
    """One version of an authority, and when it was in force, microseconds, half-open."""

    reference: str
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
        """Say whether it was in force around a moment, so that a read answered then was decided under it."""
        return all(self.in_force(at_us + margin) for margin in (-_BEGIN_US, 0, _END_US))

    def has(self, source: str, groups: Iterable[str]) -> bool:
        """Say whether a camera is in its scope."""
        return source in self.sources and (not self.groups or not self.groups.isdisjoint(groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a run left.

    Attributes
    ----------
    source : str
        Whose cameras sent.
    cameras : mapping
        The groups of that source's cameras.
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
    at_rest : mapping
        The report on the deployment once it was stopped.
    starts : int
        How often the gateway was started in this run.
    shown : mapping of str to bytes
        Everything public, every log and the metrics, by where it stands.
    """

    source: str
    cameras: Mapping[str, Sequence[str]]
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


def judge(evidence: Evidence) -> dict[str, Finding | None]:
    """Return each law's finding; None for a law whose part is not built yet."""
    return {
        "1": releases_authorised(evidence),
        "2": everything_committed(evidence),
        "3": None,
        "4": nothing_lost(evidence),
        "5": checked_by_anyone(evidence),
    }


def forces(register: Mapping[str, Any]) -> dict[str, Force]:
    """Return each version in a register by its reference."""
    found: dict[str, Force] = {}
    for version in register["authorities"]:
        scope = version["document"]["scope"]
        reference = f"{version['name']}@{version['version']}"
        found[reference] = Force(
            reference=reference,
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
    """Return when an authority was suspended; a suspension that nothing lifts has no end."""
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


# --- law 1 ------------------------------------------------------------------------------------------------


def releases_authorised(evidence: Evidence) -> Finding:
    """Law 1: each row names one authority that the log holds, in force when it let go this camera and these fields."""
    found = Finding()
    known = forces(evidence.register)
    for name, batches in evidence.feeds.items():
        for fault in _check_faults(
            evidence.verified.get(name), {"documents", "register", "feed-file"}, batches
        ):
            found.add(f"`{name}`: {fault}")
        for batch in batches:
            where = f"`{name}`, batch {batch.header.get('batch')}"
            reference = str(batch.header.get("authority"))
            force = known.get(reference)
            if force is None or reference.partition("@")[0] != name:
                found.add(f"{where}: `{reference}` is not in the register")
                continue
            if not force.in_force(parse_rfc3339(str(batch.header.get("released_at")))):
                found.add(f"{where}: `{reference}` was not in force when it was released")
            for row, line in enumerate(batch.lines, 1):
                fault = _row_fault(msgspec.json.decode(line), reference, force, evidence)
                if fault:
                    found.add(f"{where}, row {row}: {fault}")
    return found


def _row_fault(row: Mapping[str, Any], reference: str, force: Force, evidence: Evidence) -> str:
    if "erased" in row:
        return ""
    if row.get("authority") != reference:
        return "it names another authority than its batch"
    read = row.get("read")
    if not isinstance(read, dict):
        return "it has no read"
    allowed: set[str] = set().union(*(_FIELDS.get(name, set()) for name in force.fields))
    if not allowed.issuperset(read):
        return "it has a field that is not allowed"
    if "camera" in read:
        if read.get("source") not in force.sources:
            return "its source is out of scope"
        if read["source"] == evidence.source and not force.has(
            evidence.source, evidence.cameras.get(str(read["camera"]), ())
        ):
            return "its camera is out of scope"
    return ""


def _check_faults(
    report: Mapping[str, Any] | None, names: Iterable[str], batches: Sequence[Batch]
) -> list[str]:
    """Return what is wrong with the named checks of a report; all of them must be there."""
    if report is None:
        return ["nothing verified it"] if batches else []
    checks = {check["name"]: check for check in report["checked"]}
    return [
        f"{name}: {checks[name]['words'] if name in checks else 'this was not checked'}"
        for name in sorted(names)
        if name not in checks or not checks[name]["ok"]
    ]


# --- law 2 ------------------------------------------------------------------------------------------------


def everything_committed(evidence: Evidence) -> Finding:
    """Law 2: every authority, act, start and batch stands in the ledger."""
    found = Finding()
    for version in evidence.register["authorities"]:
        reference = f"{version['name']}@{version['version']}"
        if _logged(evidence, version["entry"], "authority") != version["document"]:
            found.add(f"`{reference}` does not stand in entry {version['entry']}")
        for act in version.get("acts", ()):
            if _logged(evidence, act["entry"], act["kind"]) != act["document"]:
                found.add(f"the {act['kind']} `{act['id']}` does not stand in entry {act['entry']}")
    starts = sum(b'"operation":"start"' in entry for entry in evidence.entries.values())
    if starts < evidence.starts:
        found.add(f"of {evidence.starts} starts the ledger has {starts}")
    if not any(b'"kind":"cameras"' in entry for entry in evidence.entries.values()):
        found.add("the cameras were not logged")
    for name, batches in evidence.feeds.items():
        if not batches:
            continue
        report = evidence.verified.get(name)
        for fault in _check_faults(report, {"proofs"}, batches):
            found.add(f"`{name}`: {fault}")
        proved = report["counts"].get("proved", 0) if report is not None else 0
        if proved != len(batches):
            found.add(f"`{name}`: {proved} of {len(batches)} batches were proved to be in the ledger")
    for report in (*evidence.verified.values(), evidence.at_rest):
        if not report.get("ok"):
            found.add(f"the verification failed: {_failed(report)}")
    return found


def _logged(evidence: Evidence, index: int, kind: str) -> Any:
    entry = evidence.entries.get(index)
    if entry is None:
        return None
    try:
        body = parse_json(entry)
        if body.get("kind") != "document":
            return None
        envelope = parse_envelope(msgspec.json.encode(body["envelope"]))
        document = parse_json(envelope.payload)
    except (WicketgateError, AttributeError, KeyError):
        return None
    return document if envelope.payload_type == f"application/vnd.wicketgate.{kind}+json" else None


def _failed(report: Mapping[str, Any]) -> str:
    return (
        ", ".join(check["name"] for check in report.get("checked", ()) if not check["ok"]) or "it did not end"
    )


# --- law 4 ------------------------------------------------------------------------------------------------


def nothing_lost(evidence: Evidence) -> Finding:
    """Law 4, as far as it is built: sent = accepted + repeated + quarantined, and each accepted read once in each
    feed whose scope has its camera. Erasure at the end of a term is not built yet.
    """
    found = Finding()
    tally = evidence.tally
    became = Counter(read.became for read in evidence.sent)
    if tally["sent"] != tally["accepted"] + tally["repeated"] + tally["quarantined"]:
        found.add("sent is not accepted + repeated + quarantined")
    for name in ("accepted", "repeated", "quarantined", "unacknowledged"):
        if became[name] != tally[name]:
            found.add(f"{tally[name]} reads were counted as {name}, and {became[name]} recorded")
    if tally["unacknowledged"]:
        found.add(f"{tally['unacknowledged']} reads were never acknowledged")
    for name, batches in evidence.feeds.items():
        if evidence.faults.get(name):
            found.add(f"`{name}`: {evidence.faults[name]}")
        rows = Counter(_keys(batches))
        missing = sum(key not in rows for key in expected(evidence, name))
        twice = sum(count > 1 for count in rows.values())
        if missing:
            found.add(f"`{name}`: {missing} accepted reads are missing from the feed")
        if twice:
            found.add(f"`{name}`: {twice} reads came more than once")
    return found


def expected(evidence: Evidence, authority: str) -> set[Key]:
    """Return the accepted reads that a feed must have: those in scope, answered while it was surely in force.

    A read that was answered as repeated is one too: its first post was stored, and the answer to that was lost.
    """
    versions = [
        force
        for reference, force in forces(evidence.register).items()
        if reference.partition("@")[0] == authority
        and not force.hours
        and {"plate", "time", "place"} <= force.fields
    ]
    return {
        (read.camera, read.captured_at, read.plate)
        for read in evidence.sent
        if read.camera is not None
        and read.became in ("accepted", "repeated")
        and any(
            force.surely(read.at) and force.has(evidence.source, evidence.cameras.get(read.camera, ()))
            for force in versions
        )
    }


def _keys(batches: Sequence[Batch]) -> Iterable[Key]:
    for batch in batches:
        for line in batch.lines:
            read = msgspec.json.decode(line).get("read") or {}
            if {"camera", "captured_at", "plate"} <= read.keys():
                yield read["camera"], read["captured_at"], read["plate"]


# --- law 5 ------------------------------------------------------------------------------------------------


def checked_by_anyone(evidence: Evidence) -> Finding:
    """Law 5: an outsider's verification passed, and no plate of the run stands in anything public, logs or metrics."""
    found = Finding()
    for name, report in evidence.verified.items():
        for check in report["checked"]:
            if check["name"] in _PUBLIC_CHECKS and not check["ok"]:
                found.add(f"an outsider's verification{f' beside `{name}`' if name else ''}: {check['name']}")
        if not _PUBLIC_CHECKS.issubset(check["name"] for check in report["checked"]):
            found.add("an outsider's verification did not come to its end")
    if not evidence.verified:
        found.add("no outsider verified")
    plates = {read.plate for read in evidence.sent if read.plate}
    if not plates or not evidence.shown:
        found.add("no plate was sent, or nothing shown: nothing could be looked for")
    for where, data in evidence.shown.items():
        number = find_plates(data, plates)
        if number:
            found.add(f"`{where}` holds {number} plates of this run")
    return found


_SEPARATED = r"(?: |%20|\\u0020)?"
_AS_WRITTEN = re.compile(
    rf"(?=([A-Z]{{2}}\d\d){_SEPARATED}([A-Z]{{3}})|([A-Z]\d{{3}}){_SEPARATED}([A-Z]{{3}})|([A-Z]{{3}}){_SEPARATED}(\d{{3}}[A-Z]))".encode()
)
_EDGE = rb"[A-Za-z0-9+/=_-]"
_IN_SMALL = re.compile(rb"(?<!" + _EDGE + rb")([a-z0-9]{3,4}) ?([a-z0-9]{3,4})(?!" + _EDGE + rb")")


def find_plates(data: bytes, plates: set[str]) -> int:
    """Return how often plates of the simulated kind stand in `data`, joined or apart, also within other text.

    In small letters they are looked for as words of their own, since hashes in hexadecimal are full of
    everything.
    """
    wanted = {plate.encode() for plate in plates}
    number = sum(b"".join(filter(None, match.groups())) in wanted for match in _AS_WRITTEN.finditer(data))
    return number + sum((match[1] + match[2]).upper() in wanted for match in _IN_SMALL.finditer(data))
