"""The writer over a real server: order, once each, refusals; with the server killed at random moments."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import sys

import pytest
from nats.aio.msg import Msg
from nats.js.api import StreamConfig

from wicketgate.base.errors import FencedError, StreamError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.reader import StreamReader
from wicketgate.base.streams.server import NatsServer
from wicketgate.base.streams.writer import StreamWriter

NAME = "TEST"


async def make_stream(link: Link, **limits: int) -> None:
    """Make a stream with limits of its own."""
    if limits:
        await link.jetstream.add_stream(
            StreamConfig(name=NAME, subjects=[NAME], discard="new", allow_direct=True, **limits)  # type: ignore[arg-type]
        )
    else:
        await link.ensure_stream(NAME)


async def content(link: Link) -> list[bytes]:
    """Return everything in the stream, in order."""
    last = (await link.info(NAME)).state.last_seq
    reader = StreamReader(link, NAME, after=0)
    found: list[bytes] = []
    while len(found) < last:
        found.extend(stored.data for stored in await reader.next())
    await reader.close()
    return found


async def test_messages_stand_in_the_order_in_which_they_were_submitted(link: Link) -> None:
    await make_stream(link)
    writer = await StreamWriter(link, NAME).open()
    futures = [writer.submit(b"%d" % n, f"m{n}") for n in range(100)]
    assert (writer.last, writer.under_way) == (100, 100)
    assert await asyncio.gather(*futures) == list(range(1, 101))
    assert writer.under_way == 0
    assert await content(link) == [b"%d" % n for n in range(100)]
    await writer.close()


async def test_a_second_life_goes_on_behind_the_first(link: Link) -> None:
    await make_stream(link)
    for life in range(2):
        writer = await StreamWriter(link, NAME).open()
        assert writer.last == life
        assert await writer.submit(b"x", f"life {life}") == life + 1
        await writer.close()


async def test_no_more_than_the_window_is_under_way(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    await make_stream(link)
    writer = await StreamWriter(link, NAME, window=3).open()
    most = 0
    publish = link.client.publish

    async def watched(*args: object, **kwargs: object) -> None:
        nonlocal most
        most = max(most, sum(p.sent_at is not None for p in writer._pending.values()))
        await publish(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(link.client, "publish", watched)
    await asyncio.gather(*(writer.submit(b"x", f"m{n}") for n in range(50)))
    assert most == 3
    await writer.close()


async def test_another_writer_is_refused_and_stays_refused(link: Link) -> None:
    await make_stream(link)
    first = await StreamWriter(link, NAME).open()
    second = await StreamWriter(link, NAME).open()
    assert await first.submit(b"first", "a") == 1
    with pytest.raises(FencedError):
        await second.submit(b"second", "b")
    with pytest.raises(FencedError):
        await second.submit(b"again", "c")
    assert await first.submit(b"goes on", "d") == 2
    assert await content(link) == [b"first", b"goes on"]
    await first.close()
    await second.close()


async def test_of_two_writers_at_once_one_wins_each_place(link: Link) -> None:
    await make_stream(link)
    writers = [await StreamWriter(link, NAME).open() for _ in range(2)]
    futures = [
        writer.submit(b"%d %d" % (which, n), f"{which}-{n}")
        for n in range(20)
        for which, writer in enumerate(writers)
    ]
    results = await asyncio.gather(*futures, return_exceptions=True)
    stored = [n for n in results if isinstance(n, int)]
    assert all(isinstance(n, int | FencedError) for n in results)
    found = await content(link)
    assert sorted(stored) == list(range(1, len(found) + 1))
    assert len({data.split()[0] for data in found}) == 1
    for writer in writers:
        await writer.close()


async def test_a_full_stream_fails_what_did_not_fit_and_goes_on_when_there_is_room(link: Link) -> None:
    await make_stream(link, max_bytes=4_000)
    writer = await StreamWriter(link, NAME).open()
    futures = [writer.submit(b"x" * 1000, f"m{n}") for n in range(8)]
    results = await asyncio.gather(*futures, return_exceptions=True)
    stored = [n for n in results if isinstance(n, int)]
    failed = [error for error in results if isinstance(error, StreamError)]
    assert stored == [1, 2, 3]
    assert len(failed) == 5
    assert {error.code for error in failed} == {"stream-full"}
    assert (writer.last, writer.under_way) == (3, 0)
    assert await content(link) == [b"x" * 1000] * 3
    assert await writer.submit(b"small", "s1") == 4  # a small one still fits
    await link.purge_below(NAME, 4)
    assert await asyncio.gather(*(writer.submit(b"y" * 1000, f"y{n}") for n in range(2))) == [5, 6]
    await writer.close()


async def test_what_is_too_large_for_the_server_fails_and_stops_nothing(link: Link) -> None:
    await make_stream(link)
    writer = await StreamWriter(link, NAME).open()
    with pytest.raises(StreamError) as caught:
        await writer.submit(b"x" * (link.client.max_payload + 1), "large")
    assert caught.value.code == "too-large"
    assert await writer.submit(b"x" * (link.client.max_payload - 1024), "just fits") == 1
    await writer.close()


async def test_acknowledgements_that_are_lost_are_asked_for_again(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wicketgate.base.streams.writer._ACK_TIMEOUT_S", 0.3)
    await make_stream(link)
    writer = await StreamWriter(link, NAME, window=4).open()
    lost = random.Random(3)
    acknowledged = writer._acknowledged
    assert writer._subscription is not None

    async def losing(message: object) -> None:
        if lost.random() < 0.5:
            await acknowledged(message)  # type: ignore[arg-type]

    monkeypatch.setattr(writer._subscription, "_cb", losing)
    futures = [writer.submit(b"%d" % n, f"m{n}") for n in range(30)]
    assert await asyncio.wait_for(asyncio.gather(*futures), 30) == list(range(1, 31))
    assert await content(link) == [b"%d" % n for n in range(30)]
    await writer.close()


async def test_messages_that_are_lost_on_their_way_are_sent_again(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wicketgate.base.streams.writer._ACK_TIMEOUT_S", 0.3)
    await make_stream(link)
    writer = await StreamWriter(link, NAME, window=4).open()
    lost = random.Random(4)
    publish = link.client.publish

    async def losing(subject: str, *args: object, **kwargs: object) -> None:
        if subject != NAME or lost.random() < 0.7:
            await publish(subject, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(link.client, "publish", losing)
    futures = [writer.submit(b"%d" % n, f"m{n}") for n in range(30)]
    assert await asyncio.wait_for(asyncio.gather(*futures), 30) == list(range(1, 31))
    monkeypatch.undo()
    assert await content(link) == [b"%d" % n for n in range(30)]
    await writer.close()


async def test_what_was_acknowledged_while_the_server_was_asked_is_no_sign_of_another_writer(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may answer where the stream ended before the acknowledgements that arrive before the answer."""
    await make_stream(link)
    writer = await StreamWriter(link, NAME).open()
    info = link.info

    async def slow(name: str) -> object:
        found = await info(name)
        await asyncio.sleep(0.2)
        return found

    monkeypatch.setattr(link, "info", slow)
    held, rest = asyncio.Event(), asyncio.Event()
    publish = link.client.publish

    async def late(subject: str, data: bytes, **kwargs: object) -> None:
        if subject == NAME:
            await (held if data < b"3" else rest).wait()
        await publish(subject, data, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(link.client, "publish", late)
    futures = [writer.submit(b"%d" % n, f"m{n}") for n in range(5)]
    await asyncio.sleep(0.01)
    writer._trouble.set()
    await asyncio.sleep(0.1)  # the server was asked; nothing was stored then
    held.set()
    assert await asyncio.wait_for(asyncio.gather(*futures[:3]), 10) == [1, 2, 3]
    await asyncio.sleep(0.3)  # its answer is here: it ends at 0
    rest.set()
    assert await asyncio.wait_for(asyncio.gather(*futures), 10) == [1, 2, 3, 4, 5]
    assert await writer.submit(b"more", "more") == 6
    await writer.close()


async def test_what_was_given_up_is_never_sent_behind_what_came_after(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_stream(link)
    writer = await StreamWriter(link, NAME).open()
    sent: list[bytes] = []
    publish = link.client.publish

    async def failing(subject: str, data: bytes, **kwargs: object) -> None:
        sent.append(data)
        if data == b"1":
            writer._fail(StreamError("full", code="stream-full"), 1)
            new.append(writer.submit(b"new", "new"))
        await publish(subject, data, **kwargs)  # type: ignore[arg-type]

    new: list[asyncio.Future[int]] = []
    monkeypatch.setattr(link.client, "publish", failing)
    old = [writer.submit(b"%d" % n, f"m{n}") for n in (1, 2, 3)]
    results = await asyncio.gather(*old, return_exceptions=True)
    assert all(isinstance(error, StreamError) for error in results)
    assert b"2" not in sent
    await writer.close()


async def test_an_answer_to_what_was_given_up_is_not_taken_for_what_came_after(link: Link) -> None:
    await make_stream(link)
    writer = await StreamWriter(link, NAME).open()
    old = writer.submit(b"old", "old")
    before = f"{writer._inbox}.{writer._generation}.1"
    writer._fail(StreamError("full", code="stream-full"), 1)
    new = writer.submit(b"new", "new")
    full = b'{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"}}'
    for answer in (full, b'{"stream":"TEST","seq":1}', b"", b"[]"):
        await writer._acknowledged(Msg(_client=link.client, subject=before, data=answer))
    assert not new.done()
    assert await new == 1
    assert isinstance(old.exception(), StreamError)
    await writer.close()


@pytest.mark.usefixtures("swept")
async def test_closing_fails_what_is_not_acknowledged(link: Link, server: NatsServer) -> None:
    await make_stream(link)
    writer = await StreamWriter(link, NAME).open()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    pid = server.pid
    try:
        stored = writer.submit(b"x", "x")
        await asyncio.sleep(0.05)
        await writer.close()
        with pytest.raises(StreamError):
            await stored
        with pytest.raises(StreamError):
            await writer.submit(b"y", "y")
        assert writer.under_way == 0
    finally:
        os.kill(pid, signal.SIGCONT)


async def kill_rounds(server: NatsServer, link: Link, rounds: int) -> None:
    """Kill the server at random moments under load: everything acknowledged is there, once, in order."""
    seed = secrets.randbits(32)
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    await make_stream(link)
    writer = await StreamWriter(link, NAME).open()
    reader = StreamReader(link, NAME, after=0)
    submitted: list[bytes] = []
    read: list[bytes] = []

    async def follow() -> None:
        while True:
            for stored in await reader.next():
                assert stored.sequence == len(read) + 1
                read.append(stored.data)

    following = asyncio.create_task(follow())
    futures: list[asyncio.Future[int]] = []
    for _ in range(rounds):
        until = asyncio.get_running_loop().time() + chance.uniform(0.02, 0.25)
        while asyncio.get_running_loop().time() < until:
            for _ in range(chance.randint(1, 12)):
                data = b"%d " % len(submitted) + b"x" * chance.choice([10, 1_000, 100_000])
                submitted.append(data)
                futures.append(writer.submit(data, f"{seed}-{len(submitted)}"))
            await asyncio.sleep(chance.choice([0, 0.001, 0.01]))
        if server.pid is not None:
            os.kill(server.pid, signal.SIGKILL)
        await asyncio.sleep(chance.choice([0, 0.05, 0.4]))
    sequences = await asyncio.wait_for(asyncio.gather(*futures), 60)
    assert sequences == list(range(1, len(submitted) + 1))
    while len(read) < len(submitted):
        assert not following.done(), following.exception()
        await asyncio.sleep(0.01)
    assert read == submitted
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await reader.close()
    await writer.close()


@pytest.mark.usefixtures("swept")
async def test_the_server_is_killed_at_random_moments(server: NatsServer, link: Link) -> None:
    await kill_rounds(server, link, int(os.environ.get("WICKETGATE_KILL_ROUNDS", "8")))


@pytest.mark.slow
@pytest.mark.usefixtures("swept")
async def test_the_server_is_killed_at_random_moments_many_times(server: NatsServer, link: Link) -> None:
    await kill_rounds(server, link, 150)
