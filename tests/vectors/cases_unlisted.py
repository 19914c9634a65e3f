"""Named authorities of mode unlisted: their table, who signs them, and what they come to beside match."""

from __future__ import annotations

from typing import Any

from tests.vectors.cases_consultations import LATER, NAME, consulted
from tests.vectors.make_documents import (
    MATCH_OFFICES,
    Case,
    Document,
    Story,
    changed,
    example,
    put,
)

BY_TFL = ("tfl/commissioner", "tfl/data-protection")
UNTIL = "2027-07-04T00:00:00Z"


def unlisted() -> Document:
    """Return an authority of mode unlisted."""
    return example("authority-unlisted")


def cases() -> dict[str, Case]:
    """Return the cases by name."""
    return {**_tables(), **_beside_match()}


def _tables() -> dict[str, Case]:
    begun = Story.under(example("charter"))

    def bad(code: str, path: str, value: object) -> Case:
        return begun.case(changed(unlisted(), put(path, value)), BY_TFL, code=code)

    def good(*changes: Any) -> Case:
        return begun.case(changed(unlisted(), *changes), BY_TFL, need="notice")

    return {
        "authority-good-unlisted": good(),
        "authority-good-unlisted-by-default": good(put("unlisted", {"min_entries": 1, "max_shrink": 0})),
        "authority-good-unlisted-with-custody": good(put("search", {"max_age": "P7D"})),
        "authority-unlisted-without-its-table": bad("malformed", "unlisted", None),
        "authority-unlisted-table-in-bulk": bad("unknown-key", "authority.mode", "bulk"),
        "authority-unlisted-unknown-key": bad("unknown-key", "unlisted.least", 3),
        "authority-unlisted-no-lists": bad("malformed", "unlisted.lists", []),
        "authority-unlisted-a-list-twice": bad("malformed", "unlisted.lists", ["paid", "paid"]),
        "authority-unlisted-no-min-entries": bad("malformed", "unlisted.min_entries", None),
        "authority-unlisted-min-entries-0": bad("malformed", "unlisted.min_entries", 0),
        "authority-unlisted-min-entries-beyond-max": bad("malformed", "unlisted.max_entries", 299_999),
        "authority-unlisted-max-shrink-all": bad("malformed", "unlisted.max_shrink", 1),
        "authority-unlisted-max-shrink-negative": bad("malformed", "unlisted.max_shrink", -0.05),
        "authority-unlisted-max-shrink-text": bad("malformed", "unlisted.max_shrink", "5 %"),
        "authority-unlisted-stale-after-no-time": bad("malformed", "unlisted.stale_after", "PT0S"),
        "authority-unlisted-no-reason-against-match": bad("malformed", "authority.why_not_match", None),
        "authority-unlisted-no-reason-against-search": bad("malformed", "authority.why_not_search", None),
        "authority-unlisted-demands-confirmer": bad("malformed", "authority.demands", ["confirmer"]),
        "authority-unlisted-where-match-alone-may-be": begun.case(
            changed(
                unlisted(),
                put("authority.instrument", example("authority-match")["authority"]["instrument"]),
                put("authority.recipient", "met"),
                put("authority.unit", "serious-crime"),
                put("authority.purpose", "crime/serious"),
                put("authority.valid_until", "2027-07-01T00:00:00Z"),
                put("authority.review_every", "P3M"),
            ),
            MATCH_OFFICES,
            code="not-entitled",
        ),
    }


def _beside_match() -> dict[str, Case]:
    """Return what becomes of match beside unlisted: each by itself is let be, and together they are bulk."""
    charter = changed(
        example("charter"),
        put("signatures.8.modes", ["match", "bulk"]),
        put("consultations.2", {"modes": ["match", "unlisted"], "need": "notice"}),
        put("consultations.0", {"modes": ["bulk"], "need": "before"}),
    )
    match = example("authority-match")
    other = changed(
        match,
        put("authority.name", "met-all-but"),
        put("authority.mode", "unlisted"),
        put("authority.why_not_match", "so"),
        put("authority.why_not_search", "so"),
        put("match", None),
        put("unlisted", {"min_entries": 1, "max_shrink": 0.05}),
    )
    in_bulk = changed(
        other,
        put("authority.name", "met-all"),
        put("authority.mode", "bulk"),
        put("unlisted", None),
        put("scope.fields", match["scope"]["fields"]),
    )
    return _pairs(charter, match, other, in_bulk)


def _pairs(charter: Document, match: Document, other: Document, in_bulk: Document) -> dict[str, Case]:
    # What counts as bulk needs what bulk needs: before, unless a consultation covered it.
    begun = Story.under(charter)
    all_but = consulted(begun, other, put("decision.covered_until", UNTIL))
    everything = consulted(begun, in_bulk, put("decision.covered_until", UNTIL))
    elsewhere = changed(match, put("scope.fields", ["overview-image"]))
    return {
        "authority-unlisted-needs-what-bulk-needs": begun.case(other, MATCH_OFFICES, code="widening"),
        "authority-good-unlisted-covered": all_but.case(
            other, MATCH_OFFICES, at=LATER, need="covered", by=(NAME,), wider=()
        ),
        "authority-good-unlisted-covered-by-bulk": everything.case(
            other, MATCH_OFFICES, at=LATER, need="covered", by=(NAME,), wider=()
        ),
        "authority-bulk-not-covered-by-unlisted": all_but.case(
            in_bulk, MATCH_OFFICES, at=LATER, code="widening"
        ),
        "authority-match-not-covered-by-unlisted": all_but.then(other, MATCH_OFFICES, at=LATER).case(
            match, MATCH_OFFICES, at=LATER, code="widening"
        ),
        "authority-unlisted-beside-match": all_but.then(match, MATCH_OFFICES, at=LATER).case(
            other, MATCH_OFFICES, at=LATER, code="widening"
        ),
        "authority-good-match-beside-unlisted-covered-by-bulk": everything.then(
            other, MATCH_OFFICES, at=LATER
        ).case(match, MATCH_OFFICES, at=LATER, need="covered", by=(NAME,), wider=()),
        "authority-good-match-of-other-fields-beside-unlisted": all_but.then(
            other, MATCH_OFFICES, at=LATER
        ).case(elsewhere, MATCH_OFFICES, at=LATER, need="notice"),
    }
