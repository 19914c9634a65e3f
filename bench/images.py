"""`bench images`: reads with patch and overview, to a recipient that fetches every image, beside the same without.

Each read is a post of its own. Both sides run in turns on one gateway, and each round paces itself by the clock,
whatever the answers take.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from pathlib import Path
from typing import Any

import httpx
import uvloop

from bench.harness import Connection, Running, gateway, median, own_cpu_s
from bench.live import plates
from bench.post import percentile
from wicketgate.base.clock import SystemClock, parse_rfc3339, rfc3339
from wicketgate_demo.world import london

RATE = float(os.environ.get("WICKETGATE_BENCH_RATE", "182"))
SECONDS = float(os.environ.get("WICKETGATE_BENCH_SECONDS", "20"))
ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "5"))
PATCH, OVERVIEW = 3_000, 25_000
CONNECTIONS = 50
_AT_ONCE = 100
_DAY_S = 86_400
_BOUNDARY = "bench-images"
_FORM = f"multipart/form-data; boundary={_BOUNDARY}"


def form(read: bytes, patch: bytes, overview: bytes) -> bytes:
    """Return a read and its two images as a form."""
    parts = (
        (b'name="reads"', b"application/json", read),
        (b'name="p"; filename="p.jpg"', b"image/jpeg", patch),
        (b'name="o"; filename="o.jpg"', b"image/jpeg", overview),
    )
    made = b"".join(
        b"--%s\r\nContent-Disposition: form-data; %s\r\nContent-Type: %s\r\n\r\n%s\r\n"
        % (_BOUNDARY.encode(), name, kind, body)
        for name, kind, body in parts
    )
    return made + b"--%s--\r\n" % _BOUNDARY.encode()


def jpeg(size: int, chance: random.Random) -> bytes:
    """Return bytes that begin as a JPEG does, and no two the same: cameras' images do not compress either."""
    return b"\xff\xd8\xff\xe0" + chance.randbytes(size - 4)


class Recipient:
    """A recipient of the national security units' feed, which fetches every image that a row names."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._token = running.tokens[london.READERS[london.COUNTER_TERRORISM]]
        self._after = 0
        self.again()

    def again(self) -> None:
        """Forget what was measured, but not how far the feed was read."""
        self._wanted: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.rows = self.images = self.image_bytes = 0
        self.arrived_ms: list[float] = []
        self.fetched_ms: list[float] = []

    async def follow(self, until: int) -> None:
        """Take the feed until so many rows have come."""
        clock, connection = SystemClock(), await Connection(self._running.address, self._token).open()
        while self.rows < until:
            _, body = await connection.request(
                "GET", f"/v1/feeds/{london.COUNTER_TERRORISM}?after={self._after}&limit=1000&wait=5"
            )
            now_us = clock.now_us()
            for line in filter(None, body.split(b"\n")):
                if line.startswith(b'{"batch"'):
                    self._after = int(line[9 : line.index(b",")])
                    continue
                read = json.loads(line)["read"]
                captured_us = parse_rfc3339(read["captured_at"])
                self.arrived_ms.append((now_us - captured_us) / 1000)
                self.rows += 1
                for kind in ("patch_image", "overview_image"):
                    if kind in read:
                        self._wanted.put_nowait((read[kind]["ref"], captured_us))
        await connection.close()

    async def fetch(self, until: int) -> None:
        """Fetch images, many at once where they wait, until so many have come."""
        clock, connection = SystemClock(), await Connection(self._running.address, self._token).open()
        while self.images < until:
            asked = [await self._wanted.get()]
            while len(asked) < _AT_ONCE and not self._wanted.empty():
                asked.append(self._wanted.get_nowait())
            body = json.dumps({"refs": [ref for ref, _ in asked]}).encode()
            path = f"/v1/feeds/{london.COUNTER_TERRORISM}/images"
            status, answer = await connection.request("POST", path, body, "application/json")
            if status != 200:
                raise RuntimeError(f"images answer {status}: {answer[:200]!r}")
            now_us, lines = clock.now_us(), answer.splitlines()
            for (ref, captured_us), line in zip(asked, lines, strict=False):
                sent = json.loads(line)
                if sent["ref"] != ref or "data" not in sent:
                    raise RuntimeError("an image did not come")
                self.image_bytes += sent["bytes"]
                self.fetched_ms.append((now_us - captured_us) / 1000)
            self.images += len(lines)
            for one in asked[len(lines) :]:
                self._wanted.put_nowait(one)
        await connection.close()


async def round_of(
    running: Running, recipient: Recipient, cameras: list[str], chance: random.Random, *, images: bool
) -> dict[str, float]:
    """Post one side's reads, and follow them; return latencies and CPU."""
    clock, total = SystemClock(), int(RATE * SECONDS)
    token = running.tokens["source:tfl"]
    free: asyncio.Queue[Connection] = asyncio.Queue()
    opened = [await Connection(running.address, token).open() for _ in range(CONNECTIONS)]
    for connection in opened:
        free.put_nowait(connection)
    answered_ms: list[float] = []

    async def post(plate: str, bodies: tuple[bytes, bytes] | None) -> None:
        started_us = clock.now_us()
        read = {
            "camera": chance.choice(cameras),
            "captured_at": rfc3339(started_us),
            "plate": plate,
            "confidence": 0.91,
        }
        if bodies is None:
            body, kind = json.dumps(read).encode(), "application/json"
        else:
            read["image"] = {"patch": "p", "overview": "o"}
            body, kind = form(json.dumps(read).encode(), *bodies), _FORM
        connection = await free.get()
        status, answer = await connection.request("POST", "/v1/reads", body, kind)
        free.put_nowait(connection)
        if status != 200 or json.loads(answer)["accepted"] != 1:
            raise RuntimeError(f"a post answers {status}: {answer[:200]!r}")
        answered_ms.append((clock.now_us() - started_us) / 1000)

    recipient.again()
    texts = plates(total, chance)
    pictures = [(jpeg(PATCH, chance), jpeg(OVERVIEW, chance)) if images else None for _ in range(total)]
    cpu, own = running.cpu_s(), own_cpu_s()
    following = asyncio.gather(recipient.follow(total), recipient.fetch(2 * total if images else 0))
    started, tasks = time.perf_counter(), []
    for n, (plate, bodies) in enumerate(zip(texts, pictures, strict=True)):
        ahead = started + n / RATE - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        tasks.append(asyncio.create_task(post(plate, bodies)))
    await asyncio.gather(*tasks)
    await following
    took = time.perf_counter() - started
    for connection in opened:
        await connection.close()
    spent = {name: (value - cpu[name]) / total * 1e6 for name, value in running.cpu_s().items()}
    return {
        "reads_per_s": total / took,
        "answer_p50_ms": percentile(answered_ms, 0.5),
        "answer_p99_ms": percentile(answered_ms, 0.99),
        "feed_p50_ms": percentile(recipient.arrived_ms, 0.5),
        "feed_p99_ms": percentile(recipient.arrived_ms, 0.99),
        "image_p50_ms": percentile(recipient.fetched_ms, 0.5) if images else 0.0,
        "image_p99_ms": percentile(recipient.fetched_ms, 0.99) if images else 0.0,
        "image_bytes": float(recipient.image_bytes),
        "gateway_us_a_read": spent["gateway"],
        "nats_us_a_read": spent["nats"],
        "generator_us_a_read": (own_cpu_s() - own) / total * 1e6,
    }


