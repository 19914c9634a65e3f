from __future__ import annotations

import time
from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wicketgate.base.clock import SystemClock, from_datetime, parse_rfc3339, rfc3339, to_datetime
from wicketgate.base.errors import InputError

FIRST_US = parse_rfc3339("0001-01-01T00:00:00Z")
LAST_US = parse_rfc3339("9999-12-31T23:59:59.999999Z")


@given(st.integers(FIRST_US, LAST_US))
@example(0)
@example(-1)
@example(FIRST_US)
@example(LAST_US)
def test_every_time_is_read_as_it_was_written(at_us: int) -> None:
    assert parse_rfc3339(rfc3339(at_us)) == at_us
    assert from_datetime(to_datetime(at_us)) == at_us


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-07-08T12:00:00Z", "2026-07-08T12:00:00Z"),
        ("2026-07-08t12:00:00z", "2026-07-08T12:00:00Z"),
        ("2026-07-08 12:00:00Z", "2026-07-08T12:00:00Z"),
        ("2026-07-08T12:00:00+01:00", "2026-07-08T11:00:00Z"),
        ("2026-07-08T12:00:00-05:30", "2026-07-08T17:30:00Z"),
        ("2026-07-08T12:00:00-00:00", "2026-07-08T12:00:00Z"),
        ("2026-07-08T12:00:00.5Z", "2026-07-08T12:00:00.500Z"),
        ("2026-07-08T12:00:00.000001Z", "2026-07-08T12:00:00.000001Z"),
        ("2026-07-08T12:00:00.123456789Z", "2026-07-08T12:00:00.123456Z"),
        ("2026-07-08T12:00:00.9999999Z", "2026-07-08T12:00:00.999999Z"),
        ("2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
    ],
)
def test_forms_that_are_read(text: str, same: str) -> None:
    assert rfc3339(parse_rfc3339(text)) == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-07-08",
        "2026-07-08T12:00Z",
        "2026-07-08T12:00:60Z",  # a leap second, which microseconds since the epoch do not have
        "2026-07-08T24:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "2026-07-08T12:00:00+24:00",
        "2026-07-08T12:00:00+0100",
        "2026-07-08T12:00:00.Z",
        "2026-07-08T12:00:00.1234567890Z",
        "2026-07-08T12:00:00Z ",
        "٢٠٢٦-07-08T12:00:00Z",
        "0001-01-01T00:00:00+14:00",  # before the first year there is
        "9999-12-31T23:59:59-14:00",  # behind the last
    ],
)
def test_forms_that_are_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_rfc3339(text)
    assert caught.value.code == "malformed"


@pytest.mark.parametrize("text", ["2026-07-08T12:00:00", "2026-07-08 12:00:00.5"])
def test_a_time_without_a_zone_has_a_code_of_its_own(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_rfc3339(text)
    assert caught.value.code == "zone-missing"
    with pytest.raises(InputError) as caught:
        from_datetime(datetime.fromisoformat(text))
    assert caught.value.code == "zone-missing"


@given(
    st.text(max_size=40)
    | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)", fullmatch=True)
)
def test_any_text_is_a_time_or_an_input_error(text: str) -> None:
    try:
        at_us = parse_rfc3339(text)
    except InputError:
        return
    assert parse_rfc3339(rfc3339(at_us)) == at_us


async def test_the_machine_has_a_clock() -> None:
    clock = SystemClock()
    before_us = clock.now_us()
    await clock.sleep(0.01)
    assert before_us + 9_000 < clock.now_us() <= time.time_ns() // 1000
