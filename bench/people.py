"""`bench people`: `live` with fifty officers in sessions and two hundred machines that wait, beside `live` alone.

Both sides run on one gateway, in turns, the first one changing. An officer opens the queue, a hit and its image, with a
pause of two to six seconds after each, as somebody who reads what is there. A machine asks a feed on which nothing
comes for news, and waits for 25 s, again and again. The officers' requests are timed too. What the people alone take of
the machine is measured before, while nobody posts: that says more than rates where other things run beside.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvloop

from bench.harness import Connection, Running, gateway, median
from bench.images import form, jpeg
from bench.live import bodies, plates, through_gateway
from bench.post import percentile
from wicketgate.base.clock import DAY_US, SystemClock, rfc3339
from wicketgate.clients.officer.people import draft_people
from wicketgate.http.sessions import COOKIE
from wicketgate_demo.world import london

ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "5"))
BATCHES = int(os.environ.get("WICKETGATE_BENCH_BATCHES", "1200"))
OFFICERS, HITS = 50, 20
PAUSE_S = 2.0, 6.0
QUIET_S, WAIT_S = 20.0, 25
DESK = london.PAPERS[london.OF_INTEREST]
WAITING = {london.OF_INTEREST: 100, "marshbridge-traffic": 50, "eastholm-traffic": 50}
"""How many machines wait at which feed: at most 128 requests of one token are under way."""
_IMAGE = re.compile(rb'src="(/duty/images/[^"]+)"')
_HIT = re.compile(rb'href="(/duty/hits/[^"/?]+)"')


class Officer(Connection):
    """An officer's browser: a connection with the cookie of their session."""

    def __init__(self, address: tuple[str, int], session: str) -> None:
        super().__init__(address, "")
        self._authorization = f"Cookie: {COOKIE}={session}\r\nAccept: text/html\r\n"

    async def work(self, chance: random.Random, took_ms: list[float]) -> None:
        """Look at the queue, at a hit and at its image, until cancelled."""
        await asyncio.sleep(chance.uniform(0, PAUSE_S[1]))
        while True:
            hits = _HIT.findall(await self._get(b"/duty", took_ms))
            await asyncio.sleep(chance.uniform(*PAUSE_S))
            images = _IMAGE.findall(await self._get(chance.choice(hits), took_ms))
            await asyncio.sleep(chance.uniform(*PAUSE_S))
            await self._get(chance.choice(images), took_ms)
            await asyncio.sleep(chance.uniform(*PAUSE_S))

    async def _get(self, path: bytes, took_ms: list[float]) -> bytes:
        started = time.perf_counter()
        status, body = await self.request("GET", path.decode().replace("&amp;", "&"))
        if status != 200:
            raise RuntimeError(f"`{path.decode()}` answers an officer with {status}")
        took_ms.append((time.perf_counter() - started) * 1000)
        return body


async def wait_for_news(connection: Connection, feed: str) -> None:
    """Ask a feed for what comes after its last batch, and wait, until cancelled."""
    after = 0
    while True:
        status, body = await connection.request(
            "GET", f"/v1/feeds/{feed}?after={after}&limit=1000&wait={WAIT_S}"
        )
        if status != 200:
            raise RuntimeError(f"a feed answers a machine with {status}")
        for line in body.splitlines():
            if line.startswith(b'{"batch"'):
                after = json.loads(line)["batch"]


