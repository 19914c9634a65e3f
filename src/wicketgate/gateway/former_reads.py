"""What READS of an earlier version still holds: decided once at the first start of this one, then let go of.

Versions before 0.4 kept what was taken in a stream of its own, and decided it behind that (decision 0030).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from nats.js.errors import NotFoundError

from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.reader import StreamReader
from wicketgate.commits.state import State
from wicketgate.gateway.releasing import Releasing
from wicketgate.reads.columns import MAX_ROWS, decode_batch, empty, encode_batch, part
from wicketgate.reads.former import KEY
from wicketgate.reads.keys import DIGEST
from wicketgate.reads.messages import READS, ReadsMessage, decode_reads, seen_keys
from wicketgate.reads.repeats import Seen
from wicketgate.reads.tracking import Emitted, HeldSighting, Vehicles

_PATIENCE_S = 30.0
_BUSY_S = 0.05


class FormerReads:
    """READS, as an earlier version left it.

    Use `find`, `learn` before anything is taken, then `decide`. Nothing of it is gone before `decide` has ended.
    """

    def __init__(self, link: Link, first: int, last: int) -> None:
        self._link = link
        self._first = first
        self._last = last
        self._held: list[HeldSighting] = []
        self._emitted: list[Emitted] = []

    @classmethod
    async def find(cls, link: Link) -> FormerReads | None:
        """Return what was left, or None where nothing was."""
        try:
            ends = (await link.info(READS)).state
        except NotFoundError:
            return None
        return cls(link, ends.first_seq, ends.last_seq)

    def demand(self, seen: Seen, state: State) -> None:
        """Demand that it holds all that the index of repeats lacks, and what the fold says that it took.

        Raises
        ------
        ConfigurationError
            Saying which of them is older than the rest.
        """
        known = max(seen.former_position or 0, state.reads_to)
        if known > self._last:
            raise ConfigurationError(
                f"READS ends at {self._last}, and message {known} of it was taken: an older `nats` stands beside a "
                "newer deployment; restore all of it as it was at one time"
            )
        if seen.former_position is not None and seen.former_position < self._first - 1:
            raise ConfigurationError(
                f"`index/` has come to {seen.former_position} of READS, which begins at {self._first}: it is older "
                "than the rest, or was emptied; restore all of the directory as it was at one time"
            )

    async def learn(self, seen: Seen, vehicles: Vehicles, state: State) -> None:
        """Bring the index of repeats and the followed vehicles up to its end, decided or not.

        ConfigurationError as `demand`.
        """
        self.demand(seen, state)
        if seen.former_position is None:
            return  # an earlier start came so far, and what it decided since stands in COMMITS
        async for number, message in self._behind(seen.former_position):
            seen.stored(*seen_keys(message), state.sequence)
            vehicles.learn(message.held, message.emitted, state.sequence)
            if number <= state.reads_to or (number == state.reads_to + 1 and state.reads_offset):
                self._held += message.held
                self._emitted += message.emitted

    async def decide(self, gate: Releasing, seen: Seen, state: State) -> None:
        """Decide what is not decided, write the index, and delete the stream.

        A kill leaves each message decided in a transaction that says so, or not decided.
        """
        for begin in range(0, max(len(self._held), len(self._emitted)), MAX_ROWS):
            some = slice(begin, begin + MAX_ROWS)
            again = ReadsMessage(rows=b"", held=tuple(self._held[some]), emitted=tuple(self._emitted[some]))
            await gate.decide(empty(), again)
        begin = state.reads_offset
        async for number, message in self._behind(state.reads_to):
            await _decide(gate, number, message, begin)
            begin = 0
        position = seen.begin_flush()
        await asyncio.to_thread(seen.flush, position, 0)
        seen.end_flush()
        # A crash before this leaves a stream of which everything is decided and known.
        await self._link.ask(lambda: self._link.jetstream.delete_stream(READS))

    async def _behind(self, after: int) -> AsyncIterator[tuple[int, ReadsMessage]]:
        reached = max(after, self._first - 1)
        reader = StreamReader(self._link, READS, after=reached)
        try:
            while reached < self._last:
                held = await reader.next(_PATIENCE_S)
                if not held or held[0].sequence != reached + 1:
                    raise ConfigurationError(f"what stands behind message {reached} of READS cannot be read")
                for stored in held:
                    yield stored.sequence, decode_reads(stored.data)
                reached = held[-1].sequence
        finally:
            await reader.close()


async def _decide(gate: Releasing, number: int, message: ReadsMessage, begin: int) -> None:
    """Decide the rows of a message from `begin` on, in as many transactions as it takes."""
    batch = decode_batch(message.rows) if message.rows else empty()
    rest = message if begin == 0 else ReadsMessage(rows=b"")
    limit = gate.rows_at_once(batch)
    while True:
        end = min(begin + limit, len(batch))
        some = part(batch, begin, end)
        portion = msgspec.structs.replace(
            rest,
            rows=encode_batch(some) if len(some) else b"",
            emitted=message.emitted if end == len(batch) else (),
            contents=message.contents[KEY * begin : KEY * end],
            ids=message.ids[DIGEST * begin : DIGEST * end],
        )
        whole = end == len(batch)
        try:
            decided = gate.decide(some, portion, of_reads=(number, 0) if whole else (number - 1, end))
        except StreamError as error:
            if error.code == "busy":
                await asyncio.sleep(_BUSY_S)
            elif error.code == "too-large" and limit > 1:
                limit //= 2
            else:
                raise
            continue
        await decided
        if whole:
            return
        begin, rest = end, ReadsMessage(rows=b"")
