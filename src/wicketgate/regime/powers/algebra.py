"""Sets of powers: union, intersection, difference, containment. Pure.

A set of powers may be written as boxes in many ways, but its maximal boxes, those within no larger box that is
within the set, are the same however it came about. docs/spec/powers.md, section 4.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Self

from wicketgate.regime.powers.boxes import Box, Power, sides, sort_key
from wicketgate.regime.powers.grid import Grid


@dataclass(frozen=True, slots=True)
class Powers:
    """A set of powers.

    Attributes
    ----------
    boxes : tuple of Box
        What it is made up of: none is empty or within another, and they are sorted. Boxes may meet. Equal sets may be
        made up of different boxes: compare with `equivalent`.
    all_maximal : bool
        Whether the boxes are known to be all maximal ones.

    Notes
    -----
    `<=` is containment, `|`, `&` and `-` are union, intersection and difference, and `bool` is whether it is not
    empty. A comparison of far too many boxes (`grid.MOST_BOXES`) raises `DocumentRefused`, code `unsupported`: what
    cannot be compared is never taken for covered.
    """

    boxes: tuple[Box, ...]
    all_maximal: bool = field(default=False, compare=False, repr=False)

    @classmethod
    def of(cls, boxes: Iterable[Box]) -> Self:
        """Return the set of all powers in some boxes."""
        kept = _absorbed(boxes)
        return cls(tuple(sorted(kept, key=sort_key)), len(kept) < 2)

    def __bool__(self) -> bool:
        return bool(self.boxes)

    def __contains__(self, power: Power) -> bool:
        return any(box.holds(power) for box in self.boxes)

    def __or__(self, other: Powers) -> Powers:
        return Powers.of(self.boxes + other.boxes)

    def __and__(self, other: Powers) -> Powers:
        return Powers.of(
            mine.common(theirs) for mine in self.boxes for theirs in other.boxes if mine.meets(theirs)
        )

    def __sub__(self, other: Powers) -> Powers:
        """Return the powers in this set alone, as all of its maximal boxes.

        Where these are too many, the boxes are not all maximal ones.
        """
        mine = self.maximal()
        left: list[Box] = []
        complete = mine.all_maximal
        for box in mine.boxes:
            near = [one for one in other.boxes if box.meets(one)]
            grid = Grid(box, near)
            mask, masks = grid.mask(box), [grid.mask(one) for one in near]
            if near and grid.covered(mask, masks):
                continue
            found, all_of_them = grid.without(mask, masks)
            left.extend(grid.box(one) for one in found)
            complete = complete and all_of_them
        boxes = left if len(mine.boxes) == 1 else _absorbed(left)
        return Powers(tuple(sorted(boxes, key=sort_key)), complete)

    def __le__(self, other: Powers) -> bool:
        return all(_covered(box, other.boxes) for box in self.boxes)

    def maximal(self) -> Powers:
        """Return the same set as all of its maximal boxes, or as it is where they are too many.

        Equal sets have equal ones.
        """
        if self.all_maximal:
            return self
        grid = Grid(reduce(hull, self.boxes), self.boxes)
        masks = grid.maximal([grid.mask(box) for box in self.boxes])
        if masks is None:
            return self
        return Powers(tuple(sorted((grid.box(mask) for mask in masks), key=sort_key)), True)


NOTHING = Powers((), True)


def _covered(box: Box, others: Sequence[Box]) -> bool:
    near = [one for one in others if box.meets(one)]
    if not near or any(box.within(one) for one in near):
        return bool(near)
    grid = Grid(box, near)
    return grid.covered(grid.mask(box), [grid.mask(one) for one in near])


def _absorbed(boxes: Iterable[Box]) -> list[Box]:
    """Return the boxes neither empty nor within another, each once."""
    kept: list[Box] = []
    for box in boxes:
        if not all(sides(box)) or any(box.within(other) for other in kept):
            continue
        kept = [other for other in kept if not other.within(box)]
        kept.append(box)
    return kept


def hull(one: Box, two: Box) -> Box:
    """Return the smallest box that holds both."""
    return Box._make(mine | theirs for mine, theirs in zip(sides(one), sides(two), strict=True))
