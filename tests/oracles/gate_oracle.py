"""The gate, row by row: slow, plain, and written without looking at how the fast one does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wicketgate.gate import Decision, Terms
from wicketgate.reads import ReadBatch

Released = tuple[str, tuple[int, ...], tuple[bool, ...], frozenset[str]]
Refused = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A decision as plain values in one order, so that two can be compared."""

    releases: list[Released]
    refusals: list[Refused]
    withheld: int


def answer_of(decision: Decision) -> Answer:
    """Return what the fast gate answered as plain values."""
    return Answer(
        releases=sorted(
            (release.reference, tuple(release.rows.tolist()), tuple(release.late.tolist()), release.fields)
            for release in decision.releases
        ),
        refusals=sorted((refusal.reference, refusal.reason, refusal.rows) for refusal in decision.refusals),
        withheld=decision.withheld,
    )


def decide_slowly(
    batch: ReadBatch, terms: Sequence[Terms], n_cameras: int, at_us: int, late_after_us: int
) -> Answer:
    """Decide each row under each authority by itself."""
    releases: list[Released] = []
    refusals: list[Refused] = []
    seen_by_somebody = set()
    for term in terms:
        shared = sum(other.reference == term.reference for other in terms) > 1
        usable = not shared and is_sound(term, n_cameras)
        rows, late = [], []
        reasons: dict[str, int] = {}
        for row in range(len(batch)):
            captured_us = int(batch.captured_us[row])
            reason = why_not(term, usable, n_cameras, int(batch.camera[row]), captured_us, at_us)
            if reason is None:
                rows.append(row)
                late.append(int(batch.received_us[row]) - captured_us > late_after_us)
                seen_by_somebody.add(row)
            else:
                reasons[reason] = reasons.get(reason, 0) + 1
        if rows:
            releases.append((term.reference, tuple(rows), tuple(late), term.fields))
        refusals += [(term.reference, reason, count) for reason, count in reasons.items()]
    return Answer(
        releases=sorted(releases), refusals=sorted(refusals), withheld=len(batch) - len(seen_by_somebody)
    )


def why_not(
    term: Terms, usable: bool, n_cameras: int, camera: int, captured_us: int, at_us: int
) -> str | None:
    """Return the first reason against a row, or None."""
    if not usable:
        return "error"
    if term.stopped_by:
        return term.stopped_by
    if at_us < term.in_force_from_us:
        return "not-in-force-yet"
    if at_us >= term.in_force_until_us:
        return term.ended_by
    if camera not in range(n_cameras):
        return "error"
    if not term.cameras[camera]:
        return "out-of-scope"
    if captured_us < term.valid_from_us:
        return "before-validity"
    if captured_us >= term.valid_until_us:
        return "expired"
    for start_us, end_us in term.windows.tolist():
        if start_us <= captured_us < end_us:
            return None
    return "out-of-scope"


def is_sound(term: Terms, n_cameras: int) -> bool:
    """Return whether terms may be trusted at all."""
    if term.cameras.shape != (n_cameras,) or term.cameras.dtype.kind != "b":
        return False
    if term.windows.dtype != "int64" or term.windows.ndim != 2 or term.windows.shape[1] != 2:
        return False
    times = [term.valid_from_us, term.valid_until_us, term.in_force_from_us, term.in_force_until_us]
    if max(times) >= 2**62 or min(times) <= -(2**62) or term.valid_from_us >= term.valid_until_us:
        return False
    bounds = [term.valid_from_us]
    for start_us, end_us in term.windows.tolist():
        if start_us < bounds[-1] or end_us <= start_us:
            return False
        bounds.append(end_us)
    if bounds[-1] > term.valid_until_us:
        return False
    if term.ended_by not in {"expired", "review-overdue"}:
        return False
    if term.stopped_by not in {None, "revoked", "suspended", "error", "feed-full"}:
        return False
    return isinstance(term.fields, frozenset) and len(term.fields) > 0
