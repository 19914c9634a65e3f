"""Large work takes turns: one piece in a round of the loop, of each name in turn, and few of a name at once."""

from __future__ import annotations

import asyncio
import time

from wicketgate.base.turns import PieceTurns


async def test_one_piece_is_done_in_a_round_whoever_asks() -> None:
    turns = PieceTurns()
    rounds: list[int] = []
    now = 0

    async def count() -> None:
        nonlocal now
        while True:
            now += 1
            await asyncio.sleep(0)

    async def work(name: str) -> None:
        for _ in range(5):
            await turns.turn(name)
            rounds.append(now)

    counting = asyncio.create_task(count())
    await asyncio.gather(*(work(f"n{n % 3}") for n in range(12)))
    counting.cancel()
    assert len(rounds) == 60
    assert len(set(rounds)) == 60


async def test_of_each_name_one_in_turn_and_whoever_has_gone_takes_none() -> None:
    turns = PieceTurns()
    done: list[str] = []

    async def work(name: str) -> None:
        await turns.turn(name)
        done.append(name)

    flood = [asyncio.create_task(work("flood")) for _ in range(50)]
    await asyncio.sleep(0)
    for task in flood[:25]:
        task.cancel()
    await work("other")
    assert done.count("flood") <= 2
    await asyncio.gather(*flood, return_exceptions=True)
    assert done.count("flood") == 25


async def test_few_of_a_name_are_under_way_and_others_do_not_wait_for_them() -> None:
    turns = PieceTurns(seats=2)
    await turns.sit("a")
    await turns.sit("a")
    third = asyncio.create_task(turns.sit("a"))
    await turns.sit("b")
    gone = asyncio.create_task(turns.sit("a"))
    await asyncio.sleep(0.01)
    assert not third.done()
    third.cancel()
    await asyncio.sleep(0)
    turns.leave("a")
    await asyncio.wait_for(gone, 1)


async def test_the_loop_has_as_long_for_others_as_pieces_take() -> None:
    turns = PieceTurns()

    async def work(name: str) -> None:
        await turns.sit(name)
        for _ in range(10):
            await turns.turn(name)
            until = time.monotonic() + 0.01
            while time.monotonic() < until:
                pass
        turns.leave(name)

    began = time.monotonic()
    await asyncio.gather(work("a"), work("b"))
    assert time.monotonic() - began > 0.36, "20 pieces of 10 ms, and as long between them"
