"""Feeds over a real server: numbered, once each, until their term."""

from __future__ import annotations

import asyncio
import time

import pytest

from wicketgate.base.errors import InputError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.ordinal import OrdinalStream
from wicketgate.commits.transactions import FeedBatch
from wicketgate.feeds.feed import Feed

DAY_US = 86_400_000_000


def batch(number: int, size: int = 10) -> FeedBatch:
    """Return a batch."""
    return FeedBatch(feed="a", number=number, rows=1, data=b"%d " % number + b"x" * size)


async def made(link: Link, *, term_us: int = DAY_US, max_bytes: int = 10**9) -> Feed:
    """Open the feed."""
    return await Feed.open(link, "a", term_us=term_us, max_bytes=max_bytes)


async def test_items_stand_at_their_numbers_and_replays_are_passed_over(link: Link) -> None:
    stream = await OrdinalStream(link, "ITEMS").open(max_age_us=0)
    assert stream.last == 0
    for number in (1, 2, 1, 2, 3, 3, 1):
        await stream.put(number, b"%d" % number)
    assert stream.last == 3
    assert [await stream.get(n) for n in (1, 2, 3, 4)] == [b"1", b"2", b"3", None]
    first, last, held = await stream.extent()
    assert (first, last) == (1, 3)
    assert held > 3
    with pytest.raises(InputError, match="does not follow"):
        await stream.put(5, b"5")
    await stream.close()
    again = await OrdinalStream(link, "ITEMS").open(max_age_us=0)
    assert again.last == 3
    await again.put(3, b"3")
    await again.put(4, b"4")
    await again.close()


async def test_a_batch_is_read_from_memory_and_from_the_stream(link: Link) -> None:
    feed = await made(link)
    for number in range(1, 6):
        await feed.put(batch(number))
    await feed.put(batch(3))
    wanted = [batch(n).data for n in range(1, 6)]
    assert list(await feed.batches(0, 100, 10**6)) == wanted
    assert list(await feed.batches(2, 2, 10**6)) == wanted[2:4]
    assert list(await feed.batches(5, 10, 10**6)) == []
    assert list(await feed.batches(0, 100, 1)) == wanted[:1]  # never none where there is one
    await feed.close()
    later = await made(link)
    assert later.last == 5
    assert list(await later.batches(0, 100, 10**6)) == wanted
    assert await later.batch(0) is await later.batch(6) is None
    await later.put(batch(6))
    assert list(await later.batches(3, 100, 10**6)) == [*wanted[3:], batch(6).data]
    await later.close()


async def test_memory_holds_the_latest_alone(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wicketgate.feeds.feed._RECENT_BYTES", 250)
    feed = await made(link)
    for number in range(1, 8):
        await feed.put(batch(number, size=100))
    assert [number for number, _ in feed._recent] == [6, 7]
    assert list(await feed.batches(0, 100, 10**6)) == [batch(n, size=100).data for n in range(1, 8)]
    await feed.close()


async def test_who_waits_is_woken_by_a_batch_and_by_a_stop(link: Link) -> None:
    feed = await made(link)
    waiting = [asyncio.create_task(feed.wait(0, 20)) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in waiting)
    await feed.put(batch(1))
    await asyncio.wait_for(asyncio.gather(*waiting), 1)
    await asyncio.wait_for(feed.wait(0, 20), 1)  # it is there already
    stopped = asyncio.create_task(feed.wait(1, 20))
    await asyncio.sleep(0.05)
    feed.wake()
    await asyncio.wait_for(stopped, 1)
    begun = time.monotonic()
    await feed.wait(1, 0.1)
    assert time.monotonic() - begun >= 0.09
    await feed.close()


async def test_a_feed_is_full_until_something_has_run_out(link: Link) -> None:
    feed = await made(link, max_bytes=1_500)
    await feed.put(batch(1, size=900))
    assert not feed.is_full
    await feed.put(batch(2, size=900))
    assert feed.is_full
    await link.purge_below("FEED-a", 2)
    await feed.refresh()
    assert not feed.is_full
    assert feed.held_bytes < 1_200
    await feed.close()


async def test_what_is_past_its_term_is_gone_from_stream_and_memory(link: Link) -> None:
    feed = await made(link, term_us=1_000_000)
    for number in (1, 2):
        await feed.put(batch(number))
    assert not await feed.is_past_term(0)
    ends = time.monotonic() + 10
    while (await link.info("FEED-a")).state.messages and time.monotonic() < ends:
        await asyncio.sleep(0.1)
    await feed.refresh()
    assert await feed.is_past_term(0)
    assert await feed.is_past_term(1)
    assert not await feed.is_past_term(2)  # a reader that is up to date
    assert not await feed.is_past_term(7)
    assert list(await feed.batches(0, 10, 10**6)) == []
    assert not feed._recent
    await feed.put(batch(3))
    assert await feed.is_past_term(1)
    assert not await feed.is_past_term(2)
    assert list(await feed.batches(2, 10, 10**6)) == [batch(3).data]
    await feed.close()
    later = await made(link, term_us=1_000_000)
    assert await later.is_past_term(0)
    assert later.last == 3
    await later.close()


async def test_a_new_feed_has_nothing_past_its_term(link: Link) -> None:
    feed = await made(link)
    assert not await feed.is_past_term(0)
    assert feed.last == 0
    assert list(await feed.batches(0, 10, 10)) == []
    await feed.close()
