"""A second sequencer takes over from the first: by lease, behind a fence, on a cluster of three."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.harness import Running
from tests.cluster import (
    Cluster,
    clustered,
    enrolled,
    found,
    free_ports,
    pause,
    ready,
    second_of,
    since,
    wake,
)
from tests.objects import Store, objects
from tests.running import arrived, entries, plates, plates_in, post, read, until, wicketgate
from wicketgate_demo.world import london


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with objects(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with clustered(tmp_path / "nats") as cluster:
        yield cluster


@pytest.fixture
def pair(cluster: Cluster, store: Store, tmp_path: Path) -> Iterator[tuple[Running, Running]]:
    """The first sequencer leads, and the second has all that is committed."""
    first = found(tmp_path, cluster, store)
    second: Running | None = None
    try:
        first.start()
        enrolled(first)
        first.stop()
        second = second_of(first, tmp_path / "second")
        first.start()
        (port,) = free_ports(1)
        second.launch(port=port)
        second.url = f"http://127.0.0.1:{port}"
        until(lambda: ready(second, port), 30)
        yield first, second
    finally:
        first.stop()
        if second is not None:
            second.stop()


def test_a_paused_sequencer_is_followed_and_ends_when_it_wakes(pair: tuple[Running, Running]) -> None:
    first, second = pair
    old, new = plates(2, seed=900)
    reads = [read(old)]
    assert post(first, reads)["accepted"] == 1
    arrived(first, london.CHARGING, [old])
    refused = httpx.post(f"{second.url}/v1/reads", json=reads, timeout=5)
    assert (refused.status_code, refused.json()["code"]) == (503, "standby")
    pause(first)
    began_s = time.monotonic()
    second.await_start()
    assert since(began_s) < 15
    answer = post(second, [*reads, read(new)])
    assert (answer["accepted"], answer["repeated"]) == (1, 1), "repeats are known across a takeover"
    wake(first)
    assert first.wait(15) == 1
    said = first.log.read_text()
    assert "another" in said
    assert "Traceback" not in said
    batches = arrived(second, london.CHARGING, [old, new])
    assert sorted(plates_in(batches)) == sorted([old, new])
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    starts = [one for one in entries(second.url) if one.get("operation") == "start"]
    assert starts[-1]["took_over"] == "silent"
    done = wicketgate("verify", second.url)
    assert done.returncode == 0, done.stdout


def test_a_charter_with_too_short_a_merge_delay_is_refused_in_words(
    cluster: Cluster, store: Store, tmp_path: Path
) -> None:
    running = found(tmp_path, cluster, store, change=lambda charter: None)
    done = wicketgate("serve", running.folder)
    assert (done.returncode, "PT30S or more" in done.stderr) == (2, True), done.stderr
