"""A gateway at a desk, which several tests of the API share."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.matching import Desk, make


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("deployment") / "d")


@pytest.fixture
async def desk(template: Path, tmp_path: Path, swept: None) -> AsyncIterator[Desk]:
    shutil.copytree(template, tmp_path / "d")
    running = await Desk.start(tmp_path / "d")
    yield running
    await running.stop()
