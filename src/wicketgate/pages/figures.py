"""The published figures, made ready for the templates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wicketgate.base.clock import DAY_US
from wicketgate.pages import phrases
from wicketgate.pages.phrases import at_us_of, total
from wicketgate.pages.views import least_traffic_of, step_of, tables

_MOST_HIDDEN = 1 << 16
LATEST_US = DAY_US
"""The figures that are shown hour by hour."""


def figures_of_day(
    register: Mapping[str, Any], views: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Return the figures of traffic of the latest day, newest first, with their totals.

    It is None where there are none. Those of 0.3 hold what match released too, and `withheld`.

    Parameters
    ----------
    views : mapping
        The authorities as the pages show them, by name.
    """
    rows = sorted(tables(register.get("figures")), key=lambda row: str(row.get("from")), reverse=True)
    ends_us = [at_us for row in rows if (at_us := at_us_of(row.get("until"))) is not None]
    begin_us = max(ends_us, default=0) - LATEST_US
    rows = [row for row in rows if (at_us := at_us_of(row.get("from"))) is not None and at_us >= begin_us]
    if not rows:
        return None
    small = least_traffic_of(register)
    released = sorted({name for row in rows for name in row.get("released") or {}})
    reasons: dict[tuple[str, str], list[object]] = {}
    for row in rows:
        for refusal in tables(row.get("refused")):
            reasons.setdefault((str(refusal.get("authority")), str(refusal.get("reason"))), []).append(
                refusal.get("rows")
            )
    columns = {
        key: [row[key] for row in rows if key in row]
        for key in ("taken", "withheld", "repeated", "quarantined")
    }
    return {
        "rows": rows,
        "from": rows[-1].get("from"),
        "until": rows[0].get("until"),
        "small": small,
        "withheld": any("withheld" in row for row in rows),
        "totals": {key: total(cells, small) for key, cells in columns.items()},
        "released": [
            {
                "name": name,
                "view": views.get(name, {}),
                "total": total(
                    (row["released"][name] for row in rows if name in (row.get("released") or {})), small
                ),
            }
            for name in released
        ],
        "images": [
            {
                "name": name,
                **{
                    table: total(
                        (row[table][name] for row in rows if name in (row.get(table) or {})),
                        small,
                    )
                    for table in ("images", "fetched")
                },
            }
            for name in released
            if (cells := [row["images"][name] for row in rows if name in (row.get("images") or {})])
            and (any(cells) or views.get(name, {}).get("shows_images"))
        ],
        "refused": [
            {
                "authority": authority,
                "reason": phrases.REASONS.get(reason, reason),
                "total": total(cells, small),
            }
            for (authority, reason), cells in sorted(reasons.items())
        ],
        "suppressed": any(None in cells for cells in columns.values())
        or any(None in cells for cells in reasons.values())
        or any(None in (row.get("released") or {}).values() for row in rows),
    }


def periods_of(register: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what is published of traffic, in order: each closed month as one, and the periods since.

    The counts of a month are sums; `cells_of` tells their parts.
    """
    months = [
        {**(month.get("sums") or {}), "from": month.get("from"), "until": month.get("until")}
        for month in tables(register.get("months"))
    ]
    return [*months, *tables(register.get("figures"))]


def cells_of(cell: object) -> list[object]:
    """Return the counts that a count stands for: itself, or those of a month.

    >>> cells_of(1200), cells_of({"sum": 3400, "hidden": 2}), cells_of({"sum": 0, "hidden": 1})
    ([1200], [3400, None, None], [None])
    """
    if not isinstance(cell, Mapping):
        return [cell]
    known, hidden = cell.get("sum"), cell.get("hidden")
    if not isinstance(known, int) or not isinstance(hidden, int):
        return []
    return [*([known] if known or hidden <= 0 else []), *[None] * min(hidden, _MOST_HIDDEN)]


def is_sum(cell: object) -> bool:
    """Return whether a count is that of a month."""
    return isinstance(cell, Mapping) and cell.keys() == {"sum", "hidden"}


def earlier_of(register: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the closed months of figures of traffic, newest first: `month`, `from`, `until`, `periods`, `taken`."""
    small = least_traffic_of(register)
    return [
        {
            "month": month.get("month"),
            "from": month.get("from"),
            "until": month.get("until"),
            "periods": month.get("periods"),
            "taken": total(cells_of((month.get("sums") or {}).get("taken")), small),
        }
        for month in reversed(tables(register.get("months")))
    ]


def months_of(register: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the published periods of targeting, newest first: of each what lists let go, in words.

    Returns
    -------
    list of dict
        `from`, `until`; `rows`: `name`, `hits` and `outcomes` (each a list of a label and a number in words);
        `errata`: `name`, `told` and `taken` likewise, nothing in figures of the first form; `custody`: `name`, and
        `rows` likewise, nothing before the third; `unlisted`: `name`, what `left`, what `stayed`, and the `share` of
        it, nothing before the third; `links`: `name`, and `causes` likewise.
    """
    step, least = step_of(register), least_traffic_of(register)
    return [
        {
            "from": period.get("from"),
            "until": period.get("until"),
            "rows": [
                {
                    "name": name,
                    "hits": [
                        (words, in_steps([hits.get(kind)], step)) for kind, words in phrases.VEHICLES.items()
                    ],
                    "outcomes": [
                        (words, in_steps([((period.get("outcomes") or {}).get(name) or {}).get(kind)], step))
                        for kind, words in phrases.OUTCOMES.items()
                    ],
                }
                for name, hits in sorted((period.get("hits") or {}).items())
            ],
            "errata": [
                {
                    "name": name,
                    "told": [
                        (words, in_steps([kinds.get(kind)], step)) for kind, words in phrases.ERRATA.items()
                    ],
                    "taken": [
                        (words, in_steps([kinds.get(kind)], step)) for kind, words in phrases.TAKEN.items()
                    ],
                }
                for name, kinds in sorted((period.get("errata") or {}).items())
            ],
            "custody": [
                {
                    "name": name,
                    "rows": [
                        (words, in_steps([kinds.get(kind)], least)) for kind, words in phrases.CUSTODY.items()
                    ],
                }
                for name, kinds in sorted((period.get("custody") or {}).items())
            ],
            "unlisted": [
                {
                    "name": name,
                    "left": in_steps([kinds.get("released")], least),
                    "stayed": in_steps([kinds.get("withheld")], least),
                    "share": "" if kinds.get("share") is None else f"{kinds['share']} of 100",
                }
                for name, kinds in sorted((period.get("unlisted") or {}).items())
            ],
            "links": [
                {
                    "name": name,
                    "causes": [(cause, in_steps([cell], step)) for cause, cell in sorted(by.items())],
                }
                for name, by in sorted((period.get("links") or {}).items())
            ],
        }
        for period in reversed(tables(register.get("targeting")))
    ]


def in_steps(cells: Iterable[object], step: int) -> str:
    """Return the sum of counts in steps in words: each may be more.

    >>> in_steps([None], 10), in_steps([None, None], 10), in_steps([40, None], 10)
    ('fewer than 10', 'fewer than 20', 'at least 40')
    """
    known = list(cells)
    sure = sum(cell for cell in known if isinstance(cell, int))
    return f"at least {sure:,}" if sure else f"fewer than {step * len(known):,}"
