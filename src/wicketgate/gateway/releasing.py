"""The gate at work: reads of READS decided, decisions committed."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.streams.reader import Stored, StreamReader
from wicketgate.commits.state import State
from wicketgate.commits.transactions import (
    FeedBatch,
    IntakeCounts,
    QuarantinedRead,
    Refused,
    Transaction,
)
from wicketgate.commits.writer import Build, Commits
from wicketgate.feeds import batches
from wicketgate.feeds.rows import RowMaker, Rows, StateAt
from wicketgate.gate.decide import Decision, decide
from wicketgate.gate.tables import GateTables, tables_at
from wicketgate.gateway.filing.facts import decision_fact, hit_fact
from wicketgate.gateway.projections import Projections
from wicketgate.hotlists.in_force import Allowed, Lists
from wicketgate.ledger.facts import SALT_BYTES, Signs, make_promise, release_fact
from wicketgate.reads import columns
from wicketgate.reads.columns import MAX_ROWS, ReadBatch
from wicketgate.reads.messages import ReadsMessage, decode_reads
from wicketgate.regime.moment import RegimeAt

_LINGER_S = 0.008
_UNDER_WAY = 4
_TRANSACTION_BYTES = 2 * 1024 * 1024
_ROW_BYTES = 250
_FEW_BYTES = 100_000
_BUSY_S = 0.05
_source_of = attrgetter("source")


class _Message(NamedTuple):
    """An undecided message of READS."""

    sequence: int
    message: ReadsMessage
    bytes: int


class Releasing:
    """The gate's loop, following READS from the fold's position.

    It commits what the gate decides.

    A kill between a decision and its commit leaves nothing: the same reads are decided again, under the authorities in
    force then. A kill behind the commit leaves it whole; the fold says how far READS has been decided.
    """

    def __init__(
        self,
        commits: Commits,
        projections: Projections,
        reader: StreamReader,
        signer: Signs,
        clock: Clock,
        *,
        lists: Lists,
        raising: RowMaker,
        sealing: Callable[[QuarantinedRead, int], QuarantinedRead],
    ) -> None:
        self._commits = commits
        self._projections = projections
        self._reader = reader
        self._signer = signer
        self._clock = clock
        self._lists = lists
        self._raising = raising
        self._sealing = sealing
        self._standing: GateTables | None = None
        self._messages: list[_Message] = []

    async def run(self) -> None:
        """Decide for ever."""
        offset = self._commits.staged.reads_offset
        while True:
            if not self._messages:
                self._take(await self._reader.next())
                if sum(message.bytes for message in self._messages) < _FEW_BYTES:
                    # Few reads: waiting a little lets several messages share one transaction and its syncs.
                    await self._clock.sleep(_LINGER_S)
                    self._take(await self._reader.next(0.0005))
            while self._commits.under_way >= _UNDER_WAY:
                await self._clock.sleep(0.0005)
            offset = await self._decide(offset)
            await asyncio.sleep(0)

    def _take(self, stored: Sequence[Stored]) -> None:
        for item in stored:
            last = self._messages[-1].sequence if self._messages else self._commits.staged.reads_to
            if item.sequence != last + 1:
                raise InputError(f"READS goes on at {item.sequence} behind {last}: messages are missing")
            self._messages.append(_Message(item.sequence, decode_reads(item.data), len(item.data)))

    async def _decide(self, offset: int) -> int:
        """Commit one transaction.

        Return how many rows of the message now first are decided.
        """
        message = self._messages[0].message
        batch = columns.from_arrow(message.rows) if message.rows else columns.empty()
        limit = self._rows_at_once(message, len(batch))
        while True:
            try:
                return self._decide_some(batch, offset, limit)
            except StreamError as error:
                if error.code == "busy":
                    await self._clock.sleep(_BUSY_S)
                elif error.code == "too-large" and limit > 1:
                    limit //= 2  # rows were larger, or authorities more, than it looked
                else:
                    raise

    def _decide_some(self, batch: ReadBatch, offset: int, limit: int) -> int:
        sequence, message, size = self._messages[0]
        if len(batch) - offset > limit:
            piece = columns.part(batch, offset, offset + limit)
            first = [message] if offset == 0 else []
            self._commits.commit(self._transaction(piece, first, sequence - 1, offset + limit))
            return offset + limit
        taken = [message] if offset == 0 else []
        parts = [columns.part(batch, offset, len(batch))]
        rows = len(parts[0])
        count = 1
        for _, following, following_bytes in self._messages[1:]:
            size += following_bytes
            if size > _TRANSACTION_BYTES:
                break
            more = columns.from_arrow(following.rows) if following.rows else columns.empty()
            if rows + len(more) > limit:
                break
            sequence = sequence + 1
            taken.append(following)
            parts.append(more)
            rows += len(more)
            count += 1
        self._commits.commit(self._transaction(columns.joined(parts), taken, sequence, 0))
        del self._messages[:count]
        return 0

    def _rows_at_once(self, message: ReadsMessage, rows: int) -> int:
        # What a row takes in a feed: salt, names and quotes, and twice what it takes in READS is more than enough.
        row_bytes = _ROW_BYTES + 2 * len(message.rows) // max(1, rows)
        authorities = 1 if self._standing is None else max(1, len(self._standing.names))
        return max(1, min(MAX_ROWS, _TRANSACTION_BYTES // (row_bytes * authorities)))

    def _stand(self, state: State, at_us: int, batch: ReadBatch) -> GateTables:
        earliest_us = int(batch.captured_us.min()) if len(batch) else at_us
        full = self._projections.full_feeds()
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
        self, batch: ReadBatch, messages: Sequence[ReadsMessage], reads_to: int, reads_offset: int
    ) -> Build:
        def build(state: State, at_us: int, sequence: int) -> Transaction:
            standing = self._stand(state, at_us, batch)
            charter = self._commits.parsed.charter(state)
            lists = {
                reference: Allowed(self._lists.at(standing.names[reference], state), terms)
                for reference, terms in standing.matching.items()
            }
            moment = StateAt(state=state, standing=standing, at_us=at_us)
            decisions: list[Decision] = []
            made: dict[str, Rows] = {}
            # Reads that come again with an image are no new reads: they are released to those whose fields show it,
            # and counted nowhere else.
            for some in columns.split_again(batch):
                decision = decide(some, standing.table, at_us, charter.limits.late_after_us, lists)
                decisions.append(decision)
                rendering = batches.Rendering(some, standing.camera_json, standing.placed_json)
                for release in decision.releases:
                    into = made.setdefault(release.reference, Rows())
                    self._raising.rows(release, rendering, some, moment, into)
            decision = decisions[0]
            facts: list[bytes] = []
            released: list[FeedBatch] = []
            for reference, rows in made.items():
                if not rows.reads:
                    continue
                name = standing.names[reference]
                header, data = self._batch(reference, rows, moment, sequence, charter.origin)
                released.append(
                    FeedBatch(
                        feed=name,
                        number=header["batch"],
                        rows=header["rows"],
                        data=data,
                        again=rows.again,
                    )
                )
                facts.append(release_fact(header))
                facts += [hit_fact(hit, sequence) for hit in rows.hits]
            intake = _joined_intake([message.intake for message in messages])
            refused = tuple(
                Refused(authority=r.reference, reason=r.reason, rows=r.rows) for r in decision.refusals
            )
            quarantined: list[QuarantinedRead] = []
            for message in messages:
                quarantined.extend(message.quarantined)
            quarantined.sort(key=_source_of)  # the quarantine keeps each source's together
            facts.append(decision_fact(sequence, decision.rows, decision.withheld, refused, intake))
            return Transaction(
                at_us=at_us,
                reads_to=reads_to,
                reads_offset=reads_offset,
                reads=decision.rows,
                withheld=decision.withheld,
                intake=intake,
                refused=refused,
                batches=tuple(released),
                hits=tuple(hit for rows in made.values() for hit in rows.hits),
                imaged=tuple(imaged for rows in made.values() for imaged in rows.imaged),
                quarantine_from=state.quarantined + 1,
                quarantined=tuple(self._sealing(read, at_us) for read in quarantined),
                quarantine_batch=state.quarantine_batches + 1 if quarantined else 0,
                facts=tuple(facts),
            )

        return build

    def _batch(
        self, reference: str, rows: Rows, moment: StateAt, sequence: int, origin: str
    ) -> tuple[Mapping[str, Any], bytes]:
        feed = moment.state.feeds[moment.standing.names[reference]]
        at_us = moment.at_us
        lines = batches.row_lines(
            reference=reference,
            first_row=feed.rows + 1,
            reads=rows.reads,
            late=rows.late,
            salts=os.urandom(SALT_BYTES * len(rows.reads)),
            more=rows.more,
        )
        return batches.build(
            reference=reference,
            number=feed.batches + 1,
            commit=sequence,
            released_us=at_us,
            lines=lines,
            promise=lambda header: make_promise(origin, header, os.urandom(SALT_BYTES), at_us, self._signer),
        )


def _joined_intake(intakes: Sequence[IntakeCounts]) -> IntakeCounts | None:
    if not intakes:
        return None
    accepted: Counter[str] = Counter()
    repeated: Counter[str] = Counter()
    unkept: Counter[str] = Counter()
    quarantined: dict[str, Counter[str]] = {}
    for intake in intakes:
        unkept.update(intake.unkept)
        accepted.update(intake.accepted)
        repeated.update(intake.repeated)
        for camera, codes in intake.quarantined.items():
            quarantined.setdefault(camera, Counter()).update(codes)
    return IntakeCounts(
        accepted=dict(accepted),
        repeated=dict(repeated),
        quarantined={camera: dict(codes) for camera, codes in quarantined.items()},
        unkept=dict(unkept),
    )
