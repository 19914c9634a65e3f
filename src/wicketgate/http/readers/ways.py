"""The ways of connections to readers: from fronts, and from the gateway."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Final

from wicketgate.http.fronts.passing import ConnectionGiver, ConnectionTaker, Given

log = logging.getLogger(__name__)

_PEER: Final = struct.Struct("3i")
_BACKLOG: Final = 128


class ReaderWays:
    """The readers to which a process gives connections, one after another.

    Parameters
    ----------
    instead : callable
        Gets a connection that a reader did not take before its end.
    """

    def __init__(self, instead: Callable[[Given, bytes], None]) -> None:
        self._instead = instead
        self._givers: dict[str, ConnectionGiver] = {}
        self._turn = 0

    def take(self, addresses: Sequence[str]) -> None:
        """Take note of where readers take connections now."""
        for address in [address for address in self._givers if address not in addresses]:
            self._lose(address, [])
        for address in addresses:
            if address not in self._givers:
                self._reach(address)

    def give(self, one: Given, data: bytes, *, known: bool) -> bool:
        """Give a connection to a reader; return whether there is one."""
        if not self._givers:
            return False
        self._turn = (self._turn + 1) % len(self._givers)
        list(self._givers.values())[self._turn].give(one, data, known=known)
        return True

    def close(self) -> None:
        """Give no more."""
        self.take(())

    def _reach(self, address: str) -> None:
        over = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            over.connect(_name_of(address))
        except OSError as error:
            log.warning("a reader cannot be reached: %s", type(error).__name__)
            over.close()
            return
        self._givers[address] = ConnectionGiver(over, lambda left: self._lose(address, left))

    def _lose(self, address: str, left: Sequence[tuple[Given, bytes]]) -> None:
        giver = self._givers.pop(address, None)
        waiting = [] if giver is None else giver.close()
        for one, data in (*left, *waiting):
            self._instead(one, data)


class ReaderWayIn:
    """Where a reader takes connections: at an address in the kernel alone, from processes of its own user alone.

    Parameters
    ----------
    adopt : callable
        Gets each connection, and what was read of it.
    """

    def __init__(self, adopt: Callable[[socket.socket, bytes], None], missed: Callable[[], None]) -> None:
        self._adopt = adopt
        self._missed = missed
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listening.setblocking(False)
        self._listening.bind("")  # Linux chooses a free name that no file has
        self._listening.listen(_BACKLOG)
        self._takers: list[ConnectionTaker] = []
        asyncio.get_running_loop().add_reader(self._listening, self._accept)

    @property
    def address(self) -> str:
        """The address, as `ReaderWays` takes it."""
        name: bytes = self._listening.getsockname()
        return name.hex()

    def close(self) -> None:
        """Take no more."""
        asyncio.get_running_loop().remove_reader(self._listening)
        self._listening.close()
        for taker in self._takers:
            taker.close()

    def _accept(self) -> None:
        try:
            over, _ = self._listening.accept()
        except OSError:
            return
        found = over.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        if _PEER.unpack(found)[1] != os.getuid():
            over.close()  # whoever reaches it would have us answer in its place
            return
        self._takers.append(ConnectionTaker(over, self._adopt, missed=self._missed))


def _name_of(address: str) -> bytes:
    return bytes.fromhex(address)
