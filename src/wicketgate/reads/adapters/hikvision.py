"""Hikvision cameras and recorders: `EventNotificationAlert` of ISAPI.

It comes as XML or JSON, alone or in multipart. Facts: Hikvision, ISAPI developer guide (ANPR),
XML_EventNotificationAlert_ANPR; the forms in circulation (three namespaces or none, `aNPR`, empty picture parts)
from public listeners for these cameras.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from typing import Any, Final, Literal

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.json import looks_like_json, read_json, small_names
from wicketgate.reads.adapters.moments import first_moment
from wicketgate.reads.adapters.multipart import Part, parts
from wicketgate.reads.adapters.values import (
    bounded,
    confidence,
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
    with_channel,
    without_colour,
)
from wicketgate.reads.adapters.xml import at, every, looks_like_xml, read_xml
from wicketgate.reads.observations import ImageKind, Keepalive, Observation, Parsed, Payload, Unreadable

_DIRECTIONS: Final[dict[str, Literal["towards", "away"]]] = {
    "forward": "towards",
    "approach": "towards",
    "approaching": "towards",
    "reverse": "away",
    "away": "away",
}
_KINDS: Final[dict[str, ImageKind]] = {
    "licenseplatepicture": "patch",
    "plateimage": "patch",
    "licenseplateimage": "patch",
    "detectionpicture": "overview",
    "vehiclepicture": "overview",
    "detectedimage": "overview",
    "backgroundimage": "overview",
    "featurepicture": "overview",
}
"""What its pictures are called, the best of each kind first; pedestrians, faces and pilots are left out."""

_PLATES: Final = ("licenseplate", "licenceplate", "originallicenseplate", "platenumber", "licenseplatenumber")


def read(payload: Payload) -> Parsed:
    """Read a payload of a Hikvision camera or recorder.

    Raises
    ------
    InputError
        If it holds no alert that can be read.
    """
    documents: list[dict[str, Any]] = []
    pictures: list[Part] = []
    for part in parts(payload):
        if part.media_type.startswith("image/"):
            pictures.append(part)
        elif looks_like_xml(part.data):
            documents += _alerts(read_xml(part.data)[1])
        elif looks_like_json(part.data):
            documents += _alerts(small_names(read_json(part.data)))
        elif part.labels:
            pictures.append(part)
        elif part.data.strip():
            raise InputError("the body is neither XML nor JSON nor multipart with either")
    passages = bounded([(alert, anpr) for alert in documents for anpr in _passages(alert)])
    if not documents:
        raise InputError("no alert in the body")
    if not passages:
        return (Keepalive(cameras=_cameras(documents[0])),)
    if len(passages) > 1 and pictures:
        names_of = Counter(name for _, anpr in passages for info in _listed(anpr) for name in _called(info))
        shared = {name for name, times in names_of.items() if times > 1} | _KINDS.keys()
    else:
        shared = set()
    return tuple(_observation(alert, anpr, pictures, passages, shared) for alert, anpr in passages)


def _alerts(value: Any) -> list[dict[str, Any]]:
    values = value if isinstance(value, list) else [value]
    inner = (at(one, "eventnotificationalert") or one for one in values)
    return [one for one in inner if isinstance(one, dict) and ("eventtype" in one or "anpr" in one)]


def _passages(alert: dict[str, Any]) -> list[dict[str, Any]]:
    event = short_text(at(alert, "eventtype")).lower()
    if event not in ("anpr", "vehiclematchresult", "") and not any(name in alert for name in _PLATES):
        return []
    found = [anpr for anpr in every(alert, "anpr") if isinstance(anpr, dict)]
    if not found and any(name in alert for name in _PLATES):
        found = [alert]  # some firmwares and relays have no block of its own for the plate
    active = short_text(at(alert, "eventstate")).lower() != "inactive"
    nothing: dict[str, Any] = {}
    return found or ([nothing] if event == "anpr" and active else [])


def _cameras(alert: dict[str, Any]) -> tuple[str, ...]:
    channel = at(alert, "channelid") or at(alert, "dynchannelid")
    mac, address = at(alert, "macaddress"), at(alert, "ipaddress")
    return names(
        with_channel(mac, channel),
        mac,
        at(alert, "deviceuuid"),
        at(alert, "serialnumber"),
        at(alert, "deviceserial"),
        at(alert, "deviceserialno"),
        at(alert, "monitoringsiteid"),
        at(alert, "deviceid"),
        with_channel(address, channel),
        address,
        at(alert, "channelname"),
    )


def _observation(
    alert: dict[str, Any],
    anpr: dict[str, Any],
    pictures: Sequence[Part],
    passages: Sequence[tuple[dict[str, Any], dict[str, Any]]],
    shared: Set[str],
) -> Observation | Unreadable:
    cameras = _cameras(alert)
    listed = _listed(anpr)
    text = next((anpr[name] for name in _PLATES if isinstance(anpr.get(name), str | int)), None)
    try:
        if text is None:
            raise InputError("an event of number plates without a plate")
        captured_at = first_moment(at(alert, "datetime"), *(at(one, "abstime") for one in listed))
    except InputError as error:
        kept = {"plate": text, "time": at(alert, "datetime"), "id": at(alert, "uuid")}
        return unreadable(cameras, error, kept)
    plate, colour = without_colour(plate_text(text), short_text(at(anpr, "platecolor")))
    sure, sureness = _confidence(anpr)
    images, missing = _images(alert, listed, pictures, shared)
    again = at(alert, "isdataretransmission") in (True, "true", "True", "1")
    car = at(anpr, "vehicleinfo")
    return Observation(
        cameras=cameras,
        captured_at=captured_at,
        plate=plate,
        confidence=sure,
        id=_id(alert, anpr, cameras, passages),
        lane=lane(at(anpr, "line") or at(anpr, "laneno")),
        direction=said_direction(at(anpr, "direction"), _DIRECTIONS),
        vehicle=vehicle(
            make=_word(at(car, "vehiclebrand") or at(anpr, "vehiclebrand")),
            model=_word(at(car, "vehiclemodel") or at(car, "vehilemodel")),
            colour=_word(at(car, "color") or at(anpr, "vehiclecolor")),
            kind=_word(at(anpr, "vehicletype")),
        ),
        images=images,
        marks=marks(
            colour,
            sureness,
            ("retransmitted",) if again else (),
            ("image-missing",) if missing else (),
        ),
    )


def _confidence(anpr: dict[str, Any]) -> tuple[float | None, tuple[str, ...]]:
    """Return the confidence of the whole plate, else the least of its characters.

    It is documented in percent.
    """
    whole = at(anpr, "confidencelevel")
    return confidence(whole if whole not in (None, "") else at(anpr, "platecharbelieve"), "percent")


def _id(
    alert: dict[str, Any],
    anpr: dict[str, Any],
    cameras: tuple[str, ...],
    passages: Sequence[tuple[dict[str, Any], dict[str, Any]]],
) -> str | None:
    number = [row for row, (of, _) in enumerate(passages) if of is alert]
    own = next(row for row, (_, one) in enumerate(passages) if one is anpr)
    uuid = short_text(at(alert, "uuid"), 256)
    if not uuid or not cameras:
        return None
    return event_id("hikvision", cameras[0], uuid if len(number) == 1 else f"{uuid}#{own - number[0]}")


def _images(
    alert: dict[str, Any], listed: Sequence[dict[str, Any]], pictures: Sequence[Part], shared: Set[str]
) -> tuple[dict[ImageKind, bytes], bool]:
    """Return the images certain to be this passage's, and whether an announced one is missing.

    A part is this passage's if it alone is called what the list of pictures says. Where the payload holds several
    passages, names that more than one of them lists, or that every event has, say nothing.
    """
    if not pictures:
        return {}, bool(listed) or short_text(at(alert, "picnum")) not in ("", "0")
    images: dict[ImageKind, bytes] = {}
    announced: set[str] = set()
    for name, kind in _KINDS.items():
        infos = [info for info in listed if name in (_stem(at(info, "type")), _stem(at(info, "filename")))]
        wanted = ({name} | {other for info in infos for other in _called(info)}) - shared
        own = [part for part in pictures if any(_stem(label) in wanted for label in part.labels)]
        announced |= {kind} if infos or own else set()
        if len(own) == 1 and is_image(own[0].data):
            images.setdefault(kind, own[0].data)
    return images, bool(announced - images.keys()) or not images


def _listed(anpr: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in every(anpr, "pictureinfolist", "pictureinfo") if isinstance(one, dict)]


def _called(info: dict[str, Any]) -> set[str]:
    return {_stem(at(info, key)) for key in ("filename", "pid", "contentid")} - {""}


def _stem(name: Any) -> str:
    text = short_text(name, 256).lower()
    return text.rpartition("/")[2].removesuffix(".jpg").removesuffix(".jpeg").removesuffix(".png")


def _word(value: Any) -> Any:
    """Return a word.

    None for a bare number, which is the maker's own code of a make or model.
    """
    return None if isinstance(value, str) and value.isdecimal() else value
