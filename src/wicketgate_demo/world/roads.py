"""The roads between cameras.

They say where cameras stand, which are near which, and how a vehicle gets from one to another. Pure.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wicketgate_demo.world.vehicles import mixed

FASTEST_M_S = 13.0
"""No vehicle is faster between two cameras of a city, whatever the hour: 47 km/h."""

FASTEST_PASS_S = 3.0
"""No vehicle is at two cameras within less."""

_NEAR = 8
_AROUND = 24
_DETOUR = 1.3
_METRES_PER_DEGREE = 111_320.0


class Roads:
    """The neighbours of cameras, and the time between two.

    Parameters
    ----------
    cameras : sequence of mapping
        As `GET /v1/cameras` lists them. One without a position is put somewhere in the middle.
    """

    def __init__(self, cameras: Sequence[Mapping[str, Any]]) -> None:
        chance = random.Random(len(cameras))
        known = [c for c in cameras if c.get("latitude") is not None and c.get("longitude") is not None]
        latitude = sum(c["latitude"] for c in known) / len(known) if known else 0.0
        longitude = sum(c["longitude"] for c in known) / len(known) if known else 0.0
        wide = _METRES_PER_DEGREE * math.cos(math.radians(latitude))
        self._at: list[tuple[float, float]] = [
            (
                ((c["longitude"] - longitude) * wide, (c["latitude"] - latitude) * _METRES_PER_DEGREE)
                if c.get("latitude") is not None and c.get("longitude") is not None
                else (chance.uniform(-1500, 1500), chance.uniform(-1500, 1500))
            )
            for c in cameras
        ]
        self._points = np.array(self._at, dtype=np.float64).reshape(len(cameras), 2)
        order = np.argsort((self._points**2).sum(axis=1), kind="stable").tolist()
        half = len(order) // 2
        self.inner: tuple[int, ...] = tuple(order[: max(half, 1)])
        self.outer: tuple[int, ...] = tuple(order[half:])
        self._near: dict[int, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._at)

    def near(self, camera: int) -> tuple[int, ...]:
        """Return the cameras around one, without itself.

        O(cameras) the first time.

        They are eight of the nearest 24, each third one: a vehicle does not pass every camera on its way.
        """
        found = self._near.get(camera)
        if found is None:
            away = ((self._points - self._points[camera]) ** 2).sum(axis=1)
            away[camera] = np.inf
            around = min(_AROUND, len(self._at) - 1)
            nearest = np.argsort(away, kind="stable")[:around].tolist()
            step = max(1, around // _NEAR)
            found = self._near[camera] = tuple(sorted(nearest[::step][:_NEAR]))
        return found

    def way(self, start: int, goal: int, most: int, salt: int) -> tuple[int, ...]:
        """Return the cameras on a way from one to another.

        Both ends are among them if the way gets there.

        Parameters
        ----------
        most : int
            Cameras at most.
        salt : int
            The same salt takes the same way.

        Notes
        -----
        Each camera is nearer to the goal than the one before. About 4 µs a camera.
        """
        at = self._at
        u, v = at[goal]
        cameras = [start]
        here = start
        bits = mixed(salt)
        while here != goal and len(cameras) < most:
            x, y = at[here]
            left = (x - u) * (x - u) + (y - v) * (y - v)
            nearer = []
            for there in self.near(here):
                x, y = at[there]
                if (x - u) * (x - u) + (y - v) * (y - v) < left:
                    nearer.append(there)
            if not nearer:
                break
            here = nearer[bits % len(nearer)]
            bits = bits >> 3 or mixed(salt + len(cameras))
            cameras.append(here)
        return tuple(cameras)

    def seconds(self, here: int, there: int, speed_m_s: float) -> float:
        """Return the time from one camera to the next."""
        (x, y), (u, v) = self._at[here], self._at[there]
        metres = math.sqrt((x - u) * (x - u) + (y - v) * (y - v))
        return max(metres * _DETOUR / min(speed_m_s, FASTEST_M_S), FASTEST_PASS_S)

    def farthest(self, camera: int, among: Sequence[int]) -> int:
        """Return the farthest camera from one.

        O(cameras).
        """
        away = ((self._points[list(among)] - self._points[camera]) ** 2).sum(axis=1)
        return among[int(away.argmax())]

    def opposite(self, camera: int) -> int:
        """Return the camera opposite, across the middle.

        It is the one nearest to the point that lies there. O(cameras).
        """
        away = ((self._points + self._points[camera]) ** 2).sum(axis=1)
        return int(away.argmin())
