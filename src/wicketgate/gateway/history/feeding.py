"""The feeding of a history: what transactions took, each once and in order, from memory or out of COMMITS.

The history says how far it has come. Nothing here is durable: a kill of either side leaves the other where it was, and
what was under way is handed over again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from wicketgate.base.periods import Period
from wicketgate.base.streams.reader import StreamReader
from wicketgate.commits.rewritten import COMMITS, StoredTransactions
from wicketgate.commits.state import State
from wicketgate.commits.stored import decode_held
from wicketgate.commits.transactions import RowErased, Transaction
from wicketgate.commits.writer import Commits
from wicketgate.feeds.erasing import RowName, shown_read
from wicketgate.gateway.filing.facts import history_gap_fact
from wicketgate.history.client import HistoryClient
from wicketgate.history.messages import HistoryGap, HistoryPosition, TakenReads, TakeOrder, read_id
from wicketgate.regime.parsed import Parsed

LEAST_ROWS: Final = 10_000
"""Reads that are handed over at once; fewer after a second."""
_MOST_ROWS: Final = 60_000
_MOST_BYTES: Final = 16 << 20
_WAIT_S: Final = 1.0
_EMPTY_S: Final = 5.0
_LOOK_S: Final = 0.1
_MEMORY_BYTES: Final = 64 << 20
"""Of what waits in memory. What is beyond is read out of COMMITS again."""


class Followed(Protocol):
    """What a history follows: the fold of a gateway, which leads or waits.

    Attributes
    ----------
    followers : list of callable
        Told of each transaction at the very moment when `taken` names it.
    """

    parsed: Parsed
    followers: list[Callable[[Transaction], None]]

    @property
    def state(self) -> State:
        """The fold. It may be one transaction ahead of `taken`."""

    @property
    def taken(self) -> int:
        """Up to which transaction the followers have been told."""


class LedCommits:
    """The commits of a gateway that leads, as a history follows them."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits
        self.parsed = commits.parsed
        self.followers = commits.followers

    @property
    def state(self) -> State:
        """The fold of what is committed."""
        return self._commits.committed

    @property
    def taken(self) -> int:
        """The last transaction that is committed."""
        return self._commits.committed.sequence


class _WaitingReads(NamedTuple):
    """A transaction that waits for the history."""

    sequence: int
    at_us: int
    reads: int
    item: TakenReads
    erased: tuple[RowErased, ...]


@dataclass(slots=True)
class _Order:
    """What is handed over next."""

    first: int
    last: int = 0
    at_us: int = 0
    reads: int = 0
    size: int = 0
    items: list[TakenReads] = field(default_factory=list)
    erased: list[RowErased] = field(default_factory=list)

    def add(self, waiting: _WaitingReads) -> None:
        self.last, self.at_us = waiting.sequence, waiting.at_us
        self.reads += waiting.reads
        self.erased += waiting.erased
        if waiting.item.taken:
            self.items.append(waiting.item)
            self.size += len(waiting.item.taken)

    @property
    def is_full(self) -> bool:
        return self.reads >= _MOST_ROWS or self.size >= _MOST_BYTES