def set_up(running: Running, chance: random.Random) -> list[str]:
    """Put the desk's papers in force, name its officers, have hits wait with an image; return the sessions."""
    admin = {"Authorization": f"Bearer {running.tokens['admin']}"}
    source = {"Authorization": f"Bearer {running.tokens['source:tfl']}"}
    desk = {"Authorization": f"Bearer {running.tokens[DESK.reader]}"}
    now_us = SystemClock().now_us()
    with httpx.Client(base_url=running.url, timeout=30) as client:
        for council in london.COUNCILS:
            own = {"Authorization": f"Bearer {running.tokens[f'source:{council}']}"}
            listed = london.council_cameras(council, london.COUNCIL_CAMERAS)
            client.put("/v1/cameras", json=listed, headers=own).raise_for_status()
        papers = [london.PAPERS[name] for name in WAITING]
        drafts = [(paper.draft(running.at_us), paper.signers) for paper in papers]
        drafted = draft_people(_named(now_us))
        for document, signers in (*drafts, (drafted.document, ("met/intelligence",))):
            content = london.signed(document, running.offices, signers)
            client.post("/v1/documents", content=content, headers=source).raise_for_status()
        client.put(
            "/v1/people/met/openings", json={"openings": drafted.openings}, headers=admin
        ).raise_for_status()
        wanted = plates(HITS, chance)
        entries = [
            {"plate": plate, "kind": "stolen", "priority": 1, "reason": "an invented theft"}
            for plate in wanted
        ]
        client.put(
            f"/v1/hotlists/{DESK.name}",
            content="\n".join(map(json.dumps, entries)),
            headers=desk | {"Content-Type": "application/x-ndjson"},
        ).raise_for_status()
        for plate in wanted:
            read = {
                "camera": "ccz-0001",
                "captured_at": rfc3339(SystemClock().now_us()),
                "plate": plate,
                "confidence": 0.95,
                "image": {"patch": "p", "overview": "o"},
            }
            body = form(json.dumps(read).encode(), jpeg(3_000, chance), jpeg(25_000, chance))
            kind = "multipart/form-data; boundary=bench-images"
            client.post("/v1/reads", content=body, headers=source | {"Content-Type": kind}).raise_for_status()
        return [_session(client, code) for code in drafted.codes.values()]


def _named(now_us: int) -> dict[str, Any]:
    return {
        "people": {
            "log": london.ORIGIN,
            "organisation": "met",
            "version": 1,
            "valid_from": rfc3339(now_us - DAY_US),
            "valid_until": rfc3339(now_us + 30 * DAY_US),
            "presence": "PT12H",
        },
        "persons": [
            {"name": f"Officer {number}", "unit": "duty-desk", "roles": ["viewer", "confirmer"]}
            for number in range(OFFICERS)
        ],
    }


def _session(client: httpx.Client, code: str) -> str:
    headers = {"Origin": str(client.base_url).rstrip("/"), "Accept": "application/json"}
    answer = client.post("/sign-in/code", data={"code": code}, headers=headers)
    if answer.status_code != 303:
        raise RuntimeError(f"a sign-in answers {answer.status_code}")
    session = answer.cookies[COOKIE]
    client.cookies.clear()
    return session


def _last_batch(running: Running) -> int:
    """Return the last batch of the bulk feed, once the reads that hit are in it."""
    headers = {"Authorization": f"Bearer {running.tokens[london.READERS[london.CHARGING]]}"}
    while True:
        body = httpx.get(f"{running.url}/v1/feeds/{london.CHARGING}", headers=headers).content
        batches = [json.loads(line) for line in body.splitlines() if line.startswith(b'{"batch"')]
        if sum(one["rows"] for one in batches) >= HITS:
            return int(batches[-1]["batch"])
        time.sleep(0.1)


@asynccontextmanager
async def everybody(
    running: Running, sessions: list[str], chance: random.Random, took_ms: list[float]
) -> AsyncIterator[None]:
    """Have the officers work and the machines wait meanwhile; RuntimeError if one of them ended."""
    opened: list[Connection] = []
    tasks = []
    for session in sessions:
        opened.append(officer := Officer(running.address, session))
        await officer.open()
        tasks.append(asyncio.create_task(officer.work(chance, took_ms)))
    for feed in (feed for feed, many in WAITING.items() for _ in range(many)):
        token = running.tokens[london.PAPERS[feed].reader]
        opened.append(machine := await Connection(running.address, token).open())
        tasks.append(asyncio.create_task(wait_for_news(machine, feed)))
    await asyncio.sleep(PAUSE_S[1])  # until all of them are at it
    took_ms.clear()
    try:
        yield
    finally:
        ended = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in opened:
            await connection.close()
        # A machine that goes has its place among those under way until its wait is over.
        await asyncio.sleep(WAIT_S + 1)
    if ended:
        raise RuntimeError(f"{len(ended)} of {len(tasks)} went away") from ended[0].exception()


