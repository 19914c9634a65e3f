"""Reads of places at which nothing may be collected: refused on every way, counted, and nothing of them kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US, rfc3339
from wicketgate.reads.checks import Checked, ClockLimits, check
from wicketgate.reads.excluded import ExcludedTimes
from wicketgate.reads.parse import parse

NOW_US = 1_782_864_000_000_000
CAMERAS = {"open": 0, "never": 1, "hours": 2}
LIMITS = ClockLimits(
    clock_ahead_us=60 * SECOND_US,
    too_old_us=7 * DAY_US,
    excluded=ExcludedTimes({1: [], 2: [NOW_US - HOUR_US, NOW_US]}),
)


def read(n: int, camera: str, ago_us: int = 0, **more: Any) -> dict[str, Any]:
    known = {
        "camera": camera,
        "captured_at": rfc3339(NOW_US - ago_us),
        "plate": f"AB{n:02d}CDE",
        "confidence": 0.9,
    }
    return known | {"id": f"r{n}"} | more


def checked(*reads: dict[str, Any]) -> Checked:
    rows = parse(json.dumps(reads).encode(), "application/json")
    return check(rows, source="tfl", cameras=CAMERAS.get, limits=LIMITS, now_us=NOW_US)


@pytest.mark.parametrize("many", [0, 60])
def test_a_read_of_an_excluded_place_is_refused_and_nothing_of_it_is_kept(many: int) -> None:
    """One by one, and in columns."""
    odd = [
        read(90, "never"),
        read(91, "hours", 1),
        read(92, "hours", HOUR_US),
        read(93, "hours"),
        read(94, "hours", HOUR_US + 1),
        read(95, "never", plate="!!"),
        read(96, "hours", 9 * DAY_US),
        read(97, "open", plate="!!"),
    ]
    found = checked(*[read(n, "open") for n in range(many)], *odd)
    assert [one.code for _, one in found.quarantined] == [
        "excluded-place", "excluded-place", "excluded-place", "plate-unreadable", "too-old", "plate-unreadable",
    ]  # fmt: skip
    assert [index - many for index, _ in found.quarantined] == [0, 1, 2, 5, 6, 7]
    # Of a camera there nothing is kept, whatever is wrong with its read; of another one what was sent.
    assert [bool(one.read) for _, one in found.quarantined] == [False] * 5 + [True]
    assert [one.camera for _, one in found.quarantined] == [
        "never",
        "hours",
        "hours",
        "never",
        "hours",
        "open",
    ]
    assert found.camera_id == ["open"] * many + ["hours", "hours"]
    assert [*found.reads["plate"]][-2:] == ["AB93CDE", "AB94CDE"]
    assert [*found.reads["captured_us"]][-2:] == [NOW_US, NOW_US - HOUR_US - 1]
    assert len(found.reads["plate"]) == len(found.reads["captured_us"]) == len(found.index) == many + 2


def test_windows_are_half_open() -> None:
    times = ExcludedTimes({1: [10, 20, 30, 40], 2: [], 3: [5, 5]})
    assert [times.has(1, at) for at in (9, 10, 19, 20, 29, 30, 40)] == [
        False,
        True,
        True,
        False,
        False,
        True,
        False,
    ]
    assert times.has(2, 0)
    assert not any(times.has(3, at) for at in (4, 5, 6))
    assert not times.has(4, 10)
