"""The page for drivers: what happens to a read here, in plain words.

Made of the register alone: who sees it, who gets it and on what law, what nobody gets, and whom to ask. It holds no
count of reads, since a small one could tell of one vehicle. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wicketgate.base.errors import InputError
from wicketgate.base.periods import Period, add, parse_period
from wicketgate.pages import phrases
from wicketgate.pages.consultations import open_of
from wicketgate.pages.phrases import at_us_of
from wicketgate.pages.views import ShownNames, tables, texts
from wicketgate.regime.standing import STOPPED

_WAYS = ("bulk", "unlisted", "match", "search")


def your_read_of(register: Mapping[str, Any], views: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the page says.

    Parameters
    ----------
    views : sequence of mapping
        Every version of every authority, as the pages show them (`views.views_of`).

    Returns
    -------
    dict
        `sources`, each with how long it keeps images, and its reads where a history is kept; `own`, and by mode the
        authorities in force that let reads go to others; `stopped`, those that could and do not now; `to_come`,
        versions that are signed and not in force yet; `ended`, those that get nothing new and can fetch what left
        before, each a view and until when at the latest; `withheld`, the fields that nobody gets, nor can fetch still;
        `terms`, how long the gateway keeps what; `asked`, whom to ask; `open`, the open consultations.
    """
    charter = (register.get("charter") or {}).get("document") or {}
    in_force = [view for view in views if view["status"]["id"] == "in-force"]
    others = [view for view in in_force if not view["own_use"]]
    names = {view["name"] for view in in_force}
    held = _fetchable(views, at_us_of(register.get("as_of")), (charter.get("limits") or {}).get("feed_term"))
    shown = {
        field
        for view in (*in_force, *(view for view, _ in held))
        for field in ((view["item"].get("document") or {}).get("scope") or {}).get("fields") or ()
    }
    return {
        "sources": [
            {
                "name": one.get("name") or one.get("id"),
                "keeps": _kept(one.get("retention")),
                "holds": _kept(one.get("retention"), nothing=""),
            }
            for one in tables(charter.get("organisations"))
            if "source" in texts(one.get("roles"))
        ],
        "own": [view for view in in_force if view["own_use"]],
        "ways": {way: [view for view in others if view["mode"]["id"] == way] for way in _WAYS},
        "stopped": [
            view
            for view in views
            if view["is_current"] and view["has_begun"] and view["status"]["id"] != "in-force"
        ],
        "to_come": [view for view in views if view["is_current"] and not view["has_begun"]],
        "ended": [
            {"view": view, "until": until}
            for view, until in {view["name"]: (view, until) for view, until in held}.values()
            if view["name"] not in names
        ],
        "withheld": [words for field, words in phrases.FIELDS.items() if field not in shown],
        "terms": _terms(charter.get("limits") or {}),
        "asked": _asked(charter, ShownNames(register)),
        "open": open_of(register),
    }


def _fetchable(
    views: Sequence[Mapping[str, Any]], now_us: int | None, term: object
) -> list[tuple[Mapping[str, Any], int | None]]:
    """Return the ended versions of which what left can still be fetched, and until when at the latest.

    Their feed is open as long as the name is not stopped, and holds a row for the charter's `feed_term`.
    """
    counting: dict[object, Mapping[str, Any]] = {}
    for view in views:
        if view["has_begun"] or view["name"] not in counting:
            counting[view["name"]] = view  # the last that took effect
    try:
        period = parse_period(str(term))
    except InputError:
        period = None
    found = []
    for view in views:
        if not view["has_begun"] or view["is_current"] or counting[view["name"]]["status"]["id"] in STOPPED:
            continue
        ended_us = at_us_of(view["until"])
        gone_us = None if period is None or ended_us is None else add(ended_us, period)
        if gone_us is None or now_us is None or gone_us > now_us:
            found.append((view, gone_us))
    return found


def _kept(retention: object, nothing: str = "PT1H") -> str:
    """Return a source's retention in words; of one that keeps nothing, for how long its images can be fetched."""
    try:
        keeps_nothing = parse_period(str(retention)) == Period()
    except InputError:
        return ""
    words = nothing if keeps_nothing else str(retention)
    return phrases.duration(words) if words else ""


def _terms(limits: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: phrases.duration(limits[name]) if limits.get(name) else ""
        for name in ("feed_term", "too_old", "longest_recipient_retention")
    }


def _asked(charter: Mapping[str, Any], names: ShownNames) -> list[dict[str, Any]]:
    """Return whom to ask: those whose cameras these are, and those who oversee them, with their offices."""
    found = []
    for role, why in (
        ("source", "It decides what its cameras are used for"),
        ("overseer", "It oversees this gateway"),
    ):
        for one in tables(charter.get("organisations")):
            if role not in texts(one.get("roles")):
                continue
            offices = [
                {"title": office.get("title") or office.get("id"), "holder": office.get("holder") or ""}
                for office in tables(charter.get("offices"))
                if str(office.get("id")).partition("/")[0] == one.get("id")
            ]
            found.append({"name": names.organisation(one.get("id")), "why": why, "offices": offices})
    return found
