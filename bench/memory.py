"""`bench memory`: memory of each role at rest, bytes written a read, and what an entry of a large list in force takes.

But for the list it stands on nothing that version 0.3 lacks: run as a file in its tree, by its Python, it measures
that.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from bench import live
from bench.harness import Connection, Running, gateway

BATCHES = int(os.environ.get("WICKETGATE_BENCH_BATCHES", "400"))
"""Posts of 500 reads."""
SINGLE = int(os.environ.get("WICKETGATE_BENCH_SINGLE", "4000"))
"""Posts of one read, 200 a second."""
ENTRIES = int(os.environ.get("WICKETGATE_BENCH_ENTRIES", "1000000"))
"""Of the list in force; 0 leaves it out."""
REST_S = float(os.environ.get("WICKETGATE_BENCH_REST", "15"))
_SINGLE_A_S = 200
_MB = 1e6


def processes(running: Running) -> dict[str, int]:
    """Return the ids of the gateway's processes by what they are; the first of each kind."""
    found = {"gateway": running.pid}
    kinds = {b"nats-server": "nats", b"wicketgate.http.fronts": "front", b"wicketgate.http.readers": "reader"}
    for child in running.children():
        command = Path(f"/proc/{child}/cmdline").read_bytes()
        found.setdefault(next((kind for word, kind in kinds.items() if word in command), "pages"), child)
    return found


def memory_mb(running: Running) -> dict[str, float]:
    """Return the memory of each process: its share of what several hold, and what is its own alone."""
    found = {}
    for name, pid in processes(running).items():
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
        found[name] = sizes["Pss:"] / _MB
        found[f"{name}, its own"] = (sizes["Private_Clean:"] + sizes["Private_Dirty:"]) / _MB
        found[f"{name}, files mapped"] = sizes["Pss_File:"] / _MB
    return found


def written(running: Running) -> dict[str, float]:
    """Return the bytes that gateway and NATS have given to the disk."""
    found = {}
    for name, pid in processes(running).items():
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
        found[name] = float(next(line for line in lines if line.startswith("write_bytes")).split()[1])
    return found


def stored(folder: Path) -> dict[str, float]:
    """Return the bytes on disk of each part of a deployment."""
    return {
        part.name: float(sum(path.stat().st_blocks * 512 for path in part.rglob("*") if path.is_file()))
        for part in folder.iterdir()
        if part.is_dir()
    }


