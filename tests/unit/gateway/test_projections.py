"""From commits to what is seen, over a real server and a real log: replayed from anywhere, nothing comes twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.batches import plain_batch
from tests.keys import hit_queue, seeded
from tests.vectors import make_documents
from wicketgate.alerts.outbox import Outbox
from wicketgate.base.clock import HOUR_US
from wicketgate.base.errors import InputError, LedgerError
from wicketgate.base.hour_keys import HourKeys, KeyRing
from wicketgate.base.signing import dump_envelope
from wicketgate.base.streams.link import Link
from wicketgate.commits.rewritten import COMMITS
from wicketgate.commits.state import State
from wicketgate.commits.stored import KINDS, encode
from wicketgate.commits.transactions import (
    DocumentTaken,
    FeedBatch,
    HitImaged,
    HitRaised,
    Outcome,
    QuarantinedRead,
    Transaction,
)
from wicketgate.feeds.index import FeedIndex
from wicketgate.gateway import projections
from wicketgate.gateway.deployment import note_signer
from wicketgate.gateway.filing.purges import DuePurge
from wicketgate.gateway.projections import Projections
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.ledger.facts import SecondTree, check_fact, fact, second_entry
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.proofs import Proofs
from wicketgate.ledger.second import SecondClosed
from wicketgate.ledger.writer import Ledger
from wicketgate.regime.documents.document import sign_document
from wicketgate.regime.parsed import Parsed

DAY_US = 86_400_000_000
SECOND_US = 1_000_000
ORIGIN = "example.org/log"
PROJECTED = ("a", "b", "log", "openings", "hits", "waiting", "quarantine")


def release(number: int) -> bytes:
    return fact("release", {"batch": number}, number.to_bytes(16, "big"))


def hit(number: int) -> HitRaised:
    return HitRaised(
        id=f"h{number}",
        authority="a",
        version=1,
        seq=number,
        voi=f"v{number % 3}",
        kind="murder",
        priority=2,
        quality="exact",
        raised_us=number,
        due_us=number + SECOND_US,
        place="tfl/c0",
        taken_us=number,
        listed="KLM3",
    )


def about_hits(step: int) -> dict[str, Any]:
    """Return what a step of the history says of hits: one is raised, the last has an image or an outcome."""
    if step % 4 == 0:
        return {"hits": (hit(step),)}
    if step % 4 == 1 and step > 1:
        return {"imaged": (HitImaged(hit=f"h{step - 1}", patch="p", overview=None),)}
    if step % 8 == 2 and step > 2:
        ended = Outcome(hit=f"h{step - 2}", outcome="misread", reason="", by="officer", at_us=step)
        return {"outcomes": (ended,)}
    return {}


def history(count: int) -> list[Transaction]:
    """Return transactions as a gateway commits them: releases to two feeds, hits, quarantined reads, seconds."""
    made: list[Transaction] = [Transaction(at_us=0, first_entry=0, entries=(b"charter", b"init"))]
    entries, batches, quarantined, number = 2, {"a": 0, "b": 0}, 0, 0
    kept = 0
    facts: list[bytes] = []
    while len(made) < count:
        step = len(made)
        if step % 4 == 3:
            number += 1
            second_us = number * SECOND_US
            tree = SecondTree(tuple(facts), b"s" * 32)
            closed = SecondClosed(
                number=number,
                second_us=second_us,
                entry=entries,
                facts=tuple(facts),
                seed=b"s" * 32,
                sealed=b"sealed %d" % number,
            )
            entry = second_entry(second_us, tree.root)
            made.append(Transaction(at_us=step, first_entry=entries, entries=(entry,), second=closed))
            entries, facts = entries + 1, []
            continue
        names = ["a", "b"] if step % 3 == 0 else ["a"]
        out = []
        for name in names:
            batches[name] += 1
            out.append(plain_batch(name, batches[name]))
        bad = tuple(
            QuarantinedRead(source=source, camera="", code="too-old", detail="", at_us=n, read=b"{}")
            for source in ("tfl", "city.of")
            for n in range(step % 3)
        )
        in_batches = bool(bad) and step > 20  # what went before, version 0.3 committed
        made.append(
            Transaction(
                at_us=step,
                batches=tuple(out),
                quarantine_from=quarantined + 1,
                quarantined=bad,
                quarantine_batch=kept + 1 if in_batches else 0,
                facts=(release(step),),
                **about_hits(step),
            )
        )
        quarantined += len(bad)
        kept += 2 * in_batches
        facts.append(release(step))
    return made


class Bench:
    """Projections over one server and one folder, in several lives."""

    def __init__(self, link: Link, folder: Path) -> None:
        self.link = link
        self.folder = folder
        self.signer = note_signer(seeded(b"l" * 32), ORIGIN)
        Ledger.create(folder / "log", self.signer, ORIGIN).close()
        self.failures: list[BaseException] = []
        self.due: list[DuePurge] = []
        self.right: asyncio.Event | None = None
        self.keys = KeyRing(folder / "content-keys", KINDS)
        self.projections: Projections
        self.ledger: Ledger
        self.proofs: Proofs
        self.hits: HitQueue
        self.index: FeedIndex
        self.outbox: Outbox

    async def open(self) -> Projections:
        """Begin a life."""
        self.ledger = Ledger.open(self.folder / "log", self.signer)
        self.proofs = Proofs(self.folder / "proofs")
        self.hits = hit_queue(self.folder / "hits")
        self.index = FeedIndex(self.folder / "feeds")
        self.outbox = Outbox(self.folder / "alerts")
        await self.link.ensure_stream(COMMITS)
        self.projections = Projections(
            self.link,
            self.ledger,
            self.proofs,
            self.hits,
            self.index,
            self.keys,
            HourKeys(self.folder / "hour-keys"),
            Parsed(),
            outbox=self.outbox,
            feed_bytes=10**9,
            on_failure=self.failures.append,
            right=self.right,
        )
        self.projections.ending.tell = self.tell
        await self.projections.open(State())
        return self.projections

    async def tell(self, due: Sequence[DuePurge]) -> None:
        """Note what is about to end by its term."""
        self.due += [one for one in due if one.number]

    async def close(self) -> None:
        """End it."""
        await self.projections.close()
        self.proofs.close()
        self.hits.close()
        self.index.close()
        self.outbox.close()
        self.ledger.close()

    def take(self, sequence: int, transaction: Transaction) -> None:
        """Hand over a transaction as the gateway does once it is durable."""
        self.projections.take(sequence, transaction, encode(transaction, self.keys).places)

    async def store(self, sequence: int, transaction: Transaction) -> None:
        """Let COMMITS hold a transaction, unless it does."""
        if (await self.link.info(COMMITS)).state.last_seq < sequence:
            await self.link.jetstream.publish(COMMITS, encode(transaction, self.keys).data)

    async def content(self) -> dict[str, list[Any]]:
        """Return everything that is projected."""
        found: dict[str, list[Any]] = {}
        found["hits"] = [(shown.id, shown.patch, shown.status) for shown in self.hits.recent("a", 1000)]
        found["waiting"] = [shown.id for shown in self.hits.queue("a")]
        openings = self.projections.openings
        found["openings"] = [await openings.get(n) for n in range(1, openings.last + 1)]
        found["quarantine"] = []
        for source in ("tfl", "city.of"):
            after: int | None = 0
            while after is not None:
                some, after = await self.projections.quarantine.of_source(source, after, 7)
                found["quarantine"] += [(number, source) for number, read in some if read.source == source]
        found["quarantine"].sort()
        for name in ("a", "b"):
            feed = await self.projections.open_feed(name)
            found[name] = list(await feed.batches(0, 10_000, 10**9))
        found["log"] = [self.ledger.entry(n) for n in range(self.ledger.size)]
        return found


def expected(transactions: list[Transaction]) -> dict[str, list[Any]]:
    """Return what must be projected, sorted out by hand."""
    feeds = {name: [b.data for t in transactions for b in t.batches if b.feed == name] for name in "ab"}
    log = [entry for t in transactions for entry in t.entries]
    openings = [t.second.sealed for t in transactions if t.second is not None]
    raised = [item.id for t in transactions for item in t.hits]
    imaged = {item.hit: item.patch for t in transactions for item in t.imaged}
    ended = {item.hit for t in transactions for item in t.outcomes}
    hits = [(name, imaged.get(name), "ended" if name in ended else "open") for name in reversed(raised)]
    waiting = [name for name in raised if name not in ended]
    bad = [read.source for t in transactions for read in t.quarantined]
    quarantine = list(enumerate(bad, 1))
    return {
        **feeds,
        "log": log,
        "openings": openings,
        "hits": hits,
        "waiting": waiting,
        "quarantine": quarantine,
    }


@pytest.fixture
async def bench(link: Link, tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(link, tmp_path)
    await made.open()
    yield made
    await made.close()


async def take_all(bench: Bench, transactions: list[Transaction], after: int = 0) -> None:
    for sequence, transaction in enumerate(transactions, 1):
        if sequence > after:
            await bench.store(sequence, transaction)
            await bench.projections.take_replayed(
                sequence, transaction, encode(transaction, bench.keys).places
            )
    await asyncio.wait_for(bench.projections.settle(), 20)


async def test_everything_goes_where_it_belongs(bench: Bench) -> None:
    transactions = history(40)
    await take_all(bench, transactions)
    assert not bench.failures
    found = await bench.content()
    assert {name: found[name] for name in PROJECTED} == expected(transactions)
    assert bench.projections.position == 40
    for transaction in transactions:
        for item in transaction.second.facts if transaction.second else ():
            answer = bench.proofs.answer(leaf_hash(item))
            assert answer is not None
            check_fact(answer, leaf_hash(item), bench.ledger.entry(answer.entry))


@pytest.mark.parametrize("seen", [0, 7, 40])
@pytest.mark.parametrize("again_from", [0, 5])
async def test_a_replay_from_any_earlier_point_adds_nothing_twice(
    bench: Bench, seen: int, again_from: int
) -> None:
    transactions = history(40)
    await take_all(bench, transactions[:seen])
    await bench.close()
    await bench.open()
    await take_all(bench, transactions, after=min(again_from, seen))
    assert not bench.failures
    found = await bench.content()
    assert {name: found[name] for name in PROJECTED} == expected(transactions)


async def test_a_replay_after_each_projection_got_to_another_point(bench: Bench) -> None:
    """A kill leaves every projection where it was."""
    transactions = history(40)
    for sequence, transaction in enumerate(transactions, 1):
        for batch in transaction.batches:
            await bench.projections.open_feed(batch.feed)
        bench.take(sequence, transaction)
        if sequence % 7 == 0:
            await asyncio.sleep(0.001)
    await bench.close()
    await bench.open()
    await take_all(bench, transactions)
    found = await bench.content()
    assert {name: found[name] for name in PROJECTED} == expected(transactions)


@pytest.mark.parametrize("led", [0, 17, 40])
async def test_one_that_waits_writes_nothing_and_signs_nothing_until_it_leads(
    bench: Bench, tmp_path: Path, led: int
) -> None:
    """Of 40 transactions another gateway has projected `led` when it ends; this one has followed them all."""
    transactions = history(40)
    (tmp_path / "waiting").mkdir()
    waiting = Bench(bench.link, tmp_path / "waiting")
    waiting.keys = bench.keys
    waiting.right = asyncio.Event()
    await waiting.open()
    await take_all(bench, transactions[:led])
    waiting.projections.heard = bench.ledger.checkpoint
    ends = {name: (await bench.link.info(name)).state.last_seq for name in ("OPENINGS", "QUARANTINED")}
    for sequence, transaction in enumerate(transactions, 1):
        await waiting.store(sequence, transaction)
        for batch in transaction.batches:
            await waiting.projections.open_feed(batch.feed)
        waiting.take(sequence, transaction)
    await asyncio.sleep(1)
    assert waiting.ledger.size <= bench.ledger.size, "signed by the one that leads alone"
    for name, end in ends.items():
        assert (await bench.link.info(name)).state.last_seq == end
    await bench.close()
    waiting.right.set()
    await asyncio.wait_for(waiting.projections.settle(), 20)
    assert not waiting.failures
    found = await waiting.content()
    assert {name: found[name] for name in PROJECTED} == expected(transactions)
    await waiting.close()
    await bench.open()


async def test_an_entry_that_does_not_follow_stops_the_gateway(bench: Bench) -> None:
    bench.take(1, Transaction(at_us=0, first_entry=3, entries=(b"x",)))
    await until(lambda: bench.failures)
    assert isinstance(bench.failures[0], LedgerError)
    assert bench.ledger.size == 0
    assert bench.projections.position == 0


async def test_an_entry_that_differs_from_the_log_stops_the_gateway(bench: Bench) -> None:
    bench.take(1, Transaction(at_us=0, first_entry=0, entries=(b"one",)))
    await bench.projections.settle()
    bench.take(2, Transaction(at_us=0, first_entry=0, entries=(b"another",)))
    await until(lambda: bench.failures)
    assert isinstance(bench.failures[0], LedgerError)
    assert bench.ledger.entry(0) == b"one"


async def test_a_batch_that_does_not_follow_stops_the_gateway(bench: Bench) -> None:
    await bench.projections.open_feed("a")
    batch = FeedBatch(feed="a", number=2, rows=1, data=b"x")
    with pytest.raises(InputError, match="does not follow"):
        bench.take(1, Transaction(at_us=0, batches=(batch,)))


async def until(condition: Any) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not come about")


async def test_two_that_ask_at_once_get_one_feed(bench: Bench) -> None:
    first, second = await asyncio.gather(bench.projections.open_feed("a"), bench.projections.open_feed("a"))
    assert first is second


async def test_the_log_is_not_closed_while_it_is_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that writes it cannot be stopped with its task."""
    begun, ended = threading.Event(), threading.Event()
    append = bench.ledger.append

    def slow(entries: Any) -> None:
        begun.set()
        ended.wait(0.3)
        append(entries)
        ended.set()

    monkeypatch.setattr(bench.ledger, "append", slow)
    bench.take(1, Transaction(at_us=0, first_entry=0, entries=(b"one",)))
    await until(begun.is_set)
    await bench.projections.close()
    assert ended.is_set()
    assert bench.ledger.size == 1


