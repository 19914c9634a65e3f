"""Fronts on another host: `serve D --role front`. They listen there, and the sequencer's word comes by its streams."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final

from starlette.types import Receive, Scope, Send

from wicketgate.base.aside import TasksAside
from wicketgate.base.descriptors import Descriptors
from wicketgate.base.ending import asked_to_end
from wicketgate.base.errors import StreamError, WicketgateError
from wicketgate.base.roles import RoleCredential
from wicketgate.base.settings import Settings
from wicketgate.base.streams.calls import Asking
from wicketgate.base.streams.link import Link, end_tasks
from wicketgate.gateway.progress import Behind
from wicketgate.http.behind import problem_of_health
from wicketgate.http.connections import HttpBounds
from wicketgate.http.edge.edge import Entrance
from wicketgate.http.edge.told import accept_at
from wicketgate.http.fronts.host import HostedFronts
from wicketgate.http.fronts.messages import MqttBegin
from wicketgate.http.fronts.server import Server, calm_collector, configured
from wicketgate.http.listening import listen
from wicketgate.http.peers import Proxies
from wicketgate.reads.mqtt.connection import MqttLimits

log = logging.getLogger(__name__)

_AGAIN_S: Final = 0.5
_LOOK_S: Final = 0.02
_Sockets = Sequence[socket.socket]


class _Doorstep:
    """What answers 503 while there is no front: before the sequencer's first word, and where all have ended."""

    def __init__(self, settings: Settings, sockets: _Sockets, places: int, descriptors: Descriptors) -> None:
        is_proxy = Proxies(settings.proxies).__contains__
        self._bounds = HttpBounds(settings.limits, places, descriptors, is_proxy=is_proxy)
        self._since_s = asyncio.get_running_loop().time()

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            waited_s = int(asyncio.get_running_loop().time() - self._since_s)
            behind = [Behind(part="sequencer", seconds=waited_s)]
            answered = problem_of_health("starting", behind)
            answered.headers["Connection"] = "close"  # the next request is a front's
            await answered(scope, receive, send)

        self._server = Server(configured(answer, self._bounds.protocol))
        self._sockets = sockets
        self._accepting: list[asyncio.Server] = []
        self._changing = asyncio.Lock()
        self._aside = TasksAside()
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Begin to answer."""
        self._tasks = [asyncio.create_task(self._server.serve([]))]
        while not self._server.started and not self._tasks[0].done():
            await asyncio.sleep(0.005)
        self._tasks.append(asyncio.create_task(self._bounds.sweep(self._server.server_state.connections)))
        await self._accepting_is(True)

    async def close(self) -> None:
        """Answer no more."""
        await self._accepting_is(False)
        self._server.should_exit = True
        await self._tasks[0]
        await end_tasks(self._tasks[1:])

    def accept(self, by_itself: bool) -> None:
        """Accept connections from now on, or leave them to fronts."""
        self._aside.begin(self._accepting_is(by_itself))

    async def _accepting_is(self, accepting: bool) -> None:
        async with self._changing:
            if accepting and not self._accepting:
                self._since_s = asyncio.get_running_loop().time()
                for one in self._sockets:
                    self._accepting.append(await self._listen(one))
            elif not accepting:
                for server in self._accepting:
                    server.close()
                self._accepting = []

    async def _listen(self, one: socket.socket) -> asyncio.Server:
        made = self._bounds.protocol

        def connection() -> asyncio.Protocol:
            return made(  # type: ignore[call-arg]
                config=self._server.config, server_state=self._server.server_state, app_state={}
            )

        return await accept_at(one.dup(), connection)


async def serve_front(settings: Settings, credential: RoleCredential, ready: Callable[[str], None]) -> int:
    """Run this host's fronts until SIGTERM or SIGINT. Return the process's exit code.

    Parameters
    ----------
    settings : Settings
        Of this host: where it listens, whose proxies it believes, its bounds, and how many fronts it has.
    ready : callable
        Called with the base URL once it listens; it takes reads once `/readyz` says so.

    Raises
    ------
    ConfigurationError
        If it cannot listen where the settings say.
    """
    stop = asked_to_end()
    descriptors = Descriptors.raised()
    entrance = Entrance(settings)
    sockets = entrance.sockets
    limits, mqtt = settings.limits, settings.mqtt
    over_http, over_mqtt = descriptors.divide(
        [limits.connections, 0 if mqtt is None else limits.mqtt_connections]
    )
    published = None if mqtt is None else listen(mqtt.host, mqtt.port)[0]
    async with AsyncExitStack() as parts:
        parts.callback(entrance.close)
        doorstep = _Doorstep(settings, sockets, over_http, descriptors)
        await doorstep.open()
        parts.push_async_callback(doorstep.close)
        stopped = asyncio.create_task(stop.wait())
        keeping = asyncio.create_task(entrance.keep())
        parts.push_async_callback(end_tasks, [stopped, keeping])
        ready(entrance.url)
        link = await _linked(settings, stopped)
        if link is None:
            return 0
        parts.push_async_callback(link.close)
        asking = await Asking(link, credential).open()
        parts.push_async_callback(asking.close)
        count = max(1, settings.front_processes)
        fronts = HostedFronts(
            settings,
            asking,
            sockets,
            connections=max(1, over_http // count),
            mqtt=None if published is None else (published, _mqtt(settings, published, over_mqtt, count)),
            accept=doorstep.accept,
        )
        return await _until_stopped(fronts, stopped)


async def _until_stopped(fronts: HostedFronts, stopped: asyncio.Task[bool]) -> int:
    """Run fronts once there is a word; return the process's exit code."""
    hearing = asyncio.create_task(fronts.word.run())
    starting: asyncio.Task[None] | None = None
    try:
        while fronts.word.view is None and not (stopped.done() or hearing.done()):
            await asyncio.sleep(_LOOK_S)
        if fronts.word.view is not None:
            starting = asyncio.create_task(fronts.start())
            calm_collector()
        await asyncio.wait({hearing, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if hearing.done():
            hearing.result()
    except WicketgateError as error:
        log.critical("stopped: %s", error.detail)
        return 1
    finally:
        # Whoever may serve no more does so at once; else what is under way is answered.
        await fronts.stop(at_once=not stopped.done())
        await end_tasks([hearing, *([] if starting is None else [starting])])
    return 0


async def _linked(settings: Settings, stopped: asyncio.Task[bool]) -> Link | None:
    """Return the way to the streams once they answer, or None where it was stopped before."""
    assert settings.streams is not None
    while not stopped.done():
        try:
            return await Link.open(settings.streams, follows=True)
        except StreamError as error:
            log.warning("the streams do not answer yet: %s", error.detail)
            await asyncio.wait({stopped}, timeout=_AGAIN_S)
    return None


def _mqtt(settings: Settings, listening: socket.socket, connections: int, count: int) -> MqttBegin:
    assert settings.mqtt is not None
    return MqttBegin.divided(settings.mqtt, MqttLimits.of(settings.limits, connections), listening, count)
