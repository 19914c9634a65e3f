"""Dahua and its brands: ITSAPI (`TollgateInfo`, `KeepAlive`) and the event stream (`TrafficJunction`).

Facts: public receivers for these cameras (docs/sources.md, dahua-itsapi, dahua-events). Confidences count to 255.
`RealUTC` is a count of seconds; `UTC` is the local clock counted as if it were UTC and is not read; `TimeZone` is an
index in the maker's own list, and is not read either. The device sends again until it is told that a message is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.adapter import Outcome
from wicketgate.reads.adapters.json import looks_like_json, read_json, small_names
from wicketgate.reads.adapters.moments import first_moment
from wicketgate.reads.adapters.multipart import Part, parts
from wicketgate.reads.adapters.values import (
    base64_image,
    bounded,
    confidence_of,
    event_id,
    is_image,
    lane,
    marks,
    names,
    plate_text,
    said_direction,
    short_text,
    unreadable,
    vehicle,
    without_colour,
)
from wicketgate.reads.adapters.xml import at, every, looks_like_xml, read_xml
from wicketgate.reads.observations import (
    Direction,
    ImageKind,
    Keepalive,
    Observation,
    Parsed,
    Payload,
    Unreadable,
)

_MOST_SURE: Final = 255
_PLATE_EVENTS: Final = frozenset(
    {"anprlicenseplatedetection", "parkingspaceentrance", "trafficparking", "tollgate"}
)
_TRAFFIC: Final = "traffic"
_DIRECTIONS: Final[dict[str, Direction]] = {
    "approach": "towards",
    "leave": "away",
}
# AB12CDE-20260704081502.jpg: some firmwares say the plate in the picture's name alone.
_PICTURE_NAME: Final = re.compile(
    r"(?P<plate>[^-_/\\]{2,16})[-_](?P<time>[0-9]{14})(?:[0-9]{3})?(?:[-_.].*)?"
)
_PICTURES: Final[tuple[tuple[ImageKind, tuple[str, ...]], ...]] = (
    ("patch", ("cutoutpic", "platepic")),
    ("overview", ("normalpic", "vehiclepic", "combinedpic")),
)
_encode = msgspec.json.Encoder().encode


def read(payload: Payload) -> Parsed:
    """Read a message of a Dahua camera or recorder.

    Raises
    ------
    InputError
        If it holds no message that is known.
    """
    found: list[Observation | Unreadable] = []
    signs: list[Keepalive] = []
    pieces = parts(payload)
    pictures = [part for part in pieces if is_image(part.data)]
    for part in pieces:
        if is_image(part.data) or not part.data.strip():
            continue
        for message in _messages(part.data):
            sign = _sign(message)
            if sign is not None:
                signs.append(sign)
            else:
                found += _of_message(message, pictures, signs)
    if not found and not signs:
        raise InputError("neither a passage, an event nor a heartbeat of this maker")
    return tuple(bounded(found)) or (signs[0],)


def answer(payload: Payload, outcome: Outcome) -> tuple[str, bytes]:
    """Return that the message is taken: the device sends it again until it is told so."""
    return "application/json", _encode({"Result": True, "Message": "Success", "Active": True})


def _messages(data: bytes) -> Iterator[dict[str, Any]]:
    if looks_like_xml(data):
        root, tree = read_xml(data)
        yield {root: tree} | tree
        return
    value = small_names(read_json(data)) if looks_like_json(data) else _event_line(data)
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one


def _event_line(data: bytes) -> dict[str, Any]:
    """Read `Code=TrafficJunction;action=Pulse;index=0;data={…}`, as the event stream writes an event."""
    head, sign, rest = data.partition(b"data=")
    fields = dict(
        piece.partition("=")[::2]
        for piece in head.decode(errors="replace").strip().split(";")
        if "=" in piece
    )
    code = next((value for name, value in fields.items() if name.strip().lower() == "code"), "")
    if not code:
        raise InputError("the body is neither JSON, XML nor an event")
    inner = small_names(read_json(rest)) if sign else {}
    return {"code": code, "data": inner if isinstance(inner, dict) else {}}


def _sign(message: dict[str, Any]) -> Keepalive | None:
    """Return the sign of life in a message that is one: a heartbeat, or the device's registration."""
    inner = next(
        (message[name] for name in ("keepalive", "heartbeat", "deviceinfo") if name in message), message
    )
    inner = inner if isinstance(inner, dict) else message
    said = short_text(inner.get("active")).lower()
    is_one = said == "keepalive" or inner is not message
    if not is_one and "picture" not in message and "devicename" in message and "manufacturer" in message:
        is_one = True
    return Keepalive(cameras=_named(inner)) if is_one else None


def _named(said: Any) -> tuple[str, ...]:
    return names(
        at(said, "deviceid"),
        at(said, "serialno"),
        at(said, "sn"),
        at(said, "machinename"),
        at(said, "devicename"),
        at(said, "name"),
    )


