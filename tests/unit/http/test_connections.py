"""Connections over real sockets before an application of a few lines, with times of tenths of a second."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn
import uvloop
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from wicketgate.base.descriptors import Descriptors
from wicketgate.base.limits import ConnectionLimits
from wicketgate.http import connections as module
from wicketgate.http.connections import HttpBounds
from wicketgate.http.parts import AnswerParts
from wicketgate.http.underway import UnderWay, connection_of

LIMITS = ConnectionLimits(
    head_s=0.3,
    body_s=0.3,
    idle_s=0.6,
    write_s=0.4,
    least_rate=1000,
    head_bytes=2_000,
    head_fields=10,
    answer_bytes_of_peer=2_500_000,
)
LARGE = b"x" * 999_999 + b"."
GET = b"GET %b HTTP/1.1\r\nHost: gateway\r\n\r\n"


class Site:
    """An application, and what became of its requests."""

    def __init__(self) -> None:
        self.made = 0
        self.under_way = UnderWay(LIMITS)
        self.gone = 0
        self.going_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        connection = connection_of(scope)
        assert connection is not None
        match request.url.path:
            case "/known":
                connection.known_by("source:tfl", "hash")
            case "/stranger":
                connection.known_by("", "")
            case "/long":
                await self.going_on.wait()
            case "/large":
                parts = AnswerParts(scope, receive, send, self.under_way)
                try:
                    await PlainTextResponse(LARGE)(scope, receive, parts.send)
                finally:
                    self.under_way.end(scope)
                return
            case "/stream":
                await StreamingResponse(self._parts())(scope, receive, send)
                return
            case "/body":
                try:
                    length = len(await request.body())
                except ClientDisconnect:
                    self.gone += 1
                    return
                await PlainTextResponse(f"{length} bytes")(scope, receive, send)
                return
        await PlainTextResponse("done")(scope, receive, send)

    async def _parts(self) -> AsyncIterator[bytes]:
        for _ in range(1_000):
            self.made += 1
            yield b"x" * 100_000
            await asyncio.sleep(0)


@asynccontextmanager
async def serving(
    monkeypatch: pytest.MonkeyPatch, **more: Any
) -> AsyncIterator[tuple[HttpBounds, Site, int]]:
    """Serve a site within bounds, at a free port."""
    monkeypatch.setattr(module, "_SWEEP_S", 0.02)
    monkeypatch.setattr(module, "_LINGER_S", 0.2)
    bounds, site = HttpBounds(LIMITS, 40, Descriptors(1 << 20), **more), Site()
    config = uvicorn.Config(
        site,
        port=0,
        http=bounds.protocol,
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        log_config=None,
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
    tasks = [
        asyncio.create_task(server._serve([listening])),
        asyncio.create_task(bounds.sweep(server.server_state.connections)),
    ]
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield bounds, site, listening.getsockname()[1]
    finally:
        server.should_exit = True
        site.going_on.set()
        await tasks[0]
        tasks[1].cancel()
        await asyncio.gather(tasks[1], return_exceptions=True)
    assert (bounds.places.known, bounds.places.strangers) == (0, 0)


class Client:
    """A client that writes by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, path: bytes) -> bytes:
        """Ask, and return the head of the answer; its body is `done`."""
        self.writer.write(GET % path)
        async with asyncio.timeout(5):
            head = await self.reader.readuntil(b"\r\n\r\n")
            assert await self.reader.readexactly(4) == b"done"
        return head

    async def rest(self) -> bytes:
        """Return what comes until the connection is closed."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


@asynccontextmanager
async def dialled(port: int) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", port, limit=1024))
    try:
        yield client
    finally:
        await shut(client.writer)


async def shut(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever the server did with it."""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


