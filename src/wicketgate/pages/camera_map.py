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
        `heard`, `silent` or `never`: each has a shape of its own.
    """

    name: str
    longitude: float
    latitude: float
    hearing: str


def map_of(placed: Sequence[Placed]) -> dict[str, Any] | None:
    """Return a map for its template; None where nothing has a place.

    An equirectangular projection about the middle: right to a hundredth over a city, or a country of Britain's size.

    Returns
    -------
    dict
        `width`, `height`; `size`, half of a mark; `marks`: `x`, `y`, `hearing`, `name` of each;
        `scale`: `length` of the bar and `words`.
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

    def mark(one: Placed) -> dict[str, Any]:
        x = WIDTH / 2 + (one.longitude - middle_x) * narrow * _METRES_OF_A_DEGREE * of_a_metre
        y = height / 2 - (one.latitude - middle_y) * _METRES_OF_A_DEGREE * of_a_metre
        return {"x": round(x, 1), "y": round(y, 1), "hearing": one.hearing, "name": one.name}

    metres = _round_length(200 / of_a_metre)
    return {
        "width": WIDTH,
        "height": height,
        "size": 12 if len(placed) <= _FEW else 6,
        "marks": [mark(one) for one in placed],
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
