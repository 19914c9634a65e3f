"""Matching, read by read and entry by entry: slow, plain, and written from docs/spec/hotlist.md alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wicketgate.hotlists import Entry
from wicketgate.reads.plates import kind

CLASSES = [set("0ODQ"), set("1I"), set("2Z"), set("5S"), set("6G"), set("8B")]
ONE_GLYPH = [set("0O"), set("1I")]

Answer = list[tuple[int, Entry, bool, int]]
"""Read, entry, whether it is exact, substitutions; by read."""


def match_slowly(
    entries: Iterable[Entry], plates: Sequence[str], captured_us: Sequence[int], at_us: int
) -> Answer:
    """Return what each read hits."""
    entries = list(entries)
    answer: Answer = []
    for row, (plate, taken_us) in enumerate(zip(plates, captured_us, strict=True)):
        candidates = []
        for entry in entries:
            if not (entry.listed_us <= taken_us < entry.until_us):
                continue
            if not (entry.listed_us <= at_us < entry.until_us):
                continue
            count = substitutions(plate, entry.plate)
            if count is not None and count <= 2:
                candidates.append((count, entry.priority, entry.voi, entry.plate, entry))
        if candidates:
            count, *_, entry = min(candidates, key=lambda candidate: candidate[:-1])
            answer.append((row, entry, count == 0, count))
    return answer


def skeleton(plate: str) -> str:
    """Return a plate with each character replaced by the first of its class: the same for plates that look alike."""
    first = {character: min(alike) for alike in CLASSES for character in alike}
    return "".join(first.get(character, character) for character in plate)


def substitutions(read: str, listed: str) -> int | None:
    """Return how many places differ by confusion; None if anything else differs."""
    if not read:
        return None
    if read == listed:
        return 0
    if len(read) != len(listed) or not compared(read) or not compared(listed):
        return None
    settled = is_settled(read) or is_settled(listed)
    count = 0
    for one, other in zip(read, listed, strict=True):
        if one == other:
            continue
        if not any({one, other} <= alike for alike in CLASSES):
            return None
        if settled and any({one, other} <= glyph for glyph in ONE_GLYPH):
            continue
        count += 1
    return count


def compared(plate: str) -> bool:
    """Return whether a plate is compared by characters at all: 12 at most, of 0-9 and A-Z."""
    return len(plate) <= 12 and plate.isascii() and plate.isalnum()


def is_settled(plate: str) -> bool:
    """Return whether exactly one reading of 0/O and 1/I has a UK syntax."""
    readings = [""]
    for character in plate:
        glyph = next((glyph for glyph in ONE_GLYPH if character in glyph), {character})
        readings = [reading + choice for reading in readings for choice in glyph]
        if len(readings) > 1 << 12:
            return False  # no UK plate has so many
    return sum(kind(reading) is not None for reading in readings) == 1
