"""The compiled matcher: immutable arrays, at most 24 bytes an entry.

Nearly all reads are of no interest, so that what matters is how fast they are let pass: a hash of the plate's
skeleton (`skeletons.hashes`) and two bits of a filter settle 98 in 100. The others look into a bucket of about
three entries; what is left then has the skeleton of an entry, and is decided by docs/spec/hotlist.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wicketgate.base.errors import ShapeError
from wicketgate.hotlists.skeletons import EXACT_KEYS, NO_MATCH, differences, hashes, text_of
from wicketgate.reads.plates import position_decides

MOST_SUBSTITUTIONS: Final = 2
"""Places in which a possible hit may differ."""

_HASH_BITS: Final = 32
_SECOND_US: Final = 1_000_000
_MOST_DISTINCT: Final = 1 << 16
_SAMPLE: Final = 1 << 18
_BITS: Final[NDArray[np.uint8]] = (1 << np.arange(8)).astype(np.uint8)
_MOST_BYTES: Final = 24  # an entry
_MOST_FILTER: Final = 9  # half bytes of them for the filter: of 36 bits two are set
_LINE_BITS: Final = 9
_LINE: Final = np.uint32(0xFFFF_FFFF << _LINE_BITS & 0xFFFF_FFFF)
_SPREAD: Final = np.uint32(0x9E37_79B1)
_NO_SLOTS: Final = np.empty(0, np.intp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Reads with an entry, one entry each.

    Attributes
    ----------
    rows : (h,) intp
        Reads, ascending.
    entry : (h,) intp
        The number of the entry in the hotlist.
    exact : (h,) bool
        True where the plates are the same, False for a possible hit.
    substitutions : (h,) uint8
        0 for an exact hit; 1 or 2 places that differ for a possible one.
    """

    rows: NDArray[np.intp]
    entry: NDArray[np.intp]
    exact: NDArray[np.bool_]
    substitutions: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.rows)


NOTHING: Final = Found(
    rows=_NO_SLOTS, entry=_NO_SLOTS, exact=np.empty(0, np.bool_), substitutions=np.empty(0, np.uint8)
)


