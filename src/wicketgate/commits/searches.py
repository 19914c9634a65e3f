"""Questions to the past, as the fold keeps them: what waits, what an answer is kept for, and who may not ask at once.

Bounded: what has ended is forgotten. Pure. docs/spec/state.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.regime.searches.approvals import ApprovalGiven, ApprovalNeeded
from wicketgate.regime.searches.reasons import LAST, MANY
from wicketgate.regime.searches.rules import AwaitingApproval, open_needs
from wicketgate.regime.searches.values import (
    AnswerCompared,
    AnswerEnded,
    AnswerLooked,
    EmergencyLet,
    SearchApproved,
    SearchAsked,
    SearchCounted,
    SearchEvent,
    SearchRefused,
    SearchRun,
    SearchStopped,
    SearchUnapproved,
)

SearchKind = Literal["asked", "refused", "approved", "not-approved", "answered", "emergency", "unapproved"]
"""What may become of a question, as it is counted."""
CustodyKind = Literal["rows", "listed", "looked"]
"""What is counted of the rows of answers in custody (`regime.publishing.CUSTODY_KINDS`)."""
SEARCHES_FORM = 1
"""The form of this part of the state."""
MOST_HELD = 10_000
"""Questions that wait, or whose answers are kept, at one time."""
WAITS_US = 7 * 86_400_000_000
"""How long a question waits for its approvals."""
ENDED_US = 31 * 86_400_000_000
"""How long it is known that there was a question, once it has ended; never what it asked."""
MOST_ENDED = 2_000
MOST_REMEMBERED = 5_000
"""People, and case numbers, of which it is kept what a reason is compared with: those used last."""


class HeldSearch(msgspec.Struct, kw_only=True):
    """A question that has not ended.

    Attributes
    ----------
    told : int or None
        The number of vehicles that was told.
    until_us : int
        How long its answer is kept; 0 before it has run.
    is_unapproved : bool
        It was an emergency, and nobody approved it in time: of that the overseer was told.
    counted_to : int
        Reads of later transactions are in no answer; 0 where nothing was counted.
    header : str
        What `SearchRun.promise` says.
    gaps, covered_us
        Of its count, as `SearchCounted`.
    """

    asked: SearchAsked
    asked_us: int
    needs: tuple[ApprovalNeeded, ...]
    told: int | None = None
    given: tuple[ApprovalGiven, ...] = ()
    until_us: int = 0
    rows: int = 0
    root: str = ""
    is_unapproved: bool = False
    counted_to: int = 0
    header: str = ""
    gaps: tuple[tuple[int, int, int | None], ...] = ()
    covered_us: int = 0

    @property
    def waiting(self) -> AwaitingApproval:
        """What approvals are judged by.

        One that was answered at once for an emergency is not spent before it is approved.
        """
        return AwaitingApproval(
            asker=self.asked.by,
            needs=self.needs,
            counted=self.told,
            given=self.given,
            spent=bool(self.until_us) and not self.asked.approve_by_us,
        )


class EndedSearch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That there was a question, and what became of it; never what it asked, nor the reason in words."""

    authority: str
    unit: str
    by: str
    asked_us: int
    kinds: tuple[str, ...]
    offence: str
    case: str
    cameras: int
    days: int
    camera_days: int
    plates: int | None
    status: Literal["refused", "not-approved", "ended"]
    sources: dict[str, int] = {}
    code: str = ""
    said: str = ""
    told: int | None = None
    rows: int | None = None
    approvals: int = 0
    approve_by_us: int = 0
    is_unapproved: bool = False
    until_us: int = 0
    header: str = ""


