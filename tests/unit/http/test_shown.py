"""The register as it is shown: covered by its checkpoint, and no further behind it than that."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.made_gateway import World, standard
from wicketgate.base.errors import StreamError
from wicketgate.commits.durable import Durable
from wicketgate.commits.state import State
from wicketgate.http.site import shown as shown_module
from wicketgate.http.site.shown import RegisterShown
from wicketgate.ledger.notes import unverified_checkpoint
from wicketgate.regime.moment import RegimeAt


class Followed:
    """What a reader has followed: another state may take its place."""

    def __init__(self, world: World) -> None:
        self.committed: State = copy.deepcopy(world.state)
        self.parsed = world.parsed

    def committed_at(self, at_us: int) -> RegimeAt:
        return RegimeAt(self.committed.regime, self.parsed, at_us)


@pytest.fixture
def world(tmp_path: Path):
    made = standard(tmp_path / "log")
    made.flush()
    yield made
    made.close()


def shown_by(world: World, commits: Durable) -> RegisterShown:
    return RegisterShown(commits, world.clock, lambda: world.ledger, lambda: "the key")


def grow(world: World) -> int:
    """Let figures be closed, and return the entry of the last."""
    before = len(world.state.periods)
    while len(world.state.periods) == before:
        world.live(1)
    return world.state.periods[-1].entry


def check(register: dict[str, Any], world: World) -> None:
    """Check that of the figures of the log those are shown that the register's checkpoint covers."""
    size = unverified_checkpoint(register["checkpoint"].encode()).size
    shown = [period["entry"] for period in register["figures"]]
    assert shown == [period.entry for period in world.state.periods if period.entry < size]


def test_a_log_that_is_ahead_waits_for_what_it_covers(world: World) -> None:
    commits = Followed(world)
    entry = grow(world)
    world.flush()  # a reader that begins has a copy of the log before it has followed so far
    assert world.ledger.size > entry >= commits.committed.entries

    async def follow() -> dict[str, Any]:
        asked = asyncio.create_task(shown_by(world, commits).now())
        await asyncio.sleep(0.05)
        assert not asked.done()
        commits.committed = copy.deepcopy(world.state)
        register: dict[str, Any] = json.loads((await asked).data)
        return register

    register = asyncio.run(follow())
    check(register, world)
    assert register["figures"][-1]["entry"] == entry


def test_a_log_that_is_behind_is_waited_for(world: World) -> None:
    commits = Followed(world)
    grow(world)
    commits.committed = copy.deepcopy(world.state)

    async def write() -> dict[str, Any]:
        asked = asyncio.create_task(shown_by(world, commits).now())
        await asyncio.sleep(0.05)
        assert not asked.done()
        world.flush()
        register: dict[str, Any] = json.loads((await asked).data)
        return register

    check(asyncio.run(write()), world)


def test_a_log_that_never_comes_to_it_is_said_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown_module, "_WAITS", 3)
    commits = Followed(world)
    grow(world)
    world.flush()
    with pytest.raises(StreamError, match="the same entry"):
        asyncio.run(shown_by(world, commits).now())


def test_a_log_that_stands_still_shows_what_it_covered_last(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown_module, "_WAITS_BESIDE", 3)
    commits = Followed(world)
    site = shown_by(world, commits)

    def ask() -> bytes:
        async def now() -> bytes:
            return (await site.now()).data

        return asyncio.run(now())

    first = ask()
    grow(world)
    commits.committed = copy.deepcopy(world.state)  # the log has not come so far, and does not
    second = ask()
    world.flush()
    third = ask()
    assert second == first
    register = json.loads(third)
    check(register, world)
    assert len(register["figures"]) > len(json.loads(first)["figures"])
