"""Plates that a camera may have taken for another: those that look alike, and those that are a part of it. Pure.

Whoever paid for `AB12CDE` is not to be charged as `A812CDE` or `B12CDE`. docs/spec/cases.md, section 2.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, Literal

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
        In normal form. Some 30 texts are kept of each.
    """

    def __init__(self, plates: Iterable[str]) -> None:
        self._whole = frozenset(plates)
        self._skeletons: defaultdict[str, list[str]] = defaultdict(list)
        self._parts: set[str] = set()
        for plate in self._whole:
            self._skeletons[skeleton(plate)].append(plate)
            self._parts |= {skeleton(one) for one in parts_of(plate)}

    def likeness(self, plate: str) -> frozenset[Likeness]:
        """Return how a plate is like one that was paid for; the same plate is not like itself."""
        found: set[Likeness] = set()
        own = skeleton(plate)
        for other in self._skeletons.get(own, ()):
            if other != plate and sum(a != b for a, b in zip(plate, other, strict=True)) <= MOST_SWAPS:
                found.add("look-alike")
        if own in self._parts or any(skeleton(one) in self._skeletons for one in parts_of(plate)):
            found.add("fragment")
        return frozenset(found)
