"""The facts of questions: each has its form, and none says what was asked for."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from tests.unit.commits.test_searches import GIVEN, MET, NAME, RUN, asked
from wicketgate.base.clock import HOUR_US
from wicketgate.clients.verify.opened import _FACTS
from wicketgate.gateway.filing.search_facts import question_hash, search_fact
from wicketgate.regime.searches.values import (
    AnswerCompared,
    AnswerEnded,
    AnswerLooked,
    EmergencyLet,
    SearchApproved,
    SearchCounted,
    SearchEvent,
    SearchRefused,
    SearchStopped,
    SearchUnapproved,
)

EVENTS: list[Any] = [
    asked(),
    asked(code="too-broad", plates=40, signs=("few-words",), emergency="fire", approve_by_us=24 * HOUR_US),
    SearchCounted(id="q", vehicles=9, authority=NAME),
    SearchCounted(id="q", vehicles=900, code="too-broad", authority=NAME),
    SearchStopped(id="q", code="revoked", authority=NAME),
    SearchApproved(id="q", given=GIVEN),
    SearchRefused(id="q", by="person:b", office=MET, reason="not needed", authority=NAME),
    RUN,
    AnswerLooked(id="q", by="person:a", after=0, rows=40),
    AnswerLooked(id="q", by="person:a", after=0, rows=40, form="csv", authority=NAME),
    AnswerCompared(id="q", authority=NAME, rows=40, listed=0),
    SearchUnapproved(id="q", unit=MET, authority=NAME),
    EmergencyLet(unit=MET, by="overseer:ico/commissioner"),
    AnswerEnded(id="q"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_fact_has_its_form_and_no_word_of_what_was_asked(event: Any) -> None:
    fact = search_fact(event, 7)
    msgspec.convert(msgspec.json.decode(fact), _FACTS)
    assert b"AB1" not in fact
    assert b"leaving the yard" not in fact
    assert b"fire" not in fact


def test_there_is_a_fact_of_everything_that_becomes_of_a_question() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(SearchEvent))


def test_the_hash_of_a_question_hangs_on_its_salt() -> None:
    assert question_hash(asked()) != question_hash(asked(salt=b"\x01" * 16))
    assert question_hash(asked()) != question_hash(asked(reason="another"))
