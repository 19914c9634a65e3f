"""Connections passed from one process to another of this machine, with the bytes that were read of them."""

from __future__ import annotations

import array
import asyncio
import contextlib
import errno
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

PART: Final = 64 * 1024
"""Bytes of a message: a socket takes it whole or not at all."""
_MOST: Final = 16 << 20
"""Bytes that may have been read of a connection: more is a fault of the other side."""
_HEAD: Final = struct.Struct("<QQ")
"""Which connection, from 1, and how many bytes were read of it."""
_AT_ONCE: Final = 16
_GONE: Final = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF})
_AGAIN_S: Final = 0.05
_ROOM: Final = socket.CMSG_SPACE(2 * array.array("i").itemsize)


def passage() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a way for connections: of whole messages, so that none is taken for another's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Given(Protocol):
    """A connection that is to be given away. It is held, and counted, until it has gone."""

    def descriptor(self) -> int | None:
        """Return its descriptor, or None where it is closed already."""

    def given(self) -> None:
        """Let it go: the other side has it."""


class ConnectionGiver:
    """The side that gives connections away.

    What does not fit into the socket waits for room: connections of those whose tokens are known before the others.

    Parameters
    ----------
    gone : callable
        Gets the connections that wait when the other side has gone, and what was read of each; from then on every one
        that is given. Left out, they are let go: this side goes next.
    """

    def __init__(
        self, over: socket.socket, gone: Callable[[list[tuple[Given, bytes]]], None] | None = None
    ) -> None:
        over.setblocking(False)
        self._gone = gone
        self._over = over
        self._number = 0
        self._waiting: tuple[deque[tuple[Given, bytes]], ...] = (deque(), deque())
        self._parts: deque[bytes] = deque()
        self._waits_for_room = False

    def give(self, one: Given, data: bytes, *, known: bool = False) -> None:
        """Give a connection away.

        Parameters
        ----------
        data : bytes
            What was read of it already.
        known : bool
            Whether it has shown a token that is known.
        """
        self._waiting[0 if known else 1].append((one, data))
        if not self._waits_for_room:
            self._go_on()

    def close(self) -> list[tuple[Given, bytes]]:
        """Give no more; return the connections that wait, and what was read of each."""
        if self._waits_for_room:
            self._waits_for_room = False
            asyncio.get_running_loop().remove_writer(self._over)
        self._over.close()
        left = [one for lane in self._waiting for one in lane]
        for lane in self._waiting:
            lane.clear()
        return left

    def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._send_next():
                pass
        except BlockingIOError:
            if not self._waits_for_room:
                self._waits_for_room = True
                loop.add_writer(self._over, self._go_on)
            return
        except OSError as error:
            if error.errno not in _GONE:  # for want of memory, or of descriptors on their way
                loop.call_later(_AGAIN_S, self._go_on)
                return
            left = [one for lane in self._waiting for one in lane]
            for lane in self._waiting:
                lane.clear()
            self._parts.clear()
            if self._gone is not None:
                self._gone(left)
        if self._waits_for_room:
            self._waits_for_room = False
            loop.remove_writer(self._over)

    def _send_next(self) -> bool:
        if self._parts:
            self._over.send(self._parts[0])
            self._parts.popleft()
            return True
        lane = self._waiting[0] or self._waiting[1]
        if not lane:
            return False
        one, data = lane[0]
        descriptor = one.descriptor()
        if descriptor is not None:
            head = _HEAD.pack(self._number + 1, len(data))
            socket.send_fds(self._over, [head + data[:PART]], [descriptor])
            self._number += 1
            self._parts.extend(head + data[at : at + PART] for at in range(PART, len(data), PART))
            one.given()
        lane.popleft()
        return True


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
        asyncio.get_running_loop().add_reader(over, self._read_some)

    def close(self) -> None:
        """Take no more."""
        if self._over.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._over)
            self._over.close()
        if self._one is not None:
            self._one.close()
            self._one = None

    def _read_some(self) -> None:
        for _ in range(_AT_ONCE):
            if self._over.fileno() < 0 or not self._read():
                return

    def _read(self) -> bool:
        """Read one message; return whether there was one."""
        try:
            data, ancillary, flags, _ = self._over.recvmsg(_HEAD.size + PART, _ROOM)
        except BlockingIOError:
            return False
        except OSError:
            self.close()
            return False
        sent = [socket.socket(fileno=number) for number in _descriptors(ancillary)]
        if not data:
            self.close()
        elif len(data) < _HEAD.size or flags & socket.MSG_TRUNC or len(sent) > 1:
            self._refuse(sent)
        else:
            number, size = _HEAD.unpack_from(data)
            self._take_part(number, size, data[_HEAD.size :], sent)
        return True

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
