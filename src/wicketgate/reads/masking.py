"""The masking of a public text before it is published.

Pure. No plate may stand in anything public (law 5), nor should an address or a number by which somebody can be
reached. docs/spec/responses.md says what is found, and what a machine cannot find.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from wicketgate.reads.plates import ALIKE, UkKind, kind, normal_form

PLATE: Final = "[number plate]"
EMAIL: Final = "[e-mail address]"
PHONE: Final = "[phone number]"

_LONGEST: Final = 7
_CONFUSED_FROM: Final = 5  # shorter plates with 0 for O, or 1 for I, cannot be told from words
_MOST_CONFUSED: Final = 2
_OTHER: Final = {pair[place]: pair[1 - place] for pair in ALIKE for place in (0, 1)}
_GAP: Final = 3
_MARKS: Final = frozenset("_/*'+|\u2019")

_email = re.compile(
    r"[^\s@<>()\[\],;:\"]{1,64}\s?@\s?[^\W_](?:[\w-]{0,62}\.)+[^\W\d_][\w-]{0,62}", re.UNICODE
)
_phone = re.compile(
    r"(?<![\w+])(?:(?:\(?\+|\(?00)(?:[\s().\-/\u2010-\u2015]{0,3}\d){8,15}|\(?0(?:[\s().\-/\u2010-\u2015]{0,3}\d){8,10})"
    r"(?!\d)"
)
_long_number = re.compile(r"(?<!\d)\d{10,15}(?!\d)")
_piece = re.compile(r"[^\W_]+")

_SHORT_WORDS: Final = """
    a about act ad ago all am an and any are art as at age aim be big bn box bus but by c can cap car cm co cut d day
    did do dpa due each eg end est et eu etc ever far few fit fix for from g gb gdp get go got h ha had has hc he her
    him his hl ho hr hrs how i ico ie if ii iii in into is it its job k kb kg km kph law led let ltd m man max may mb
    me men met mid min mm mon mp mph mps my n nd new no nor not now num o of off old on one or our out own p pc pm para
    par pay per pp pt q ran rd reg rep road run s saw say sch sec see set she si six so ss st sun t ten tfl th than the
    then they to too top try tue two uk un up us use v van vs war was way we wed who why win with won x y yet yr yrs you
    jan feb mar apr jun jul aug sep oct nov dec sat thu fri bad art ask add
