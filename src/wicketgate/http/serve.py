"""The gateway behind its HTTP server, in one process and one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.settings import Settings
from wicketgate.gateway.node import Gateway
from wicketgate.http.app import build_app
from wicketgate.http.site.rendering import Renderer
from wicketgate.reads.mqtt.delivery import delivery
from wicketgate.reads.mqtt.ingress import Ingress

log = logging.getLogger(__name__)

_SETTLE_S = 5.0


class _Server(uvicorn.Server):
    """Uvicorn, with signals left to us.

    The streams must outlive the last request.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signals."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen.

        Uvicorn would end the process with exit code 3 where it cannot: here it raises.
        """
        try:
            await super().startup(sockets)
        except SystemExit as error:
            where = f"`{self.config.host}`, port {self.config.port}"
            fault = error.__context__
            why = os.strerror(fault.errno) if isinstance(fault, OSError) and fault.errno else "see above"
            raise ConfigurationError(
                f"cannot listen at {where}: {why.lower()}; choose another --port"
            ) from error


async def serve(settings: Settings, *, ready: Callable[[str, str | None], None]) -> int:
    """Run a deployment until SIGTERM or SIGINT.

    Return the process's exit code.

    Parameters
    ----------
    ready : callable
        Called once requests are answered, with the base URL and the address of the MQTT ingress, if there is one.

    Raises
    ------
    ConfigurationError
        If it cannot listen where the settings say.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gateway = await Gateway.start(settings)
    ingress: Ingress | None = None
    renderer = Renderer()
    try:
        await renderer.begin()
        mqtt: str | None = None
        if settings.mqtt is not None:
            ingress = Ingress(
                settings.mqtt, delivery(gateway.pushes), lambda: gateway.commits.committed.tokens
            )
            mqtt = await ingress.start()
        config = uvicorn.Config(
            build_app(gateway, ingress, renderer),
            host=settings.host,
            port=settings.port,
            http="httptools",
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            use_colors=False,  # it would colour at a terminal whatever NO_COLOR says
            server_header=False,
            proxy_headers=False,
            backlog=4096,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():
            await asyncio.sleep(0.01)
        if serving.done():
            await serving
            return 1
        port = server.servers[0].sockets[0].getsockname()[1]
        # What lives for ever is not looked at again by the collector, and the rest less often: a full collection
        # would hold up every request.
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        gateway.loop.start()
        ready(f"http://{settings.host}:{port}", mqtt)
        failed = asyncio.create_task(gateway.failed.wait())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({failed, stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
        if ingress is not None:
            # While what is under way still becomes durable, unless the gateway cannot go on.
            await ingress.stop(0.0 if gateway.failed.is_set() else _SETTLE_S)
        server.should_exit = True
        await serving
        for task in (failed, stopped):
            task.cancel()
        if gateway.failed.is_set():
            log.critical("stopped: %s", gateway.failure)
            return 1
        return 0
    finally:
        if ingress is not None:
            await ingress.stop(0.0)
        await renderer.close()
        gateway.loop.stop()
        await gateway.stop()
