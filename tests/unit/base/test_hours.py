from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, from_datetime, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.hours import DAYS, Hours, describe_hours, load_zone, parse_hours, windows

ZONES = [
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "UTC",
    "Africa/Casablanca",
]
FAR_US = 1 << 60

hours_values = st.builds(
    Hours,
    zone=st.sampled_from(ZONES),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    from_minute=st.integers(0, 1439),
    until_minute=st.integers(0, 1440),
)
# Around both changes of the clock in each zone, as often as anywhere else.
starts = st.sampled_from(
    [
        "2026-03-28T12:00:00Z",
        "2026-10-24T12:00:00Z",
        "2026-03-07T12:00:00Z",
        "2026-10-31T12:00:00Z",
        "2026-04-04T00:00:00Z",
        "2026-10-03T00:00:00Z",
        "2026-02-14T00:00:00Z",
        "2026-03-21T00:00:00Z",
    ]
).map(parse_rfc3339) | st.integers(0, 20 * 365 * 24 * 60).map(lambda minutes: minutes * MINUTE_US)


def inside(hours: Hours, at_us: int) -> bool:
    """The oracle: what did a clock on the wall show? (By the package's zones: the machine's may be older.)"""
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)).astimezone(
        load_zone(hours.zone)
    )
    minute = local.hour * 60 + local.minute
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    if hours.until_minute > hours.from_minute:
        return today in hours.days and hours.from_minute <= minute < hours.until_minute
    return (today in hours.days and minute >= hours.from_minute) or (
        yesterday in hours.days and minute < hours.until_minute
    )


def shown(found: np.ndarray) -> list[tuple[str, str]]:
    return [(rfc3339(int(begin)), rfc3339(int(end))) for begin, end in found]


def ask(hours: Hours, begin: str, end: str) -> list[tuple[str, str]]:
    return shown(windows(0, FAR_US, (hours,), parse_rfc3339(begin), parse_rfc3339(end)))


LONDON_NIGHT = Hours(zone="Europe/London", days=frozenset({6}), from_minute=60, until_minute=120)
LONDON_DAY = Hours(zone="Europe/London", days=frozenset(range(7)), from_minute=7 * 60, until_minute=19 * 60)


