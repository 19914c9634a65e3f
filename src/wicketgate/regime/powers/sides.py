"""The sides of boxes: sets of one kind for each sort of dimension.

They are the sets of which powers are made. Pure.

Each kind is a Boolean algebra in which a set has exactly one value, however it was made: two sets are the same
if and only if they are equal. docs/spec/powers.md, section 2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

WITHOUT_END = 1 << 62
"""The end of a span that has none: above every length, count and position."""

WEEK_MINUTES = 7 * 24 * 60


class Side(ABC):
    """A box's holding in one dimension.

    Operands of one operation are of one kind.
    """

    __slots__ = ()

    @abstractmethod
    def __bool__(self) -> bool:
        """Return whether the set is not empty."""

    @abstractmethod
    def __contains__(self, value: Any) -> bool:
        """Return whether one value is in the set."""

    @abstractmethod
    def __and__(self, other: Self) -> Self:
        """Return the values in both sets."""

    @abstractmethod
    def __or__(self, other: Self) -> Self:
        """Return the values in either set."""

    @abstractmethod
    def __sub__(self, other: Self) -> Self:
        """Return the values in this set alone."""

    def __le__(self, other: Self) -> bool:
        """Return whether all of this set is in the other."""
        return self == other or not self - other

    def meets(self, other: Self) -> bool:
        """Return whether something is in both sets."""
        return bool(self & other)

    @property
    @abstractmethod
    def key(self) -> tuple[Any, ...]:
        """The sort key of sets of this kind."""


@dataclass(frozen=True, slots=True)
class Names(Side):
    """Some names, or all but some.

    Attributes
    ----------
    members : frozenset of str
        The names in it; or, if `others`, the only ones that are not.
    others : bool
        Whether every name is in it that `members` does not hold, known or not.
    """

    members: frozenset[str]
    others: bool = False

    def __bool__(self) -> bool:
        return self.others or bool(self.members)

    def __contains__(self, value: Any) -> bool:
        return (value in self.members) != self.others

    def __and__(self, other: Self) -> Self:
        if self.others:
            if other.others:
                return type(self)(self.members | other.members, True)
            return type(self)(other.members - self.members)
        return type(self)(self.members - other.members if other.others else self.members & other.members)

    def __or__(self, other: Self) -> Self:
        if self.others:
            return type(self)(
                self.members & other.members if other.others else self.members - other.members, True
            )
        if other.others:
            return type(self)(other.members - self.members, True)
        return type(self)(self.members | other.members)

    def __sub__(self, other: Self) -> Self:
        return self & type(self)(other.members, not other.others)

    def __le__(self, other: Self) -> bool:
        if self.others:
            return other.others and other.members <= self.members
        return self.members.isdisjoint(other.members) if other.others else self.members <= other.members

    def meets(self, other: Self) -> bool:
        if self.others or other.others:
            return bool(self & other)
        return not self.members.isdisjoint(other.members)

    @property
    def key(self) -> tuple[Any, ...]:
        return self.others, sorted(self.members)


ALL_NAMES = Names(frozenset(), True)


@dataclass(frozen=True, slots=True)
class Tree(Side):
    """A set of paths such as `crime/serious`, by whole subtrees.

    A path is in it or not as the longest marked path says that it is or lies below; a mark that says nothing new is
    left out. So a mark is a turn: there, and below, it is the other way round. A path is more than all of its known
    children together, since it may get others.

    Attributes
    ----------
    inside : bool
        Whether a path with no turn at or above it is in the set.
    turns : frozenset of str
        The paths at which being inside turns to being outside, or back.
    """

    inside: bool
    turns: frozenset[str]

    @classmethod
    def below(cls, paths: Iterable[str]) -> Self:
        """Return the set of some paths and everything below them."""
        chosen = set(paths)
        return cls(False, frozenset(path for path in chosen if chosen.isdisjoint(_above(path))))

    def __bool__(self) -> bool:
        return self.inside or bool(self.turns)

    def __contains__(self, value: Any) -> bool:
        turned = (value in self.turns) + sum(path in self.turns for path in _above(value))
        return self.inside != bool(turned % 2)

    def _with(self, other: Self, combine: Callable[[bool, bool], bool]) -> Self:
        turns = []
        for path in self.turns | other.turns:
            mine, theirs = path in self, path in other
            # What a path has from above is what its parent has: the other way round if the path is a turn itself.
            above = combine(mine != (path in self.turns), theirs != (path in other.turns))
            if combine(mine, theirs) != above:
                turns.append(path)
        return type(self)(combine(self.inside, other.inside), frozenset(turns))

    def __and__(self, other: Self) -> Self:
        return self if self == other else self._with(other, lambda mine, theirs: mine and theirs)

    def __or__(self, other: Self) -> Self:
        return self if self == other else self._with(other, lambda mine, theirs: mine or theirs)

    def __sub__(self, other: Self) -> Self:
        return self._with(other, lambda mine, theirs: mine and not theirs)

    def turn_above(self, path: str) -> str | None:
        """Return the nearest turn above a path, or None."""
        return next((above for above in _above(path) if above in self.turns), None)

    def whole(self) -> Self:
        """Return the set with each first step of a path whole if anything of it is in the set.

        Each first step of a path, of which something is in the set, is then in it as a whole.
        """
        turns = set()
        for first in {path.partition("/")[0] for path in self.turns}:
            touched = first in self or any(path.startswith(f"{first}/") for path in self.turns)
            if touched != self.inside:
                turns.add(first)
        return type(self)(self.inside, frozenset(turns))

    @property
    def key(self) -> tuple[Any, ...]:
        return self.inside, sorted(self.turns)


ALL_PATHS = Tree(True, frozenset())


def _above(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


@dataclass(frozen=True, slots=True)
class Spans(Side):
    """A set of whole numbers.

    Attributes
    ----------
    spans : tuple of (int, int)
        Half-open, ascending, with a gap between any two.
    """

    spans: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> Self:
        """Return the set of all numbers in some half-open spans.

        The spans may be in any order. Empty ones count for nothing.
        """
        merged: list[tuple[int, int]] = []
        for begin, end in sorted(span for span in spans if span[0] < span[1]):
            if merged and begin <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(end, merged[-1][1])
            else:
                merged.append((begin, end))
        return cls(tuple(merged))

    @classmethod
    def up_to(cls, most: int | None) -> Self:
        """Return the numbers from 0 to `most`, both inside, or all of them for None."""
        return cls(((0, WITHOUT_END if most is None else most + 1),))

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __contains__(self, value: Any) -> bool:
        return any(begin <= value < end for begin, end in self.spans)

    def __and__(self, other: Self) -> Self:
        if self.spans == other.spans:
            return self
        return type(self).of(
            (max(one[0], two[0]), min(one[1], two[1])) for one in self.spans for two in other.spans
        )

    def __or__(self, other: Self) -> Self:
        return self if self.spans == other.spans else type(self).of(self.spans + other.spans)

    def __sub__(self, other: Self) -> Self:
        left = list(self.spans)
        for begin, end in other.spans:
            left = [
                part
                for one in left
                for part in ((one[0], min(one[1], begin)), (max(one[0], end), one[1]))
                if part[0] < part[1]
            ]
        return type(self)(tuple(left))

    @property
    def key(self) -> tuple[Any, ...]:
        return self.spans


@dataclass(frozen=True, slots=True)
class Week(Side):
    """A set of minutes of the week, each as the clocks of some zone show it.

    Hours of one zone are never those of another: which they are changes with the seasons.

    Attributes
    ----------
    zones : tuple of (str, Spans)
        Minutes after midnight of Monday, by zone, ascending; only zones that differ from `elsewhere`.
    elsewhere : Spans
        The minutes of every other zone.
    """

    zones: tuple[tuple[str, Spans], ...]
    elsewhere: Spans

    @classmethod
    def of(cls, zones: Mapping[str, Spans], elsewhere: Spans) -> Self:
        """Return the set of minutes named for some zones, and for every other."""
        return cls(
            tuple((zone, spans) for zone, spans in sorted(zones.items()) if spans != elsewhere), elsewhere
        )

    def __bool__(self) -> bool:
        return bool(self.elsewhere) or bool(self.zones)

    def __contains__(self, value: Any) -> bool:
        zone, minute = value
        return minute in dict(self.zones).get(zone, self.elsewhere)

    def _with(self, other: Self, combine: Callable[[Spans, Spans], Spans]) -> Self:
        mine, theirs = dict(self.zones), dict(other.zones)
        return type(self).of(
            {
                zone: combine(mine.get(zone, self.elsewhere), theirs.get(zone, other.elsewhere))
                for zone in mine.keys() | theirs.keys()
            },
            combine(self.elsewhere, other.elsewhere),
        )

    def __and__(self, other: Self) -> Self:
        return self if self == other else self._with(other, lambda one, two: one & two)

    def __or__(self, other: Self) -> Self:
        return self if self == other else self._with(other, lambda one, two: one | two)

    def __sub__(self, other: Self) -> Self:
        return self._with(other, lambda one, two: one - two)

    @property
    def key(self) -> tuple[Any, ...]:
        return tuple((zone, spans.key) for zone, spans in self.zones), self.elsewhere.key


EVERY_HOUR = Week((), Spans(((0, WEEK_MINUTES),)))
