"""The values of devices: confidences, colours, ids, images.

Nothing is guessed in silence: what cannot be known is None, an `InputError`, or a mark.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final, Literal, TypeVar

from wicketgate.base.errors import InputError
from wicketgate.reads.observations import Unreadable

MAX_TEXT: Final = 64
MAX_ID: Final = 64
MAX_IMAGE: Final = 4 * 1024 * 1024
MAX_VEHICLES: Final = 256
"""Vehicles in one payload."""

Scale = Literal["fraction", "percent", "undocumented"]
"""What a maker documents of its confidences: from 0 to 1, from 0 to 100, or nothing."""

_DECIMAL: Final = re.compile(r"[0-9]{1,9}(?P<part>\.[0-9]{1,20})? ?(?P<percent>%)?")
_DIGITS: Final = re.compile(r"[+-]?[0-9.]+")

_UNKNOWN: Final = frozenset(
    {"", "-", "0", "n/a", "na", "nil", "none", "null", "other", "undefined", "unk", "unknown"}
)

_COLOUR_SIGNS: Final = re.compile("[蓝藍黄黃白黑绿綠](?:[色牌]){0,2}[ :_-]?")
_COLOUR_WORD: Final = re.compile(
    r"(?P<word>blue|yellow|white|black|green|red|orange)(?P<apart>[ :_-]*)(?P<rest>.{2,})",
    re.IGNORECASE | re.DOTALL,
)

_BASE64: Final = re.compile(r"data:[a-z]+/[a-z+.-]+;base64,", re.IGNORECASE)


def confidence(value: Any, scale: Scale) -> tuple[float | None, tuple[str, ...]]:
    """Return a confidence from 0 to 1, and its marks.

    The marks say what reading it took.

    Parameters
    ----------
    value
        A number, its text, a text with a percent sign, or a list for each character (or its text, with commas): then
        the smallest of them is taken, for a plate is no surer than its least sure character.
    scale : Scale
        What the maker documents. A number outside it is not stretched to fit, nor are decimals up to 1 taken where
        percents are documented (0.97 is hardly one in a hundred): it is None, marked `confidence-off-scale`. Where
        nothing is documented, decimals from 0 to 1 are a fraction and whole numbers from 2 to 100 are percents,
        marked `confidence-scale-assumed`.
    """
    if isinstance(value, str) and "," in value:
        value = value.split(",")
    if isinstance(value, list):
        read = [_one_confidence(one, scale) for one in value[:64] if one not in ("", None)]
        surest = [one for one, _ in read if one is not None]
        if not read:
            return None, ("confidence-unknown",)
        if len(surest) < len(read):
            return None, ("confidence-off-scale",)
        return min(surest), tuple(dict.fromkeys(mark for _, marks in read for mark in marks))
    return _one_confidence(value, scale)


def confidence_of(value: Any, most: float) -> tuple[float | None, tuple[str, ...]]:
    """Return a confidence from 0 to 1 of a device that counts to another number, such as 255, and its marks."""
    if most == 1:
        return confidence(value, "fraction")
    if most == 100:
        return confidence(value, "percent")
    text = f"{value:.9f}" if isinstance(value, float) else short_text(value)
    match = _DECIMAL.fullmatch(text)
    if match is None or match["percent"]:
        return None, ("confidence-off-scale" if _DIGITS.match(text) else "confidence-unknown",)
    number = float(text)
    return (round(number / most, 12), ()) if number <= most else (None, ("confidence-off-scale",))


def _one_confidence(value: Any, scale: Scale) -> tuple[float | None, tuple[str, ...]]:
    text = f"{value:.9f}" if isinstance(value, float) else short_text(value)
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None, ("confidence-off-scale" if _DIGITS.match(text) else "confidence-unknown",)
    number = float(text.rstrip("% "))
    if match["percent"]:
        return (round(number / 100, 12), ()) if number <= 100 else (None, ("confidence-off-scale",))
    if scale == "fraction":
        return (number, ()) if number <= 1 else (None, ("confidence-off-scale",))
    if scale == "percent":
        doubtful = bool(match["part"]) and number <= 1
        return (
            (round(number / 100, 12), ())
            if number <= 100 and not doubtful
            else (None, ("confidence-off-scale",))
        )
    if match["part"] and number <= 1:
        return number, ("confidence-scale-assumed",)
    if not match["part"] and 2 <= number <= 100:
        return round(number / 100, 12), ("confidence-scale-assumed",)
    return None, ("confidence-off-scale",)


def without_colour(plate: str, colour: str = "") -> tuple[str, tuple[str, ...]]:
    """Return a plate's text without a colour before it, and a mark.

    The device wrote the colour; the mark says so.

    Parameters
    ----------
    plate : str
        As the device wrote it.
    colour : str
        What the device says of the plate's colour elsewhere. An English word is taken for a colour if it has small
        letters and the plate behind it has none; or if it stands apart and is this colour, or has five characters
        with letters and digits behind it. RED 123A is a plate, and so is WHITE1.

    Notes
    -----
    Hikvision's SDK puts one Chinese character for the colour before the plate.
    """
    sign = _COLOUR_SIGNS.match(plate)
    if sign is not None and plate[sign.end() :].strip():
        return plate[sign.end() :].strip(), ("colour-prefix-removed",)
    match = _COLOUR_WORD.fullmatch(plate)
    if match is None:
        return plate, ()
    rest = match["rest"]
    small = match["word"] != match["word"].upper() and rest.isupper()
    said = match["word"].lower() == colour.strip().lower() and len(rest) >= 4
    whole = len(rest) >= 5 and not rest.isdigit() and not rest.isalpha()
    if small or (match["apart"] and (said or whole)):
        return rest, ("colour-prefix-removed",)
    return plate, ()


def short_text(value: Any, limit: int = MAX_TEXT) -> str:
    """Return a short text or number without white space around it.

    Its length is bounded; anything else becomes an empty text.
    """
    if isinstance(value, str):
        return value.strip()[:limit]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)[:limit]
    return ""


def plate_text(value: Any) -> str:
    """Return a plate's text as it stands, bounded.

    What is too long stays too long to be a plate.
    """
    return value[:256] if isinstance(value, str) else short_text(value)


def names(*values: Any) -> tuple[str, ...]:
    """Return a payload's names of its camera.

    They are those of `values` that are there, once each, in their order.
    """
    texts = (short_text(value, 128) for value in values if value)
    return tuple(dict.fromkeys(text for text in texts if text and text.lower() not in _UNKNOWN))


def with_channel(device: Any, channel: Any) -> str:
    """Return the name of one channel of a device, `DEVICE-CHANNEL`.

    It is empty if either is unknown.
    """
    of, number = (short_text(device), short_text(channel)) if device and channel else ("", "")
    return f"{of}-{number}" if of and number else ""


def event_id(adapter: str, *parts: str) -> str | None:
    """Return an event's id of at most 64 characters.

    Only the same event of the same device has it. None if a part is empty. The device is one of the parts, so that
    two cameras of one source never collide.
    """
    if not all(parts):
        return None
    text = ":".join((adapter, *parts))
    if len(text) <= MAX_ID:
        return text
    # Lengths keep apart what the separator alone would not: ("a:b", "c") and ("a", "b:c").
    digest = blake2b(b"".join(b"%d:%b" % (len(part), part) for part in map(_encoded, parts)), digest_size=20)
    return f"{adapter}:{digest.hexdigest()}"


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def vehicle(**said: Any) -> dict[str, str] | None:
    """Return a device's words on a vehicle, without empty ones."""
    texts = {name: short_text(value) for name, value in said.items() if value}
    return {name: text for name, text in texts.items() if text.lower() not in _UNKNOWN} or None


