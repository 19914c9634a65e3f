"""A stream with messages numbered from 1 without gaps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from nats.js.errors import NotFoundError

from wicketgate.base.errors import InputError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.writer import AT, StreamWriter

_PATIENCE_S = 10
_LOOK_S = 0.25


class OrdinalStream:
    """A projection of COMMITS into a stream, item n as message n.

    The number is the item's own, given by its transaction: whatever is replayed is recognised by it and passed over, so
    a crash at any point loses nothing and repeats nothing.

    Parameters
    ----------
    below : bool
        Whether each item has a subject of its own below `name`; items of one subject can be read alone.
    right : asyncio.Event, optional
        Set once this gateway may write. Until then each item is waited for: the gateway that leads writes it.
    """

    def __init__(
        self, link: Link, name: str, *, below: bool = False, right: asyncio.Event | None = None
    ) -> None:
        self.name = name
        self._right = right
        self._below = below
        self._link = link
        self._writer = StreamWriter(link, name, window=32, named=True)
        self._oldest_us: int | None = None  # of the first item held, once it was looked at

    async def open(self) -> OrdinalStream:
        """Make the stream if it is missing, and learn its end."""
        await self._link.ensure_stream(self.name, below=self._below)
        await self._writer.open()
        return self

    @classmethod
    async def former(cls, link: Link, name: str) -> OrdinalStream | None:
        """Return the stream that an earlier version left, or None where there is none."""
        try:
            await link.info(name)
        except NotFoundError:
            return None
        return await cls(link, name).open()

    async def remove(self) -> None:
        """Delete the stream itself."""
        await self.close()
        await self._link.ask(lambda: self._link.jetstream.delete_stream(self.name))

    async def end_before(self, at_us: int) -> None:
        """Delete every item from before a time.

        Items are in the order of their times, which are the gateway's own: no clock of the server deletes anything.
        """
        first, until, _ = await self.due_before(at_us)
        # A crash before this leaves what is past its term to the next look.
        if until > first:
            await self._link.purge_below(self.name, until)

    async def due_before(self, at_us: int) -> tuple[int, int, int]:
        """Return the first item from before a time, the first that is not, and the time of the one; equal if none is.

        Notes
        -----
        One request for each doubling of the items held, and none while the first of them is younger.
        """
        if self._oldest_us is not None and self._oldest_us >= at_us:
            return 0, 0, 0
        first, last, _ = await self.extent()
        first = max(first, 1)  # a new stream begins at 0
        low, high = first, last + 1
        kept_us, oldest_us = None, 0
        while low < high:
            # The first item is looked at first: mostly it is young enough.
            middle = first if (low, high) == (first, last + 1) else (low + high) // 2
            found_us = await self._time_of(middle)
            if middle == first:
                oldest_us = found_us or 0
            if found_us is None or found_us < at_us:
                low = middle + 1
            else:
                high, kept_us = middle, found_us
        self._oldest_us = kept_us if low == first else None
        return first, low, oldest_us

    async def _time_of(self, number: int) -> int | None:
        """Return an item's time, or None where it is gone."""
        stored = await self._link.message(self.name, number, _PATIENCE_S)
        if stored is None:
            return None
        told = (stored.headers or {}).get(AT)
        if told is not None:
            return int(told)
        # Version 0.3 told no time: then the server's, of when it took the item.
        assert stored.time is not None
        return round(stored.time.timestamp() * 1e6)

    async def delete_all(self) -> None:
        """Delete every item; the next has the next number all the same."""
        await self._link.purge_below(self.name, self.last + 1)

    async def close(self) -> None:
        """Stop writing."""
        await self._writer.close()

    @property
    def last(self) -> int:
        """The number of the last item handed over."""
        return self._writer.last

    async def holds(self, number: int) -> bool:
        """Wait until another gateway has written item `number`, or until this one may write; return which."""
        right = self._right
        while right is not None and number > self._writer.last:
            may_write = right.is_set()
            await self._writer.learn()
            if may_write:
                self._right = None  # whatever is missing now is missing
                break
            if number > self._writer.last:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(right.wait(), _LOOK_S)
        return number <= self._writer.last

    async def put(self, number: int, data: bytes, at_us: int) -> None:
        """Write item `number`, unless it is there.

        On return it is durable. `at_us` is its time by the gateway's own clock, from which its term counts.

        Raises
        ------
        InputError
            If an item before it is missing.
        """
        await self.put_all(number, (data,), at_us)

    async def put_all(
        self, first: int, items: Sequence[bytes], at_us: int, under: Sequence[str] = ()
    ) -> None:
        """Write items numbered from `first` on.

        Those that are there are passed over. On return all are durable.

        Parameters
        ----------
        under : sequence of str
            The last part of each item's subject, where items have their own.

        Raises
        ------
        InputError
            If an item before them is missing.
        """
        # A crash in here leaves the first few of the items: the replay passes them over and writes the others.
        await self.holds(first + len(items) - 1)
        stored: list[asyncio.Future[int]] = []
        for number, data in enumerate(items, first):
            if number <= self._writer.last:
                continue
            if number != self._writer.last + 1:
                raise InputError(f"item {number} does not follow on {self._writer.last} in `{self.name}`")
            subject = f"{self.name}.{under[number - first]}" if self._below else ""
            stored.append(self._writer.submit(data, f"{self.name}-{number}", subject=subject, at_us=at_us))
        if stored:
            await asyncio.gather(*stored)

    async def get(self, number: int) -> bytes | None:
        """Return item `number`, or None.

        None where it is past its term or not there yet.
        """
        stored = await self._link.message(self.name, number, _PATIENCE_S)
        return None if stored is None else stored.data

    async def get_under(self, number: int, under: str) -> tuple[int, bytes] | None:
        """Return the first item of a subject from a number on, with its number, or None."""
        subject = f"{self.name}.{under}"
        try:
            stored = await self._link.ask(
                lambda: self._link.jetstream.get_msg(
                    self.name, seq=number, subject=subject, next=True, direct=True
                ),
                _PATIENCE_S,
            )
        except NotFoundError:
            return None
        return int(stored.seq), stored.data

    async def extent(self) -> tuple[int, int, int]:
        """Return the first number held, the last, and the bytes of all."""
        state = (await self._link.info(self.name)).state
        return state.first_seq, state.last_seq, state.bytes
