"""The taker of whole pushes: with their images, and vehicles that are followed over several messages."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from wicketgate.base.aside import TasksAside
from wicketgate.base.clock import Clock
from wicketgate.base.errors import StreamError
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.cameras import CameraNames
from wicketgate.reads.checks import Checked, ClockLimits
from wicketgate.reads.columns import GATHERED, Gathered
from wicketgate.reads.images.joining import Joining, Turns
from wicketgate.reads.images.takers import marks_text
from wicketgate.reads.intake import Intake
from wicketgate.reads.pushes import CheckingPushes, FollowedSighting, summed
from wicketgate.reads.takers import PostAnswer
from wicketgate.reads.tracking import HeldSighting, Vehicles
from wicketgate.reads.tracking import TrackedVehicle as Followed

_LOOK_S = 0.25
_MOST_FOLLOWED = 100_000
_HELD: Final = PostAnswer(accepted=0, repeated=0, quarantined=(), held=1)


class Pushes(CheckingPushes):
    """The taker of adapters' payloads, over HTTP and MQTT alike: with their images, and vehicles that are followed.

    Parameters
    ----------
    limits : callable
        Returns the charter's limits now.

    Notes
    -----
    Calls for one followed vehicle count in the order in which they begin. A kill leaves what was answered: its
    observations are learnt again from COMMITS (`tracking.Vehicles`), and emitted once.
    """

    def __init__(
        self,
        cameras: CameraNames,
        intake: Intake,
        joining: Joining,
        vehicles: Vehicles,
        clock: Clock,
        limits: Callable[[], ClockLimits],
    ) -> None:
        super().__init__(cameras, intake, joining, clock, limits)
        self._stored = intake
        self._joining = joining
        self._vehicles = vehicles
        self._turns = Turns()
        self._coming: Counter[tuple[str, str, str]] = Counter()
        self._taking = TasksAside()

    async def run(self) -> None:
        """Emit, for ever, the reads of vehicles never reported gone.

        Their device does not say that they have left.
        """
        while True:
            await self._clock.sleep(_LOOK_S)
            await self.emit_due()

    async def emit_due(self) -> None:
        """Emit the reads due now.

        What cannot be stored stays due.
        """
        now_us = self._clock.now_us()
        due = self._vehicles.due(now_us)
        await asyncio.gather(*(self._emit_unfinished(vehicle) for vehicle in due))
        self._vehicles.forget(now_us)

    async def _emit_unfinished(self, vehicle: Followed) -> None:
        with suppress(StreamError):
            await self._emit(vehicle, 0, unfinished=True)

    async def _take_sighting(self, source: str, sighting: FollowedSighting) -> PostAnswer:
        (answer,) = await self.take_followed(source, [sighting])
        if isinstance(answer, BaseException):
            raise answer
        return answer

    # --- followed vehicles ----------------------------------------------------------------------------------------

    async def take_followed(
        self, source: str, sightings: Sequence[FollowedSighting], *, have_waited: bool = False
    ) -> list[PostAnswer | BaseException]:
        """Take checked observations of followed vehicles, in their order; return what became of each.

        Those that need nothing that has to be waited for go together.
        """
        held: list[HeldSighting] = []
        ending: list[Followed] = []
        answers: list[PostAnswer | BaseException | None] = [None] * len(sightings)
        apart: list[tuple[int, asyncio.Task[PostAnswer]]] = []
        now_us = self._clock.now_us()
        for n, sighting in enumerate(sightings):
            vehicle = self._hold_now(source, sighting, now_us, held)
            if vehicle is None:
                # Until it has had its turn, what comes behind it of the same vehicle waits for that too.
                self._coming[(source, sighting.camera_id, sighting.tracked)] += 1
                apart.append((n, self._taking.begin(self._in_turn(source, sighting))))
            elif sighting.final:
                vehicle.state = "ending"
                ending.append(vehicle)
        together = [n for n in range(len(sightings)) if n not in {at for at, _ in apart}]
        if together:
            told: list[PostAnswer | BaseException]
            try:
                told = await self._take_now(
                    source, held, ending, [sightings[n] for n in together], have_waited
                )
            except StreamError as error:
                told = [error] * len(together)
            for n, answer in zip(together, told, strict=True):
                answers[n] = answer
        if apart:
            results = await asyncio.gather(*(task for _, task in apart), return_exceptions=True)
            for (n, _), result in zip(apart, results, strict=True):
                answers[n] = result
        return [answer for answer in answers if answer is not None]

    def _hold_now(
        self, source: str, sighting: FollowedSighting, now_us: int, held: list[HeldSighting]
    ) -> Followed | None:
        """Hold an observation at once; None where it has to wait for something, or is late."""
        name = (source, sighting.camera_id, sighting.tracked)
        row, vehicles = sighting.row, self._vehicles
        if (
            row is None
            or sighting.images
            or sighting.refused
            or name in self._coming
            or vehicles.held >= _MOST_FOLLOWED
        ):
            return None
        vehicle = vehicles.find(*name, now_us, row["captured_us"])
        if vehicle is not None and vehicles.is_over(vehicle):
            return None
        if vehicle is None and vehicles.parked(*name, now_us) is not None:
            return None
        observation = self._observed(source, sighting, row, vehicle, now_us, sighting.marks)
        if not sighting.final:
            held.append(observation)
        return vehicles.hold(observation)

    async def _take_now(
        self,
        source: str,
        held: list[HeldSighting],
        ending: list[Followed],
        sightings: Sequence[FollowedSighting],
        have_waited: bool,
    ) -> list[PostAnswer | BaseException]:
        """Store what is held, and the reads of those that have left; return what became of each."""
        try:
            taken = await self._stored.take(
                _emission(ending, [False] * len(ending)),
                source,
                held=held,
                emitted=[vehicle.emitted() for vehicle in ending],
                have_waited=have_waited,
            )
        finally:
            # Stored, they are `emitted` by now; otherwise they stay due, and the device sends its last message again.
            for vehicle in ending:
                self._vehicles.reopen(vehicle)
        refused = {at: (code, detail) for at, code, detail in taken.quarantined}
        answers: list[PostAnswer | BaseException] = []
        at = 0
        for sighting in sightings:
            if not sighting.final:
                answers.append(_HELD)
                continue
            again, wrong = at in taken.again, refused.get(at)
            answers.append(
                PostAnswer(
                    accepted=int(not again and wrong is None),
                    repeated=int(again),
                    quarantined=() if wrong is None else ((sighting.index, *wrong),),
                )
            )
            at += 1
        return answers

    async def _in_turn(self, source: str, sighting: FollowedSighting) -> PostAnswer:
        name = (source, sighting.camera_id, sighting.tracked)
        try:
            return await self._follow(source, sighting)
        finally:
            self._coming[name] -= 1
            if not self._coming[name]:
                del self._coming[name]

    async def _follow(self, source: str, sighting: FollowedSighting) -> PostAnswer:
        camera_id, tracked, index = sighting.camera_id, sighting.tracked, sighting.index
        row, marks = sighting.row, sighting.marks
        now_us = self._clock.now_us()
        if self._vehicles.held >= _MOST_FOLLOWED:
            raise StreamError("too many vehicles are followed: send it again in a moment", code="busy")
        bad: list[tuple[int, QuarantinedRead]] = []
        held: tuple[HeldSighting, ...] = ()
        vehicle: Followed | None = None
        async with self._turns.take((source, camera_id, tracked)):
            if row is not None:
                vehicle = self._vehicles.find(source, camera_id, tracked, now_us, row["captured_us"])
                if vehicle is not None and self._vehicles.is_over(vehicle):
                    checked, late = self._late(source, sighting, row, vehicle.best.plate)
                    self._vehicles.touch(vehicle, now_us)
                    return await self._stored.take(checked, source, late=late)
                parked = (
                    self._vehicles.parked(source, camera_id, tracked, now_us) if vehicle is None else None
                )
                if parked is not None and (parked == row["plate"] or sighting.lasting):
                    checked, late = self._late(source, sighting, row, parked)
                    return await self._stored.take(checked, source, late=late)
                bodies = {kind: (index, body) for kind, body in sighting.images.items()}
                stored, bad = await self._joining.store(source, camera_id, bodies)
                if bad:
                    marks = (*marks, "image-missing")
                # While the images were being stored its time may have run out.
                if vehicle is not None and self._vehicles.is_over(vehicle):
                    checked, late = self._late(source, sighting, row, vehicle.best.plate)
                    return await self._stored.take(checked, source, late=late, images=bad)
                observation = self._observed(source, sighting, row | dict(stored), vehicle, now_us, marks)
                vehicle = self._vehicles.hold(observation)
                held = () if sighting.final else (observation,)
            else:
                # What is wrong with the last message does not lose what the others said.
                vehicle = self._vehicles.current(source, camera_id, tracked, now_us)
        answer = PostAnswer(accepted=0, repeated=0, quarantined=())
        if held or bad or sighting.refused:
            refused = Checked(quarantined=sighting.refused)
            answer = await self._stored.take(refused, source, held=held, images=bad)
        if sighting.final and vehicle is not None and not self._vehicles.is_over(vehicle):
            answer = summed(answer, await self._emit(vehicle, index, unfinished=False))
        return answer

    def _observed(
        self,
        source: str,
        sighting: FollowedSighting,
        row: dict[str, Any],
        vehicle: Followed | None,
        now_us: int,
        marks: tuple[str, ...],
    ) -> HeldSighting:
        camera_id, tracked = sighting.camera_id, sighting.tracked
        return HeldSighting(
            source=source,
            camera_id=camera_id,
            tracked=tracked,
            first_us=(
                self._vehicles.begin(source, camera_id, tracked, now_us)
                if vehicle is None
                else vehicle.best.first_us
            ),
            received_us=now_us,
            lasting=sighting.lasting,
            **(row | {"marks": tuple(sorted(set(marks)))}),
        )

    def _late(
        self, source: str, sighting: FollowedSighting, row: dict[str, Any], emitted_as: str
    ) -> tuple[Checked, tuple[str, ...]]:
        """Return the treatment of a message behind its vehicle's read.

        The read was emitted already when the message came.
        """
        if row["plate"] == emitted_as:
            return Checked(), (sighting.camera_id,)
        detail = "the read of this vehicle was emitted with another text"
        refused = self._refused(source, sighting.camera_id, sighting.said(), "text-changed-late", detail)
        return Checked(quarantined=[(sighting.index, refused)]), ()

    async def _emit(self, vehicle: Followed, index: int, *, unfinished: bool) -> PostAnswer:
        checked = _emission([vehicle], [unfinished])
        checked.index = [index]
        vehicle.state = "ending"
        try:
            return await self._stored.take(checked, vehicle.best.source, emitted=[vehicle.emitted()])
        finally:
            # Stored, it is `emitted` by now; otherwise it stays due, and the device sends its last message again.
            self._vehicles.reopen(vehicle)


def _emission(vehicles: Sequence[Followed], unfinished: Sequence[bool]) -> Checked:
    """Return the reads of followed vehicles."""
    chosen = [
        vehicle.chosen(unfinished=is_unfinished)
        for vehicle, is_unfinished in zip(vehicles, unfinished, strict=True)
    ]
    columns: dict[str, list[Any]] = {
        column.name: [getattr(best, column.name) for best in chosen] for column in GATHERED
    }
    columns["marks"] = [marks_text(best.marks) for best in chosen]
    return Checked(
        reads=Gathered(**columns),
        camera_id=[best.camera_id for best in chosen],
        read_id=[vehicle.read_id for vehicle in vehicles],
        index=list(range(len(chosen))),
    )
