"""Questions to the past, as the fold keeps them: what waits, what an answer is kept for, and who may not ask at once.

Bounded: what has ended is forgotten. Pure. docs/spec/state.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.regime.searches.approvals import ApprovalGiven, ApprovalNeeded
from wicketgate.regime.searches.reasons import LAST, MANY
from wicketgate.regime.searches.rules import AwaitingApproval, open_needs
from wicketgate.regime.searches.values import (
    AnswerEnded,
    AnswerLooked,
    EmergencyLet,
    SearchApproved,
    SearchAsked,
    SearchCounted,
    SearchEvent,
    SearchRefused,
    SearchRun,
    SearchUnapproved,
)

SEARCHES_FORM = 1
"""The form of this part of the state."""
MOST_HELD = 10_000
"""Questions that wait, or whose answers are kept, at one time."""
WAITS_US = 7 * 86_400_000_000
"""How long a question waits for its approvals."""
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
    """

    form: int = SEARCHES_FORM
    held: dict[str, HeldSearch] = {}
    stopped: dict[str, str] = {}
    reasons: dict[str, list[str]] = {}
    cases: dict[str, list[str]] = {}
    counts: dict[str, dict[str, int]] = {}

    def take(self, events: Iterable[SearchEvent], at_us: int) -> None:
        """Take what became of questions at a time.

        Raises
        ------
        InputError
            If one is of no question that is held, or too many would be.
        """
        for event in events:
            match event:
                case SearchAsked():
                    self._ask(event, at_us)
                case EmergencyLet():
                    self.stopped.pop(event.unit, None)
                case _:
                    self._go_on(event)
        self._forget(at_us)

    def _ask(self, asked: SearchAsked, at_us: int) -> None:
        self._count(asked.authority, "refused" if asked.code else "asked")
        _remember(self.reasons, asked.by, asked.reason, LAST)
        users = self.cases.get(asked.case, [])
        if asked.by not in users:
            _remember(self.cases, asked.case, asked.by, MANY + 1)
        if asked.code:
            return
        if asked.id in self.held or len(self.held) >= MOST_HELD:
            raise InputError("a question has the id of another, or too many wait")
        self.held[asked.id] = HeldSearch(asked=asked, asked_us=at_us, needs=asked.needs)

    def _go_on(
        self,
        event: SearchCounted
        | SearchApproved
        | SearchRefused
        | SearchRun
        | AnswerLooked
        | SearchUnapproved
        | AnswerEnded,
    ) -> None:
        held = self.held.get(event.id)
        if held is None:
            raise InputError("no question of this id is held")
        name = held.asked.authority
        match event:
            case SearchCounted():
                held.told, held.needs = event.vehicles, event.needs
                if event.code:
                    self._count(name, "refused")
                    del self.held[event.id]
            case SearchApproved():
                held.given = (*held.given, event.given)
                self._count(name, "approved")
            case SearchRefused():
                self._count(name, "not-approved")
                del self.held[event.id]
            case SearchRun():
                held.until_us, held.rows, held.root = event.until_us, event.rows, event.root
                self._count(name, "emergency" if held.asked.approve_by_us else "answered")
            case SearchUnapproved():
                held.is_unapproved = True
                self.stopped[held.asked.unit] = event.id
                self._count(name, "unapproved")
            case AnswerEnded():
                del self.held[event.id]
            case AnswerLooked():
                pass  # a fact, and nothing that is in force

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

    def _count(self, reference: str, what: str) -> None:
        counts = self.counts.setdefault(reference.partition("@")[0], {})
        counts[what] = counts.get(what, 0) + 1


def _ends_us(held: HeldSearch) -> int:
    # An emergency is held until it is approved or its time has passed, however short its answer is kept.
    return max(held.until_us or held.asked_us + WAITS_US, held.asked.approve_by_us)


def _remember(known: dict[str, list[str]], key: str, value: str, most: int) -> None:
    """Add a value to those of a key, which becomes the one used last; the first of too many is forgotten."""
    known[key] = [*known.pop(key, []), value][-most:]
    if len(known) > MOST_REMEMBERED:
        del known[next(iter(known))]
