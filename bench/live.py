"""`bench live`: HTTP batches of 500 -> durable -> gate -> commit -> feed received, beside raw durable publishing.

Both sides run in one go, one after the other, five times: the gateway with its load generator and two recipients on the
same machine, and the same reads as Arrow messages of 500 published straight into a JetStream stream that syncs always.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from typing import Any

import numpy as np
import uvloop

from bench.harness import Connection, Running, durable_writer, gateway, median, own_cpu_s
from wicketgate.base.clock import SystemClock, rfc3339
from wicketgate.reads.columns import encode_batch, filled
from wicketgate_demo.world import london

BATCH = 500
ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "5"))
BATCHES = int(os.environ.get("WICKETGATE_BENCH_BATCHES", "240"))
CONNECTIONS = 4
_LETTERS = "ABCDEFGHJKLMNOPRSTUVWXY"


def plates(count: int, chance: random.Random) -> list[str]:
    """Return invented plates of the current UK form."""
    pick = chance.choices
    return [
        "".join((*pick(_LETTERS, k=2), f"{n % 100:02d}", *pick(_LETTERS, k=3)))
        for n in (chance.randrange(100) for _ in range(count))
    ]


def bodies(batches: int, chance: random.Random) -> list[bytes]:
    """Return posts of `BATCH` reads each, as JSON arrays, captured over the last seconds."""
    now_us = SystemClock().now_us()
    made = []
    for _ in range(batches):
        reads = [
            {
                "camera": f"ccz-{chance.randrange(1500) + 1:04d}",
                "captured_at": rfc3339(now_us - chance.randrange(20_000_000)),
                "plate": plate,
                "confidence": round(chance.uniform(0.7, 1), 2),
                "lane": 1,
                "direction": "towards",
            }
            for plate in plates(BATCH, chance)
        ]
        made.append(json.dumps(reads, separators=(",", ":")).encode())
    return made


async def through_gateway(running: Running, posts: list[bytes], before: dict[str, int]) -> dict[str, Any]:
    """Post everything and wait for the last row; return reads/s and where the CPU went."""
    queue = list(reversed(posts))
    accepted = 0

    async def post(connection: Connection) -> None:
        nonlocal accepted
        while queue:
            status, answer = await connection.request("POST", "/v1/reads", queue.pop(), "application/json")
            if status != 200:
                raise RuntimeError(f"a post answered {status}")
            accepted += json.loads(answer)["accepted"]

    everything = before["rows"] + len(posts) * BATCH
    token = running.tokens["source:tfl"]
    connections = [await Connection(running.address, token).open() for _ in range(CONNECTIONS)]
    receiving = asyncio.create_task(_follow_from(running, london.CHARGING, before, everything))
    cpu, own = running.cpu_s(), own_cpu_s()
    started = time.perf_counter()
    await asyncio.gather(*(post(connection) for connection in connections))
    posted = time.perf_counter()
    await receiving
    ended = time.perf_counter()
    for connection in connections:
        await connection.close()
    spent = {name: (value - cpu[name]) / accepted * 1e6 for name, value in running.cpu_s().items()}
    spent["load generator"] = (own_cpu_s() - own) / accepted * 1e6
    before["rows"] = everything
    return {
        "reads_per_s": accepted / (ended - started),
        "posted_per_s": accepted / (posted - started),
        "cpu_us_per_read": spent,
    }


async def _follow_from(running: Running, authority: str, before: dict[str, int], until: int) -> None:
    connection = await Connection(running.address, running.tokens[london.READERS[authority]]).open()
    after, rows = before["batch"], before["rows"]
    while rows < until:
        _, body = await connection.request("GET", f"/v1/feeds/{authority}?after={after}&limit=1000&wait=5")
        at = 0
        while at < len(body):
            end = body.index(b"\n", at)
            header = json.loads(body[at:end])
            after, rows = header["batch"], rows + header["rows"]
            at = end + 1
            for _ in range(header["rows"]):
                at = body.index(b"\n", at) + 1
    before["batch"] = after
    await connection.close()


async def raw(messages: list[bytes]) -> float:
    """Publish the same reads into a stream that syncs always; return reads/s."""
    async with durable_writer() as writer:
        started = time.perf_counter()
        await asyncio.gather(*(writer.submit(data, f"raw-{n}") for n, data in enumerate(messages)))
        took = time.perf_counter() - started
    return len(messages) * BATCH / took


def as_stored(posts: list[bytes]) -> list[bytes]:
    """Return the reads of posts as a transaction holds them."""
    messages = []
    for post in posts:
        reads = json.loads(post)
        texts = [read["plate"] for read in reads]
        n = len(reads)
        messages.append(
            encode_batch(
                filled(
                    captured_us=np.arange(n),
                    received_us=np.arange(n),
                    plate=texts,
                    confidence=[read["confidence"] for read in reads],
                    lane=["1"] * n,
                    direction=['"towards"'] * n,
                    key=[bytes(20)] * n,
                )
            )
        )
    return messages


def run() -> dict[str, Any]:
    """Return medians of `ROUNDS` rounds."""
    chance = random.Random(2007)
    rounds: list[dict[str, Any]] = []
    with gateway() as running:
        before = {"batch": 0, "rows": 0}
        for _ in range(ROUNDS):
            posts = bodies(BATCHES, chance)
            through = uvloop.run(through_gateway(running, posts, before))
            beside = uvloop.run(raw(as_stored(posts)))
            rounds.append({**through, "raw_reads_per_s": beside, "ratio": through["reads_per_s"] / beside})
    return {
        "reads_per_s": median([r["reads_per_s"] for r in rounds]),
        "raw_reads_per_s": median([r["raw_reads_per_s"] for r in rounds]),
        "ratio": median([r["ratio"] for r in rounds]),
        "cpu_us_per_read": {
            name: median([r["cpu_us_per_read"][name] for r in rounds])
            for name in rounds[0]["cpu_us_per_read"]
        },
        "rounds": rounds,
    }


def main() -> None:
    """Print the result."""
    result = run()
    print(f"through the gateway {result['reads_per_s']:>10,.0f} reads/s")
    print(f"raw durable publish {result['raw_reads_per_s']:>10,.0f} reads/s   ratio {result['ratio']:.2f}")
    for name, value in result["cpu_us_per_read"].items():
        print(f"  CPU {name:<16} {value:6.1f} µs a read")


if __name__ == "__main__":
    main()
