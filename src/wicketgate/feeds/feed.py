"""The feeds: of each authority name the batches in their order, read out of COMMITS.

Batch B stands where the index says. What version 0.4 and those before it stored a second time is read from the streams
that they left, until its term.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.streams.link import Link
from wicketgate.commits.rewritten import REWRITTEN
from wicketgate.commits.transactions import FeedBatch
from wicketgate.feeds.batches import erase_rows, first_row, is_batch
from wicketgate.feeds.index import BatchPlace, FeedIndex

log = logging.getLogger(__name__)

RECENT_BYTES = 8 * 1024 * 1024
_FETCHED_AT_ONCE = 32
_LOOKED_UP_AT_ONCE = 1_000
_PATIENCE_S = 10


class FormerBatches(Protocol):
    """The batches of a feed that an earlier version stored a second time, by number; until their term."""

    @property
    def last(self) -> int:
        """The number of the last."""

    async def get(self, number: int) -> bytes | None:
        """Return a batch, or None where it is past its term."""

    async def extent(self) -> tuple[int, int, int]:
        """Return the first number held, the last, and the bytes of all."""

    async def end_before(self, at_us: int) -> None:
        """Delete those from before a time."""

    async def remove(self) -> None:
        """Delete what held them."""

    async def close(self) -> None:
        """Stop reading."""


class StoredRows:
    """The rows of all feeds, where they lie: in messages of a stream, COMMITS, or in what stands for them.

    A message is fetched whole, and may be a mebibyte: some are at once, whoever asks.

    Parameters
    ----------
    unseal : callable
        Returns what lies there as it was delivered, or None where its key has ended.
    """

    def __init__(self, link: Link, stream: str, unseal: Callable[[bytes], bytes | None]) -> None:
        self.link = link
        self._unseal = unseal
        self._stream = stream
        self._turns = asyncio.Semaphore(_FETCHED_AT_ONCE)

    async def cut_out(
        self, feed: str, number: int, place: BatchPlace, is_there: Callable[[], bool]
    ) -> bytes | None:
        """Return a batch from its place, or None where the place is its own no more, or its key has ended.

        Parameters
        ----------
        is_there : callable
            Returns whether the index says so still: it learns that a batch ends or moves before the message goes.

        Raises
        ------
        StreamError
            If the message is missing all the same, or something else lies there: nothing of it leaves.
        """
        stream, sequence = self._stream, place.sequence
        if place.rewritten:
            stream, sequence = REWRITTEN, place.rewritten
        async with self._turns:
            stored = await self.link.message(stream, sequence, _PATIENCE_S)
        if stored is None:
            if not is_there():
                return None
            log.critical("`nats/` is damaged: message %d of %s is missing", sequence, stream)
            raise StreamError(f"batch {number} of `{feed}` cannot be read: `nats/` is damaged")
        try:
            data = self._unseal((stored.data or b"")[place.offset : place.offset + place.length])
        except InputError:
            data = b""
        if data is None:
            return None
        if not is_batch(data, feed, number):
            log.critical("`feeds/` is damaged: batch %d of `%s` does not lie where it says", number, feed)
            raise StreamError(f"batch {number} of `{feed}` cannot be read: `feeds/` or `nats/` is damaged")
        return data


class Feed:
    """One authority's feed: the projection adds to it, and its unit reads it.

    Attributes
    ----------
    former_last : int
        The number of the last batch that an earlier version stored a second time; 0 where none did.
    """

    def __init__(
        self, rows: StoredRows, index: FeedIndex, name: str, former: FormerBatches | None, max_bytes: int
    ) -> None:
        self.name = name
        self._rows = rows
        self._index = index
        self._former = former
        self.former_last = 0 if former is None else former.last
        self._former_bytes = 0
        self._max_bytes = max_bytes
        self._recent: deque[tuple[int, bytes]] = deque()
        self._recent_bytes = 0
        self._most_recent = RECENT_BYTES
        self._written = 0  # up to which number the index has it
        held = index.held(name)
        self._first, self._before, self._through = held.first, held.before, held.through
        self.last = self._written = max(held.last, self.former_last)
        self._news = asyncio.Event()
        self._hidden: set[int] = set()

    @classmethod
    async def open(
        cls,
        rows: StoredRows,
        index: FeedIndex,
        name: str,
        *,
        former: FormerBatches | None = None,
        max_bytes: int,
        recent_bytes: int = RECENT_BYTES,
    ) -> Feed:
        """Open the feed of an authority name.

        Parameters
        ----------
        former : FormerBatches, optional
            The batches that an earlier version stored a second time.
        recent_bytes : int
            Of the last batches, which are kept in memory.
        """
        feed = cls(rows, index, name, former, max_bytes)
        feed._most_recent = recent_bytes
        await feed.refresh()
        return feed

    async def close(self) -> None:
        """Stop reading."""
        if self._former is not None:
            await self._former.close()

    @property
    def first(self) -> int:
        """The number of the first batch held."""
        return self._first

    @property
    def is_full(self) -> bool:
        """Whether releases must stop until batches are past their term."""
        return self.held_bytes >= self._max_bytes

    @property
    def held_bytes(self) -> int:
        """The bytes held in the feed, about."""
        return self._through - self._before + self._former_bytes

    # --- what is added, and what ends ---------------------------------------------------------------------------

    def add(self, batch: FeedBatch, sequence: int, offset: int, length: int, at_us: int) -> BatchPlace | None:
        """Add a batch that is durable in COMMITS; whoever waits gets it.

        Parameters
        ----------
        sequence, offset, length : int
            Where it lies there.

        Returns
        -------
        BatchPlace or None
            To be written into the index, then `wrote`; None where the feed has it already.

        Raises
        ------
        InputError
            If a batch before it is missing.
        """
        if batch.number <= self.last:
            return None
        if batch.number != self.last + 1:
            raise InputError(f"batch {batch.number} does not follow on {self.last} in `{self.name}`")
        self._through += length
        place = BatchPlace(sequence, offset, length, at_us, self._through)
        self._recent.append((batch.number, batch.data))
        self._recent_bytes += len(batch.data)
        self.last = batch.number
        self.wake()
        return place

    def wrote(self, number: int) -> None:
        """Take note that the index has a batch and those before it; memory may let go of them."""
        self._written = max(self._written, number)
        while self._recent_bytes > self._most_recent and self._recent[0][0] < min(self._written, self.last):
            self._recent_bytes -= len(self._recent.popleft()[1])

    def hide(self, row: int) -> None:
        """Show a row as erased from now on, though it lies there until its transaction is rewritten."""
        self._hidden.add(row)

    async def rewrite(self, number: int, data: bytes, rewritten: int, offset: int, length: int) -> None:
        """Learn what a batch is from now on, and where in REWRITTEN it lies.

        What lay before must stay until this has returned.
        """
        await asyncio.to_thread(self._index.rewrite, self.name, number, rewritten, offset, length)
        if self._recent and 0 <= number - self._recent[0][0] < len(self._recent):
            at = number - self._recent[0][0]
            self._recent_bytes += len(data) - len(self._recent[at][1])
            self._recent[at] = number, data

    async def let_go(self, at_us: int) -> None:
        """Let go of the batches that were released before a time; the index has done so (`FeedIndex.end_before`)."""
        if self._former is not None:
            await self._former.end_before(at_us)
        await self.refresh()

    async def refresh(self) -> None:
        """Learn the feed's first batch and its size."""
        kept, size = 0, 0
        if self._former is not None:
            first, last, size = await self._former.extent()
            if first <= last:
                kept = max(first, 1)
            else:
                former, self._former = self._former, None
                await former.remove()
        # All at once: a reader who looks meanwhile must not find a first batch that is none.
        held = self._index.held(self.name)
        self._first, self._before = kept or max(held.first, self.former_last + 1), held.before
        self._former_bytes = size
        while self._recent and self._recent[0][0] < self._first:
            self._recent_bytes -= len(self._recent.popleft()[1])

    async def catch_up(self) -> None:
        """Go on from what the index has learnt from elsewhere."""
        held = self._index.held(self.name)
        self._recent.clear()
        self._recent_bytes = 0
        self.last = self._written = max(held.last, self.former_last)
        self._through = held.through
        await self.refresh()
        self.wake()

    # --- what is read -------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Wake everyone who waits, to look again."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def wait(self, after: int, timeout_s: float) -> None:
        """Wait for a batch behind `after`, a wake-up, or `timeout_s`."""
        if self.last > after:
            return
        try:
            await asyncio.wait_for(self._news.wait(), timeout_s)
        except TimeoutError:
            return

    async def is_past_term(self, after: int) -> bool:
        """Return whether the batch behind `after` has run out.

        It was held once.
        """
        return after < self.last and after + 1 < self._first

    async def batch(self, number: int) -> bytes | None:
        """Return one batch as delivered, or None.

        None if it is past its term or not there.
        """
        found = await self.batches(number - 1, 1, 1)
        return found[0] if found else None

    async def batches(self, after: int, limit: int, max_bytes: int) -> Sequence[bytes]:
        """Return batches behind `after`, in order.

        At most `limit`, and not much more than `max_bytes` together.
        """
        found: list[bytes] = []
        size, number, end = 0, after + 1, min(after + limit, self.last)
        if number < 1:
            return found
        while number <= end and size < max_bytes:
            part = await self._some(number, end, max_bytes - size)
            if not part:
                break
            if self._hidden:
                part = [without_hidden(data, self._hidden) for data in part]
            found += part
            size += sum(map(len, part))
            number += len(part)
        return found

    def _is_at(self, number: int, place: BatchPlace) -> bool:
        return self._index.places(self.name, number - 1, 1) == [place]

    async def _some(self, number: int, end: int, most: int) -> list[bytes]:
        """Return the next batches from where they lie: memory, COMMITS or what an earlier version left."""
        if self._recent and number >= self._recent[0][0]:
            at, size = number - self._recent[0][0], 0
            held: list[bytes] = []
            while number + len(held) <= end and size < most:
                held.append(self._recent[at + len(held)][1])
                size += len(held[-1])
            return held
        if number <= self.former_last:
            data = None if self._former is None else await self._former.get(number)
            return [] if data is None else [data]
        places = self._index.places(self.name, number - 1, min(end + 1 - number, _LOOKED_UP_AT_ONCE))
        wanted, size = 0, 0
        while wanted < min(len(places), _FETCHED_AT_ONCE) and size < most:
            size += places[wanted].length
            wanted += 1
        got = await asyncio.gather(
            *(
                self._rows.cut_out(
                    self.name, number + n, places[n], partial(self._is_at, number + n, places[n])
                )
                for n in range(wanted)
            )
        )
        gone = next((n for n, data in enumerate(got) if data is None), wanted)
        if gone == 0 and self._index.places(self.name, number - 1, 1) not in ([], places[:1]):
            return await self._some(number, end, most)  # it was rewritten meanwhile
        return [data for data in got[:gone] if data is not None]


def without_hidden(data: bytes, hidden: set[int]) -> bytes:
    """Return a batch as delivered with those of its rows erased that are hidden."""
    first = first_row(data)
    rows = hidden.intersection(range(first, first + data.count(b"\n") - 1))
    return erase_rows(data, rows) if rows else data
