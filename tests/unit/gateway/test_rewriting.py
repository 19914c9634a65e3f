"""Erasures carried out in a whole gateway, over real streams, and killed at every point of it."""

from __future__ import annotations

import asyncio
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import CT, OWN, WANTED, envelope
from tests.strategies import entry_of
from tests.unit.gateway.test_node import CLOCK, equip, post, start, until
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.base.hour_keys import KeyRing
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.server import NatsServer
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.commits import stored as stored_module
from wicketgate.commits.rewritten import COMMITS, REWRITTEN
from wicketgate.commits.snapshots import Snapshots
from wicketgate.commits.stored import KINDS, decode, decode_held, decode_public
from wicketgate.commits.transactions import RowErased, Transaction
from wicketgate.feeds.batches import Batch, check_batch, read_batches
from wicketgate.feeds.erasing import rows_of_read
from wicketgate.feeds.feed import Feed
from wicketgate.gateway.housekeeping import save_snapshot
from wicketgate.gateway.node import Gateway
from wicketgate.hotlists import Change
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.reads.columns import decode_batch
from wicketgate.reads.messages import decode_reads, seen_keys


class Killed(Exception):
    """The process would be gone."""


class Points:
    """Points at which a rewriting can be killed: before and behind each thing that it makes durable."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        self._patch = monkeypatch
        for owner, name in ((Feed, "rewrite"), (Link, "erase")):
            self._patch.setattr(owner, name, self._around(getattr(owner, name)))
        submit = StreamWriter.submit

        def submitted(writer: StreamWriter, *arguments: Any, **more: Any) -> Any:
            done = submit(writer, *arguments, **more)
            return done if writer._stream != REWRITTEN else self._then(done)

        self._patch.setattr(StreamWriter, "submit", submitted)

    async def _then(self, done: Any) -> Any:
        self._pass()
        place = await done
        self._pass()
        return place

    def _around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        async def wait(*arguments: Any) -> Any:
            self._pass()
            result = await call(*arguments)
            self._pass()
            return result

        return wait

    def _pass(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


async def lines_of(gateway: Gateway, name: str) -> list[bytes]:
    """Return the rows of a feed, read from where they lie, each batch checked."""
    feed = gateway.projections.feeds[name]
    found: list[Batch] = list(read_batches(io.BytesIO(b"".join(await feed.batches(0, 1000, 10**7)))))
    assert [batch.number for batch in found] == list(range(1, feed.last + 1))
    for batch in found:
        check_batch(batch)
    lines = [line for batch in found for line in batch.lines]
    assert [json.loads(line)["seq"] for line in lines] == list(range(1, len(lines) + 1))
    return lines


async def forget(gateway: Gateway) -> None:
    """Let the feeds hold nothing in memory."""
    for feed in gateway.projections.feeds.values():
        feed._recent.clear()
        feed._recent_bytes = 0


async def released(gateway: Gateway) -> list[tuple[int, Transaction]]:
    """Return the transactions with rows."""
    found = []
    for number in range(1, gateway.commits.committed.sequence + 1):
        data = await gateway.stored.original(number)
        if data is not None and decode(data, gateway.keys)[0].batches:
            found.append((number, decode(data, gateway.keys)[0]))
    return found


async def name_erased(gateway: Gateway, place: tuple[int, int]) -> None:
    """Commit that a read is erased, with every row of it."""
    rows = rows_of_read(await released(gateway), place)
    assert {row.feed for _, row in rows} == {"", OWN, CT}
    erased = tuple(RowErased(number=number, feed=row.feed, row=row.row) for number, row in rows)
    await gateway.commits.commit(lambda state, at_us, sequence: Transaction(at_us=at_us, erased=erased))
    await gateway._project_all()


def stored_bytes(folder: Path) -> bytes:
    """Return every byte of the streams' files."""
    return b"".join(path.read_bytes() for path in sorted((folder / "nats").rglob("*")) if path.is_file())


def private_of(data: bytes) -> list[bytes]:
    """Return what no file may hold once a message is erased: the ends of its batches and of its reads, encrypted."""
    _, places = decode_public(data)
    head, _ = stored_module._head(data)
    reads_end = len(data) - head.shown
    assert head.reads > 64
    return [data[offset + length - 64 : offset + length] for offset, length in places] + [
        data[reads_end - 64 : reads_end]
    ]


