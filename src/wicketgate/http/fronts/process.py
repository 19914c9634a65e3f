"""A front's process: `python -m wicketgate.http.fronts.process LINK PASSING LISTENING…`, all descriptors.

It ends with the gateway, however that ends, and reaches nothing of it but the link.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from wicketgate.base.descriptors import Descriptors
from wicketgate.base.files import keep_private
from wicketgate.base.turns import PieceTurns
from wicketgate.http.api.push import Push
from wicketgate.http.api.reads import Reads
from wicketgate.http.connections import HttpBounds
from wicketgate.http.fronts.connections import FrontConnection, FrontHead, fields_in
from wicketgate.http.fronts.frames import Frames
from wicketgate.http.fronts.messages import (
    Begin,
    Counted,
    FrontReady,
    Leave,
    NotTaken,
    Now,
    TakeAnswered,
    View,
    decode_at_front,
    encode,
)
from wicketgate.http.fronts.passing import ConnectionGiver
from wicketgate.http.fronts.remote import RemoteIntake, RemotePushes, Seeing, Sending
from wicketgate.http.fronts.server import Server, calm_collector, configured
from wicketgate.http.gatekeeper import Gatekeeper, bearer_in, source_in
from wicketgate.http.handlers import Outermost
from wicketgate.http.hot import HotRoute
from wicketgate.http.peers import Proxies
from wicketgate.http.problems import problem
from wicketgate.http.underway import UnderWay
from wicketgate.reads.cameras import CameraNames

_HANDED_OVER: Final = "handed over"


class Front:
    """A front: its link to the gateway, and the server of its connections."""

    def __init__(self, listening: Sequence[socket.socket], passing: socket.socket) -> None:
        self._listening = listening
        self._giving = ConnectionGiver(passing)
        self._begun: asyncio.Future[tuple[Begin, Seeing]] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self._frames: Frames | None = None
        self._sending = Sending(self._send)
        self._seeing: Seeing | None = None
        self._server: Server | None = None

    async def run(self, link: socket.socket) -> None:
        """Serve until the gateway says to leave, or is gone."""
        self._frames = await Frames.over(link, self._got, self._gone)
        begin, seeing = await self._begun
        proxies = Proxies(begin.networks())
        bounds = HttpBounds(
            begin.limits,
            begin.connections,
            Descriptors.raised(),
            is_proxy=proxies.__contains__,
        )
        under_way = UnderWay(begin.limits)
        server = self._server = Server(self._config(bounds, seeing, proxies, under_way))
        serving = asyncio.create_task(server.serve(list(self._listening)))
        sweeping = asyncio.create_task(bounds.sweep(server.server_state.connections))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        calm_collector()
        self._send(FrontReady())
        counting = asyncio.create_task(self._count(bounds, under_way))
        await self._ended.wait()
        server.should_exit = True
        await serving
        sweeping.cancel()
        counting.cancel()

    async def _count(self, bounds: HttpBounds, under_way: UnderWay) -> None:
        places = bounds.places
        while True:
            await asyncio.sleep(1)
            self._send(
                Counted(
                    known=places.known,
                    strangers=places.strangers,
                    body_bytes=under_way.bodies.taken,
                    is_short=places.is_short,
                    refused=dict(places.refused),
                    closed=dict(bounds.closed),
                )
            )

    def _config(
        self, bounds: HttpBounds, seeing: Seeing, proxies: Proxies, under_way: UnderWay
    ) -> uvicorn.Config:
        intake = RemoteIntake(self._sending, seeing)
        cameras = CameraNames(lambda: seeing)
        turns = PieceTurns()
        reads = Reads(cameras, intake, None, seeing, seeing.limits, turns)
        push = Push(RemotePushes(self._sending, seeing, intake), turns)

        def tokens() -> dict[str, str]:
            return seeing.view.tokens

        def is_ours(head: FrontHead) -> bool:
            return source_in(dict(head.scope), tokens(), pushed=head.is_push) is not None

        def give(connection: FrontConnection, data: bytes, head: bytes) -> None:
            digest = bearer_in(fields_in(head) or ())
            known = digest in seeing.known
            if known:
                connection.known_by(_HANDED_OVER, digest)  # no stranger takes its place while it waits
            self._giving.give(connection, data, known=known)

        bounds.hot = HotRoute(reads, push, tokens, under_way)
        app = Gatekeeper(Outermost(_nothing_else, reads, push), tokens, under_way=under_way)
        return configured(proxies.wrap(app), partial(FrontConnection, bounds, is_ours, give))

    def _send(self, message: msgspec.Struct) -> None:
        if self._frames is not None:
            self._frames.send(encode(message))

    def _got(self, frame: bytes) -> None:
        message = decode_at_front(frame)
        if isinstance(message, TakeAnswered | NotTaken):
            self._sending.answered(message)
        elif isinstance(message, Begin):
            # Here, and not once the process goes on: what comes right behind is newer.
            self._seeing = Seeing(message.view)
            self._begun.set_result((message, self._seeing))
        elif isinstance(message, Leave):
            self._ended.set()
        elif self._seeing is None:
            return  # before its beginning, which says all that was
        elif isinstance(message, View):
            self._seeing.take(message)
            if self._server is not None:
                HttpBounds.end_withdrawn(self._server.server_state.connections, message.tokens)
        elif isinstance(message, Now):
            self._seeing.set(message.at_us)

    def _gone(self) -> None:
        self._sending.lost()
        self._ended.set()
        if not self._begun.done():
            self._begun.cancel()


async def _nothing_else(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer what was asked on a connection that should have been given away."""
    await problem("not-found", "see `/docs` for what there is")(scope, receive, send)


def main(arguments: Sequence[str]) -> int:
    """Run a front on descriptors that it was given."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all: the gateway says when to leave
    keep_private()
    link, passing, *listening = (socket.socket(fileno=int(one)) for one in arguments)

    async def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await Front(listening, passing).run(link)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
