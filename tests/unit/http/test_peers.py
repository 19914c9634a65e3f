"""A forwarded header counts from a proxy that the settings name, and from nobody else."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from wicketgate.http.peers import UNKNOWN, Proxies, network_of, peer_of

OUTSIDE = "198.51.100.9"


def seen(proxies: tuple[str, ...], client: str | None, *headers: tuple[str, str]) -> tuple[str, str]:
    """Return the peer and the scheme that the application sees."""
    found: list[tuple[str, str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append((peer_of(scope), scope["scheme"]))

    scope: dict[str, Any] = {
        "type": "http",
        "scheme": "http",
        "client": None if client is None else (client, 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    networks = [ipaddress.ip_network(one) for one in proxies]
    asyncio.run(Proxies(networks).wrap(app)(scope, None, None))  # type: ignore[arg-type]
    return found[0]


FORGED = (("x-forwarded-for", OUTSIDE), ("x-forwarded-proto", "https"))


@pytest.mark.parametrize("client", ["127.0.0.1", "::1", "192.0.2.7", "10.1.2.3"])
def test_nobody_is_believed_who_is_not_configured(client: str) -> None:
    assert seen((), client, *FORGED) == (network_of(client), "http")
    assert seen(("203.0.113.0/24",), client, *FORGED) == (network_of(client), "http")


@pytest.mark.parametrize("client", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_a_configured_proxy_names_the_peer_and_the_scheme(client: str) -> None:
    assert seen(("10.0.0.0/8",), client, *FORGED) == (OUTSIDE, "https")
    assert seen(("10.0.0.0/8",), client) == ("10.1.2.3", "http")


def test_of_a_chain_the_last_that_is_no_proxy_counts() -> None:
    chain = ("x-forwarded-for", f"192.0.2.1, {OUTSIDE}, 10.9.9.9")
    assert seen(("10.0.0.0/8",), "10.1.2.3", chain) == (OUTSIDE, "http")
    lines = (("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", OUTSIDE))
    assert seen(("10.0.0.0/8",), "10.1.2.3", *lines) == (OUTSIDE, "http")


def test_what_is_no_address_is_one_peer() -> None:
    assert seen(("10.0.0.0/8",), "10.1.2.3", ("x-forwarded-for", "anything 1")) == (UNKNOWN, "http")
    assert seen(("10.0.0.0/8",), "10.1.2.3", ("x-forwarded-for", "anything 2")) == (UNKNOWN, "http")
    assert seen((), None) == (UNKNOWN, "http")


@pytest.mark.parametrize("host", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"])
def test_a_proxy_is_known_by_its_connection(host: str) -> None:
    assert host in Proxies([ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/64")])
    assert host not in Proxies([])
    assert "11.1.2.3" not in Proxies([ipaddress.ip_network("10.0.0.0/8")])


@given(st.text(max_size=60))
def test_any_text_has_a_network(text: str) -> None:
    assert isinstance(network_of(text), str)
