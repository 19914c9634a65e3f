"""The index of repeats of versions up to 0.3, read beside the present one until it is past its term.

Its keys are keyed digests by another rule, which cannot be turned into the present ones.
"""

from __future__ import annotations

import struct
from typing import Final

import lmdb

from wicketgate.base.clock import SECOND_US

KEY: Final = 4 + 16
"""Bytes of a key: the second of capture, and a keyed digest."""


class FormerIndex:
    """What the index of an earlier version knows, and what messages of such a version tell.

    Attributes
    ----------
    until_us : int
        No read captured at this time or later is in it; 0 where it is empty.
    """

    def __init__(self, environment: lmdb.Environment) -> None:
        self._database = environment.open_db(b"contents")
        self._new: dict[bytes, bytes] = {}
        self._flushing: dict[bytes, bytes] = {}
        self.until_us = 0
        with environment.begin(db=self._database) as transaction:
            cursor = transaction.cursor()
            if cursor.last():
                self._reach(bytes(cursor.key()))

    def knows(self, view: lmdb.Transaction, key: bytes) -> bool:
        """Return whether a read is in it, by its key under the former rule."""
        return key in self._new or key in self._flushing or view.get(key, db=self._database) is not None

    def learn(self, key: bytes, read_id: bytes) -> None:
        """Note a read that a message of an earlier version holds; `read_id` ends with it."""
        self._new[key] = read_id
        self._reach(key)

    def begin_flush(self) -> None:
        """Set apart what is to be written."""
        self._flushing, self._new = self._new, {}

    def flush(self, transaction: lmdb.Transaction, ids: lmdb._Database, before_us: int) -> None:
        """Write what was set apart, and delete what is past its term, with its ids."""
        cursor = transaction.cursor(db=self._database)
        for key, read_id in sorted(self._flushing.items()):
            cursor.put(key, read_id)
        limit = struct.pack(">I", max(before_us, 0) // SECOND_US)
        while cursor.first() and bytes(cursor.key()) < limit:
            if read_id := bytes(cursor.value()):
                transaction.delete(read_id, db=ids)
            cursor.delete()

    def end_flush(self, view: lmdb.Transaction) -> None:
        """Drop what was written from memory, and ask no more where nothing is left."""
        self._flushing = {}
        if not self._new and not view.stat(self._database)["entries"]:
            self.until_us = 0

    def _reach(self, key: bytes) -> None:
        second = struct.unpack_from(">I", key)[0]
        self.until_us = max(self.until_us, (second + 1) * SECOND_US)
