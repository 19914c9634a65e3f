"""The months of figures of traffic: which are closed, what they hold and what they come to.

Figures stand for ever in the log. A month that is closed is shown by the entries it has there, by the tree hash over
them and by its sums, so that nothing else grows with each period. Pure. docs/decisions/0050-figures-by-the-month.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, MutableSequence, Sequence
from typing import Any, Final

import msgspec

from wicketgate.base.clock import DAY_US, parse_rfc3339, rfc3339

OPEN_FOR_US: Final = DAY_US
"""How long a month stays open behind its end: the latest day is always shown whole."""
_DEPTH = 2
_NO_SUMS = frozenset({"kind", "form", "from", "until", "receipts", "entry"})


TreeHash = Callable[[Sequence[bytes]], bytes]


class ClosedFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Closed figures, their entry in the log, and its leaf hash there.

    `leaf` is empty for figures of targeting: they are one a month, and no month of them is closed.
    """

    entry: int
    figures: dict[str, Any]
    leaf: bytes = b""


class FiguresMonth(msgspec.Struct, frozen=True, kw_only=True):
    """A closed month of figures of traffic.

    Attributes
    ----------
    month : str
        As in `2026-11`, in UTC: that of the last moment of each of its periods.
    begins, ends : str
        When its first period begins and its last one ends, as they say it.
    entries : sequence of int
        Where its figures stand in the log, in order.
    root : bytes
        The RFC 6962 tree hash over these entries.
    sums : mapping
        What its counts come to (`sums_of`).
    """

    month: str
    begins: str
    ends: str
    entries: tuple[int, ...]
    root: bytes
    sums: dict[str, Any]

    def shown(self) -> dict[str, Any]:
        """Return it as the register shows it."""
        return {
            "month": self.month,
            "from": self.begins,
            "until": self.ends,
            "periods": len(self.entries),
            "first_entry": self.entries[0],
            "last_entry": self.entries[-1],
            "root": self.root.hex(),
            "sums": self.sums,
        }


def month_of(until: str) -> str:
    """Return the month of a period that ends at a time.

    >>> month_of("2026-12-01T00:00:00Z"), month_of("2026-12-01T01:00:00Z")
    ('2026-11', '2026-12')
    """
    return rfc3339(parse_rfc3339(until) - 1)[:7]


def first_open(until: str) -> str:
    """Return the first month that is open once figures until a time are published: all before it are closed.

    >>> first_open("2026-12-02T00:00:00Z"), first_open("2026-12-02T01:00:00Z")
    ('2026-11', '2026-12')
    """
    return rfc3339(parse_rfc3339(until) - 1 - OPEN_FOR_US)[:7]


def closed_by_latest(periods: Sequence[ClosedFigures]) -> int:
    """Return how many of the periods, in their order, belong to months that the latest one closes."""
    if not periods:
        return 0
    first = first_open(periods[-1].figures["until"])
    # Nearly always the first one already stays.
    for number, one in enumerate(periods):
        if month_of(one.figures["until"]) >= first:
            return number
    return len(periods)


def close_months(
    periods: MutableSequence[ClosedFigures], months: MutableSequence[FiguresMonth], tree_hash: TreeHash
) -> None:
    """Move the periods of months that the latest one closes from `periods` to `months`.

    Parameters
    ----------
    tree_hash : callable
        Returns the RFC 6962 tree hash over leaf hashes.
    """
    closed = list(periods[: closed_by_latest(periods)])
    del periods[: len(closed)]
    while closed:
        month = month_of(closed[0].figures["until"])
        of_it = [one for one in closed if month_of(one.figures["until"]) == month]
        closed = closed[len(of_it) :]
        months.append(
            FiguresMonth(
                month=month,
                begins=of_it[0].figures["from"],
                ends=of_it[-1].figures["until"],
                entries=tuple(one.entry for one in of_it),
                root=tree_hash([one.leaf for one in of_it]),
                sums=sums_of(one.figures for one in of_it),
            )
        )


def sums_of(figures: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the counts of periods come to, by the members and tables in which they stand.

    Returns
    -------
    dict
        For each count `sum`, of those that are shown, and `hidden`, how many are not. `refused` is a table by
        authority and reason. What is no count is left out: figures that are no figures are for others to refuse.

    >>> sums_of([{"taken": 2000, "released": {"a": None}}, {"taken": None, "released": {"a": 1500}}])
    {'released': {'a': {'hidden': 1, 'sum': 1500}}, 'taken': {'hidden': 1, 'sum': 2000}}
    """
    found: dict[str, Any] = {}
    for one in figures:
        for member in sorted(one.keys() - _NO_SUMS):
            value = _by_reason(one[member]) if member == "refused" else one[member]
            _add(found, member, value, _DEPTH)
    return {member: found[member] for member in sorted(found)}


def _add(into: dict[str, Any], name: str, value: object, depth: int) -> None:
    if isinstance(value, Mapping) and depth:
        table = into.setdefault(name, {})
        if isinstance(table, dict) and not _is_summed(table):
            for key, cell in value.items():
                _add(table, str(key), cell, depth - 1)
    elif value is None or (isinstance(value, int) and not isinstance(value, bool)):
        cell = into.setdefault(name, {"hidden": 0, "sum": 0})
        if _is_summed(cell):
            cell["hidden" if value is None else "sum"] += 1 if value is None else value


def _is_summed(value: Mapping[str, Any]) -> bool:
    return value.keys() == {"hidden", "sum"} and all(isinstance(one, int) for one in value.values())


def _by_reason(refused: object) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in refused if isinstance(refused, list) else ():
        if isinstance(one, Mapping):
            found.setdefault(str(one.get("authority")), {})[str(one.get("reason"))] = one.get("rows")
    return found
