"""What several tests share: a real NATS server on a private port, and the connection to it."""

from __future__ import annotations

import gc
import itertools
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.needs import demand
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.server import NatsServer

settings.register_profile("wicketgate", deadline=None, print_blob=True)
settings.load_profile("wicketgate")
_TESTS = itertools.count()


def pytest_collection_finish() -> None:
    """Leave modules and collected tests, which live to the end, out of every collection of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def state_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where `verify` and `receive` keep checkpoints, and not with whoever runs the tests."""
    root = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(root))
        yield root


@pytest.fixture(autouse=True)
def own_state(state_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of its own for each test: many worlds are signed with one key, and none goes on from another."""
    own = state_root / f"{next(_TESTS)}"
    monkeypatch.setenv("XDG_STATE_HOME", str(own))
    return own


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """See whether the commands that a test needs are there, before anything is started for it."""
    for mark in item.iter_markers("needs"):
        demand(*mark.args)


@pytest.fixture
def swept() -> Iterator[None]:
    """Collect at once what the client library leaves open of connections that broke; for tests that break them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A running NATS server with the durable settings; it starts in some 20 ms."""
    child = NatsServer(tmp_path / "nats")
    await child.start()
    yield child
    await child.stop()


@pytest.fixture
async def link(server: NatsServer) -> AsyncIterator[Link]:
    """A connection to `server`."""
    opened = await Link.open(server.settings)
    yield opened
    await opened.close()
