"""Strangers pass one after another, of each peer in turn, and nobody waits without an end."""

from __future__ import annotations

import asyncio

from wicketgate.base.turnstile import Turnstile

FLOOD, OTHER = "192.0.2.1", "192.0.2.2"


async def test_after_a_quiet_while_a_burst_passes_at_once() -> None:
    turnstile = Turnstile(every_s=60.0, burst=5)
    assert [await turnstile.passed(FLOOD) for _ in range(5)] == [True] * 5
    waiting = asyncio.create_task(turnstile.passed(FLOOD))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    waiting.cancel()


async def test_the_rate_holds_whatever_the_number_of_those_who_wait() -> None:
    turnstile = Turnstile(every_s=0.01, burst=1)
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    assert all(await asyncio.gather(*(turnstile.passed(f"192.0.2.{n}") for n in range(20))))
    assert loop.time() - began_s >= 19 * 0.01 - 0.02


async def test_of_each_peer_one_passes_in_turn() -> None:
    turnstile = Turnstile(every_s=0.005, burst=1)
    passed: list[str] = []

    async def come(peer: str) -> None:
        assert await turnstile.passed(peer)
        passed.append(peer)

    flood = [asyncio.create_task(come(FLOOD)) for _ in range(30)]
    await asyncio.sleep(0)
    await asyncio.gather(come(OTHER))
    assert passed.count(FLOOD) <= 3, "one peer's thirty are one place in the turn"
    await asyncio.gather(*flood)


async def test_what_costs_more_takes_several_turns() -> None:
    turnstile = Turnstile(every_s=60.0, burst=5)
    assert await turnstile.passed(FLOOD, 4)
    waiting = asyncio.create_task(turnstile.passed(FLOOD, 2))
    await asyncio.sleep(0.02)
    assert not waiting.done(), "one turn was left"
    waiting.cancel()


async def test_what_takes_many_turns_makes_others_wait_for_one() -> None:
    turnstile = Turnstile(every_s=0.005, burst=1)
    passed: list[str] = []

    async def come(peer: str, turns: int) -> None:
        assert await turnstile.passed(peer, turns)
        passed.append(peer)

    large = [asyncio.create_task(come(f"198.51.100.{n}", 40)) for n in range(3)]
    await asyncio.sleep(0)
    began_s = asyncio.get_running_loop().time()
    await asyncio.gather(come(OTHER, 1))
    assert asyncio.get_running_loop().time() - began_s < 0.1
    assert passed == [OTHER]
    await asyncio.gather(*large)
    assert asyncio.get_running_loop().time() - began_s > 110 * 0.005


async def test_those_that_wait_are_bounded_by_peer_and_in_all() -> None:
    turnstile = Turnstile(every_s=60.0, burst=1, most_of_a_peer=3, most=5)
    assert await turnstile.passed(FLOOD)
    waiting = [asyncio.create_task(turnstile.passed(FLOOD)) for _ in range(4)]
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [False, False, False, True]
    assert waiting[3].result() is False
    waiting += [asyncio.create_task(turnstile.passed(OTHER)) for _ in range(3)]
    await asyncio.sleep(0)
    assert [task.done() for task in waiting[4:]] == [False, False, True]
    for task in waiting:
        task.cancel()


async def test_who_went_away_takes_no_turn() -> None:
    turnstile = Turnstile(every_s=0.05, burst=1)
    assert await turnstile.passed(FLOOD)
    gone = [asyncio.create_task(turnstile.passed(FLOOD)) for _ in range(40)]
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        assert await turnstile.passed(OTHER)
        assert await turnstile.passed(OTHER)


async def test_who_went_away_leaves_its_place_to_others_at_once() -> None:
    turnstile = Turnstile(every_s=60.0, burst=1, most_of_a_peer=3, most=5)
    assert await turnstile.passed(FLOOD)
    for _ in range(20):
        gone = [asyncio.create_task(turnstile.passed(FLOOD)) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in gone)
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)


async def test_turns_that_are_waited_for_are_bounded_and_not_requests() -> None:
    turnstile = Turnstile(every_s=60.0, burst=1, most_of_a_peer=40, most_of_a_network=100, most=1_000)
    assert await turnstile.passed(FLOOD)
    waiting = [asyncio.create_task(turnstile.passed(f"192.0.2.{n}", 40)) for n in (1, 1, 2, 3)]
    waiting += [asyncio.create_task(turnstile.passed("198.51.100.1", 50))]
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [False, True, False, True, False]
    for task in waiting:
        task.cancel()
