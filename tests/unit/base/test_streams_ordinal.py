"""Streams with numbered items: once each, in order, until a time."""

from __future__ import annotations

import time

import pytest

from wicketgate.base.errors import InputError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.ordinal import OrdinalStream

AT_US = 1_000_000
"""An item's time, where it does not matter: far from what the server's clock says."""


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
