"""Named authorities with links to keepers: what is refused, and what is wider than what was consulted on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.vectors.cases_consultations import LATER, NAME, consulted
from tests.vectors.cases_documents import search_authority
from tests.vectors.cases_widening import UNTIL, strict_charter
from tests.vectors.make_documents import MATCH_OFFICES, Case, Document, Story, changed, example, put

OWN_OFFICES = ("tfl/commissioner", "tfl/data-protection")
KEEPER: Document = {
    "causes": ["unpaid-charge"],
    "registers": ["dvla"],
    "per_day": 500,
    "not_before": "P3D",
}

Change = Callable[[Document], object]


def causes(charter: Document) -> None:
    """Let a charter list causes."""
    charter["causes"] = [
        {"id": "unpaid-charge", "title": "A charge that was not paid"},
        {"id": "stolen", "title": "A stolen vehicle"},
    ]


def own(*changes: Change) -> Document:
    """Return the road authority's own use, with links."""
    return changed(
        example("authority-own-use"),
        put("scope.fields", ["plate", "time", "place", "vehicle", "patch-image"]),
        put("keeper", dict(KEEPER)),
        *changes,
    )


def cases() -> dict[str, Case]:
    """Return the cases by name."""
    return {**_shapes(), **_wider()}


def _shapes() -> dict[str, Case]:
    begun = Story.under(changed(example("charter"), causes))
    without = Story.under(example("charter"))

    def bad(*changes: Change, code: str = "malformed") -> Case:
        return begun.case(own(*changes), OWN_OFFICES, code=code)

    match = changed(example("authority-match"), put("keeper", dict(KEEPER)))
    asked = changed(search_authority(), put("keeper", dict(KEEPER)))
    return {
        "authority-good-keeper": begun.case(own(), OWN_OFFICES, need="notice"),
        "authority-good-keeper-at-once": begun.case(
            own(put("keeper.not_before", "PT0S")), OWN_OFFICES, need="notice"
        ),
        "authority-good-keeper-in-match": begun.case(match, MATCH_OFFICES, need="within"),
        "authority-good-keeper-of-others-without-an-image": begun.case(
            changed(match, put("scope.fields", ["plate", "time", "place"])), MATCH_OFFICES, need="within"
        ),
        "authority-keeper-in-search": begun.case(asked, MATCH_OFFICES, code="malformed"),
        "authority-keeper-without-the-charters-cause": without.case(own(), OWN_OFFICES, code="unknown-cause"),
        "authority-keeper-no-such-cause": bad(put("keeper.causes", ["curiosity"]), code="unknown-cause"),
        "authority-keeper-for-nothing": bad(put("keeper.causes", [])),
        "authority-keeper-of-no-register": bad(put("keeper.registers", [])),
        "authority-keeper-without-a-number": bad(put("keeper.per_day", None)),
        "authority-keeper-never-a-day": bad(put("keeper.per_day", 0)),
        "authority-keeper-without-a-time": bad(put("keeper.not_before", None)),
        "authority-keeper-in-months": bad(put("keeper.not_before", "P1M")),
        "authority-keeper-beyond-the-feed": bad(put("keeper.not_before", "P28D")),
        "authority-keeper-unknown-member": bad(put("keeper.plate", True), code="unknown-key"),
        "authority-keeper-without-a-place": bad(put("scope.fields", ["plate", "time", "patch-image"])),
        "authority-keeper-of-ones-own-without-an-image": bad(put("scope.fields", ["plate", "time", "place"])),
    }


def _wider() -> dict[str, Case]:
    """Return what becomes of each member of links, by itself."""
    drafted = changed(example("authority-match"), put("keeper", dict(KEEPER)))
    covered = consulted(
        Story.under(changed(strict_charter(), causes)), drafted, put("decision.covered_until", UNTIL)
    )
    bare = consulted(
        Story.under(changed(strict_charter(), causes)),
        example("authority-match"),
        put("decision.covered_until", UNTIL),
    )

    def case(*changes: Change, **wanted: Any) -> Case:
        return covered.case(changed(drafted, *changes), MATCH_OFFICES, at=LATER, **wanted)

    def wider(*changes: Change) -> Case:
        return case(*changes, code="widening")

    def narrower(*changes: Change) -> Case:
        return case(*changes, need="covered", by=(NAME,), wider=())

    return {
        "widening-by-links": bare.case(drafted, MATCH_OFFICES, at=LATER, code="widening"),
        "widening-by-cause": wider(put("keeper.causes", ["unpaid-charge", "stolen"])),
        "widening-by-another-cause": wider(put("keeper.causes", ["stolen"])),
        "widening-by-register": wider(put("keeper.registers", ["dvla", "elsewhere"])),
        "widening-by-links-a-day": wider(put("keeper.per_day", 501)),
        "widening-by-an-earlier-link": wider(put("keeper.not_before", "P2D")),
        "covered-links": narrower(),
        "covered-no-links": narrower(put("keeper", None)),
        "covered-fewer-and-later-links": narrower(put("keeper.per_day", 1), put("keeper.not_before", "P7D")),
    }
