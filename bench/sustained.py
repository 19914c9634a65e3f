"""`bench sustained`: the most single posts a second that are taken for as long as one likes: no queue grows.

Connections post again as soon as they are answered, which shows the most there is. Then posts come by the clock,
whatever the answers take (an open loop), at less and less of that, until what waits at the end of a round is no more
than what is on its way. The generator is of this machine, and takes its part of the two cores.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import uvloop

from bench.harness import Running, gateway, own_cpu_s
from bench.live import plates
from wicketgate.base.clock import rfc3339

SECONDS = float(os.environ.get("WICKETGATE_BENCH_SECONDS", "8"))
CONNECTIONS = int(os.environ.get("WICKETGATE_BENCH_CONNECTIONS", "400"))
STEP = 0.93
WAITS_S = 0.25
"""A round is sustained if at its end no more waits than what comes within this."""


class Poster(asyncio.Protocol):
    """One kept-alive connection that posts, with as little as can be between the caller and the socket."""

    def __init__(self, answered: Callable[[Poster, bytes], None]) -> None:
        self._answered = answered
        self._held = b""
        self.transport: asyncio.Transport | None = None
        self.due_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take an answer."""
        data = self._held + data if self._held else data
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            at = data.lower().index(b"content-length:") + 15
            length = int(data[at : data.index(b"\r", at)])
            if len(data) >= end + 4 + length:
                self._held = b""
                self._answered(self, data)
                return
        self._held = data

    def post(self, request: bytes, due_s: float) -> None:
        """Post."""
        self.due_s = due_s
        assert self.transport is not None
        self.transport.write(request)


class Requests:
    """Posts of new vehicles, ready to be sent; only the time is put in."""

    def __init__(self, token: str, chance: random.Random) -> None:
        self._head = (
            "POST /v1/reads HTTP/1.1\r\nHost: gateway\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: "
        )
        self._chance = chance
        self._plates: list[str] = []
        self._at_s = 0.0
        self._now = ""

    def next(self) -> bytes:
        """Return the next one, captured now."""
        if not self._plates:
            self._plates = plates(20_000, self._chance)
        now_s = time.time()
        if now_s - self._at_s > 0.001:
            self._at_s, self._now = now_s, rfc3339(int(now_s * 1e6))
        body = (
            f'{{"camera":"ccz-{self._chance.randrange(1500) + 1:04d}","captured_at":"{self._now}",'
            f'"plate":"{self._plates.pop()}","confidence":0.91}}'
        )
        return f"{self._head}{len(body)}\r\n\r\n{body}".encode()


async def most(running: Running, requests: Requests, connections: int, seconds: float) -> dict[str, Any]:
    """Post over connections that post again as soon as they are answered."""
    return await _round(running, requests, connections, seconds, None)


async def at_rate(
    running: Running, requests: Requests, connections: int, seconds: float, rate: float
) -> dict[str, Any]:
    """Post at a rate by the clock."""
    return await _round(running, requests, connections, seconds, rate)


async def _round(
    running: Running, requests: Requests, connections: int, seconds: float, rate: float | None
) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    waited: list[float] = []
    failures = 0
    free: deque[Poster] = deque()
    going = True
    late: deque[float] = deque()

    def answered(poster: Poster, data: bytes) -> None:
        nonlocal failures
        now_s = time.perf_counter()
        waited.append(now_s - poster.due_s)
        if not data.startswith(b"HTTP/1.1 200"):
            failures += 1
        if rate is None and going:
            poster.post(requests.next(), now_s)
        elif late:
            poster.post(requests.next(), late.popleft())
        else:
            free.append(poster)

    for _ in range(connections):
        _, poster = await loop.create_connection(lambda: Poster(answered), *running.address)
        free.append(poster)
    cpu, own = running.cpu_s(), own_cpu_s()
    started, sent = time.perf_counter(), 0
    if rate is None:
        while free:
            free.popleft().post(requests.next(), time.perf_counter())
        await asyncio.sleep(seconds)
        going = False
        count = len(waited)
    else:
        while (elapsed := time.perf_counter() - started) < seconds:
            while sent < elapsed * rate:
                due_s = started + sent / rate
                sent += 1
                if free:
                    free.popleft().post(requests.next(), due_s)
                else:
                    late.append(due_s)
            await asyncio.sleep(0.001)
        count = sent
    waiting = sent - len(waited) if rate is not None else 0
    took = time.perf_counter() - started
    spent = {name: (value - cpu[name]) / len(waited) * 1e6 for name, value in running.cpu_s().items()}
    spent["generator"] = (own_cpu_s() - own) / len(waited) * 1e6
    while len(free) < connections:
        await asyncio.sleep(0.02)
    ordered = sorted(waited)
    while free:
        one = free.popleft().transport
        assert one is not None
        one.close()
    return {
        "posts_per_s": count / took,
        "failures": failures,
        "waiting_s": waiting / rate if rate else 0.0,
        "answer_p50_ms": ordered[len(ordered) // 2] * 1e3,
        "answer_p99_ms": ordered[int(len(ordered) * 0.99)] * 1e3,
        "cpu_us_a_post": spent,
    }


async def sustained(running: Running, seconds: float = SECONDS) -> dict[str, Any]:
    """Return the greatest rate that is sustained, and the most there is."""
    requests = Requests(running.tokens["source:tfl"], random.Random(2007))
    await most(running, requests, CONNECTIONS, 2.0)
    found = await most(running, requests, CONNECTIONS, seconds)
    rate = found["posts_per_s"]
    while True:
        held = await at_rate(running, requests, CONNECTIONS, seconds, rate)
        if held["waiting_s"] <= WAITS_S:
            return {"most": found, "sustained": held}
        rate *= STEP


def run() -> dict[str, Any]:
    """Return the greatest rate that is sustained, and the most there is."""
    with gateway() as running:
        return uvloop.run(sustained(running))


def main() -> None:
    """Print the result."""
    for name, one in run().items():
        print(
            f"{name:<10} {one['posts_per_s']:8,.0f} posts/s   p50 {one['answer_p50_ms']:6.1f} ms   "
            f"p99 {one['answer_p99_ms']:6.1f} ms   {one['failures']} failures"
        )
        print(
            "           " + "  ".join(f"{n} {v:.0f}" for n, v in one["cpu_us_a_post"].items()) + " µs a post"
        )


if __name__ == "__main__":
    main()
