"""The figures of one authority, with a chart that the server draws. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wicketgate.pages.figures import cells_of, is_sum, periods_of
from wicketgate.pages.phrases import total
from wicketgate.pages.views import least_traffic_of

MOST_BARS: Final = 48
MOST_ROWS: Final = 60
WIDTH, HEIGHT = 640, 160
_KINDS: Final = ("released", "compared")


def figures_of_authority(register: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """Return what is published of the traffic of a name: closed months and the periods since, newest first.

    It is None where nothing is. Of a name with a list it is the reads that were held against the list.

    Returns
    -------
    dict
        `rows` with `from`, `until`, `kind`, `month` and `count` in words; `bars` of the periods of the open month, in
        order, with `x`, `y`, `width`, `height`, and `hidden` where no count is shown; `most`, what the highest bar is.
    """
    small = least_traffic_of(register)
    rows: list[dict[str, Any]] = []
    for period in periods_of(register):
        kind = next((one for one in _KINDS if name in (period.get(one) or {})), None)
        if kind is None:
            continue
        cell = period[kind][name]
        cells = cells_of(cell)
        rows.append(
            {
                "from": period.get("from"),
                "until": period.get("until"),
                "kind": kind,
                "month": is_sum(cell),
                "count": total(cells, small),
                "known": sum(one for one in cells if isinstance(one, int)),
                "hidden": None in cells,
            }
        )
    if not rows:
        return None
    return {
        "rows": rows[::-1][:MOST_ROWS],
        "earlier": max(0, len(rows) - MOST_ROWS),
        "kind": rows[-1]["kind"],
        **_chart([row for row in rows if not row["month"]][-MOST_BARS:]),
    }


def _chart(rows: list[dict[str, Any]]) -> dict[str, Any]:
    most = max((row["known"] for row in rows), default=0)
    step = WIDTH / max(1, len(rows))
    bars = [
        {
            "x": round(number * step + step * 0.1, 1),
            "width": round(step * 0.8, 1),
            "y": round(HEIGHT - row["known"] * HEIGHT / most, 1) if most else HEIGHT,
            "height": round(row["known"] * HEIGHT / most, 1) if most else 0,
            "hidden": row["hidden"],
        }
        for number, row in enumerate(rows)
    ]
    return {"bars": bars, "most": most, "width": WIDTH, "height": HEIGHT}
