"""The journeys of a city's people, hour by hour.

They say who drives, from where to where, and what they do afterwards. Seeded, and pure.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from typing import Final

import msgspec

from wicketgate_demo.world.roads import Roads
from wicketgate_demo.world.vehicles import InventedVehicle, invent_vehicle, mixed

MOST_CAMERAS = 20
"""Cameras on one way at most."""

DAY: Final = (22, 16, 13, 13, 18, 32, 55, 78, 90, 86, 82, 83, 85, 86, 87, 89, 91, 94, 90, 78, 64, 52, 42, 31)
"""How the reads of a London day spread over its hours, local time; only `compare` goes by the whole day."""

ROLES: Final = ("commuter", "bus", "delivery", "taxi", "visitor")
_SHARES: Final = {
    # Whose the reads of each hour are, 0 to 23, local time; only how they compare within an hour counts.
    "commuter": (2, 1, 1, 1, 3, 9, 24, 42, 44, 28, 12, 8, 8, 9, 11, 18, 34, 44, 40, 24, 12, 8, 6, 4),
    "bus": (9, 8, 8, 8, 9, 11, 12, 13, 13, 12, 11, 11, 11, 11, 11, 12, 12, 13, 12, 11, 10, 10, 10, 9),
    "delivery": (8, 8, 9, 11, 16, 22, 21, 17, 19, 27, 30, 30, 28, 27, 25, 20, 13, 9, 8, 6, 5, 5, 6, 7),
    "taxi": (40, 39, 35, 29, 22, 18, 14, 11, 11, 14, 17, 19, 21, 21, 21, 19, 16, 14, 17, 24, 31, 36, 40, 42),
    "visitor": (
        24,
        21,
        17,
        14,
        11,
        10,
        10,
        9,
        11,
        18,
        27,
        31,
        32,
        31,
        29,
        25,
        20,
        17,
        22,
        31,
        35,
        35,
        32,
        28,
    ),
}
_READS_EACH: Final = {"commuter": 7, "bus": 60, "delivery": 40, "taxi": 28, "visitor": 7}
"""About how many cameras one who sets out will pass, over all legs that follow at once."""

_PACE: Final = (
    # How fast traffic moves, of what it does at noon.
    *(1.35, 1.4, 1.4, 1.4, 1.3, 1.2, 1.0, 0.8, 0.7, 0.8, 0.95, 1.0),
    *(1.0, 1.0, 0.95, 0.9, 0.75, 0.7, 0.75, 0.9, 1.05, 1.15, 1.2, 1.3),
)
_SLOWEST_M_S, _FASTEST_M_S = 4.5, 9.0

_COMMUTERS = 400_000
_TAXIS = 3_000
_DELIVERIES = 4_000
_BUSES_A_LINE = 12
_LINES = 60
_CAMERAS_A_LINE = 12
# Where each role's vehicle numbers begin: no two roles share one.
_FIRST: Final = {"wanted": 0, "bus": 10_000, "taxi": 100_000, "delivery": 200_000, "commuter": 1_000_000}
_FIRST_VISITOR = 10_000_000

NEVER_ON_THE_ROAD = 5_000
"""From this number to 9,999: vehicles that no journey has."""


def numbers_of(role: str) -> range:
    """Return the numbers of the vehicles of a role; of visitors those of the first hundred thousand."""
    many = {
        "bus": _LINES * _BUSES_A_LINE,
        "taxi": _TAXIS,
        "delivery": _DELIVERIES,
        "commuter": _COMMUTERS,
        "visitor": 100_000,
    }
    first = _FIRST_VISITOR if role == "visitor" else _FIRST[role]
    return range(first, first + many[role])


class Trip(msgspec.Struct):
    """One leg of somebody's journey.

    Attributes
    ----------
    vehicle : InventedVehicle
        Who drives.
    cameras : tuple of int
        What is passed on this leg, in order.
    speed_m_s : float
        Between cameras, before the hour's pace.
    passed : int
        How many cameras are passed already.
    legs : int
        Legs that may follow.
    """

    vehicle: InventedVehicle
    cameras: tuple[int, ...]
    speed_m_s: float
    passed: int = 0
    legs: int = 0


class Journeys:
    """The invented people of a city, with their journeys.

    Parameters
    ----------
    roads : Roads
        Where they can be seen.
    seed : int
        The same seed has the same people with the same habits.
    """

    def __init__(self, roads: Roads, seed: int) -> None:
        self._roads = roads
        self._seed = seed
        self._chance = random.Random(seed ^ 0x5EED)
        self._turn = dict.fromkeys(ROLES, 0)
        self._busy: set[int] = set()
        self._lines = self._lay_lines()
        self._hour = -1
        self._bounds: list[float] = []
        self._pace = 1.0

    def number(self, role: str, index: int) -> int:
        """Return the number of the vehicle of an index within its role."""
        return (_FIRST_VISITOR if role == "visitor" else _FIRST[role]) + index

    def at_hour(self, hour: int) -> None:
        """Return the hour of the day, 0 to 23, local time."""
        if hour == self._hour:
            return
        self._hour = hour
        self._pace = _PACE[hour]
        total = 0.0
        self._bounds = []
        for role in ROLES:
            total += _SHARES[role][hour] / _READS_EACH[role]
            self._bounds.append(total)

    def seconds(self, trip: Trip) -> float:
        """Return the time from the last camera to the next."""
        here, there = trip.cameras[trip.passed - 1], trip.cameras[trip.passed]
        speed_m_s = trip.speed_m_s * self._pace * (0.8 + 0.4 * self._chance.random())
        return self._roads.seconds(here, there, speed_m_s)

    def set_out(self) -> Trip:
        """Return somebody's journey from now on.

        Who it is depends on the hour.
        """
        drawn = self._chance.random() * self._bounds[-1]
        role = ROLES[min(bisect(self._bounds, drawn), len(ROLES) - 1)]
        if role == "commuter":
            return self._commute(self._next(role) % _COMMUTERS)
        trip = None
        if role == "bus":
            index = self._next(role) % (len(self._lines) * _BUSES_A_LINE)
            trip = self._keep(role, index, self._lines[index % len(self._lines)], legs=5)
        elif role == "taxi":
            trip = self._keep(role, self._next(role) % _TAXIS, None, legs=5)
        elif role == "delivery":
            trip = self._keep(role, self._next(role) % _DELIVERIES, None, legs=14)
        # Where the whole pool is out already, somebody comes from elsewhere.
        return trip if trip is not None else self._visit()

    def fixed(self, vehicle: InventedVehicle, legs: int = 1) -> Trip:
        """Return the constant journey of a vehicle.

        It goes from the outskirts to one place inside.
        """
        return self._trip(vehicle, self._habit(vehicle.number), legs)

    def after(self, trip: Trip) -> tuple[Trip, float] | None:
        """Return a vehicle's next act after a leg, and its delay in seconds.

        It is None if that was all.
        """
        vehicle, chance = trip.vehicle, self._chance
        role = vehicle.role
        if not trip.legs:
            self._busy.discard(vehicle.number)
            return None
        here = trip.cameras[-1]
        if role in ("bus", "wanted"):
            back = trip.cameras[::-1]
            pause_s = 120 + 240 * chance.random()
        elif role == "visitor":
            back = trip.cameras[::-1]
            pause_s = 1800 + 10_800 * chance.random()
        else:
            delivery = role == "delivery"
            goal = self._around(here) if delivery else int(chance.random() * len(self._roads))
            back = self._roads.way(here, goal, 4 if delivery else 8, chance.getrandbits(62))
            pause_s = 60 + (540 if delivery else 360) * chance.random()
        following = Trip(vehicle, back, trip.speed_m_s, 0, trip.legs - 1)
        if len(back) > 1 and role not in ("bus", "wanted", "visitor"):
            # The camera where it stopped has seen it; the next leg begins at the one behind.
            following.passed = 1
            pause_s += self.seconds(following)
            following.cameras, following.passed = back[1:], 0
        return following, pause_s

    def _next(self, role: str) -> int:
        turn = self._turn[role]
        self._turn[role] = turn + 1
        return turn

    def _keep(self, role: str, index: int, cameras: tuple[int, ...] | None, legs: int) -> Trip | None:
        """Send out one of a pool, or None if it is still busy.

        It is busy until its last leg has ended.
        """
        number = self.number(role, index)
        if number in self._busy:
            return None
        self._busy.add(number)
        if cameras is None:
            start, goal = self._anywhere(), self._anywhere()
            cameras = self._roads.way(start, goal, 8, self._chance.getrandbits(62))
        return self._trip(invent_vehicle(number, role), cameras, legs)

    def _commute(self, index: int) -> Trip:
        vehicle = invent_vehicle(self.number("commuter", index), "commuter")
        cameras = self._habit(vehicle.number)
        # In until noon, out from noon on, the same way.
        return self._trip(vehicle, cameras if self._hour < 12 else cameras[::-1], 0)

    def _visit(self) -> Trip:
        vehicle = invent_vehicle(self.number("visitor", self._next("visitor")), "visitor")
        start = self._roads.outer[int(self._chance.random() * len(self._roads.outer))]
        way = self._roads.way(start, self._anywhere(), 8, self._chance.getrandbits(62))
        return self._trip(vehicle, way, 1)

    def _habit(self, number: int) -> tuple[int, ...]:
        """Return the habitual way of a vehicle."""
        roads, bits = self._roads, mixed(number ^ self._seed << 32)
        start = roads.outer[bits % len(roads.outer)]
        goal = roads.inner[(bits >> 20) % len(roads.inner)]
        return roads.way(start, goal, 8, bits >> 3)

    def _trip(self, vehicle: InventedVehicle, cameras: Sequence[int], legs: int) -> Trip:
        speed_m_s = _SLOWEST_M_S + self._chance.random() * (_FASTEST_M_S - _SLOWEST_M_S)
        return Trip(vehicle, tuple(cameras), speed_m_s, 0, legs)

    def _anywhere(self) -> int:
        return int(self._chance.random() * len(self._roads))

    def _around(self, camera: int) -> int:
        """Return a camera some streets away."""
        for _ in range(3):
            near = self._roads.near(camera)
            if near:
                camera = near[int(self._chance.random() * len(near))]
        return camera

    def _lay_lines(self) -> list[tuple[int, ...]]:
        """Return the bus lines.

        Each runs from the outskirts across the middle to the other side.
        """
        roads = self._roads
        count = max(1, min(_LINES, len(roads) // _CAMERAS_A_LINE))
        lines = []
        for line in range(count):
            start = roads.outer[mixed(self._seed + line) % len(roads.outer)]
            lines.append(roads.way(start, roads.opposite(start), MOST_CAMERAS, self._seed + line))
        return lines
