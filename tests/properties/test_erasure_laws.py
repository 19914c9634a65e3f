"""Rows taken out of what was committed: each law against a search of every byte for the plate."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.keys import IN_THE_OPEN, decode, encode
from tests.simulator import World
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.commits.stored import decode as decode_stored
from wicketgate.commits.transactions import Transaction
from wicketgate.feeds.batches import check_batch, erase_rows, is_batch, read_batches
from wicketgate.feeds.erasing import (
    RowName,
    demand_without,
    rows_of,
    rows_of_read,
    shown_read,
    without_rows,
)
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.reads.columns import blanked, decode_batch, encode_batch
from wicketgate.reads.messages import decode_reads, encode_reads, seen_keys

PLATES = [f"WICKET{number:02d}" for number in range(12)]
LISTED = PLATES[::2]
Post = list[tuple[str, bool]]
posts = st.lists(
    st.lists(st.tuples(st.sampled_from(["c0", "c1", "c2"]), st.booleans()), min_size=1, max_size=4),
    min_size=1,
    max_size=3,
)


async def _live(folder: Path, said: list[Post], images: list[int]) -> list[bytes]:
    world = World(folder)
    await world.begin()
    try:
        world.list_plates(LISTED)
        await world.settle()
        plates = iter(PLATES)
        for post in said:
            for imaged in (False, True):
                reads = [
                    world.fresh_read(camera, plate=next(plates)) for camera, has in post if has is imaged
                ]
                if reads:
                    world.post(reads, imaged=imaged)
            await world.settle()
        for number in images:
            world.follow_up(number)
            await world.settle()
    finally:
        await world.end()
    return list(world.commits_stream.messages)


def lived(said: list[Post], images: list[int]) -> list[bytes]:
    """Return COMMITS, in the open, of a gateway that took posts of distinct plates, some listed, and late images."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_live(Path(folder), said, images))


@pytest.fixture(scope="module")
def commits() -> list[bytes]:
    """COMMITS with hits, with images that came with their reads, and with some that came later, twice."""
    return lived([[("c0", False), ("c1", True), ("c0", False)], [("c0", True), ("c2", False)]], [0, 0, 2])


def rows_with(transaction: Transaction, plate: str) -> list[RowName]:
    """Return the rows of a transaction in whose bytes a plate stands."""
    return [
        RowName(batch.feed, json.loads(line)["seq"])
        for batch in transaction.batches
        for line in batch.data.split(b"\n")[1:]
        if plate.encode() in line
    ]


def said_of(message: bytes) -> bytes:
    """Return the bytes of a stored transaction but for the names that a unit gave to vehicles (`voi`).

    Facts of hits hold them, as the second that closes over them does; here a name has the plate in it.
    """
    return message.replace(b"vWICKET", b"")


def places_of(messages: list[bytes], plate: str) -> list[tuple[int, int]]:
    """Return where the reads of a plate were taken."""
    taken = [(number, decode(data).taken) for number, data in enumerate(messages, 1)]
    batches = [(number, decode_batch(decode_reads(some).rows)) for number, some in taken if some]
    return [
        (number, row) for number, batch in batches for row in range(len(batch)) if batch.plate[row] == plate
    ]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(posts, st.lists(st.integers(0, 9), max_size=3), st.data())
@example([[("c0", False), ("c1", True)], [("c0", True)]], [0, 0, 1], None)
def test_an_erased_read_stands_nowhere_and_all_else_stays(
    said: list[Post], images: list[int], data: Any
) -> None:
    messages = lived(said, images)
    numbered = [(number, decode(one)) for number, one in enumerate(messages, 1)]
    shown = [plate for plate in PLATES if any(plate.encode() in one for one in messages)]
    gone = shown[:2] if data is None else data.draw(st.lists(st.sampled_from(shown), unique=True))
    wanted: defaultdict[int, list[RowName]] = defaultdict(list)
    for plate in gone:
        places = places_of(messages, plate)
        found = rows_of_read(numbered, places[0])
        rows = [(number, row) for number, one in numbered for row in rows_with(one, plate)]
        assert sorted(found) == sorted([*rows, *((number, RowName.of_read(row)) for number, row in places)])
        for number, row in found:
            wanted[number].append(row)
            if not row.feed:
                continue
            read = shown_read(numbered[number - 1][1], row)
            assert read is not None
            assert (number, read) in places
            assert row in rows_of(numbered[number - 1][1], [read])
    after = list(messages)
    for number, rows in wanted.items():
        before = messages[number - 1]
        after[number - 1] = without_rows(before, rows, IN_THE_OPEN).data
        demand_without(before, after[number - 1], rows, IN_THE_OPEN)
        assert without_rows(after[number - 1], rows, IN_THE_OPEN).data == after[number - 1]
        one_by_one = before
        for row in rows:
            one_by_one = without_rows(one_by_one, [row], IN_THE_OPEN).data
        assert one_by_one == after[number - 1]
    for plate in PLATES:
        assert any(plate.encode() in said_of(one) for one in after) == (plate in shown and plate not in gone)
    for number, (was, now) in enumerate(zip(messages, after, strict=True), 1):
        _compare(decode(was), was, now, wanted.get(number, []))