async def test_batches_are_read_before_the_index_has_them_and_many_are_written_to_it_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projections, "_INDEX_EVERY_S", 60.0)
    feed, written = await bench.projections.open_feed("a"), []
    write = bench.index.write
    monkeypatch.setattr(bench.index, "write", lambda taken: (written.append(len(taken)), write(taken)))
    transactions = [Transaction(at_us=n, batches=(plain_batch("a", n),)) for n in range(1, 6)]
    for number, transaction in enumerate(transactions, 1):
        await bench.store(number, transaction)
        bench.take(number, transaction)
        await until(lambda: written == [1])  # the first at once, and the others once somebody waits for them
    assert bench.projections.position == 1
    assert list(await feed.batches(0, 9, 10**9)) == [t.batches[0].data for t in transactions]
    await asyncio.wait_for(bench.projections.settle(), 20)
    assert written == [1, 4]
    assert bench.projections.position == 5
    assert bench.index.held("a").last == 5


async def test_full_feeds_are_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        await bench.projections.open_feed(name)
    assert bench.projections.full_feeds() == frozenset()
    monkeypatch.setattr(bench.projections.feeds["b"], "_through", 10**9)
    assert bench.projections.full_feeds() == {"b"}


async def test_closing_at_once_leaves_nothing_behind(link: Link, tmp_path: Path) -> None:
    made = Bench(link, tmp_path)
    await made.open()
    await made.close()


