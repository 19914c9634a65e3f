from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.logs import ORIGIN, OTHER_SIGNER, SIGNER, check_log, flip, make_log, numbered, resign
from wicketgate.base.errors import LedgerError, Unreachable
from wicketgate.ledger.audit import NOT_EXTENDED, audit, fsck
from wicketgate.ledger.merkle import leaf_hashes, root
from wicketgate.ledger.tiles import Fetch, build_bundle, folder_fetch
from wicketgate.ledger.writer import Ledger

SIZE = 600


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_log(tmp_path_factory.mktemp("audit") / "log", 100, SIZE - 100)


@pytest.fixture
def log(good: Path, tmp_path: Path) -> Path:
    return shutil.copytree(good, tmp_path / "log")


def refusal(folder: Path, *seen: bytes) -> str:
    with pytest.raises(LedgerError) as caught:
        audit(folder_fetch(folder), SIGNER.verifier, seen=seen)
    return caught.value.detail


def test_a_good_log(log: Path) -> None:
    entries: list[tuple[int, bytes]] = []
    progress: list[tuple[int, int]] = []
    report = audit(
        folder_fetch(log),
        SIGNER.verifier,
        origin=ORIGIN,
        on_entry=lambda number, entry: entries.append((number, entry)),
        progress=lambda done, total: progress.append((done, total)),
    )
    assert report.checkpoint.size == SIZE
    assert report.note == (log / "checkpoint").read_bytes()
    assert (report.tiles, report.bundles, report.seen) == (4, 3, 0)
    assert entries == list(enumerate(numbered(0, SIZE)))
    assert progress == [(256, SIZE), (512, SIZE), (SIZE, SIZE)]


