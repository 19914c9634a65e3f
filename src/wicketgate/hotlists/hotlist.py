"""A list in force: compiled entries under a layer of changes.

The layer is small. A list is an immutable value.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from wicketgate.hotlists.entries import Change, Entry
from wicketgate.hotlists.index import Found, HotlistIndex
from wicketgate.hotlists.packed import PackedEntries
from wicketgate.hotlists.skeletons import hashes
from wicketgate.reads.plates import pack_all

_LEAST_OVERLAY: Final = 1024
_OVERLAY_SHARE: Final = 8
_READ_AT_ONCE: Final = 1024
LONG_AGO_US: Final = -(1 << 62)
"""Before every decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRows:
    """Reads with an entry in a list, one entry each.

    Attributes
    ----------
    rows : (h,) intp
        Reads, ascending.
    entries : (h,) tuple of Entry
        What each read hits.
    exact : (h,) bool
        True where the plates are the same, False for a possible hit.
    substitutions : (h,) uint8
        0 for an exact hit; 1 or 2 places that differ for a possible one.
    """

    rows: NDArray[np.intp]
    entries: tuple[Entry, ...]
    exact: NDArray[np.bool_]
    substitutions: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class HotlistChanges:
    """The numbers of plates added, changed and removed."""

    added: int
    changed: int
    removed: int


@dataclass(frozen=True, slots=True)
class _Layer:
    """Entries and their index, under the same numbers.

    `kind` says by number which of `kinds` each entry is of.
    """

    entries: Sequence[Entry]
    index: HotlistIndex
    kinds: tuple[str, ...]
    kind: NDArray[np.uint16]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> _Layer:
        m = len(entries)
        return cls.compiled(
            entries,
            pack_all([entry.plate for entry in entries]),
            np.fromiter((entry.listed_us for entry in entries), np.int64, m),
            np.fromiter((entry.until_us for entry in entries), np.int64, m),
        )

    @classmethod
    def read(cls, entries: Iterable[Entry]) -> _Layer:
        """Return the packed layer of entries that come one by one; of several for one plate, of the last."""
        keys: list[NDArray[np.uint64]] = []
        listed_us, until_us = array("q"), array("q")
        kinds: dict[str, int] = {}
        kind = array("H")

        def noted() -> Iterator[Entry]:
            rest = iter(entries)
            while some := list(islice(rest, _READ_AT_ONCE)):
                keys.append(pack_all([entry.plate for entry in some]))
                listed_us.extend([entry.listed_us for entry in some])
                until_us.extend([entry.until_us for entry in some])
                kind.extend([_number_of(entry.kind, kinds) for entry in some])
                yield from some

        packed = PackedEntries.of(noted())
        key = np.concatenate(keys) if keys else np.empty(0, np.uint64)
        if len(np.unique(key)) < len(key) or np.any(key >> np.uint64(63)):
            # Some plates come twice, or are too long for a key that is theirs alone: they are compared as texts.
            return cls.of(tuple({entry.plate: entry for entry in packed}.values())).packed()
        index, order = HotlistIndex.build(
            key,
            np.array(listed_us, np.int64),
            np.array(until_us, np.int64),
            precedence=lambda place: packed[place].precedence,
        )
        return cls(packed.in_order(order), index, tuple(kinds), np.array(kind, np.uint16)[order])

    @classmethod
    def compiled(
        cls,
        entries: Sequence[Entry],
        keys: NDArray[np.uint64],
        listed_us: NDArray[np.int64],
        until_us: NDArray[np.int64],
    ) -> _Layer:
        index, order = HotlistIndex.build(
            keys,
            listed_us,
            until_us,
            plates=[entry.plate for entry in entries]
            if len(entries) and keys.max() >> np.uint64(63)
            else None,
            precedence=lambda place: entries[place].precedence,
        )
        kinds: dict[str, int] = {}
        kind = np.fromiter((_number_of(entry.kind, kinds) for entry in entries), np.uint16, len(entries))
        return cls(tuple([entries[place] for place in order.tolist()]), index, tuple(kinds), kind[order])

    def packed(self) -> _Layer:
        """Return this layer with its entries as bytes."""
        return type(self)(PackedEntries.of(self.entries), self.index, self.kinds, self.kind)

    def joined(self, kept: NDArray[np.bool_], other: _Layer) -> _Layer:
        """Return this layer's remaining entries and all of another as one."""
        return self.compiled(
            [*self.entries_where(kept), *other.entries],
            np.concatenate([self.index.keys[kept], other.index.keys]),
            np.concatenate([self.index.listed_us[kept], other.index.listed_us]),
            np.concatenate([self.index.until_us[kept], other.index.until_us]),
        )

    def entries_where(self, mask: NDArray[np.bool_]) -> list[Entry]:
        return [self.entries[number] for number in mask.nonzero()[0].tolist()]

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """Return which entries are of a kind, (m,)."""
        if kind not in self.kinds:
            return np.zeros(len(self.kind), np.bool_)
        found: NDArray[np.bool_] = self.kind == self.kinds.index(kind)
        return found

    def count_kinds(self, kept: NDArray[np.bool_] | None = None) -> dict[str, int]:
        """Return how many entries are of each kind; `kept` leaves some out."""
        kind = self.kind if kept is None else self.kind[kept]
        return dict(zip(self.kinds, np.bincount(kind, minlength=len(self.kinds)).tolist(), strict=True))


