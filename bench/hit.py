"""`bench hit`: 2,000 single posts/s from 1,500 cameras in their own formats: capture to hit p50, p99; CPU by format.

The cameras are the simulation's own, as a separate process; a recipient follows the match feed by long poll. One in
twenty of the vehicles on the road is listed, so that there are enough hits to speak of a p99. Beside it, in the same
run: durable publishes one after the other, which is what the disk gives. Then each format alone, at a rate that none
of them fills the gateway with, for what a read of it costs.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from typing import Any

import httpx
import uvloop

from bench.harness import WICKETGATE, Connection, Running, gateway, median
from bench.post import percentile, singly
from wicketgate.clock import DAY_US, SystemClock, parse_rfc3339, rfc3339
from wicketgate.simulate import london
from wicketgate.simulate.children import free_port
from wicketgate.simulate.devices import FORMATS
from wicketgate.simulate.traffic import Traffic

RATE = float(os.environ.get("WICKETGATE_BENCH_RATE", "2000"))
SECONDS = float(os.environ.get("WICKETGATE_BENCH_SECONDS", "10"))
ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "5"))
ALONE_RATE = 400.0
ALONE_SECONDS = 6.0
LISTED = 5000
ONE_IN = 20
HOUR = 8.0
SETTINGS = 'host = "127.0.0.1"\nport = 0\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'


def listed(cameras: list[dict[str, Any]], rounds: int) -> list[str]:
    """Return plates of vehicles that will be on the road, the same for the same cameras."""
    found: dict[str, None] = {}
    for seed in range(rounds):
        traffic = Traffic(cameras, seed=seed, imperfect=0.0, at_hour=HOUR)
        for n in range(int(RATE * SECONDS)):
            read = traffic.next(1_000_000_000_000_000 + round(n * 1e6 / RATE))
            if read.vehicle.number % ONE_IN == 0:
                found[read.vehicle.plate] = None
    return list(found)[:LISTED]


def enlist(running: Running, plates: list[str]) -> None:
    """Submit the match authority and put its list."""
    at_us = SystemClock().now_us()
    paper = london.PAPERS[london.OF_INTEREST]
    envelope = london.signed(paper.draft(at_us), running.offices, paper.signers)
    entries = [
        {
            "plate": plate,
            "kind": paper.kinds[n % len(paper.kinds)],
            "priority": 1 + n % 4,
            "reason": "benchmark",
            "expires_at": rfc3339(at_us + DAY_US),
        }
        for n, plate in enumerate(plates)
    ]
    body = b"\n".join(json.dumps(entry).encode() for entry in entries)
    with httpx.Client(base_url=running.url, timeout=60) as client:

        def bearer(name: str) -> dict[str, str]:
            return {"Authorization": f"Bearer {running.tokens[name]}"}

        client.post("/v1/documents", content=envelope, headers=bearer("source:tfl")).raise_for_status()
        client.put(
            f"/v1/hotlists/{london.OF_INTEREST}",
            content=body,
            headers={**bearer(london.DUTY_DESK), "Content-Type": "application/x-ndjson"},
        ).raise_for_status()


async def follow(running: Running, cursor: dict[str, int], hits: list[float], over: asyncio.Event) -> None:
    """Take the match feed until `over` is set and nothing more comes; note milliseconds from capture to receipt."""
    clock = SystemClock()
    connection = await Connection(running.address, running.tokens[london.DUTY_DESK]).open()
    while True:
        ended = over.is_set()
        path = f"/v1/feeds/{london.OF_INTEREST}?after={cursor['batch']}&limit=1000&wait=2"
        status, body = await connection.request("GET", path)
        if status != 200:
            raise RuntimeError(f"the feed answers {status}")
        now_us = clock.now_us()
        for line in body.split(b"\n"):
            if line.startswith(b'{"batch"'):
                cursor["batch"] = int(line[9 : line.index(b",")])
            elif line and b'"again":true' not in line and b'"late":true' not in line:
                at = line.index(b'"captured_at":"') + 15
                captured = line[at : line.index(b'"', at)].decode()
                hits.append((now_us - parse_rfc3339(captured)) / 1000)
        if ended and not body:
            break
    await connection.close()


async def load(
    running: Running, rate: float, seconds: float, *words: str, seed: int = 0
) -> tuple[dict[str, Any], dict[str, float]]:
    """Let the simulated cameras send; return what they counted, and the CPU seconds of gateway and NATS meanwhile."""
    token = running.folder.parent / "source.token"
    if not token.exists():
        with os.fdopen(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(running.tokens["source:tfl"])
    command = [*WICKETGATE, "simulate", running.url, "--token-file", str(token), "--source", "tfl"]
    command += ["--rate", str(rate), "--seconds", str(seconds), "--seed", str(seed), "--at", str(HOUR)]
    before = running.cpu_s()
    process = await asyncio.create_subprocess_exec(
        *command, *words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    after = running.cpu_s()
    if process.returncode:
        raise RuntimeError("the simulated cameras failed")
    return json.loads(output.splitlines()[-1]), {name: after[name] - before[name] for name in after}


async def through(
    running: Running, cursor: dict[str, int], mqtt: tuple[str, ...], seed: int
) -> dict[str, Any]:
    """Run one round of everything together."""
    hits: list[float] = []
    over = asyncio.Event()
    following = asyncio.create_task(follow(running, cursor, hits, over))
    started = time.perf_counter()
    tally, cpu = await load(running, RATE, SECONDS, *mqtt, seed=seed)
    took = time.perf_counter() - started
    over.set()
    await following
    return {
        "reads_per_s": tally["sent"] / tally["seconds"],
        "unacknowledged": tally["unacknowledged"],
        "hits": len(hits),
        "hit_p50_ms": percentile(hits, 0.5),
        "hit_p99_ms": percentile(hits, 0.99),
        "answer_p99_ms": tally["latency_ms"]["p99"],
        "single_publishes_per_s": await singly(1.0),
        "gateway_cores": cpu["gateway"] / took,
        "cpu_us_per_read": {
            **{name: spent / tally["sent"] * 1e6 for name, spent in cpu.items()},
            "load generator": tally["cpu_us_per_post"],
        },
    }


async def alone(running: Running, mqtt: tuple[str, ...], seed: int) -> dict[str, float]:
    """Return the gateway's CPU for a read of each format, microseconds, each format sent alone."""
    found: dict[str, float] = {}
    for number, name in enumerate(FORMATS):
        tally, cpu = await load(
            running,
            ALONE_RATE,
            ALONE_SECONDS,
            "--format",
            name,
            *mqtt,
            seed=seed + number,
        )
        found[name] = cpu["gateway"] / tally["sent"] * 1e6
    return found


