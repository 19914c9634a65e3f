"""Plates that a camera may have taken for another: those that look alike, and those that are a part of it. Pure.

Whoever paid for `AB12CDE` is not to be charged as `A812CDE` or `B12CDE`. docs/spec/cases.md, section 2.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, Literal

from wicketgate.reads.plates import CONFUSED

Likeness = Literal["look-alike", "fragment"]
MOST_LOST: Final = 3
"""Characters of a plate that a bolt, a tow bar or the edge of an image takes."""
LEAST_LEFT: Final = 3
MOST_SWAPS: Final = 2
_CLASS: Final = {character: group[0] for group in CONFUSED for character in group}


_CHARACTERS: Final = sorted({_CLASS.get(one, one) for one in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
_ELEVEN: Final = "11"


def skeleton(plate: str) -> str:
    """Return a plate with one character for each class of those that are taken for one another.

    >>> skeleton("A8") == skeleton("AB"), skeleton("AB11") == skeleton("ABH")
    (True, False)
    """
    return "".join(_CLASS.get(one, one) for one in plate)


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
        # A bolt between two of them: 11 is read as H.
        found |= {
            plate[:at] + "H" + plate[at + 2 :] for at in range(len(plate) - 1) if plate[at : at + 2] == "11"
        }
    return found


class PaidPlates:
    """The plates that were paid for on one day, to be asked for those like another.

    Parameters
    ----------
    plates : iterable of str
        In normal form. Three texts are kept of each.

    Notes
    -----
    About 0.1 ms for each plate that is asked for: what it may be a part of is looked for, and not kept.
    """

    def __init__(self, plates: Iterable[str]) -> None:
        self._skeletons: defaultdict[str, list[str]] = defaultdict(list)
        for plate in set(plates):
            self._skeletons[skeleton(plate)].append(plate)
        self._forward = sorted(self._skeletons)
        self._backward = sorted(one[::-1] for one in self._skeletons)

    def likeness(self, plate: str) -> frozenset[Likeness]:
        """Return how a plate is like one that was paid for; the same plate is not like itself."""
        found: set[Likeness] = set()
        own = skeleton(plate)
        for other in self._skeletons.get(own, ()):
            if other != plate and sum(a != b for a, b in zip(plate, other, strict=True)) <= MOST_SWAPS:
                found.add("look-alike")
        if any(skeleton(one) in self._skeletons for one in parts_of(plate)) or self._is_part(own):
            found.add("fragment")
        return frozenset(found)

    def _is_part(self, own: str) -> bool:
        """Return whether a skeleton is what is left of a longer one whose end, or one character, was lost."""
        if len(own) < LEAST_LEFT:
            return False
        if _begins(self._forward, own) or _begins(self._backward, own[::-1]):
            return True
        for at in range(1, len(own)):
            if any(own[:at] + one + own[at:] in self._skeletons for one in _CHARACTERS):
                return True
        return any(
            own[:at] + _ELEVEN + own[at + 1 :] in self._skeletons for at, one in enumerate(own) if one == "H"
        )


def _begins(ordered: list[str], begin: str) -> bool:
    """Return whether a text of an ascending list begins so, and is no more than `MOST_LOST` longer."""
    for at in range(bisect_right(ordered, begin), len(ordered)):
        if not ordered[at].startswith(begin):
            return False
        if len(ordered[at]) - len(begin) <= MOST_LOST:
            return True
    return False
