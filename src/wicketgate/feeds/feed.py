"""The feeds: one durable stream for each authority name.

Batch B stands at sequence B.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from wicketgate.base.streams.link import Link
from wicketgate.base.streams.ordinal import OrdinalStream
from wicketgate.commits.transactions import FeedBatch

_RECENT_BYTES = 8 * 1024 * 1024


class Feed:
    """One authority's feed.

    The projection writes it, and its unit reads it.
    """

    def __init__(self, stream: OrdinalStream, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._recent: deque[tuple[int, bytes]] = deque()
        self._recent_bytes = 0
        self._first = 1
        self._bytes = 0
        self._news = asyncio.Event()
        self.last = 0

    @classmethod
    async def open(cls, link: Link, name: str, *, max_bytes: int) -> Feed:
        """Open the feed of an authority name.

        It is made if it is new.
        """
        stream = await OrdinalStream(link, f"FEED-{name}").open()
        feed = cls(stream, max_bytes)
        feed.last = stream.last
        await feed.refresh()
        return feed

    async def end_before(self, at_us: int) -> None:
        """Delete the batches that were released before a time, and learn the feed's size."""
        await self._stream.end_before(at_us)
        await self.refresh()

    async def close(self) -> None:
        """Stop writing."""
        await self._stream.close()

    @property
    def first(self) -> int:
        """The number of the first batch held."""
        return self._first

    @property
    def is_full(self) -> bool:
        """Whether releases must stop until batches are past their term."""
        return self._bytes >= self._max_bytes

    @property
    def held_bytes(self) -> int:
        """The bytes held in the feed, about."""
        return self._bytes

    async def refresh(self) -> None:
        """Learn the feed's size and its first batch."""
        self._first, _, self._bytes = await self._stream.extent()
        while self._recent and self._recent[0][0] < self._first:
            self._recent_bytes -= len(self._recent.popleft()[1])

    async def put(self, batch: FeedBatch, at_us: int) -> None:
        """Write a batch that was released at a time.

        Whoever waits gets it once it is durable here.
        """
        known = batch.number <= self.last
        # A crash before this is durable: the replay of COMMITS puts the batch again, under its own number.
        await self._stream.put(batch.number, batch.data, at_us)
        if known:
            return
        self._bytes += len(batch.data)
        self._recent.append((batch.number, batch.data))
        self._recent_bytes += len(batch.data)
        while self._recent_bytes > _RECENT_BYTES and len(self._recent) > 1:
            self._recent_bytes -= len(self._recent.popleft()[1])
        self.last = batch.number
        self.wake()

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
        if after >= self.last:
            return False
        if after + 1 < self._first:
            return True
        if self._recent and after + 1 >= self._recent[0][0]:
            return False
        await self.refresh()
        return after + 1 < self._first

    async def batch(self, number: int) -> bytes | None:
        """Return one batch as delivered, or None.

        None if it is past its term or not there.
        """
        if number < 1 or number > self.last:
            return None
        if self._recent and number >= self._recent[0][0]:
            return self._recent[number - self._recent[0][0]][1]
        return await self._stream.get(number)

    async def batches(self, after: int, limit: int, max_bytes: int) -> Sequence[bytes]:
        """Return batches behind `after`, in order.

        At most `limit`, and not much more than `max_bytes` together.
        """
        found: list[bytes] = []
        size = 0
        for number in range(after + 1, min(after + limit, self.last) + 1):
            data = await self.batch(number)
            if data is None:
                break
            found.append(data)
            size += len(data)
            if size >= max_bytes:
                break
        return found
