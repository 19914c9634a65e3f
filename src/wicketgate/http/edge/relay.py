"""The edge's connections: TLS outside, and inside the same bytes in clear, behind a line that says whose they are."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from typing import Final, cast

from wicketgate.base.aside import TasksAside
from wicketgate.base.places import Place, Places
from wicketgate.base.turnstile import Turnstile
from wicketgate.http.edge.told import line_of

log = logging.getLogger(__name__)

_SHUTDOWN_S: Final = 5.0
_ACCEPTED_AT_ONCE: Final = 16
_RETRY_S: Final = 0.1


class EdgeDoor:
    """Where an edge listens.

    It accepts by itself, so that a connection has its place, or none, before TLS costs anything. Whoever says nothing
    takes no turn: a handshake costs a signature, and a stranger nothing. From the handshake's end on a connection has
    its place with whoever answers it, who closes what takes too long.

    Parameters
    ----------
    inner : bytes
        The address of the socket of this machine where connections are answered.
    places : Places
        Of connections before their handshake has ended.
    handshake_s : float
        Seconds for a handshake, and for its first byte.
    """

    def __init__(self, context: ssl.SSLContext, inner: bytes, places: Places, handshake_s: float) -> None:
        self._context = context
        self._inner = inner
        self._places = places
        self._handshake_s = handshake_s
        self._turns = Turnstile()
        self._aside = TasksAside()

    def listen(self, listening: socket.socket) -> None:
        """Accept connections at a socket from now on."""
        listening.setblocking(False)
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor is left: who waits goes on waiting
                self._places.note("descriptors")
                loop.remove_reader(listening)
                loop.call_later(_RETRY_S, self.listen, listening)
                return
            guest = _Newcomer(accepted)
            place = self._places.enter(guest, address[0])
            if place is None:
                accepted.close()
                continue
            guest.opening = self._aside.begin(self._open(accepted, place, address[:2]))

    async def _open(self, accepted: socket.socket, place: Place, peer: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        inner: asyncio.Transport | None = None
        try:
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._first_byte(accepted)
            if not await self._turns.passed(place.peer):
                return
            # First: what comes right behind the handshake has somewhere to go.
            inside = _Inside()
            inner, _ = await loop.create_unix_connection(lambda: inside, sock=self._reach())
            inner.write(line_of(peer, accepted.getsockname()[:2]))
            await loop.connect_accepted_socket(
                lambda: _Outside(inside),
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=self._handshake_s,
                ssl_shutdown_timeout=_SHUTDOWN_S,
            )
            inner = accepted = None  # type: ignore[assignment]  # they end each other from here on
        except (OSError, ssl.SSLError, TimeoutError) as error:
            if isinstance(error, BlockingIOError | ConnectionRefusedError):
                log.error("whoever answers cannot be reached: %s", type(error).__name__)
        finally:
            self._places.leave(place)
            if inner is not None:
                inner.abort()
            if accepted is not None:
                accepted.close()

    def _reach(self) -> socket.socket:
        inside = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        inside.setblocking(False)
        try:
            inside.connect(self._inner)  # at once, or its backlog is full
        except OSError:
            inside.close()
            raise
        return inside

    async def _first_byte(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        begun: asyncio.Future[None] = loop.create_future()
        loop.add_reader(accepted, _wake, begun)
        try:
            async with asyncio.timeout(self._handshake_s):
                await begun
        finally:
            loop.remove_reader(accepted)
        if not accepted.recv(1, socket.MSG_PEEK):
            raise ConnectionAbortedError


def _wake(begun: asyncio.Future[None]) -> None:
    if not begun.done():
        begun.set_result(None)


class _Newcomer:
    """A connection before its handshake has ended, as whoever needs its place sees it."""

    def __init__(self, accepted: socket.socket) -> None:
        self._accepted = accepted
        self.opening: asyncio.Task[None] | None = None

    def drop(self) -> None:
        if self.opening is not None:
            self.opening.cancel()


class _Side(asyncio.Protocol):
    """One side of a connection: bytes go over as fast as the other side takes them."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        other = self.other
        if other is not None and other.transport is not None and not other.transport.is_closing():
            other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.read(False)

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.read(True)

    def read(self, reads: bool) -> None:
        """Read on, or no more while the other side does not take it."""
        if self.transport is None or self.transport.is_closing():
            return
        if reads:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        other, self.other, self.transport = self.other, None, None
        if other is not None and other.transport is not None:
            other.transport.close()  # once what came is sent


class _Inside(_Side):
    """The side of whoever answers; it may end before there is another side."""

    def __init__(self) -> None:
        super().__init__()
        self.is_lost = False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        super().connection_lost(exc)


class _Outside(_Side):
    """The side of the peer, over TLS."""

    def __init__(self, inside: _Inside) -> None:
        super().__init__()
        self._inside = inside

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._inside.is_lost:
            cast(asyncio.Transport, transport).abort()
            return
        self.other, self._inside.other = self._inside, self
