"""Plates: normal form, packed keys, UK syntax, confusions.

Pure: reaches no clock, file, socket or environment. docs/spec/plates.md is the specification.
A packed key is personal data just as the plate is: it never stands in a log, a metric or anything public.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import Enum, StrEnum
from hashlib import blake2b
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wicketgate.base.errors import ShapeError

MAX_TEXT: Final = 64
"""Characters of raw text that are looked at; longer text is unreadable."""

MAX_PLATE: Final = 16
"""Characters of a plate in normal form; longer ones are unreadable."""

PACKED_CHARACTERS: Final = 12
"""Characters that a key holds exactly: 37**12 is less than 2**63."""

CONFUSED: Final = ("0ODQ", "1I", "2Z", "5S", "6G", "8B")
"""Characters that cameras take for one another: the classes in use (docs/spec/hotlist.md, section 4)."""

ALIKE: Final = ("0O", "1I")
"""Characters that are one glyph on a UK plate; where the syntax decides, the position says which is meant."""

_REPEATED: Final = 4

PLACEHOLDERS: Final = frozenset(
    {
        "EMPTY",
        "ERROR",
        "INVALID",
        "NA",
        "NAN",
        "NIL",
        "NOLICENSE",
        "NOLICENSEPLATE",
        "NONE",
        "NOPLATE",
        "NOREAD",
        "NOTDETECTED",
        "NOTFOUND",
        "NOTREAD",
        "NULL",
        "UNDEFINED",
        "UNIDENTIFIED",
        "UNKNOWN",
        "UNLICENCED",
        "UNLICENSED",
        "UNREAD",
        "UNREADABLE",
        "UNRECOGNISED",
        "UNRECOGNIZED",
    }
)
"""What devices send, in normal form, when they read nothing."""


class PlateFault(Enum):
    """The fault of a text as a plate.

    `value` is the code that the quarantine shows.
    """

    EMPTY = "plate-empty"
    UNREADABLE = "plate-unreadable"


class UkKind(StrEnum):
    """The syntax of a UK plate.

    It is about the look of a plate, not about what was issued.
    """

    CURRENT = "current"
    SUFFIX = "suffix"
    PREFIX = "prefix"
    DATELESS = "dateless"
    Q = "q"
    NORTHERN_IRELAND = "northern-ireland"
    DIPLOMATIC = "diplomatic"
    TRADE = "trade"
    MILITARY = "military"


_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d"
_DOTS = "\u00b7\u2022\u2024\u2027\u2219\u22c5\u30fb\uff65"
_INVISIBLE = "\u00ad\u200b\u2060\ufeff"  # soft hyphen, zero-width space, word joiner, byte order mark
_SPACES = "".join(
    map(chr, [*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000])
)
_EM_SPACES = "".join(map(chr, range(0x2000, 0x200B)))

_SEPARATORS: Final = dict.fromkeys(map(ord, "-." + _DASHES + _DOTS + _INVISIBLE + _SPACES + _EM_SPACES))
_plain = re.compile(rf"[0-9A-Z]{{1,{MAX_PLATE}}}").fullmatch
_short = re.compile(rf"[0-9A-Z]{{0,{PACKED_CHARACTERS}}}").fullmatch


def normal_form(text: str) -> str:
    """Return `text` in NFKC and upper case without separators.

    Separators are white space, hyphens and dashes, full stops and middle dots, and invisible joiners.
    An underscore is none: devices write it for a character that they could not read.
    What is returned need not be a plate; `read_plate` decides that.

    >>> normal_form("ab12-cde"), normal_form("ＡＢ１２ ＣＤＥ")
    ('AB12CDE', 'AB12CDE')
    """
    return unicodedata.normalize("NFKC", text).upper().translate(_SEPARATORS)


def read_plate(text: str) -> str | PlateFault:
    """Return the plate in a camera's text, or its fault.

    The plate is in normal form.

    Parameters
    ----------
    text : str
        Anything. No more than `MAX_TEXT` characters of it are looked at.

    Returns
    -------
    str
        1 to `MAX_PLATE` characters, each an ASCII digit, an ASCII capital or another Latin capital.
        Reading it again gives the same.
    PlateFault
        `EMPTY` if there is nothing but separators; `UNREADABLE` if the text is too long, is a
        placeholder, or holds any other character: scripts are not guessed from one another.

    Notes
    -----
    About 0.3 µs for a text that is in normal form already, 2 µs otherwise.

    Examples
    --------
    >>> read_plate("ab12 cde"), read_plate(" - "), read_plate("N/A")
    ('AB12CDE', <PlateFault.EMPTY: 'plate-empty'>, <PlateFault.UNREADABLE: 'plate-unreadable'>)
    """
    if _plain(text) is not None:
        return text if text not in PLACEHOLDERS else PlateFault.UNREADABLE
    if len(text) > MAX_TEXT:
        return PlateFault.UNREADABLE
    plate = normal_form(text)
    if not plate:
        return PlateFault.EMPTY
    if len(plate) > MAX_PLATE or plate in PLACEHOLDERS:
        return PlateFault.UNREADABLE
    if _plain(plate) is None and not all(map(is_plate_character, plate)):
        return PlateFault.UNREADABLE
    return plate


def is_word(plate: str) -> bool:
    """Return whether a plate in normal form is a word, or one sign again and again: what devices write for none.

    No list of such words ends. Each UK syntax has a digit, and so has nearly every other; where plates without one are
    issued, the source says so of its cameras.

    >>> is_word("UNRECOGNISE"), is_word("0000000"), is_word("AB12CDE"), is_word("1111")
    (True, True, False, False)
    """
    return plate.isalpha() or (len(plate) > _REPEATED and plate == plate[0] * len(plate))


def is_plate_character(character: str) -> bool:
    """Return whether a character may stand in a plate in normal form."""
    if character.isascii():
        return character.isdigit() or character.isupper()
    return unicodedata.name(character, "").startswith("LATIN CAPITAL LETTER ")


# Keys: base 37, the first character most significant, filled up with 0 to 12 characters.

_BASE: Final = 37
_TOP: Final = 1 << 63
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CODES: Final = {character: code for code, character in enumerate(_ALPHABET, 1)}
_CODE_TABLE: Final[NDArray[np.uint8]] = np.zeros(256, dtype=np.uint8)
_CODE_TABLE[np.frombuffer(_ALPHABET.encode(), dtype=np.uint8)] = np.arange(1, _BASE, dtype=np.uint8)
_PAD: Final = "\0"
_CHARACTERS: Final = f"S{PACKED_CHARACTERS}"
_HALF: Final = PACKED_CHARACTERS // 2
_WORTH: Final = np.array([float(_BASE**place) for place in reversed(range(_HALF))])


def pack(plate: str) -> int:
    """Return the 64-bit key of one plate.

    Parameters
    ----------
    plate : str
        A plate in normal form, or the empty text for a read without one.

    Returns
    -------
    int
        0 for the empty text. Below 2**63 for up to 12 characters of 0-9 and A-Z: exact, reversible, and in
        the order of the texts. From 2**63 for everything else: 63 bits of BLAKE2b of the text.

    Notes
    -----
    Equal texts have equal keys and unequal keys prove unequal texts. Equal keys prove equal texts only
    below 2**63: whoever finds two equal keys from 2**63 must compare the texts.

    Examples
    --------
    >>> pack("A") < pack("AB12CDE") < pack("B") < 2**63 <= pack("ŠKODA1")
    True
    """
    if _short(plate) is None:
        digest = blake2b(plate.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(digest, "big") | _TOP
    key = 0
    for character in plate:
        key = key * _BASE + _CODES[character]
    return key * int(_BASE ** (PACKED_CHARACTERS - len(plate)))


def pack_all(plates: Sequence[str]) -> NDArray[np.uint64]:
    """Return the keys of many plates, each as by `pack`.

    Parameters
    ----------
    plates : (n,) sequence of str
        Plates in normal form; the empty text for a read without one.

    Returns
    -------
    (n,) uint64
        Keys, in the order given.

    Notes
    -----
    O(n); about 0.1 µs a plate of at most 12 characters of 0-9 and A-Z, and 1 µs of another.
    """
    keys, exact = _pack_exact(plates)
    for row in (~exact).nonzero()[0].tolist():
        keys[row] = pack(plates[row])
    return keys


def read_plates(
    texts: Sequence[str],
) -> tuple[list[str], NDArray[np.uint64], NDArray[np.bool_]]:
    """Return the plates in cameras' texts, their keys, and which texts hold one.

    Parameters
    ----------
    texts : (n,) sequence of str
        Anything.

    Returns
    -------
    (n,) list of str
        Plates in normal form, each as by `read_plate`; the text itself where it holds none.
    (n,) uint64
        Keys, each as by `pack`; of no meaning where there is no plate.
    (n,) bool
        Which texts hold a plate.

    Notes
    -----
    O(n); about 0.15 µs a text that is a plate of at most 12 characters in normal form already, and 2 µs of another.
    """
    plates = list(texts)
    keys, plain = _pack_exact(texts)
    plain &= keys != 0
    if not PLACEHOLDERS.isdisjoint(plates):
        plain &= ~np.isin(keys, _PLACEHOLDER_KEYS)
    for row in (~plain).nonzero()[0].tolist():
        plate = read_plate(texts[row])
        if not isinstance(plate, PlateFault):
            plates[row], keys[row], plain[row] = plate, pack(plate), True
    return plates, keys, plain


def _pack_exact(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Return the keys of texts of at most 12 characters of 0-9 and A-Z, and which are such texts."""
    try:
        characters = np.array(texts, _CHARACTERS)
    except UnicodeEncodeError:
        characters = np.array([text if text.isascii() else "" for text in texts], _CHARACTERS)
    codes = _CODE_TABLE[characters.view(np.uint8).reshape(-1, PACKED_CHARACTERS)]
    # Padding and characters outside the alphabet have code 0, and what is longer was cut: codes are missing.
    exact = np.count_nonzero(codes, axis=1) == np.fromiter(map(len, texts), np.int64, len(texts))
    # Two halves, each exact in doubles: 37**6 is less than 2**32.
    halves = (codes.reshape(-1, 2, _HALF).astype(np.float64) @ _WORTH).astype(np.uint64)
    return halves[:, 0] * np.uint64(_BASE**_HALF) + halves[:, 1], exact


