"""The figures for reviews: an authority's intrusion and its results.

They are what an authority cost in intrusion and what came of it, by the published figures. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wicketgate.base.clock import parse_rfc3339, rfc3339

_PARTS = 1_000_000


def since_review(periods: Iterable[Mapping[str, Any]], name: str, since_us: int) -> dict[str, Any]:
    """Return an authority's figures over the published periods ended after a time.

    Parameters
    ----------
    periods : iterable of mapping
        Published figures of traffic and of targeting, as they stand in the ledger, each kind in order.
    name : str
        The authority's name.
    since_us : int
        When it was last reviewed, or else when it took effect; microseconds since the epoch.

    Returns
    -------
    dict
        `from` and `until` (null without any period), `periods`; the sums `decided`, `released`, `hits` by kind and
        `outcomes`; `searches`; `left_ppm`: of a million reads decided, how many left under it, null where none was
        decided; `suppressed`: how many cells were too small to be published, and are in no sum. Where a list decides
        what leaves, `released` and `left_ppm` are null from the second form of figures on, and `compared` is there:
        the reads held against the list. With the first month published comes `targeting`: `from`, `until`, `months`,
        sums of vehicles in `hits` and `outcomes` by kind, each of them at least so many, and `suppressed`; where its
        recipient looks back by questions alone, `searches`: at least how many were asked of what it got, and what
        became of them; and of bulk `custody`: at least how many rows of it were looked at (`looked`), how many its
        answers have (`rows`: what mode search would have released), and how many of those a list would have released
        (`listed`). Of bulk without custody both are "unknown", once months tell of them at all.

    Notes
    -----
    Anyone can add them up again: every number in it stands in an entry of the ledger.
    """
    sums = {"decided": 0, "released": 0, "compared": 0}
    by_kind: dict[str, dict[str, int]] = {"hits": {}, "outcomes": {}}
    counted, suppressed, hidden, is_bulk = 0, 0, False, False
    months: list[Mapping[str, Any]] = []
    first: str | None = None
    last: str | None = None
    for figures in periods:
        if parse_rfc3339(figures["until"]) <= since_us:
            continue
        if figures.get("kind") == "targeting":
            months.append(figures)
            continue
        counted += 1
        first, last = first or figures["from"], figures["until"]
        by_traffic = "form" in figures
        hidden |= by_traffic and name in figures["compared"]
        is_bulk |= by_traffic and name in figures["released"]
        cells = {"decided": figures["decided"], "released": figures["released"].get(name, 0)}
        if by_traffic and name in figures["compared"]:
            cells["compared"] = figures["compared"][name]
        for member, cell in cells.items():
            if cell is None:
                suppressed += 1
            else:
                sums[member] += cell
        for member, kinds in by_kind.items():
            suppressed += _sum_up({} if by_traffic else figures[member].get(name, {}), kinds)
    decided, released = sums["decided"], sums["released"]
    found = {
        "since": rfc3339(since_us),
        "from": first,
        "until": last,
        "periods": counted,
        "decided": decided,
        "released": None if hidden else released,
        **{member: dict(sorted(kinds.items())) for member, kinds in by_kind.items()},
        "searches": 0,  # of the form of 0.3, which let nobody search; `targeting` has them now
        "left_ppm": None if hidden or not decided else released * _PARTS // decided,
        "suppressed": suppressed,
    }
    if hidden:
        found["compared"] = sums["compared"]
    if months:
        found["targeting"] = {
            **_targeting(months, name),
            **_told(months, "searches", name, unknown=is_bulk),
            **_told(months, "custody", name, unknown=is_bulk),
            **_unlisted(months, name),
        }
    return found


def _sum_up(cells: Mapping[str, int | None], into: dict[str, int]) -> int:
    """Add cells to the sums of their kinds; return how many are suppressed."""
    for kind, cell in cells.items():
        if cell is not None:
            into[kind] = into.get(kind, 0) + cell
    return sum(cell is None for cell in cells.values())


def _told(months: Sequence[Mapping[str, Any]], member: str, name: str, *, unknown: bool) -> dict[str, Any]:
    """Return the sums of an authority's cells in a table of questions, as far as months have it.

    Where it has none: nothing, or that they are unknown.
    """
    told = [month[member] for month in months if member in month]
    if not any(name in one for one in told):
        return {member: "unknown"} if told and unknown else {}
    sums: dict[str, int] = {}
    for one in told:
        _sum_up(one.get(name, {}), sums)
    return {member: dict(sorted(sums.items()))}


def _unlisted(months: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Return the rows that left and that stayed under an authority that withholds what is listed; else nothing."""
    told = [month["unlisted"][name] for month in months if name in month.get("unlisted", {})]
    sums = {kind: sum(one[kind] or 0 for one in told) for kind in ("released", "withheld")}
    return {"unlisted": sums} if told else {}


def _targeting(months: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    sums: dict[str, dict[str, int]] = {"hits": {}, "outcomes": {}}
    suppressed = sum(
        _sum_up(month[member].get(name, {}), kinds) for month in months for member, kinds in sums.items()
    )
    return {
        "from": months[0]["from"],
        "until": months[-1]["until"],
        "months": len(months),
        **{member: dict(sorted(kinds.items())) for member, kinds in sums.items()},
        "suppressed": suppressed,
    }
