"""The peers of requests, proxies considered.

A peer is whoever opened the connection. Where that is a proxy of `wicketgate.toml`, it is whoever the proxy names in
`X-Forwarded-For`; of anybody else these headers are passed over, on the loopback too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.types import ASGIApp, Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from wicketgate.base.settings import Network

UNKNOWN = "?"
"""The peer of a request whose connection has no address."""


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
        address = _parsed(host)
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


def network_of(address: str) -> str:
    """Return the network of an address, for counting by peer.

    It is an IPv4 address, or the /64 of an IPv6 one, which one customer has.

    >>> network_of("192.0.2.7"), network_of("2001:db8:1:2:3::4"), network_of("::ffff:192.0.2.7"), network_of("?")
    ('192.0.2.7', '2001:db8:1:2::', '192.0.2.7', '?')
    """
    parsed = _parsed(address)
    if parsed is None:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(ipaddress.IPv6Address(int(parsed) >> 64 << 64))


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