async def begun(folder: Path) -> tuple[Gateway, int]:
    """Return a gateway with two transactions of rows and a snapshot behind them, and the number of the first.

    Its parts are not stamped with them: a start shows them all that COMMITS holds.
    """
    gateway = await start(folder)
    await equip(gateway)
    await post(gateway, 101, 102, 103)
    await post(gateway, 104, 105)
    await until(lambda: gateway.projections.feeds[OWN].last == 2)
    await gateway._project_all()
    save_snapshot(gateway.snapshots, gateway.commits.committed)
    return gateway, (await released(gateway))[0][0]


async def demand_erased(gateway: Gateway, number: int, plates: list[str], erased: set[str]) -> None:
    """Demand that these plates stand nowhere that can be read, and the others where they stood."""
    assert await gateway.stored.original(number) is None
    [stands] = await gateway.stored.stand_ins(number)
    now, _ = decode(stands.data, gateway.keys)
    taken = await gateway.stored.taken_at(number)
    assert taken == now.taken
    assert [*decode_batch(decode_reads(taken).rows).plate] == [
        "" if plate in erased else plate for plate in plates[:3]
    ]
    for _ in range(2):
        for name in (OWN, CT):
            lines = await lines_of(gateway, name)
            for line, plate in zip(lines, plates, strict=True):
                assert (plate.encode() in line) == (plate not in erased)
        await forget(gateway)


PLATES = ["P101", "P102", "P103", "P104", "P105"]


async def test_an_erasure_hides_at_once_and_after_a_start(folder: Path) -> None:
    gateway, number = await begun(folder)
    await name_erased(gateway, (number, 1))
    for life in range(3):
        if life:
            await gateway.stop()
            gateway = await start(folder)
        assert await gateway.stored.original(number) is not None, "it lies there still"
        for name in (OWN, CT):
            for _ in range(2):
                lines = await lines_of(gateway, name)
                assert [b"erased" in line for line in lines] == [False, True, False, False, False]
                assert b"P102" not in b"".join(lines)
                await forget(gateway)
    await gateway.stop()


@pytest.mark.parametrize("point", range(1, 10))
async def test_a_rewriting_that_is_killed_is_finished_by_the_next_life(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    point: int,
) -> None:
    gateway, number = await begun(folder)
    before = await gateway.stored.original(number)
    assert before is not None
    keys = seen_keys(decode_reads(decode(before, gateway.keys)[0].taken))
    await name_erased(gateway, (number, 1))
    assert all(part in stored_bytes(folder) for part in private_of(before))
    with monkeypatch.context() as patched:
        points = Points(patched, point)
        done = await asyncio.gather(gateway.rewriting.carry_out(number), return_exceptions=True)
        assert isinstance(done[0], Killed) or point == 9
        assert points.left == (1 if point == 9 else 0)
    for name in (OWN, CT):
        await forget(gateway)
        assert len(await lines_of(gateway, name)) == 5  # whoever reads meanwhile reads whole batches
    assert await gateway.stored.taken_at(number)
    gateway._fail(Killed())
    await gateway.stop()
    gateway = await start(folder)
    try:
        await gateway.rewriting.carry_out(number)
        await demand_erased(gateway, number, PLATES, {"P102"})
        now = await gateway.stored.taken_at(number)
        assert seen_keys(decode_reads(now or b"")) == keys
        assert not [part for part in private_of(before) if part in stored_bytes(folder)]
    finally:
        await gateway.stop()
    assert not [part for part in private_of(before) if part in stored_bytes(folder)]


@pytest.mark.parametrize("point", [1, 2, 4, 7, 8, 9, 10])
async def test_another_row_of_the_same_transaction_is_erased_later(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    point: int,
) -> None:
    gateway, number = await begun(folder)
    transactions = await released(gateway)
    await name_erased(gateway, (number, 0))
    await gateway.rewriting.carry_out(number)
    [first] = await gateway.stored.stand_ins(number)
    erased = tuple(
        RowErased(number=at, feed=row.feed, row=row.row)
        for at, row in rows_of_read(transactions, (number, 2))
    )
    await gateway.commits.commit(lambda state, at_us, sequence: Transaction(at_us=at_us, erased=erased))
    with monkeypatch.context() as patched:
        Points(patched, point)
        await asyncio.gather(gateway.rewriting.carry_out(number), return_exceptions=True)
    gateway._fail(Killed())
    await gateway.stop()
    gateway = await start(folder)
    try:
        await gateway.rewriting.carry_out(number)
        await demand_erased(gateway, number, PLATES, {"P101", "P103"})
        assert not [part for part in private_of(first.data) if part in stored_bytes(folder)]
        await gateway.rewriting.carry_out(number)  # nothing is left to do
        assert (await gateway.link.info(REWRITTEN)).state.last_seq == 2
    finally:
        await gateway.stop()


