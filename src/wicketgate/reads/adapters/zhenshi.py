"""Zhenshi (VZ) and AlphaDigi: `AlarmInfoPlate` by HTTP POST.

Facts: public receivers and simulators for these cameras (docs/sources.md, zhenshi-http). The device waits for
`Response_AlarmInfoPlate` and sends again without it. `info: ok` in it opens a gate: it is never answered so here. What
was kept while the device was offline follows one by one, each once the last is answered.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.adapter import Outcome
from wicketgate.reads.adapters.json import looks_like_json, read_json, small_names
from wicketgate.reads.adapters.moments import first_moment
from wicketgate.reads.adapters.multipart import parts
from wicketgate.reads.adapters.values import (
    base64_image,
    confidence_of,
    event_id,
    marks,
    names,
    plate_text,
    short_text,
    unreadable,
    without_colour,
)
from wicketgate.reads.adapters.xml import at
from wicketgate.reads.observations import ImageKind, Keepalive, Observation, Parsed, Payload, Unreadable

_SIGNS: Final = ("heartbeat", "alarmgioin", "alarminfo", "serialdata", "deviceinfo", "ivsresult", "snapimage")
_PICTURES: Final[tuple[tuple[ImageKind, tuple[str, ...]], ...]] = (
    ("patch", ("imagefragmentfile", "smallimage", "thumb")),
    ("overview", ("imagefile", "bigimage", "file")),
)
_encode = msgspec.json.Encoder().encode


def read(payload: Payload) -> Parsed:
    """Read a message of the device.

    Raises
    ------
    InputError
        If it is none that is known.
    """
    messages = [small_names(read_json(part.data)) for part in parts(payload) if looks_like_json(part.data)]
    if len(messages) != 1 or not isinstance(messages[0], dict):
        return (_of_form(payload),)
    message = messages[0]
    alarm = message.get("alarminfoplate")
    if isinstance(alarm, dict):
        return (_observation(alarm),)
    name = next((sign for sign in _SIGNS if sign in message), None)
    if name is None:
        raise InputError("neither a plate nor a heartbeat of this maker")
    return (Keepalive(cameras=_cameras(message[name]) or _cameras(message)),)


def answer(payload: Payload, outcome: Outcome) -> tuple[str, bytes]:
    """Return what the device waits for: that its message is taken, and that no gate is opened."""
    response: dict[str, Any] = {
        "info": "no",
        "content": "retransfer_stop",
        "is_pay": "false",
        "serialData": [],
    }
    plate = _offline(payload)
    if plate is not None:
        response["ContinuePushOffline"] = {"plateid": plate, "continue": 1}
    return "application/json", _encode({"Response_AlarmInfoPlate": response})


def _offline(payload: Payload) -> int | None:
    try:
        message = small_names(read_json(payload.body)) if looks_like_json(payload.body) else None
    except InputError:
        return None
    result = at(message, "alarminfoplate", "result", "plateresult")
    number = at(result, "plateid")
    return number if at(result, "isoffline") == 1 and isinstance(number, int) else None


def _of_form(payload: Payload) -> Keepalive:
    # Heartbeats come as a form: device_name, ipaddr, port, user_name, serialno.
    fields = dict(
        pair.partition("=")[::2] for pair in payload.body[:4096].decode(errors="replace").split("&")
    )
    if len(payload.body) > 4096 or "serialno" not in fields or len(fields) < 2:
        raise InputError("neither a plate nor a heartbeat of this maker")
    return Keepalive(cameras=names(fields["serialno"].strip()))


def _cameras(said: Any) -> tuple[str, ...]:
    return names(at(said, "serialno"), at(said, "ipaddr"), at(said, "devicename"))


def _observation(alarm: dict[str, Any]) -> Observation | Unreadable:
    cameras = _cameras(alarm)
    result = at(alarm, "result", "plateresult")
    # Older firmwares have the plate and its time beside it.
    result = result if isinstance(result, dict) else at(alarm, "plate")
    text = at(result, "license")
    time = at(result, "timestamp", "timeval")
    seconds = at(time, "sec") or at(alarm, "timestamp")
    try:
        if not isinstance(text, str):
            raise InputError("an event of number plates without a plate")
        captured_at = first_moment(_with_part(seconds, at(time, "usec")))
    except InputError as error:
        return unreadable(cameras, error, {"plate": text, "time": seconds, "id": at(result, "plateid")})
    plate, colour = without_colour(plate_text(text))
    sure, sureness = confidence_of(at(result, "confidence"), 100)
    images: dict[ImageKind, bytes] = {}
    announced = False
    for kind, members in _PICTURES:
        for said in (at(result, member) or at(alarm, "image", member) for member in members):
            announced = announced or bool(said)
            data = base64_image(said)
            if data is not None:
                images.setdefault(kind, data)
    number = short_text(at(result, "plateid"))
    return Observation(
        cameras=cameras,
        captured_at=captured_at,
        plate=plate,
        confidence=sure,
        id=event_id("zhenshi", cameras[0], number, captured_at.isoformat()) if cameras and number else None,
        images=images,
        marks=marks(
            colour,
            sureness,
            ("retransmitted",) if at(result, "isoffline") == 1 else (),
            ("image-missing",) if announced and not images else (),
        ),
    )


def _with_part(seconds: Any, micros: Any) -> Any:
    """Return a time of whole seconds with its part of a second."""
    whole = (
        int(seconds) if isinstance(seconds, str) and seconds.isdecimal() and len(seconds) <= 10 else seconds
    )
    if (
        isinstance(whole, int)
        and not isinstance(whole, bool)
        and isinstance(micros, int)
        and 0 <= micros < 1_000_000
    ):
        return whole * 1_000_000 + micros
    return seconds
