"""Distances over the ground, and what no vehicle goes in a time. Pure."""

from __future__ import annotations

import math

FASTEST_KMH = 200.0
"""No vehicle goes faster between two cameras: then one of the two plates is false."""
NEAR_KM = 1.0
"""Cameras closer than this say nothing: clocks and positions are not that exact."""
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


def could_not_go(one: tuple[float, float], other: tuple[float, float], apart_s: float) -> bool:
    """Return whether no vehicle comes from one position to another in a time.

    >>> could_not_go((51.5, -0.1), (52.5, -0.1), 60.0), could_not_go((51.5, -0.1), (52.5, -0.1), 7200.0)
    (True, False)
    """
    away_km = distance_km(one, other)
    return away_km > NEAR_KM and away_km * 3600 > FASTEST_KMH * abs(apart_s)
