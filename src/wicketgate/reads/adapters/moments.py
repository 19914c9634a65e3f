"""The times of devices, in the many forms in which they write them.

Nothing is guessed in silence: a time that can be read in two ways is an `InputError`, and one without a zone stays
without. The zones of a region's name are those of the `tzdata` package.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Final, Literal

from wicketgate.base.clock import to_datetime
from wicketgate.base.errors import InputError
from wicketgate.base.hours import load_zone

Order = Literal["day-first", "month-first"]
"""What a maker documents of dates that end with their year."""

_FIRST_S: Final = 946_684_800  # 2000-01-01T00:00:00Z
_END_S: Final = 4_102_444_800  # 2100-01-01T00:00:00Z
# No two of these ranges touch: each unit's last moment is a tenth of the next unit's first or less.
_UNITS: Final = tuple((_FIRST_S * per_s, _END_S * per_s, per_s) for per_s in (1, 10**3, 10**6, 10**9))
_LONGEST: Final = 96

_NUMBER: Final = re.compile(r"[0-9]{9,20}(\.[0-9]{1,12})?")
_OF_DAY: Final = r" ?(?P<half>[AaPp]\.?[Mm]\.?)?"
_ZONE: Final = (
    r" ?(?P<zone>[Zz]|(?:GMT|UTC|UT)? ?[+-](?:[0-9]{2}:?[0-9]{2}|[0-9]{1,2}(?::[0-9]{2})?)|GMT|UTC|UT)?"
    r" ?(?:\[(?P<region>[A-Za-z0-9_+/-]{1,48})\]|\([A-Za-z ]{1,40}\))?"
)
_PACKED: Final = re.compile(
    r"(?P<year>[0-9]{4})(?P<apart>[-/.]?)(?P<month>[0-9]{2})(?P=apart)(?P<day>[0-9]{2})[Tt ]?"
    r"(?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2}):?(?P<second>[0-9]{2})(?:[.,]?(?P<part>[0-9]{1,9}))?"
    + _OF_DAY
    + _ZONE
)
_APART: Final = re.compile(
    r"(?P<year>[0-9]{4})(?P<apart>[-/.])(?P<month>[0-9]{1,2})(?P=apart)(?P<day>[0-9]{1,2})(?:[Tt]|[ ,_]{1,3})"
    r"(?P<hour>[0-9]{1,2})(?P<colon>[:.-])(?P<minute>[0-9]{1,2})(?P=colon)(?P<second>[0-9]{1,2})"
    r"(?:(?:[.,]|(?P=colon))(?P<part>[0-9]{3,9}|(?<=[.,])[0-9]{1,2}))?" + _OF_DAY + _ZONE
)
_YEAR_LAST: Final = re.compile(
    r"(?P<first>[0-9]{1,2})[-/.](?P<second>[0-9]{1,2})[-/.](?P<year>[0-9]{4})(?:T|[ ,_]{1,3})(?P<clock>.+)"
)
_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH: Final = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]{{0,6}}"
_NAMED: Final = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # Sun, 29 Nov 2026 15:42:10 GMT
        rf"(?:[a-z]{{3,9}},? )?(?P<day>[0-9]{{1,2}})[ -]{_MONTH}[ -](?P<year>[0-9]{{4}}),? (?P<clock>[0-9].+)",
        # Sun Nov 29 2026 15:42:10 GMT+0000
        rf"(?:[a-z]{{3,9}},? )?{_MONTH} +(?P<day>[0-9]{{1,2}}),? (?P<year>[0-9]{{4}}),? (?P<clock>[0-9].+)",
        # Sun Nov 29 15:42:10 2026
        rf"(?:[a-z]{{3,9}},? )?{_MONTH} +(?P<day>[0-9]{{1,2}}) (?P<clock>[0-9:.]+) (?P<year>[0-9]{{4}})",
    )
)


def moment(value: Any, order: Order | None = None) -> datetime:
    """Return the time in a device's text.

    Parameters
    ----------
    value : str, int or float
        A number is a count since 1970-01-01T00:00Z; its unit (s, ms, µs, ns) is the only one that puts it in the
        years 2000 to 2099. A text is such a number, or a date that begins with its year, names its month, or ends
        with its year and can be read in one way alone.
    order : Order, optional
        What the maker documents of dates that end with their year.

    Returns
    -------
    datetime
        Aware, or naive where the text has no zone. Digits beyond microseconds are cut. Of an offset and the name of a
        region beside it the offset counts.

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
    if len(text) > _LONGEST:
        raise InputError("the time of capture is in no form that is known")
    return _written(text.replace("\u2212", "-"), order)


def first_moment(*values: Any, order: Order | None = None) -> datetime:
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
            return moment(value, order)
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


def _written(text: str, order: Order | None) -> datetime:
    match = _PACKED.fullmatch(text) or _APART.fullmatch(text)
    if match is None:
        return _rewritten(text, order)
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            raise InputError("the time of capture has an hour that am and pm do not have")
        hour = hour % 12 + (12 if match["half"][0] in "Pp" else 0)
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
        if match["zone"] is not None:
            return at.replace(tzinfo=timezone(_offset(match["zone"])))
    except ValueError as error:
        raise InputError("the time of capture does not exist") from error
    return at if match["region"] is None else in_zone(at, match["region"])


def _offset(zone: str) -> timedelta:
    signed = zone.lstrip("GMTUC ")
    if signed in ("", "Z", "z"):
        return timedelta()
    digits = signed[1:]
    hours, _, minutes = digits.partition(":") if ":" in digits else (digits[:2], "", digits[2:])
    if int(hours) > 14 or int(minutes or 0) > 59:
        raise ValueError
    away = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return -away if signed[0] == "-" else away


def in_zone(at: datetime, name: str) -> datetime:
    """Return a local time in the zone of a name, with the offset that its clocks had then.

    Raises
    ------
    InputError
        If there is no such zone; code `time-ambiguous` where its clocks showed that time twice or never.
    """
    try:
        zone = _zone(name)
    except InputError as error:
        # The text is the device's own: it is not shown.
        raise InputError("the time of capture has a zone that the IANA database does not have") from error
    first, second = (at.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if first is None or first != second:
        raise InputError(
            "the time of capture stands twice or never in its zone: clocks changed then",
            code="time-ambiguous",
        )
    return at.replace(tzinfo=timezone(first), fold=0)


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    return load_zone("Etc/UTC" if name in ("UTC", "GMT", "Z") else name)


def _rewritten(text: str, order: Order | None) -> datetime:
    """Read a date that ends with its year, or whose month is a word, as one that begins with its year."""
    match = _YEAR_LAST.fullmatch(text)
    if match is not None:
        month, day = _in_order(int(match["first"]), int(match["second"]), order)
    else:
        match = next((found for form in _NAMED if (found := form.fullmatch(text))), None)
        if match is None:
            raise InputError("the time of capture is in no form that is known")
        month, day = _MONTHS.index(match["month"].lower()) + 1, int(match["day"])
    again = f"{match['year']}-{month:02d}-{day:02d} {match['clock']}"
    if _PACKED.fullmatch(again) is None and _APART.fullmatch(again) is None:
        raise InputError("the time of capture is in no form that is known")
    return _written(again, order)


def _in_order(first: int, second: int, order: Order | None) -> tuple[int, int]:
    if order == "day-first":
        return second, first
    if order == "month-first":
        return first, second
    if first <= 12 and second <= 12 and first != second:
        raise InputError(
            "the date of capture can be read with the day first or the month first", code="time-ambiguous"
        )
    return (first, second) if first <= 12 else (second, first)
