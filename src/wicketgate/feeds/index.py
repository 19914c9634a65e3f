"""The index of the feeds: where each batch lies in COMMITS, or in what stands for a message of it.

A row is stored once, in the transaction that released it. docs/decisions/0029-one-copy.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import lmdb

from wicketgate.base.parts import LmdbPart, refusing_damage

FEEDS_FORM = 1
"""The form in which this version writes the index, and the latest that it reads."""
_MAP_SIZE = 256 * 1024**3
_POSITION = b"position"
_NUMBER = struct.Struct(">Q")
_PLACE = struct.Struct(">QIIqQ")
_REWRITTEN = struct.Struct(">Q")
_END = struct.Struct(">QQ")
_ENDED_AT_ONCE = 10_000


class BatchPlace(NamedTuple):
    """Where a batch lies.

    Attributes
    ----------
    sequence : int
        Of the message of COMMITS.
    offset, length : int
        The bytes of the batch in it.
    at_us : int
        When it was released, by the gateway's own time.
    through : int
        Bytes of this feed up to the end of this batch, since its first.
    rewritten : int
        The message of REWRITTEN that stands for that of COMMITS, with the batch in it; 0 where none does.
    """

    sequence: int
    offset: int
    length: int
    at_us: int
    through: int
    rewritten: int = 0


class HeldBatches(NamedTuple):
    """What the index holds of a feed.

    Attributes
    ----------
    first, last : int
        The numbers of the first batch that is held, and of the last that ever was; `first` is `last + 1` where none is
        held.
    before, through : int
        Bytes of the batches before `first`, and of all up to `last`.
    """

    first: int
    last: int
    before: int
    through: int


class FeedIndex:
    """The index of every feed of a gateway, a projection of COMMITS in LMDB.

    Attributes
    ----------
    position : int
        The last transaction with a batch that is written here.

    Notes
    -----
    What some transactions bring is written with the sequence of the last in one durable LMDB transaction: a kill leaves
    all of it or nothing, and a replay writes the same again. 40 bytes a batch, with its key.
    """

    @refusing_damage
    def __init__(self, folder: Path) -> None:
        self.part = LmdbPart(folder, map_size=_MAP_SIZE, max_dbs=2, form=FEEDS_FORM)
        self._environment = self.part.environment
        self._places = self._environment.open_db(b"places")
        self._meta = self._environment.open_db(b"meta")
        with self._environment.begin() as transaction:
            stored = transaction.get(_POSITION, db=self._meta)
        self.position: int = _NUMBER.unpack(stored)[0] if stored else 0

    def close(self) -> None:
        """Close the environment."""
        self.part.close()

    # --- what is there ------------------------------------------------------------------------------------------

    def held(self, feed: str) -> HeldBatches:
        """Return what is held of a feed."""
        with self._environment.begin() as transaction:
            stored = transaction.get(_prefix(feed), db=self._meta)
            last, through = _END.unpack(stored) if stored else (0, 0)
            first = self._first(transaction.cursor(db=self._places), feed)
        if first is None:
            return HeldBatches(last + 1, last, through, through)
        number, place = first
        return HeldBatches(number, last, place.through - place.length, through)

    def places(self, feed: str, after: int, limit: int) -> list[BatchPlace]:
        """Return the places of the batches behind a number, as far as they follow it without a gap."""
        found: list[BatchPlace] = []
        with self._environment.begin(db=self._places) as transaction:
            cursor = transaction.cursor()
            there = cursor.set_range(_key(feed, after + 1))
            while there and len(found) < limit and cursor.key() == _key(feed, after + 1 + len(found)):
                found.append(_place(cursor.value()))
                there = cursor.next()
        return found

    def oldest(self, feeds: Iterable[str]) -> int | None:
        """Return the first message of COMMITS in which a batch of some feeds lies; None where none does."""
        with self._environment.begin(db=self._places) as transaction:
            cursor = transaction.cursor()
            firsts = [self._first(cursor, feed) for feed in feeds]
        return min((first[1].sequence for first in firsts if first is not None), default=None)

    # --- the projection -----------------------------------------------------------------------------------------

    def write(self, taken: Sequence[tuple[str, int, BatchPlace]]) -> None:
        """Write places of batches, each with its feed and number, durably.

        Runs in any one thread.
        """
        # A crash in here leaves the former places and position: the replay of COMMITS writes these again.
        position = max(place.sequence for _, _, place in taken)
        with self._environment.begin(write=True) as transaction:
            for feed, number, place in taken:
                transaction.put(_key(feed, number), _packed(place), db=self._places)
                transaction.put(_prefix(feed), _END.pack(number, place.through), db=self._meta)
            transaction.put(_POSITION, _NUMBER.pack(max(position, self.position)), db=self._meta)
        self.position = max(position, self.position)

    def go_on_from(self, feed: str, number: int, place: BatchPlace | None, through: int) -> None:
        """Let a feed go on behind batches that this index does not have; those before are past their term.

        Parameters
        ----------
        number : int
            The first batch that follows.
        place : BatchPlace or None
            Where it lies; None where there is none yet, and `through` bytes come before it.
        """
        with self._environment.begin(write=True) as transaction:
            cursor = transaction.cursor(db=self._places)
            while (first := self._first(cursor, feed)) is not None and first[0] < number:
                cursor.delete()
            end = (number - 1, through) if place is None else (number, place.through)
            if place is not None:
                transaction.put(_key(feed, number), _packed(place), db=self._places)
            transaction.put(_prefix(feed), _END.pack(*end), db=self._meta)

    def rewrite(self, feed: str, number: int, rewritten: int, offset: int, length: int) -> None:
        """Write durably where in REWRITTEN a batch lies from now on; one past its term is passed over.

        Runs in any one thread.
        """
        # A crash before the end of it leaves the former place, whose message is there still.
        with self._environment.begin(write=True, db=self._places) as transaction:
            stored = transaction.get(_key(feed, number))
            if stored is not None:
                place = _place(stored)._replace(offset=offset, length=length, rewritten=rewritten)
                transaction.put(_key(feed, number), _packed(place))

    def due_before(self, feeds: Iterable[str], at_us: int) -> dict[str, tuple[int, int]]:
        """Return of each feed that has any how many batches are from before a time, and when the first was released."""
        due: dict[str, tuple[int, int]] = {}
        with self._environment.begin(db=self._places) as transaction:
            cursor = transaction.cursor()
            for feed in feeds:
                first = self._first(cursor, feed)
                if first is None or first[1].at_us >= at_us:
                    continue
                low = high = first[0]
                step = 1
                # Ascending: doubled until one is young enough or none is there, then halved.
                while self._is_before(transaction, feed, high, at_us):
                    low, high, step = high + 1, high + step, step * 2
                while low < high:
                    middle = (low + high) // 2
                    if self._is_before(transaction, feed, middle, at_us):
                        low = middle + 1
                    else:
                        high = middle
                due[feed] = (high - first[0], first[1].at_us)
        return due

    def _is_before(self, transaction: lmdb.Transaction, feed: str, number: int, at_us: int) -> bool:
        data = transaction.get(_key(feed, number))
        return data is not None and _place(data).at_us < at_us

    def end_before(self, feeds: Iterable[str], at_us: int) -> None:
        """Delete the places of feeds' batches from before a time, some thousand at once.

        Runs in any one thread.
        """
        with self._environment.begin(db=self._places) as transaction:
            cursor = transaction.cursor()
            firsts = [(feed, self._first(cursor, feed)) for feed in feeds]
        # A crash in here leaves some of them to the next call.
        for feed in [feed for feed, first in firsts if first is not None and first[1].at_us < at_us]:
            self._end_before(feed, at_us)

    def _end_before(self, feed: str, at_us: int) -> None:
        ended = True
        while ended:
            with self._environment.begin(write=True, db=self._places) as transaction:
                cursor = transaction.cursor()
                for _ in range(_ENDED_AT_ONCE):
                    first = self._first(cursor, feed)
                    ended = first is not None and first[1].at_us < at_us and cursor.delete()
                    if not ended:
                        break

    def _first(self, cursor: lmdb.Cursor, feed: str) -> tuple[int, BatchPlace] | None:
        prefix = _prefix(feed)
        if not cursor.set_range(prefix):
            return None
        key = bytes(cursor.key())
        return (_NUMBER.unpack(key[-8:])[0], _place(cursor.value())) if key.startswith(prefix) else None


def _prefix(feed: str) -> bytes:
    return feed.encode() + b"\0"


def _key(feed: str, number: int) -> bytes:
    return _prefix(feed) + _NUMBER.pack(number)


def _place(data: bytes | memoryview) -> BatchPlace:
    rewritten = _REWRITTEN.unpack_from(data, _PLACE.size) if len(data) > _PLACE.size else (0,)
    return BatchPlace(*_PLACE.unpack_from(data), *rewritten)


def _packed(place: BatchPlace) -> bytes:
    plain = _PLACE.pack(*place[:-1])
    return plain + _REWRITTEN.pack(place.rewritten) if place.rewritten else plain
