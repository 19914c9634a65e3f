"""The gate at work: reads decided, and committed with their decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from operator import attrgetter

import msgspec
import numpy as np

from wicketgate.base.errors import StreamError
from wicketgate.commits.state import State
from wicketgate.commits.transactions import (
    Committed,
    IntakeCounts,
    QuarantinedRead,
    Refused,
    ShownReads,
    Transaction,
)
from wicketgate.commits.writer import Build, Commits
from wicketgate.feeds.lines import ROW_BYTES
from wicketgate.feeds.rendering import Rendering, most_bytes
from wicketgate.feeds.rows import RowMaker, Rows, StateAt
from wicketgate.feeds.writing import write_batches
from wicketgate.gate.decide import Decision, decide
from wicketgate.gate.tables import GateTables, tables_at
from wicketgate.gateway.filing.facts import decision_fact, hit_fact
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.ledger.facts import Signs
from wicketgate.reads import columns
from wicketgate.reads.columns import MAX_ROWS, ReadBatch
from wicketgate.reads.messages import ReadsMessage, encode_reads
from wicketgate.regime.moment import RegimeAt

_TRANSACTION_BYTES = 2 * 1024 * 1024
_source_of = attrgetter("source")


class Releasing:
    """The gate, as the intake asks it: it commits what it decides together with the reads.

    A kill before the commit is durable leaves nothing: nobody was answered, and the reads are posted again. A kill
    behind it leaves it whole, the reads with it.
    """

    def __init__(
        self,
        commits: Commits,
        full_feeds: Callable[[], frozenset[str]],
        signer: Signs,
        *,
        lists: Hotlists,
        raising: RowMaker,
        sealing: Callable[[QuarantinedRead, int], QuarantinedRead],
    ) -> None:
        self._commits = commits
        self._full_feeds = full_feeds
        self._signer = signer
        self._lists = lists
        self._raising = raising
        self._sealing = sealing
        self._standing: GateTables | None = None

    @property
    def under_way(self) -> int:
        """The number of transactions not durable yet."""
        return self._commits.under_way

    def rows_at_once(self, batch: ReadBatch) -> int:
        """Return how many of these reads one transaction has room for, if each goes to all who may have it."""
        # The first decision of a life knows no tables yet, and hits are not reckoned with: what is too large all the
        # same is cut again by whoever asked.
        standing = self._standing
        authorities = 1 if standing is None else max(1, standing.most_together)
        cameras = () if standing is None else standing.placed_json
        reference = 0 if standing is None else max(map(len, standing.names), default=0)
        row_bytes = ROW_BYTES + reference + most_bytes(batch, cameras)
        return max(1, min(MAX_ROWS, _TRANSACTION_BYTES // (row_bytes * authorities)))

    def decide(
        self, batch: ReadBatch, message: ReadsMessage, *, of_reads: tuple[int, int] | None = None
    ) -> asyncio.Future[Committed]:
        """Stage the transaction that takes these reads and decides them.

        Parameters
        ----------
        batch : ReadBatch
            At most `MAX_ROWS` reads.
        message : ReadsMessage
            The same as it is stored, with what else is taken with them.
        of_reads : (int, int), optional
            Up to which message of READS, and to which row of the next one, an earlier version's reads are decided then.

        Raises
        ------
        StreamError
            Of code `too-large` or `busy`: then nothing was staged.
        """
        if not self._commits.leads():
            # Nothing is promised, not even in memory, by a gateway that another may have followed.
            raise StreamError("this gateway does not know whether it still leads", code="busy")
        return self._commits.commit(self._transaction(batch, message, of_reads))

    def _stand(self, state: State, at_us: int, batch: ReadBatch) -> GateTables:
        earliest_us = int(batch.captured_us.min()) if len(batch) else at_us
        full = self._full_feeds()
        standing = self._standing
        if (
            standing is None
            or standing.revision != state.revision
            or standing.full != full
            or at_us >= standing.holds_until_us
            or earliest_us < standing.covers_from_us
        ):
            moment = RegimeAt(state.regime, self._commits.parsed, at_us)
            standing = tables_at(
                moment, state.cameras, full, revision=state.revision, earliest_us=earliest_us
            )
            self._standing = standing
        return standing

    def _transaction(
        self, batch: ReadBatch, message: ReadsMessage, of_reads: tuple[int, int] | None
    ) -> Build:
        def build(state: State, at_us: int, sequence: int) -> Transaction:
            standing = self._stand(state, at_us, batch)
            charter = self._commits.parsed.charter(state)
            lists = {
                reference: self._lists.under(standing.names[reference], state, terms)
                for reference, terms in standing.listing.items()
            }
            moment = StateAt(state=state, standing=standing, at_us=at_us)
            decisions: list[Decision] = []
            made: dict[str, Rows] = {}
            # Reads that come again with an image are no new reads: they are released to those whose fields show it,
            # and counted nowhere else.
            for some, places in columns.split_again(batch):
                decision = decide(some, standing.table, at_us, charter.limits.late_after_us, lists)
                decisions.append(decision)
                rendering = Rendering(some, standing.camera_json, standing.placed_json)
                for release in decision.releases:
                    into = made.setdefault(release.reference, Rows())
                    self._raising.rows(release, rendering, some, moment, into, places)
            decision = decisions[0]
            released, release_facts = write_batches(
                made,
                moment,
                sequence,
                origin=charter.origin,
                signer=self._signer,
                merge_delay_us=charter.limits.merge_delay_us,
            )
            hits = tuple(hit for rows in made.values() for hit in rows.hits)
            intake = message.intake if message.intake != IntakeCounts() else None
            refused = tuple(
                Refused(authority=r.reference, reason=r.reason, rows=r.rows) for r in decision.refusals
            )
            # The quarantine keeps each source's together.
            quarantined = sorted(message.quarantined, key=_source_of)
            facts = (
                *release_facts,
                *(hit_fact(hit, sequence) for hit in hits),
                decision_fact(
                    sequence,
                    decision.rows,
                    decision.withheld,
                    refused,
                    intake,
                    {reference: rows.images for reference, rows in made.items() if rows.images},
                ),
            )
            return Transaction(
                at_us=at_us,
                reads_to=None if of_reads is None else of_reads[0],
                reads_offset=0 if of_reads is None else of_reads[1],
                reads=decision.rows,
                withheld=decision.withheld,
                intake=intake,
                refused=refused,
                batches=tuple(released),
                hits=hits,
                imaged=tuple(imaged for rows in made.values() for imaged in rows.imaged),
                quarantine_from=state.quarantined + 1,
                quarantined=tuple(self._sealing(read, at_us) for read in quarantined),
                quarantine_batch=state.quarantine_batches + 1 if quarantined else 0,
                facts=facts,
                shown=_shown(list(made.values()), batch.again.nonzero()[0].tolist(), message),
                taken=_taken(message),
            )

        return build


def _shown(made: Sequence[Rows], again: Sequence[int], message: ReadsMessage) -> ShownReads | None:
    """Return which read each row shows, and where reads stood before: so an erasure finds all of a read."""
    known = message.before or [(0, 0)] * len(again)  # READS of 0.3 did not say
    before = tuple((row, *place) for row, place in zip(again, known, strict=True) if place[0])
    numbers = tuple(np.concatenate(rows.shown).astype("<u2").tobytes() for rows in made if len(rows))
    return ShownReads(batches=numbers, before=before) if numbers or before else None


def _taken(message: ReadsMessage) -> bytes:
    """Return what is stored of what was taken: all but what the transaction itself says."""
    return encode_reads(msgspec.structs.replace(message, intake=IntakeCounts(), quarantined=(), before=()))
