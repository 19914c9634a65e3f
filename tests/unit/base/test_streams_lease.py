"""The lease: one holder, counted by a clock that nothing sets; nothing is told without it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from wicketgate.base.errors import FencedError
from wicketgate.base.streams import lease as leases
from wicketgate.base.streams.lease import HELD_S, PATIENCE_S, Lease, TakenFrom
from wicketgate.base.streams.link import Link, end_tasks


class Hand:
    """A clock of the test's, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "_LOOK_S", 0.01)
    monkeypatch.setattr(leases, "_RENEW_S", 0.05)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_lease_that_nobody_holds_is_taken_at_once(link: Link) -> None:
    clock = Hand()
    lease = Lease(link, "a", "a1", now_s=clock)
    assert not lease.is_held
    assert await lease.take() is TakenFrom.NOBODY
    assert lease.is_held
    clock.now_s += HELD_S
    assert not lease.is_held, "nobody renewed it"


async def test_another_waits_until_no_renewal_was_seen_for_long(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    mine, others = Hand(), Hand()
    first, second = Lease(link, "a", "a1", now_s=mine), Lease(link, "b", "b1", now_s=others)
    await first.take()
    looks = 0

    def looked() -> None:
        nonlocal looks
        looks += 1
        others.now_s += 0.5

    keeping = asyncio.create_task(first.keep())
    taking = asyncio.create_task(second.take(looked))
    await until(lambda: looks > 4 * PATIENCE_S)
    assert not taking.done(), "the first one gives signs"
    await end_tasks([keeping])  # it is stopped, and its clock goes on
    assert await taking is TakenFrom.SILENT
    assert second.is_held
    mine.now_s += HELD_S
    assert not first.is_held
    with pytest.raises(FencedError, match="another sequencer has taken over"):
        await first.keep()
    assert first.is_lost
    with pytest.raises(FencedError):
        first.wait_held()
    assert HELD_S < PATIENCE_S, "the first one knows that it may not go on before the second begins"


async def test_what_is_given_up_is_taken_at_once(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    first, second, again = (Lease(link, node, node + "1") for node in ("a", "b", "b"))
    await first.take()
    await first.give_up()
    assert not first.is_held
    assert await second.take() is TakenFrom.GAVE_UP
    await second.give_up()
    assert await again.take() is TakenFrom.NOBODY, "a start of the same directory takes over from nobody"


async def test_an_outage_of_the_streams_counts_for_nobody(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    clock = Hand()
    first, second = Lease(link, "a", "a1"), Lease(link, "b", "b1", now_s=clock)
    await first.take()
    looks = 0

    def looked() -> None:
        nonlocal looks
        looks += 1
        if looks == 10:
            clock.now_s += 60.0  # nothing answered for a minute
        elif looks > 10:
            clock.now_s += 0.01

    taking = asyncio.create_task(second.take(looked))
    await until(lambda: looks > 100)
    assert not taking.done()
    await end_tasks([taking])


async def test_of_two_that_see_the_same_silence_one_gets_it(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    first = Lease(link, "a", "a1")
    await first.take()
    clocks = [Hand(), Hand()]

    def hurry(clock: Hand) -> Callable[[], None]:
        def looked() -> None:
            clock.now_s += 0.5

        return looked

    others = [Lease(link, node, node + "1", now_s=clock) for node, clock in zip("bc", clocks, strict=True)]
    taking = [
        asyncio.create_task(lease.take(hurry(clock))) for lease, clock in zip(others, clocks, strict=True)
    ]
    done, waiting = await asyncio.wait(taking, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    assert len(done) >= 1
    await asyncio.sleep(0.05)
    assert sum(lease.is_held for lease in others) == 1
    await end_tasks(list(waiting))
