"""Plate Recognizer Stream and ParkPow: JSON, and a picture beside it.

The JSON comes in a form's field `json`, or by itself. Facts: Plate Recognizer, Stream, webhooks and outputs. Two
forms of a result are in use: `plate` as a text, or as an object whose `props.plate` lists values. `direction` is an
angle within the picture and `orientation` the side that is seen: neither says towards or away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.json import looks_like_json, read_json
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
    unreadable,
    vehicle,
    without_colour,
)
from wicketgate.reads.adapters.xml import at, every
from wicketgate.reads.observations import ImageKind, Keepalive, Observation, Parsed, Payload, Unreadable

_KINDS: Final[dict[str, ImageKind]] = {
    "plate_image": "patch",
    "original_image": "overview",
    "vehicle_image": "overview",
    "upload": "overview",
}
"""Parts, the best of each kind first."""

_encode = msgspec.json.Encoder().encode


def read(payload: Payload) -> Parsed:
    """Read a payload of Plate Recognizer.

    Each result with a plate is an observation.

    Raises
    ------
    InputError
        If it holds no JSON of this form.
    """
    message, pictures = _message(payload)
    inner = at(message, "data")
    data = inner if isinstance(inner, dict) else message
    results = bounded([one for one in every(data, "results") if isinstance(one, dict)])
    cameras = names(at(data, "camera_id"), at(data, "camera"), at(message, "hook", "id"))
    read_plates = [(number, result) for number, result in enumerate(results) if _plate(result)[0] is not None]
    if not read_plates and "results" not in data:
        raise InputError("no list of results")
    if not read_plates:
        return (Keepalive(cameras=cameras),)
    images, missing = _images(data, pictures, alone=len(results) == 1)
    return tuple(
        _observation(data, number, result, cameras, images, missing=missing) for number, result in read_plates
    )


def _message(payload: Payload) -> tuple[dict[str, Any], list[Part]]:
    message: Any = None
    pictures: list[Part] = []
    for part in parts(payload):
        if part.media_type.startswith("application/x-www-form-urlencoded") and not part.labels:
            message = _urlencoded(part.data)
        elif looks_like_json(part.data) and message is None:
            message = read_json(part.data)
        elif part.labels and (is_image(part.data) or not part.data):
            pictures.append(part)
    if isinstance(message, list) and len(message) == 1:
        message = message[0]
    if not isinstance(message, dict):
        raise InputError("no JSON object in the body")
    return message, pictures


_MOST_FORM = 1024 * 1024
_MOST_ESCAPES = 100_000


def _urlencoded(body: bytes) -> Any:
    if looks_like_json(body):
        return read_json(body)
    if len(body) > _MOST_FORM or body.count(b"%") > _MOST_ESCAPES:
        raise InputError("the form is too large")
    try:
        field = parse_qs(body.decode(), max_num_fields=16).get("json", [""])[0]
        return read_json(field.encode())
    except (ValueError, UnicodeError) as error:
        raise InputError("the form cannot be read") from error


def _plate(result: dict[str, Any]) -> tuple[str | None, Any]:
    """Return a result's plate and its score.

    None for a vehicle whose plate was not read.
    """
    plate = result.get("plate")
    if isinstance(plate, str):
        return plate_text(plate), result.get("score")
    best = at(plate, "props", "plate")
    value = at(best, "value")
    return (plate_text(value), at(best, "score")) if isinstance(value, str) else (None, None)


def _observation(
    data: dict[str, Any],
    number: int,
    result: dict[str, Any],
    cameras: tuple[str, ...],
    images: dict[ImageKind, bytes],
    *,
    missing: bool,
) -> Observation | Unreadable:
    text, score = _plate(result)
    written = at(data, "timestamp"), at(data, "timestamp_local"), at(data, "time")
    try:
        captured_at = first_moment(*written)
    except InputError as error:
        return unreadable(cameras, error, {"plate": text, "time": written[0] or written[1] or written[2]})
    plate, colour = without_colour(text or "")
    sure, sureness = confidence(score, "fraction")
    return Observation(
        cameras=cameras,
        captured_at=captured_at,
        plate=plate,
        confidence=sure,
        id=_id(data, number, result, cameras),
        vehicle=_vehicle(result),
        images=images,
        marks=marks(colour, sureness, ("image-missing",) if missing else ()),
    )


def _id(data: dict[str, Any], number: int, result: dict[str, Any], cameras: tuple[str, ...]) -> str | None:
    """Return an id made of a result's place and time.

    It tells the result from any other: the message has none.
    """
    where = at(result, "box") or at(result, "plate", "box") or at(result, "vehicle", "box")
    moments = (at(data, "timestamp"), at(data, "timestamp_local"), at(data, "time"))
    file, position = at(data, "filename"), at(result, "position_sec")
    if not cameras or not (where or file):
        return None
    seen = _encode([moments, file, position, where, at(result, "dscore"), number]).decode()
    return event_id("platerecognizer", cameras[0], seen)


def _vehicle(result: dict[str, Any]) -> dict[str, str] | None:
    said = at(result, "vehicle")
    model = at(result, "model_make") or at(said, "props", "make_model")
    return vehicle(
        make=at(model, "make"),
        model=at(model, "model"),
        colour=at(result, "color", "color") or at(said, "props", "color", "value"),
        kind=at(said, "type"),
    )


def _images(
    data: dict[str, Any], pictures: Sequence[Part], *, alone: bool
) -> tuple[dict[ImageKind, bytes], bool]:
    """Return the images of a message's only result, and whether an announced one is missing."""
    images: dict[ImageKind, bytes] = {}
    if alone:
        for name, kind in _KINDS.items():
            own = [part.data for part in pictures if name in part.labels]
            if len(own) == 1 and is_image(own[0]):
                images.setdefault(kind, own[0])
        within = base64_image(at(data, "image"))
        if within is not None:
            images.setdefault("overview", within)
    announced = bool(pictures) or bool(at(data, "filename")) or bool(at(data, "image"))
    return images, announced and not images
