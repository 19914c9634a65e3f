"""A reader's process: `python -m wicketgate.http.readers.process LINK PASSING`, both descriptors.

It ends with the gateway, however that ends. What it does not serve goes back to the gateway, with its connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec
import uvloop

from wicketgate.base.aside import TasksAside
from wicketgate.base.descriptors import Descriptors
from wicketgate.base.errors import InputError, WicketgateError
from wicketgate.base.files import keep_private
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.readers.reader import Reader
from wicketgate.http.connections import HttpBounds
from wicketgate.http.edge.told import tell
from wicketgate.http.fronts.frames import Frames
from wicketgate.http.fronts.passing import ConnectionGiver
from wicketgate.http.fronts.server import Server, calm_collector, configured
from wicketgate.http.handing import HandingConnection
from wicketgate.http.peers import Proxies
from wicketgate.http.readers.app import build_reader_app
from wicketgate.http.readers.messages import (
    BeginReader,
    LeaveReader,
    ReaderCounted,
    decode_at_reader,
    encode,
)
from wicketgate.http.readers.rule import ReaderRule
from wicketgate.http.readers.ways import ReaderWayIn
from wicketgate.http.site.rendering import Renderer
from wicketgate.http.underway import UnderWay

log = logging.getLogger(__name__)

_GIVES_WAY: Final = 5
"""Nice: on cores that are all taken, fronts and the gateway have three times a reader's share."""


class ReaderProcess:
    """A reader of a gateway's own: its link to it, and the server of its connections."""

    def __init__(self, passing: socket.socket) -> None:
        self._giving = ConnectionGiver(passing)
        self._begun: asyncio.Future[BeginReader] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self._frames: Frames | None = None
        self._aside = TasksAside()

    async def run(self, link: socket.socket) -> int:
        """Serve until the gateway says to leave, or is gone. Return the process's exit code."""
        self._frames = await Frames.over(link, self._got, self._gone)
        begin = await self._begun
        renderer = Renderer()
        try:
            reader = await Reader.start(begin.settings())
        except WicketgateError as error:
            log.critical("a reader cannot begin: %s", error.detail)
            return 1
        try:
            await self._serve(begin, reader, renderer)
        finally:
            await renderer.close()
            await reader.stop()
        return 1 if reader.failed.is_set() else 0

    async def _serve(self, begin: BeginReader, reader: Reader, renderer: Renderer) -> None:
        proxies = Proxies(begin.networks())
        bounds = HttpBounds(
            begin.limits, begin.connections, Descriptors.raised(), is_proxy=proxies.__contains__
        )

        def give(connection: HandingConnection, data: bytes, head: bytes) -> None:
            self._giving.give(connection, data, known=connection.is_known)

        def knows(shown: str) -> bool:
            return shown in reader.commits.committed.tokens

        # Without the gateway's word a feed's connection goes to the gateway; whoever waits at one already is refused.
        rule = ReaderRule(knows, shows_feeds=lambda: reader.sequencer.has_word)
        app = build_reader_app(reader, renderer, UnderWay(begin.limits), proxies)
        protocol = partial(HandingConnection, bounds, rule, give)
        server = Server(configured(app, protocol))
        connections = server.server_state.connections

        def adopt(one: socket.socket, data: bytes) -> None:
            made = HandingConnection(
                bounds, rule, give, config=server.config, server_state=server.server_state, app_state={}
            )
            try:
                tell(made, one, data)
            except InputError as error:
                log.error("%s", error)
                one.close()
                return
            one.setblocking(False)
            self._aside.begin(asyncio.get_running_loop().connect_accepted_socket(lambda: made, one))

        def follow(transaction: Transaction) -> None:
            if transaction.token is not None or transaction.document is not None:
                HttpBounds.end_withdrawn(connections, reader.commits.committed.tokens)

        reader.commits.followers.append(follow)
        serving = asyncio.create_task(server.serve([]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        sweeping = asyncio.create_task(bounds.sweep(connections))
        calm_collector()
        way_in = ReaderWayIn(adopt, lambda: bounds.places.note("descriptors"))
        counting = asyncio.create_task(self._count(reader, bounds, way_in.address))
        failed = asyncio.create_task(reader.failed.wait())
        ended = asyncio.create_task(self._ended.wait())
        await asyncio.wait({failed, ended}, return_when=asyncio.FIRST_COMPLETED)
        way_in.close()
        server.should_exit = True
        await serving
        for task in (sweeping, counting, failed, ended):
            task.cancel()

    async def _count(self, reader: Reader, bounds: HttpBounds, address: str) -> None:
        places = bounds.places
        while True:
            self._send(
                ReaderCounted(
                    address=address,
                    behind=reader.behind(),
                    known=places.known,
                    strangers=places.strangers,
                    is_short=places.is_short,
                    refused=dict(places.refused),
                    closed=dict(bounds.closed),
                )
            )
            await asyncio.sleep(0.5)

    def _send(self, message: msgspec.Struct) -> None:
        if self._frames is not None:
            self._frames.send(encode(message))

    def _got(self, frame: bytes) -> None:
        message = decode_at_reader(frame)
        if isinstance(message, BeginReader):
            self._begun.set_result(message)
        elif isinstance(message, LeaveReader):
            self._ended.set()

    def _gone(self) -> None:
        self._ended.set()
        if not self._begun.done():
            self._begun.cancel()


def main(arguments: Sequence[str]) -> int:
    """Run a reader on descriptors that it was given."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all: the gateway says when to leave
    keep_private()
    os.nice(_GIVES_WAY)  # and so does its renderer of pages: what must be decided goes first
    link, passing = (socket.socket(fileno=int(one)) for one in arguments)

    async def run() -> int:
        with contextlib.suppress(asyncio.CancelledError):
            return await ReaderProcess(passing).run(link)
        return 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
