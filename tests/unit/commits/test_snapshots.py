from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import msgspec
import pytest

from tests.keys import snapshots_in
from wicketgate.base.clock import HOUR_US
from wicketgate.base.errors import ConfigurationError
from wicketgate.commits.figures import ClosedFigures
from wicketgate.commits.snapshots import StateDump, stored_forms
from wicketgate.commits.state import STATE_FORM, State, dump_state, load_state


def dumped(sequence: int) -> bytes:
    return dump_state(State(sequence=sequence))


def test_none_at_all_is_no_state(tmp_path: Path) -> None:
    assert snapshots_in(tmp_path / "s").latest() is None


def test_the_latest_is_found_and_two_are_kept(tmp_path: Path) -> None:
    snapshots = snapshots_in(tmp_path)
    assert [snapshots.save(dumped(n), n, 0) for n in (3, 9, 10, 100)] == [3, 3, 9, 10]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n:020d}.snapshot" for n in (10, 100)]
    latest = snapshots.latest()
    assert latest is not None
    assert latest.sequence == 100


def test_a_growing_state_is_dumped_as_any_other() -> None:
    state, dump = State(), StateDump()
    for items in (0, 1, 14, 15, 16, 65_535, 65_536):
        while len(state.periods) < items:
            state.periods.append(ClosedFigures(entry=len(state.periods), figures={"taken": 1}))
        state.sequence += 1
        state.tokens[str(items)] = "source:tfl"
        assert dump.of(state) == dump_state(state)


def test_the_same_place_twice_is_one_snapshot(tmp_path: Path) -> None:
    snapshots = snapshots_in(tmp_path)
    assert [snapshots.save(dumped(n), n, 0) for n in (5, 5, 5)] == [5, 5, 5]


def test_they_are_ours_alone(tmp_path: Path) -> None:
    snapshots_in(tmp_path / "s").save(dumped(1), 1, 0)
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "s").iterdir()} == {0o600}


@pytest.mark.parametrize("damage", ["cut", "empty", "bit", "gone"])
def test_a_damaged_one_is_passed_over_for_the_one_before(tmp_path: Path, damage: str) -> None:
    snapshots = snapshots_in(tmp_path)
    for number in (1, 2):
        snapshots.save(dumped(number), number, 0)
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
    snapshots = snapshots_in(tmp_path)
    snapshots.save(dumped(1), 1, 0)
    (tmp_path / f"{1:020d}.snapshot").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="snapshots"):
        snapshots.latest()


def test_a_crash_while_one_is_written_leaves_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = snapshots_in(tmp_path)
    snapshots.save(dumped(1), 1, 0)

    def crash(handle: int) -> None:
        raise OSError

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(OSError):
        snapshots.save(dumped(2), 2, 0)
    monkeypatch.undo()
    again = snapshots_in(tmp_path)
    latest = again.latest()
    assert latest is not None
    assert latest.sequence == 1
    assert again.save(dumped(3), 3, 0) == 1


def test_other_files_are_none(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "1.snapshot").touch()
    assert snapshots_in(tmp_path).latest() is None


# --- those of an earlier form ----------------------------------------------------------------------------------


def put_old(folder: Path, sequence: int) -> Path:
    """Write a snapshot as version 0.3 wrote it."""
    packed = msgspec.msgpack.encode(State(sequence=sequence))
    path = folder / f"{sequence:020d}.snapshot"
    path.write_bytes(hashlib.sha256(packed).digest() + packed)
    return path


def test_those_of_an_earlier_form_are_read_and_rewritten(tmp_path: Path) -> None:
    paths = [put_old(tmp_path, n) for n in (3, 4)]
    snapshots = snapshots_in(tmp_path)
    assert stored_forms(tmp_path) == {1}
    before = snapshots.latest()
    snapshots.rewrite()
    assert stored_forms(tmp_path) == {STATE_FORM}
    assert snapshots.latest() == before == State(sequence=4)
    written = [path.read_bytes() for path in paths]
    snapshots.rewrite()
    assert [path.read_bytes() for path in paths] == written


def test_where_there_is_none_one_of_nothing_is_written(tmp_path: Path) -> None:
    snapshots = snapshots_in(tmp_path)
    snapshots.rewrite()
    assert (snapshots.latest(), stored_forms(tmp_path)) == (State(), {STATE_FORM})


def test_what_is_not_whole_is_not_made_whole(tmp_path: Path) -> None:
    whole, cut = put_old(tmp_path, 3), put_old(tmp_path, 4)
    cut.write_bytes(cut.read_bytes()[:-1])
    left = cut.read_bytes()
    snapshots = snapshots_in(tmp_path)
    snapshots.rewrite()
    assert (snapshots.latest(), cut.read_bytes()) == (State(sequence=3), left)
    whole.unlink()
    with pytest.raises(ConfigurationError, match="no snapshot of the fold is whole"):
        snapshots.rewrite()


@pytest.mark.parametrize("when", ["before", "behind"])
def test_a_crash_while_they_are_rewritten_leaves_each_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    for n in (3, 4):
        put_old(tmp_path, n)
    snapshots, replace = snapshots_in(tmp_path), Path.replace

    def crash(path: Path, target: Path) -> None:
        if when == "behind":
            replace(path, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            snapshots.rewrite()
    assert snapshots.latest() == State(sequence=4)
    snapshots.rewrite()
    assert stored_forms(tmp_path) == {STATE_FORM}


def test_a_folder_that_is_not_there_holds_none(tmp_path: Path) -> None:
    assert stored_forms(tmp_path / "s") == set()


def test_a_snapshot_stands_under_a_key_that_ends_with_the_last_one_that_needs_it(tmp_path: Path) -> None:
    snapshots, hours = snapshots_in(tmp_path / "s"), tmp_path / "s-keys"
    for number in (1, 2, 3):
        snapshots.save(dumped(number), number, number * HOUR_US)
    assert {path.stem for path in hours.glob("*.key")} == {"2", "3"}
    assert b"sequence" not in b"".join(path.read_bytes() for path in (tmp_path / "s").glob("*.snapshot"))
    (hours / "3.key").unlink()
    found = snapshots_in(tmp_path / "s").latest()
    assert found is not None
    assert found.sequence == 2


def test_whoever_follows_gets_the_newest_whole_one(tmp_path: Path) -> None:
    snapshots = snapshots_in(tmp_path)
    assert snapshots.newest() is None
    for sequence in (1, 2):
        snapshots.save(dumped(sequence), sequence, 0)
    found = snapshots.newest()
    assert found is not None
    assert found[0] == 2
    assert load_state(found[1]).sequence == 2
    (last,) = [path for path in tmp_path.rglob("*.snapshot") if path.stem.endswith("2")]
    last.write_bytes(b"cut")
    before = snapshots.newest()
    assert before is not None
    assert before[0] == 1
