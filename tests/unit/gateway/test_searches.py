"""Questions at a running gateway: put, counted, approved, run, looked at, ended; with the real history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.searching import AskDesk, make

PLATE = "AB12CDE"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("asking") / "d")


@pytest.fixture
async def desk(made: Path) -> AsyncIterator[AskDesk]:
    found = await AskDesk.begin(made)
    yield found
    await found.stop()


async def test_one_exact_plate_is_answered_at_once(desk: AskDesk) -> None:
    await desk.read(PLATE, "c0", ago_s=7200)
    await desk.read(PLATE, "c1", ago_s=3600)
    await desk.read("XY99ZZZ", "c1", ago_s=3600)
    shown = await desk.ask(plate=PLATE)
    assert shown["status"] == "answered", shown
    rows = await desk.rows(shown["id"])
    assert [row["read"]["camera"] for row in rows] == ["c0", "c1"]
