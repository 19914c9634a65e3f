"""The figures of traffic of a log by their months, and what a register shows of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import SystemRandom
from typing import Any

from wicketgate.base.errors import InputError, Unreachable, WicketgateError
from wicketgate.base.signing import parse_json
from wicketgate.clients.verify.report import Findings
from wicketgate.clients.verify.shown import differ, listed
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.merkle import root as tree_hash
from wicketgate.regime.figure_months import ClosedFigures, FiguresMonth, close_months, month_of

_AGAIN = 1
FetchMonth = Callable[[str], bytes]
"""Fetches what the gateway shows of a closed month."""


class MonthsOfLog:
    """The figures of traffic of a log, in order: those of closed months, and those of the open ones.

    Attributes
    ----------
    held : dict
        All figures with their months, by their entries.
    """

    def __init__(self) -> None:
        self.held: dict[int, tuple[str, Mapping[str, Any]]] = {}
        self._open: list[ClosedFigures] = []
        self._closed: list[FiguresMonth] = []
        self._closed_by: list[int] = []

    def take(self, index: int, body: Mapping[str, Any], entry: bytes) -> None:
        """Take the figures of entry `index`; those without a period are a fault elsewhere, and are in no month."""
        try:
            month = month_of(str(body.get("until")))
            month_of(str(body.get("from")))
        except (InputError, OverflowError):  # the first second of all has none before it
            return
        self.held[index] = month, body
        self._open.append(ClosedFigures(entry=index, figures=dict(body), leaf=leaf_hash(entry)))
        close_months(self._open, self._closed, tree_hash)
        self._closed_by += [index] * (len(self._closed) - len(self._closed_by))

    def closed(self, reach: int) -> list[FiguresMonth]:
        """Return the months that the first `reach` entries close."""
        return [month for month, by in zip(self._closed, self._closed_by, strict=True) if by < reach]

    def open(self, reach: int) -> dict[int, Mapping[str, Any]]:
        """Return the figures among the first `reach` entries that stand in no month which they close."""
        months = {month.month for month in self.closed(reach)}
        last = max((month.entries[-1] for month in self.closed(reach)), default=-1)
        return {
            index: body
            for index, (month, body) in self.held.items()
            if last < index < reach and month not in months
        }

    def named(self, register: Mapping[str, Any]) -> list[FiguresMonth]:
        """Return the closed months of the log that a register names."""
        names = {str(item.get("month")) for item in listed(register.get("months")) if isinstance(item, dict)}
        return [month for month in self._closed if month.month in names]

    def complete(self, register: Mapping[str, Any], closed: list[FiguresMonth]) -> Mapping[str, Any]:
        """Return a register with the figures of closed months in it, which are the log's."""
        before = [one for month in closed for one in self.of(month)]
        return {**register, "months": [], "figures": [*before, *listed(register.get("figures"))]}

    def of(self, month: FiguresMonth) -> list[dict[str, Any]]:
        """Return the figures of a month as they are shown."""
        return [{**self.held[index][1], "entry": index} for index in month.entries]


def compare_months(shown: object, logged: list[FiguresMonth]) -> Iterator[str]:
    """Yield what is wrong with the closed months that a register names."""
    if not isinstance(shown, list):
        yield "`months` is not a list"
        return
    known = {month.month: month.shown() for month in logged}
    for item in shown:
        name = str(item.get("month"))[:40] if isinstance(item, dict) else ""
        expected = known.pop(name, None)
        if expected is None:
            yield f"the month {name or 'of no name'} is shown as closed, and by the log it is not, or it stands twice"
        elif differ(item, expected):
            yield f"the figures of {name} are shown otherwise than they were logged: their number, root or sums"
    for name in known:
        yield f"the figures of {name} are not shown"
    names = [str(item.get("month")) for item in shown if isinstance(item, dict)]
    if names != sorted(names):
        yield "`months` is out of its order"


def check_months(
    found: Findings, months: MonthsOfLog, closed: list[FiguresMonth], read_from: int, fetch: FetchMonth
) -> tuple[int, list[str]]:
    """Compare what the gateway shows of closed months with the log.

    Of the months those are looked at that this look read anew, which is from entry `read_from` on, and of the earlier
    ones one by chance.

    Returns
    -------
    int, list of str
        How many were looked at, and what was left out.
    """
    new = [month for month in closed if month.entries[-1] >= read_from]
    former = closed[: len(closed) - len(new)]
    again = SystemRandom().sample(former, min(_AGAIN, len(former)))
    _compare_periods(found, months, [*again, *new], fetch)
    left = len(former) - len(again)
    said = [
        f"whether the figures of {left} earlier months are still shown period by period: their number, root and sums "
        "are, and they were looked at before; --whole reads all"
    ]
    return len(again) + len(new), said if left else []


def _compare_periods(
    found: Findings, months: MonthsOfLog, wanted: list[FiguresMonth], fetch: FetchMonth
) -> None:
    for month in wanted:
        where = f"`/figures/{month.month}.json`"
        try:
            body = parse_json(fetch(month.month))
        except WicketgateError as error:
            found.add(f"{where}: {error.detail}", unreached=isinstance(error, Unreachable))
            continue
        figures = body.get("figures") if isinstance(body, dict) else None
        if (
            not isinstance(body, dict)
            or body.get("month") != month.month
            or body.get("root") != month.root.hex()
        ):
            found.add(f"{where} is not that of the month and the root that the register shows")
        elif differ(figures, months.of(month)):
            found.add(f"{where}: {_difference(figures, months.of(month))}")


def _difference(shown: object, logged: list[dict[str, Any]]) -> str:
    """Say which figures are shown otherwise than they were logged."""
    items = [item for item in shown if isinstance(item, dict)] if isinstance(shown, list) else []
    by_entry = {item["entry"]: item for item in items if isinstance(item.get("entry"), int)}
    for one in logged:
        if one["entry"] not in by_entry:
            return f"the figures of entry {one['entry']} are not shown"
        if differ(by_entry[one["entry"]], one):
            return f"the figures of entry {one['entry']} are shown otherwise than they were logged"
    return "figures are shown that the log has not, or out of their order"
