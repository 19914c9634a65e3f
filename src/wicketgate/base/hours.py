"""Hours of the week in a named time zone, as exact windows of capture times.

A capture is inside when a clock on the wall of that zone showed a time inside. So a local time that a change
of the clock skips never comes, and a local time that comes twice is inside both times. The zones are those of
the `tzdata` package, never the machine's own, so that every machine decides alike.
"""

from __future__ import annotations

import importlib.resources
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US, to_datetime
from wicketgate.base.errors import InputError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Names of the days as documents write them; their places are the numbers of `Hours.days`."""

_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_EARLIEST_US = 0
_LATEST_US = 253_370_764_800_000_000  # the beginning of the year 9999: later local times do not exist
_STEP_US = 6 * HOUR_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Hours of the week.

    Attributes
    ----------
    zone : str
        A name of the IANA time zone database, such as `Europe/London`.
    days : frozenset of int
        The days on which the hours begin, Monday is 0.
    from_minute, until_minute : int
        Minutes after local midnight, half-open, 0 to 1,440. When `until_minute` is not after `from_minute`
        the hours run past midnight, into the day after.
    """

    zone: str
    days: frozenset[int]
    from_minute: int
    until_minute: int


def parse_hours(zone: str, days: Iterable[str], from_text: str, until_text: str) -> Hours:
    """Return hours from the words of a document.

    For instance `("Europe/London", ["mon"], "07:00", "19:00")`.

    Raises
    ------
    InputError
        If the zone or a day is unknown, no day is named, or a time is not `HH:MM` from 00:00 to 24:00.
    """
    load_zone(zone)
    named = list(days)
    unknown = [day for day in named if day not in DAYS]
    if unknown or not named or len(set(named)) != len(named):
        raise InputError(f"days are distinct ones of {', '.join(DAYS)}")
    return Hours(
        zone=zone,
        days=frozenset(DAYS.index(day) for day in named),
        from_minute=parse_minute(from_text, most=1439),
        until_minute=parse_minute(until_text, most=1440),
    )


def parse_minute(text: str, *, most: int) -> int:
    """Return the minutes after midnight of a time of day, such as `07:00`.

    Raises
    ------
    InputError
        If it is not `HH:MM`, or later than `most`.
    """
    match = _TIME.fullmatch(text)
    minute = int(match[1]) * 60 + int(match[2]) if match else most + 1
    if minute > most:
        raise InputError(f"`{text[:10]}` is not a time of day such as `07:00`")
    return minute


def describe_hours(hours: Hours) -> str:
    """Return hours in plain words.

    >>> describe_hours(Hours(zone="Europe/London", days=frozenset({0}), from_minute=420, until_minute=1140))
    'mon 07:00 to 19:00 (Europe/London)'
    """
    days = "every day" if len(hours.days) == 7 else ", ".join(DAYS[day] for day in sorted(hours.days))
    begin = f"{hours.from_minute // 60:02d}:{hours.from_minute % 60:02d}"
    end = f"{hours.until_minute // 60:02d}:{hours.until_minute % 60:02d}"
    after = " the day after" if hours.until_minute <= hours.from_minute else ""
    return f"{days} {begin} to {end}{after} ({hours.zone})"


def both(one: NDArray[np.int64], two: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the windows that lie within two lists of windows, each as `windows` returns them."""
    edges = np.unique(np.concatenate([one.ravel(), two.ravel()]))
    inside = [
        edge
        for edge in edges
        if all(np.searchsorted(some.ravel(), edge, side="right") % 2 for some in (one, two))
    ]
    ends = dict(itertools.pairwise(edges.tolist()))
    return np.array([(begin, ends[int(begin)]) for begin in inside], dtype=np.int64).reshape(-1, 2)


def windows(
    valid_from_us: int,
    valid_until_us: int,
    hours: tuple[Hours, ...],
    span_from_us: int,
    span_until_us: int,
) -> NDArray[np.int64]:
    """Return the windows of capture times within validity, hours and a span.

    Parameters
    ----------
    valid_from_us, valid_until_us : int
        The validity, half-open, microseconds since the epoch.
    hours : tuple of Hours
        A capture inside any of them is inside; none at all means every hour.
    span_from_us, span_until_us : int
        What the caller wants to know about, half-open: it bounds the size of the answer.

    Returns
    -------
    (w, 2) int64
        Half-open windows, ascending, disjoint, those that touch merged.

    Raises
    ------
    InputError
        If a zone is unknown.

    Notes
    -----
    O(w log w) and some 1,500 questions to the zone for each year of the span. Offsets are sampled every six
    hours and bisected to the second; two changes that cancel out within six hours would be missed, and no
    zone has ever had them.
    """
    begin = max(valid_from_us, span_from_us, _EARLIEST_US)
    end = min(valid_until_us, span_until_us, _LATEST_US)
    if begin >= end:
        return np.empty((0, 2), dtype=np.int64)
    if not hours:
        return np.array([[begin, end]], dtype=np.int64)
    parts = [
        _local_windows(item, segment_from, segment_until, offset_us)
        for item in hours
        for segment_from, segment_until, offset_us in _segments(load_zone(item.zone), begin, end)
    ]
    return _merged(np.concatenate(parts))


@lru_cache(maxsize=1024)
def load_zone(name: str) -> tzinfo:
    """Return a zone of the `tzdata` package.

    Raises
    ------
    InputError
        If there is no such zone.
    """
    if name not in _zone_names():
        raise InputError(f"`{name[:40]}` is no time zone of the IANA database")
    place = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
    with place.open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    text = importlib.resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(text.split())


def _offset_us(zone: tzinfo, at_us: int) -> int:
    offset = to_datetime(at_us).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) * SECOND_US


def _segments(zone: tzinfo, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (from, until, offset) for each stretch of one offset."""
    start, offset, at = begin, _offset_us(zone, begin), begin
    while at < end:
        following = min(at + _STEP_US, end)
        other = _offset_us(zone, following)
        if other != offset:
            # Changes happen at whole seconds: `low` still has the old offset, `high` has another.
            low, high = at // SECOND_US, following // SECOND_US
            while high - low > 1:
                middle = (low + high) // 2
                if _offset_us(zone, middle * SECOND_US) == offset:
                    low = middle
                else:
                    high = middle
            change = high * SECOND_US
            yield start, change, offset
            start, offset, at = change, _offset_us(zone, change), change
        else:
            at = following
    yield start, end, offset


def _local_windows(hours: Hours, begin: int, end: int, offset_us: int) -> NDArray[np.int64]:
    """Return the windows of one span with one offset.

    Within it local days are simple arithmetic.
    """
    # Hours that began the day before may reach into the span.
    days = np.arange((begin + offset_us) // DAY_US - 1, (end + offset_us) // DAY_US + 1, dtype=np.int64)
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    days = days[np.isin(weekday, sorted(hours.days))]
    length = hours.until_minute - hours.from_minute
    if length <= 0:
        length += 1440
    start = days * DAY_US + hours.from_minute * MINUTE_US - offset_us
    both = np.stack([start.clip(begin, end), (start + length * MINUTE_US).clip(begin, end)], axis=1)
    return both[both[:, 0] < both[:, 1]]


def _merged(parts: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(parts) == 0:
        return parts
    parts = parts[np.argsort(parts[:, 0], kind="stable")]
    reach = np.maximum.accumulate(parts[:, 1])
    opens = np.concatenate([[True], parts[1:, 0] > reach[:-1]])
    first = np.flatnonzero(opens)
    last = np.concatenate([first[1:] - 1, [len(parts) - 1]])
    return np.stack([parts[first, 0], reach[last]], axis=1)
