"""The growth of powers over time.

Every document of the register stands in the order of the ledger, with what it widened or narrowed. Pure.

What two versions of an authority allow is compared as the gateway compares them (`wicketgate.regime.powers`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec

from wicketgate.base.errors import WicketgateError
from wicketgate.pages import phrases
from wicketgate.pages.consultations import consultations_of
from wicketgate.pages.phrases import at_us_of
from wicketgate.pages.views import ShownNames, tables, texts, views_of
from wicketgate.regime.charter import Charter, parse_charter
from wicketgate.regime.documents.authority import parse_authority
from wicketgate.regime.powers import NOTHING, Powers, describe, of_authority

_ACTS = {
    "revocation": ("", "Nothing leaves under it any more."),
    "quashed": ("", "Nothing leaves under it any more."),
    "suspension": ("", "Nothing leaves under it until that is lifted."),
    "resumption": ("What it allows leaves again, unless it is stopped for another reason.", ""),
}
_MOST_COMPARED = 1_000


def drift_of(register: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the events of the register, the oldest first.

    Returns
    -------
    list of dict
        `entry`, `at`, `kind`, `what`, `href`, `title`, `marks`; `widened` and `narrowed`: sentences; `note`: what it
        neither widened nor narrowed, in words.
    """
    names = ShownNames(register)
    found = [
        *_charters(register),
        *_authorities(register, names),
        *_consultations(register),
    ]
    # An act stands under every version that it is about; it happened once.
    once = {
        (row["entry"], row["kind"], "" if row["kind"] in phrases.ACTS else row["href"]): row for row in found
    }
    return sorted(once.values(), key=lambda row: (_number(row["entry"]), at_us_of(row["at"]) or 0))


def _row(kind: str, what: str, title: object, **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"widened": [], "narrowed": [], "note": "", "marks": [], "href": ""}
    return {"kind": kind, "what": what, "title": title, "entry": None, "at": None, **empty, **more}


def _charters(register: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    charter = register.get("charter")
    versions = tables(register.get("charters")) or ([charter] if isinstance(charter, Mapping) else [])
    for number, item in enumerate(versions, 1):
        said = (item.get("document") or {}).get("charter") or {}
        yield _row(
            "charter",
            "The charter" if number == 1 else "A new charter",
            said.get("title") or f"Charter, version {said.get('version') or number}",
            entry=item.get("entry"),
            at=item.get("at"),
            widened=texts(item.get("wider")),
            note="It says what may be allowed, by whom, and with which consultation; it lets nothing leave by itself."
            if number == 1
            else "",
        )


def _authorities(register: Mapping[str, Any], names: ShownNames) -> Iterator[dict[str, Any]]:
    before: dict[object, Mapping[str, Any]] = {}
    views = views_of(register, names)
    charter = _encoded((register.get("charter") or {}).get("document"))
    for view in sorted(views, key=lambda view: (str(view["name"]), _number(view["version"]))):
        previous = before.get(view["name"])
        before[view["name"]] = view
        widened, narrowed = compare(previous, view, charter)
        yield _row(
            "authority",
            "A new authority" if previous is None else f"Version {view['version']} of an authority",
            view["title"],
            href=view["href"],
            entry=view["item"].get("entry"),
            at=view["item"].get("committed_at"),
            widened=widened,
            narrowed=narrowed,
            marks=view["marks"],
            note="" if widened or narrowed else "It allows what the version before it allowed.",
        )
        yield from _acts(view)


def _acts(view: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for act in view["events"]:
        kind = str(act.get("kind"))
        if act.get("kind") is None:
            continue  # that it was published stands above
        widened, narrowed = _ACTS.get(kind, ("", ""))
        said = (act.get("document") or {}).get(kind) or {}
        if (kind == "challenge" and said.get("stay")) or (kind == "objection" and said.get("annul")):
            until = " until that is lifted" if kind == "challenge" else " any more"
            narrowed = f"Nothing leaves under it{until}."
        yield _row(
            kind,
            act["what"],
            view["title"],
            href=view["href"],
            entry=act.get("entry"),
            at=act.get("at"),
            widened=[widened] if widened else [],
            narrowed=[narrowed] if narrowed else [],
            note=act.get("reason") or "",
        )


def _consultations(register: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for one in consultations_of(register):
        item = one["item"]
        yield _row(
            "consultation",
            "A proposal, for consultation",
            one["title"],
            href=one["href"],
            entry=item.get("entry"),
            at=item.get("committed_at"),
            note=" ".join(["When it was published, no consultation covered:", *one["wider"]])
            if one["wider"]
            else "When it was published, consultations covered all of it.",
        )
        for objection in one["objections"]:
            yield _row(
                "objection",
                f"Objected to by {objection['who']}",
                one["title"],
                href=f"{one['href']}#objections",
                entry=objection["entry"],
                at=objection["at"],
                note=objection["reason"],
            )
        decision = one["decision"]
        if decision is not None:
            until = f", until {phrases.day(decision['until'])}" if decision["until"] else ""
            note = f"It covers: {decision['covers'][:1].lower()}{decision['covers'][1:]}{until}."
            yield _row(
                "decision",
                f"Decided: {decision['outcome'].lower()}",
                one["title"],
                href=f"{one['href']}#decision",
                entry=decision["entry"],
                at=decision["at"],
                note=note,
            )


def compare(
    previous: Mapping[str, Any] | None, view: Mapping[str, Any], charter: bytes | None = None
) -> tuple[list[str], list[str]]:
    """Return a version's widenings and narrowings, in words.

    It is compared with the one before it.

    A first version widens all that it allows. Names are those of `charter`, its document as JSON. Where a document
    cannot be read by this version of the program, what the register says of its widening stands for it.
    """
    now = _dumped(view)
    before = None if previous is None else _dumped(previous)
    found = (
        None if now is None or (previous is not None and before is None) else _compared(charter, before, now)
    )
    if found is None:
        return list(view["consulted"]["wider"] or ()), []
    return list(found[0]), list(found[1])


def _dumped(view: Mapping[str, Any]) -> bytes | None:
    item = view["item"]
    cap = item.get("camera_cap")
    return _encoded((cap if isinstance(cap, int) else None, item.get("document")))


def _encoded(value: object) -> bytes | None:
    try:
        return msgspec.json.encode(value, order="sorted")
    except (TypeError, ValueError):
        return None


@lru_cache(maxsize=_MOST_COMPARED)
def _compared(
    charter: bytes | None, before: bytes | None, now: bytes
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    # Signed documents never change, so each pair is compared once.
    try:
        old = NOTHING if before is None else _powers(before)
        new = _powers(now)
    except (WicketgateError, TypeError, ValueError):
        return None
    names = _charter(charter)
    return (
        tuple(describe(new - old, names, within=new)),
        tuple(describe(old - new, names, within=old)),
    )


@lru_cache(maxsize=4)
def _charter(encoded: bytes | None) -> Charter | None:
    try:
        return None if encoded is None else parse_charter(msgspec.json.decode(encoded))
    except (WicketgateError, TypeError, ValueError):
        return None


def _powers(dumped: bytes) -> Powers:
    cap, document = msgspec.json.decode(dumped)
    return of_authority(parse_authority(document), cap)


def _number(value: object) -> int:
    return value if isinstance(value, int) else -1
