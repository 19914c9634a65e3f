"""The judgement on the five laws after a run.

What was sent, received, logged and shown is compared with one another. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import WicketgateError
from wicketgate.base.signing import parse_envelope, parse_json
from wicketgate.feeds.batches import Batch
from wicketgate_demo.judge.evidence import (
    Evidence,
    FeedRow,
    Finding,
    Force,
    Matching,
    Sent,
    counted,
    expected,
    forces,
    named,
    rows_of,
)
from wicketgate_demo.judge.hit_laws import check_hits, must_hit
from wicketgate_demo.world.clean_air import one_glyph

_FIELDS = {
    "plate": {"plate", "confidence", "marks"},
    "time": {"captured_at"},
    "place": {"source", "camera", "camera_name", "position", "lane", "direction"},
    "vehicle": {"vehicle"},
    "patch-image": {"patch_image"},
    "overview-image": {"overview_image"},
}
_FOOTINGS = {"notice": b"", "marked": b"Not consulted on", "within": b"onsultation", "urgent": b"rgent"}
"""On what an authority may stand that no consultation covers, and what its page says of it."""
_PUBLIC_CHECKS = frozenset({"key", "log", "documents", "seconds", "figures", "fresh", "register"})


def judge(evidence: Evidence) -> dict[str, Finding | None]:
    """Return each law's finding.

    It is None for a law whose part is not built yet.
    """
    return {
        "1": releases_authorised(evidence),
        "2": everything_committed(evidence),
        "3": nothing_widened(evidence),
        "4": nothing_lost(evidence),
        "5": checked_by_anyone(evidence),
    }


# --- law 1 ------------------------------------------------------------------------------------------------


def releases_authorised(evidence: Evidence) -> Finding:
    """Law 1: each row names one authority entitled to release it.

    The log holds the authority, in force when it let go this camera and these fields.

    Where the authority matches, an entry of its list must be the reason for each row.
    """
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
            elif not force.in_force(parse_rfc3339(str(batch.header.get("released_at")))):
                found.add(f"{where}: `{reference}` was not in force when it was released")
        for row in rows_of(name, batches):
            force = known.get(row.reference)
            fault = _row_fault(row, force, evidence) if force is not None else ""
            if not fault and one_glyph(str(row.read.get("plate"))) in evidence.stays.get(name, ()):
                fault = "its vehicle is on a list of what stays"
            if fault:
                found.add(f"{row.where}: {fault}")
        check_hits(name, batches, known, evidence, found)
    return found


def is_listed(sent: Sent, stays: frozenset[str]) -> bool:
    """Say whether a read may be of a listed plate: whatever the device said on the way may be what the gateway took."""
    return any(one_glyph(plate) in stays for plate in (sent.plate, *sent.others))


def stayed(evidence: Evidence, name: str) -> dict[str, Any]:
    """Return how many reads left under an authority that lets go what is on no list, and the share that stayed."""
    in_scope = list(expected(evidence, name))
    left = sum(not is_listed(sent, evidence.stays[name]) for sent in in_scope)
    stays = len(in_scope) - left
    return {
        "released": left,
        "withheld": stays,
        "share": round(100 * stays / len(in_scope), 1) if in_scope else None,
    }


def _row_fault(row: FeedRow, force: Force, evidence: Evidence) -> str:
    if row.value.get("authority") != row.reference:
        return "it names another authority than its batch"
    if not isinstance(row.value.get("read"), dict):
        return "it has no read"
    read = row.read
    allowed: set[str] = set().union(*(_FIELDS.get(name, set()) for name in force.fields))
    if not allowed.issuperset(read):
        return "it has a field that is not allowed"
    if "camera" in read:
        source = str(read.get("source"))
        if source not in force.sources:
            return "its source is out of scope"
        cameras = evidence.cameras.get(source)
        if cameras is not None and not force.has(source, cameras.get(str(read["camera"]), ())):
            return "its camera is out of scope"
    return ""


def _check_faults(
    report: Mapping[str, Any] | None, names: Iterable[str], batches: Sequence[Batch]
) -> list[str]:
    """Return the faults in the named checks of a report.

    All of them must be there.
    """
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


# --- law 3 ------------------------------------------------------------------------------------------------


def nothing_widened(evidence: Evidence) -> Finding:
    """Law 3: nothing widens unseen.

    What widens is said to, in the log and on its page, from its first second. Officers who tried to widen more, with
    every signature, were refused and told what they would have widened. That the powers are compared rightly an
    outsider's verification has checked (law 5).
    """
    found = Finding()
    for version in evidence.register["authorities"]:
        reference = f"{version['name']}@{version['version']}"
        consulted = version["consulted"]
        try:
            body = parse_json(evidence.entries[version["entry"]])
        except (KeyError, WicketgateError):
            found.add(f"`{reference}`: its entry cannot be read")
            continue
        if (body.get("consulted"), body.get("wider")) != (consulted["need"], consulted["wider"]):
            found.add(f"`{reference}`: the register says otherwise than its entry what it widens")
        if consulted["wider"] and consulted["need"] not in _FOOTINGS:
            found.add(f"`{reference}` widens something, and stands on nothing")
        page = evidence.shown.get(f"/authorities/{version['name']}/{version['version']}", b"")
        since = (version.get("stance") or {}).get("footing") == "consulted-since"
        words = b"Consulted on since" if since else _FOOTINGS.get(consulted["need"])
        if words and words not in page:
            found.add(f"the page of `{reference}` does not say `{words.decode()}`")
    for attempt in evidence.attempts:
        if (attempt.status, attempt.code) != (422, attempt.wanted) or not attempt.powers:
            found.add(
                f"{attempt.what}: answered {attempt.status} {attempt.code}, naming {attempt.powers} powers"
            )
    if not evidence.attempts:
        found.add("nobody tried to widen anything: it was not seen to be refused")
    return found


# --- law 4 ------------------------------------------------------------------------------------------------


def nothing_lost(evidence: Evidence) -> Finding:
    """Law 4: nothing is lost, and everything ends.

    Sent = accepted + repeated + quarantined, and each accepted read stands once in each feed whose scope has its
    camera, of those that match each for which an entry stood. Each image that the rows of a bulk feed name is on its
    recipient's disk as they commit to it, and no other. Reads that come to their term in the run end,
    the log tells how many, and an overseer finds nothing that was shown behind its term or ended untold.
    """
    found = Finding()
    tally = evidence.tally
    became = counted(evidence.sent)
    if tally["sent"] != tally["accepted"] + tally["repeated"] + tally["quarantined"]:
        found.add("sent is not accepted + repeated + quarantined")
    for name in ("accepted", "repeated", "quarantined", "unacknowledged"):
        if became[name] != tally[name]:
            found.add(f"{tally[name]} reads were counted as {name}, and {became[name]} recorded")
    if tally["unacknowledged"]:
        found.add(f"{tally['unacknowledged']} reads were never acknowledged")
    matches = {f.reference.partition("@")[0] for f in forces(evidence.register).values() if f.mode == "match"}
    for name, batches in evidence.feeds.items():
        if evidence.faults.get(name):
            found.add(f"`{name}`: {evidence.faults[name]}")
        rows = Matching(rows_of(name, batches))
        wanted = (
            expected(evidence, name, must_hit(evidence, name))
            if name in matches
            else expected(evidence, name)
        )
        stays = evidence.stays.get(name, frozenset())
        wanted = [sent for sent in wanted if not is_listed(sent, stays)]
        missing = sum(rows.take(sent) is None for sent in wanted)
        if missing:
            what = "hits" if name in matches else "accepted reads"
            found.add(f"`{name}`: {missing} {what} are missing from the feed")
        if rows.twice:
            found.add(f"`{name}`: {rows.twice} reads came more than once")
        for sent in evidence.sent:
            rows.take(sent)
        if rows.strange:
            found.add(f"`{name}`: {rows.strange} rows are of reads that no camera sent")
    for name, kept in evidence.kept.items():
        images = named(evidence.feeds.get(name, ()))
        if images - kept:
            found.add(f"`{name}`: {len(images - kept)} images that its rows name were not to be had")
        if kept - images:
            found.add(f"`{name}`: {len(kept - images)} images came that no row names")
    _check_ends(evidence, found)
    for said in evidence.passed_on:
        if said.code != said.wanted:
            found.add(f"{said.what}: answered {said.status} {said.code}, instead of {said.wanted}")
    return found


def _check_ends(evidence: Evidence, found: Finding) -> None:
    """Judge what the overseer opened: that it holds, and that it tells of the reads that ended."""
    if evidence.opened is None:
        found.add("nothing came to its term: it was not seen to end")
        return
    for fault in _check_faults(evidence.opened, {"openings"}, ()):
        found.add(f"what an overseer opens: {fault}")
    if not evidence.opened.get("counts", {}).get("purged_history"):
        found.add("reads came to their term, and none was told to have ended")


# --- law 5 ------------------------------------------------------------------------------------------------


def checked_by_anyone(evidence: Evidence) -> Finding:
    """Law 5: anyone can check, and nothing public holds a plate.

    An outsider's verification passed, and no plate of the run stands in anything public, logs or metrics.
    """
    found = Finding()
    for name, report in evidence.verified.items():
        for check in report["checked"]:
            if check["name"] in _PUBLIC_CHECKS and not check["ok"]:
                found.add(f"an outsider's verification{f' beside `{name}`' if name else ''}: {check['name']}")
        if not _PUBLIC_CHECKS.issubset(check["name"] for check in report["checked"]):
            found.add("an outsider's verification did not come to its end")
    if not evidence.verified:
        found.add("no outsider verified")
    plates = {read.plate for read in evidence.sent} | {read.truth for read in evidence.sent}
    plates |= {entry.plate for entries in evidence.hotlists.values() for entry in entries}
    plates.discard("")
    if not plates or not evidence.shown:
        found.add("no plate was sent, or nothing shown: nothing could be looked for")
    for where, data in evidence.shown.items():
        number = find_plates(data, plates)
        if number:
            found.add(f"`{where}` holds {number} plates of this run")
    return found


_SEPARATED = rb"(?: |%20|\\u0020)"
_AS_WRITTEN = re.compile(
    rb"(?=([A-Z0-9]{7})|([A-Z0-9]{4})"
    + _SEPARATED
    + rb"([A-Z0-9]{3})|([A-Z0-9]{3})"
    + _SEPARATED
    + rb"([A-Z0-9]{4}))"
)
_EDGE = rb"[A-Za-z0-9+/=_-]"
_IN_SMALL = re.compile(rb"(?<!" + _EDGE + rb")([a-z0-9]{3,4}) ?([a-z0-9]{3,4})(?!" + _EDGE + rb")")


def find_plates(data: bytes, plates: set[str]) -> int:
    """Return the number of simulated plates in `data`.

    They stand joined or apart, also within other text.

    In small letters they are looked for as words of their own, since hashes in hexadecimal are full of
    everything. Misread ones are looked for too: seven characters, whatever their order.
    """
    wanted = {plate.encode() for plate in plates}
    number = sum(b"".join(filter(None, match.groups())) in wanted for match in _AS_WRITTEN.finditer(data))
    return number + sum((match[1] + match[2]).upper() in wanted for match in _IN_SMALL.finditer(data))
