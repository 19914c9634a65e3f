"""`bench backup`: how fast a running deployment is backed up and restored, and what that costs whoever posts.

A gateway with a history takes reads in posts of 500. Then all of it is backed up, and again with nothing new. `live` is
measured with no backup beside it and with one after the other; at last the backup is restored, and started.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import uvloop

from bench import live
from bench.harness import WICKETGATE, Running, gateway, median
from wicketgate.base.settings_template import TEMPLATE
from wicketgate.ledger.sealing import new_identity

BATCHES = int(os.environ.get("WICKETGATE_BENCH_BATCHES", "400"))
ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "3"))
BESIDE = int(os.environ.get("WICKETGATE_BENCH_BESIDE", "240"))
_WRITTEN = re.compile(r"Written: ([0-9.]+) MB")
_SETTLE_S = 3.0


def take(running: Running) -> tuple[float, float]:
    """Take a backup; return how many MB were written, and the seconds of the whole command."""
    base = running.folder.parent
    command = [*WICKETGATE, "backup", str(running.folder), "--to", str(base / "objects")]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--keys", str(base / "the-keys")], capture_output=True, text=True, timeout=3600, check=True
    )
    took = time.perf_counter() - began
    found = _WRITTEN.search(done.stdout)
    assert found, done.stdout
    return float(found[1]), took


def rounds(running: Running, before: dict[str, int], chance: random.Random) -> float:
    """Return the reads a second of `live`, the median of some rounds."""
    found = []
    for _ in range(ROUNDS):
        said = uvloop.run(live.through_gateway(running, live.bodies(BESIDE, chance), before))
        found.append(float(said["reads_per_s"]))
    return median(found)


def run() -> dict[str, Any]:
    """Return what was measured."""
    chance, (identity, recipient) = random.Random(2007), new_identity()
    settings = TEMPLATE.replace("port = 8080", "port = 0\nhistory = true")
    settings += f'[backup]\nrecipients = ["{recipient}"]\n'
    with gateway(settings=settings) as running:
        base, before = running.folder.parent, {"batch": 0, "rows": 0}
        uvloop.run(live.through_gateway(running, live.bodies(BATCHES, chance), before))
        time.sleep(_SETTLE_S)
        full_mb, full_s = take(running)
        again_mb, again_s = take(running)
        alone = rounds(running, before, chance)
        stopping, taken = threading.Event(), list[float]()

        def go_on() -> None:
            while not stopping.is_set():
                taken.append(take(running)[1])

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            beside = rounds(running, before, chance)
        finally:
            stopping.set()
            thread.join()
        time.sleep(_SETTLE_S)
        seen = base / "seen"
        seen.write_bytes(httpx.get(f"{running.url}/log/checkpoint", timeout=20).content)
        last_mb, _ = take(running)
        running.stop()
        restored = _restored(running, base, identity, seen)
    return {
        "reads": BATCHES * live.BATCH,
        "full_mb": full_mb,
        "full_s": full_s,
        "again_mb": again_mb,
        "again_s": again_s,
        "alone_reads_per_s": alone,
        "beside_reads_per_s": beside,
        "backups_beside": len(taken),
        "last_mb": last_mb,
        **restored,
    }


def _restored(running: Running, base: Path, identity: str, seen: Path) -> dict[str, float]:
    (base / "identity").touch(0o600)
    (base / "identity").write_text(identity)
    running.folder.rename(base / "former")
    (running.folder / "keys").mkdir(mode=0o700, parents=True)
    (running.folder / "keys" / "log.pem").touch(0o600)
    (running.folder / "keys" / "log.pem").write_bytes((base / "former" / "keys" / "log.pem").read_bytes())
    command = [
        *WICKETGATE,
        "restore",
        str(base / "objects"),
        str(running.folder),
        "--keys",
        str(base / "the-keys"),
    ]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--identity", str(base / "identity"), "--seen", str(seen)],
        capture_output=True,
        text=True,
        timeout=3600,
        check=True,
    )
    restore_s = time.perf_counter() - began
    found = re.search(r": ([0-9.]+) MB", done.stdout)
    assert found, done.stdout
    began = time.perf_counter()
    running.start()
    return {
        "restore_mb": float(found[1]),
        "restore_s": restore_s,
        "start_s": time.perf_counter() - began,
    }


def main() -> None:
    """Print the result."""
    one = run()
    print(f"{one['reads']:,} reads and their history")
    print(
        f"first backup   {one['full_mb']:8.1f} MB in {one['full_s']:6.1f} s  {one['full_mb'] / one['full_s']:6.1f} MB/s"
    )
    print(f"the next       {one['again_mb']:8.1f} MB in {one['again_s']:6.1f} s")
    print(f"live alone     {one['alone_reads_per_s']:10,.0f} reads/s")
    print(
        f"live beside    {one['beside_reads_per_s']:10,.0f} reads/s, {one['backups_beside']} backups meanwhile"
    )
    print(
        f"restore        {one['restore_mb']:8.1f} MB in {one['restore_s']:6.1f} s  "
        f"{one['restore_mb'] / one['restore_s']:6.1f} MB/s; the start takes {one['start_s']:.1f} s"
    )


if __name__ == "__main__":
    main()
