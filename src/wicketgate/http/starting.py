"""The answers of a gateway that is still starting.

This is loaded before the gateway is: it answers while everything else is read.
"""

from __future__ import annotations

import asyncio
import threading

import uvicorn
import uvloop
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from wicketgate.base.descriptors import Descriptors
from wicketgate.base.settings import Settings
from wicketgate.gateway.deployment import Deployment
from wicketgate.gateway.progress import Progress
from wicketgate.http.behind import HEALTH_PATHS, problem_of_health
from wicketgate.http.connections import HttpBounds
from wicketgate.http.edge.edge import Entrance
from wicketgate.http.fronts.server import Server
from wicketgate.http.listening import BACKLOG
from wicketgate.http.peers import Proxies
from wicketgate.http.problems import problem

_PLACES = 512  # a quarter of them for strangers, and here everybody is one
_PATIENCE_S = 5
_PAUSE_S = 0.5
_LOOK_S = 0.01


class Start:
    """A start that answers.

    It holds the deployment's lock and listens. The answers come from a thread of their own, so that they come whatever
    the start does. Every path answers 503 and what is under way; the sockets stay open, and whoever connects at the
    end is answered by the gateway. Connections have the bounds that they have later, with few places: a start opens
    files too, and would end where it finds none left.

    Attributes
    ----------
    descriptors : Descriptors
        The open files, raised before anybody can connect.
    entrance : Entrance
        Where it listens.

    Raises
    ------
    ConfigurationError
        If the directory is not a deployment, another gateway runs in it, it cannot listen where the settings say, or
        hardly any open files are allowed.
    """

    def __init__(self, settings: Settings) -> None:
        deployment = Deployment(settings.folder)
        deployment.demand()
        self.descriptors = Descriptors.raised()
        self.lock = deployment.lock()  # before the port: a former gateway that ends gives up both
        self.entrance = Entrance(settings)
        self.sockets = self.entrance.sockets
        self.progress = Progress()
        # A server closes its sockets when it stops: this one has its own.
        self._sockets = [one.dup() for one in self.sockets]
        (places,) = self.descriptors.divide([_PLACES])
        is_proxy = Proxies(settings.proxies).__contains__
        self._bounds = HttpBounds(settings.limits, places, self.descriptors, is_proxy=is_proxy)
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",  # a bound method is not recognised as one
            http=self._bounds.protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            limit_concurrency=_PLACES,  # answers outlive connections that were dropped
            timeout_graceful_shutdown=1,
        )
        self._server = Server(config)
        self._thread = threading.Thread(target=self._run, daemon=True)

        self._thread.start()

    def hand_over(self) -> None:
        """Leave whoever connects from now on to the gateway.

        They wait in the sockets' backlog until it listens: once one has been told that all is well, no other is told
        that it starts. Whoever is connected already is still answered. Runs in any thread but its own.
        """
        closed = threading.Event()
        while not self._server.started and self._thread.is_alive():
            closed.wait(_LOOK_S)

        def close() -> None:
            for one in self._server.servers:
                one.close()
            closed.set()

        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(close)
            closed.wait(_PATIENCE_S)

    def end(self) -> None:
        """Answer no longer.

        Runs in any thread but its own.
        """
        self._server.should_exit = True
        self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        sweeping = asyncio.create_task(self._bounds.sweep(self._server.server_state.connections))
        try:
            await self._server.serve(self._sockets)
        finally:
            sweeping.cancel()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in HEALTH_PATHS:
            await asyncio.sleep(
                _PAUSE_S
            )  # whoever asks again at once would take the time that the start needs
        if self.progress.waits:
            answer = self._waiting(scope["path"])
        else:
            answer = problem_of_health("starting", self.progress.behind())
        answer.headers["Connection"] = "close"
        await answer(scope, receive, send)

    @staticmethod
    def _waiting(path: str) -> Response:
        """Answer for a sequencer that has all that is committed, and takes nothing while another one leads."""
        if path in HEALTH_PATHS:
            return Response(b'{"status":"waits"}', media_type="application/json")
        return problem("standby", "another sequencer leads: this one waits, and takes nothing")
