"""Following a stream over a real server: in order and whole, over purges, kills and lost connections."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from nats.aio.msg import Msg

from wicketgate.base.streams.link import Link
from wicketgate.base.streams.reader import Stored, StreamReader
from wicketgate.base.streams.server import NatsServer
from wicketgate.base.streams.writer import StreamWriter

NAME = "TEST"


async def fill(link: Link, count: int, size: int = 20) -> StreamWriter:
    """Append so many messages; return the writer."""
    await link.ensure_stream(NAME)
    writer = await StreamWriter(link, NAME, window=64).open()
    await asyncio.gather(*(writer.submit(b"%d " % n + b"x" * size, f"m{n}") for n in range(count)))
    return writer


async def read_until(reader: StreamReader, last: int) -> list[Stored]:
    """Return what a reader gives up to a sequence."""
    found: list[Stored] = []
    while not found or found[-1].sequence < last:
        some = await asyncio.wait_for(reader.next(), 20)
        assert some
        found.extend(some)
    return found


async def test_a_backlog_comes_whole_and_in_order(link: Link) -> None:
    writer = await fill(link, 3_000)
    reader = StreamReader(link, NAME, after=0)
    found = await read_until(reader, 3_000)
    assert [stored.sequence for stored in found] == list(range(1, 3_001))
    assert [int(stored.data.split()[0]) for stored in found] == list(range(3_000))
    await reader.close()
    await writer.close()


async def test_one_consumer_serves_a_whole_backlog(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull that was filled ends with a status of its own, and so does one that was cut by its bytes."""
    begun = 0
    begin = StreamReader._begin

    async def counted(self: StreamReader) -> None:
        nonlocal begun
        begun += 1
        await begin(self)

    monkeypatch.setattr(StreamReader, "_begin", counted)
    monkeypatch.setattr("wicketgate.base.streams.reader._MAX_BYTES", 20_000)
    writer = await fill(link, 1_000, size=500)
    reader = StreamReader(link, NAME, after=0)
    assert len(await read_until(reader, 1_000)) == 1_000
    assert await reader.next(0.1) == ()
    assert begun == 1
    assert 32 < reader._owed <= 96
    await reader.close()
    await writer.close()


async def test_a_backlog_larger_than_what_is_asked_for_at_once(link: Link) -> None:
    writer = await fill(link, 60, size=1_000_000)
    reader = StreamReader(link, NAME, after=0)
    found = await read_until(reader, 60)
    assert [stored.sequence for stored in found] == list(range(1, 61))
    await reader.close()
    await writer.close()


async def test_it_begins_behind_the_sequence_that_is_given(link: Link) -> None:
    writer = await fill(link, 10)
    reader = StreamReader(link, NAME, after=7)
    assert [stored.sequence for stored in await read_until(reader, 10)] == [8, 9, 10]
    await reader.close()
    await writer.close()


async def test_what_was_purged_is_passed_over(link: Link) -> None:
    writer = await fill(link, 20)
    await link.purge_below(NAME, 16)
    reader = StreamReader(link, NAME, after=3)
    assert [stored.sequence for stored in await read_until(reader, 20)] == [16, 17, 18, 19, 20]
    await reader.close()
    await writer.close()


async def test_a_message_removed_from_the_middle_leaves_a_gap(link: Link) -> None:
    writer = await fill(link, 6)
    await link.jetstream.delete_msg(NAME, 3)
    reader = StreamReader(link, NAME, after=0)
    assert [stored.sequence for stored in await read_until(reader, 6)] == [1, 2, 4, 5, 6]
    await reader.close()
    await writer.close()


async def test_nothing_new_is_an_empty_answer_in_time(link: Link) -> None:
    writer = await fill(link, 1)
    reader = StreamReader(link, NAME, after=1)
    begun = time.monotonic()
    assert await reader.next(0.2) == ()
    assert 0.15 < time.monotonic() - begun < 2
    await writer.submit(b"more", "more")
    assert [stored.sequence for stored in await reader.next(5)] == [2]
    await reader.close()
    await writer.close()