def lane(value: Any) -> int | str | None:
    """Return a lane in the form of a native read.

    That is a number of up to 4 digits, or up to 32 characters.
    """
    text = short_text(value)
    if text.lower() in _UNKNOWN:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 4:
        return int(text)
    return text if len(text) <= 32 else None


def said_direction(
    value: Any, meanings: Mapping[str, Literal["towards", "away"]]
) -> Literal["towards", "away"] | None:
    """Return the direction of a maker's word, or None.

    None where the word has no meaning.
    """
    return meanings.get(short_text(value).lower())


def is_image(data: bytes) -> bool:
    """Return whether bytes begin as an image and are not too many.

    They begin as a JPEG, PNG, BMP or WebP does, and are not more than `MAX_IMAGE`.
    """
    return len(data) <= MAX_IMAGE and (
        data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM"))
        or (data.startswith(b"RIFF") and data[8:12] == b"WEBP")
    )


def base64_image(text: Any) -> bytes | None:
    """Return the image in a base64 text, or None.

    Line breaks and a data URL are taken.
    """
    if not isinstance(text, str) or not 16 <= len(text) <= MAX_IMAGE * 3 // 2:
        return None
    head = _BASE64.match(text)
    try:
        data = binascii.a2b_base64(text[head.end() :] if head else text)
    except (binascii.Error, ValueError):
        return None
    return data if is_image(data) else None


_One = TypeVar("_One")


def bounded(found: list[_One]) -> list[_One]:
    """Return the findings in a payload, bounded.

    Raises
    ------
    InputError
        If that is more than `MAX_VEHICLES`.
    """
    if len(found) > MAX_VEHICLES:
        raise InputError(f"more than {MAX_VEHICLES} vehicles in one payload")
    return found


def unreadable(cameras: tuple[str, ...], fault: InputError, kept: Mapping[str, Any]) -> Unreadable:
    """Return the quarantine's record in place of an observation.

    Of `kept` it has short texts and numbers alone.
    """
    plain = {name: text for name, value in kept.items() if (text := short_text(value, 256))}
    return Unreadable(cameras=cameras, code=fault.code, detail=fault.detail, kept=plain)


def marks(*groups: Iterable[str]) -> tuple[str, ...]:
    """Return marks in alphabetical order, once each."""
    return tuple(sorted({mark for group in groups for mark in group}))
