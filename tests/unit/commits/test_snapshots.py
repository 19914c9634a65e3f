from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from wicketgate.base.errors import ConfigurationError
from wicketgate.commits.snapshots import Snapshots
from wicketgate.commits.state import State, dump_state


def dumped(sequence: int) -> bytes:
    return dump_state(State(sequence=sequence))


def test_none_at_all_is_no_state(tmp_path: Path) -> None:
    assert Snapshots(tmp_path / "s").latest() is None


def test_the_latest_is_found_and_two_are_kept(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    assert [snapshots.save(dumped(n), n) for n in (3, 9, 10, 100)] == [3, 3, 9, 10]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n:020d}.snapshot" for n in (10, 100)]
    latest = snapshots.latest()
    assert latest is not None
    assert latest.sequence == 100


def test_the_same_place_twice_is_one_snapshot(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    assert [snapshots.save(dumped(n), n) for n in (5, 5, 5)] == [5, 5, 5]


def test_they_are_ours_alone(tmp_path: Path) -> None:
    Snapshots(tmp_path / "s").save(dumped(1), 1)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "s").iterdir()} == {0o600}


@pytest.mark.parametrize("damage", ["cut", "empty", "bit", "gone"])
def test_a_damaged_one_is_passed_over_for_the_one_before(tmp_path: Path, damage: str) -> None:
    snapshots = Snapshots(tmp_path)
    for number in (1, 2):
        snapshots.save(dumped(number), number)
    path = tmp_path / f"{2:020d}.snapshot"
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"cut": data[:-1], "empty": b"", "bit": data[:-1] + bytes([data[-1] ^ 1])}[damage])
    latest = snapshots.latest()
    assert latest is not None
    assert latest.sequence == 1


def test_none_that_is_whole_is_an_error_and_no_empty_state(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.save(dumped(1), 1)
    (tmp_path / f"{1:020d}.snapshot").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="snapshots"):
        snapshots.latest()


def test_a_crash_while_one_is_written_leaves_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.save(dumped(1), 1)

    def crash(handle: int) -> None:
        raise OSError

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError):
        snapshots.save(dumped(2), 2)
    monkeypatch.undo()
    again = Snapshots(tmp_path)
    latest = again.latest()
    assert latest is not None
    assert latest.sequence == 1
    assert again.save(dumped(3), 3) == 1


def test_other_files_are_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "1.snapshot").touch()
    assert Snapshots(tmp_path).latest() is None
