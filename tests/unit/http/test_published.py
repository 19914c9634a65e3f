"""What providers publish is asked for once by many, again when it is old, and not at once where it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from tests.simulator import HandClock
from wicketgate.base.errors import NotEntitled, Unreachable
from wicketgate.http.people.challenges import LIFE_US, Challenges
from wicketgate.http.people.fetching import Fetching, silent
from wicketgate.http.people.published import (
    ANEW_S,
    FAILED_S,
    KNOWN_S,
    Publications,
    require_safe,
)

SLOW, QUICK = "https://slow.example", "https://quick.example"


class Internet(Fetching):
    """Two providers, of which a test holds one up or has it fail."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failing = False
        self.let_go = asyncio.Event()
        self.let_go.set()
        self.metadata: dict[str, Any] = {}

    async def get(self, url: str) -> Mapping[str, Any]:
        self.asked.append(url)
        if url.startswith(SLOW):
            await self.let_go.wait()
        if self.failing:
            raise silent("is away")
        if url.endswith("/keys"):
            return {"keys": [len(self.asked)]}
        issuer = url.partition("/.well-known")[0]
        ends = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
        return {"issuer": issuer} | {name: f"{issuer}/{end}" for name, end in ends.items()} | self.metadata


class World:
    """What a gateway knows, and the seconds of its clock."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.internet = Internet()
        self.known = Publications(self.internet, lambda: self.now_s)


async def test_a_slow_provider_holds_up_nobody_else() -> None:
    world = World()
    world.internet.let_go.clear()
    waiting = [asyncio.create_task(world.known.of(SLOW)) for _ in range(5)]
    await asyncio.sleep(0)
    assert (await world.known.of(QUICK)).metadata["issuer"] == QUICK
    assert not any(one.done() for one in waiting)
    waiting[0].cancel()  # whoever goes away takes it from nobody else
    world.internet.let_go.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert len({id(one) for one in found[1:]}) == 1
    assert sum(url.startswith(SLOW) for url in world.internet.asked) == 2


async def test_it_is_believed_for_ten_minutes() -> None:
    world = World()
    first = await world.known.of(QUICK)
    world.now_s += KNOWN_S - 1
    assert await world.known.of(QUICK) is first
    world.now_s += 1
    assert await world.known.of(QUICK) is not first


async def test_a_failure_is_not_tried_again_at_once() -> None:
    world = World()
    world.internet.failing = True
    for _ in range(50):
        with pytest.raises(Unreachable):
            await world.known.of(QUICK)
    assert len(world.internet.asked) == 1
    world.internet.failing = False
    world.now_s += FAILED_S
    assert (await world.known.of(QUICK)).keys == {"keys": [3]}


async def test_unknown_keys_make_us_ask_once_in_half_a_minute() -> None:
    world = World()
    first = await world.known.of(QUICK)
    second = await world.known.anew(QUICK, first)
    assert second.keys != first.keys
    assert await world.known.anew(QUICK, first) is second
    for _ in range(50):
        assert await world.known.anew(QUICK, second) is second
    assert len(world.internet.asked) == 4
    world.now_s += ANEW_S
    assert await world.known.anew(QUICK, second) is not second


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://other.example"},
        {"issuer": f"{QUICK}/"},
        {"token_endpoint": "http://quick.example/token"},
        {"jwks_uri": "file:/etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"token_endpoint": "https://[/"},
    ],
    ids=str,
)
async def test_a_provider_that_says_what_it_may_not_is_none(metadata: dict[str, Any]) -> None:
    world = World()
    world.internet.metadata = metadata
    with pytest.raises(Unreachable) as refused:
        await world.known.of(QUICK)
    assert refused.value.code == "provider-unreachable"


@pytest.mark.parametrize(
    "url", ["https://a.example/x?y=1", "http://localhost:1/x", "http://127.0.0.1:1", "http://[::1]/"]
)
def test_what_is_safe(url: str) -> None:
    require_safe(url, "issuer")


@pytest.mark.parametrize(
    "url", ["http://a.example", "https://u@a.example", "https://a.example/#x", "https://", "", 1, None]
)
def test_what_is_not_safe(url: object) -> None:
    with pytest.raises(Unreachable):
        require_safe(url, "issuer")


def test_a_challenge_tells_when_it_was_made_and_what_is_past_is_forgotten() -> None:
    clock = HandClock()
    challenges = Challenges(clock.now_us)
    for _ in range(20):
        made_us = clock.at_us
        challenge = challenges.make("it")
        clock.at_us += LIFE_US // 4
        assert challenges.spend(challenge, "it") == made_us
        with pytest.raises(NotEntitled):
            challenges.spend(challenge, "it")
        assert len(challenges._answered) <= 4
