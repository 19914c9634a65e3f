"""The story of the first page, in counts made ready for the templates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wicketgate.pages import phrases
from wicketgate.pages.figures import in_steps
from wicketgate.pages.views import least_traffic_of, step_of, tables

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
        What left, by authority; where a list decides, of published figures the vehicles of the last month.
    images, fetched : mapping
        By authority, the images that what left names, and those that its recipient fetched; of bulk alone, as traffic.
    hits : Said
        What lists let go; a number where reads are counted as they leave.
    """

    known: bool
    taken: Said
    nobody: Said
    most: Mapping[str, int]
    released: Mapping[str, Said]
    images: Mapping[str, Said] = field(default_factory=dict)
    fetched: Mapping[str, Said] = field(default_factory=dict)
    hits: Said = (None, "")


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
        `taken`, `bulk` (to others), `hits`, `stayed` and `nobody` as texts, `left` (a row for each authority that
        counts now); a `share` is of 100 reads, or None where one cannot be said.

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
            "number": _number(counts, name, view["mode"]["id"]),
            "images": _images(counts, name, view),
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
    in_bulk = [
        counts.released.get(name, (0, ""))
        for name, view in latest.items()
        if view["mode"]["id"] == "bulk" and not view["own_use"]
    ]
    bulk = sum(number or 0 for number, _ in in_bulk)
    exact = all(words in ("", "none", phrases.number(number)) for number, words in in_bulk)
    return {
        "known": counts.known,
        "taken": taken[1],
        "bulk": ("" if exact else "at least ") + phrases.number(bulk),
        "bulk_share": share(bulk, taken[0]),
        "hits": counts.hits[1],
        "hits_share": share(counts.hits[0], taken[0]),
        "hits_counted": counts.hits[0] is not None,
        "stayed": phrases.number(stayed),
        "stayed_share": share(stayed, taken[0]),
        "nobody": counts.nobody[1],
        "left": rows,
    }


def _number(counts: StoryCounts, name: str, mode: str) -> str:
    """Return in words what left under an authority, empty where that is not published yet."""
    told = counts.known and (mode != "match" or counts.hits[0] is not None)
    return counts.released.get(name, (None, "none" if told else ""))[1]


def _images(counts: StoryCounts, name: str, view: Mapping[str, Any]) -> dict[str, str] | None:
    """Return in words the images that left under an authority in bulk and were fetched; None where none is counted."""
    if view["mode"]["id"] != "bulk" or not view["shows_images"] or name not in counts.images:
        return None
    return {"released": counts.images[name][1], "fetched": counts.fetched.get(name, (0, "none"))[1]}


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


def of_figures(figures: Mapping[str, Any] | None, register: Mapping[str, Any]) -> StoryCounts:
    """Return the counts of the figures of the latest day as the pages show them; None where none are published."""
    if figures is None:
        return StoryCounts(known=False, taken=(None, ""), nobody=(None, ""), most={}, released={})
    small, rows = figures["small"], figures["rows"]

    def cells(name: str) -> list[object]:
        return [(row.get("released") or {}).get(name, 0) for row in rows]

    names = [one["name"] for one in figures["released"]]
    months = tables(register.get("targeting"))
    hits, step = (months[-1].get("hits") or {}) if months else {}, step_of(register)
    listed: dict[str, Said] = {
        name: (None, f"{in_steps([kinds.get('vehicles')], step)} vehicles") for name, kinds in hits.items()
    }
    bulk: dict[str, Said] = {
        one["name"]: (_sum(cells(one["name"])), one["total"]) for one in figures["released"]
    }
    return StoryCounts(
        known=True,
        taken=(_sum(row.get("taken") for row in rows), figures["totals"]["taken"]),
        nobody=(
            (_sum(row.get("withheld") for row in rows), figures["totals"]["withheld"])
            if all("withheld" in row for row in rows)
            else (None, "")
        ),
        most={name: _sum(cells(name)) + cells(name).count(None) * max(0, small - 1) for name in names},
        released={**bulk, **listed},
        images={one["name"]: (None, one["images"]) for one in figures["images"]},
        fetched={one["name"]: (None, one["fetched"]) for one in figures["images"]},
        hits=(None, f"{in_steps([one.get('vehicles') for one in hits.values()], step)} vehicles")
        if hits
        else (None, ""),
    )


def _sum(cells: Iterable[object]) -> int:
    """Return the sum of the published counts not suppressed.

    It serves for the length of a bar alone.
    """
    return sum(cell for cell in cells if isinstance(cell, int))


# --- why not less? ------------------------------------------------------------------------------------------------

MODE_TITLES = {"bulk": "Bulk", "match": "Match", "search": "Search"}


def by_mode(views: Sequence[Mapping[str, Any]], register: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a deployment's published figures by mode.

    They are of its own authorities, over all its periods: reads where what leaves is traffic, vehicles by the month
    where a list decides. Figures of 0.3 counted reads and hits of both.

    Parameters
    ----------
    views : sequence of mapping
        Every version of every authority.
    """
    small, step = least_traffic_of(register), step_of(register)
    figures, months = tables(register.get("figures")), tables(register.get("targeting"))
    modes: dict[str, set[str]] = {}
    for name, mode in {str(view["name"]): view["mode"]["id"] for view in views}.items():
        modes.setdefault(mode, set()).add(name)  # figures are by name: the mode of its last version counts
    found = []
    for mode, names in sorted(modes.items(), key=lambda item: _rank(item[0])):
        vehicles = [
            kinds.get("vehicles")
            for month in months
            for name, kinds in (month.get("hits") or {}).items()
            if name in names
        ]
        counted = any(name in (row.get("released") or {}) for row in figures for name in names)
        found.append(
            {
                "id": mode,
                "title": MODE_TITLES.get(mode, mode),
                "authorities": sorted(names),
                "released": _total(figures, "released", names, small) if counted else "",
                "hits": _total(figures, "hits", names, small)
                if any("hits" in row for row in figures)
                else "",
                "vehicles": in_steps(vehicles, step) if vehicles else "",
                "outcomes": {
                    words: said
                    for what, words in phrases.OUTCOMES.items()
                    if (said := _outcomes(figures, months, names, (small, step), what))
                },
            }
        )
    return found


def _outcomes(
    figures: Sequence[Mapping[str, Any]],
    months: Sequence[Mapping[str, Any]],
    names: set[str],
    small_and_step: tuple[int, int],
    what: str,
) -> str:
    """Return how often something came of hits: of figures of 0.3, and of vehicles by the month."""
    small, step = small_and_step
    before = _total(figures, "outcomes", names, small, what)
    cells = [
        kinds.get(what)
        for month in months
        for name, kinds in (month.get("outcomes") or {}).items()
        if name in names
    ]
    said = [] if before == "0" else [before]
    if any(cells) or (cells and not said):
        said.append(f"{in_steps(cells, step)} vehicles")
    return " and ".join(said)


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
