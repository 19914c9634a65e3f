"""The way from a device's push to reads.

It finds the camera, the zone and the images, and makes one read for each vehicle.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timezone, tzinfo
from functools import lru_cache
from math import isfinite, nan
from typing import Any

import msgspec

from wicketgate.base.clock import Clock, from_datetime
from wicketgate.base.hours import load_zone
from wicketgate.commits.cameras import Camera
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.cameras import CameraNames
from wicketgate.reads.checks import Checked, ClockLimits, check, quarters_off
from wicketgate.reads.columns import SAID, Vehicle
from wicketgate.reads.crowds import Crowds
from wicketgate.reads.faults import bounded
from wicketgate.reads.images.takers import Bodies, ImageTaker, marks_text
from wicketgate.reads.observations import Gone, ImageKind, Keepalive, Observation, Parsed, Unreadable
from wicketgate.reads.parse import RawRead
from wicketgate.reads.signs import LifeSigns
from wicketgate.reads.takers import PostAnswer, ReadTaker

_LONGEST_ID = 64
_SAID = tuple(column.name for column in SAID if column.name in Observation.__slots__)
"""The columns of what a device says that adapters know."""


class FollowedSighting(msgspec.Struct, frozen=True, kw_only=True):
    """One checked observation of a followed vehicle, on its way to where such are known.

    Attributes
    ----------
    index : int
        Its number in the payload.
    tracked : str
        The device's id of the vehicle, bounded.
    row : mapping, optional
        The read by the names of its columns, without marks; None where it was refused.
    seen : bytes
        What the device said, as msgpack, without images: it is seldom asked for.
    lasting : bool
        The device never uses that id again.
    """

    camera_id: str
    index: int
    tracked: str
    final: bool
    row: dict[str, Any] | None
    refused: list[tuple[int, QuarantinedRead]]
    marks: tuple[str, ...]
    images: dict[ImageKind, bytes]
    seen: bytes
    lasting: bool = False

    @classmethod
    def of(
        cls, camera_id: str, seen: Observation, checked: Checked, marks: tuple[str, ...], index: int
    ) -> FollowedSighting:
        """Return a checked observation as it is handed on."""
        return cls(
            camera_id=camera_id,
            index=index,
            tracked=short_id(seen.tracked or ""),
            final=seen.final,
            lasting=seen.lasting,
            row=checked.reads.row(0) if checked.index else None,
            refused=checked.quarantined,
            marks=marks,
            images=dict(seen.images),
            seen=_encode(replace(seen, images={}) if seen.images else seen),
        )

    @classmethod
    def gone(cls, camera_id: str, tracked: str) -> FollowedSighting:
        """Return that a vehicle has left, of which nothing more is said."""
        return cls(
            camera_id=camera_id,
            index=0,
            tracked=short_id(tracked),
            final=True,
            row=None,
            refused=[],
            marks=(),
            images={},
            seen=b"",
        )

    def said(self) -> Observation:
        """Return what the device said, with its images."""
        return replace(_decode(self.seen), images=self.images)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Observation).decode


class CheckingPushes(ABC):
    """The taker of payloads, which checks each observation and hands it to who takes its kind.

    Whoever derives from it says where followed vehicles are known.
    """

    def __init__(
        self,
        cameras: CameraNames,
        intake: ReadTaker,
        images: ImageTaker,
        clock: Clock,
        limits: Callable[[], ClockLimits],
    ) -> None:
        self._cameras = cameras
        self._intake = intake
        self._images = images
        self._clock = clock
        self._limits = limits
        self._crowds = Crowds()
        self.signs = LifeSigns()
        """Of what was pushed here."""

    async def take(self, source: str, parsed: Parsed, *, camera: str | None = None) -> PostAnswer:
        """Take a payload.

        On return what is answered is durable.

        Parameters
        ----------
        camera : str, optional
            What the caller says which camera it is: an id or another registered name. Then the payload's own names
            do not count.

        Returns
        -------
        PostAnswer
            `index` counts the payload's observations and what is unreadable in it, from 0. A followed vehicle's
            observation counts as held; its last one as the vehicle's read.

        Raises
        ------
        StreamError
            If it could not be stored: the device must send it again.
        """
        if len(parsed) == 1 and isinstance(parsed[0], Observation):
            return await self._take_one(source, parsed[0], 0, camera)
        total = PostAnswer(accepted=0, repeated=0, quarantined=())
        index = 0
        for item in parsed:
            if isinstance(item, Keepalive):
                self._note(source, item.cameras, camera)
                continue
            if isinstance(item, Gone):
                total = summed(total, await self._let_go(source, item, camera))
                continue
            if isinstance(item, Unreadable):
                answer = await self._intake.take(self._unreadable(source, item, index, camera), source)
            else:
                answer = await self._take_one(source, item, index, camera)
            total = summed(total, answer)
            index += 1
        return total

    def _note(self, source: str, names: tuple[str, ...], camera: str | None) -> str:
        """Count a sign of life; return the id of its camera, empty where none is registered."""
        found = self._cameras.find(source, names if camera is None else (camera,))
        camera_id = "" if found is None else found[1].id
        self.signs.note(source, camera_id, self._clock.now_us())
        return camera_id

    async def _let_go(self, source: str, gone: Gone, camera: str | None) -> PostAnswer:
        camera_id = self._note(source, gone.cameras, camera)
        if not camera_id:
            return PostAnswer(accepted=0, repeated=0, quarantined=())
        return await self._take_sighting(source, FollowedSighting.gone(camera_id, gone.tracked))

    # --- one observation ------------------------------------------------------------------------------------------

    async def _take_one(self, source: str, seen: Observation, index: int, camera: str | None) -> PostAnswer:
        now_us = self._clock.now_us()
        names = seen.cameras if camera is None else (camera,)
        found = self._cameras.find(source, names)
        if found is None:
            detail = "this source has registered no camera of this id or name"
            return await self._refuse(source, "", seen, index, "unknown-camera", detail)
        number, registered = found
        row, marks = self._row(seen, registered, now_us)
        if isinstance(row, str):
            refused = self._refused(source, registered.id, seen, "zone-missing", row)
            if number in self._limits().excluded.edges:
                refused = msgspec.structs.replace(refused, read=b"")  # nothing is kept of an excluded place
            return await self._intake.take(Checked(quarantined=[(index, refused)]), source)
        checked = check(
            [row],
            source=source,
            cameras={registered.id: number}.get,
            limits=self._limits(),
            now_us=now_us,
            may_be_unsure=seen.confidence is None,
            words=self._cameras.words(),
        )
        checked.index = [index] * len(checked.index)
        checked.read_id = [_event_id(registered.id, seen.id)] * len(checked.index)
        checked.quarantined = [(index, read) for _, read in checked.quarantined]
        checked = self._crowds.sift(source, checked, now_us, seen.tracked)
        if seen.tracked is not None:
            return await self._take_sighting(
                source, FollowedSighting.of(registered.id, seen, checked, marks, index)
            )
        checked.reads["marks"] = [marks_text(marks)] * len(checked.index)
        if not seen.images:
            return await self._intake.take(checked, source)
        bodies: Bodies = {kind: (index, body) for kind, body in seen.images.items()}
        return await self._images.take(checked, source, {index: bodies})

    @abstractmethod
    async def _take_sighting(self, source: str, sighting: FollowedSighting) -> PostAnswer:
        """Take a checked observation of a followed vehicle."""

    def _row(self, seen: Observation, camera: Camera, now_us: int) -> tuple[RawRead | str, tuple[str, ...]]:
        """Return the observation as a read, and its marks.

        In place of the read it may return why its time is not known.
        """
        marks = list(seen.marks)
        captured = seen.captured_at
        if camera.ignore_offset and captured.utcoffset() is not None:
            captured = captured.replace(tzinfo=None)
            marks.append("clock-offset-ignored")
        if captured.utcoffset() is None:
            if camera.zone is None:
                return "the time has no zone, and none is registered for the camera", ()
            zoned = _in_zone(captured, camera.zone)
            if zoned is None:
                return "the time has no zone, and in the registered one it stands twice or never", ()
            captured = zoned
            if not camera.ignore_offset:
                marks.append("zone-from-register")
        if "retransmitted" not in marks and quarters_off(from_datetime(captured) - now_us):
            marks.append("clock-zone-suspect")
        if seen.confidence is None:
            marks.append("confidence-unknown")
        said: dict[str, Any] = {name: _said(getattr(seen, name)) for name in _SAID}
        row = RawRead(
            camera=camera.id,
            captured_at=captured,
            plate=_clean(seen.plate),
            confidence=nan if seen.confidence is None else seen.confidence,
            **said,
        )
        return row, tuple(marks)

    # --- the quarantine -------------------------------------------------------------------------------------------

    def _unreadable(self, source: str, item: Unreadable, index: int, camera: str | None) -> Checked:
        found = self._cameras.find(source, item.cameras if camera is None else (camera,))
        refused = QuarantinedRead(
            source=source,
            camera=found[1].id if found else "",
            code=item.code,
            detail=item.detail,
            at_us=self._clock.now_us(),
            read=_json({"cameras": item.cameras, **item.kept}),
        )
        return Checked(quarantined=[(index, refused)])

    async def _refuse(
        self, source: str, camera: str, seen: Observation, index: int, code: str, detail: str
    ) -> PostAnswer:
        refused = self._refused(source, camera, seen, code, detail)
        return await self._intake.take(Checked(quarantined=[(index, refused)]), source)

    def _refused(
        self, source: str, camera: str, seen: Observation, code: str, detail: str
    ) -> QuarantinedRead:
        shown = {
            "cameras": seen.cameras,
            "captured_at": seen.captured_at.isoformat(),
            "plate": seen.plate,
            "confidence": seen.confidence,
            "id": seen.id,
            "tracked": seen.tracked,
            "lane": seen.lane,
            "direction": seen.direction,
            "vehicle": seen.vehicle,
            "marks": seen.marks,
            "images": {kind: hashlib.sha256(body).hexdigest() for kind, body in seen.images.items()},
        }
        return QuarantinedRead(
            source=source,
            camera=camera,
            code=code,
            detail=detail,
            at_us=self._clock.now_us(),
            read=_json({name: value for name, value in shown.items() if value not in (None, (), {})}),
        )


def summed(one: PostAnswer, other: PostAnswer) -> PostAnswer:
    return PostAnswer(
        accepted=one.accepted + other.accepted,
        repeated=one.repeated + other.repeated,
        quarantined=one.quarantined + other.quarantined,
        held=one.held + other.held,
        images=one.images + other.images,
    )


def _in_zone(local: datetime, zone: str) -> datetime | None:
    """Return a local time in a zone.

    None where a change of clocks lets it stand twice or never.
    """
    first = local.replace(tzinfo=_zone(zone), fold=0).utcoffset()
    second = local.replace(tzinfo=_zone(zone), fold=1).utcoffset()
    return None if first is None or first != second else local.replace(tzinfo=timezone(first), fold=0)


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    return load_zone(name)


def _event_id(camera_id: str, given: str | None) -> str | None:
    # Devices do not know one another's ids: each camera's count for itself.
    return f"{camera_id}\0{short_id(given)}" if given else None


def short_id(text: str) -> str:
    text = _clean(text)
    return text if len(text) <= _LONGEST_ID else hashlib.sha256(text.encode()).hexdigest()


def _clean(text: str) -> str:
    """Return a text without halves of characters.

    No message can hold them; they stand for what is unreadable.
    """
    return text if text.isascii() else text.encode(errors="replace").decode()


def _said(value: object) -> object:
    """Return a device's words in the form of a native read."""
    match value:
        case str():
            return _clean(value)
        case Mapping():
            return _vehicle(value)
        case _:
            return value


def _vehicle(said: Mapping[str, str]) -> Vehicle | None:
    if not said:
        return None
    return Vehicle(
        **{name: _clean(said[name]) for name in ("make", "model", "colour", "kind") if name in said}
    )


def _json(value: object) -> bytes:
    return bounded(msgspec.json.encode(_plain(value)))


def _plain(value: object) -> object:
    match value:
        case str():
            return _clean(value)
        case float():
            return value if isfinite(value) else None
        case Mapping():
            return {_clean(str(name)): _plain(member) for name, member in value.items()}
        case list() | tuple():
            return [_plain(member) for member in value]
        case bool() | None:
            return value
        case int():
            return value if abs(value) < 1 << 63 else str(value)
        case _:
            return _clean(str(value))
