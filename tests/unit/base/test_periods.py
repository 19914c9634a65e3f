from __future__ import annotations

import calendar
import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US, from_datetime, parse_rfc3339, to_datetime
from wicketgate.base.errors import InputError
from wicketgate.base.periods import (
    Period,
    add,
    describe_period,
    format_period,
    longest_us,
    never_longer,
    parse_period,
)

periods = st.builds(
    Period,
    months=st.integers(0, 40) | st.just(1200),
    us=st.integers(0, 800).map(lambda days: days * DAY_US) | st.integers(0, 36_525 * DAY_US),
)
times_us = st.datetimes(datetime(1970, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC)).map(from_datetime)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("P3M", Period(months=3)),
        ("P1Y", Period(months=12)),
        ("P28D", Period(us=28 * DAY_US)),
        ("P4W", Period(us=28 * DAY_US)),
        ("PT60S", Period(us=60 * SECOND_US)),
        ("PT1H", Period(us=HOUR_US)),
        ("PT1M", Period(us=60 * SECOND_US)),
        ("PT0.000001S", Period(us=1)),
        ("PT1.5S", Period(us=1_500_000)),
        ("P0D", Period()),
        ("P1Y2M3DT4H5M6.7S", Period(months=14, us=3 * DAY_US + 4 * HOUR_US + 306_700_000)),
        ("P100Y", Period(months=1200)),
    ],
)
def test_durations_are_parsed(text: str, period: Period) -> None:
    assert parse_period(text) == period


@pytest.mark.parametrize(
    "text",
    [
        "", "P", "PT", "P1", "3M", "p3m", "P-3M", "-P3M", "+P3M", "P3M ", " P3M", "P3M\n", "P1.5D", "P1,5D",
        "PT1,5S", "PT1.S", "PT1.1234567S", "P1W1D", "P1DT", "PT1H1D", "P1H", "PT1D", "P1M1Y", "P101Y",
        "P36526D", "P1201M", "P١D", "P1Y0M0DT", "P99999999999D", "PT99999999999S",
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_period(text)


@given(text=st.text(max_size=30) | st.text(alphabet="PTYMWDHS0123456789.-", max_size=14))
def test_any_text_is_a_period_or_an_input_error(text: str) -> None:
    with contextlib.suppress(InputError):
        assert parse_period(format_period(parse_period(text))) == parse_period(text)


@given(period=periods)
def test_a_period_reads_back(period: Period) -> None:
    assert parse_period(str(period)) == period


def test_periods_in_words() -> None:
    assert describe_period(parse_period("P28D")) == "28 days"
    assert describe_period(parse_period("PT1.5S")) == "1.5 seconds"
    assert describe_period(parse_period("P1Y2M1DT1H1M")) == "1 year, 2 months, 1 day, 1 hour and 1 minute"
    assert describe_period(Period()) == "0 seconds"


@pytest.mark.parametrize(
    ("start", "text", "end"),
    [
        ("2026-01-31T10:00:00Z", "P1M", "2026-02-28T10:00:00Z"),
        ("2028-01-31T10:00:00Z", "P1M", "2028-02-29T10:00:00Z"),
        ("2028-02-29T00:00:00Z", "P1Y", "2029-02-28T00:00:00Z"),
        ("2026-11-30T23:59:59Z", "P3M", "2027-02-28T23:59:59Z"),
        ("2026-07-04T00:00:00Z", "P1Y", "2027-07-04T00:00:00Z"),
        ("2026-12-31T00:00:00Z", "P1M1D", "2027-02-01T00:00:00Z"),
        ("2026-03-28T12:00:00Z", "P1D", "2026-03-29T12:00:00Z"),
        ("2026-07-04T00:00:00.000001Z", "P1M", "2026-08-04T00:00:00.000001Z"),
    ],
)
def test_months_follow_the_calendar_in_utc(start: str, text: str, end: str) -> None:
    assert add(parse_rfc3339(start), parse_period(text)) == parse_rfc3339(end)


def test_a_sum_beyond_the_calendar_is_an_input_error() -> None:
    with pytest.raises(InputError):
        add(parse_rfc3339("9999-12-01T00:00:00Z"), parse_period("P1M"))
    with pytest.raises(InputError):
        add(parse_rfc3339("9999-12-31T00:00:00Z"), parse_period("P1D"))


@given(at_us=times_us, months=st.integers(0, 1200))
def test_months_are_added_as_an_independent_calendar_says(at_us: int, months: int) -> None:
    start, end = to_datetime(at_us), to_datetime(add(at_us, Period(months=months)))
    assert end.year * 12 + end.month == start.year * 12 + start.month + months
    assert end.time() == start.time()
    assert end.day == min(start.day, calendar.monthrange(end.year, end.month)[1])


@given(at_us=times_us, period=periods, limit=periods)
def test_what_is_never_longer_never_ends_later(at_us: int, period: Period, limit: Period) -> None:
    if never_longer(period, limit):
        assert add(at_us, period) <= add(at_us, limit)


@given(period=periods, limit=periods)
def test_a_period_that_is_less_in_both_parts_is_never_longer(period: Period, limit: Period) -> None:
    assert never_longer(period, period)
    if period.months <= limit.months and period.us <= limit.us:
        assert never_longer(period, limit)


@pytest.mark.parametrize(
    ("period", "limit", "within"),
    [
        ("P28D", "P90D", True),
        ("P90D", "P90D", True),
        ("PT2160H0.000001S", "P90D", False),
        ("P1M", "P31D", True),
        ("P1M", "P30D", False),
        ("P28D", "P1M", True),
        ("P29D", "P1M", False),
        ("P365D", "P1Y", True),
        ("P366D", "P1Y", False),
        ("P1Y", "P366D", True),
        ("P1Y", "P365D", False),
        ("P12M", "P1Y", True),
        ("P3M", "P90D", False),
        ("P1M1D", "P2M", True),
        ("P1M29D", "P2M", False),
    ],
)
def test_comparisons_are_conservative(period: str, limit: str, within: bool) -> None:
    assert never_longer(parse_period(period), parse_period(limit)) is within


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("P1M", 31),
        ("P2M", 62),
        ("P3M", 92),
        ("P6M", 184),
        ("P11M", 337),
        ("P1Y", 366),
        ("P4Y", 1461),
        ("P31D", 31),
    ],
)
def test_months_count_as_long_as_they_can_be(text: str, days: int) -> None:
    assert longest_us(parse_period(text)) == days * DAY_US


@given(at_us=times_us, period=periods)
def test_no_period_lasts_longer_than_its_longest(at_us: int, period: Period) -> None:
    assert add(at_us, period) - at_us <= longest_us(period)


@pytest.mark.parametrize("months", [0, 1, 2, 5, 11, 12, 13, 48, 1199, 1200])
def test_the_longest_is_reached_on_some_day(months: int) -> None:
    starts = [
        from_datetime(datetime(2000 + index // 12, index % 12 + 1, 1, tzinfo=UTC)) for index in range(4800)
    ]
    period = Period(months=months)
    assert longest_us(period) == max(add(at_us, period) - at_us for at_us in starts)


@given(period=periods, limit=periods)
def test_what_is_never_longer_is_not_longer_at_its_longest(period: Period, limit: Period) -> None:
    if never_longer(period, limit):
        assert longest_us(period) <= longest_us(limit)
