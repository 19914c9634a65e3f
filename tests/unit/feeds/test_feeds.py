"""Feeds over a real server: numbered, read out of COMMITS, until their term."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nats.js.api import RawStreamMsg

from tests.batches import plain_batch
from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.hour_keys import KeyRing
from wicketgate.base.packing import pack
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.ordinal import OrdinalStream
from wicketgate.commits.rewritten import COMMITS, REWRITTEN, subject_of
from wicketgate.commits.stored import KINDS, StoredPlace, encode
from wicketgate.commits.transactions import FeedBatch, Transaction
from wicketgate.feeds.feed import Feed, StoredRows
from wicketgate.feeds.index import BatchPlace, FeedIndex

AT_US = 1_000_000
"""When a batch is released, where it does not matter: far from what the server's clock says."""


def batch(number: int, size: int = 10, feed: str = "a") -> FeedBatch:
    """Return a batch."""
    return plain_batch(feed, number, size=size)


def stored_bytes(one: FeedBatch) -> int:
    """Return the length of a batch as it is stored: packed, with mark, hour, nonce and tag of its encryption."""
    return len(pack(one.data)) + 43


class Store:
    """COMMITS, the index and a feed, in several lives."""

    def __init__(self, link: Link, folder: Path) -> None:
        self.link = link
        self.folder = folder
        self.keys = KeyRing(folder.with_name("content-keys"), KINDS)
        self.rows = StoredRows(link, COMMITS, partial(self.keys.open_former, "rows"))
        self.index: FeedIndex
        self.feed: Feed

    async def open(self, name: str = "a", *, max_bytes: int = 10**9) -> Feed:
        """Begin a life."""
        await self.link.ensure_stream(COMMITS)
        self.index = FeedIndex(self.folder)
        self.feed = await Feed.open(
            self.rows,
            self.index,
            name,
            former=await OrdinalStream.former(self.link, f"FEED-{name}"),
            max_bytes=max_bytes,
        )
        return self.feed

    async def close(self) -> None:
        """End it."""
        await self.feed.close()
        self.index.close()

    async def commit(self, *batches: FeedBatch, at_us: int = AT_US) -> list[tuple[int, StoredPlace]]:
        """Let COMMITS hold batches in one transaction; return the place of each."""
        data, places = encode(
            Transaction(at_us=at_us, batches=batches, facts=(b"f" * len(batches),)), self.keys
        )
        stored = await self.link.jetstream.publish(COMMITS, data)
        return [(stored.seq, place) for place in places]

    async def put(self, one: FeedBatch, at_us: int = AT_US, *, write: bool = True) -> BatchPlace | None:
        """Commit one batch, and add it to the feed as the projection does."""
        [(sequence, (offset, length))] = await self.commit(one, at_us=at_us)
        place = self.feed.add(one, sequence, offset, length, at_us)
        if write and place is not None:
            self.index.write([(one.feed, one.number, place)])
            self.feed.wrote(one.number)
        return place

    async def end_before(self, at_us: int) -> None:
        """Delete the batches from before a time, as the projections do."""
        self.index.end_before([self.feed.name], at_us)
        await self.feed.let_go(at_us)


@pytest.fixture
async def store(link: Link, tmp_path: Path) -> AsyncIterator[Store]:
    made = Store(link, tmp_path / "feeds")
    await made.open()
    yield made
    await made.close()


async def test_a_batch_is_read_from_memory_and_from_commits(store: Store) -> None:
    feed = store.feed
    for number in range(1, 6):
        await store.put(batch(number))
    assert await store.put(batch(3)) is None
    with pytest.raises(InputError, match="does not follow"):
        await store.put(batch(7))
    wanted = [batch(n).data for n in range(1, 6)]
    assert list(await feed.batches(0, 100, 10**6)) == wanted
    assert list(await feed.batches(2, 2, 10**6)) == wanted[2:4]
    assert list(await feed.batches(5, 10, 10**6)) == []
    assert list(await feed.batches(0, 100, 1)) == wanted[:1]  # never none where there is one
    await store.close()
    later = await store.open()
    assert later.last == 5
    assert list(await later.batches(0, 100, 10**6)) == wanted
    assert list(await later.batches(0, 3, 10**6)) == wanted[:3]
    assert list(await later.batches(0, 100, 1)) == wanted[:1]
    assert await later.batch(0) is await later.batch(6) is None
    await store.put(batch(6))
    assert list(await later.batches(3, 100, 10**6)) == [*wanted[3:], batch(6).data]


async def test_one_transaction_holds_batches_of_many_feeds(store: Store) -> None:
    all_of_it = [batch(1, 100, feed=name) for name in ("a", "ab", "b")]
    places = await store.commit(*all_of_it)
    feeds = {name: await Feed.open(store.rows, store.index, name, max_bytes=10**9) for name in ("ab", "b")}
    feeds["a"] = store.feed
    for one, (sequence, lie) in zip(all_of_it, places, strict=True):
        place = feeds[one.feed].add(one, sequence, *lie, AT_US)
        assert place is not None
        store.index.write([(one.feed, one.number, place)])
    for one in all_of_it:
        again = await Feed.open(store.rows, store.index, one.feed, max_bytes=10**9)
        assert list(await again.batches(0, 10, 10**6)) == [one.data]
        assert (again.first, again.last, again.held_bytes) == (1, 1, stored_bytes(one))
    assert store.index.oldest(["a", "b", "nobody"]) == 1
    assert store.index.oldest(["nobody"]) is None


