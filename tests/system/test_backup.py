"""Backup and restore of a running deployment: real servers, real kills, and what a stolen backup gives.

Each writes reads all the while, as sources do; what counts is what a restored gateway serves, and what `verify` says.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bench.harness import WICKETGATE
from tests.objects import ACCESS, KEY, Store, objects
from tests.running import TLS, secret_file
from tests.system.test_history import await_history, kept
from tests.system.test_kill import World, settle, world
from wicketgate.base.errors import InputError
from wicketgate.base.forms import split_form
from wicketgate.base.hour_keys import KeyRing
from wicketgate.base.signing import PrivateKey
from wicketgate.commits.stored import KINDS, decode_taken
from wicketgate.gateway.backup.messages import load_messages
from wicketgate.gateway.backup.sealing import open_keys, open_object
from wicketgate.gateway.backup.stores import open_store
from wicketgate.ledger.notes import unverified_checkpoint
from wicketgate.ledger.sealing import new_identity
from wicketgate.ledger.tiles import folder_fetch, iterate_entries
from wicketgate.reads.columns import decode_batch
from wicketgate.reads.messages import decode_reads
from wicketgate_demo.world import london

__all__ = ["kept", "world"]
WRITTEN = re.compile(r"Written: ([0-9.]+) MB")
STOOD = re.compile(r"Stood there already: ([0-9.]+) MB")


class Backed:
    """A deployment that is backed up, and where its backups lie."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.identity, recipient = new_identity()
        self.identity_file = world.folder / "identity.txt"
        self.identity_file.touch(0o600)
        self.identity_file.write_text(self.identity)
        self.to, self.keys = str(world.folder / "objects"), str(world.folder / "the-keys")
        self.access = ""
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
        command = [*WICKETGATE, "backup", gateway, "--to", self.to, "--keys", self.keys]
        return (
            [*command, "--to-access", self.access, "--keys-access", self.access] if self.access else command
        )

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
        command = [*WICKETGATE, "restore", self.to, gateway, "--keys", self.keys, "--seen", str(seen)]
        if self.access:
            command += ["--from-access", self.access, "--keys-access", self.access]
        return [*command, "--identity", str(self.identity_file)]

    def checkpoint(self, name: str) -> Path:
        """Keep the log's checkpoint, as somebody outside does."""
        path = self.world.folder / name
        path.write_bytes(httpx.get(f"{self.world.url}/log/checkpoint", timeout=20, verify=TLS).content)
        return path

    def verify(self, seen: Path) -> None:
        """Verify as anybody does who looked before, and keeps what was seen."""
        command = [*WICKETGATE, "verify", self.world.url, "--seen", str(seen)]
        command += ["--state", str(self.world.folder / "state")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def put_key(self) -> None:
        """Put the log's own key back, where a restore finds it."""
        away, here = self.world.folder / "former" / "keys", self.world.folder / "gateway" / "keys"
        shutil.copy2(away / "log.pem", here / "log.pem")

    def to_s3(self, store: Store) -> None:
        """Let objects and keys go to a real S3 server from now on."""
        access = secret_file(
            self.world.folder / "access.toml",
            f'region = "us-east-1"\nendpoint = "{store.endpoint}"\naccess_key = "{ACCESS}"\nsecret_key = "{KEY}"\n',
        )
        self.to, self.keys = "s3://images/backup", "s3://images/backup-keys"
        self.access = str(access)

    def objects(self) -> dict[str, bytes]:
        return {
            path.name: path.read_bytes() for path in (Path(self.to) / "objects").rglob("*") if path.is_file()
        }


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
    writers = [threading.Thread(target=world.write, args=(n, seed), daemon=True) for n in range(2)]
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


def demand_refused(done: subprocess.CompletedProcess[str], words: str) -> None:
    """Demand that a command was refused, by these words."""
    assert words in done.stderr, done.stderr
    assert done.returncode == 2


def sizes(said: str) -> tuple[float, float]:
    """Return how many MB a backup wrote, and how many stood there."""
    written, stood = WRITTEN.search(said), STOOD.search(said)
    assert written, said
    assert stood, said
    return float(written[1]), float(stood[1])


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
    backed.verify(seen)
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
    backed.verify(seen)  # it goes on from what was kept of it before
    await_history(world)
    assert sizes(backed.take())[0] > 0
    assert '"restored"' in entries_of(world)
    assert '"operation":"backup"' in entries_of(world)


@pytest.mark.timeout(300)
def test_a_stolen_backup_and_destroyed_keys_give_nothing(backed: Backed) -> None:
    world, gateway = backed.world, backed.world.folder / "gateway"
    refused = subprocess.run(
        [*WICKETGATE, "backup", str(world.folder), "--to", backed.to, "--keys", backed.keys],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    demand_refused(refused, "no gateway of this user runs")
    with writing(world, 7):
        time.sleep(3)
    settle(world)
    early = dict(world.acknowledged)
    # As large as a list is, so that it shows what is written again; nothing names it, as after a kill.
    (gateway / "vault" / ("f" * 64)).write_bytes(os.urandom(20 << 20))
    (Path(backed.keys) / "keys.age").mkdir(parents=True)  # the store of keys refuses
    failed = subprocess.run(backed.command(), capture_output=True, text=True, timeout=60, check=False)
    assert failed.returncode == 3, failed.stderr
    (Path(backed.keys) / "keys.age").rmdir()
    first = backed.take()
    assert sizes(first)[1] > 0  # what the failed one wrote is good
    assert "Not copied" not in first
    stolen = backed.objects()
    plates = [plate.encode() for plate in early]
    token = (gateway / "keys" / "admin.token").read_bytes().strip()
    secret = (gateway / "keys" / "log.pem").read_bytes().strip().splitlines()[1]
    assert not any(plate in data for data in stolen.values() for plate in plates)
    # With the keys everything is there: whoever is a recipient could restore it. The log's key and tokens are not.
    opened, secrets = opened_by(backed, stolen)
    assert found_plates(opened, secrets) == early.keys()
    everything = [*opened.values(), *secrets.values()]
    assert not any(token in data or secret in data for data in everything)
    assert not any(path.startswith("keys/") and path != "keys/index.key" for path in secrets)
    second = backed.take()
    assert sizes(second)[0] < 8
    assert sizes(second)[1] > 20
    assert stolen.keys() & backed.objects().keys()
    # What every part has is not looked at again: then the keys of an hour may end, and here they do.
    time.sleep(12)
    backed.stop()
    for kind in ("reads", "rows"):
        for path in (gateway / "content-keys" / kind).glob("*.key"):
            path.unlink()
    world.start()
    backed.take()
    opened, secrets = opened_by(backed, {**stolen, **backed.objects()})
    assert found_plates(opened, secrets) == set()
    assert not any(plate in data for data in (*opened.values(), *secrets.values()) for plate in plates)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_restore_is_refused_and_killed_and_done(backed: Backed, tmp_path: Path) -> None:
    world, gateway = backed.world, backed.world.folder / "gateway"
    before = backed.checkpoint("before")
    (tmp_path / "s3").mkdir()
    with objects(tmp_path / "s3") as store:
        backed.to_s3(store)
        with writing(world, 8):
            time.sleep(2)
            backed.take()
            time.sleep(2)
        later = backed.checkpoint("later")
        backed.stop()
        done = backed.restore(later)
        demand_refused(done, "would fork the log")
        assert not (gateway / "nats").exists()
        PrivateKey.generate().save(tmp_path / "other.pem", label="the log's key")
        done = backed.restore(before, key=(tmp_path / "other.pem").read_bytes())
        demand_refused(done, "not the key of the log")
        backed.put_key()
        identity = backed.identity_file.read_text()
        backed.identity_file.write_text(new_identity()[0])
        done = backed.run_restore(before)
        demand_refused(done, "sealed to somebody else")
        backed.identity_file.write_text(identity)
        for _ in range(2):
            killed = subprocess.Popen(
                backed.restoring(before), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            # Killed soon after it writes: on a quiet machine it takes a second in all.
            while not any(one.name != "keys" for one in gateway.iterdir()):
                time.sleep(0.01)
            time.sleep(random.uniform(0.0, 0.3))
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        serving = subprocess.run(
            [*WICKETGATE, "serve", str(gateway), "--port", "0"], capture_output=True, timeout=60, check=False
        )
        assert serving.returncode == 2
        done = backed.run_restore(before)
        assert done.returncode == 0, done.stderr
        done = backed.run_restore(before)
        demand_refused(done, "already")
        world.start()
    assert httpx.get(f"{world.url}/healthz", timeout=20, verify=TLS).status_code == 200
    for name in london.READERS:
        world.received(name)
    world.verify()


def opened_by(backed: Backed, stored: dict[str, bytes]) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return what a recipient's identity opens of some objects, and the deployment's keys beside them."""
    sealed = open_store(backed.keys, None, make=False).keys()
    assert sealed is not None
    keys = open_keys(sealed, backed.identity)
    opened = {name: open_object(name, key, stored[name]) for name, key in keys.objects.items()}
    for name in stored.keys() - keys.objects.keys():
        with pytest.raises(InputError):
            open_object(name, next(iter(keys.objects.values())), stored[name])
    return opened, keys.secrets


def found_plates(opened: dict[str, bytes], secrets: dict[str, bytes]) -> set[str]:
    """Return the plates of every read that an opened backup's COMMITS and keys give."""
    found: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for path, data in secrets.items():
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_bytes(data)
        ring = KeyRing(Path(folder) / "content-keys", KINDS)
        for data in opened.values():
            try:
                messages = load_messages(data)
            except InputError:
                continue
            for message in messages:
                if split_form(message.data)[0] != 2:
                    continue
                taken = decode_taken(message.data, ring)
                if taken:
                    found |= {plate for plate in decode_batch(decode_reads(taken).rows).plate if plate}
    return found
