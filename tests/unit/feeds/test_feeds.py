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

AT_US = 1_000_000
"""When a batch is released, where it does not matter: far from what the server's clock says."""


def batch(number: int, size: int = 10) -> FeedBatch:
    """Return a batch."""
    return FeedBatch(feed="a", number=number, rows=1, data=b"%d " % number + b"x" * size)


async def made(link: Link, *, max_bytes: int = 10**9) -> Feed:
    """Open the feed."""
    return await Feed.open(link, "a", max_bytes=max_bytes)


async def test_items_stand_at_their_numbers_and_replays_are_passed_over(link: Link) -> None:
    stream = await OrdinalStream(link, "ITEMS").open()
    assert stream.last == 0
    for number in (1, 2, 1, 2, 3, 3, 1):
        await stream.put(number, b"%d" % number, AT_US)
    assert stream.last == 3
    assert [await stream.get(n) for n in (1, 2, 3, 4)] == [b"1", b"2", b"3", None]
    first, last, held = await stream.extent()
    assert (first, last) == (1, 3)
    assert held > 3
    with pytest.raises(InputError, match="does not follow"):
        await stream.put(5, b"5", AT_US)
    await stream.close()
    again = await OrdinalStream(link, "ITEMS").open()
    assert again.last == 3
    await again.put(3, b"3", AT_US)
    await again.put(4, b"4", AT_US)
    await again.close()


async def test_a_batch_is_read_from_memory_and_from_the_stream(link: Link) -> None:
    feed = await made(link)
    for number in range(1, 6):
        await feed.put(batch(number), AT_US)
    await feed.put(batch(3), AT_US)
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
    await later.put(batch(6), AT_US)
    assert list(await later.batches(3, 100, 10**6)) == [*wanted[3:], batch(6).data]
    await later.close()


async def test_memory_holds_the_latest_alone(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wicketgate.feeds.feed._RECENT_BYTES", 250)
    feed = await made(link)
    for number in range(1, 8):
        await feed.put(batch(number, size=100), AT_US)
    assert [number for number, _ in feed._recent] == [6, 7]
    assert list(await feed.batches(0, 100, 10**6)) == [batch(n, size=100).data for n in range(1, 8)]
    await feed.close()


async def test_who_waits_is_woken_by_a_batch_and_by_a_stop(link: Link) -> None:
    feed = await made(link)
    waiting = [asyncio.create_task(feed.wait(0, 20)) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in waiting)
    await feed.put(batch(1), AT_US)
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
    await feed.put(batch(1, size=900), AT_US)
    assert not feed.is_full
    await feed.put(batch(2, size=900), AT_US)
    assert feed.is_full
    await link.purge_below("FEED-a", 2)
    await feed.refresh()
    assert not feed.is_full
    assert feed.held_bytes < 1_200
    await feed.close()


async def test_what_is_past_its_term_is_gone_from_stream_and_memory(link: Link) -> None:
    feed = await made(link)
    for number in (1, 2):
        await feed.put(batch(number), AT_US)
    assert not await feed.is_past_term(0)
    await feed.end_before(AT_US)
    assert not await feed.is_past_term(0)
    await feed.end_before(AT_US + 1)
    assert (await link.info("FEED-a")).state.messages == 0
    assert await feed.is_past_term(0)
    assert await feed.is_past_term(1)
    assert not await feed.is_past_term(2)  # a reader that is up to date
    assert not await feed.is_past_term(7)
    assert list(await feed.batches(0, 10, 10**6)) == []
    assert not feed._recent
    await feed.put(batch(3), AT_US)
    assert await feed.is_past_term(1)
    assert not await feed.is_past_term(2)
    assert list(await feed.batches(2, 10, 10**6)) == [batch(3).data]
    await feed.close()
    later = await made(link)
    assert await later.is_past_term(0)
    assert later.last == 3
    await later.close()


@pytest.mark.parametrize("items", [1, 2, 3, 64, 100])
async def test_exactly_what_is_older_ends_by_the_time_that_was_told_alone(link: Link, items: int) -> None:
    stream = await OrdinalStream(link, "ITEMS").open()
    await stream.end_before(10**9)
    times = [number // 2 * 10 for number in range(1, items + 1)]  # some are of one time
    for number, at_us in enumerate(times, 1):
        await stream.put(number, b"x", at_us)
    for before_us in sorted((0, 5, 10, 11, 300, times[-1], times[-1] + 1, 10**9)):
        await stream.end_before(before_us)
        held = [n for n in range(1, items + 1) if await stream.get(n) is not None]
        assert held == [n for n, at_us in enumerate(times, 1) if at_us >= before_us]
    await stream.put(items + 1, b"y", 10**9)
    assert await stream.get(items + 1) == b"y"
    await stream.close()


async def test_an_item_of_version_03_ends_by_the_servers_time(link: Link) -> None:
    await link.ensure_stream("ITEMS")
    await link.jetstream.publish("ITEMS", b"old")
    stream = await OrdinalStream(link, "ITEMS").open()
    now_us = time.time_ns() // 1000
    await stream.end_before(now_us - 3_600_000_000)
    assert await stream.get(1) == b"old"
    await stream.end_before(now_us + 3_600_000_000)
    assert await stream.get(1) is None
    await stream.close()


async def test_a_new_feed_has_nothing_past_its_term(link: Link) -> None:
    feed = await made(link)
    assert not await feed.is_past_term(0)
    assert feed.last == 0
    assert list(await feed.batches(0, 10, 10)) == []
    await feed.close()
