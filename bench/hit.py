"""`bench hit`: single posts from 1,500 cameras in their own formats: capture to hit p50, p99; CPU by format.

Some formats say one read in several messages: 2,000 posts/s are about 1,250 reads/s (`MESSAGES_A_READ`).

The cameras are the simulation's own, as a separate process; a recipient follows the match feed by long poll. One in
twenty of the vehicles on the road is listed, so that there are enough hits to speak of a p99. Beside it, in the same
run: durable publishes one after the other, which is what the disk gives. Then each format alone, at about the same
number of posts, for what a post of it costs. A number of posts is sustained if, when the cameras stop, no more waits
than comes within a quarter of a second.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import uvloop

from bench.harness import WICKETGATE, Connection, Running, gateway, median
from bench.post import percentile, singly
from wicketgate.base.clock import DAY_US, SystemClock, rfc3339
from wicketgate_demo.cameras.devices import FORMATS
from wicketgate_demo.run.children import free_port
from wicketgate_demo.world import london
from wicketgate_demo.world.traffic import Traffic

POSTS = tuple(float(text) for text in os.environ.get("WICKETGATE_BENCH_POSTS", "500,1000,2000").split(","))
MESSAGES_A_READ = 1.6
"""Of the mix that the simulated cameras speak."""
RATE = max(POSTS) / MESSAGES_A_READ
SECONDS = float(os.environ.get("WICKETGATE_BENCH_SECONDS", "10"))
ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "3"))
ALONE_POSTS = 800.0
ALONE_SECONDS = 6.0
WAITS_S = 0.25
CONNECTIONS = 1500
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


def record_of(running: Running) -> Path:
    """Return where the simulated cameras write what they sent, and when the vehicle really passed."""
    return running.folder.parent / "sent.ndjson"


def latencies(running: Running, hits: list[tuple[str, str, int]]) -> list[float]:
    """Return milliseconds from a vehicle's passage to its hit's receipt.

    Not from `captured_at`: some devices know their time to the second only.
    """
    passed: dict[tuple[str, str], list[int]] = {}
    for line in record_of(running).read_bytes().splitlines():
        sent = json.loads(line)
        for text in {sent["plate"], *sent["others"]}:
            passed.setdefault((sent["camera"], text), []).append(sent["passed_us"])
    return [
        (now_us - max(at_us for at_us in passed[camera, plate] if at_us <= now_us)) / 1000
        for camera, plate, now_us in hits
    ]


async def follow(
    running: Running, cursor: dict[str, int], hits: list[tuple[str, str, int]], over: asyncio.Event
) -> None:
    """Take the match feed until `over` is set and nothing more comes; note camera, plate and time of each live hit."""
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
                read = json.loads(line)["read"]
                hits.append((read["camera"], read["plate"], now_us))
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
    command += ["--connections", str(CONNECTIONS), "--rate", str(rate), "--seconds", str(seconds)]
    command += ["--seed", str(seed), "--at", str(HOUR), "--record", str(record_of(running))]
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
    running: Running, cursor: dict[str, int], posts: float, mqtt: tuple[str, ...], seed: int
) -> dict[str, Any]:
    """Run one round of every format together, at a number of posts a second."""
    hits: list[tuple[str, str, int]] = []
    over = asyncio.Event()
    following = asyncio.create_task(follow(running, cursor, hits, over))
    started = time.perf_counter()
    tally, cpu = await load(running, posts / MESSAGES_A_READ, SECONDS, *mqtt, seed=seed)
    took = time.perf_counter() - started
    over.set()
    await following
    waited = latencies(running, hits)
    messages = sum(part["messages"] for part in tally["formats"].values())
    return {
        "posts_per_s": messages / tally["seconds"],
        "waits_s": max(0.0, tally["seconds"] - SECONDS),
        "cpu_us_a_post": {
            **{name: value / messages * 1e6 for name, value in cpu.items()},
            "cameras": tally["cpu_us_per_post"] * tally["sent"] / messages,
        },
        "hits": len(hits),
        "hit_p50_ms": percentile(waited, 0.5),
        "hit_p99_ms": percentile(waited, 0.99),
        "answer_p99_ms": tally["latency_ms"]["p99"],
        "unacknowledged": tally["unacknowledged"],
        "gateway_cores": (cpu["gateway"] + cpu["fronts"]) / took,
        "single_publishes_per_s": await singly(1.0),
    }


async def alone(running: Running, mqtt: tuple[str, ...], seed: int) -> dict[str, dict[str, float]]:
    """Return the CPU of gateway and fronts for a post and a read of each format, microseconds, each sent alone."""
    found: dict[str, dict[str, float]] = {}
    for number, name in enumerate(FORMATS):
        messages = {"axis": 3.0, "frigate": 4.0}.get(name, 1.0)
        words = ("--format", name, *mqtt)
        tally, cpu = await load(running, ALONE_POSTS / messages, ALONE_SECONDS, *words, seed=seed + number)
        found[name] = {
            "post": (cpu["gateway"] + cpu["fronts"]) / tally["formats"][name]["messages"] * 1e6,
            "read": (cpu["gateway"] + cpu["fronts"]) / tally["sent"] * 1e6,
        }
    return found


def run() -> dict[str, Any]:
    """Return medians of `ROUNDS` rounds for each number of posts, and what each format costs."""
    rounds: dict[float, list[dict[str, Any]]] = {posts: [] for posts in POSTS}
    port = free_port(0)
    with gateway(settings=SETTINGS.format(port=port)) as running:
        headers = {"Authorization": f"Bearer {running.tokens['source:tfl']}"}
        cameras = httpx.get(f"{running.url}/v1/cameras", headers=headers, timeout=30).json()["cameras"]
        enlist(running, listed(cameras, ROUNDS))
        mqtt = ("--mqtt", f"127.0.0.1:{port}")
        cursor = {"batch": 0}
        for seed in range(ROUNDS):
            for posts in POSTS:
                rounds[posts].append(uvloop.run(through(running, cursor, posts, mqtt, seed)))
        formats = uvloop.run(alone(running, mqtt, 100))
    return {
        "by_posts_per_s": {
            f"{posts:.0f}": {
                **{name: median([one[name] for one in of]) for name in of[0] if name != "cpu_us_a_post"},
                "cpu_us_a_post": {
                    name: median([one["cpu_us_a_post"][name] for one in of])
                    for name in of[0]["cpu_us_a_post"]
                },
            }
            for posts, of in rounds.items()
        },
        "sustained_posts_per_s": max(
            (posts for posts, of in rounds.items() if median([one["waits_s"] for one in of]) <= WAITS_S),
            default=0.0,
        ),
        "gateway_cpu_us_by_format": formats,
        "rounds": {f"{posts:.0f}": of for posts, of in rounds.items()},
    }


def main() -> None:
    """Print the result."""
    result = run()
    for wanted, found in result["by_posts_per_s"].items():
        print(f"{wanted} posts/s wanted: {found['posts_per_s']:,.0f} done, {found['hits']:.0f} hits a round")
        print(f"  capture to hit   p50 {found['hit_p50_ms']:7.1f} ms   p99 {found['hit_p99_ms']:7.1f} ms")
        print(f"  answered                             p99 {found['answer_p99_ms']:7.1f} ms")
        print(f"  at the end {found['waits_s']:.2f} s of it wait")
        print(f"  the gateway and its fronts take {found['gateway_cores']:.2f} cores")
        spent = "  ".join(f"{name} {value:.0f}" for name, value in found["cpu_us_a_post"].items())
        print(f"  CPU: {spent} µs a post")
        print(f"  beside: {found['single_publishes_per_s']:,.0f} durable publishes/s one after the other")
    print(f"sustained: {result['sustained_posts_per_s']:,.0f} posts/s of those tried")
    for name, spent in result["gateway_cpu_us_by_format"].items():
        print(f"  gateway, {name:<16} {spent['post']:6.0f} µs a post {spent['read']:6.0f} µs a read")


if __name__ == "__main__":
    main()