def _compare(was: Transaction, before: bytes, after: bytes, rows: Collection[RowName]) -> None:
    now, places = decode_stored(after, IN_THE_OPEN)
    assert now.facts == was.facts
    assert now.entries == was.entries
    if was.taken:
        assert seen_keys(decode_reads(now.taken)) == seen_keys(decode_reads(was.taken))
    for one, other, (offset, length) in zip(was.batches, now.batches, places, strict=True):
        assert after[offset : offset + length] == other.data
        assert is_batch(other.data, one.feed, one.number)
        [batch] = read_batches(io.BytesIO(other.data))
        check_batch(batch)
        for line, stood in zip(batch.lines, one.data.split(b"\n")[1:-1], strict=True):
            row = json.loads(line)
            name = RowName(one.feed, row["seq"])
            assert row["seq"] == json.loads(stood)["seq"]
            assert line == stood if name not in rows else row["erased"] == leaf_hash(stood).hex()
    if not rows:
        assert before == after


def test_the_world_has_all_that_is_erased(commits: list[bytes]) -> None:
    """What the law says of hits and images is said of some."""
    found = [decode(one) for one in commits]
    assert sum(len(one.hits) for one in found) >= 2
    assert sum(len(one.imaged) for one in found) >= 1
    again = [place for one in found if one.shown for place in one.shown.before]
    assert len(again) == 3
    assert len({feed for one in found for feed in [batch.feed for batch in one.batches]}) == 3


def of_a_hit(commits: list[bytes]) -> tuple[bytes, list[RowName]]:
    """Return a transaction with a hit and other rows beside it, and the row of the hit."""
    for data in commits:
        one = decode(data)
        if one.hits and any(batch.rows > 1 for batch in one.batches):
            return data, [RowName(one.hits[0].authority, one.hits[0].seq)]
    raise AssertionError("no such transaction")


def _batch(one: Transaction, change: Callable[[bytes], bytes]) -> Transaction:
    widest = max(one.batches, key=lambda batch: batch.rows)
    return msgspec.structs.replace(
        one,
        batches=tuple(
            msgspec.structs.replace(batch, data=change(batch.data)) if batch is widest else batch
            for batch in one.batches
        ),
    )


def _taken(one: Transaction, **members: Any) -> Transaction:
    return msgspec.structs.replace(
        one, taken=encode_reads(msgspec.structs.replace(decode_reads(one.taken), **members))
    )


def _other_read(one: Transaction) -> Transaction:
    batch = decode_batch(decode_reads(one.taken).rows)
    return _taken(one, rows=encode_batch(blanked(batch, range(len(batch)))))


OTHERWISE: dict[str, Callable[[Transaction], Transaction]] = {
    "a-row-more": lambda one: _batch(one, lambda data: erase_rows(data, range(1, 9))),
    "a-row-less": lambda one: _batch(one, lambda data: data[: data.rindex(b"\n", 0, -1) + 1]),
    "another-row": lambda one: _batch(one, lambda data: data.replace(b'"camera"', b'"kamera"')),
    "a-header": lambda one: _batch(one, lambda data: data.replace(b'"batch":', b'"batch": ')),
    "another-hit": lambda one: msgspec.structs.replace(one, hits=(*one.hits, decode_hit(one))),
    "a-fact": lambda one: msgspec.structs.replace(one, facts=one.facts[1:]),
    "a-read": _other_read,
    "a-key": lambda one: _taken(one, contents=b"x" * 24),
    "nothing-taken": lambda one: _taken(one, rows=b""),
    "what-rows-show": lambda one: msgspec.structs.replace(one, shown=None),
    "the-count": lambda one: msgspec.structs.replace(one, reads=one.reads + 1),
}


def decode_hit(one: Transaction) -> Any:
    """Return a hit that was not raised."""
    return msgspec.structs.replace(HIT[0], id="f" * 24)


HIT: list[Any] = []


@pytest.mark.parametrize("otherwise", OTHERWISE)
def test_what_differs_in_anything_else_is_refused(commits: list[bytes], otherwise: str) -> None:
    data, rows = of_a_hit(commits)
    HIT[:] = decode(data).hits
    made = without_rows(data, rows, IN_THE_OPEN).data
    demand_without(data, made, rows, IN_THE_OPEN)
    assert len(decode(made).hits) == len(decode(data).hits) - 1
    with pytest.raises((VerificationError, InputError)):
        demand_without(data, encode(OTHERWISE[otherwise](decode(made))), rows, IN_THE_OPEN)


def test_what_was_not_erased_is_refused(commits: list[bytes]) -> None:
    data, rows = of_a_hit(commits)
    other = [RowName(rows[0].feed, rows[0].row + 1), RowName("nobody", 1)]
    with pytest.raises(VerificationError):
        demand_without(data, without_rows(data, rows, IN_THE_OPEN).data, other, IN_THE_OPEN)
    assert without_rows(data, [RowName("nobody", 1), RowName(rows[0].feed, 10**6)], IN_THE_OPEN).data == data
