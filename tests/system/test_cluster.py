"""Two sequencers on a cluster of three: each server and each sequencer killed, paused and cut off under load.

What was acknowledged is compared with what every feed, the log and the repeats say. The short form runs always, the
long one over every fault and in rounds.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.harness import Running
from tests.cluster import (
    Cluster,
    Wire,
    clustered,
    enrolled,
    found,
    free_ports,
    pause,
    ready,
    second_of,
    since,
    small_disk,
    wake,
)
from tests.matching import plate_image
from tests.objects import Store, objects
from tests.running import (
    SOURCE,
    bearer,
    client,
    entries,
    feed,
    plates,
    plates_in,
    post,
    read,
    request,
    rows_of,
    submit,
    until,
    wicketgate,
)
from wicketgate_demo.world import london

TAKEOVER_S = 15.0
VOI = london.OF_INTEREST
DESK = london.PAPERS[VOI]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with objects(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with clustered(tmp_path / "nats") as cluster:
        yield cluster


class Pair:
    """Two sequencers at ports of their own, whichever leads."""

    def __init__(self, base: Path, cluster: Cluster, store: Store, **settings: str) -> None:
        self.cluster = cluster
        first = found(base, cluster, store, **settings)
        first.start()
        enrolled(first)
        first.stop()
        self.both = [first, second_of(first, base / "second")]
        self.ports = [first.address[1], *free_ports(1)]
        self.wires = [Wire(cluster.ports), Wire(cluster.ports)]
        self.both[1].url = f"http://127.0.0.1:{self.ports[1]}"
        self.launch(0)
        self.both[0].await_start()
        self.leads = 0
        self.launch(1)
        self.await_ready(1)

    def launch(self, which: int) -> None:
        """Start one, without waiting for it."""
        streams = self.cluster.url(self.wires[which].ports)
        self.both[which].launch("--role", "sequencer", "--streams", streams, port=self.ports[which])

    def await_ready(self, which: int, seconds: float = 40) -> None:
        """Wait until one waits, and has all that is committed."""
        until(lambda: ready(self.both[which], self.ports[which]), seconds)

    @property
    def leading(self) -> Running:
        """The one that leads."""
        return self.both[self.leads]

    @property
    def waiting(self) -> Running:
        """The one that waits."""
        return self.both[1 - self.leads]

    def taken_over(self) -> float:
        """Wait until the one that waited leads; return how long that took."""
        began_s = time.monotonic()
        self.waiting.await_start()
        self.leads = 1 - self.leads
        return since(began_s)

    def stop(self) -> None:
        """Stop both."""
        for wire in self.wires:
            wire.mend()
        for one in self.both:
            with contextlib.suppress(Exception):
                wake(one)
            one.stop()
        for wire in self.wires:
            wire.end()


@pytest.fixture
def pair(cluster: Cluster, store: Store, tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path, cluster, store)
    try:
        yield made
    finally:
        made.stop()


class Load:
    """A source that posts to whoever takes it, each read until it is acknowledged.

    Parameters
    ----------
    ports : sequence of int, optional
        Of fronts: it posts to each in turn, and to another where one takes nothing. Without them to the sequencers.
    """

    def __init__(self, pair: Pair, seed: int, ports: Sequence[int] = ()) -> None:
        self._ports = ports
        self._posts = 0
        self.sent: list[str] = []
        self.accepted = self.repeated = self.refused = 0
        self.longest_s = 0.0
        self._pair = pair
        self._plates = plates(20_000, seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def goes_on(self, reads: int) -> None:
        """Wait until more reads are acknowledged."""
        before = len(self.sent)
        until(lambda: len(self.sent) > before + reads, 60)

    def _run(self) -> None:
        token = {"Authorization": f"Bearer {self._pair.both[0].tokens[SOURCE]}"}
        with httpx.Client(timeout=4, headers=token) as source:
            while not self._stop.is_set():
                some = [self._plates.pop() for _ in range(5)]
                self._post(source, [read(plate) for plate in some])
                self.sent += some
                time.sleep(0.03)

    def _post(self, source: httpx.Client, body: list[dict[str, Any]]) -> None:
        began_s = time.monotonic()
        ports = self._ports or self._pair.ports
        which = self._posts % len(ports) if self._ports else self._pair.leads
        self._posts += 1
        while True:
            try:
                answer = source.post(f"http://127.0.0.1:{ports[which]}/v1/reads", json=body)
                if answer.status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            self.refused += 1
            which = (which + 1) % len(ports)
            time.sleep(0.05)
            assert since(began_s) < 120, "nobody takes it"
        said = answer.json()
        assert said["accepted"] + said["repeated"] == len(body), said
        self.accepted += said["accepted"]
        self.repeated += said["repeated"]
        self.longest_s = max(self.longest_s, since(began_s))


def nothing_is_lost_or_twice(pair: Pair, sent: list[str]) -> None:
    """Compare what was acknowledged with feed, log and repeats."""
    running = pair.leading

    def arrived() -> list[Any] | None:
        batches = feed(running, london.CHARGING)
        return batches if set(sent) <= set(plates_in(batches)) else None

    batches = until(arrived, 30)
    shown = plates_in(batches)
    assert sorted(shown) == sorted(sent), "each once"
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    counted = feed(running, london.COUNTER_TERRORISM)
    assert [batch.number for batch in counted] == list(range(1, len(counted) + 1))
    base = pair.both[0].folder.parent
    with client(running, london.READERS[london.CHARGING]) as unit:
        held = unit.get(f"/v1/feeds/{london.CHARGING}", params={"limit": 1000}).content
    (base / "feed.ndjson").write_bytes(held)
    done = wicketgate("verify", running.url, "--feed-file", base / "feed.ndjson", timeout_s=150)
    assert done.returncode == 0, done.stdout + done.stderr


def same_tiles(pair: Pair) -> None:
    """Compare the full tiles of both logs, and demand one tree: a checkpoint of each is of the other's."""
    logs = [one.folder / "log" for one in pair.both]
    names = [
        {str(path.relative_to(log)) for path in (log / "tile").rglob("*") if path.is_file()} for log in logs
    ]
    both = names[0] & names[1]
    assert both
    for name in both:
        assert (logs[0] / name).read_bytes() == (logs[1] / name).read_bytes(), name


