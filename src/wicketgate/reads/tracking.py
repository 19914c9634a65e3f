"""The following of vehicles: several messages, one read a vehicle.

Pure. A device that follows a vehicle says NEW, UPDATE, LOST, with another text each time perhaps. Its observations
are held, durably, until the last one or `HOLD_US` after the first; then the surest becomes the vehicle's one read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from math import isnan
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from wicketgate.base.clock import HOUR_US, MINUTE_US, SECOND_US
from wicketgate.reads.columns import GATHERED

HOLD_US = 3 * SECOND_US
"""How long a vehicle's observations are held, from the first, if the device never says that it has left."""

SAME_US = 60 * SECOND_US
"""Within how much of its last message a device's id means the same vehicle; devices count from 1 after a restart."""

KNOWN_US = 10 * MINUTE_US
"""For how long a vehicle that is over is known by what its device says of it, from its first message."""


PARKED_US = 12 * HOUR_US
"""For how long the text of a vehicle that is over is remembered beside its device's id: it may be parked there."""
_MOST_PARKED = 50_000


def is_lasting(read_id: str | None) -> bool:
    """Return whether the id of a read is one that its device never uses again."""
    return read_id is not None and read_id.startswith("\0") and read_id.endswith("\0")


class _VehicleMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The vehicle of a message.

    `first_us` is when the vehicle's first observation was received: with source, camera and `tracked` it names the
    vehicle.
    """

    source: str
    camera_id: str
    tracked: str
    first_us: int
    received_us: int


if TYPE_CHECKING:  # a type checker cannot read the table

    class _Observed(_VehicleMessage, frozen=True):
        """The same, with one value for each column of `columns.GATHERED`."""

        def __getattr__(self, name: str) -> Any: ...
else:
    _Observed = msgspec.defstruct(
        "_Observed",
        [
            (column.name, column.scalar | None, None) if column.null else (column.name, column.scalar)
            for column in GATHERED
        ],
        bases=(_VehicleMessage,),
        frozen=True,
        kw_only=True,
    )


class HeldSighting(_Observed, frozen=True, kw_only=True):
    """One checked observation of a followed vehicle.

    It lies in COMMITS so until its vehicle's read is emitted.
    """

    marks: tuple[str, ...] = ()
    lasting: bool = False


class Emitted(_VehicleMessage, frozen=True, kw_only=True):
    """The note of a vehicle's emitted read.

    It is in the same message of COMMITS as the read, and says with which text it was emitted.
    """

    captured_us: int
    plate: str


_Device = tuple[str, str, str]
_Name = tuple[_Device, int]


@dataclass(slots=True, kw_only=True)
class TrackedVehicle:
    """The knowledge of one followed vehicle.

    Attributes
    ----------
    best : HeldSighting
        The surest observation; of equally sure ones the latest.
    last_us, captured_us : int
        When its last message was received, and the capture time in it.
    changed : bool
        Its observations differ in text.
    state : "held", "ending" or "emitted"
        `ending` while its read is being stored.
    needed_from : int or None
        The first message of COMMITS from which it would be learnt again.
    """

    best: HeldSighting
    last_us: int
    captured_us: int
    changed: bool = False
    patch: str | None = None
    overview: str | None = None
    state: Literal["held", "ending", "emitted"] = "held"
    needed_from: int | None = None

    @property
    def read_id(self) -> str:
        """The id of its read.

        It is the same in every life of the gateway. Where the device never uses its own id again, it is that: what
        comes of a parked vehicle after hours is then found to be repeated.
        """
        begun = "" if self.best.lasting else str(self.best.first_us)
        return f"\0{self.best.camera_id}\0{self.best.tracked}\0{begun}"

    def chosen(self, *, unfinished: bool) -> HeldSighting:
        """Return the observation for its read.

        The others add to it.
        """
        marks = set(self.best.marks)
        if self.changed:
            marks.add("text-changed")
        if unfinished:
            marks.add("unfinished")
        return msgspec.structs.replace(
            self.best,
            patch=self.best.patch or self.patch,
            overview=self.best.overview or self.overview,
            marks=tuple(sorted(marks)),
        )

    def emitted(self) -> Emitted:
        """Return the note of its emitted read for COMMITS."""
        best = self.best
        return Emitted(
            source=best.source,
            camera_id=best.camera_id,
            tracked=best.tracked,
            first_us=best.first_us,
            received_us=self.last_us,
            captured_us=self.captured_us,
            plate=best.plate,
        )

    def take(self, held: HeldSighting) -> None:
        """Take a further observation."""
        self.changed = self.changed or held.plate != self.best.plate
        if _sure(held) >= _sure(self.best):
            self.best = held
        self.patch = held.patch or self.patch
        self.overview = held.overview or self.overview
        self.last_us = max(self.last_us, held.received_us)
        self.captured_us = held.captured_us


def _sure(held: HeldSighting) -> float:
    return -1.0 if isnan(held.confidence) else held.confidence


@dataclass(slots=True)
class Vehicles:
    """The followed vehicles, and those whose read was emitted lately.

    A projection of COMMITS: `learn` brings it back after a kill, from the message that `needed_from` names.

    Notes
    -----
    `due` costs what is held: three seconds of traffic. What was emitted is kept in the order in which it was last heard
    of, so that `forget` costs what it forgets.
    """

    _held: dict[_Name, TrackedVehicle] = field(default_factory=dict)
    _emitted: dict[_Name, TrackedVehicle] = field(default_factory=dict)
    _current: dict[_Device, int] = field(default_factory=dict)
    _parked: dict[_Device, tuple[str, int]] = field(default_factory=dict, compare=False)

    def __len__(self) -> int:
        return len(self._held) + len(self._emitted)

    @property
    def held(self) -> int:
        """The number of vehicles held."""
        return len(self._held)

    def find(
        self, source: str, camera_id: str, tracked: str, received_us: int, captured_us: int
    ) -> TrackedVehicle | None:
        """Return the vehicle of a message, if known."""
        vehicle = self.current(source, camera_id, tracked, received_us)
        return vehicle if vehicle and abs(captured_us - vehicle.captured_us) <= SAME_US else None

    def current(self, source: str, camera_id: str, tracked: str, received_us: int) -> TrackedVehicle | None:
        """Return the vehicle of a message without a usable time, if known."""
        device = (source, camera_id, tracked)
        vehicle = self._of((device, self._current.get(device, -1)))
        return vehicle if vehicle and abs(received_us - vehicle.last_us) <= SAME_US else None

    def _of(self, name: _Name) -> TrackedVehicle | None:
        return self._held.get(name) or self._emitted.get(name)

    @staticmethod
    def is_over(vehicle: TrackedVehicle) -> bool:
        """Return whether a vehicle's read was emitted, or is being stored."""
        return vehicle.state != "held"

    @staticmethod
    def reopen(vehicle: TrackedVehicle) -> None:
        """Hold a vehicle again after a failure to store its read."""
        if vehicle.state == "ending":
            vehicle.state = "held"

    def touch(self, vehicle: TrackedVehicle, received_us: int) -> None:
        """Note a device's message about a vehicle already over.

        One that is told of for `KNOWN_US` is forgotten all the same: what it rests on must end. Its read is known by
        its content, and a message that comes after that makes a repeat of it.
        """
        vehicle.last_us = max(vehicle.last_us, received_us)
        name = _name(vehicle.best)
        if name not in self._emitted:
            return
        del self._emitted[name]
        if received_us - name[1] <= KNOWN_US:
            self._emitted[name] = vehicle
        else:
            self._park(name[0], vehicle)
            if self._current.get(name[0]) == name[1]:
                del self._current[name[0]]

    def _park(self, device: _Device, vehicle: TrackedVehicle) -> None:
        self._parked.pop(device, None)
        self._parked[device] = vehicle.best.plate, vehicle.last_us
        if len(self._parked) > _MOST_PARKED:
            del self._parked[next(iter(self._parked))]

    def parked(self, source: str, camera_id: str, tracked: str, received_us: int) -> str | None:
        """Return the text with which a vehicle of this id was emitted hours ago; None where none is known.

        It may stand there still. This is remembered in one life of a gateway.
        """
        device = (source, camera_id, tracked)
        plate, heard_us = self._parked.get(device, ("", 0))
        if not plate or received_us - heard_us > PARKED_US:
            return None
        self._parked[device] = plate, max(heard_us, received_us)
        return plate

    def begin(self, source: str, camera_id: str, tracked: str, received_us: int) -> int:
        """Return the `first_us` of a vehicle seen for the first time.

        None of its device has it yet.
        """
        while self._of(((source, camera_id, tracked), received_us)):
            received_us += 1
        return received_us

    def hold(self, held: HeldSighting) -> TrackedVehicle:
        """Take an observation of the vehicle of its `first_us`.

        Where there is none, a new one is begun.
        """
        name = _name(held)
        vehicle = self._of(name)
        if vehicle is None:
            vehicle = TrackedVehicle(
                best=held,
                last_us=held.received_us,
                captured_us=held.captured_us,
                patch=held.patch,
                overview=held.overview,
            )
            self._held[name] = vehicle
            self._current[name[0]] = name[1]
        elif name in self._held:
            vehicle.take(held)
        return vehicle

    def due(self, now_us: int) -> list[TrackedVehicle]:
        """Return the vehicles whose read is due.

        It must be emitted though the device has not said that they left.
        """
        return [
            vehicle
            for (device, first_us), vehicle in self._held.items()
            if vehicle.state == "held"
            and (now_us >= first_us + HOLD_US or self._current.get(device) != first_us)
        ]

    def forget(self, now_us: int) -> None:
        """Forget the vehicles of long silence.

        Nothing was heard of them for so long that their id may mean another one.
        """
        while self._emitted:
            name, vehicle = next(iter(self._emitted.items()))
            if now_us - vehicle.last_us <= SAME_US:
                break
            del self._emitted[name]
            self._park(name[0], vehicle)
            if self._current.get(name[0]) == name[1]:
                del self._current[name[0]]

    def stored(self, held: Iterable[HeldSighting], emitted: Iterable[Emitted], sequence: int) -> None:
        """Note observations and emitted reads durable in COMMITS at `sequence`."""
        for observation in held:
            vehicle = self._held.get(_name(observation))
            if vehicle is not None and vehicle.needed_from is None:
                vehicle.needed_from = sequence
        for one in emitted:
            vehicle = self._held.pop(_name(one), None)
            if vehicle is not None:
                vehicle.state = "emitted"
                vehicle.needed_from = sequence  # from here on it is known that it was emitted
                self._emitted[_name(one)] = vehicle

    def learn(self, held: Iterable[HeldSighting], emitted: Iterable[Emitted], sequence: int) -> None:
        """Learn from a message of COMMITS at a start.

        Messages come in the order of COMMITS.
        """
        held, emitted = tuple(held), tuple(emitted)
        for observation in held:
            self.hold(observation)
        for one in emitted:
            if self._of(_name(one)) is None:
                # Its observations lie before what is learnt: nothing more is needed of them.
                said = msgspec.structs.asdict(one)
                self.hold(HeldSighting(**said | {"camera": -1, "confidence": 0.0}))
        self.stored(held, emitted, sequence)

    @property
    def needed_from(self) -> int | None:
        """The first message of COMMITS to learn again after a kill.

        None if none must be.
        """
        vehicles = chain(self._held.values(), self._emitted.values())
        return min((v.needed_from for v in vehicles if v.needed_from is not None), default=None)


def _name(said: HeldSighting | Emitted) -> _Name:
    return (said.source, said.camera_id, said.tracked), said.first_us
