"""What must hold in a simulated world after every step, and what must hold once it has settled."""

from __future__ import annotations

import io
import json
from collections import Counter
from itertools import pairwise
from typing import Any

from tests.keys import IN_THE_OPEN, decode
from tests.oracles.gate_oracle import best, stays
from tests.simulator import (
    ALL_BUT,
    CT,
    IN_SCOPE,
    LOG_KEY,
    ORIGIN,
    OWN,
    STALE_US,
    VKEY,
    WANTED,
    Request,
    World,
)
from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.transactions import HotlistChanged, Transaction
from wicketgate.feeds.batches import Batch, check_batch, read_batches
from wicketgate.feeds.erasing import RowName, demand_without, shown_read, without_rows
from wicketgate.hotlists import Entry, load_changes, load_entries
from wicketgate.hotlists.hits import Hit, raised, with_outcome
from wicketgate.ledger.facts import FactAnswer, SecondTree, check_kept, check_promise, release_fact
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.proofs import prove_fact
from wicketgate.ledger.second import SecondClosed

Key = tuple[str, str, str]


def check_step(world: World) -> None:
    """Assert what holds at any moment: each feed is whole and in order, and nothing stands in it twice."""
    for name in names(world):
        delivered(world, name)
    check_unrevealed(world)
    check_lists(world)


def names(world: World) -> list[str]:
    """Return the names of the world's authorities."""
    known = world.commits.committed.feeds
    return [OWN, CT, WANTED, *([ALL_BUT] if ALL_BUT in known else [])]


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
    check_released(transactions)
    check_matching(world, transactions)
    check_withholding(world, transactions)
    check_hits(world, transactions)
    check_requests(world, transactions)
    check_erasures(world)
    assert not world.failures


def check_erasures(world: World) -> None:
    """Each transaction can be rewritten without the rows that committed erasures name, and in nothing else."""
    for number, named in world.commits.committed.erased.items():
        before, rows = world.commits_stream.messages[number - 1], [RowName(*row) for row in named]
        after = without_rows(before, rows, IN_THE_OPEN).data
        demand_without(before, after, rows, IN_THE_OPEN)
        was, now = decode(before), decode(after)
        assert not [hit for hit in now.hits if RowName(hit.authority, hit.seq) in rows]
        reads = {row for feed, row in rows if not feed}
        for one, other in zip(was.batches, now.batches, strict=True):
            [batch] = read_batches(io.BytesIO(other.data))
            check_batch(batch)
            for line, stood in zip(batch.lines, one.data.split(b"\n")[1:-1], strict=True):
                name = RowName(one.feed, json.loads(line)["seq"])
                assert (line != stood) == (name in rows) == (shown_read(was, name) in reads)


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
    first = [row for row in rows if "again" not in row]
    twice = [key for key, count in Counter(key_of(row["read"]) for row in first).items() if count > 1]
    assert not twice, "a read stands in a feed twice"
    return first


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
    for name in names(world):
        for batch in batches_of(world, name):
            second = seconds[batch.header["promise"]["second"]]
            entry = world.projections.entries[second.entry]
            check_kept(batch.header, prove(second, release_fact(batch.header)), entry)


def prove(second: SecondClosed, fact: bytes) -> FactAnswer:
    """Return the proof of a fact in its second."""
    return prove_fact(second, SecondTree(second.facts, second.seed), leaf_hash(fact))


def check_released(transactions: list[Transaction]) -> None:
    """A decision tells how many rows of its releases came again: the overseer counts so."""
    for transaction in transactions:
        facts = [json.loads(fact) for fact in transaction.facts]
        decided = [fact for fact in facts if fact["kind"] == "decision"]
        again = {batch.feed: batch.again for batch in transaction.batches}
        for release in (fact for fact in facts if fact["kind"] == "release"):
            (decision,) = (one for one in decided if one["commit"] == release["commit"])
            refused = [one["rows"] for one in decision["refused"] if one["authority"] == release["authority"]]
            first = decision["reads"] - sum(refused)
            assert release["rows"] - first == again[release["authority"].partition("@")[0]]


