"""Exchanges under way at providers: a share for each provider and for each peer."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from tests.unit.gateway.test_people import Kept
from wicketgate.base.errors import Unreachable
from wicketgate.gateway.people import PeopleInForce
from wicketgate.http.people.fetching import Fetching
from wicketgate.http.people.providers import Providers


async def test_one_peer_takes_no_more_than_its_share_of_all_exchanges() -> None:
    kept = Kept()
    providers = Providers(PeopleInForce(kept, kept, b"secret"), kept.now_us, lambda _: None)
    async with AsyncExitStack() as held:
        for number in range(16):
            await held.enter_async_context(providers._turn(f"https://{number % 2}.example", "192.0.2.1"))
        with pytest.raises(Unreachable):
            await held.enter_async_context(providers._turn("https://2.example", "192.0.2.1"))
        await held.enter_async_context(providers._turn("https://2.example", "192.0.2.2"))
    assert providers._waiting.taken == 0
    assert providers._gates == {}


async def test_the_client_and_its_tls_context_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each took 30 ms of the loop, at each sign-in."""
    from wicketgate.http.people import fetching

    made, make = [], fetching._make
    monkeypatch.setattr(fetching, "_make", lambda: made.append(1) or make())
    one = Fetching()
    for _ in range(3):
        with pytest.raises(Unreachable):
            await one.get("http://127.0.0.1:9/none")
    assert len(made) == 1
