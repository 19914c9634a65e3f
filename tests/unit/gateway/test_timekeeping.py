"""The clock at a start and its steps: refused, taken by a word, told in the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import START_US, VKEY, HandClock
from tests.unit.base.test_steady import BOOTED_US, Machine
from tests.unit.commits.test_writer import Office, office, token
from wicketgate.base.clock import DAY_US, MINUTE_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.base.steady import SteadyClock
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.commits.state import State
from wicketgate.gateway.timekeeping import LONGEST_REASON, ClockWatch, begin_clock, read_mark


def machine_at(at_us: int = START_US) -> Machine:
    return Machine(offset_us=at_us - BOOTED_US)


def begin(
    clock: SteadyClock,
    path: Path,
    *,
    last_us: int = START_US,
    word: str | None = None,
    demonstration: bool = False,
) -> Mapping[str, Any]:
    return begin_clock(clock, State(at_us=last_us), path, word, demonstration=demonstration)


def test_a_start_without_a_leap_says_nothing_and_leaves_its_mark(tmp_path: Path) -> None:
    machine = machine_at()
    assert begin(machine.clock(), tmp_path / "clock") == {}
    assert read_mark(tmp_path / "clock") == machine.clock().mark()
    assert begin(machine.clock(), tmp_path / "clock", word="there is none") == {}
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]


@pytest.mark.parametrize("step_us", [DAY_US, 5 * MINUTE_US, -20 * MINUTE_US])
def test_a_leap_needs_a_word_which_is_published(tmp_path: Path, step_us: int) -> None:
    machine, path = machine_at(), tmp_path / "clock"
    begin(machine.clock(), path)
    machine.go_on(MINUTE_US)
    machine.step(step_us)
    for demonstration in (False, True):
        with pytest.raises(ConfigurationError, match="--accept-clock REASON") as caught:
            begin(machine.clock(), path, demonstration=demonstration)
        assert caught.value.code == "clock-leap"
    clock = machine.clock()
    said = begin(clock, path, word=" the battery of the van AB12 CDE was flat ")
    assert said == {
        "accepted_clock": "the battery of the van [number plate] was flat",
        "machine": rfc3339(machine.wall()),
    }
    assert clock.now_us() == max(machine.wall(), START_US)
    # The word holds: the next start on this boot knows that it is no new leap.
    machine.go_on(MINUTE_US)
    again = machine.clock()
    said = begin(again, path, last_us=clock.now_us())
    assert "accepted_clock" not in said
    assert ("machine" in said) == (again.ahead_us > 0)


@pytest.mark.parametrize("creep_us", [50 * SECOND_US, -50 * SECOND_US])
def test_starts_that_each_creep_by_less_than_a_minute_add_up(tmp_path: Path, creep_us: int) -> None:
    machine, path = machine_at(), tmp_path / "clock"
    begin(machine.clock(), path)
    machine.step(creep_us)
    assert "accepted_clock" not in begin(machine.clock(), path)
    machine.step(creep_us)
    with pytest.raises(ConfigurationError, match="--accept-clock REASON"):
        begin(machine.clock(), path)
    begin(machine.clock(), path, word="the clock was set by hand, twice")
    machine.step(creep_us)
    assert "accepted_clock" not in begin(machine.clock(), path)


@pytest.mark.parametrize("word", ["", "  ", "x" * (LONGEST_REASON + 1)])
def test_a_word_without_words_is_refused(tmp_path: Path, word: str) -> None:
    with pytest.raises(ConfigurationError, match="1 to 500 characters"):
        begin(machine_at().clock(), tmp_path / "clock", word=word)


def test_after_a_long_absence_a_demonstration_needs_no_word(tmp_path: Path) -> None:
    machine, path = machine_at(), tmp_path / "clock"
    begin(machine.clock(), path)
    machine.boot_again(9 * DAY_US)
    with pytest.raises(ConfigurationError, match="more than a day after"):
        begin(machine.clock(), path)
    assert begin(machine.clock(), path, demonstration=True) == {}


def test_without_its_mark_a_start_judges_as_after_a_boot(tmp_path: Path) -> None:
    """A limit of ours, docs/threat-model.md: whoever can delete the mark has a day."""
    machine, path = machine_at(), tmp_path / "clock"
    begin(machine.clock(), path)
    path.unlink()
    machine.step(DAY_US - MINUTE_US)
    assert begin(machine.clock(), path) == {}
    for step_us in (2 * MINUTE_US, -DAY_US - 3 * MINUTE_US):
        path.unlink(missing_ok=True)
        machine.step(step_us)
        with pytest.raises(ConfigurationError, match="the log's last second"):
            begin(machine.clock(), path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"boot":1}', b"\xff", b'{"boot":"x"}'])
def test_a_mark_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clock").write_bytes(content)
    assert read_mark(tmp_path / "clock") is None
    assert begin(machine_at().clock(), tmp_path / "clock") == {}


def test_a_simulated_clock_is_taken_as_it_is(tmp_path: Path) -> None:
    said = begin_clock(
        HandClock(), State(at_us=START_US + DAY_US), tmp_path / "clock", None, demonstration=False
    )
    assert said == {}
    assert not (tmp_path / "clock").exists()


# --- while it runs ------------------------------------------------------------------------------------------------


class Watched:
    """An office whose clock is the gateway's own, on a machine whose clock is set by hand."""

    def __init__(self, desk: Office) -> None:
        self.desk = desk
        self.machine = machine_at()
        self.clock = self.machine.clock()
        desk.commits._clock = self.clock  # type: ignore[attr-defined]
        self.watch = ClockWatch(desk.commits, self.clock)

    async def go_on(self, seconds: int) -> None:
        """Let seconds pass, with a look and a tick in each."""
        for _ in range(seconds):
            self.machine.go_on(SECOND_US)
            self.watch.look()
            self.desk.commits.tick()
            await self.desk.settle()

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(entry) for one in self.desk.transactions for entry in one.entries]

    def told(self) -> list[tuple[int, int]]:
        """Return what the log tells of steps: how far the machine's clock stood from its own."""
        return [
            (index, parse_rfc3339(entry["machine"]) - parse_rfc3339(entry["at"]))
            for index, entry in enumerate(self.entries)
            if entry.get("operation") == "clock-step"
        ]


