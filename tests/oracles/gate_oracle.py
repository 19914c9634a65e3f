"""The gate, row by row: slow, plain, and written without looking at how the fast one does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wicketgate.gate.decide import Decision, Release
from wicketgate.gate.terms import Terms
from wicketgate.hotlists import Entry
from wicketgate.reads.columns import ReadBatch

Hit = tuple[str, bool]
"""The entry's voi, and whether it is exact."""
Released = tuple[str, tuple[int, ...], tuple[bool, ...], frozenset[str], tuple[Hit, ...] | None]
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
            (
                release.reference,
                tuple(release.rows.tolist()),
                tuple(release.late.tolist()),
                release.fields,
                _hits_of(release),
            )
            for release in decision.releases
        ),
        refusals=sorted((refusal.reference, refusal.reason, refusal.rows) for refusal in decision.refusals),
        withheld=decision.withheld,
    )


def _hits_of(release: Release) -> tuple[Hit, ...] | None:
    hits, which = release.hits, release.which
    if hits is None or which is None:
        assert hits is which
        return None
    assert hits.rows[which].tolist() == release.rows.tolist()
    return tuple((hits.entries[n].voi, bool(hits.exact[n])) for n in which.tolist())  # type: ignore[attr-defined]


def decide_slowly(
    batch: ReadBatch,
    terms: Sequence[Terms],
    n_cameras: int,
    at_us: int,
    late_after_us: int,
    lists: Mapping[str, Sequence[Entry] | None],
) -> Answer:
    """Decide each row under each authority by itself; a list that is None cannot be asked."""
    releases: list[Released] = []
    refusals: list[Refused] = []
    seen_by_somebody = set()
    for term in terms:
        shared = sum(other.reference == term.reference for other in terms) > 1
        usable = not shared and is_sound(term, n_cameras)
        rows, late, hits = [], [], []
        reasons: dict[str, int] = {}
        for row in range(len(batch)):
            captured_us = int(batch.captured_us[row])
            reason = why_not(term, usable, n_cameras, int(batch.camera[row]), captured_us, at_us)
            if reason is None and term.withholds and not term.matches:
                entries = lists.get(term.reference)
                if entries is None:
                    reason = "error"
                elif stays(entries, batch.plate[row], captured_us, at_us):
                    reason = "listed"
            if reason is None and term.matches:
                entries = lists.get(term.reference)
                hit = None if entries is None else best(entries, batch.plate[row], captured_us, at_us)
                if hit is not None:
                    hits.append(hit)
                else:
                    reason = "error" if entries is None else "not-listed"
            if reason is None:
                rows.append(row)
                late.append(int(batch.received_us[row]) - captured_us > late_after_us)
                seen_by_somebody.add(row)
            else:
                reasons[reason] = reasons.get(reason, 0) + 1
        if rows:
            found = tuple(hits) if term.matches else None
            releases.append((term.reference, tuple(rows), tuple(late), term.fields, found))
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
    if term.matches and term.withholds:
        return False
    return isinstance(term.fields, frozenset) and len(term.fields) > 0


# --- a hotlist, entry by entry ------------------------------------------------------------------------------

_MISTAKEN = ("8B", "5S", "6G", "2Z")
"""Characters that cameras take for one another; 0, O, D, Q, 1 and I are left to the hotlist's own oracle."""


def best(entries: Sequence[Entry], plate: str, captured_us: int, at_us: int) -> Hit | None:
    """Return the entry that a read is for, if there is one: the nearest, then the most urgent."""
    found = []
    for entry in entries:
        mistakes = mistakes_between(entry.plate, plate)
        listed = all(entry.listed_us <= moment < entry.until_us for moment in (captured_us, at_us))
        if listed and mistakes is not None and mistakes <= 2:
            found.append((mistakes, entry.priority, entry.voi))
    return None if not found else (min(found)[2], min(found)[0] == 0)


def stays(entries: Sequence[Entry], plate: str, captured_us: int, at_us: int) -> bool:
    """Return whether a read is of the very plate of an entry that counted when it was captured, or counts now."""
    for entry in entries:
        counts = any(entry.listed_us <= moment < entry.until_us for moment in (captured_us, at_us))
        if counts and mistakes_between(entry.plate, plate) == 0:
            return True
    return False


def mistakes_between(one: str, other: str) -> int | None:
    """Return in how many places two plates differ by a mistake of a camera; None if they differ otherwise."""
    if len(one) != len(other):
        return None
    different = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
    for pair in different:
        if not any(set(pair) == set(alike) for alike in _MISTAKEN):
            return None
    return len(different)
