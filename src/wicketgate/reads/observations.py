"""The products of an adapter: observations, unreadable ones, signs of life.

Pure. An adapter guesses nothing: what it cannot know stays None, and what it had to decide is a mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

ImageKind = Literal["patch", "overview"]
Direction = Literal["towards", "away"]

MARKS: Mapping[str, str] = {
    "clock-offset-ignored": "the offset that the device sent is not believed, as its source registered",
    "clock-zone-suspect": "the time is off by whole quarters of an hour: the camera's zone is set wrong",
    "colour-prefix-removed": "the device wrote the plate's colour before its text",
    "confidence-off-scale": "the device's confidence lies outside the scale that its maker documents; none is taken",
    "confidence-scale-assumed": "the maker documents no scale of confidences; the number's form was taken to say it",
    "confidence-unknown": "the device does not say how sure it is",
    "image-missing": "the device announced an image that did not come with the read",
    "retransmitted": "the device says that it sends this again",
    "text-changed": "the device read other texts of the same vehicle; the surest is taken",
    "unfinished": "the device never said that the vehicle had left; its last word is taken",
    "zone-from-register": "the device gives no zone; the one that its source registered is taken",
}
"""Marks that a read may carry, and what they say of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One observation of a plate, as its device gave it.

    Attributes
    ----------
    cameras : tuple of str
        What the payload calls its camera, the surest first (a serial number before a name that every unit has).
    captured_at : datetime
        With a zone, or without one if the device gave none.
    plate : str
        The device's text, nothing corrected but for what `marks` says.
    confidence : float or None
        From 0 to 1; None where the device does not say.
    id : str or None
        The device's own id of this event, the same when it sends it again.
    lane, direction, vehicle
        As in a native read; None where the device does not say or says what has no meaning here.
    images : mapping of "patch" or "overview" to bytes
        Images that are this read's with certainty.
    tracked : str or None
        The device's id of the vehicle that it follows over several messages.
    final : bool
        The device will say nothing more of that vehicle.
    lasting : bool
        The device never uses that id again, not for another vehicle and not after a restart.
    marks : tuple of str
        Some of `MARKS`.
    """

    cameras: tuple[str, ...]
    captured_at: datetime
    plate: str
    confidence: float | None = None
    id: str | None = None
    lane: int | str | None = None
    direction: Direction | None = None
    vehicle: Mapping[str, str] | None = None
    images: Mapping[ImageKind, bytes] = field(default_factory=dict)
    tracked: str | None = None
    final: bool = True
    lasting: bool = False
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A followed vehicle has left, and the message that says so has no plate.

    Attributes
    ----------
    tracked : str
        The device's id of the vehicle.
    """

    cameras: tuple[str, ...]
    tracked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An observation unfit to be a read.

    It goes to the quarantine.

    Attributes
    ----------
    code : str
        One of the codes of a refused read.
    detail : str
        What is wrong, without anything that was posted.
    kept : mapping
        The members that could be read, without images, for those who look into the quarantine.
    """

    cameras: tuple[str, ...]
    code: str
    detail: str
    kept: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keepalive:
    """A sign of life: a message that its adapter knows to be a heartbeat, or another event than a plate's.

    It is recognised by what it holds, never by what it lacks, and counted by camera (`signs.Signs`).

    Attributes
    ----------
    is_whole : bool
        Whether its adapter knows each plate in it, such as one that was said before.
    """

    cameras: tuple[str, ...] = ()
    is_whole: bool = field(default=False, compare=False)


Parsed = tuple[Observation | Unreadable | Gone | Keepalive, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The content of one message over the wire.

    Attributes
    ----------
    content_type : str
        As the device sent it, with its parameters.
    body : bytes
        As the device sent it.
    topic : str
        Of an MQTT message; empty otherwise.
    query : bytes
        Of the address, as it was sent, without a key; empty of an MQTT message.
    """

    content_type: str
    body: bytes
    topic: str = ""
    query: bytes = b""
