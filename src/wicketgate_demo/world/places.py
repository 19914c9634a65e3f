"""The places of an invented London's cameras.

The outlines are rough and drawn by hand, taken from no map. Pure.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

BOUNDARY, ZONE = "ccz-boundary", "ccz"
MAIN_ROADS, BUS_LANES = "main-roads", "bus-lanes"

_NAMES: Final[Mapping[str, str]] = {
    BOUNDARY: "Edge of the charging zone",
    ZONE: "Inside the charging zone",
    MAIN_ROADS: "Main roads",
    BUS_LANES: "Bus lanes",
}

Point = tuple[float, float]
"""Latitude, longitude."""

_ZONE: Final[Sequence[Point]] = (
    (51.5265, -0.1335),
    (51.5310, -0.1120),
    (51.5258, -0.0885),
    (51.5180, -0.0745),
    (51.5055, -0.0755),
    (51.4948, -0.0990),
    (51.4862, -0.1235),
    (51.4960, -0.1435),
    (51.5030, -0.1520),
    (51.5130, -0.1590),
    (51.5200, -0.1670),
    (51.5232, -0.1560),
)
"""A ring about as large as the congestion charging zone."""

_DISTRICTS: Final[Mapping[str, tuple[str, Sequence[Point]]]] = {
    "marshbridge": ("mb", ((51.5330, -0.1120), (51.5470, -0.1050), (51.5420, -0.0700), (51.5275, -0.0830))),
    "eastholm": ("eh", ((51.4935, -0.0960), (51.5020, -0.0700), (51.4860, -0.0550), (51.4780, -0.0900))),
}
"""Two councils that no map has, each beside the zone."""

_ASTRAY = 0.00035
_WIDE = math.cos(math.radians(51.51))


def cameras(count: int, seed: int = 2007) -> list[dict[str, Any]]:
    """Return the road authority's cameras.

    Two in three stand on the zone's boundary, facing in or out, the rest inside.
    """
    chance = random.Random(seed)
    placed = []
    for number in range(count):
        on_boundary = number % 3 != 2
        if on_boundary:
            at, outwards = _on_edge(_ZONE, chance)
            heading = (outwards + (0 if number % 2 else 180)) % 360
        else:
            at, heading = _within(_ZONE, chance), 360 * chance.random()
        placed.append(_camera(f"ccz-{number + 1:04d}", [BOUNDARY if on_boundary else ZONE], at, heading))
    return placed


def council_cameras(council: str, count: int) -> list[dict[str, Any]]:
    """Return a council's cameras.

    Three in four stand on its main roads, the rest on bus lanes.
    """
    prefix, district = _DISTRICTS[council]
    chance = random.Random(prefix)
    return [
        _camera(
            f"{prefix}-{number + 1:03d}",
            [MAIN_ROADS if number % 4 else BUS_LANES],
            _within(district, chance),
            360 * chance.random(),
        )
        for number in range(count)
    ]


def _camera(name: str, groups: list[str], at: Point, heading: float) -> dict[str, Any]:
    return {
        "id": name,
        "name": f"{_NAMES[groups[0]]}, camera {int(name.rpartition('-')[2])}",
        "groups": groups,
        "latitude": round(at[0], 5),
        "longitude": round(at[1], 5),
        "heading": round(heading % 360, 1) % 360,
        "zone": "Europe/London",
    }


def _on_edge(outline: Sequence[Point], chance: random.Random) -> tuple[Point, float]:
    """Return a point on an outline, and the direction outwards.

    The outline is drawn clockwise, and the direction is in degrees from north.
    """
    edges = list(itertools.pairwise((*outline, outline[0])))
    lengths = [math.hypot(b[0] - a[0], (b[1] - a[1]) * _WIDE) for a, b in edges]
    (first, second) = chance.choices(edges, lengths)[0]
    along, astray = chance.random(), _ASTRAY * (chance.random() - 0.5)
    north, east = second[0] - first[0], (second[1] - first[1]) * _WIDE
    outwards = math.degrees(math.atan2(east, north)) - 90
    at = (
        first[0] + along * north + astray,
        first[1] + along * (second[1] - first[1]) + astray,
    )
    return at, outwards


def _within(outline: Sequence[Point], chance: random.Random) -> Point:
    south, north = min(p[0] for p in outline), max(p[0] for p in outline)
    west, east = min(p[1] for p in outline), max(p[1] for p in outline)
    while True:
        at = (chance.uniform(south, north), chance.uniform(west, east))
        if inside(at, outline):
            return at


def inside(at: Point, outline: Sequence[Point] = _ZONE) -> bool:
    """Say whether a point lies within an outline.

    It goes by the crossings of a line to the east.
    """
    within = False
    for (a, b), (c, d) in itertools.pairwise((*outline, outline[0])):
        if (a > at[0]) != (c > at[0]) and at[1] < (d - b) * (at[0] - a) / (c - a) + b:
            within = not within
    return within
