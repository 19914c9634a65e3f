"""The figures for reviews: an authority's intrusion and its results.

They are what an authority cost in intrusion and what came of it, by the published figures. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wicketgate.base.clock import parse_rfc3339, rfc3339

_PARTS = 1_000_000


def since_review(periods: Iterable[Mapping[str, Any]], name: str, since_us: int) -> dict[str, Any]:
    """Return an authority's figures over the published periods ended after a time.

    Parameters
    ----------
    periods : iterable of mapping
        Published figures, as they stand in the ledger, in order.
    name : str
        The authority's name.
    since_us : int
        When it was last reviewed, or else when it took effect; microseconds since the epoch.

    Returns
    -------
    dict
        `from` and `until` (null without any period), `periods`; the sums `decided`, `released`, `hits` by kind and
        `outcomes`; `searches`; `left_ppm`: of a million reads decided, how many left under it, null where none was
        decided; `suppressed`: how many cells were too small to be published, and are in no sum.

    Notes
    -----
    Anyone can add them up again: every number in it stands in an entry of the ledger.
    """
    sums = {"decided": 0, "released": 0}
    by_kind: dict[str, dict[str, int]] = {"hits": {}, "outcomes": {}}
    counted, suppressed = 0, 0
    first: str | None = None
    last: str | None = None
    for figures in periods:
        if parse_rfc3339(figures["until"]) <= since_us:
            continue
        counted += 1
        first, last = first or figures["from"], figures["until"]
        for member, cell in (("decided", figures["decided"]), ("released", figures["released"].get(name, 0))):
            if cell is None:
                suppressed += 1
            else:
                sums[member] += cell
        for member, kinds in by_kind.items():
            for kind, cell in figures[member].get(name, {}).items():
                if cell is None:
                    suppressed += 1
                else:
                    kinds[kind] = kinds.get(kind, 0) + cell
    decided = sums["decided"]
    return {
        "since": rfc3339(since_us),
        "from": first,
        "until": last,
        "periods": counted,
        **sums,
        **{member: dict(sorted(kinds.items())) for member, kinds in by_kind.items()},
        "searches": 0,  # no authority can search yet: mode `search` is refused
        "left_ppm": sums["released"] * _PARTS // decided if decided else None,
        "suppressed": suppressed,
    }
