"""What the figures of a verified log came to, kept beside its entries, so that the next look judges only new ones.

The figures themselves are among the entries that are kept, and are taken into the fold from there. What they came to is
kept as it is: of a year of hourly figures to judge each again takes longer than all the rest of a look. A whole look
judges all of them. docs/decisions/0050-figures-by-the-month.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wicketgate.clients.verify.attested import Attested
from wicketgate.clients.verify.figures import FiguresChain
from wicketgate.clients.verify.imaged import FollowedReads
from wicketgate.clients.verify.in_force import InForce
from wicketgate.clients.verify.months import MonthsOfLog
from wicketgate.clients.verify.targeting import TargetingChain
from wicketgate.regime.charter import Charter
from wicketgate.regime.figure_months import ClosedFigures, FiguresMonth, month_of
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.disclosures import Held

Bodies = list[tuple[int, Mapping[str, Any]]]


class _Chain(msgspec.Struct, kw_only=True):
    _from_us: int
    _entry: int
    _taken: tuple[int, int]
    _decided: tuple[int, int]
    by_traffic: bool
    least: dict[int, int]


class _Attested(msgspec.Struct, kw_only=True):
    _held: dict[str, Held]
    _released: set[str]


class _FollowedKept(msgspec.Struct, kw_only=True):
    _lately: list[tuple[int, int]]


class _InForce(msgspec.Struct, kw_only=True):
    _from_us: int
    _live: set[str]
    _open: set[str]
    _open_before: set[str]
    _refusals: set[tuple[str, str]]
    ever: set[str]


class _Targeting(msgspec.Struct, kw_only=True):
    _from_us: int
    _form: int
    _compared: list[tuple[int, dict[str, int]]]
    _hit: dict[str, int]


class _Months(msgspec.Struct, kw_only=True):
    _closed: list[FiguresMonth]
    _closed_by: list[int]


class FiguresKept(msgspec.Struct, kw_only=True):
    """What the figures of a log came to, with the figures that its last entry made due: kind, end, and that entry."""

    chain: _Chain
    attested: _Attested
    followed: _FollowedKept
    in_force: _InForce
    targeting: _Targeting
    months: _Months
    open: list[tuple[int, bytes]]
    owed: tuple[str, int, int] | None


class UnjudgedFigures:
    """Stands for the figures of a log while entries are taken that were judged before: none is due, and none is wrong.

    Attributes
    ----------
    periods : list
        The figures of traffic so far, with their entries.
    targeting : TargetingChain
        Holds the figures of targeting so far, and nothing else.
    """

    def __init__(self) -> None:
        self.periods: Bodies = []
        self.targeting = TargetingChain()
        self.by_traffic = False

    def take(self, index: int, body: Mapping[str, Any]) -> None:
        """Take figures of either kind."""
        if body["kind"] == "targeting":
            self.targeting.periods.append((index, body))
        else:
            self.periods.append((index, body))
            self.by_traffic |= "form" in body

    def amend(self, charter: Charter) -> None:
        """Take a charter."""

    def look(self, moment: RegimeAt) -> None:
        """Look at what stood until a document takes effect."""

    def end_first_form(self) -> None:
        """Take figures of the first form no longer."""
        self.by_traffic = True

    def next_due(self, moment: RegimeAt) -> None:
        """Return that none are due."""


def keep_figures(chain: FiguresChain, months: MonthsOfLog, owed: tuple[str, int, int] | None) -> FiguresKept:
    """Return what the figures of a log came to, which had no fault."""
    return FiguresKept(
        chain=_read(_Chain, chain),
        attested=_read(_Attested, chain._attested),
        followed=_read(_FollowedKept, chain._followed),
        in_force=_read(_InForce, chain._in_force),
        targeting=_read(_Targeting, chain.targeting),
        months=_read(_Months, months),
        open=[(one.entry, one.leaf) for one in months._open],
        owed=owed,
    )


def restore_figures(
    kept: FiguresKept, taken: UnjudgedFigures, charter: Charter
) -> tuple[FiguresChain, MonthsOfLog]:
    """Return what `keep_figures` was given, with the figures that were taken since."""
    chain, months = FiguresChain(charter, 0), MonthsOfLog()
    targeting, in_force, attested, followed = TargetingChain(), InForce(0), Attested(), FollowedReads()
    for source, into in (
        (kept.chain, chain),
        (kept.attested, attested),
        (kept.followed, followed),
        (kept.in_force, in_force),
        (kept.targeting, targeting),
        (kept.months, months),
    ):
        for name in source.__struct_fields__:
            setattr(into, name, getattr(source, name))
    chain._attested, chain._followed, chain._in_force, chain.targeting = (
        attested,
        followed,
        in_force,
        targeting,
    )
    chain.periods, targeting.periods = taken.periods, taken.targeting.periods
    names = {entry: month.month for month in months._closed for entry in month.entries}
    months.held = {
        entry: (names.get(entry) or month_of(body["until"]), body) for entry, body in taken.periods
    }
    months._open = [
        ClosedFigures(entry=entry, figures=dict(months.held[entry][1]), leaf=leaf)
        for entry, leaf in kept.open
    ]
    return chain, months


def _read(kind: Any, source: object) -> Any:
    return kind(**{name: getattr(source, name) for name in kind.__struct_fields__})
