"""What acts for a person is less than the person: a program's session, a session elsewhere, a provider's word."""

from __future__ import annotations

import pytest

from tests.unit.gateway.test_people import DESK, OFFICE, SIGNER, Kept, by_provider, enrol, kept, known, people
from tests.vectors.make_documents import put
from wicketgate.base.clock import HOUR_US, MINUTE_US, SECOND_US
from wicketgate.base.errors import NotEntitled
from wicketgate.gateway.people import PeopleInForce
from wicketgate.http.sessions import LIFE_US, MOST_OF_A_PERSON, VOUCHED_US, Sessions

__all__ = ["kept", "known"]


@pytest.fixture
def sessions(kept: Kept, known: PeopleInForce) -> Sessions:
    return Sessions(kept.now_us, dict, known)


def test_a_programs_token_is_no_cookie_and_lets_no_other_program_in(
    kept: Kept, known: PeopleInForce, sessions: Sessions
) -> None:
    own_id, own = sessions.open_as(enrol(kept, known), OFFICE, kept.at_us)
    program_id, program = sessions.open_program(own)
    assert sessions.find(own_id) == own
    assert sessions.find(program_id) is None
    assert sessions.of(program.key) == program
    for act in (
        lambda: sessions.open_program(program),
        lambda: sessions.move(program, OFFICE),
        lambda: sessions.prove(program, sessions.proof_of(own) or by_provider(), kept.at_us),
    ):
        with pytest.raises(NotEntitled):
            act()
    assert sessions.of(program.key) == program


def test_a_program_has_the_times_of_the_session_that_let_it_in(
    kept: Kept, known: PeopleInForce, sessions: Sessions
) -> None:
    _, own = sessions.open_as(enrol(kept, known), OFFICE, kept.at_us)
    kept.at_us += 4 * MINUTE_US
    _, program = sessions.open_program(own)
    assert (program.until_us, program.present_us) == (own.until_us, own.present_us)
    kept.at_us = own.until_us
    assert sessions.of(program.key) is None


@pytest.mark.parametrize("how", ["signed out", "withdrawn", "pushed out"])
def test_a_program_ends_with_the_session_that_let_it_in(
    kept: Kept, known: PeopleInForce, sessions: Sessions, how: str
) -> None:
    proved = enrol(kept, known)
    _, own = sessions.open_as(proved, OFFICE, kept.at_us)
    _, program = sessions.open_program(own)
    if how == "signed out":
        sessions.close(own)
    elif how == "withdrawn":
        kept.sign(people(put("people.version", 2), put("persons", None)), SIGNER)
    else:
        for _ in range(MOST_OF_A_PERSON):
            sessions.open_as(proved, OFFICE, kept.at_us)
    assert not sessions.lasts(program)
    assert sessions.of(program.key) is None


def test_programs_push_out_programs_and_no_session_of_the_persons_own(
    kept: Kept, known: PeopleInForce, sessions: Sessions
) -> None:
    _, own = sessions.open_as(enrol(kept, known), OFFICE, kept.at_us)
    programs = [sessions.open_program(own)[1] for _ in range(MOST_OF_A_PERSON + 1)]
    assert [sessions.lasts(one) for one in programs] == [False] + [True] * MOST_OF_A_PERSON
    assert sessions.lasts(own)


def test_to_work_elsewhere_renews_nothing(kept: Kept, sessions: Sessions) -> None:
    _, session = sessions.open_as(by_provider(sub="s-1"), DESK, kept.at_us)
    _, program = sessions.open_program(session)
    until_us, present_us = session.until_us, session.present_us
    for _ in range(3):
        kept.at_us += 10 * MINUTE_US
        old = session
        _, session = sessions.move(session, DESK)
        assert not sessions.lasts(old)
        assert (session.until_us, session.present_us) == (until_us, present_us)
        assert sessions.of(program.key) is not None  # it goes on with the new one
    kept.at_us = until_us
    assert not sessions.lasts(session)
    assert sessions.of(program.key) is None
    with pytest.raises(NotEntitled):
        sessions.move(session, DESK)


def test_a_providers_word_lasts_an_hour_and_a_passkey_a_shift(
    kept: Kept, known: PeopleInForce, sessions: Sessions
) -> None:
    for claims in ({"sub": "s-1"}, {"sub": "s-9", "groups": "crime-desk", "exp": 2**40}):
        _, vouched = sessions.open_as(by_provider(**claims), DESK, 0)
        assert vouched.until_us - kept.at_us == VOUCHED_US == HOUR_US
    _, own = sessions.open_as(enrol(kept, known), OFFICE, kept.at_us)
    assert own.until_us - kept.at_us == LIFE_US


def test_what_a_provider_says_anew_is_what_counts(kept: Kept, sessions: Sessions) -> None:
    _, session = sessions.open_as(by_provider(sub="s-9", groups="crime-desk"), DESK, 0)
    kept.at_us += 50 * MINUTE_US
    sessions.prove(session, by_provider(sub="s-9", groups=["crime-desk"]), kept.at_us)
    kept.at_us += 50 * MINUTE_US
    assert sessions.lasts(session)
    kept.at_us += 10 * MINUTE_US + SECOND_US
    assert not sessions.lasts(session)
