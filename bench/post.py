"""`bench post`: single posts at 2,000 reads/s over kept-alive connections, capture to feed, p50 and p99.

The load generator paces itself by the clock, whatever the answers take (an open loop), so that waiting shows. Beside
it, in the same run: single durable publishes to the same kind of stream, one after the other, which is what each
read would cost without group commit.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from typing import Any

import uvloop

from bench.harness import Connection, Running, durable_writer, gateway, median, own_cpu_s
from bench.live import plates
from wicketgate.base.clock import SystemClock, parse_rfc3339, rfc3339
from wicketgate_demo.world import london

RATE = int(os.environ.get("WICKETGATE_BENCH_RATE", "2000"))
SECONDS = float(os.environ.get("WICKETGATE_BENCH_SECONDS", "10"))
ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "5"))
CONNECTIONS = 200


def percentile(values: list[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def posts(
    running: Running, chance: random.Random, cursor: dict[str, int], at: tuple[str, int] | None = None
) -> dict[str, Any]:
    """Post at the rate, to the gateway or elsewhere, and follow the feed; return latencies in milliseconds."""
    clock, token = SystemClock(), running.tokens["source:tfl"]
    connections = [await Connection(at or running.address, token).open() for _ in range(CONNECTIONS)]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    total = int(RATE * SECONDS)
    texts = plates(total, chance)
    answered: list[float] = []
    failures = 0

    async def post(plate: str) -> None:
        nonlocal failures
        started_us = clock.now_us()
        read = {
            "camera": f"ccz-{chance.randrange(1500) + 1:04d}",
            "captured_at": rfc3339(started_us),
            "plate": plate,
            "confidence": 0.91,
        }
        connection = await free.get()
        status, _ = await connection.request(
            "POST", "/v1/reads", json.dumps(read).encode(), "application/json"
        )
        free.put_nowait(connection)
        answered.append((clock.now_us() - started_us) / 1000)
        failures += status != 200

    arrived: list[float] = []
    receiving = asyncio.create_task(_follow(running, cursor, total, arrived))
    cpu, own = running.cpu_s(), own_cpu_s()
    started = time.perf_counter()
    tasks = []
    for n, plate in enumerate(texts):
        ahead = started + n / RATE - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        tasks.append(asyncio.create_task(post(plate)))
    await asyncio.gather(*tasks)
    await receiving
    took = time.perf_counter() - started
    for connection in connections:
        await connection.close()
    spent = {name: (value - cpu[name]) / total * 1e6 for name, value in running.cpu_s().items()}
    spent["load generator and recipient"] = (own_cpu_s() - own) / total * 1e6
    return {
        "posts": total,
        "posts_per_s": total / took,
        "failures": failures,
        "answer_p50_ms": percentile(answered, 0.5),
        "answer_p99_ms": percentile(answered, 0.99),
        "feed_p50_ms": percentile(arrived, 0.5),
        "feed_p99_ms": percentile(arrived, 0.99),
        "cpu_us_per_read": spent,
    }


async def _follow(running: Running, cursor: dict[str, int], total: int, arrived: list[float]) -> None:
    clock = SystemClock()
    connection = await Connection(running.address, running.tokens[london.READERS[london.CHARGING]]).open()
    while len(arrived) < total:
        after = cursor["batch"]
        _, body = await connection.request(
            "GET", f"/v1/feeds/{london.CHARGING}?after={after}&limit=1000&wait=5"
        )
        now_us = clock.now_us()
        for line in body.split(b"\n"):
            if line.startswith(b'{"batch"'):
                cursor["batch"] = int(line[9 : line.index(b",")])
            elif line:
                at = line.index(b'"captured_at":"') + 15
                captured = line[at : line.index(b'"', at)].decode()
                arrived.append((now_us - parse_rfc3339(captured)) / 1000)
    await connection.close()


async def singly(seconds: float = 2.0) -> float:
    """Publish reads one a message, as fast as each is durable before the next; return messages/s."""
    async with durable_writer() as writer:
        until, count = time.perf_counter() + seconds, 0
        while time.perf_counter() < until:
            await writer.submit(b"x" * 200, f"single-{count}")
            count += 1
    return count / seconds


def run() -> dict[str, Any]:
    """Return medians of `ROUNDS` rounds."""
    chance = random.Random(2007)
    rounds: list[dict[str, Any]] = []
    with gateway() as running:
        cursor = {"batch": 0}
        for _ in range(ROUNDS):
            through = uvloop.run(posts(running, chance, cursor))
            rounds.append({**through, "single_publishes_per_s": uvloop.run(singly())})
    names = [name for name in rounds[0] if name != "cpu_us_per_read"]
    return {
        **{name: median([r[name] for r in rounds]) for name in names},
        "cpu_us_per_read": {
            name: median([r["cpu_us_per_read"][name] for r in rounds])
            for name in rounds[0]["cpu_us_per_read"]
        },
        "rounds": rounds,
    }


def main() -> None:
    """Print the result."""
    result = run()
    print(f"{result['posts_per_s']:,.0f} posts/s, {result['failures']:.0f} failures")
    print(f"  answered in      p50 {result['answer_p50_ms']:6.1f} ms   p99 {result['answer_p99_ms']:6.1f} ms")
    print(f"  capture to feed  p50 {result['feed_p50_ms']:6.1f} ms   p99 {result['feed_p99_ms']:6.1f} ms")
    print(f"  beside: {result['single_publishes_per_s']:,.0f} durable publishes/s one after the other")
    for name, value in result["cpu_us_per_read"].items():
        print(f"  CPU {name:<29} {value:6.1f} µs a read")


if __name__ == "__main__":
    main()
