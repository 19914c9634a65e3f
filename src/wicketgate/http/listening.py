"""The sockets at which a process listens."""

from __future__ import annotations

import os
import socket
from typing import Final

from wicketgate.base.errors import ConfigurationError

BACKLOG: Final = 4096


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen at every address of a host; port 0 takes a free one."""
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            if port == 0 and sockets:
                address = (address[0], sockets[0].getsockname()[1], *address[2:])
            sockets.append(socket.create_server(address, family=family, backlog=BACKLOG))
    except OSError as error:
        for one in sockets:
            one.close()
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise ConfigurationError(
            f"cannot listen at `{host}`, port {port}: {why.lower()}; choose another --port"
        ) from error
    return sockets
