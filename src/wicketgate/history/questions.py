"""Questions to the past: what a search may ask, and how broad it is. Pure.

docs/spec/history.md, section 1. Nothing here reaches a gateway: whoever keeps a history elsewhere asks the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from wicketgate.base.clock import DAY_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.history.places import EVERYWHERE, CameraPlace, parse_place
from wicketgate.hotlists.vehicle_names import colour_of, make_of, words_of
from wicketgate.reads.plates import (
    CONFUSED,
    MAX_PLATE,
    PlateFault,
    is_plate_character,
    normal_form,
    read_plate,
)

Kind = Literal["plate", "pattern", "lookalikes", "plates", "place", "vehicle", "scenes"]
KINDS: tuple[Kind, ...] = ("plate", "pattern", "lookalikes", "plates", "place", "vehicle", "scenes")
"""The kinds of question, as an authority names them."""

MAX_PLATES = 1_000
MAX_PATTERN = 32
LEAST_KNOWN = 2
"""Characters that a pattern must know."""
MAX_SCENES = 20
MAX_WORD = 64

_ONE, _ANY = "?", "*"
_SUBJECTS = ("plate", "plates", "pattern", "scenes")
_MEMBERS = {*_SUBJECTS, "at_least", "lookalikes", "vehicle", "cameras", "groups", "area", "from", "to"}
_PLACE = {"cameras", "groups", "area"}
_SKELETON = {ord(one): alike[0] for alike in CONFUSED for one in alike}


class CameraBreadth(NamedTuple):
    """How broad a question is.

    Attributes
    ----------
    cameras : int
        The cameras that it looks at.
    days : int
        Days of 24 hours begun in its span; of scenes the most of one.
    camera_days : int
        Cameras times days; of scenes the sum over them.
    plates : int or None
        The plates that it names; None where it names none, and every vehicle read there counts.
    """

    cameras: int
    days: int
    camera_days: int
    plates: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenVehicle:
    """What a camera said of the vehicle, in the normal forms by which hits are compared; empty where not asked for.

    A read of which the camera does not say it is not meant.
    """

    make: str = ""
    colour: str = ""
    kind: str = ""


_ANY_VEHICLE = SeenVehicle()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A place and a time, `from_us` up to, not including, `until_us`."""

    place: CameraPlace
    from_us: int
    until_us: int

    def as_json(self) -> dict[str, Any]:
        """Return it as it is asked."""
        return {**self.place.as_json(), "from": rfc3339(self.from_us), "to": rfc3339(self.until_us)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question to the history.

    At most one of `plates`, `pattern` and `scenes` is there.

    Attributes
    ----------
    plates : tuple of str
        In normal form, each once.
    many : bool
        They were asked for as `plates`, were it one alone.
    pattern : str
        With `?` for one character and `*` for any number of them; empty where there is none.
    scenes : tuple of Scene
        Vehicles seen in `at_least` of them.
    lookalikes : bool
        Also plates that cameras take for those named (`CONFUSED`).
    from_us, until_us : int
        When they were captured; `until_us` is not included. With scenes, those of the earliest and the latest.
    """

    plates: tuple[str, ...] = ()
    many: bool = False
    pattern: str = ""
    scenes: tuple[Scene, ...] = ()
    at_least: int = 0
    lookalikes: bool = False
    vehicle: SeenVehicle = _ANY_VEHICLE
    place: CameraPlace = EVERYWHERE
    from_us: int
    until_us: int

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds that it is of: an authority must name each of them."""
        found: set[Kind] = set()
        if self.plates:
            found.add("plates" if self.many else "plate")
        if self.lookalikes:
            found.add("lookalikes")
        if self.pattern:
            found.add("pattern")
        if self.scenes:
            found.add("scenes")
        if self.vehicle != _ANY_VEHICLE:
            found.add("vehicle")
        if not found or (found == {"vehicle"} and not self.place.is_everywhere):
            found.add("place")
        return frozenset(found)

    @property
    def is_counted_first(self) -> bool:
        """Whether it is answered in two steps: how many vehicles, and on an approval which. One exact plate is not."""
        return "plate" not in self.kinds or self.lookalikes

    def means_plate(self, plate: str) -> bool:
        """Return whether a read of a plate, in normal form, can be meant by this question.

        A scene means a vehicle by several reads: of one alone that cannot be said, and it is not meant.
        """
        if self.scenes:
            return False
        if self.plates:
            skeleton = skeleton_of(plate)
            return plate in self.plates or (
                self.lookalikes and any(skeleton_of(one) == skeleton for one in self.plates)
            )
        return not self.pattern or _expression(self.pattern).fullmatch(plate) is not None

    def breadth(self, numbers: Callable[[CameraPlace], int]) -> CameraBreadth:
        """Return how broad it is.

        Parameters
        ----------
        numbers : callable
            Returns how many cameras of a place it would look at.
        """
        plates = len(self.plates) if self.plates else None
        if not self.scenes:
            cameras, days = numbers(self.place), _days(self.from_us, self.until_us)
            return CameraBreadth(cameras, days, cameras * days, plates)
        each = [(numbers(scene.place), _days(scene.from_us, scene.until_us)) for scene in self.scenes]
        return CameraBreadth(
            sum(cameras for cameras, _ in each),
            max(days for _, days in each),
            sum(cameras * days for cameras, days in each),
            plates,
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as it is asked, in normal form: `parse_question` makes the same of it."""
        members: dict[str, Any] = dict(self.place.as_json())
        if self.plates:
            members |= {"plates": list(self.plates)} if self.many else {"plate": self.plates[0]}
        if self.pattern:
            members["pattern"] = self.pattern
        if self.lookalikes:
            members["lookalikes"] = True
        vehicle = {name: getattr(self.vehicle, name) for name in SeenVehicle.__slots__}
        if any(vehicle.values()):
            members["vehicle"] = {name: text for name, text in vehicle.items() if text}
        if self.scenes:
            members["scenes"] = [scene.as_json() for scene in self.scenes]
            members["at_least"] = self.at_least
        else:
            members |= {"from": rfc3339(self.from_us), "to": rfc3339(self.until_us)}
        return members


def skeleton_of(plate: str) -> str:
    """Return a plate with each character as the first of those that cameras take for it.

    Two plates look alike where theirs are the same.

    >>> skeleton_of("OB12CDE") == skeleton_of("D8I2COE")
    True
    """
    return plate.translate(_SKELETON)


def parse_question(said: Any) -> Question:
    """Return the question that a search asks, of decoded JSON.

    Raises
    ------
    InputError
        Of code `malformed`; `question-kind` where members do not go together; `zone-missing` for a time without a
        zone. No message holds what was asked.
    """
    if not isinstance(said, Mapping):
        raise InputError("`question` is not an object")
    unknown = said.keys() - _MEMBERS
    if unknown:
        raise InputError("`question` has a member that is not known: " + ", ".join(sorted(_MEMBERS)) + " are")
    named = [name for name in _SUBJECTS if said.get(name) is not None]
    if len(named) > 1:
        raise InputError(
            "`question` asks by " + " and ".join(f"`{name}`" for name in named) + ": ask by one of them",
            code="question-kind",
        )
    subject = named[0] if named else ""
    lookalikes = _flag(said, "lookalikes")
    if lookalikes and subject not in ("plate", "plates"):
        raise InputError("`lookalikes` goes with `plate` or `plates`", code="question-kind")
    if subject == "scenes":
        return _parse_scenes(said)
    if said.get("at_least") is not None:
        raise InputError("`at_least` goes with `scenes`", code="question-kind")
    from_us, until_us = _span(said, "question")
    return Question(
        plates=_plates(said, subject),
        many=subject == "plates",
        pattern=_pattern(said["pattern"]) if subject == "pattern" else "",
        lookalikes=lookalikes,
        vehicle=_vehicle(said.get("vehicle")),
        place=parse_place(said, "question"),
        from_us=from_us,
        until_us=until_us,
    )


def _parse_scenes(said: Mapping[str, Any]) -> Question:
    if any(said.get(name) is not None for name in (*_PLACE, "from", "to")):
        raise InputError("with `scenes`, place and time stand in each of them", code="question-kind")
    items = said["scenes"]
    if not isinstance(items, list) or not 2 <= len(items) <= MAX_SCENES:
        raise InputError(f"`question.scenes` is not a list of 2 to {MAX_SCENES} scenes")
    scenes = tuple(_scene(item, f"question.scenes[{n}]") for n, item in enumerate(items))
    at_least = len(scenes) if said.get("at_least") is None else said["at_least"]
    if type(at_least) is not int or not 2 <= at_least <= len(scenes):
        raise InputError("`question.at_least` is not a number from 2 to that of the scenes")
    return Question(
        scenes=scenes,
        at_least=at_least,
        vehicle=_vehicle(said.get("vehicle")),
        from_us=min(scene.from_us for scene in scenes),
        until_us=max(scene.until_us for scene in scenes),
    )


def _scene(said: Any, where: str) -> Scene:
    if not isinstance(said, Mapping) or said.keys() - {*_PLACE, "from", "to"}:
        raise InputError(f"`{where}` is not an object of `cameras`, `groups` or `area`, `from` and `to`")
    if sum(said.get(name) is not None for name in _PLACE) != 1:
        raise InputError(f"`{where}` names its place by one of `cameras`, `groups` and `area`")
    from_us, until_us = _span(said, where)
    return Scene(place=parse_place(said, where), from_us=from_us, until_us=until_us)


def _span(said: Mapping[str, Any], where: str) -> tuple[int, int]:
    times = []
    for name in ("from", "to"):
        text = said.get(name)
        if not isinstance(text, str):
            raise InputError(f"`{where}.{name}` is missing, or no text")
        times.append(parse_rfc3339(text))
    if not 0 <= times[0] < times[1]:
        raise InputError(f"`{where}.from` is not before its `to`, or before 1970")
    return times[0], times[1]


def _flag(said: Mapping[str, Any], name: str) -> bool:
    value = said.get(name)
    if value is not None and not isinstance(value, bool):
        raise InputError(f"`question.{name}` is neither true nor false")
    return bool(value)


def _plates(said: Mapping[str, Any], subject: str) -> tuple[str, ...]:
    if subject == "plate":
        return (_plate(said["plate"], "question.plate"),)
    if subject != "plates":
        return ()
    items = said["plates"]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_PLATES:
        raise InputError(f"`question.plates` is not a list of 1 to {MAX_PLATES} plates")
    return tuple(dict.fromkeys(_plate(item, f"question.plates[{n}]") for n, item in enumerate(items)))


def _plate(said: Any, where: str) -> str:
    plate = read_plate(said) if isinstance(said, str) else PlateFault.UNREADABLE
    if isinstance(plate, PlateFault):
        raise InputError(f"`{where}` is not a plate that a camera can have read")
    return plate


def _pattern(said: Any) -> str:
    text = normal_form(said) if isinstance(said, str) and len(said) <= 2 * MAX_PATTERN else ""
    while _ANY * 2 in text:
        text = text.replace(_ANY * 2, _ANY)
    known = [one for one in text if one not in (_ONE, _ANY)]
    if not text or len(text) > MAX_PATTERN or not all(map(is_plate_character, known)):
        raise InputError(
            f"`question.pattern` is not a text of at most {MAX_PATTERN} characters of a plate, `?` for one that is "
            "not known, and `*` for any number of them"
        )
    if len(known) < LEAST_KNOWN:
        raise InputError(f"`question.pattern` knows fewer than {LEAST_KNOWN} characters")
    if len(known) + text.count(_ONE) > MAX_PLATE:
        raise InputError(f"`question.pattern` is of plates of more than {MAX_PLATE} characters")
    return text


def _vehicle(said: Any) -> SeenVehicle:
    if said is None:
        return _ANY_VEHICLE
    if not isinstance(said, Mapping) or not said or said.keys() - set(SeenVehicle.__slots__):
        raise InputError("`question.vehicle` is not an object of `make`, `colour` or `kind`")
    for name, text in said.items():
        if not isinstance(text, str) or len(text) > MAX_WORD or not words_of(text):
            raise InputError(f"`question.vehicle.{name}` is not a word of at most {MAX_WORD} characters")
    return vehicle_of(said)


def vehicle_of(said: Mapping[str, Any]) -> SeenVehicle:
    """Return what a camera or a question says of a vehicle, in normal form; empty what it does not say."""

    def text(name: str) -> str:
        value = said.get(name)
        return value if isinstance(value, str) else ""

    make, colour, kind = text("make"), text("colour"), text("kind")
    return SeenVehicle(
        make=make_of(make) if make else "",
        colour=colour_of(colour) if colour else "",
        kind=" ".join(words_of(kind)),
    )


def _expression(pattern: str) -> re.Pattern[str]:
    parts = {_ONE: ".", _ANY: ".*"}
    return re.compile("".join(parts.get(one) or re.escape(one) for one in pattern), re.DOTALL)


def _days(from_us: int, until_us: int) -> int:
    return -(-(until_us - from_us) // DAY_US)
