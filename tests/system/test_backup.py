"""Backup and restore of a running deployment: real servers, real kills, and what a stolen backup gives.

Each writes reads all the while, as sources do; what counts is what a restored gateway serves, and what `verify` says.
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bench.harness import WICKETGATE
from tests.running import TLS
from tests.system.test_history import await_history, kept
from tests.system.test_kill import World, settle, world
from wicketgate.ledger.notes import unverified_checkpoint
from wicketgate.ledger.sealing import new_identity
from wicketgate.ledger.tiles import folder_fetch, iterate_entries
from wicketgate_demo.world import london

__all__ = ["kept", "world"]
SECONDS = re.compile(r"Written: ([0-9.]+) MB")


class Backed:
    """A deployment that is backed up, and where its backups lie."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.identity, recipient = new_identity()
        self.identity_file = world.folder / "identity.txt"
        self.identity_file.touch(0o600)
        self.identity_file.write_text(self.identity)
        self.to, self.keys = world.folder / "objects", world.folder / "the-keys"
        with (world.folder / "gateway" / "wicketgate.toml").open("a") as settings:
            settings.write(f'\n[backup]\nrecipients = ["{recipient}"]\n')
        self.again()

    def again(self) -> None:
        """Stop the gateway, and start it."""
        self.stop()
        self.world.start()

    def stop(self) -> None:
        assert self.world.process is not None
        self.world.process.terminate()
        self.world.process.wait(60)

    def command(self) -> list[str]:
        gateway = str(self.world.folder / "gateway")
        return [*WICKETGATE, "backup", gateway, "--to", str(self.to), "--keys", str(self.keys)]

    def take(self) -> str:
        """Take a backup, and return what the command said."""
        done = subprocess.run(self.command(), capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr + self.world.log()[-3000:]
        return done.stdout

    def restore(self, seen: Path, *, key: bytes | None = None) -> subprocess.CompletedProcess[str]:
        """Move the deployment away, and restore the backup where it lay."""
        former = self.world.folder / "gateway"
        away = self.world.folder / "former"
        shutil.rmtree(away, ignore_errors=True)
        former.rename(away)
        (former / "keys").mkdir(mode=0o700, parents=True)
        for name in ("log.pem", "admin.token"):
            shutil.copy2(away / "keys" / name, former / "keys" / name)
        if key is not None:
            (former / "keys" / "log.pem").write_bytes(key)
        return self.run_restore(seen)

    def run_restore(self, seen: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.restoring(seen), capture_output=True, text=True, timeout=300, check=False)

    def restoring(self, seen: Path) -> list[str]:
        gateway = str(self.world.folder / "gateway")
        command = [*WICKETGATE, "restore", str(self.to), gateway, "--keys", str(self.keys)]
        return [*command, "--identity", str(self.identity_file), "--seen", str(seen)]

    def checkpoint(self, name: str) -> Path:
        """Keep the log's checkpoint, as somebody outside does."""
        path = self.world.folder / name
        path.write_bytes(httpx.get(f"{self.world.url}/log/checkpoint", timeout=20, verify=TLS).content)
        return path

    def objects(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.to / "objects").rglob("*") if path.is_file()}


@pytest.fixture
def backed(world: World) -> Backed:
    return Backed(world)


@pytest.fixture
def with_history(kept: World) -> Backed:
    return Backed(kept)


@contextmanager
def writing(world: World, seed: int) -> Iterator[None]:
    """Let sources post all the while."""
    world.stopping.clear()
    writers = [threading.Thread(target=world.write, args=(n, seed)) for n in range(2)]
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        world.stopping.set()
        for writer in writers:
            writer.join(60)
    assert not world.faults


def entries_of(world: World) -> str:
    """Return the public log's operations, as text."""
    folder = world.folder / "gateway" / "log"
    head = unverified_checkpoint((folder / "checkpoint").read_bytes())
    return "\n".join(
        entry.decode()
        for entry in iterate_entries(folder_fetch(folder), head.size)
        if b'"operation"' in entry
    )


def written_mb(said: str) -> float:
    found = SECONDS.search(said)
    assert found, said
    return float(found[1])


@pytest.mark.timeout(300)
def test_a_backup_of_a_running_deployment_is_restored_and_goes_on(with_history: Backed) -> None:
    backed, world = with_history, with_history.world
    seed = random.SystemRandom().randrange(1_000_000)
    with writing(world, seed):
        time.sleep(4)
        backed.take()
        for _ in range(2):
            killed = subprocess.Popen(backed.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(random.uniform(0.3, 1.5))
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        seen = backed.checkpoint("seen")
        backed.take()
        time.sleep(1)
    settle(world)
    backed.take()
    backed.stop()
    done = backed.restore(seen)
    assert done.returncode == 0, done.stderr
    world.start()
    with writing(world, seed + 1):
        time.sleep(3)
    settle(world)
    received = {name: world.received(name) for name in london.READERS}
    assert all(set(counts.values()) <= {1} for counts in received.values())
    boundary = {plate for plate, camera in world.acknowledged.items() if camera.startswith("ccz")}
    assert boundary <= received[london.CHARGING].keys() | received[london.COUNTER_TERRORISM].keys()
    world.verify()
    await_history(world)
    assert '"restored"' in entries_of(world)
