"""The taker of whole pushes: with their images, and vehicles that are followed over several messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from wicketgate.base.clock import Clock
from wicketgate.base.errors import StreamError
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.cameras import CameraNames
from wicketgate.reads.checks import Checked, ClockLimits
from wicketgate.reads.columns import GATHERED, Gathered
from wicketgate.reads.images.joining import Joining, Turns
from wicketgate.reads.images.takers import marks_text
from wicketgate.reads.intake import Intake
from wicketgate.reads.observations import Observation
from wicketgate.reads.pushes import PlainPushes, short_id, summed
from wicketgate.reads.takers import PostAnswer
from wicketgate.reads.tracking import HeldSighting, Vehicles
from wicketgate.reads.tracking import TrackedVehicle as Followed

_LOOK_S = 0.25
_MOST_FOLLOWED = 100_000


class Pushes(PlainPushes):
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
        super().__init__(cameras, intake, clock, limits)
        self._stored = intake
        self._joining = joining
        self._vehicles = vehicles
        self._turns = Turns()

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

    async def _take_checked(
        self,
        source: str,
        camera_id: str,
        seen: Observation,
        checked: Checked,
        marks: tuple[str, ...],
        index: int,
    ) -> PostAnswer:
        if seen.tracked is not None:
            return await self._follow(source, camera_id, seen, checked, marks, index)
        bodies = {index: {kind: (index, body) for kind, body in seen.images.items()}} if seen.images else {}
        if not bodies:
            return await super()._take_checked(source, camera_id, seen, checked, marks, index)
        checked.reads["marks"] = [marks_text(marks)] * len(checked.index)
        return await self._joining.take(checked, source, bodies)

    async def take_checked(
        self,
        source: str,
        camera_id: str,
        seen: Observation,
        checked: Checked,
        marks: tuple[str, ...],
        index: int,
    ) -> PostAnswer:
        """Take one observation that a front has checked, as `take` does."""
        return await self._take_checked(source, camera_id, seen, checked, marks, index)

    # --- followed vehicles ----------------------------------------------------------------------------------------

    async def _follow(
        self,
        source: str,
        camera_id: str,
        seen: Observation,
        checked: Checked,
        marks: tuple[str, ...],
        index: int,
    ) -> PostAnswer:
        tracked = short_id(seen.tracked or "")
        now_us = self._clock.now_us()
        if self._vehicles.held >= _MOST_FOLLOWED:
            raise StreamError("too many vehicles are followed: send it again in a moment", code="busy")
        bad: list[tuple[int, QuarantinedRead]] = []
        held: tuple[HeldSighting, ...] = ()
        vehicle: Followed | None = None
        late: tuple[str, ...] = ()
        async with self._turns.take((source, camera_id, tracked)):
            if checked.index:
                captured_us = checked.reads["captured_us"][0]
                vehicle = self._vehicles.find(source, camera_id, tracked, now_us, captured_us)
                if vehicle is not None and self._vehicles.is_over(vehicle):
                    checked, late = self._late(source, camera_id, seen, checked, vehicle, index)
                    self._vehicles.touch(vehicle, now_us)
                    return await self._stored.take(checked, source, late=late)
                bodies = {kind: (index, body) for kind, body in seen.images.items()}
                stored, bad = await self._joining.store(source, camera_id, bodies)
                if bad:
                    marks = (*marks, "image-missing")
                # While the images were being stored its time may have run out.
                if vehicle is not None and self._vehicles.is_over(vehicle):
                    checked, late = self._late(source, camera_id, seen, checked, vehicle, index)
                    return await self._stored.take(checked, source, late=late, images=bad)
                first_us = (
                    self._vehicles.begin(source, camera_id, tracked, now_us)
                    if vehicle is None
                    else vehicle.best.first_us
                )
                row = checked.reads.row(0) | {"marks": tuple(sorted(set(marks)))}
                row.update(stored.items())
                observation = HeldSighting(
                    source=source,
                    camera_id=camera_id,
                    tracked=tracked,
                    first_us=first_us,
                    received_us=now_us,
                    **row,
                )
                vehicle = self._vehicles.hold(observation)
                held = () if seen.final else (observation,)
            else:
                # What is wrong with the last message does not lose what the others said.
                vehicle = self._vehicles.current(source, camera_id, tracked, now_us)
        refused = Checked(quarantined=checked.quarantined)
        answer = PostAnswer(accepted=0, repeated=0, quarantined=())
        if held or bad or refused.quarantined:
            answer = await self._stored.take(refused, source, held=held, images=bad)
        if seen.final and vehicle is not None and not self._vehicles.is_over(vehicle):
            answer = summed(answer, await self._emit(vehicle, index, unfinished=False))
        return answer

    def _late(
        self,
        source: str,
        camera_id: str,
        seen: Observation,
        checked: Checked,
        vehicle: Followed,
        index: int,
    ) -> tuple[Checked, tuple[str, ...]]:
        """Return the treatment of a message behind its vehicle's read.

        The read was emitted already when the message came.
        """
        if checked.reads["plate"][0] == vehicle.best.plate:
            return Checked(), (camera_id,)
        detail = "the read of this vehicle was emitted with another text"
        refused = self._refused(source, camera_id, seen, "text-changed-late", detail)
        return Checked(quarantined=[(index, refused)]), ()

    async def _emit(self, vehicle: Followed, index: int, *, unfinished: bool) -> PostAnswer:
        best = vehicle.chosen(unfinished=unfinished)
        row = {column.name: getattr(best, column.name) for column in GATHERED}
        row["marks"] = marks_text(best.marks)
        checked = Checked(
            reads=Gathered(**{name: [value] for name, value in row.items()}),
            camera_id=[best.camera_id],
            read_id=[vehicle.read_id],
            index=[index],
        )
        vehicle.state = "ending"
        try:
            return await self._stored.take(checked, best.source, emitted=vehicle.emitted())
        finally:
            # Stored, it is `emitted` by now; otherwise it stays due, and the device sends its last message again.
            self._vehicles.reopen(vehicle)