def run() -> dict[str, Any]:
    """Return medians of `ROUNDS` rounds."""
    rounds: list[dict[str, Any]] = []
    port = free_port(0)
    with gateway(settings=SETTINGS.format(port=port)) as running:
        headers = {"Authorization": f"Bearer {running.tokens['source:tfl']}"}
        cameras = httpx.get(f"{running.url}/v1/cameras", headers=headers, timeout=30).json()["cameras"]
        enlist(running, listed(cameras, ROUNDS))
        mqtt = ("--mqtt", f"127.0.0.1:{port}")
        cursor = {"batch": 0}
        for seed in range(ROUNDS):
            rounds.append(uvloop.run(through(running, cursor, mqtt, seed)))
        formats = uvloop.run(alone(running, mqtt, 100))
    names = [name for name in rounds[0] if name != "cpu_us_per_read"]
    return {
        **{name: median([r[name] for r in rounds]) for name in names},
        "cpu_us_per_read": {
            name: median([r["cpu_us_per_read"][name] for r in rounds])
            for name in rounds[0]["cpu_us_per_read"]
        },
        "gateway_cpu_us_by_format": formats,
        "rounds": rounds,
    }


def main() -> None:
    """Print the result."""
    result = run()
    print(f"{result['reads_per_s']:,.0f} reads/s from 1,500 cameras, {result['hits']:.0f} hits a round")
    print(f"  capture to hit   p50 {result['hit_p50_ms']:6.1f} ms   p99 {result['hit_p99_ms']:6.1f} ms")
    print(f"  answered                           p99 {result['answer_p99_ms']:6.1f} ms")
    print(f"  beside: {result['single_publishes_per_s']:,.0f} durable publishes/s one after the other")
    print(f"  the gateway takes {result['gateway_cores']:.2f} cores")
    for name, value in result["cpu_us_per_read"].items():
        print(f"  CPU {name:<29} {value:6.1f} µs a read")
    for name, value in result["gateway_cpu_us_by_format"].items():
        print(f"  gateway, {name:<24} {value:6.1f} µs a read, at {ALONE_RATE:.0f} reads/s")


if __name__ == "__main__":
    sys.exit(main())
