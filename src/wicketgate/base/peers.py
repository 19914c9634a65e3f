"""The addresses of peers, as limits count them."""

from __future__ import annotations

import ipaddress

UNKNOWN = "?"
"""The peer of a connection without an address."""


def parsed_address(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an address, an IPv4 one where it is mapped into IPv6; None for anything else."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


def network_of(address: str) -> str:
    """Return the network of an address, for counting by peer.

    It is an IPv4 address, or the /64 of an IPv6 one, which one customer has.

    >>> network_of("192.0.2.7"), network_of("2001:db8:1:2:3::4"), network_of("::ffff:192.0.2.7"), network_of("?")
    ('192.0.2.7', '2001:db8:1:2::', '192.0.2.7', '?')
    """
    parsed = parsed_address(address)
    if parsed is None:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(ipaddress.IPv6Address(int(parsed) >> 64 << 64))


def neighbourhood(peer: str) -> str:
    """Return the neighbourhood of a peer, which one customer may have: an IPv4 /24 or an IPv6 /48.

    >>> neighbourhood("192.0.2.7"), neighbourhood("2001:db8:1:2::"), neighbourhood("?")
    ('192.0.2.0/24', '2001:db8:1::/48', '?/')
    """
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return f"{peer}/"
    length = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network(f"{peer}/{length}", strict=False))
