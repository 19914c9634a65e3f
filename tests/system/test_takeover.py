"""A second life of a deployment takes over from the first: by lease, behind a fence, on a cluster of three."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.harness import Running
from tests.cluster import Cluster, clustered, enrolled, found, pause, since, twin, wake
from tests.running import arrived, entries, plates, plates_in, post, read, wicketgate
from wicketgate_demo.world import london


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with clustered(tmp_path / "nats") as cluster:
        yield cluster


def test_a_paused_sequencer_is_followed_and_ends_when_it_wakes(cluster: Cluster, tmp_path: Path) -> None:
    first = found(tmp_path, cluster)
    second: Running | None = None
    old, new = plates(2, seed=900)
    try:
        first.start()
        enrolled(first)
        assert post(first, read(old))["accepted"] == 1
        arrived(first, london.CHARGING, [old])
        (tmp_path / "second").mkdir()
        second = twin(first, tmp_path / "second")
        (second.folder / "node").unlink()  # a directory of its own
        second.launch()
        time.sleep(2)
        pause(first)
        began_s = time.monotonic()
        second.await_start()
        assert since(began_s) < 15
        assert post(second, [read(new), read(old, ago_s=0)])["accepted"] >= 1
        wake(first)
        assert first.wait(15) == 1
        said = first.log.read_text()
        assert "another" in said
        assert "Traceback" not in said
        assert plates_in(arrived(second, london.CHARGING, [old, new])).count(new) == 1
        starts = [one for one in entries(second.url) if one.get("operation") == "start"]
        assert starts[-1]["took_over"] == "silent"
        done = wicketgate("verify", second.url)
        assert done.returncode == 0, done.stdout
    finally:
        first.stop()
        if second is not None:
            second.stop()


def test_a_charter_with_too_short_a_merge_delay_is_refused_in_words(cluster: Cluster, tmp_path: Path) -> None:
    running = found(tmp_path, cluster, change=lambda charter: None)
    done = wicketgate("serve", running.folder)
    assert (done.returncode, "PT30S or more" in done.stderr) == (2, True), done.stderr
    shutil.rmtree(running.folder)