def refused(came: bytes) -> tuple[bytes, str]:
    """Return status and code of the last answer."""
    head, _, body = came.rpartition(b"\r\n\r\n")
    return head.split(b" ", 2)[1], str(json.loads(body)["code"])


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: ga", (b"408", "too-slow"), id="half-a-head"),
        pytest.param(
            b"POST /body HTTP/1.1\r\nContent-Length: 9999\r\n\r\nab", (b"408", "too-slow"), id="half-a-body"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nA: " + b"a" * 3_000, (b"431", "head-too-large"), id="a-long-field"),
        pytest.param(b"GET /" + b"a" * 3_000, (b"431", "head-too-large"), id="a-long-path"),
        pytest.param(
            b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 11 + b"\r\n", (b"431", "head-too-large"), id="many-fields"
        ),
        pytest.param(b"HELO gateway\r\n\r\n", (b"400", "malformed"), id="another-protocol"),
        pytest.param(b"GET http://[ HTTP/1.1\r\n\r\n", (b"400", "malformed"), id="no-url"),
    ],
)
def test_what_cannot_be_taken_is_answered_and_closed(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, outcome: tuple[bytes, str]
) -> None:
    async def run() -> None:
        async with serving(monkeypatch) as (bounds, site, port), dialled(port) as client:
            client.writer.write(sent)
            assert refused(await client.rest()) == outcome
            assert bounds.closed == {outcome[1]: 1}
            assert site.gone == (b"/body" in sent)

    uvloop.run(run())


def test_whoever_says_nothing_and_whoever_has_no_more_to_say_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with serving(monkeypatch) as (bounds, _, port), dialled(port) as silent, dialled(port) as idle:
            begun = loop.time()
            await idle.ask(b"/")
            assert await silent.rest() == b""
            assert 0.25 < loop.time() - begun < 0.6
            assert await idle.rest() == b""
            assert loop.time() - begun > 0.55
            assert bounds.closed == {"idle": 2}

    uvloop.run(run())


def test_whoever_comes_back_in_time_or_waits_for_us_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with (
            serving(monkeypatch) as (bounds, site, port),
            dialled(port) as client,
            dialled(port) as long,
        ):
            long.writer.write(GET % b"/long")
            for _ in range(5):
                await asyncio.sleep(0.25)
                assert (await client.ask(b"/")).startswith(b"HTTP/1.1 200 ")
            site.going_on.set()
            assert (await long.reader.readuntil(b"done")).startswith(b"HTTP/1.1 200 ")
            assert not bounds.closed

    uvloop.run(run())


def test_a_body_that_flows_at_the_least_rate_is_taken_however_long_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with serving(monkeypatch) as (bounds, _, port), dialled(port) as client:
            client.writer.write(b"POST /body HTTP/1.1\r\nContent-Length: 1600\r\n\r\n")
            for _ in range(8):
                client.writer.write(b"x" * 200)
                await asyncio.sleep(0.12)
            assert (await client.reader.readuntil(b"bytes")).endswith(b"1600 bytes")
            assert not bounds.closed

    uvloop.run(run())


