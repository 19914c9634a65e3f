"""The terms of searches that an authority sets: its table `[search]`. Pure.

What each member means, and what it means that one is absent: docs/spec/documents.md, section 4.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Final

from wicketgate.base.errors import DocumentRefused
from wicketgate.base.hours import Hours
from wicketgate.base.periods import Period, never_longer, parse_period
from wicketgate.regime.charter import OFFICE
from wicketgate.regime.members import Members, hours_in

QUESTION_KINDS: Final = ("plate", "pattern", "lookalikes", "plates", "place", "vehicle", "scenes")
"""The kinds of questions that an authority can allow; a question may be of several."""
MOST_BREADTH: Final = 1_000_000_000
"""Camera-days, and plates, that an authority can name at most."""
SHORTEST_ANSWER: Final = Period(us=3_600_000_000)
"""How long an answer is kept where the authority does not say: an hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """An age beyond which a search needs the approval of an office, of the recipient or of somebody else."""

    older_than: Period
    approver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreadthTerms:
    """How broad a question may be without a second approver: nothing, where the authority does not say.

    Attributes
    ----------
    camera_days : int
        Cameras times days of the question.
    plates : int
        Plates that it names; where it names none, every vehicle that was read there.
    """

    camera_days: int = 0
    plates: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTerms:
    """The terms of searches under an authority.

    Attributes
    ----------
    max_age : Period
        How far back they may look.
    tiers : tuple of Tier
        From which age on with whose approval, ascending.
    questions : tuple of str
        Some of `QUESTION_KINDS`; one exact plate alone where it does not say.
    breadth : BreadthTerms
        Above it a second approver is needed.
    hours : tuple of Hours
        Hours of captures, within those of the scope; none means all of these.
    answer_retention : Period
        How long an answer is kept.
    """

    max_age: Period
    tiers: tuple[Tier, ...]
    questions: tuple[str, ...] = ("plate",)
    breadth: BreadthTerms = BreadthTerms()
    hours: tuple[Hours, ...] = ()
    answer_retention: Period = SHORTEST_ANSWER


def parse_search(members: Members) -> SearchTerms:
    """Return the terms in a table `[search]`.

    Raises
    ------
    DocumentRefused
        `malformed` or `unknown-key`, naming the member.
    """
    terms = SearchTerms(
        max_age=some_time(members, "max_age"),
        tiers=tuple(_tier(item) for item in members.tables("tiers", most=10)),
        questions=_questions(members) if members.has("questions") else ("plate",),
        breadth=_breadth(members.table("breadth")) if members.has("breadth") else BreadthTerms(),
        hours=tuple(hours_in(item) for item in members.tables("hours", most=50)),
        answer_retention=(
            some_time(members, "answer_retention") if members.has("answer_retention") else SHORTEST_ANSWER
        ),
    )
    members.end()
    ages = [tier.older_than for tier in terms.tiers]
    if any(not never_longer(one, other) or one == other for one, other in itertools.pairwise(ages)):
        raise DocumentRefused(f"`{members.at('tiers')}` do not ascend")
    return terms


def _questions(members: Members) -> tuple[str, ...]:
    kinds = members.texts("questions", most=len(QUESTION_KINDS))
    for kind in kinds:
        if kind not in QUESTION_KINDS:
            raise DocumentRefused(
                f"`{members.at('questions')}`: `{kind[:40]}` is not one of {', '.join(QUESTION_KINDS)}"
            )
    return kinds


def _breadth(members: Members) -> BreadthTerms:
    terms = BreadthTerms(
        camera_days=members.integer("camera_days", least=0, most=MOST_BREADTH),
        plates=members.integer("plates", least=0, most=MOST_BREADTH),
    )
    members.end()
    return terms


def _tier(members: Members) -> Tier:
    tier = Tier(
        older_than=members.parsed("older_than", parse_period),
        approver=members.text("approver", pattern=OFFICE),
    )
    members.end()
    return tier


def some_time(members: Members, name: str) -> Period:
    """Return a period that is longer than no time at all."""
    period = members.parsed(name, parse_period)
    if period == Period():
        raise DocumentRefused(f"`{members.at(name)}` is no time at all")
    return period