def _of_message(
    message: dict[str, Any], pictures: list[Part], signs: list[Keepalive]
) -> list[Observation | Unreadable]:
    passage = at(message, "picture") if isinstance(at(message, "picture"), dict) else message
    if isinstance(at(passage, "plate"), dict) or isinstance(at(passage, "snapinfo"), dict):
        return [_of_passage(passage, pictures)]
    events = every(message, "params", "eventlist") or every(message, "events") or [message]
    found: list[Observation | Unreadable] = []
    for event in events:
        code, data = short_text(at(event, "code")).lower(), at(event, "data")
        if not code:
            continue
        data = data if isinstance(data, dict) else {}
        if _holds_plate(code, data):
            found.append(_of_event(data, code))
        else:
            signs.append(Keepalive(cameras=_named(data)))
    return found


def _holds_plate(code: str, data: dict[str, Any]) -> bool:
    is_traffic = code.startswith(_TRAFFIC) or code in _PLATE_EVENTS
    return is_traffic and (
        at(data, "trafficcar", "platenumber") is not None
        or short_text(at(data, "object", "objecttype")).lower() == "plate"
    )


def _of_passage(passage: dict[str, Any], pictures: list[Part]) -> Observation | Unreadable:
    snap, plate = at(passage, "snapinfo"), at(passage, "plate")
    cameras = _named(snap)
    text = at(plate, "platenumber") or at(snap, "platenumber")
    written = [at(snap, "accuratetime"), at(snap, "snaptime"), at(snap, "capturetime")]
    named = _in_picture_name(passage)
    if not text and named is not None and at(plate, "isexist") is not False:
        text, written = named[0], [*written, named[1]]
    try:
        if text is None and plate is None:
            raise InputError("a passage without a plate")
        captured_at = first_moment(*written)
    except InputError as error:
        return unreadable(cameras, error, {"plate": text, "time": written[0] or written[1]})
    shown, colour = without_colour(plate_text(text or ""), short_text(at(plate, "platecolor")))
    sure, sureness = confidence_of(at(plate, "confidence"), _MOST_SURE)
    images, missing = _images(passage, pictures)
    car = at(passage, "vehicle")
    return Observation(
        cameras=cameras,
        captured_at=captured_at,
        plate=shown,
        confidence=sure,
        id=_passage_id(snap, cameras, captured_at.isoformat(), plate),
        lane=lane(at(snap, "lanno") or at(snap, "laneno") or at(snap, "lane")),
        direction=said_direction(at(snap, "direction"), _DIRECTIONS),
        vehicle=vehicle(
            make=at(car, "vehiclesign"),
            model=at(car, "vehicleseries"),
            colour=at(car, "vehiclecolor"),
            kind=at(car, "vehicletype"),
        ),
        images=images,
        marks=marks(colour, sureness, ("image-missing",) if missing else ()),
    )


def _passage_id(snap: Any, cameras: tuple[str, ...], at_text: str, plate: Any) -> str | None:
    number = short_text(at(plate, "uploadnum")) or short_text(at(snap, "eventid"))
    return event_id("dahua", cameras[0], at_text, number) if cameras and number else None


def _in_picture_name(passage: dict[str, Any]) -> tuple[str, str] | None:
    for _, kinds in _PICTURES:
        for kind in kinds:
            match = _PICTURE_NAME.fullmatch(short_text(at(passage, kind, "picname")))
            if match is not None:
                return match["plate"], match["time"]
    return None


def _images(passage: dict[str, Any], pictures: list[Part]) -> tuple[dict[ImageKind, bytes], bool]:
    images: dict[ImageKind, bytes] = {}
    announced = False
    for kind, members in _PICTURES:
        for member in members:
            text = at(passage, member, "content")
            announced = announced or bool(text)
            data = base64_image(text)
            if data is not None:
                images.setdefault(kind, data)
    if not images and len(pictures) == 1:
        return {"overview": pictures[0].data}, False
    return images, (announced or bool(pictures)) and not images


def _of_event(data: dict[str, Any], code: str) -> Observation | Unreadable:
    car, seen = at(data, "trafficcar"), at(data, "object")
    cameras = names(
        at(car, "machinename"),
        at(data, "deviceid"),
        at(car, "machineaddress"),
        at(car, "devicename"),
        at(data, "name"),
    )
    text = at(car, "platenumber")
    is_plate = short_text(at(seen, "objecttype")).lower() == "plate"
    if not text and is_plate:
        text = at(seen, "text")
    written = at(data, "realutc"), at(data, "localetime")
    try:
        captured_at = first_moment(*written)
    except InputError as error:
        return unreadable(cameras, error, {"plate": text, "time": written[0] or written[1]})
    plate, colour = without_colour(plate_text(text or ""), short_text(at(car, "platecolor")))
    sure, sureness = confidence_of(at(seen, "confidence") if is_plate else None, _MOST_SURE)
    said = [said_direction(one, _DIRECTIONS) for one in every(car, "drivingdirection")[:1]]
    number = short_text(at(data, "eventid"))
    return Observation(
        cameras=cameras,
        captured_at=captured_at,
        plate=plate,
        confidence=sure,
        id=event_id("dahua", cameras[0], captured_at.isoformat(), code, number)
        if cameras and number
        else None,
        lane=lane(at(car, "lane") or at(data, "lane")),
        direction=said[0] if said else None,
        vehicle=vehicle(
            make=at(car, "vehiclesign"),
            colour=at(car, "vehiclecolor"),
            kind=at(data, "vehicle", "category") or at(car, "vehicletype"),
        ),
        marks=marks(colour, sureness),
    )
