"""Boxes as bit masks, for as long as one comparison takes. Pure.

The boxes that are compared cut each dimension into few classes: sets that lie wholly inside or wholly outside each
of them. A box is then a set of classes in each dimension, and all of it one number; containment is one operation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import combinations
from operator import or_

from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.powers.boxes import Box, sides
from wicketgate.regime.powers.sides import Side

MOST_MAXIMAL = 1_000
"""Boxes up to which all maximal ones are looked for; beyond, a set is kept in some boxes that make it up."""

MOST_BOXES = 50_000
"""Boxes that one comparison may take; beyond, it is refused."""


class Grid:
    """The classes into which boxes cut a whole.

    Parameters
    ----------
    whole : Box
        What the grid covers; what other boxes have outside it is forgotten.
    boxes : sequence of Box
        The boxes that can be written as masks, `whole` too.

    Notes
    -----
    A mask has a bit for each class of each dimension. `fields` has the bits of each dimension that tells any two of the
    boxes apart; a box is empty if one of its fields is. O(boxes x classes) for each dimension.
    """

    __slots__ = ("_classes", "_masks", "_whole", "fields")

    def __init__(self, whole: Box, boxes: Sequence[Box]) -> None:
        self._whole = whole
        self._classes: dict[int, list[tuple[int, Side]]] = {}
        self._masks: dict[int, dict[Side, int]] = {}
        fields = []
        bit = 1
        for place, all_of_it in enumerate(sides(whole)):
            others = [
                side for side in dict.fromkeys(sides(box)[place] for box in boxes) if not all_of_it <= side
            ]
            if not others:
                continue
            classes = [all_of_it]
            for side in others:
                classes = [part for one in classes for part in (one & side, one - side) if part]
            self._classes[place] = [(bit << number, one) for number, one in enumerate(classes)]
            fields.append(sum(one for one, _ in self._classes[place]))
            self._masks[place] = {
                side: sum(one for one, part in self._classes[place] if part.meets(side)) for side in others
            }
            bit <<= len(classes)
        self.fields = tuple(fields)

    def mask(self, box: Box) -> int:
        """Return the mask of a box's share of the whole."""
        mask = 0
        for field, (place, masks) in zip(self.fields, self._masks.items(), strict=True):
            mask |= masks.get(sides(box)[place], field)
        return mask

    def box(self, mask: int) -> Box:
        """Return the box of a mask."""
        found = list(sides(self._whole))
        for place, classes in self._classes.items():
            found[place] = reduce(or_, (part for one, part in classes if one & mask))
        return Box._make(found)

    def overlap(self, one: int, two: int) -> bool:
        """Return whether two boxes overlap."""
        common = one & two
        return all(common & field for field in self.fields)

    def maximal_pieces(self, mask: int, other: int) -> Iterator[int]:
        """Yield the maximal boxes of one box without an overlapping one."""
        left = mask & ~other
        for field in self.fields:
            if left & field:
                yield (mask & ~field) | (left & field)

    def disjoint_pieces(self, mask: int, other: int) -> Iterator[int]:
        """Yield disjoint boxes of one box without an overlapping one."""
        left = mask & ~other
        for field in self.fields:
            if left & field:
                yield (mask & ~field) | (left & field)
                mask &= other | ~field

    def without(self, mask: int, others: Iterable[int]) -> tuple[list[int], bool]:
        """Return the rest of a box without others, and whether that is all of its maximal boxes.

        Notes
        -----
        If the boxes so far are all maximal ones, their pieces hold all maximal ones of the next step.
        """
        near = self._nearest(mask, others)
        kept = [mask]
        for other in near:
            missed = [one for one in kept if not self.overlap(one, other)]
            pieces = {
                piece for one in kept if self.overlap(one, other) for piece in self.maximal_pieces(one, other)
            }
            # What the other box misses is within no piece: it is within none of the boxes that the pieces are of.
            kept = absorbed(pieces, missed)
            if len(kept) > MOST_MAXIMAL:
                return self._splintered(mask, near), False
        return kept, True

    def _splintered(self, mask: int, others: Iterable[int]) -> list[int]:
        kept = [mask]
        for other in others:
            missed = [one for one in kept if not self.overlap(one, other)]
            kept = missed + [
                part for one in kept if self.overlap(one, other) for part in self.disjoint_pieces(one, other)
            ]
            if len(kept) > MOST_BOXES:
                raise _too_many()
        return kept

    def covered(self, mask: int, others: Iterable[int]) -> bool:
        """Return whether a box is within the union of others.

        Notes
        -----
        It is cut along the one that leaves least of it, and what is left is looked at in the same way.
        """
        todo = [(mask, list(others))]
        seen = 0
        while todo:
            part, rest = todo.pop()
            near = self._nearest(part, rest)
            if part & ~reduce(or_, near, 0):
                return False
            seen += 1
            if seen > MOST_BOXES:
                raise _too_many()
            todo.extend((piece, near[1:]) for piece in self.disjoint_pieces(part, near[0]))
        return True

    def _nearest(self, mask: int, others: Iterable[int]) -> list[int]:
        """Return the boxes overlapping a box, in ascending order of the rest they leave.

        Those that leave least of it come first.
        """
        return sorted(
            (other for other in others if self.overlap(mask, other)),
            key=lambda other: sum(bool(mask & ~other & field) for field in self.fields),
        )

    def maximal(self, masks: Sequence[int]) -> list[int] | None:
        """Return all maximal boxes of the union of boxes, or None if they are too many.

        Notes
        -----
        By consensus: two boxes make a third that in one dimension has what is in either, and in all others what is in
        both. What is within no other is added until nothing is.
        """
        known = set(absorbed(masks, []))
        todo = list(combinations(sorted(known), 2))
        seen = 0
        while todo:
            one, two = todo.pop()
            if one not in known or two not in known:
                continue
            seen += 1
            for box in self._consensus(one, two):
                if any(not box & ~other for other in known):
                    continue
                known = {other for other in known if other & ~box}
                todo += [(box, other) for other in sorted(known)]
                known.add(box)
            if len(known) > MOST_MAXIMAL or seen > MOST_BOXES:
                return None
        return sorted(known)

    def _consensus(self, one: int, two: int) -> Iterator[int]:
        common = one & two
        apart = [field for field in self.fields if not common & field]
        if len(apart) > 1:
            return
        for field in apart or self.fields:
            # Where one has all that the other has, the third box would be within one of the two.
            if one & ~two & field and two & ~one & field:
                yield common | ((one | two) & field)


def absorbed(masks: Iterable[int], kept: list[int]) -> list[int]:
    """Return `kept` with those of other boxes within none, each once.

    Of `kept`, and of what is returned, none is within another.
    """
    kept = list(kept)
    # A box is within none that has fewer classes.
    for mask in sorted(masks, key=lambda one: (-one.bit_count(), one)):
        if all(mask & ~other for other in kept):
            kept.append(mask)
    return kept


def _too_many() -> DocumentRefused:
    return DocumentRefused(
        f"its powers overlap with others in more than {MOST_BOXES:,} ways and cannot be compared",
        code="unsupported",
    )
