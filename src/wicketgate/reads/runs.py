"""The reads of past minutes on the disk: sorted runs of digests in LMDB.

A minute of capture has a run for each flush that brought it something, until they are merged. A run lies in parts of
bounded size, each under its minute, the flush that wrote it, and its lowest digest: the keys say which part, a binary
search finds the digest. What is past its term goes by whole parts, from one end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import lmdb
import numpy as np
from numpy.typing import NDArray

from wicketgate.base.sums import SIZE, has_sum, is_whole, summed

PART: Final = 16_384
"""Digests of a part: 256 KiB, so that no write holds other threads for long."""
_MOST_RUNS: Final = 4
_KEY: Final = struct.Struct(">IQQ")
_MINUTE: Final = struct.Struct(">I")
_WORDS: Final = np.dtype("<u8")

_Words = NDArray[np.uint64]
_Mask = NDArray[np.bool_]


class _SortedRun:
    """Where the parts of one run lie: their keys, and the lowest first word of each."""

    __slots__ = ("keys", "lowest")

    def __init__(self, keys: list[bytes]) -> None:
        self.keys = keys
        self.lowest = np.array([_KEY.unpack(key)[2] for key in keys], np.uint64)


class Runs:
    """The runs in one LMDB environment.

    Look-ups take the transaction to look in; what they found of a minute's keys is kept until `renew`.
    """

    def __init__(self, environment: lmdb.Environment) -> None:
        self._database = environment.open_db(b"runs")
        self._known: dict[int, list[_SortedRun]] = {}
        # A part is looked at once in a process: none is written twice under one key.
        self._whole: dict[int, set[bytes]] = {}

    def renew(self) -> None:
        """Forget where runs lie: another view shows others."""
        self._known.clear()

    def there(self, view: lmdb.Transaction, minute: int) -> bool:
        """Return whether a minute has any run."""
        return bool(self._of(view, minute))

    def find(self, view: lmdb.Transaction, minute: int, first: _Words, second: _Words) -> _Mask:
        """Return which digests of a minute are there, (n,).

        About 1 µs a digest where a minute has millions, less where it has few.
        """
        known = np.zeros(len(first), np.bool_)
        for run in self._of(view, minute):
            parts = np.searchsorted(run.lowest, first, "right") - 1
            for part in np.unique(parts[parts >= 0]).tolist():
                rows = (parts == part).nonzero()[0]
                data = self._digests(view, run.keys[part])
                known[rows] |= _among(data, first[rows], second[rows])
        return known

    def put(
        self, transaction: lmdb.Transaction, minute: int, flush: int, first: _Words, second: _Words
    ) -> None:
        """Write digests as a run; of equal ones that lie side by side, one."""
        order = np.argsort(first)
        first, second = first[order], second[order]
        fresh = np.ones(len(first), np.bool_)
        fresh[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
        first, second = first[fresh], second[fresh]
        start = 0
        while start < len(first):
            # Equal first words stay in one part: the part is found by them.
            stop = int(np.searchsorted(first, first[min(start + PART, len(first)) - 1], "right"))
            data = np.concatenate((first[start:stop], second[start:stop])).astype(_WORDS, copy=False)
            key = _KEY.pack(minute, flush, int(first[start]))
            transaction.put(key, summed(data.tobytes()), db=self._database)
            start = stop

    def merge(self, transaction: lmdb.Transaction, minute: int, flush: int) -> None:
        """Make one run of a minute's, if they are many."""
        keys = list(_keys_of(transaction, self._database, minute))
        if len({_KEY.unpack(key)[1] for key in keys}) <= _MOST_RUNS:
            return
        found = [self._digests(transaction, key).copy() for key in keys]
        for key in keys:
            transaction.delete(key, db=self._database)
        self.put(
            transaction,
            minute,
            flush,
            np.concatenate([one[0] for one in found]),
            np.concatenate([one[1] for one in found]),
        )

    def end(self, transaction: lmdb.Transaction, minute: int) -> None:
        """Delete the runs of all minutes before this one."""
        limit = _MINUTE.pack(minute)
        for ended in [one for one in list(self._whole) if one < minute]:
            self._whole.pop(ended, None)
        cursor = transaction.cursor(db=self._database)
        while cursor.first() and bytes(cursor.key()) < limit:
            cursor.delete()

    def _digests(self, view: lmdb.Transaction, key: bytes) -> _Words:
        """Return a part as its first words and its second words, (2, n).

        Raises
        ------
        lmdb.CorruptedError
            If it is not as it was written: what it knew would be taken for new.
        """
        data = view.get(key, db=self._database)
        assert data is not None  # the key was found in the same view
        if not has_sum(data):  # as earlier versions wrote it
            return np.frombuffer(data, _WORDS).reshape(2, -1)
        checked = self._whole.setdefault(_MINUTE.unpack_from(key)[0], set())
        if key not in checked:
            if not is_whole(data):
                raise lmdb.CorruptedError("runs: a part of a minute is not as it was written")
            checked.add(key)
        return np.frombuffer(data, _WORDS, (len(data) - SIZE) // _WORDS.itemsize).reshape(2, -1)

    def _of(self, view: lmdb.Transaction, minute: int) -> list[_SortedRun]:
        known = self._known.get(minute)
        if known is None:
            by_flush: dict[int, list[bytes]] = {}
            for key in _keys_of(view, self._database, minute):
                by_flush.setdefault(_KEY.unpack(key)[1], []).append(key)
            known = self._known[minute] = [_SortedRun(keys) for keys in by_flush.values()]
        return known


def _keys_of(transaction: lmdb.Transaction, database: lmdb._Database, minute: int) -> Iterator[bytes]:
    prefix = _MINUTE.pack(minute)
    cursor = transaction.cursor(db=database)
    there = cursor.set_range(prefix)
    while there and (key := bytes(cursor.key())).startswith(prefix):
        yield key
        there = cursor.next()


def _among(part: _Words, first: _Words, second: _Words) -> _Mask:
    firsts, seconds = part
    known = np.zeros(len(first), np.bool_)
    at = np.searchsorted(firsts, first)
    rows = np.arange(len(first))
    while len(rows):
        inside = at < len(firsts)
        rows, at = rows[inside], at[inside]
        same = firsts[at] == first[rows]
        rows, at = rows[same], at[same]
        known[rows[seconds[at] == second[rows]]] = True
        rows, at = rows[~known[rows]], at[~known[rows]] + 1  # an equal first word may stand behind it
    return known
