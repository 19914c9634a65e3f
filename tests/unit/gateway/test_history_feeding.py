"""What a history is fed: each transaction once and in order, whatever was lost, rewritten or left in part."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from wicketgate.base.clock import HOUR_US
from wicketgate.base.errors import InputError
from wicketgate.base.hour_keys import KeyRing
from wicketgate.base.periods import Period
from wicketgate.base.streams.reader import Stored
from wicketgate.commits.stored import KINDS, encode
from wicketgate.commits.transactions import FeedBatch, RowErased, ShownReads, Transaction
from wicketgate.gateway.history import feeding
from wicketgate.gateway.history.feeding import HistoryFeeding
from wicketgate.history.messages import HistoryGap, HistoryPosition, TakeOrder, place_of

HOUR = 490_000 * HOUR_US


class Side:
    """A history that says what it was handed, and holds it to its order."""

    def __init__(self, done: int | None = 0, until: int = 0) -> None:
        self.at = None if done is None else HistoryPosition(done=done, until=max(done, until))
        self.orders: list[TakeOrder] = []
        self.gaps: list[HistoryGap] = []
        self.fails = 0

    async def position(self) -> HistoryPosition | None:
        return self.at

    async def begin(self, done: int) -> None:
        assert self.at is None
        self.at = HistoryPosition(done=done, until=done)

    async def take(self, order: TakeOrder) -> HistoryPosition:
        assert self.at is not None
        if self.at.until > self.at.done:
            assert order.last == self.at.until
        assert order.first == self.at.done + 1 <= order.last
        assert all(order.first <= item.sequence <= order.last for item in order.items)
        if self.fails:
            self.fails -= 1
            raise InputError("not now")
        self.orders.append(order)
        self.at = HistoryPosition(done=order.last, until=order.last, at_us=order.at_us)
        return self.at

    async def miss(self, gap: HistoryGap) -> None:
        assert self.at is not None
        assert gap.first <= self.at.done + 1
        self.gaps.append(gap)
        if gap.last > self.at.done:
            self.at = HistoryPosition(done=gap.last, until=gap.last, at_us=self.at.at_us)

    @property
    def taken(self) -> list[int]:
        return [item.sequence for order in self.orders for item in order.items]


class Streams:
    """COMMITS as the feeding reads it."""

    def __init__(self, keys: KeyRing, transactions: dict[int, Transaction], first: int = 1) -> None:
        self.keys = keys
        self.held = {number: encode(one, keys).data for number, one in transactions.items()}
        self.rewritten: dict[int, bytes] = {}
        self.first = first
        self.link = self

    async def info(self, name: str) -> Any:
        return SimpleNamespace(state=SimpleNamespace(first_seq=self.first))

    async def original(self, number: int) -> bytes | None:
        return self.held.get(number)

    async def stand_in(self, number: int) -> bytes | None:
        return self.rewritten.get(number)


class Reader:
    """A reader of a stream that hands out a few messages at a time."""

    def __init__(self, streams: Streams, name: str, *, after: int) -> None:
        self._left = sorted((n, data) for n, data in streams.held.items() if n > after and n >= streams.first)

    async def next(self, timeout_s: float) -> Sequence[Stored]:
        some, self._left = self._left[:3], self._left[3:]
        if not some:
            await asyncio.sleep(0.01)
        return [Stored(number, data) for number, data in some]

    async def close(self) -> None:
        pass


def transaction(
    number: int, *, hour: int = 1, reads: int = 2, erased: tuple[RowErased, ...] = ()
) -> Transaction:
    return Transaction(
        at_us=HOUR + hour * HOUR_US + number,
        reads=reads,
        taken=b"taken %d" % number if reads else b"",
        erased=erased,
        shown=ShownReads(batches=(), before=((0, 1, 1),)) if number == 4 else None,
    )


class Life:
    """A gateway with as much as the feeding looks at."""

    def __init__(self, folder: Path, numbers: Iterable[int], first: int = 1, **more: Any) -> None:
        self.keys = KeyRing(folder / "keys", KINDS)
        self.transactions = {n: transaction(n, hour=1 if n < 4 else 2, **more) for n in numbers}
        self.streams = Streams(self.keys, self.transactions, first)
        self.committed = SimpleNamespace(
            sequence=max(self.transactions, default=0), at_us=HOUR, cameras=[SimpleNamespace(source="tfl")]
        )
        limits = SimpleNamespace(too_old_us=100, clock_ahead_us=10)
        self.parsed = SimpleNamespace(charter=lambda state: SimpleNamespace(limits=limits))
        self.followers: list[Any] = []
        self.facts: list[bytes] = []

    async def commit(self, build: Any) -> None:
        self.facts += build(None, HOUR, 99).facts

    def now_us(self) -> int:
        return HOUR + 5 * HOUR_US

    def happens(self, number: int, one: Transaction) -> None:
        self.committed.sequence, self.committed.at_us = number, one.at_us
        for follow in self.followers:
            follow(one)

    @property
    def state(self) -> Any:
        return self.committed

    @property
    def taken(self) -> int:
        return int(self.committed.sequence)

    def feeding(self, side: Side, *, leads: bool = True) -> HistoryFeeding:
        keep = {"tfl": Period(months=1)}
        made = HistoryFeeding(self, self.streams, side, self.now_us, side.at, lambda: keep)  # type: ignore[arg-type]
        if leads:
            made.lead(self)  # type: ignore[arg-type]
        return made


@pytest.fixture(autouse=True)
def _reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "StreamReader", Reader)
    monkeypatch.setattr(feeding, "_WAIT_S", 0.05)
    monkeypatch.setattr(feeding, "_LOOK_S", 0.01)
    monkeypatch.setattr(feeding, "_EMPTY_S", 0.1)


async def fed(feeds: HistoryFeeding, until: int, side: Side) -> None:
    """Let it run until the history has come so far; an error ends it, as the role begins it again."""
    async with asyncio.timeout(10):
        while side.at is None or side.at.done < until:
            running = asyncio.create_task(feeds.run())
            while not running.done() and (side.at is None or side.at.done < until):
                await asyncio.sleep(0.005)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_what_was_committed_before_and_after_comes_once_and_in_order(tmp_path: Path) -> None:
    life, side = Life(tmp_path, range(1, 9)), Side(None)
    feeds = life.feeding(side)
    life.happens(9, transaction(9))
    life.happens(10, transaction(10, reads=0))
    life.happens(
        11,
        transaction(11, erased=(RowErased(number=3, feed="", row=1), RowErased(number=3, feed="f", row=7))),
    )
    await fed(feeds, 11, side)
    assert side.taken == [*range(1, 10), 11]
    assert [one for order in side.orders for one in order.hidden] == [3 << 16 | 1]
    assert side.orders[0].items[3].before == ((0, 1, 1),)
    assert side.orders[0].items[3].taken == b"taken 4"
    assert side.orders[-1].retentions == {"tfl": (1, 0)}
    assert feeds.position == side.at
    life.happens(12, transaction(12, reads=0))
    await fed(feeds, 12, side)  # nothing is in it, and it is told all the same, for COMMITS can go then
    assert side.taken == [*range(1, 10), 11]


async def test_what_fails_is_handed_over_again(tmp_path: Path) -> None:
    life, side = Life(tmp_path, range(1, 3)), Side()
    side.fails = 3
    feeds = life.feeding(side)
    life.happens(3, transaction(3))
    await fed(feeds, 3, side)
    assert side.taken == [1, 2, 3]


@pytest.mark.parametrize("from_memory", [True, False])
async def test_what_a_kill_left_in_part_goes_first_and_together(tmp_path: Path, *, from_memory: bool) -> None:
    life, side = Life(tmp_path, range(1, 3 if from_memory else 9)), Side(2, until=6)
    feeds = life.feeding(side)
    if from_memory:
        for number in range(3, 9):
            life.happens(number, transaction(number))
    await fed(feeds, 8, side)
    assert (side.orders[0].first, side.orders[0].last) == (3, 6)
    assert side.taken == [3, 4, 5, 6, 7, 8]


async def test_memory_that_is_full_is_read_out_of_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "_MEMORY_BYTES", 20)
    life, side = Life(tmp_path, range(1, 9)), Side()
    life.committed.sequence = 0
    feeds = life.feeding(side)
    for number in range(1, 9):
        life.happens(number, life.transactions[number])
    await fed(feeds, 8, side)
    assert side.taken == [*range(1, 9)]


async def test_reads_whose_key_has_ended_are_told_as_one_gap(tmp_path: Path) -> None:
    life, side = Life(tmp_path, range(1, 9)), Side()
    life.keys.end_before("reads", HOUR + 2 * HOUR_US)
    await fed(life.feeding(side), 8, side)
    assert side.taken == [4, 5, 6, 7, 8]
    (gap,) = side.gaps
    first, last = life.transactions[1].at_us, life.transactions[3].at_us
    assert gap == HistoryGap(first=1, last=3, from_us=first - 100, until_us=last + 10, reads=6)
    assert len(life.facts) == 1
    assert b'"kind":"history-gap"' in life.facts[0]
    assert b'"reads":6' in life.facts[0]


async def test_transactions_that_commits_holds_no_longer_are_a_gap_of_unknown_size(tmp_path: Path) -> None:
    life, side = Life(tmp_path, range(1, 9), first=5), Side()
    await fed(life.feeding(side), 8, side)
    assert side.taken == [5, 6, 7, 8]
    assert [(gap.first, gap.last, gap.reads) for gap in side.gaps] == [(1, 4, None)]


async def test_a_rewritten_transaction_is_what_stands_for_it(tmp_path: Path) -> None:
    life, side = Life(tmp_path, range(1, 9)), Side()
    life.streams.rewritten[5] = encode(transaction(5), life.keys).data
    del life.streams.held[5]
    await fed(life.feeding(side), 8, side)
    assert side.taken == [*range(1, 9)]
    assert not side.gaps


async def test_an_erased_row_hides_the_read_that_it_shows_wherever_that_came(tmp_path: Path) -> None:
    life, side = Life(tmp_path, range(1, 4)), Side(3)
    shows = Transaction(
        at_us=HOUR,
        batches=(FeedBatch(feed="f", number=1, rows=2, data=b'{"batch":1}\n{"seq":7}\n{"seq":8}\n'),),
        shown=ShownReads(batches=(np.array([1, 0], "<u2").tobytes(),), before=((0, 1, 5),)),
    )
    life.streams.held[2] = encode(shows, life.keys).data
    life.streams.rewritten[3] = encode(shows, life.keys).data
    del life.streams.held[3]
    feeds = life.feeding(side)
    named = [(2, "f", 7), (2, "f", 8), (3, "f", 7), (2, "other", 7), (2, "f", 9), (9, "", 4)]
    erased = tuple(RowErased(number=number, feed=feed, row=row) for number, feed, row in named)
    life.happens(4, transaction(4, reads=0, erased=erased))
    await fed(feeds, 4, side)
    places = [place_of(one) for order in side.orders for one in order.hidden]
    assert places == [(2, 1), (2, 0), (1, 5), (3, 1), (9, 4)]


async def test_a_part_of_which_reads_ended_is_completed_and_then_the_gap_told(tmp_path: Path) -> None:
    life, side = Life(tmp_path, range(1, 9)), Side(0, until=5)
    life.keys.end_before("reads", HOUR + 2 * HOUR_US)
    await fed(life.feeding(side), 8, side)
    assert (side.orders[0].first, side.orders[0].last) == (1, 5)
    assert side.gaps[0].first == 1
    assert side.gaps[0].reads == 6
    assert [item.sequence for order in side.orders for item in order.items if item.taken] == [4, 5, 6, 7, 8]


async def test_one_that_waits_feeds_and_goes_on_where_it_was_when_it_leads(tmp_path: Path) -> None:
    life, side = Life(tmp_path, range(1, 9)), Side(None)
    feeds = life.feeding(side, leads=False)
    life.happens(9, transaction(9))
    await fed(feeds, 9, side)
    assert side.taken == [*range(1, 10)]
    feeds.lead(life)  # type: ignore[arg-type]
    assert life.followers == [feeds.take]
    life.happens(10, transaction(10))
    await fed(feeds, 10, side)
    assert side.taken == [*range(1, 11)]
    assert not side.gaps
    assert not life.facts


async def test_what_one_that_waits_cannot_have_is_told_once_it_leads(tmp_path: Path) -> None:
    life, side = Life(tmp_path, range(1, 9)), Side()
    life.keys.end_before("reads", HOUR + 2 * HOUR_US)
    feeds = life.feeding(side, leads=False)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await feeds.run()
    assert (side.taken, side.gaps, life.facts) == ([], [], [])
    feeds.lead(life)  # type: ignore[arg-type]
    await fed(feeds, 8, side)
    assert [(gap.first, gap.last, gap.reads) for gap in side.gaps] == [(1, 3, 6)]
    assert len(life.facts) == 1
    assert side.taken == [4, 5, 6, 7, 8]


async def test_what_is_not_told_yet_is_not_read_out_of_commits(tmp_path: Path) -> None:
    # A sequencer that waits may lack the key of what it has not folded: that is no gap.
    life, side = Life(tmp_path, range(1, 9)), Side()
    life.committed.sequence = 6
    feeds = life.feeding(side, leads=False)
    await fed(feeds, 6, side)
    await asyncio.sleep(0.05)
    assert side.taken == [*range(1, 7)]
    life.happens(7, life.transactions[7])
    await fed(feeds, 7, side)
    assert side.taken == [*range(1, 8)]
