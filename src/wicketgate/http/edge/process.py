"""The edge's process: `python -m wicketgate.http.edge.process LISTENING…`, descriptors; its word comes by stdin.

It holds the key of the certificate, and nothing else of the deployment. It ends with whoever began it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from wicketgate.base.descriptors import Descriptors
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import keep_private
from wicketgate.base.limits import PlaceLimits
from wicketgate.base.places import Places
from wicketgate.base.tls import server_context
from wicketgate.http.edge.begin import EdgeBegin
from wicketgate.http.edge.relay import EdgeDoor
from wicketgate.http.peers import Proxies

log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0
_CERTIFICATE_S: Final = 5.0


async def run_edge(begin: EdgeBegin, listening: Sequence[socket.socket]) -> None:
    """Take connections for ever."""
    certificate, key = Path(begin.certificate), Path(begin.key)
    context = server_context(certificate, key, "wicketgate.toml")
    context.set_alpn_protocols(["http/1.1"])
    descriptors = Descriptors.raised()
    limits = begin.limits
    proxies = [ipaddress.ip_network(one) for one in begin.proxies]
    places = Places(
        "TLS",
        PlaceLimits.of(limits, limits.connections),
        is_proxy=Proxies(proxies).__contains__,
        is_short=lambda: descriptors.is_short,
    )
    door = EdgeDoor(context, bytes.fromhex(begin.inner), places, limits.head_s)
    for one in listening:
        door.listen(one)
    loop = asyncio.get_running_loop()
    seen, looked_s = _read(certificate, key), loop.time()
    while True:
        await asyncio.sleep(_LOOK_S)
        if descriptors.look():
            places.drop_waiting(max(16, places.strangers // 4))
        if loop.time() - looked_s >= _CERTIFICATE_S:
            looked_s = loop.time()
            seen = _renewed(context, certificate, key, seen)


def _renewed(context: ssl.SSLContext, certificate: Path, key: Path, seen: list[bytes]) -> list[bytes]:
    """Take a new certificate from the next handshake on, if there is one that is good."""
    found = _read(certificate, key)
    if found == seen:
        return seen
    try:
        server_context(
            certificate, key, "wicketgate.toml"
        )  # first: a half-written pair leaves the one in use
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (ConfigurationError, OSError, ValueError):
        log.error("the new certificate or its key cannot be used: the former one stays in use")
        return seen
    log.info("a new certificate is in use")
    return found


def _read(*paths: Path) -> list[bytes]:
    try:
        return [path.read_bytes() for path in paths]
    except OSError:
        return []  # it is being put in place


def main(arguments: Sequence[str]) -> int:
    """Run an edge on descriptors that it was given."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all: whoever began it ends it
    keep_private()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    begin = msgspec.json.decode(sys.stdin.buffer.read(), type=EdgeBegin)
    listening = [socket.socket(fileno=int(one)) for one in arguments]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_edge(begin, listening))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