class Life:
    """What else a gateway holds: a list and its hits, images, what is quarantined."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.listed, self.shown = plates(2, seed=77)
        self.image = plate_image(self.shown)
        running = pair.leading
        assert submit(running, DESK.draft(running.at_us), *DESK.signers).status_code == 201
        entry = {"plate": self.listed, "kind": DESK.kinds[0], "priority": 1, "reason": "wanted"}
        with client(running, DESK.reader) as desk:
            assert desk.put(f"/v1/hotlists/{VOI}", json=[entry]).status_code == 200
        self.sent = [self.listed, self.shown]
        assert post(running, read(self.listed))["accepted"] == 1
        assert post(running, read("X1", camera="of-nobody"))["quarantined"]
        form = [
            ("reads", ("reads", json.dumps([read(self.shown, image={"patch": "p"})]), "application/json")),
            ("p", ("p.png", self.image, "image/png")),
        ]
        answer = request("POST", f"{running.url}/v1/reads", files=form, headers=bearer(running, SOURCE))
        assert answer.json()["accepted"] == 1, answer.text

    def goes_on(self, hits: int) -> None:
        """Demand that whoever leads now has all of it, and that the list still hits."""
        running = self._pair.leading
        with client(running, DESK.reader) as desk:
            found = until(lambda: [one for one in desk.get("/v1/hits").json()["hits"] if one] or None)
            assert len(found) == hits
            answer = desk.post(
                f"/v1/hits/{found[0]['id']}/outcome", json={"outcome": "misread", "reason": "no"}
            )
            assert answer.status_code == 200, answer.text
        again = read(self.listed)
        assert post(running, again)["accepted"] == 1
        self.sent.append(self.listed)
        with client(running, DESK.reader) as desk:
            until(lambda: len(desk.get("/v1/hits").json()["hits"]) == hits or None)
        with client(running, SOURCE) as source:
            assert "of-nobody" in source.get("/v1/quarantine").text
        rows = [row["read"] for row in rows_of(feed(running, london.COUNTER_TERRORISM)) if "read" in row]
        ref = next(row["patch_image"]["ref"] for row in rows if row["plate"] == self.shown)
        with client(running, london.READERS[london.COUNTER_TERRORISM]) as unit:
            got = unit.get(f"/v1/feeds/{london.COUNTER_TERRORISM}/images/{ref}")
        assert got.content == self.image


# --- the short form -------------------------------------------------------------------------------------------


@pytest.mark.slow  # `test_cluster_roles.py` has a takeover among the quick ones
def test_a_killed_a_paused_and_a_cut_off_sequencer_under_load(pair: Pair) -> None:
    early = plates(1, seed=99)[0]
    reads = [read(early)]
    refused = httpx.post(f"{pair.waiting.url}/v1/reads", json=reads, timeout=5)
    assert (refused.status_code, refused.json()["code"]) == (503, "standby")
    assert post(pair.leading, reads)["accepted"] == 1
    life = Life(pair)
    with Load(pair, seed=1) as load:
        time.sleep(1.5)
        pair.leading.kill()
        assert pair.taken_over() < TAKEOVER_S
        life.goes_on(1)
        killed = 1 - pair.leads
        pair.launch(killed)
        pair.await_ready(killed)
        paused = pair.leading
        pause(paused)
        assert pair.taken_over() < TAKEOVER_S
        life.goes_on(1)
        wake(paused)
        assert paused.wait(15) == 1
        pair.launch(1 - pair.leads)
        pair.await_ready(1 - pair.leads)
        cut = pair.leading
        pair.wires[pair.leads].cut()
        assert pair.taken_over() < TAKEOVER_S
        # It is reached, and knows that it may not know what was committed since.
        answer = httpx.get(f"{cut.url}/register.json", timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (503, "standby")
        pair.wires[1 - pair.leads].mend()
        assert cut.wait(30) == 1
        time.sleep(0.5)
    assert load.accepted + load.repeated == len(load.sent)
    assert post(pair.leading, reads)["repeated"] == 1, "repeats are known across takeovers"
    nothing_is_lost_or_twice(pair, [early, *life.sent, *load.sent])
    same_tiles(pair)
    took = [one["took_over"] for one in entries(pair.leading.url) if "took_over" in one]
    assert took == ["silent"] * 3


# --- the long form --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_server_of_the_streams_is_killed_and_paused_in_turn(pair: Pair) -> None:
    with Load(pair, seed=2) as load:
        for number in range(3):
            time.sleep(1)
            pair.cluster.kill(number)
            load.goes_on(5)
            pair.cluster.start(number)
            load.goes_on(50)
        for number in range(3):
            pair.cluster.signal(number, signal.SIGSTOP)
            load.goes_on(5)
            pair.cluster.signal(number, signal.SIGCONT)
            time.sleep(3)
    pair.leads = next(n for n, port in enumerate(pair.ports) if _leads(port))
    nothing_is_lost_or_twice(pair, load.sent)


@pytest.mark.slow
def test_a_rolling_restart_of_everything_loses_nothing(pair: Pair) -> None:
    with Load(pair, seed=3) as load:
        for number in range(3):
            pair.cluster.kill(number)
            time.sleep(1)
            pair.cluster.start(number)
            time.sleep(6)
        for _ in range(2):
            time.sleep(1)
            leaving = pair.leads
            assert pair.leading.stop() == 0
            assert pair.taken_over() < TAKEOVER_S
            pair.launch(leaving)
            pair.await_ready(leaving)
    nothing_is_lost_or_twice(pair, load.sent)
    same_tiles(pair)
    took = [one["took_over"] for one in entries(pair.leading.url) if "took_over" in one]
    assert took == ["handed-over", "handed-over"]


@pytest.mark.slow
def test_rounds_of_kills_and_pauses(pair: Pair) -> None:
    chance = random.Random(4)
    with Load(pair, seed=4) as load:
        for _ in range(int(os.environ.get("WICKETGATE_ROUNDS", "6"))):
            time.sleep(chance.uniform(0.2, 3))
            former = pair.leads
            end: Callable[[Running], None] = chance.choice([Running.kill, pause])
            end(pair.leading)
            assert pair.taken_over() < TAKEOVER_S
            if end is pause:
                time.sleep(chance.uniform(0, 2))
                wake(pair.both[former])
                assert pair.both[former].wait(20) == 1
            pair.launch(former)
            pair.await_ready(former)
    nothing_is_lost_or_twice(pair, load.sent)
    same_tiles(pair)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_a_full_disk_of_one_server_loses_nothing(tmp_path: Path, store: Store, number: int) -> None:
    """Whether that server leads the streams or not; a slow one is a paused one, above."""
    with small_disk(tmp_path / "nats" / str(number), 64) as disk, clustered(tmp_path / "nats") as cluster:
        pair = Pair(tmp_path, cluster, store)
        try:
            with Load(pair, seed=5) as load:
                load.goes_on(50)
                with (disk / "fill").open("wb") as fill, contextlib.suppress(OSError):
                    while True:
                        fill.write(bytes(1 << 16))
                        fill.flush()
                load.goes_on(100)
                (disk / "fill").unlink()
                load.goes_on(100)
            pair.leads = next(n for n, port in enumerate(pair.ports) if _leads(port))
            nothing_is_lost_or_twice(pair, load.sent)
        finally:
            pair.stop()


def _leads(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/log/key", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
