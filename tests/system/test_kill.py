"""Rounds of kill -9 of the gateway, the NATS child, both, a front or a reader, at random moments under load.

After each round: every acknowledged read is in the feeds whose scope has its camera, exactly once; batches and rows are
numbered without a gap; every batch's promise is kept; the log audits and is a continuation of the one before.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from bench.harness import WICKETGATE, enrol
from tests.running import TLS
from wicketgate.base.clock import SystemClock, rfc3339
from wicketgate.feeds.batches import check_batch, read_batches
from wicketgate.ledger.audit import fsck
from wicketgate.ledger.notes import parse_vkey
from wicketgate_demo.world import london

ROUNDS = int(os.environ.get("WICKETGATE_KILL_ROUNDS", "5"))
CAMERAS = london.cameras(30)
ROLES = {"front": b"wicketgate.http.fronts.process", "reader": b"wicketgate.http.readers.process"}
KILLED = ("gateway", "streams", "both", *ROLES)
WRITERS = 6


@dataclass
class World:
    """A deployment that is killed and started again, and what its sources were told."""

    folder: Path
    port: int
    offices: london.Offices
    process: subprocess.Popen[bytes] | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)  # plate -> camera
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    faults: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.folder / "gateway.log").open("ab") as output:
            self.process = subprocess.Popen(
                [*WICKETGATE, "serve", str(self.folder / "gateway"), "--port", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2, verify=TLS).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
            if self.process.poll() is not None:
                break
        pytest.fail("the gateway did not start:\n" + self.log()[-3000:])

    def log(self) -> str:
        return (self.folder / "gateway.log").read_text()

    def child(self, program: bytes = b"nats-server") -> int | None:
        assert self.process is not None
        try:
            listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            found = [pid for pid in listed if program in Path(f"/proc/{pid}/cmdline").read_bytes()]
        except FileNotFoundError:
            return None
        return int(found[0]) if found else None

    def kill(self, what: str) -> None:
        assert self.process is not None
        if what in ROLES:
            role = self.child(ROLES[what])
            if role is not None:  # it may be on its way back still
                os.kill(role, signal.SIGKILL)
                self.killed[what] += 1
            return
        child = self.child()
        if what in ("streams", "both") and child is not None:
            os.kill(child, signal.SIGKILL)
        if what in ("gateway", "both"):
            self.process.kill()
            self.process.wait()
            if child is not None:
                self.gone(child)
            self.start()

    @staticmethod
    def gone(child: int) -> None:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                if Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    return
            except FileNotFoundError:
                return
            time.sleep(0.02)
        pytest.fail("the NATS child outlived its gateway")

    def write(self, number: int, seed: int) -> None:
        """Post small batches until told to stop; post again whatever was not answered."""
        chance = random.Random(seed * 1000 + number)
        headers = {"Authorization": f"Bearer {self.tokens['source:tfl']}"}
        client = httpx.Client(base_url=self.url, headers=headers, timeout=20, verify=TLS)
        count = 0
        while not self.stopping.is_set():
            reads = []
            for _ in range(chance.randrange(1, 40)):
                count += 1
                camera = chance.choice(CAMERAS)
                reads.append(
                    {
                        "id": f"{seed}-{number}-{count}",
                        "camera": camera["id"],
                        "captured_at": rfc3339(SystemClock().now_us()),
                        "plate": f"K{number}{seed % 1000:03d}{count:06d}",
                        "confidence": 0.9,
                    }
                )
            while True:
                try:
                    answer = client.post("/v1/reads", json=reads)
                except httpx.TransportError:
                    time.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    break
                if answer.status_code not in (503, 507):
                    self.faults.append(f"a post was answered {answer.status_code}")
                    return
                time.sleep(0.05)
            told = answer.json()
            if told["accepted"] + told["repeated"] != len(reads):
                self.faults.append(f"{len(reads)} reads, answered {told}")
            with self.lock:
                self.acknowledged.update({read["plate"]: read["camera"] for read in reads})
            time.sleep(chance.uniform(0, 0.01))
        client.close()

    def received(self, name: str) -> Counter[str]:
        """Return how often each plate is in a feed, having checked numbering, hashes and promises."""
        headers = {"Authorization": f"Bearer {self.tokens[london.READERS[name]]}"}
        path = self.folder / f"{name}.ndjson"
        after = 0
        plates: Counter[str] = Counter()
        row = 0
        with httpx.Client(base_url=self.url, headers=headers, timeout=30, verify=TLS) as client:
            with path.open("wb") as file:
                while True:
                    answer = client.get(f"/v1/feeds/{name}", params={"after": after, "limit": 1000})
                    assert answer.status_code == 200, answer.text
                    if not answer.content:
                        break
                    file.write(answer.content)
                    after += sum(line.startswith(b'{"batch"') for line in answer.content.split(b"\n"))
            with path.open("rb") as file:
                for number, batch in enumerate(read_batches(file), 1):
                    assert batch.number == number
                    check_batch(batch)
                    for line in batch.lines:
                        row += 1
                        shown = json.loads(line)
                        assert shown["seq"] == row
                        plates[shown["read"]["plate"]] += 1
        return plates

    def verify(self) -> None:
        """Verify as a recipient, with the project's own command."""
        key = self.folder / "log.key"
        key.write_text(httpx.get(f"{self.url}/log/key").text)
        for name in london.READERS:
            checking = [*WICKETGATE, "verify", self.url, "--key", str(key)]
            checking += ["--feed-file", str(self.folder / f"{name}.ndjson")]
            done = subprocess.run(
                checking,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=120 + 6 * ROUNDS,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def world(tmp_path: Path):
    offices, now_us = london.appoint(), SystemClock().now_us()
    (tmp_path / "charter.dsse.json").write_bytes(london.signed_charter(offices, now_us))
    making = [
        *WICKETGATE,
        "init",
        str(tmp_path / "gateway"),
        "--charter",
        str(tmp_path / "charter.dsse.json"),
    ]
    subprocess.run(making, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    with (tmp_path / "gateway" / "wicketgate.toml").open("a") as settings:
        settings.write("\nfronts = 1\nreaders = 1\n")
    world = World(folder=tmp_path, port=random.SystemRandom().randrange(20_000, 30_000), offices=offices)
    world.start()
    admin = (tmp_path / "gateway" / "keys" / "admin.token").read_text().strip()
    world.tokens = enrol(world.url, admin, offices, len(CAMERAS), now_us)
    yield world
    world.stopping.set()
    assert world.process is not None
    world.process.terminate()
    world.process.wait(60)


@pytest.mark.timeout(240 + ROUNDS * 40)
def test_nothing_acknowledged_is_lost_or_doubled_over_kills(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("WICKETGATE_KILL_SEED", random.SystemRandom().randrange(1_000_000)))
    with capsys.disabled():
        sys.stdout.write(f"\nkill rounds: WICKETGATE_KILL_SEED={seed} WICKETGATE_KILL_ROUNDS={ROUNDS}\n")
    chance = random.Random(seed)
    checkpoints: list[bytes] = []
    writers = [threading.Thread(target=world.write, args=(n, seed)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        for number in range(ROUNDS):
            time.sleep(chance.uniform(0.05, 2.0))
            what = KILLED[number % len(KILLED)] if ROUNDS < 6 else chance.choice(KILLED)
            world.kill(what)
            time.sleep(chance.uniform(0.0, 0.5))
            if chance.random() < 0.3:
                world.kill(chance.choice(("streams", "gateway")))  # while it is still finding its feet
            vkey = httpx.get(f"{world.url}/log/key", timeout=20).text.strip()
            report = fsck(world.folder / "gateway" / "log", parse_vkey(vkey), seen=checkpoints[-1:])
            checkpoints.append(report.note)
    finally:
        world.stopping.set()
        for writer in writers:
            writer.join(60)
    assert world.killed.keys() == ROLES.keys()
    assert not world.faults
    assert not any(writer.is_alive() for writer in writers)
    settle(world)
    boundary = {camera["id"] for camera in CAMERAS if london.BOUNDARY in camera["groups"]}
    for name, due in (
        (london.CHARGING, world.acknowledged.keys()),
        (london.COUNTER_TERRORISM, {p for p, camera in world.acknowledged.items() if camera in boundary}),
    ):
        plates = world.received(name)
        missing = len(set(due) - plates.keys())
        doubled = sum(count > 1 for count in plates.values())
        assert (missing, doubled) == (0, 0), f"{name}: {missing} missing, {doubled} twice, of {len(due)}"
    world.verify()


def settle(world: World) -> None:
    """Wait until what was acknowledged has been decided and projected."""
    headers = {"Authorization": f"Bearer {world.tokens['admin']}"}
    until = time.monotonic() + 60
    while time.monotonic() < until:
        figures = {}
        for line in httpx.get(f"{world.url}/metrics", headers=headers, timeout=20).text.splitlines():
            name, _, value = line.rpartition(" ")
            figures[name] = value
        taken = float(figures.get('wicketgate_reads_total{became="accepted"}', "0"))
        if taken >= len(world.acknowledged) and float(figures["wicketgate_projection_lag"]) == 0:
            return
        time.sleep(0.1)
    pytest.fail("the gateway did not catch up")
