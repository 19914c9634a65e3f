"""Sessions end with their term, their token and a sign-out; guesses are slowed down; nothing held opens anything."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator import HandClock
from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.http.failures import FAILURE_EVERY_US, FAILURES, TooManyFailures
from wicketgate.http.sessions import (
    LIFE_US,
    MOST_OF_A_UNIT,
    Sessions,
    is_form_key,
    officer_name,
    session_id_in,
    set_cookie,
)
from wicketgate.pages.duty import Session

TOKEN, OTHER = "token-of-the-unit", "token-of-another-unit"
HERE = "192.0.2.7"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Signed:
    """Sessions with a clock and tokens that a test may move."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.tokens = {
            sha256(TOKEN): "recipient:met/response",
            sha256(OTHER): "recipient:met/other",
            sha256("a-source"): "source:tfl",
            sha256("an-admin"): "admin",
        }
        self.sessions = Sessions(self.clock.now_us, lambda: self.tokens)

    def open(self, token: str = TOKEN, officer: str = "PC 4711", address: str = HERE) -> tuple[str, Session]:
        return self.sessions.open(token, officer, address)


@pytest.fixture
def signed() -> Signed:
    return Signed()


def test_a_session_is_found_by_its_id_alone(signed: Signed) -> None:
    session_id, session = signed.open()
    assert (session.unit, session.officer) == ("met/response", "PC 4711")
    assert signed.sessions.find(session_id) is session
    for wrong in ("", session.key, session.form_key, session_id[:-1], session_id + "A", TOKEN, "é" * 43):
        assert signed.sessions.find(wrong) is None
    assert session_id not in repr(vars(signed.sessions))
    assert TOKEN not in repr(vars(signed.sessions))


def test_it_ends_with_its_term_and_not_before(signed: Signed) -> None:
    session_id, session = signed.open()
    signed.clock.at_us += LIFE_US - 1
    assert signed.sessions.find(session_id) is session
    signed.clock.at_us += 1
    assert signed.sessions.find(session_id) is None
    assert len(signed.sessions) == 0


def test_it_ends_when_its_token_is_withdrawn_and_does_not_come_back(signed: Signed) -> None:
    session_id, session = signed.open()
    held = signed.tokens.pop(sha256(TOKEN))
    assert not signed.sessions.lasts(session)
    signed.tokens[sha256(TOKEN)] = held
    assert signed.sessions.find(session_id) is None


def test_a_token_that_passed_to_another_unit_does_not_carry_it(signed: Signed) -> None:
    session_id, _ = signed.open()
    signed.tokens[sha256(TOKEN)] = "recipient:met/other"
    assert signed.sessions.find(session_id) is None


def test_a_fresh_token_of_the_unit_leaves_it_alone(signed: Signed) -> None:
    session_id, session = signed.open()
    signed.tokens[sha256("a-second-token")] = "recipient:met/response"
    assert signed.sessions.find(session_id) is session


def test_signing_out_ends_it(signed: Signed) -> None:
    first, session = signed.open()
    second, _ = signed.open()
    signed.sessions.close(session)
    signed.sessions.close(session)
    assert signed.sessions.find(first) is None
    assert signed.sessions.find(second) is not None


def test_one_more_than_a_unit_may_have_ends_its_oldest_and_nobody_elses(signed: Signed) -> None:
    stranger, _ = signed.open(OTHER)
    ids = [signed.open()[0] for _ in range(MOST_OF_A_UNIT + 3)]
    assert [session_id for session_id in ids if signed.sessions.find(session_id) is None] == ids[:3]
    assert signed.sessions.find(stranger) is not None
    assert len(signed.sessions) == MOST_OF_A_UNIT + 1


@pytest.mark.parametrize(
    "token", ["", " ", "wrong", "a-source", "an-admin", sha256(TOKEN), "x" * 513, "\ud800"]
)
def test_who_is_no_unit_of_a_recipient_does_not_sign_in(signed: Signed, token: str) -> None:
    with pytest.raises(NotEntitled) as refused:
        signed.open(token)
    assert refused.value.code == "unauthorised"
    assert len(signed.sessions) == 0


