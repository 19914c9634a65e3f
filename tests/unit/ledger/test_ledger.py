from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.logs import ORIGIN, OTHER_SIGNER, SIGNER, check_log, flip, make_log, numbered, resign
from wicketgate.base.errors import LedgerError, ShapeError
from wicketgate.ledger import writer as ledger_module
from wicketgate.ledger.merkle import EMPTY_ROOT, leaf_hashes, root, verify_inclusion
from wicketgate.ledger.notes import open_checkpoint
from wicketgate.ledger.writer import Disk, Ledger


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


class Counting(Disk):
    """A disk that counts what is slow."""

    def __init__(self) -> None:
        self.syncs = 0

    def sync(self, path: Path) -> None:
        self.syncs += 1
        super().sync(path)


def test_a_new_log_is_empty_and_signed(tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "log", SIGNER, ORIGIN) as ledger:
        assert (ledger.origin, ledger.size, ledger.root) == (ORIGIN, 0, EMPTY_ROOT)
        assert open_checkpoint(ledger.checkpoint, [SIGNER.verifier]).size == 0
    assert files(tmp_path / "log") == ["checkpoint"]
    check_log(tmp_path / "log", [])


def test_state_is_never_created_silently(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened"):
        Ledger.open(tmp_path / "log", SIGNER)
    with pytest.raises(LedgerError, match="`checkpoint` is missing"):
        Ledger.open(tmp_path, SIGNER)
    assert list(tmp_path.iterdir()) == []


def test_a_log_is_never_made_over_something(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log", 3)
    with pytest.raises(LedgerError, match="is not empty"):
        Ledger.create(folder, SIGNER, ORIGIN)
    (folder / "checkpoint").unlink()
    with pytest.raises(LedgerError, match="holds tiles without a checkpoint"):
        Ledger.create(folder, SIGNER, ORIGIN)
    with pytest.raises(LedgerError, match="cannot be written: No such file"):
        Ledger.create(tmp_path / "no" / "folder", SIGNER, ORIGIN)


def test_entries_are_there_once_append_returns(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    entries: list[bytes] = []
    seen: list[bytes] = []
    with Ledger.create(folder, SIGNER, ORIGIN) as ledger:
        for count in (1, 1, 2, 251, 1, 1, 300, 0):
            more = numbered(len(entries), len(entries) + count)
            ledger.append(more)
            entries += more
            assert ledger.size == len(entries)
            assert ledger.root == root(leaf_hashes(entries))
            assert ledger.checkpoint == (folder / "checkpoint").read_bytes()
            check_log(folder, entries, *seen)
            seen.append(ledger.checkpoint)


def test_the_files_are_those_of_the_specification(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log", 5, 256)
    assert files(folder) == [
        "checkpoint",
        "tile/0/000",
        "tile/0/000.p/5",
        "tile/0/001.p/5",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/000.p/5",
        "tile/entries/001.p/5",
    ]


def test_partial_tiles_go_once_the_next_tile_is_full(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log", *[100] * 8)
    assert [name for name in files(folder) if name.startswith("tile/0")] == [
        "tile/0/000",
        "tile/0/001",
        "tile/0/002",
        "tile/0/002.p/188",
        "tile/0/002.p/88",
        "tile/0/003.p/32",
    ]
    check_log(folder, numbered(0, 800))


def test_a_log_goes_on_after_it_was_opened_again(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log", 0)
    for end in (3, 255, 256, 257, 600):
        with Ledger.open(folder, SIGNER) as ledger:
            ledger.append(numbered(ledger.size, end))
        check_log(folder, numbered(0, end))


def test_the_same_entries_make_the_same_bytes(tmp_path: Path) -> None:
    one, other = make_log(tmp_path / "one", 300, 7), make_log(tmp_path / "other", 300, 7)
    assert files(one) == files(other)
    for name in files(one):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_entries_of_every_length_that_fits(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log")
    entries = [b"", b"x" * 65_535, b""]
    with Ledger.open(folder, SIGNER) as ledger:
        ledger.append(entries)
        with pytest.raises(LedgerError, match="entry 4 has 65536 bytes; 65535 fit"):
            ledger.append([b"fits", b"x" * 65_536])
        assert ledger.size == 3
    check_log(folder, entries)


def test_a_long_append_is_taken_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_APPEND", 300)
    folder = make_log(tmp_path / "log", 10, 1000)
    check_log(folder, numbered(0, 1010))


def test_one_entry_costs_few_syncs(tmp_path: Path) -> None:
    disk = Counting()
    folder = make_log(tmp_path / "log", 5)
    with Ledger.open(folder, SIGNER, disk=disk) as ledger:
        ledger.append([b"first"])
        for _ in range(3):
            disk.syncs = 0
            ledger.append([b"next"])
            assert disk.syncs == 6


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log", 1)
    with Ledger.open(folder, SIGNER) as ledger:
        with pytest.raises(LedgerError, match="held by another process"):
            Ledger.open(folder, SIGNER)
        ledger.close()
        with pytest.raises(LedgerError, match="is closed"):
            ledger.append([b"x"])
        Ledger.open(folder, SIGNER).close()


def test_only_the_key_of_the_log_opens_it(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log", 1)
    with pytest.raises(LedgerError, match="no signature of a trusted key"):
        Ledger.open(folder, OTHER_SIGNER)
    Ledger.open(folder, SIGNER).close()


@pytest.mark.parametrize(
    ("file", "error"),
    [
        ("tile/0/001.p/44", "do not lead to `checkpoint`"),
        ("tile/1/000.p/1", "do not lead to `checkpoint`"),
        ("tile/entries/001.p/44", r"`tile/entries/001\.p/44`"),
        ("checkpoint", "`checkpoint`"),
    ],
)
def test_a_damaged_right_edge_is_not_built_upon(tmp_path: Path, file: str, error: str) -> None:
    folder = make_log(tmp_path / "log", 300)
    flip(folder / file, 20)
    with pytest.raises(LedgerError, match=error):
        Ledger.open(folder, SIGNER)


def test_a_missing_tile_at_the_right_edge_is_named(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log", 300)
    (folder / "tile/0/001.p/44").unlink()
    with pytest.raises(LedgerError, match=r"`tile/0/001\.p/44` is missing"):
        Ledger.open(folder, SIGNER)


def test_the_second_of_two_histories_is_refused(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log", 10, 1)
    # A checkpoint from a backup makes the log one entry shorter. Only the same entry may follow.
    resign(folder, 10, root(leaf_hashes(numbered(0, 10))))
    with Ledger.open(folder, SIGNER) as ledger:
        with pytest.raises(LedgerError, match="two histories"):
            ledger.append([b"another"])
        assert ledger.size == 10
        ledger.append(numbered(10, 11))
    check_log(folder, numbered(0, 11))


def test_proofs(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log", 700)
    hashes = leaf_hashes(numbered(0, 700))
    with Ledger.open(folder, SIGNER) as ledger:
        for index in (0, 255, 256, 699):
            assert verify_inclusion(hashes[index], index, 700, ledger.inclusion(index), ledger.root)
        assert verify_inclusion(hashes[9], 9, 300, ledger.inclusion(9, 300), root(hashes[:300]))
        for index, size in ((700, None), (-1, None), (5, 5), (0, 701), (0, 0)):
            with pytest.raises(ShapeError):
                ledger.inclusion(index, size)


def test_no_proof_is_given_over_a_damaged_tile(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log", 700)
    flip(folder / "tile/0/000", 9 * 32)
    with Ledger.open(folder, SIGNER) as ledger:
        with pytest.raises(LedgerError, match="run fsck"):
            ledger.inclusion(5)
        ledger.inclusion(300)


def test_a_disk_that_is_full_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    class Full(Disk):
        full = False

        def write(self, path: Path, data: bytes) -> None:
            if self.full:
                raise OSError(28, os.strerror(28))
            super().write(path, data)

    disk = Full()
    folder = make_log(tmp_path / "log", 5)
    with Ledger.open(folder, SIGNER, disk=disk) as ledger:
        disk.full = True
        with pytest.raises(LedgerError, match="cannot be written: No space left"):
            ledger.append(numbered(5, 300))
        assert ledger.size == 5
        check_log(folder, numbered(0, 5))
        disk.full = False
        ledger.append(numbered(5, 300))
        check_log(folder, numbered(0, 300))
