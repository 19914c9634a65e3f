"""A gateway on a machine whose clock anybody sets: seconds close, reads are delivered, and the log tells of it."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import checks
from tests.simulator import START_US, World
from tests.unit.base.test_steady import BOOTED_US, Machine
from wicketgate.base.clock import DAY_US, MINUTE_US, SECOND_US
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.steady import AGREES_US, STEP_US, SteadyClock
from wicketgate.gateway.timekeeping import ClockWatch, begin_clock, read_mark, write_mark

_TOLD_WITHIN_S = 4


class HandledClock(SteadyClock):
    """The gateway's own clock, on a machine where time passes by hand."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        super().__init__(machine.wall, lambda: machine.since_boot_us, machine.boot)

    @property
    def at_us(self) -> int:
        """The time now."""
        return self.now_us()

    @at_us.setter
    def at_us(self, value: int) -> None:
        while self.now_us() < value:
            self.machine.go_on(value - self.now_us())

    async def sleep(self, seconds: float) -> None:
        """Let others go on; no time passes."""
        await asyncio.sleep(0)


class MachineWorld(World):
    """A gateway on such a machine, whose operator gives a word where one is asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.machine = Machine(offset_us=START_US - BOOTED_US)
        self.words = 0
        self.watch: ClockWatch

    def _boot(self) -> None:
        self.clock: HandledClock = HandledClock(self.machine)  # type: ignore[assignment]
        super()._boot()
        path, state = self.folder / "clock", self.commits.committed
        if self.lives == 1:
            write_mark(path, self.clock.mark())
        else:
            try:
                begin_clock(self.clock, state, path, None, demonstration=False)
            except ConfigurationError as error:
                if error.code != "clock-leap":
                    raise
                self.words += 1
                begin_clock(self.clock, state, path, "as the test says", demonstration=False)
        self.watch = ClockWatch(self.commits, self.clock)

    async def let_pass(self, seconds: int) -> None:
        """Let real seconds pass, as the gateway's tasks see them."""
        for _ in range(seconds):
            closed, now_us = self.commits.staged.seconds, self.clock.at_us
            self.machine.go_on(SECOND_US)
            self.watch.look()
            self.tick()
            self.settle_streams()
            await self.spin(2)
            assert self.clock.at_us - now_us >= SECOND_US // 2 - 1
            assert self.commits.staged.second_us + SECOND_US > self.clock.at_us
            assert self.commits.staged.seconds - closed <= 1


async def live(happenings: list[tuple[str, int]], folder: Path) -> MachineWorld:
    """Let a world live through what happens to its machine, with a read and its decision after each."""
    world = MachineWorld(folder)
    await world.begin()
    try:
        for what, amount in happenings:
            if what == "step":
                world.machine.step(amount * SECOND_US)
                await world.let_pass(_TOLD_WITHIN_S)
                told_us = world.watch._told_us
                assert abs(told_us - world.watch.stepped_us) <= STEP_US
            elif what == "pass":
                await world.let_pass(amount)
            else:
                words, mark = world.words, read_mark(world.folder / "clock")
                world.machine.step(amount * SECOND_US)
                assert mark is not None
                off_us = world.machine.offset_us - (mark.believed_us - mark.since_boot_us)
                await world.crash(commits_kept=9, projected=1.0)
                assert (world.words - words == 1) == (abs(off_us) > AGREES_US)
                assert world.clock.at_us >= world.commits.committed.at_us
            world.post([world.fresh_read("c0"), world.fresh_read("c2")])
            await world.spin(8)
            world.settle_streams()
            await world.spin(20)
            checks.check_step(world)
        await world.settle()
        checks.check_settled(world)
    finally:
        await world.end()
    return world


def run(happenings: list[tuple[str, int]]) -> MachineWorld:
    """Run `live` in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(live(happenings, Path(folder)))


seconds = st.sampled_from([1, -1, 2, 5, -5, 59, 90, 1800, -1800, -1200, 86_400, -86_400]) | st.integers(
    -9999, 9999
)
happenings = st.lists(
    st.tuples(st.sampled_from(["step", "start"]), seconds) | st.tuples(st.just("pass"), st.integers(1, 20)),
    max_size=8,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(happenings)
@example([("step", 1800), ("pass", 5), ("step", -1800)])
@example([("step", -1200), ("pass", 30)])
@example([("start", -1200), ("pass", 10), ("start", 0), ("start", 1200)])
@example([("step", -1200), ("start", 0), ("start", 1200)])
@example([("step", 30), ("start", 0), ("step", 40)])
def test_seconds_close_and_reads_are_decided_whatever_the_machines_clock_does(
    happenings: list[tuple[str, int]],
) -> None:
    run(happenings)


@pytest.mark.parametrize("ahead_us", [30 * MINUTE_US, DAY_US])
def test_a_log_that_is_ahead_goes_on_at_half_pace(ahead_us: int) -> None:
    """A start by a wrong clock, accepted, and the clock set right: neither gate nor log stands still."""
    ahead_s = ahead_us // SECOND_US
    world = run(
        [("start", ahead_s), ("pass", 3), ("start", -ahead_s), ("pass", 20), ("start", 0), ("pass", 10)]
    )
    assert world.words == 2
    assert not world.failures