async def deaf_to(port: int, path: bytes) -> socket.socket:
    """Ask for an answer, and take none of it."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    deaf.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(deaf, ("127.0.0.1", port))
    await loop.sock_sendall(deaf, GET % path)
    return deaf


def test_an_answer_is_made_as_it_is_taken_and_ends_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with serving(monkeypatch) as (bounds, site, port):
            deaf = await deaf_to(port, b"/stream")
            async with asyncio.timeout(5):
                while not bounds.closed["answer-not-taken"]:
                    await asyncio.sleep(0.02)
            assert site.made < 20  # of a thousand
            deaf.close()

    uvloop.run(run())


def test_a_slow_reader_that_reads_gets_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with serving(monkeypatch) as (bounds, site, port), dialled(port) as client:
            client.writer.write(GET % b"/stream")
            came = 0
            for _ in range(60):
                came += len(await client.reader.read(20_000))
                await asyncio.sleep(0.02)
            assert came > 500_000
            assert not bounds.closed
            assert 5 < site.made < 100

    uvloop.run(run())


def test_large_answers_count_until_they_are_taken_and_one_too_many_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with serving(monkeypatch) as (bounds, site, port):
            answers = site.under_way.answers
            deaf = [await deaf_to(port, b"/large") for _ in range(2)]
            async with asyncio.timeout(5):
                while answers.taken < 2_000_000:
                    await asyncio.sleep(0.01)
            async with dialled(port) as client:
                client.writer.write(GET % b"/large")
                assert refused(await client.rest()) == (b"429", "too-much-at-once")
            async with asyncio.timeout(5):
                while bounds.closed["answer-not-taken"] < 2:
                    await asyncio.sleep(0.02)
                while answers.taken:
                    await asyncio.sleep(0.01)
            for one in deaf:
                one.close()
            async with dialled(
                port
            ) as client:  # at 200 kB a second it takes longer than `write_s` allows for nothing
                client.writer.write(GET % b"/large")
                came = b""
                while not came.endswith(b"."):
                    came += await client.reader.read(20_000)
                    await asyncio.sleep(0.01)
                assert came.endswith(LARGE)
            assert bounds.closed["answer-not-taken"] == 2

    uvloop.run(run())


def test_a_body_that_nobody_wants_does_not_go_on_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with serving(monkeypatch) as (bounds, _, port), dialled(port) as client:
            client.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n")
            async with asyncio.timeout(5):
                while not bounds.closed["body-not-wanted"]:
                    client.writer.write(b"x" * 1_000)
                    await asyncio.sleep(0.02)

    uvloop.run(run())


def test_trailers_and_frames_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        head = b"POST /body HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        async with serving(monkeypatch) as (bounds, _, port):
            for many in (
                b"0\r\nX-Trailer: " + b"a" * 90_000,
                b"0\r\n" + b"a: b\r\n" * 11,
                b"1\r\na\r\n" * 40_000,
            ):
                async with dialled(port) as client:
                    client.writer.write(head + many)
                    assert refused(await client.rest())[0] in {b"400", b"431"}
            assert bounds.closed.total() == 3

    uvloop.run(run())


def test_whoever_goes_with_requests_behind_one_another_makes_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        async with serving(monkeypatch) as (bounds, site, port):
            async with dialled(port) as client:
                client.writer.write(b"".join(GET % path for path in (b"/", b"/long", b"/", b"/")))
                await asyncio.sleep(0.1)
                client.writer.transport.abort()
            async with asyncio.timeout(5):
                while bounds.places.strangers:
                    await asyncio.sleep(0.01)
            site.going_on.set()
            await asyncio.sleep(0.1)

    with caplog.at_level("ERROR"):
        uvloop.run(run())
    assert not caplog.records, caplog.text


def test_more_requests_behind_one_another_than_may_be_end_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with serving(monkeypatch) as (bounds, _, port), dialled(port) as few, dialled(port) as many:
            few.writer.write(GET % b"/" * 8)
            for _ in range(8):
                await few.reader.readuntil(b"done")
            many.writer.write(GET % b"/" * 5_000)
            assert (await many.rest()).count(b"done") < 10
            assert bounds.closed == {"malformed": 1}

    uvloop.run(run())


def test_whoever_has_shown_a_credential_stays_when_strangers_crowd_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with (
            serving(monkeypatch) as (bounds, _, port),
            dialled(port) as camera,
            dialled(port) as former,
        ):
            await camera.ask(b"/known")
            await former.ask(b"/known")
            await former.ask(b"/stranger")
            assert (bounds.places.known, bounds.places.strangers) == (1, 1)
            others = [await asyncio.open_connection("127.0.0.1", port) for _ in range(30)]
            assert await former.rest() == b""
            assert (await camera.ask(b"/")).startswith(b"HTTP/1.1 200 ")
            assert bounds.places.strangers == bounds.places.limits.strangers_of_peer == 5
            for _, writer in others:
                await shut(writer)

    uvloop.run(run())


def test_where_descriptors_run_out_newcomers_are_closed_and_the_known_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        async with (
            serving(monkeypatch) as (bounds, _, port),
            dialled(port) as camera,
            dialled(port) as stranger,
        ):
            await camera.ask(b"/known")
            await stranger.ask(b"/")
            monkeypatch.setattr(bounds._descriptors, "limit", 0)
            assert await stranger.rest() == b""
            async with dialled(port) as newcomer:
                assert await newcomer.rest() == b""
            assert (await camera.ask(b"/")).startswith(b"HTTP/1.1 200 ")
            assert bounds.places.is_short
            monkeypatch.setattr(bounds._descriptors, "limit", 1 << 20)
            await asyncio.sleep(0.1)
            async with dialled(port) as newcomer:
                await newcomer.ask(b"/")

    uvloop.run(run())