async def test_memory_lets_go_of_what_the_index_has(store: Store) -> None:
    store.feed._most_recent = 2 * len(batch(1, size=100).data)
    for number in range(1, 8):
        await store.put(batch(number, size=100))
    assert [number for number, _ in store.feed._recent] == [6, 7]
    for number in range(8, 12):
        await store.put(batch(number, size=100), write=False)
    assert [number for number, _ in store.feed._recent] == [6, 7, 8, 9, 10, 11]
    assert list(await store.feed.batches(0, 100, 10**6)) == [batch(n, size=100).data for n in range(1, 12)]


async def test_what_the_index_had_not_yet_comes_again_by_the_replay(store: Store) -> None:
    for number in (1, 2):
        await store.put(batch(number))
    lost = await store.put(batch(3), write=False)
    assert lost is not None
    await store.close()
    again = await store.open()
    assert (again.last, store.index.position) == (2, 2)
    for number in (2, 3):
        again.add(batch(number), number, lost.offset, lost.length, AT_US)
    assert again.last == 3
    assert list(await again.batches(1, 10, 10**6)) == [batch(2).data, batch(3).data]


async def test_who_waits_is_woken_by_a_batch_and_by_a_stop(store: Store) -> None:
    feed = store.feed
    waiting = [asyncio.create_task(feed.wait(0, 20)) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert not any(task.done() for task in waiting)
    await store.put(batch(1))
    await asyncio.wait_for(asyncio.gather(*waiting), 1)
    await asyncio.wait_for(feed.wait(0, 20), 1)  # it is there already
    stopped = asyncio.create_task(feed.wait(1, 20))
    await asyncio.sleep(0.05)
    feed.wake()
    await asyncio.wait_for(stopped, 1)
    begun = time.monotonic()
    await feed.wait(1, 0.1)
    assert time.monotonic() - begun >= 0.09


async def test_a_feed_is_full_until_something_has_run_out(store: Store) -> None:
    await store.close()
    feed = await store.open(max_bytes=stored_bytes(batch(1, size=900)) + 50)
    await store.put(batch(1, size=900), 10)
    assert not feed.is_full
    await store.put(batch(2, size=900), 20)
    assert feed.is_full
    await store.end_before(20)
    assert not feed.is_full
    assert feed.held_bytes == stored_bytes(batch(2, size=900))
    await store.close()
    assert (await store.open()).held_bytes == stored_bytes(batch(2, size=900))


async def test_what_is_past_its_term_is_gone_from_index_and_memory(store: Store) -> None:
    feed = store.feed
    for number in (1, 2):
        await store.put(batch(number))
    assert not await feed.is_past_term(0)
    await store.end_before(AT_US)
    assert not await feed.is_past_term(0)
    assert store.index.oldest(["a"]) == 1
    await store.end_before(AT_US + 1)
    assert store.index.oldest(["a"]) is None
    assert await feed.is_past_term(0)
    assert await feed.is_past_term(1)
    assert not await feed.is_past_term(2)  # a reader that is up to date
    assert not await feed.is_past_term(7)
    assert list(await feed.batches(0, 10, 10**6)) == []
    assert not feed._recent
    await store.put(batch(3))
    assert await feed.is_past_term(1)
    assert not await feed.is_past_term(2)
    assert list(await feed.batches(2, 10, 10**6)) == [batch(3).data]
    await store.end_before(AT_US + 1)
    await store.close()
    later = await store.open()
    assert (later.first, later.last, later.held_bytes) == (4, 3, 0)
    assert await later.is_past_term(0)


async def test_what_an_earlier_version_stored_apart_is_read_until_its_term(store: Store) -> None:
    await store.close()
    old = await OrdinalStream(store.link, "FEED-a").open()
    for number in (1, 2, 3):
        await old.put(number, batch(number).data, number)
    await old.close()
    feed = await store.open()
    assert (feed.first, feed.last) == (1, 3)
    assert feed.held_bytes >= 3 * len(batch(1).data)
    for number in (4, 5):
        await store.put(batch(number), number)
    wanted = [batch(number).data for number in range(1, 6)]
    assert list(await feed.batches(0, 10, 10**6)) == wanted
    await store.close()
    feed = await store.open()
    assert list(await feed.batches(1, 3, 10**6)) == wanted[1:4]
    await store.end_before(3)
    assert feed.first == 3
    assert await feed.is_past_term(1)
    assert list(await feed.batches(2, 10, 10**6)) == wanted[2:]
    await store.end_before(5)
    assert feed.first == 5
    assert "FEED-a" not in [one.config.name for one in await store.link.jetstream.streams_info()]
    await store.close()
    assert list(await (await store.open()).batches(4, 10, 10**6)) == wanted[4:]


@pytest.mark.parametrize(
    "moved",
    [
        pytest.param({"sequence": 2}, id="another-batch-of-the-feed"),
        pytest.param({"sequence": 3}, id="another-feed"),
        pytest.param({"offset": 0}, id="the-transaction"),
        pytest.param({"length": 10**6}, id="more"),
        pytest.param({"length": 5}, id="less"),
    ],
)
async def test_what_is_not_the_batch_never_leaves(store: Store, moved: dict[str, int]) -> None:
    first, second = await store.put(batch(1)), await store.put(batch(2))
    await store.commit(batch(1, feed="b"))
    assert first is not None
    assert second is not None
    store.index.write([("a", 1, first._replace(**moved)), ("a", 2, second)])
    await store.close()
    feed = await store.open()
    with pytest.raises(StreamError, match="damaged"):
        await feed.batches(0, 1, 10**6)
    assert list(await feed.batches(1, 10, 10**6)) == [batch(2).data]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "a\u00e9", "b"]), st.integers(1, 4), st.integers(0, 3)), max_size=30
    ),
    st.integers(0, 40),
)
def test_the_index_says_what_a_table_would(
    tmp_path_factory: pytest.TempPathFactory, taken: list[tuple[str, int, int]], cut_us: int
) -> None:
    index = FeedIndex(tmp_path_factory.mktemp("index"))
    table: dict[str, list[BatchPlace]] = {}
    at_us = 0
    for sequence, (feed, count, passed) in enumerate(taken, 1):
        at_us += passed
        written = []
        for n in range(count):
            places = table.setdefault(feed, [])
            through = (places[-1].through if places else 0) + 10 + n
            places.append(BatchPlace(sequence, n, 10 + n, at_us, through))
            written.append((feed, len(places), places[-1]))
        index.write(written)
    index.end_before(table, cut_us)
    for feed, places in table.items():
        gone = sum(place.at_us < cut_us for place in places)
        held = index.held(feed)
        assert (held.first, held.last) == (gone + 1, len(places))
        assert held.through - held.before == sum(place.length for place in places[gone:])
        assert index.places(feed, gone, 1000) == places[gone:]
        assert index.places(feed, gone, 2) == places[gone : gone + 2]
        assert index.places(feed, len(places), 5) == []
        assert gone == 0 or index.places(feed, 0, 5) == []
    left = [place.sequence for places in table.values() for place in places if place.at_us >= cut_us]
    assert index.oldest(table) == min(left, default=None)
    index.close()