class Times:
    """A column of exact times in as few bytes as possible.

    Whole seconds from 1970 to 2106 take four bytes; up to 65,536 different times two, as the times at which
    lists were changed are few; any others eight.
    """

    __slots__ = ("_codes", "_table")

    def __init__(self, at_us: NDArray[np.int64]) -> None:
        self._table: NDArray[np.int64] | None = None
        self._codes: NDArray[np.generic] = at_us.copy()
        distinct = np.unique(at_us[:_SAMPLE])
        if len(distinct) <= _MOST_DISTINCT and len(at_us) > _SAMPLE:
            distinct = np.unique(at_us)
        seconds, rest = np.divmod(at_us, _SECOND_US)
        if len(distinct) <= min(_MOST_DISTINCT, len(at_us) // 4):
            self._table = distinct
            self._codes = distinct.searchsorted(at_us).astype(np.uint16)
        elif not rest.any() and seconds.min(initial=0) >= 0 and seconds.max(initial=0) < 1 << 32:
            self._codes = seconds.astype(np.uint32)

    @property
    def nbytes(self) -> int:
        """The bytes of the column."""
        return self._codes.nbytes + (0 if self._table is None else self._table.nbytes)

    def at(self, slots: NDArray[np.intp] | slice) -> NDArray[np.int64]:
        """Return the times of some entries, microseconds since the epoch."""
        codes = self._codes[slots]
        times: NDArray[np.int64] = codes.astype(np.int64) if self._table is None else self._table[codes]
        if codes.dtype == np.uint32:
            times *= _SECOND_US
        return times

    def smallest(self, chosen: NDArray[np.bool_], place: int) -> int:
        """Return which time stands at a place, from 0, among some entries in the order of their times. O(m)."""
        # Whatever stands for a time, a later time has a greater one.
        code = np.partition(self._codes[chosen], place)[place]
        if self._table is not None:
            return int(self._table[code])
        return int(code) * (_SECOND_US if self._codes.dtype == np.uint32 else 1)


class HotlistIndex:
    """Entries compiled for look-ups, never changed.

    Made by `HotlistIndex.build` alone. Entries have numbers from 0, in the order that `build` returns.
    """

    __slots__ = (
        "_bucket_shift",
        "_filter",
        "_filter_shift",
        "_listed",
        "_starts",
        "_texts",
        "_until",
        "keys",
    )

    keys: NDArray[np.uint64]
    """(m,) packed plates, by number; read-only."""

    def __init__(
        self,
        *,
        keys: NDArray[np.uint64],
        hashed: NDArray[np.uint32],
        listed: Times,
        until: Times,
        texts: dict[int, str],
    ) -> None:
        m = len(keys)
        bucket_bits = max(1, m.bit_length() - 2)  # two to four entries a bucket: 1 to 2 bytes an entry
        spare = _MOST_BYTES * m - keys.nbytes - listed.nbytes - until.nbytes - (4 << bucket_bits)
        filter_bits = (8 * min(max(spare, m), _MOST_FILTER * m // 2)).bit_length() - 1
        filter_bits = min(max(_LINE_BITS, filter_bits), _HASH_BITS)
        self._bucket_shift = np.uint32(_HASH_BITS - bucket_bits)
        self._filter_shift = np.uint32(_HASH_BITS - filter_bits)
        edges = np.arange(1 << bucket_bits, dtype=np.uint64) << np.uint64(_HASH_BITS - bucket_bits)
        self._starts = np.full(len(edges) + 1, m, dtype=np.uint32)
        self._starts[:-1] = hashed.searchsorted(edges.astype(np.uint32))
        bits = np.zeros(1 << filter_bits, dtype=np.bool_)
        first = hashed >> self._filter_shift
        bits[first] = True
        bits[_second(first, hashed)] = True
        self._filter = np.packbits(bits, bitorder="little")
        self.keys, self._listed, self._until, self._texts = keys, listed, until, texts
        for array in (keys, self._starts, self._filter):
            array.flags.writeable = False

    @classmethod
    def build(
        cls,
        keys: NDArray[np.uint64],
        listed_us: NDArray[np.int64],
        until_us: NDArray[np.int64],
        *,
        plates: Sequence[str] | None = None,
        precedence: Callable[[int], Any] | None = None,
    ) -> tuple[HotlistIndex, NDArray[np.intp]]:
        """Compile entries.

        Parameters
        ----------
        keys : (m,) uint64
            Packed plates of the entries, in any order; a plate may come more than once.
        listed_us, until_us : (m,) int64
            When each entry counts, half-open, microseconds since the epoch.
        plates : (m,) sequence of str, optional
            The plates; needed only where a key is 2**63 or more.
        precedence : callable, optional
            From a place in `keys` to what is compared where several entries are equally good for a read; the least
            goes first. Asked only about entries whose skeletons are the same. Without it the order given counts.

        Returns
        -------
        hotlist : HotlistIndex
        order : (m,) intp
            The entry of number e is the one at `order[e]` of what was given.

        Raises
        ------
        ShapeError
            If columns differ in shape or type, a key is 0, or a hashed key comes without plates.

        Notes
        -----
        O(m log m): about 0.3 µs an entry at a million.
        """
        m = len(keys)
        typed = keys.dtype == np.uint64 and listed_us.dtype == until_us.dtype == np.int64
        if not typed or not keys.shape == listed_us.shape == until_us.shape == (m,) or m >= 1 << _HASH_BITS:
            raise ShapeError("a hotlist is made of columns of uint64, int64 and int64 of one length")
        if not keys.all():
            raise ShapeError("an entry without a plate")
        sortable = hashes(keys).astype(np.uint64)
        sortable <<= np.uint64(_HASH_BITS)
        sortable |= np.arange(m, dtype=np.uint64)
        sortable.sort()
        order = (sortable & np.uint64((1 << _HASH_BITS) - 1)).astype(np.intp)
        sortable >>= np.uint64(_HASH_BITS)
        hashed = sortable.astype(np.uint32)
        del sortable
        if precedence is not None:
            _order_equals(hashed, order, precedence)
        keys = keys[order]
        texts: dict[int, str] = {}
        for number in (keys >= EXACT_KEYS).nonzero()[0].tolist():
            if plates is None:
                raise ShapeError("keys from 2**63 need their plates")
            texts[number] = plates[order[number]]
        listed, until = Times(listed_us[order]), Times(until_us[order])
        return cls(keys=keys, hashed=hashed, listed=listed, until=until, texts=texts), order

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def nbytes(self) -> int:
        """The bytes of the arrays.

        At most 24 an entry, as long as `until_us` are whole seconds.
        """
        arrays = self.keys.nbytes + self._starts.nbytes + self._filter.nbytes
        return arrays + self._listed.nbytes + self._until.nbytes

    @property
    def listed_us(self) -> NDArray[np.int64]:
        """The time of each entry's beginning, by number, (m,)."""
        return self._listed.at(slice(None))

    @property
    def until_us(self) -> NDArray[np.int64]:
        """The time of each entry's end, by number, (m,)."""
        return self._until.at(slice(None))

    def look(
        self,
        plate_key: NDArray[np.uint64],
        plate: Sequence[str],
        captured_us: NDArray[np.int64],
        at_us: int,
        *,
        hashed: NDArray[np.uint32] | None = None,
        without: NDArray[np.bool_] | None = None,
    ) -> Found:
        """Return the reads with an entry.

        Parameters
        ----------
        plate_key : (n,) uint64
            Packed plates; 0 is unreadable and never hits.
        plate : (n,) sequence of str
            The plates; looked at only where a key is 2**63 or more.
        captured_us : (n,) int64
            Times of capture, microseconds since the epoch, any order.
        at_us : int
            The moment of the decision. An entry must be listed at both moments.
        hashed : (n,) uint32, optional
            `hashes(plate_key)`, where it is known already.
        without : (m,) bool, optional
            True for entries that are to be left out.

        Returns
        -------
        Found
            Of several entries for one read the one that is exact, else has fewer substitutions, else
            precedes.

        Raises
        ------
        ShapeError
            If columns differ in length.

        Notes
        -----
        Where nothing is found: about 25 µs, and 30 ns a read. docs/spec/hotlist.md has the rules.
        """
        if not len(plate_key) == len(plate) == len(captured_us):
            raise ShapeError("columns of reads differ in length")
        row, number = self._pairs_with_equal_hash(hashes(plate_key) if hashed is None else hashed)
        if not len(row):
            return NOTHING
        captured = captured_us[row]
        substitutions = self._substitutions(plate_key, plate, row, number)
        found = substitutions <= MOST_SUBSTITUTIONS
        found &= self._listed.at(number) <= np.minimum(captured, at_us)
        found &= self._until.at(number) > np.maximum(captured, at_us)
        if without is not None:
            found &= ~without[number]
        if not found.all():
            row, number, substitutions = row[found], number[found], substitutions[found]
            if not len(row):
                return NOTHING
        if len(row) > 1 and (row[1:] == row[:-1]).any():
            order = np.lexsort((number, substitutions, row))
            row, number, substitutions = row[order], number[order], substitutions[order]
            first = np.append(True, row[1:] != row[:-1])
            row, number, substitutions = row[first], number[first], substitutions[first]
        return Found(rows=row, entry=number, exact=substitutions == 0, substitutions=substitutions)

    def listed_rows(
        self,
        plate_key: NDArray[np.uint64],
        plate: Sequence[str],
        captured_us: NDArray[np.int64],
        at_us: int,
        *,
        hashed: NDArray[np.uint32],
        without: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.intp]:
        """Return the reads that an entry is for exactly, and that counts at the capture or at the decision; ascending.

        Parameters are those of `look`. What it finds stays, where `look` finds what leaves: so either moment is enough,
        and no possible hit is one.

        Notes
        -----
        Nearly all reads may be listed: what has the very key of an entry is found before skeletons are looked at.
        """
        row, number = self._pairs_in_buckets(hashed)
        if not len(row):
            return _NO_SLOTS
        keys = self.keys.take(number)
        same = keys == plate_key.take(row)
        same &= keys < EXACT_KEYS
        pairs = same.nonzero()[0]
        found = np.zeros(len(plate_key), dtype=np.bool_)
        counts = self._counts(row.take(pairs), number.take(pairs), captured_us, at_us, without)
        found[row.take(pairs[counts])] = True
        pairs = (~found.take(row)).nonzero()[0]
        pairs = pairs[hashes(keys.take(pairs)) == hashed.take(row.take(pairs))]
        if len(pairs):
            row, number = row.take(pairs), number.take(pairs)
            counts = self._counts(row, number, captured_us, at_us, without)
            counts &= self._substitutions(plate_key, plate, row, number) == 0
            found[row[counts]] = True
        return found.nonzero()[0]

    def _counts(
        self,
        row: NDArray[np.intp],
        number: NDArray[np.intp],
        captured_us: NDArray[np.int64],
        at_us: int,
        without: NDArray[np.bool_] | None,
    ) -> NDArray[np.bool_]:
        """Return whether the entry of each pair counts at the capture, or at the decision, and is not left out."""
        captured, listed_us, until_us = captured_us.take(row), self._listed.at(number), self._until.at(number)
        counts: NDArray[np.bool_] = (listed_us <= at_us) & (until_us > at_us)
        counts |= (listed_us <= captured) & (until_us > captured)
        if without is not None:
            counts &= ~without.take(number)
        return counts

    def fewer_from(self, chosen: NDArray[np.bool_], least: int) -> int | None:
        """Return from when on fewer than `least` of some entries count; None if they are fewer. O(m)."""
        many = int(np.count_nonzero(chosen))
        return None if many < least else self._until.smallest(chosen, many - least)

    def numbers(self, plate_key: NDArray[np.uint64], plate: Sequence[str]) -> NDArray[np.intp]:
        """Return the entry's number for each of these very plates, or -1.

        Confusions and times do not count.
        """
        numbers = np.full(len(plate_key), -1, dtype=np.intp)
        row, number = self._pairs_with_equal_hash(hashes(plate_key))
        same = (plate_key[row] == self.keys[number]) & (
            self._substitutions(plate_key, plate, row, number) == 0
        )
        # The last assignment counts: by going backwards, the first of several entries of one plate.
        numbers[row[same][::-1]] = number[same][::-1]
        return numbers

    def _pairs_with_equal_hash(self, hashed: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return pairs of a read and an entry with equal hashes.

        Reads and then entries ascend.
        """
        row, number = self._pairs_in_buckets(hashed)
        same = (hashes(self.keys.take(number)) == hashed.take(row)).nonzero()[0]
        return row.take(same), number.take(same)

    def _pairs_in_buckets(self, hashed: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return pairs of a read that the filter lets through and each entry of its bucket; both ascend."""
        bit = hashed >> self._filter_shift
        rows = self._is_set(bit).nonzero()[0]
        if len(rows):
            rows = rows[self._is_set(_second(bit.take(rows), hashed.take(rows))).nonzero()[0]]
        if not len(rows) or not len(self.keys):
            return _NO_SLOTS, _NO_SLOTS
        bucket = hashed.take(rows) >> self._bucket_shift
        first = self._starts.take(bucket).astype(np.intp)
        bucket += np.uint32(1)
        count = self._starts.take(bucket) - first
        first -= count.cumsum() - count  # where a bucket's entries begin, from where its pairs do
        row = rows.repeat(count)
        number = first.repeat(count)
        number += np.arange(len(number))
        return row, number

    def _is_set(self, bit: NDArray[np.uint32]) -> NDArray[np.uint8]:
        """Return for bits of the filter something other than 0 if set."""
        octets = self._filter.take(bit >> np.uint32(3))
        octets &= _BITS.take(bit & np.uint32(7))
        return octets

    def _substitutions(
        self,
        plate_key: NDArray[np.uint64],
        plate: Sequence[str],
        row: NDArray[np.intp],
        number: NDArray[np.intp],
    ) -> NDArray[np.uint8]:
        """Return the number of different places of each pair.

        0 where they are the same plate, `NO_MATCH` where there is no hit.
        """
        read, entry = plate_key.take(row), self.keys.take(number)
        substitutions = np.zeros(len(row), dtype=np.uint8)
        unequal = (read != entry).nonzero()[0]
        if len(unequal):
            misread, alike = differences(read.take(unequal), entry.take(unequal))
            for at in ((alike > 0) & (misread <= MOST_SUBSTITUTIONS)).nonzero()[0].tolist():
                pair = unequal[at]
                if not (_is_decided(read[pair]) or _is_decided(entry[pair])):
                    misread[at] += alike[at]
            substitutions[unequal] = misread
        for pair in (np.maximum(read, entry) >= EXACT_KEYS).nonzero()[0].tolist():
            same = plate[row[pair]] == self._texts.get(int(number[pair]))
            substitutions[pair] = 0 if same else NO_MATCH
        return substitutions


def _second(first: NDArray[np.uint32], hashed: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the second bit of the filter for hashes.

    It is in the same line of the cache as the first.
    """
    return (first & _LINE) | (hashed * _SPREAD >> np.uint32(_HASH_BITS - _LINE_BITS))


def _is_decided(key: np.uint64) -> bool:
    """Return whether UK syntax decides a packed plate's 0, O, 1 and I.

    Never of a hashed one.
    """
    return bool(key < EXACT_KEYS) and position_decides(text_of(int(key)))


def _order_equals(
    hashed: NDArray[np.uint32], order: NDArray[np.intp], precedence: Callable[[int], Any]
) -> None:
    """Put entries of equal hashes into order of precedence, in place."""
    same = np.concatenate(([False], hashed[1:] == hashed[:-1], [False]))
    starts = (~same[:-1] & same[1:]).nonzero()[0]
    ends = (same[:-1] & ~same[1:]).nonzero()[0] + 1
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        order[start:end] = sorted(order[start:end].tolist(), key=precedence)
