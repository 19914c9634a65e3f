"""What is behind, and since when."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from wicketgate.base.space import DiskSpace
from wicketgate.gateway.health import BEHIND_S, HealthWatch
from wicketgate.gateway.progress import Behind, Progress


class Life:
    """A gateway's numbers, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.taken = SimpleNamespace(formed=0, settled=0)
        self.state = SimpleNamespace(sequence=5)
        self.shown = SimpleNamespace(position=5, closed_s=0.0)
        commits: Any = SimpleNamespace(committed=self.state)
        shown: Any = self.shown
        taken: Any = self.taken
        self.merge_delay_us = 5_000_000
        self.space = DiskSpace([Path("/")], alarm_bytes=0, stop_bytes=0)
        self.health = HealthWatch(
            commits, shown, taken, self.space, lambda: self.merge_delay_us, lambda: self.now_s
        )

    def go_on(self, seconds: int, *, closing: bool = True) -> None:
        for _ in range(seconds * 2):
            self.now_s += 0.5
            if closing:
                self.shown.closed_s = self.now_s
            self.health.look()


def test_a_gateway_that_goes_on_is_well_and_ready() -> None:
    life = Life()
    life.go_on(60)
    for number in range(1, 60):
        life.taken.formed = number
        life.go_on(1)
        life.taken.settled = number
    assert life.health.stalled() == life.health.behind() == ()


def test_seconds_that_do_not_close_are_neither_alive_nor_ready() -> None:
    life = Life()
    life.go_on(10, closing=False)
    assert life.health.stalled() == ()
    life.go_on(1, closing=False)
    stalled = (Behind(part="seconds", seconds=11),)
    assert life.health.stalled() == life.health.behind() == stalled
    life.go_on(1)
    assert life.health.stalled() == life.health.behind() == ()


def test_seconds_are_due_within_the_merge_delay_of_the_charter() -> None:
    life = Life()
    life.merge_delay_us = 30_000_000
    life.go_on(35, closing=False)
    assert life.health.behind() == ()
    life.go_on(1, closing=False)
    assert life.health.behind() == (Behind(part="seconds", seconds=36),)


def test_reads_of_which_none_is_decided() -> None:
    life = Life()
    life.go_on(60)
    life.taken.formed = 3
    life.go_on(12)
    assert [one.part for one in life.health.stalled()] == ["reads"]
    assert life.health.reads_wait_s > BEHIND_S
    life.taken.settled = 3
    assert life.health.stalled() == life.health.behind() == ()


def test_a_backlog_that_is_worked_off_is_alive_and_not_ready() -> None:
    life = Life()
    life.taken.formed = 1000
    for _ in range(20):
        life.go_on(1)
        life.taken.settled += 1
    assert life.health.stalled() == ()
    assert life.health.behind() == (Behind(part="reads", seconds=19),)


def test_commits_that_are_not_shown() -> None:
    life = Life()
    for _ in range(20):
        life.state.sequence += 1
        life.go_on(1)
    assert life.health.stalled() == ()
    assert [one.part for one in life.health.behind()] == ["projections"]
    assert 19 < life.health.commits_wait_s <= 20
    life.shown.position = life.state.sequence
    assert life.health.behind() == ()


def test_a_full_disk_is_alive_and_not_ready() -> None:
    life = Life()
    life.go_on(60)
    life.space.is_full = True
    assert life.health.behind() == (Behind(part="disk", seconds=0),)
    life.go_on(7)
    assert life.health.behind() == (Behind(part="disk", seconds=7),)
    assert life.health.stalled() == ()
    life.space.is_full = False
    assert life.health.behind() == ()
    life.go_on(5)
    life.space.is_full = True
    assert life.health.behind() == (Behind(part="disk", seconds=0),)


def test_a_start_says_what_is_under_way_and_how_far() -> None:
    now_s = [0.0]
    progress = Progress(lambda: now_s[0])
    now_s[0] = 3.0
    assert progress.behind() == (Behind(part="program", seconds=3),)
    progress.begin("commits")
    progress.reach(1, 3)
    now_s[0] = 5.5
    assert progress.behind() == (Behind(part="commits", seconds=2, share=0.33),)
    progress.begin("repeats")
    progress.reach(0, 0)
    assert progress.behind() == (Behind(part="repeats", seconds=0, share=1.0),)
