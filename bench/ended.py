"""`bench ended`: what of a load of reads is left on the disk once its terms are over.

Both terms are minutes here. COMMITS keeps what an image may still follow for ten minutes, and a key ends with its hour:
it takes up to an hour and a quarter.
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import lmdb
import uvloop

from bench import live
from bench.harness import Running, gateway
from bench.memory import stored
from wicketgate.base.clock import HOUR_US, SystemClock
from wicketgate.reads.intake import JOIN_US

BATCHES = int(os.environ.get("WICKETGATE_BENCH_BATCHES", "100"))
_TERM = "PT1M"
_SETTLE_S = 90


def _change(charter: dict[str, Any]) -> None:
    charter["limits"] |= {"feed_term": _TERM, "too_old": _TERM}


def held(running: Running) -> dict[str, float]:
    """Return what a deployment holds: entries of its indexes, keys of rows and reads, bytes on disk."""
    found: dict[str, float] = {}
    for name in ("feeds", "proofs", "index"):
        # The gateway has it open: a reader of its own does not disturb it.
        environment = lmdb.open(str(running.folder / name), readonly=True, lock=False, max_dbs=8)
        with environment.begin() as transaction:
            names = [bytes(key) for key, _ in transaction.cursor() if bytes(key).isalnum()]
        for one in names:
            try:
                database = environment.open_db(one, create=False)
            except lmdb.Error:
                continue
            with environment.begin() as transaction:
                found[f"{name}: {one.decode()}"] = float(transaction.stat(database)["entries"])
        environment.close()
    for kind in ("rows", "reads", "acts"):
        keys = Path(running.folder / "content-keys" / kind)
        found[f"keys of {kind}"] = float(len(list(keys.glob("*.key")))) if keys.is_dir() else 0.0
    for part, size in stored(running.folder).items():
        found[f"{part}/, KB"] = size / 1e3
    streams = running.folder / "nats"
    for stream in sorted(streams.rglob("streams/*")):
        size = sum(path.stat().st_size for path in stream.rglob("*.blk"))
        found[f"stream {stream.name}, KB"] = size / 1e3
    return found


def run() -> dict[str, Any]:
    """Return what is held before, with the load, and when everything has ended."""
    chance, clock = random.Random(2007), SystemClock()
    with gateway(change=_change) as running:
        time.sleep(15)
        before = held(running)
        uvloop.run(live.through_gateway(running, live.bodies(BATCHES, chance), {"batch": 0, "rows": 0}))
        loaded_us = clock.now_us()
        time.sleep(5)
        loaded = held(running)
        hour_us = loaded_us - loaded_us % HOUR_US + HOUR_US
        time.sleep(max(0, hour_us + JOIN_US - clock.now_us()) / 1e6 + _SETTLE_S)
        after = held(running)
    return {"reads": BATCHES * live.BATCH, "before": before, "loaded": loaded, "after": after}


def main() -> None:
    """Print the result."""
    result = run()
    print(f"{result['reads']:,} reads{'before':>27}{'with them':>14}{'after':>14}")
    for name in sorted({*result["loaded"], *result["after"]}):
        values = [result[when].get(name, 0.0) for when in ("before", "loaded", "after")]
        if any(values):
            print(f"{name:<36}" + "".join(f"{value:>14,.1f}" for value in values))


if __name__ == "__main__":
    main()