def stored(folder: Path) -> dict[str, int]:
    """Return the bytes that each part of a deployment takes on disk."""
    return {
        part.name: sum(path.stat().st_blocks * 512 for path in part.rglob("*") if path.is_file())
        for part in folder.iterdir()
        if part.is_dir()
    }


def run() -> dict[str, Any]:
    """Return medians of `ROUNDS` rounds of both sides, in turns, and what a day takes on disk."""
    chance, rounds = random.Random(2007), []
    grown: dict[str, dict[str, list[float]]] = {"plain": {}, "images": {}}
    with gateway() as running:
        headers = {"Authorization": f"Bearer {running.tokens['source:tfl']}"}
        listed = httpx.get(f"{running.url}/v1/cameras", headers=headers, timeout=30).json()["cameras"]
        cameras = [one["id"] for one in listed if london.BOUNDARY in one["groups"]]
        recipient = Recipient(running)
        for _ in range(ROUNDS):
            taken = {}
            for side, of_side in grown.items():
                before = stored(running.folder)
                taken[side] = uvloop.run(
                    round_of(running, recipient, cameras, chance, images=side == "images")
                )
                for name, size in stored(running.folder).items():
                    of_side.setdefault(name, []).append((size - before.get(name, 0)) / SECONDS * _DAY_S)
            rounds.append(taken)
    sides = {
        side: {name: median([one[side][name] for one in rounds]) for name in rounds[0][side]}
        for side in ("plain", "images")
    }
    return {
        **sides,
        "feed_p99_ratio": sides["images"]["feed_p99_ms"] / sides["plain"]["feed_p99_ms"],
        "answer_p99_ratio": sides["images"]["answer_p99_ms"] / sides["plain"]["answer_p99_ms"],
        "image_gb_a_day": RATE * (PATCH + OVERVIEW) * _DAY_S / 1e9,
        "stored_gb_a_day": {
            side: {name: sum(sizes) / len(sizes) / 1e9 for name, sizes in of_side.items()}
            for side, of_side in grown.items()
        },
        "rounds": rounds,
    }


def main() -> None:
    """Print the result."""
    result = run()
    print("                        without    with images")
    for name in result["plain"]:
        print(f"{name:<22} {result['plain'][name]:>9,.1f} {result['images'][name]:>14,.1f}")
    print(
        f"p99 to the feed {result['feed_p99_ratio']:.2f} times, to the answer {result['answer_p99_ratio']:.2f} times"
    )
    print(f"images a day {result['image_gb_a_day']:.1f} GB; on disk, a day, GB, without and with images:")
    plain, pictured = result["stored_gb_a_day"]["plain"], result["stored_gb_a_day"]["images"]
    for name, size in sorted(pictured.items(), key=lambda one: -one[1]):
        print(f"  {name:<16} {plain.get(name, 0.0):8.2f} {size:8.2f}")


if __name__ == "__main__":
    main()