async def watched() -> Watched:
    return Watched(await office())


async def test_a_step_and_the_way_back_are_told_and_every_second_is_closed() -> None:
    world = await watched()
    await world.go_on(5)
    for step_us in (30 * MINUTE_US, -30 * MINUTE_US, -20 * MINUTE_US, 20 * MINUTE_US):
        world.machine.step(step_us)
        await world.go_on(10)
    assert [us for _, us in world.told()] == [30 * MINUTE_US, 0, -20 * MINUTE_US, 0]
    assert world.watch.steps == 4
    assert world.watch.stepped_us == 0
    assert world.desk.commits.committed.seconds == 45
    assert world.desk.commits.committed.second_us == START_US + 45 * SECOND_US
    fold = EntryFold(VKEY)
    for index, data in enumerate(e for one in world.desk.transactions for e in one.entries):
        fold.take(index, data)
    assert all(check.ok for check in fold.checks(fold.charter.origin if fold.charter else ""))
    assert fold.operations.clock_steps == 4


async def test_what_passes_at_once_and_what_is_small_is_no_step() -> None:
    world = await watched()
    world.machine.step(MINUTE_US)
    await world.go_on(2)
    world.machine.step(-MINUTE_US)
    await world.go_on(5)
    world.machine.step(-SECOND_US)  # a leap second
    await world.go_on(5)
    assert world.told() == []


async def test_small_steps_one_after_another_are_told_once_they_add_up() -> None:
    world = await watched()
    for _ in range(4):
        world.machine.step(-SECOND_US)
        await world.go_on(4)
    assert [us for _, us in world.told()] == [-3 * SECOND_US]


async def test_an_expiry_comes_when_it_is_due_though_the_clock_was_set_back() -> None:
    world = await watched()
    world.machine.step(-20 * MINUTE_US)
    await world.go_on(60)
    _, transaction = await asyncio.wait_for(_committed(world), 1)
    assert transaction.at_us == START_US + 60 * SECOND_US


async def _committed(world: Watched) -> Any:
    waiter = world.desk.commits.commit(token("a"))
    await world.desk.settle()
    return await waiter


async def test_a_step_in_a_second_without_room_is_told_at_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = await watched()
    world.machine.step(MINUTE_US)
    commit = world.desk.commits.commit

    def busy(build: Any) -> Any:
        raise StreamError("try again", code="busy")

    monkeypatch.setattr(world.desk.commits, "commit", busy)
    await world.go_on(6)
    assert world.told() == []
    monkeypatch.setattr(world.desk.commits, "commit", commit)
    await world.go_on(1)
    assert len(world.told()) == 1