def check_figures(world: World, transactions: list[Transaction]) -> None:
    """Periods join without gap or overlap, and each authority's cells add up to the reads decided in them."""
    closed = [transaction.figures for transaction in transactions if transaction.figures is not None]
    for before, after in pairwise(closed):
        assert after.from_us == before.until_us
    state = world.commits.committed
    assert [period.entry for period in state.periods] == [figures.entry for figures in closed]
    totals = state.totals
    for name in names(world):
        refused = sum(sum(reasons.values()) for ref, reasons in totals.refused.items() if ref[:-2] == name)
        released = totals.released.get(name, 0)
        assert released == len(delivered(world, name)) == state.feeds[name].rows - totals.again.get(name, 0)
        assert released + refused == totals.decided
    hits = totals.hits.get(WANTED, {})
    # A read that was not released may be a hit when its image comes (docs/spec/feeds.md, `again`).
    first, again = totals.released.get(WANTED, 0), totals.again.get(WANTED, 0)
    assert first <= hits.get("exact", 0) + hits.get("possible", 0) <= first + again
    assert totals.hits.keys() <= {WANTED}


# --- hotlists and hits --------------------------------------------------------------------------------------


def entries_after(world: World, change: HotlistChanged, before: dict[str, Entry]) -> dict[str, Entry]:
    """Return a list after a change of it, read from the vault and put together entry by entry."""
    data = (world.folder / "vault" / change.blob).read_bytes()
    if change.whole:
        return {entry.plate: entry for entry in load_entries(data)}
    after = dict(before)
    for item in load_changes(data):
        after.pop(item.plate, None)
        if item.entry is not None:
            after[item.plate] = item.entry
    return after


def check_lists(world: World) -> None:
    """The list that the gate asks is the one that the commits name, however often the gateway was killed."""
    for state in (world.commits.committed, world.commits.staged):
        for name in (WANTED, ALL_BUT):
            known = state.hotlists.get(name)
            assert len(world.lists.at(name, state)) == (0 if known is None else known.entries)


def check_matching(world: World, transactions: list[Transaction]) -> None:
    """Of what left in bulk under the same scope, match let go what was listed then, and nothing else."""
    expected: list[tuple[Key, str, bool]] = []
    listed: dict[str, Entry] = {}
    bulk = {batch.header["commit"]: batch for batch in batches_of(world, OWN)}
    for number, transaction in enumerate(transactions, 1):
        if transaction.hotlist is not None and transaction.hotlist.authority == WANTED:
            listed = entries_after(world, transaction.hotlist, listed)
            assert len(listed) == transaction.hotlist.entries
        for line in bulk[number].lines if number in bulk else ():
            read = json.loads(line)["read"]
            captured_us = parse_rfc3339(read["captured_at"])
            found = best(list(listed.values()), read["plate"], captured_us, transaction.at_us)
            if found is not None:
                expected.append((key_of(read), *found))
    rows = delivered(world, WANTED)
    found = [(key_of(row["read"]), row["hit"]["voi"], row["hit"]["quality"] == "exact") for row in rows]
    assert found == expected
    assert {
        entry.plate: entry for entry in world.lists.at(WANTED, world.commits.committed).entries()
    } == listed


def check_withholding(world: World, transactions: list[Transaction]) -> None:
    """Of what left in bulk under the same scope, what was on no list left while all were fit, and nothing else."""
    listed: dict[str, Entry] = {}
    stood: dict[str, tuple[int, int]] = {}
    expected: list[Key] = []
    stayed = 0
    bulk = {batch.header["commit"]: batch for batch in batches_of(world, OWN)}
    for number, transaction in enumerate(transactions, 1):
        change = transaction.hotlist
        if change is not None and change.authority == ALL_BUT:
            listed = entries_after(world, change, listed)
            stood = {name: _stands(name, listed, stood, change) for name in ("exempt", "paid")}
        fit = all(_is_fit(name, listed, stood, transaction.at_us) for name in ("exempt", "paid"))
        for line in bulk[number].lines if number in bulk and fit else ():
            read = json.loads(line)["read"]
            if stays(
                list(listed.values()), read["plate"], parse_rfc3339(read["captured_at"]), transaction.at_us
            ):
                stayed += 1
            else:
                expected.append(key_of(read))
    if ALL_BUT in names(world):
        assert [key_of(row["read"]) for row in delivered(world, ALL_BUT)] == expected
        refused = world.commits.committed.totals.refused.get(f"{ALL_BUT}@1", {})
        assert refused.get("listed", 0) == stayed
        assert not any(hit.authority == ALL_BUT for one in transactions for hit in one.hits)