async def test_it_waits_over_the_end_of_a_pull(link: Link, monkeypatch: object) -> None:
    import wicketgate.base.streams.reader as module

    expires, module._EXPIRES_S = module._EXPIRES_S, 0.3
    try:
        writer = await fill(link, 1)
        reader = StreamReader(link, NAME, after=1)
        waiting = asyncio.create_task(reader.next())
        await asyncio.sleep(1.2)  # several pulls have run out
        await writer.submit(b"at last", "last")
        begun = time.monotonic()
        assert [stored.data for stored in await asyncio.wait_for(waiting, 5)] == [b"at last"]
        assert time.monotonic() - begun < 0.5
        await reader.close()
        await writer.close()
    finally:
        module._EXPIRES_S = expires


@pytest.mark.usefixtures("swept")
async def test_nothing_is_lost_with_a_connection(link: Link) -> None:
    """A connection breaks while messages are on their way, and the consumer on the server outlives it."""
    writer = await fill(link, 400, size=20_000)
    reader = StreamReader(link, NAME, after=0)
    found: list[Stored] = []
    for breaks in (True, True, True, False):
        while breaks and len(found) < 50 * (1 + len(found) // 50):
            found.extend(await asyncio.wait_for(reader.next(), 20))
            break
        if breaks:
            transport = link.client._transport
            transport._io_writer.transport.abort()
    while not found or found[-1].sequence < 400:
        found.extend(await asyncio.wait_for(reader.next(), 20))
    assert [stored.sequence for stored in found] == list(range(1, 401))
    await reader.close()
    await writer.close()


async def test_a_gap_in_what_was_delivered_ends_the_consumer_and_one_in_the_stream_does_not(
    link: Link,
) -> None:
    await link.ensure_stream(NAME)
    reader = StreamReader(link, NAME, after=0)
    reader._consumer = "c"

    def message(sequence: int, delivered: int) -> Msg:
        reply = f"$JS.ACK.{NAME}.c.1.{sequence}.{delivered}.0.0"
        return Msg(_client=link.client, reply=reply, data=b"")

    assert [s.sequence for s in reader._in_order([message(1, 1), message(5, 2)])] == [1, 5]
    assert reader._consumer == "c"
    assert [s.sequence for s in reader._in_order([message(6, 3), message(8, 5), message(9, 6)])] == [6]
    assert reader._consumer is None
    await reader.close()


async def test_messages_dropped_on_the_way_are_fetched_again(link: Link) -> None:
    """What a client drops without a word shows in the consumer's own count, not in gaps of the stream's."""
    writer = await fill(link, 200)
    reader = StreamReader(link, NAME, after=0)
    first = list(await reader.next())
    assert reader._subscription is not None
    deliver, dropped = reader._subscription._cb, 0
    assert deliver is not None

    async def dropping(message: object) -> None:
        nonlocal dropped
        if dropped < 3:
            dropped += 1
        else:
            await deliver(message)  # type: ignore[arg-type]

    reader._subscription._cb = dropping
    found = first
    while found[-1].sequence < 200:
        found.extend(await asyncio.wait_for(reader.next(), 20))
    assert [stored.sequence for stored in found] == list(range(1, 201))
    assert dropped == 3
    await reader.close()
    await writer.close()


@pytest.mark.usefixtures("swept")
async def test_it_goes_on_soon_after_a_kill(link: Link, server: NatsServer) -> None:
    writer = await fill(link, 5)
    reader = StreamReader(link, NAME, after=0)
    await read_until(reader, 5)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    waiting = asyncio.create_task(reader.next())
    begun = time.monotonic()
    assert await asyncio.wait_for(writer.submit(b"later", "later"), 20) == 6
    assert [stored.sequence for stored in await asyncio.wait_for(waiting, 20)] == [6]
    assert time.monotonic() - begun < 4
    await reader.close()
    await writer.close()


async def test_readers_leave_nothing_behind(link: Link) -> None:
    writer = await fill(link, 2)
    before = len(link.client._subs)
    for _ in range(3):
        reader = StreamReader(link, NAME, after=0)
        await reader.next()
        await reader.close()
    assert len(link.client._subs) == before
    assert (await link.jetstream.stream_info(NAME)).state.consumer_count == 0
    assert len(link._on_reconnect) == 1  # the writer's
    await writer.close()
    assert not link._on_reconnect
