"""The putting of questions: judged by the law as it stands at their commit. Pure but for what they are handed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import InputError, StreamError
from wicketgate.commits.searches import MOST_HELD, HeldSearch
from wicketgate.commits.state import State
from wicketgate.gateway.searching.reach import QuestionReach, StandingAuthority, standing_of
from wicketgate.gateway.searching.shown import wanted
from wicketgate.gateway.searching.values import AskedDocument, Asker, BreadthShown, SearchPreview
from wicketgate.history.questions import Question
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.searches.reasons import reason_signs
from wicketgate.regime.searches.rules import AskedSearch, GivenReason, SearchJudgement, judge, open_needs
from wicketgate.regime.searches.values import SearchAsked

MOST_QUESTION: Final = 128 * 1024
"""Bytes of one question in normal form."""
MOST_QUESTIONS: Final = 64 * 1024 * 1024
"""Bytes of all questions that wait or are answered."""
MOST_OPEN: Final = 500
"""Questions of one person that wait, or whose answers are kept."""
_SALT_BYTES: Final = 16


MOST_EMERGENCIES: Final = 10
"""Emergencies of one unit that wait for their approval: one more is asked as any question is."""
MOVED: Final = "revision-differs"
"""The code of what is computed again: something took effect since a question's reach was computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PutQuestion:
    """A question that is being put: parsed, with its reach under an authority as it stood."""

    asker: Asker
    document: AskedDocument
    question: Question
    standing: StandingAuthority
    reach: QuestionReach

    def judged(self, state: State, parsed: Parsed, at_us: int) -> SearchJudgement:
        """Return what the law says of it at a moment.

        Raises
        ------
        InputError
            `MOVED` if what its reach rests on has changed.
        """
        moment = RegimeAt(state.regime, parsed, at_us)
        now = standing_of(state, moment, self.asker.unit, self.document.authority)
        if now.mark != self.standing.mark:
            raise _moved()
        return judge(
            AskedSearch(
                unit=self.asker.unit,
                authority=now.authority,
                stopped=now.stopped,
                question=self.question,
                breadth=self.reach.breadth,
                reason=self.reason,
                at_us=at_us,
                emergency=self.document.emergency is not None,
                emergency_stopped=self._may_say_no_more(state),
            ),
            moment.charter.searching,
        )

    def _may_say_no_more(self, state: State) -> bool:
        """Return whether the unit has lost the right to say that life is threatened, or used all of it up.

        Before the first must be approved whoever asks could else have asked for the whole history.
        """
        unit, known = self.asker.unit, state.searches
        if self.document.emergency is None or unit in known.stopped:
            return unit in known.stopped
        waiting = (one for one in known.held.values() if one.asked.approve_by_us and one.asked.unit == unit)
        return sum(bool(open_needs(one.waiting)) for one in waiting) >= MOST_EMERGENCIES

    @property
    def reason(self) -> GivenReason:
        """Why it is asked."""
        document = self.document
        return GivenReason(offence=document.offence, case=document.case, words=document.reason)

    def signs(self, state: State) -> tuple[str, ...]:
        """Return what may be wrong with its reason, by what the same person gave before."""
        known = state.searches
        return reason_signs(
            self.reason,
            known.reasons.get(self.asker.by, ()),
            known.cases.get(self.document.case, ()),
            self.asker.by,
        )

    def event(self, state: State, parsed: Parsed, at_us: int, id_: str) -> SearchAsked:
        """Return what is committed of it.

        Raises
        ------
        InputError
            `too-large`, `too-many-searches`, and as `judged`.
        StreamError
            `busy` where all questions together are too many.
        """
        judgement = self.judged(state, parsed, at_us)
        authority, document = self.standing.authority, self.document
        question = msgspec.json.encode(self.question.as_json())
        if len(question) > MOST_QUESTION:
            raise InputError(f"a question takes at most {MOST_QUESTION >> 10} KiB", code="too-large")
        if judgement.code is None:
            _demand_room(state, self.asker.by, len(question))
        return SearchAsked(
            id=id_,
            authority="" if authority is None else authority.reference,
            unit=self.asker.unit,
            by=self.asker.by,
            question=question,
            salt=secrets.token_bytes(_SALT_BYTES),
            kinds=tuple(sorted(self.question.kinds)),
            offence=document.offence,
            case=document.case,
            reason=document.reason,
            cameras=self.reach.breadth.cameras,
            camera_days=self.reach.breadth.camera_days,
            plates=self.reach.breadth.plates,
            signs=self.signs(state),
            needs=judgement.needs,
            counts_first=judgement.counts_first,
            code=judgement.code or "",
            emergency="" if document.emergency is None else document.emergency.reason,
            approve_by_us=judgement.approve_by_us or 0,
            days=self.reach.breadth.days,
            sources=dict(self.reach.sources),
            elsewhere=authority is not None and authority.mode != "search",
        )

    def preview(self, state: State, parsed: Parsed, at_us: int) -> SearchPreview:
        """Return what would become of it. InputError as `judged`."""
        judgement, breadth = self.judged(state, parsed, at_us), self.reach.breadth
        return SearchPreview(
            breadth=BreadthShown(
                cameras=breadth.cameras,
                days=breadth.days,
                camera_days=breadth.camera_days,
                plates=breadth.plates,
            ),
            approvals_needed=wanted(judgement.needs),
            counts_first=judgement.counts_first,
            answers_now=judgement.answers_now,
            signs=self.signs(state),
            code=judgement.code or "",
            approve_by=rfc3339(judgement.approve_by_us) if judgement.approve_by_us else "",
        )


def judged_again(
    held: HeldSearch,
    question: Question,
    standing: StandingAuthority,
    reach: QuestionReach,
    state: State,
    parsed: Parsed,
    at_us: int,
    *,
    told: int | None,
) -> SearchJudgement:
    """Return what the law says of a question that was put, once it was counted or is to be run.

    Raises
    ------
    InputError
        `MOVED` if what its reach rests on has changed.
    """
    asked = held.asked
    moment = RegimeAt(state.regime, parsed, at_us)
    now = standing_of(state, moment, asked.unit, asked.authority.partition("@")[0])
    if now.mark != standing.mark:
        raise _moved()
    return judge(
        AskedSearch(
            unit=asked.unit,
            authority=now.authority,
            stopped=now.stopped,
            question=question,
            breadth=reach.breadth,
            reason=GivenReason(offence=asked.offence, case=asked.case, words=asked.reason),
            at_us=at_us,
            counted=told,
            emergency=bool(asked.approve_by_us),
            emergency_stopped=asked.unit in state.searches.stopped,
        ),
        moment.charter.searching,
    )


def _moved() -> InputError:
    return InputError("what a question rests on changed meanwhile: ask again", code=MOVED)


def _demand_room(state: State, by: str, size: int) -> None:
    held: Sequence[HeldSearch] = list(state.searches.held.values())
    if sum(one.asked.by == by for one in held) >= MOST_OPEN:
        raise InputError(
            f"{MOST_OPEN} questions of yours wait or are answered: end some first", code="too-many-searches"
        )
    if len(held) >= MOST_HELD or sum(len(one.asked.question) for one in held) + size > MOST_QUESTIONS:
        raise StreamError("too many questions wait: try again later", code="busy")
