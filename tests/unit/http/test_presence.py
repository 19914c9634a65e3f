"""A fresh proof that a person is there: how long it lasts, what renews it, what passes it on, and what was written."""

from __future__ import annotations

import hashlib

import pytest

from tests.unit.gateway.test_people import (
    ADA,
    DESK,
    OFFICE,
    SALTS,
    SIGNER,
    Kept,
    by_provider,
    enrol,
    kept,
    known,
    people,
)
from tests.vectors.make_documents import put
from wicketgate.base.clock import MINUTE_US, SECOND_US
from wicketgate.base.errors import NotEntitled
from wicketgate.gateway.people import PeopleInForce, SignedInAs
from wicketgate.http.gatekeeper import Gatekeeper
from wicketgate.http.sessions import Sessions
from wicketgate.http.site.kept import LIFE_US, MOST, KeptForms
from wicketgate.regime.documents.people import commit_to

__all__ = ["kept", "known"]


def sessions_of(kept: Kept, known: PeopleInForce) -> Sessions:
    return Sessions(kept.now_us, dict, known)


def ada(kept: Kept, *, ago_s: int = 0) -> SignedInAs:
    return by_provider(sub="s-1", auth_time=kept.at_us // SECOND_US - ago_s)


def test_a_proof_lasts_as_long_as_the_document_says_and_not_a_moment_longer(
    kept: Kept, known: PeopleInForce
) -> None:
    sessions = sessions_of(kept, known)
    _, session = sessions.open_as(enrol(kept, known), OFFICE, kept.at_us)
    kept.at_us += 5 * MINUTE_US
    assert sessions.is_present(session)
    kept.at_us += 1
    assert not sessions.is_present(session)
    assert sessions.lasts(session)  # they still see what they may see
    sessions.prove(session, sessions.proof_of(session) or ada(kept), kept.at_us)
    assert sessions.is_present(session)  # the value that a request began with knows of it too
    sessions.close(session)
    assert not sessions.is_present(session)


def test_a_later_document_makes_a_proof_shorter_at_once(kept: Kept, known: PeopleInForce) -> None:
    sessions = sessions_of(kept, known)
    _, session = sessions.open_as(enrol(kept, known), OFFICE, kept.at_us)
    kept.at_us += 2 * MINUTE_US
    assert sessions.is_present(session)
    kept.sign(people(put("people.version", 2), put("people.presence", "PT1M")), SIGNER)
    assert sessions.lasts(session)
    assert not sessions.is_present(session)


def test_another_session_of_theirs_goes_on_with_the_proof_and_makes_none(
    kept: Kept, known: PeopleInForce
) -> None:
    sessions = sessions_of(kept, known)
    proved = ada(kept)
    _, first = sessions.open_as(proved, DESK, kept.at_us)
    kept.at_us += 4 * MINUTE_US
    _, program = sessions.open_program(first)
    assert sessions.is_present(program)
    kept.at_us += 2 * MINUTE_US
    assert not sessions.is_present(program)
    sessions.prove(first, ada(kept), kept.at_us)
    _, again = sessions.open_program(first)  # as the session stands now
    assert sessions.is_present(again)
    assert not sessions.is_present(program)


def test_nobody_proves_for_somebody_else(kept: Kept, known: PeopleInForce) -> None:
    sessions = sessions_of(kept, known)
    _, session = sessions.open_as(ada(kept), DESK, kept.at_us)
    kept.at_us += 6 * MINUTE_US
    with pytest.raises(NotEntitled):
        sessions.prove(session, enrol(kept, known), kept.at_us)
    assert not sessions.is_present(session)
    assert session.person == commit_to(SALTS[1], ADA)


def test_what_was_written_is_kept_for_its_page_once_and_not_for_long() -> None:
    at_us = 0
    forms = KeptForms(lambda: at_us)
    forms.keep("ada", "/a", reason="first")
    forms.keep("ada", "/a", reason="second")
    assert forms.take("ben", "/a") == {}
    assert forms.take("ada", "/b") == {}
    assert forms.take("ada", "/a") == {"reason": "second"}
    assert forms.take("ada", "/a") == {}
    forms.keep("ada", "/a", reason="third")
    at_us += LIFE_US
    assert forms.take("ada", "/a") == {}
    for number in range(MOST + 5):
        forms.keep(f"person {number}", "/a", reason="r")
    assert len(forms._kept) == MOST
    at_us += LIFE_US
    forms.keep("ada", "/a", reason="r")
    assert len(forms._kept) == 1


def test_a_connection_is_known_by_a_persons_session_as_by_a_token(kept: Kept, known: PeopleInForce) -> None:
    tokens = {hashlib.sha256(b"a token").hexdigest(): "recipient:tfl/charging"}
    sessions = Sessions(kept.now_us, lambda: tokens, known)
    session_id, session = sessions.open_as(ada(kept), DESK, kept.at_us)

    async def nothing(*_: object) -> None:
        raise AssertionError

    keeper = Gatekeeper(nothing, lambda: tokens, sessions=sessions)
    bearer, cookie = (
        (b"authorization", f"Bearer {session_id}".encode()),
        f"wicketgate-duty={session_id}".encode(),
    )
    for shown in (
        [bearer],
        [(b"cookie", cookie)],
        [(b"cookie", b"__Host-" + cookie)],
        [(b"authorization", b"Bearer a token")],
    ):
        assert keeper.knows(shown), shown
    for wrong in ([], [(b"cookie", cookie[:-1])], [(b"authorization", b"Bearer x")], [(b"cookie", b"=;=")]):
        assert not keeper.knows(wrong), wrong
    sessions.close(session)
    assert not keeper.knows([bearer])
    assert not keeper.knows([(b"cookie", cookie)])