def _number_of(kind: str, kinds: dict[str, int]) -> int:
    """Return the number of a kind, a new one for one that is new."""
    return kinds.setdefault(kind, len(kinds))


_NO_LAYER: Final = _Layer.of(())
_NO_HITS: Final = ListedRows(
    rows=np.empty(0, np.intp),
    entries=(),
    exact=np.empty(0, np.bool_),
    substitutions=np.empty(0, np.uint8),
)


class Hotlist:
    """The entries of one authority, one a plate, ready to be matched.

    It never changes: `changed` returns another, which shares what it can. Some 70 bytes an entry as a rule, and the
    24 bytes of the index; about 0.5 KB for one in the layer of changes.
    """

    __slots__ = ("_base", "_fewer", "_hidden", "_overlay", "_size")

    def __init__(self, base: _Layer, overlay: _Layer, hidden: NDArray[np.bool_]) -> None:
        self._base, self._overlay = base, overlay
        self._hidden = hidden  # of `base`: what `overlay` replaces, and what was removed
        self._fewer: dict[tuple[str, int], int] = {}
        self._size = len(base.entries) - int(np.count_nonzero(hidden)) + len(overlay.entries)

    @classmethod
    def empty(cls) -> Self:
        """Return a list without entries."""
        return cls.of(())

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """Return the list of some entries, in any order.

        Of several for one plate the last counts. O(m log m). Entries that come one by one are never all in memory.
        """
        base = _Layer.read(entries)
        return cls(base, _NO_LAYER, np.zeros(len(base.entries), np.bool_))

    def changed(self, changes: Sequence[Change]) -> Self:
        """Return the list after changes.

        Of several for one plate the last counts. Removing a plate that is not listed changes nothing.

        Notes
        -----
        Some 0.2 ms at few changes, and the time to compile the layer of changes, 1 µs for each that it holds.
        When they are more than 1,024 and an eighth of the list, everything is compiled anew.
        """
        last = {change.plate: change.entry for change in changes}
        if not last:
            return self
        plates = list(last)
        keys = pack_all(plates)
        hidden = self._hidden.copy()
        _mark(hidden, self._base.index.numbers(keys, plates))
        kept = np.ones(len(self._overlay.entries), np.bool_)
        _mark(kept, self._overlay.index.numbers(keys, plates), False)
        added = _Layer.of([entry for entry in last.values() if entry is not None])
        overlay = self._overlay.joined(kept, added) if kept.any() else added
        layered = type(self)(self._base, overlay, hidden)
        weight = len(overlay.entries) + int(np.count_nonzero(hidden))
        if weight <= max(_LEAST_OVERLAY, len(self._base.entries) // _OVERLAY_SHARE):
            return layered
        return self.of(layered.entries())  # one by one: of tens of millions not all can be objects

    def tally(self, changes: Sequence[Change]) -> HotlistChanges:
        """Return the effect of changes in numbers.

        An entry that is the same as before counts as nothing.
        """
        last = {change.plate: change.entry for change in changes}
        before = self.known(list(last))
        pairs = [(old, new) for old, new in zip(before, last.values(), strict=True) if old != new]
        return HotlistChanges(
            added=sum(old is None for old, _ in pairs),
            changed=sum(old is not None and new is not None for old, new in pairs),
            removed=sum(new is None for _, new in pairs),
        )

    def __len__(self) -> int:
        return self._size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Hotlist):
            return NotImplemented
        return len(self) == len(other) and all(
            one == another for one, another in zip(self.entries(), other.entries(), strict=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def entries(self) -> Iterator[Entry]:
        """Yield the entries by packed plate, ended ones too.

        O(m log m) before the first.
        """
        shown = ~self._hidden
        keys = np.concatenate([self._base.index.keys[shown], self._overlay.index.keys])
        numbers = np.concatenate(
            [shown.nonzero()[0], np.arange(len(self._overlay.entries)) + len(self._base.entries)]
        )
        m = len(self._base.entries)
        numbers = numbers[np.argsort(keys, kind="stable")]
        for first in range(0, len(numbers), _READ_AT_ONCE):
            for number in numbers[first : first + _READ_AT_ONCE].tolist():
                yield self._base.entries[number] if number < m else self._overlay.entries[number - m]

    def entry(self, plate: str) -> Entry | None:
        """Return the entry of a plate in normal form, ended or not.

        Nothing is confused. Some 60 µs.
        """
        return self.known([plate])[0]

    def known(self, plates: Sequence[str]) -> list[Entry | None]:
        """Return the entry of each of these plates.

        As `entry` does. Some 2 µs each when there are many.
        """
        keys = pack_all(plates)
        found: list[Entry | None] = [None] * len(plates)
        for layer, hidden in ((self._base, self._hidden), (self._overlay, None)):
            numbers = layer.index.numbers(keys, plates)
            for row in (numbers >= 0).nonzero()[0].tolist():
                if hidden is None or not hidden[numbers[row]]:
                    found[row] = layer.entries[numbers[row]]
        return found

    def ended(self, at_us: int) -> list[Entry]:
        """Return the entries ended at a time.

        They are to be removed. O(m), 2 ns an entry.
        """
        ended = (self._base.index.until_us <= at_us) & ~self._hidden
        return [
            *self._base.entries_where(ended),
            *self._overlay.entries_where(self._overlay.index.until_us <= at_us),
        ]

    def ending(self, from_us: int, until_us: int, most: int) -> tuple[int, list[Entry]]:
        """Return how many entries stop counting in a time, and the first of them.

        Parameters
        ----------
        from_us, until_us : int
            Those behind the first, and up to the second.
        most : int
            Entries to return. O(m), some ns an entry, and the time to sort those found.
        """
        count, found = 0, []
        for layer, hidden in ((self._base, self._hidden), (self._overlay, None)):
            ends_us = layer.index.until_us
            chosen = (ends_us > from_us) & (ends_us <= until_us)
            if hidden is not None:
                chosen &= ~hidden
            numbers = chosen.nonzero()[0]
            count += len(numbers)
            first = numbers[np.argsort(ends_us[numbers], kind="stable")[:most]]
            found += [layer.entries[number] for number in first.tolist()]
        found.sort(key=lambda entry: (entry.until_us, entry.plate))
        return count, found[:most]

    def kinds(self) -> dict[str, int]:
        """Return how many entries are of each kind, ended ones too. O(m), 2 ns an entry."""
        found = self._base.count_kinds(~self._hidden)
        for kind, entries in self._overlay.count_kinds().items():
            found[kind] = found.get(kind, 0) + entries
        return found

    def fewer_from(self, kind: str, least: int) -> int:
        """Return from when on fewer than `least` entries of a kind count, as the list stands; long ago if it has fewer.

        O(m) when it is first asked for, some 10 ns an entry.
        """
        found = self._fewer.get((kind, least))
        if found is None:
            found = self._fewer[kind, least] = self._find_fewer(kind, least)
        return found

    def _find_fewer(self, kind: str, least: int) -> int:
        base = self._base.of_kind(kind) & ~self._hidden
        overlay = self._overlay.of_kind(kind)
        if not overlay.any():
            found = self._base.index.fewer_from(base, least)
            return LONG_AGO_US if found is None else found
        until_us = np.concatenate([self._base.index.until_us[base], self._overlay.index.until_us[overlay]])
        place = len(until_us) - least
        return LONG_AGO_US if place < 0 else int(np.partition(until_us, place)[place])

    def listed_rows(
        self,
        plate_key: NDArray[np.uint64],
        plate: Sequence[str],
        captured_us: NDArray[np.int64],
        at_us: int,
    ) -> NDArray[np.intp]:
        """Return the reads of listed plates, (h,), ascending (`HotlistIndex.listed_rows`): no entry is made for it."""
        hashed = hashes(plate_key)
        found = [
            layer.index.listed_rows(plate_key, plate, captured_us, at_us, hashed=hashed, without=without)
            for layer, without in ((self._base, self._hidden), (self._overlay, None))
            if layer.entries
        ]
        if len(found) == 1:
            return found[0]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.intp)

    def look(
        self,
        plate_key: NDArray[np.uint64],
        plate: Sequence[str],
        captured_us: NDArray[np.int64],
        at_us: int,
    ) -> ListedRows:
        """Return the reads with an entry.

        Arguments, rules and cost are those of `HotlistIndex.look`. Of several entries for one read, from whichever
        change, the one that is exact, else has fewer substitutions, else the smaller priority, else the smaller
        `voi`.
        """
        hashed = hashes(plate_key)
        layers: list[tuple[_Layer, Found]] = []
        for layer, without in ((self._base, self._hidden), (self._overlay, None)):
            if layer.entries:
                found = layer.index.look(plate_key, plate, captured_us, at_us, hashed=hashed, without=without)
                if len(found):
                    layers.append((layer, found))
        if not layers:
            return _NO_HITS
        if len(layers) == 1:
            layer, found = layers[0]
            entries = tuple([layer.entries[number] for number in found.entry.tolist()])
            return ListedRows(
                rows=found.rows, entries=entries, exact=found.exact, substitutions=found.substitutions
            )
        return _best(layers)


def _best(layers: Sequence[tuple[_Layer, Found]]) -> ListedRows:
    """Return the better one of two layers' entries for a read."""
    best: dict[int, tuple[int, Entry]] = {}
    for layer, found in layers:
        columns = found.rows.tolist(), found.substitutions.tolist(), found.entry.tolist()
        for row, substitutions, number in zip(*columns, strict=True):
            entry = layer.entries[number]
            known = best.get(row)
            if known is None or (substitutions, entry.precedence) < (known[0], known[1].precedence):
                best[row] = substitutions, entry
    rows = sorted(best)
    substitutions = np.array([best[row][0] for row in rows], dtype=np.uint8)
    return ListedRows(
        rows=np.array(rows, dtype=np.intp),
        entries=tuple([best[row][1] for row in rows]),
        exact=substitutions == 0,
        substitutions=substitutions,
    )


def _mark(flags: NDArray[np.bool_], numbers: NDArray[np.intp], value: bool = True) -> None:
    flags[numbers[numbers >= 0]] = value
