"""The addresses to which a webhook may go: looked up once, checked, and connected to as they were checked."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import Any, Final

import httpcore

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MOST_TRIED: Final = 4
_MAPPED: Final = ipaddress.ip_network("::ffff:0:0/96")
_CARRIES_V4: Final = tuple(
    map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)
"""IPv6 networks behind which an IPv4 address is reached that nobody looked at."""
_INSIDE: Final = tuple(map(ipaddress.ip_network, ("fec0::/10", "3fff::/20", "192.88.99.0/24")))
"""Networks of a site, of examples and of relays that Python calls global."""


class NotAllowed(Exception):
    """Where a webhook leads is no place for it. The words say which setting would let it."""


def is_public(address: Address) -> bool:
    """Return whether an address is on the public net: no machine of this house, and not this one."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _MAPPED:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if any(address in network for network in _CARRIES_V4):
            return False
    if any(address.version == network.version and address in network for network in _INSIDE):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def may_reach(address: Address, private: Iterable[Network]) -> bool:
    """Return whether a webhook may go to an address, with the networks that the operator allows besides."""
    plain = address
    if isinstance(address, ipaddress.IPv6Address) and address in _MAPPED:
        plain = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return is_public(address) or any(
        plain.version == network.version and plain in network for network in private
    )


async def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a host. A look-up that hangs ends with whoever waits for it."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def allowed_of(addresses: Sequence[str], private: Sequence[Network]) -> list[str]:
    """Return the addresses of one host, once a webhook may go to all of them.

    Raises
    ------
    NotAllowed
        If it may not go to one of them: whoever answers for the name would choose which.
    """
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        if not may_reach(address, private):
            raise NotAllowed(
                "its host is on this machine or in a private network: name the network under `private` in [alerts]"
            )
    return list(addresses[:_MOST_TRIED])


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the addresses that were checked, and to nothing else: no second look-up can change them.

    TLS is for the host's name all the same.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers."""
        for number, address in enumerate(self._addresses, 1):
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(self._addresses):
                    raise
        raise httpcore.ConnectError("the host has no address")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: a webhook is no file."""
        raise httpcore.ConnectError("no webhook is reached by a file")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
