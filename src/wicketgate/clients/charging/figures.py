"""The figures of a charging folder: how much came, what it came to, and when it was forgotten. Never by camera."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import date
from typing import Any, Final, get_args

from wicketgate.base.clock import DAY_US
from wicketgate.clients.charging.settling import Outcome
from wicketgate.clients.charging.terms import ChargingTerms

OUTCOMES: Final[tuple[str, ...]] = get_args(Outcome)
_MOST_DAYS: Final = 400
"""Of capture to deletion: what took longer is counted with this."""
_DROPPED: Final = ("outside-hours", "outside-term", "elsewhere", "no-plate", "erased")


def local_day(terms: ChargingTerms, at_us: int) -> int:
    """Return the ordinal of the scheme's local day of a moment."""
    return terms.newest.local(at_us)[0].toordinal()


def count_up(connection: sqlite3.Connection, day: int, counts: Mapping[str, int]) -> None:
    """Add to a day's figures, within the caller's transaction."""
    connection.executemany(
        "INSERT INTO figures VALUES (?, ?, ?) ON CONFLICT (day, name) DO UPDATE SET count = count + excluded.count",
        [(day, name, count) for name, count in sorted(counts.items()) if count],
    )


def forgotten_name(last_us: int, at_us: int) -> str:
    """Return under which name is counted that a vehicle's day was forgotten so long after its last read."""
    return f"forgotten-{min(max(at_us - last_us, 0) // DAY_US, _MOST_DAYS):03}"


def shown_figures(connection: sqlite3.Connection) -> dict[str, Any]:
    """Return the figures as they are published.

    `rows` are by the day on which they came, `vehicle_days` by the day that is charged.
    """
    days: dict[int, dict[str, int]] = {}
    for day, name, count in connection.execute("SELECT day, name, count FROM figures ORDER BY day, name"):
        days.setdefault(day, {})[name] = count
    total: dict[str, int] = {}
    for counts in days.values():
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    kept = {
        name: connection.execute(sql).fetchone()[0]
        for name, sql in (
            ("vehicle_days", "SELECT count(*) FROM (SELECT DISTINCT day, plate FROM passages)"),
            ("evidence_rows", "SELECT count(*) FROM evidence"),
            ("held", "SELECT count(*) FROM held"),
        )
    }
    return {
        "rows": _rows(total),
        "vehicle_days": {name: total.get(name, 0) for name in OUTCOMES},
        "forgotten_after_days": _forgotten(total),
        "kept": kept,
        "days": [
            {
                "day": date.fromordinal(day).isoformat(),
                "rows": _rows(counts),
                "vehicle_days": {name: counts[name] for name in OUTCOMES if counts.get(name)},
            }
            for day, counts in days.items()
        ],
    }


def _rows(counts: Mapping[str, int]) -> dict[str, int]:
    dropped = sum(counts.get(name, 0) for name in _DROPPED)
    return {
        "received": counts.get("rows", 0),
        "reduced": counts.get("rows", 0) - dropped,
        "dropped": dropped,
        **{name.replace("-", "_"): counts.get(name, 0) for name in (*_DROPPED, "withdrawn")},
    }


def _forgotten(counts: Mapping[str, int]) -> dict[str, int]:
    """Return how many vehicles' days were forgotten within so many days of their last read."""
    return {
        str(int(name[-3:])): count for name, count in sorted(counts.items()) if name.startswith("forgotten-")
    }
