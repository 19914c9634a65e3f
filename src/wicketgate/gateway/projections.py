"""Projections of COMMITS: feeds, ledger, proofs, hits, openings, quarantine, responses.

Each projection recognises by its items' own numbers what it has already, so COMMITS can be replayed from anywhere at or
before its position. No projection decides anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeVar

import msgspec

from wicketgate.alerts.outbox import Outbox
from wicketgate.base.aside import ThreadsAside
from wicketgate.base.clock import DAY_US
from wicketgate.base.errors import ConfigurationError, LedgerError
from wicketgate.base.hour_keys import HourKeys, KeyRing
from wicketgate.base.streams.link import Link, end_tasks
from wicketgate.base.streams.ordinal import OrdinalStream
from wicketgate.commits.rewritten import COMMITS
from wicketgate.commits.state import State
from wicketgate.commits.stored import StoredPlace
from wicketgate.commits.transactions import Transaction, quarantine_batches
from wicketgate.feeds.feed import Feed, StoredRows
from wicketgate.feeds.index import BatchPlace, FeedIndex
from wicketgate.gateway.ending import StreamEnding
from wicketgate.gateway.quarantine import Quarantine
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.ledger.facts import FactAnswer
from wicketgate.ledger.notes import unverified_checkpoint
from wicketgate.ledger.proofs import Proofs
from wicketgate.ledger.writer import Ledger
from wicketgate.regime.parsed import Parsed

log = logging.getLogger(__name__)

OPENINGS = "OPENINGS"
RESPONSES = "RESPONSES"
_REPLAYED_AT_ONCE = 64
_AT_ONCE = 4096
_INDEX_EVERY_S = 0.25
_LOOK_S = 0.1
_EVER_US = 1 << 62

_In = TypeVar("_In")


class Projections:
    """All projections of one gateway.

    Each is fed in order by a task of its own, so that none waits for another.

    Parameters
    ----------
    outbox : Outbox
        Of alerts.
    keys, quarantine_keys : KeyRing, HourKeys
        Of the private parts of COMMITS, and of what is quarantined.
    parsed : Parsed
        Where documents are kept opened.
    on_failure : callable
        Told of a projection that cannot go on; the gateway then ends, and its next start replays.
    right : asyncio.Event, optional
        Set once this gateway leads. Until then another one writes to the streams and signs checkpoints.
    """

    def __init__(
        self,
        link: Link,
        ledger: Ledger,
        proofs: Proofs,
        hits: HitQueue,
        index: FeedIndex,
        keys: KeyRing,
        quarantine_keys: HourKeys,
        parsed: Parsed,
        *,
        outbox: Outbox,
        feed_bytes: int,
        on_failure: Callable[[BaseException], None],
        right: asyncio.Event | None = None,
    ) -> None:
        self._link = link
        self.ledger = ledger
        self.proofs = proofs
        self.hits = hits
        self._outbox = outbox
        self.index = index
        self._rows = StoredRows(link, COMMITS, partial(keys.open_former, "rows"))
        self._keys = keys
        self._parsed = parsed
        self._feed_bytes = feed_bytes
        self._on_failure = on_failure
        self._right = right
        self._unsigned: list[int] = []  # transactions whose entries are laid, and under no checkpoint yet
        self.heard: bytes | None = None
        """The last checkpoint that the gateway that leads has signed."""
        self.tell: Callable[[bytes], Awaitable[None]] | None = None
        """Told of each checkpoint that is signed here."""
        self.feeds: dict[str, Feed] = {}
        self._now_us = 0
        self._index_queue: asyncio.Queue[tuple[int, list[tuple[str, int, BatchPlace]]]] = asyncio.Queue()
        self._ledger_queue: asyncio.Queue[tuple[int, Transaction]] = asyncio.Queue()
        self._hits_queue: asyncio.Queue[tuple[int, Transaction]] = asyncio.Queue()
        self._alerts_queue: asyncio.Queue[tuple[int, Transaction]] = asyncio.Queue()
        self._private_queue: asyncio.Queue[tuple[int, Transaction]] = asyncio.Queue()
        self._hurry = asyncio.Event()
        self._opening = asyncio.Lock()
        self._outstanding: dict[int, int] = {}
        self._taken = 0
        self._reached: dict[str, int] = {}
        self._log_news = asyncio.Event()
        self.closed_s = 0.0  # when a second came into the log, by the monotonic clock
        self._tasks: list[asyncio.Task[None]] = []
        self._threads = ThreadsAside()  # each write waits for the disk, some several times
        self.quarantine = Quarantine(link, quarantine_keys, right)
        self.openings = OrdinalStream(link, OPENINGS, right=right)
        self.ending = StreamEnding(index, self.openings, self.quarantine)
        self._responses_queue: asyncio.Queue[tuple[int, Transaction]] = asyncio.Queue()
        self._responses: dict[str, OrdinalStream] = {}
        self._terms_queue: asyncio.Queue[tuple[int, Transaction]] = asyncio.Queue()

    async def open(self, state: State) -> None:
        """Make the missing streams, open the feeds of a state, and begin to project."""
        if state.charter_envelope:
            self.ending.limits = self._parsed.charter(state).limits
        for name in state.feeds:
            await self.open_feed(name)
        for rows in state.erased.values():
            self._hide(rows)
        await self.quarantine.open()
        await self.openings.open()
        self._begin(self._project_ledger)
        self._begin(self._project_hits)
        self._begin(self._project_alerts)
        self._begin(self._project_index)
        self._begin(partial(self._each, self._private_queue, self._project_private))
        self._begin(partial(self._each, self._responses_queue, self._project_responses))
        self._begin(partial(self._each, self._terms_queue, self._project_terms))

    async def close(self) -> None:
        """Stop every projection at its position."""
        await end_tasks(self._tasks)
        await self._threads.ended()
        for feed in self.feeds.values():
            await feed.close()
        await self.quarantine.close()
        await self.openings.close()
        for stream in self._responses.values():
            await stream.close()

    async def open_feed(self, name: str) -> Feed:
        """Return the feed of an authority name, made if it is new.

        Call it before the feed's first batch is taken.
        """
        async with self._opening:  # two that ask at once get one feed
            if name not in self.feeds:
                former = await OrdinalStream.former(self._link, f"FEED-{name}")
                self.feeds[name] = await Feed.open(
                    self._rows, self.index, name, former=former, max_bytes=self._feed_bytes
                )
            return self.feeds[name]

    @property
    def position(self) -> int:
        """The sequence of COMMITS projected and durable everywhere.

        Everything up to it is projected and durable.
        """
        return min(self._outstanding, default=self._taken + 1) - 1

    def take(self, sequence: int, transaction: Transaction, lie: tuple[StoredPlace, ...]) -> None:
        """Hand over a committed transaction, and where its batches lie in its bytes."""
        for stood in transaction.stood:
            if stood.about in self.feeds:
                self.feeds[stood.about].wake()  # whoever waits at it looks again
        places = self._show(sequence, transaction, lie)
        self._hide((row.feed, row.row) for row in transaction.erased)
        queues = []
        if transaction.entries or transaction.second is not None:
            queues.append(self._ledger_queue)
        if transaction.quarantined or transaction.second is not None:
            queues.append(self._private_queue)
        if _is_of_hits(transaction):
            queues.append(self._hits_queue)
        if self._outbox.in_use and (transaction.hits or transaction.told):
            queues.append(self._alerts_queue)
        if transaction.responses:
            queues.append(self._responses_queue)
        if transaction.document is not None:
            queues.append(self._terms_queue)
        self._taken = sequence
        self._now_us = max(self._now_us, transaction.at_us)
        if queues or places:
            self._outstanding[sequence] = len(queues) + bool(places)
        for queue in queues:
            queue.put_nowait((sequence, transaction))
        if places:
            self._index_queue.put_nowait((sequence, places))

    def _hide(self, rows: Iterable[tuple[str, int]]) -> None:
        """Let nobody see rows whose erasure is committed; their transactions are rewritten later."""
        for feed, row in rows:
            if feed in self.feeds:
                self.feeds[feed].hide(row)

    def _show(
        self, sequence: int, transaction: Transaction, lie: tuple[StoredPlace, ...]
    ) -> list[tuple[str, int, BatchPlace]]:
        """Give the batches of a transaction to whoever waits for them; return what the index must learn."""
        places = []
        for batch, (offset, length) in zip(transaction.batches, lie, strict=True):
            place = self.feeds[batch.feed].add(batch, sequence, offset, length, transaction.at_us)
            if place is not None:
                places.append((batch.feed, batch.number, place))
        return places

    async def take_replayed(
        self, sequence: int, transaction: Transaction, lie: tuple[StoredPlace, ...]
    ) -> None:
        """Hand over a transaction at a replay.

        Wait while many are under way.
        """
        for batch in transaction.batches:
            feed = await self.open_feed(batch.feed)
            self._follow(f"feed {batch.feed}", feed.last, batch.number)
        if transaction.entries:
            self._follow("log", self.ledger.size, transaction.first_entry + 1, len(transaction.entries))
        if transaction.second is not None:
            self._follow("openings", self.openings.last, transaction.second.number)
        if transaction.quarantine_batch:  # version 0.3 named none
            made = quarantine_batches(transaction.quarantine_from, transaction.quarantined)
            self._follow("quarantine", self.quarantine.last, transaction.quarantine_batch, len(made))
        for response in transaction.responses:
            stream = await self.responses(response.consultation)
            self._follow(f"responses {response.consultation}", stream.last, response.number)
        self.take(sequence, transaction, lie)
        while len(self._outstanding) - len(self._unsigned) >= _REPLAYED_AT_ONCE:
            self._hurry.set()
            await asyncio.sleep(0.005)

    def _follow(self, name: str, held: int, first: int, items: int = 1) -> None:
        """Note that a replay brings a projection so far.

        Raises
        ------
        ConfigurationError
            If it lacks what comes before, which COMMITS holds no longer.
        """
        reached = self._reached.get(name, held)
        if first > reached + 1:
            where = {"log": "log", "feed": "feeds"}.get(name.partition(" ")[0], "nats")
            raise ConfigurationError(
                f"`{where}/` is older than the rest, or a part of it was emptied: its {name} ends at {reached}, and "
                f"COMMITS goes on at {first}; restore all of the directory as it was at one time"
            )
        self._reached[name] = max(reached, first + items - 1)

    def reached(self, name: str) -> int:
        """Return how far a projection has come, with what is under way: of `log`, `openings`, `feed NAME`, …"""
        return self._reached.get(name, self._held(name))

    def _held(self, name: str) -> int:
        kind, _, which = name.partition(" ")
        match kind:
            case "log":
                return self.ledger.size
            case "openings":
                return self.openings.last
            case "quarantine":
                return self.quarantine.last
            case "feed":
                return self.feeds[which].last
            case _:
                return self._responses[which].last

    async def log_beyond(self, size: int, timeout_s: float) -> bytes:
        """Return the signed checkpoint once it covers more than `size` entries; nothing after `timeout_s` without."""
        ends = asyncio.get_running_loop().time() + timeout_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(ends):
                while self.ledger.size <= size:
                    await self._log_news.wait()
        return self.ledger.checkpoint if self.ledger.size > size else b""

    async def prove(self, leaf: bytes, near_us: int = 0) -> FactAnswer | None:
        """Return the proof for a fact's hash, or None where there is none, or not yet; sooner with its time."""
        return self.proofs.answer(leaf, near_us)

    async def settle(self) -> None:
        """Wait until everything handed over is projected."""
        while self._outstanding:
            self._hurry.set()
            await asyncio.sleep(0.005)

    def oldest_needed(self) -> int | None:
        """Return the first message of COMMITS that a feed still holds a batch of; None where none does."""
        return self.index.oldest(self.feeds)

    def full_feeds(self) -> frozenset[str]:
        """Return the names of the full feeds."""
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

    async def _project_private(self, transaction: Transaction) -> None:
        await self.quarantine.put(transaction)
        if transaction.second is not None:
            await self.openings.put(transaction.second.number, transaction.second.sealed, transaction.at_us)

    async def responses(self, consultation: str) -> OrdinalStream:
        """Return the stream of a consultation's responses.

        It holds them by their number. It is made if it is new. Their term is `Responses.end`'s.
        """
        async with self._opening:
            if consultation not in self._responses:
                stream = OrdinalStream(self._link, f"{RESPONSES}-{consultation}", right=self._right)
                self._responses[consultation] = await stream.open()
            return self._responses[consultation]

    def response_keys(self, consultation: str) -> HourKeys:
        """Return the keys of a consultation's responses, which end with it."""
        return self._keys.of(f"responses-{consultation}")

    async def end_responses(self, consultation: str) -> None:
        """Delete every response to a consultation that has closed.

        The stream stays, with its number: a replay of COMMITS writes none of them again. Its keys are destroyed first:
        a crash in between leaves what nobody can read.
        """
        self.response_keys(consultation).end_before(_EVER_US)
        stream = await self.responses(consultation)
        await stream.delete_all()

    async def _project_terms(self, transaction: Transaction) -> None:
        """Apply a charter's terms to everything kept already."""
        assert transaction.document is not None
        envelope = transaction.document.envelope
        if self._parsed.open(envelope).kind != "charter":
            return
        async with self._opening:  # a feed that is opened meanwhile gets the term before, or this one
            self.ending.limits = self._parsed.charter_of(envelope).limits
        await self.end_terms()

    async def end_terms(self) -> None:
        """Delete what is past its term from feeds, openings and quarantine.

        By the time of the last transaction, which is the gateway's own.
        """
        shares = self._right is not None and not self._right.is_set()
        await self.ending.end(list(self.feeds.values()), self._now_us, shares=shares)

    async def _project_responses(self, transaction: Transaction) -> None:
        for response in transaction.responses:
            stream = await self.responses(response.consultation)
            if await stream.holds(response.number):
                continue  # a replay: its keys may have ended, and none is made for it
            keys = self.response_keys(response.consultation)
            data = keys.seal(msgspec.msgpack.encode(response), transaction.at_us)
            await stream.put(response.number, data, transaction.at_us)

    async def _project_ledger(self) -> None:
        if self._right is not None:
            await self._follow_ledger(self._right)
        while True:
            taken = await _all_of(self._ledger_queue)
            transactions = [transaction for _, transaction in taken]
            await self._threads.run(self._write_ledger, transactions, self.ledger.append)
            news, self._log_news = self._log_news, asyncio.Event()
            news.set()
            for sequence, _ in taken:
                self._done(sequence)
            if self.tell is not None:
                await self.tell(self.ledger.checkpoint)

    async def _follow_ledger(self, right: asyncio.Event) -> None:
        """Lay what another gateway signs, until this one leads; then sign what is left."""
        while not right.is_set():
            with contextlib.suppress(TimeoutError):
                taken = await asyncio.wait_for(_all_of(self._ledger_queue), _LOOK_S)
                await self._threads.run(self._write_ledger, [one for _, one in taken], self.ledger.lay)
                self._unsigned += [sequence for sequence, _ in taken]
            note = self.heard
            laid = self.ledger.laid
            if note is not None and laid > self.ledger.size and unverified_checkpoint(note).size == laid:
                await self._threads.run(self.ledger.count, note)
            if self.ledger.laid == self.ledger.size:
                self._signed()
        if self.ledger.laid > self.ledger.size:
            await self._threads.run(self.ledger.count)
        self._signed()

    def _signed(self) -> None:
        for sequence in self._unsigned:
            self._done(sequence)
        self._unsigned = []

    async def _project_hits(self) -> None:
        while True:
            taken = await _all_of(self._hits_queue)
            self.hits.show(await self._threads.run(self.hits.write, taken))
            for sequence, _ in taken:
                self._done(sequence)

    async def _project_alerts(self) -> None:
        while True:
            taken = await _all_of(self._alerts_queue)
            await self._threads.run(self._outbox.write, taken)
            for sequence, _ in taken:
                self._done(sequence)

    async def _project_index(self) -> None:
        while True:
            taken = await _all_of(self._index_queue)
            written = [one for _, places in taken for one in places]
            await self._threads.run(self.index.write, written)
            for feed, number, _ in written:
                self.feeds[feed].wrote(number)
            for sequence, _ in taken:
                self._done(sequence)
            # One write is 20 KB and a sync, for one batch as for a hundred. Feeds have in memory what waits here, and
            # COMMITS keeps it: a crash leaves it to the replay.
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), _INDEX_EVERY_S)

    def _write_ledger(self, taken: list[Transaction], append: Callable[[list[bytes]], None]) -> None:
        entries: list[bytes] = []
        for transaction in taken:
            for n, entry in enumerate(transaction.entries):
                index = transaction.first_entry + n
                next_index = self.ledger.laid + len(entries)
                if index > next_index:
                    raise LedgerError(f"entry {index} does not follow on {next_index - 1}")
                if index == next_index:
                    entries.append(entry)
                elif index < self.ledger.size and self.ledger.entry(index) != entry:
                    raise LedgerError(f"entry {index} of the log is not the one that was committed")
        if entries:
            append(entries)
        # After the entries: whoever finds a proof finds its entry.
        seconds = [transaction.second for transaction in taken if transaction.second is not None]
        if seconds:
            limits = self.ending.limits
            term_us = DAY_US if limits is None else limits.feed_term_us
            self.proofs.add(seconds, max(s.second_us for s in seconds) - term_us)
            self.closed_s = time.monotonic()


def _is_of_hits(transaction: Transaction) -> bool:
    changed = transaction.hits or transaction.imaged or transaction.outcomes or transaction.corrected
    return bool(changed or transaction.erased)


async def _all_of(queue: asyncio.Queue[_In]) -> list[_In]:
    """Return every item waiting in a queue, at least one."""
    taken = [await queue.get()]
    while not queue.empty() and len(taken) < _AT_ONCE:
        taken.append(queue.get_nowait())
    return taken
