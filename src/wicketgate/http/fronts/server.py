"""The HTTP server of a gateway and of its fronts: without signals of its own, and configured alike."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import Callable, Iterator
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from wicketgate.http.edge.told import accept_at
from wicketgate.http.listening import BACKLOG


class Server(uvicorn.Server):
    """Uvicorn, with signals left to us.

    The streams must outlive the last request.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; behind an edge a connection says first whose it is."""
        await super().startup([])
        self.started = False

        def connection() -> asyncio.Protocol:
            made = self.config.http_protocol_class
            return made(config=self.config, server_state=self.server_state, app_state={})  # type: ignore[call-arg]

        for one in sockets or ():
            self.servers.append(await accept_at(one, connection))
        self.started = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signals."""
        yield


def configured(app: ASGIApp, protocol: Callable[..., asyncio.Protocol]) -> uvicorn.Config:
    """Return the configuration of a server.

    Parameters
    ----------
    protocol : callable
        Makes the protocol of each connection, as uvicorn asks for it.
    """
    return uvicorn.Config(
        app,
        http=cast(type[asyncio.Protocol], protocol),
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        use_colors=False,  # it would colour at a terminal whatever NO_COLOR says
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=5,
    )


def calm_collector() -> None:
    """Let the garbage collector hold up nobody, once all that lives for ever is made.

    That is not looked at again, and the rest less often: a full collection would hold up every request. One of the
    youngest looks at 10,000 objects, in 3 ms.
    """
    gc.freeze()
    gc.set_threshold(10_000, 20, 500)
