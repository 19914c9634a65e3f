"""The marks of free space: an alarm first, then nothing new, and room again."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from wicketgate.base.errors import StreamError
from wicketgate.base.space import GIB, DiskSpace


def free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def test_a_disk_with_room_is_neither_low_nor_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    space = DiskSpace([tmp_path], alarm_bytes=1, stop_bytes=1)
    assert (space.is_low, space.is_full) == (False, False)
    assert abs(space.free_bytes - free(tmp_path)) < GIB
    space.demand()
    assert not caplog.text


def test_below_the_first_mark_there_is_an_alarm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    space = DiskSpace([tmp_path], alarm_bytes=free(tmp_path) + GIB, stop_bytes=1)
    assert (space.is_low, space.is_full) == (True, False)
    space.demand()
    space.look()
    assert len(caplog.records) == 1, "it is said once"
    assert caplog.records[0].levelno == logging.ERROR
    assert "make room" in caplog.text


def test_below_the_second_mark_nothing_new_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    space = DiskSpace([tmp_path], alarm_bytes=1, stop_bytes=free(tmp_path) + GIB)
    assert (space.is_low, space.is_full) == (True, True), "the alarm is never behind the stop"
    with pytest.raises(StreamError) as caught:
        space.demand()
    assert caught.value.code == "stream-full"
    assert "no reads are taken any more" in caplog.text


def test_the_disk_with_the_least_room_counts_and_a_missing_part_does_not(tmp_path: Path) -> None:
    space = DiskSpace([tmp_path, Path("/dev/shm"), tmp_path / "missing"], alarm_bytes=1, stop_bytes=1)
    assert abs(space.free_bytes - min(free(tmp_path), free(Path("/dev/shm")))) < GIB
    assert DiskSpace([tmp_path / "missing"]).is_full is False


class Measured(DiskSpace):
    """A disk of 100 GiB of which the test says what is free."""

    free_now = 100 * GIB

    def _measured(self) -> list[tuple[int, int]]:
        return [(self.free_now, 100 * GIB)]


def test_the_marks_of_a_disk_are_a_quarter_and_a_twentieth_and_bounded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    space = Measured([])
    seen = []
    for gib in (26, 24, 5, 4, 3.9, 4.2, 4.49, 4.6, 30):
        space.free_now = int(gib * GIB)
        space.look()
        seen.append((gib, space.is_low, space.is_full))
    assert seen == [
        (26, False, False),
        (24, True, False),
        (5, True, False),
        (4, True, False),
        (3.9, True, True),
        (4.2, True, True),
        (4.49, True, True),
        (4.6, True, False),
        (30, False, False),
    ]
    assert "taken again" in caplog.text
    assert "enough again" in caplog.text
