"""Gateways that several system tests share: real ones, over real sockets, always stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench.harness import Running, gateway


@pytest.fixture(scope="session")
def shared() -> Iterator[Running]:
    """A gateway with 60 cameras and both authorities in force. Whoever uses it leaves it so."""
    with gateway(60) as running:
        yield running
