"""The finding of journeys impossible for one vehicle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wicketgate.base.clock import SECOND_US
from wicketgate.base.distances import could_not_go, distance_km
from wicketgate.commits.hits import Sighting


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
        if could_not_go(place, there, apart_s):
            order = "earlier" if taken_us >= before.taken_us else "later"
            return f"read {away_km:.1f} km away {_minutes(apart_s)} {order}"
    return ""


def _minutes(seconds: float) -> str:
    if seconds < 1:
        return "less than a second"
    if seconds < 119.5:
        return f"{seconds:.0f} second{'' if seconds < 1.5 else 's'}"
    return f"{seconds / 60:.0f} minutes"
