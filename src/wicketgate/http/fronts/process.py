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
from starlette.applications import Starlette

from wicketgate.base.descriptors import Descriptors
from wicketgate.base.files import keep_private
from wicketgate.base.turns import PieceTurns
from wicketgate.http.api.push import Push
from wicketgate.http.api.reads import Reads
from wicketgate.http.connections import HttpBounds
from wicketgate.http.faults import FAULTS
from wicketgate.http.fronts.arrow import ArrowChild
from wicketgate.http.fronts.away import away_app
from wicketgate.http.fronts.connections import FrontHead, FrontRule
from wicketgate.http.fronts.frames import Frames
from wicketgate.http.fronts.messages import (
    Begin,
    Counted,
    FollowedTaken,
    FrontReady,
    Leave,
    MqttBegin,
    MqttCounted,
    NotTaken,
    Now,
    Readers,
    ReadFollowed,
    TakeAnswered,
    View,
    decode_at_front,
    encode,
)
from wicketgate.http.fronts.passing import ConnectionGiver
from wicketgate.http.fronts.remote import RemoteImages, RemoteIntake, RemotePushes, Seeing, Sending
from wicketgate.http.fronts.server import Server, calm_collector, configured
from wicketgate.http.gatekeeper import Gatekeeper, bearer_in, source_in
from wicketgate.http.handing import HandingConnection, fields_in
from wicketgate.http.handlers import Outermost
from wicketgate.http.hot import HotRoute
from wicketgate.http.peers import Proxies
from wicketgate.http.readers.rule import ReaderRule
from wicketgate.http.readers.ways import ReaderWays
from wicketgate.http.underway import UnderWay
from wicketgate.reads.adapters import Adapters
from wicketgate.reads.cameras import CameraNames, withdrawn_from
from wicketgate.reads.mqtt.delivery import delivery
from wicketgate.reads.mqtt.ingress import Ingress
from wicketgate.reads.signs import LifeSigns

_HANDED_OVER: Final = "handed over"
_SETTLE_S: Final = 5.0