async def post_singly(running: Running, chance: random.Random) -> None:
    """Post reads one by one, paced, each answered before its connection takes another."""
    posts = [
        json.dumps(read).encode()
        for body in live.bodies(-(-SINGLE // live.BATCH), chance)
        for read in json.loads(body)
    ][:SINGLE]
    started, rest = time.perf_counter(), list(enumerate(posts))

    async def on_one_connection(own: list[tuple[int, bytes]]) -> None:
        connection = await Connection(running.address, running.tokens["source:tfl"]).open()
        for n, body in own:
            await asyncio.sleep(max(0.0, started + n / _SINGLE_A_S - time.perf_counter()))
            status, _ = await connection.request("POST", "/v1/reads", body, "application/json")
            if status != 200:
                raise RuntimeError(f"a post answers {status}")
        await connection.close()

    await asyncio.gather(*(on_one_connection(rest[n::20]) for n in range(20)))


def grown(running: Running, reads: int, work: Any) -> dict[str, Any]:
    """Return what some work writes and leaves a read, beyond what the same time at rest does."""
    time.sleep(REST_S)  # what was before is written
    before_s, before = time.monotonic(), written(running)
    time.sleep(REST_S)
    rate = {
        name: (value - before[name]) / (time.monotonic() - before_s)
        for name, value in written(running).items()
    }
    before_s, before, disk = time.monotonic(), written(running), stored(running.folder)
    work()
    time.sleep(REST_S)
    took_s = time.monotonic() - before_s
    after = written(running)
    return {
        "written": {name: (after[name] - before[name] - rate[name] * took_s) / reads for name in before},
        "stored": {
            name: (size - disk.get(name, 0.0)) / reads for name, size in stored(running.folder).items()
        },
        "at_rest_bytes_per_s": rate,
    }


def list_of(entries: int) -> dict[str, float]:
    """Return the bytes an entry that this process gains by a list read from the vault, and the seconds it takes."""
    from wicketgate.base.memory import give_back
    from wicketgate.hotlists import Entry, Hotlist, dump_entries, each_entry

    chance = random.Random(2007)

    def listed() -> Any:
        known: set[str] = set()
        while len(known) < entries:
            for plate in live.plates(1000, chance):
                if plate not in known and len(known) < entries:
                    known.add(plate)
                    yield Entry(
                        voi=f"{chance.getrandbits(64):016x}",
                        plate=plate,
                        kind=chance.choice(("stolen", "wanted", "uninsured")),
                        priority=chance.randrange(1, 5),
                        reason=f"Reported {chance.randrange(1000)}",
                        listed_us=1_764_533_421_000_000,
                        until_us=1_766_533_421_000_000 + chance.randrange(1_000_000_000),
                        expires_us=1_766_533_421_000_000 + chance.randrange(1_000_000_000),
                    )

    def own() -> int:
        lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss_Anon:"))

    vault = Path(os.environ["WICKETGATE_BENCH_VAULT"])
    if not vault.exists():  # made by a process of its own, which leaves its memory behind
        vault.write_bytes(dump_entries(listed()))
        return {}
    Hotlist.of(())
    give_back()
    before, started = own(), time.thread_time()
    data = vault.read_bytes()
    hotlist = Hotlist.of(each_entry(data))
    del data
    give_back()  # as a start does
    took_s = time.thread_time() - started
    gained = own() - before
    assert len(hotlist) == entries
    return {"bytes_an_entry": gained / entries, "cpu_s": took_s}


def list_in_force() -> dict[str, float]:
    """Return what `list_of` does, in processes of its own."""
    with tempfile.TemporaryDirectory(prefix="wicketgate-bench-") as folder:
        environment = {"WICKETGATE_BENCH_VAULT": f"{folder}/vault", "PYTHONPATH": os.getcwd()}
        command = [sys.executable, __file__, "--list"]
        found: dict[str, float] = {}
        for _ in range(2):  # the second one finds the list in the vault
            done = subprocess.run(command, env=os.environ | environment, stdout=subprocess.PIPE, check=True)
            found = json.loads(done.stdout)
        return found


def run() -> dict[str, Any]:
    """Return what was measured."""
    listed = list_in_force() if ENTRIES else {}
    chance, before = random.Random(2007), {"batch": 0, "rows": 0}
    with gateway(settings="port = 0\nfronts = 1\nreaders = 1\n") as running:
        time.sleep(REST_S)
        rest = memory_mb(running)
        posts = live.bodies(BATCHES, chance)
        several = grown(
            running,
            BATCHES * live.BATCH,
            lambda: uvloop.run(live.through_gateway(running, posts, before)),
        )
        singly = grown(running, SINGLE, lambda: uvloop.run(post_singly(running, chance)))
        time.sleep(3 * REST_S)  # minutes of the index that are quiet leave memory
        after = memory_mb(running)
    return {
        "rest_mb": rest,
        "after_mb": after,
        "posts_of_500": several,
        "single_posts": singly,
        "list": listed,
    }


def main() -> None:
    """Print the result."""
    result = run()
    for name in ("rest_mb", "after_mb"):
        print(name, ", ".join(f"{what} {size:.1f}" for what, size in result[name].items()))
    for name in ("posts_of_500", "single_posts"):
        for kind in ("written", "stored"):
            sizes = result[name][kind]
            print(f"{name}, bytes {kind} a read: {sum(sizes.values()):,.0f}")
            print("   ", ", ".join(f"{what} {size:,.0f}" for what, size in sizes.items() if abs(size) >= 1))
    for what, size in result["list"].items():
        print(f"a list of {ENTRIES:,} in force: {what} {size:,.1f}")
    print("at rest, bytes written a second", result["single_posts"]["at_rest_bytes_per_s"])


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print(json.dumps(list_of(ENTRIES)))
    else:
        main()
