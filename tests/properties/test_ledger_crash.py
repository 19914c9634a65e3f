"""The ledger stopped between any two file operations, by a kill or by a power cut, and opened again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.logs import ORIGIN, SIGNER, check_log, numbered
from wicketgate.base.errors import LedgerError
from wicketgate.ledger import writer as ledger_module
from wicketgate.ledger.writer import Disk, Ledger


class CrashError(BaseException):
    """The process ends here."""


class KilledDisk(Disk):
    """A disk whose process is killed in the middle of a given operation. All that was written is kept."""

    def __init__(self, operations: int) -> None:
        self.left = operations
        self.done = 0

    def _step(self) -> bool:
        self.done += 1
        self.left -= 1
        return self.left < 0

    def write(self, path: Path, data: bytes) -> None:
        if self._step():
            super().write(path, data[: len(data) // 2])  # a torn file
            raise CrashError
        super().write(path, data)

    def sync(self, path: Path) -> None:
        if self._step():
            raise CrashError
        super().sync(path)

    def rename(self, source: Path, target: Path) -> None:
        if self._step():
            raise CrashError
        super().rename(source, target)

    def make_folder(self, path: Path) -> None:
        if self._step():
            raise CrashError
        super().make_folder(path)

    def remove_folder(self, path: Path) -> None:
        if self._step():
            for file in sorted(path.rglob("*"))[::2]:
                file.unlink()
            raise CrashError
        super().remove_folder(path)


class PowerCutDisk(KilledDisk):
    """A disk that loses its power: of what was not synced, it keeps what it likes.

    A file's content is sure once the file is synced; that a file or folder has its name, once the folder that
    holds it is. `cut` undoes what `chosen` picks of the rest.
    """

    def __init__(self, operations: int, chosen: Callable[[], bool]) -> None:
        super().__init__(operations)
        self._chosen = chosen
        self._unsynced: set[Path] = set()
        self._unsure: list[tuple[Path, bytes | None]] = []  # names, with what they stood for before

    def write(self, path: Path, data: bytes) -> None:
        self._unsynced.add(path)
        super().write(path, data)

    def sync(self, path: Path) -> None:
        super().sync(path)
        self._unsynced.discard(path)
        self._unsure = [change for change in self._unsure if change[0].parent != path]

    def rename(self, source: Path, target: Path) -> None:
        before = target.read_bytes() if target.exists() else None
        super().rename(source, target)
        self._unsure.append((target, before))
        if source in self._unsynced:
            self._unsynced.remove(source)
            self._unsynced.add(target)

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        self._unsure.append((path, None))

    def cut(self) -> None:
        for path in self._unsynced:
            if path.exists() and self._chosen():
                path.write_bytes(path.read_bytes()[::2])
        for path, before in reversed(self._unsure):
            if not path.exists() or not self._chosen():
                continue
            if path.is_dir():
                shutil.rmtree(path)
            elif before is None:
                path.unlink()
            else:
                path.write_bytes(before)


appends = st.lists(
    st.integers(1, 4) | st.sampled_from([200, 250, 255, 256, 257, 300, 520, 800]), min_size=1, max_size=6
)


def grow(ledger: Ledger, sizes: list[int], seen: list[bytes]) -> None:
    """Append up to each size, as a replay does: whatever is there already is left out."""
    for size in sizes:
        if size > ledger.size:
            ledger.append(numbered(ledger.size, size))
            seen.append(ledger.checkpoint)


def crash_and_recover(root: Path, counts: list[int], disk: KilledDisk, cut: Callable[[], None]) -> None:
    folder = root / "log"
    sizes = [sum(counts[: end + 1]) for end in range(len(counts))]
    seen: list[bytes] = []
    ledger = None
    try:
        ledger = Ledger.create(folder, SIGNER, ORIGIN)
        ledger._disk = disk
        grow(ledger, sizes, seen)
    except CrashError:
        pass
    assert ledger is not None
    before = ledger.size
    ledger.close()
    cut()
    # What the crash left is a log, of the old size or of the new one, and goes on from all that was signed.
    after = next((size for size in sizes if size > before), before)
    for _ in range(2):
        with Ledger.open(folder, SIGNER) as recovered:
            assert recovered.size in (before, after)
            check_log(folder, numbered(0, recovered.size), *seen)
    with Ledger.open(folder, SIGNER) as recovered:
        grow(recovered, sizes, seen)
        check_log(folder, numbered(0, sizes[-1]), *seen)
        # Byte for byte what a log is that never crashed.
        with Ledger.create(root / "other", SIGNER, ORIGIN) as other:
            other.append(numbered(0, sizes[-1]))
            assert recovered.checkpoint == other.checkpoint
        for file in (root / "other").rglob("*"):
            if file.is_file():
                assert (folder / file.relative_to(root / "other")).read_bytes() == file.read_bytes()
    assert list((folder / ".writing").iterdir()) == []


@settings(deadline=None, max_examples=30)
@given(appends, st.integers(0, 60))
@example([255, 1, 1], 14)
@example([800], 11)
def test_a_kill_anywhere(counts: list[int], operations: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        crash_and_recover(Path(name), counts, KilledDisk(operations), lambda: None)


@settings(deadline=None, max_examples=30)
@given(appends, st.integers(0, 60), st.randoms(use_true_random=False))
def test_a_power_cut_anywhere(counts: list[int], operations: int, random: Random) -> None:
    with tempfile.TemporaryDirectory() as name:
        disk = PowerCutDisk(operations, lambda: random.random() < 0.5)
        crash_and_recover(Path(name), counts, disk, disk.cut)


@pytest.mark.parametrize(
    "counts",
    [
        [1, 1],
        pytest.param([255, 1, 1], marks=pytest.mark.slow),
        pytest.param([256, 300], marks=pytest.mark.slow),
    ],
)
def test_a_power_cut_at_every_operation(tmp_path: Path, counts: list[int]) -> None:
    operations = 0
    while True:
        root = tmp_path / str(operations)
        root.mkdir()
        disk = PowerCutDisk(operations, lambda: True)
        crash_and_recover(root, counts, disk, disk.cut)
        shutil.rmtree(root)
        if disk.left >= 0:
            break
        operations += 1
    assert operations > 15


def test_the_test_s_disk_does_lose_what_is_not_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Disk, "sync", lambda _disk, _path: None)

    class Forgetful(PowerCutDisk):
        def sync(self, path: Path) -> None:
            pass

    disk = Forgetful(1000, lambda: True)
    with pytest.raises((LedgerError, AssertionError, FileNotFoundError)):
        crash_and_recover(tmp_path, [3, 3], disk, disk.cut)


def test_a_kill_at_every_operation_of_making_a_log(tmp_path: Path) -> None:
    operations = 0
    while True:
        folder = tmp_path / str(operations)
        disk = KilledDisk(operations)
        try:
            Ledger.create(folder, SIGNER, ORIGIN, disk=disk).close()
        except CrashError:
            # Either there is a log, or there is none and it can be made.
            if (folder / "checkpoint").exists():
                Ledger.open(folder, SIGNER).close()
            else:
                with pytest.raises(LedgerError):
                    Ledger.open(folder, SIGNER)
                Ledger.create(folder, SIGNER, ORIGIN).close()
            check_log(folder, [])
            operations += 1
        else:
            break
    assert operations > 6


def test_a_kill_within_a_long_append(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_APPEND", 300)
    folder = tmp_path / "log"
    Ledger.create(folder, SIGNER, ORIGIN).close()
    disk = KilledDisk(40)
    with Ledger.open(folder, SIGNER, disk=disk) as ledger, pytest.raises(CrashError):
        ledger.append(numbered(0, 1000))
    with Ledger.open(folder, SIGNER) as ledger:
        assert ledger.size in (300, 600, 900)
        check_log(folder, numbered(0, ledger.size))
        ledger.append(numbered(ledger.size, 1000))
    check_log(folder, numbered(0, 1000))


def test_other_steps_after_a_crash_make_the_same_log(tmp_path: Path) -> None:
    """A crash between tiles and checkpoint leaves tiles beyond it, of widths that are then never reached."""
    folder = tmp_path / "log"
    with Ledger.create(folder, SIGNER, ORIGIN) as ledger:
        ledger.append(numbered(0, 10))
        note = ledger.checkpoint
        ledger.append(numbered(10, 13))
    (folder / "checkpoint").write_bytes(note)
    with Ledger.open(folder, SIGNER) as ledger:
        for size in (11, 12, 14, 300):
            ledger.append(numbered(ledger.size, size))
            check_log(folder, numbered(0, size), note)
