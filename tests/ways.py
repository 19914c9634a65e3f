"""One gateway behind several servers, and the bytes that each answers."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import uvicorn

from tests.matching import SOURCE, Desk
from wicketgate.base.clock import rfc3339
from wicketgate.base.descriptors import Descriptors
from wicketgate.base.limits import ConnectionLimits
from wicketgate.http.app import build_app
from wicketgate.http.connections import HotPost, HttpBounds, HttpConnection
from wicketgate.http.fronts.door import Door
from wicketgate.http.hot import HotRoute

HOST = b"Host: gateway\r\n"
JSON = b"Content-Type: application/json\r\n"
_CHANGING = re.compile(rb"date: [^\r]*\r\n|later than [^:]*:[^:]*:[^:]*")
_Way = tuple[HttpBounds, int, uvicorn.Server]


@asynccontextmanager
async def serving(desk: Desk, *, hot: bool) -> AsyncIterator[_Way]:
    """Serve the gateway, with or without the hot route."""
    bounds = HttpBounds(ConnectionLimits(), 400, Descriptors(1 << 20))
    app = build_app(desk.gateway, connections=bounds)
    if not hot:
        bounds.hot = None
    config = uvicorn.Config(
        app, http=bounds.protocol, ws="none", lifespan="off", log_level="critical", server_header=False
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server._serve([listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield bounds, listening.getsockname()[1], server
    server.should_exit = True
    await task


class CountingDoor(Door):
    """A door that counts what its front gives away."""

    adopted = 0

    def _adopt(self, one: socket.socket, data: bytes) -> None:
        self.adopted += 1
        super()._adopt(one, data)


@asynccontextmanager
async def fronted(desk: Desk) -> AsyncIterator[tuple[int, CountingDoor]]:
    """Serve the gateway by a front, a process of its own; return the port and the door."""
    bounds = HttpBounds(ConnectionLimits(), 400, Descriptors(1 << 20))
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    settings = replace(desk.gateway.settings, fronts=1)
    app = build_app(desk.gateway, connections=bounds)
    door = CountingDoor(desk.gateway, settings, app, bounds, [listening])
    await door.open()
    yield port, door
    await door.close()


class Both:
    """One gateway behind several servers: one has the hot route, and counts what it takes; one is a front."""

    def __init__(self, desk: Desk, hot: _Way, ordinary: _Way, front: tuple[int, CountingDoor]) -> None:
        self.desk = desk
        self.ports = {"hot": hot[1], "ordinary": ordinary[1], "front": front[0]}
        self.door = front[1]
        self.taken = 0
        route = hot[0].hot
        assert isinstance(route, HotRoute)
        self.bodies = route._under_way.bodies
        self._server = hot[2]
        begin = route.begin

        def counted(*arguments: object, **named: object) -> HotPost | None:
            post = begin(*arguments, **named)  # type: ignore[arg-type]
            self.taken += post is not None
            return post

        route.begin = counted  # type: ignore[method-assign]

    @property
    def connections(self) -> list[HttpConnection]:
        """Those of the server with the hot route."""
        return [one for one in self._server.server_state.connections if isinstance(one, HttpConnection)]

    def bearer(self, name: str = SOURCE) -> bytes:
        return f"Authorization: Bearer {self.desk.tokens[name]}\r\n".encode()

    def read(self, plate: str = "@PLATE@", **more: object) -> bytes:
        """Return a read; its plate is another one on each way, so that neither repeats the other's."""
        at = rfc3339(self.desk.clock.now_us())
        return json.dumps(
            {"camera": "c0", "captured_at": at, "plate": plate, "confidence": 0.9} | more
        ).encode()

    def post(self, body: bytes, head: bytes = b"", path: bytes = b"/v1/reads") -> bytes:
        """Return a post as most cameras send it."""
        length = b"Content-Length: %d\r\n" % len(body)
        return b"POST %b HTTP/1.1\r\n%b%b\r\n%b" % (path, HOST, length + (head or JSON + self.bearer()), body)

    async def answers(
        self, way: str, some: asyncio.Semaphore, case: int, writes: Sequence[bytes], patience: float = 1
    ) -> tuple[list[bytes], bool]:
        """Return the answers to some bytes, and whether the connection was closed then."""
        async with some:
            return await self._answers(way, case, writes, patience)

    async def _answers(
        self, way: str, case: int, writes: Sequence[bytes], patience: float
    ) -> tuple[list[bytes], bool]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[way])
        plate = f"A{list(self.ports).index(way)}{case:02d}CDE".encode()
        with suppress(ConnectionResetError, BrokenPipeError):  # it was closed before all was said
            for data in writes:
                writer.write(data.replace(b"@PLATE@", plate))
                await writer.drain()
                await asyncio.sleep(0.002)
        found: list[bytes] = []
        closed = False
        try:
            while True:
                async with asyncio.timeout(patience * (1.5 if not found else 0.4)):
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = re.search(rb"content-length: (\d+)", head.lower())
                    body = await reader.readexactly(int(length[1]) if length else 0)
                found.append(_CHANGING.sub(b"", head + body))
        except TimeoutError:
            pass
        except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
            closed = True
        writer.close()
        return found, closed
