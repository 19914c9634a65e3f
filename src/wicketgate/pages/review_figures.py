"""The figures that a review has attached, in words for the pages. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.pages import phrases

_FIGURES = {
    "decided": "Reads decided",
    "released": "Reads that left under it",
    "compared": "Reads compared with its list",
    "left_ppm": "Share of the reads that left: the cost in intrusion",
    "searches": "Searches",
    "suppressed": "Counts that were too small to be published: each sum may be more",
}
_NO_ROWS = frozenset({"since", "from", "until", "periods"})


def figures_of(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the figures of a review, a row each.

    They are those which it has attached (`review_figures.since_review`).
    """
    known = {key: figures[key] for key in _FIGURES if key in figures}
    known |= {
        key: value
        for key, value in figures.items()
        if key not in {*known, *_NO_ROWS} and not isinstance(value, Mapping | list)
    }
    known.pop("searches", None)  # of the form of 0.3, which let nobody search: the months have them
    if known.get("released", 0) is None:  # a list decides what leaves: that is told by month, in vehicles
        known.pop("released"), known.pop("left_ppm", None)
    rows = [
        {
            "what": _FIGURES.get(key, key.replace("_", " ")),
            "number": phrases.per_million(value) if key == "left_ppm" else phrases.number(value),
        }
        for key, value in known.items()
    ]
    targeting = figures.get("targeting")
    if isinstance(targeting, Mapping):
        months = f"{phrases.day(targeting.get('from'))} to {phrases.day(targeting.get('until'))}"
        for member, words in (("hits", phrases.VEHICLES), ("outcomes", phrases.OUTCOMES)):
            rows += [
                {
                    "what": f"Vehicles, {months}: {words.get(str(key), str(key))}",
                    "number": f"at least {phrases.number(value)}",
                }
                for key, value in (targeting.get(member) or {}).items()
            ]
        rows += _questions_of(targeting.get("searches"), months)
        rows += _custody_of(targeting.get("custody"), months)
        rows += [
            {"what": f"Rows, {months}: {words}", "number": f"at least {phrases.number(value)}"}
            for kind, words in phrases.UNLISTED.items()
            if (value := (targeting.get("unlisted") or {}).get(kind)) is not None
        ]
        rows.append(
            {
                "what": f"Counts of vehicles, {months}, that are fewer than one step",
                "number": phrases.number(targeting.get("suppressed")),
            }
        )
    for member, label, words in (("hits", "Hits", phrases.HITS), ("outcomes", "Outcomes", phrases.OUTCOMES)):
        cells = figures.get(member)
        if isinstance(cells, Mapping):
            rows += [
                {"what": f"{label}: {words.get(str(key), str(key))}", "number": phrases.number(value)}
                for key, value in cells.items()
            ]
    return rows


def _questions_of(searches: object, months: str) -> list[dict[str, str]]:
    """Return what became of questions to what was got in bulk, as far as custody lets it be known."""
    if searches is None:
        return []
    if not isinstance(searches, Mapping):
        return [{"what": f"Questions asked of what was got, {months}", "number": "unknown: no custody"}]
    return [
        {
            "what": f"Questions, {months}: {str(kind).replace('-', ' ')}",
            "number": f"at least {phrases.number(value)}",
        }
        for kind, value in searches.items()
    ] or [{"what": f"Questions, {months}", "number": "fewer than one step"}]


def _custody_of(custody: object, months: str) -> list[dict[str, str]]:
    """Return what the answers out of custody say of whether bulk was needed."""
    if custody is None:
        return []
    if not isinstance(custody, Mapping):
        words = "Rows that were looked at, and what match and search would have released"
        return [{"what": f"{words}, {months}", "number": "unknown: no custody"}]
    return [
        {
            "what": f"{words}, {months}",
            "number": f"at least {phrases.number(custody[kind])}"
            if kind in custody
            else "fewer than one step",
        }
        for kind, words in phrases.CUSTODY.items()
    ]
