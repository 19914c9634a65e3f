"""The story of the first page, in counts made ready for the templates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.pages import phrases

MODES = ("bulk", "match", "search")

Said = tuple[int | None, str]
"""A count, None where it cannot be said, and the words for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryCounts:
    """What was seen and what left.

    Attributes
    ----------
    known : bool
        Whether anything is counted yet.
    taken, nobody : Said
        Reads seen, and those that were released to nobody.
    most : mapping
        The most that can have left, by authority.
    released : mapping
        What left, by authority.
    """

    known: bool
    taken: Said
    nobody: Said
    most: Mapping[str, int]
    released: Mapping[str, Said]


def tell(views: Sequence[Mapping[str, Any]], counts: StoryCounts) -> dict[str, Any]:
    """Return the story of the reads: seen, left, stayed.

    For those that left it says to whom and why.

    Parameters
    ----------
    views : sequence of mapping
        The authorities as the pages show them.
    counts : StoryCounts
        Those of the published figures (`of_figures`), or others that a page is given in their place.

    Returns
    -------
    dict
        `taken`, `stayed` and `nobody` as texts, `left` (a row for each authority that counts now); a `share` is of
        100 reads, or None where one cannot be said.

    Notes
    -----
    `stayed` is a bound from below: reads that went to none but the cameras' own organisation, or to nobody. One read
    can go to several others, and the counts do not say which, so it is what was taken less all that went to others.
    """
    taken = counts.taken
    latest: dict[str, Mapping[str, Any]] = {}
    for view in views:  # of each name the version that counts
        if view["is_current"] and (view["name"] not in latest or view["status"]["id"] == "in-force"):
            latest[view["name"]] = view
    several = len({view["controller"] for view in latest.values()}) > 1
    rows = [
        {
            "view": view,
            "who": view["unit"] or view["recipient"],
            "of": view["recipient"] if view["unit"] else "",
            "what": what_goes(view)
            + (f" of {view['controller']}" if several and not view["own_use"] else ""),
            "why": view["purpose"].rpartition(": ")[2],
            "is_match": view["mode"]["id"] == "match",
            "number": counts.released.get(name, (None, "none"))[1] if counts.known else "",
            "share": share(counts.released.get(name, (0, ""))[0], taken[0]),
        }
        for name, view in latest.items()
    ]
    # What goes to others is asked for first, and of that what is widest.
    rows.sort(
        key=lambda row: (
            row["view"]["own_use"],
            row["view"]["status"]["id"] != "in-force",
            _rank(row["view"]["mode"]["id"]),
            -(row["view"]["item"].get("cameras") or 0),
        )
    )
    others = sum(
        most for name, most in counts.most.items() if not (name in latest and latest[name]["own_use"])
    )
    stayed = max(counts.nobody[0] or 0, (taken[0] or 0) - others)
    return {
        "known": counts.known,
        "taken": taken[1],
        "stayed": phrases.number(stayed),
        "stayed_share": share(stayed, taken[0]),
        "nobody": counts.nobody[1],
        "left": rows,
    }


def _rank(mode: str) -> int:
    return MODES.index(mode) if mode in MODES else len(MODES)


def what_goes(view: Mapping[str, Any]) -> str:
    """Return the reads under an authority in words."""
    number = view["item"].get("cameras")
    cameras = "its cameras"
    if number is not None:
        cameras = "one camera" if number == 1 else f"{phrases.number(number)} cameras"
    words = {
        "bulk": f"every vehicle that passes {'' if number == 1 else 'any of '}{cameras}",
        "match": f"only vehicles on its list, at {cameras}",
        "search": f"only answers to approved questions, about {cameras}",
    }
    return words.get(view["mode"]["id"], str(view["mode"]["short"]))


def share(part: int | None, whole: int | None) -> float | None:
    """Return a part as a whole number of 100.

    It is from 0 to 100, and None where either is not known.

    >>> share(1, 3), share(None, 3), share(0, 0)
    (33.33, None, None)
    """
    return None if part is None or not whole else round(min(100.0, 100 * part / whole), 2)


def of_figures(figures: Mapping[str, Any] | None) -> StoryCounts:
    """Return the counts of the figures of the latest day as the pages show them; None where none are published."""
    if figures is None:
        return StoryCounts(known=False, taken=(None, ""), nobody=(None, ""), most={}, released={})
    small = figures["small"]
    return StoryCounts(
        known=True,
        taken=(_sum(row.get("taken") for row in figures["rows"]), figures["totals"]["taken"]),
        nobody=(
            (_sum(row.get("withheld") for row in figures["rows"]), figures["totals"]["withheld"])
            if all("withheld" in row for row in figures["rows"])
            else (None, "")
        ),
        most={
            one["name"]: _sum((row.get("released") or {}).get(one["name"], 0) for row in figures["rows"])
            + sum(
                max(0, small - 1)
                for row in figures["rows"]
                if (row.get("released") or {}).get(one["name"], 0) is None
            )
            for one in figures["released"]
        },
        released={
            one["name"]: (
                _sum((row.get("released") or {}).get(one["name"], 0) for row in figures["rows"]),
                one["total"],
            )
            for one in figures["released"]
        },
    )


def _sum(cells: Iterable[object]) -> int:
    """Return the sum of the published counts not suppressed.

    It serves for the length of a bar alone.
    """
    return sum(cell for cell in cells if isinstance(cell, int))


# --- why not less? ------------------------------------------------------------------------------------------------

MODE_TITLES = {"bulk": "Bulk", "match": "Match", "search": "Search"}


def by_mode(
    views: Sequence[Mapping[str, Any]], figures: Sequence[Mapping[str, Any]], small: int
) -> list[dict[str, Any]]:
    """Return a deployment's published figures by mode.

    They are of its own authorities, over all its periods.

    Parameters
    ----------
    views : sequence of mapping
        Every version of every authority.
    figures : sequence of mapping
        The register's figures; `hits` and `outcomes` count by authority where there are any.
    small : int
        Counts below this are suppressed in them.
    """
    modes: dict[str, set[str]] = {}
    for name, mode in {str(view["name"]): view["mode"]["id"] for view in views}.items():
        modes.setdefault(mode, set()).add(name)  # figures are by name: the mode of its last version counts
    return [
        {
            "id": mode,
            "title": MODE_TITLES.get(mode, mode),
            "authorities": sorted(names),
            "released": _total(figures, "released", names, small),
            "hits": _total(figures, "hits", names, small),
            "outcomes": {
                words: total
                for what, words in phrases.OUTCOMES.items()
                if (total := _total(figures, "outcomes", names, small, what)) != "0"
            },
        }
        for mode, names in sorted(modes.items(), key=lambda item: _rank(item[0]))
    ]


def _total(
    figures: Sequence[Mapping[str, Any]], member: str, names: set[str], small: int, only: str | None = None
) -> str:
    cells: list[object] = []
    for row in figures:
        table = row.get(member)
        if not isinstance(table, Mapping):
            continue
        for name, cell in table.items():
            if str(name).partition("@")[0] not in names:
                continue
            if isinstance(
                cell, Mapping
            ):  # hits by quality, `late` and `clone` beside it; outcomes by what they were
                counted = ("exact", "possible") if only is None else (only,)
                cells += [count for what, count in cell.items() if what in counted]
            elif only is None:
                cells.append(cell)
    return phrases.total(cells, small)
