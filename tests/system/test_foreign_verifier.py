"""A log of ours, verified by code that others wrote: golang.org/x/mod/sumdb by the Go authors, as in Debian.

`foreign/main.go` is a reader of files and nothing else: the library checks notes, tiles, hashes and proofs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.logs import ORIGIN, OTHER_SIGNER, SIGNER, flip, numbered, resign
from tests.needs import unmet
from wicketgate.ledger.merkle import leaf_hashes, root
from wicketgate.ledger.writer import Ledger

LIBRARY = Path("/usr/share/gocode")
SIZES = (0, 1, 2, 255, 256, 257, 65_536, 65_537, 70_000)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the verifier, from packages that are installed: nothing is fetched."""
    go = shutil.which("go")
    if go is None or not (LIBRARY / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        unmet(
            "needs Go and golang.org/x/mod: run tools/install_foreign_verifier.sh as root on Debian, "
            "or apt-get install golang-go golang-golang-x-mod-dev"
        )
    built = tmp_path_factory.mktemp("foreign") / "verify"
    environment = os.environ | {
        "GO111MODULE": "off",
        "GOPATH": str(LIBRARY),
        "GOFLAGS": "",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOCACHE": str(built.parent / "cache"),
        "CGO_ENABLED": "0",
    }
    source = Path(__file__).parent / "foreign/main.go"
    subprocess.run([go, "build", "-o", built, source], env=environment, check=True, timeout=200)
    return built


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """One log, copied at each of the sizes."""
    root = tmp_path_factory.mktemp("logs")
    copies = {}
    with Ledger.create(root / "log", SIGNER, ORIGIN) as ledger:
        for size in SIZES:
            ledger.append(numbered(ledger.size, size))
            copies[size] = shutil.copytree(root / "log", root / str(size))
    return copies


@pytest.fixture
def log(logs: dict[int, Path], tmp_path: Path) -> Path:
    return shutil.copytree(logs[257], tmp_path / "log")


def verify(program: Path, folder: Path, vkey: str = SIGNER.vkey) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, folder, vkey], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("size", SIZES)
def test_a_log_of_ours_verifies(program: Path, logs: dict[int, Path], size: int) -> None:
    result = verify(program, logs[size])
    assert result.returncode == 0, result.stderr
    ok, origin, entries, hashed, proofs = result.stdout.split()
    assert (ok, origin, int(entries), int(hashed)) == ("ok", ORIGIN, size, size)
    assert int(proofs) >= min(size, 300)


@pytest.mark.parametrize(
    ("path", "at", "reason"),
    [
        ("checkpoint", len(ORIGIN) + 1, "invalid signature"),
        ("tile/entries/000", 1000, ""),
        ("tile/entries/001.p/1", 2, "entry 256 is not what its tile says"),
        ("tile/0/000", 8191, "inconsistent tile"),
        ("tile/0/001.p/1", 0, "inconsistent"),
        ("tile/1/000.p/1", 31, "inconsistent"),
    ],
)
def test_one_changed_byte_fails(program: Path, log: Path, path: str, at: int, reason: str) -> None:
    flip(log / path, at)
    result = verify(program, log)
    assert result.returncode == 1
    assert reason in result.stderr


def test_another_key_fails(program: Path, log: Path) -> None:
    result = verify(program, log, OTHER_SIGNER.vkey)
    assert result.returncode == 1
    assert "no verifiable signatures" in result.stderr


def test_a_false_root_fails(program: Path, log: Path) -> None:
    resign(log, 257, root(leaf_hashes([b"other"] * 257)))
    assert verify(program, log).returncode == 1
