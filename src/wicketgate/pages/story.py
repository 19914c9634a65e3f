"""The story of the first page, and the exhibit of `/why-not-less`.

Counts are made ready for the templates. Pure.

The counts are those of the register's figures, or, in a demonstration alone, of the gateway as it runs (`live`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wicketgate.pages import phrases

MODES = ("bulk", "match", "search")
_STANDING = frozenset({"in-force", "suspended", "review-overdue", "consultation-overdue", "pending"})


def tell(
    views: Sequence[Mapping[str, Any]],
    figures: Mapping[str, Any] | None,
    live: Mapping[str, Any] | None,
    sources: Mapping[Any, Any],
) -> dict[str, Any]:
    """Return the story of the reads: seen, left, stayed.

    For those that left it says to whom and why.

    Parameters
    ----------
    views : sequence of mapping
        The authorities as the pages show them.
    figures : mapping or None
        The figures of the latest day as the pages show them; None where none are published.
    live : mapping or None
        The counts of a demonstration (`live.totals_of`), instead of the figures.
    sources : mapping
        Names of organisations by their ids.

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
    counts = _of_live(live) if live is not None else _of_figures(figures)
    taken = counts["taken"]
    latest: dict[object, Mapping[str, Any]] = {}
    for view in views:  # of each name the version that counts
        if view["status"]["id"] in _STANDING and (
            view["name"] not in latest or view["status"]["id"] == "in-force"
        ):
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
            "number": counts["released"].get(name, (None, "none"))[1] if counts["known"] else "",
            "share": share(counts["released"].get(name, (0, ""))[0], taken[0]),
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
        most for name, most in counts["most"].items() if not (name in latest and latest[name]["own_use"])
    )
    stayed = max(counts["nobody"][0] or 0, (taken[0] or 0) - others)
    return {
        "known": counts["known"],
        "taken": taken[1],
        "stayed": phrases.number(stayed),
        "stayed_share": share(stayed, taken[0]),
        "nobody": counts["nobody"][1],
        "left": rows,
        "refused": counts["refused"],
        "sources": [
            {"id": source, "name": sources.get(source) or source, "number": phrases.number(reads)}
            for source, reads in (live or {}).get("sources", {}).items()
        ],
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


def _of_live(live: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "known": True,
        "taken": _exact(live["taken"]),
        "nobody": _exact(live["stayed"]),
        "most": dict(live["released"]),
        "released": {name: _exact(rows) for name, rows in live["released"].items()},
        "refused": [
            {"id": reason, "reason": phrases.REASONS.get(reason, reason), "number": phrases.number(rows)}
            for reason, rows in sorted(live["refused"].items())
        ],
    }


def _of_figures(figures: Mapping[str, Any] | None) -> dict[str, Any]:
    if figures is None:
        nothing = (None, "")
        return {
            "known": False,
            "taken": nothing,
            "nobody": nothing,
            "most": {},
            "released": {},
            "refused": [],
        }
    small = figures["small"]
    return {
        "known": True,
        "taken": (_sum(row.get("taken") for row in figures["rows"]), figures["totals"]["taken"]),
        "nobody": (_sum(row.get("withheld") for row in figures["rows"]), figures["totals"]["withheld"]),
        "most": {
            one["name"]: _sum((row.get("released") or {}).get(one["name"], 0) for row in figures["rows"])
            + sum(
                max(0, small - 1)
                for row in figures["rows"]
                if (row.get("released") or {}).get(one["name"], 0) is None
            )
            for one in figures["released"]
        },
        "released": {
            one["name"]: (
                _sum((row.get("released") or {}).get(one["name"], 0) for row in figures["rows"]),
                one["total"],
            )
            for one in figures["released"]
        },
        "refused": [],
    }


def _exact(count: int) -> tuple[int, str]:
    return count, phrases.number(count)


def _sum(cells: Iterable[object]) -> int:
    """Return the sum of the published counts not suppressed.

    It serves for the length of a bar alone.
    """
    return sum(cell for cell in cells if isinstance(cell, int))


# --- why not less? ------------------------------------------------------------------------------------------------

_WORDS = {
    "bulk": ("Bulk", "Every read leaves. The recipient looks through them itself."),
    "match": ("Match", "The gate compares. Only reads of listed vehicles leave."),
    "search": ("Search", "Nothing leaves by itself. Approved questions are answered, later."),
}
_COUNTS = ("reads_left", "innocent_vehicles", "noticed", "missed", "false_hits")


def compare(exhibit: object) -> dict[str, Any] | None:
    """Return the exhibit of a demonstration: one day under each mode.

    It is made ready for the template, and None where it is not one.
    """
    if not isinstance(exhibit, Mapping):
        return None
    found = exhibit.get("modes")
    if not isinstance(found, Mapping):
        return None
    columns = []
    for mode in MODES:
        one = found.get(mode)
        if not isinstance(one, Mapping):
            return None
        counts = {name: one.get(name) for name in _COUNTS}
        columns.append(
            {
                "id": mode,
                "title": _WORDS[mode][0],
                "words": _WORDS[mode][1],
                "share": _percent(one.get("share")),
                "soon": _soon(one.get("median_notice_s")),
                "bar": _bar(one.get("share")),
                **{
                    name: "not known" if value is None else phrases.number(value)
                    for name, value in counts.items()
                },
            }
        )
    return {
        "columns": columns,
        **{name: exhibit.get(name) for name in ("reads", "wanted", "cameras", "questions", "sampling")},
    }


def _bar(value: object) -> float:
    """Return the length of a bar of 100 for a share of 1.

    Whatever is not nothing is seen.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or value <= 0:
        return 0.0
    return round(min(100.0, max(0.5, 100 * value)), 2)


def _percent(value: object) -> str:
    """Return a share of 1 as per cent.

    It has as many digits as tell it from nothing.

    >>> _percent(1), _percent(0.0004), _percent(0), _percent(None)
    ('100%', '0.04%', '0%', 'not known')
    """
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "not known"
    return f"{100 * value:.2g}%" if value < 0.1 else f"{100 * value:.0f}%"


def _soon(seconds: object) -> str:
    """Return a time to notice in words.

    >>> _soon(0.4), _soon(90), _soon(7200), _soon(None)
    ('less than a second', '2 minutes', '2 hours', 'never')
    """
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return "never"
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            number = round(seconds / size)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return "less than a second"


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
            "title": _WORDS[mode][0] if mode in _WORDS else mode,
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
