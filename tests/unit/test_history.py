"""The papers of the replay of London, 2007 and after; tests/system/test_london_2007.py plays them."""

from __future__ import annotations

from typing import Any

import pytest

from tests import history_2007 as history
from wicketgate.base.clock import parse_rfc3339
from wicketgate.regime.admission.limits import faults
from wicketgate.regime.charter import parse_charter
from wicketgate.regime.documents.authority import Authority, parse_authority
from wicketgate.regime.documents.document import parse_payload
from wicketgate_demo.world.charter import appoint

CHARTER = parse_charter(history.charter_document(appoint()))
YEAR = ("2007-07-17T00:00:00Z", "2008-07-17T00:00:00Z")
AT_US = parse_rfc3339("2007-07-17T10:00:00Z")
AUTHORITIES: dict[str, dict[str, Any]] = {
    "charging": history.charging_authority(),
    "certificate": history.certificate(1, *YEAR),
    "wider": history.wider_certificate(1, *YEAR),
    "all-crime": history.all_crime(*YEAR),
    "third-party": history.third_party_certificate(*YEAR),
    "listed": history.listed_vehicles(*YEAR),
}


def test_the_charter_says_that_it_is_a_replay() -> None:
    assert CHARTER.demonstration
    assert CHARTER.origin == history.ORIGIN
    assert "moved clock" in CHARTER.title


@pytest.mark.parametrize("name", AUTHORITIES)
def test_the_charter_has_nothing_against_an_authority_but_what_it_widens(name: str) -> None:
    authority = parse_authority(AUTHORITIES[name])
    assert list(faults(authority, CHARTER, at_us=AT_US, previous=None)) == []


def test_a_certificate_stands_on_the_law_of_its_day() -> None:
    before, after = (
        parse_authority(AUTHORITIES["certificate"]),
        parse_authority(history.certificate(3, "2022-05-16T00:00:00Z", "2023-05-16T00:00:00Z")),
    )
    assert (before.instrument.citation, after.instrument.citation) == (
        "Data Protection Act 1998 s.28",
        "Data Protection Act 2018 s.79",
    )
    assert before.instrument.exempts != after.instrument.exempts


def test_the_acts_are_documents() -> None:
    draft = AUTHORITIES["all-crime"]
    for document in (
        history.review("r", AT_US, "Necessary still."),
        history.consultation("c", AT_US, draft, title="All crime", assessment="Everybody is read."),
        history.objection("o", "c", AT_US),
        history.decision("d", "c", AT_US, "Too wide.", answers={"o": "It is upheld."}),
        history.decision("d", "c", AT_US, "As proposed.", covered_until="2009-01-01T00:00:00Z"),
    ):
        [kind] = set(document) - {"draft"}
        parse_payload(kind, document)


def test_others_cameras_are_pulled_in_beside_its_own() -> None:
    authority = parse_payload("authority", history.pulled_in(AUTHORITIES["certificate"], 2, ["marshbridge"]))
    assert isinstance(authority, Authority)
    assert (authority.version, authority.scope.sources) == (2, ("tfl", "marshbridge"))


def test_a_longer_list_of_cameras_begins_with_the_shorter_one() -> None:
    # What was registered first stays in scope: those that joined later are the ones that are withheld.
    assert history.road_cameras(120)[:100] == history.road_cameras(100)
    assert {tuple(camera["groups"]) for camera in history.road_cameras(10)} == {(history.CONGESTION,)}
