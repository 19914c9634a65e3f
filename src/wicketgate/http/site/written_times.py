"""Times as people write them: a day and a time of day by a clock on the wall, made exact. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal

from wicketgate.base.clock import from_datetime, to_datetime
from wicketgate.base.hours import load_zone
from wicketgate.pages.phrases import MONTHS

_DAY: Final = re.compile(
    r"(\d{1,2})(?:\s*[/.\-]\s*|\s+)(\d{1,2}|[a-z]{3,9})(?:\s*[/.\-]\s*|\s+)(\d{4})", re.ASCII
)
_ISO: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_TIME: Final = re.compile(r"(\d{1,2})(?:[:.]?(\d{2}))?(?:[:.](\d{2}))?\s*(am|pm)?", re.ASCII)
_DAY_HELP: Final = "enter a day, for example 17/5/2026"
_TIME_HELP: Final = "enter a time of day, for example 14:30"
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


@dataclass(frozen=True, slots=True)
class TimeFault:
    """What is wrong with a day or a time of day, and what to do, without what was written."""

    part: Literal["day", "time"]
    words: str


def read_moment(day: str, time_of_day: str, zone: str) -> int | TimeFault:
    """Return a moment that somebody wrote, in microseconds, or what is wrong with it.

    Parameters
    ----------
    day : str
        `17/5/2026`, `17 May 2026` or `2026-05-17`: the day comes before the month. Years 1970 to 9998.
    time_of_day : str
        `14:30`, `1430`, `2:30pm`, with seconds or without; `24:00` is the end of the day.
    zone : str
        Of the clock on the wall; empty for UTC.

    Notes
    -----
    A time that the clocks skipped, or showed twice, is a fault: nobody guesses which one is meant.

    Examples
    --------
    >>> read_moment("17/5/2026", "2:30 pm", "Europe/London") == read_moment("2026-05-17", "13:30", "")
    True
    >>> read_moment("29 March 2026", "01:30", "Europe/London")
    TimeFault(part='time', words='the clocks skipped this time: enter a later one.')
    """
    found = _day_in(day.strip().lower())
    if isinstance(found, TimeFault):
        return found
    seconds = _seconds_in(time_of_day.strip().lower())
    if isinstance(seconds, TimeFault):
        return seconds
    wall = datetime.combine(found, time()) + timedelta(seconds=seconds)
    if not zone:
        return from_datetime(wall.replace(tzinfo=UTC))
    first, second = (wall.replace(tzinfo=load_zone(zone), fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return from_datetime(first)
    if first.astimezone(UTC).astimezone(first.tzinfo).replace(tzinfo=None) != wall:
        return TimeFault("time", "the clocks skipped this time: enter a later one.")
    return TimeFault("time", "the clocks showed this time twice: enter both times in UTC.")


def written_moment(at_us: int, zone: str) -> tuple[str, str]:
    """Return the day and the time of day that a clock on the wall shows, as `read_moment` takes them.

    >>> written_moment(1_783_468_830_000_000, "Europe/London")
    ('8/7/2026', '01:00:30')
    """
    there = to_datetime(at_us).astimezone(load_zone(zone))
    return f"{there.day}/{there.month}/{there.year}", f"{there:%H:%M:%S}"


def _day_in(text: str) -> date | TimeFault:
    iso, found = _ISO.fullmatch(text), _DAY.fullmatch(text)
    if iso is not None:
        parts = int(iso[1]), int(iso[2]), int(iso[3])
    elif found is not None:
        parts = int(found[3]), _month_in(found[2]), int(found[1])
    else:
        return TimeFault("day", f"{_DAY_HELP}.")
    if not _FIRST_YEAR <= parts[0] <= _LAST_YEAR:
        return TimeFault("day", f"enter a year from {_FIRST_YEAR} on.")
    try:
        return date(*parts)
    except ValueError:
        return TimeFault("day", f"there is no such day: {_DAY_HELP}.")


def _month_in(text: str) -> int:
    if text.isdigit():
        return int(text)
    return next((n for n, name in enumerate(MONTHS, 1) if name.lower().startswith(text)), 0)


def _seconds_in(text: str) -> int | TimeFault:
    """Return a time of day in seconds; 86,400 is the end of the day."""
    found = _TIME.fullmatch(text)
    if found is None or (found[2] is None and found[4] is None):
        return TimeFault("time", f"{_TIME_HELP}.")
    hour, minute, second = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    if found[4] is not None:
        if not 1 <= hour <= 12:
            return TimeFault("time", f"{_TIME_HELP}.")
        hour = hour % 12 + (12 if found[4] == "pm" else 0)
    seconds = (hour * 60 + minute) * 60 + second
    if minute > 59 or second > 59 or seconds > 86_400:
        return TimeFault("time", f"there is no such time of day: {_TIME_HELP}.")
    return seconds
