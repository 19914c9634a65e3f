"""The one injected clock.

Times are UTC, whole microseconds since 1970-01-01T00:00Z.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from wicketgate.base.errors import InputError

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Clock(Protocol):
    """The program's only way to the time."""

    def now_us(self) -> int:
        """Return the time now, microseconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of this clock."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Return the machine's time, microseconds since the epoch."""
        return time.time_ns() // 1000

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        import asyncio  # an officer's commands look at the clock and never wait: it takes them 30 ms

        await asyncio.sleep(seconds)


class ToldClock:
    """The sequencer's clock elsewhere: it goes on with the machine's monotonic one from what was told last."""

    def __init__(self) -> None:
        self._ahead_us = 0

    def set(self, at_us: int) -> None:
        """Set it."""
        self._ahead_us = at_us - time.monotonic_ns() // 1000

    def now_us(self) -> int:
        """Return the sequencer's time, microseconds since the epoch."""
        return time.monotonic_ns() // 1000 + self._ahead_us

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        import asyncio  # as above

        await asyncio.sleep(seconds)


def from_datetime(value: datetime) -> int:
    """Return an aware datetime as microseconds since the epoch.

    Raises
    ------
    InputError
        If `value` has no zone.
    """
    if value.tzinfo is None:
        raise InputError("a time without a zone", code="zone-missing")
    return (value - _EPOCH) // _MICROSECOND


def to_datetime(at_us: int) -> datetime:
    """Return microseconds since the epoch as an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=at_us)


def rfc3339(at_us: int) -> str:
    """Return a time as RFC 3339 in UTC.

    It has 0, 3 or 6 decimals, the fewest that lose nothing.

    >>> rfc3339(1_000_000), rfc3339(1_500_000), rfc3339(1_000_001)
    ('1970-01-01T00:00:01Z', '1970-01-01T00:00:01.500Z', '1970-01-01T00:00:01.000001Z')
    """
    value = to_datetime(at_us)
    if value.microsecond == 0:
        spec = "seconds"
    elif value.microsecond % 1000 == 0:
        spec = "milliseconds"
    else:
        spec = "microseconds"
    return value.replace(tzinfo=None).isoformat(timespec=spec) + "Z"


def parse_rfc3339(text: str) -> int:
    """Return an RFC 3339 time as microseconds since the epoch.

    Digits beyond microseconds are cut.

    Raises
    ------
    InputError
        If `text` is not RFC 3339; code `zone-missing` if only the zone is missing.
    """
    if not _RFC3339.fullmatch(text):
        if _RFC3339.fullmatch(text + "Z"):
            raise InputError("a time without a zone", code="zone-missing")
        raise InputError(f"`{text[:40]}` is not an RFC 3339 time")
    try:
        # By way of UTC: an offset must not carry a time out of the years that there are.
        return from_datetime(datetime.fromisoformat(text.upper()).astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise InputError(f"`{text[:40]}` is not a time that exists") from error
