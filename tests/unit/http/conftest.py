"""A gateway behind several servers."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.matching import Desk, make
from tests.ways import Both, fronted, serving


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("hot") / "d")


@pytest.fixture
async def both(template: Path, tmp_path: Path, swept: None) -> AsyncIterator[Both]:
    desk = await Desk.start(Path(shutil.copytree(template, tmp_path / "d")))
    async with (
        serving(desk, hot=True) as hot,
        serving(desk, hot=False) as ordinary,
        fronted(desk) as front,
    ):
        yield Both(desk, hot, ordinary, front)
    await desk.stop()
