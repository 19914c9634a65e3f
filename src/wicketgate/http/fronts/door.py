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
from wicketgate.base.errors import InputError
from wicketgate.base.peers import network_of
from wicketgate.base.settings import Settings
from wicketgate.base.turnstile import Turnstile
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.roles import Roles
from wicketgate.http.connections import HttpBounds, HttpConnection
from wicketgate.http.edge.told import accept_at, tell
from wicketgate.http.fronts.fleet import Fleet
from wicketgate.http.fronts.passing import Given
from wicketgate.http.fronts.server import Server, configured
from wicketgate.http.handing import END, FirstHeadConnection, fields_in
from wicketgate.http.readers.fleet import ReaderFleet
from wicketgate.http.readers.rule import ReaderRule
from wicketgate.http.readers.ways import ReaderWays
from wicketgate.reads.cameras import withdrawn_from
from wicketgate.reads.mqtt.ingress import Ingress

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
    readers : ReaderFleet or None
        The readers, to which connections go that ask for what is public, or for feeds.
    """

    def __init__(
        self,
        gateway: Gateway,
        settings: Settings,
        app: ASGIApp,
        bounds: HttpBounds,
        sockets: Sequence[socket.socket],
        roles: Roles | None = None,
        ingress: Ingress | None = None,
    ) -> None:
        self._bounds = bounds
        self._sockets = sockets
        self._ingress = ingress
        self._server = Server(configured(app, bounds.protocol))
        self._serving: asyncio.Task[None] | None = None
        self._accepting: list[asyncio.Server] = []
        self._commits = gateway.commits
        self._cameras = list(self._commits.committed.cameras)
        self._commits.followers.append(self._follow)
        self._newcomers = Turnstile(
            every_s=_NEWCOMER_EVERY_S, most_of_a_peer=256, most_of_a_network=512, most=2048
        )
        self._is_closed = False
        self._changing = asyncio.Lock()
        self._aside = TasksAside()
        self._sweeping: asyncio.Task[None] | None = None
        self.readers: ReaderFleet | None = None
        self._ways = ReaderWays(self._keep)
        self._served = ReaderRule(lambda shown: shown in self._commits.committed.tokens)
        if roles is not None and settings.reader_processes:
            self.readers = ReaderFleet(
                gateway,
                settings,
                roles.book,
                connections=bounds.connections,
                adopt=self._adopt,
                missed=lambda: bounds.places.note("descriptors"),
                show=self._show_readers,
            )
            bounds.readers = self.readers
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
                ingress=ingress,
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
        if self.readers is not None:
            self._aside.begin(self.readers.start())  # until they are ready, the gateway serves all
        return serving

    async def close(self) -> None:
        """Answer what is under way, and accept nothing more; once is enough."""
        if self._is_closed:
            return
        self._is_closed = True
        self._commits.followers.remove(self._follow)
        self._ways.close()
        await asyncio.gather(*(crew.stop() for crew in (self.fleet, self.readers) if crew is not None))
        await self._accepting_is(False)
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        if self._sweeping is not None:
            self._sweeping.cancel()
        for one in self._sockets:
            one.close()

    def _follow(self, transaction: Transaction) -> None:
        if transaction.token is None and transaction.cameras is None and transaction.document is None:
            return
        state = self._commits.committed
        sources = withdrawn_from(self._cameras, state.cameras)
        self._cameras = list(state.cameras)
        self._bounds.end_withdrawn(self._server.server_state.connections, state.tokens, sources)
        if self._ingress is not None:
            self._ingress.end_withdrawn(sources)

    def _accept(self, by_itself: bool) -> None:
        self._aside.begin(self._accepting_is(by_itself))

    async def _accepting_is(self, accepting: bool) -> None:
        async with self._changing:
            if self._ingress is not None and not self._is_closed:
                self._ingress.accept(accepting)
            if accepting and not self._accepting:
                loop = asyncio.get_running_loop()
                try:
                    for one in self._sockets:
                        self._accepting.append(await accept_at(one.dup(), self._accepted))
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
        made = self._connection()

        async def adopted() -> None:
            one.setblocking(False)
            if not await self._may_come(one, made):
                self._bounds.closed["too-many"] += 1
                one.close()
                return
            await asyncio.get_running_loop().connect_accepted_socket(lambda: made, one)

        try:
            tell(made, one, data)
        except InputError as error:
            log.error("%s", error)
            one.close()
            return

        self._aside.begin(adopted())

    def _show_readers(self, addresses: list[str]) -> None:
        self._ways.take(addresses)
        if self.fleet is not None:
            self.fleet.show_readers(addresses)

    def _give(self, connection: FirstHeadConnection, data: bytes) -> bool:
        return self._ways.give(connection, data, known=False)

    @staticmethod
    def _keep(connection: Given, data: bytes) -> None:
        """Go on with a connection that its reader did not take before its end."""
        assert isinstance(connection, FirstHeadConnection)
        connection.kept_all_the_same(data)

    def _accepted(self) -> HttpConnection:
        if self.readers is None:
            return self._connection()
        return FirstHeadConnection(
            self._bounds,
            self._served,
            self._give,
            config=self._server.config,
            server_state=self._server.server_state,
            app_state={},
        )

    async def _may_come(self, one: socket.socket, made: HttpConnection) -> bool:
        """Wait for the turn of a newcomer whom nobody knows: a connection costs more than most answers."""
        head = made.first[: made.first.find(END) + len(END)]
        if self._bounds.knows(fields_in(head) or ()):
            return True
        try:
            address = one.getpeername()[0] if made.told is None else made.told.client[0]
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
