"""Plates that a camera may have taken for another: those that look alike, and those that are a part of it. Pure.

Whoever paid for `AB12CDE` is not to be charged as `A812CDE` or `B12CDE`. docs/spec/cases.md, section 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import numpy as np

from wicketgate.reads.plates import CONFUSED

Likeness = Literal["look-alike", "fragment"]
MOST_LOST: Final = 3
"""Characters of a plate that a bolt, a tow bar or the edge of an image takes."""
LEAST_LEFT: Final = 3
MOST_SWAPS: Final = 2
_CLASS: Final = str.maketrans({character: group[0] for group in CONFUSED for character in group})


def skeleton(plate: str) -> str:
    """Return a plate with one character for each class of those that are taken for one another.

    >>> skeleton("A8") == skeleton("AB"), skeleton("AB11") == skeleton("ABH")
    (True, False)
    """
    return plate.translate(_CLASS)


def parts_of(plate: str) -> set[str]:
    """Return what is left of a plate whose ends are lost, or one character of it; or where two were taken for one.

    >>> sorted(parts_of("AB1")), "ABH1" in parts_of("AB111"), "AB1C" in parts_of("AB12C")
    ([], True, True)
    """
    found = set()
    for lost in range(1, MOST_LOST + 1):
        if len(plate) - lost >= LEAST_LEFT:
            found |= {plate[lost:], plate[:-lost]}
    if len(plate) > LEAST_LEFT:
        found |= {plate[:at] + plate[at + 1 :] for at in range(len(plate))}
        if "11" in plate:  # a bolt between two of them: 11 is read as H
            found |= {
                plate[:at] + "H" + plate[at + 2 :]
                for at in range(len(plate) - 1)
                if plate.startswith("11", at)
            }
    return found


class PaidPlates:
    """The plates that were paid for on one day, to be asked for those like another.

    Parameters
    ----------
    plates : iterable of str
        In normal form.

    Notes
    -----
    Of each some 15 numbers are kept, for there may be a million. Two texts of one hash are one in ten million million
    million; where they are, somebody looks for nothing.
    """

    def __init__(self, plates: Iterable[str]) -> None:
        whole = sorted(set(plates))
        hashes = np.fromiter((hash(skeleton(one)) for one in whole), np.int64, len(whole))
        order = np.argsort(hashes, kind="stable")
        self._plates = [whole[at] for at in order]
        self._hashes = hashes[order]
        self._skeletons = frozenset(hashes.tolist())
        parts = np.fromiter((hash(skeleton(part)) for one in whole for part in parts_of(one)), np.int64)
        self._parts = np.unique(parts)

    def likeness(self, plate: str) -> frozenset[Likeness]:
        """Return how a plate is like one that was paid for; the same plate is not like itself."""
        found: set[Likeness] = set()
        own = skeleton(plate)
        if any(other != plate and _differ(plate, other) <= MOST_SWAPS for other in self._alike(own)):
            found.add("look-alike")
        key = hash(own)
        place = int(self._parts.searchsorted(key))
        is_part = place < len(self._parts) and self._parts[place] == key
        if is_part or any(hash(skeleton(one)) in self._skeletons for one in parts_of(plate)):
            found.add("fragment")
        return frozenset(found)

    def _alike(self, own: str) -> list[str]:
        """Return the plates of one skeleton."""
        key = hash(own)
        if key not in self._skeletons:
            return []
        first, last = (int(self._hashes.searchsorted(key, side)) for side in ("left", "right"))
        return [one for one in self._plates[first:last] if skeleton(one) == own]


def _differ(plate: str, other: str) -> int:
    return sum(a != b for a, b in zip(plate, other, strict=True))
