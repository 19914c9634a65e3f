"""The forms of hotlists, as units send and get them.

They are NDJSON and the UK 16-field CSV, checked against an authority's limits. docs/spec/hotlist.md, sections 1 to
3. A body is taken as a whole or refused as a whole, with the numbers of the lines that are wrong; nothing that a
line says is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from wicketgate.base.errors import HotlistRefused, InputError
from wicketgate.base.periods import add, describe_period
from wicketgate.hotlists import Change, Entry, Hotlist
from wicketgate.hotlists.forms.ndjson import (
    MAX_LINE,
    PRIORITIES,
    HotlistLine,
    array_lines,
    body_lines,
    hotlist_lines,
    json_rows,
)
from wicketgate.hotlists.forms.rows import MOST_FAULTS, Faults, FormRow, whole_seconds
from wicketgate.hotlists.forms.uk_csv import ACTIONS, UK_FIELDS, csv_rows
from wicketgate.regime.documents.authority import MatchTerms

__all__ = [
    "ACTIONS",
    "CSV",
    "JSON",
    "MAX_HOTLIST_BYTES",
    "MAX_LINE",
    "MOST_FAULTS",
    "NDJSON",
    "PRIORITIES",
    "UK_FIELDS",
    "HotlistLine",
    "hotlist_lines",
    "parse_hotlist",
]

NDJSON: Final = "application/x-ndjson"
JSON: Final = "application/json"
CSV: Final = "text/csv"

MAX_HOTLIST_BYTES: Final = 1024 * 1024 * 1024
"""Bytes of one body."""


def parse_hotlist(
    body: bytes,
    media_type: str,
    *,
    terms: MatchTerms,
    hotlist: Hotlist,
    at_us: int,
    draw_voi: Callable[[], str],
    whole: bool,
    default_kind: str | None = None,
) -> tuple[Change, ...]:
    """Return the changes asked for by a body.

    For a whole list there is one for each entry of it.

    Parameters
    ----------
    body : bytes
        Anything; at most `MAX_HOTLIST_BYTES`.
    media_type : str
        `NDJSON`, `JSON` (an array, whose nth element is line n) or `CSV`, without parameters.
    terms : MatchTerms
        What the authority allows.
    hotlist : Hotlist
        The list in force: a plate that stays listed keeps its id, and the time from which it counts.
    at_us : int
        From when new entries count, microseconds since the epoch.
    draw_voi : callable
        Returns an id for a new entry without one.
    whole : bool
        True for a whole list, False for a delta, in which lines of NDJSON may remove plates.
    default_kind : str, optional
        For `CSV`, which has no field for it; not needed where the authority allows one kind.

    Returns
    -------
    tuple of Change
        In the order of the lines. No plate comes twice.

    Raises
    ------
    HotlistRefused
        `malformed`, `plate-unreadable`, `kind-not-allowed`, `life-too-long`, `already-expired`, `entry-twice`,
        `too-many-entries`.
    InputError
        `unsupported-media-type`.

    Notes
    -----
    Some 15 µs a line. How many entries a list has after a delta is looked at when it is committed.
    """
    if len(body) > MAX_HOTLIST_BYTES:
        raise HotlistRefused(f"a list of more than {MAX_HOTLIST_BYTES} bytes", code="malformed")
    faults = Faults()
    most = _most_lines(terms, whole=whole)
    if media_type == NDJSON:
        rows = json_rows(body_lines(body, most), faults, whole=whole)
    elif media_type == JSON:
        rows = json_rows(array_lines(body, most), faults, whole=whole)
    elif media_type == CSV:
        rows = csv_rows(body, _csv_kind(terms, default_kind), faults, most)
    else:
        raise InputError(f"a list comes as `{NDJSON}`, `{JSON}` or `{CSV}`", code="unsupported-media-type")
    longest_us = whole_seconds(add(at_us, terms.entry_life))
    kept = _keep(rows, terms, at_us, longest_us, faults, most)
    before = hotlist.known([row.plate for row in kept])
    return tuple(
        _change(row, known, at_us, longest_us, draw_voi) for row, known in zip(kept, before, strict=True)
    )


def _keep(
    rows: Iterable[FormRow], terms: MatchTerms, at_us: int, longest_us: int, faults: Faults, most: int
) -> list[FormRow]:
    """Return the rows of a list without a fault; refuse a list with any, or with too many entries."""
    kept: list[FormRow] = []
    plates: set[str] = set()
    ids: set[str] = set()
    entries = 0
    for row in rows:
        fault = _fault(row, terms, at_us, longest_us)
        if fault is None and row.plate in plates:
            fault = "entry-twice", "a plate that an earlier line has"
        if fault is None and row.voi in ids:
            fault = "entry-twice", "an `id` that an earlier line has"
        if fault is not None:
            faults.add(row.line, *fault)
            continue
        kept.append(row)
        plates.add(row.plate)
        if row.voi is not None:
            ids.add(row.voi)
        entries += bool(row.kind)
        if entries > terms.max_entries or len(kept) > most:
            raise HotlistRefused(
                f"the authority allows {terms.max_entries} entries at one time", code="too-many-entries"
            )
    if faults.found:
        raise faults.refusal()
    return kept


def _most_lines(terms: MatchTerms, *, whole: bool) -> int:
    """Return how many lines a body may have: of a change, one to remove and one to list each entry that may be."""
    return terms.max_entries if whole else 2 * terms.max_entries


def _fault(row: FormRow, terms: MatchTerms, at_us: int, longest_us: int) -> tuple[str, str] | None:
    """Return the fault of a row, or None."""
    if not row.kind:
        return None
    if row.kind not in terms.kinds:
        return "kind-not-allowed", "a kind that the authority does not allow"
    expires_us = longest_us if row.expires_us is None else row.expires_us
    if _until(expires_us, row.review_us) <= at_us:
        return "already-expired", "an entry whose end or review is past"
    if expires_us > longest_us:
        life = describe_period(terms.entry_life)
        return "life-too-long", f"an entry that would live longer than the authority allows ({life})"
    return None


def _change(
    row: FormRow, known: Entry | None, at_us: int, longest_us: int, draw_voi: Callable[[], str]
) -> Change:
    if not row.kind:
        return Change(plate=row.plate)
    if known is not None and known.until_us <= at_us:
        known = None
    expires_us = longest_us if row.expires_us is None else row.expires_us
    voi = row.voi or (draw_voi() if known is None else known.voi)
    listed_us = at_us if known is None or known.kind != row.kind else min(known.listed_us, at_us)
    return Change.put(
        Entry(
            voi=voi,
            plate=row.plate,
            kind=row.kind,
            priority=row.priority,
            reason=row.reason,
            listed_us=listed_us,
            until_us=_until(expires_us, row.review_us),
            expires_us=expires_us,
            review_us=row.review_us,
            **row.texts,
        )
    )


def _until(expires_us: int, review_us: int | None) -> int:
    return expires_us if review_us is None else min(expires_us, review_us)


def _csv_kind(terms: MatchTerms, default_kind: str | None) -> str:
    if default_kind is None and len(terms.kinds) == 1:
        return terms.kinds[0]
    if default_kind is None:
        raise HotlistRefused(
            "the authority allows several kinds, and this form has no field for one: name it beside the list",
            code="kind-not-allowed",
        )
    if default_kind not in terms.kinds:
        raise HotlistRefused("the kind named beside the list is not allowed", code="kind-not-allowed")
    return default_kind
