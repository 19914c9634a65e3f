"""The ends of questions and answers, and of rows of answers: by the clock, and by erasures."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError
from wicketgate.commits.rewritten import StoredTransactions
from wicketgate.commits.state import State
from wicketgate.commits.transactions import RowErased
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.purges import DuePurge, PurgeFiling
from wicketgate.gateway.filing.searches import SearchFiling
from wicketgate.gateway.history.feeding import reads_of
from wicketgate.gateway.searching.store import AnswerStore
from wicketgate.regime.searches.values import AnswerEnded, SearchEvent, SearchUnapproved

_TIDY_S: Final = 600.0


class AnswerEnding:
    """The ending of questions and their answers.

    Parameters
    ----------
    busy : collection of str
        The questions that are being answered.

    Attributes
    ----------
    erased : list of RowErased
        Rows whose erasure is committed, and that answers may show yet.
    hidden : set of int
        Reads that were erased in this life, or shortly before: no answer shows them.
    """

    def __init__(
        self,
        commits: Commits,
        clock: Clock,
        store: AnswerStore,
        stored: StoredTransactions,
        busy: Collection[str],
    ) -> None:
        self._commits, self._clock, self._store, self._stored, self._busy = (
            commits,
            clock,
            store,
            stored,
            busy,
        )
        self._filing, self._purges = SearchFiling(commits), PurgeFiling(commits)
        self._tidied_s = float("-inf")
        self.erased: list[RowErased] = []
        self.hidden: set[int] = set()

    async def end(self) -> None:
        """End what is past its term: questions, answers, and rows of answers that go on."""
        await self._end()
        await self._tidy()

    def _now_us(self) -> int:
        """Return the time by which terms go: never before what was committed, were the clock set back."""
        return max(self._clock.now_us(), self._commits.committed.at_us)

    async def _end(self) -> None:
        """Commit which emergencies nobody approved in time, and which questions have ended."""
        now_us, known = self._now_us(), self._commits.committed.searches
        if not known.held or not (known.unapproved(now_us) or known.ended(now_us)):
            return

        def build(state: State, at_us: int, _: int) -> Sequence[SearchEvent]:
            held = state.searches.held
            late = state.searches.unapproved(at_us)
            ended = state.searches.ended(at_us)
            if not late and not ended:
                raise InputError("nothing ends now", code="approval-spent")
            return (
                *(
                    SearchUnapproved(id=id_, unit=held[id_].asked.unit, authority=held[id_].asked.authority)
                    for id_ in late
                ),
                *(AnswerEnded(id=id_) for id_ in ended),
            )

        # A crash behind the commit leaves answers that nobody is shown: the next life destroys them.
        await self._filing.record(build)
        self._tidied_s = float("-inf")

    async def _tidy(self) -> None:
        """Destroy answers that are kept no longer, and what of others is past its term."""
        now_us, now_s = self._now_us(), asyncio.get_running_loop().time()
        held = self._commits.committed.searches.held
        over = any(0 < one.until_us <= now_us for one in held.values())
        if now_s < self._tidied_s + _TIDY_S and not over:
            return
        self._tidied_s = now_s
        for id_ in await asyncio.to_thread(self._store.ids):
            # Looked at one by one: while the disk was waited for another may have been answered.
            one = self._commits.committed.searches.held.get(id_)
            if one is None or 0 < one.until_us <= now_us:
                await asyncio.to_thread(self._store.end, id_)
            elif one.until_us and id_ not in self._busy:
                await self._trim(id_, now_us, one.asked.authority)

    async def _trim(self, id_: str, now_us: int, authority: str) -> None:
        """Write an answer anew without what is past its term, once that is told."""
        past = await asyncio.to_thread(self._store.past_term, id_, now_us)
        if past:
            due = DuePurge("answer-rows", authority.partition("@")[0], past[0], now_us, len(past))
            # A crash behind it leaves the answer as it was: it is told again, and written anew.
            await self._purges.tell([due])
            await asyncio.to_thread(self._store.trim, id_, now_us)

    # --- erased rows ------------------------------------------------------------------------------------------

    def hide_committed(self) -> None:
        """Take up the erasures that the fold still holds: a life before may not have carried them out here."""
        self.erased += [
            RowErased(number=number, feed=feed, row=row)
            for number, rows in self._commits.committed.erased.items()
            for feed, row in rows
        ]

    async def hide(self) -> None:
        """Take erased reads out of the answers."""
        if not self.erased:
            return
        rows, self.erased = self.erased, []
        try:
            found = await reads_of(self._stored, rows)
        except BaseException:
            self.erased = [*rows, *self.erased]
            raise
        self.hidden.update(found)
        for id_ in await asyncio.to_thread(self._store.ids):
            if id_ not in self._busy:
                await asyncio.to_thread(self._store.trim, id_, self._clock.now_us(), frozenset(found))
