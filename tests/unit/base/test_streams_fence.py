"""A fence shuts out a writer that is stopped: with all that it has under way, in each kind of stream, for ever."""

from __future__ import annotations

import asyncio
import contextlib
import secrets

import pytest

from wicketgate.base.errors import FencedError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.ordinal import OrdinalStream
from wicketgate.base.streams.together import append_together
from wicketgate.base.streams.writer import WINDOW, StreamWriter

NAME = "TEST"
FENCE = [b"fence"] * (WINDOW + 1)


async def last_of(link: Link) -> int:
    return int((await link.info(NAME)).state.last_seq)


async def send_late(link: Link, first: int, count: int) -> None:
    """Send what a writer had under way, as it lay in the buffers of a stopped process: nothing of it was answered."""
    for sequence in range(first, first + count):
        headers = {"Nats-Msg-Id": f"old-{sequence}", "Nats-Expected-Last-Sequence": str(sequence - 1)}
        with contextlib.suppress(Exception):
            await link.jetstream.publish(NAME, b"late", headers=headers)


async def test_one_message_in_the_way_of_the_first_lets_the_second_in(link: Link) -> None:
    """The reason for a fence: it is this that must not happen."""
    await link.ensure_stream(NAME)
    await link.jetstream.publish(NAME, b"of another")
    await send_late(link, 1, WINDOW)
    assert await last_of(link) > 1, "stored behind what its writer does not know"


@pytest.mark.parametrize("lost", range(WINDOW))
async def test_nothing_that_was_under_way_comes_in_behind_a_fence(link: Link, lost: int) -> None:
    await link.ensure_stream(NAME, together=True)
    await link.jetstream.publish(NAME, b"before")
    assert await append_together(link, NAME, FENCE, "new", 1)
    fenced = await last_of(link)
    assert fenced == 1 + len(FENCE)
    await send_late(link, 2 + lost, WINDOW - lost)
    assert await last_of(link) == fenced
    writer = await StreamWriter(link, NAME).open()
    assert await writer.submit(b"goes on", "new") == fenced + 1
    await writer.close()


async def test_a_fence_is_whole_or_absent_however_it_meets_a_writer(link: Link) -> None:
    await link.ensure_stream(NAME, together=True)
    for round_ in range(20):
        writer = await StreamWriter(link, NAME).open()
        futures = [writer.submit(b"%d %d" % (round_, n), f"{round_} {n}") for n in range(20)]
        await asyncio.sleep(round_ / 4000)
        while True:
            last = await last_of(link)
            if await append_together(link, NAME, FENCE, secrets.token_hex(8), last):
                break
        results = await asyncio.gather(*futures, return_exceptions=True)
        stored = [result for result in results if isinstance(result, int)]
        assert stored == list(range(last - len(stored) + 1, last + 1)), "its beginning, up to the fence"
        assert all(isinstance(result, int | FencedError) for result in results)
        assert await last_of(link) == last + len(FENCE)
        with contextlib.suppress(FencedError):
            await writer.submit(b"late", f"{round_} late")
        assert await last_of(link) == last + len(FENCE)
        await writer.close()


async def test_a_fence_where_the_stream_does_not_end_is_not_taken(link: Link) -> None:
    await link.ensure_stream(NAME, together=True)
    await link.jetstream.publish(NAME, b"x")
    assert not await append_together(link, NAME, FENCE, "new", 0)
    assert await last_of(link) == 1


async def test_two_that_write_the_same_numbered_items_keep_each_once(link: Link) -> None:
    """A paused gateway that wakes may finish what it had committed: it is what the other one writes too."""
    items = [b"%d" % number for number in range(1, 61)]
    old = await OrdinalStream(link, NAME).open()
    new = await OrdinalStream(link, NAME).open()
    await old.put_all(1, items[:30], 1)
    await new.put_all(1, items[:10], 1)
    await new.put_all(11, items[10:25], 1)
    await new.put_all(26, items[25:], 1)
    for stream in (old, new):
        # What the old one has not written is taken from it; what was written stays.
        with contextlib.suppress(FencedError):
            await stream.put_all(31, items[30:40], 1)
        await stream.close()
    assert [await new.get(number) for number in range(1, 61)] == items
    assert await last_of(link) == 60
