"""The index of reads already seen.

It finds repeats and conflicting ids, over restarts. It is a projection of the stream that reads are durable in. The
minutes of capture in which reads arrive are in memory; a flush writes what has become durable to LMDB, as sorted runs
of their minute; a minute that has grown quiet leaves memory. The index holds keyed digests, never a plate.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wicketgate.base.clock import MINUTE_US
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.parts import LmdbPart, refusing_damage
from wicketgate.base.sums import summed, without_sum
from wicketgate.reads.former import KEY as FORMER_KEY
from wicketgate.reads.former import FormerIndex
from wicketgate.reads.keys import CONTENT, DIGEST, NO_ID, KeyMaker, ReadKeys, words
from wicketgate.reads.minutes import Minute
from wicketgate.reads.runs import Runs

FORM: Final = 1
"""The form of runs that this version writes, and the latest that it reads."""

_PLACE = struct.Struct(">QH")
_MINUTE = struct.Struct(">I")
_NAMED = struct.Struct(">IQ")
_COUNT = struct.Struct(">Q")
_key = struct.Struct("<qQQ").unpack_from
_POSITION = b"reads"
_FLUSH = b"flush"
_FORM = b"form"
_MAP_SIZE = 256 * 1024**3  # address space, not disk
_FEW = 12
_QUIET = 15
_LONG = 60

_Words = NDArray[np.uint64]
_Mask = NDArray[np.bool_]


class RepeatVerdict(IntEnum):
    """What a read is to the index."""

    NEW = 0
    REPEATED = 1
    CONFLICT = 2
    """Its id was given to another read."""


_NEW, _REPEATED, _CONFLICT = RepeatVerdict  # to look one up by name costs as much as a look into a table


class Seen:
    """The index of reads already taken.

    Parameters
    ----------
    folder : Path
        Of the LMDB environment.
    key : bytes
        The deployment's secret, at most 64 bytes: without it the digests say nothing about a plate.

    Notes
    -----
    Memory: 34 to 136 bytes a read of the minutes in use, which are those that something arrived in within the last
    fifteen flushes (half a minute), and of what waits. Disk: 16 bytes a read for as long as repeats must be known, and
    about 60 besides for a read with an id.

    A kill between two flushes leaves the index as of the last one, with its position; the caller replays the stream
    from there (`position`). LMDB's own transactions keep it whole.
    """

    @refusing_damage
    def __init__(self, folder: Path, key: bytes) -> None:
        self.part = LmdbPart(folder, map_size=_MAP_SIZE, max_dbs=5, readahead=False)
        self._environment = self.part.environment
        self._ids = self._environment.open_db(b"ids")
        self._named = self._environment.open_db(b"named")
        self._positions = self._environment.open_db(b"positions")
        self._runs = Runs(self._environment)
        self._former = FormerIndex(self._environment)
        self._keys = KeyMaker(key)
        with self._environment.begin(db=self._positions) as transaction:
            stored, flushes, form = (transaction.get(name) for name in (_POSITION, _FLUSH, _FORM))
        if form is not None and form > bytes([FORM]):
            raise ConfigurationError(
                f"`{self.part.name}/` was written by a later version: use that version, or restore the directory"
            )
        position: int = _COUNT.unpack(stored)[0] if stored else 0
        # A former version followed READS: what it counts says nothing of COMMITS.
        self.position = 0 if form is None else position
        self.former_position = position if form is None else None
        self._reached = self.position
        self._flushes: int = _COUNT.unpack(flushes)[0] if flushes else 0
        # One view of the disk between two flushes: a transaction for each look-up would cost more than the look-up.
        self._view = self._environment.begin(buffers=True)
        self._minutes: dict[int, Minute] = {}
        self._turn = 0
        self._closing: list[int] = []
        self._ended = 0
        # Durable since the last flush; what a flush in another thread is writing now. Only what is durable may reach
        # the disk, or a crash would leave a read that was never stored as one seen before.
        self._new: dict[int, list[bytes]] = {}
        self._flushing: dict[int, list[bytes]] = {}
        self._waiting_ids: set[bytes] = set()
        self._new_ids: dict[bytes, bytes] = {}
        self._flushing_ids: dict[bytes, bytes] = {}

    def close(self) -> None:
        """Close the environment.

        What was not flushed is learnt again from the stream.
        """
        self._view.abort()
        self.part.close()

    @property
    def waiting(self) -> int:
        """Reads that were taken, and are neither stored nor forgotten."""
        return sum(minute.waiting for minute in self._minutes.values())

    # --- keys -----------------------------------------------------------------------------------------------------

    def keys(
        self,
        source: str,
        camera_ids: Sequence[str],
        read_ids: Sequence[str | None],
        camera: Sequence[int] | NDArray[np.int32],
        captured_us: Sequence[int] | NDArray[np.int64],
        plate: Sequence[str],
    ) -> ReadKeys:
        """Return the keys of one source's reads, from their columns."""
        if len(plate) < _FEW:
            contents = b"".join(map(self._keys.content, camera, captured_us, plate))
        else:
            contents = self._keys.contents(camera, np.asarray(captured_us, np.int64), plate)
        former: dict[int, bytes] = {}
        if self._former.until_us and len(plate):
            early = (np.asarray(captured_us) < self._former.until_us).nonzero()[0]
            former = {
                n: self._keys.former(source, camera_ids[n], plate[n], int(captured_us[n]))
                for n in early.tolist()
            }
        return ReadKeys(contents, self._keys.read_ids(source, read_ids), former)

    def id_key(self, source: str, read_id: str) -> bytes:
        """Return the key of a source's own id for a read."""
        return self._keys.read_id(source, read_id)

    # --- verdicts -------------------------------------------------------------------------------------------------

    def look(self, keys: ReadKeys) -> list[RepeatVerdict]:
        """Return what each read is, had it come alone."""
        return [self._look_one(keys, row) for row in range(len(keys))]

    def take(self, keys: ReadKeys) -> bytes:
        """Return what each read is, a `RepeatVerdict` each in their order, and remember the new ones.

        A read that an earlier one of the same call makes known is repeated, or in conflict. `stored` or `forget`
        follows for the new ones.
        """
        if len(keys) < _FEW:
            return self._take_each(keys)
        read = words(keys.contents)
        first, second = np.ascontiguousarray(read[:, 1]), np.ascontiguousarray(read[:, 2])
        ordered = np.sort(first)
        if (ordered[1:] == ordered[:-1]).any() or (keys.ids and not self._ids_are_new(keys)):
            return self._take_each(keys)
        new = np.ones(len(keys), np.bool_)
        for row, key in keys.former.items():
            new[row] = not self._former.knows(self._view, key)
        for at, rows in _by_minute(read):
            some = rows if new.all() else rows[new[rows]]
            new[some] = self._add(at, first[some], second[some])
        if keys.ids:
            self._waiting_ids.update(filter(None, map(keys.read_id, new.nonzero()[0].tolist())))
        return (~new).tobytes()

    def _take_each(self, keys: ReadKeys) -> bytes:
        verdicts = bytearray(len(keys))
        for row in range(len(verdicts)):
            verdict = self._look_one(keys, row)
            if verdict:
                verdicts[row] = verdict
                continue
            captured_us, first, second = _key(keys.contents, row * CONTENT)
            self._touched(_minute_of(captured_us)).add_one(first, second, waiting=True)
            if keys.ids and (read_id := keys.read_id(row)):
                self._waiting_ids.add(read_id)
        return bytes(verdicts)

    def _look_one(self, keys: ReadKeys, row: int) -> RepeatVerdict:
        captured_us, first, second = _key(keys.contents, row * CONTENT)
        at = _minute_of(captured_us)
        minute = self._minutes.get(at)
        if minute is not None and minute.knows_one(first, second):
            return _REPEATED
        if (minute is None or not minute.complete) and self._on_disk(at, first, second):
            return _REPEATED
        if keys.former and row in keys.former and self._former.knows(self._view, keys.former[row]):
            return _REPEATED
        if keys.ids and (read_id := keys.read_id(row)) and self._is_known_id(read_id):
            return _CONFLICT
        return _NEW

    def _add(self, at: int, first: _Words, second: _Words) -> _Mask:
        minute = self._touched(at)
        if minute.complete:
            return minute.add(first, second, waiting=True)
        new = ~minute.knows(first, second)
        new[new] = ~self._runs.find(self._view, at, first[new], second[new])
        minute.add(first[new], second[new], waiting=True)
        return new

    def _on_disk(self, at: int, first: int, second: int) -> bool:
        if not self._runs.there(self._view, at):
            return False
        found = self._runs.find(self._view, at, np.array([first], np.uint64), np.array([second], np.uint64))
        return bool(found[0])

    def _touched(self, at: int) -> Minute:
        minute = self._minutes.get(at)
        if minute is None:
            # The newest minute will be about as full as the fullest; a late one has few more.
            newest = not self._minutes or at > max(self._minutes)
            expected = max((one.count for one in self._minutes.values()), default=0) if newest else 0
            complete = not self._runs.there(self._view, at)
            minute = self._minutes[at] = Minute(complete=complete, expected=expected, now=self._turn)
        minute.touched = self._turn
        return minute

    def _ids_are_new(self, keys: ReadKeys) -> bool:
        given = [read_id for read_id in map(keys.read_id, range(len(keys))) if read_id]
        return len(set(given)) == len(given) and not any(map(self._is_known_id, given))

    def _is_known_id(self, read_id: bytes) -> bool:
        return (
            read_id in self._waiting_ids
            or read_id in self._new_ids
            or read_id in self._flushing_ids
            or self._view.get(read_id, db=self._ids) is not None
        )

    # --- what became of them --------------------------------------------------------------------------------------

    def stored(self, contents: bytes | bytearray, ids: bytes | bytearray, sequence: int) -> None:
        """Note reads durable in the stream at `sequence`, in this order.

        It is called at a replay too. Reads that were never added may be among them: those of a replay, and those
        that come again with an image.

        Parameters
        ----------
        contents, ids : bytes
            As in `ReadKeys`; or as a message of a version up to 0.3 has them.
        """
        contents, ids = bytes(contents), bytes(ids)
        of_former = bool(ids) and len(contents) * DIGEST == len(ids) * FORMER_KEY
        if of_former:
            for row, start in enumerate(range(0, len(contents), FORMER_KEY)):
                self._former.learn(contents[start : start + FORMER_KEY], ReadKeys(b"", ids).read_id(row))
        elif len(contents) < _FEW * CONTENT:
            self._store_each(contents)
        else:
            read = words(contents)
            for at, rows in _by_minute(read):
                self._store(at, read[rows, 1], read[rows, 2])
        if ids:
            self._store_ids(contents, FORMER_KEY if of_former else CONTENT, ids, sequence)
        self.known_up_to(sequence)

    def known_up_to(self, sequence: int) -> None:
        """Note that every read of the stream up to `sequence` is known: what stands there beside reads has none."""
        self._reached = max(self._reached, sequence)

    def _store(self, at: int, first: _Words, second: _Words) -> None:
        minute = self._touched(at)
        known, fresh = minute.settle(first, second)
        if not known.all():
            missing = (~known).nonzero()[0]
            missing = missing[np.unique(first[missing], return_index=True)[1]]
            if not minute.complete:
                missing = missing[~self._runs.find(self._view, at, first[missing], second[missing])]
            minute.add(first[missing], second[missing], waiting=False)
            fresh[missing] = True
        if fresh.any():
            self._new.setdefault(at, []).append(np.column_stack((first[fresh], second[fresh])).tobytes())

    def _store_each(self, contents: bytes) -> None:
        for start in range(0, len(contents), CONTENT):
            captured_us, first, second = _key(contents, start)
            at = _minute_of(captured_us)
            minute = self._touched(at)
            known, fresh = minute.settle_one(first, second)
            if not known and (minute.complete or not self._on_disk(at, first, second)):
                minute.add_one(first, second, waiting=False)
                fresh = True
            if fresh:
                self._new.setdefault(at, []).append(contents[start + CONTENT - DIGEST : start + CONTENT])

    def _store_ids(self, contents: bytes, width: int, ids: bytes, sequence: int) -> None:
        for row, start in enumerate(range(0, len(ids), DIGEST)):
            read_id = ids[start : start + DIGEST]
            if read_id == NO_ID:
                continue
            self._waiting_ids.discard(read_id)
            place = _PLACE.pack(sequence, row)
            # One of a former message ends with its content in the former index.
            ends = b"" if width == FORMER_KEY else _MINUTE.pack(_minute_of(_key(contents, row * width)[0]))
            self._new_ids[read_id] = place + ends

    def place(self, read_id: bytes) -> tuple[int, int] | None:
        """Return the last place of an id's read in the stream.

        That is the message's sequence, and the row in it.
        """
        held: bytes | memoryview | None = self._new_ids.get(read_id) or self._flushing_ids.get(read_id)
        held = held or self._view.get(read_id, db=self._ids)
        if held is None or len(held) < _PLACE.size:  # an index of version 0.1 holds no places
            return None
        sequence, row = _PLACE.unpack_from(held)
        return sequence, row

    def is_waiting(self, read_id: bytes) -> bool:
        """Return whether the read of an id is on its way to the stream."""
        return read_id in self._waiting_ids

    def forget(self, contents: bytes | bytearray, ids: bytes | bytearray) -> None:
        """Take back those reads that wait, after a failure to store them."""
        read = words(bytes(contents))
        for at, rows in _by_minute(read):
            if at in self._minutes:
                self._minutes[at].forget(read[rows, 1], read[rows, 2])
        self._waiting_ids.difference_update(_chunks(bytes(ids), DIGEST))

    # --- the disk -------------------------------------------------------------------------------------------------

    def begin_flush(self, needed_from: int | None = None) -> int:
        """Set apart the content of a flush, and return its position.

        Call it in the thread that adds. The position is the one that the flush will reach. `needed_from`: a message
        of the stream from which somebody else must learn again; the position stays before it.
        """
        self._flushing, self._new = self._new, {}
        self._flushing_ids, self._new_ids = self._new_ids, {}
        self._former.begin_flush()
        self._turn += 1
        self._closing = [
            at
            for at, minute in self._minutes.items()
            if not minute.waiting
            and (self._turn - minute.touched >= _QUIET or self._turn - minute.opened >= _LONG)
        ]
        if needed_from is None:
            return self._reached
        return max(self.position, min(self._reached, needed_from - 1))

    def flush(self, position: int, forget_before_us: int) -> None:
        """Write the content set apart, with its position, and remove old reads.

        All is one durable transaction; minutes past their term are removed. Runs in any one thread. A crash before
        the commit leaves the former position, and the stream is replayed from it.
        """
        flush = self._flushes + 1
        ended = self._ended = _minute_of(forget_before_us)
        # A crash in here leaves the index of the last flush, whole.
        with self._environment.begin(write=True) as transaction:
            for at, chunks in self._flushing.items():
                digests = np.frombuffer(b"".join(chunks), "<u8").reshape(-1, 2)
                self._runs.put(transaction, at, flush, digests[:, 0], digests[:, 1])
            for at in self._closing:
                self._runs.merge(transaction, at, flush)
            named: dict[bytes, list[bytes]] = {}
            for read_id, place in sorted(self._flushing_ids.items()):
                transaction.put(read_id, place[: _PLACE.size], db=self._ids)
                if ends := place[_PLACE.size :]:
                    named.setdefault(ends, []).append(read_id)
            for ends, read_ids in named.items():
                key = _NAMED.pack(_MINUTE.unpack(ends)[0], flush)
                transaction.put(key, summed(b"".join(read_ids)), db=self._named)
            self._runs.end(transaction, ended)
            with transaction.cursor(db=self._named) as cursor:
                while cursor.first() and bytes(cursor.key()) < _MINUTE.pack(ended):
                    for read_id in _chunks(without_sum(bytes(cursor.value())), DIGEST):
                        transaction.delete(read_id, db=self._ids)
                    cursor.delete()
            self._former.flush(transaction, self._ids, forget_before_us)
            for name, value in ((_POSITION, position), (_FLUSH, flush)):
                transaction.put(name, _COUNT.pack(value), db=self._positions)
            transaction.put(_FORM, bytes([FORM]), db=self._positions)
        self._flushes = flush
        self.position = position

    def end_flush(self) -> None:
        """Drop from memory what the flush makes needless there.

        Call it in the thread that adds.
        """
        self._view.abort()
        self._view = self._environment.begin(buffers=True)
        self._runs.renew()
        self._flushing, self._flushing_ids = {}, {}
        self._former.end_flush(self._view)
        closed = [
            at for at in self._closing if self._minutes[at].touched < self._turn
        ]  # nothing came meanwhile
        ended = [at for at, minute in self._minutes.items() if at < self._ended and not minute.waiting]
        for at in {*closed, *ended}:
            del self._minutes[at]
        self._closing = []


def _minute_of(at_us: int) -> int:
    return max(at_us, 0) // MINUTE_US


def _by_minute(read: _Words) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield each minute of capture, and the rows of its reads."""
    minutes = np.maximum(read[:, 0].view(np.int64), 0) // MINUTE_US
    if not len(minutes):
        return
    if minutes.min() == minutes.max():
        yield int(minutes[0]), np.arange(len(minutes))
        return
    for at in np.unique(minutes).tolist():
        yield at, (minutes == at).nonzero()[0]


def _chunks(joined: bytes, size: int) -> Iterable[bytes]:
    return (joined[start : start + size] for start in range(0, len(joined), size))