_PLACEHOLDER_KEYS: Final[NDArray[np.uint64]] = pack_all(
    [text for text in PLACEHOLDERS if len(text) <= PACKED_CHARACTERS]
)


def unpack(key: int) -> str | None:
    """Return the text of an exact key.

    `pack` made it. None for a key from 2**63, which has lost its text.

    Raises
    ------
    ShapeError
        If `pack` gives this number for no text.
    """
    if key & _TOP and 0 < key < 2 * _TOP:
        return None
    if not 0 <= key < _BASE**PACKED_CHARACTERS:
        raise ShapeError("a number outside the range of packed plates")
    codes: list[int] = []
    while key:
        key, code = divmod(key, _BASE)
        codes.append(code)
    text = "".join(_ALPHABET[code - 1] if code else _PAD for code in reversed(codes)).rstrip(_PAD)
    if _PAD in text or (codes and len(codes) < PACKED_CHARACTERS):
        raise ShapeError("a number that is the key of no plate")
    return text


# Where two of these could match, the order of the alternatives decides; tests say that none is ambiguous.
_UK_SYNTAX = re.compile(
    r"(?P<CURRENT>[A-Z]{2}[0-9]{2}[A-Z]{3})"
    r"|(?P<Q>Q[1-9][0-9]{0,2}[A-Z]{3})"
    r"|(?P<PREFIX>[A-PR-Z][1-9][0-9]{0,2}[A-Z]{3})"
    r"|(?P<SUFFIX>[A-Z]{3}[1-9][0-9]{0,2}[A-Z])"
    r"|(?P<NORTHERN_IRELAND>(?=[A-Z]{0,2}[IZ])[A-Z]{3}[1-9][0-9]{0,3})"
    r"|(?P<DIPLOMATIC>[0-9]{3}[DX][0-9]{3})"
    r"|(?P<MILITARY>[0-9]{2}[A-Z]{2}[0-9]{2}|[A-Z]{2}[0-9]{2}[A-Z]{2})"
    r"|(?P<TRADE>[0-9]{5})"
    r"|(?P<DATELESS>[A-Z]{1,2}[1-9][0-9]{0,3}|[A-Z]{3}[1-9][0-9]{0,2}"
    r"|[1-9][0-9]{0,3}[A-Z]{1,2}|[1-9][0-9]{0,2}[A-Z]{3})"
)


