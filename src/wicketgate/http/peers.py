"""The peers of requests, proxies considered.

A peer is whoever opened the connection. Where that is a proxy of `wicketgate.toml`, it is whoever the proxy names in
`X-Forwarded-For`; of anybody else these headers are passed over, on the loopback too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.types import ASGIApp, Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from wicketgate.base.peers import UNKNOWN, network_of, parsed_address
from wicketgate.base.settings import Network


class Proxies:
    """The proxies that a deployment believes.

    Parameters
    ----------
    networks : sequence of Network
        Where they are; none where the gateway is reached directly.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)

    def __contains__(self, host: str) -> bool:
        """Return whether a connection from an address comes through a proxy."""
        address = parsed_address(host)
        return address is not None and any(address in network for network in self._networks)

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Wrap an application: behind it `scope["client"]` and `scope["scheme"]` are the true peer's."""
        if not self._networks:
            return app
        trusted = [str(network) for network in self._networks]
        # As a socket for both families names an IPv4 address.
        trusted += [
            f"::ffff:{network.network_address}/{96 + network.prefixlen}"
            for network in self._networks
            if isinstance(network, ipaddress.IPv4Network)
        ]
        wrapped: ASGIApp = ProxyHeadersMiddleware(app, trusted_hosts=trusted)  # type: ignore[assignment, arg-type]
        return wrapped


def peer_of(scope: Scope) -> str:
    """Return the peer of a request, as limits count it (`network_of`)."""
    client = scope.get("client")
    return network_of(client[0]) if client else UNKNOWN
