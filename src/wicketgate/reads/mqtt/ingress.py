"""The MQTT server: it listens, keeps its limits, stops in order."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable, Collection, Coroutine, Mapping
from functools import partial
from typing import Any

from wicketgate.base.aside import TasksAside
from wicketgate.base.errors import ConfigurationError, WicketgateError
from wicketgate.base.places import Places
from wicketgate.base.settings import MqttSettings
from wicketgate.base.tls import server_context
from wicketgate.base.turnstile import Turnstile
from wicketgate.reads.mqtt.connection import Connection, MqttCounts, MqttLimits
from wicketgate.reads.mqtt.packets import Publish
from wicketgate.reads.mqtt.room import Room
from wicketgate.reads.mqtt.topics import Route

log = logging.getLogger(__name__)

Take = Callable[[str, Route, bytes, str], Coroutine[Any, Any, None]]
"""Given source, route, payload and topic; returns once what was published is durable, and raises if it cannot be."""

_ACCEPTED_AT_ONCE = 64
_QUIET_S = 10.0
_RETRY_S = 1.0
_HANDSHAKE_EVERY_S = 0.04
"""How often a TLS handshake begins, beyond a few at once: each costs the loop milliseconds, and a stranger nothing."""
_REMEMBERED = 20_000
_OPEN_EVERY_S = 0.001
"""How often a connection in clear begins."""


class Ingress:
    """The ingress of published messages.

    Parameters
    ----------
    take : callable
        Makes a message durable. Calls begin in the order in which a connection's messages came.
    tokens : callable
        Returns the committed tokens: name by SHA-256 in hexadecimal.
    is_proxy : callable
        Whether an address is a proxy's, which has no share of its own.
    is_short : callable
        Whether descriptors run out.

    Attributes
    ----------
    settings : MqttSettings
        As they were given.
    listening : socket or None
        Where connections come in, while it runs.

    Notes
    -----
    It accepts by itself, so that a connection has its place, or none, before TLS costs anything.
    """

    def __init__(
        self,
        settings: MqttSettings,
        take: Take,
        tokens: Callable[[], Mapping[str, str]],
        *,
        limits: MqttLimits | None = None,
        is_proxy: Callable[[str], bool] = lambda address: False,
        is_short: Callable[[], bool] = lambda: False,
    ) -> None:
        self.limits = limits or MqttLimits()
        self.places = Places("MQTT", self.limits.places, is_proxy=is_proxy, is_short=is_short)
        self.room = Room(self.limits.held_bytes, self.limits.held_bytes_of_source)
        every_s = _OPEN_EVERY_S if settings.certificate is None else _HANDSHAKE_EVERY_S
        self._newcomers = Turnstile(every_s=every_s, most_of_a_peer=2048, most_of_a_network=4096, most=8192)
        self._returning = Turnstile(every_s=every_s, most_of_a_peer=2048, most_of_a_network=4096, most=8192)
        self._welcomed: OrderedDict[str, None] = OrderedDict()
        self.is_stopping = False
        self.counts = MqttCounts()
        self.loop: asyncio.AbstractEventLoop
        self.settings = settings
        self._take = take
        self._tokens = tokens
        self.listening: socket.socket | None = None
        self._is_accepting = False
        self._secure: ssl.SSLContext | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._connections: set[Connection] = set()
        self._taking = TasksAside()
        self._told_at = float("-inf")

    # --- life ---------------------------------------------------------------------------------------------------

    async def start(self, listening: socket.socket | None = None, *, accepting: bool = True) -> str:
        """Listen, and return the address.

        Parameters
        ----------
        listening : socket, optional
            Listens already; left out, the settings say where.
        accepting : bool
            Whether connections are accepted from now on, and not only once `accept` says so.

        Raises
        ------
        ConfigurationError
            If the port cannot be had, or the certificate or its key not be used.
        """
        self.loop = asyncio.get_running_loop()
        settings = self.settings
        self._secure = context = tls_context(settings)
        self.listening = listening or _listen(settings.host, settings.port)
        self.listening.setblocking(False)
        self.accept(accepting)
        self._sweeping = asyncio.create_task(self._sweep())
        port = self.listening.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        if context is None and not settings.is_local and listening is None:
            log.warning("MQTT at `%s` has no certificate: tokens and reads cross the network in clear", host)
        return f"{'mqtt' if context is None else 'mqtts'}://{host}:{port}"

    def accept(self, accepting: bool) -> None:
        """Accept connections from now on, or leave them to others at the same socket."""
        self._is_accepting = accepting
        if accepting:
            self._listen()
        elif self.listening is not None:
            self.loop.remove_reader(self.listening)

    def end_withdrawn(self, sources: Collection[str] = ()) -> None:
        """End connections whose tokens are withdrawn, and those of some sources whatever they showed."""
        for connection in list(self._connections):
            source = connection.source
            if source and (source in sources or not self.entitled(connection.digest, source)):
                connection.end("token-withdrawn" if source not in sources else "camera-withdrawn")

    async def stop(self, settle_s: float = 5.0) -> None:
        """Stop in order.

        It takes nothing more, answers what becomes durable within `settle_s`, and closes.
        """
        listening, self.listening = self.listening, None
        if listening is None:
            return
        self.is_stopping = True
        self.loop.remove_reader(listening)
        listening.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        for connection in self._connections:
            connection.stop_reading()
        await self._taking.settle(settle_s)
        await asyncio.sleep(0)  # the answers of what was settled last
        for connection in list(self._connections):
            connection.end("stopped")
        end = self.loop.time() + 1.0
        while self._connections and self.loop.time() < end:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.abort()

    def _listen(self) -> None:
        if self.listening is not None and self._is_accepting:
            self.loop.add_reader(self.listening, self._accept)

    def _accept(self) -> None:
        """Accept who waits, some at once: a flood of them leaves the loop to the others."""
        assert self.listening is not None
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, address = self.listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor is left: who waits goes on waiting
                self.places.note("descriptors")
                self.loop.remove_reader(self.listening)
                self.loop.call_later(_RETRY_S, self._listen)
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self)
            connection.place = self.places.enter(connection, address[0])
            if connection.place is None:
                accepted.close()
                continue
            self._connections.add(connection)
            connection.opening = self.loop.create_task(
                self._open(connection, accepted, connection.place.peer)
            )
            connection.opening.add_done_callback(partial(self._opened, connection, accepted))

    async def _open(self, connection: Connection, accepted: socket.socket, peer: str) -> None:
        limits, secure = self.limits, self._secure
        if secure is not None:
            await self._first_bytes(accepted)
        turnstile = self._returning if peer in self._welcomed else self._newcomers
        if not await turnstile.passed(peer):
            raise ConnectionAbortedError
        await self.loop.connect_accepted_socket(
            lambda: connection,
            accepted,
            ssl=secure,
            ssl_handshake_timeout=limits.connect_s if secure else None,
            ssl_shutdown_timeout=limits.close_s if secure else None,
        )

    async def _first_bytes(self, accepted: socket.socket) -> None:
        """Wait until a client begins its handshake: whoever says nothing takes no turn."""
        begun = self.loop.create_future()
        self.loop.add_reader(accepted, _wake, begun)
        try:
            async with asyncio.timeout(self.limits.connect_s):
                await begun
        finally:
            self.loop.remove_reader(accepted)
        if not accepted.recv(1, socket.MSG_PEEK):
            raise ConnectionAbortedError

    def _opened(self, connection: Connection, accepted: socket.socket, opening: asyncio.Task[None]) -> None:
        connection.opening = None
        if opening.cancelled():
            accepted.close()
            self.lost(connection)
        elif opening.exception() is not None:
            accepted.close()
            if connection in self._connections:
                self.counts.ended["not-secured"] += 1
                self.lost(connection)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.limits.sweep_s)
            self._check()

    def _check(self) -> None:
        # Of its own, so that no connection lives on as the sweep's last one.
        now = self.loop.time()
        for connection in list(self._connections):
            connection.check(now)

    # --- what connections ask -------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        """The number of clients with a token."""
        return self.places.known

    @property
    def strangers(self) -> int:
        """The number of connections without a token."""
        return self.places.strangers

    @property
    def held_bytes(self) -> int:
        """The bytes of messages held.

        They are being read, or are not answered yet.
        """
        return self.room.held

    def lost(self, connection: Connection) -> None:
        """Count a connection no longer."""
        self._connections.discard(connection)
        place, connection.place = connection.place, None
        if place is not None:
            self.places.leave(place)

    def welcomed(self, peer: str) -> None:
        """Keep in mind that a good token came from a peer: when it comes again no stranger is before it."""
        self._welcomed.pop(peer, None)
        self._welcomed[peer] = None
        if len(self._welcomed) > _REMEMBERED:
            self._welcomed.popitem(last=False)

    def name_of(self, digest: str) -> str | None:
        """Return the name of a token by its hash.

        The time that this takes does not depend on how much of a guess is right.
        """
        return self._tokens().get(digest)

    def entitled(self, digest: str, source: str) -> bool:
        """Return whether a token is still good.

        It has not been withdrawn.
        """
        return self._tokens().get(digest) == f"source:{source}"

    def begin(self, source: str, where: Route, packet: Publish) -> asyncio.Task[None]:
        """Begin to make a message durable."""
        return self._taking.begin(self._take(source, where, packet.payload, packet.topic))

    def failed(self, error: BaseException) -> None:
        """Log a failure to take a message, but not each of an outage."""
        if not isinstance(error, WicketgateError | asyncio.CancelledError):
            # An error's text may hold what was published, so only its type and place are logged.
            frame = error.__traceback__
            while frame is not None and frame.tb_next is not None:
                frame = frame.tb_next
            place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame is not None else "?"
            log.error("%s at %s", type(error).__name__, place)
            return
        now = self.loop.time()
        if now - self._told_at >= _QUIET_S:
            self._told_at = now
            code = error.code if isinstance(error, WicketgateError) else "stopped"
            log.warning("what clients publish by MQTT cannot be taken, and is not acknowledged [%s]", code)


def _wake(begun: asyncio.Future[None]) -> None:
    if not begun.done():
        begun.set_result(None)


def tls_context(settings: MqttSettings) -> ssl.SSLContext | None:
    """Return the settings of TLS.

    None where there is no certificate.

    Raises
    ------
    ConfigurationError
        If the certificate or its key cannot be used.
    """
    if settings.certificate is None or settings.key is None:
        return None
    return server_context(settings.certificate, settings.key, "[mqtt]")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=4096)
    except OSError as error:
        raise ConfigurationError(
            f"[mqtt]: cannot listen at `{host}`, port {port}: {error.strerror}"
        ) from error
    # Accepted connections inherit these: a camera that has lost its power is noticed, whatever its keep-alive says.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4)):
        listening.setsockopt(socket.IPPROTO_TCP, option, value)
    return listening
