"""The page for drivers: what happens to a read here, in plain words.

Made of the register alone: who sees it, who gets it and on what law, what nobody gets, and whom to ask. It holds no
count of reads, since a small one could tell of one vehicle. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wicketgate.pages import phrases
from wicketgate.pages.consultations import open_of
from wicketgate.pages.views import ShownNames, tables, texts

_WAYS = ("bulk", "match", "search")


def your_read_of(register: Mapping[str, Any], views: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what the page says.

    Parameters
    ----------
    views : sequence of mapping
        Every version of every authority, as the pages show them (`views.views_of`).

    Returns
    -------
    dict
        `sources`, each with how long it keeps images; `own`, and by mode the authorities in force that let reads go to
        others; `stopped`, those that could and do not now; `withheld`, the fields that nobody gets; `terms`, how long
        the gateway keeps what; `asked`, whom to ask; `open`, the open consultations.
    """
    charter = (register.get("charter") or {}).get("document") or {}
    in_force = [view for view in views if view["status"]["id"] == "in-force"]
    others = [view for view in in_force if not view["own_use"]]
    shown = {
        field
        for view in in_force
        for field in ((view["item"].get("document") or {}).get("scope") or {}).get("fields") or ()
    }
    return {
        "sources": [
            {
                "name": one.get("name") or one.get("id"),
                "keeps": phrases.duration(one["retention"]) if one.get("retention") else "",
            }
            for one in tables(charter.get("organisations"))
            if "source" in texts(one.get("roles"))
        ],
        "own": [view for view in in_force if view["own_use"]],
        "ways": {way: [view for view in others if view["mode"]["id"] == way] for way in _WAYS},
        "stopped": [view for view in views if view["is_current"] and view["status"]["id"] != "in-force"],
        "withheld": [words for field, words in phrases.FIELDS.items() if field not in shown],
        "terms": _terms(charter.get("limits") or {}),
        "asked": _asked(charter, ShownNames(register)),
        "open": open_of(register),
    }


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
