"""The reads of one minute of capture, in memory: tables by open addressing, probed for all rows of a post at once.

Pure. A digest is two words; the lowest bit of the first is always set, so that neither an empty slot nor a removed one
is taken for it.
"""

from __future__ import annotations

import mmap
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_Words = NDArray[np.uint64]
_Slots = NDArray[np.intp]
_Mask = NDArray[np.bool_]

_EMPTY, _REMOVED = 0, 2  # even: no digest is
SLOT: Final = 17
"""Bytes of a slot."""
_LEAST_BITS: Final = 8
_WIDER: Final = 2
_MOVED_BITS: Final = 14
_LARGE_BYTES: Final = 1 << 20


def _zeros(slots: int, kind: type[np.generic]) -> NDArray[Any]:
    """Return zeros for a table, in small pages.

    numpy asks for pages of 2 MiB. The first digests of a large table fall on as many of them as it has, the kernel
    clears each as it is touched, and the loop stands for a tenth of a second.
    """
    size = slots * np.dtype(kind).itemsize
    if size < _LARGE_BYTES or not hasattr(mmap, "MADV_NOHUGEPAGE"):
        return np.zeros(slots, kind)
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    pages.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, kind)


class DigestTable:
    """Digests by open addressing with linear probing, at most half full; it never grows.

    Parameters
    ----------
    bits : int
        It has 2**bits slots of `SLOT` bytes.
    """

    __slots__ = ("_first", "_flags", "_ints", "_mask", "_second", "_shift", "_waits", "bits", "free")

    def __init__(self, bits: int) -> None:
        slots = 1 << bits
        self._first: _Words = _zeros(slots, np.uint64)
        self._second: _Words = _zeros(slots, np.uint64)
        self._waits: _Mask = _zeros(slots, np.bool_)
        # One read is looked for by plain numbers: a call of numpy costs more than it.
        self._ints = self._first.data, self._second.data
        self._flags = self._waits.data
        self.bits = bits
        self._mask = slots - 1
        self._shift = 64 - bits
        self.free = slots // 2

    @property
    def used(self) -> int:
        """Slots in use: digests, and what was removed."""
        return (1 << self.bits) // 2 - self.free

    def _start(self, first: _Words) -> _Slots:
        return (first >> np.uint64(self._shift)).astype(np.intp)

    def find(self, first: _Words, second: _Words) -> _Slots:
        """Return the slots of digests, (n,), -1 for one that is not there."""
        slots = np.full(len(first), -1, np.intp)
        at, rows = self._start(first), np.arange(len(first))
        while len(rows):
            held = self._first[at]
            same = (held == first[rows]).nonzero()[0]
            if len(same):
                same = same[self._second[at[same]] == second[rows[same]]]
                slots[rows[same]] = at[same]
            go_on = held != _EMPTY
            go_on[same] = False
            rows, at = rows[go_on], (at[go_on] + 1) & self._mask
        return slots

    def add(self, first: _Words, second: _Words, *, waiting: bool) -> _Mask:
        """Add digests; return which are new, (n,).

        No two of them have the same first word, and no more are given than are `free`.
        """
        new = np.zeros(len(first), np.bool_)
        at, rows = self._start(first), np.arange(len(first))
        while len(rows):
            mine = first[rows]
            held = self._first[at]
            empty = (held == _EMPTY).nonzero()[0]
            known = (held == mine).nonzero()[0]
            known = known[self._second[at[known]] == second[rows[known]]]
            # Of several for one slot one is written last, and has it.
            self._first[at[empty]] = mine[empty]
            won = empty[self._first[at[empty]] == mine[empty]]
            self._second[at[won]] = second[rows[won]]
            self._waits[at[won]] = waiting
            new[rows[won]] = True
            go_on = np.ones(len(rows), np.bool_)
            go_on[won] = go_on[known] = False
            rows, at = rows[go_on], (at[go_on] + 1) & self._mask
        self.free -= int(np.count_nonzero(new))
        return new

    def move(self, other: DigestTable) -> None:
        """Take over the digests of another table, each waiting or not as there."""
        held = (other._first & np.uint64(1)).nonzero()[0]
        while len(held):
            # Equal first words one after the other, as `add` wants them.
            some = held[np.unique(other._first[held], return_index=True)[1]]
            for waiting in (False, True):
                rows = some[other._waits[some] == waiting]
                self.add(other._first[rows], other._second[rows], waiting=waiting)
            held = np.setdiff1d(held, some, assume_unique=True)

    def find_one(self, first: int, second: int) -> int:
        """Return the slot of one digest, or -1."""
        firsts, seconds = self._ints
        at = first >> self._shift
        while (held := firsts[at]) != _EMPTY:
            if held == first and seconds[at] == second:
                return at
            at = (at + 1) & self._mask
        return -1

    def add_one(self, first: int, second: int, *, waiting: bool) -> None:
        """Add one digest that is not there, where one is `free`."""
        firsts, seconds = self._ints
        at = first >> self._shift
        while firsts[at] != _EMPTY:
            at = (at + 1) & self._mask
        firsts[at], seconds[at] = first, second
        self._flags[at] = waiting
        self.free -= 1

    def settle(self, slots: _Slots) -> _Mask:
        """Note that digests wait no longer; return which did."""
        waited = self._waits[slots]
        self._waits[slots] = False
        return waited

    def remove(self, slots: _Slots) -> None:
        """Remove digests; their slots are lost to the table."""
        self._first[slots] = _REMOVED
        self._waits[slots] = False


