"""What a reader shows, derived from what it follows: feeds, the log and its proofs.

The log's tiles are derived byte for byte, and count once the sequencer's signed checkpoint is over them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from wicketgate.base.aside import ThreadsAside
from wicketgate.base.errors import InputError, LedgerError, StreamError, VerificationError
from wicketgate.base.streams.link import Link
from wicketgate.commits.rewritten import COMMITS
from wicketgate.commits.state import State
from wicketgate.commits.stored import StoredPlace
from wicketgate.commits.transactions import Transaction
from wicketgate.feeds.feed import Feed, StoredRows
from wicketgate.feeds.index import BatchPlace, FeedIndex
from wicketgate.gateway.readers.keys import KeysInMemory
from wicketgate.gateway.readers.sequencer import Sequencer
from wicketgate.ledger.copy import LogCopy
from wicketgate.ledger.facts import FactAnswer, check_fact
from wicketgate.ledger.notes import unverified_checkpoint
from wicketgate.ledger.proofs import Proofs
from wicketgate.ledger.second import SecondClosed
from wicketgate.ledger.tiles import Fetch
from wicketgate.regime.charter.values import Limits
from wicketgate.regime.ending import before_us

log = logging.getLogger(__name__)

_RECENT_BYTES: Final = 1024 * 1024
_INDEX_EVERY_S: Final = 0.25
_AGAIN_S: Final = 0.2
_LOOKS: Final = 6
_NEVER_FULL: Final = 1 << 62


class FollowedRows(StoredRows):
    """The rows of feeds, where they lie; where a transaction was rewritten meanwhile the sequencer says where to."""

    def __init__(self, link: Link, keys: KeysInMemory, index: FeedIndex, sequencer: Sequencer) -> None:
        super().__init__(link, COMMITS, keys.open_rows)
        self._index = index
        self._sequencer = sequencer

    async def cut_out(
        self, feed: str, number: int, place: BatchPlace, is_there: Callable[[], bool]
    ) -> bytes | None:
        """Return a batch from its place, or None where it lies elsewhere by now, or its key has ended."""
        try:
            return await super().cut_out(feed, number, place, is_there)
        except StreamError:
            told = await self._sequencer.places(feed, number - 1, 1)
            if told.first > number:
                return None  # past its term
            if not told.places or told.places[0] == place:
                raise
            moved = told.places[0]
            await asyncio.to_thread(
                self._index.rewrite, feed, number, moved.rewritten, moved.offset, moved.length
            )
            return None  # the feed sees that its place is another one, and looks again


class AskedBatches:
    """The batches of a feed that an earlier version stored: the sequencer is asked for them."""

    def __init__(self, sequencer: Sequencer, feed: str, last: int) -> None:
        self._sequencer = sequencer
        self._feed = feed
        self.last = last

    async def get(self, number: int) -> bytes | None:
        """Return a batch, or None where it is past its term."""
        return await self._sequencer.batch(self._feed, number)

    async def extent(self) -> tuple[int, int, int]:
        """Return the first number held, the last, and no bytes: a reader's feed is never full."""
        return 1, self.last, 0

    async def end_before(self, at_us: int) -> None:
        """Leave their end to the sequencer."""

    async def remove(self) -> None:
        """Leave their end to the sequencer."""

    async def close(self) -> None:
        """Hold nothing."""


