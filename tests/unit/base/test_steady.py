"""The gateway's own time: it ascends whatever is done to the machine's clock, and a start knows a leap."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US, parse_rfc3339
from wicketgate.base.steady import Mark, SteadyClock, read_boot_id

TRUE_US = parse_rfc3339("2026-07-08T12:00:00Z")
BOOTED_US = 40 * DAY_US


@dataclass
class Machine:
    """A machine: the time since its boot, and its clock, which anybody may set."""

    since_boot_us: int = BOOTED_US
    offset_us: int = TRUE_US - BOOTED_US
    boot: str = "boot-1"

    def wall(self) -> int:
        return self.since_boot_us + self.offset_us

    def clock(self) -> SteadyClock:
        return SteadyClock(self.wall, lambda: self.since_boot_us, self.boot)

    def go_on(self, us: int) -> None:
        self.since_boot_us += us

    def step(self, us: int) -> None:
        self.offset_us += us

    def boot_again(self, us: int) -> None:
        """Be off for a while; the machine's clock goes on by its battery."""
        self.offset_us += self.since_boot_us + us
        self.since_boot_us = 0
        self.boot += "'"


def test_the_time_goes_on_whatever_is_done_to_the_machines_clock() -> None:
    machine = Machine()
    clock = machine.clock()
    assert clock.now_us() == TRUE_US
    for step_us in (30 * MINUTE_US, -30 * MINUTE_US, -20 * MINUTE_US, DAY_US, -400 * DAY_US):
        machine.step(step_us)
        machine.go_on(10 * SECOND_US)
        assert clock.now_us() == TRUE_US + machine.since_boot_us - BOOTED_US
        assert clock.stepped_us() == machine.offset_us - (TRUE_US - BOOTED_US)


def test_a_machine_that_slept_finds_the_time_that_has_passed() -> None:
    machine = Machine()
    clock = machine.clock()
    machine.go_on(3 * HOUR_US)
    assert (clock.now_us(), clock.stepped_us()) == (TRUE_US + 3 * HOUR_US, 0)


def test_behind_the_last_second_it_runs_at_half_pace_until_both_meet() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.begin(TRUE_US + 60 * SECOND_US)
    assert (clock.now_us(), clock.ahead_us) == (TRUE_US + 60 * SECOND_US, 60 * SECOND_US)
    machine.go_on(30 * SECOND_US)
    assert (clock.now_us(), clock.ahead_us) == (TRUE_US + 75 * SECOND_US, 45 * SECOND_US)
    machine.go_on(90 * SECOND_US)
    assert (clock.now_us(), clock.ahead_us) == (machine.wall(), 0)
    machine.go_on(HOUR_US)
    assert clock.now_us() == machine.wall()


def test_a_lead_that_turns_out_to_be_none_slows_it_no_longer() -> None:
    """The start was told to go by a wrong clock, which was set right afterwards."""
    machine = Machine()
    machine.step(-DAY_US)
    clock = machine.clock()
    clock.begin(TRUE_US)
    machine.go_on(10 * SECOND_US)
    machine.step(DAY_US)
    assert clock.stepped_us() == DAY_US
    assert (clock.now_us(), clock.ahead_us) == (TRUE_US + 5 * SECOND_US, 0)
    machine.go_on(10 * SECOND_US)
    assert clock.now_us() == TRUE_US + 15 * SECOND_US


happenings = st.lists(
    st.tuples(st.just("go on"), st.integers(0, HOUR_US))
    | st.tuples(st.just("step"), st.integers(-3 * DAY_US, 3 * DAY_US)),
    max_size=30,
)


@given(st.integers(-2 * DAY_US, 2 * DAY_US), happenings)
def test_it_ascends_and_is_never_behind_the_clock_of_its_start(
    last_us: int, happened: list[tuple[str, int]]
) -> None:
    machine = Machine()
    clock = machine.clock()
    clock.begin(TRUE_US + last_us)
    before_us, slowest_us = clock.now_us(), clock.now_us()
    for what, us in happened:
        if what == "step":
            machine.step(us)
        else:
            machine.go_on(us)
            slowest_us += us // 2
        now_us = clock.now_us()
        assert now_us >= before_us
        assert now_us >= slowest_us - 1 - len(happened)  # seconds go on closing, at half pace at least
        assert now_us >= TRUE_US + machine.since_boot_us - BOOTED_US  # an expiry is never late by a step back
        clock.stepped_us()
        assert clock.now_us() == now_us
        before_us = now_us


# --- what a start finds ---------------------------------------------------------------------------------------


def test_on_the_same_boot_a_start_knows_the_time_by_what_has_passed() -> None:
    machine = Machine()
    mark = machine.clock().mark()
    machine.go_on(9 * DAY_US)
    last_us = TRUE_US + HOUR_US
    assert machine.clock().find_leap(last_us, mark) is None
    for step_us in (DAY_US, 2 * MINUTE_US, -2 * MINUTE_US, -20 * MINUTE_US):
        machine.step(step_us)
        found = machine.clock().find_leap(last_us, mark)
        assert found is not None
        assert "by the time since its boot it is 2026-07-17T12:00:00Z" in found
        machine.step(-step_us)
    machine.step(50 * SECOND_US)
    assert machine.clock().find_leap(last_us, mark) is None


def test_a_word_once_given_holds_over_the_next_starts() -> None:
    """The log is a day ahead: its operator said so once, and a crash needs no second word."""
    machine = Machine()
    clock = machine.clock()
    last_us = TRUE_US + DAY_US
    assert clock.find_leap(last_us, None) is not None
    clock.begin(last_us)
    mark = clock.mark()
    machine.go_on(HOUR_US)
    assert machine.clock().find_leap(clock.now_us(), mark) is None


def test_on_another_boot_the_logs_last_second_decides() -> None:
    machine = Machine()
    mark = machine.clock().mark()
    machine.boot_again(HOUR_US)
    last_us = TRUE_US
    assert machine.clock().find_leap(last_us, mark) is None
    machine.step(-HOUR_US - 50 * SECOND_US)
    assert machine.clock().find_leap(last_us, mark) is None
    machine.step(-20 * SECOND_US)
    assert "before the log's last second" in str(machine.clock().find_leap(last_us, mark))
    machine.step(DAY_US)
    assert machine.clock().find_leap(last_us, mark) is None
    machine.step(2 * MINUTE_US)
    assert "more than a day after" in str(machine.clock().find_leap(last_us, mark))
    assert machine.clock().find_leap(last_us, mark, absence=False) is None


def test_where_the_machine_tells_no_boot_a_mark_says_nothing() -> None:
    machine = Machine(boot="")
    mark = Mark(boot="", since_boot_us=0, believed_us=0)
    assert machine.clock().find_leap(TRUE_US, mark) is None


async def test_this_machine_has_a_clock_and_a_boot() -> None:
    assert read_boot_id()
    clock = SteadyClock()
    before_us = clock.now_us()
    await clock.sleep(0.01)
    assert before_us + 9_000 < clock.now_us() <= time.time_ns() // 1000 + SECOND_US
    assert abs(clock.stepped_us()) < SECOND_US
