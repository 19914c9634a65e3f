"""`bench scale`: a sequencer at a nation's peak: a list of millions in force, and reads by the thousand a second.

The list is put into the vault as the gateway would keep it, and committed; no route takes so large a list in one post.
Then a real gateway starts with it, and takes posts of 500 reads at a fixed rate, decided under two bulk authorities and
the list, with a recipient of a bulk feed. Told are the start, and then each minute the time from post to answer, the
memory of each process, CPU and bytes written a read, hits, and how long the loop was held.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import uvloop

from bench import live
from bench.harness import Connection, Running, enrol, make, take_stalls
from bench.memory import memory_mb, written
from wicketgate.base.clock import DAY_US, SystemClock
from wicketgate.base.settings import load_settings
from wicketgate.commits.state import State
from wicketgate.commits.transactions import HotlistChanged, Transaction
from wicketgate.gateway.filing.facts import hotlist_fact
from wicketgate.gateway.node import Gateway
from wicketgate.hotlists import Entry, dump_entries
from wicketgate_demo.world import london

ENTRIES = int(os.environ.get("WICKETGATE_BENCH_ENTRIES", "45000000"))
RATE = int(os.environ.get("WICKETGATE_BENCH_RATE", "12000"))
"""Reads a second."""
SECONDS = int(os.environ.get("WICKETGATE_BENCH_SECONDS", "600"))
_AT_ONCE = 500_000
_MINUTE_S = 60
_LETTERS = "ABCDEFGHJKLMNOPRSTUVWXY"
_PLATES = len(_LETTERS) ** 5 * 100
_STRIDE = 400_000_009  # coprime to the number of plates: each number below it gives another one
_KINDS = ("stolen", "wanted", "missing-person")


def plate_of(number: int) -> str:
    """Return the plate of a number below `_PLATES`; no two have the same."""
    number = number * _STRIDE % _PLATES
    text = []
    for base in (23, 23, 23, 100, 23, 23):
        number, digit = divmod(number, base)
        text.append(f"{digit:02d}" if base == 100 else _LETTERS[digit])
    return "".join(reversed(text))


def entries(first: int, count: int, at_us: int) -> bytes:
    """Return some entries as the vault keeps them."""
    chance = random.Random(first)

    def each() -> Iterator[Entry]:
        for number in range(first, first + count):
            until_us = at_us + DAY_US + chance.randrange(20 * 86_400) * 1_000_000
            yield Entry(
                voi=f"{number:016x}",
                plate=plate_of(number),
                kind=_KINDS[number % 3],
                priority=1 + number % 4,
                reason=f"Reported {number % 1000}",
                listed_us=at_us,
                until_us=until_us,
                expires_us=until_us,
            )

    return dump_entries(each())


def put_list(running: Running, count: int) -> None:
    """Put a list of so many entries into the vault of a deployment that is not running, and commit it."""
    at_us = (SystemClock().now_us() // 1_000_000 - 60) * 1_000_000
    aside = running.folder.parent / "list"
    hashed, head = hashlib.sha256(), b""
    with ProcessPoolExecutor(2) as makers, aside.open("wb") as file:
        made = [
            makers.submit(entries, first, min(_AT_ONCE, count - first), at_us)
            for first in range(0, count, _AT_ONCE)
        ]
        for one in made:
            data = one.result()
            head = head or data[: data.index(b"\n") + 1]
            # Files of one form, one behind the other, are one file of that form but for the names behind the first.
            data = data[len(head) if file.tell() else 0 :]
            hashed.update(data)
            file.write(data)
    blob = hashed.hexdigest()
    aside.rename(running.folder / "vault" / blob)
    (running.folder / "vault" / blob).chmod(0o600)
    asyncio.run(_commit(running.folder, blob, count))


async def _commit(folder: Path, blob: str, count: int) -> None:
    gateway = Gateway(load_settings(folder), None)
    change = HotlistChanged(authority=london.OF_INTEREST, revision=1, blob=blob, whole=True, entries=count)

    def build(state: State, at_us: int, sequence: int) -> Transaction:
        fact = hotlist_fact(change, sequence, added=count, changed=0, removed=0, by="admin")
        return Transaction(at_us=at_us, facts=(fact,), hotlist=change)

    try:
        await gateway._open()
        await gateway.commits.commit(build)
    finally:
        await gateway.stop()


class Load:
    """Posts of 500 reads at a fixed rate, whatever the answers take."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._free: asyncio.Queue[Connection] = asyncio.Queue()
        self.took_ms: list[float] = []
        self.late_ms: list[float] = []
        self.refused: dict[int, int] = {}
        self.rows = self.behind = 0

    async def run(self, seconds: int) -> list[dict[str, Any]]:
        """Post for so long; return what each minute was like."""
        for _ in range(32):
            token = self._running.tokens["source:tfl"]
            await self._free.put(await Connection(self._running.address, token).open())
        follower = asyncio.create_task(self._follow())
        loop, minutes = asyncio.get_running_loop(), []
        each_s, posting = live.BATCH / RATE, set[asyncio.Task[None]]()
        with ProcessPoolExecutor(1) as makers:
            ahead = [loop.run_in_executor(makers, _bodies, n) for n in range(3)]
            begun = loop.time()
            minute = Minute(self._running)
            second = posts = 0
            while second < seconds:
                for body in await ahead.pop(0):
                    await asyncio.sleep(max(0.0, begun + posts * each_s - loop.time()))
                    self.late_ms.append((loop.time() - begun - posts * each_s) * 1000)
                    task = asyncio.create_task(self._post(body))
                    posting.add(task)
                    task.add_done_callback(posting.discard)
                    posts += 1
                second += 1
                ahead.append(loop.run_in_executor(makers, _bodies, second + 3))
                if second % _MINUTE_S == 0:
                    minutes.append(await asyncio.to_thread(minute.end, self))
                    print(json.dumps(minutes[-1]), file=sys.stderr, flush=True)
                    minute = Minute(self._running)
        self.behind = len(posting) * live.BATCH
        for task in (
            *posting,
            follower,
        ):  # what is behind would take its time to be answered, and says nothing new
            task.cancel()
        return minutes

    async def _post(self, body: bytes) -> None:
        begun = time.perf_counter()
        connection = await self._free.get()
        status, _ = await connection.request("POST", "/v1/reads", body, "application/json")
        self._free.put_nowait(connection)
        self.took_ms.append((time.perf_counter() - begun) * 1000)
        if status != 200:
            self.refused[status] = self.refused.get(status, 0) + 1

    async def _follow(self) -> None:
        token = self._running.tokens[london.READERS[london.CHARGING]]
        connection, after = await Connection(self._running.address, token).open(), 0
        while True:
            path = f"/v1/feeds/{london.CHARGING}?after={after}&limit=1000&wait=5"
            _, body = await connection.request("GET", path)
            at = 0
            while at < len(body):
                end = body.index(b"\n", at)
                header = json.loads(body[at:end])
                after, self.rows = header["batch"], self.rows + header["rows"]
                at = end + 1
                for _ in range(header["rows"]):
                    at = body.index(b"\n", at) + 1