def _stands(
    name: str, listed: dict[str, Entry], stood: dict[str, tuple[int, int]], change: HotlistChanged
) -> tuple[int, int]:
    """Return the number against which a list is held after a change, and when its unit last put it."""
    many = sum(entry.kind == name for entry in listed.values())
    against, said = stood.get(name, (0, 0))[0], change.lists[name]
    if 2 * many >= against:
        against = many if change.whole else max(many, against)
    assert (said.entries, said.against) == (many, against)
    return against, said.confirmed_us


def _is_fit(name: str, listed: dict[str, Entry], stood: dict[str, tuple[int, int]], at_us: int) -> bool:
    counting = sum(entry.kind == name and at_us < entry.until_us for entry in listed.values())
    against, put_us = stood.get(name, (0, 0))
    return counting >= 1 and 2 * counting >= against and put_us > 0 and at_us < put_us + STALE_US


def check_hits(world: World, transactions: list[Transaction]) -> None:
    """Each row of the feed is a hit, each hit is raised once and shown, and ends at most once."""
    hits: dict[str, Hit] = {}
    for transaction in transactions:
        for item in transaction.hits:
            assert item.id not in hits, "a hit was raised twice"
            hits[item.id] = raised(item)
        for imaged in transaction.imaged:
            hits[imaged.hit] = hits[imaged.hit].__class__(
                **{name: getattr(hits[imaged.hit], name) for name in Hit.__struct_fields__}
                | {"patch": imaged.patch or hits[imaged.hit].patch}
            )
        for outcome in transaction.outcomes:
            before = hits[outcome.hit]
            assert before.status in {"open", "confirmed"}, "an outcome of a hit that has ended"
            assert outcome.outcome != "acted" or before.status == "confirmed"
            assert (
                outcome.outcome != "confirmed"
                or before.quality == "exact"
                or before.patch
                or _seen_again(hits, before)
            )
            hits[outcome.hit] = with_outcome(before, outcome)
    # A hit stands first in a row of its own, or, where the read was not released before, in one with its image.
    first: dict[str, Any] = {}
    for batch in batches_of(world, WANTED):
        for row in map(json.loads, batch.lines):
            first.setdefault(row["hit"]["id"], row)
    rows = list(first.values())
    assert {row["seq"] for row in delivered(world, WANTED)} <= {row["seq"] for row in rows}
    assert [row["ref"] for row in rows] == [row["hit"]["id"] for row in rows] == list(hits)
    assert [row["seq"] for row in rows] == [hit.seq for hit in hits.values()]
    assert {hit_id: world.hits.get(hit_id) for hit_id in hits} == hits
    waiting = {hit_id for hit_id, hit in hits.items() if hit.status in {"open", "confirmed"}}
    assert {hit.id for hit in world.hits.queue(WANTED)} == waiting == world.commits.committed.open_hits.keys()
    assert {hit.id for hit in world.known_hits()} == hits.keys()
    later = [
        json.loads(line)
        for batch in batches_of(world, WANTED)
        for line in batch.lines
        if b'"again":true' in line
    ]
    for row in later:
        assert hits[row["ref"]].patch == row["read"]["patch_image"]["ref"]


def _seen_again(hits: dict[str, Hit], hit: Hit) -> bool:
    return sum(other.voi == hit.voi for other in hits.values()) > 1


def check_requests(world: World, transactions: list[Transaction]) -> None:
    """What the unit was told was done is there; what was never answered may be, whole."""
    outcomes = Counter((o.hit, o.outcome) for t in transactions for o in t.outcomes)
    changes = [t.hotlist for t in transactions if t.hotlist is not None and t.hotlist.authority == WANTED]
    assert [change.revision for change in changes] == list(range(1, len(changes) + 1))
    told = Counter(request.said[1:] for request in world.told if _done(request, "outcome"))
    assert told <= outcomes
    revisions = [request.result.revision for request in world.told if _done(request, "list")]
    assert len(set(revisions)) == len(revisions)
    assert all(revision <= len(changes) for revision in revisions)


def check_nothing_invented(world: World) -> None:
    """No outcome is recorded that nobody asked for."""
    transactions = [decode(data) for data in world.commits_stream.messages]
    outcomes = Counter((o.hit, o.outcome) for t in transactions for o in t.outcomes)
    assert outcomes <= Counter(request.said[1:] for request in world.told if request.said[0] == "outcome")


def _done(request: Request, kind: str) -> bool:
    return bool(request.said[0] == kind and request.error is None)
