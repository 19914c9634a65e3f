"""What must hold in a simulated world after every step, and what must hold once it has settled."""

from __future__ import annotations

import io
import json
from collections import Counter
from itertools import pairwise
from typing import Any

from tests.simulator import CT, IN_SCOPE, LOG_KEY, ORIGIN, OWN, VKEY, World
from wicketgate.batches import Batch, check_batch, read_batches
from wicketgate.clock import parse_rfc3339, rfc3339
from wicketgate.facts import FactAnswer, SecondTree, check_kept, check_promise, release_fact
from wicketgate.merkle import leaf_hash
from wicketgate.state import State, dump_state, load_state
from wicketgate.transactions import SecondClosed, Transaction, decode
from wicketgate.verify.entries import EntryFold

Key = tuple[str, str, str]


def check_step(world: World) -> None:
    """Assert what holds at any moment: each feed is whole and in order, and nothing stands in it twice."""
    for name in (OWN, CT):
        delivered(world, name)
    check_unrevealed(world)


def check_settled(world: World) -> None:
    """Assert everything, once nothing is under way any more."""
    check_step(world)
    check_reads(world)
    check_answers(world)
    transactions = [decode(data) for data in world.commits_stream.messages]
    check_fold(world, transactions)
    check_ledger(world, transactions)
    check_promises(world, transactions)
    check_figures(world, transactions)
    assert not world.failures


def delivered(world: World, name: str) -> list[dict[str, Any]]:
    """Return the rows of a feed, once its batches are checked one by one and one after another."""
    rows: list[dict[str, Any]] = []
    for number, batch in enumerate(batches_of(world, name), 1):
        assert batch.header["batch"] == number
        check_batch(batch)
        check_promise(ORIGIN, batch.header, LOG_KEY.public)
        for line in batch.lines:
            row = json.loads(line)
            assert row["seq"] == len(rows) + 1
            assert row["authority"].partition("@")[0] == name
            rows.append(row)
    twice = [key for key, count in Counter(key_of(row["read"]) for row in rows).items() if count > 1]
    assert not twice, "a read stands in a feed twice"
    return rows


def batches_of(world: World, name: str) -> list[Batch]:
    """Return the batches of a feed."""
    return list(read_batches(io.BytesIO(b"".join(world.projections.feeds.get(name, [])))))


def key_of(read: dict[str, Any]) -> Key:
    """Return by what two reads are the same."""
    return read["camera"], read["plate"], rfc3339(parse_rfc3339(read["captured_at"]))


def check_unrevealed(world: World) -> None:
    """What is not acknowledged is neither in the committed fold nor projected by this life."""
    acknowledged = len(world.commits_stream.messages) - len(world.commit_writer.unacknowledged)
    assert world.commits.committed.sequence == acknowledged or world.failures
    assert world.commits.staged.sequence == world.commit_writer.last


def check_reads(world: World) -> None:
    """No read that was acknowledged is missing from a feed in whose scope it was, and none was invented."""
    taken = {key_of(read) for reads, answer in world.answered for read in takeable(reads, answer)}
    expected = {key for key in taken if key[0] in IN_SCOPE}
    own = {key_of(row["read"]) for row in delivered(world, OWN)}
    assert expected <= own, "an acknowledged read is missing"
    assert own <= expected, "a read was delivered that nobody sent"
    assert {key_of(row["read"]) for row in delivered(world, CT)} <= own


def takeable(reads: list[dict[str, Any]], answer: Any) -> list[dict[str, Any]]:
    """Return the reads of a post that were not quarantined."""
    bad = {index for index, _, _ in answer.quarantined}
    return [read for index, read in enumerate(reads) if index not in bad]


def check_answers(world: World) -> None:
    """Sent = accepted + repeated + quarantined, for each post, and over all of them with what the fold has counted."""
    for reads, answer in world.answered:
        assert len(reads) == answer.accepted + answer.repeated + len(answer.quarantined)
    totals = world.commits.committed.totals
    keys = {key_of(read) for reads, answer in world.answered for read in takeable(reads, answer)}
    assert totals.taken == totals.decided == len(keys)
    assert totals.quarantined == world.commits.committed.quarantined == len(world.projections.quarantined)
    counts: Counter[str] = Counter()
    for by_camera in world.commits.committed.camera_counts.values():
        counts.update(by_camera)
    assert counts["accepted"] == totals.taken
    assert counts["repeated"] == totals.repeated
    assert sum(counts.values()) == totals.taken + totals.repeated + totals.quarantined


def check_fold(world: World, transactions: list[Transaction]) -> None:
    """The fold from nothing, from the snapshot and the one that was carried along are the same."""
    state = State()
    for number, transaction in enumerate(transactions, 1):
        state.apply(transaction, number)
    later = load_state(world.snapshot)
    for number, transaction in enumerate(transactions, 1):
        if number > later.sequence:
            later.apply(transaction, number)
    committed = dump_state(world.commits.committed)
    assert dump_state(state) == committed
    assert dump_state(later) == committed
    assert dump_state(world.commits.staged) == committed


def check_ledger(world: World, transactions: list[Transaction]) -> None:
    """The ledger's entries join, and an outsider finds nothing wrong with them."""
    entries = [entry for transaction in transactions for entry in transaction.entries]
    assert entries == world.projections.entries
    outsider = EntryFold(VKEY)
    for index, entry in enumerate(entries):
        outsider.take(index, entry)
    for check in outsider.checks(ORIGIN):
        assert check.ok, check
    assert outsider.open_us == world.commits.committed.second_us


def check_promises(world: World, transactions: list[Transaction]) -> None:
    """Every batch is under the ledger's entry of the very second that its promise names."""
    seconds = {
        rfc3339(second.second_us): second
        for second in (transaction.second for transaction in transactions)
        if second is not None
    }
    for name in (OWN, CT):
        for batch in batches_of(world, name):
            second = seconds[batch.header["promise"]["second"]]
            entry = world.projections.entries[second.entry]
            check_kept(batch.header, prove(second, release_fact(batch.header)), entry)


def prove(second: SecondClosed, fact: bytes) -> FactAnswer:
    """Return the proof of a fact in its second."""
    tree = SecondTree(second.facts, second.seed)
    leaf = leaf_hash(fact)
    proof = tree.prove(leaf)
    return FactAnswer(
        leaf=leaf.hex(),
        index=proof.index,
        size=proof.size,
        path=[node.hex() for node in proof.path],
        root=tree.root.hex(),
        second=rfc3339(second.second_us),
        entry=second.entry,
    )


def check_figures(world: World, transactions: list[Transaction]) -> None:
    """Periods join without gap or overlap, and each authority's cells add up to the reads decided in them."""
    closed = [transaction.figures for transaction in transactions if transaction.figures is not None]
    for before, after in pairwise(closed):
        assert after.from_us == before.until_us
    state = world.commits.committed
    assert [period.entry for period in state.periods] == [figures.entry for figures in closed]
    totals = state.totals
    for name in (OWN, CT):
        refused = sum(sum(reasons.values()) for ref, reasons in totals.refused.items() if ref[:-2] == name)
        released = totals.released.get(name, 0)
        assert released == len(delivered(world, name)) == state.feeds[name].rows
        assert released + refused == totals.decided
