"""Reads of a month ago whose term is about to be over, of invented vehicles. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from wicketgate.base.clock import DAY_US, SECOND_US, rfc3339
from wicketgate.base.periods import Period
from wicketgate.history.terms import lead_us, span_of
from wicketgate_demo.world.charter import TFL_KEEPS
from wicketgate_demo.world.vehicles import plate_of

ENDING_READS: Final = 400
_APART_US: Final = SECOND_US // 20
_FIRST: Final = 7_100_000


def ending_reads(cameras: Mapping[str, object], at_us: int) -> Iterator[dict[str, Any]]:
    """Yield reads that a history still takes, and lets go of one behind the other in the next seconds."""
    keeps = Period(us=TFL_KEEPS * DAY_US)
    first_us = at_us - keeps.us + lead_us(span_of(keeps)) + SECOND_US
    for number in range(ENDING_READS):
        yield {
            "id": f"ending-{at_us}-{number}",
            "camera": min(cameras),
            "captured_at": rfc3339(first_us + number * _APART_US),
            "plate": plate_of(_FIRST + number),
            "confidence": 0.9,
        }
