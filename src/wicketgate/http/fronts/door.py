"""The gateway's door: its own server, and the fronts before it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from starlette.types import ASGIApp

from wicketgate.base.aside import TasksAside
from wicketgate.base.peers import network_of
from wicketgate.base.settings import Settings
from wicketgate.base.turnstile import Turnstile
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.node import Gateway
from wicketgate.http.connections import HttpBounds, HttpConnection
from wicketgate.http.fronts.connections import HEAD_END, fields_in
from wicketgate.http.fronts.fleet import Fleet
from wicketgate.http.fronts.server import BACKLOG, Server, configured
from wicketgate.http.gatekeeper import bearer_in

_NEWCOMER_EVERY_S: Final = 0.001

log = logging.getLogger(__name__)


class Door:
    """Where requests come in.

    Fronts accept connections, where there are any, and give away those whose requests the gateway must see. Where there
    is none, the gateway accepts by itself.

    Attributes
    ----------
    fleet : Fleet or None
        The fronts.
    """

    def __init__(
        self,
        gateway: Gateway,
        settings: Settings,
        app: ASGIApp,
        bounds: HttpBounds,
        sockets: Sequence[socket.socket],
    ) -> None:
        self._bounds = bounds
        self._sockets = sockets
        self._server = Server(configured(app, bounds.protocol))
        self._serving: asyncio.Task[None] | None = None
        self._accepting: list[asyncio.Server] = []
        self._commits = gateway.commits
        self._commits.followers.append(self._follow)
        self._newcomers = Turnstile(
            every_s=_NEWCOMER_EVERY_S, most_of_a_peer=256, most_of_a_network=512, most=2048
        )
        self._is_closed = False
        self._changing = asyncio.Lock()
        self._aside = TasksAside()
        self._sweeping: asyncio.Task[None] | None = None
        self.fleet: Fleet | None = None
        if settings.front_processes:
            self.fleet = Fleet(
                gateway,
                settings,
                sockets,
                connections=bounds.connections,
                adopt=self._adopt,
                missed=lambda: bounds.places.note("descriptors"),
                accept=self._accept,
            )
            bounds.fronts = self.fleet

    async def open(self) -> asyncio.Task[None]:
        """Begin to answer, and return the gateway's own server; connections are accepted then."""
        self._serving = serving = asyncio.create_task(self._server.serve([]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.005)
        self._sweeping = asyncio.create_task(self._bounds.sweep(self._server.server_state.connections))
        if self.fleet is None:
            await self._accepting_is(True)
        else:
            await self.fleet.start()
        return serving

    async def close(self) -> None:
        """Answer what is under way, and accept nothing more; once is enough."""
        if self._is_closed:
            return
        self._is_closed = True
        self._commits.followers.remove(self._follow)
        if self.fleet is not None:
            await self.fleet.stop()
        await self._accepting_is(False)
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        if self._sweeping is not None:
            self._sweeping.cancel()
        for one in self._sockets:
            one.close()

    def _follow(self, transaction: Transaction) -> None:
        if transaction.token is not None:
            self._bounds.end_withdrawn(self._server.server_state.connections, self._commits.committed.tokens)

    def _accept(self, by_itself: bool) -> None:
        self._aside.begin(self._accepting_is(by_itself))

    async def _accepting_is(self, accepting: bool) -> None:
        async with self._changing:
            if accepting and not self._accepting:
                loop = asyncio.get_running_loop()
                try:
                    for one in self._sockets:
                        self._accepting.append(
                            await loop.create_server(self._connection, sock=one.dup(), backlog=BACKLOG)
                        )
                except OSError as error:  # no descriptor is left just now
                    log.error("connections cannot be accepted: %s", type(error).__name__)
                    for server in self._accepting:
                        server.close()
                    self._accepting = []
                    loop.call_later(1, self._accept, True)
            elif not accepting:
                for server in self._accepting:
                    server.close()
                self._accepting = []

    def _adopt(self, one: socket.socket, data: bytes) -> None:
        def connection() -> asyncio.Protocol:
            made = self._connection()
            made.first = data  # before anything that is read from now on
            return made

        async def adopted() -> None:
            one.setblocking(False)
            if not await self._may_come(one, data):
                self._bounds.closed["too-many"] += 1
                one.close()
                return
            await asyncio.get_running_loop().connect_accepted_socket(connection, one)

        self._aside.begin(adopted())

    async def _may_come(self, one: socket.socket, data: bytes) -> bool:
        """Wait for the turn of a newcomer who has shown no token: a connection costs more than most answers."""
        head = data[: data.find(HEAD_END) + len(HEAD_END)]
        if bearer_in(fields_in(head) or ()) in self._commits.committed.tokens:
            return True
        try:
            address = one.getpeername()[0]
            with suppress(BlockingIOError):  # it waits for its answer
                if not one.recv(1, socket.MSG_PEEK):
                    return False  # it has gone already: many come for nothing but to be in the way
        except OSError:
            return False
        return self._bounds.is_proxy(address) or await self._newcomers.passed(network_of(address))

    def _connection(self) -> HttpConnection:
        return HttpConnection(
            self._bounds,
            config=self._server.config,
            server_state=self._server.server_state,
            app_state={},
        )
