"""The questions of one gateway: put, approved, looked at, ended. One object, `gateway.searches`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from wicketgate.base.errors import HistoryError, InputError, NotEntitled
from wicketgate.commits.searches import EndedSearch, HeldSearch
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Committed
from wicketgate.gateway.filing.searches import SearchFiling
from wicketgate.gateway.searching.approving import (
    NOT_COUNTED,
    approves,
    given_by,
    judge_waiting,
    unknown_search,
)
from wicketgate.gateway.searching.errata import AnswerErrata
from wicketgate.gateway.searching.going_on import GoingOn
from wicketgate.gateway.searching.looking_back import MOST_ROWS
from wicketgate.gateway.searching.parts import SearchParts
from wicketgate.gateway.searching.putting import MOVED, PutQuestion
from wicketgate.gateway.searching.reach import demand_apart, reach_of, standing_of
from wicketgate.gateway.searching.shown import (
    asker_of,
    authority_of,
    is_kept_here,
    of_source,
    shown,
    shown_to_asker,
    unit_of,
)
from wicketgate.gateway.searching.store import AnswerStore, refs_of
from wicketgate.gateway.searching.values import (
    LOST,
    MOST_PAGE,
    PAGE_ROWS,
    AnswerForm,
    AnswerImages,
    AnswerPage,
    Approver,
    AskedDocument,
    Asker,
    SearchDetail,
    SearchPreview,
    SearchShown,
    SourceSearch,
    StoppedUnit,
)
from wicketgate.history.questions import Question, parse_question
from wicketgate.ledger.facts import Signs
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.searches.rules import FEW, open_needs
from wicketgate.regime.searches.values import (
    AnswerLooked,
    EmergencyLet,
    SearchApproved,
    SearchEvent,
    SearchRefused,
    SearchUnapproved,
)

if TYPE_CHECKING:
    from wicketgate.gateway.node import Gateway

Known = list[tuple[str, HeldSearch | EndedSearch]]
PATIENCE_S: Final = 20.0
"""How long whoever asks or approves waits for the history; then it goes on by itself."""
MOST_SAID: Final = 2_000
"""Characters of the reason of a refusal."""
_TRIES: Final = 5


class Searches:
    """The questions of one gateway.

    Everything is committed before it is shown. What waits for the history goes on by itself (`run`), over restarts.

    Methods raise InputError of code `unknown-search` for an id that the caller has no part in, and NotEntitled where
    the authority is stopped.

    Parameters
    ----------
    going_on : GoingOn
        Counts and runs them, and ends what must end.
    """

    def __init__(self, parts: SearchParts, going_on: GoingOn) -> None:
        self._commits, self._clock = parts.commits, parts.clock
        self._entitlement, self._looks = parts.entitlement, parts.looks
        self._history, self._store = parts.history, parts.store
        self._going_on = going_on
        self._filing = SearchFiling(parts.commits)
        self.errata = AnswerErrata(parts.commits, parts.store, parts.clock.now_us)
        """What was found of rows of answers."""

    @classmethod
    def of(cls, gateway: Gateway, signer: Signs) -> Searches:
        """Return the questions of a gateway."""
        deployment = gateway.deployment
        parts = SearchParts(
            commits=gateway.commits,
            clock=gateway.clock,
            entitlement=gateway.entitlement,
            looks=gateway.looks,
            history=lambda: gateway.history,
            store=AnswerStore(deployment.part("answers"), deployment.part("answer-keys")),
        )
        return cls(parts, GoingOn.of(gateway, parts.store, signer))

    # --- put --------------------------------------------------------------------------------------------------

    async def preview(self, asker: Asker, document: AskedDocument) -> SearchPreview:
        """Return what would become of a question: its breadth, and who must approve. Nothing is recorded.

        Raises
        ------
        InputError
            `malformed`, `question-kind` or `zone-missing`, as `ask`.
        """
        question = await _parsed(document)
        for left in reversed(range(_TRIES)):
            put = await self._put(asker, document, question)
            state = self._commits.staged
            try:
                return put.preview(state, self._commits.parsed, self._at_us(state))
            except InputError as error:
                if error.code != MOVED or not left:
                    raise
        raise AssertionError

    async def ask(self, asker: Asker, document: AskedDocument) -> SearchShown:
        """Put a question; it is committed, refused or not, and then counted, run, or left to wait for approval.

        What the history does not answer within some seconds goes on by itself: the status is then `counting` or
        `running`.

        Raises
        ------
        InputError
            `malformed`, `question-kind` or `zone-missing`, for what is no question: nothing was recorded.
        HistoryError
            `history-unavailable` where this gateway keeps no history, and the authority is no bulk one (whose
            questions custody answers).
        """
        question, id_ = await _parsed(document), secrets.token_hex(16)
        for left in reversed(range(_TRIES)):
            put = await self._put(asker, document, question)
            authority = put.standing.authority
            if authority is not None and authority.mode == "search":
                self._demand_history()

            def build(state: State, at_us: int, put: PutQuestion = put) -> Sequence[SearchEvent]:
                return (put.event(state, self._commits.parsed, at_us, id_),)

            try:
                await self._commit(build)
                break
            except InputError as error:
                if error.code != MOVED or not left:
                    raise
        await self._going_on.settle(id_, PATIENCE_S)
        return self.show(id_, asker.by)

    async def _put(self, asker: Asker, document: AskedDocument, question: Question) -> PutQuestion:
        state = self._commits.staged
        moment = RegimeAt(state.regime, self._commits.parsed, self._at_us(state))
        standing = standing_of(state, moment, asker.unit, document.authority)
        reach = await asyncio.to_thread(reach_of, list(state.cameras), standing, question)
        await asyncio.to_thread(demand_apart, question, reach)
        return PutQuestion(asker=asker, document=document, question=question, standing=standing, reach=reach)

    def _demand_history(self) -> None:
        history = self._history()
        if history is None or history.child is None:
            raise HistoryError("this gateway keeps no history: nothing of the past can be asked of it")

    # --- how one stands ---------------------------------------------------------------------------------------

    def show(self, id_: str, by: str) -> SearchShown:
        """Return how a question stands, for whoever asked it."""
        known = self._known(id_)
        if asker_of(known) != by:
            raise unknown_search()
        found = self._commits.committed.errata.of_answer(authority_of(known), id_)
        lost = is_kept_here(known, self._clock.now_us()) and not self._store.is_here(id_)
        return msgspec.structs.replace(self._shown(id_, known, by), errata=found, lost=lost)

    async def detail(self, id_: str, by: str, approver: Approver | None) -> SearchDetail:
        """Return what was asked, for whoever asked it, and for who may approve it, whose look is committed.

        Raises
        ------
        InputError
            `unknown-search` for anybody else, and once it has ended: what was asked is then kept no longer.
        """
        held = self._commits.committed.searches.held.get(id_)
        if held is None or not (held.asked.by == by or (approver is not None and approves(held, approver))):
            raise unknown_search()
        if held.asked.by != by:
            await self._looks.look(by, "search", id_)
        asked = held.asked
        return SearchDetail(
            search=self._shown(id_, held, by),
            by=asked.by,
            question=msgspec.json.decode(asked.question),
            reason=asked.reason,
            emergency=asked.emergency,
        )

    # Of ten thousand each list takes a tenth of a second: it is made beside the loop.

    async def own(self, asker: Asker) -> list[SearchShown]:
        """Return the questions of a person at a unit, of the last 31 days, the newest first."""

        def make(known: Known) -> list[SearchShown]:
            found = [
                self._shown(id_, one, asker.by)
                for id_, one in known
                if asker_of(one) == asker.by and unit_of(one) == asker.unit
            ]
            return sorted(found, key=lambda one: one.asked_at, reverse=True)

        return await asyncio.to_thread(make, self._all())

    async def awaiting(self, approver: Approver) -> list[SearchShown]:
        """Return the questions that this person may approve at this place now, the oldest first."""

        def make(held: Sequence[HeldSearch]) -> list[SearchShown]:
            return [self._shown(one.asked.id, one) for one in held if approves(one, approver, given=False)]

        return await asyncio.to_thread(make, list(self._commits.committed.searches.held.values()))

    async def on_cameras_of(self, source: str) -> list[SourceSearch]:
        """Return the questions on a source's cameras of the last 31 days, the newest first."""
        now_us = self._clock.now_us()

        def make(known: Known) -> list[SourceSearch]:
            found = [of_source(id_, one, source, now_us) for id_, one in known]
            return sorted((one for one in found if one), key=lambda one: one.asked_at, reverse=True)

        return await asyncio.to_thread(make, self._all())

    def _all(self) -> Known:
        known = self._commits.committed.searches
        return [*known.ended_ones.items(), *known.held.items()]

    def _known(self, id_: str) -> HeldSearch | EndedSearch:
        known = self._commits.committed.searches
        found = known.held.get(id_) or known.ended_ones.get(id_)
        if found is None:
            raise unknown_search()
        return found

    def _shown(self, id_: str, known: HeldSearch | EndedSearch, by: str = "") -> SearchShown:
        """Return a question as it stands, for a person where one is named who may have asked it."""
        has_answer = isinstance(known, HeldSearch) and known.until_us and not known.asked.elsewhere
        members = self._store.known_members(id_) if has_answer else None
        make = shown_to_asker if asker_of(known) == by else shown
        return make(id_, known, self._clock.now_us(), members)

    # --- approved ---------------------------------------------------------------------------------------------

    async def approve(self, id_: str, approver: Approver, vehicles: int | None) -> SearchShown:
        """Approve one run; the last approval that is needed runs it.

        Parameters
        ----------
        vehicles : int or None
            The number that was told; None where nothing was counted.

        Raises
        ------
        InputError
            `self-approval`, `approver-twice`, `count-differs`, `approval-spent`.
        NotEntitled
            `not-entitled`.
        """
        given = given_by(approver, vehicles)

        def build(state: State, at_us: int) -> Sequence[SearchEvent]:
            judge_waiting(state, id_, given)
            return (SearchApproved(id=id_, given=given),)

        await self._commit(build)
        await self._going_on.settle(id_, PATIENCE_S)
        return self._shown(id_, self._known(id_))

    async def refuse(self, id_: str, approver: Approver, reason: str) -> SearchShown:
        """End a question that is not to be answered; the asker sees the reason. Errors as `approve`.

        An emergency that is refused is one that was not approved.
        """
        if not reason.strip() or len(reason) > MOST_SAID:
            raise InputError(
                f"say in at most {MOST_SAID} characters why it is not to be answered", code="reason-missing"
            )

        def build(state: State, at_us: int) -> Sequence[SearchEvent]:
            held = judge_waiting(state, id_, None, approver)
            name = held.asked.authority
            ended = SearchRefused(
                id=id_, by=approver.by, office=approver.place, reason=reason, authority=name
            )
            if not held.asked.approve_by_us or held.is_unapproved:
                return (ended,)
            return (SearchUnapproved(id=id_, unit=held.asked.unit, authority=name), ended)

        await self._commit(build)
        self._going_on.wake()
        return self._shown(id_, self._known(id_))

    # --- looked at --------------------------------------------------------------------------------------------

    async def rows(
        self,
        id_: str,
        asker: Asker,
        *,
        after: int = 0,
        limit: int = PAGE_ROWS,
        form: AnswerForm = "ndjson",
    ) -> AnswerPage:
        """Commit a look at a page of an answer, and return the page.

        Raises
        ------
        InputError
            `not-answered`, `answer-ended`.
        NotEntitled
            With the code of how the authority stands, where it is stopped.
        """
        held = self.answered(id_, asker)
        if held.asked.elsewhere:
            raise InputError(
                "the recipient's custody has this answer, and not the gateway", code="not-answered"
            )
        limit = max(1, min(limit, MOST_PAGE))
        now_us, hidden = self._at_us(self._commits.committed), self._going_on.ending.hidden
        rows = await asyncio.to_thread(self._store.page, id_, after, limit, now_us, hidden)
        members = await asyncio.to_thread(self._store.members, id_)
        if rows is None or members is None:
            raise InputError(LOST, code="answer-ended")
        await self._look(id_, asker, after, len(rows), form)
        lines = await self.errata.beside(held, rows, after)
        self.answered(id_, asker)  # it may have been stopped meanwhile
        last = after + len(rows)
        return AnswerPage(
            search=self._shown(id_, held),
            lines=tuple(lines),
            after=last if rows and last < members.rows else None,
            fields=frozenset(members.fields),
        )

    async def images_of(self, id_: str, asker: Asker) -> AnswerImages:
        """Return by what the images of a person's own answer are found. Errors as `rows`."""
        authority = self.answered(id_, asker).asked.authority.partition("@")[0]
        members = await asyncio.to_thread(self._store.members, id_)
        if members is None:
            raise InputError("this answer is kept here no longer: ask anew", code="answer-ended")
        self.answered(id_, asker)  # it may have ended meanwhile
        return AnswerImages(authority=authority, refs=authority if members.form < 2 else refs_of(id_))

    def answered(self, id_: str, asker: Asker) -> HeldSearch:
        """Return a question of this person that was answered; errors as `rows`."""
        known = self._known(id_)
        if asker_of(known) != asker.by or unit_of(known) != asker.unit:
            raise unknown_search()
        if isinstance(known, EndedSearch) and known.rows is None:
            raise InputError("this question was not answered", code="not-answered")
        if isinstance(known, EndedSearch) or 0 < known.until_us <= self._clock.now_us():
            raise InputError("this answer was kept for as long as its authority says", code="answer-ended")
        if not known.until_us:
            raise InputError("this question is not answered yet: look how it stands", code="not-answered")
        self._entitlement.entitled(asker.unit, known.asked.authority.partition("@")[0])
        return known

    async def _look(self, id_: str, asker: Asker, after: int, rows: int, form: AnswerForm) -> None:
        said = "" if form == "ndjson" else form

        def build(state: State, at_us: int) -> Sequence[SearchEvent]:
            held = state.searches.held.get(id_)
            if held is None:
                raise InputError("this answer has just ended", code="answer-ended")
            name = held.asked.authority if held.asked.elsewhere else ""
            return (AnswerLooked(id=id_, by=asker.by, after=after, rows=rows, form=said, authority=name),)

        await self._commit(build)

    # --- emergencies ------------------------------------------------------------------------------------------

    def stopped(self) -> list[StoppedUnit]:
        """Return the units that may not say that life is threatened."""
        stopped = self._commits.committed.searches.stopped
        return [StoppedUnit(unit=unit, search=id_) for unit, id_ in sorted(stopped.items())]

    async def let(self, unit: str, by: str, office: str) -> None:
        """Let a unit say again that life is threatened: the word of the overseer's office that the charter names.

        Raises
        ------
        NotEntitled
            For another office.
        InputError
            `not-stopped`.
        """

        def build(state: State, at_us: int) -> Sequence[SearchEvent]:
            if self._commits.parsed.charter(state).searching.overseer != office:
                raise NotEntitled("the charter gives this word to another office")
            if unit not in state.searches.stopped:
                raise InputError("nobody stopped this unit's right", code="not-stopped")
            return (EmergencyLet(unit=unit, by=by),)

        await self._commit(build)

    # --- of bulk authorities: custody answers, and the gateway commits ------------------------------------------------

    async def take_count(self, id_: str, unit: str, vehicles: int, *, rows: int = 0) -> SearchShown:
        """Commit what a recipient's custody counted, before it is shown; `too-broad` of more rows than may be."""
        held = self._of_custody(id_, unit)
        if rows > MOST_ROWS:
            await self._going_on.stop(id_, "too-broad")
        else:
            await self._going_on.tell_count(held, max(vehicles, FEW), counted_to=0)
        return self._shown(id_, self._known(id_))

    async def take_run(
        self, id_: str, unit: str, *, rows: int, vehicles: int, root: str, listed: int = 0
    ) -> SearchShown:
        """Commit a run in a recipient's custody, before its first page; `root` is over its rows, hexadecimal.

        `listed` are those of its rows that mode `match` would have released (`AnswerCompared`).

        Where the law has come to refuse it, the question is refused, with its code in what is returned.

        Raises
        ------
        InputError
            `not-answered` while anything is needed that was not given.
        """
        held = self._of_custody(id_, unit)
        if held.until_us:
            raise InputError(NOT_COUNTED["approval-spent"], code="approval-spent")
        if not held.asked.approve_by_us and (open_needs(held.waiting) or self._going_on.counts(held)):
            raise InputError("nobody has approved this question yet", code="not-answered")
        if rows > MOST_ROWS:
            await self._going_on.stop(id_, "too-broad")
        else:
            await self._going_on.tell_run(held, rows=rows, vehicles=vehicles, root=root, listed=listed)
        return self._shown(id_, self._known(id_))

    async def take_look(self, id_: str, asker: Asker, *, after: int, rows: int, form: AnswerForm) -> None:
        """Commit a look at a page in a recipient's custody, before it is shown."""
        self._of_custody(id_, asker.unit)
        self.answered(id_, asker)
        await self._look(id_, asker, after, rows, form)

    def _of_custody(self, id_: str, unit: str) -> HeldSearch:
        held = self._commits.committed.searches.held.get(id_)
        if held is None or held.asked.unit != unit or not held.asked.elsewhere:
            raise unknown_search()
        return held

    # --- the rest ---------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """End what came to its term while nobody served; before anything is served."""
        await self._going_on.ending.end()

    async def run(self) -> None:
        """Count and run what may be, and end what must; for ever."""
        await self._going_on.run()

    async def close(self) -> None:
        """End what is under way; the next life goes on with it."""
        await self._going_on.close()

    def _at_us(self, state: State) -> int:
        return max(self._clock.now_us(), state.at_us)

    async def _commit(self, make: Callable[[State, int], Sequence[SearchEvent]]) -> Committed:
        return await self._filing.record(lambda state, at_us, _: make(state, at_us))


async def _parsed(document: AskedDocument) -> Question:
    return await asyncio.to_thread(parse_question, document.question)
