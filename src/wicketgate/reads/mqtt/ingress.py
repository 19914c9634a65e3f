"""The MQTT server: it listens, keeps its limits, stops in order."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import ssl
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from wicketgate.base.errors import ConfigurationError, WicketgateError
from wicketgate.base.settings import MqttSettings
from wicketgate.reads.mqtt.connection import Connection, MqttCounts, MqttLimits
from wicketgate.reads.mqtt.packets import Publish
from wicketgate.reads.mqtt.topics import Route

log = logging.getLogger(__name__)

Take = Callable[[str, Route, bytes, str], Coroutine[Any, Any, None]]
"""Given source, route, payload and topic; returns once what was published is durable, and raises if it cannot be."""

_OTHER_FILES = 1_000
_QUIET_S = 10.0
_HANDSHAKE_S = 10.0


class Ingress:
    """The ingress of published messages.

    Parameters
    ----------
    take : callable
        Makes a message durable. Calls begin in the order in which a connection's messages came.
    tokens : callable
        Returns the committed tokens: name by SHA-256 in hexadecimal.
    """

    def __init__(
        self,
        settings: MqttSettings,
        take: Take,
        tokens: Callable[[], Mapping[str, str]],
        *,
        limits: MqttLimits | None = None,
    ) -> None:
        self.limits = limits or MqttLimits()
        self.counts = MqttCounts()
        self.loop: asyncio.AbstractEventLoop
        self._settings = settings
        self._take = take
        self._tokens = tokens
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._connections: set[Connection] = set()
        self._welcome = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._held = 0
        self._queue: deque[tuple[Connection, int]] = deque()
        self._told_at = float("-inf")

    # --- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> str:
        """Listen, and return the address.

        Raises
        ------
        ConfigurationError
            If the port cannot be had, or the certificate or its key not be used.
        """
        self.loop = asyncio.get_running_loop()
        settings = self._settings
        context = tls_context(settings)
        listening = _listen(settings.host, settings.port)
        allow_files(self.limits.connections + _OTHER_FILES)
        self._server = await self.loop.create_server(
            lambda: Connection(self),
            sock=listening,
            ssl=context,
            backlog=4096,
            ssl_handshake_timeout=_HANDSHAKE_S if context else None,
        )
        self._sweeping = asyncio.create_task(self._sweep())
        port = listening.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        if context is None and not settings.is_local:
            log.warning("MQTT at `%s` has no certificate: tokens and reads cross the network in clear", host)
        return f"{'mqtt' if context is None else 'mqtts'}://{host}:{port}"

    async def stop(self, settle_s: float = 5.0) -> None:
        """Stop in order.

        It takes nothing more, answers what becomes durable within `settle_s`, and closes.
        """
        if self._server is None:
            return
        self._server.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        for connection in self._connections:
            connection.stop_reading()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=settle_s)
        await asyncio.sleep(0)  # the answers of what was settled last
        for connection in list(self._connections):
            connection.end("stopped")
        end = self.loop.time() + 1.0
        while self._connections and self.loop.time() < end:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.abort()
        self._server = None

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.limits.sweep_s)
            now = self.loop.time()
            for connection in list(self._connections):
                connection.check(now)

    # --- what connections ask -------------------------------------------------------------------------------------

    @property
    def connections(self) -> int:
        """The number of clients with a token."""
        return self._welcome

    @property
    def strangers(self) -> int:
        """The number of connections without a token."""
        return len(self._connections) - self._welcome

    @property
    def held_bytes(self) -> int:
        """The bytes of messages held.

        They are being read, or are not answered yet.
        """
        return self._held

    def admit(self, connection: Connection) -> bool:
        """Return whether one more stranger may stay.

        A stranger has not said who it is.
        """
        if self.strangers >= self.limits.strangers:
            self.counts.ended["too-many"] += 1
            return False
        self._connections.add(connection)
        return True

    def welcome(self) -> bool:
        """Return whether one more client may stay, and count it."""
        if self._welcome >= self.limits.connections or (self._server and not self._server.is_serving()):
            return False
        self._welcome += 1
        return True

    def forget(self, connection: Connection) -> None:
        """Count a connection no longer."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._welcome -= bool(connection.source)

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
        task = self.loop.create_task(self._take(source, where, packet.payload, packet.topic))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

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

    def reserve(self, connection: Connection, size: int) -> bool:
        """Take room for a message.

        Where there is none, the connection is told to go on when its turn comes.
        """
        if not self._queue and (self._held + size <= self.limits.held_bytes or not self._held):
            self._held += size
            return True
        self._queue.append((connection, size))
        return False

    def release(self, size: int) -> None:
        """Give back the room of a message."""
        self._held -= size
        while self._queue and (self._held + self._queue[0][1] <= self.limits.held_bytes or not self._held):
            connection, wanted = self._queue.popleft()
            if connection.given(wanted):
                self._held += wanted


def tls_context(settings: MqttSettings) -> ssl.SSLContext | None:
    """Return the settings of TLS.

    None where there is no certificate.

    Raises
    ------
    ConfigurationError
        If the certificate or its key cannot be used.
    """
    if settings.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password given, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(settings.certificate, settings.key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"[mqtt]: `{settings.certificate}` and `{settings.key}` are no certificate and its key, in PEM without "
            "a pass phrase"
        ) from error
    return context


def allow_files(wanted: int) -> None:
    """Raise the process's limit of open files as far as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    if most < wanted / 2:
        log.warning("at most %d open files are allowed: MQTT needs one for each connection", most)


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
