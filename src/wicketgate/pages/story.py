"""The story of the first page, in counts made ready for the templates. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wicketgate.pages import phrases
from wicketgate.pages.figures import cells_of, in_steps, is_sum, periods_of
from wicketgate.pages.found import found_of
from wicketgate.pages.phrases import at_us_of
from wicketgate.pages.views import least_traffic_of, step_of, tables

MODES = ("bulk", "unlisted", "match", "search")

Said = tuple[int | None, str]
"""A count, None where it cannot be said, and the words for it."""

_Span = tuple[int | None, int | None]
"""From when until when, microseconds since the epoch; None is open."""


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
        The reads that left, by authority, those that ended among them.
    bulk : mapping
        Of those, what left in bulk, by authority; for the figures the same as `released`.
    vehicles : mapping
        Where a list decides, in published figures, the vehicles of the last month, by authority, in words.
    images, fetched : mapping
        By authority, the images that what left names, and those that its recipient fetched; of bulk alone, as traffic.
    hits : Said
        What lists let go; a number where reads are counted as they leave.
    untold : frozenset of str
        Names under which reads left in bulk that no count tells apart from others.
    """

    known: bool
    taken: Said
    nobody: Said
    most: Mapping[str, int]
    released: Mapping[str, Said]
    bulk: Mapping[str, Said]
    vehicles: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, Said] = field(default_factory=dict)
    fetched: Mapping[str, Said] = field(default_factory=dict)
    hits: Said = (None, "")
    untold: frozenset[str] = frozenset()


