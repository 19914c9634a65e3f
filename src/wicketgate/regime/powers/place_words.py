"""Places and hours of powers in words. Pure. docs/spec/powers.md, section 6."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from wicketgate.base.hours import DAYS
from wicketgate.regime.powers.meaning import EVERYWHERE, NOWHERE
from wicketgate.regime.powers.sides import Spans


def listed(words: Iterable[str], last: str) -> str:
    """Return words as a list in prose.

    >>> listed(["a", "b", "c"], "and")
    'a, b and c'
    """
    *first, final = words
    return f"{', '.join(first)} {last} {final}" if first else final


def latitudes(latitude: Spans) -> str:
    placed = latitude - Spans(((NOWHERE, NOWHERE + 1),))
    if not placed:
        return "without a position"
    real = EVERYWHERE - Spans(((NOWHERE, NOWHERE + 1),))
    words = "with a position" if placed == real else f"at latitudes {degrees(placed, real)}"
    return words + (" or without a position" if NOWHERE in latitude else "")


def degrees(spans: Spans, whole: Spans) -> str:
    """Describe spans of microdegrees in decimal degrees.

    What begins or ends where everything does is open there.
    """
    ((least, most),) = whole.spans

    def one(begin: int, end: int) -> str:
        first = (
            _degree(begin) if _roundness(begin) >= _roundness(begin - 1) else f"above {_degree(begin - 1)}"
        )
        last = _degree(end - 1) if _roundness(end - 1) >= _roundness(end) else f"below {_degree(end)}"
        if begin == least:
            return last if last.startswith("below") else f"up to {last}"
        if end == most:
            return first if first.startswith("above") else f"from {first} up"
        return f"{first} to {last}"

    return listed((one(*span) for span in spans.spans), "and")


def _roundness(microdegrees: int) -> int:
    """Return how round a number is.

    Of two neighbours, the one that people wrote is the rounder.
    """
    digits = f"{abs(microdegrees):09d}"
    return len(digits) - len(digits.rstrip("0"))


def _degree(microdegrees: int) -> str:
    sign, size = "-" if microdegrees < 0 else "", abs(microdegrees)
    return f"{sign}{size // 1_000_000}.{size % 1_000_000:06d}".rstrip("0").rstrip(".")


def minutes(spans: Spans) -> str:
    """Describe minutes of the week by days of the same hours."""
    days: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for day in range(7):
        begin = day * 1440
        today = spans & Spans(((begin, begin + 1440),))
        if today:
            key = tuple((one - begin, two - begin) for one, two in today.spans)
            days.setdefault(key, []).append(day)
    return ", ".join(f"{_days(named)} {_clock(times)}" for times, named in days.items())


def _days(days: list[int]) -> str:
    if len(days) == 7:
        return "every day"
    if len(days) > 2 and all(two - one == 1 for one, two in pairwise(days)):
        return f"{DAYS[days[0]]} to {DAYS[days[-1]]}"
    return listed((DAYS[day] for day in days), "and")


def _clock(times: tuple[tuple[int, int], ...]) -> str:
    if times == ((0, 1440),):
        return "all day"
    return listed((f"{a // 60:02d}:{a % 60:02d} to {b // 60:02d}:{b % 60:02d}" for a, b in times), "and")
