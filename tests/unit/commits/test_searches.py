"""Questions in the fold: what waits, what is spent, and when a unit may not ask at once any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from wicketgate.base.clock import DAY_US, HOUR_US, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.forms import split_form, with_form
from wicketgate.base.hour_keys import KeyRing
from wicketgate.commits.searches import ENDED_US, MOST_REMEMBERED, WAITS_US, KnownSearches
from wicketgate.commits.state import STATE_FORM, State, dump_state, load_state
from wicketgate.commits.stored import KINDS, decode, decode_public, encode
from wicketgate.commits.transactions import Transaction
from wicketgate.regime.searches.approvals import ApprovalGiven, ApprovalNeeded
from wicketgate.regime.searches.rules import judge_approval
from wicketgate.regime.searches.values import (
    AnswerEnded,
    AnswerLooked,
    EmergencyLet,
    SearchApproved,
    SearchAsked,
    SearchCounted,
    SearchRefused,
    SearchRun,
    SearchUnapproved,
)

AT_US = 1_780_000_000_000_000
MET, NAME = "met/serious-crime", "tfl-met-questions@1"
NEED = ApprovalNeeded(offices=(MET,), why="count")
GIVEN = ApprovalGiven(by="person:b", office=MET, counted=12)


def asked(id_: str = "q", **members: Any) -> SearchAsked:
    base: dict[str, Any] = {
        "id": id_,
        "authority": "tfl-met-questions@1",
        "unit": MET,
        "by": "person:a",
        "question": b'{"pattern":"AB1?C*"}',
        "salt": bytes(16),
        "kinds": ("pattern",),
        "offence": "murder",
        "case": "C-1",
        "reason": "The van was seen leaving the yard.",
        "cameras": 10,
        "camera_days": 10,
        "needs": (NEED,),
        "counts_first": True,
    }
    return SearchAsked(**(base | members))


HEADER = {
    "id": "q",
    "authority": "tfl-met-questions@1",
    "commit": 7,
    "rows": 40,
    "root": "0" * 64,
    "run_at": rfc3339(AT_US),
    "until": rfc3339(AT_US + DAY_US),
    "emergency": False,
    "promise": {"salt": "0" * 32},
}
RUN = SearchRun(
    id="q",
    rows=40,
    vehicles=12,
    root="0" * 64,
    promise=msgspec.json.encode(HEADER).decode(),
    until_us=AT_US + DAY_US,
)


def taken(*events: Any, at_us: int = AT_US) -> KnownSearches:
    known = KnownSearches()
    known.take(events, at_us)
    return known


def test_a_question_is_counted_approved_run_and_ended_and_an_approval_is_for_one_run() -> None:
    known = taken(asked(), SearchCounted(id="q", vehicles=12, needs=(NEED,), authority=NAME))
    assert judge_approval(known.held["q"].waiting, GIVEN, {MET}) is None
    known.take(
        [SearchApproved(id="q", given=GIVEN), RUN, AnswerLooked(id="q", by="person:a", after=0, rows=40)],
        AT_US,
    )
    assert judge_approval(known.held["q"].waiting, GIVEN, {MET}) == "approval-spent"
    assert (known.ended(AT_US + DAY_US - 1), known.ended(AT_US + DAY_US)) == ([], ["q"])
    known.take([AnswerEnded(id="q")], AT_US + DAY_US)
    assert known.held == {}
    assert known.counts == {"tfl-met-questions": {"asked": 1, "approved": 1, "answered": 1}}


def test_what_is_refused_waits_for_nothing() -> None:
    known = taken(
        asked(code="question-kind"),
        asked("r"),
        SearchRefused(id="r", by="person:b", office=MET, reason="no", authority=NAME),
    )
    assert known.held == {}
    assert known.counts == {"tfl-met-questions": {"refused": 1, "asked": 1, "not-approved": 1}}
    counted = taken(asked(), SearchCounted(id="q", vehicles=900, code="too-broad", authority=NAME))
    assert counted.held == {}


def test_an_emergency_that_nobody_approves_stops_the_unit_until_the_overseer_lets_it() -> None:
    due_us = AT_US + 24 * HOUR_US
    urgent = asked(emergency="a child is missing", approve_by_us=due_us, counts_first=False)
    brief = msgspec.structs.replace(RUN, until_us=AT_US + HOUR_US)
    known = taken(urgent, brief)
    # It was answered, and can be approved all the same; nor is it forgotten before it is due.
    late = ApprovalGiven(by="person:b", office=MET)
    assert judge_approval(known.held["q"].waiting, late, {MET}) is None
    assert known.ended(due_us - 1) == []
    assert (known.unapproved(due_us - 1), known.unapproved(due_us)) == ([], ["q"])
    known.take([SearchUnapproved(id="q", unit=MET, authority=NAME)], due_us)
    assert (known.stopped, known.unapproved(due_us)) == ({MET: "q"}, [])
    known.take([EmergencyLet(unit=MET, by="overseer:ico/commissioner")], due_us)
    assert known.stopped == {}
    approved = taken(urgent, brief, SearchApproved(id="q", given=ApprovalGiven(by="person:b", office=MET)))
    assert approved.unapproved(due_us) == []


def test_it_is_bounded() -> None:
    known = taken(
        *(
            asked(f"q{n}", case=f"C-{n}", by=f"person:{n}", code="question-kind")
            for n in range(MOST_REMEMBERED + 2)
        )
    )
    assert len(known.cases) == len(known.reasons) == MOST_REMEMBERED
    assert "C-0" not in known.cases
    for n in range(12):
        known.take([asked(f"r{n}", by="person:x", reason=f"reason {n}", code="question-kind")], AT_US)
    assert known.reasons["person:x"] == [f"reason {n}" for n in range(2, 12)]
    waiting = taken(asked())
    waiting.take([], AT_US + 2 * WAITS_US)
    assert waiting.held == {}


def test_reasons_and_cases_are_forgotten_31_days_after_they_were_used_last() -> None:
    known = taken(
        asked("q1", by="person:x", case="C-1", reason="one"), asked("q2", by="person:y", case="C-2")
    )
    known.take(
        [asked("q3", by="person:x", case="C-3", reason="two", code="question-kind")],
        AT_US + 5 * WAITS_US // 7,
    )
    known.take([], AT_US + ENDED_US - 1)
    assert (set(known.reasons), set(known.cases)) == ({"person:x", "person:y"}, {"C-1", "C-2", "C-3"})
    known.take([], AT_US + ENDED_US)
    assert (set(known.reasons), set(known.cases)) == ({"person:x"}, {"C-3"})
    assert known.reasons["person:x"] == ["one", "two"]
    known.take([], AT_US + ENDED_US + 5 * WAITS_US // 7)
    assert (known.reasons, known.cases, known.reasoned_us, known.cased_us) == ({}, {}, {}, {})


def test_what_an_earlier_version_kept_of_reasons_ends_too() -> None:
    known = KnownSearches(reasons={"person:x": ["old"]}, cases={"C-1": ["person:x"]})
    known.take([], AT_US)
    known.take([], AT_US + ENDED_US - 1)
    assert known.reasons
    known.take([], AT_US + ENDED_US)
    assert (known.reasons, known.cases) == ({}, {})


@pytest.mark.parametrize(
    "event",
    [
        RUN,
        SearchApproved(id="q", given=GIVEN),
        AnswerEnded(id="q"),
        AnswerLooked(id="q", by="x", after=0, rows=1),
    ],
)
def test_nothing_becomes_of_a_question_that_nobody_asked(event: Any) -> None:
    with pytest.raises(InputError):
        taken(event)


def test_an_id_is_used_once() -> None:
    with pytest.raises(InputError):
        taken(asked(), asked())


# --- stored -----------------------------------------------------------------------------------------------


def test_a_question_is_stored_in_private_and_read_again(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path / "content-keys", KINDS)
    events = (
        asked(),
        SearchCounted(id="q", vehicles=12, needs=(NEED,), authority=NAME),
        SearchApproved(id="q", given=GIVEN),
        RUN,
    )
    transaction = Transaction(at_us=AT_US, searches=events)
    stored = encode(transaction, keys).data
    assert decode(stored, keys)[0] == transaction
    assert decode_public(stored)[0].searches == ()
    assert b"AB1?C*" not in stored
    assert b"person:a" not in stored


def test_a_snapshot_holds_them_and_one_without_them_is_read() -> None:
    state = State()
    state.apply(
        Transaction(
            at_us=AT_US, searches=(asked(), SearchCounted(id="q", vehicles=12, needs=(NEED,), authority=NAME))
        ),
        1,
    )
    assert load_state(dump_state(state)) == state
    members = msgspec.msgpack.decode(split_form(dump_state(State()))[1])
    del members["searches"]
    assert load_state(with_form(STATE_FORM, msgspec.msgpack.encode(members))).searches == KnownSearches()