def tell(views: Sequence[Mapping[str, Any]], counts: StoryCounts) -> dict[str, Any]:
    """Return the story of the reads: seen, left, stayed.

    For those that left it says to whom and why.

    Parameters
    ----------
    views : sequence of mapping
        Every version of every authority, as the pages show them.
    counts : StoryCounts
        Those of the published figures (`of_figures`), or others that a page is given in their place.

    Returns
    -------
    dict
        `taken`, `bulk` (to others), `hits`, `stayed` and `nobody` as texts, `left` (a row for each authority that
        counts now, and for each that ended and let something go); a `share` is of 100 reads, or None where one cannot
        be said.

    Notes
    -----
    A sum is of every name that let reads go, whether or not it is in force still: what has left is not undone when an
    authority ends, is superseded or changes its mode.

    `stayed` is a bound from below: reads that went to none but the cameras' own organisation, or to nobody. One read
    can go to several others, and the counts do not say which, so it is what was taken less all that went to others.
    """
    taken = counts.taken
    shown = _shown(views, counts)
    modes = modes_of(views)
    own = _own_of(views)
    several = len({view["controller"] for view in shown.values()}) > 1
    rows = [
        {
            "view": view,
            "who": view["unit"] or view["recipient"],
            "of": view["recipient"] if view["unit"] else "",
            "what": what_goes(view)
            + (f" of {view['controller']}" if several and not view["own_use"] else ""),
            "why": view["purpose"].rpartition(": ")[2],
            "is_match": modes[name] == {"match"},
            "number": _number(counts, name, modes[name]),
            "images": _images(counts, name, view),
            "share": share(counts.released.get(name, (0, ""))[0], taken[0]),
        }
        for name, view in shown.items()
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
    others = sum(most for name, most in counts.most.items() if name not in own)
    stayed = max(counts.nobody[0] or 0, (taken[0] or 0) - others)
    in_bulk = {
        name: said
        for name, said in counts.bulk.items()
        if name not in own and "bulk" in modes.get(name, {"bulk"})
    }
    bulk = sum(number or 0 for number, _ in in_bulk.values())
    exact = counts.untold <= own and all(
        words in ("", "none", phrases.number(number)) for number, words in in_bulk.values()
    )
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


def _shown(views: Sequence[Mapping[str, Any]], counts: StoryCounts) -> dict[str, Mapping[str, Any]]:
    """Return by name the version that counts; of a name that ended, if anything left, the last one that took effect."""
    current: dict[str, Mapping[str, Any]] = {}
    ended: dict[str, Mapping[str, Any]] = {}
    for view in views:
        name = str(view["name"])
        if view["is_current"]:
            if name not in current or view["status"]["id"] == "in-force":
                current[name] = view
        elif name not in ended or view["has_begun"]:
            ended[name] = view
    left = {name for name, (number, words) in counts.released.items() if number or words not in ("", "0")}
    left |= counts.untold | counts.vehicles.keys()
    return current | {name: view for name, view in ended.items() if name not in current and name in left}


def _own_of(views: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the names by which reads do not leave: a controller's own use, which is so for all versions of a name."""
    return {str(view["name"]) for view in views if view["own_use"]}


def modes_of(views: Iterable[Mapping[str, Any]]) -> dict[str, set[str]]:
    """Return the modes of all versions of each name: counts are by name, and one can change its mode."""
    modes: dict[str, set[str]] = {}
    for view in views:
        modes.setdefault(str(view["name"]), set()).add(view["mode"]["id"])
    return modes


def _number(counts: StoryCounts, name: str, modes: set[str]) -> str:
    """Return in words what left under an authority, empty where that is not published yet."""
    reads = counts.released.get(name, (None, ""))[1]
    if name in counts.untold:
        reads = f"at least {reads.removeprefix('at least ') or 0}, not told apart since"
    vehicles = counts.vehicles.get(name, "")
    if reads or vehicles:
        return " and ".join(filter(None, (reads, vehicles)))
    told = counts.known and (
        modes.isdisjoint(("match", "unlisted")) or ("unlisted" not in modes and counts.hits[0] is not None)
    )
    return "none" if told else ""


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
        "unlisted": f"every vehicle on none of its lists that passes {'' if number == 1 else 'any of '}{cameras}",
        "match": f"vehicles on its list, and plates that look like a listed one, at {cameras}",
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


def of_figures(
    figures: Mapping[str, Any] | None, register: Mapping[str, Any], views: Sequence[Mapping[str, Any]]
) -> StoryCounts:
    """Return the counts of the figures of the latest day as the pages show them; None where none are published.

    Parameters
    ----------
    views : sequence of mapping
        Every version of every authority. A name with a list has no row of its own in `released`, also where a version
        of it lets go in bulk: then the most that left is what was compared.
    """
    if figures is None:
        return StoryCounts(known=False, taken=(None, ""), nobody=(None, ""), most={}, released={}, bulk={})
    small, rows = figures["small"], figures["rows"]
    spans = _spans_of(views)
    cells: dict[str, list[object]] = {
        one["name"]: [_cell(row, one["name"], spans) for row in rows] for one in figures["released"]
    }
    hidden = untold_of(views, rows)
    months = tables(register.get("targeting"))
    last: Mapping[str, Any] = months[-1] if months else {}
    hits, unlisted, step = last.get("hits") or {}, last.get("unlisted") or {}, step_of(register)
    most = untold_of(views, rows, ("bulk", "unlisted"))
    own = _own_of(views)
    left = [one.get("vehicles") for name, one in hits.items() if name not in own]
    released: dict[str, Said] = {
        name: (_sum(found), phrases.total(found, small)) for name, found in cells.items()
    }
    return StoryCounts(
        known=True,
        taken=(_sum(row.get("taken") for row in rows), figures["totals"]["taken"]),
        nobody=(
            (_sum(row.get("withheld") for row in rows), figures["totals"]["withheld"])
            if all("withheld" in row for row in rows)
            else (None, "")
        ),
        most={
            name: _sum(found) + found.count(None) * max(0, small - 1)
            for name in {*cells, *most}
            for found in ([*cells.get(name, ()), *most.get(name, ())],)
        },
        released=released,
        bulk=released,
        vehicles={
            **{name: f"{in_steps([kinds.get('released')], small)} reads" for name, kinds in unlisted.items()},
            **{name: f"{in_steps([kinds.get('vehicles')], step)} vehicles" for name, kinds in hits.items()},
        },
        images={one["name"]: (None, one["images"]) for one in figures["images"]},
        fetched={one["name"]: (None, one["fetched"]) for one in figures["images"]},
        hits=(None, f"{in_steps(left, step)} vehicles") if left else (None, ""),
        untold=frozenset(hidden),
    )


def untold_of(
    views: Iterable[Mapping[str, Any]], rows: Iterable[Mapping[str, Any]], modes: Collection[str] = ("bulk",)
) -> dict[str, list[object]]:
    """Return by name the cells `compared` in which reads that left in bulk are not told apart.

    They are those of periods in which a version of mode `bulk`, or of another of `modes`, can have been in force.
    """
    spans = _spans_of(view for view in views if view["mode"]["id"] in modes)
    found: dict[str, list[object]] = {}
    for row in rows:
        for name, reads in (row.get("compared") or {}).items():
            if _overlap(row, spans.get(name, ())):
                found.setdefault(name, []).append(reads)
    return found


def _cell(row: Mapping[str, Any], name: str, spans: Mapping[str, Sequence[_Span]]) -> object:
    """Return what left in a period; a suppressed count of one at no moment of which it could is 0."""
    cell = (row.get("released") or {}).get(name, 0)
    return 0 if cell is None and name in spans and not _overlap(row, spans[name]) else cell


def _spans_of(views: Iterable[Mapping[str, Any]]) -> dict[str, list[_Span]]:
    """Return by name when each of its versions is or was in force."""
    spans: dict[str, list[_Span]] = {}
    for view in views:
        span = (at_us_of(view["item"].get("in_force_from")), at_us_of(view["until"]))
        spans.setdefault(str(view["name"]), []).extend([span] if view["has_begun"] else [])
    return spans


def _overlap(row: Mapping[str, Any], spans: Iterable[_Span]) -> bool:
    from_us, until_us = at_us_of(row.get("from")), at_us_of(row.get("until"))
    return any(
        (until_us is None or begun_us is None or until_us > begun_us)
        and (from_us is None or ended_us is None or from_us < ended_us)
        for begun_us, ended_us in spans
    )


def _sum(cells: Iterable[object]) -> int:
    """Return the sum of the published counts not suppressed.

    It serves for the length of a bar alone.
    """
    return sum(cell for cell in cells if isinstance(cell, int))


# --- why not less? ------------------------------------------------------------------------------------------------

MODE_TITLES = {"bulk": "Bulk", "unlisted": "Unlisted", "match": "Match", "search": "Search"}
OWN_TITLE = "Own use of whoever owns the cameras, which does not leave"


def by_mode(views: Sequence[Mapping[str, Any]], register: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a deployment's published figures by mode.

    They are over all its periods: reads where what leaves is traffic, vehicles by the month where a list decides.
    Of a closed month the sums stand, so that a name that let go in bulk in any part of one counts as doing so in all.
    Figures of 0.3 counted reads and hits of both. What controllers use themselves does not leave, and stands apart.

    Parameters
    ----------
    views : sequence of mapping
        Every version of every authority.
    """
    small, step = least_traffic_of(register), step_of(register)
    figures, months = periods_of(register), tables(register.get("targeting"))
    own = _own_of(views)
    by_name = {name: modes for name, modes in modes_of(views).items() if name not in own}
    untold = untold_of(views, figures).keys() - own
    found = []
    for mode in sorted({mode for modes in by_name.values() for mode in modes}, key=_rank):
        names = {name for name, modes in by_name.items() if mode in modes}
        # Figures are by name: of one that changed its mode, reads stand where they left in bulk, hits with its list.
        traffic = names if mode == "bulk" else {name for name in names if "bulk" not in by_name[name]}
        listed = set() if mode == "bulk" else names
        vehicles = [
            kinds.get("vehicles")
            for month in months
            for name, kinds in (month.get("hits") or {}).items()
            if name in listed and mode != "unlisted"
        ]
        unlisted = [
            kinds.get("released")
            for month in months
            for name, kinds in (month.get("unlisted") or {}).items()
            if name in names and mode == "unlisted"
        ]
        counted = any(name in (row.get("released") or {}) for row in figures for name in traffic)
        released = _total(figures, "released", traffic, small) if counted else ""
        if unlisted:
            released = f"{in_steps(unlisted, small)}, by the month"
        if mode == "bulk" and untold:
            released = f"at least {released.removeprefix('at least ') or 0}"
        found.append(
            {
                "id": mode,
                "title": MODE_TITLES.get(mode, mode),
                "authorities": sorted(names),
                "released": released,
                "hits": _total(figures, "hits", listed, small)
                if any("hits" in row for row in figures)
                else "",
                "vehicles": in_steps(vehicles, step) if vehicles else "",
                "outcomes": {
                    words: said
                    for what, words in phrases.OUTCOMES.items()
                    if (said := _outcomes(figures, months, listed, (small, step), what))
                },
                "found": found_of(mode, names, views, months, (small, step)),
            }
        )
    if own:
        counted = any(name in (row.get("released") or {}) for row in figures for name in own)
        used = _total(figures, "released", own, small) if counted else ""
        found.append(
            {
                "id": "own",
                "title": OWN_TITLE,
                "authorities": sorted(own),
                "released": used,
                "outcomes": {},
                "found": [],
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
            if isinstance(cell, Mapping) and not is_sum(cell):
                # Hits by quality, `late` and `clone` beside it; outcomes by what they were.
                counted = ("exact", "possible") if only is None else (only,)
                cells += [one for what, count in cell.items() if what in counted for one in cells_of(count)]
            elif only is None:
                cells += cells_of(cell)
    return phrases.total(cells, small)