class ReaderShown:
    """The feeds, the log and the proofs of one reader.

    Parameters
    ----------
    on_failure : callable
        Told of what a reader cannot go on with: a log that differs from the signed one, above all.
    """

    def __init__(
        self,
        sequencer: Sequencer,
        ledger: LogCopy,
        proofs: Proofs,
        index: FeedIndex,
        rows: FollowedRows,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.ledger = ledger
        self.feeds: dict[str, Feed] = {}
        self._sequencer = sequencer
        self._proofs = proofs
        self._index = index
        self._rows = rows
        self._on_failure = on_failure
        self._former: Mapping[str, int] = {}
        self._feed_term_us = _NEVER_FULL
        self._entries: list[bytes] = []  # behind those of the log
        self._known = 0  # entries that the log has, or that wait
        self._writing = asyncio.Lock()
        self._seconds: list[SecondClosed] = []
        self._entries_came = asyncio.Event()
        self._index_queue: list[tuple[str, int, BatchPlace]] = []
        self._index_came = asyncio.Event()
        self._threads = ThreadsAside()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to derive."""
        for work in (self._follow_log, self._write_index):
            self._tasks.append(asyncio.create_task(work()))

    async def close(self) -> None:
        """Stop; what is derived is durable."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._threads.ended()
        self._write_places()

    # --- the beginning ----------------------------------------------------------------------------------------------

    async def begin(self, state: State, former: Mapping[str, int], fetch: Fetch) -> None:
        """Bring feeds and log to a state.

        Parameters
        ----------
        former : mapping of str to int
            The last batches that an earlier version stored, by feed.
        fetch : callable
            Another copy of the log, or the log itself; what it gives is verified.

        Raises
        ------
        LedgerError
            If the sequencer's log is another one than that derived here.
        """
        self._former = former
        self._write_places()
        for name, feed in state.feeds.items():
            await self._fill(name, feed.batches)
            await self.open_feed(name)
        for rows in state.erased.values():
            self._hide(rows)
        async with self._writing:
            self._entries.clear()
            self._seconds.clear()
            while True:
                await self._threads.run(self.ledger.take_from, fetch)
                if self.ledger.size >= state.entries:
                    break
                await asyncio.sleep(_AGAIN_S)
            self._known = self.ledger.size
        await self._demand_same_log()

    async def _demand_same_log(self) -> None:
        """Demand that the sequencer's log is this one, or goes on from it.

        Raises
        ------
        LedgerError
            If it is another one, or shorter: what was signed once has been taken back.
        """
        for _ in range(_LOOKS):  # one that has just begun comes so far first
            checkpoint = await self._sequencer.checkpoint(self.ledger.size - 1)
            if checkpoint:
                break
        else:
            raise LedgerError("the sequencer's log is shorter than the one derived here", code="log-differs")
        if unverified_checkpoint(checkpoint).size == self.ledger.size:
            self.ledger.append((), checkpoint)

    async def _fill(self, name: str, batches: int) -> None:
        """Learn where the batches of a feed lie that this reader has not followed."""
        held = self._index.held(name)
        after, former = held.last, self._former.get(name, 0)
        after = max(after, former)
        while after < batches:
            told = await self._sequencer.places(name, after)
            if not told.places:
                # All of them are past their term; or they are not written yet there.
                if told.last <= after:
                    await asyncio.sleep(_AGAIN_S)
                    continue
                self._index.go_on_from(name, told.last + 1, None, told.through)
                after = told.last
                continue
            if told.first > held.last + 1:
                self._index.go_on_from(name, told.first, told.places[0], told.places[0].through)
            numbered = [(name, told.first + n, place) for n, place in enumerate(told.places)]
            await self._threads.run(self._index.write, numbered)
            held = self._index.held(name)
            after = numbered[-1][1]
        if name in self.feeds:
            await self.feeds[name].catch_up()

    async def open_feed(self, name: str) -> None:
        """Open the feed of an authority name, unless it is open."""
        if name not in self.feeds:
            last = self._former.get(name, 0)
            former = AskedBatches(self._sequencer, name, last) if last else None
            self.feeds[name] = await Feed.open(
                self._rows,
                self._index,
                name,
                former=former,
                max_bytes=_NEVER_FULL,
                recent_bytes=_RECENT_BYTES,
            )

    # --- what comes -------------------------------------------------------------------------------------------------

    def take(self, sequence: int, transaction: Transaction, lie: tuple[StoredPlace, ...]) -> None:
        """Show a committed transaction."""
        for stood in transaction.stood:
            if stood.about in self.feeds:
                self.feeds[stood.about].wake()  # whoever waits at it looks again
        for batch, (offset, length) in zip(transaction.batches, lie, strict=True):
            place = self.feeds[batch.feed].add(batch, sequence, offset, length, transaction.at_us)
            if place is not None:
                self._index_queue.append((batch.feed, batch.number, place))
        self._hide([(row.feed, row.row) for row in transaction.erased])
        for index, entry in enumerate(transaction.entries, transaction.first_entry):
            if index == self._known:
                self._entries.append(entry)
                self._known += 1
            elif index > self._known:
                raise InputError(f"entry {index} does not follow on {self._known - 1}")
        if transaction.second is not None:
            self._seconds.append(transaction.second)
        if transaction.entries:
            self._entries_came.set()
        if self._index_queue:
            self._index_came.set()

    def wake(self) -> None:
        """Let whoever waits at a feed look again."""
        for feed in self.feeds.values():
            feed.wake()

    def _hide(self, rows: list[tuple[str, int]]) -> None:
        for feed, row in rows:
            if feed in self.feeds:
                self.feeds[feed].hide(row)

    async def end_before(self, at_us: int, limits: Limits) -> None:
        """Let go of what is past the term of feeds at a time."""
        self._feed_term_us = limits.feed_term_us
        feeds, until_us = list(self.feeds.values()), before_us("rows", at_us, limits)
        await self._threads.run(self._index.end_before, [feed.name for feed in feeds], until_us)
        for feed in feeds:
            await feed.let_go(until_us)

    async def prove(self, leaf: bytes, near_us: int = 0) -> FactAnswer | None:
        """Return the proof for a fact's hash, or None where there is none, or not yet; sooner with its time.

        One from before this reader began is asked of the sequencer, and holds only if the log here has its entry.

        Raises
        ------
        StreamError
            If it must be asked, and the sequencer does not answer.
        """
        own = self._proofs.answer(leaf, near_us)
        if own is not None:
            return own
        told = await self._sequencer.proof(leaf)
        if told is None or told.entry >= self.ledger.size:
            return None
        entry = await asyncio.to_thread(self.ledger.entry, told.entry)
        try:
            check_fact(told, leaf, entry)
        except VerificationError as error:
            raise StreamError("a proof that was taken from elsewhere does not hold") from error
        return told

    # --- the work ---------------------------------------------------------------------------------------------------

    async def _follow_log(self) -> None:
        while True:
            try:
                checkpoint = await self._sequencer.checkpoint(self.ledger.size)
            except StreamError:
                await asyncio.sleep(_AGAIN_S)
                continue
            if not checkpoint:
                continue
            try:
                await self._extend(checkpoint)
            except (LedgerError, VerificationError, InputError) as error:
                log.critical("the log that was derived here is not the signed one: %s", error.detail)
                self._on_failure(error)
                return

    async def _extend(self, checkpoint: bytes) -> None:
        """Let the entries up to a checkpoint count, once they have come."""
        size = unverified_checkpoint(checkpoint).size
        while self._known < size:
            self._entries_came.clear()
            await self._entries_came.wait()
        async with self._writing:
            count = size - self.ledger.size
            if not 0 < count <= len(self._entries):
                return  # it began again meanwhile
            entries = self._entries[:count]
            seconds = [second for second in self._seconds if second.entry < size]
            before_us = max((second.second_us for second in seconds), default=0) - self._feed_term_us

            def write() -> None:
                self.ledger.append(entries, checkpoint)
                # After the entries: whoever finds a proof finds its entry.
                if seconds:
                    self._proofs.add(seconds, before_us)

            await self._threads.run(write)
            del self._entries[:count]
            del self._seconds[: len(seconds)]

    async def _write_index(self) -> None:
        while True:
            await self._index_came.wait()
            self._index_came.clear()
            taken, self._index_queue = self._index_queue, []
            await self._threads.run(self._index.write, taken)
            for feed, number, _ in taken:
                if feed in self.feeds:
                    self.feeds[feed].wrote(number)
            await asyncio.sleep(_INDEX_EVERY_S)

    def _write_places(self) -> None:
        """Write what the index lacks of what was shown."""
        taken, self._index_queue = self._index_queue, []
        if taken:
            self._index.write(taken)