@pytest.mark.parametrize("number", [0, 1, 255, 256, 300, 512, 599])
def test_a_changed_entry_is_named(log: Path, number: int) -> None:
    index = number // 256
    path = "tile/entries/002.p/88" if index == 2 else f"tile/entries/{index:03d}"
    entries = numbered(index * 256, min(SIZE, index * 256 + 256))
    entries[number % 256] = b"something else"
    (log / path).write_bytes(build_bundle(entries))
    assert refusal(log) == f"entry {number}, in `{path}`, is not what was logged"


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2"])
def test_a_changed_hash_is_named(log: Path, path: str) -> None:
    for at in {0, (log / path).stat().st_size // 32 - 1}:
        flip(log / path, at * 32 + 7)
        assert refusal(log) == f"`{path}` is wrong at hash {at}"
        flip(log / path, at * 32 + 7)


def test_every_byte_counts(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "log", 9)
    for path in ("checkpoint", "tile/0/000.p/9", "tile/entries/000.p/9"):
        for at in range((folder / path).stat().st_size):
            flip(folder / path, at)
            assert path in refusal(folder)
            flip(folder / path, at)
    check_log(folder, numbered(0, 9))


def test_every_missing_file_is_named(log: Path) -> None:
    for path in (
        "checkpoint",
        "tile/0/001",
        "tile/0/002.p/88",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/002.p/88",
    ):
        data = (log / path).read_bytes()
        (log / path).unlink()
        assert refusal(log) == f"`{path}` is missing"
        (log / path).write_bytes(data)


def test_an_entry_and_its_hash_changed_together(log: Path) -> None:
    entries = numbered(0, 256)
    entries[7] = b"something else"
    (log / "tile/entries/000").write_bytes(build_bundle(entries))
    (log / "tile/0/000").write_bytes(b"".join(leaf_hashes(entries)))
    assert refusal(log) == "entries 0 to 255 and their tiles are not what was logged"


def test_an_entry_and_all_hashes_changed_together(log: Path) -> None:
    entries = numbered(512, SIZE)
    entries[7] = b"something else"
    (log / "tile/entries/002.p/88").write_bytes(build_bundle(entries))
    (log / "tile/0/002.p/88").write_bytes(b"".join(leaf_hashes(entries)))
    assert refusal(log) == f"`checkpoint` has another root than its {SIZE} entries and tiles"


def test_two_changes_that_hide_each_other(log: Path) -> None:
    flip(log / "tile/0/000", 0)
    flip(log / "tile/1/000.p/2", 32)
    assert "at hash 0; neither leads to `checkpoint`" in refusal(log)


def test_another_key_or_origin_is_refused(log: Path) -> None:
    with pytest.raises(LedgerError, match="no signature of a trusted key"):
        audit(folder_fetch(log), OTHER_SIGNER.verifier)
    with pytest.raises(LedgerError, match=f"is of the log `{ORIGIN}`, not `another`"):
        audit(folder_fetch(log), SIGNER.verifier, origin="another")


def test_a_false_root_under_a_good_signature(log: Path) -> None:
    resign(log, SIZE, root(leaf_hashes([b"other"] * SIZE)))
    assert "`checkpoint`" in refusal(log)


def test_a_log_that_was_shortened(log: Path) -> None:
    note = (log / "checkpoint").read_bytes()
    resign(log, 100, root(leaf_hashes(numbered(0, 100))))
    check_log(log, numbered(0, 100))
    assert refusal(log, note) == "the log was shortened: `checkpoint` has 100 entries, one seen before 600"


@pytest.mark.parametrize("kept", [1, 100, 255, 256, 257, 512, 599])
def test_a_log_that_forks(log: Path, tmp_path: Path, kept: int) -> None:
    folder = tmp_path / "fork"
    with Ledger.create(folder, SIGNER, ORIGIN) as ledger:
        ledger.append(numbered(0, kept - 1))
        common = ledger.checkpoint
        ledger.append([b"what was first logged"])
        note = ledger.checkpoint
    assert refusal(log, common, note) == f"the log forks from a checkpoint seen before, of {kept} entries"
    assert audit(folder_fetch(log), SIGNER.verifier, seen=[common]).seen == 1


def test_a_log_of_the_same_size_that_forks(log: Path, tmp_path: Path) -> None:
    with Ledger.create(tmp_path / "fork", SIGNER, ORIGIN) as ledger:
        ledger.append([*numbered(0, SIZE - 1), b"x"])
        assert "forks" in refusal(log, ledger.checkpoint)


def test_older_checkpoints_in_any_order(log: Path, tmp_path: Path) -> None:
    seen = []
    with Ledger.create(tmp_path / "again", SIGNER, ORIGIN) as ledger:
        for end in (0, 1, 100, 256, 257, 512, 513, SIZE):
            ledger.append(numbered(ledger.size, end))
            seen.append(ledger.checkpoint)
    assert audit(folder_fetch(log), SIGNER.verifier, seen=[*seen[::-1], *seen]).seen == 16


def test_an_older_checkpoint_must_be_the_log_s(log: Path, tmp_path: Path) -> None:
    assert "a checkpoint seen before: a note" in refusal(log, b"rubbish")
    with Ledger.create(tmp_path / "other", SIGNER, "another") as ledger:
        assert refusal(log, ledger.checkpoint) == f"a checkpoint seen before is of `another`, not `{ORIGIN}`"


def test_fsck_looks_at_older_partial_tiles(log: Path) -> None:
    for name in ("tile/0/002.p/50", "tile/entries/002.p/50"):
        data = (log / name.replace("50", "88")).read_bytes()
        half = data[: 50 * 32] if "/0/" in name else build_bundle(numbered(512, 562))
        (log / name).write_bytes(half)
        fsck(log, SIGNER.verifier)
        flip(log / name, 33)
        with pytest.raises(LedgerError, match=rf"`{name}` is not a beginning of its tile"):
            fsck(log, SIGNER.verifier)
        (log / name).unlink()


def test_fsck_leaves_what_is_beyond_the_checkpoint_alone(log: Path) -> None:
    (log / "tile/0/002.p/89").write_bytes(b"not yet")
    (log / "tile/0/003").write_bytes(b"not yet")
    fsck(log, SIGNER.verifier)


def test_fsck_names_what_is_no_tile(log: Path) -> None:
    (log / "tile/0/notes.txt").write_bytes(b"")
    with pytest.raises(LedgerError, match=r"`tile/0/notes\.txt` is not the path of a tile"):
        fsck(log, SIGNER.verifier)


def test_a_log_that_is_damaged_is_not_called_rewritten(tmp_path: Path) -> None:
    """Beside a checkpoint that was kept the damage is named, where it is."""
    folder = tmp_path / "log"
    with Ledger.create(folder, SIGNER, ORIGIN) as ledger:
        ledger.append(numbered(0, 300))
    seen = (folder / "checkpoint").read_bytes()
    for path in ("tile/entries/000", "tile/0/000", "tile/entries/001.p/44", "tile/1/000.p/1"):
        file = folder / path
        good = file.read_bytes()
        flip(file, len(good) // 2)
        with pytest.raises(LedgerError) as caught:
            audit(folder_fetch(folder), SIGNER.verifier, seen=[seen])
        assert caught.value.code == "ledger-invalid", path
        assert path in caught.value.detail
        file.write_bytes(good)
    assert audit(folder_fetch(folder), SIGNER.verifier, seen=[seen]).checkpoint.size == 300


# --- what is withheld ---------------------------------------------------------------------------------------------


def withholding(folder: Path, *parts: str) -> Fetch:
    """Return a `Fetch` over a log that answers 503 for what has one of some texts in its path."""
    fetch = folder_fetch(folder)

    def withheld(path: str) -> bytes:
        if any(part in path for part in parts):
            raise Unreachable(f"`{path}` answers 503")
        return fetch(path)

    return withheld


def forked(folder: Path, kept: int) -> bytes:
    """Return the checkpoint of another history of `kept` entries, signed with the same key."""
    with Ledger.create(folder, SIGNER, ORIGIN) as ledger:
        ledger.append([*numbered(0, kept - 20), *([b"what was first logged"] * 20)])
        return ledger.checkpoint


@pytest.mark.parametrize(
    "part", ["entries/000", "entries/001", "entries/002", "tile/0/000", "tile/0/002", "tile/1/"]
)
@pytest.mark.parametrize("kept", [100, 256, 300, 590])
def test_a_fork_is_found_whatever_one_file_is_withheld(
    log: Path, tmp_path: Path, part: str, kept: int
) -> None:
    """An attacker answered 503 for one tile or the last bundle, and nobody ever called the log rewritten."""
    note = forked(tmp_path / "fork", kept)
    with pytest.raises(
        LedgerError, match=f"forks from a checkpoint seen before, of {kept} entries"
    ) as caught:
        audit(withholding(log, part), SIGNER.verifier, seen=[note])
    assert caught.value.code == NOT_EXTENDED


@pytest.mark.parametrize(
    "parts", [("entries/",), ("tile/0/000", "entries/000"), ("tile/entries/", "tile/1/")]
)
def test_a_fork_that_tiles_prove_is_found_without_entries(
    log: Path, tmp_path: Path, parts: tuple[str, ...]
) -> None:
    with pytest.raises(LedgerError, match="forks from a checkpoint seen before, of 590 entries"):
        audit(withholding(log, *parts), SIGNER.verifier, seen=[forked(tmp_path / "fork", 590)])


def test_a_fork_that_cannot_be_proved_is_said(log: Path, tmp_path: Path) -> None:
    note = forked(tmp_path / "fork", 100)
    with pytest.raises(
        LedgerError, match="do not lead to a checkpoint seen before, of 100 entries"
    ) as caught:
        audit(withholding(log, "entries/001", "tile/0", "tile/1"), SIGNER.verifier, seen=[note])
    assert caught.value.code != NOT_EXTENDED  # nobody is accused of what is not proved


@pytest.mark.parametrize("part", ["entries/001", "tile/0/001", "tile/1/"])
def test_a_log_that_goes_on_and_withholds_a_file_is_not_verified_and_not_accused(
    log: Path, part: str
) -> None:
    with Ledger.open(log, SIGNER) as ledger:
        seen = ledger.checkpoint
        ledger.append(numbered(SIZE, SIZE + 30))
    for notes in ([seen], []):
        with pytest.raises(Unreachable, match="503"):
            audit(withholding(log, part), SIGNER.verifier, seen=notes)


def test_a_log_that_answers_nothing_is_given_up_soon(tmp_path: Path) -> None:
    folder = make_log(tmp_path / "long", *([2000] * 3))
    note = (folder / "checkpoint").read_bytes()
    asked: list[str] = []

    def fetch(path: str) -> bytes:
        asked.append(path)
        return withholding(folder, "tile/")(path)

    with pytest.raises(Unreachable):
        audit(fetch, SIGNER.verifier, seen=[note])
    assert len(asked) < 12


def test_a_tile_that_differs_is_false_whatever_else_is_withheld(log: Path) -> None:
    flip(log / "tile/0/001", 7)
    with pytest.raises(LedgerError, match="`tile/0/001` does not agree with what it is over at hash 0"):
        audit(withholding(log, "tile/1/"), SIGNER.verifier)
