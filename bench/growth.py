"""`bench growth`: a deployment grown large beside a small one: start, feed page, proof, pages.

Both are made by the program's own writers. Transactions of a hundred batches each stand for a hundred transactions:
what a feed, its index and its proofs hold is the same, and COMMITS has a hundredth of the messages. The log gets an
entry for each second, and figures each hour. Signatures are not made: `verify` is not for these deployments.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from bench.harness import Running, enrol, make, median
from bench.memory import memory_mb
from wicketgate.base.clock import HOUR_US, SECOND_US, SystemClock, rfc3339
from wicketgate.base.settings import load_settings
from wicketgate.commits.figures import ClosedFigures
from wicketgate.commits.state import dump_state
from wicketgate.commits.stored import encode
from wicketgate.commits.transactions import FeedBatch, Transaction
from wicketgate.feeds.index import BatchPlace
from wicketgate.gateway.node import Gateway
from wicketgate.ledger.facts import release_fact, second_entry
from wicketgate.ledger.second import SecondClosed
from wicketgate_demo.world import london

BATCHES = tuple(int(n) for n in os.environ.get("WICKETGATE_BENCH_FEED", "10000,500000").split(","))
LOG_S = tuple(int(n) for n in os.environ.get("WICKETGATE_BENCH_LOG", "3600,2592000").split(","))
ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "5"))
_IN_ONE = 100
_AT_ONCE = 20_000
_ENTRIES_AT_ONCE = 256 * 256
_FEED = london.CHARGING
_ROW = b'{"seq":0,"salt":"' + b"0" * 32 + b'","read":{"plate":"AB12CDE","camera":"ccz-0001"}}\n'
_HASH = hashlib.sha256(_ROW).hexdigest()


class Growing:
    """A deployment that is not running, opened with all its parts to be filled."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._state = gateway.commits.committed
        self._at_us = SystemClock().now_us()
        self._random = random.Random(2007)

    async def batches(self, count: int) -> None:
        """Add batches of one row to a feed, with the proofs of their releases."""
        state, gateway = self._state, self._gateway
        through, feed = 0, state.feeds[_FEED]
        end = feed.batches + count + 1
        for begin in range(feed.batches + 1, end, _AT_ONCE):
            stored, written, seconds = [], [], []
            for first in range(begin, min(end, begin + _AT_ONCE), _IN_ONE):
                sequence = state.sequence + 1
                made = [self._batch(number) for number in range(first, first + _IN_ONE)]
                batches = tuple(batch for batch, _ in made)
                data, places = encode(Transaction(at_us=self._at_us, batches=batches), gateway.keys)
                for batch, (offset, length) in zip(batches, places, strict=True):
                    through += length
                    place = BatchPlace(sequence, offset, length, self._at_us, through)
                    written.append((_FEED, batch.number, place))
                stored.append(gateway.commits._writer.submit(data, f"growth-{sequence}"))
                facts = tuple(fact for _, fact in made)
                seconds.append(
                    SecondClosed(
                        number=1, second_us=self._at_us, entry=0, facts=facts, seed=bytes(32), sealed=b""
                    )
                )
                state.sequence, state.at_us = sequence, self._at_us
                feed.batches, feed.rows = batches[-1].number, feed.rows + _IN_ONE
            await asyncio.gather(*stored)
            gateway.projections._index.write(written)
            gateway.projections.proofs.add(seconds, 0)

    def _batch(self, number: int) -> tuple[FeedBatch, bytes]:
        at = rfc3339(self._at_us)
        header = {
            "batch": number,
            "authority": f"{_FEED}@1",
            "commit": self._state.sequence + 1,
            "rows": 1,
            "root": "0" * 64,
            "sha256": _HASH,
            "released_at": at,
            "promise": {
                "salt": self._random.randbytes(16).hex(),
                "second": at,
                "merge_by": at,
                "signature": "A" * 88,
            },
        }
        line = json.dumps(header, separators=(",", ":")).encode() + b"\n"
        return FeedBatch(feed=_FEED, number=number, rows=1, data=line + _ROW), release_fact(header)

    def log(self, seconds: int) -> None:
        """Append an entry for each of so many seconds, and the figures of their hours."""
        state, ledger = self._state, self._gateway.ledger
        begun_us = self._at_us - self._at_us % SECOND_US - seconds * SECOND_US
        closed = self._gateway.commits._close_figures(self._at_us, self._at_us)
        figures = json.loads(closed.entries[0])
        for first in range(0, seconds, _ENTRIES_AT_ONCE):
            some = range(first, min(seconds, first + _ENTRIES_AT_ONCE))
            ledger.append([second_entry(begun_us + n * SECOND_US, bytes(32)) for n in some])
        for hour in range(seconds // 3600):
            from_us = begun_us + hour * HOUR_US
            said = {"from": rfc3339(from_us), "until": rfc3339(from_us + HOUR_US)}
            state.periods.append(ClosedFigures(entry=state.entries + hour, figures={**figures, **said}))
        state.entries += seconds

    async def keep(self) -> None:
        """Say to every part how far it has come, and keep two snapshots of the state."""
        gateway, state = self._gateway, self._state
        gateway.projections._taken = state.sequence
        gateway.seen.stored(b"", b"", state.sequence)
        gateway.seen.flush(gateway.seen.begin_flush(), 0)
        gateway._snapshots.save(dump_state(state), state.sequence, state.at_us)
        gateway.directory.reached(state.sequence)


async def grow(folder: Path, batches: int, seconds: int) -> None:
    """Fill a deployment that is not running."""
    gateway = Gateway(load_settings(folder), None)
    try:
        await gateway._open()
        growing = Growing(gateway)
        await growing.batches(batches)
        growing.log(seconds)
        await growing.keep()
    finally:
        await gateway.stop()


def grown(base: Path, batches: int, seconds: int) -> Running:
    """Return a deployment of a size, stopped."""
    base.mkdir()
    running = make(base)
    running.start()
    admin = (running.folder / "keys" / "admin.token").read_text().strip()
    running.tokens = enrol(running.url, admin, running.offices, 1500, running.at_us)
    running.stop()
    asyncio.run(grow(running.folder, batches, seconds))
    return running


def looked(running: Running, batches: int, chance: random.Random) -> dict[str, float]:
    """Start a deployment, ask it, and stop it; return what took how long, in milliseconds."""
    started = time.perf_counter()
    running.start()
    found = {"start": (time.perf_counter() - started) * 1000, "start, CPU": running.cpu_s()["gateway"] * 1000}
    bearer = {"Authorization": f"Bearer {running.tokens[london.READERS[_FEED]]}"}
    with httpx.Client(base_url=running.url, timeout=60) as client:

        def timed(name: str, path: Callable[[], str], times: int = 9, headers: Any = None) -> None:
            taken = []
            for _ in range(times):
                begun = time.perf_counter()
                client.get(path(), headers=headers).raise_for_status()
                taken.append((time.perf_counter() - begun) * 1000)
            found[name] = median(taken)

        def anywhere() -> int:
            return chance.randrange(1, batches - 1000)

        timed("first page, the first time", lambda: "/", times=1)
        timed("first page", lambda: "/")
        timed("figures", lambda: "/figures", times=3)
        timed("register", lambda: "/register.json", times=3)
        timed(
            "1,000 batches of a feed",
            lambda: f"/v1/feeds/{_FEED}?after={anywhere()}&limit=1000",
            headers=bearer,
        )
        timed("a proof", lambda: f"/v1/feeds/{_FEED}/proofs?batch={anywhere()}", times=30, headers=bearer)
        timed("checkpoint", lambda: "/log/checkpoint")
        time.sleep(12)  # a snapshot is kept
        found["memory, MB"] = sum(size for name, size in memory_mb(running).items() if "," not in name)
        found["snapshot, KB"] = max(
            path.stat().st_size / 1e3 for path in (running.folder / "snapshots").glob("*.snapshot")
        )
    running.stop()
    return found


def run() -> dict[str, Any]:
    """Return medians of `ROUNDS` rounds of each size, in turns."""
    chance = random.Random(2007)
    with tempfile.TemporaryDirectory(prefix="wicketgate-bench-") as name:
        sizes: dict[str, tuple[Running, int]] = {}
        made_s = {}
        for batches, seconds in zip(BATCHES, LOG_S, strict=True):
            started = time.perf_counter()
            what = f"{batches:,} batches, {seconds:,} s of log"
            sizes[what] = grown(Path(name) / str(batches), batches, seconds), batches
            made_s[what] = time.perf_counter() - started
        rounds: dict[str, list[dict[str, float]]] = {what: [] for what in sizes}
        for _ in range(ROUNDS):
            for what, (running, batches) in sizes.items():
                rounds[what].append(looked(running, batches, chance))
    return {
        "made_s": made_s,
        "medians": {
            what: {one: median([found[one] for found in of]) for one in of[0]} for what, of in rounds.items()
        },
    }


def main() -> None:
    """Print the result."""
    result = run()
    sides = list(result["medians"].values())
    print(" beside ".join(f"{what} (made in {s:.0f} s)" for what, s in result["made_s"].items()))
    for one in sides[0]:
        values = [side[one] for side in sides]
        print(
            f"{one:<28}" + "".join(f"{value:>12,.1f}" for value in values) + f"{values[-1] / values[0]:>9.2f}"
        )


if __name__ == "__main__":
    sys.exit(main())
