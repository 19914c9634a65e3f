"""A map of cameras as SVG, made here: no street map, no script, nothing from elsewhere. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 1000
_MARGIN = 30
_FEW = 200
_LEAST_HEIGHT, _MOST_HEIGHT = 240, 800
_METRES_OF_A_DEGREE = 111_320.0
_LEAST_SPAN_M = 200.0
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Placed:
    """A camera on the map.

    Attributes
    ----------
    hearing : str
        `heard`, `silent` or `never`, or where somebody asks `asked` or `other`: each has a shape of its own.
    """

    name: str
    longitude: float
    latitude: float
    hearing: str


Polygon = Sequence[Sequence[Sequence[float]]]
"""Rings of points, longitude and latitude, as in GeoJSON: the outer one first."""


def map_of(placed: Sequence[Placed], areas: Sequence[Polygon] = ()) -> dict[str, Any] | None:
    """Return a map for its template; None where nothing has a place.

    It goes as far as the cameras: of an area beyond them that part is cut off.

    An equirectangular projection about the middle: right to a hundredth over a city, or a country of Britain's size.

    Returns
    -------
    dict
        `width`, `height`; `size`, half of a mark; `marks`: `x`, `y`, `hearing`, `name` of each;
        `scale`: `length` of the bar and `words`; `areas`: the path of each; `frame`: `longitude` and `latitude` of the
        upper left corner, and degrees `per_x` and `per_y`.
    """
    if not placed:
        return None
    south, north = min(one.latitude for one in placed), max(one.latitude for one in placed)
    west, east = min(one.longitude for one in placed), max(one.longitude for one in placed)
    narrow = max(math.cos(math.radians((south + north) / 2)), 0.01)
    wide_m = max((east - west) * narrow * _METRES_OF_A_DEGREE, _LEAST_SPAN_M)
    high_m = max((north - south) * _METRES_OF_A_DEGREE, _LEAST_SPAN_M)
    room = WIDTH - 2 * _MARGIN
    of_a_metre = min(room / wide_m, (_MOST_HEIGHT - 2 * _MARGIN) / high_m)
    height = max(round(high_m * of_a_metre) + 2 * _MARGIN, _LEAST_HEIGHT)
    middle_x, middle_y = (west + east) / 2, (south + north) / 2

    per_y = 1 / (_METRES_OF_A_DEGREE * of_a_metre)
    per_x = per_y / narrow

    def at(longitude: float, latitude: float) -> tuple[float, float]:
        x, y = WIDTH / 2 + (longitude - middle_x) / per_x, height / 2 - (latitude - middle_y) / per_y
        return round(x, 1), round(y, 1)

    def mark(one: Placed) -> dict[str, Any]:
        x, y = at(one.longitude, one.latitude)
        return {"x": x, "y": y, "hearing": one.hearing, "name": one.name}

    def path(area: Polygon) -> str:
        rings = ([at(point[0], point[1]) for point in ring] for ring in area)
        return "".join("M" + "L".join(f"{x:g} {y:g}" for x, y in ring) + "Z" for ring in rings if ring)

    metres = _round_length(200 / of_a_metre)
    return {
        "width": WIDTH,
        "height": height,
        "size": 12 if len(placed) <= _FEW else 6,
        "marks": [mark(one) for one in placed],
        "areas": [path(area) for area in areas],
        "frame": {
            "longitude": middle_x - WIDTH / 2 * per_x,
            "latitude": middle_y + height / 2 * per_y,
            "per_x": per_x,
            "per_y": per_y,
        },
        "scale": {
            "length": round(metres * of_a_metre, 1),
            "words": f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m",
        },
    }


def _round_length(most_m: float) -> float:
    """Return the longest of 1, 2, 5, 10, … metres that is not longer.

    >>> _round_length(749.0), _round_length(2000.5)
    (500.0, 2000.0)
    """
    ten = 10.0 ** math.floor(math.log10(most_m))
    return max(step * ten for step in _STEPS if step * ten <= most_m)
