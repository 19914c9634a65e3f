"""A reader on another host: `serve D --role reader`. It listens by itself, and gives nothing away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from wicketgate.base.descriptors import Descriptors
from wicketgate.base.ending import asked_to_end
from wicketgate.base.errors import StreamError, WicketgateError
from wicketgate.base.settings import Settings
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.progress import Behind
from wicketgate.gateway.readers.reader import Reader, ReaderSettings
from wicketgate.http.behind import problem_of_health
from wicketgate.http.connections import HttpBounds
from wicketgate.http.edge.edge import Entrance
from wicketgate.http.fronts.server import Server, calm_collector, configured
from wicketgate.http.peers import Proxies
from wicketgate.http.readers.app import build_reader_app
from wicketgate.http.site.rendering import Renderer
from wicketgate.http.underway import UnderWay

log = logging.getLogger(__name__)

_AGAIN_S: Final = 2.0


class _Switched:
    """An application that answers what is behind, until there is one."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self._began_s = asyncio.get_running_loop().time()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.app is not None:
            await self.app(scope, receive, send)
            return
        waited_s = int(asyncio.get_running_loop().time() - self._began_s)
        await problem_of_health("starting", [Behind(part="sequencer", seconds=waited_s)])(
            scope, receive, send
        )


async def serve_reader(settings: Settings, reading: ReaderSettings, ready: Callable[[str], None]) -> int:
    """Run a reader until SIGTERM or SIGINT. Return the process's exit code.

    Parameters
    ----------
    settings : Settings
        Of this host: where it listens, whose proxies it believes, and its bounds.
    ready : callable
        Called with the base URL once it listens; it has caught up once `/readyz` says so.

    Raises
    ------
    ConfigurationError
        If it cannot listen where the settings say.
    """
    stop = asked_to_end()
    descriptors = Descriptors.raised()
    entrance = Entrance(settings)
    proxies = Proxies(settings.proxies)
    (places,) = descriptors.divide([settings.limits.connections])
    bounds = HttpBounds(settings.limits, places, descriptors, is_proxy=proxies.__contains__)
    switched, renderer = _Switched(), Renderer()
    server = Server(configured(switched, bounds.protocol))
    serving = asyncio.create_task(server.serve(entrance.sockets))
    sweeping = asyncio.create_task(bounds.sweep(server.server_state.connections))
    stopped = asyncio.create_task(stop.wait())
    keeping = asyncio.create_task(entrance.keep())
    ready(entrance.url)
    code = 0
    try:
        reader = await _begun(reading, stopped)
        if reader is not None:
            try:
                code = await _shown(
                    reader, switched, renderer, UnderWay(settings.limits), proxies, server, stopped
                )
            finally:
                await reader.stop()
    except WicketgateError as error:
        log.critical("this reader cannot begin: %s", error.detail)
        code = 1
    finally:
        server.should_exit = True
        await serving
        await renderer.close()
        for task in (sweeping, stopped, keeping):
            task.cancel()
        entrance.close()
    return code


async def _begun(reading: ReaderSettings, stopped: asyncio.Task[bool]) -> Reader | None:
    """Return the reader once the sequencer has answered, or None where it was stopped before."""
    while not stopped.done():
        try:
            return await Reader.start(reading)
        except StreamError as error:
            log.warning("the sequencer does not answer yet: %s", error.detail)
            await asyncio.wait({stopped}, timeout=_AGAIN_S)
    return None


async def _shown(
    reader: Reader,
    switched: _Switched,
    renderer: Renderer,
    under_way: UnderWay,
    proxies: Proxies,
    server: Server,
    stopped: asyncio.Task[bool],
) -> int:
    """Serve until it is stopped, or cannot go on; return the process's exit code."""

    def follow(transaction: Transaction) -> None:
        if transaction.token is not None or transaction.document is not None:
            HttpBounds.end_withdrawn(server.server_state.connections, reader.commits.committed.tokens)

    reader.commits.followers.append(follow)
    switched.app = build_reader_app(reader, renderer, under_way, proxies)
    calm_collector()
    failed = asyncio.create_task(reader.failed.wait())
    await asyncio.wait({failed, stopped}, return_when=asyncio.FIRST_COMPLETED)
    failed.cancel()
    if reader.failed.is_set():
        log.critical("stopped: %s", getattr(reader.failure, "detail", type(reader.failure).__name__))
        return 1
    return 0
