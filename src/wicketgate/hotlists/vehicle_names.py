"""The names of makes, models and colours in a normal form.

Cameras, lists and registers write the same car in many ways: `VW`, `Volkswagen`, `VOLKSWAGEN_GOLF`, `Golf GTI`. Pure.
What is not in the tables is compared as it is written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

COMPARED = ("make", "model", "colour")
"""What list and camera may both say of a vehicle."""
MAKES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "alfa romeo": ("alfa", "alfaromeo"),
        "aston martin": ("astonmartin", "aston"),
        "bmw": ("bayerische motoren werke",),
        "chevrolet": ("chevy",),
        "chrysler": (),
        "citroen": (),
        "cupra": (),
        "dacia": (),
        "daf": (),
        "dodge": (),
        "ds": ("ds automobiles",),
        "ferrari": (),
        "fiat": (),
        "ford": (),
        "genesis": (),
        "great wall": ("gwm", "greatwall"),
        "honda": (),
        "hyundai": (),
        "infiniti": (),
        "isuzu": (),
        "iveco": (),
        "jaguar": ("jag",),
        "jeep": (),
        "kia": ("kia motors",),
        "lamborghini": (),
        "land rover": ("landrover", "rover land"),
        "ldv": (),
        "lexus": (),
        "lotus": (),
        "man": ("man truck", "man truck and bus"),
        "maserati": (),
        "mazda": (),
        "mercedes benz": ("mercedes", "mercedesbenz", "merc", "mb", "daimler benz"),
        "mg": ("mg motor", "morris garages"),
        "mini": ("bmw mini",),
        "mitsubishi": (),
        "nissan": ("datsun",),
        "opel": (),
        "peugeot": (),
        "polestar": (),
        "porsche": (),
        "renault": ("renault trucks",),
        "rolls royce": ("rollsroyce",),
        "saab": (),
        "scania": (),
        "seat": (),
        "skoda": (),
        "smart": (),
        "ssangyong": ("ssang yong", "kgm"),
        "subaru": (),
        "suzuki": (),
        "tesla": ("tesla motors",),
        "toyota": (),
        "vauxhall": (),
        "volkswagen": ("vw", "volks wagen"),
        "volvo": ("volvo trucks",),
    }
)
"""Makes in their normal form, with the other ways in which they are written."""
COLOURS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "grey": ("gray", "graphite"),
        "silver": ("silver grey",),
        "purple": ("violet",),
        "beige": ("cream", "sand"),
        "brown": ("bronze",),
        "red": ("maroon", "burgundy"),
    }
)
"""Colours that are one, for whoever looks at a camera's image."""

_MAKE_OF = {name: make for make, others in MAKES.items() for name in (make, *others)}
_COLOUR_OF = {name: colour for colour, others in COLOURS.items() for name in (colour, *others)}
_SHADES = frozenset({"dark", "light", "metallic", "pale", "bright", "matt"})
_LONGEST_NAME = max(name.count(" ") + 1 for name in _MAKE_OF)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a name: without accents, signs or capitals.

    >>> words_of("VOLKSWAGEN_GOLF"), words_of("Citroën C4"), words_of("C-Class")
    (('volkswagen', 'golf'), ('citroen', 'c4'), ('c', 'class'))
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    return tuple(re.findall(r"[^\W_]+", "".join(one for one in plain if not unicodedata.combining(one))))


def make_of(text: str) -> str:
    """Return a make in its normal form.

    >>> make_of("VW"), make_of("Mercedes-Benz"), make_of("LandRover"), make_of("Some Make")
    ('volkswagen', 'mercedes benz', 'land rover', 'some make')
    """
    words = words_of(text)
    found = _make_at_start(words)
    return found[0] if found is not None else " ".join(words)


def model_of(text: str) -> tuple[str, ...]:
    """Return the words of a model, without the make that may stand before it.

    >>> model_of("VOLKSWAGEN_GOLF"), model_of("VW Golf GTI"), model_of("3 Series"), model_of("Mini")
    (('golf',), ('golf', 'gti'), ('3', 'series'), ('mini',))
    """
    words = words_of(text)
    found = _make_at_start(words)
    return words if found is None or found[1] == len(words) else words[found[1] :]


def colour_of(text: str) -> str:
    """Return a colour in its normal form, without its shade.

    >>> colour_of("Dark Gray"), colour_of("MAROON"), colour_of("Blue")
    ('grey', 'red', 'blue')
    """
    words = tuple(word for word in words_of(text) if word not in _SHADES) or words_of(text)
    return _COLOUR_OF.get(" ".join(words), " ".join(words))


def agree(what: str, listed: str, seen: str) -> bool:
    """Return whether two names of a `make`, `model` or `colour` mean the same.

    A model agrees with a closer word on it: `Golf` with `Golf GTI`, but not `Golf` with `Polo`.

    >>> agree("model", "Golf", "VOLKSWAGEN_GOLF"), agree("make", "VW", "Volkswagen"), agree("model", "Golf", "Polo")
    (True, True, False)
    """
    match what:
        case "make":
            return make_of(listed) == make_of(seen)
        case "model":
            first, second = sorted((model_of(listed), model_of(seen)), key=len)
            return "".join(first) == "".join(second) or (bool(first) and second[: len(first)] == first)
        case "colour":
            return colour_of(listed) == colour_of(seen)
        case _:
            return words_of(listed) == words_of(seen)


def contradicts(listed: Mapping[str, str], vehicle: str | None) -> bool:
    """Return whether a camera saw another make, model or colour than is listed; silence contradicts nothing.

    Parameters
    ----------
    vehicle : str or None
        What the camera says of the vehicle, as JSON.

    >>> contradicts({"colour": "red"}, '{"colour":"blue"}'), contradicts({"colour": "red"}, '{"make":"VW"}')
    (True, False)
    """
    try:
        seen = None if vehicle is None else msgspec.json.decode(vehicle)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    if not isinstance(seen, dict):
        return False
    pairs = ((what, listed.get(what, ""), str(seen.get(what) or "")) for what in COMPARED)
    return any(bool(one and other) and not agree(what, one, other) for what, one, other in pairs)


def _make_at_start(words: tuple[str, ...]) -> tuple[str, int] | None:
    """Return the make with which words begin, and how many they are."""
    for length in range(min(_LONGEST_NAME, len(words)), 0, -1):
        make = _MAKE_OF.get(" ".join(words[:length]))
        if make is not None:
            return make, length
    return None
