"""Frigate's MQTT messages.

They are `frigate/events` (new, update, end) and `frigate/tracked_object_update` of type lpr. Facts: Frigate, MQTT
documentation. Both speak of one object by one id, which is never used again. The names that owners gave to known
plates are not read. Pictures come under topics of their own that do not say whose they are.
"""

from __future__ import annotations

from typing import Any, Final

from wicketgate.base.errors import InputError
from wicketgate.reads.adapters.json import read_json
from wicketgate.reads.adapters.moments import first_moment
from wicketgate.reads.adapters.values import (
    confidence,
    event_id,
    marks,
    names,
    plate_text,
    short_text,
    unreadable,
    vehicle,
    without_colour,
)
from wicketgate.reads.adapters.xml import at
from wicketgate.reads.observations import Gone, Keepalive, Observation, Parsed, Payload, Unreadable

_VEHICLES: Final = frozenset(
    {"bicycle", "boat", "bus", "car", "license_plate", "motorcycle", "train", "truck", "van"}
)
_Said = Observation | Unreadable | Gone | Keepalive
_OTHERS: Final = frozenset({"classification", "custom", "description", "face", "new", "update", "end"})
"""Types of messages that hold no plate."""
_OURS: Final = "wicketgate/"
"""How a topic begins that says nothing but where to send."""
_TOPICS: Final = ("events", "tracked_object_update")


def read(payload: Payload) -> Parsed:
    """Read a message of Frigate.

    One of another topic than the two is a sign of life.

    Raises
    ------
    InputError
        If a message of the two topics is not JSON of their form.
    """
    if (
        payload.topic
        and not payload.topic.startswith(_OURS)
        and payload.topic.rpartition("/")[2] not in _TOPICS
    ):
        return (Keepalive(),)
    message = read_json(payload.body)
    if not isinstance(message, dict):
        raise InputError("the message is not an object")
    kind = short_text(message.get("type")).lower()
    if isinstance(message.get("after"), dict):
        return (_of_event(message["after"], ended=kind == "end"),)
    if kind == "lpr":
        return (_of_update(message),)
    if not kind:
        raise InputError("a message without its type")
    cameras = names(message.get("camera"))
    if kind not in _OTHERS or not cameras:
        raise InputError("a message of a type that is not known")
    return (Keepalive(cameras=cameras),)


def _of_event(state: dict[str, Any], *, ended: bool) -> _Said:
    plate: Any = state.get("recognized_license_plate") or at(state, "data", "recognized_license_plate")
    score: Any = state.get("recognized_license_plate_score")
    if score is None:
        score = at(state, "data", "recognized_license_plate_score")
    if isinstance(plate, list):  # the text with its score, as `sub_label` has it
        plate, score = (plate[0] if plate else None), (plate[1] if len(plate) > 1 else score)
    times = (state.get("frame_time"), state.get("end_time"), state.get("start_time"))
    label = short_text(state.get("label")).lower()
    missing = state.get("has_snapshot") is True
    return _observation(state, plate, score, times, ended=ended, label=label, missing=missing)


def _of_update(message: dict[str, Any]) -> _Said:
    times = (message.get("timestamp"),)
    return _observation(message, message.get("plate"), message.get("score"), times)


def _observation(
    said: dict[str, Any],
    plate: Any,
    score: Any,
    times: tuple[Any, ...],
    *,
    ended: bool = False,
    label: str = "",
    missing: bool = False,
) -> _Said:
    cameras = names(said.get("camera"))
    tracked = short_text(said.get("id"), 128)
    if not isinstance(plate, str) or not plate:
        if not cameras:
            raise InputError("a message without its camera")
        return (
            Gone(cameras=cameras, tracked=tracked)
            if ended and tracked
            else Keepalive(cameras=cameras, is_whole=True)
        )
    try:
        if not tracked:
            raise InputError("a message without the id of its object")
        captured_at = first_moment(*times)
    except InputError as error:
        return unreadable(cameras, error, {"plate": plate, "time": times[0], "id": tracked})
    text, colour = without_colour(plate_text(plate))
    sure, sureness = confidence(score, "fraction")
    return Observation(
        cameras=cameras,
        captured_at=captured_at,
        plate=text,
        confidence=sure,
        id=event_id("frigate", *cameras, tracked) if cameras else None,
        vehicle=vehicle(kind=label if label in _VEHICLES - {"license_plate"} else ""),
        tracked=tracked,
        final=ended,
        lasting=True,
        marks=marks(colour, sureness, ("image-missing",) if missing else ()),
    )
