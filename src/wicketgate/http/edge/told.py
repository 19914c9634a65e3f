"""Whose a connection is that came through the edge: its first line says it.

The line is that of the PROXY protocol, version 1 (https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt). It is
read of sockets of this machine alone, from processes of the same user; what comes over TCP is never looked at for it.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, cast

from wicketgate.base.errors import InputError
from wicketgate.http.listening import BACKLOG

_PEER: Final = struct.Struct("3i")
_LONGEST: Final = 107
_LINE: Final = re.compile(rb"PROXY TCP[46] ([0-9A-Fa-f.:]{2,39}) \S{2,39} (\d{1,5}) \d{1,5}\r\n", re.DOTALL)
_WAITS_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class PeerTold:
    """What the edge said of a connection.

    Attributes
    ----------
    line : bytes
        Its first line, which goes with it wherever it goes.
    client : tuple of str and int
        Address and port of the peer, whose connection is over TLS.
    """

    line: bytes
    client: tuple[str, int]


class ToldConnection(Protocol):
    """A protocol that can be told whose its connection is, before it is made."""

    told: PeerTold | None
    first: bytes


def line_of(peer: tuple[str, int], ours: tuple[str, int]) -> bytes:
    """Return the first line of a connection from `peer` to `ours`."""
    family = b"6" if ":" in peer[0] else b"4"
    said = f"{peer[0]} {ours[0]} {peer[1]} {ours[1]}".encode()
    return b"PROXY TCP%b %b\r\n" % (family, said)


def take_line(data: bytes) -> tuple[PeerTold, bytes] | None:
    """Return what the edge said, and what follows; None where the line has not all come yet.

    Raises
    ------
    InputError
        If this is no such line.
    """
    end = data.find(b"\r\n", 0, _LONGEST)
    if end < 0 and len(data) < _LONGEST and b"PROXY TCP".startswith(data[:9]):
        return None
    found = _LINE.match(data)
    if found is None:
        raise InputError("a connection of this machine's own does not begin with the line of its edge")
    return PeerTold(found[0], (found[1].decode(), int(found[2]))), data[found.end() :]


def tell(one: ToldConnection, from_socket: socket.socket, data: bytes) -> None:
    """Tell a connection that was given away what was read of it, and whose it is where that was said.

    Raises
    ------
    InputError
        If it came through the edge, and does not begin with its line.
    """
    if from_socket.family == socket.AF_UNIX:
        taken = take_line(data)
        if taken is None:
            raise InputError("a connection was given away before its first line had come")
        one.told, data = taken
    one.first = data  # before anything that is read from now on


async def accept_at(listening: socket.socket, make: Callable[[], asyncio.Protocol]) -> asyncio.Server:
    """Accept connections at a socket: of TCP as they are, of this machine's own once they have said whose they are."""
    loop = asyncio.get_running_loop()
    if listening.family != socket.AF_UNIX:
        return await loop.create_server(make, sock=listening, backlog=BACKLOG)
    return await loop.create_unix_server(lambda: ToldFirst(make), sock=listening, backlog=BACKLOG)


class ToldFirst(asyncio.Protocol):
    """The beginning of a connection from the edge, before it is another protocol's."""

    def __init__(self, make: Callable[[], asyncio.Protocol]) -> None:
        self._make = make
        self._came = b""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for its first line, if it is from a process of the same user."""
        self._transport = made = cast(asyncio.Transport, transport)
        found = made.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        if _PEER.unpack(found)[1] != os.getuid():
            made.abort()  # another could say it is anybody
            return
        self._timer = asyncio.get_running_loop().call_later(_WAITS_S, made.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Take bytes until the line is whole; what follows is the other protocol's."""
        assert self._transport is not None
        self._came += data
        try:
            taken = take_line(self._came)
        except InputError:
            self._transport.abort()
            return
        if taken is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        made = self._make()
        one = cast(ToldConnection, made)
        one.told, one.first = taken
        self._transport.set_protocol(made)
        made.connection_made(self._transport)