class Front:
    """A front: its link to the gateway, and the server of its connections."""

    def __init__(self, listening: Sequence[socket.socket], passing: socket.socket) -> None:
        self._listening = listening
        self._giving = ConnectionGiver(passing)
        self._readers = ReaderWays(self._giving.give)
        self._begun: asyncio.Future[tuple[Begin, Seeing]] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self._frames: Frames | None = None
        self._sending = Sending(self._send)
        self._seeing: Seeing | None = None
        self._server: Server | None = None
        self._ingress: Ingress | None = None
        self._is_linked = True

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
        intake = RemoteIntake(self._sending, seeing)
        images = RemoteImages(self._sending, seeing, intake)
        pushes = RemotePushes(self._sending, seeing, intake, images)
        arrow = ArrowChild()
        cameras = CameraNames(lambda: seeing)
        turns = PieceTurns()
        reads = Reads(cameras, intake, images, seeing, seeing.limits, turns, arrow.pieces)
        under_way = UnderWay(begin.limits)
        adapters = Adapters(begin.view.adapters)
        push = Push(pushes, turns, adapters)
        config = self._config(bounds, seeing, proxies, under_way, reads, push, begin.elsewhere)
        server = self._server = Server(config)
        over_mqtt = None if begin.mqtt is None else begin.mqtt.listening
        over_http = [one for one in self._listening if one.fileno() != over_mqtt]
        serving = asyncio.create_task(server.serve(over_http))
        sweeping = asyncio.create_task(bounds.sweep(server.server_state.connections))
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        if begin.mqtt is not None:
            await self._take_mqtt(begin.mqtt, pushes, adapters, bounds, proxies)
        calm_collector()
        self._send(FrontReady())
        counting = asyncio.create_task(self._count(bounds, under_way, pushes.signs))
        await self._ended.wait()
        server.should_exit = True
        if self._ingress is not None:
            # Whose messages become durable meanwhile are told so; without the gateway none does.
            await self._ingress.stop(_SETTLE_S if self._is_linked else 0.0)
        await serving
        await arrow.close()
        sweeping.cancel()
        counting.cancel()

    async def _take_mqtt(
        self,
        mqtt: MqttBegin,
        pushes: RemotePushes,
        adapters: Adapters,
        bounds: HttpBounds,
        proxies: Proxies,
    ) -> None:
        seeing = self._seeing
        assert seeing is not None
        ingress = Ingress(
            mqtt.settings(),
            delivery(pushes, adapters),
            lambda: seeing.known,
            limits=mqtt.limits(bounds.limits),
            is_proxy=proxies.__contains__,
            is_short=bounds.is_short,
        )
        await ingress.start(next(one for one in self._listening if one.fileno() == mqtt.listening))
        self._ingress = ingress

    async def _count(self, bounds: HttpBounds, under_way: UnderWay, signs: LifeSigns) -> None:
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
                    mqtt=MqttCounted() if self._ingress is None else MqttCounted.of(self._ingress),
                    signs=signs.taken(),
                )
            )

    def _config(
        self,
        bounds: HttpBounds,
        seeing: Seeing,
        proxies: Proxies,
        under_way: UnderWay,
        reads: Reads,
        push: Push,
        elsewhere: str | None,
    ) -> uvicorn.Config:
        """Return the configuration of the server; `elsewhere` is the gateway's address where this is another host."""

        def tokens() -> dict[str, str]:
            return seeing.view.tokens

        routed = Starlette(routes=reads.routes(), exception_handlers=FAULTS)
        bounds.hot = HotRoute(reads, push, tokens, under_way)
        if elsewhere is not None:  # nobody else takes its connections
            away = away_app(
                routed, reads, push, tokens, under_way, told_s=lambda: seeing.told_s, address=elsewhere
            )
            return configured(proxies.wrap(away), bounds.protocol)

        def is_ours(head: FrontHead) -> bool:
            return source_in(dict(head.scope), tokens(), pushed=head.is_push) is not None

        rule = ReaderRule(lambda shown: shown in seeing.known)

        def give(connection: HandingConnection, data: bytes, head: bytes) -> None:
            digest = bearer_in(fields_in(head) or ())
            known = digest in seeing.known
            served = bool(head) and rule.length(head) is not None
            if known:
                connection.known_by(_HANDED_OVER, digest)  # no stranger takes its place while it waits
            if not (served and self._readers.give(connection, data, known=known)):
                self._giving.give(connection, data, known=known)

        app = Gatekeeper(Outermost(routed, reads, push), tokens, under_way=under_way)
        return configured(proxies.wrap(app), partial(HandingConnection, bounds, FrontRule(is_ours), give))

    def _send(self, message: msgspec.Struct) -> None:
        if self._frames is not None:
            self._frames.send(encode(message))

    def _got(self, frame: bytes) -> None:
        message = decode_at_front(frame)
        if isinstance(message, TakeAnswered | FollowedTaken | ReadFollowed | NotTaken):
            self._sending.answered(message)
        elif isinstance(message, Begin):
            # Here, and not once the process goes on: what comes right behind is newer.
            self._seeing = Seeing(message.view)
            self._readers.take(message.readers)
            self._begun.set_result((message, self._seeing))
        elif isinstance(message, Readers):
            self._readers.take(message.addresses)
        elif isinstance(message, Leave):
            self._ended.set()
        elif self._seeing is None:
            return  # before its beginning, which says all that was
        elif isinstance(message, View):
            sources = withdrawn_from(self._seeing.cameras, message.cameras)
            self._seeing.take(message)
            if self._server is not None:
                HttpBounds.end_withdrawn(self._server.server_state.connections, message.tokens, sources)
            if self._ingress is not None:
                self._ingress.end_withdrawn(sources)
        elif isinstance(message, Now):
            self._seeing.set(message.at_us)

    def _gone(self) -> None:
        self._is_linked = False
        self._sending.lost()
        self._ended.set()
        if not self._begun.done():
            self._begun.cancel()


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
