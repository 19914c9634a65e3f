"""The values of devices: times, confidences, colours, ids, images.

Nothing is guessed in silence: what cannot be known is None, an `InputError`, or a mark.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from typing import Any, Final, Literal, TypeVar

from wicketgate.base.clock import to_datetime
from wicketgate.base.errors import InputError
from wicketgate.reads.observations import Unreadable

MAX_TEXT: Final = 64
MAX_ID: Final = 64
MAX_IMAGE: Final = 4 * 1024 * 1024
MAX_VEHICLES: Final = 256
"""Vehicles in one payload."""

Scale = Literal["fraction", "percent", "undocumented"]
"""What a maker documents of its confidences: from 0 to 1, from 0 to 100, or nothing."""

_FIRST_S: Final = 946_684_800  # 2000-01-01T00:00:00Z
_END_S: Final = 4_102_444_800  # 2100-01-01T00:00:00Z
# No two of these ranges touch: each unit's last moment is a tenth of the next unit's first or less.
_UNITS: Final = tuple((_FIRST_S * per_s, _END_S * per_s, per_s) for per_s in (1, 10**3, 10**6, 10**9))

_NUMBER: Final = re.compile(r"[0-9]{9,20}(\.[0-9]{1,12})?")
_WRITTEN: Final = re.compile(
    r"(?P<year>[0-9]{4})(?P<apart>[-/.]?)(?P<month>[0-9]{2})(?P=apart)(?P<day>[0-9]{2})[Tt ]?"
    r"(?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2}):?(?P<second>[0-9]{2})(?:[.,]?(?P<part>[0-9]{1,9}))?"
    r" ?(?P<half>[AaPp][Mm])? ?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_YEAR_LAST: Final = re.compile(
    r"(?P<first>[0-9]{1,2})[-/.](?P<second>[0-9]{1,2})[-/.](?P<year>[0-9]{4})[T ](?P<clock>.+)"
)
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


def moment(value: Any) -> datetime:
    """Return the time in a device's text.

    Parameters
    ----------
    value : str, int or float
        A number is a count since 1970-01-01T00:00Z; its unit (s, ms, µs, ns) is the only one that puts it in the
        years 2000 to 2099. A text is such a number, or a date that begins with its year, or one that ends with it and
        can be read in one way alone.

    Returns
    -------
    datetime
        Aware, or naive where the text has no zone. Digits beyond microseconds are cut.

    Raises
    ------
    InputError
        Code `time-ambiguous` if day and month may be changed about, else `malformed`.
    """
    if isinstance(value, bool) or value is None:
        raise InputError("no time of capture")
    if isinstance(value, int | float):
        return _counted(value)
    text = value.strip() if isinstance(value, str) else ""
    if _NUMBER.fullmatch(text):
        whole, _, part = text.partition(".")
        if len(whole) not in (
            14,
            17,
        ):  # else written without anything between: 20260704081500, with milliseconds
            return _counted(int(whole) if not part else float(text))
    return _written(text)


def first_moment(*values: Any) -> datetime:
    """Return the first readable one of these times.

    Those that are absent or 0 are passed over.

    Raises
    ------
    InputError
        As `moment` says of the first that is there, if none can be read.
    """
    fault: InputError | None = None
    for value in values:
        if value in (None, "", "0", 0):
            continue
        try:
            return moment(value)
        except InputError as error:
            fault = fault or error
    raise fault or InputError("no time of capture")


def _counted(count: float) -> datetime:
    for first, end, per_s in _UNITS:
        if first <= count < end:
            if isinstance(count, int):
                return to_datetime(count * 1_000_000 // per_s)
            return to_datetime(round(count * (1_000_000 / per_s)))
    raise InputError("the time of capture is a number outside the years 2000 to 2099 in any unit")


def _written(text: str) -> datetime:
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return _year_last(text)
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            raise InputError("the time of capture has an hour that am and pm do not have")
        hour = hour % 12 + (12 if match["half"] in ("PM", "pm", "Pm", "pM") else 0)
    try:
        at = datetime(  # noqa: DTZ001 - whether it has a zone is the device's word
            int(match["year"]),
            int(match["month"]),
            int(match["day"]),
            hour,
            int(match["minute"]),
            int(match["second"]),
            int((match["part"] or "").ljust(6, "0")[:6]),
        )
        if not 1970 <= at.year <= 2200:
            raise ValueError
        return at if match["zone"] is None else at.replace(tzinfo=timezone(_offset(match["zone"])))
    except ValueError as error:
        raise InputError("the time of capture does not exist") from error


def _offset(zone: str) -> timedelta:
    if zone in "Zz":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    if hours > 14 or minutes > 59:
        raise ValueError
    away = timedelta(hours=hours, minutes=minutes)
    return -away if zone[0] == "-" else away


def _year_last(text: str) -> datetime:
    match = _YEAR_LAST.fullmatch(text)
    if match is None:
        raise InputError("the time of capture is in no form that is known")
    first, second = int(match["first"]), int(match["second"])
    if first <= 12 and second <= 12 and first != second:
        raise InputError(
            "the date of capture can be read with the day first or the month first", code="time-ambiguous"
        )
    month, day = (first, second) if first <= 12 else (second, first)
    return _written(f"{match['year']}-{month:02d}-{day:02d} {match['clock']}")


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
