"""Connections passed from one process to another of this machine, with the bytes that were read of them."""

from __future__ import annotations

import array
import asyncio
import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

PART: Final = 64 * 1024
"""Bytes of a message: a socket takes it whole or not at all."""
_MOST: Final = 16 << 20
"""Bytes that may have been read of a connection: more is a fault of the other side."""
_HEAD: Final = struct.Struct("<QQ")
"""Which connection, from 1, and how many bytes were read of it."""
_ROOM: Final = socket.CMSG_SPACE(2 * array.array("i").itemsize)


def passage() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a way for connections: of whole messages, so that none is taken for another's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class ConnectionGiver:
    """The side that gives connections away.

    Nothing waits: what does not fit into the socket goes when there is room.
    """

    def __init__(self, over: socket.socket) -> None:
        over.setblocking(False)
        self._over = over
        self._number = 0
        self._waiting: deque[tuple[bytes, int | None]] = deque()

    def give(self, one: socket.socket, data: bytes) -> None:
        """Give a connection away; the caller closes its own hold of it.

        Parameters
        ----------
        data : bytes
            What was read of it already.

        Raises
        ------
        OSError
            If no descriptor is left to hold it by until it has gone.
        """
        descriptor = os.dup(one.fileno())
        self._number += 1
        head = _HEAD.pack(self._number, len(data))
        was_idle = not self._waiting
        self._waiting.append((head + data[:PART], descriptor))
        self._waiting.extend((head + data[at : at + PART], None) for at in range(PART, len(data), PART))
        if was_idle:
            self._go_on()

    def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                message, descriptor = self._waiting[0]
                if descriptor is None:
                    self._over.send(message)
                else:
                    socket.send_fds(self._over, [message], [descriptor])
                    os.close(descriptor)
                self._waiting.popleft()
        except BlockingIOError:
            loop.add_writer(self._over, self._go_on)
            return
        except OSError:  # the other side is gone, and this one goes next
            for _, descriptor in self._waiting:
                if descriptor is not None:
                    os.close(descriptor)
            self._waiting.clear()
        loop.remove_writer(self._over)


class ConnectionTaker:
    """The side that takes connections.

    Each message says which connection it is of. Where the system had no descriptor left for one, that one is lost, and
    no other gets its bytes.

    Parameters
    ----------
    take : callable
        Gets each connection, and what was read of it.
    missed : callable
        Told of each connection that was lost for want of a descriptor.
    faulty : callable
        Told, once, that the other side has sent what it never does: nothing more is taken.
    """

    def __init__(
        self,
        over: socket.socket,
        take: Callable[[socket.socket, bytes], None],
        *,
        missed: Callable[[], None] = lambda: None,
        faulty: Callable[[], None] = lambda: None,
    ) -> None:
        over.setblocking(False)
        self._over = over
        self._take = take
        self._missed = missed
        self._faulty = faulty
        self._number = 0
        self._one: socket.socket | None = None
        self._read_of_it = bytearray()
        self._wanted = 0
        asyncio.get_running_loop().add_reader(over, self._read)

    def close(self) -> None:
        """Take no more."""
        if self._over.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._over)
            self._over.close()
        if self._one is not None:
            self._one.close()
            self._one = None

    def _read(self) -> None:
        try:
            data, ancillary, flags, _ = self._over.recvmsg(_HEAD.size + PART, _ROOM)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        sent = [socket.socket(fileno=number) for number in _descriptors(ancillary)]
        if not data:
            self.close()
        elif len(data) < _HEAD.size or flags & socket.MSG_TRUNC or len(sent) > 1:
            self._refuse(sent)
        else:
            number, size = _HEAD.unpack_from(data)
            self._take_part(number, size, data[_HEAD.size :], sent)

    def _take_part(self, number: int, size: int, part: bytes, sent: list[socket.socket]) -> None:
        if number == self._number + 1 and not self._wanted and size <= _MOST:
            self._number, self._wanted = number, size
            self._one = sent[0] if sent else None
            self._read_of_it.clear()
            if self._one is None:
                self._missed()
        elif number != self._number or sent or not part:
            self._refuse(sent)
            return
        if len(part) > self._wanted:
            self._refuse([])
            return
        self._read_of_it += part
        self._wanted -= len(part)
        if not self._wanted and self._one is not None:
            one, self._one = self._one, None
            self._take(one, bytes(self._read_of_it))

    def _refuse(self, sent: list[socket.socket]) -> None:
        for one in sent:
            one.close()
        self.close()
        self._faulty()


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    numbers = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            with contextlib.suppress(ValueError):
                numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
    return numbers.tolist()
