"""Sides of boxes in words: names, paths, numbers and hours. Pure.

docs/spec/powers.md, section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

from wicketgate.base.hours import DAYS
from wicketgate.base.periods import Period, describe_period
from wicketgate.regime.powers.meaning import EVERYWHERE, NOWHERE
from wicketgate.regime.powers.sides import WITHOUT_END, Names, Spans, Tree


def listed(words: Iterable[str], last: str) -> str:
    """Return words as a list in prose.

    >>> listed(["a", "b", "c"], "and")
    'a, b and c'
    """
    *first, final = words
    return f"{', '.join(first)} {last} {final}" if first else final


def names_in_words(names: Names, title: Callable[[str], str], every: str, last: str) -> str:
    """Return a set of names in words; `every` is what all of them are called."""
    members = [title(name) for name in sorted(names.members)]
    if not names.others:
        return listed(members, last)
    return f"{every} but {listed(members, last)}" if members else every


def tree_in_words(tree: Tree, title: Callable[[str], str], every: str) -> str:
    """Describe paths, each with its exceptions below it.

    An exception is what is left out below a path. It has beside it what is in the set all the same below that.
    """

    def turns_below(above: str | None) -> list[str]:
        return [path for path in sorted(tree.turns) if tree.turn_above(path) == above]

    def all_below(above: str | None, *, inside: bool) -> str:
        return listed((title(path) + exceptions(path, inside=inside) for path in turns_below(above)), "and")

    def exceptions(path: str, *, inside: bool) -> str:
        if not turns_below(path):
            return ""
        return f" ({'but not' if inside else 'though'} {all_below(path, inside=not inside)})"

    if not tree.inside:
        return all_below(None, inside=True)
    return f"{every} but {all_below(None, inside=False)}" if tree.turns else every


def amount(spans: Spans, say: Callable[[int], str]) -> str:
    """Describe how many or how long, for numbers from 0."""

    def one(begin: int, end: int) -> str:
        parts = [f"more than {say(begin - 1)}"] if begin else []
        parts += [f"up to {say(end - 1)}"] if end != WITHOUT_END else []
        return " and ".join(parts) or "any"

    return listed((one(*span) for span in spans.spans), "or")


def count(number: int) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}"


def length(us: int) -> str:
    """Return a length of time in words."""
    return describe_period(Period(us=us))


def latitudes(latitude: Spans) -> str:
    """Return where cameras stand by latitude, or that they have no position."""
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