class Minute:
    """The digests of one minute of capture that are in memory, waiting or not.

    Parameters
    ----------
    complete : bool
        Whether no digest of the minute lies on the disk alone.
    expected : int
        Digests that the first table has room for.

    Attributes
    ----------
    waiting : int
        Digests that are not durable yet.
    touched, opened : int
        When it last changed, and when it was made, by whatever count the caller keeps.

    Notes
    -----
    A full table is left as it is and a wider one put beside it, but for a small one, whose digests are moved: moving a
    million would hold the loop for a tenth of a second.
    """

    __slots__ = ("complete", "opened", "tables", "touched", "waiting")

    def __init__(self, *, complete: bool, expected: int, now: int) -> None:
        self.tables = [DigestTable(max(_LEAST_BITS, (2 * expected).bit_length()))]
        self.complete = complete
        self.waiting = 0
        self.touched = self.opened = now

    @property
    def count(self) -> int:
        """Slots in use: digests, and what was removed."""
        return sum(table.used for table in self.tables)

    def _room(self, rows: int) -> DigestTable:
        last = self.tables[-1]
        if last.free < rows:
            moved = last.bits <= _MOVED_BITS
            needed = rows + (last.used if moved else 0)
            wider = DigestTable(max(last.bits + _WIDER, (2 * needed).bit_length()))
            if moved:
                wider.move(last)
                self.tables.pop()
            self.tables.append(wider)
            last = wider
        return last

    def knows(self, first: _Words, second: _Words) -> _Mask:
        """Return which digests are in memory, (n,)."""
        known = np.zeros(len(first), np.bool_)
        for table in self.tables:
            known |= table.find(first, second) >= 0
        return known

    def add(self, first: _Words, second: _Words, *, waiting: bool) -> _Mask:
        """Add digests with distinct first words; return which are new, (n,)."""
        if len(self.tables) == 1 and self.tables[0].free >= len(first):
            new = self.tables[0].add(first, second, waiting=waiting)
        else:
            new = ~self.knows(first, second)
            if new.any():
                self._room(int(np.count_nonzero(new))).add(first[new], second[new], waiting=waiting)
        if waiting:
            self.waiting += int(np.count_nonzero(new))
        return new

    def knows_one(self, first: int, second: int) -> bool:
        """Return whether one digest is in memory."""
        if self.tables[-1].find_one(first, second) >= 0:
            return True
        return len(self.tables) > 1 and any(table.find_one(first, second) >= 0 for table in self.tables[:-1])

    def add_one(self, first: int, second: int, *, waiting: bool) -> None:
        """Add one digest that is not in memory."""
        table = self.tables[-1]
        if table.free <= 0:
            table = self._room(1)
        table.add_one(first, second, waiting=waiting)
        self.waiting += waiting

    def settle(self, first: _Words, second: _Words) -> tuple[_Mask, _Mask]:
        """Note that digests wait no longer; return which were in memory, and which of them waited, (n,) each.

        Of equal ones that waited, one.
        """
        known = np.zeros(len(first), np.bool_)
        waited = np.zeros(len(first), np.bool_)
        for table in self.tables:
            slots = table.find(first, second)
            rows = (slots >= 0).nonzero()[0]
            known[rows] = True
            slots, once = np.unique(slots[rows], return_index=True)
            waited[rows[once[table.settle(slots)]]] = True
        self.waiting -= int(np.count_nonzero(waited))
        return known, waited

    def settle_one(self, first: int, second: int) -> tuple[bool, bool]:
        """Do as `settle` for one digest."""
        for table in self.tables:
            slot = table.find_one(first, second)
            if slot >= 0:
                waited = bool(table._flags[slot])
                table._flags[slot] = False
                self.waiting -= waited
                return True, waited
        return False, False

    def forget(self, first: _Words, second: _Words) -> None:
        """Take back those of some digests that wait."""
        for table in self.tables:
            slots = np.unique(table.find(first, second))
            slots = slots[slots >= 0]
            slots = slots[table._waits[slots]]
            table.remove(slots)
            self.waiting -= len(slots)
