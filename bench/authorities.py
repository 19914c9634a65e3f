"""`bench authorities`: what a post of 500 reads, and a released row, cost with 2, 10 and 100 authorities.

Of *disjoint* scope: each authority has its own cameras, and a post is one transaction with a batch for each authority.
Of *equal* scope: each authority gets every read of a post; a post is as many transactions as its rows need. What a
gateway of so many authorities takes while nothing is posted, its seconds and pages, is measured first and taken off.
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
import random
from typing import Any

import httpx
import uvloop

from bench.harness import Connection, Running, gateway, median
from bench.live import BATCH, plates
from wicketgate.base.clock import SystemClock, rfc3339
from wicketgate_demo.world import london

AUTHORITIES = tuple(map(int, os.environ.get("WICKETGATE_BENCH_AUTHORITIES", "2,10,100").split(",")))
POSTS = int(os.environ.get("WICKETGATE_BENCH_POSTS", "20"))
ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "3"))
CAMERAS = 1500
IDLE_S = 5.0


def appoint(running: Running, count: int, *, disjoint: bool) -> list[str]:
    """Register cameras in groups, and submit so many authorities; return their names."""
    cameras = london.cameras(CAMERAS)
    for number, camera in enumerate(cameras):
        camera["groups"] = [f"g{number % count}"] if disjoint else ["all"]
    names = [f"tfl-charging-{number:03d}" for number in range(count)]
    document = london.charging_authority(running.at_us)
    with httpx.Client(base_url=running.url, timeout=60) as client:
        source = {"Authorization": f"Bearer {running.tokens['source:tfl']}"}
        client.put("/v1/cameras", json=cameras, headers=source).raise_for_status()
        for number, name in enumerate(names):
            one = copy.deepcopy(document)
            one["authority"]["name"] = name
            one["scope"]["groups"] = [f"g{number}" if disjoint else "all"]
            signed = london.signed(one, running.offices, london.SIGNERS[london.CHARGING])
            client.post("/v1/documents", content=signed, headers=source).raise_for_status()
    return names


def post_of(chance: random.Random) -> bytes:
    """Return a post of `BATCH` reads of cameras one after another, so that none of the authorities gets nothing."""
    now_us, first = SystemClock().now_us(), chance.randrange(CAMERAS)
    return json.dumps(
        [
            {
                "camera": f"ccz-{(first + n) % CAMERAS + 1:04d}",
                "captured_at": rfc3339(now_us - chance.randrange(20_000_000)),
                "plate": plate,
                "confidence": round(chance.uniform(0.7, 1), 2),
                "lane": 1,
                "direction": "towards",
            }
            for n, plate in enumerate(plates(BATCH, chance))
        ],
        separators=(",", ":"),
    ).encode()


class Follower:
    """One feed, followed to see that a post has left."""

    def __init__(self, reader: Connection, name: str) -> None:
        self._reader = reader
        self._name = name
        self._after = 0

    async def take(self, rows: int) -> None:
        """Take batches until at least so many rows have come."""
        while rows > 0:
            path = f"/v1/feeds/{self._name}?after={self._after}&limit=1000&wait=5"
            _, body = await self._reader.request("GET", path)
            for line in body.split(b"\n"):
                if line.startswith(b'{"batch"'):
                    header = json.loads(line)
                    self._after, rows = header["batch"], rows - header["rows"]


async def rounds(running: Running, name: str, rows: int, chance: random.Random) -> list[float]:
    """Return the gateway's seconds of CPU a post, for each round.

    Each is posted once the one before has left; `rows` of each stand in the feed of `name`.
    """
    connection = await Connection(running.address, running.tokens["source:tfl"]).open()
    reader = await Connection(running.address, running.tokens[london.READERS[london.CHARGING]]).open()
    follower, loop, spent = Follower(reader, name), asyncio.get_running_loop(), []
    used = _gateway(running)
    await asyncio.sleep(IDLE_S)
    idle = (_gateway(running) - used) / IDLE_S
    for _ in range(ROUNDS):
        bodies = [post_of(chance) for _ in range(POSTS)]
        used, began = _gateway(running), loop.time()
        for body in bodies:
            status, answer = await connection.request("POST", "/v1/reads", body, "application/json")
            if status != 200 or json.loads(answer)["accepted"] != BATCH:
                raise RuntimeError(f"a post answered {status}")
            await follower.take(rows)
        spent.append((_gateway(running) - used - idle * (loop.time() - began)) / POSTS)
    await connection.close()
    await reader.close()
    return spent


def _gateway(running: Running) -> float:
    used = running.cpu_s()
    return used["gateway"] + used["fronts"]


def run() -> dict[str, Any]:
    """Return medians of `ROUNDS` rounds, in milliseconds a post and microseconds a released row."""
    chance = random.Random(2007)
    found: dict[str, Any] = {}
    for scope in ("disjoint", "equal"):
        for count in AUTHORITIES:
            with gateway(CAMERAS) as running:
                # The two of the harness name other groups: none of these cameras is theirs.
                names = appoint(running, count, disjoint=scope == "disjoint")
                rows = BATCH // count if scope == "disjoint" else BATCH
                spent = median(uvloop.run(rounds(running, names[-1], rows, chance)))
            released = BATCH if scope == "disjoint" else BATCH * count
            found[f"{scope} {count}"] = {"post_ms": spent * 1e3, "row_us": spent / released * 1e6}
    return found


def main() -> None:
    """Print the result."""
    print(f"{'authorities':<16} {'ms a post':>12} {'µs a released row':>18}")
    for name, value in run().items():
        print(f"{name:<16} {value['post_ms']:>12.2f} {value['row_us']:>18.1f}")


if __name__ == "__main__":
    main()
