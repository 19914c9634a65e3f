"""Connections passed from one process to another of this machine, with the bytes that were read of them."""

from __future__ import annotations

import array
import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

_HEAD: Final = 8
_AT_ONCE: Final = 64 * 1024
_MOST: Final = 16 << 20
"""Bytes that may have been read of a connection: more is a fault of the other side."""
_FDS: Final = array.array("i", [0]).itemsize


class ConnectionGiver:
    """The side that gives connections away.

    Nothing waits: what does not fit into the socket goes when there is room.
    """

    def __init__(self, over: socket.socket) -> None:
        over.setblocking(False)
        self._over = over
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._rest: memoryview | None = None

    def give(self, one: socket.socket, data: bytes) -> None:
        """Give a connection away; the caller closes its own hold of it.

        Parameters
        ----------
        data : bytes
            What was read of it already.
        """
        self._waiting.append((os.dup(one.fileno()), data))
        if len(self._waiting) == 1 and self._rest is None:
            self._go_on()

    def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._rest is not None or self._waiting:
                if self._rest is None:
                    self._begin()
                else:
                    sent = self._over.send(self._rest[:_AT_ONCE])
                    self._rest = self._rest[sent:] if sent < len(self._rest) else None
        except BlockingIOError:
            loop.add_writer(self._over, self._go_on)
            return
        except OSError:  # the other side is gone, and this one goes next
            for descriptor, _ in self._waiting:
                os.close(descriptor)
            self._waiting.clear()
            self._rest = None
        loop.remove_writer(self._over)

    def _begin(self) -> None:
        descriptor, data = self._waiting[0]
        # The descriptor travels with the first bytes: whoever gets it knows how many belong to it.
        head = len(data).to_bytes(_HEAD, "little")
        sent = socket.send_fds(self._over, [head + data[:_AT_ONCE]], [descriptor])
        self._waiting.popleft()
        os.close(descriptor)
        whole = memoryview(head + data)
        self._rest = whole[sent:] if sent < len(whole) else None


class ConnectionTaker:
    """The side that takes connections.

    Parameters
    ----------
    take : callable
        Gets each connection, and what was read of it.
    """

    def __init__(self, over: socket.socket, take: Callable[[socket.socket, bytes], None]) -> None:
        over.setblocking(False)
        self._over = over
        self._take = take
        self._buffer = bytearray()
        self._descriptors: deque[int] = deque()
        asyncio.get_running_loop().add_reader(over, self._read)

    def close(self) -> None:
        """Take no more."""
        if self._over.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._over)
            self._over.close()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()

    def _read(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._over, _AT_ONCE, 16)
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        self._descriptors.extend(descriptors)
        if not data:
            self.close()
            return
        buffer = self._buffer
        buffer += data
        while len(buffer) >= _HEAD and self._descriptors:
            end = _HEAD + int.from_bytes(buffer[:_HEAD], "little")
            if end > _MOST:
                self.close()
                return
            if len(buffer) < end:
                break
            read = bytes(buffer[_HEAD:end])
            del buffer[:end]
            self._take(socket.socket(fileno=self._descriptors.popleft()), read)
