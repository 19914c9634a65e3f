"""Invented vehicles on invented journeys: which camera sees which plate when. Seeded, and pure."""

from __future__ import annotations

import heapq
import json
import math
import random
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from wicketgate.clock import SECOND_US, rfc3339

LONGEST_JOURNEY = 8
IMPERFECTIONS = ("repeat", "plate-empty", "clock-ahead", "unknown-camera")
"""What goes wrong on purpose, in turn."""

_NEAR = 8
_SLOWEST, _FASTEST = 4.0, 11.0  # metres a second between cameras of a city
_DETOUR = 1.3
_METRES_PER_DEGREE = 111_320.0
_FASTEST_PASS_S = 3.0
_AHEAD_US = 3600 * SECOND_US
_REMEMBERED = 512

_LETTERS = "ABCDEFGHJKLMNOPRSTUVWXY"
_NEVER_YEAR_LETTERS = "IOUZ"
_PLATES = 900 * 20 * len(_LETTERS) ** 5
_MODELS = (
    ("Ford", "Fiesta", "car"),
    ("Vauxhall", "Corsa", "car"),
    ("Volkswagen", "Golf", "car"),
    ("Toyota", "Prius", "car"),
    ("Nissan", "Leaf", "car"),
    ("Ford", "Transit", "van"),
    ("Mercedes-Benz", "Sprinter", "van"),
    ("LEVC", "TX", "taxi"),
    ("Alexander Dennis", "Enviro400", "bus"),
    ("Scania", "R", "lorry"),
)
_DESCRIBED = [
    f'{{"make":"{make}","model":"{model}","colour":"{colour}","kind":"{kind}"}}'
    for make, model, kind in _MODELS
    for colour in ("black", "white", "grey", "blue", "red", "silver", "green")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One read as a camera posts it, and what is to become of it.

    Attributes
    ----------
    camera : int
        Number in the list of cameras; -1 for one that no list has.
    captured_at, plate : str
        As posted.
    body : bytes
        The JSON to post.
    flaw : str
        Empty, or one of `IMPERFECTIONS`.
    """

    camera: int
    captured_at: str
    plate: str
    body: bytes
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class _Vehicle:
    plate: str
    described: str


def invent_plate(chance: random.Random) -> str:
    """Return a plate of UK syntax, seven characters, that no vehicle has been given.

    The age numbers 80 to 99 are for the years from 2030, and I, O, U and Z were never letters of a year.
    """
    drawn, number = divmod(int(chance.random() * _PLATES), 900)
    drawn, form = divmod(drawn, 20)
    letters = []
    for _ in range(5):
        drawn, letter = divmod(drawn, len(_LETTERS))
        letters.append(_LETTERS[letter])
    three = "".join(letters[:3])
    if form < 18:
        return f"{letters[3]}{letters[4]}{80 + number % 20}{three}"
    year = _NEVER_YEAR_LETTERS[number % 4]
    number += 100
    # Three letters whose middle is I or Z would be of Northern Ireland; `_LETTERS` has neither.
    return f"{year}{number}{three}" if form < 19 else f"{three}{number}{year}"


def show_plate(plate: str, chance: random.Random) -> str:
    """Return a plate as one device or another writes it: half of them with the space."""
    if chance.random() < 0.5:
        return plate
    at = 3 if plate[:3].isalpha() else 4
    return f"{plate[:at]} {plate[at:]}"


class Way(NamedTuple):
    """Where a vehicle is, where it is going, how fast, in metres a second, and how many cameras it may still pass."""

    here: int
    goal: int
    speed: float
    left: int


class Roads:
    """Which cameras are near which, and how long the way between two takes.

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
        self._near: dict[int, tuple[int, ...]] = {}

    def near(self, camera: int) -> tuple[int, ...]:
        """Return the nearest cameras, itself not among them; O(cameras) the first time."""
        found = self._near.get(camera)
        if found is None:
            count = min(_NEAR, len(self._at) - 1)
            away = ((self._points - self._points[camera]) ** 2).sum(axis=1)
            away[camera] = np.inf
            nearest = np.argpartition(away, count - 1)[:count] if count else np.empty(0, np.intp)
            found = self._near[camera] = tuple(sorted(nearest.tolist()))
        return found

    def set_out(self, chance: random.Random) -> Way:
        """Return where a vehicle enters, and where it is going."""
        count = len(self._at)
        return Way(
            here=int(chance.random() * count),
            goal=int(chance.random() * count),
            speed=_SLOWEST + chance.random() * (_FASTEST - _SLOWEST),
            left=LONGEST_JOURNEY - 1,
        )

    def go_on(self, way: Way, chance: random.Random) -> tuple[Way, float] | None:
        """Return where a vehicle passes next and after how many seconds, or None if its journey ends.

        Each camera is nearer to where the vehicle is going than the one before.
        """
        if not way.left or way.here == way.goal:
            return None
        at = self._at
        x, y = at[way.here]
        u, v = at[way.goal]
        left = (x - u) ** 2 + (y - v) ** 2
        ways = [there for there in self.near(way.here) if _square(at[there], u, v) < left]
        if not ways:
            return None
        there = ways[int(chance.random() * len(ways))]
        taken_s = math.sqrt(_square(at[there], x, y)) * _DETOUR / (way.speed * (0.8 + 0.4 * chance.random()))
        following = Way(here=there, goal=way.goal, speed=way.speed, left=way.left - 1)
        return following, max(taken_s, _FASTEST_PASS_S)


def _square(at: tuple[float, float], x: float, y: float) -> float:
    return (at[0] - x) * (at[0] - x) + (at[1] - y) * (at[1] - y)


class Traffic:
    """Reads at a rate that the caller sets: whoever is due at a camera passes it, else somebody sets out.

    Parameters
    ----------
    cameras : sequence of mapping
        As `GET /v1/cameras` lists them; at least one.
    seed : int
        The same seed makes the same vehicles and journeys.
    imperfect : float
        The share of reads that is wrong on purpose, 0 to 1.
    run : str
        Goes before every read's `id`: two runs on one gateway must differ in it.
    """

    def __init__(
        self,
        cameras: Sequence[Mapping[str, Any]],
        *,
        seed: int = 2007,
        imperfect: float = 0.01,
        run: str = "0",
    ) -> None:
        self._ids = [json.dumps(camera["id"]) for camera in cameras]
        self._roads = Roads(cameras)
        self._chance = random.Random(seed)
        self._imperfect = imperfect
        self._run = run
        self._number = 0
        self._owed = 0.0
        self._second, self._second_text = -1, ""
        self._flaws = 0
        # Who passes where next: due, a number that settles ties, vehicle, way.
        self._due: list[tuple[int, int, _Vehicle, Way]] = []
        self._done: deque[Read] = deque(maxlen=_REMEMBERED)

    def acknowledged(self, read: Read) -> None:
        """Learn that the gateway has a read: it may be sent again later, on purpose."""
        if not read.flaw:
            self._done.append(read)

    def next(self, at_us: int) -> Read:
        """Return the read of `at_us`, microseconds; calls come in order. About 10 µs."""
        self._owed += self._imperfect
        if self._owed >= 1.0:
            self._owed -= 1.0
            flaw = IMPERFECTIONS[self._flaws % len(IMPERFECTIONS)]
            self._flaws += 1
            if flaw != "repeat":
                return self._flawed(flaw, at_us)
            if self._done:
                again = self._chance.choice(self._done)
                return Read(
                    camera=again.camera,
                    captured_at=again.captured_at,
                    plate=again.plate,
                    body=again.body,
                    flaw=flaw,
                )
        if self._due and self._due[0][0] <= at_us:
            _, _, vehicle, way = heapq.heappop(self._due)
        else:
            vehicle, way = self._invent(), self._roads.set_out(self._chance)
        following = self._roads.go_on(way, self._chance)
        if following is not None:
            due_us = at_us + round(following[1] * SECOND_US)
            heapq.heappush(self._due, (due_us, self._number, vehicle, following[0]))
        return self._read(way.here, self._ids[way.here], vehicle, vehicle.plate, at_us)

    def _time(self, at_us: int) -> str:
        """Return a time to the millisecond, as `clock.rfc3339` writes it."""
        second, rest_us = divmod(at_us, SECOND_US)
        if second != self._second:
            self._second, self._second_text = second, rfc3339(second * SECOND_US)[:-1]
        return f"{self._second_text}.{rest_us // 1000:03d}Z" if rest_us >= 1000 else f"{self._second_text}Z"

    def _flawed(self, flaw: str, at_us: int) -> Read:
        camera = self._chance.randrange(len(self._ids))
        vehicle = self._invent()
        if flaw == "plate-empty":
            return self._read(camera, self._ids[camera], vehicle, "", at_us, flaw)
        if flaw == "clock-ahead":
            return self._read(camera, self._ids[camera], vehicle, vehicle.plate, at_us + _AHEAD_US, flaw)
        return self._read(-1, '"not-in-any-list"', vehicle, vehicle.plate, at_us, flaw)

    def _invent(self) -> _Vehicle:
        chance = self._chance
        return _Vehicle(invent_plate(chance), _DESCRIBED[int(chance.random() * len(_DESCRIBED))])

    def _read(
        self, camera: int, camera_json: str, vehicle: _Vehicle, plate: str, at_us: int, flaw: str = ""
    ) -> Read:
        chance = self._chance
        self._number += 1
        captured_at = self._time(at_us)
        shown = show_plate(plate, chance) if plate else ""
        some = chance.random()
        body = (
            f'{{"id":"{self._run}-{self._number}","camera":{camera_json},"captured_at":"{captured_at}",'
            f'"plate":"{shown}","confidence":{0.75 + int(some * 25) / 100:.2f},"lane":{1 + int(some * 3)},'
            f'"direction":"{"towards" if some < 0.6 else "away"}","vehicle":{vehicle.described}}}'
        )
        return Read(camera=camera, captured_at=captured_at, plate=shown, body=body.encode(), flaw=flaw)
