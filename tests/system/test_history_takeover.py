"""A second sequencer that takes over has its own history: of before and after, each read once, and without a gap."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from bench.harness import Running
from tests.cluster import clustered, ready
from tests.objects import objects
from tests.running import entries, plates, post, read, until
from tests.system.test_cluster import Pair
from wicketgate.base.errors import WicketgateError
from wicketgate.history.client import HistoryClient
from wicketgate.history.messages import AnsweredPage, AskOrder

SPAN = {"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
EVERYTHING = AskOrder(question=SPAN, cameras=[list(range(5_000))], horizons_us={"tfl": 0, "eastholm": 0})


def asked(running: Running) -> AnsweredPage | None:
    """Return all that a gateway's history holds; None while it does not answer."""

    async def ask() -> AnsweredPage:
        # The path of a socket has at most 107 bytes.
        here = os.open(running.folder / "history", os.O_PATH | os.O_DIRECTORY)
        try:
            async with HistoryClient(Path(f"/proc/self/fd/{here}/ask")) as client:
                return await client.page(EVERYTHING)
        finally:
            os.close(here)

    try:
        return asyncio.run(ask())
    except (WicketgateError, OSError):
        return None


def holds(running: Running, sent: list[str]) -> list[dict[str, Any]]:
    """Wait until a history holds what was sent, each once, and lacks nothing; return its rows."""

    def complete() -> AnsweredPage | None:
        page = asked(running)
        return page if page is not None and len(page.rows) >= len(sent) else None

    page = until(complete, 60)
    assert sorted(row["plate"] for row in page.rows) == sorted(sent)
    assert not page.gaps
    return list(page.rows)


@pytest.mark.slow
def test_a_takeover_goes_on_with_a_history_of_its_own(tmp_path: Path) -> None:
    some = plates(12, seed=13)
    (tmp_path / "s3").mkdir()
    with clustered(tmp_path / "nats") as cluster, objects(tmp_path / "s3") as store:
        pair = Pair(tmp_path, cluster, store, first="history = true\n")
        try:
            assert post(pair.leading, [read(plate) for plate in some[:4]])["accepted"] == 4
            before = holds(pair.leading, some[:4])
            # The one that waits feeds its own, with nobody's help.
            assert holds(pair.waiting, some[:4]) == before
            assert post(pair.leading, [read(plate) for plate in some[4:8]])["accepted"] == 4
            pair.leading.kill()
            pair.taken_over()
            assert post(pair.leading, [read(plate) for plate in some[8:]])["accepted"] == 4
            rows = holds(pair.leading, some)
            killed = 1 - pair.leads
            pair.launch(killed)
            until(lambda: ready(pair.both[killed], pair.ports[killed]), 40)
            assert holds(pair.both[killed], some) == rows
            told = [one for one in entries(pair.leading.url) if "took_over" in one]
            assert [one["took_over"] for one in told] == ["silent"]
        finally:
            pair.stop()