"""
_WORDS: Final = frozenset(_SHORT_WORDS.split())
"""Short English words and abbreviations: `in 2007` and `by 28 May` are no plates, though they have the form of one."""
_SUFFIXES: Final = (
    "st nd rd th am pm m km cm mm ft kg g k mb gb kb mph kph h hr hrs min s d p pc bn mn yr yrs pp x D G K"
)
_UNITS: Final = frozenset(_SUFFIXES.split())
_ROADS: Final = re.compile(r"[ABM][1-9][0-9]{0,3}")
_WRITTEN_APART: Final = frozenset({UkKind.CURRENT, UkKind.PREFIX, UkKind.SUFFIX, UkKind.Q})
_UNBROKEN: Final = frozenset(UkKind) - {UkKind.TRADE}


@dataclass(frozen=True, slots=True)
class _Piece:
    """A run of letters and digits: its place, text and normal form."""

    start: int
    end: int
    text: str
    plain: str

    @property
    def is_word(self) -> bool:
        return self.text.lower() in _WORDS

    @property
    def is_upper(self) -> bool:
        return not any(character.islower() for character in unicodedata.normalize("NFKC", self.text))


def mask(text: str) -> str:
    """Return a text with plates, e-mail addresses and phone numbers masked.

    Masking again changes nothing. About 0.2 ms for 1,000 characters.

    >>> mask("My car AB12 CDE was read on the A40 in 2007; write to me@example.org or 020 7946 0123.")
    'My car [number plate] was read on the A40 in 2007; write to [e-mail address] or [phone number].'
    """
    text = _email.sub(EMAIL, text)
    text = _long_number.sub(PHONE, _phone.sub(PHONE, text))
    while (masked := _without_plates(text)) != text:
        text = masked
    return text


def _without_plates(text: str) -> str:
    parts: list[str] = []
    reached = 0
    for start, end in _plates_in(text):
        if start >= reached:
            parts += [text[reached:start], PLATE]
        # Windows that overlap are masked as one: of `to A123 BCD` nothing may be left over.
        reached = max(reached, end)
    return "".join([*parts, text[reached:]])


def _plates_in(text: str) -> list[tuple[int, int]]:
    pieces = [
        _Piece(match.start(), match.end(), match.group(), normal_form(match.group()))
        for match in _piece.finditer(text)
    ]
    return sorted(
        (pieces[first].start, pieces[last].end)
        for first in range(len(pieces))
        for last in _ends(text, pieces, first)
    )


def _ends(text: str, pieces: Sequence[_Piece], first: int) -> Iterator[int]:
    """Yield the last piece of each window read as a plate.

    Windows begin at `first`.
    """
    plain, glued = "", True
    for last in range(first, min(first + _LONGEST, len(pieces))):
        if last > first:
            gap = text[pieces[last - 1].end : pieces[last].start]
            if not _is_gap(gap):
                return
            glued = glued and all(unicodedata.category(character) == "Cf" for character in gap)
        plain += pieces[last].plain
        if len(plain) > _LONGEST:
            return
        if _reads_alone(pieces, first, plain) if glued else _reads_apart(text, pieces, first, last, plain):
            yield last


def _is_gap(gap: str) -> bool:
    """Return whether the text between two pieces may stand within a plate."""
    return len(gap) <= _GAP and (not normal_form(gap).strip("\u200c\u200d\u200e\u200f") or gap in _MARKS)


def _reads_alone(pieces: Sequence[_Piece], first: int, plain: str) -> bool:
    """Return whether a text without gaps reads as a plate, in whatever case."""
    written = pieces[first].text
    if kind(plain) is None:
        return _is_confused(plain)
    digits = len(written) - len(written.lstrip("0123456789"))
    if digits and written[digits:] in _UNITS:
        return False  # `28th`, `30mph`
    # `the M25` is a road; without the article it may be a plate.
    return not (_ROADS.fullmatch(plain) and first and pieces[first - 1].text.lower() == "the")


def _reads_apart(text: str, pieces: Sequence[_Piece], first: int, last: int, plain: str) -> bool:
    """Return whether pieces with gaps read as a plate.

    `AB12 CDE` and `KLM 3` do, but not `in 2007`.
    """
    window = pieces[first : last + 1]
    syntax = kind(plain)
    if syntax is None:
        return (
            len(window) == 2
            and all(piece.is_upper for piece in window)
            and _is_confused(plain, _WRITTEN_APART)
        )
    if syntax is UkKind.TRADE:
        return False  # `10 000` is a number
    letters = [piece for piece in window if piece.plain.isalpha()]
    if any(piece.is_word and piece.text.islower() for piece in letters) and any(
        piece.is_upper and not piece.plain.isdigit() for piece in window
    ):
        return False  # `is 12 AB 34`: the plate begins behind the word
    if len(window) == 2 and syntax in _WRITTEN_APART and not all(piece.is_word for piece in letters):
        return True
    if all(piece.is_upper for piece in window):
        # Nobody writes words so, but for `I 100 per cent` and `A 28 day limit`.
        return not (letters == window[:1] and window[0].text in {"A", "I"} and _goes_on(text, pieces, last))
    return not all(piece.is_word for piece in letters)


def _goes_on(text: str, pieces: Sequence[_Piece], last: int) -> bool:
    """Return whether a word in lower case follows."""
    if last + 1 >= len(pieces) or not _is_gap(text[pieces[last].end : pieces[last + 1].start]):
        return False
    follows = pieces[last + 1].text
    return follows.isalpha() and follows.islower()


def _is_confused(plain: str, kinds: Container[UkKind | None] = _UNBROKEN) -> bool:
    """Return whether a text reads as a plate of some kinds, once confused.

    0 and O, or 1 and I, are taken for one another.
    """
    if not _CONFUSED_FROM <= len(plain) <= _LONGEST or plain.isalpha() or plain.isdigit():
        return False
    places = [place for place, character in enumerate(plain) if character in _OTHER]
    for flips in range(1, min(_MOST_CONFUSED, len(places)) + 1):
        for chosen in combinations(places, flips):
            way = "".join(_OTHER[c] if place in chosen else c for place, c in enumerate(plain))
            if kind(way) in kinds:
                return True
    return False
