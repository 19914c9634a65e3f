"""A log that grows and forks, for tests of witnesses, and others' witness as a process."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.harness import WICKETGATE
from tests.logs import ORIGIN, SIGNER, numbered
from tests.needs import unmet
from tests.objects import free_ports
from tests.running import until
from wicketgate.clients.witness.place import WitnessPlace
from wicketgate.ledger.merkle import consistency_ranges, leaf_hashes, root
from wicketgate.ledger.notes import Checkpoint, NoteSigner, sign_note

LOCK = Path(__file__).parent / "system/foreign/witness.lock"
CACHE = Path(sys.prefix) / "foreign"
_INSTALL_S = 240


class GrownLog:
    """A log in memory, whose entries from `forks_at` on are others'."""

    def __init__(self, size: int, forks_at: int | None = None, *, signer: NoteSigner = SIGNER) -> None:
        entries = numbered(0, size)
        if forks_at is not None:
            entries[forks_at:] = [b"other " + one for one in entries[forks_at:]]
        self.hashes = leaf_hashes(entries)
        self.signer = signer

    def checkpoint(self, size: int, origin: str = ORIGIN) -> bytes:
        """Return the signed checkpoint at a size."""
        head = Checkpoint(origin=origin, size=size, root=root(self.hashes[:size]))
        return sign_note(head.to_text(), [self.signer])

    def proof(self, old: int, size: int) -> list[bytes]:
        """Return the proof of consistency between two sizes."""
        if old in (0, size):
            return []
        return [root(self.hashes[first:end]) for first, end in consistency_ranges(old, size)]

    def submission(self, old: int, size: int) -> bytes:
        """Return a body for `add-checkpoint`."""
        return submission(str(old), self.proof(old, size), self.checkpoint(size))


def submission(old: str, proof: list[bytes], note: bytes) -> bytes:
    """Return a body of any parts."""
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof)]
    return "\n".join(lines).encode() + b"\n\n" + note


def foreign_environment() -> Path:
    """Return the environment of others' witness, installed once beside this one, hashes checked."""
    folder = CACHE / f"witness-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "witness-lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            # It declares a later Python than it needs.
            install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
            for words in (
                [sys.executable, "-m", "venv", str(folder)],
                [str(folder / "bin/python"), *install, "--ignore-requires-python", "-r", str(LOCK)],
            ):
                try:
                    done = subprocess.run(
                        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_INSTALL_S
                    )
                except subprocess.TimeoutExpired:
                    unmet(f"others' witness was not installed within {_INSTALL_S} s")
                if done.returncode:
                    unmet(f"others' witness cannot be installed: {done.stderr.strip()[-300:]}")
            (folder / "done").touch()
    return folder


class ForeignWitness:
    """Others' witness as a process: its key is known before any log."""

    def __init__(self, folder: Path, name: str = "foreign.example/w") -> None:
        self.folder = folder
        self._program = str(foreign_environment() / "bin/aics-witness")
        self._config = str(folder / "witness.json")
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        listen = f"127.0.0.1:{self.port}"
        self.key = self._run("init", "--config", self._config, "--name", name, "--listen", listen).split()[-1]
        self.process: subprocess.Popen[bytes] | None = None

    def _run(self, *words: str) -> str:
        return subprocess.run(
            [self._program, *words], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
        ).stdout

    def start(self, vkey: str, origin: str) -> None:
        """Start it with one log to know."""
        self._run("add-log", "--config", self._config, "--origin", origin, "--vkey", vkey)
        with (self.folder / "foreign.log").open("wb") as log:
            self.process = subprocess.Popen(
                [self._program, "serve", "--config", self._config], stdout=log, stderr=log
            )
        until(lambda: _answers(self.url))

    def named(self) -> dict[str, object]:
        """Return it as a charter names it."""
        return {"id": "foreign", "title": "Others’ witness", "url": self.url, "keys": [self.key]}

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def foreign_witness(folder: Path, vkey: str = SIGNER.vkey, origin: str = ORIGIN) -> Iterator[tuple[str, str]]:
    """Run others' witness that knows one log; yield its address and its key."""
    witness = ForeignWitness(folder)
    try:
        witness.start(vkey, origin)
        yield witness.url, witness.key
    finally:
        witness.kill()


def _answers(url: str) -> bool:
    try:
        httpx.get(url, timeout=2)
    except httpx.TransportError:
        return False
    return True


class OwnWitness:
    """`wicketgate witness` as a process, at a port that it keeps: its keys are known before any log."""

    def __init__(self, folder: Path, number: int = 1) -> None:
        self.folder = folder / f"witness-{number}"
        self.name = f"w{number}"
        place = WitnessPlace(self.folder, f"witness.example/{self.name}")
        self.keys = [one.vkey for one in place.cosigners]
        place.close()
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.said = self.folder.with_suffix(".said")

    def named(self) -> dict[str, object]:
        """Return it as a charter names it."""
        return {"id": self.name, "title": f"Witness {self.name}", "url": self.url, "keys": self.keys}

    def start(self, vkey: str = "") -> None:
        """Start it, with a log to know from now on."""
        words = ["witness", str(self.folder), "--port", str(self.port), *(["--log", vkey] if vkey else [])]
        with self.said.open("ab") as said:
            self.process = subprocess.Popen([*WICKETGATE, *words], stdout=said, stderr=said)
        until(lambda: _answers(self.url))

    def kill(self) -> None:
        """Kill it, if it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def naming(named: list[dict[str, object]], needed: int, **after: str) -> Callable[[dict[str, Any]], None]:
    """Return what writes a clause on witnesses into a charter."""

    def change(charter: dict[str, Any]) -> None:
        charter["witnesses"] = {
            "needed": needed,
            "bulk_after": "PT5S",
            "search_after": "PT10S",
            "match_after": "PT15S",
            **after,
            "named": named,
        }

    return change
