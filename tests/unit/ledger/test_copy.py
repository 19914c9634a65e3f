"""A copy of the log: the same bytes at every path, under the same checkpoints, and nothing that differs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.logs import numbered
from wicketgate.base.errors import LedgerError
from wicketgate.base.signing import PrivateKey
from wicketgate.ledger import copy as copy_module
from wicketgate.ledger.copy import LogCopy
from wicketgate.ledger.notes import NoteSigner, sign_note
from wicketgate.ledger.tiles import folder_fetch
from wicketgate.ledger.writer import Ledger

ORIGIN = "gateway.example/copied"
SIGNER = NoteSigner(name=ORIGIN, private=PrivateKey.generate())


def files(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".")}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.create(tmp_path / "log", SIGNER, ORIGIN)


def test_a_copy_has_the_same_bytes_at_every_path(tmp_path: Path, ledger: Ledger) -> None:
    copy = LogCopy.open(tmp_path / "copy", SIGNER.verifier)
    assert (copy.size, copy.checkpoint) == (0, b"")
    at = 0
    for step in (1, 2, 255, 1, 300, 0, 1000):
        entries = numbered(at, at + step)
        at += step
        ledger.append(entries)
        copy.append(entries, ledger.checkpoint)
        assert files(tmp_path / "copy") == files(tmp_path / "log")
    assert copy.inclusion(700) == ledger.inclusion(700)
    assert copy.entry(700) == ledger.entry(700)
    copy.close()
    again = LogCopy.open(tmp_path / "copy", SIGNER.verifier)
    assert again.checkpoint == ledger.checkpoint


def test_a_copy_takes_what_it_lacks_from_another_and_verifies_it(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_module, "MAX_APPEND", 300)
    ledger.append(numbered(0, 700))
    copy = LogCopy.open(tmp_path / "copy", SIGNER.verifier)
    copy.append(numbered(0, 700), ledger.checkpoint)
    ledger.append(numbered(700, 2100))
    copy.take_from(folder_fetch(tmp_path / "log"))
    assert copy.checkpoint == ledger.checkpoint
    copy.close()
    LogCopy.open(tmp_path / "copy", SIGNER.verifier).close()
    fresh = LogCopy.open(tmp_path / "fresh", SIGNER.verifier)
    fresh.take_from(folder_fetch(tmp_path / "log"))
    assert fresh.root == ledger.root
    assert fresh.inclusion(2000) == ledger.inclusion(2000)


def test_what_differs_is_refused_and_the_copy_stays_as_it_was(tmp_path: Path, ledger: Ledger) -> None:
    copy = LogCopy.open(tmp_path / "copy", SIGNER.verifier)
    ledger.append(numbered(0, 10))
    copy.append(numbered(0, 10), ledger.checkpoint)
    held = files(tmp_path / "copy")["checkpoint"]
    ledger.append(numbered(10, 20))
    with pytest.raises(LedgerError) as raised:
        copy.append([*numbered(10, 19), b"another"], ledger.checkpoint)
    assert raised.value.code == "log-differs"
    with pytest.raises(LedgerError, match="does not end"):
        copy.append(numbered(10, 19), ledger.checkpoint)
    assert copy.size == 10
    assert files(tmp_path / "copy")["checkpoint"] == held

    other = Ledger.create(tmp_path / "other", SIGNER, ORIGIN)
    other.append([b"another", *numbered(1, 30)])
    with pytest.raises(LedgerError) as forked:
        copy.take_from(folder_fetch(tmp_path / "other"))
    assert forked.value.code in {"log-differs", "ledger-invalid"}
    assert copy.size == 10
    with pytest.raises(LedgerError) as shorter:
        copy.append([], other.checkpoint)
    assert "does not end" in shorter.value.detail


def test_a_checkpoint_of_another_key_is_refused(tmp_path: Path, ledger: Ledger) -> None:
    stranger = NoteSigner(name=ORIGIN, private=PrivateKey.generate())
    copy = LogCopy.open(tmp_path / "copy", SIGNER.verifier)
    ledger.append(numbered(0, 3))
    theirs = ledger.checkpoint.split(b"\n\n")[0].decode() + "\n"
    with pytest.raises(Exception, match="sign"):
        copy.append(numbered(0, 3), sign_note(theirs, [stranger]))
    assert copy.size == 0


def test_a_copy_is_held_by_one(tmp_path: Path) -> None:
    held = LogCopy.open(tmp_path / "copy", SIGNER.verifier)
    with pytest.raises(LedgerError, match="held by another"):
        LogCopy.open(tmp_path / "copy", SIGNER.verifier)
    held.close()


def test_what_a_crash_left_is_met_again(tmp_path: Path, ledger: Ledger) -> None:
    copy = LogCopy.open(tmp_path / "copy", SIGNER.verifier)
    copy._lay(numbered(0, 300))  # and then it is killed
    copy.close()
    ledger.append(numbered(0, 300))
    again = LogCopy.open(tmp_path / "copy", SIGNER.verifier)
    assert again.size == 0
    again.append(numbered(0, 300), ledger.checkpoint)
    assert files(tmp_path / "copy") == files(tmp_path / "log")


# --- the log of a sequencer that waits ------------------------------------------------------------------------


class NoKey:
    """What a sequencer that waits has in the place of the log's key: it signs nothing."""

    def __init__(self, private: PrivateKey) -> None:
        self.public = private.public
        self.signed = 0

    def sign(self, message: bytes) -> bytes:
        self.signed += 1
        raise LedgerError("it does not lead")


