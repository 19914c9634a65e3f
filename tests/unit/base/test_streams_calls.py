"""Calls between roles over a real NATS server: answered, refused, too large, unanswered; sealed, and never twice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from wicketgate.base.errors import InputError, NoAnswer, NotEntitled, StreamError
from wicketgate.base.roles import FRONT, READER, KnownRole, RoleBook, RoleCredential
from wicketgate.base.streams import calls
from wicketgate.base.streams.calls import MOST_BYTES, Answering, Asking
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.server import NatsServer


@pytest.fixture
def book(tmp_path: Path) -> RoleBook:
    return RoleBook(tmp_path / "roles")


@pytest.fixture
def credential(book: RoleBook) -> RoleCredential:
    return book.admit(READER, "west", "o")


async def echo(role: KnownRole, data: bytes) -> bytes:
    return role.name.encode() + b":" + data


@pytest.fixture
async def answering(link: Link, book: RoleBook) -> AsyncIterator[Answering]:
    opened = await Answering(link, book).open()
    opened.answer("echo", echo, {READER})
    yield opened
    await opened.close()


@pytest.fixture
async def asking(server: NatsServer, credential: RoleCredential) -> AsyncIterator[Asking]:
    own = await Link.open(server.settings)
    opened = await Asking(own, credential).open()
    yield opened
    await opened.close()
    await own.close()


async def test_an_ask_is_answered(answering: Answering, asking: Asking) -> None:
    assert await asking.ask("echo", b"x", 5) == b"west:x"
    many = await asyncio.gather(*(asking.ask("echo", b"%d" % number, 5) for number in range(500)))
    assert many == [b"west:%d" % number for number in range(500)]


async def test_large_messages_go_in_parts(answering: Answering, asking: Asking) -> None:
    data = [os.urandom(size) for size in (0, 1, 1 << 20, (3 << 20) + 17, 12 << 20)]
    assert await asyncio.gather(*(asking.ask("echo", one, 20) for one in data)) == [
        b"west:" + one for one in data
    ]


async def test_what_is_too_large_is_refused_on_either_side(answering: Answering, asking: Asking) -> None:
    with pytest.raises(StreamError) as ask:
        await asking.ask("echo", bytes(MOST_BYTES + 1), 5)
    assert ask.value.code == "too-large"

    async def huge(role: KnownRole, data: bytes) -> bytes:
        return bytes(MOST_BYTES)

    answering.answer("huge", huge, {READER})
    with pytest.raises(StreamError) as answer:
        await asking.ask("huge", b"", 20)
    assert answer.value.code == "too-large"


@pytest.mark.parametrize(
    "error", [InputError("a", code="b"), NotEntitled("c"), StreamError("d", code="busy")]
)
async def test_an_error_is_raised_where_it_was_asked(
    answering: Answering, asking: Asking, error: StreamError
) -> None:
    async def refuse(role: KnownRole, data: bytes) -> bytes:
        raise error

    answering.answer("refuse", refuse, {READER})
    with pytest.raises(type(error)) as raised:
        await asking.ask("refuse", b"", 5)
    assert (raised.value.detail, raised.value.code) == (error.detail, error.code)


async def test_an_unforeseen_error_is_no_silence(answering: Answering, asking: Asking) -> None:
    async def broken(role: KnownRole, data: bytes) -> bytes:
        raise ZeroDivisionError

    answering.answer("broken", broken, {READER})
    with pytest.raises(StreamError) as raised:
        await asking.ask("broken", b"", 5)
    assert raised.value.code == "internal"


async def test_a_role_asks_what_is_its_own(answering: Answering, asking: Asking) -> None:
    answering.answer("take", echo, {FRONT})
    for subject in ("take", "nothing"):
        with pytest.raises(NotEntitled, match=f"a reader may not ask for `{subject}`"):
            await asking.ask(subject, b"", 5)


async def test_without_a_sequencer_there_is_no_answer_at_once(asking: Asking) -> None:
    begun = asyncio.get_running_loop().time()
    with pytest.raises(NoAnswer):
        await asking.ask("echo", b"", 30)
    assert asyncio.get_running_loop().time() - begun < 2


async def test_a_slow_answer_is_none(answering: Answering, asking: Asking) -> None:
    async def slow(role: KnownRole, data: bytes) -> bytes:
        await asyncio.sleep(1)
        return b""

    answering.answer("slow", slow, {READER})
    with pytest.raises(NoAnswer):
        await asking.ask("slow", b"", 0.1)
    assert await asking.ask("echo", b"y", 5) == b"west:y"


async def test_a_sequencer_that_began_anew_is_asked_again_where_that_may_be(
    link: Link, book: RoleBook, answering: Answering, asking: Asking
) -> None:
    await asking.ask("echo", b"", 5)
    await answering.close()
    anew = await Answering(link, book).open()
    anew.answer("echo", echo, {READER})
    with pytest.raises(NoAnswer):
        await asking.ask("echo", b"", 5)
    assert await asking.ask("echo", b"z", 5) == b"west:z"
    anew._sessions.clear()
    assert await asking.ask("echo", b"z", 5, again=True) == b"west:z"
    await anew.close()


async def test_a_role_that_is_withdrawn_is_told_so_at_its_next_ask(
    book: RoleBook, answering: Answering, asking: Asking
) -> None:
    await asking.ask("echo", b"", 5)
    book.withdraw("west")
    for _ in range(2):  # in its session, and for a new one
        with pytest.raises(NotEntitled) as raised:
            await asking.ask("echo", b"", 5)
        assert raised.value.code == "role-withdrawn"


async def test_nobody_on_the_streams_reads_forges_or_repeats_an_ask(
    server: NatsServer, link: Link, book: RoleBook, answering: Answering, asking: Asking
) -> None:
    done: list[bytes] = []

    async def note(role: KnownRole, data: bytes) -> bytes:
        done.append(data)
        return b"the key of an hour"

    answering.answer("note", note, {READER})
    heard: list[Msg] = []
    spy = await Link.open(server.settings)

    async def listen(message: Msg) -> None:
        heard.append(message)

    await spy.client.subscribe(">", cb=listen)
    await spy.client.flush()
    await asking.ask("note", b"which key", 5)
    async with asyncio.timeout(5):
        while len(heard) < 4:  # hello and welcome, ask and answer
            await asyncio.sleep(0.01)
    asks = [message for message in heard if ".ask." in message.subject]
    hellos = [message for message in heard if message.subject.endswith(".hello")]
    assert len(asks) == 1
    assert len(hellos) == 1
    assert all(b"key" not in message.data for message in heard)
    for message in (*hellos, *asks):  # as they were, and changed
        for data in (message.data, message.data[:-1] + bytes([message.data[-1] ^ 1]), b"", os.urandom(600)):
            await spy.client.publish(message.subject, data, reply=spy.client.new_inbox())
    await spy.client.flush()
    assert await asking.ask("echo", b"after", 5) == b"west:after"
    assert done == [b"which key"]
    await spy.close()


async def test_the_sequencer_writes_to_no_stream_for_whoever_names_it_as_an_inbox(
    server: NatsServer, link: Link, answering: Answering, credential: RoleCredential
) -> None:
    await link.ensure_stream("COMMITS")
    root = calls.root_of(credential.sequencer)
    for subject in (f"{root}.hello", f"{root}.ask.{answering._where.hex()}.echo"):
        await link.client.publish(subject, os.urandom(80), reply="COMMITS")
        await link.client.publish(
            subject, calls.SessionOpening(credential.key, credential.sequencer).hello, reply="COMMITS"
        )
    await link.client.flush()
    await asyncio.sleep(0.2)
    assert (await link.info("COMMITS")).state.messages == 0


async def test_an_answer_of_somebody_else_is_passed_over(
    server: NatsServer, answering: Answering, asking: Asking
) -> None:
    spy = await Link.open(server.settings)

    async def first(message: Msg) -> None:
        await spy.client.publish(message.reply, os.urandom(200))

    await spy.client.subscribe(f"{asking._root}.ask.>", cb=first)
    await spy.client.flush()
    for number in range(20):
        assert await asking.ask("echo", b"%d" % number, 5) == b"west:%d" % number
    await spy.close()


async def test_hellos_sent_again_end_no_session_that_is_used(
    server: NatsServer, link: Link, answering: Answering, asking: Asking, credential: RoleCredential
) -> None:
    await asking.ask("echo", b"", 5)
    used = asking._session
    for _ in range(200):
        await link.client.request(
            f"{asking._root}.hello",
            calls.SessionOpening(credential.key, credential.sequencer).hello,
            timeout=5,
        )
    assert len(answering._sessions) <= 65
    assert await asking.ask("echo", b"x", 5) == b"west:x"
    assert asking._session is used


async def test_parts_without_their_last_are_bounded(
    link: Link, answering: Answering, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_MOST_HELD", 1000)
    await asking.ask("echo", b"", 5)
    session = asking._session
    assert session is not None
    where = f"{asking._root}.ask.{answering._where.hex()}.echo"
    for number in range(100, 120):
        await link.client.publish(where, session.seal(number, 0, 2, bytes(100)), reply="_INBOX.x")
    assert await asking.ask("echo", b"x", 5) == b"west:x"
    (held,) = [one for one in answering._sessions.values() if one.session.id == session.id]
    assert sum(one.bytes for one in held.gathering.values()) <= 1000
