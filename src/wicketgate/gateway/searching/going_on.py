"""What of questions goes on by itself: counts, runs, ends and time limits, over restarts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from wicketgate.base.clock import Clock, rfc3339
from wicketgate.base.errors import HistoryError, InputError, StreamError
from wicketgate.base.periods import add
from wicketgate.base.streams.link import end_tasks
from wicketgate.commits.rewritten import StoredTransactions
from wicketgate.commits.searches import HeldSearch
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gate.single import Decider, Search
from wicketgate.gate.tables import terms_at
from wicketgate.gateway.filing.searches import SearchFiling
from wicketgate.gateway.searching.ending import AnswerEnding
from wicketgate.gateway.searching.looking_back import CountedVehicles, LookingBack, told_gaps
from wicketgate.gateway.searching.putting import MOVED, judged_again
from wicketgate.gateway.searching.reach import (
    QuestionReach,
    StandingAuthority,
    reach_of,
    retention_by_camera,
    standing_of,
)
from wicketgate.gateway.searching.rows import AnswerTerms
from wicketgate.gateway.searching.shown import is_counting, is_runnable
from wicketgate.gateway.searching.store import AnswerStore, refs_of
from wicketgate.history.questions import Question, parse_question
from wicketgate.history.terms import horizons_us
from wicketgate.ledger.facts import SALT_BYTES, Promises, Signs
from wicketgate.regime.documents.fields import shows_position
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.searches.rules import SearchCode, SearchJudgement, may_run, shown_count
from wicketgate.regime.searches.values import (
    AnswerCompared,
    SearchCounted,
    SearchEvent,
    SearchRun,
    SearchStopped,
)

if TYPE_CHECKING:
    from wicketgate.gateway.history.role import HistoryRole
    from wicketgate.gateway.node import Gateway

log = logging.getLogger(__name__)

_AT_ONCE: Final = 4
_LOOK_S: Final = 1.0
_AGAIN_S: Final = 2.0
_BEHIND_S: Final = 10.0
_TRIES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """A question, and what it may look at as its authority stands."""

    question: Question
    standing: StandingAuthority
    reach: QuestionReach


class GoingOn:
    """The questions of one gateway that wait for nobody.

    Nothing here is durable but by commits and the answers' files: a kill leaves each question where it was committed,
    and an answer of which no run was is destroyed and made anew.

    Parameters
    ----------
    signer : Signs
        With the log's key.
    secret : bytes
        The deployment's, for references to images.
    admit : callable
        Raises where the disk has no room for an answer.

    Attributes
    ----------
    ending : AnswerEnding
        Ends what must end.
    """

    def __init__(
        self,
        commits: Commits,
        clock: Clock,
        history: Callable[[], HistoryRole | None],
        store: AnswerStore,
        stored: StoredTransactions,
        signer: Signs,
        secret: bytes,
        admit: Callable[[], None],
    ) -> None:
        self._commits, self._clock, self._history = commits, clock, history
        self._store, self._stored, self._signer, self._secret = store, stored, signer, secret
        self._admit = admit
        self._filing = SearchFiling(commits)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._after_s: dict[str, float] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._woken = asyncio.Event()
        self.ending = AnswerEnding(commits, clock, store, stored, self._tasks)
        commits.followers.append(self._take)

    @classmethod
    def of(cls, gateway: Gateway, store: AnswerStore, signer: Signs) -> GoingOn:
        """Return the one of a gateway."""
        return cls(
            gateway.commits,
            gateway.clock,
            lambda: gateway.history,
            store,
            gateway.stored,
            signer,
            gateway.deployment.index_secret(),
            gateway.space.demand,
        )

    def _take(self, transaction: Transaction) -> None:
        self.ending.erased += transaction.erased
        if transaction.erased or transaction.searches:
            self._woken.set()

    # --- counted and run --------------------------------------------------------------------------------------

    async def settle(self, id_: str, patience_s: float) -> None:
        """Wait until a question waits for people, or is answered; for so long at most."""
        task = self._begin(id_)
        if task is not None:
            await asyncio.wait({task}, timeout=patience_s)

    def _begin(self, id_: str) -> asyncio.Task[None] | None:
        task = self._tasks.get(id_)
        if task is None and self._is_due(id_):
            task = self._tasks[id_] = asyncio.create_task(self._go_on(id_))
            task.add_done_callback(partial(self._done, id_))
        return task

    def _is_due(self, id_: str) -> bool:
        held = self._commits.committed.searches.held.get(id_)
        return held is not None and not held.asked.elsewhere and (is_counting(held) or is_runnable(held))

    def _done(self, id_: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(id_, None)
        self._woken.set()
        if not task.cancelled() and task.exception() is not None:
            # A fault of ours stops this question alone: it is tried again, and what it holds is not logged.
            log.error("a question cannot go on: %s", type(task.exception()).__name__)
            self._after_s[id_] = asyncio.get_running_loop().time() + _AGAIN_S

    async def _go_on(self, id_: str) -> None:
        async with self._turns:
            while self._is_due(id_):
                held = self._commits.committed.searches.held[id_]
                try:
                    await (self._count(held) if is_counting(held) else self._run(held))
                except InputError as error:
                    if error.code != "too-broad":
                        raise
                    await self.stop(id_, "too-broad")
                except (HistoryError, StreamError) as error:
                    log.warning("a question waits: %s", error.code)
                    self._after_s[id_] = asyncio.get_running_loop().time() + _AGAIN_S
                    return
        self._after_s.pop(id_, None)

    async def _count(self, held: HeldSearch) -> None:
        one = await self._standing(held)
        history = await self._caught_up()
        # Up to here it surely has everything: what it counts besides is in no answer.
        counted_to = history.complete
        found = await self._looking_back(held, one, history, counted_to).count()
        await self.tell_count(held, shown_count(found.vehicles), counted_to=counted_to, found=found)

    async def _run(self, held: HeldSearch) -> None:
        one = await self._standing(held)
        history = await self._caught_up()
        to = held.counted_to or None
        self._admit()
        made = await self._looking_back(held, one, history, to).answer(self._store, held.asked.id)
        try:
            await self._tell_run(held, one, rows=made.rows, vehicles=made.vehicles, root=made.root)
        except InputError as error:
            if error.code != MOVED:
                raise  # a document took effect meanwhile: it is made anew

    async def _caught_up(self) -> HistoryRole:
        """Return the history, once it has everything that was taken up to now: an answer lacks nothing unsaid.

        Raises
        ------
        HistoryError
            If it does not come so far in some seconds.
        """
        wanted, loop = self._commits.committed.sequence, asyncio.get_running_loop()
        until_s = loop.time() + _BEHIND_S
        while (history := self._history()) is not None and history.child is not None:
            if history.complete >= wanted:
                return history
            if loop.time() > until_s:
                raise HistoryError("the history is behind")
            history.hurry()
            await asyncio.sleep(0.02)
        raise HistoryError("this gateway keeps no history now")

    async def _standing(self, held: HeldSearch) -> _Standing:
        state, asked = self._commits.staged, held.asked
        question = await asyncio.to_thread(_question_of, asked.question)
        moment = RegimeAt(state.regime, self._commits.parsed, max(self._clock.now_us(), state.at_us))
        standing = standing_of(state, moment, asked.unit, asked.authority.partition("@")[0])
        reach = await asyncio.to_thread(reach_of, list(state.cameras), standing, question)
        return _Standing(question=question, standing=standing, reach=reach)

    def _looking_back(
        self, held: HeldSearch, one: _Standing, history: HistoryRole, to: int | None
    ) -> LookingBack:
        authority = one.standing.authority
        child = history.child
        if authority is None or authority.search is None or child is None:
            raise HistoryError("this gateway keeps no history now")
        state, name, question = self._commits.committed, authority.name, one.question
        at_us = max(self._clock.now_us(), state.at_us)
        moment = RegimeAt(state.regime, self._commits.parsed, at_us)
        cameras, retentions = list(state.cameras), history.retentions()
        decided = terms_at(moment, cameras, name, captured_us=question.from_us)
        offices = {given.office for given in held.given}
        if is_counting(held) or held.asked.approve_by_us:
            # A count comes before approval; of an emergency approval alone is left out.
            offices |= {tier.approver for tier in authority.search.tiers}
        terms = AnswerTerms(
            question=question,
            decider=Decider([decided], [""] * len(cameras)),
            use=Search(approved_by=frozenset(offices), kinds=question.kinds),
            reference=authority.reference,
            refs=refs_of(held.asked.id),
            placed=shows_position(authority.log),
            at_us=at_us,
            to=to,
            retention=retention_by_camera(cameras, one.reach, retentions),
            cameras=cameras,
            secret=self._secret,
        )
        return LookingBack(
            client=child.client,
            terms=terms,
            reach=one.reach,
            horizons_us=horizons_us(at_us, retentions),
            one_by_one=bool(authority.scope.hours or authority.search.hours),
        )

    # --- told -------------------------------------------------------------------------------------------------

    @staticmethod
    def counts(held: HeldSearch) -> bool:
        """Return whether a question waits to be counted."""
        return is_counting(held)

    def _judged(
        self, held: HeldSearch, one: _Standing, state: State, at_us: int, told: int | None
    ) -> SearchJudgement:
        """Return what the law says of a question now, under the authority as it stood when it was looked at."""
        parsed = self._commits.parsed
        return judged_again(held, one.question, one.standing, one.reach, state, parsed, at_us, told=told)

    async def tell_count(
        self, held: HeldSearch, told: int, *, counted_to: int, found: CountedVehicles | None = None
    ) -> None:
        """Commit a count, with what is needed since, or why it is refused then."""
        id_ = held.asked.id
        for left in reversed(range(_TRIES)):
            one = await self._standing(held)

            def build(state: State, at_us: int, _: int, one: _Standing = one) -> Sequence[SearchEvent]:
                now = _still_held(state, id_)
                if not is_counting(now):
                    raise InputError("this question was counted already", code="approval-spent")
                judged = self._judged(now, one, state, at_us, told)
                counted = SearchCounted(
                    id=id_,
                    vehicles=told,
                    needs=judged.needs,
                    code=judged.code or "",
                    counted_to=counted_to,
                    authority=now.asked.authority,
                    gaps=() if found is None else told_gaps(found.gaps),
                    covered_us=0 if found is None else found.covered_us,
                )
                return (counted,)

            try:
                await self._filing.record(build)
                return
            except InputError as error:
                if error.code != MOVED or not left:
                    raise

    async def tell_run(self, held: HeldSearch, *, rows: int, vehicles: int, root: str, listed: int) -> None:
        """Commit a run elsewhere, with what other modes would have released, or why the law refuses it by now."""
        for left in reversed(range(_TRIES)):
            try:
                one = await self._standing(held)
                await self._tell_run(held, one, rows=rows, vehicles=vehicles, root=root, listed=listed)
                return
            except InputError as error:
                if error.code != MOVED or not left:
                    raise

    async def _tell_run(
        self,
        held: HeldSearch,
        one: _Standing,
        *,
        rows: int,
        vehicles: int,
        root: str,
        listed: int | None = None,
    ) -> None:
        id_ = held.asked.id

        def build(state: State, at_us: int, sequence: int) -> Sequence[SearchEvent]:
            now = _still_held(state, id_)
            if now.until_us:
                raise InputError("this question has run already", code="approval-spent")
            found = self._judged(now, one, state, at_us, now.told)
            if found.code is not None:
                return (SearchStopped(id=id_, code=found.code, authority=now.asked.authority),)
            if found.counts_first or not (
                found.approve_by_us is not None or may_run(now.waiting, found.needs)
            ):
                return (SearchStopped(id=id_, code="approval-needed", authority=now.asked.authority),)
            run = self._run_event(one, state, at_us, sequence, now, rows, vehicles, root)
            if listed is None:
                return (run,)
            name = now.asked.authority
            return (run, AnswerCompared(id=id_, authority=name, rows=rows, listed=min(listed, rows)))

        await self._filing.record(build)

    def _run_event(
        self,
        one: _Standing,
        state: State,
        at_us: int,
        sequence: int,
        held: HeldSearch,
        rows: int,
        vehicles: int,
        root: str,
    ) -> SearchRun:
        authority = one.standing.authority
        assert authority is not None
        assert authority.search is not None
        charter = self._commits.parsed.charter(state)
        until_us = add(at_us, authority.search.answer_retention)
        header = {
            "id": held.asked.id,
            "authority": authority.reference,
            "commit": sequence,
            "rows": rows,
            "root": root,
            "run_at": rfc3339(at_us),
            "until": rfc3339(until_us),
            "emergency": bool(held.asked.approve_by_us),
        }
        promises = Promises(charter.origin, at_us, self._signer, charter.limits.merge_delay_us)
        promise, _ = promises.make_run(header, secrets.token_bytes(SALT_BYTES))
        said = msgspec.json.encode({**header, "promise": promise}).decode()
        return SearchRun(
            id=held.asked.id, rows=rows, vehicles=vehicles, root=root, promise=said, until_us=until_us
        )

    async def stop(self, id_: str, code: SearchCode) -> None:
        """Commit that a question is refused, now that it was looked at."""

        def build(state: State, at_us: int, _: int) -> Sequence[SearchEvent]:
            held = _still_held(state, id_)
            return (SearchStopped(id=id_, code=code, authority=held.asked.authority),)

        await self._filing.record(build)

    # --- by the clock -----------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    async def run(self) -> None:
        """Go on with every question, and end what must end; for ever."""
        self.ending.hide_committed()
        while True:
            self._woken.clear()
            try:
                await self.ending.hide()
                await self.ending.end()
            except (InputError, StreamError) as error:
                log.warning("questions are not kept up: %s", error.code)
            now_s, held = asyncio.get_running_loop().time(), self._commits.committed.searches.held
            self._after_s = {id_: after_s for id_, after_s in self._after_s.items() if id_ in held}
            for id_ in list(held):
                if self._after_s.get(id_, now_s) <= now_s:
                    self._begin(id_)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _LOOK_S)

    async def close(self) -> None:
        """End what is under way; the next life goes on with it."""
        await end_tasks(list(self._tasks.values()))


def _question_of(data: bytes) -> Question:
    return parse_question(msgspec.json.decode(data))


def _still_held(state: State, id_: str) -> HeldSearch:
    held = state.searches.held.get(id_)
    if held is None:
        raise InputError("this question has ended", code="unknown-search")
    return held
