"""A stream with messages numbered from 1 without gaps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from nats.js.errors import NotFoundError

from wicketgate.base.errors import InputError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.writer import StreamWriter


class OrdinalStream:
    """A projection of COMMITS into a stream, item n as message n.

    The number is the item's own, given by its transaction: whatever is replayed is recognised by it and passed over, so
    a crash at any point loses nothing and repeats nothing.

    Parameters
    ----------
    below : bool
        Whether each item has a subject of its own below `name`; items of one subject can be read alone.
    """

    def __init__(self, link: Link, name: str, *, below: bool = False) -> None:
        self.name = name
        self._below = below
        self._link = link
        self._writer = StreamWriter(link, name, window=32)

    async def open(self, *, max_age_us: int) -> OrdinalStream:
        """Make the stream if it is missing, and learn its end."""
        await self._link.ensure_stream(self.name, max_age_us=max_age_us, below=self._below)
        await self._writer.open()
        return self

    async def keep_for(self, max_age_us: int) -> None:
        """Give the stream another term.

        What is past it then goes at once.
        """
        await self._link.ensure_stream(self.name, max_age_us=max_age_us, below=self._below)

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

    async def put(self, number: int, data: bytes) -> None:
        """Write item `number`, unless it is there.

        On return it is durable.

        Raises
        ------
        InputError
            If an item before it is missing.
        """
        await self.put_all(number, (data,))

    async def put_all(self, first: int, items: Sequence[bytes], under: Sequence[str] = ()) -> None:
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
        stored: list[asyncio.Future[int]] = []
        for number, data in enumerate(items, first):
            if number <= self._writer.last:
                continue
            if number != self._writer.last + 1:
                raise InputError(f"item {number} does not follow on {self._writer.last} in `{self.name}`")
            subject = f"{self.name}.{under[number - first]}" if self._below else ""
            stored.append(self._writer.submit(data, f"{self.name}-{number}", subject=subject))
        if stored:
            await asyncio.gather(*stored)

    async def get(self, number: int) -> bytes | None:
        """Return item `number`, or None.

        None where it is past its term or not there yet.
        """
        try:
            stored = await self._link.ask(
                lambda: self._link.jetstream.get_msg(self.name, seq=number, direct=True), 10
            )
        except NotFoundError:
            return None
        data: bytes = stored.data
        return data

    async def get_under(self, number: int, under: str) -> tuple[int, bytes] | None:
        """Return the first item of a subject from a number on, with its number, or None."""
        subject = f"{self.name}.{under}"
        try:
            stored = await self._link.ask(
                lambda: self._link.jetstream.get_msg(
                    self.name, seq=number, subject=subject, next=True, direct=True
                ),
                10,
            )
        except NotFoundError:
            return None
        return int(stored.seq), stored.data

    async def extent(self) -> tuple[int, int, int]:
        """Return the first number held, the last, and the bytes of all."""
        state = (await self._link.info(self.name)).state
        return state.first_seq, state.last_seq, state.bytes
