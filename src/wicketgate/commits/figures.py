"""The figures of the ledger.

They are counted, and their small cells suppressed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec


def public_counts(counts: Counts, small_cells: int) -> dict[str, Any]:
    """Return figures as published.

    A count above 0 and below `small_cells` is null.
    """

    def cell(count: int) -> int | None:
        return None if 0 < count < small_cells else count

    authorities = sorted(counts.released.keys() | {name.partition("@")[0] for name in counts.refused})
    shown = {name: _shown_cells(counts, name, cell) for name in authorities}
    return {
        "taken": cell(counts.taken),
        "repeated": cell(counts.repeated),
        "quarantined": cell(counts.quarantined),
        "decided": cell(counts.decided),
        "withheld": cell(counts.withheld),
        "released": {name: shown[name]["", ""] for name in sorted(counts.released)},
        "refused": [
            {
                "authority": authority,
                "reason": reason,
                "rows": shown[authority.partition("@")[0]][authority, reason],
            }
            for authority, reasons in sorted(counts.refused.items())
            for reason in sorted(reasons)
        ],
        "again": {name: cell(rows) for name, rows in sorted(counts.again.items())},
        "hits": {
            name: _shown_hits(hits, cell, name in shown and shown[name]["", ""] is None)
            for name, hits in sorted(counts.hits.items())
        },
        "outcomes": {
            name: {outcome: cell(count) for outcome, count in sorted(outcomes.items())}
            for name, outcomes in sorted(counts.outcomes.items())
        },
        "disclosures": {
            name: {to: cell(rows) for to, rows in sorted(by_recipient.items())}
            for name, by_recipient in sorted(counts.disclosures.items())
        },
        "disclosures_refused": {
            name: cell(attempts) for name, attempts in sorted(counts.disclosures_refused.items())
        },
    }


def _shown_hits(
    hits: Mapping[str, int], cell: Callable[[int], int | None], released_hidden: bool
) -> dict[str, int | None]:
    """Return an authority's hits as published.

    `exact` and `possible` add up to the rows released: where one of them is suppressed the other is too, and both are
    where the rows released are.
    """
    shown: dict[str, int | None] = {
        name: cell(hits.get(name, 0)) for name in ("exact", "possible", "late", "clone")
    }
    if released_hidden or None in (shown["exact"], shown["possible"]):
        shown |= {name: None for name in ("exact", "possible") if hits.get(name)}
    return shown


def _shown_cells(
    counts: Counts, name: str, cell: Callable[[int], int | None]
) -> dict[tuple[str, str], int | None]:
    """Return an authority's cells as published.

    Its released rows stand under `("", "")`, its refusals under version and reason. They add up to the reads
    decided, which are published too, so one suppressed cell could be worked out from the others: then the smallest
    of those is suppressed with it.
    """
    cells = {("", ""): counts.released.get(name, 0)}
    for authority, reasons in counts.refused.items():
        if authority.partition("@")[0] == name:
            cells |= {(authority, reason): rows for reason, rows in reasons.items()}
    hidden = {key for key, rows in cells.items() if cell(rows) is None}
    others = [key for key, rows in cells.items() if rows and key not in hidden]
    if len(hidden) == 1 and others:
        hidden.add(min(others, key=lambda key: (cells[key], key)))
    return {key: None if key in hidden else rows for key, rows in cells.items()}


class Counts(msgspec.Struct, kw_only=True):
    """The figures of a period.

    `refused` is keyed by `name@version` and then by reason; the others by name; hits then by quality (`exact`,
    `possible`) and `late`, `clone`, disclosures by to whom.
    """

    taken: int = 0
    repeated: int = 0
    quarantined: int = 0
    decided: int = 0
    withheld: int = 0
    released: dict[str, int] = {}
    refused: dict[str, dict[str, int]] = {}
    again: dict[str, int] = {}
    hits: dict[str, dict[str, int]] = {}
    outcomes: dict[str, dict[str, int]] = {}
    disclosures: dict[str, dict[str, int]] = {}
    disclosures_refused: dict[str, int] = {}


class ClosedFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Closed figures and their entry in the ledger."""

    entry: int
    figures: dict[str, Any]