async def test_proofs_are_forgotten_with_the_term_of_their_feeds(bench: Bench) -> None:
    days = [1, 2, 40]
    for number, day in enumerate(days):
        closed = SecondClosed(
            number=number + 1,
            second_us=day * DAY_US,
            entry=number,
            facts=(release(day),),
            seed=b"s",
            sealed=b"",
        )
        transaction = Transaction(at_us=0, first_entry=number, entries=(b"x%d" % day,), second=closed)
        bench.take(number + 1, transaction)
        await bench.projections.settle()
    known = [bench.proofs.answer(leaf_hash(release(day))) is not None for day in days]
    assert known == [False, False, True]


async def test_hits_are_shown_once_they_are_durable(bench: Bench) -> None:
    queue, changes = bench.hits, bench.hits.changes
    bench.take(1, Transaction(at_us=0, hits=(hit(1), hit(2))))
    await asyncio.wait_for(queue.wait(changes, 20), 20)
    assert [shown.id for shown in queue.queue("a")] == ["h1", "h2"]
    await bench.projections.settle()
    assert (queue.position, bench.projections.position) == (1, 1)
    before = queue.changes
    bench.take(2, Transaction(at_us=0))  # says nothing of hits: nobody is woken
    await bench.projections.settle()
    assert (queue.position, queue.changes, bench.projections.position) == (1, before, 2)


