"""The history of a running gateway: kill -9 of either, or of the streams, at random moments under load.

Each acknowledged read is in the history exactly once, whatever was killed; and what a restart finds is the same.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.system.test_kill import CAMERAS, ROLES, ROUNDS, World, settle, world
from wicketgate.history.client import HistoryClient
from wicketgate.history.messages import AskOrder

__all__ = ["world"]
ROLES["history"] = b"wicketgate.history.process"
SPAN = {"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
KILLED = ("history", "gateway", "history", "streams", "both")


@pytest.fixture
def kept(world: World) -> World:
    """A deployment that keeps a history."""
    assert world.process is not None
    with (world.folder / "gateway" / "wicketgate.toml").open("a") as settings:
        settings.write("history = true\n")
    world.process.terminate()
    world.process.wait(60)
    world.start()
    return world


@asynccontextmanager
async def asked(world: World) -> AsyncIterator[HistoryClient]:
    """A client of a deployment's history; its socket has a path of at most 107 bytes that way."""
    here = os.open(world.folder / "gateway" / "history", os.O_PATH | os.O_DIRECTORY)
    try:
        async with HistoryClient(Path(f"/proc/self/fd/{here}/ask")) as client:
            yield client
    finally:
        os.close(here)


def figure(world: World, name: str) -> float:
    headers = {"Authorization": f"Bearer {world.tokens['admin']}"}
    for line in httpx.get(f"{world.url}/metrics", headers=headers, timeout=20).text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.rpartition(" ")[2])
    pytest.fail(f"no figure {name}")


async def all_rows(world: World) -> list[dict[str, Any]]:
    """Return every row of the history, page by page."""
    found: list[dict[str, Any]] = []
    after = None
    async with asked(world) as client:
        while True:
            page = await client.page(
                AskOrder(
                    question=SPAN,
                    cameras=[list(range(len(CAMERAS) + 5))],
                    horizons_us={"tfl": 0},
                    after=after,
                    limit=5_000,
                )
            )
            assert not page.gaps
            if not page.rows:
                return found
            found += page.rows
            after = (page.rows[-1]["captured_us"], page.rows[-1]["read_id"])


def await_history(world: World) -> None:
    """Wait until the history has everything that was acknowledged."""
    settle(world)
    until = time.monotonic() + 90
    rows = -1
    while time.monotonic() < until:
        try:
            rows = len(asyncio.run(all_rows(world)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown below where it lasts
            rows = -1
            failed = error
        else:
            failed = None
        if rows >= len(world.acknowledged):
            return
        time.sleep(0.5)
    pytest.fail(f"the history has {rows} of {len(world.acknowledged)} reads: {failed}\n{world.log()[-3000:]}")


@pytest.mark.timeout(300 + ROUNDS * 40)
def test_nothing_acknowledged_is_missing_or_there_twice_over_kills(kept: World) -> None:
    seed = int(os.environ.get("WICKETGATE_KILL_SEED", random.SystemRandom().randrange(1_000_000)))
    chance = random.Random(seed)
    writers = [threading.Thread(target=kept.write, args=(n, seed)) for n in range(3)]
    for writer in writers:
        writer.start()
    try:
        time.sleep(4)
        for number in range(ROUNDS):
            time.sleep(chance.uniform(0.05, 3.0))
            kept.kill(KILLED[number % len(KILLED)])
    finally:
        kept.stopping.set()
        for writer in writers:
            writer.join(60)
    assert not kept.faults
    assert kept.killed["history"]
    await_history(kept)
    rows = asyncio.run(all_rows(kept))
    plates = Counter(row["plate"] for row in rows)
    missing = len(kept.acknowledged.keys() - plates.keys())
    assert (missing, [count for count in plates.values() if count > 1]) == (0, []), seed
    assert len({row["read_id"] for row in rows}) == len(rows)
    assert figure(kept, "wicketgate_history_lag") < 100
    # A stop and a start: nothing is handed over again.
    assert kept.process is not None
    kept.process.terminate()
    kept.process.wait(60)
    kept.start()
    await_history(kept)
    again = asyncio.run(all_rows(kept))
    assert again == rows
    folder = kept.folder / "gateway" / "history"
    secret = next(iter(kept.acknowledged)).encode()
    assert not any(secret in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert (folder / "ask").stat().st_mode & 0o777 == 0o600
    assert (folder.parent / "history-keys" / "disk.key").stat().st_mode & 0o777 == 0o600