def test_what_is_laid_counts_by_the_checkpoint_of_the_one_that_leads(tmp_path: Path, ledger: Ledger) -> None:
    key = PrivateKey.generate()
    leading = Ledger.create(tmp_path / "leading", NoteSigner(name=ORIGIN, private=key), ORIGIN)
    shutil.copytree(tmp_path / "leading", tmp_path / "waiting")
    no_key = NoKey(key)
    waiting = Ledger.open(tmp_path / "waiting", NoteSigner(name=ORIGIN, private=no_key))
    at = 0
    for step in (1, 255, 1, 40_000, 3):
        entries = numbered(at, at + step)
        at += step
        leading.append(entries)
        for start in range(0, len(entries), 7000):
            waiting.lay(entries[start : start + 7000])
        assert (waiting.laid, waiting.size) == (at, at - step)
        waiting.count(leading.checkpoint)
        assert (waiting.laid, waiting.checkpoint) == (at, leading.checkpoint)
    assert no_key.signed == 0
    held = files(tmp_path / "waiting")
    full = {name: data for name, data in files(tmp_path / "leading").items() if ".p/" not in name}
    assert full.items() <= held.items()
    assert len(full) > 300
    waiting.close()
    leading.close()
    Ledger.open(tmp_path / "waiting", NoteSigner(name=ORIGIN, private=no_key)).close()  # its edge holds


def test_what_is_laid_and_not_signed_is_signed_once_one_leads(tmp_path: Path, ledger: Ledger) -> None:
    ledger.append(numbered(0, 300))
    ledger.lay(numbered(300, 301))
    ledger.lay(numbered(301, 700))
    assert ledger.size == 300
    ledger.count()
    assert ledger.size == ledger.laid == 700
    ledger.append(numbered(700, 710))
    ledger.close()
    again = Ledger.open(tmp_path / "log", SIGNER)
    assert [again.entry(n) for n in (0, 300, 699, 709)] == [numbered(n, n + 1)[0] for n in (0, 300, 699, 709)]
    again.close()


def test_a_crash_leaves_what_was_laid_to_be_laid_again(tmp_path: Path, ledger: Ledger) -> None:
    ledger.append(numbered(0, 10))
    ledger.lay(numbered(10, 600))
    ledger.close()
    again = Ledger.open(tmp_path / "log", SIGNER)
    assert again.size == again.laid == 10
    again.lay(numbered(10, 600))
    again.count()
    assert again.size == 600
    again.close()


def test_a_checkpoint_over_something_else_counts_nothing(tmp_path: Path, ledger: Ledger) -> None:
    other = Ledger.create(tmp_path / "other", SIGNER, ORIGIN)
    other.append(numbered(100, 200))
    ledger.lay(numbered(0, 100))
    with pytest.raises(LedgerError, match="not what the log's key has signed"):
        ledger.count(other.checkpoint)
    assert ledger.size == 0
    ledger.close()
    other.close()