def test_a_local_hour_that_is_skipped_never_comes() -> None:
    # On 29 March 2026 London's clocks went from 01:00 to 02:00, at 01:00Z.
    assert ask(LONDON_NIGHT, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z") == []


def test_a_local_hour_that_comes_twice_is_inside_both_times() -> None:
    # On 25 October 2026 London's clocks went from 02:00 back to 01:00, at 01:00Z.
    assert ask(LONDON_NIGHT, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z") == [
        ("2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z")
    ]


def test_half_an_hour_that_comes_twice_is_two_windows() -> None:
    half = Hours(zone="Europe/London", days=frozenset({6}), from_minute=60, until_minute=90)
    assert ask(half, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z") == [
        ("2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"),
        ("2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"),
    ]


def test_hours_follow_summer_time() -> None:
    assert ask(LONDON_DAY, "2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z") == [
        ("2026-03-28T07:00:00Z", "2026-03-28T19:00:00Z"),
        ("2026-03-29T06:00:00Z", "2026-03-29T18:00:00Z"),
    ]
    assert ask(LONDON_DAY, "2026-10-24T00:00:00Z", "2026-10-26T00:00:00Z") == [
        ("2026-10-24T06:00:00Z", "2026-10-24T18:00:00Z"),
        ("2026-10-25T07:00:00Z", "2026-10-25T19:00:00Z"),
    ]


def test_hours_past_midnight_belong_to_the_day_on_which_they_begin() -> None:
    friday_night = Hours(zone="UTC", days=frozenset({4}), from_minute=22 * 60, until_minute=6 * 60)
    assert ask(friday_night, "2026-07-01T00:00:00Z", "2026-07-08T00:00:00Z") == [
        ("2026-07-03T22:00:00Z", "2026-07-04T06:00:00Z")
    ]
    # The span begins inside them.
    assert ask(friday_night, "2026-07-04T01:00:00Z", "2026-07-04T02:00:00Z") == [
        ("2026-07-04T01:00:00Z", "2026-07-04T02:00:00Z")
    ]


def test_equal_ends_are_a_whole_day_and_touching_days_merge() -> None:
    whole = Hours(zone="UTC", days=frozenset({0, 1}), from_minute=480, until_minute=480)
    assert ask(whole, "2026-07-02T00:00:00Z", "2026-07-12T00:00:00Z") == [
        ("2026-07-06T08:00:00Z", "2026-07-08T08:00:00Z")
    ]


def test_no_hours_is_every_hour_of_the_validity() -> None:
    assert windows(5, 10, (), 0, 100).tolist() == [[5, 10]]
    assert windows(5, 10, (), 7, 8).tolist() == [[7, 8]]
    assert windows(5, 10, (), 10, 20).shape == (0, 2)
    assert windows(5, 5, (), 0, 20).shape == (0, 2)


def test_the_answer_is_of_int64_whatever_it_holds() -> None:
    for span in ((0, FAR_US), (0, 0), (-FAR_US, -5)):
        assert windows(-FAR_US, FAR_US, (), *span).dtype == np.int64
    never = Hours(zone="UTC", days=frozenset({0}), from_minute=0, until_minute=1)
    found = windows(0, FAR_US, (never,), 0, HOUR_US)
    assert (found.dtype, found.shape) == (np.int64, (0, 2))


@settings(max_examples=60, deadline=None)
@given(
    hours=st.lists(hours_values, min_size=1, max_size=3), start=starts, minutes=st.integers(1, 4 * 24 * 60)
)
def test_windows_are_what_a_clock_on_the_wall_shows_minute_by_minute(
    hours: list[Hours], start: int, minutes: int
) -> None:
    end = start + minutes * MINUTE_US
    found = windows(start, FAR_US, tuple(hours), 0, end)
    flat = found.ravel()
    assert (found[:, 0] < found[:, 1]).all()
    assert (np.diff(flat)[1::2] > 0).all()
    step = 7 if minutes > 1500 else 1
    at = np.arange(start, end, step * MINUTE_US)
    answered = np.searchsorted(flat, at, side="right") % 2 == 1
    expected = [any(inside(item, int(moment)) for item in hours) for moment in at]
    assert answered.tolist() == expected


@settings(max_examples=40, deadline=None)
@given(hours=hours_values, start=starts, cut=st.integers(0, 3 * 24 * 60), offset=st.integers(0, MINUTE_US))
def test_a_span_asked_for_in_two_parts_is_the_same(hours: Hours, start: int, cut: int, offset: int) -> None:
    end = start + 3 * DAY_US
    middle = min(start + cut * MINUTE_US + offset, end)
    whole = windows(0, FAR_US, (hours,), start, end)
    parts = np.concatenate(
        [windows(0, FAR_US, (hours,), start, middle), windows(0, FAR_US, (hours,), middle, end)]
    )
    assert int((whole[:, 1] - whole[:, 0]).sum()) == int((parts[:, 1] - parts[:, 0]).sum())


def test_words_become_hours() -> None:
    hours = parse_hours("Europe/London", ["mon", "sun"], "07:00", "24:00")
    assert hours == Hours(zone="Europe/London", days=frozenset({0, 6}), from_minute=420, until_minute=1440)
    assert describe_hours(hours) == "mon, sun 07:00 to 24:00 (Europe/London)"
    night = parse_hours("UTC", DAYS, "22:00", "06:00")
    assert describe_hours(night) == "every day 22:00 to 06:00 the day after (UTC)"


@pytest.mark.parametrize(
    ("zone", "days", "begin", "end"),
    [
        ("Europe/Londinium", ["mon"], "07:00", "19:00"),
        ("../../etc/passwd", ["mon"], "07:00", "19:00"),
        ("Europe", ["mon"], "07:00", "19:00"),
        ("", ["mon"], "07:00", "19:00"),
        ("europe/london", ["mon"], "07:00", "19:00"),
        ("UTC", [], "07:00", "19:00"),
        ("UTC", ["Monday"], "07:00", "19:00"),
        ("UTC", ["mon", "mon"], "07:00", "19:00"),
        ("UTC", ["mon"], "24:00", "19:00"),
        ("UTC", ["mon"], "07:00", "24:01"),
        ("UTC", ["mon"], "7:00", "19:00"),
        ("UTC", ["mon"], "07:60", "19:00"),
        ("UTC", ["mon"], "07:00", "19:00\n"),
    ],
)
def test_words_that_are_no_hours_are_refused(zone: str, days: list[str], begin: str, end: str) -> None:
    with pytest.raises(InputError):
        parse_hours(zone, days, begin, end)


def test_the_offset_of_a_zone_is_asked_for_to_the_second() -> None:
    # Liberia kept 44 minutes and 30 seconds behind until 1972.
    hours = Hours(zone="Africa/Monrovia", days=frozenset(range(7)), from_minute=0, until_minute=60)
    assert ask(hours, "1971-06-01T00:00:00Z", "1971-06-02T00:00:00Z") == [
        ("1971-06-01T00:44:30Z", "1971-06-01T01:44:30Z")
    ]


def test_zones_are_those_of_the_package() -> None:
    assert load_zone("Europe/London").utcoffset(datetime(2026, 7, 1)) == timedelta(hours=1)  # noqa: DTZ001
    assert from_datetime(datetime(2026, 7, 1, tzinfo=load_zone("Europe/London"))) == parse_rfc3339(
        "2026-06-30T23:00:00Z"
    )
