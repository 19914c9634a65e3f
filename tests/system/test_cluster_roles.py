"""Two sequencers, two fronts and two readers on hosts of their own, before a cluster of three: each fails in turn.

The source posts to the fronts alone. What they acknowledged is compared with what every feed, the log, the repeats and
both readers say.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cluster import Cluster, Wire, clustered, since, small_disk
from tests.elsewhere import Elsewhere, role
from tests.objects import Store
from tests.running import CHARGING, SOURCE, bearer, entries, until, wicketgate
from tests.system.test_cluster import (
    TAKEOVER_S,
    Load,
    Pair,
    cluster,
    nothing_is_lost_or_twice,
    pair,
    same_tiles,
    store,
)
from wicketgate_demo.world import london

__all__ = ["cluster", "pair", "store"]  # fixtures

FEED = f"/v1/feeds/{london.CHARGING}?limit=1000"


class Hosts:
    """Two fronts and two readers, each behind its own wire; the second sequencer was made before they were known."""

    def __init__(self, base: Path, pair: Pair, cluster: Cluster) -> None:
        self.wires: dict[str, Wire] = {}
        self.all: dict[str, Elsewhere] = {}
        for kind, name in (("front", "one"), ("front", "two"), ("reader", "three"), ("reader", "four")):
            wire = self.wires[name] = Wire(cluster.ports)
            made = role(pair.leading, kind, name, base)
            self.all[name] = Elsewhere(
                base,
                made,
                cluster.url(wire.ports),
                cluster.folder / "gateway.password",
                "fronts = 1\n" if kind == "front" else "",
            )
        for one in self.all.values():
            one.launch()
        for one in self.all.values():
            one.await_ready(60)

    @property
    def ports(self) -> list[int]:
        """Those of the fronts."""
        return [self.all["one"].port, self.all["two"].port]

    def pause(self, name: str) -> None:
        """Stop all processes of a host."""
        for pid in self.all[name].pids():
            os.kill(pid, signal.SIGSTOP)

    def wake(self, name: str) -> None:
        """Let a paused host go on."""
        for pid in self.all[name].pids():
            os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """End all of them."""
        for wire in self.wires.values():
            wire.mend()
        for one in self.all.values():
            with contextlib.suppress(OSError):
                one.kill()
        for wire in self.wires.values():
            wire.end()


@pytest.fixture
def hosts(tmp_path: Path, pair: Pair, cluster: Cluster) -> Iterator[Hosts]:
    made = Hosts(tmp_path, pair, cluster)
    try:
        yield made
        for one in made.all.values():
            assert "Traceback" not in one.said.read_text()
    finally:
        made.stop()


def readers_show_the_same(hosts: Hosts, pair: Pair) -> None:
    """Demand the feed of the one that leads at both readers."""
    head = bearer(pair.leading, CHARGING)
    for name in ("three", "four"):
        url = hosts.all[name].url

        def same(url: str = url) -> bool:
            mine = httpx.get(url + FEED, headers=head, timeout=30)
            theirs = httpx.get(pair.leading.url + FEED, headers=head, timeout=30)
            return mine.status_code == 200 and mine.content == theirs.content

        until(same, 40)


@pytest.mark.slow
def test_roles_elsewhere_go_on_with_the_sequencer_that_takes_over(pair: Pair, hosts: Hosts) -> None:
    with Load(pair, 11, hosts.ports) as load:
        load.goes_on(20)
        hosts.all["one"].kill()
        load.goes_on(20)
        pair.leading.kill()
        assert pair.taken_over() < TAKEOVER_S
        load.goes_on(20)
        hosts.all["one"].launch()
        hosts.all["one"].await_ready()
        load.goes_on(20)
    nothing_is_lost_or_twice(pair, load.sent)
    readers_show_the_same(hosts, pair)
    # Who leads now knows each role, and lets none in that is withdrawn.
    listed = wicketgate("role", "list", pair.leading.folder).stdout.split("\n")
    assert listed[:4] == ["four  reader", "one  front", "three  reader", "two  front"]
    assert wicketgate("role", "withdraw", pair.leading.folder, "two").returncode == 0
    began = time.monotonic()
    process = hosts.all["two"].process
    assert process is not None
    assert process.wait(10) == 1
    assert since(began) < 2
    until(
        lambda: (
            [one["roles"] for one in entries(pair.leading.url) if "roles" in one][-1].count("front two") == 0
        )
    )


@pytest.mark.slow
def test_each_role_elsewhere_is_killed_paused_and_cut_off_in_turn(pair: Pair, hosts: Hosts) -> None:
    head = bearer(pair.leading, CHARGING)
    with Load(pair, 12, hosts.ports) as load:
        for name in ("one", "two"):
            hosts.all[name].kill()
            load.goes_on(30)
            hosts.all[name].launch()
            hosts.all[name].await_ready()
            hosts.pause(name)
            load.goes_on(30)
            hosts.wake(name)
            hosts.all[name].await_ready()
            hosts.wires[name].cut()
            until(lambda: not hosts.all[name].is_ready(), 20)  # noqa: B023 - it is awaited here
            refused = httpx.post(
                f"{hosts.all[name].url}/v1/reads", json=[], headers=bearer(pair.leading, SOURCE), timeout=30
            )
            assert refused.status_code in {200, 503}  # of nothing there is nothing to ask
            load.goes_on(30)
            hosts.wires[name].mend()
            hosts.all[name].await_ready(60)
        for name in ("three", "four"):
            hosts.all[name].kill()
            load.goes_on(10)
            hosts.all[name].launch()
            hosts.all[name].await_ready(60)
            hosts.pause(name)
            load.goes_on(10)
            hosts.wake(name)
            hosts.all[name].await_ready(60)
            hosts.wires[name].cut()
            until(lambda: not hosts.all[name].is_ready(), 20)  # noqa: B023
            assert httpx.get(hosts.all[name].url + FEED, headers=head, timeout=30).status_code == 503
            load.goes_on(10)
            hosts.wires[name].mend()
            hosts.all[name].await_ready(90)
    nothing_is_lost_or_twice(pair, load.sent)
    readers_show_the_same(hosts, pair)


@pytest.mark.slow
def test_a_rolling_restart_of_every_role_loses_nothing(pair: Pair, hosts: Hosts, cluster: Cluster) -> None:
    with Load(pair, 13, hosts.ports) as load:
        for number in range(3):
            cluster.kill(number)
            time.sleep(1)
            cluster.start(number)
            time.sleep(6)
        waiting = 1 - pair.leads
        assert pair.waiting.stop() == 0
        pair.launch(waiting)
        pair.await_ready(waiting)
        leaving = pair.leads
        assert pair.leading.stop() == 0
        assert pair.taken_over() < TAKEOVER_S
        pair.launch(leaving)
        pair.await_ready(leaving)
        for one in hosts.all.values():
            assert one.stop() == 0
            one.launch()
            one.await_ready(60)
            load.goes_on(20)
    nothing_is_lost_or_twice(pair, load.sent)
    same_tiles(pair)
    readers_show_the_same(hosts, pair)


@pytest.mark.slow
@pytest.mark.needs("strace")
def test_a_slow_disk_of_each_server_in_turn_loses_nothing(pair: Pair, hosts: Hosts, cluster: Cluster) -> None:
    """Each sync of one server takes 0.3 s longer, whether that server leads the streams or not."""
    with Load(pair, 14, hosts.ports) as load:
        for number in range(3):
            load.goes_on(20)
            with cluster.slow_disk(number, 0.3):
                load.goes_on(40)
    pair.leads = next(n for n, one in enumerate(pair.both) if leads(one.url))
    assert load.longest_s < TAKEOVER_S
    nothing_is_lost_or_twice(pair, load.sent)
    readers_show_the_same(hosts, pair)


@pytest.mark.slow
def test_a_full_disk_of_one_server_stops_no_front(tmp_path: Path, store: Store) -> None:
    with small_disk(tmp_path / "nats" / "1", 64) as disk, clustered(tmp_path / "nats") as cluster:
        pair = Pair(tmp_path, cluster, store)
        hosts = None
        try:
            hosts = Hosts(tmp_path, pair, cluster)
            with Load(pair, 15, hosts.ports) as load:
                load.goes_on(30)
                with (disk / "fill").open("wb") as fill, contextlib.suppress(OSError):
                    while True:
                        fill.write(bytes(1 << 16))
                        fill.flush()
                load.goes_on(60)
                (disk / "fill").unlink()
                load.goes_on(60)
            pair.leads = next(n for n, one in enumerate(pair.both) if leads(one.url))
            nothing_is_lost_or_twice(pair, load.sent)
            readers_show_the_same(hosts, pair)
        finally:
            if hosts is not None:
                hosts.stop()
            pair.stop()


def leads(url: str) -> bool:
    """Return whether a sequencer leads."""
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/log/key", timeout=5).status_code == 200
    return False