def kind(plate: str) -> UkKind | None:
    """Return the UK syntax of a plate in normal form, or None.

    The syntax only: a foreign plate may look like a UK one, and no letter is corrected here. Kinds are
    listed in docs/spec/plates.md, section 4. About 1 µs.

    >>> kind("AB12CDE").value, kind("AIZ1234").value, kind("W999999") is None
    ('current', 'northern-ireland', True)
    """
    match = _UK_SYNTAX.fullmatch(plate)
    if match is None or match.lastgroup is None:
        return None
    return UkKind[match.lastgroup]


_LONGEST_UK: Final = 7
_ALIKE: Final = {character: pair for pair in ALIKE for character in pair}


def position_decides(plate: str) -> bool:
    """Return whether UK syntax settles each 0, O, 1 and I of a plate.

    It says of each which it is. Of all ways to read each 0 or O, and each 1 or I, exactly one must have a UK
    syntax. Nothing is cached: plates of reads are not kept longer than they must be. About 1 µs where there is
    nothing to decide, and 2 µs for each way.

    >>> position_decides("ABI2CDE"), position_decides("A101BCD"), position_decides("W999991")
    (True, False, False)
    """
    return len(_uk_ways(plate)) == 1


def read_by_position(plate: str) -> str:
    """Return a plate as UK syntax settles its 0, O, 1 and I; where it settles nothing, as it is.

    >>> read_by_position("ABI2CDE"), read_by_position("A101BCD"), read_by_position("W999991")
    ('AB12CDE', 'A101BCD', 'W999991')
    """
    if _ALIKE.keys().isdisjoint(plate):
        return plate
    ways = _uk_ways(plate)
    return ways[0] if len(ways) == 1 else plate


def _uk_ways(plate: str) -> list[str]:
    """Return the readings of a plate's 0, O, 1 and I with a UK syntax.

    No more than two of them are returned.
    """
    ways: list[str] = []
    if len(plate) <= _LONGEST_UK:
        for characters in product(*(_ALIKE.get(character, character) for character in plate)):
            way = "".join(characters)
            if _UK_SYNTAX.fullmatch(way) is not None:
                ways.append(way)
                if len(ways) == 2:
                    break
    return ways
