"""The one place that appends: nothing is shown before it is durable, and seconds and periods have no holes."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest

from tests.keys import IN_THE_OPEN, decode, encode
from tests.simulator import (
    CAMERAS,
    OWN_SIGNERS,
    START_US,
    HandClock,
    MemoryStream,
    MemoryWriter,
    document_transaction,
    envelope,
    founding,
    founding_transaction,
)
from wicketgate.base.clock import HOUR_US, SECOND_US, rfc3339
from wicketgate.base.errors import ConfigurationError, DocumentRefused, FencedError, StreamError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.commits import writer as module
from wicketgate.commits.figures import Counts
from wicketgate.commits.replay import replay
from wicketgate.commits.rewritten import COMMITS, REWRITTEN, StoredTransactions, subject_of
from wicketgate.commits.state import State, dump_state
from wicketgate.commits.transactions import (
    CamerasRegistered,
    FeedBatch,
    IntakeCounts,
    Refused,
    TokenIssued,
    Transaction,
)
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.facts import token_fact
from wicketgate.regime.parsed import Parsed


class Office:
    """Commits over a stream in memory."""

    def __init__(self, *, stream: MemoryStream | None = None, at_us: int = START_US) -> None:
        self.clock = HandClock(at_us)
        self.stream = stream or MemoryStream()
        self.revealed: list[tuple[int, Transaction]] = []
        self.failures: list[BaseException] = []
        self.sealed: list[bytes] = []
        state = State()
        for number, data in enumerate(self.stream.messages, 1):
            state.apply(decode(data), number)
        self.writer = MemoryWriter(self.stream)
        self.commits = Commits(
            self.writer,  # type: ignore[arg-type]
            self.clock,
            state,
            Parsed(),
            instance=f"life-{len(self.stream.messages)}",
            seal=self._seal,
            keys=IN_THE_OPEN,
            reveal=self._reveal,
            on_failure=self.failures.append,
        )

    def _seal(self, openings: bytes) -> bytes:
        self.sealed.append(openings)
        return b"sealed"

    def _reveal(self, sequence: int, transaction: Transaction, places: object) -> None:
        self.revealed.append((sequence, transaction))

    def found(self) -> None:
        """Commit the charter."""
        self.commits.commit(lambda state, at_us, sequence: founding_transaction(founding(), at_us))

    async def settle(self) -> None:
        """Store and acknowledge everything."""
        self.writer.store(9999)
        self.writer.acknowledge(9999)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    @property
    def transactions(self) -> list[Transaction]:
        """What is stored."""
        return [decode(data) for data in self.stream.messages]


def token(name: str) -> Any:
    """Return how to build a small transaction."""
    return lambda state, at_us, sequence: Transaction(
        at_us=at_us, token=TokenIssued(name=name, sha256=name), facts=(token_fact(name, name, sequence),)
    )


async def office(at_us: int = START_US) -> Office:
    """Return an office with a charter."""
    made = Office(at_us=at_us)
    made.found()
    await made.settle()
    return made


async def test_nothing_staged_is_shown_before_it_is_durable() -> None:
    desk = await office()
    waiter = desk.commits.commit(token("a"))
    assert desk.commits.staged.tokens == {"a": "a"}
    for step in (lambda: None, lambda: desk.writer.store(1)):
        step()
        await asyncio.sleep(0)
        assert desk.commits.committed.tokens == {}
        assert not waiter.done()
        assert len(desk.revealed) == 1
    desk.writer.acknowledge(1)
    sequence, transaction = await waiter
    assert (sequence, transaction.token) == (2, TokenIssued(name="a", sha256="a"))
    assert desk.commits.committed.tokens == {"a": "a"}
    assert desk.revealed[-1] == (2, transaction)


async def test_transactions_are_built_on_those_that_are_under_way() -> None:
    desk = await office()
    seen: list[tuple[int, int]] = []

    def build(state: State, at_us: int, sequence: int) -> Transaction:
        seen.append((len(state.tokens), sequence))
        return token(str(sequence))(state, at_us, sequence)  # type: ignore[no-any-return]

    waiters = [desk.commits.commit(build) for _ in range(4)]
    assert seen == [(0, 2), (1, 3), (2, 4), (3, 5)]
    assert desk.commits.under_way == 4
    await desk.settle()
    assert [(await waiter)[0] for waiter in waiters] == [2, 3, 4, 5]
    assert [sequence for sequence, _ in desk.revealed] == [1, 2, 3, 4, 5]


async def test_what_cannot_be_built_changes_nothing() -> None:
    desk = await office()
    before = dump_state(desk.commits.staged)

    def refuse(state: State, at_us: int, sequence: int) -> Transaction:
        raise DocumentRefused("no", code="not-entitled")

    with pytest.raises(DocumentRefused):
        desk.commits.commit(refuse)
    assert dump_state(desk.commits.staged) == before
    assert desk.writer.under_way == 0


async def test_what_becomes_durable_without_the_lease_is_told_once_it_is_renewed() -> None:
    desk = await office()
    held = False
    desk.commits.leads = lambda: held
    first, second = desk.commits.commit(token("a")), desk.commits.commit(token("b"))
    await desk.settle()
    assert (first.done(), second.done()) == (False, False)
    assert desk.commits.committed.tokens == {}
    held = True
    desk.commits.go_on()
    assert [(await waiter)[0] for waiter in (first, second)] == [2, 3]
    assert [sequence for sequence, _ in desk.revealed] == [1, 2, 3]


async def test_what_becomes_durable_is_told_nobody_once_another_leads() -> None:
    desk = await office()
    desk.commits.leads = lambda: False
    stored, late = desk.commits.commit(token("a")), desk.commits.commit(token("b"))
    desk.writer.store(1)
    desk.writer.acknowledge(1)
    await asyncio.sleep(0)
    desk.commits.give_up(FencedError("another leads"))
    await desk.settle()
    for waiter in (stored, late):
        with pytest.raises(StreamError):
            await waiter
    assert [type(error) for error in desk.failures] == [FencedError]
    assert len(desk.revealed) == 1
    with pytest.raises(StreamError):
        desk.commits.commit(token("c"))


async def test_a_failed_append_stops_everything() -> None:
    desk = await office()
    first, second = desk.commits.commit(token("a")), desk.commits.commit(token("b"))
    desk.writer.refuse()
    with pytest.raises(StreamError):  # before the news has arrived, and after
        desk.commits.commit(token("c"))
    await asyncio.sleep(0)
    for waiter in (first, second):
        with pytest.raises(StreamError):
            await waiter
    assert desk.failures
    for act in (lambda: desk.commits.commit(token("d")), desk.commits.tick, lambda: desk.commits.start({})):
        desk.clock.at_us += SECOND_US
        with pytest.raises(StreamError):
            act()
    await desk.settle()
    assert len(desk.stream.messages) == len(desk.revealed) == 1
    assert desk.commits.committed.tokens == {}


async def test_what_cannot_be_shown_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = await office()

    def broken(sequence: int, transaction: Transaction, places: object) -> None:
        raise KeyError("a feed that is not open")

    monkeypatch.setattr(desk.commits, "_reveal", broken)
    waiter, behind = desk.commits.commit(token("a")), desk.commits.commit(token("b"))
    await desk.settle()
    assert isinstance(desk.failures[0], KeyError)
    for failed in (waiter, behind):
        with pytest.raises((KeyError, StreamError)):
            await failed
    with pytest.raises(StreamError):
        desk.commits.commit(token("c"))


async def test_a_transaction_that_is_too_large_changes_nothing() -> None:
    desk = await office()
    large = Transaction(at_us=START_US, entries=(), facts=(), token=TokenIssued(name="x" * 2**23, sha256="y"))
    with pytest.raises(StreamError) as caught:
        desk.commits.commit(lambda state, at_us, sequence: large)
    assert caught.value.code == "too-large"
    assert desk.commits.staged.tokens == {}
    desk.commits.commit(token("goes on"))
    await desk.settle()
    assert desk.commits.committed.tokens == {"goes on": "goes on"}


async def test_a_second_never_holds_more_facts_than_can_be_committed_when_it_is_closed() -> None:
    desk = await office()
    fact = b"f" * 1_000_000

    def heavy(state: State, at_us: int, sequence: int) -> Transaction:
        return Transaction(at_us=at_us, facts=(b'"' + fact + b'"',))

    for _ in range(3):
        desk.commits.commit(heavy)
    with pytest.raises(StreamError) as caught:
        desk.commits.commit(heavy)
    assert caught.value.code == "busy"
    desk.commits.commit(token("a small one still fits"))
    desk.clock.at_us += SECOND_US
    desk.commits.commit(heavy)
    await desk.settle()
    assert not desk.failures
    assert max(map(len, desk.stream.messages)) < module.MAX_PAYLOAD
    later = Office(stream=desk.stream, at_us=desk.clock.at_us)  # it is counted again after a start
    for _ in range(2):
        later.commits.commit(heavy)
    with pytest.raises(StreamError):
        later.commits.commit(heavy)


def seconds_of(desk: Office) -> list[int]:
    return [t.second.second_us for t in desk.transactions if t.second is not None]


async def test_every_second_is_closed_once_and_in_order() -> None:
    desk = await office(START_US + 300_000)
    desk.commits.start({})
    for step_us in (10, 699_989, 1, 1, 3_500_000, 0, 12_000_000):
        desk.clock.at_us += step_us
        desk.commits.tick()
        desk.commits.commit(token(str(step_us)))
    await desk.settle()
    count = (desk.clock.at_us - START_US) // SECOND_US
    assert seconds_of(desk) == [START_US + n * SECOND_US for n in range(count)]
    assert [t.second.number for t in desk.transactions if t.second] == list(range(1, count + 1))


async def test_a_fact_stands_in_the_second_of_its_transaction() -> None:
    desk = await office()
    expected: dict[bytes, int] = {}
    for step_us in (0, 999_999, 1, 1_000_000, 5, 2_000_001):
        desk.clock.at_us += step_us
        _, transaction = await settled(desk, desk.commits.commit(token(str(step_us))))
        expected[transaction.facts[0]] = transaction.at_us - transaction.at_us % SECOND_US
    desk.clock.at_us += SECOND_US
    desk.commits.tick()
    await desk.settle()
    found = {fact: t.second.second_us for t in desk.transactions if t.second for fact in t.second.facts}
    assert found == expected
    opened = [json.loads(item) for item in desk.sealed]
    assert [item["second"] for item in opened] == [rfc3339(at_us) for at_us in seconds_of(desk)]


async def settled(desk: Office, waiter: Any) -> tuple[int, Transaction]:
    await desk.settle()
    return await waiter  # type: ignore[no-any-return]


async def test_a_clock_that_goes_back_stops_time_and_nothing_else() -> None:
    desk = await office()
    desk.clock.at_us += 5 * SECOND_US
    _, before = await settled(desk, desk.commits.commit(token("a")))
    desk.clock.at_us -= 4 * SECOND_US
    desk.commits.tick()
    _, after = await settled(desk, desk.commits.commit(token("b")))
    assert after.at_us == before.at_us
    desk.clock.at_us += 5 * SECOND_US
    desk.commits.tick()
    await desk.settle()
    assert seconds_of(desk) == [START_US + n * SECOND_US for n in range(6)]


async def test_a_clock_that_leaps_ends_the_gateway_and_its_next_start_says_what_is_missing() -> None:
    desk = await office()
    desk.clock.at_us += HOUR_US + SECOND_US
    with pytest.raises(StreamError):
        desk.commits.tick()
    assert desk.failures
    await desk.settle()
    assert seconds_of(desk) == []
    later = Office(stream=desk.stream, at_us=desk.clock.at_us)
    later.commits.start({})
    await later.settle()
    body = json.loads(later.transactions[-1].entries[0] if later.transactions[-1].entries else b"{}")
    start = next(
        json.loads(entry)
        for t in later.transactions
        for entry in t.entries
        if b'"operation":"start"' in entry
    )
    assert body["kind"] in ("operation", "figures", "targeting")
    assert start["missing_from"] == rfc3339(START_US + SECOND_US)
    assert start["missing_until"] == rfc3339(desk.clock.at_us - desk.clock.at_us % SECOND_US)


@pytest.mark.parametrize("away_us", [0, 400_000, 999_999, 1_000_000, 1_000_001, 30_500_000])
async def test_a_start_closes_the_open_second_and_says_what_is_missing(away_us: int) -> None:
    desk = await office()
    fact = (await settled(desk, desk.commits.commit(token("left open"))))[1].facts[0]
    later = Office(stream=desk.stream, at_us=START_US + away_us)
    _, started = await settled(later, later.commits.start({"software": "x"}))
    body = json.loads(started.entries[0])
    now_second = START_US + away_us - away_us % SECOND_US
    assert body["at"] == rfc3339(START_US + away_us)
    assert body["software"] == "x"
    if away_us < SECOND_US:
        assert seconds_of(later) == []
        assert later.commits.staged.facts == [fact]
    else:
        assert seconds_of(later) == [START_US]
        assert fact in later.transactions[2].second.facts  # type: ignore[union-attr]
    if now_second > START_US + SECOND_US:
        assert body["missing_from"] == rfc3339(START_US + SECOND_US)
        assert body["missing_until"] == rfc3339(now_second)
    else:
        assert "missing_from" not in body
    assert later.commits.staged.second_us == now_second


async def test_starts_in_one_second_leave_no_hole() -> None:
    desk = await office()
    for _ in range(3):
        desk = Office(stream=desk.stream, at_us=START_US + 5)
        await settled(desk, desk.commits.start({}))
    desk.clock.at_us += SECOND_US
    desk.commits.tick()
    await desk.settle()
    assert seconds_of(desk) == [START_US]


def decided(reads: int, released: int, reason: str = "out-of-scope") -> Any:
    """Return how to build a decision."""

    def build(state: State, at_us: int, sequence: int) -> Transaction:
        number = state.feeds["tfl-charging"].batches + 1
        batch = FeedBatch(feed="tfl-charging", number=number, rows=released, data=b"x")
        refused = Refused(authority="tfl-charging@1", reason=reason, rows=reads - released)
        return Transaction(
            at_us=at_us,
            reads=reads,
            withheld=reads - released,
            intake=IntakeCounts(accepted={"tfl/c0": reads}, repeated={"tfl/c0": 1}),
            batches=(batch,) if released else (),
            refused=(refused,) if reads > released else (),
        )

    return build


async def test_periods_join_and_add_up_to_the_totals() -> None:
    desk = await office()
    desk.commits.commit(
        lambda state, at_us, sequence: document_transaction(
            envelope("authority-own-use", OWN_SIGNERS), state.entries, at_us
        )
    )
    desk.commits.commit(
        lambda state, at_us, sequence: Transaction(
            at_us=at_us, cameras=CamerasRegistered(source="tfl", cameras=CAMERAS)
        )
    )
    for step_us, reads in [
        (1, 30),
        (7_000_000, 40),
        (3_000_000, 50),
        (0, 20),
        (25_000_000, 60),
        (9_999_999, 70),
    ]:
        desk.clock.at_us += step_us
        desk.commits.tick()
        desk.commits.commit(decided(reads, reads // 2))
    desk.clock.at_us += 20_000_000
    desk.commits.tick()
    await desk.settle()
    state = desk.commits.committed
    closed = [t.figures for t in desk.transactions if t.figures is not None]
    assert closed[0].from_us == START_US
    assert all(after.from_us == before.until_us for before, after in pairwise(closed))
    assert all(figures.until_us % (10 * SECOND_US) == 0 for figures in closed)
    published = [period.figures for period in state.periods]
    assert sum(figures["taken"] or 0 for figures in published) == state.totals.taken == 270
    assert sum(figures["decided"] or 0 for figures in published) == state.totals.decided
    assert sum(figures["released"]["tfl-charging"] or 0 for figures in published) == 135
    told = [t.targeting for t in desk.transactions if t.targeting is not None]
    assert [(one.from_us, one.until_us) for one in told] == [(one.from_us, one.until_us) for one in closed]
    assert state.counts == Counts()


async def test_a_period_that_ended_while_the_gateway_was_away_holds_nothing_of_the_next() -> None:
    desk = await office()
    desk.commits.commit(
        lambda state, at_us, sequence: document_transaction(
            envelope("authority-own-use", OWN_SIGNERS), state.entries, at_us
        )
    )
    desk.commits.commit(decided(30, 30))
    await desk.settle()
    later = Office(stream=desk.stream, at_us=START_US + 25 * SECOND_US + 500_000)
    later.commits.start({})
    later.commits.commit(decided(40, 40))
    later.clock.at_us += 10 * SECOND_US
    later.commits.tick()
    await later.settle()
    taken = [(p.figures["until"][-3:], p.figures["taken"]) for p in later.commits.committed.periods]
    assert taken == [("20Z", 30), ("30Z", 40)]


async def test_a_kill_between_a_last_second_and_its_figures() -> None:
    desk = await office()
    desk.clock.at_us += 12 * SECOND_US
    desk.commits.tick()
    kept = next(n for n, t in enumerate(map(decode, queued(desk)), 2) if t.figures is not None)
    desk.writer.store(kept - 2)
    later = Office(stream=desk.stream, at_us=desk.clock.at_us)
    assert later.commits.committed.second_us == START_US + 10 * SECOND_US
    later.commits.start({})
    await later.settle()
    kinds = [kind_of(t) for t in later.transactions[kept - 1 :]]
    assert kinds[0] == "figures"


def queued(desk: Office) -> list[bytes]:
    return [data for data, _ in desk.writer.waiting]


def kind_of(transaction: Transaction) -> str:
    return str(json.loads(transaction.entries[0])["kind"]) if transaction.entries else ""


# --- replay over a real stream --------------------------------------------------------------------------------------


async def filled(link: Link, count: int) -> None:
    """Fill COMMITS."""
    await link.ensure_stream(COMMITS)
    writer = await StreamWriter(link, COMMITS, window=64).open()
    transactions = (
        Transaction(at_us=n, token=TokenIssued(name=f"t{n}", sha256=f"{n}")) for n in range(count)
    )
    await asyncio.gather(*(writer.submit(encode(t), f"m{t.at_us}") for t in transactions))
    await writer.close()


async def replayed(link: Link, state: State) -> list[int]:
    """Return the sequences that a replay handed over."""
    taken: list[int] = []

    async def take(sequence: int, transaction: Transaction, places: object) -> None:
        assert transaction.at_us == sequence - 1
        taken.append(sequence)

    stored = StoredTransactions(link, IN_THE_OPEN, lambda: state.erased)
    await stored.open()
    await replay(stored, state, Parsed(), take)
    return taken


async def test_a_replay_folds_what_is_new_and_hands_over_all_that_is_held(link: Link) -> None:
    await filled(link, 150)
    state = State()
    assert await replayed(link, state) == list(range(1, 151))
    assert (state.sequence, len(state.tokens)) == (150, 150)
    assert await replayed(link, state) == list(range(1, 151))  # projections may be behind the fold
    await link.purge_below(COMMITS, 101)
    assert await replayed(link, state) == list(range(101, 151))
    early = State(sequence=100, at_us=99)
    await replayed(link, early)
    assert (early.sequence, len(early.tokens)) == (150, 50)
    await link.purge_below(COMMITS, 151)
    assert await replayed(link, state) == []


async def test_an_empty_stream_is_no_transactions(link: Link) -> None:
    await link.ensure_stream(COMMITS)
    assert await replayed(link, State()) == []


async def test_a_fold_that_lost_a_part_is_never_begun(link: Link) -> None:
    await filled(link, 20)
    with pytest.raises(ConfigurationError, match="before the snapshot"):
        await replayed(link, State(sequence=21))
    await link.purge_below(COMMITS, 11)
    with pytest.raises(ConfigurationError, match="later snapshot"):
        await replayed(link, State(sequence=9))
    with pytest.raises(ConfigurationError, match="later snapshot"):
        await replayed(link, State())
    assert await replayed(link, State(sequence=10, at_us=9)) == list(range(11, 21))
    await link.purge_below(COMMITS, 21)
    with pytest.raises(ConfigurationError):
        await replayed(link, State(sequence=19))


async def test_a_transaction_that_is_missing_stops_a_replay(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wicketgate.commits.replay._PATIENCE_S", 0.3)
    await filled(link, 10)
    await link.jetstream.delete_msg(COMMITS, 10)
    with pytest.raises(ConfigurationError, match="transaction 10 of COMMITS cannot be read"):
        await replayed(link, State())
    await link.jetstream.delete_msg(COMMITS, 5)
    with pytest.raises(ConfigurationError, match="transaction 5 is missing"):
        await replayed(link, State())


async def test_what_was_rewritten_stands_for_what_a_committed_erasure_names(link: Link) -> None:
    await filled(link, 9)
    stood = encode(Transaction(at_us=4, token=TokenIssued(name="t4", sha256="4")))
    await link.jetstream.publish(COMMITS, encode(Transaction(at_us=9)))
    state = State()
    await replayed(link, state)
    await link.ensure_stream(REWRITTEN, below=True)
    await link.jetstream.publish(subject_of(5), stood)
    await link.erase(COMMITS, 5)
    await link.erase(COMMITS, 5)  # as the next life may
    with pytest.raises(
        ConfigurationError, match="5 is missing from COMMITS, and no committed erasure names it"
    ):
        await replayed(link, state)
    state.erased = {5: [("a", 1)]}
    assert await replayed(link, state) == list(range(1, 11))
    with pytest.raises(ConfigurationError, match=r"5 is missing from COMMITS$"):
        await replayed(
            link, State(sequence=4, at_us=3, erased=state.erased)
        )  # nobody folds what stands for it
    await link.purge_subject(REWRITTEN, subject_of(5))
    with pytest.raises(ConfigurationError, match=r"5 is missing from COMMITS$"):
        await replayed(link, state)


async def test_what_is_no_transaction_stops_a_replay(link: Link) -> None:
    await filled(link, 2)
    await link.jetstream.publish(COMMITS, b"\xc1")
    with pytest.raises(ConfigurationError, match="transaction 3 of COMMITS"):
        await replayed(link, State())


async def test_what_came_while_nothing_ran_is_told_among_the_seconds_that_are_closed_at_once() -> None:
    desk = await office()
    desk.commits.commit(
        lambda state, at_us, sequence: document_transaction(
            envelope("authority-own-use", OWN_SIGNERS), state.entries, at_us
        )
    )
    desk.clock.at_us += 23 * SECOND_US + 300_000
    desk.commits.tick()
    await desk.settle()
    told = [t for t in desk.transactions if t.stood]
    assert [t.at_us for t in told] == [START_US + 5 * SECOND_US]
    assert json.loads(told[0].entries[0])["at"] == rfc3339(START_US + 5 * SECOND_US)
    assert desk.transactions[-1].at_us == desk.clock.at_us
    times = [t.at_us for t in desk.transactions]
    assert times == sorted(times)
