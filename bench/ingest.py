"""`python -m bench.ingest [FORMER]`: what a read costs from a posted body to stored columns, by stage.

CPU time of one thread, µs a read, medians: posts of 500 with lane and direction and no ids, and posts of one. With
FORMER, the `src` of another tree (of 0.4), the same runs there too, in turns: each round starts one process a side.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wicketgate.base.clock import rfc3339

ROUNDS = int(os.environ.get("WICKETGATE_BENCH_ROUNDS", "5"))
START_US = 1_783_512_000_000_000  # 2026-07-08T12:00:00Z
POSTS = {500: 240, 1: 2_000}
FLUSHES = 12


def bodies(size: int, count: int) -> Iterator[bytes]:
    """Yield posts of invented reads, all different."""
    chance = random.Random(2007)
    for post in range(count):
        reads = []
        for _ in range(size):
            number = chance.randrange(26**5 * 100)
            letters = "".join(chr(65 + number // 26**place % 26) for place in range(5))
            at_ms = START_US // 1000 + post * 20 + chance.randrange(20)
            reads.append(
                {
                    "camera": f"c{chance.randrange(800):03d}",
                    "captured_at": rfc3339(at_ms * 1000),
                    "plate": f"{letters[:2]}{number % 100:02d}{letters[2:]}",
                    "confidence": round(0.9 + chance.random() / 10, 2),
                    "lane": chance.randrange(1, 4),
                    "direction": "towards",
                }
            )
        yield json.dumps(reads[0] if size == 1 else reads).encode()


async def measured(size: int) -> dict[str, float]:
    """Return µs a read by stage."""
    from wicketgate.reads import intake, parse
    from wicketgate.reads.columns import decode_batch
    from wicketgate.reads.messages import decode_reads, seen_keys
    from wicketgate.reads.repeats import Seen

    try:
        from wicketgate.reads import checks
    except ImportError:  # 0.4
        checks = parse  # type: ignore[misc]
    check = checks.check
    limits = checks.ClockLimits(clock_ahead_us=10**12, too_old_us=10**12)
    cameras = {f"c{n:03d}": n for n in range(800)}.get
    spent: dict[str, list[float]] = defaultdict(list)

    def lap(stage: str, since: float) -> float:
        now = time.thread_time()
        spent[stage].append(now - since)
        return now

    with tempfile.TemporaryDirectory() as folder:
        seen = Seen(Path(folder) / "index", b"k" * 32)
        desk: Any = object.__new__(intake.Intake)
        desk._seen = seen
        per_message = max(1, 500 // size)
        per_flush = POSTS[size] // FLUSHES
        group: Any = None
        for number, body in enumerate(bodies(size, POSTS[size]), 1):
            if group is None:
                group = intake._Group(asyncio.get_running_loop().create_future())
            now = time.thread_time()
            rows: Any = next(parse.pieces(body, parse.JSON))
            now = lap("parse", now)
            checked = check(rows, source="tfl", cameras=cameras, limits=limits, now_us=START_US)
            now = lap("check", now)
            new, _, _ = desk._sort(checked, "tfl", START_US)
            now = lap("keys, look and add", now)
            if hasattr(new, "keys"):
                group.extend(checked, new, "tfl", START_US)
            else:
                group.extend(checked, new.rows, START_US, "tfl")
                group.contents += new.contents
                group.ids += new.ids
            now = lap("group", now)
            assert len(new.rows) == size
            if number % per_message == 0:
                data = intake._encode(group)
                now = lap("message", now)
                seen.stored(group.contents, group.ids, number)
                now = lap("stored", now)
                message = decode_reads(data)
                decode_batch(message.rows)
                now = lap("message read again", now)
                seen_keys(message)
                spent["bytes a read"].append(len(data) / 1e6)
                group = None
            if number % per_flush == 0:
                position = seen.begin_flush()
                now = time.thread_time()
                seen.flush(position, 0)
                seen.end_flush()
                lap("flush", now)
        seen.close()
    reads = size * POSTS[size]
    return {stage: statistics.median(took) * len(took) / reads * 1e6 for stage, took in spent.items()}


def run(former: str | None) -> dict[str, Any]:
    """Return the medians of both sides, by the size of a post."""
    sides = {"now": None} | ({"former": former} if former else {})
    found: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, tree in sides.items():
            said = subprocess.run(
                [sys.executable, "-m", "bench.ingest", "--once"],
                env=os.environ | ({"PYTHONPATH": tree} if tree else {}),
                stdout=subprocess.PIPE,
                check=True,
            )
            found[name].append(json.loads(said.stdout))
    return {
        size: {
            name: {
                stage: round(statistics.median(one[size][stage] for one in rounds), 3)
                for stage in rounds[0][size]
            }
            for name, rounds in found.items()
        }
        for size in map(str, POSTS)
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["--once"]:
        print(json.dumps({str(size): asyncio.run(measured(size)) for size in POSTS}))
    else:
        print(json.dumps(run(sys.argv[1] if sys.argv[1:] else None), indent=2))
