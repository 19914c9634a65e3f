"""The index of reads already seen.

It finds repeats and conflicting ids, over restarts. It is a projection of READS. What came since the last flush is
in memory; the rest lies in LMDB, ordered by the second of capture: a flush writes few pages, and what is past its
term is removed from one end. The index holds keyed digests, never a plate.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import lmdb

from wicketgate.base.clock import SECOND_US
from wicketgate.base.parts import LmdbPart

DIGEST = 16
_PLACE = struct.Struct(">QH")
_POSITION = b"reads"
_AT_ONCE = 500
_MAP_SIZE = 256 * 1024**3  # address space, not disk


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
    A look-up costs one or two dictionary probes and, where those miss, one or two LMDB probes. Memory: what came since
    the last flush. Disk: about 120 bytes a read for as long as repeats must be known.

    A kill between two flushes leaves the index as of the last one, with its position in READS; the caller replays
    READS from there (`position`). LMDB's own transactions keep it whole.
    """

    def __init__(self, folder: Path, key: bytes) -> None:
        self.part = LmdbPart(folder, map_size=_MAP_SIZE, max_dbs=3, readahead=False)
        self._environment = self.part.environment
        self._contents = self._environment.open_db(b"contents")
        self._ids = self._environment.open_db(b"ids")
        self._positions = self._environment.open_db(b"positions")
        self._keyed = hashlib.blake2b(key=key, digest_size=DIGEST)
        # Not durable in READS yet; durable since the last flush; what a flush in another thread is writing now. Only
        # what is durable may reach the disk, or a crash would leave a read that was never stored as one seen before.
        self._waiting_contents: dict[bytes, bytes] = {}
        self._waiting_ids: dict[bytes, bytes] = {}
        self._new_contents: dict[bytes, bytes] = {}
        self._new_ids: dict[bytes, bytes] = {}
        self._flushing_contents: dict[bytes, bytes] = {}
        self._flushing_ids: dict[bytes, bytes] = {}
        with self._environment.begin(db=self._positions) as transaction:
            stored = transaction.get(_POSITION)
        self.position: int = struct.unpack(">Q", stored)[0] if stored else 0
        self._reached = self.position
        # One view of the disk between two flushes: a transaction for each look-up would cost more than the look-up.
        self._view = self._environment.begin()

    def close(self) -> None:
        """Close the environment.

        What was not flushed is learnt again from READS.
        """
        self._view.abort()
        self.part.close()

    def content_key(self, source: str, camera: str, plate: str, captured_us: int) -> bytes:
        """Return the key of a read's content: the second of capture, then a keyed digest."""
        keyed = self._keyed.copy()
        keyed.update(f"{source}\0{camera}\0{plate}\0{captured_us}".encode())
        return (max(captured_us, 0) // SECOND_US).to_bytes(4, "big") + keyed.digest()

    def id_key(self, source: str, read_id: str) -> bytes:
        """Return the key of a source's own id for a read."""
        keyed = self._keyed.copy()
        keyed.update(f"{source}\0\0{read_id}".encode())
        return keyed.digest()

    def look(self, content: bytes, read_id: bytes) -> Literal["new", "repeated", "id-conflict"]:
        """Return whether a read is new, repeated, or of a conflicting id.

        Parameters
        ----------
        content, read_id : bytes
            `content_key` and `id_key`; `read_id` empty where the source gave none.
        """
        if (
            content in self._waiting_contents
            or content in self._new_contents
            or content in self._flushing_contents
        ):
            return "repeated"
        if self._view.get(content, db=self._contents) is not None:
            return "repeated"
        if read_id and (
            read_id in self._waiting_ids or read_id in self._new_ids or read_id in self._flushing_ids
        ):
            return "id-conflict"
        if read_id and self._view.get(read_id, db=self._ids) is not None:
            return "id-conflict"
        return "new"

    def add(self, content: bytes, read_id: bytes) -> None:
        """Remember a read about to be stored.

        `stored` or `forget` follows.
        """
        self._waiting_contents[content] = read_id
        if read_id:
            self._waiting_ids[read_id] = content

    def stored(self, contents: Iterable[bytes], read_ids: Iterable[bytes], sequence: int) -> None:
        """Note reads durable in READS at `sequence`, in this order.

        It is called at a replay too. Reads that were never added may be among them: those of a replay, and those
        that come again with an image.
        """
        for row, (content, read_id) in enumerate(zip(contents, read_ids, strict=True)):
            self._waiting_contents.pop(content, None)
            self._new_contents[content] = read_id
            if read_id:
                self._waiting_ids.pop(read_id, None)
                self._new_ids[read_id] = _PLACE.pack(sequence, row)
        self._reached = max(self._reached, sequence)

    def place(self, read_id: bytes) -> tuple[int, int] | None:
        """Return the last place of an id's read in READS.

        That is the message's sequence, and the row in it.
        """
        held = self._new_ids.get(read_id) or self._flushing_ids.get(read_id)
        if held is None:
            held = self._view.get(read_id, db=self._ids)
        if held is None or len(held) != _PLACE.size:  # an index of version 0.1 holds no places
            return None
        sequence, row = _PLACE.unpack(held)
        return sequence, row

    def is_waiting(self, read_id: bytes) -> bool:
        """Return whether the read of an id is on its way to READS."""
        return read_id in self._waiting_ids

    def forget(self, contents: Iterable[bytes], read_ids: Iterable[bytes]) -> None:
        """Take back reads after a failure to store them."""
        for content, read_id in zip(contents, read_ids, strict=True):
            self._waiting_contents.pop(content, None)
            self._waiting_ids.pop(read_id, None)

    def begin_flush(self, needed_from: int | None = None) -> int:
        """Set apart the content of a flush, and return its position.

        Call it in the thread that adds. The position is the one that the flush will reach. `needed_from`: a message
        of READS from which somebody else must learn again; the position stays before it.
        """
        self._flushing_contents, self._new_contents = self._new_contents, {}
        self._flushing_ids, self._new_ids = self._new_ids, {}
        if needed_from is None:
            return self._reached
        return max(self.position, min(self._reached, needed_from - 1))

    def flush(self, position: int, forget_before_us: int) -> None:
        """Write the content set apart, with its position, and remove old reads.

        Both are one durable transaction; reads past their term are removed. Runs in any one thread. A crash before
        the commit leaves the former position, and READS is replayed from it.
        """
        # A crash in here leaves the index of the last flush, whole.
        with self._environment.begin(write=True) as transaction:
            contents = transaction.cursor(db=self._contents)
            _put_sorted(contents, self._flushing_contents)
            _put_sorted(transaction.cursor(db=self._ids), self._flushing_ids)
            limit = struct.pack(">I", max(forget_before_us, 0) // SECOND_US)
            if contents.first():
                while contents.key() and contents.key() < limit:
                    read_id = contents.value()
                    if read_id:
                        transaction.delete(read_id, db=self._ids)
                    if not contents.delete():
                        break
            transaction.put(_POSITION, struct.pack(">Q", position), db=self._positions)
        self.position = position

    def end_flush(self) -> None:
        """Drop the flushed reads from memory.

        Call it in the thread that adds.
        """
        self._view.abort()
        self._view = self._environment.begin()
        self._flushing_contents, self._flushing_ids = {}, {}


def _put_sorted(cursor: lmdb.Cursor, items: Mapping[bytes, bytes]) -> None:
    # In parts: within one call no other thread runs, and the gateway's requests wait.
    ordered = sorted(items.items())
    for start in range(0, len(ordered), _AT_ONCE):
        cursor.putmulti(ordered[start : start + _AT_ONCE])