class KnownSearches(msgspec.Struct, kw_only=True):
    """The questions of a deployment.

    Attributes
    ----------
    held : dict of str to HeldSearch
        By id.
    stopped : dict of str to str
        Units that may not say that life is threatened, with the question after which.
    reasons : dict of str to list of str
        What each person gave as reasons lately, whoever asked last at the end.
    cases : dict of str to list of str
        Who used each case number, at most one more than make it one of many.
    counts : dict of str to dict of str to int
        By authority what became of questions, ever since.
    ended_ones : dict of str to EndedSearch
        By id, whichever ended last at the end.
    reasoned_us, cased_us : dict of str to int
        When each person gave a reason last, and when each case number was used last: `ENDED_US` later both are
        forgotten. What an earlier version kept has none, and gets the time of the next question.
    """

    form: int = SEARCHES_FORM
    held: dict[str, HeldSearch] = {}
    stopped: dict[str, str] = {}
    reasons: dict[str, list[str]] = {}
    cases: dict[str, list[str]] = {}
    counts: dict[str, dict[str, int]] = {}
    ended_ones: dict[str, EndedSearch] = {}
    reasoned_us: dict[str, int] = {}
    cased_us: dict[str, int] = {}

    def take(self, events: Iterable[SearchEvent], at_us: int) -> list[SearchCount]:
        """Take what became of questions at a time; return what of it is published by the month.

        Raises
        ------
        InputError
            If one is of no question that is held, or too many would be.
        """
        counted: list[SearchCount] = []
        for event in events:
            match event:
                case SearchAsked():
                    counted += self._ask(event, at_us)
                case EmergencyLet():
                    self.stopped.pop(event.unit, None)
                case _:
                    counted += self._go_on(event)
        self._forget(at_us)
        return counted

    def _ask(self, asked: SearchAsked, at_us: int) -> list[SearchCount]:
        _remember(self.reasons, asked.by, asked.reason, LAST)
        _use(self.reasoned_us, asked.by, at_us)
        _use(self.cased_us, asked.case, at_us)
        users = self.cases.get(asked.case, [])
        if asked.by not in users:
            _remember(self.cases, asked.case, asked.by, MANY + 1)
        if asked.id in self.held or len(self.held) >= MOST_HELD:
            raise InputError("a question has the id of another, or too many wait")
        held = HeldSearch(asked=asked, asked_us=at_us, needs=asked.needs)
        if not asked.code:
            self.held[asked.id] = held
            return self._count(asked.authority, "asked")
        self._end(held, "refused", code=asked.code)
        return self._count(asked.authority, "refused")

    def _go_on(
        self,
        event: SearchCounted
        | SearchStopped
        | SearchApproved
        | SearchRefused
        | SearchRun
        | AnswerCompared
        | AnswerLooked
        | SearchUnapproved
        | AnswerEnded,
    ) -> list[SearchCount]:
        held = self.held.get(event.id)
        if held is None:
            raise InputError("no question of this id is held")
        name = held.asked.authority
        match event:
            case SearchCounted():
                held.told, held.needs, held.counted_to = event.vehicles, event.needs, event.counted_to
                held.gaps, held.covered_us = event.gaps, event.covered_us
                if event.code:
                    self._end(held, "refused", code=event.code)
                    return self._count(name, "refused")
            case SearchStopped():
                self._end(held, "refused", code=event.code)
                return self._count(name, "refused")
            case SearchApproved():
                held.given = (*held.given, event.given)
                return self._count(name, "approved")
            case SearchRefused():
                self._end(held, "not-approved", said=event.reason)
                return self._count(name, "not-approved")
            case SearchRun():
                held.until_us, held.rows, held.root = event.until_us, event.rows, event.root
                held.header = event.promise
                return self._count(name, "emergency" if held.asked.approve_by_us else "answered")
            case SearchUnapproved():
                held.is_unapproved = True
                self.stopped[held.asked.unit] = event.id
                return self._count(name, "unapproved")
            case AnswerEnded():
                self._end(held, "ended")
            case AnswerCompared():
                return [
                    SearchCount(_name(name), "rows", event.rows),
                    SearchCount(_name(name), "listed", event.listed),
                ]
            case AnswerLooked():
                # A fact, and nothing that is in force; of bulk it is published how many rows were looked at.
                return [SearchCount(_name(name), "looked", event.rows)] if held.asked.elsewhere else []
        return []

    def unapproved(self, at_us: int) -> list[str]:
        """Return the emergencies that nobody approved in time, and of which nobody was told yet."""
        return [
            id_
            for id_, held in self.held.items()
            if 0 < held.asked.approve_by_us <= at_us and not held.is_unapproved and open_needs(held.waiting)
        ]

    def ended(self, at_us: int) -> list[str]:
        """Return the questions whose answers are kept no longer, or that nobody approved for a week."""
        return [id_ for id_, held in self.held.items() if _ends_us(held) <= at_us]

    def _forget(self, at_us: int) -> None:
        """Forget what ended long ago, were its end never committed."""
        for id_ in [one for one, held in self.held.items() if _ends_us(held) + WAITS_US <= at_us]:
            del self.held[id_]
        for id_ in [one for one, ended in self.ended_ones.items() if ended.asked_us + ENDED_US <= at_us]:
            del self.ended_ones[id_]
        _forget_unused(self.reasons, self.reasoned_us, at_us)
        _forget_unused(self.cases, self.cased_us, at_us)

    def _end(
        self,
        held: HeldSearch,
        status: Literal["refused", "not-approved", "ended"],
        *,
        code: str = "",
        said: str = "",
    ) -> None:
        """Hold a question no longer, and keep that there was one."""
        asked = held.asked
        self.held.pop(asked.id, None)
        self.ended_ones[asked.id] = EndedSearch(
            authority=asked.authority,
            unit=asked.unit,
            by=asked.by,
            asked_us=held.asked_us,
            kinds=asked.kinds,
            offence=asked.offence,
            case=asked.case,
            cameras=asked.cameras,
            days=asked.days,
            camera_days=asked.camera_days,
            plates=asked.plates,
            status=status,
            sources=asked.sources,
            code=code,
            said=said,
            told=held.told,
            rows=held.rows if held.until_us else None,
            approvals=len(held.given),
            approve_by_us=asked.approve_by_us,
            is_unapproved=held.is_unapproved,
            until_us=held.until_us,
            header=held.header,
        )
        while len(self.ended_ones) > MOST_ENDED:
            del self.ended_ones[next(iter(self.ended_ones))]

    def _count(self, reference: str, what: SearchKind) -> list[SearchCount]:
        name = _name(reference)
        if not name:  # of no authority that the unit has
            return []
        counts = self.counts.setdefault(name, {})
        counts[what] = counts.get(what, 0) + 1
        return [SearchCount(name, what)]


