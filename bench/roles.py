"""`bench roles`: what each role takes, with more of them, and what a flood of pages at a reader does to posts.

Single native posts are paced by the clock, whatever the answers take. Long polls are followed by a process of their
own, and so are pages asked for, as fast as they are answered; both are on the machine that is measured, and the flood
gives way to everything else there (nice 19), as it would from another machine. Rounds with and without it alternate.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import uvloop

from bench.harness import Connection, Running, gateway, median
from bench.live import plates
from bench.memory import memory_mb
from bench.post import percentile
from wicketgate.base.clock import SystemClock, rfc3339
from wicketgate_demo.world import london

RATE = int(os.environ.get("WICKETGATE_BENCH_RATE", "500"))
SECONDS = float(os.environ.get("WICKETGATE_BENCH_SECONDS", "5"))
ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "5"))
POLLS = int(os.environ.get("WICKETGATE_BENCH_POLLS", "200"))
FLOODERS = int(os.environ.get("WICKETGATE_BENCH_FLOODERS", "16"))
CONFIGURATIONS = ((1, 0), (1, 1), (2, 1), (4, 1), (1, 4))
"""Fronts and readers; none of the latter is how it was before there were any."""
_CONNECTIONS = 100
_PAGES = ("/", "/register.json", "/authorities", "/log/checkpoint", "/figures")


async def posts(running: Running, chance: random.Random) -> list[float]:
    """Post at the rate; return how long each answer took, milliseconds."""
    clock = SystemClock()
    token = running.tokens["source:tfl"]
    connections = [await Connection(running.address, token).open() for _ in range(_CONNECTIONS)]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    took: list[float] = []

    async def post(plate: str) -> None:
        due = time.perf_counter()
        read = {
            "camera": f"ccz-{chance.randrange(1500) + 1:04d}",
            "captured_at": rfc3339(clock.now_us()),
            "plate": plate,
            "confidence": 0.91,
        }
        connection = await free.get()
        status, body = await connection.request(
            "POST", "/v1/reads", json.dumps(read).encode(), "application/json"
        )
        free.put_nowait(connection)
        if status != 200:
            raise RuntimeError(f"a post answers {status}: {body[:200]!r}")
        took.append((time.perf_counter() - due) * 1e3)

    began, tasks = time.perf_counter(), []
    for n, plate in enumerate(plates(int(RATE * SECONDS), chance)):
        await asyncio.sleep(max(0.0, began + n / RATE - time.perf_counter()))
        tasks.append(asyncio.create_task(post(plate)))
    await asyncio.gather(*tasks)
    for connection in connections:
        await connection.close()
    return took


async def follow(address: tuple[str, int], token: str) -> None:
    """Follow a feed by long polls, each behind the last batch that it was given, until this process is ended."""

    async def one() -> None:
        connection, after = await Connection(address, token).open(), 0
        while True:
            _, body = await connection.request(
                "GET", f"/v1/feeds/{london.CHARGING}?after={after}&wait=20&limit=1000"
            )
            for line in body.split(b"\n"):
                if line.startswith(b'{"batch":'):
                    after = json.loads(line)["batch"]

    await asyncio.gather(*(one() for _ in range(POLLS)))


async def flood(address: tuple[str, int]) -> None:
    """Ask for pages as fast as they are answered, until this process is ended; say how many each second."""
    asked = 0

    async def one(number: int) -> None:
        nonlocal asked
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                connection = await Connection(address, "").open()
                connection._authorization = "Accept-Encoding: gzip\r\n"
                while True:
                    await connection.request("GET", _PAGES[(asked + number) % len(_PAGES)])
                    asked += 1

    tasks = [asyncio.create_task(one(number)) for number in range(FLOODERS)]
    while True:
        await asyncio.sleep(1)
        print(asked, flush=True)
        if all(task.done() for task in tasks):
            raise RuntimeError("nobody asks any more")


@contextlib.contextmanager
def aside(what: str, running: Running, *more: str, nice: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    """Run a client in a process of its own."""
    command = [sys.executable, "-m", "bench.roles", what, *map(str, running.address), *more]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
        preexec_fn=(lambda: os.nice(nice) and None) if nice else None,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def await_readers(running: Running, count: int) -> None:
    """Wait until so many readers have caught up."""
    head = {"Authorization": f"Bearer {running.tokens['admin']}"}
    for _ in range(600):
        shown = httpx.get(f"{running.url}/metrics", headers=head, timeout=30).text
        if f"\nwicketgate_readers {float(count)}\n" in shown:
            return
        time.sleep(0.1)
    raise RuntimeError("the readers have not caught up")


def measure(fronts: int, readers: int) -> dict[str, Any]:
    """Return what one configuration takes."""
    chance = random.Random(2007)
    with gateway(settings=f"port = 0\nfronts = {fronts}\nreaders = {readers}\n") as running:
        await_readers(running, readers)
        calm: list[float] = []
        flooded: list[float] = []
        pages: list[float] = []
        with aside("follow", running, running.tokens[london.READERS[london.CHARGING]]):
            time.sleep(2)
            uvloop.run(posts(running, chance))  # what is made once is made
            before, reads = running.cpu_s(), 0
            for _ in range(ROUNDS):
                calm.append(percentile(took := uvloop.run(posts(running, chance)), 0.99))
                reads += len(took)
            after = running.cpu_s()
            memory = memory_mb(running)
            for number in range(ROUNDS):
                if number:
                    calm.append(percentile(uvloop.run(posts(running, chance)), 0.99))
                with aside("flood", running, nice=19) as flooding:
                    time.sleep(1)
                    flooded.append(percentile(uvloop.run(posts(running, chance)), 0.99))
                    flooding.kill()
                    assert flooding.stdout is not None
                    told = flooding.stdout.read().split()
                    pages.append(float(told[-1]) / len(told) if told else 0.0)
    return {
        "fronts": fronts,
        "readers": readers,
        "cpu_us_a_read": {name: (after[name] - before[name]) / reads * 1e6 for name in after},
        "post_p99_ms": median(calm),
        "post_p99_ms_flooded": median(flooded),
        "pages_per_s": median(pages),
        "memory_mb": {name: size for name, size in memory.items() if "mapped" not in name},
    }


def run() -> dict[str, Any]:
    """Return what was measured."""
    return {"configurations": [measure(*one) for one in CONFIGURATIONS], "polls": POLLS, "rate": RATE}


def main() -> None:
    """Print the result."""
    print(f"{RATE} single posts/s, {POLLS} long polls")
    for one in run()["configurations"]:
        cpu = ", ".join(f"{name} {us:.0f}" for name, us in one["cpu_us_a_read"].items())
        change = one["post_p99_ms_flooded"] / one["post_p99_ms"] - 1
        print(f"{one['fronts']} fronts, {one['readers']} readers: CPU a read in microseconds: {cpu}")
        print(
            f"    post p99 {one['post_p99_ms']:.1f} ms; with {one['pages_per_s']:.0f} pages/s "
            f"{one['post_p99_ms_flooded']:.1f} ms ({change:+.0%})"
        )
        print("    MB:", ", ".join(f"{name} {size:.0f}" for name, size in one["memory_mb"].items()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["follow"]:
        uvloop.run(follow((sys.argv[2], int(sys.argv[3])), sys.argv[4]))
    elif sys.argv[1:2] == ["flood"]:
        uvloop.run(flood((sys.argv[2], int(sys.argv[3]))))
    else:
        main()