async def test_the_queue_of_hits_is_not_closed_while_it_is_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = threading.Event(), threading.Event()
    write = bench.hits.write

    def slow(taken: Any) -> Any:
        begun.set()
        ended.wait(0.3)
        written = write(taken)
        ended.set()
        return written

    monkeypatch.setattr(bench.hits, "write", slow)
    bench.take(1, Transaction(at_us=0, hits=(hit(1),)))
    await until(begun.is_set)
    await bench.projections.close()
    assert ended.is_set()
    assert bench.hits.get("h1") is not None


# --- a charter's terms ------------------------------------------------------------------------------------


def charter_taken(at_us: int, **limits: str) -> Transaction:
    """A transaction that takes the example charter with other limits; who signed it was looked at before."""
    document = make_documents.example("charter")
    document["limits"] |= limits
    envelope = dump_envelope(sign_document(document, make_documents.keys_of(make_documents.ROOTS)))
    return Transaction(at_us=at_us, document=DocumentTaken(envelope=envelope, entry=0))


async def test_what_is_past_a_shorter_term_goes_at_once_and_by_own_time(bench: Bench) -> None:
    transactions = [msgspec.structs.replace(t, at_us=t.at_us * HOUR_US) for t in history(40)]
    await take_all(bench, transactions)
    ended_us = 21 * HOUR_US
    charter = charter_taken(41 * HOUR_US, feed_term="PT20H", too_old="PT20H")
    bench.take(41, charter)
    await asyncio.wait_for(bench.projections.settle(), 20)
    feed, openings = bench.projections.feeds["a"], bench.projections.openings
    kept = [b.data for t in transactions for b in t.batches if b.feed == "a" and t.at_us >= ended_us]
    assert list(await feed.batches(feed.first - 1, 1000, 10**9)) == kept
    assert await feed.is_past_term(0)
    sealed = [t.second.sealed for t in transactions if t.second is not None and t.at_us >= ended_us]
    assert [got for n in range(1, openings.last + 1) if (got := await openings.get(n))] == sealed
    bad = sum(len(t.quarantined) for t in transactions if t.at_us >= ended_us)
    found = [await bench.projections.quarantine.of_source(source, 0, 1000) for source in ("tfl", "city.of")]
    assert sum(len(reads) for reads, _ in found) == bad
    # Each was told before it went: how many, and of which time.
    gone = [t for t in transactions if t.at_us < ended_us]
    feeds = {name: [t.at_us for t in gone for b in t.batches if b.feed == name] for name in ("a", "b")}
    assert {one.whose: one for one in bench.due if one.of == "rows"} == {
        name: DuePurge("rows", name, times[0], ended_us, len(times)) for name, times in feeds.items()
    }
    told = {one.of: one.number for one in bench.due if one.of != "rows"}
    assert told == {
        "openings": sum(t.second is not None for t in gone),
        "quarantine": sum(len(t.quarantined) for t in gone),
    }
    # Hours later by the machine's clock nothing more has gone: no transaction says so.
    await bench.projections.end_terms()
    assert list(await feed.batches(feed.first - 1, 1000, 10**9)) == kept
    assert not bench.failures
