"""The terms of a history: before when nothing of a source is kept, and how much of its time one part holds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from wicketgate.base.periods import Period, horizon_us

SPANS: Final = (1, 5, 10, 30, 60, 180, 360, 720, 1440, 4320, 10_080, 20_160, 40_320)
"""The spans of time that one part may hold, in minutes."""
_PARTS: Final = 12
LEAST_US: Final = _PARTS * SPANS[0] * MINUTE_US
"""A shorter retention has no history: a part would span more than a twelfth of it."""
_SHORTEST_MONTH_DAYS: Final = 28
LOOK_S: Final = 15.0
"""Whoever ends terms looks so often."""
AHEAD_US: Final = 45 * SECOND_US
"""What is past its term so soon goes now: three looks."""
_LEAD_US: Final = 4 * HOUR_US


def has_history(retention: Period) -> bool:
    """Return whether a source's reads are in the history: one that keeps them for twelve minutes at least.

    >>> has_history(Period(us=12 * MINUTE_US)), has_history(Period())
    (True, False)
    """
    return _shortest_us(retention) >= LEAST_US


def span_of(retention: Period) -> int:
    """Return how many minutes of capture one part holds: at most a twelfth of a retention that has a history.

    >>> span_of(Period(months=12)) // 1440, span_of(Period(us=28 * DAY_US)) // 1440
    (28, 1)
    """
    twelfth = _shortest_us(retention) // _PARTS
    return max(span for span in SPANS if span == SPANS[0] or span * MINUTE_US <= twelfth)


def _shortest_us(retention: Period) -> int:
    return retention.months * _SHORTEST_MONTH_DAYS * DAY_US + retention.us


def lead_us(span: int) -> int:
    """Return how long before their term the reads of a part of `span` minutes may go.

    A part is rewritten, or goes, before the first of its reads is past its term: so others of it go sooner, at most
    four hours and a 144th of their retention; of retentions below 108 minutes it is 45 seconds.

    >>> lead_us(1440) // MINUTE_US, lead_us(1) // SECOND_US
    (120, 45)
    """
    return max(min(_LEAD_US, span * MINUTE_US // 12), AHEAD_US)


def horizons_us(now_us: int, retentions: Mapping[str, Period]) -> dict[str, int]:
    """Return the horizon of each source that has a history."""
    return {
        source: horizon_us(now_us, retention)
        for source, retention in retentions.items()
        if has_history(retention)
    }
