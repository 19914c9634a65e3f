"""Lengths of time as documents write them.

ISO 8601 durations, with calendar months counted in UTC.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US, from_datetime, to_datetime
from wicketgate.base.errors import InputError

_FORM = re.compile(
    r"P(?=.)(?:(?P<w>\d{1,4})W"
    r"|(?:(?P<y>\d{1,3})Y)?(?:(?P<mo>\d{1,4})M)?(?:(?P<d>\d{1,5})D)?"
    r"(?:T(?=.)(?:(?P<h>\d{1,6})H)?(?:(?P<mi>\d{1,8})M)?(?:(?P<s>\d{1,10})(?:\.(?P<f>\d{1,6}))?S)?)?)",
    re.ASCII,
)
_MAX_MONTHS = 1200
_MAX_US = 36_525 * DAY_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A length of time: calendar months, and then microseconds.

    Attributes
    ----------
    months : int
        Calendar months (a year is twelve), 0 to 1,200.
    us : int
        Microseconds (a day is 24 hours, a week seven days), 0 to those of 36,525 days.
    """

    months: int = 0
    us: int = 0

    def __str__(self) -> str:
        return format_period(self)


def parse_period(text: str) -> Period:
    """Return the period of an ISO 8601 duration.

    Examples are `P3M`, `P28D`, `PT60S`, `P1Y` and `P4W`. Designators are upper case; only seconds may have decimals, at
    most six; weeks stand alone; there is no sign, and at least one number. At most 100 years.

    Raises
    ------
    InputError
        If `text` is no such duration.

    Examples
    --------
    >>> parse_period("P1Y2M"), parse_period("PT1M")
    (Period(months=14, us=0), Period(months=0, us=60000000))
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise InputError(f"`{text[:40]}` is not an ISO 8601 duration such as `P28D`")
    part = {name: int(number) for name, number in match.groupdict("0").items() if name != "f"}
    months = part["y"] * 12 + part["mo"]
    us = (part["w"] * 7 + part["d"]) * DAY_US
    us += part["h"] * HOUR_US + part["mi"] * MINUTE_US + part["s"] * SECOND_US
    us += int((match["f"] or "").ljust(6, "0"))
    if months > _MAX_MONTHS or us > _MAX_US:
        raise InputError(f"`{text[:40]}` is longer than 100 years")
    return Period(months=months, us=us)


def format_period(period: Period) -> str:
    """Return a period as an ISO 8601 duration.

    `parse_period` reads it back.

    >>> format_period(Period(months=15, us=90_500_000))
    'P1Y3MT1M30.5S'
    """
    years, months = divmod(period.months, 12)
    days, rest = divmod(period.us, DAY_US)
    hours, rest = divmod(rest, HOUR_US)
    minutes, rest = divmod(rest, MINUTE_US)
    seconds, us = divmod(rest, SECOND_US)
    date = _joined((years, "Y"), (months, "M"), (days, "D"))
    time = _joined((hours, "H"), (minutes, "M"))
    if us:
        time += f"{seconds}.{us:06d}".rstrip("0") + "S"
    elif seconds:
        time += f"{seconds}S"
    if not date and not time:
        return "PT0S"
    return f"P{date}" + (f"T{time}" if time else "")


def describe_period(period: Period) -> str:
    """Return a period in plain words.

    >>> describe_period(Period(months=12)), describe_period(Period(months=3, us=DAY_US))
    ('1 year', '3 months and 1 day')
    """
    years, months = divmod(period.months, 12)
    days, rest = divmod(period.us, DAY_US)
    hours, rest = divmod(rest, HOUR_US)
    minutes, rest = divmod(rest, MINUTE_US)
    seconds: int | float = rest // SECOND_US if rest % SECOND_US == 0 else rest / SECOND_US
    units = ((years, "year"), (months, "month"), (days, "day"), (hours, "hour"), (minutes, "minute"))
    words = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in units if number]
    if seconds or not words:
        words.append(f"{seconds} second{'' if seconds == 1 else 's'}")
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def add(at_us: int, period: Period) -> int:
    """Return the time one period after `at_us`.

    Months are counted first, on the UTC calendar: the same day of the month and time of day, or the month's
    last day where it has no such day (31 January and a month is 28 or 29 February). Microseconds follow.

    Raises
    ------
    InputError
        If the answer lies beyond the year 9999.
    """
    try:
        if period.months:
            start = to_datetime(at_us)
            year, month = _shift(start.year, start.month, period.months)
            day = min(start.day, calendar.monthrange(year, month)[1])
            at_us = from_datetime(start.replace(year=year, month=month, day=day))
        return from_datetime(to_datetime(at_us + period.us))
    except (ValueError, OverflowError) as error:
        raise InputError("a period that ends beyond the year 9999") from error


def horizon_us(now_us: int, retention: Period) -> int:
    """Return the earliest capture of which the retention has not run out.

    A read is past its term from the moment on that lies one retention after its capture.
    """
    if not retention.months:
        return now_us - retention.us + 1
    # Months differ in length: the first moment is looked for, one retention after which lies beyond now.
    low, high = now_us - longest_us(retention), now_us + 1
    while low < high:
        middle = (low + high) // 2
        if add(middle, retention) > now_us:
            high = middle
        else:
            low = middle + 1
    return low


def never_longer(period: Period, limit: Period) -> bool:
    """Return whether `period` ends no later than `limit`.

    This holds whatever the day on which both begin. The comparison is conservative: months that cancel are compared
    as months, those that remain count with their longest or shortest possible length, whichever is less favourable
    to `period`. So `P1Y` is within `P366D` but not within `P365D`, `P365D` is within `P1Y`, and `P1M` is within
    `P31D` but not `P30D`.
    """
    spare = limit.months - period.months
    if spare >= 0:
        return period.us <= limit.us + _spread(spare)[0]
    return period.us + _spread(-spare)[1] <= limit.us


def longest_us(period: Period) -> int:
    """Return the most microseconds in a period.

    This holds whatever the day on which it begins. This is how lengths are put in one order where powers are
    compared: `P1M` counts as 31 days, `P2M` as 62, `P1Y` as 366. What is `never_longer` than a limit is not longer
    by this measure either.

    >>> longest_us(Period(months=1)) == longest_us(Period(us=31 * DAY_US))
    True
    """
    return _longest_days(period.months) * DAY_US + period.us


@lru_cache(maxsize=256)
def _longest_days(months: int) -> int:
    # The longest begin on the first of a month: later days may be moved back at the end, and only there.
    firsts = _firsts()
    return max(later - first for first, later in zip(firsts[: 400 * 12], firsts[months:], strict=False))


@lru_cache(maxsize=1)
def _firsts() -> tuple[int, ...]:
    """Return the first days of the months of 500 years, as numbers.

    The calendar repeats after 400 years; the rest is for the longest period.
    """
    return tuple(
        (_first(2000 + years, month) - _first(2000, 1)).days for years in range(501) for month in range(1, 13)
    )


@lru_cache(maxsize=256)
def _spread(months: int) -> tuple[int, int]:
    """Return the fewest and most microseconds in `months` months.

    The calendar's 400 years are looked at. Both ends may have been moved back to a month's last day, so the difference
    of the months' lengths counts.
    """
    if months == 0:
        return 0, 0
    fewest, most = 10**9, 0
    for index in range(400 * 12):
        year, month = _shift(2000, 1, index)
        later_year, later_month = _shift(year, month, months)
        days = (_first(later_year, later_month) - _first(year, month)).days
        change = calendar.monthrange(later_year, later_month)[1] - calendar.monthrange(year, month)[1]
        fewest = min(fewest, days + min(0, change))
        most = max(most, days + max(0, change))
    return fewest * DAY_US, most * DAY_US


def _first(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


def _shift(year: int, month: int, months: int) -> tuple[int, int]:
    years, index = divmod(month - 1 + months, 12)
    return year + years, index + 1


def _joined(*parts: tuple[int, str]) -> str:
    return "".join(f"{number}{unit}" for number, unit in parts if number)
