"""The sending of errata: who got a read that was wrong is found, and each is told what the gate lets them see.

What was said is committed first, and then what became of it, each once: a kill between the two leaves the fold, which
knows what is still to be sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from wicketgate.base.errors import InputError, StreamError
from wicketgate.commits.errata import ErratumRow, ErratumSaid, ErratumSent, known_among
from wicketgate.commits.state import State
from wicketgate.commits.transactions import RowErased, ShownReads, Transaction
from wicketgate.commits.writer import Commits
from wicketgate.feeds.errata import ErratumFor, ListsAt, corrected_hits, errata_for, write_errata
from wicketgate.gate.decide import Looks
from wicketgate.gateway.errata.digests import ErrataDigests
from wicketgate.gateway.errata.finding import ReadFinder, ReadInRows
from wicketgate.gateway.filing.errata_facts import erratum_fact
from wicketgate.gateway.projections import Projections
from wicketgate.gateway.searching.errata import AnsweredRead, plates_of
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.ledger.facts import Signs
from wicketgate.regime.documents.authority import MatchTerms
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms
from wicketgate.regime.moment import RegimeAt

log = logging.getLogger(__name__)

AnswersShowing = Callable[[int, int, str], Awaitable[Sequence[AnsweredRead]]]
"""Returns the rows of kept answers that show the read of a first place; the third argument is its right plate."""
_LOOK_S: Final = 1.0
_PAUSE_S: Final = 0.02
_ERASED_AT_ONCE: Final = 500


class ErrataSending:
    """The work that sends what was said, one erratum after the other, and erases errata with the rows they correct.

    Attributes
    ----------
    answers : callable or None
        The answers in which a read is looked for; set once the questions of this gateway are there.
    """

    def __init__(
        self,
        commits: Commits,
        projections: Projections,
        finder: ReadFinder,
        lists: Hotlists,
        digests: ErrataDigests,
        signer: Signs,
    ) -> None:
        self._commits = commits
        self._projections = projections
        self._finder = finder
        self._lists = lists
        self._digests = digests
        self._signer = signer
        self.answers: AnswersShowing | None = None
        self._news = asyncio.Event()
        commits.followers.append(self._follow)

    def _follow(self, transaction: Transaction) -> None:
        if transaction.errata_said or transaction.erased:
            self._news.set()

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            self._news.clear()
            try:
                await self._erase()
                for one in list(self._commits.committed.errata.due.values()):
                    await self.send(one)
            except (StreamError, InputError) as error:
                # What could not be sent is still due: the next turn sends it.
                log.warning("an erratum waits: %s", error.code)
                await asyncio.sleep(_LOOK_S)
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def send(self, said: ErratumSaid) -> None:
        """Send one erratum that is due to everyone who got its read.

        Raises
        ------
        StreamError, InputError
            If what is stored cannot be read now. It stays due.
        """
        # The index of feeds follows the commits: a hit that was judged at once may not be in it yet.
        reached = self._commits.committed.sequence
        while self._projections.position < reached:
            await asyncio.sleep(_PAUSE_S)
        if said.hit:
            found = await self._finder.of_hit(said.feed, said.seq, said.raised_us)
        else:
            found = await self._finder.of_place(said.number, said.row)
        answers: Sequence[AnsweredRead] = ()
        if found is not None and self.answers is not None:
            answers = await self.answers(found.number, found.row, said.plate)

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            if said.id not in state.errata.due:
                return Transaction(at_us=at_us)
            return self._transaction(said, found, answers, state, at_us, sequence)

        # A crash before this is durable leaves the erratum due, and nothing of it with anybody.
        await self._commits.commit(build)

    def _transaction(
        self,
        said: ErratumSaid,
        found: ReadInRows | None,
        answers: Sequence[AnsweredRead],
        state: State,
        at_us: int,
        sequence: int,
    ) -> Transaction:
        if found is None or not self._is_new(said, found, answers, state):
            sent = ErratumSent(id=said.id)
            return Transaction(at_us=at_us, errata=(sent,), facts=(erratum_fact(sent, sequence),))
        parsed = self._commits.parsed
        charter = parsed.charter(state)
        full = self._projections.full_feeds()
        moment = RegimeAt(state.regime, parsed, at_us)
        made = errata_for(found.rows, said.plate, state, moment, full, self._lists_at(state))
        batches, facts = write_errata(
            made,
            said.ground,
            state,
            at_us,
            sequence,
            origin=charter.origin,
            signer=self._signer,
            merge_delay_us=charter.limits.merge_delay_us,
        )
        term_us = charter.limits.feed_term_us
        sent = ErratumSent(
            id=said.id,
            number=found.number,
            row=found.row,
            vehicle=self._vehicle(found, answers),
            rows=(
                *(_row(one, state, term_us) for one in made),
                *(_row_of_answer(one) for one in answers if one.held.until_us > at_us),
            ),
        )
        shown = ShownReads(
            batches=(b"\0\0",) * len(batches), before=((0, found.number, found.row),) if batches else ()
        )
        return Transaction(
            at_us=at_us,
            batches=tuple(batches),
            errata=(sent,),
            corrected=tuple(corrected_hits(made, found.rows, said.ground, at_us)),
            facts=(*facts, erratum_fact(sent, sequence)),
            shown=shown if batches else None,
        )

    def _lists_at(self, state: State) -> ListsAt:
        def lists(name: str, terms: MatchTerms | UnlistedTerms) -> Looks:
            return self._lists.under(name, state, terms)

        return lists

    def _is_new(
        self, said: ErratumSaid, found: ReadInRows, answers: Sequence[AnsweredRead], state: State
    ) -> bool:
        """Return whether an erratum tells anybody anything: the plate that was read is no correction of it."""
        if known_among(state.errata.of_place(found.number, found.row), said.ground, said.said) is not None:
            return False
        read = {row.line["read"].get("plate") for row in found.rows if "read" in row.line}
        read.update(plates_of(answers))
        return not said.plate or said.plate not in read

    def _vehicle(self, found: ReadInRows, answers: Sequence[AnsweredRead]) -> str:
        plates = [row.line["read"]["plate"] for row in found.rows if "plate" in row.line.get("read", {})]
        plates += plates_of(answers)
        return self._digests.of_plate(plates[0] if plates else f"{found.number}-{found.row}")

    async def _erase(self) -> None:
        """Erase rows of errata whose own row was erased, or is past its term."""
        due = self._commits.committed.errata.erasing[:_ERASED_AT_ONCE]
        if not due:
            return

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            rows = [one for one in due if tuple(one) in {tuple(known) for known in state.errata.erasing}]
            return Transaction(
                at_us=at_us,
                erased=tuple(RowErased(number=number, feed=feed, row=row) for number, feed, row in rows),
            )

        # One that COMMITS holds no longer is named all the same: that is how the fold forgets it.
        await self._commits.commit(build)


def _row(one: ErratumFor, state: State, term_us: int) -> ErratumRow:
    version = int(one.reference.rpartition("@")[2]) if one.reference else 0
    return ErratumRow(
        feed=one.row.feed,
        corrects=one.row.seq,
        until_us=one.row.released_us + term_us,
        version=version,
        seq=state.feeds[one.row.feed].rows + 1 if one.reference else 0,
        read=bool(one.read),
    )


def _row_of_answer(one: AnsweredRead) -> ErratumRow:
    """Return what the unit of an answer is told: a notice, which ends with the answer; its pages have the rest."""
    return ErratumRow(
        feed=one.held.asked.authority.partition("@")[0],
        corrects=one.seq,
        until_us=one.held.until_us,
        read=one.read,
        search=one.held.asked.id,
    )