async def test_nothing_is_rewritten_that_may_be_folded_again(folder: Path) -> None:
    gateway, number = await begun(folder)
    try:
        await name_erased(gateway, (number, 1))
        await gateway.housekeeping.purge()
        assert await gateway.stored.original(number) is not None  # not every part has all of it
        for _ in range(2):
            await post(gateway, 200 + gateway.commits.committed.sequence)
            gateway.seen.flush(gateway.seen.begin_flush(), 0)
            gateway.seen.end_flush()
            await gateway._project_all()
            await gateway.housekeeping.purge()
        assert await gateway.stored.original(number) is None
    finally:
        await gateway.stop()
    gateway = await start(folder)
    try:
        lines = await lines_of(gateway, OWN)
        assert [b"erased" in line for line in lines] == [False, True, *[False] * 5]
        await gateway.rewriting.end_before(number)
        assert gateway.commits.committed.erased
        await gateway.rewriting.end_before(number + 1)
        assert not gateway.commits.committed.erased
        assert (await gateway.link.info(REWRITTEN)).state.messages == 0
    finally:
        await gateway.stop()


async def test_what_is_missing_without_an_erasure_is_damage(folder: Path) -> None:
    gateway, number = await begun(folder)
    try:
        await gateway.link.erase(COMMITS, number)
        await forget(gateway)
        with pytest.raises(StreamError, match="damaged"):
            await gateway.projections.feeds[OWN].batches(0, 10, 10**6)
        assert await gateway.stored.taken_at(number) is None
        row = RowErased(number=number, feed=OWN, row=1)
        await gateway.commits.commit(lambda state, at_us, sequence: Transaction(at_us=at_us, erased=(row,)))
        with pytest.raises(StreamError, match="nothing stands for it"):
            await gateway.rewriting.carry_out(number)
    finally:
        await gateway.stop()


async def test_without_its_keys_nothing_private_opens(folder: Path) -> None:
    gateway, _ = await begun(folder)
    await gateway.filing.submit(envelope("authority-match", documents.MATCH_OFFICES))
    now_us = CLOCK.now_us()
    wanted = Change.put(entry_of("P301", now_us - 3600 * SECOND_US, now_us + 3600 * SECOND_US))
    await gateway.desk.change_hotlist(WANTED, (wanted,), whole=True)
    await post(gateway, 301, 302)
    await gateway._project_all()
    await until(lambda: gateway.hits.recent(WANTED, 10))
    last = gateway.commits.committed.sequence
    await gateway.stop()
    folders = {"hits": folder / "hits", "snapshots": folder / "snapshots"}

    async def opened() -> tuple[set[str], int, bool]:
        """Return which members of transactions open, how many hits do, and whether a snapshot does."""
        keys = KeyRing(folder / "content-keys", KINDS)
        server = NatsServer(folder / "nats")
        await server.start()
        link = await Link.open(server.settings)
        members: set[str] = set()
        private = {"hits", "facts", "second", "taken", "shown"}
        try:
            for number in range(1, last + 1):
                message = await link.message(COMMITS, number)
                if message is not None:
                    one, _, _ = decode_held(message.data or b"", keys)
                    members |= {name for name in private if getattr(one, name)}
                    members |= {"batches"} if any(batch.data for batch in one.batches) else set()
        finally:
            await link.close()
            await server.stop()
        hits = HitQueue(folders["hits"], keys.of("hits"))
        found = len(hits.recent(WANTED, 10))
        hits.close()
        snapshots = Snapshots(folders["snapshots"], keys.of("snapshots"))
        try:
            return members, found, snapshots.latest() is not None
        except ConfigurationError:
            return members, found, False

    assert await opened() == ({"hits", "facts", "second", "taken", "shown", "batches"}, 1, True)
    shutil.rmtree(folder / "content-keys")
    assert await opened() == (set(), 0, False)
