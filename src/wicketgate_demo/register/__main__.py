"""Serve an invented register: `python -m wicketgate_demo.register ENTRIES KEY [PORT]`; it prints where it answers."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from wicketgate.base.settings import read_secret
from wicketgate_demo.register.entries import read_entries
from wicketgate_demo.register.server import InventedRegister


def main(arguments: Sequence[str]) -> int:
    """Serve on the loopback until asked to end."""
    entries, key_file, *port = arguments
    register = InventedRegister(read_entries(Path(entries).read_bytes()), read_secret(Path(key_file)))
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", int(port[0]) if port else 0))
        config = uvicorn.Config(
            register.app(),
            ws="none",
            lifespan="off",
            log_level="warning",
            access_log=False,
            use_colors=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        print(f"register at http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