def test_failures_run_out_and_come_back_one_at_a_time(signed: Signed) -> None:
    for _ in range(FAILURES):
        with pytest.raises(NotEntitled):
            signed.open("wrong")
    for _ in range(3):
        with pytest.raises(TooManyFailures) as refused:
            signed.open("wrong")
        assert refused.value.retry_s == FAILURE_EVERY_US // SECOND_US, "what was refused is not counted"
    with pytest.raises(NotEntitled):
        signed.open("wrong", address="192.0.2.8")
    signed.clock.at_us += FAILURE_EVERY_US
    with pytest.raises(NotEntitled):
        signed.open("wrong")
    with pytest.raises(TooManyFailures):
        signed.open("wrong")
    signed.clock.at_us += (FAILURES + 1) * FAILURE_EVERY_US
    for _ in range(FAILURES):
        with pytest.raises(NotEntitled):
            signed.open("wrong")


def test_no_number_of_guesses_keeps_a_right_token_out_from_the_same_peer_too(signed: Signed) -> None:
    for n in range(20 * FAILURES):
        with pytest.raises((NotEntitled, TooManyFailures)):
            signed.open(f"guess {n}")
        signed.open(TOKEN)
        signed.open(TOKEN, address="192.0.2.8")


def test_signing_in_costs_no_failures(signed: Signed) -> None:
    for _ in range(3 * FAILURES):
        signed.open()


def test_failures_of_many_peers_take_bounded_memory(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wicketgate.http.failures._PEERS", 5)
    for n in range(20):
        with pytest.raises(NotEntitled):
            signed.open("wrong", address=f"192.0.2.{n}")
    assert len(signed.sessions._failures) == 5


@pytest.mark.parametrize(
    "officer", ["", "  ", "\u2003", "a" * 81, "a\x00b", "a\u202eb", "a\u200bb", "\ud800"]
)
def test_who_gives_no_name_does_not_sign_in(signed: Signed, officer: str) -> None:
    with pytest.raises(InputError) as refused:
        signed.open(officer=officer)
    assert refused.value.code == "malformed"


@pytest.mark.parametrize(
    ("given", "kept"),
    [(" 4711 ", "4711"), ("PC\t 4711\n", "PC 4711"), ("Zoe\u0308", "Zoë"), ("a" * 80, "a" * 80)],
)
def test_how_a_name_is_kept(given: str, kept: str) -> None:
    assert officer_name(given) == kept
    assert officer_name(kept) == kept


@given(st.text(max_size=120))
def test_any_text_is_a_name_or_is_refused(text: str) -> None:
    try:
        name = officer_name(text)
    except InputError:
        return
    assert 0 < len(name) <= 80
    assert name.isprintable() or " " in name


def scope(*cookies: str, scheme: str = "http", forwarded: bytes | None = None) -> dict[str, Any]:
    headers = [(b"cookie", cookie.encode("latin-1")) for cookie in cookies]
    if forwarded is not None:
        headers.append((b"x-forwarded-proto", forwarded))
    return {"type": "http", "scheme": scheme, "headers": headers}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (scope("wicketgate-duty=abc"), "abc"),
        (scope("a=b; wicketgate-duty=abc; c=d"), "abc"),
        (scope("a=b", "wicketgate-duty=abc"), "abc"),
        (scope(), ""),
        (scope("wicketgate-duty"), ""),
        (scope("wicketgate-dut=abc; xwicketgate-duty=abc"), ""),
        (
            scope("wicketgate-duty=abc; wicketgate-duty=abd"),
            "",
        ),  # one of the two was put there by somebody else
        (scope("__Host-wicketgate-duty=abc", scheme="https"), "abc"),
        (scope("wicketgate-duty=abc", scheme="https"), ""),
        (scope("wicketgate-duty=abc", forwarded=b"https"), "abc"),  # `Proxies` alone looks at this header
        (scope("__Host-wicketgate-duty=abc", forwarded=b"https"), ""),
    ],
)
def test_which_cookie_is_a_session(given: dict[str, Any], found: str) -> None:
    assert session_id_in(given) == found


def test_what_the_cookie_is_sent_with() -> None:
    plain, safe, ended = (
        set_cookie(scope(), "abc"),
        set_cookie(scope(scheme="https"), "abc"),
        set_cookie(scope(), ""),
    )
    assert plain == "wicketgate-duty=abc; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
    assert safe == f"__Host-{plain}; Secure"
    assert ended == "wicketgate-duty=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"


@given(st.binary(max_size=80))
def test_any_bytes_are_cookies(line: bytes) -> None:
    assert isinstance(session_id_in({"type": "http", "headers": [(b"cookie", line)]}), str)


@given(st.text(max_size=60))
def test_any_text_is_no_form_key(text: str) -> None:
    _, session = Signed().open()
    assert not is_form_key(session, text)
    assert is_form_key(session, session.form_key)
