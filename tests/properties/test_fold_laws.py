"""The fold is the same from any snapshot, and what is committed has no holes: sequences through the real `Commits`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator import CAMERAS, CT, OWN, OWN_SIGNERS, document_transaction, envelope
from tests.unit.commits.test_state import unsigned
from tests.unit.commits.test_writer import Office
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate.commits.figures import Counts
from wicketgate.commits.snapshots import StateDump
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.transactions import (
    CamerasRegistered,
    FeedBatch,
    IntakeCounts,
    QuarantinedRead,
    Refused,
    TokenIssued,
    Transaction,
)

counts = st.integers(0, 40)
steps = st.one_of(
    st.tuples(st.just("decide"), counts, counts, st.sampled_from([OWN, CT])),
    st.tuples(st.just("decide"), counts, counts, st.sampled_from([OWN, CT])),
    st.tuples(st.just("quarantine"), st.integers(1, 3)),
    st.tuples(st.just("clock"), st.sampled_from([1, 999_999, 1_000_000, 3_200_000, 10_000_000, 31_000_000])),
    st.tuples(st.just("back"), st.sampled_from([1, 5_000_000])),
    st.tuples(st.just("restart"), st.sampled_from([0, 500_000, 1_000_000, 12_345_678])),
    st.sampled_from([("token",), ("withdraw",), ("cameras", 1), ("cameras", 3), ("suspend",), ("resume",)]),
    st.sampled_from([("review",), ("version",), ("durable",)]),
)


class Writer:
    """Commits what a gateway commits, with numbers instead of reads."""

    def __init__(self) -> None:
        self.desk = Office()
        self.acts = 0

    async def begin(self) -> None:
        """Found it, with two authorities."""
        self.desk.found()
        self.document(envelope("authority-own-use", OWN_SIGNERS))
        self.document(envelope("authority", documents.CT_OFFICES))

    def commit(self, **members: Any) -> None:
        """Commit a transaction of now."""
        self.desk.commits.commit(lambda state, at_us, sequence: Transaction(at_us=at_us, **members))

    def document(self, data: bytes) -> None:
        """Commit a document."""
        self.desk.commits.commit(
            lambda state, at_us, sequence: document_transaction(data, state.entries, at_us)
        )

    async def take(self, step: tuple[Any, ...]) -> None:
        """Let one thing happen."""
        self.acts += 1
        desk, name = self.desk, f"a{self.acts}"
        named = desk.commits.staged.authorities[CT]
        match step:
            case ("decide", reads, released, feed):
                self.decide(reads, min(reads, released), feed)
            case ("quarantine", count):
                self.quarantine(count)
            case ("clock", by_us):
                desk.clock.at_us += by_us
                desk.commits.tick()
            case ("back", by_us):
                desk.clock.at_us -= by_us
            case ("restart", away_us):
                await desk.settle()
                self.desk = Office(stream=desk.stream, at_us=desk.clock.at_us + away_us)
                self.desk.commits.start({"software": "x"})
            case ("token",):
                self.commit(token=TokenIssued(name=name, sha256=name))
            case ("withdraw",):
                self.commit(token=TokenIssued(name="a1", sha256=""))
            case ("cameras", count):
                self.commit(cameras=CamerasRegistered(source="tfl", cameras=CAMERAS[:count]))
            case ("suspend",):
                self.document(unsigned("suspension", suspension__id=name))
            case ("resume",) if named.suspensions:
                changes = {"resumption__id": name, "resumption__suspension": next(iter(named.suspensions))}
                self.document(unsigned("resumption", **changes))
            case ("review",):
                reviewed = rfc3339(desk.clock.at_us)
                self.document(unsigned("review", review__id=name, review__reviewed_at=reviewed))
            case ("version",):
                self.document(unsigned("authority", authority__version=len(named.versions) + 1))
            case ("durable",):
                await desk.settle()

    def decide(self, reads: int, released: int, feed: str) -> None:
        """Commit a decision: some rows to one feed, none to the other."""

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            number = state.feeds[feed].batches + 1
            refused = [Refused(authority=f"{feed}@1", reason="out-of-scope", rows=reads - released)]
            other = OWN if feed == CT else CT
            refused.append(Refused(authority=f"{other}@1", reason="expired", rows=reads))
            return Transaction(
                at_us=at_us,
                reads_to=state.reads_to + 1,
                reads=reads,
                withheld=reads - released,
                intake=IntakeCounts(accepted={"tfl/c0": reads}, repeated={"tfl/c1": 2}),
                batches=(FeedBatch(feed=feed, number=number, rows=released, data=b"x"),) if released else (),
                refused=tuple(item for item in refused if item.rows),
                facts=(json.dumps({"kind": "decision", "n": sequence}).encode(),),
            )

        self.desk.commits.commit(build)

    def quarantine(self, count: int) -> None:
        """Commit reads that cannot be taken."""

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            read = QuarantinedRead(
                source="tfl", camera="", code="too-old", detail="", at_us=at_us, read=b"{}"
            )
            return Transaction(
                at_us=at_us,
                intake=IntakeCounts(quarantined={"tfl/": {"too-old": count}}),
                quarantine_from=state.quarantined + 1,
                quarantined=(read,) * count,
            )

        self.desk.commits.commit(build)


async def written(happenings: list[tuple[Any, ...]]) -> Office:
    """Return the office after what happened, once everything is durable."""
    writer = Writer()
    await writer.begin()
    for step in happenings:
        await writer.take(step)
    writer.desk.clock.at_us = writer.desk.commits.staged.at_us + SECOND_US
    writer.desk.commits.tick()
    await writer.desk.settle()
    return writer.desk


@settings(max_examples=50)
@given(st.lists(steps, max_size=20), st.data())
def test_a_replay_from_any_snapshot_gives_the_same_state(
    happenings: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    desk = asyncio.run(written(happenings))
    transactions = desk.transactions
    final = dump_state(desk.commits.committed)
    assert dump_state(desk.commits.staged) == final
    cut = data.draw(st.integers(0, len(transactions)))
    state, dump = State(), StateDump()
    for number, transaction in enumerate(transactions[:cut], 1):
        state.apply(transaction, number)
        assert dump.of(state) == dump_state(state)
    state = load_state(dump_state(state))
    for number, transaction in enumerate(transactions[cut:], cut + 1):
        state.apply(transaction, number)
    assert dump_state(state) == final


@settings(max_examples=50)
@given(st.lists(steps, max_size=25))
def test_what_is_committed_has_no_holes(happenings: list[tuple[Any, ...]]) -> None:
    desk = asyncio.run(written(happenings))
    transactions = desk.transactions
    assert [sequence for sequence, _ in desk.revealed] == list(
        range(len(transactions) - len(desk.revealed) + 1, len(transactions) + 1)
    )
    at_us, entries, open_us, quarantined, facts = 0, 0, None, 0, []
    totals, counting_from_us, targeted_from_us = Counts(), None, None
    since = Counts()
    for transaction in transactions:
        assert transaction.at_us >= at_us
        at_us = transaction.at_us
        if transaction.entries:
            assert transaction.first_entry == entries
            entries += len(transaction.entries)
        if transaction.quarantined:
            assert transaction.quarantine_from == quarantined + 1
            quarantined += len(transaction.quarantined)
        if open_us is None:
            open_us = counting_from_us = targeted_from_us = at_us  # the charter, on the second
        if transaction.second is not None:
            assert transaction.second.second_us == open_us
            assert transaction.second.facts == tuple(facts)
            facts, open_us = [], open_us + SECOND_US
        if transaction.opens_us is not None:
            body = json.loads(transaction.entries[0])
            assert body.get("missing_from", rfc3339(transaction.opens_us)) == rfc3339(open_us)
            open_us = transaction.opens_us
        if transaction.figures is not None:
            assert transaction.figures.from_us == counting_from_us
            counting_from_us = transaction.figures.until_us
            published = json.loads(transaction.entries[0])
            assert published["decided"] in (since.decided, None)
            assert published["taken"] in (since.taken, None)
            for feed, rows in published["released"].items():
                assert rows in (since.released.get(feed, 0), None)
            since = Counts()
        facts.extend(transaction.facts)
        for counted in (totals, since):
            count(counted, transaction)
        if transaction.targeting is not None:
            assert transaction.targeting.from_us == targeted_from_us
            targeted_from_us = transaction.targeting.until_us
        closing = (transaction.second, transaction.opens_us, transaction.figures, transaction.targeting)
        if all(part is None for part in closing):
            assert at_us - at_us % SECOND_US == open_us  # whatever happens, happens in the open second
    state = desk.commits.committed
    assert (state.totals.decided, state.totals.taken) == (totals.decided, totals.taken)
    assert state.totals.released == totals.released
    assert state.counts.decided == since.decided
    for name in (OWN, CT):
        refused = sum(sum(by.values()) for ref, by in state.totals.refused.items() if ref.startswith(name))
        assert state.totals.released.get(name, 0) + refused == state.totals.decided
        assert state.feeds[name].rows == state.totals.released.get(name, 0)


def count(counted: Counts, transaction: Transaction) -> None:
    """Count by hand what the fold counts."""
    counted.decided += transaction.reads
    for batch in transaction.batches:
        counted.released[batch.feed] = counted.released.get(batch.feed, 0) + batch.rows
    if transaction.intake is not None:
        counted.taken += sum(transaction.intake.accepted.values())
