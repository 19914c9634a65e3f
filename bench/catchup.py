"""`bench catchup`: a recipient of one row in a thousand, far behind, through transactions that hold everybody's rows.

COMMITS is filled with transactions as the gateway writes them, each with one row of a rare feed beside a thousand of
another; then the rare feed is read from its beginning, in parts as an answer is made of them.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from bench.harness import linked
from tests.batches import plain_batch
from wicketgate.base.hour_keys import KeyRing
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.commits.rewritten import COMMITS
from wicketgate.commits.stored import KINDS, encode
from wicketgate.commits.transactions import Transaction
from wicketgate.feeds.feed import Feed, StoredRows
from wicketgate.feeds.index import BatchPlace, FeedIndex

BATCHES = int(os.environ.get("WICKETGATE_BENCH_BATCHES", "5000"))
ROWS = 1_000
_PART = 256 * 1024
_AT_ONCE = 64


async def measure() -> dict[str, Any]:
    """Fill, read, and return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        async with linked(Path(folder)) as link:
            await link.ensure_stream(COMMITS)
            index = FeedIndex(Path(folder) / "feeds")
            keys = KeyRing(Path(folder) / "content-keys", KINDS)
            writer = await StreamWriter(link, COMMITS, window=_AT_ONCE).open()
            size = await fill(writer, index, keys)
            await writer.close()
            rows = StoredRows(link, COMMITS, partial(keys.open, "rows"))
            feed = await Feed.open(rows, index, "rare", max_bytes=1 << 50)
            started, after = time.perf_counter(), 0
            while part := await feed.batches(after, 10_000, _PART):
                after += len(part)
            took = time.perf_counter() - started
            assert after == BATCHES
            await feed.close()
            index.close()
    return {
        "bench": "catchup",
        "batches": BATCHES,
        "bytes_of_transactions": size,
        "batches_per_s": round(BATCHES / took),
        "s_for_100000": round(100_000 * took / BATCHES, 1),
    }


async def fill(writer: StreamWriter, index: FeedIndex, keys: KeyRing) -> int:
    """Commit the transactions; return their bytes."""
    size, places = 0, []
    for first in range(1, BATCHES + 1, _AT_ONCE):
        stored = []
        for number in range(first, min(first + _AT_ONCE, BATCHES + 1)):
            rare = plain_batch("rare", number, size=260)
            much = plain_batch("much", number, rows=ROWS, size=260)
            data, (_, place) = encode(Transaction(at_us=number, batches=(much, rare)), keys)
            size += len(data)
            places.append(("rare", number, BatchPlace(number, *place, number, number * 300)))
            stored.append(writer.submit(data, f"bench-{number}"))
        await asyncio.gather(*stored)
    index.write(places)
    return size


def run() -> dict[str, Any]:
    """Measure once."""
    return uvloop.run(measure())


def main() -> None:
    """Print what was measured."""
    for name, value in run().items():
        print(f"{name:<24}{value:>16,}" if isinstance(value, int) else f"{name:<24}{value:>16}")


if __name__ == "__main__":
    main()
