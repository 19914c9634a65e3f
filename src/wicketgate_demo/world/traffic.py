"""The reads of invented vehicles at a rate.

They say which camera sees which plate when, and what it makes of it. Seeded, pure.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from wicketgate.base.clock import SECOND_US, to_datetime
from wicketgate_demo.world.journeys import Journeys, Trip
from wicketgate_demo.world.roads import Roads
from wicketgate_demo.world.vehicles import InventedVehicle, invent_vehicle, misread
from wicketgate_demo.world.wanted import DRIVING, lookalikes, wanted_vehicles

IMPERFECTIONS: Final = ("repeat", "plate-empty", "clock-ahead", "unknown-camera")
"""What goes wrong on purpose, in turn."""

MISREADS: Final = 0.03
"""The share of reads whose plate is not what the vehicle bears."""

WANTED_MISREADS: Final = 0.125
"""Of vehicles of interest and those that look like them: or nobody would see a possible hit within minutes."""

_AHEAD_US = 3600 * SECOND_US
_HOUR_US = 3600 * SECOND_US
_MINUTE_US = 60 * SECOND_US
_REMEMBERED = 512
_LONDON = ZoneInfo("Europe/London")
# Before which reads a vehicle of interest sets out; then one each so many: at 200 reads/s about a hit in 20 s.
_FIRST_WANTED = (20, 120, 300, 700, 1_500, 4_000)
EACH_WANTED: Final = 56_000
_EACH_LOOKALIKE = 5
_EACH_CLONE = 3_000  # of those who set out, one has a plate that another bears


class Read(msgspec.Struct, frozen=True, gc=False):
    """One read: the vehicle, and the camera's words on it.

    Attributes
    ----------
    number : int
        Counts from 1 in one run.
    camera : int
        Whose device sees it, a number in the list of cameras.
    at_us : int
        The time of capture as the camera says it, microseconds.
    plate : str
        What the camera made of the plate, in normal form; empty if nothing.
    vehicle : InventedVehicle
        What really passed: `vehicle.plate` is the truth.
    confidence : float
        0.5 to 1, lower where the plate is misread.
    chance : float
        0 to 1: what a device decides by that makes a choice of its own.
    flaw : str
        Empty, or one of `IMPERFECTIONS`.
    """

    number: int
    camera: int
    at_us: int
    plate: str
    vehicle: InventedVehicle
    confidence: float
    chance: float
    flaw: str = ""

    @property
    def towards(self) -> bool:
        """Whether the vehicle comes towards the camera."""
        return self.chance < 0.6

    @property
    def lane(self) -> int:
        """The lane, from 1."""
        return 1 + int(self.chance * 3)


class Traffic:
    """The traffic at a rate set by the caller.

    Whoever is due at a camera passes it, else somebody sets out.

    Parameters
    ----------
    cameras : sequence of mapping
        As `GET /v1/cameras` lists them, of one source or of several one after the other; at least one. A member
        `source` tells them apart.
    seed : int
        The same seed makes the same vehicles and journeys.
    imperfect : float
        The share of reads that is wrong on purpose, 0 to 1.
    clumsy : sequence of int, optional
        The cameras at which reads are wrong on purpose, but for repeats, which come everywhere; all if not given.
    each_wanted : int
        How many reads there are for each vehicle of interest that sets out, once the first few have.
    at_hour : float, optional
        The hour of the day at which the first read comes, 0 to 24; without it the clock's, in London.

    Notes
    -----
    The hour decides who drives and how fast, never how many reads there are. Nobody is ever faster than
    `roads.FASTEST_M_S` but for clones: two vehicles with one plate.
    """

    def __init__(
        self,
        cameras: Sequence[Mapping[str, Any]],
        *,
        seed: int = 2007,
        imperfect: float = 0.01,
        clumsy: Sequence[int] | None = None,
        at_hour: float | None = None,
        each_wanted: int = EACH_WANTED,
    ) -> None:
        self.roads = Roads(cameras)
        self._journeys = Journeys(self.roads, seed)
        self._chance = random.Random(seed)
        self._imperfect = imperfect
        self._clumsy = range(len(cameras)) if clumsy is None else tuple(clumsy)
        self._imperfections = IMPERFECTIONS if self._clumsy else IMPERFECTIONS[:1]
        self._at_hour = at_hour
        self._each_wanted = each_wanted
        self._offset_us: int | None = None
        self._minute = -1
        self._number = 0
        self._owed = self._misread_owed = 0.0
        self._flaws = self._out = self._special = self._clones = 0
        # Who passes where next: due, a number that settles ties, trip.
        self._due: list[tuple[int, int, Trip]] = []
        self._ties = 0
        self._done: deque[Read] = deque(maxlen=_REMEMBERED)
        self._wanted = wanted_vehicles(DRIVING)
        self._cloned = {one.vehicle.number for one in self._wanted if one.cloned}
        self._alike = lookalikes()
        by_source: dict[Any, list[int]] = {}
        for number, camera in enumerate(cameras):
            by_source.setdefault(camera.get("source"), []).append(number)
        self._beside = [by_source[camera.get("source")] for camera in cameras]

    def acknowledged(self, read: Read) -> None:
        """Learn of a read acknowledged by the gateway.

        It may be sent again later, on purpose.
        """
        if not read.flaw:
            self._done.append(read)

    def next(self, at_us: int) -> Read:
        """Return the read of `at_us`, microseconds.

        Calls come in order. Some 10 µs.
        """
        minute = at_us // _MINUTE_US
        if minute != self._minute:
            self._minute = minute
            self._journeys.at_hour(self._hour(at_us))
        self._owed += self._imperfect
        if self._owed >= 1.0:
            self._owed -= 1.0
            flaw = self._imperfections[self._flaws % len(self._imperfections)]
            self._flaws += 1
            if flaw != "repeat":
                return self._flawed(flaw, at_us)
            if self._done:
                return msgspec.structs.replace(self._chance.choice(self._done), flaw=flaw)
        due = self._due
        if self._special_is_due():
            trip = self._set_out_special()
        elif due and due[0][0] <= at_us:
            trip = heapq.heappop(due)[2]
        else:
            trip = self._journeys.set_out()
            self._out += 1
            if self._out % _EACH_CLONE == 0:
                self._send_clone(trip.vehicle, trip.cameras[0], at_us)
        camera = trip.cameras[trip.passed]
        trip.passed += 1
        if (
            trip.passed == trip.legs == 1
            and trip.vehicle.number in self._cloned
            and trip.vehicle.role == "wanted"
        ):
            self._send_clone(trip.vehicle, camera, at_us)
        if trip.passed < len(trip.cameras):
            self._expect(trip, at_us + round(self._journeys.seconds(trip) * SECOND_US))
        else:
            following = self._journeys.after(trip)
            if following is not None:
                self._expect(following[0], at_us + round(following[1] * SECOND_US))
        return self._seen(camera, trip.vehicle, at_us)

    def _hour(self, at_us: int) -> int:
        if self._at_hour is None:
            return to_datetime(at_us).astimezone(_LONDON).hour
        if self._offset_us is None:
            self._offset_us = round(self._at_hour * _HOUR_US) - at_us
        return (at_us + self._offset_us) // _HOUR_US % 24

    def _expect(self, trip: Trip, due_us: int) -> None:
        self._ties += 1
        heapq.heappush(self._due, (due_us, self._ties, trip))

    # --- vehicles of interest, lookalikes, clones -------------------------------------------------------------

    def _special_is_due(self) -> bool:
        first = len(_FIRST_WANTED)
        if self._special < first:
            return self._number >= _FIRST_WANTED[self._special]
        return self._number >= _FIRST_WANTED[-1] + self._each_wanted * (self._special - first + 1)

    def _set_out_special(self) -> Trip:
        turn = self._special
        self._special += 1
        if turn % _EACH_LOOKALIKE == 2 and self._alike:
            return self._journeys.fixed(self._alike[turn // _EACH_LOOKALIKE % len(self._alike)], legs=0)
        return self._journeys.fixed(self._wanted[turn % len(self._wanted)].vehicle)

    def _send_clone(self, vehicle: InventedVehicle, camera: int, at_us: int) -> None:
        """Let another vehicle with the same plate pass elsewhere.

        It passes the farthest camera of this source within seconds.
        """
        self._clones += 1
        other = invent_vehicle(vehicle.number + self._clones, "visitor")
        clone = msgspec.structs.replace(other, number=vehicle.number, plate=vehicle.plate, role="clone")
        far = self.roads.farthest(camera, self._beside[camera])
        trip = Trip(clone, self.roads.way(far, camera, 2, self._clones), 6.0)
        self._expect(trip, at_us + round((5 + 10 * self._chance.random()) * SECOND_US))

    # --- what a camera sees -----------------------------------------------------------------------------------

    def _seen(self, camera: int, vehicle: InventedVehicle, at_us: int) -> Read:
        chance = self._chance
        self._number += 1
        plate, drawn = vehicle.plate, chance.random()
        confidence = 0.8 + int(drawn * 19) / 100
        special = vehicle.role == "wanted" or vehicle.role == "lookalike"
        self._misread_owed += MISREADS
        wrong = chance.random() < WANTED_MISREADS if special else self._misread_owed >= 1.0
        if wrong:
            text = misread(plate, chance)
            if text is not None:
                self._misread_owed -= 1.0
                plate = text
                confidence = 0.55 + int(drawn * 30) / 100
        return Read(self._number, camera, at_us, plate, vehicle, round(confidence, 2), chance.random())

    def _flawed(self, flaw: str, at_us: int) -> Read:
        chance = self._chance
        self._number += 1
        camera = self._clumsy[int(chance.random() * len(self._clumsy))]
        vehicle = invent_vehicle(chance.getrandbits(26) | 1 << 26, "visitor")
        plate = "" if flaw == "plate-empty" else vehicle.plate
        claimed_us = at_us + _AHEAD_US if flaw == "clock-ahead" else at_us
        return Read(self._number, camera, claimed_us, plate, vehicle, 0.9, chance.random(), flaw)