class HistoryFeeding:
    """The feeding of one history, by a gateway that leads or waits.

    What one that waits cannot have any more it tells once it leads: until then its history stands still there.

    Parameters
    ----------
    followed : Followed
        What it follows until `lead`.
    now_us : callable
        Returns the gateway's time.
    position : HistoryPosition or None
        How far the history has come, as far as is known; None where it has not begun.
    retentions : callable
        Returns the retention of each source of which anything is kept.
    stillness : asyncio.Lock, optional
        Taken for each handing over: whoever holds it keeps the history still.
    """

    def __init__(
        self,
        followed: Followed,
        stored: StoredTransactions,
        client: HistoryClient,
        now_us: Callable[[], int],
        position: HistoryPosition | None,
        retentions: Callable[[], Mapping[str, Period]],
        stillness: asyncio.Lock | None = None,
    ) -> None:
        self._stillness = stillness or asyncio.Lock()
        self._followed = followed
        self._stored = stored
        self._client = client
        self._now_us = now_us
        self._retentions = retentions
        self._led: asyncio.Future[Commits] = asyncio.get_running_loop().create_future()
        self.position = position
        """How far the history has come, durably."""
        self._memory: deque[_WaitingReads] = deque()
        self._memory_bytes = 0
        self._memory_from = followed.taken  # what follows it is in memory, or holds nothing for a history
        self._until = 0  # what a kill left in part ends there
        self._moved_s = 0.0
        self._hurried = False
        self._order, self._lost = _Order(0), list[_WaitingReads]()
        followed.followers.append(self.take)

    def lead(self, commits: Commits) -> None:
        """Follow the commits of this gateway from here on: it leads, and what it followed has come to their end."""
        self.leave()
        self._followed = LedCommits(commits)
        self._followed.followers.append(self.take)
        self._led.set_result(commits)

    def leave(self) -> None:
        """Follow no more."""
        self._followed.followers.remove(self.take)

    @property
    def done(self) -> int:
        """Up to which transaction the history has everything."""
        return 0 if self.position is None else self.position.done

    @property
    def complete(self) -> int:
        """Up to which transaction the history has all that was taken: where nothing waits, up to the last."""
        if self.done < self._memory_from:
            return self.done
        waiting = next((one.sequence for one in self._memory if one.sequence > self.done), None)
        return self._followed.taken if waiting is None else waiting - 1

    def hurry(self) -> None:
        """Hand over what waits at once: somebody asks."""
        self._hurried = True

    def take(self, transaction: Transaction) -> None:
        """Take a transaction that has just been committed."""
        if not transaction.taken and not transaction.erased:
            return
        waiting = _waiting(self._followed.taken, transaction)
        self._memory.append(waiting)
        self._memory_bytes += len(waiting.item.taken)
        if self._memory_bytes > _MEMORY_BYTES:
            self._memory.clear()
            self._memory_bytes, self._memory_from = 0, waiting.sequence

    async def run(self) -> None:
        """Feed the history until something fails.

        Raises
        ------
        HistoryError
            If it does not answer, or its engine fails: begin again.
        InputError
            If it is elsewhere than it said: begin again.
        """
        found = await self._client.position()
        if found is None:
            await self._client.begin(0)
            found = HistoryPosition(done=0, until=0)
        self.position, self._until = found, found.until
        self._moved_s = asyncio.get_running_loop().time()
        while True:
            if self.done < self._memory_from:
                await self._catch_up()
            else:
                await self._go_on()

    # --- out of memory ----------------------------------------------------------------------------------------

    async def _go_on(self) -> None:
        """Hand over what waits in memory, as soon as it is enough, or is a second old."""
        loop = asyncio.get_running_loop()
        waits_from = loop.time()
        while self.done >= self._memory_from:
            while self._memory and self._memory[0].sequence <= self.done:
                self._memory_bytes -= len(self._memory.popleft().item.taken)
            enough = self._until > self.done or sum(one.reads for one in self._memory) >= LEAST_ROWS
            if not self._memory:
                waits_from = loop.time()
            hurried, self._hurried = self._hurried, False
            old = hurried or loop.time() - waits_from >= _WAIT_S or any(one.erased for one in self._memory)
            if enough or (self._memory and old):
                await self._send(self._of_memory())
                waits_from = loop.time()
                continue
            if not self._memory and loop.time() - self._moved_s >= _EMPTY_S:
                if self._followed.taken > self.done:
                    await self._send(_Order(self.done + 1, self._followed.taken, self._followed.state.at_us))
                self._moved_s = loop.time()
            await asyncio.sleep(_LOOK_S)

    def _of_memory(self) -> _Order:
        order = _Order(self.done + 1)
        is_partial = self._until > self.done
        for waiting in self._memory:
            if waiting.sequence > self._until if is_partial else order.is_full:
                break
            order.add(waiting)
        else:
            order.last, order.at_us = self._followed.taken, self._followed.state.at_us
        if is_partial:
            order.last = self._until
        return order

    # --- out of COMMITS ---------------------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        """Hand over what COMMITS holds, up to where memory begins."""
        reader = StreamReader(self._stored.link, COMMITS, after=self.done)
        reached, until = self.done, max(self._memory_from, self._until)
        self._order, self._lost = _Order(reached + 1), []
        try:
            while reached < until:
                for message in await reader.next(_EMPTY_S):
                    # What is behind it is not told yet: a sequencer that waits may lack its key still.
                    end = min(message.sequence, until + 1)
                    found = await self._between(reached + 1, end)
                    if end == message.sequence:
                        found.append(self._decoded(message.sequence, message.data))
                    for waiting, is_lost in found:
                        await self._take_stored(waiting, until, is_lost=is_lost)
                    reached = min(message.sequence, until)
                    if reached == until:
                        break
        finally:
            await reader.close()

    async def _take_stored(self, waiting: _WaitingReads, until: int, *, is_lost: bool) -> None:
        """Take one transaction behind the other, and hand over what is enough."""
        is_partial = self._until > self.done
        if is_lost and not is_partial and self._order.last:
            await self._send(self._order)
            self._order = _Order(waiting.sequence)
        if self._lost and not is_lost and not is_partial:
            await self._miss()
        if is_lost:
            self._lost.append(waiting)
        if not is_lost or is_partial:
            self._order.add(waiting)
        order = self._order
        due = waiting.sequence >= self._until if is_partial else order.is_full or waiting.sequence >= until
        if order.last and due:
            await self._send(order)
            self._order = _Order(order.last + 1)
        if self._lost and waiting.sequence >= until:
            await self._miss()

    async def _between(self, first: int, end: int) -> list[tuple[_WaitingReads, bool]]:
        """Return the transactions that COMMITS itself lacks: rewritten ones, and those it holds no longer."""
        if first >= end:
            return []
        held_from = (await self._stored.link.info(COMMITS)).state.first_seq
        found: list[tuple[_WaitingReads, bool]] = []
        for number in range(max(first, min(held_from, end)), end):
            data = await self._stored.stand_in(number)
            found.append((_nothing(number), True) if data is None else self._decoded(number, data))
        if first < held_from:
            last = min(held_from, end) - 1
            found.insert(0, (_nothing(last), True))
        return found

    def _decoded(self, number: int, data: bytes) -> tuple[_WaitingReads, bool]:
        transaction, _, ended = decode_held(data, self._stored.keys)
        return _waiting(number, transaction), "reads" in ended and transaction.reads > 0

    async def _miss(self) -> None:
        """Commit that the history cannot have some reads any more, and let it note that."""
        lost, self._lost = self._lost, []
        commits = await asyncio.shield(self._led)  # nobody else may tell it
        limits = commits.parsed.charter(commits.committed).limits
        before_us = 0 if self.position is None else self.position.at_us
        known = all(one.at_us for one in lost)
        gap = HistoryGap(
            first=min(lost[0].sequence, self.done + 1),
            last=lost[-1].sequence,
            from_us=max(0, (lost[0].at_us or before_us) - limits.too_old_us),
            until_us=(lost[-1].at_us or self._now_us()) + limits.clock_ahead_us,
            reads=sum(one.reads for one in lost) if known else None,
        )
        # A crash from here on leaves the fact, and a history that does not know of it: the next life commits it again,
        # of the same transactions.
        await commits.commit(
            lambda state, at_us, sequence: Transaction(at_us=at_us, facts=(history_gap_fact(sequence, gap),))
        )
        await self._client.miss(gap)
        if gap.last > self.done:
            self.position = HistoryPosition(done=gap.last, until=gap.last, at_us=lost[-1].at_us or before_us)
            self._order = _Order(gap.last + 1)

    async def _send(self, order: _Order) -> None:
        state = self._followed.state
        hidden = await reads_of(self._stored, order.erased)
        async with self._stillness:
            self.position = await self._client.take(
                TakeOrder(
                    first=order.first,
                    last=order.last,
                    at_us=order.at_us,
                    items=order.items,
                    hidden=hidden,
                    sources=[camera.source for camera in state.cameras],
                    retentions={name: (one.months, one.us) for name, one in self._retentions().items()},
                    now_us=self._now_us(),
                )
            )
        self._moved_s = asyncio.get_running_loop().time()


