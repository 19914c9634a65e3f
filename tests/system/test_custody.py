"""`wicketgate custody`: what a bulk feed released, kept in a history of its own, over kills, until its term."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.harness import WICKETGATE, Running
from tests.running import (
    MET,
    arrived,
    files_below,
    last_batch,
    plates,
    post,
    read,
    secret_file,
    until,
    wicketgate,
)
from wicketgate.base.clock import DAY_US, SystemClock
from wicketgate.base.errors import HistoryError
from wicketgate.clients.custody.program import CustodyPlace
from wicketgate.clients.custody.sealing import CustodySeal
from wicketgate.clients.custody.store import CustodyStore
from wicketgate.history.client import HistoryClient
from wicketgate.history.messages import AskOrder
from wicketgate_demo.world import london

CT = london.COUNTER_TERRORISM
ALWAYS = {"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}


class Kept:
    """A custody's process, and what is in its folder."""

    def __init__(self, running: Running, base: Path, *more: str) -> None:
        self.folder = base / "custody"
        self.log = base / "custody.log"
        token = secret_file(base / "token", running.tokens[MET])
        self._words = [
            *("custody", str(self.folder), "--from", running.url, "--token-file", str(token)),
            *("--feed", CT, "--state", str(base / "state"), *more),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen([*WICKETGATE, *self._words], stderr=output)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(30)

    def rows(
        self, span: dict[str, str] = ALWAYS, horizon_us: int = 0, **question: Any
    ) -> list[dict[str, Any]]:
        """Return what the history finds."""
        return asyncio.run(self._rows({**span, **question}, horizon_us))

    async def _rows(self, question: dict[str, Any], horizon_us: int) -> list[dict[str, Any]]:
        here = os.open(self.folder / "history", os.O_PATH | os.O_DIRECTORY)
        try:
            async with HistoryClient(Path(f"/proc/self/fd/{here}/ask")) as client:
                page = await client.page(
                    AskOrder(
                        question=question,
                        cameras=[list(range(100))],
                        horizons_us={f"tfl@{version}": horizon_us for version in range(1, 9)},
                    )
                )
                return list(page.rows)
        finally:
            os.close(here)

    def found(self, wanted: Sequence[str]) -> list[dict[str, Any]] | None:
        """Return the rows once all of some plates are among them."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        if not (self.folder / "history" / "position.json").exists():
            return None
        try:
            rows = self.rows()
        except HistoryError:
            return None  # its engine begins: the socket is an earlier life's
        return rows if set(wanted) <= {row["plate"] for row in rows} else None

    def wait(self, wanted: Sequence[str]) -> list[dict[str, Any]]:
        """Return the rows once all of some plates are among them; what custody said stands in the failure."""
        try:
            return until(lambda: self.found(wanted), 60)
        except AssertionError as error:
            raise AssertionError(f"{error}; custody said: {self.log.read_text()!r}") from None


@pytest.fixture(scope="module")
def custody(shared: Running, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Custody of what leaves from now on: one for all, for it goes on from its checkpoints in the log."""
    return Kept(shared, tmp_path_factory.mktemp("kept"), "--after", str(last_batch(shared, CT)))


@pytest.fixture
def kept(custody: Kept) -> Iterator[Kept]:
    """It, not running."""
    yield custody
    if custody.process is not None and custody.process.poll() is None:
        custody.end()


def test_what_was_released_is_kept_whole_and_once_over_kills(shared: Running, kept: Kept) -> None:
    chance = random.Random(5)
    seen = plates(1_200, seed=91)
    kept.start()
    for number in range(8):
        part = seen[number * 150 : (number + 1) * 150]
        post(shared, [read(plate) for plate in part])
        time.sleep(chance.uniform(0.1, 2.5))
        child = next(
            (
                pid
                for pid in _children(kept.process)
                if b"wicketgate.history.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
            ),
            None,
        )
        if number % 3 == 1 and child is not None:
            os.kill(child, signal.SIGKILL)
        else:
            kept.end(signal.SIGKILL)
            kept.start()
    arrived(shared, CT, seen)
    rows = kept.wait(seen)
    counts = Counter(row["plate"] for row in rows)
    assert all(counts[plate] == 1 for plate in seen)
    assert kept.end() == 0
    for path, data in files_below(kept.folder):
        assert path.stat().st_mode & 0o077 == 0, path
        assert not any(plate.encode() in data for plate in seen[:50]), path


def _children(process: subprocess.Popen[bytes] | None) -> list[int]:
    assert process is not None
    try:
        return [
            int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def test_a_folder_of_another_feed_or_without_its_key_is_refused(
    shared: Running, kept: Kept, tmp_path: Path
) -> None:
    seen = plates(1, seed=93)
    post(shared, [read(plate) for plate in seen])
    kept.start()
    kept.wait(seen)
    assert kept.end() == 0
    key = (kept.folder / "custody.key").read_text()
    (kept.folder / "custody.key").unlink()
    token = secret_file(tmp_path / "token", shared.tokens[MET])
    done = wicketgate("custody", kept.folder, "--from", shared.url, "--token-file", token, "--feed", CT)
    assert done.returncode == 2, done.stderr
    assert "`custody.key` is missing" in done.stderr
    secret_file(kept.folder / "custody.key", key)
    done = wicketgate(
        *("custody", kept.folder, "--from", shared.url, "--token-file", token, "--feed", london.CHARGING)
    )
    assert done.returncode == 2, done.stderr
    assert f"this folder is the custody of `{CT}`" in done.stderr


def test_what_is_past_its_term_goes_with_its_images_and_a_receipt_says_so(
    shared: Running, kept: Kept
) -> None:
    seen = plates(20, seed=92)
    post(shared, [read(plate) for plate in seen])
    arrived(shared, CT, seen)
    kept.start()
    kept.wait(seen)
    assert kept.end() == 0
    place = CustodyPlace(folder=kept.folder, feed=CT)
    store = CustodyStore(kept.folder, CT, london.ORIGIN, CustodySeal(place.key()))
    assert store.held()[1] >= 20
    ahead_us = SystemClock().now_us() + 400 * DAY_US
    assert store.end(ahead_us).rows >= 20
    assert store.held() == (0, 0)
    store.close()
    for path, data in files_below(kept.folder):
        assert path.suffix != ".db-wal" or not data, "what was deleted lies in the journal yet"
