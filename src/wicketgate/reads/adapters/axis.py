"""Axis cameras: JSON, alone or in multipart.

They run the FF Group LPR application or AXIS License Plate Verifier. Facts: FF Group, JSON fields (protocol 1.6);
Axis, License plate verifier API (NEW at first sight, UPDATE when text or direction changes, LOST once it has left).
`carMoveDirection` says in or out as the camera was set up, which is no direction towards or away from it: it is
left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.json import looks_like_json, read_json, small_names
from wicketgate.reads.adapters.moments import first_moment
from wicketgate.reads.adapters.multipart import Part, parts
from wicketgate.reads.adapters.values import (
    base64_image,
    bounded,
    confidence,
    event_id,
    is_image,
    marks,
    names,
    plate_text,
    short_text,
    unreadable,
    vehicle,
    without_colour,
)
from wicketgate.reads.adapters.xml import at, every
from wicketgate.reads.observations import ImageKind, Keepalive, Observation, Parsed, Payload, Unreadable

_PLATES: Final = ("plateutf8", "plateunicode", "platetext", "plateascii", "plate")
_OF_CAR: Final = (*_PLATES, "carid", "carstate")
_SIGNS: Final = ("alive", "heartbeat", "keepalive", "keep-alive", "ping", "status", "test", "statistics")
_KINDS: Final[dict[str, ImageKind]] = {
    "plate": "patch",
    "lp": "patch",
    "frame": "overview",
    "vehicle": "overview",
    "roi": "overview",
    "mmrcrop": "overview",
}
_BEST: Final = ("plate", "lp", "frame", "vehicle", "roi", "mmrcrop")
# The application names its files 20260704081500_123lp_…jpg, with the kind between the digits and the plate.
_FILE_KIND: Final = re.compile(r"(?:^|[0-9_.-])(plate|lp|frame|vehicle|roi|mmrcrop)(?=[_.-]|$)")


def read(payload: Payload) -> Parsed:
    """Read a payload of an Axis camera.

    Raises
    ------
    InputError
        If it holds no JSON that can be read.
    """
    events: list[dict[str, Any]] = []
    pictures: list[Part] = []
    for part in parts(payload):
        if part.media_type.startswith("image/"):
            pictures.append(part)
        elif looks_like_json(part.data):
            events += _events(small_names(read_json(part.data)))
        elif part.labels:
            pictures.append(part)
        elif part.data.strip():
            raise InputError("the body is neither JSON nor multipart with it")
    if not events:
        raise InputError("no event in the body")
    plates = bounded([event for event in events if any(name in event for name in _OF_CAR)])
    if not plates and not all(map(_is_sign, events)):
        raise InputError("no event of a car, and no heartbeat")
    if not plates:
        return (Keepalive(cameras=_cameras(events[0])),)
    return tuple(_observation(event, pictures, alone=len(plates) == 1) for event in plates)


def _is_sign(event: dict[str, Any]) -> bool:
    """Return whether an event is one of the application's own without a car: a heartbeat, a test, a state."""
    kind = short_text(event.get("type") or event.get("event") or event.get("topic")).lower()
    return kind in _SIGNS or any(name in event for name in _SIGNS)


def _events(value: Any) -> list[dict[str, Any]]:
    values = value if isinstance(value, list) else [value]
    return [_within(one) for one in values if isinstance(one, dict)]


def _within(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event within a relay's envelope, or the one itself."""
    inner = (event.get(name) for name in ("buffer", "event", "data"))
    return next(
        (one for one in inner if isinstance(one, dict) and any(name in one for name in _OF_CAR)), event
    )


def _cameras(event: dict[str, Any]) -> tuple[str, ...]:
    return names(
        at(event, "camera_info", "serialnumber"),
        at(event, "camera_info", "macaddress"),
        at(event, "device"),
        at(event, "sensorproviderid"),
        at(event, "camera_info", "ipaddress"),
        at(event, "camera_info", "name"),
        at(event, "camera_info", "prodshortname"),
    )


def _observation(event: dict[str, Any], pictures: Sequence[Part], *, alone: bool) -> Observation | Unreadable:
    cameras = _cameras(event)
    texts = [event[name] for name in _PLATES if isinstance(event.get(name), str)]
    text = next(filter(None, texts), "")
    counted = at(event, "capture_ts"), at(event, "capture_timestamp"), at(event, "timestamp")
    try:
        if not texts:
            raise InputError("an event of a car without a plate")
        captured_at = first_moment(*counted, at(event, "datetime"))
    except InputError as error:
        written = at(event, "datetime") or at(event, "capture_timestamp")
        return unreadable(cameras, error, {"plate": text, "time": written, "id": at(event, "carid")})
    plate, colour = without_colour(plate_text(text))
    sure, sureness = confidence(at(event, "plateconfidence"), "fraction")
    state = short_text(at(event, "carstate")).lower()
    car = short_text(at(event, "carid"))
    device = cameras[0] if cameras else ""
    images, missing = _images(event, pictures, alone=alone)
    return Observation(
        cameras=cameras,
        captured_at=captured_at,
        plate=plate,
        confidence=sure,
        # Numbers of cars begin anew when the application does: the time tells one car 17 from the next.
        id=event_id("axis", device, car or "-", captured_at.isoformat()) if device else None,
        vehicle=vehicle(
            make=at(event, "vehicle_info", "make") or at(event, "vehicle_info", "brand"),
            model=at(event, "vehicle_info", "model"),
            colour=at(event, "vehicle_info", "color"),
            kind=at(event, "vehicle_info", "type"),
        ),
        images=images,
        tracked=car if state and car else None,
        final=not (state and car) or state == "lost",
        marks=marks(colour, sureness, ("image-missing",) if missing else ()),
    )


def _images(
    event: dict[str, Any], pictures: Sequence[Part], *, alone: bool
) -> tuple[dict[ImageKind, bytes], bool]:
    """Return the event's images, and whether an announced one is missing.

    Those within the event are its own. A part is the event's if it is the only event; what a single part shows is
    what `imageType` says, what several show is in their names.
    """
    found: list[tuple[str, bytes | None]] = []
    for one in every(event, "imagearray"):
        kind = short_text(at(one, "imagetype")).lower()
        found.append((kind, base64_image(at(one, "binaryimage"))))
    for part in pictures:
        data = part.data if alone and is_image(part.data) else None
        said = _said_kind(part.labels)
        if len(pictures) == 1 and not said:
            said = short_text(at(event, "imagetype")).lower()
        found.append((said, data))
    images: dict[ImageKind, bytes] = {}
    missing = False
    for kind, data in sorted(found, key=lambda one: _BEST.index(one[0]) if one[0] in _BEST else len(_BEST)):
        if kind not in _KINDS or data is None:
            missing = True
        elif sum(other == kind for other, _ in found) == 1:
            images.setdefault(_KINDS[kind], data)
        else:
            missing = True
    later = short_text(at(event, "plateimagesize")) not in ("", "0") or bool(every(event, "imagesuri"))
    return images, missing or (later and not images)


def _said_kind(labels: Iterable[str]) -> str:
    for label in labels:
        match = _FILE_KIND.search(label)
        if match:
            return match[1]
    return ""
