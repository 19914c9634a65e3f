"""The quarantine: reads that could not be taken, kept for their source until their term.

A batch is one message under its source's subject, so that a source's own are found without a look at the others'.
Version 0.3 kept each read by itself in one stream: those are read until their term, and none is added.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from wicketgate.base.hour_keys import HourKeys
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.ordinal import OrdinalStream
from wicketgate.commits.transactions import (
    QuarantineBatch,
    QuarantinedRead,
    Transaction,
    quarantine_batches,
)

QUARANTINE: Final = "QUARANTINE"
BATCHES: Final = "QUARANTINED"
_MOST_LOOKED_AT: Final = 500
"""Reads that version 0.3 kept which one request looks at, whosever they are."""

_MOST_BYTES: Final = 1024 * 1024
"""Bytes of the reads in one answer, about."""

_encode = msgspec.msgpack.Encoder().encode
_batch = msgspec.msgpack.Decoder(QuarantineBatch)
_read = msgspec.msgpack.Decoder(QuarantinedRead)


class Quarantine:
    """The quarantine of one gateway, a projection of COMMITS."""

    def __init__(self, link: Link, keys: HourKeys, right: asyncio.Event | None = None) -> None:
        self.keys = keys
        self._single = OrdinalStream(link, QUARANTINE, right=right)
        self._batches = OrdinalStream(link, BATCHES, below=True, right=right)

    async def open(self) -> None:
        """Make the missing streams, and learn their ends."""
        await self._single.open()
        await self._batches.open()

    async def end_before(self, at_us: int) -> None:
        """Delete the reads that were quarantined before a time, and end the keys of those that COMMITS still holds."""
        self.keys.end_before(at_us)
        await self._single.end_before(at_us)
        await self._batches.end_before(at_us)

    async def due_before(self, at_us: int) -> tuple[int, int]:
        """Return how many reads were quarantined before a time, and when the first was."""
        first, until, from_us = await self._single.due_before(at_us)
        count = until - first
        first, until, batches_us = await self._batches.due_before(at_us)
        if until > first:
            begins, ends = await self._batches.get(first), await self._batches.get(until - 1)
            if begins is not None and ends is not None:
                last = _batch.decode(ends)
                count += last.first + len(last.reads) - _batch.decode(begins).first
            from_us = min((one for one in (from_us, batches_us) if one), default=0)
        return count, from_us

    async def close(self) -> None:
        """Stop writing."""
        await self._single.close()
        await self._batches.close()

    def seal(self, read: QuarantinedRead, at_us: int) -> QuarantinedRead:
        """Return a read as it is committed: what was sent is encrypted, and ends with its hour's key."""
        return msgspec.structs.replace(read, read=self.keys.seal(read.read, at_us))

    @property
    def last(self) -> int:
        """The number of the last batch handed over."""
        return self._batches.last

    async def put(self, transaction: Transaction) -> None:
        """Keep the reads of a transaction, unless they are kept already.

        On return they are durable.
        """
        reads = transaction.quarantined
        if not reads:
            return
        if not transaction.quarantine_batch:  # version 0.3 committed it
            await self._single.put_all(
                transaction.quarantine_from, [_encode(read) for read in reads], transaction.at_us
            )
            return
        batches = quarantine_batches(transaction.quarantine_from, reads)
        under = [_token(batch.reads[0].source) for batch in batches]
        items = [_encode(batch) for batch in batches]
        await self._batches.put_all(transaction.quarantine_batch, items, transaction.at_us, under)

    async def of_source(
        self, source: str, after: int, most: int
    ) -> tuple[list[tuple[int, QuarantinedRead]], int | None]:
        """Return a source's reads behind a number, with their numbers.

        Parameters
        ----------
        most : int
            At most so many, and fewer where they are large.

        Returns
        -------
        list of (int, QuarantinedRead)
            Ascending, maybe fewer than there are.
        int or None
            Behind which number to go on; None where there is nothing more now.
        """
        found: list[tuple[int, QuarantinedRead]] = []
        first, last, _ = await self._single.extent()
        number = max(after, first - 1)
        until = min(last, number + _MOST_LOOKED_AT)
        while number < until and len(found) < most:
            number += 1
            data = await self._single.get(number)
            if data is not None and (read := _read.decode(data)).source == source:
                found.append((number, read))
        if number < last:
            return found, number
        size = sum(len(read.read) for _, read in found)
        async for batch in self._batches_behind(source, after):
            for n, read in enumerate(batch.reads, batch.first):
                if n <= after:
                    continue
                if len(found) >= most or size > _MOST_BYTES:
                    return found, n - 1
                sent = self.keys.open(read.read)
                if sent is None:
                    continue  # its key has ended, and the batch is about to
                found.append((n, msgspec.structs.replace(read, read=sent)))
                size += len(sent)
        return found, None

    async def _batches_behind(self, source: str, after: int) -> AsyncIterator[QuarantineBatch]:
        """Yield a source's batches, from the one that holds the next number on."""
        first, last, _ = await self._batches.extent()
        ordinal = await self._ordinal_of(after + 1, first, last)
        while ordinal <= last:
            found = await self._batches.get_under(ordinal, _token(source))
            if found is None:
                return
            ordinal, data = found[0] + 1, found[1]
            yield _batch.decode(data)

    async def _ordinal_of(self, number: int, first: int, last: int) -> int:
        """Return the ordinal of the last batch that begins at a number or before it, by bisection."""
        low, high = first, last
        while low < high:
            middle = (low + high + 1) // 2
            data = await self._batches.get(middle)
            # One that is gone is past its term, and what is asked for is behind it.
            if data is None or _batch.decode(data).first <= number:
                low = middle
            else:
                high = middle - 1
        return low


def _token(source: str) -> str:
    """Return a source's name as one part of a subject."""
    return source.replace(".", "_")
