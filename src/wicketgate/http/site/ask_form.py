"""The form in which a person asks the past: what they wrote, and the question that it comes to. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from wicketgate.base.clock import MINUTE_US, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.history.places import parse_polygon
from wicketgate.history.questions import KINDS, MAX_SCENES, Question, parse_question
from wicketgate.http.site.written_times import TimeFault, read_moment

MOST_FORM: Final = 256 * 1024
"""Bytes of the form: a thousand plates, or a thousand corners."""
MOST_PAIRS: Final = 400
"""Fields of the form: those of twenty scenes, a hundred groups, and its own."""
MOST_LINE: Final = 300
"""Characters of a field of one line."""
MOST_WORDS: Final = 2_000
"""Characters of a reason."""
MOST_TEXT: Final = 100_000
"""Characters of a list."""
FIRST_SCENES: Final = 2

_LISTS: Final = frozenset({"plates", "cameras", "area"})
_WORDS: Final = frozenset({"reason", "emergency_reason"})
_SCENE: Final = re.compile(r"scene-(1?[0-9])-([a-z_]{1,20})", re.ASCII)
_WHERE: Final = re.compile(r"`question(?:\.([a-z_]+))?(?:\[(\d+)\])?(?:\.([a-z_]+))?`")
_CORNER: Final = re.compile(
    r"([+-]?\d{1,3}(?:\.\d{1,12})?)\s*[,;\s]\s*([+-]?\d{1,3}(?:\.\d{1,12})?)", re.ASCII
)
_NOUNS: Final[Mapping[str, str]] = {
    "plate": "The plate",
    "plates": "The list of plates",
    "pattern": "The pattern",
    "vehicle": "What the camera said of the vehicle",
    "cameras": "The list of cameras",
    "groups": "The choice of groups",
    "area": "The area",
    "from": "The beginning",
    "to": "The end",
    "at_least": "The number of places",
    "scenes": "The places and times",
}


@dataclass(frozen=True, slots=True)
class FormFault:
    """What is wrong with one field: its name, and a sentence."""

    field: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenScene:
    """A place and a time as they were written; each member is a field `scene-N-…`."""

    group: str = ""
    cameras: str = ""
    area: str = ""
    from_day: str = ""
    from_time: str = ""
    to_day: str = ""
    to_time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenQuestion:
    """The form as it was written; each member but the last two is a field of its name.

    Attributes
    ----------
    kind : str
        One of `KINDS`: which fields count.
    clock : {"", "utc"}
        By which clock times are meant: that of the place where the officer works, or UTC.
    groups : tuple of str
        The boxes that were ticked, each a field `group`.
    scenes : tuple of WrittenScene
    """

    authority: str = ""
    kind: str = ""
    plate: str = ""
    plates: str = ""
    pattern: str = ""
    make: str = ""
    colour: str = ""
    body: str = ""
    cameras: str = ""
    area: str = ""
    from_day: str = ""
    from_time: str = ""
    to_day: str = ""
    to_time: str = ""
    clock: str = ""
    at_least: str = ""
    offence: str = ""
    case: str = ""
    reason: str = ""
    emergency: str = ""
    emergency_reason: str = ""
    groups: tuple[str, ...] = ()
    scenes: tuple[WrittenScene, ...] = ()

    def with_scenes(self, count: int) -> WrittenQuestion:
        """Return it with at least so many scenes, of at most `MAX_SCENES`."""
        missing = min(count, MAX_SCENES) - len(self.scenes)
        return replace(self, scenes=(*self.scenes, *(WrittenScene() for _ in range(missing))))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadQuestion:
    """What a form comes to.

    Attributes
    ----------
    said : mapping
        As `POST /v1/searches` takes it.
    question : Question
        The same, parsed.
    """

    said: Mapping[str, Any]
    question: Question


_TEXTS: Final = frozenset(one.name for one in fields(WrittenQuestion)) - {"groups", "scenes"}
_OF_A_SCENE: Final = frozenset(one.name for one in fields(WrittenScene))


def written_of(pairs: Iterable[tuple[str, str]]) -> WrittenQuestion:
    """Return the form of its fields. One that is not known is left out, of a name that comes twice the last counts.

    Raises
    ------
    InputError
        For a field that is longer than it may be.
    """
    texts: dict[str, str] = {}
    groups: dict[str, None] = {}
    scenes: dict[int, dict[str, str]] = {}
    for name, value in pairs:
        text = value.replace("\r\n", "\n").strip()
        found = _SCENE.fullmatch(name)
        if name == "group":
            groups[_bounded(name, text)] = None
        elif name in _TEXTS:
            texts[name] = _bounded(name, text)
        elif found is not None and found[2] in _OF_A_SCENE and int(found[1]) < MAX_SCENES:
            scenes.setdefault(int(found[1]), {})[found[2]] = _bounded(found[2], text)
    last = max(scenes, default=-1)
    return WrittenQuestion(
        **texts,
        groups=tuple(groups),
        scenes=tuple(WrittenScene(**scenes.get(number, {})) for number in range(last + 1)),
    )


def _bounded(name: str, text: str) -> str:
    most = MOST_TEXT if name in _LISTS else MOST_WORDS if name in _WORDS else MOST_LINE
    if len(text) > most:
        raise InputError(f"the field `{name}` has more than {most} characters")
    return text


def read_question(written: WrittenQuestion, zone: str, now_us: int) -> ReadQuestion | tuple[FormFault, ...]:
    """Return the question that a form comes to, or what is wrong with it, field by field.

    Parameters
    ----------
    zone : str
        That of the place where the officer works; empty for UTC.
    now_us : int
        What an end that was left out means, to the minute.

    Notes
    -----
    What a question may be is said in one place, `parse_question`: here its refusals find their fields. No fault holds
    what was written.
    """
    faults: list[FormFault] = []
    if written.kind not in KINDS:
        return (FormFault("kind", "Choose what you know."),)
    if written.clock == "utc":
        zone = ""
    said: dict[str, Any] = {}
    if written.kind == "scenes":
        said["scenes"] = [
            _scene(one, n, zone, faults)
            for n, one in enumerate(_filled(written.with_scenes(FIRST_SCENES).scenes))
        ]
        said["at_least"] = _number(written.at_least, faults) if written.at_least else None
    else:
        said |= _subject(written)
        said |= _place(written.groups, written.cameras, written.area, "area", faults)
        said |= _span(written, "", zone, faults, now_us)
    said["vehicle"] = _vehicle(written)
    for name, words in (
        ("offence", "Enter the offence code."),
        ("case", "Enter the case number."),
        ("reason", "Say why you ask, in your own words."),
    ):
        if not getattr(written, name):
            faults.append(FormFault(name, words))
    if written.emergency and not written.emergency_reason:
        faults.append(FormFault("emergency_reason", "Say whose life is threatened, and how."))
    if written.kind == "vehicle" and said["vehicle"] is None:
        faults.append(FormFault("make", "Enter the make, the colour or the kind of vehicle."))
    if faults:
        return tuple(faults)
    said = {name: value for name, value in said.items() if value is not None}
    try:
        question = parse_question(said)
    except InputError as error:
        return (_fault_of(error, written.kind),)
    body: dict[str, Any] = {
        name: getattr(written, name) for name in ("authority", "offence", "case", "reason")
    }
    if written.emergency:
        body["emergency"] = {"reason": written.emergency_reason}
    return ReadQuestion(said={**body, "question": said}, question=question)


def _subject(written: WrittenQuestion) -> dict[str, Any]:
    match written.kind:
        case "plate":
            return {"plate": written.plate}
        case "lookalikes":
            return {"plate": written.plate, "lookalikes": True}
        case "plates":
            return {"plates": _items(written.plates)}
        case "pattern":
            return {"pattern": written.pattern}
    return {}


def _vehicle(written: WrittenQuestion) -> dict[str, str] | None:
    said = {"make": written.make, "colour": written.colour, "kind": written.body}
    return {name: text for name, text in said.items() if text} or None


def _place(
    groups: Sequence[str], cameras: str, area: str, field: str, faults: list[FormFault]
) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if chosen := [one for one in groups if one]:
        said["groups"] = chosen
    if named := _items(cameras):
        said["cameras"] = named
    if area:
        polygon = _polygon(area)
        if polygon is None:
            faults.append(FormFault(field, "Enter three or more corners, each a line: latitude, longitude."))
        else:
            said["area"] = polygon
    return said


def areas_of(written: WrittenQuestion) -> list[Any]:
    """Return the rings of each area that was written, as far as it can be read: what the map shows of it."""
    found = []
    for text in (written.area, *(scene.area for scene in written.scenes)):
        try:
            polygon = parse_polygon(_polygon(text), "area") if text else None
        except InputError:
            continue
        if polygon is not None:
            found.append(polygon.as_json()["coordinates"])
    return found


def _polygon(text: str) -> Any:
    """Return a GeoJSON polygon of corners, a line each, or of GeoJSON as it is pasted; None for neither."""
    if text.startswith("{"):
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return said.get("geometry", said) if isinstance(said, dict) else None
    corners = []
    for line in text.splitlines():
        if not line.strip():
            continue
        found = _CORNER.fullmatch(line.strip())
        if found is None:
            return None
        corners.append([float(found[2]), float(found[1])])
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners.pop()
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]} if len(corners) > 2 else None


def _filled(scenes: Sequence[WrittenScene]) -> list[WrittenScene]:
    """Return the scenes up to the last in which anything stands."""
    last = max((n for n, one in enumerate(scenes) if one != WrittenScene()), default=-1)
    return list(scenes[: max(last + 1, FIRST_SCENES)])


def _scene(one: WrittenScene, number: int, zone: str, faults: list[FormFault]) -> dict[str, Any]:
    prefix = f"scene-{number}-"
    said = _place((one.group,), one.cameras, one.area, f"{prefix}area", faults)
    if len(said) != 1 and not any(fault.field.startswith(prefix) for fault in faults):
        words = f"Place {number + 1}: name it by a group, by cameras or by an area, one of them."
        faults.append(FormFault(f"{prefix}group", words))
    return said | _span(one, prefix, zone, faults, None)


def _span(
    one: WrittenQuestion | WrittenScene, prefix: str, zone: str, faults: list[FormFault], now_us: int | None
) -> dict[str, str]:
    """Return `from` and `to`. An end without a day is of the day of the beginning; one without anything is now."""
    of = f"Place {int(prefix.split('-')[1]) + 1}: " if prefix else ""
    times: dict[str, int] = {}
    for name, day, time, which in (
        ("from", one.from_day, one.from_time, "beginning"),
        ("to", one.to_day or (one.from_day if one.to_time else ""), one.to_time, "end"),
    ):
        if name == "to" and now_us is not None and not day and not time:
            times[name] = (now_us // MINUTE_US + 1) * MINUTE_US
            continue
        found = read_moment(day, time, zone)
        if isinstance(found, TimeFault):
            faults.append(FormFault(f"{prefix}{name}_{found.part}", f"{of}The {which}: {found.words}"))
        else:
            times[name] = found
    if len(times) == 2 and times["from"] >= times["to"]:
        faults.append(FormFault(f"{prefix}to_day", f"{of}The end is not after the beginning."))
    return {name: rfc3339(at_us) for name, at_us in times.items()}


def _number(text: str, faults: list[FormFault]) -> int | None:
    if text.isascii() and text.isdigit() and len(text) < 3:
        return int(text)
    faults.append(FormFault("at_least", "Enter at how many of the places, as a number."))
    return None


def _items(text: str) -> list[str]:
    """Return what stands on lines of its own, or between commas or semicolons."""
    return [item for item in (part.strip() for part in re.split(r"[\n,;\t]", text)) if item]


def _fault_of(error: InputError, kind: str) -> FormFault:
    """Return a refusal of the question with the field that it is about."""
    found = _WHERE.search(error.detail)
    if found is None or found[1] is None:
        return FormFault("kind", f"{error.detail[:1].upper()}{error.detail[1:]}.")
    member, number, inner = found[1], found[2], found[3]
    field, noun = member, _NOUNS.get(member, "The question")
    if member == "plates" and number is not None:
        noun = f"Plate {int(number) + 1} of the list"
    elif member == "scenes" and number is not None:
        noun = f"Place {int(number) + 1}" + (f", {_NOUNS[inner].lower()}" if inner in _NOUNS else "")
        field = f"scene-{number}-{'group' if inner in (None, 'groups') else inner}"
    elif member == "scenes":
        field = "scene-0-group"
    elif member == "vehicle":
        field = {"colour": "colour", "kind": "body"}.get(inner or "", "make")
    elif member == "groups":
        field = "group"
    elif member == "plate" and kind == "lookalikes":
        field = "plate"
    words = _WHERE.sub(noun, error.detail).replace("`", "")
    return FormFault(field, f"{words}.")
