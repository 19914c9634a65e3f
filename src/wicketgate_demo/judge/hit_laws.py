"""The laws of hits.

Hits are decided again from the lists and from what really passed. Pure.

This is no copy of the gate's matcher: it goes by characters, one pair of plates after the other. Where 0 and O, or 1
and I, differ, the position may decide which was meant, and both answers are taken here; tests of the matcher tell
them apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from wicketgate.base.clock import SECOND_US, parse_rfc3339
from wicketgate.feeds.batches import Batch
from wicketgate_demo.judge.evidence import (
    Evidence,
    FeedRow,
    Finding,
    Force,
    Matching,
    Sent,
    SentEntry,
    rows_of,
)
from wicketgate_demo.world.vehicles import CONFUSION_CLASSES

MOST: Final = 2
"""Characters that may be taken for others."""

_ALIKE: Final = (frozenset("0O"), frozenset("1I"))
_CLASSES: Final = tuple(frozenset(one) for one in CONFUSION_CLASSES)
_SHAPES: Final = str.maketrans({one: alike[0] for alike in CONFUSION_CLASSES for one in alike})
_IMAGES: Final = {"patch_image": "patch-image", "overview_image": "overview-image"}


def confusions(read: str, listed: str) -> tuple[int, int] | None:
    """Return the least and most characters taken for others.

    It is None where they cannot all have been.

    >>> confusions("ABB5CDE", "AB85CDE"), confusions("AB85CDO", "AB85CD0"), confusions("AB85CDE", "AB86CDE")
    ((1, 1), (0, 1), None)
    """
    if len(read) != len(listed):
        return None
    least = most = 0
    for one, other in zip(read, listed, strict=True):
        if one == other:
            continue
        if not any(one in alike and other in alike for alike in _CLASSES):
            return None
        most += 1
        least += not any(one in alike and other in alike for alike in _ALIKE)
    return least, most


def hits_surely(read: str, entries: Iterable[SentEntry]) -> bool:
    """Say whether an entry stands for a read, whatever its position decides."""
    return any((found := confusions(read, entry.plate)) is not None and found[1] <= MOST for entry in entries)


def _shape(plate: str) -> str:
    """Return what a plate shares with all that it can be taken for, and with no other."""
    return plate.translate(_SHAPES)


def must_hit(evidence: Evidence, authority: str) -> Callable[[Sent], bool]:
    """Return the test for reads demanded by this authority's list."""
    alike: defaultdict[str, list[SentEntry]] = defaultdict(list)
    for entry in evidence.hotlists.get(authority, ()):
        alike[_shape(entry.plate)].append(entry)
    known: dict[str, bool] = {}

    def demanded(sent: Sent) -> bool:
        # Whatever the device said on the way may be what the gateway took.
        for plate in (sent.plate, *sent.others):
            if plate not in known:
                known[plate] = hits_surely(plate, alike.get(_shape(plate), ()))
        return all(known[plate] for plate in (sent.plate, *sent.others))

    return demanded


def check_hits(
    name: str,
    batches: Sequence[Batch],
    known: Mapping[str, Force],
    evidence: Evidence,
    found: Finding,
) -> None:
    """Check each matching row of a feed.

    Checked are its entry, its quality, its kind, its images, and that late is late.
    """
    entries = {entry.voi: entry for entry in evidence.hotlists.get(name, ())}
    rows = list(rows_of(name, batches))
    sent_of = _sent_of(rows, evidence)
    for row in rows:
        force = known.get(row.reference)
        if force is None:
            continue
        for fault in _hit_faults(row, force, entries):
            found.add(f"{row.where}: {fault}")
        for fault in _image_faults(row, force, evidence):
            found.add(f"{row.where}: {fault}")
        late = _late_fault(row, sent_of.get(id(row)), evidence.late_after_us)
        if late:
            found.add(f"{row.where}: {late}")


def _hit_faults(row: FeedRow, force: Force, entries: Mapping[str, SentEntry]) -> Iterable[str]:
    hit = row.value.get("hit")
    if force.mode != "match":
        if hit is not None:
            yield "a hit under an authority that does not match"
        return
    if not isinstance(hit, dict):
        yield "no hit is the reason for it"
        return
    entry = entries.get(str(hit.get("voi")))
    if entry is None:
        yield "its entry is on no list"
        return
    if (hit.get("kind"), hit.get("priority")) != (entry.kind, entry.priority):
        yield "kind or priority are not those of its entry"
    plate = row.read.get("plate")
    if not isinstance(plate, str):
        return
    wrong = confusions(plate, entry.plate)
    if wrong is None or wrong[0] > MOST:
        yield "its entry is for another vehicle"
    elif wrong[0] and hit.get("quality") != "possible":
        yield "a misread is called exact"
    elif not wrong[1] and hit.get("quality") != "exact":
        yield "an exact read is called possible"


def _image_faults(row: FeedRow, force: Force, evidence: Evidence) -> Iterable[str]:
    for member, field in _IMAGES.items():
        image = row.read.get(member)
        if image is None:
            continue
        if field not in force.fields:
            yield "an image that is not allowed"
        elif not isinstance(image, dict) or not {"ref", "sha256", "type", "bytes"} <= image.keys():
            yield "an image that cannot be fetched"
        elif evidence.images.get(str(image["ref"]), image["sha256"]) != image["sha256"]:
            yield "an image that came as another one"


def _sent_of(rows: Sequence[FeedRow], evidence: Evidence) -> dict[int, Sent]:
    """Return the sent reads of rows, by identity."""
    matching = Matching(rows)
    found: dict[int, Sent] = {}
    for sent in evidence.sent:
        row = matching.take(sent)
        if row is not None:
            found.setdefault(id(row), sent)
    return found


def _late_fault(row: FeedRow, sent: Sent | None, late_after_us: int) -> str:
    """Return the fault in a row's lateness.

    The row was received when it was answered at the latest.
    """
    if sent is None or "captured_at" not in row.read:
        return ""
    spent_us = sent.at - parse_rfc3339(row.read["captured_at"])
    if row.value.get("late") and spent_us < late_after_us:
        return "it came in time and is called late"
    if not row.value.get("late") and spent_us > late_after_us + 60 * SECOND_US:
        return "it came late and is called live"
    return ""
