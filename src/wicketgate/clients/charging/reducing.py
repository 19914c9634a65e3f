"""Keep of a vehicle's reads what a scheme charges by, a few at a time and in any order. Pure.

What is kept of many reads is where they begin and end, their number and the two best: `passages.reduce_sightings` of
all of them says the same. docs/spec/charging.md, section 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from wicketgate.clients.charging.passages import CameraSighting, Passage


class KeptRead(NamedTuple):
    """One of the two best reads of a passage. They compare as they are preferred: the surer, then the earlier.

    Attributes
    ----------
    unsure : int
        100 less the confidence in percent.
    camera : str
        With its source.
    seq : int
        Its row's number in the feed.
    """

    unsure: int
    at_us: int
    camera: str
    seq: int


class KeptPassage(NamedTuple):
    """What is kept of reads that are charged as one; `first` and `last` are a time and a row's number."""

    first_us: int
    first_seq: int
    last_us: int
    last_seq: int
    reads: int
    best: tuple[KeptRead, ...]


def begun(one: KeptRead) -> KeptPassage:
    """Return the passage of a single read."""
    return KeptPassage(one.at_us, one.seq, one.at_us, one.seq, 1, (one,))


def joined(a: KeptPassage, b: KeptPassage) -> KeptPassage:
    """Return two passages as one. It does not matter which comes first, nor in which order several are joined."""
    first_us, first_seq = min(a[0:2], b[0:2])
    last_us, last_seq = max(a[2:4], b[2:4])
    return KeptPassage(first_us, first_seq, last_us, last_seq, a.reads + b.reads, best_two(a.best + b.best))


def best_two(reads: Iterable[KeptRead]) -> tuple[KeptRead, ...]:
    """Return the best read, and the best by another camera; one, where one camera alone made them."""
    ordered = sorted(reads)
    return (*ordered[:1], *next(((one,) for one in ordered if one.camera != ordered[0].camera), ()))


def crossings(pieces: Iterable[KeptPassage], apart_us: int) -> list[KeptPassage]:
    """Return the pieces of one zone, joined where they lie no further apart than one crossing takes; by time."""
    found: list[KeptPassage] = []
    for one in sorted(pieces):
        if found and one.first_us - found[-1].last_us <= apart_us:
            found[-1] = joined(found[-1], one)
        else:
            found.append(one)
    return found


def without(passage: KeptPassage, withdrawn: frozenset[int] | set[int]) -> KeptPassage | None:
    """Return a passage without rows that were withdrawn, or None where nothing is left that shows it.

    What else was read is not known any more, so where a row is missing that it was kept by, one that shows it is left
    at the most: nobody is held to it before a person has looked.
    """
    kept = {passage.first_seq, passage.last_seq, *(one.seq for one in passage.best)}
    if kept.isdisjoint(withdrawn):
        return passage
    left = tuple(one for one in passage.best if one.seq not in withdrawn)
    return passage._replace(best=left[:1], reads=passage.reads - len(kept & withdrawn)) if left else None


def as_passage(day: date, zone: str, kept: KeptPassage) -> Passage:
    """Return what is kept as the rules of settling take it."""
    return Passage(
        zone=zone,
        day=day,
        first_us=kept.first_us,
        last_us=kept.last_us,
        count=kept.reads,
        best=tuple(
            CameraSighting(one.at_us, one.camera, 100 - one.unsure, zone, "boundary", "") for one in kept.best
        ),
    )