async def reads_of(stored: StoredTransactions, rows: Sequence[RowErased]) -> list[int]:
    """Return the reads that erased rows show or are; of one that came again, where it stood before too."""
    found: list[int] = []
    for row in rows:
        data = await stored.original(row.number) or await stored.stand_in(row.number)
        transaction = None if data is None else decode_held(data, stored.keys)[0]
        read: int | None = row.row
        if transaction is not None and _is_erratum(transaction, row):
            continue  # the read that it corrects is none of it
        if row.feed:
            read = None if transaction is None else shown_read(transaction, RowName(row.feed, row.row))
        if read is None:
            continue  # past its term, and so is the read
        found.append(read_id(row.number, read))
        shown = None if transaction is None else transaction.shown
        found += [read_id(*place) for n, *place in (() if shown is None else shown.before) if n == read]
    return found


def _waiting(sequence: int, transaction: Transaction) -> _WaitingReads:
    before = () if transaction.shown is None else transaction.shown.before
    item = TakenReads(sequence, transaction.taken, tuple(before))
    return _WaitingReads(sequence, transaction.at_us, transaction.reads, item, transaction.erased)


def _is_erratum(transaction: Transaction, row: RowErased) -> bool:
    return any(batch.errata for batch in transaction.batches if row.feed in ("", batch.feed))


def _nothing(sequence: int) -> _WaitingReads:
    return _WaitingReads(sequence, 0, 0, TakenReads(sequence, b""), ())
