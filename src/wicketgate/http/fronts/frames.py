"""Frames between the gateway and a front: a length, then as many bytes, over a socket of the two alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, cast

_LENGTH: Final = 4
MOST: Final = 256 << 20
"""Bytes of a frame: more is a fault of the other side."""


class Frames(asyncio.Protocol):
    """One side of a link.

    Parameters
    ----------
    got : callable
        Gets each frame, in order, in the event loop.
    lost : callable
        Told once that the other side is gone, or has sent what is no frame.
    """

    def __init__(self, got: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._got = got
        self._lost = lost
        self._buffer = bytearray()
        self._wanted = _LENGTH  # bytes with which the first frame in the buffer may be whole
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def over(cls, one: socket.socket, got: Callable[[bytes], None], lost: Callable[[], None]) -> Frames:
        """Return the side of a link whose end is a connected Unix socket."""
        one.setblocking(False)
        _, protocol = await asyncio.get_running_loop().create_unix_connection(
            lambda: cls(got, lost), sock=one
        )
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._transport = None
        self._lost()

    def data_received(self, data: bytes) -> None:
        """Take bytes, and hand on each frame that is whole."""
        buffer = self._buffer
        if buffer:
            buffer += data
            if len(buffer) < self._wanted:
                return
            data = bytes(buffer)
        at = 0
        while len(data) - at >= _LENGTH:
            length = int.from_bytes(data[at : at + _LENGTH], "little")
            if length > MOST:
                self.close()
                return
            end = at + _LENGTH + length
            if len(data) < end:
                self._wanted = end - at
                break
            self._got(data[at + _LENGTH : end])
            at = end
        else:
            self._wanted = _LENGTH
        buffer[:] = data[at:]

    def send(self, frame: bytes) -> None:
        """Send a frame; one after the end goes nowhere."""
        if self._transport is not None:
            self._transport.write(len(frame).to_bytes(_LENGTH, "little") + frame)

    def close(self) -> None:
        """End the link."""
        if self._transport is not None:
            self._transport.close()
