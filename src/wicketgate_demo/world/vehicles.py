"""The invented vehicles: plates, looks and misreadings.

The plates were never given to anybody. Pure.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

import msgspec

_LETTERS: Final = "ABCDEFGHJKLMNOPRSTUVWXY"
_NEVER_YEAR_LETTERS: Final = "IOUZ"
_FIVE = len(_LETTERS) ** 5
_THREE = len(_LETTERS) ** 3
_CURRENT = 20 * _FIVE
_YEARED = 900 * len(_NEVER_YEAR_LETTERS) * _THREE
# Of 20 vehicles 18 have a plate of the current form, one of the prefix and one of the suffix form.
_FORMS, _CURRENT_FORMS = 20, 18
_MASK = (1 << 64) - 1
# Factors without a divisor in common with the numbers of plates (2, 3, 5, 23): the walk meets each plate once.
_STEP = 78_461_819

CONFUSION_CLASSES: Final = ("0ODQ", "1I", "2Z", "5S", "6G", "8B")
"""Characters that readers take for one another."""

_SWAPS: Final[Mapping[str, str]] = {
    # The commonest swaps that were measured (8>B, Q>0, O>D, 0>D) come most often.
    "8": "B",
    "B": "8",
    "Q": "000O",
    "O": "DDD0",
    "0": "DDDO",
    "D": "O0",
    "1": "I",
    "I": "1",
    "2": "Z",
    "Z": "2",
    "5": "S",
    "S": "5",
    "6": "G",
    "G": "6",
}
_LIKELY: Final = frozenset("8Q0O")
_HOW_LIKELY: Final = 5
_TWICE = 0.2
"""Of the misreads of a plate with several such characters, how many have two of them wrong."""

MODELS: Final = (
    ("Ford", "Fiesta", "car"),
    ("Vauxhall", "Corsa", "car"),
    ("Volkswagen", "Golf", "car"),
    ("Toyota", "Prius", "car"),
    ("Nissan", "Leaf", "car"),
    ("Kia", "Niro", "car"),
    ("BMW", "320", "car"),
    ("Ford", "Transit", "van"),
    ("Mercedes-Benz", "Sprinter", "van"),
    ("LEVC", "TX", "taxi"),
    ("Alexander Dennis", "Enviro400", "bus"),
    ("Scania", "R", "lorry"),
)
COLOURS: Final = ("black", "white", "grey", "blue", "red", "silver", "green")
_MODELS_OF: Final[Mapping[str, tuple[int, ...]]] = {
    "bus": (10,),
    "taxi": (9, 9, 9, 3),
    "delivery": (7, 8, 8, 11),
}
_ANY_CAR = tuple(range(8))


class InventedVehicle(msgspec.Struct, frozen=True, gc=False):
    """One invented vehicle.

    Attributes
    ----------
    number : int
        Its number in the invented population.
    plate : str
        What its plate really says, in normal form.
    make, model, colour, kind : str
        As a camera may see it.
    role : str
        Why it drives: `commuter`, `bus`, `delivery`, `taxi`, `visitor` or `wanted`; `clone` for a vehicle that
        bears the plate of another.
    """

    number: int
    plate: str
    make: str
    model: str
    colour: str
    kind: str
    role: str


def mixed(number: int) -> int:
    """Return 64 random-looking bits of `number`.

    They depend on it alone (the finaliser of splitmix64).
    """
    number = (number + 0x9E3779B97F4A7C15) & _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


def plate_of(number: int) -> str:
    """Return the plate of the vehicle of a number.

    It has UK syntax and seven characters, and was given to no vehicle.

    The age numbers 80 to 99 are for the years from 2030, and I, O, U and Z were never letters of a year. Up to 100
    million different numbers have different plates.
    """
    turn, form = divmod(number, _FORMS)
    if form < _CURRENT_FORMS:
        drawn = (turn * _CURRENT_FORMS + form) * _STEP % _CURRENT
        drawn, age = divmod(drawn, 20)
        letters = _letters(drawn, 5)
        return f"{letters[:2]}{80 + age}{letters[2:]}"
    drawn, year = divmod(turn * _STEP % _YEARED, len(_NEVER_YEAR_LETTERS))
    drawn, digits = divmod(drawn, 900)
    # Three letters whose middle is I or Z would be of Northern Ireland; `_LETTERS` has neither.
    three, letter = _letters(drawn, 3), _NEVER_YEAR_LETTERS[year]
    return f"{letter}{digits + 100}{three}" if form == _CURRENT_FORMS else f"{three}{digits + 100}{letter}"


def _letters(drawn: int, count: int) -> str:
    letters = []
    for _ in range(count):
        drawn, letter = divmod(drawn, len(_LETTERS))
        letters.append(_LETTERS[letter])
    return "".join(letters)


def invent_vehicle(number: int, role: str) -> InventedVehicle:
    """Return the vehicle of a number.

    The same number and role are the same vehicle. About 3 µs.
    """
    bits = mixed(number)
    models = _MODELS_OF.get(role, _ANY_CAR)
    make, model, kind = MODELS[models[bits % len(models)]]
    if role == "bus":
        colour = "red"
    elif kind == "taxi":
        colour = "black"
    else:
        colour = COLOURS[(bits >> 16) % len(COLOURS)]
    return InventedVehicle(number, plate_of(number), make, model, colour, kind, role)


def spaced(plate: str) -> str:
    """Return a plate with its space, as painted."""
    at = 3 if plate[:3].isalpha() else 4
    return f"{plate[:at]} {plate[at:]}"


def misread(plate: str, chance: random.Random) -> str | None:
    """Return a misread plate, or None.

    One or two characters are taken for others of their class. It is None if the plate has none of a class.
    """
    places = [place for place, character in enumerate(plate) if character in _SWAPS]
    if not places:
        return None
    wrong = list(plate)
    likely = [place for place in places if plate[place] in _LIKELY] * (_HOW_LIKELY - 1) + places
    first = likely[int(chance.random() * len(likely))]
    wrong[first] = _swapped(plate[first], chance)
    if len(places) > 1 and chance.random() < _TWICE:
        others = [place for place in places if place != first]
        second = others[int(chance.random() * len(others))]
        wrong[second] = _swapped(plate[second], chance)
    return "".join(wrong)


def _swapped(character: str, chance: random.Random) -> str:
    others = _SWAPS[character]
    return others[int(chance.random() * len(others))]


def lookalike(plate: str) -> str | None:
    """Return another plate of the same form, or None.

    It differs in a D or an O alone. It is None if there is no such letter.
    """
    for place, character in enumerate(plate):
        if character in "DO" and plate[:1] not in _NEVER_YEAR_LETTERS and place != len(plate) - 1:
            return f"{plate[:place]}{'O' if character == 'D' else 'D'}{plate[place + 1 :]}"
    return None
