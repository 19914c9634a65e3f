from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wicketgate.base.errors import ConfigurationError, LedgerError
from wicketgate.base.files import write_secret
from wicketgate.base.settings import load_settings
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.ledger.writer import Ledger


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def laid(tmp_path: Path) -> Deployment:
    deployment = Deployment(tmp_path / "d")
    deployment.lay()
    return deployment


def test_what_is_secret_is_readable_by_its_owner_alone(laid: Deployment) -> None:
    assert mode(laid.folder / "keys") == 0o700
    assert mode(laid.log_key) == mode(laid.index_key) == 0o600


def test_what_was_laid_can_be_used(laid: Deployment) -> None:
    assert load_settings(laid.folder).folder == laid.folder
    assert len(laid.index_secret()) == 32
    signer = note_signer(laid.signer(), "example.org/log")
    Ledger.create(laid.log, signer, "example.org/log").close()
    assert signer.vkey.startswith("example.org/log+")


def test_two_deployments_have_two_keys(tmp_path: Path) -> None:
    first, second = Deployment(tmp_path / "1"), Deployment(tmp_path / "2")
    assert first.lay().public != second.lay().public
    assert first.index_secret() != second.index_secret()


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    Deployment(tmp_path).lay()


@pytest.mark.parametrize("there", ["a file in it", "a folder in it", "a deployment", "no folder at all"])
def test_nothing_is_made_over_what_is_there(tmp_path: Path, there: str) -> None:
    folder = tmp_path / "d"
    if there == "no folder at all":
        folder.touch()
    else:
        folder.mkdir()
        if there == "a deployment":
            Deployment(folder).lay()
        elif there == "a file in it":
            (folder / "x").touch()
        else:
            (folder / "x").mkdir()
    with pytest.raises(ConfigurationError, match="never made over"):
        Deployment(folder).lay()


@pytest.mark.parametrize(
    "missing",
    [
        "wicketgate.toml",
        "log/checkpoint",
        "index/data.mdb",
        "keys/log.pem",
        "proofs/data.mdb",
        "hits/data.mdb",
    ],
)
def test_a_folder_that_is_not_whole_is_no_deployment(laid: Deployment, missing: str) -> None:
    Ledger.create(laid.log, note_signer(laid.signer(), "example.org/log"), "example.org/log").close()
    for part in ("index", "proofs", "hits"):
        laid.part(part).mkdir()
        (laid.part(part) / "data.mdb").touch()
    laid.demand()
    (laid.folder / missing).unlink()
    with pytest.raises(ConfigurationError, match=missing.rpartition("/")[2]):
        laid.demand()


def test_checkpoints_are_signed_under_the_origin_that_the_last_one_names(laid: Deployment) -> None:
    with pytest.raises(LedgerError, match="cannot be read"):
        laid.log_signer()
    signer = note_signer(laid.signer(), "example.org/log")
    Ledger.create(laid.log, signer, "example.org/log").close()
    assert laid.log_signer().vkey == signer.vkey
    (laid.log / "checkpoint").write_text("example.org/log\n5\n")
    with pytest.raises(LedgerError, match="`checkpoint`: a note is"):
        laid.log_signer()


def test_keys_that_others_may_read_are_refused(laid: Deployment) -> None:
    laid.log_key.chmod(0o644)
    laid.index_key.chmod(0o640)
    with pytest.raises(ConfigurationError, match="0600"):
        laid.signer()
    with pytest.raises(ConfigurationError, match="0600"):
        laid.index_secret()


@pytest.mark.parametrize("text", ["", "not hexadecimal", "ab", "ab" * 65])
def test_an_index_key_that_is_none(laid: Deployment, text: str) -> None:
    laid.index_key.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        laid.index_secret()
    assert not text or text not in str(caught.value)


def test_a_secret_is_never_written_over(tmp_path: Path) -> None:
    write_secret(tmp_path / "s", "one")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "s", "two")
    assert mode(tmp_path / "s") == 0o600


def test_a_second_gateway_is_refused_and_the_first_keeps_its_lock(
    laid: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wicketgate.gateway.deployment._LOCK_PATIENCE_S", 0.1)
    held = laid.lock()
    with pytest.raises(ConfigurationError, match="another gateway"):
        laid.lock()
    os.close(held)
    os.close(laid.lock())


def test_the_lock_holds_while_a_child_that_inherited_it_lives(
    laid: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = laid.lock()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"], pass_fds=(held,))
    os.close(held)  # as if the gateway were killed
    try:
        monkeypatch.setattr("wicketgate.gateway.deployment._LOCK_PATIENCE_S", 0.1)
        with pytest.raises(ConfigurationError):
            laid.lock()
    finally:
        child.kill()
        child.wait()
    begun = time.monotonic()
    os.close(laid.lock())
    assert time.monotonic() - begun < 1


def test_the_lock_waits_for_the_child_of_a_killed_gateway_to_go(laid: Deployment) -> None:
    held = laid.lock()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"], pass_fds=(held,))
    os.close(held)
    os.close(laid.lock())
    assert child.wait() == 0


def test_the_lock_is_not_inherited_by_chance(laid: Deployment) -> None:
    held = laid.lock()
    assert not os.get_inheritable(held)
    os.close(held)
