"""A deployment that the tests of the gateway share: made once a file, and copied for each test."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.unit.gateway.test_node import made


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment, made once."""
    folder = tmp_path_factory.mktemp("deployment") / "d"
    asyncio.run(made(folder))
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path, swept: None) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(template, tmp_path / "d"))
