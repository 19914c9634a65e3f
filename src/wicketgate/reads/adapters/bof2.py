"""The UK police back office's form (BOF2), in SOAP.

Its calls are `sendCapture`, and `sendCompactCapture` and its compounds. Facts: the published service description of
`input.webservices.bof2.anite.com`; the compact forms from a public re-implementation. Feed, source and camera
identifiers are numbers that together name a camera; the user's name and signature are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.adapter import Outcome
from wicketgate.reads.adapters.moments import first_moment
from wicketgate.reads.adapters.multipart import parts
from wicketgate.reads.adapters.values import (
    base64_image,
    confidence,
    marks,
    names,
    plate_text,
    said_direction,
    short_text,
    unreadable,
    without_colour,
)
from wicketgate.reads.adapters.xml import at, looks_like_xml, read_xml
from wicketgate.reads.observations import ImageKind, Observation, Parsed, Payload, Unreadable

MAX_CAPTURES: Final = 50
_DIRECTIONS: Final[dict[str, Literal["towards", "away"]]] = {
    "true": "towards",
    "1": "towards",
    "false": "away",
    "0": "away",
}
_COMPACT: Final = (
    "signatureofsender",
    "username",
    "vrm",
    "feedidentifier",
    "sourceidentifier",
    "cameraidentifier",
    "capturetime",
    "latitude",
    "longitude",
    "camerapresetposition",
    "camerapan",
    "cameratilt",
    "camerazoom",
    "confidencepercentage",
    "motiontowardcamera",
)
_OPERATIONS: Final = ("sendcapture", "sendcompactcapture", "sendcompoundcapture")


def read(payload: Payload) -> Parsed:
    """Read a SOAP call of the back office.

    Raises
    ------
    InputError
        If it is none, or of an operation that is not taken.
    """
    documents = [part.data for part in parts(payload) if looks_like_xml(part.data)]
    if len(documents) != 1:
        raise InputError("the body is not a SOAP envelope")
    root, tree = read_xml(documents[0])
    body = at(tree, "body")
    if root != "envelope" or not isinstance(body, dict):
        raise InputError("the body is not a SOAP envelope")
    operation = next((name for name in _OPERATIONS if name in body), "")
    if not operation:
        raise InputError("an operation that is not taken")
    if operation == "sendcapture":
        call = at(body, operation)
        return (_observation(call if isinstance(call, dict) else {}),)
    captures = [text for text in _texts(body[operation]) if "|" in text]
    if not 1 <= len(captures) <= MAX_CAPTURES:
        raise InputError(f"not 1 to {MAX_CAPTURES} captures in the call")
    return tuple(_compact(text) for text in captures)


def answer(payload: Payload, outcome: Outcome) -> tuple[str, bytes]:
    """Return the type and text of the SOAP answer.

    It is an empty string if nothing was wrong, else it says that something is in the quarantine.
    """
    said = "" if outcome == "taken" else outcome
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
        '<b:sendCaptureResponse xmlns:b="http://input.webservices.bof2.anite.com">'
        f"<sendCaptureReturn>{said}</sendCaptureReturn></b:sendCaptureResponse></soapenv:Body></soapenv:Envelope>\n"
    )
    return "text/xml; charset=utf-8", text.encode()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _compact(text: str) -> Observation | Unreadable:
    fields = text.split("|")
    if len(fields) != len(_COMPACT):
        fault = InputError(f"a compact capture without its {len(_COMPACT)} fields")
        return unreadable((), fault, {"fields": len(fields)})
    return _observation(dict(zip(_COMPACT, fields, strict=True)))


def _observation(call: dict[str, Any]) -> Observation | Unreadable:
    feed, source, camera = (
        short_text(at(call, f"{name}identifier")) for name in ("feed", "source", "camera")
    )
    cameras = names(f"{feed}-{source}-{camera}" if feed and source and camera else "", camera)
    text = at(call, "vrm")
    try:
        if not isinstance(text, str):
            raise InputError("a capture without `vrm`")
        captured_at = first_moment(at(call, "capturetime"))
    except InputError as error:
        return unreadable(cameras, error, {"plate": text, "time": at(call, "capturetime")})
    plate, colour = without_colour(plate_text(text))
    sure, sureness = confidence(at(call, "confidencepercentage"), "percent")
    images: dict[ImageKind, bytes] = {}
    missing = False
    kinds: tuple[tuple[ImageKind, str], ...] = (
        ("patch", "platejpegimage"),
        ("overview", "overviewjpegimage"),
    )
    for kind, name in kinds:
        data = base64_image(at(call, name))
        if data is not None:
            images[kind] = data
        missing = missing or (data is None and bool(at(call, name)))
    return Observation(
        cameras=cameras,
        captured_at=captured_at,
        plate=plate,
        confidence=sure,
        direction=said_direction(at(call, "motiontowardcamera"), _DIRECTIONS),
        images=images,
        marks=marks(colour, sureness, ("image-missing",) if missing else ()),
    )
