"""Local time beside UTC, for people at a place. Pure.

A wall clock shows some times twice and some never: so UTC comes first, and the local time has its zone's abbreviation.
"""

from __future__ import annotations

from wicketgate.base.clock import to_datetime
from wicketgate.base.hours import load_zone
from wicketgate.pages.phrases import MONTHS, at_us_of, day, moment


def local_moment(value: object, zone: str = "", *, seconds: bool = False) -> str:
    """Return a time in UTC, and beside it what a clock on the wall of a zone shows.

    Parameters
    ----------
    value : object
        Microseconds or RFC 3339; anything else stays as it is.
    zone : str
        A name of the IANA time zone database; empty for UTC alone.

    Examples
    --------
    >>> local_moment("2026-07-04T16:20:00Z", "Europe/London")
    '4 July 2026, 16:20 UTC (17:20 BST)'
    >>> local_moment("2026-07-04T23:20:00Z", "Europe/London")
    '4 July 2026, 23:20 UTC (5 July, 00:20 BST)'
    >>> local_moment("2026-07-04T16:20:00Z")
    '4 July 2026, 16:20 UTC'
    """
    utc = moment(value, seconds=seconds)
    at_us = at_us_of(value)
    if at_us is None or not zone:
        return utc
    there = to_datetime(at_us).astimezone(load_zone(zone))
    shown = f"{there:{'%H:%M:%S' if seconds else '%H:%M'}} {_abbreviation(there.tzname() or '')}"
    same_day = day(at_us) == f"{there.day} {MONTHS[there.month - 1]} {there.year}"
    return f"{utc} ({shown if same_day else f'{there.day} {MONTHS[there.month - 1]}, {shown}'})"


def _abbreviation(name: str) -> str:
    """Return the abbreviation of an offset; where a zone has none, tzdata gives the offset itself: `+04`."""
    return f"UTC{name}" if name[:1] in {"+", "-"} else name
