"""The finding of journeys impossible for one vehicle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from wicketgate.base.clock import SECOND_US
from wicketgate.commits.hits import Sighting

FASTEST_KMH = 200.0
"""No vehicle goes faster between two cameras: then one of the two plates is false."""
_NEAR_KM = 1.0
_EARTH_KM = 6371.0


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance of two positions over the ground, kilometres.

    Positions are latitude and longitude in degrees.
    """
    north, far = math.radians(one[0]), math.radians(other[0])
    half = (
        math.sin((far - north) / 2) ** 2
        + math.cos(north) * math.cos(far) * math.sin(math.radians(other[1] - one[1]) / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def impossible(
    seen: Sequence[Sighting],
    place: tuple[float, float] | None,
    taken_us: int,
    position: Mapping[str, tuple[float, float]],
) -> str:
    """Return the reason against one vehicle for two reads of a plate.

    It is in words, and empty where one vehicle can have made both.

    Parameters
    ----------
    seen : sequence of Sighting
        Earlier hits for the same vehicle of interest; those that are possible alone are not looked at.
    place : (latitude, longitude) or None
        Where it was read now.
    position : mapping of str to (latitude, longitude)
        Positions of cameras, by `source/camera`.

    Notes
    -----
    Cameras less than a kilometre apart say nothing: clocks and positions are not that exact.
    """
    if place is None:
        return ""
    for before in reversed(seen):
        there = position.get(before.place)
        if there is None or not before.exact:
            continue
        away_km = distance_km(place, there)
        apart_s = abs(taken_us - before.taken_us) / SECOND_US
        if away_km > _NEAR_KM and away_km * 3600 > FASTEST_KMH * apart_s:
            order = "earlier" if taken_us >= before.taken_us else "later"
            return f"read {away_km:.1f} km away {_minutes(apart_s)} {order}"
    return ""


def _minutes(seconds: float) -> str:
    if seconds < 1:
        return "less than a second"
    if seconds < 119.5:
        return f"{seconds:.0f} second{'' if seconds < 1.5 else 's'}"
    return f"{seconds / 60:.0f} minutes"
