"""Turns in rounds of the event loop."""

from __future__ import annotations

import asyncio

import pytest

from wicketgate.base.rounds import Rounds


async def works(rounds: Rounds, weights: list[int]) -> list[list[int]]:
    """Return what worked in each round of the loop, by the place in the queue."""
    done: list[list[int]] = []

    async def work(place: int, weight: int) -> None:
        await rounds.turn(weight)
        done[-1].append(place)

    tasks = [asyncio.create_task(work(place, weight)) for place, weight in enumerate(weights)]
    while not all(task.done() for task in tasks):
        done.append([])
        await asyncio.sleep(0)
    return [one for one in done if one]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1] * 3, [[0, 1, 2]]),
        ([1] * 9, [[0, 1, 2, 3], [4, 5, 6, 7], [8]]),
        ([9, 1, 1, 9, 1], [[0], [1, 2, 3], [4]]),
        ([], []),
    ],
)
async def test_each_round_lets_some_work_in_their_order(
    weights: list[int], expected: list[list[int]]
) -> None:
    assert await works(Rounds(4), weights) == expected


async def test_who_is_cancelled_takes_no_turn() -> None:
    rounds = Rounds(1)
    await rounds.turn()
    tasks = [asyncio.create_task(rounds.turn()) for _ in range(5)]
    await asyncio.sleep(0)
    for task in tasks[:4]:
        task.cancel()
    await asyncio.wait_for(tasks[4], 1)


async def test_it_rests_where_nobody_works() -> None:
    rounds = Rounds(2)
    for _ in range(5):
        await rounds.turn()
        await asyncio.sleep(0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not rounds._is_due