def _bodies(number: int) -> list[bytes]:
    return live.bodies(RATE // live.BATCH, random.Random(2007 + number))


class Minute:
    """What one minute of a load was like."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._cpu, self._written, self._begun = running.cpu_s(), written(running), time.monotonic()

    def end(self, load: Load) -> dict[str, Any]:
        """Return it, and begin the load's lists anew."""
        took, load.took_ms = sorted(load.took_ms), []
        late, load.late_ms = sorted(load.late_ms), []
        rows, load.rows = load.rows, 0
        reads = len(took) * live.BATCH
        cpu, wrote, sizes = self._running.cpu_s(), written(self._running), memory_mb(self._running)
        return {
            "reads_per_s": reads / (time.monotonic() - self._begun),
            "answer_ms": {name: took[int(len(took) * part)] for name, part in _PARTS.items()},
            "generator_late_ms_p99": late[int(len(late) * 0.99)],
            "refused": dict(load.refused),
            "rows_received_per_s": rows / (time.monotonic() - self._begun),
            "cpu_us_a_read": {name: (cpu[name] - self._cpu[name]) / reads * 1e6 for name in cpu},
            "written_a_read": {name: (wrote[name] - self._written.get(name, 0.0)) / reads for name in wrote},
            "memory_mb": {name: size for name, size in sizes.items() if "," not in name},
            "stalls": take_stalls(),
        }


_PARTS = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "worst": 1 - 1e-9}


def run() -> dict[str, Any]:
    """Return what was measured."""
    with tempfile.TemporaryDirectory(prefix="wicketgate-bench-") as name:
        running = make(Path(name))
        try:
            running.start()
            admin = (running.folder / "keys" / "admin.token").read_text().strip()
            running.tokens = enrol(running.url, admin, running.offices, 1500, running.at_us)
            _submit(running)
            running.stop()
            begun = time.monotonic()
            put_list(running, ENTRIES)
            made_s, begun = time.monotonic() - begun, time.monotonic()
            running.start()
            found = {
                "entries": ENTRIES,
                "list_made_s": made_s,
                "vault_bytes": max(path.stat().st_size for path in (running.folder / "vault").iterdir()),
                "start_s": time.monotonic() - begun,
                "start_cpu_s": running.cpu_s()["gateway"],
                "start_peak_mb": _peak_mb(running.pid),
                "at_rest_mb": memory_mb(running),
            }
            print(json.dumps(found), file=sys.stderr, flush=True)
            load = Load(running)
            minutes = uvloop.run(load.run(SECONDS))
            return {
                **found,
                "peak_mb": _peak_mb(running.pid),
                "reads_behind": load.behind,
                "minutes": minutes,
                "disk": _disk(running),
            }
        finally:
            running.stop()


def _submit(running: Running) -> None:
    document = london.PAPERS[london.OF_INTEREST].draft(running.at_us)
    document["match"]["max_entries"] = ENTRIES
    signed = london.signed(document, running.offices, london.SIGNERS[london.OF_INTEREST])
    headers = {"Authorization": f"Bearer {running.tokens['source:tfl']}"}
    httpx.post(f"{running.url}/v1/documents", content=signed, headers=headers).raise_for_status()


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM"))


def _disk(running: Running) -> dict[str, float]:
    return {
        part.name: sum(path.stat().st_blocks * 512 for path in part.rglob("*") if path.is_file()) / 1e6
        for part in running.folder.iterdir()
        if part.is_dir()
    }


def main() -> None:
    """Print the result."""
    print(json.dumps(run(), indent=2))


if __name__ == "__main__":
    main()
