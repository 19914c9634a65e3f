"""What the law says of a question: refusals, approvals, emergencies, reasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.vectors import make_documents as world
from wicketgate.base.clock import DAY_US, HOUR_US
from wicketgate.base.periods import parse_period
from wicketgate.history.questions import KINDS, CameraBreadth, parse_question
from wicketgate.regime.charter import SearchRules
from wicketgate.regime.documents.authority import parse_authority
from wicketgate.regime.documents.search_terms import QUESTION_KINDS
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.publishing import bulk_names, targeted_names
from wicketgate.regime.searches.approvals import ApprovalGiven, ApprovalNeeded
from wicketgate.regime.searches.reasons import reason_signs
from wicketgate.regime.searches.rules import (
    AskedSearch,
    AwaitingApproval,
    GivenReason,
    judge,
    judge_approval,
    may_run,
    open_needs,
    stopped_code,
    with_approval,
)

SEARCH = parse_authority(world.example("authority-search"))
AT_US = world.AT_US
REASON = GivenReason(offence="murder", case="C-1", words="The van was seen leaving the yard before the fire.")
RULES = SearchRules(
    second=("ico/commissioner", "{recipient}/superintendent"),
    emergency_within=parse_period("PT24H"),
    overseer="ico/commissioner",
)
MET, ICO, WHOSE = "met/serious-crime", "ico/commissioner", "met/serious-crime"
BOTH = ("ico/commissioner", "met/superintendent")


@dataclass(frozen=True)
class Some:
    """A question of which only what the law looks at is there."""

    kinds: frozenset[str] = frozenset({"plate"})
    is_counted_first: bool = False
    from_us: int = AT_US - DAY_US


NARROW = CameraBreadth(10, 1, 10, 1)


def asked(**members: Any) -> AskedSearch:
    base = AskedSearch(
        unit=WHOSE,
        authority=SEARCH,
        stopped=None,
        question=Some(),
        breadth=NARROW,
        reason=REASON,
        at_us=AT_US,
    )
    return replace(base, **members)


PATTERN = Some(frozenset({"pattern"}), is_counted_first=True)


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"authority": None}, "no-authority"),
        ({"unit": "met/national-security-units"}, "no-authority"),
        ({"authority": parse_authority(world.example("authority"))}, "no-authority"),
        ({"stopped": "suspended"}, "suspended"),
        ({"stopped": "review-overdue", "reason": replace(REASON, case="")}, "review-overdue"),
        ({"reason": replace(REASON, words=" ")}, "reason-missing"),
        ({"reason": replace(REASON, offence="")}, "reason-missing"),
        ({"question": Some(frozenset({"place"}), is_counted_first=True)}, "question-kind"),
        ({"question": Some(frozenset({"plate", "vehicle"}))}, "question-kind"),
        ({"breadth": CameraBreadth(0, 1, 0, 1)}, "out-of-scope"),
        ({"question": Some(from_us=AT_US - 28 * DAY_US)}, "older-than-allowed"),
    ],
)
def test_the_first_reason_refuses(members: dict[str, Any], code: str) -> None:
    said = judge(asked(**members), RULES)
    assert (said.code, said.needs, said.answers_now) == (code, (), False)


def test_one_exact_plate_of_lately_is_answered_at_once() -> None:
    said = judge(asked(), RULES)
    assert said.answers_now
    assert said.needs == ()


def test_the_kinds_of_questions_are_those_that_an_authority_names() -> None:
    assert KINDS == QUESTION_KINDS


def test_a_real_question_is_judged_as_it_stands() -> None:
    question = parse_question(
        {"pattern": "AB1?C*", "from": "2026-07-08T00:00:00Z", "to": "2026-07-08T06:00:00Z"}
    )
    said = judge(asked(question=question, breadth=question.breadth(lambda place: 20)), RULES)
    assert said.counts_first
    assert said.needs == (ApprovalNeeded(offices=(MET, ICO), why="count"),)


@pytest.mark.parametrize(
    ("age", "offices"),
    [(7 * DAY_US - 1, None), (7 * DAY_US, (MET, ICO)), (14 * DAY_US - 1, (MET, ICO)), (14 * DAY_US, (ICO,))],
)
def test_older_reads_need_the_office_of_their_tier_or_of_a_later_one(
    age: int, offices: tuple[str, ...] | None
) -> None:
    said = judge(asked(question=Some(from_us=AT_US - age)), RULES)
    assert [need.offices for need in said.needs] == ([] if offices is None else [offices])


@pytest.mark.parametrize(
    ("breadth", "counted", "broad"),
    [
        (CameraBreadth(10, 30, 300, 50), None, False),
        (CameraBreadth(10, 31, 310, 50), None, True),
        (CameraBreadth(10, 30, 300, 51), None, True),
        (CameraBreadth(10, 30, 300, None), None, False),
        (CameraBreadth(10, 30, 300, None), 50, False),
        (CameraBreadth(10, 30, 300, None), 51, True),
    ],
)
def test_above_the_breadth_two_people_approve_and_without_a_second_office_nobody(
    breadth: CameraBreadth, counted: int | None, broad: bool
) -> None:
    question = asked(question=PATTERN, breadth=breadth, counted=counted)
    needs = judge(question, RULES).needs
    assert [need.why for need in needs] == ["count", "breadth"][: 1 + broad]
    assert not broad or needs[1].offices == BOTH
    assert judge(question, SearchRules()).code == ("too-broad" if broad else None)


def test_where_no_breadth_is_named_everything_is_above_it() -> None:
    old = replace(world.example("authority-search") and SEARCH, search=None)
    bare = parse_authority(
        world.changed(world.example("authority-search"), world.put("search", {"max_age": "P28D"}))
    )
    assert judge(asked(authority=bare), RULES).needs == (
        ApprovalNeeded(offices=(WHOSE,), why="breadth", of_unit=True),
        ApprovalNeeded(offices=BOTH, why="breadth"),
    )
    assert judge(asked(authority=bare), SearchRules()).code == "too-broad"
    assert judge(asked(authority=bare, question=PATTERN), RULES).code == "question-kind"
    assert judge(asked(authority=old), RULES).code == "no-authority"


def test_where_life_is_threatened_the_answer_comes_first_and_the_approval_after() -> None:
    said = judge(asked(question=PATTERN, emergency=True), RULES)
    assert said.answers_now
    assert not said.counts_first
    assert said.approve_by_us == AT_US + 24 * HOUR_US
    # Even what would need no approval has one, or anybody could say that life is threatened.
    assert judge(asked(emergency=True), RULES).needs
    for rules, stopped in ((SearchRules(), False), (RULES, True)):
        plain = judge(asked(question=PATTERN, emergency=True, emergency_stopped=stopped), rules)
        assert (plain.answers_now, plain.approve_by_us) == (False, None)
    # An emergency is beyond no limit.
    assert judge(asked(emergency=True, question=Some(frozenset({"place"}))), RULES).code == "question-kind"
    assert judge(asked(emergency=True, stopped="revoked"), RULES).code == "revoked"


# --- approvals --------------------------------------------------------------------------------------------

WAITING = AwaitingApproval(
    asker="person:a",
    needs=(ApprovalNeeded(offices=(MET, ICO), why="count"), ApprovalNeeded(offices=(ICO,), why="breadth")),
    counted=31,
)


@pytest.mark.parametrize(
    ("waiting", "given", "holds", "code"),
    [
        (WAITING, ApprovalGiven(by="person:b", office=MET, counted=31), {MET}, None),
        (
            replace(WAITING, spent=True),
            ApprovalGiven(by="person:b", office=MET, counted=31),
            {MET},
            "approval-spent",
        ),
        (WAITING, ApprovalGiven(by="person:a", office=MET, counted=31), {MET}, "self-approval"),
        (WAITING, ApprovalGiven(by="person:b", office=MET, counted=31), {ICO}, "not-entitled"),
        (
            WAITING,
            ApprovalGiven(by="person:b", office="met/other", counted=31),
            {"met/other"},
            "not-entitled",
        ),
        (WAITING, ApprovalGiven(by="person:b", office=MET, counted=30), {MET}, "count-differs"),
        (WAITING, ApprovalGiven(by="person:b", office=MET), {MET}, "count-differs"),
    ],
)
def test_an_approval_counts_or_has_a_reason_not_to(
    waiting: AwaitingApproval, given: ApprovalGiven, holds: set[str], code: str | None
) -> None:
    assert judge_approval(waiting, given, holds) == code


def test_two_approvals_are_by_two_people_in_any_order() -> None:
    first = with_approval(WAITING, ApprovalGiven(by="person:b", office=ICO, counted=31))
    assert not may_run(first, WAITING.needs)
    again = ApprovalGiven(by="person:b", office=MET, counted=31)
    assert judge_approval(first, again, {MET, ICO}) == "approver-twice"
    both = with_approval(first, ApprovalGiven(by="person:c", office=MET, counted=31))
    assert open_needs(both) == ()
    assert may_run(both, WAITING.needs)
    assert not may_run(both, (*WAITING.needs, ApprovalNeeded(offices=(ICO,), why="age")))
    assert not may_run(replace(both, spent=True), WAITING.needs)


# --- reasons ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "before", "users", "signs"),
    [
        (REASON.words, [], [], ()),
        ("Ongoing  enquiries.", [], [], ("stock-phrase", "few-words")),
        ("see the log of today", [], [], ()),
        (REASON.words, [REASON.words.upper()], [], ("repeated",)),
        (REASON.words, [REASON.words, *["something else"] * 10], [], ()),
        (REASON.words, [REASON.words.replace("yard", "house")], [], ("repeated",)),
        (REASON.words, [], [f"person:{n}" for n in range(5)], ("case-of-many",)),
        (REASON.words, [], ["person:me", *(f"person:{n}" for n in range(4))], ()),
    ],
)
def test_signs_of_a_reason(words: str, before: list[str], users: list[str], signs: tuple[str, ...]) -> None:
    assert reason_signs(replace(REASON, words=words), before, users, "person:me") == signs


# --- figures ----------------------------------------------------------------------------------------------


def test_an_authority_that_answers_questions_has_neither_traffic_nor_hits() -> None:
    charter = world.changed(
        world.example("charter"),
        world.put("signatures.8.modes", ["match", "search"]),
        world.put("consultations.2.modes", ["match", "search"]),
    )
    story = world.Story.under(charter)
    for name, by in (
        ("authority", world.CT_OFFICES),
        ("authority-match", world.MATCH_OFFICES),
        ("authority-search", world.MATCH_OFFICES),
    ):
        story = story.then(world.example(name), by)
    moment = RegimeAt(story.regime, Parsed(), AT_US)
    assert (bulk_names(moment), targeted_names(moment)) == (["tfl-met-ct"], ["tfl-met-wanted"])
    named = story.regime.authorities["tfl-met-questions"]
    version, authority = named.versions[0], moment.authority(named.versions[0])
    assert stopped_code(named, version, authority, AT_US) is None
    assert stopped_code(named, version, authority, authority.valid_from_us - 1) == "not-in-force-yet"
    assert stopped_code(named, version, authority, authority.valid_until_us) == "consultation-overdue"
    later = story.then(
        world.changed(world.example("revocation"), world.put("revocation.authority", "tfl-met-questions")),
        ("tfl/data-protection",),
        at="2026-09-01T09:00:00Z",
    ).regime.authorities["tfl-met-questions"]
    assert stopped_code(later, later.versions[0], authority, AT_US + 60 * DAY_US) == "revoked"
