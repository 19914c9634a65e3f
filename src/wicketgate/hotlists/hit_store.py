"""The store of hits: those open, and those ended.

An open hit waits for an outcome. It is a projection of COMMITS, in LMDB. It holds plates: only hits, for as long as
feeds hold their rows.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Collection, Iterable
from pathlib import Path

import lmdb
import msgspec

from wicketgate.base.hour_keys import HourKeys
from wicketgate.base.parts import LmdbPart, refusing_damage
from wicketgate.commits.transactions import HitImaged, Transaction
from wicketgate.hotlists.hits import WAITING, Hit, raised, with_erratum, with_outcome

HITS_FORM = 2
"""The form in which this version writes the store, and the latest that it reads; the first is in the open."""
_POSITION = b"position"
_MAP_SIZE = 64 * 1024**3  # address space, not disk
_decode = msgspec.msgpack.Decoder(Hit).decode
_encode = msgspec.msgpack.Encoder().encode


class HitQueue:
    """Every hit of the gateway, by its id.

    Those that have not ended are in memory too.

    Parameters
    ----------
    folder : Path
        Of the LMDB environment.
    keys : HourKeys
        Under which each hit lies, by the hour in which it was raised.

    Attributes
    ----------
    position : int
        The last transaction with something about hits that is written here.
    changes : int
        Grows whenever something changes.
    unreadable : frozenset of str
        Hits that were here at the start and whose key was not.

    Notes
    -----
    What a transaction brings is written with its sequence in one durable LMDB transaction: a kill leaves all of it or
    nothing, and a replay passes over what is there.
    """

    @refusing_damage
    def __init__(self, folder: Path, keys: HourKeys) -> None:
        self._keys = keys
        self.part = LmdbPart(folder, map_size=_MAP_SIZE, max_dbs=3, form=HITS_FORM)
        self._environment = self.part.environment
        self._hits = self._environment.open_db(b"hits")
        self._order = self._environment.open_db(b"order")
        self._meta = self._environment.open_db(b"meta")
        self._waiting: dict[str, dict[str, Hit]] = {}
        self._news = asyncio.Event()
        self._erased: set[str] = set()  # in this life: `write` returns them once more, to be shown no longer
        self.changes = 0
        unreadable = []
        with self._environment.begin() as transaction:
            stored = transaction.get(_POSITION, db=self._meta)
            self.position: int = struct.unpack(">Q", stored)[0] if stored else 0
            for key, data in transaction.cursor(db=self._hits):
                hit = self._open(data)
                if hit is None:
                    unreadable.append(key.decode())
                elif _waits(hit):
                    self._waiting.setdefault(hit.authority, {})[hit.id] = hit
        self.unreadable = frozenset(unreadable)

    def close(self) -> None:
        """Close the environment."""
        self.part.close()

    # --- what is there ------------------------------------------------------------------------------------------

    def get(self, hit_id: str) -> Hit | None:
        """Return a hit, or None.

        None if there is none or it is past its term.
        """
        with self._environment.begin() as transaction:
            data = transaction.get(hit_id.encode("utf-8", "replace")[:200] or b"-", db=self._hits)
        return None if data is None else self._open(data)

    def queue(self, authority: str) -> list[Hit]:
        """Return an authority's open hits: live before late, then by deadline."""
        return sorted(
            self._waiting.get(authority, {}).values(), key=lambda hit: (hit.late, hit.due_us, hit.id)
        )

    def showing(self, authority: str, ref: str) -> list[Hit]:
        """Return an authority's open hits that an image belongs to."""
        return [hit for hit in self._waiting.get(authority, {}).values() if ref in (hit.patch, hit.overview)]

    def recent(self, authority: str, limit: int, voi: str | None = None) -> list[Hit]:
        """Return hits of an authority, the newest first.

        With a vehicle of interest, only its own.
        """
        found: list[Hit] = []
        prefix = authority.encode() + b"\0"
        with self._environment.begin() as transaction:
            cursor = transaction.cursor(db=self._order)
            if not (cursor.set_range(prefix + b"\xff" * 8) and cursor.prev()) and not cursor.last():
                return found
            while cursor.key().startswith(prefix) and len(found) < limit:
                data = transaction.get(cursor.value(), db=self._hits)
                hit = None if data is None else self._open(data)
                if hit is not None and (voi is None or hit.voi == voi):
                    found.append(hit)
                if not cursor.prev():
                    break
        return found

    async def wait(self, after_changes: int, timeout_s: float) -> None:
        """Wait for more changes than `after_changes`, at most `timeout_s`."""
        if self.changes > after_changes:
            return
        try:
            await asyncio.wait_for(self._news.wait(), timeout_s)
        except TimeoutError:
            return

    # --- the projection -----------------------------------------------------------------------------------------

    def write(self, taken: Iterable[tuple[int, Transaction]]) -> list[Hit]:
        """Write the hits of transactions, and return those changed; of a row that is erased the hit is gone.

        It is one durable step. Runs in any one thread.
        """
        changed: dict[str, Hit] = {}
        # A crash in here leaves the former position and hits, whole: the replay of COMMITS writes them again.
        with self._environment.begin(write=True) as store:

            def held(hit_id: str) -> Hit | None:
                if hit_id in changed:
                    return changed[hit_id]
                data = store.get(hit_id.encode(), db=self._hits)
                return None if data is None else self._open(data)

            position, erased = self.position, set[tuple[str, int]]()
            for sequence, transaction in taken:
                if sequence <= self.position:
                    continue
                position = sequence
                erased |= {(row.feed, row.row) for row in transaction.erased if row.feed}
                for item in transaction.hits:
                    changed[item.id] = raised(item)
                for imaged in transaction.imaged:
                    hit = held(imaged.hit)
                    if hit is not None:
                        changed[hit.id] = _imaged(hit, imaged)
                for outcome in transaction.outcomes:
                    hit = held(outcome.hit)
                    if hit is not None:
                        changed[hit.id] = with_outcome(hit, outcome)
                for one in transaction.corrected:
                    hit = held(one.hit)
                    if hit is not None:
                        changed[hit.id] = with_erratum(hit, one)
            gone = [] if not erased else self._of_rows(store, erased, changed)
            for hit in changed.values():
                key = hit.id.encode()
                store.put(key, self._keys.seal(_encode(hit), hit.raised_us), db=self._hits)
                order = hit.authority.encode() + b"\0" + struct.pack(">Q", hit.raised_us) + key
                store.put(order, key, db=self._order)
            store.put(_POSITION, struct.pack(">Q", position), db=self._meta)
            for hit in gone:
                # What LMDB leaves in free pages says nothing once the hour's key is gone.
                key = hit.id.encode()
                store.delete(key, db=self._hits)
                store.delete(
                    hit.authority.encode() + b"\0" + struct.pack(">Q", hit.raised_us) + key, db=self._order
                )
        self.position = position
        self._erased |= {hit.id for hit in gone}
        return [*changed.values(), *gone]

    def _of_rows(
        self, store: lmdb.Transaction, rows: Collection[tuple[str, int]], changed: dict[str, Hit]
    ) -> list[Hit]:
        """Return the hits of some rows, and take them out of those that are to be written. O(hits of their feeds)."""
        gone = {hit.id: hit for hit in changed.values() if (hit.authority, hit.seq) in rows}
        for feed in {feed for feed, _ in rows}:
            cursor, prefix = store.cursor(db=self._order), feed.encode() + b"\0"
            more = cursor.set_range(prefix)
            while more and bytes(cursor.key()).startswith(prefix):
                data = store.get(cursor.value(), db=self._hits)
                hit = None if data is None else self._open(bytes(data))
                if hit is not None and (feed, hit.seq) in rows:
                    gone[hit.id] = hit
                more = cursor.next()
        for hit_id in gone:
            changed.pop(hit_id, None)
        return list(gone.values())

    def show(self, changed: Iterable[Hit]) -> None:
        """Show the hits returned by `write`, and wake those who wait.

        Runs in the thread of the event loop.
        """
        for hit in changed:
            waiting = self._waiting.setdefault(hit.authority, {})
            if _waits(hit) and hit.id not in self._erased:
                waiting[hit.id] = hit
            else:
                waiting.pop(hit.id, None)
        self.changes += 1
        news, self._news = self._news, asyncio.Event()
        news.set()

    def due_before(self, before_us: int, open_hits: Collection[str]) -> dict[str, tuple[int, int]]:
        """Return of each authority how many hits `forget` would remove, and when the first was raised; if any."""
        due: dict[str, tuple[int, int]] = {}
        with self._environment.begin() as store:
            cursor = store.cursor(db=self._order)
            more = cursor.first()
            while more:
                key = cursor.key()
                name_end = key.index(b"\0")
                raised_us = struct.unpack(">Q", key[name_end + 1 : name_end + 9])[0]
                if raised_us >= before_us:
                    more = cursor.set_range(key[:name_end] + b"\1")
                    continue
                if not self._is_open(store, cursor.value(), open_hits):
                    name = key[:name_end].decode()
                    count, from_us = due.get(name, (0, raised_us))
                    due[name] = count + 1, from_us
                more = cursor.next()
        return due

    def _is_open(self, store: lmdb.Transaction, hit_id: bytes, open_hits: Collection[str]) -> bool:
        if hit_id.decode() in open_hits:
            return True
        # One whose outcome is committed and not written here yet is still open here.
        data = store.get(hit_id, db=self._hits)
        hit = None if data is None else self._open(bytes(data))
        return hit is not None and _waits(hit)

    def forget(self, before_us: int, open_hits: Collection[str]) -> None:
        """Remove ended hits raised before `before_us`, and end the keys of the hours before the first that is kept.

        O(what is removed and what is open).
        """
        kept_us = before_us
        # A crash in here removes nothing: the next time removes it.
        with self._environment.begin(write=True) as store:
            cursor = store.cursor(db=self._order)
            more = cursor.first()
            while more:
                key = cursor.key()
                name_end = key.index(b"\0")
                raised_us = struct.unpack(">Q", key[name_end + 1 : name_end + 9])[0]
                if raised_us >= before_us:
                    # The rest of this authority is newer: on to the next.
                    more = cursor.set_range(key[:name_end] + b"\1")
                    continue
                hit_id = cursor.value()
                if self._is_open(store, hit_id, open_hits):
                    kept_us = min(kept_us, raised_us)
                    more = cursor.next()
                    continue
                store.delete(hit_id, db=self._hits)
                more = cursor.delete() and bool(cursor.key())
        # What LMDB leaves in pages that are free says nothing once the key is gone.
        self._keys.end_before(kept_us)

    def _open(self, data: bytes) -> Hit | None:
        opened = self._keys.open(data)
        return None if opened is None else _decode(opened)


def _waits(hit: Hit) -> bool:
    return hit.status in WAITING


def _imaged(hit: Hit, imaged: HitImaged) -> Hit:
    return msgspec.structs.replace(
        hit, patch=imaged.patch or hit.patch, overview=imaged.overview or hit.overview
    )
