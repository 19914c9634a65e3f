"""`bench elsewhere`: single posts at a front of another host, beside the same at the gateway's own front.

Both in turns on one gateway with an external server of the streams, all on this machine: what is compared is what the
way over the streams costs, and not a network. The load is that of `bench post`.
"""

from __future__ import annotations

import os
import random
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from bench.harness import enrol, make, median
from bench.post import posts
from tests.elsewhere import Elsewhere, role
from tests.system.test_external_streams import external

ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "5"))


def _used_s(pids: list[int]) -> float:
    ticks, found = os.sysconf("SC_CLK_TCK"), 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found += int(fields[11]) + int(fields[12])
    return found / ticks


def run() -> dict[str, Any]:
    """Return medians of `ROUNDS` rounds of each way, in turns."""
    chance = random.Random(2007)
    found: dict[str, list[dict[str, Any]]] = {"own": [], "elsewhere": []}
    with tempfile.TemporaryDirectory(prefix="wicketgate-bench-") as name:
        base = Path(name)
        with external(base / "nats") as streams:
            settings = streams.settings().replace("port = 0\n", "port = 0\nfronts = 1\nreaders = 0\n")
            running = make(base, settings=settings)
            running.start()
            admin = (running.folder / "keys" / "admin.token").read_text().strip()
            running.tokens = enrol(running.url, admin, running.offices, 1500, running.at_us)
            url, password = f"nats://127.0.0.1:{streams.port}", streams.folder / "front.password"
            host = Elsewhere(base, role(running, "front", "west", base), url, password, "fronts = 1\n")
            try:
                host.launch()
                host.await_ready()
                cursor = {"batch": 0}
                for _ in range(ROUNDS):
                    for way in found:
                        at = ("127.0.0.1", host.port) if way == "elsewhere" else running.address
                        before = [_used_s([pid]) for pid in host.pids()]
                        measured = uvloop.run(posts(running, chance, cursor, at))
                        spent = [_used_s([pid]) for pid in host.pids()]
                        count = measured["posts"]
                        for part, one, other in zip(("its front", "its host"), before, spent, strict=True):
                            measured["cpu_us_per_read"][part] = (other - one) / count * 1e6
                        found[way].append(measured)
            finally:
                host.kill()
                running.stop()
    return {way: _medians(rounds) for way, rounds in found.items()}


def _medians(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    names = [name for name in rounds[0] if name != "cpu_us_per_read"]
    return {name: median([one[name] for one in rounds]) for name in names} | {
        "cpu_us_per_read": {
            part: median([one["cpu_us_per_read"][part] for one in rounds])
            for part in rounds[0]["cpu_us_per_read"]
        },
        "rounds": rounds,
    }


def main() -> None:
    """Print the result."""
    for way, result in run().items():
        print(f"{way}: {result['posts_per_s']:,.0f} posts/s, {result['failures']:.0f} failures")
        print(
            f"  answered in      p50 {result['answer_p50_ms']:6.1f} ms   p99 {result['answer_p99_ms']:6.1f} ms"
        )
        print(f"  capture to feed  p50 {result['feed_p50_ms']:6.1f} ms   p99 {result['feed_p99_ms']:6.1f} ms")
        for name, value in result["cpu_us_per_read"].items():
            print(f"  CPU {name:<29} {value:6.1f} µs a read")


if __name__ == "__main__":
    main()
