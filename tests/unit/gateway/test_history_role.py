"""What is held for a history that is behind, and for how long at most."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US
from wicketgate.base.errors import ConfigurationError, HistoryError
from wicketgate.base.parts import Stamp
from wicketgate.base.periods import Period
from wicketgate.gateway.history.feeding import LedCommits
from wicketgate.gateway.history.holding import HOLD_BYTES, HistoryHold, together
from wicketgate.gateway.history.role import HistoryRole
from wicketgate.history.messages import HistoryPosition
from wicketgate.history.position import write_position
from wicketgate.reads.intake import JOIN_US

NOW_US = 1_783_123_200_000_000
STAMP = Stamp(origin="gateway.example/london", key="0" * 32)


class Around:
    """A gateway with as much as the role looks at."""

    def __init__(self, folder: Path, keeps: dict[str, Period | None]) -> None:
        self.folder = folder
        self.settings = SimpleNamespace(history=True)
        self.deployment = SimpleNamespace(part=lambda name: folder / name, stamp=lambda: STAMP)
        self.now = NOW_US
        self.clock = SimpleNamespace(now_us=lambda: self.now)
        self.bytes, self.messages = 1_000, 100
        organisations = {name: SimpleNamespace(retention=keep) for name, keep in keeps.items()}
        cameras = [SimpleNamespace(source=name) for name, keep in keeps.items() if keep is not None]
        self.commits = SimpleNamespace(
            committed=SimpleNamespace(sequence=500, cameras=cameras, at_us=NOW_US - 1),
            parsed=SimpleNamespace(charter=lambda state: SimpleNamespace(organisations=organisations)),
            followers=[],
        )
        self.stored = None
        self.link = self

    async def info(self, name: str) -> Any:
        return SimpleNamespace(state=SimpleNamespace(bytes=self.bytes, messages=self.messages))

    @property
    def followed(self) -> Any:
        return LedCommits(self.commits)  # type: ignore[arg-type]

    def role(self, *, leads: bool = True) -> HistoryRole:
        found = HistoryRole.of(self, self.followed, PARTS)  # type: ignore[arg-type]
        assert found is not None
        if leads:
            found.lead()

        async def guard(work: Any) -> None:
            pass

        found.begin(guard)
        return found


PARTS = AsyncExitStack()


@pytest.fixture(autouse=True)
async def _closed() -> AsyncIterator[None]:
    yield
    await PARTS.aclose()


def at(folder: Path, done: int, at_us: int) -> None:
    (folder / "history").mkdir(mode=0o700)
    (folder / "history-keys").mkdir(mode=0o700)
    (folder / "history-keys" / "disk.key").write_text("00" * 32)
    (folder / "history" / "part.json").write_text(
        f'{{"form":1,"origin":"{STAMP.origin}","key":"{STAMP.key}","position":0}}'
    )
    write_position(folder / "history", HistoryPosition(done=done, until=done, at_us=at_us))


async def test_what_it_lacks_is_held(tmp_path: Path) -> None:
    at(tmp_path, 123, NOW_US - HOUR_US)
    around = Around(tmp_path, {"tfl": Period(us=28 * DAY_US), "met": None})
    role = around.role()
    assert await role.hold() == HistoryHold(124, NOW_US - HOUR_US)
    assert role.done == 123
    assert len(around.commits.followers) == 1


async def test_nothing_is_held_beyond_the_shortest_retention(tmp_path: Path) -> None:
    at(tmp_path, 123, NOW_US - HOUR_US)
    keeps = {"tfl": Period(us=28 * DAY_US), "eastholm": Period(us=DAY_US)}
    around = Around(tmp_path, keeps)
    role = around.role()
    around.now += 23 * HOUR_US
    assert await role.hold() == HistoryHold(124, NOW_US - HOUR_US)
    around.now += 1
    assert await role.hold() is None


async def test_one_that_waits_goes_by_the_time_of_what_it_folded(tmp_path: Path) -> None:
    at(tmp_path, 123, NOW_US - HOUR_US)
    around = Around(tmp_path, {"tfl": Period(us=28 * DAY_US), "none": Period(us=12 * MINUTE_US - 1)})
    role = around.role(leads=False)
    assert role.now_us() == NOW_US - 1
    assert role.horizons_us() == {"tfl": NOW_US - 28 * DAY_US}
    role.lead()
    assert role.horizons_us() == {"tfl": NOW_US - 28 * DAY_US + 1}
    assert len(around.commits.followers) == 1


async def test_what_another_one_needs_counts_as_far_as_its_own_would(tmp_path: Path) -> None:
    at(tmp_path, 499, NOW_US)
    role = Around(tmp_path, {"tfl": Period(us=DAY_US)}).role()
    other = await role.demanded(HistoryHold(101, NOW_US - HOUR_US), NOW_US - HOUR_US)
    assert together([await role.hold(), other, None]) == HistoryHold(101, NOW_US - HOUR_US)
    assert await role.demanded(HistoryHold(101, 0), 0) is None
    assert together([None]) is None


async def test_a_source_that_keeps_nothing_is_not_kept_for_the_others(tmp_path: Path) -> None:
    at(tmp_path, 123, NOW_US - JOIN_US)
    around = Around(tmp_path, {"tfl": Period(us=28 * DAY_US), "none": Period()})
    role = around.role()
    assert role.retentions() == {"tfl": Period(us=28 * DAY_US)}
    assert await role.hold() == HistoryHold(124, NOW_US - JOIN_US)
    around.now += 1
    assert await role.hold() is None


async def test_nothing_is_held_beyond_the_stated_size(tmp_path: Path) -> None:
    at(tmp_path, 100, NOW_US)
    around = Around(tmp_path, {"tfl": Period(us=28 * DAY_US)})
    role = around.role()
    around.bytes, around.messages = HOLD_BYTES // 4, 100
    assert await role.hold() == HistoryHold(101, NOW_US)
    around.bytes += 100
    assert await role.hold() is None


async def test_one_that_has_not_begun_holds_everything_for_a_while(tmp_path: Path) -> None:
    around = Around(tmp_path, {"tfl": Period(us=DAY_US)})
    role = around.role()
    assert (await role.hold() or HistoryHold(0, 0)).sequence == 1
    around.now += DAY_US + 1
    assert await role.hold() is None


async def test_where_no_source_keeps_anything_there_is_none(tmp_path: Path) -> None:
    around = Around(tmp_path, {"none": Period(), "met": None})
    role = around.role()
    assert role.child is None
    assert await role.hold() is None
    assert role.done == 500
    assert not (tmp_path / "history").exists()
    around.settings.history = False
    assert HistoryRole.of(around, around.followed, PARTS) is None  # type: ignore[arg-type]
    with pytest.raises(HistoryError):
        _ = role.client


async def test_one_that_nobody_asks_for_any_more_is_refused_for_nothing_in_it_would_end(
    tmp_path: Path,
) -> None:
    """A setting that is taken back must not leave plates on the disk without an end."""
    at(tmp_path, 1, NOW_US)
    around = Around(tmp_path, {"tfl": Period(us=DAY_US)})
    around.settings.history = False
    with pytest.raises(ConfigurationError, match="remove `history/` and `history-keys/`"):
        HistoryRole.of(around, around.followed, PARTS)  # type: ignore[arg-type]
    shutil.rmtree(tmp_path / "history")
    assert HistoryRole.of(around, around.followed, PARTS) is None  # type: ignore[arg-type]


async def test_a_history_without_its_key_or_of_another_deployment_is_refused(tmp_path: Path) -> None:
    at(tmp_path, 1, NOW_US)
    around = Around(tmp_path, {"tfl": Period(us=DAY_US)})
    (tmp_path / "history-keys" / "disk.key").unlink()
    with pytest.raises(ConfigurationError, match="history-keys"):
        around.role()
    (tmp_path / "history-keys" / "disk.key").write_text("00" * 32)
    stamp = (tmp_path / "history" / "part.json").read_text()
    (tmp_path / "history" / "part.json").write_text(stamp.replace("london", "paris"))
    with pytest.raises(ConfigurationError, match="another deployment"):
        around.role()