async def test_a_new_feed_has_nothing_past_its_term(store: Store) -> None:
    feed = store.feed
    assert not await feed.is_past_term(0)
    assert feed.last == 0
    assert list(await feed.batches(0, 10, 10)) == []


async def test_a_batch_that_is_rewritten_while_it_is_looked_up_is_read_where_it_lies_now(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        await store.put(batch(number))
    await store.close()
    feed = await store.open()
    await store.link.ensure_stream(REWRITTEN, below=True)
    other = batch(1, size=30)
    data, [(offset, length)] = encode(Transaction(at_us=AT_US, batches=(other,)), store.keys)
    look, done = store.link.message, []

    async def meanwhile(name: str, sequence: int, patience_s: float = 60.0) -> RawStreamMsg | None:
        if not done:
            done.append(name)
            stood = await store.link.jetstream.publish(subject_of(1), data)
            await feed.rewrite(1, other.data, stood.seq, offset, length)
            await feed.rewrite(
                7, other.data, stood.seq, offset, length
            )  # past its term, or not there: nothing
            await store.link.erase(COMMITS, 1)
        return await look(name, sequence, patience_s)

    monkeypatch.setattr(store.link, "message", meanwhile)
    assert list(await feed.batches(0, 10, 10**6)) == [other.data, batch(2).data]
    assert done == [COMMITS]
    assert store.index.oldest(["a"]) == 1, "COMMITS is kept by the transaction's own number"
    [moved] = store.index.places("a", 0, 1)
    assert moved == BatchPlace(1, offset, length, AT_US, moved.through, 1)
    await store.link.erase(REWRITTEN, 1)
    with pytest.raises(StreamError, match="damaged"):
        await feed.batches(0, 1, 10**6)


async def test_a_feed_goes_on_from_what_its_index_has_learnt_elsewhere(store: Store) -> None:
    for number in (1, 2):
        await store.put(batch(number))
    waits = asyncio.create_task(store.feed.wait(2, 10))
    await asyncio.sleep(0)
    place = store.index.places("a", 1, 1)[0]
    moved = place._replace(through=5000, length=100)
    store.index.go_on_from("a", 9, moved, 0)
    await store.feed.catch_up()
    await waits
    assert (store.feed.first, store.feed.last, store.feed.held_bytes) == (9, 9, 100)
    assert not store.feed._recent
    store.index.go_on_from("a", 21, None, 7000)  # all before are past their term
    await store.feed.catch_up()
    assert (store.feed.first, store.feed.last, store.feed.held_bytes) == (21, 20, 0)
    assert await store.feed.is_past_term(15)
    assert store.feed.add(batch(21), 99, 0, 10, AT_US) is not None
