"""What a unit commits of its lists of what stays: how they stand goes with the change, and no start forgets it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import ALL_BUT, OWN, World
from tests.strategies import entry_of
from wicketgate.base.clock import DAY_US, HOUR_US
from wicketgate.base.errors import NotEntitled
from wicketgate.gateway.filing.hotlists import GATEWAY, ListTaken
from wicketgate.hotlists import Change
from wicketgate.hotlists.unlisted import Unlisted


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.begin(unlisted=True)
    await made.settle()
    yield made
    await made.end()


def puts(world: World, kind: str, *plates: str, life_us: int = HOUR_US) -> list[Change]:
    now_us = world.clock.at_us
    return [Change.put(entry_of(plate, now_us, now_us + life_us, kind=kind)) for plate in plates]


async def change(world: World, changes: list[Change], *, name: str = ALL_BUT, **more: Any) -> ListTaken:
    task = asyncio.ensure_future(
        world.desk.change_hotlist(name, changes, **({"whole": False, "by": "unit"} | more))
    )
    for _ in range(50):
        await world.spin(5)
        world.settle_streams()
        if task.done():
            break
    return await task


def stands(world: World) -> dict[str, tuple[int, int]]:
    known = world.commits.committed.hotlists[ALL_BUT].lists
    return {name: (one.entries, one.against) for name, one in known.items()}


async def test_a_change_says_which_lists_cannot_be_relied_on(world: World) -> None:
    taken = await change(world, puts(world, "exempt", "B5GZ"), whole=True)
    assert taken.unfit == {"paid": "missing"}
    taken = await change(world, puts(world, "paid", "KLM3", "KLM4", "KLM5", "KLM6"))
    assert taken.unfit == {}
    taken = await change(world, [Change(plate=plate) for plate in ("KLM3", "KLM4", "KLM5")])
    assert (taken.unfit, stands(world)) == ({"paid": "shrunk"}, {"exempt": (1, 1), "paid": (1, 4)})
    # The same put as a whole is no better: what it had before is the measure.
    both = [*puts(world, "exempt", "B5GZ"), *puts(world, "paid", "KLM6")]
    assert (await change(world, both, whole=True)).unfit == {"paid": "shrunk"}
    assert (await change(world, [*both, *puts(world, "paid", "KLM3")], whole=True)).unfit == {}
    assert stands(world) == {"exempt": (1, 1), "paid": (2, 2)}


async def test_how_lists_stand_outlasts_the_gateway(world: World) -> None:
    await change(world, [*puts(world, "exempt", "B5GZ"), *puts(world, "paid", "KLM3", "KLM4")], whole=True)
    before = world.commits.committed.hotlists[ALL_BUT]
    await world.settle()
    await world.crash(commits_kept=0, projected=1.0)
    await world.settle()
    after = world.commits.committed.hotlists[ALL_BUT]
    assert after.lists == before.lists
    named = world.commits.committed.regime.authorities[ALL_BUT]
    terms = world.commits.parsed.authority(named.versions[0]).unlisted
    assert terms is not None
    asked = world.lists.under(ALL_BUT, world.commits.committed, terms)
    assert isinstance(asked, Unlisted)
    assert not asked.unfit(world.clock.at_us)


async def test_what_the_gateway_ends_makes_no_list_fresher(world: World) -> None:
    await change(world, [*puts(world, "exempt", "B5GZ"), *puts(world, "paid", "KLM3", "KLM4")], whole=True)
    put_us = world.commits.committed.hotlists[ALL_BUT].lists["paid"].confirmed_us
    await change(world, [Change(plate="KLM4")], by=GATEWAY, anew=True)
    known = world.commits.committed.hotlists[ALL_BUT].lists["paid"]
    assert (known.entries, known.against, known.confirmed_us) == (1, 2, put_us)
    assert put_us < world.clock.at_us + DAY_US


async def test_an_authority_in_bulk_has_no_list(world: World) -> None:
    with pytest.raises(NotEntitled) as refused:
        await change(world, puts(world, "exempt", "B5GZ"), name=OWN, whole=True)
    assert refused.value.code == "not-a-match-authority"