async def quiet(running: Running, sessions: list[str], chance: random.Random) -> dict[str, float]:
    """Return the cores that a gateway takes to which nobody posts, without people and with everybody there."""

    async def cores() -> float:
        cpu, started = sum(running.cpu_s().values()), time.perf_counter()
        await asyncio.sleep(QUIET_S)
        return (sum(running.cpu_s().values()) - cpu) / (time.perf_counter() - started)

    alone = await cores()
    async with everybody(running, sessions, chance, []):
        return {"alone": alone, "people": await cores()}


async def beside(
    running: Running, posts: list[bytes], before: dict[str, int], sessions: list[str], chance: random.Random
) -> dict[str, Any]:
    """Run `live` with everybody there; return it, and what the officers waited."""
    took_ms: list[float] = []
    async with everybody(running, sessions, chance, took_ms):
        started = time.perf_counter()
        found = await through_gateway(running, posts, before)
        found |= {
            "officers_p50_ms": percentile(took_ms, 0.5),
            "officers_p99_ms": percentile(took_ms, 0.99),
            "officers_per_s": len(took_ms) / (time.perf_counter() - started),
        }
    return found


def run() -> dict[str, Any]:
    """Return medians of `ROUNDS` rounds of both sides."""
    chance = random.Random(2007)
    rounds: list[dict[str, Any]] = []
    with gateway() as running:
        sessions = set_up(running, chance)
        before = {"batch": _last_batch(running), "rows": 0}
        uvloop.run(through_gateway(running, bodies(BATCHES // 4, chance), before))  # pages and feeds are warm
        idle = uvloop.run(quiet(running, sessions, chance))
        for number in range(ROUNDS):
            found: dict[str, Any] = {}
            for side in ("alone", "people") if number % 2 == 0 else ("people", "alone"):
                posts = bodies(BATCHES, chance)
                if side == "alone":
                    found[side] = uvloop.run(through_gateway(running, posts, before))
                else:
                    found[side] = uvloop.run(beside(running, posts, before, sessions, chance))
            rounds.append(found)
    alone = [one["alone"]["reads_per_s"] for one in rounds]
    people = [one["people"]["reads_per_s"] for one in rounds]
    return {
        "alone_reads_per_s": median(alone),
        "people_reads_per_s": median(people),
        "change": median([with_ / without - 1 for with_, without in zip(people, alone, strict=True)]),
        "officers_p50_ms": median([one["people"]["officers_p50_ms"] for one in rounds]),
        "officers_p99_ms": median([one["people"]["officers_p99_ms"] for one in rounds]),
        "officers_per_s": median([one["people"]["officers_per_s"] for one in rounds]),
        "cores_without_posts": idle,
        "rounds": rounds,
    }


def main() -> None:
    """Print the result."""
    result = run()
    print(f"live alone         {result['alone_reads_per_s']:>10,.0f} reads/s")
    print(
        f"with people        {result['people_reads_per_s']:>10,.0f} reads/s   change {100 * result['change']:+.1f} %"
    )
    print(
        f"officers: {result['officers_per_s']:.1f} pages and images a second, p50 {result['officers_p50_ms']:.0f} ms, "
        f"p99 {result['officers_p99_ms']:.0f} ms"
    )
    idle = result["cores_without_posts"]
    print(f"cores taken while nobody posts: {idle['alone']:.3f} alone, {idle['people']:.3f} with people")
    for one in result["rounds"]:
        spent = {
            side: sum(one[side]["cpu_us_per_read"][part] for part in ("gateway", "fronts", "readers", "nats"))
            for side in ("alone", "people")
        }
        print(
            f"  {one['alone']['reads_per_s']:>10,.0f} {one['people']['reads_per_s']:>10,.0f} reads/s   "
            f"{spent['alone']:.1f} {spent['people']:.1f} µs of CPU a read, without the generator"
        )


if __name__ == "__main__":
    main()
