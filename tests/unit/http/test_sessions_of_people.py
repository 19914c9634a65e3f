"""When a person was last there is what they proved, and not that they came back or work at another place."""

from __future__ import annotations

import pytest

from tests.unit.gateway.test_people import DESK, OPENINGS, SIGNER, Kept, by_provider, people
from tests.vectors import make_documents as world
from tests.vectors.make_documents import put
from wicketgate.base.clock import MINUTE_US
from wicketgate.base.errors import NotEntitled
from wicketgate.commits.people import PeopleOpened
from wicketgate.gateway.people import PeopleInForce
from wicketgate.http.sessions import Sessions


class Station:
    """The sessions of people who are named, with a clock that a test moves."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.kept.sign(world.example("charter"), world.ROOTS)
        self.kept.sign(people(), SIGNER)
        self.kept.take(people=PeopleOpened(organisation="met", openings=OPENINGS))
        known = PeopleInForce(self.kept, self.kept, b"secret")
        self.sessions = Sessions(self.kept.now_us, dict, known)


def test_whoever_a_provider_did_not_see_was_not_there() -> None:
    station = Station()
    ada = by_provider(sub="s-1")
    _, unseen = station.sessions.open_as(ada, DESK, 0)
    assert not station.sessions.is_present(unseen)
    _, seen = station.sessions.open_as(ada, DESK, station.kept.at_us - MINUTE_US)
    assert station.sessions.is_present(seen)
    station.kept.at_us += 15 * MINUTE_US
    assert not station.sessions.is_present(seen)


def test_a_proof_is_renewed_by_the_same_person_and_never_made_older() -> None:
    station = Station()
    ada = by_provider(sub="s-1")
    _, session = station.sessions.open_as(ada, DESK, 0)
    with pytest.raises(NotEntitled):
        station.sessions.prove(session, by_provider(sub="s-9", groups="crime-desk"), station.kept.at_us)
    assert not station.sessions.is_present(session)
    renewed = station.sessions.prove(session, ada, station.kept.at_us)
    assert station.sessions.is_present(renewed)
    assert station.sessions.prove(renewed, ada, 5).present_us == station.kept.at_us


def test_what_a_provider_says_at_a_fresh_proof_is_what_a_session_rests_on() -> None:
    station = Station()
    once = by_provider(sub="s-9", groups="crime-desk")
    _, session = station.sessions.open_as(once, DESK, 0)
    with pytest.raises(NotEntitled):
        station.sessions.prove(session, by_provider(sub="s-9", groups="other"), station.kept.at_us)
    newer = by_provider(sub="s-9", groups=["crime-desk", "more"])
    station.sessions.prove(session, newer, station.kept.at_us)
    assert station.sessions.proof_of(session) == newer


def test_another_issuer_under_the_same_name_ends_the_sessions_of_the_first() -> None:
    station = Station()
    _, session = station.sessions.open_as(by_provider(sub="s-1"), DESK, 0)
    changes = put("people.version", 2), put("providers.0.issuer", "https://other.example")
    station.kept.sign(people(*changes), SIGNER)
    assert not station.sessions.lasts(session)