class SearchCount(NamedTuple):
    """One more of an authority's questions of which something became, or so many rows of an answer in custody."""

    name: str
    what: SearchKind | CustodyKind
    number: int = 1


def _name(reference: str) -> str:
    return reference.partition("@")[0]


def _ends_us(held: HeldSearch) -> int:
    # An emergency is held until it is approved or its time has passed, however short its answer is kept.
    return max(held.until_us or held.asked_us + WAITS_US, held.asked.approve_by_us)


def _remember(known: dict[str, list[str]], key: str, value: str, most: int) -> None:
    """Add a value to those of a key, which becomes the one used last; the first of too many is forgotten."""
    known[key] = [*known.pop(key, []), value][-most:]
    if len(known) > MOST_REMEMBERED:
        del known[next(iter(known))]


def _use(last_us: dict[str, int], key: str, at_us: int) -> None:
    """Note when something was used last; whichever was used last stands at the end."""
    last_us.pop(key, None)
    last_us[key] = at_us


def _forget_unused(known: dict[str, list[str]], last_us: dict[str, int], at_us: int) -> None:
    """Forget what was not used for `ENDED_US`. Of what an earlier version kept that time begins now."""
    if len(known) != len(last_us):
        for key in last_us.keys() - known.keys():
            del last_us[key]
        for key in known.keys() - last_us.keys():
            last_us[key] = at_us
    while last_us and last_us[key := next(iter(last_us))] + ENDED_US <= at_us:
        known.pop(key, None)
        del last_us[key]
