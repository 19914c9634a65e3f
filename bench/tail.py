"""`bench tail`: pauses of the gateway's loop under load, the worst and the 99.9th in a hundred, and what they were of.

A real gateway runs under `bench/watched.py`: first `bench live`'s posts of 500 for some time, then `bench post`'s
single ones, then rest. What other programs took of the processors is not in a pause; beside it an empty loop is watched
in the same way, for what the machine does to any loop.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from bench import live, post, watched
from bench.harness import Running, gateway, take_stalls

SECONDS = float(os.environ.get("WICKETGATE_BENCH_SECONDS", "60"))
"""Of each of both loads, and half of it at rest."""
RATE = int(os.environ.get("WICKETGATE_BENCH_RATE", "500"))
"""Single posts a second."""
_WATCHED = "WICKETGATE_BENCH_WATCHED"


def run() -> dict[str, Any]:
    """Return what `watched` told, with what the gateway's own guard logged."""
    former = Running.command
    Running.command = (sys.executable, "-P", str(Path(watched.__file__)))
    chance = random.Random(2007)
    try:
        with gateway() as running:
            told = running.folder.parent / "watched.json"
            # Started by `gateway` without the file's name: it is known only now.
            running.stop()
            running.environment = {_WATCHED: str(told)}
            running.start()
            empty = subprocess.Popen(
                [*Running.command, "--alone"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            loads = _load(running, chance)
            running.stop()
            beside = json.loads(empty.communicate()[0])
            return {
                **json.loads(told.read_text()),
                "loads": loads,
                "stalls": take_stalls(),
                "empty_loop": {name: beside[name] for name in ("p99_ms", "p999_ms", "worst_ms")},
            }
    finally:
        Running.command = former


def _load(running: Running, chance: random.Random) -> dict[str, float]:
    before, cursor = {"batch": 0, "rows": 0}, {"batch": 0}
    done: dict[str, float] = {}
    until, reads = time.monotonic() + SECONDS, []
    while time.monotonic() < until:
        through = uvloop.run(live.through_gateway(running, live.bodies(40, chance), before))
        reads.append(through["reads_per_s"])
    done["posts of 500, reads/s while posted"] = sum(reads) / len(reads)
    post.RATE, post.SECONDS = RATE, SECONDS
    cursor["batch"] = before["batch"]
    through = uvloop.run(post.posts(running, chance, cursor))
    done["single posts/s"] = through["posts_per_s"]
    done["single posts, answered p99 ms"] = through["answer_p99_ms"]
    time.sleep(SECONDS / 2)
    return done


def main() -> None:
    """Print the result."""
    result = run()
    for name, value in result["loads"].items():
        print(f"{name}: {value:,.0f}")
    print(
        f"{result['beats']:,} looks: p50 {result['p50_ms']:.1f}, p99 {result['p99_ms']:.1f}, "
        f"p99.9 {result['p999_ms']:.1f}, worst {result['worst_ms']:.1f} ms; {result['over_20_ms']} of 20 ms or more"
    )
    full, empty = result["full_collection"], result["empty_loop"]
    print(f"an empty loop beside it: p99.9 {empty['p999_ms']:.1f}, worst {empty['worst_ms']:.1f} ms")
    print(
        f"a full collection at the end: {full['ms']:.0f} ms of {full['objects']:,.0f} objects, "
        f"{full['found']:,.0f} found; {full['frozen']:,.0f} are frozen"
    )
    print("named work                               times   worst ms   in all ms")
    for name, work in result["works"].items():
        print(f"  {name:<36} {work['times']:>7,} {work['worst_ms']:>10.1f} {work['total_ms']:>11,.0f}")
    print("the longest pauses (CPU of the loop's thread in them), and what went on in them, ms")
    for one in result["long"][:20]:
        causes = ", ".join(f"{name} {ms}" for name, ms in one["causes_ms"].items())
        print(f"  {one['held_ms']:6.1f} ({one['cpu_ms']:.1f})  {causes}")
    for stall in result["stalls"]:
        print(stall)


if __name__ == "__main__":
    main()
