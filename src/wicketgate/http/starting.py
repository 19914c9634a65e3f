"""The answers of a gateway that is still starting.

This is loaded before the gateway is: it answers while everything else is read.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Sequence

import uvicorn
from msgspec import UNSET
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.settings import Settings
from wicketgate.gateway.deployment import Deployment
from wicketgate.gateway.progress import Behind, Progress
from wicketgate.http.problems import PartBehind, problem

HEALTH_PATHS = ("/healthz", "/readyz")
_BACKLOG = 4096
_AT_ONCE = 64
_PATIENCE_S = 5
_PAUSE_S = 0.5


class Start:
    """A start that answers.

    It holds the deployment's lock and listens. The answers come from a thread of their own, so that they come whatever
    the start does. Every path answers 503 and what is under way; the sockets stay open, and whoever connects at the
    end is answered by the gateway.

    Raises
    ------
    ConfigurationError
        If the directory is not a deployment, another gateway runs in it, or it cannot listen where the settings say.
    """

    def __init__(self, settings: Settings) -> None:
        deployment = Deployment(settings.folder)
        deployment.demand()
        self.lock = deployment.lock()  # before the port: a former gateway that ends gives up both
        self.sockets = _listen(settings.host, settings.port)
        self.progress = Progress()
        # A server closes its sockets when it stops: this one has its own.
        self._sockets = [one.dup() for one in self.sockets]
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",  # a bound method is not recognised as one
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            limit_concurrency=_AT_ONCE,
            timeout_keep_alive=1,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=(self._sockets,), daemon=True)

        self._thread.start()

    def end(self) -> None:
        """Answer no longer.

        Runs in any thread but its own.
        """
        self._server.should_exit = True
        self._thread.join(_PATIENCE_S)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in HEALTH_PATHS:
            await asyncio.sleep(
                _PAUSE_S
            )  # whoever asks again at once would take the time that the start needs
        answer = problem_of_health("starting", self.progress.behind())
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)


def _listen(host: str, port: int) -> list[socket.socket]:
    """Listen at every address of a host; port 0 takes a free one."""
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            if port == 0 and sockets:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            sockets.append(socket.create_server(address, family=family, backlog=_BACKLOG))
    except OSError as error:
        for one in sockets:
            one.close()
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigurationError(
            f"cannot listen at `{host}`, port {port}: {why.lower()}; choose another --port"
        ) from error
    return sockets


def problem_of_health(code: str, behind: Sequence[Behind]) -> Response:
    """Return the 503 that names what is behind."""
    words = ", ".join(f"`{one.part}` for {one.seconds} s" for one in behind)
    parts = tuple(
        PartBehind(part=one.part, seconds=one.seconds, share=UNSET if one.share is None else one.share)
        for one in behind
    )
    return problem(code, f"behind: {words}", behind=parts)
