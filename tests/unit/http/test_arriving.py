"""Bodies that are said to come, and do not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from wicketgate.base.limits import ConnectionLimits
from wicketgate.http import arriving
from wicketgate.http.arriving import MOST_BYTES, Arriving

LIMITS = ConnectionLimits(requests_of_strangers=2, requests_of_peer=2, requests_of_network=5)


def scope(address: str = "192.0.2.1") -> dict[str, Any]:
    return {"type": "http", "path": "/sign-in", "method": "POST", "client": (address, 1)}


def bringing(messages: Iterable[dict[str, Any]]) -> Callable[[], Awaitable[dict[str, Any]]]:
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_that_came_is_brought_again() -> None:
    receive = bringing([part(b"a=", more=True), part(b"b", more=False), {"type": "http.disconnect"}])
    again = await Arriving(LIMITS).whole(scope(), receive)
    assert not isinstance(again, Response)
    assert [await again(), await again()] == [part(b"a=b", more=False), {"type": "http.disconnect"}]


async def test_half_bodies_have_shares_and_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "ARRIVES_S", 0.2)
    waiting = Arriving(LIMITS)

    async def half(address: str) -> int:
        found = await waiting.whole(scope(address), bringing([part(b"a", more=True)]))
        assert isinstance(found, Response)
        return found.status_code

    addresses = [f"192.0.2.{number // 3}" for number in range(9)] + ["198.51.100.7"]
    assert await asyncio.gather(*map(half, addresses)) == [408, 408, 429, 408, 408, 429, 408, 429, 429, 408]
    assert waiting._bodies.taken == 0


async def test_a_body_that_is_too_long_is_not_kept() -> None:
    receive = bringing([part(b"a" * MOST_BYTES, more=True), part(b"b", more=True)])
    found = await Arriving(LIMITS).whole(scope(), receive)
    assert isinstance(found, Response)
    assert found.status_code == 413


async def test_whoever_goes_leaves_the_place() -> None:
    waiting = Arriving(LIMITS)
    with pytest.raises(ClientDisconnect):
        await waiting.whole(scope(), bringing([part(b"a", more=True), {"type": "http.disconnect"}]))
    assert waiting._bodies.taken == 0
