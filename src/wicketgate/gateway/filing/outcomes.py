"""The filing of hits' outcomes."""

from __future__ import annotations

from itertools import islice

import msgspec

from wicketgate.base.clock import Clock
from wicketgate.commits.errata import ErratumSaid
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Outcome, Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.errata.digests import ErrataDigests
from wicketgate.gateway.filing.errata import new_id, said_transaction
from wicketgate.gateway.filing.facts import outcome_fact
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.hotlists.hits import UNANSWERED_US, Hit, with_outcome
from wicketgate.hotlists.outcomes import Comparison, is_wrong_read, judge_outcome
from wicketgate.hotlists.vehicle_names import contradicts
from wicketgate.reads.plates import read_plate

GATEWAY = "gateway"
"""Who ends a hit that nobody answered."""
_AT_ONCE = 500


class OutcomeFiling:
    """The filing of outcomes of hits, over the commits of one gateway."""

    def __init__(self, commits: Commits, hits: HitQueue, clock: Clock, digests: ErrataDigests) -> None:
        self._commits = commits
        self._hits = hits
        self._clock = clock
        self._digests = digests

    async def record_outcome(
        self,
        hit_id: str,
        said: str,
        reason: str,
        by: str,
        *,
        token: str = "",
        looker: str = "",
        plate_seen: str = "",
    ) -> Hit:
        """Record the outcome of a hit.

        Return the hit as it stands then.

        Parameters
        ----------
        token : str
            Whose token it was, where no person signed in: `by` is then that unit's word.
        looker : str
            Who says so, as their look at an image names them.
        plate_seen : str
            The plate as they saw it; needed to confirm a possible hit. It is compared, and not kept.

        Raises
        ------
        HitRefused, InputError
            As `hotlists.outcomes.judge_outcome`.
        """
        known = self._hits.get(hit_id)
        agrees = None
        if plate_seen.strip() and known is not None:
            agrees = read_plate(plate_seen) == known.listed
        compared = Comparison(looker=looker, agrees=agrees)
        contradicted = known is not None and contradicts(known.entry, known.vehicle)
        wrong = known is not None and is_wrong_read(known, said, plate_seen)

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            hit = state.open_hits.get(hit_id)
            seen = [] if hit is None else state.sightings.get(hit.authority, {}).get(hit.voi, [])
            outcome = Outcome(
                hit=hit_id,
                outcome=judge_outcome(
                    hit_id,
                    hit,
                    known is not None,
                    seen,
                    said,
                    reason,
                    by,
                    compared,
                    contradicted=contradicted,
                    cameras=state.cameras,
                ),
                reason=reason,
                by=by,
                at_us=at_us,
                token=token,
            )
            made = _transaction((outcome,), at_us, sequence)
            if not wrong or known is None:
                return made
            erratum = self._erratum(known, outcome)
            more = said_transaction(self._commits, erratum, state, at_us, sequence)
            return msgspec.structs.replace(more, outcomes=made.outcomes, facts=(*made.facts, *more.facts))

        sequence, transaction = await self._commits.commit(build)
        while self._hits.position < sequence:
            await self._hits.wait(self._hits.changes, 1.0)
        after = self._hits.get(hit_id)
        assert after is not None or known is not None
        return after or with_outcome(known, transaction.outcomes[0])  # type: ignore[arg-type]

    def _erratum(self, hit: Hit, outcome: Outcome) -> ErratumSaid:
        """Return what an outcome says of the read of its hit; which plate was seen is not kept."""
        return ErratumSaid(
            id=new_id(),
            read=self._digests.of_hit(hit.id),
            ground="misread",
            by=outcome.by,
            token=outcome.token,
            ends_us=0,
            hit=hit.id,
            feed=hit.authority,
            seq=hit.seq,
            raised_us=hit.raised_us,
        )

    async def end_unanswered(self) -> int:
        """End the hits left unanswered for a day after their deadline.

        Return how many.
        """
        before_us = self._clock.now_us() - UNANSWERED_US
        overdue = (i for i, hit in self._commits.staged.open_hits.items() if hit.due_us < before_us)
        due = list(islice(overdue, _AT_ONCE))

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            ended = tuple(
                Outcome(
                    hit=hit_id,
                    outcome="unanswered",
                    reason="nobody said what became of it in time",
                    by=GATEWAY,
                    at_us=at_us,
                )
                for hit_id in due
                if hit_id in state.open_hits
            )
            return _transaction(ended, at_us, sequence)

        if due:
            await self._commits.commit(build)
        return len(due)


def _transaction(outcomes: tuple[Outcome, ...], at_us: int, sequence: int) -> Transaction:
    facts = tuple(outcome_fact(outcome, sequence) for outcome in outcomes)
    return Transaction(at_us=at_us, outcomes=outcomes, facts=facts)
