"""Viewtron cameras (XML 1.x) and recorders (2.0), made by TVT.

They send `config` with the images in base64, and keepalives. Facts: the Viewtron API documentation (events, time
stamps, image data, server response), published by its vendor. A camera sends smartType VEHICE, misspelt, or
VEHICLE, a recorder `vehicle`; times come in s, ms or µs or as a text; a body may be empty, which is a keepalive.
The device drops its connection unless it is answered in XML.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.adapter import Outcome
from wicketgate.reads.adapters.moments import first_moment
from wicketgate.reads.adapters.multipart import parts
from wicketgate.reads.adapters.values import (
    base64_image,
    bounded,
    confidence,
    event_id,
    marks,
    names,
    plate_text,
    said_direction,
    short_text,
    unreadable,
    vehicle,
    with_channel,
    without_colour,
)
from wicketgate.reads.adapters.xml import at, every, looks_like_xml, read_xml
from wicketgate.reads.observations import ImageKind, Keepalive, Observation, Parsed, Payload, Unreadable

ANSWER: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<config version="1.0" xmlns="http://www.ipc.com/ver10"><status>success</status></config>\n'
)
"""What the device expects once it can forget what it sent; a keepalive is answered so too."""

_DIRECTIONS: Final[dict[str, Literal["towards", "away"]]] = {"approach": "towards", "leave": "away"}
_PLATES: Final = ("platenumber", "licenseplatenumber", "licencenumber")
_PLATE_EVENTS: Final = ("vehice", "vehicle")
_STATES: Final = ("alarmstatusinfo", "deviceinfo", "smarttype", "subscribeoption")
"""What a message of no plate has: another event, a state, a heartbeat."""
_LISTS: Final = ("licenseplatelistinfo", "listinfo", "targetlistinfo")


def read(payload: Payload) -> Parsed:
    """Read a payload of a Viewtron camera or recorder.

    Raises
    ------
    InputError
        If it is not XML of this form.
    """
    (body, *more) = [part.data for part in parts(payload)] or [b""]
    if more or (body.strip() and not looks_like_xml(body)):
        raise InputError("the body is not XML")
    if not body.strip():
        return (Keepalive(),)
    root, tree = read_xml(body)
    if root == "deviceinfo":
        return (Keepalive(cameras=_cameras({"deviceinfo": tree})),)
    if root != "config":
        raise InputError("neither `config` nor `DeviceInfo`")
    cameras = _cameras(tree)
    items = [item for name in _LISTS for item in every(tree, name, "item") if isinstance(item, dict)]
    plates = bounded([item for item in items if _plate(item) is not None])
    if not plates and short_text(at(tree, "smarttype")).lower() in _PLATE_EVENTS:
        fault = InputError("an event of number plates without a plate")
        return (unreadable(cameras, fault, {"time": at(tree, "currenttime") or at(tree, "datatime")}),)
    if not plates and not any(name in tree for name in _STATES):
        raise InputError("neither an event, a state nor a device that is known")
    if not plates:
        return (Keepalive(cameras=cameras),)
    others = [item for item in items if _plate(item) is None]
    return tuple(_observation(tree, item, number, plates, others) for number, item in enumerate(plates))


def answer(payload: Payload, outcome: Outcome) -> tuple[str, bytes]:
    """Return what the device waits for: it drops its connection otherwise."""
    return "application/xml; charset=utf-8", ANSWER


def _plate(item: dict[str, Any]) -> Any:
    for of in (item, at(item, "licenseplateattribute"), at(item, "plateattribute")):
        for name in _PLATES:
            if at(of, name) is not None:
                return at(of, name)
    return None


def _cameras(tree: dict[str, Any]) -> tuple[str, ...]:
    info = at(tree, "deviceinfo")
    mac = at(tree, "mac") or at(info, "mac") or at(info, "macaddress")
    serial = at(tree, "sn") or at(info, "sn")
    channel = at(info, "channelid")
    address = at(info, "ip") or at(info, "ipaddress")
    return names(
        with_channel(serial, channel),
        with_channel(mac, channel),
        serial,
        mac,
        with_channel(address, channel),
        address,
        at(tree, "devicename") or at(info, "devicename"),
    )


def _observation(
    tree: dict[str, Any],
    item: dict[str, Any],
    number: int,
    plates: list[dict[str, Any]],
    others: list[dict[str, Any]],
) -> Observation | Unreadable:
    cameras = _cameras(tree)
    text = _plate(item)
    written = at(tree, "currenttime"), at(tree, "datatime")
    try:
        captured_at = first_moment(*written)
    except InputError as error:
        return unreadable(cameras, error, {"plate": text, "time": written[0] or written[1]})
    attribute = at(item, "licenseplateattribute")
    car = at(item, "carattribute")
    shade = at(attribute, "color") or at(item, "platecolor")
    plate, colour = without_colour(plate_text(text), short_text(shade))
    sure, sureness = confidence(
        at(item, "plateconfidence") or at(attribute, "confidence") or at(attribute, "plateconfidence"),
        "undocumented",
    )
    images, missing = _images(tree, item, plates, others)
    return Observation(
        cameras=cameras,
        captured_at=captured_at,
        plate=plate,
        confidence=sure,
        id=_id(item, number, written[0] or written[1], cameras),
        direction=said_direction(at(item, "vehicledirect"), _DIRECTIONS),
        vehicle=vehicle(
            make=at(car, "brand"),
            model=at(car, "model"),
            colour=at(car, "color"),
            kind=at(car, "cartype"),
        ),
        images=images,
        marks=marks(colour, sureness, ("image-missing",) if missing else ()),
    )


def _id(item: dict[str, Any], number: int, written: Any, cameras: tuple[str, ...]) -> str | None:
    """Return an id of the target and its moment.

    None where a moment of whole seconds is all there is.
    """
    time = short_text(written)
    target = short_text(at(item, "targetid")) or short_text(at(item, "eventid"))
    if not cameras or not time or not (target or (time.isdecimal() and len(time) >= 13)):
        return None
    return event_id("viewtron", cameras[0], time, target or f"#{number}")


def _images(
    tree: dict[str, Any], item: dict[str, Any], plates: list[dict[str, Any]], others: list[dict[str, Any]]
) -> tuple[dict[ImageKind, bytes], bool]:
    """Return a plate's images, and whether one cannot be read or joined.

    The crop within a plate's own item is that plate's. The whole frame, and an item without a plate, are the plate's
    if each is the only one.
    """
    texts = {"patch": [at(item, "targetimagedata", "targetbase64data")]}
    texts["overview"] = [at(tree, "sourcedatainfo", "sourcebase64data")]
    texts["overview"] += [at(other, "targetimagedata", "targetbase64data") for other in others[:2]]
    images: dict[ImageKind, bytes] = {}
    missing = False
    kinds: tuple[ImageKind, ...] = ("patch", "overview")
    for kind in kinds:
        there = [text for text in texts[kind] if text]
        if kind == "patch" or (len(plates) == 1 and len(others) <= 1):
            own = next((data for text in there if (data := base64_image(text)) is not None), None)
            images |= {kind: own} if own is not None else {}
        missing = missing or (bool(there) and kind not in images)
    return images, missing
