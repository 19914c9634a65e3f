"""From COMMITS to what is seen: feeds, ledger, proofs, openings, quarantine.

Each projection recognises by its items' own numbers what it has already, so COMMITS can be replayed from anywhere at or
before its position. No projection decides anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from wicketgate.clock import DAY_US
from wicketgate.errors import LedgerError
from wicketgate.feeds import Feed, OrdinalStream
from wicketgate.ledger import Ledger
from wicketgate.proofs import Proofs
from wicketgate.streams.link import Link, end_tasks
from wicketgate.transactions import Transaction

log = logging.getLogger(__name__)

QUARANTINE = "QUARANTINE"
OPENINGS = "OPENINGS"
_REPLAYED_AT_ONCE = 64


class Projections:
    """All projections of one gateway, each fed in order by a task of its own, so that none waits for another.

    Parameters
    ----------
    on_failure : callable
        Told of a projection that cannot go on; the gateway then ends, and its next start replays.
    """

    def __init__(
        self,
        link: Link,
        ledger: Ledger,
        proofs: Proofs,
        *,
        feed_bytes: int,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._link = link
        self.ledger = ledger
        self.proofs = proofs
        self._feed_bytes = feed_bytes
        self._on_failure = on_failure
        self.feeds: dict[str, Feed] = {}
        self._feed_term_us = DAY_US
        self._feed_queues: dict[str, asyncio.Queue[tuple[int, Transaction]]] = {}
        self._ledger_queue: asyncio.Queue[tuple[int, Transaction]] = asyncio.Queue()
        self._private_queue: asyncio.Queue[tuple[int, Transaction]] = asyncio.Queue()
        self._opening = asyncio.Lock()
        self._outstanding: dict[int, int] = {}
        self._taken = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._writing: asyncio.Future[None] | None = None
        self.quarantine = OrdinalStream(link, QUARANTINE)
        self.openings = OrdinalStream(link, OPENINGS)

    async def open(self, *, feed_term_us: int, quarantine_term_us: int) -> None:
        """Make the streams that are missing and begin to project."""
        self._feed_term_us = feed_term_us
        await self.quarantine.open(max_age_us=quarantine_term_us)
        await self.openings.open(max_age_us=feed_term_us)
        self._begin(self._project_ledger)
        self._begin(partial(self._each, self._private_queue, self._project_private))

    async def close(self) -> None:
        """Stop where each stands."""
        await end_tasks(self._tasks)
        if self._writing is not None:
            # A thread cannot be cancelled, and what it writes to is closed next.
            await asyncio.gather(self._writing, return_exceptions=True)
        for feed in self.feeds.values():
            await feed.close()
        await self.quarantine.close()
        await self.openings.close()

    async def open_feed(self, name: str) -> Feed:
        """Return the feed of an authority name, made if it is new. Before its first batch is taken."""
        async with self._opening:  # two that ask at once get one feed
            if name not in self.feeds:
                self.feeds[name] = await Feed.open(
                    self._link, name, term_us=self._feed_term_us, max_bytes=self._feed_bytes
                )
                queue: asyncio.Queue[tuple[int, Transaction]] = asyncio.Queue()
                self._feed_queues[name] = queue
                self._begin(partial(self._each, queue, self._project_feed(name)))
            return self.feeds[name]

    @property
    def position(self) -> int:
        """The sequence of COMMITS up to which everything is projected and durable."""
        return min(self._outstanding, default=self._taken + 1) - 1

    def take(self, sequence: int, transaction: Transaction) -> None:
        """Hand over a committed transaction."""
        queues = [self._feed_queues[name] for name in dict.fromkeys(b.feed for b in transaction.batches)]
        if transaction.entries or transaction.second is not None:
            queues.append(self._ledger_queue)
        if transaction.quarantined or transaction.second is not None:
            queues.append(self._private_queue)
        self._taken = sequence
        if queues:
            self._outstanding[sequence] = len(queues)
        for queue in queues:
            queue.put_nowait((sequence, transaction))

    async def take_replayed(self, sequence: int, transaction: Transaction) -> None:
        """Hand over a transaction at a replay, waiting while many are under way."""
        for batch in transaction.batches:
            await self.open_feed(batch.feed)
        self.take(sequence, transaction)
        while len(self._outstanding) >= _REPLAYED_AT_ONCE:
            await asyncio.sleep(0.005)

    async def settle(self) -> None:
        """Return when everything handed over is projected."""
        while self._outstanding:
            await asyncio.sleep(0.005)

    def full_feeds(self) -> frozenset[str]:
        """Return the names whose feeds are full."""
        return frozenset(name for name, feed in self.feeds.items() if feed.is_full)

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        async def guarded() -> None:
            try:
                await work()
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                log.critical("a projection cannot go on: %s", type(error).__name__)
                self._on_failure(error)
                raise

        self._tasks.append(asyncio.create_task(guarded()))

    def _done(self, sequence: int) -> None:
        left = self._outstanding[sequence] - 1
        if left:
            self._outstanding[sequence] = left
        else:
            del self._outstanding[sequence]

    async def _each(
        self,
        queue: asyncio.Queue[tuple[int, Transaction]],
        project: Callable[[Transaction], Awaitable[None]],
    ) -> None:
        while True:
            sequence, transaction = await queue.get()
            await project(transaction)
            self._done(sequence)

    def _project_feed(self, name: str) -> Callable[[Transaction], Awaitable[None]]:
        async def project(transaction: Transaction) -> None:
            for batch in transaction.batches:
                if batch.feed == name:
                    await self.feeds[name].put(batch)

        return project

    async def _project_private(self, transaction: Transaction) -> None:
        reads = [msgspec.msgpack.encode(read) for read in transaction.quarantined]
        await self.quarantine.put_all(transaction.quarantine_from, reads)
        if transaction.second is not None:
            await self.openings.put(transaction.second.number, transaction.second.sealed)

    async def _project_ledger(self) -> None:
        while True:
            taken = [await self._ledger_queue.get()]
            while not self._ledger_queue.empty() and len(taken) < 4096:
                taken.append(self._ledger_queue.get_nowait())
            # In a thread: each append waits for the disk several times.
            transactions = [transaction for _, transaction in taken]
            self._writing = asyncio.ensure_future(asyncio.to_thread(self._write_ledger, transactions))
            await asyncio.shield(self._writing)
            for sequence, _ in taken:
                self._done(sequence)

    def _write_ledger(self, taken: list[Transaction]) -> None:
        entries: list[bytes] = []
        for transaction in taken:
            for n, entry in enumerate(transaction.entries):
                index = transaction.first_entry + n
                next_index = self.ledger.size + len(entries)
                if index > next_index:
                    raise LedgerError(f"entry {index} does not follow on {next_index - 1}")
                if index == next_index:
                    entries.append(entry)
                elif index < self.ledger.size and self.ledger.entry(index) != entry:
                    raise LedgerError(f"entry {index} of the log is not the one that was committed")
        if entries:
            self.ledger.append(entries)
        # After the entries: whoever finds a proof finds its entry.
        seconds = [transaction.second for transaction in taken if transaction.second is not None]
        if seconds:
            self.proofs.add(seconds, max(s.second_us for s in seconds) - self._feed_term_us)
