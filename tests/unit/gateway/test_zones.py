"""The time zone of a place: by the hours of its authorities, else by its cameras, else none."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.matching import CAMERAS, OTHER_UNIT, UNIT, Desk, make, signed_match
from wicketgate.gateway.zones import PlaceZones

HOURS = [{"zone": "Europe/Paris", "days": ["mon"], "from": "07:00", "until": "19:00"}]


@pytest.fixture
async def zones(tmp_path: Path, swept: None) -> tuple[Desk, PlaceZones]:
    import asyncio

    folder = await asyncio.to_thread(make, tmp_path / "d")
    desk = await Desk.start(folder)
    return desk, PlaceZones(desk.gateway.commits, desk.gateway.clock)


async def test_hours_come_before_cameras_and_cameras_before_nothing(zones: tuple[Desk, PlaceZones]) -> None:
    desk, known = zones
    unit, other = UNIT.partition(":")[2], OTHER_UNIT.partition(":")[2]
    try:
        assert known.of("unit", unit) == known.of("organisation", "tfl") == ""
        cameras = tuple(msgspec.structs.replace(one, zone="Europe/London") for one in CAMERAS)
        await desk.gateway.camera_lists.register_cameras("tfl", cameras)
        assert known.of("unit", unit) == known.of("organisation", "tfl") == "Europe/London"
        assert known.of("office", "met/national-security") == "Europe/London"
        assert known.of("unit", other) == ""  # no authority is its own
        await desk.gateway.filing.submit(signed_match("tfl-met-hours", scope__hours=HOURS))
        assert known.of("unit", unit) == "Europe/Paris"
    finally:
        await desk.stop()
