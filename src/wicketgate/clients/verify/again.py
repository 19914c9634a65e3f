"""Rows that came again, against the rows in which their reads stood before.

A row with `again` counts as no release. So its read (`ref`) must stand in an earlier row, which a recipient that holds
every batch can see, and be the same read. One that was not released may still come again behind a change: a document,
a list of cameras, a start. Then it was captured before that change.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wicketgate.base.clock import SECOND_US, parse_rfc3339
from wicketgate.base.errors import InputError
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.regime.publishing import bulk_names

_FOLLOWS_US = 660 * SECOND_US
"""An image follows its read within ten minutes; a minute for the decision."""
_KEPT_US = 3600 * SECOND_US
"""For at least so long a read is known."""
_TOLD_US = 10 * SECOND_US
"""Within so long the log tells of a change."""
_SAME = ("captured_at", "plate", "source", "camera")
"""What is the same of a read whenever it comes."""
_STOPS = frozenset({"feed-full", "error"})
"""Reasons of refusal that end without an entry of the log."""


@dataclass(slots=True)
class _Reads:
    """The reads known of one feed, of this hour and the one before, and those that came again out of nothing.

    Attributes
    ----------
    fresh : Counter of int
        By period of traffic, rows that say `again` of a read that nothing can have held back.
    unseen : int
        All rows that say `again` of a read in no earlier row.
    """

    since_us: int
    now: dict[str, int] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)
    fresh: Counter[int] = field(default_factory=Counter)
    unseen: int = 0


class CameAgain:
    """The reads of feeds whose rows come again."""

    def __init__(self, entries: EntryFold) -> None:
        self._changed_us = entries.changed_us
        self._ahead_us = 0 if entries.charter is None else entries.charter.limits.clock_ahead_us
        self._bulk = set(bulk_names(entries.at(entries.open_us))) if entries.charter is not None else set()
        self._feeds: dict[str, _Reads] = {}

    def take(self, name: str, released_us: int, period: int, row: Mapping[str, Any], *, again: bool) -> None:
        """Take a row with a `ref`; they come in order."""
        reads = self._feeds.setdefault(name, _Reads(released_us))
        if released_us - reads.since_us > _KEPT_US:
            reads.since_us, reads.before, reads.now = released_us, reads.now, {}
        ref = str(row.get("ref"))
        read = row.get("read")
        seen = hash(tuple(str(read.get(member)) for member in _SAME)) if isinstance(read, dict) else 0
        if again and seen != reads.now.get(ref, reads.before.get(ref)):
            reads.unseen += 1
            reads.fresh[period] += name in self._bulk and self._is_fresh(released_us, read)
        reads.now[ref] = seen

    def _is_fresh(self, released_us: int, read: object) -> bool:
        """Return whether a read was captured after all that can have held it back."""
        last = bisect_right(self._changed_us, released_us + _TOLD_US)
        changed_us = self._changed_us[last - 1] if last else 0
        try:
            captured_us = parse_rfc3339(read["captured_at"]) if isinstance(read, dict) else 0
        except (KeyError, TypeError, AttributeError, InputError):
            return False
        return captured_us > changed_us + self._ahead_us

    def fresh(self, name: str) -> Mapping[int, int]:
        """Return how many rows of a feed say `again` and cannot have come before, by period."""
        return self._feeds[name].fresh if name in self._feeds else {}

    def unseen(self) -> int:
        """Return how many rows say `again` of a read that stands in no earlier row."""
        return sum(reads.unseen for reads in self._feeds.values())


def held_back(
    name: str, number: int, periods: list[tuple[int, int, int, Mapping[str, Any]]], least: Mapping[int, int]
) -> int | None:
    """Return how many reads can have been held back at most by what no entry tells; None for any number.

    It is by the figures of a period and of those in which the first reads of its images can lie.
    """
    from_us = periods[number][0] - _FOLLOWS_US
    most = 0
    for _, until_us, entry, body in periods[: number + 1]:
        if until_us <= from_us:
            continue
        told = {one["reason"] for one in body["refused"] if one["authority"].partition("@")[0] == name}
        if "form" not in body or told & _STOPS:
            return None
        most += len(_STOPS) * (least[entry] - 1)
    return most
