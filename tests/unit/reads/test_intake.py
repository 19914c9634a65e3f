"""Group commit: what is answered is stored, what is counted adds up, and a failure takes with it what leant on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator import HandClock, MemoryGate, MemoryStream, MemoryWriter
from wicketgate.base.clock import DAY_US, SECOND_US, SystemClock, parse_rfc3339, to_datetime
from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.checks import Checked, ClockLimits, check
from wicketgate.reads.columns import MAX_ROWS, decode_batch, encode_batch, part
from wicketgate.reads.former import KEY as FORMER_KEY
from wicketgate.reads.intake import Intake
from wicketgate.reads.keys import DIGEST, NO_ID, ReadKeys
from wicketgate.reads.messages import ReadsMessage, decode_reads, seen_keys
from wicketgate.reads.parse import Malformed, RawRead
from wicketgate.reads.plates import pack
from wicketgate.reads.repeats import Seen
from wicketgate.reads.takers import PostAnswer
from wicketgate.reads.tracking import Emitted, HeldSighting, Vehicles

NOW_US = parse_rfc3339("2026-07-08T12:00:00Z")


def read(number: int, *, camera: str = "c0", name: str | None = None, plate: str | None = None) -> RawRead:
    """Return a read that was posted."""
    return RawRead(
        camera=camera,
        captured_at=to_datetime(NOW_US - number),
        plate=f"P{number}" if plate is None else plate,
        confidence=0.5,
        id=name,
    )


def checked(rows: list[RawRead | Malformed]) -> Checked:
    """Check reads against two cameras."""
    limits = ClockLimits(clock_ahead_us=60 * SECOND_US, too_old_us=7 * DAY_US)
    return check(rows, source="tfl", cameras={"c0": 0, "c1": 1}.get, limits=limits, now_us=NOW_US)


class Desk:
    """An intake over a stream in memory."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.writer = MemoryWriter(MemoryStream())
        self.gate = MemoryGate(self.writer)
        self.intake = Intake(self.gate, seen, HandClock(NOW_US), 0)
        self.work = asyncio.create_task(self.intake.run())

    async def close(self) -> None:
        """Stop, as a gateway does."""
        self.work.cancel()
        await asyncio.gather(self.work, return_exceptions=True)
        self.intake.close()

    def post(self, *rows: RawRead | Malformed) -> asyncio.Task[PostAnswer]:
        """Post reads."""
        return asyncio.create_task(self.intake.take(checked(list(rows)), "tfl"))

    async def spin(self) -> None:
        """Let everything go on as far as it can."""
        for _ in range(40):
            await asyncio.sleep(0)

    async def through(self) -> None:
        """Store and acknowledge everything."""
        for _ in range(40):
            await self.spin()
            self.writer.store(9)
            self.writer.acknowledge(9)
        await self.spin()

    @property
    def messages(self) -> list[ReadsMessage]:
        """What is stored."""
        return [decode_reads(data) for data in self.writer.stream.messages if data]


@pytest.fixture
def seen(tmp_path: Path) -> Iterator[Seen]:
    opened = Seen(tmp_path / "index", b"k" * 32)
    yield opened
    opened.close()


@pytest.fixture
async def desk(seen: Seen) -> AsyncIterator[Desk]:
    made = Desk(seen)
    yield made
    await made.close()


async def test_nothing_is_answered_before_it_is_stored_and_acknowledged(desk: Desk) -> None:
    posted = desk.post(read(1))
    await desk.spin()
    assert not posted.done()
    desk.writer.store(9)
    await desk.spin()
    assert not posted.done()
    desk.writer.acknowledge(9)
    await desk.spin()
    assert posted.result() == PostAnswer(accepted=1, repeated=0, quarantined=())


async def test_posts_of_one_moment_share_a_message(desk: Desk) -> None:
    posts = [desk.post(read(n), read(n + 100, camera="c1")) for n in range(1, 21)]
    await desk.through()
    assert all(post.result().accepted == 2 for post in posts)
    (message,) = desk.messages
    batch = decode_batch(message.rows)
    assert len(batch) == 40
    assert batch.plate[:2] == ["P1", "P101"]
    assert batch.camera[:2].tolist() == [0, 1]
    assert batch.plate_key.tolist() == [pack(plate) for plate in batch.plate]
    assert set(batch.received_us.tolist()) == {NOW_US}
    assert message.intake.accepted == {"tfl/c0": 20, "tfl/c1": 20}


async def test_a_message_has_no_more_rows_than_that(desk: Desk) -> None:
    posts = [desk.post(*(read(1 + n + 1500 * p) for n in range(1500))) for p in range(2)]
    await desk.through()
    assert [post.result().accepted for post in posts] == [1500, 1500]
    assert [len(decode_batch(message.rows)) for message in desk.messages] == [MAX_ROWS] * 3


async def test_a_message_is_never_too_large_for_the_streams(desk: Desk) -> None:
    large = Malformed(b'"' + b"x" * 20_000 + b'"', "odd")
    posts = [desk.post(*[large] * 700), desk.post(read(1)), desk.post(*[large] * 300)]
    await desk.through()
    assert [len(post.result().quarantined) for post in posts] == [700, 0, 300]
    assert sum(len(message.quarantined) for message in desk.messages) == 1000
    assert max(map(len, desk.writer.stream.messages)) < 1024 * 1024


async def test_a_repeat_inside_one_post(desk: Desk) -> None:
    posted = desk.post(read(1), read(1), read(2), read(1, camera="c1"))
    await desk.through()
    assert posted.result() == PostAnswer(accepted=3, repeated=1, quarantined=(), again=(1,))
    assert desk.messages[0].intake.repeated == {"tfl/c0": 1}


async def test_a_repeat_of_what_is_under_way_waits_for_it(desk: Desk) -> None:
    first = desk.post(read(1))
    await desk.spin()
    again = desk.post(read(1))
    await desk.spin()
    assert not again.done()
    desk.writer.store(1)
    desk.writer.acknowledge(1)
    await desk.spin()
    assert first.result().accepted == 1
    await desk.through()
    assert again.result() == PostAnswer(accepted=0, repeated=1, quarantined=(), again=(0,))


async def test_the_same_id_with_other_content_goes_to_the_quarantine(desk: Desk) -> None:
    posted = desk.post(read(1, name="a"), read(2, name="a"), read(1, name="a"), read(3, name="b"))
    await desk.through()
    answer = posted.result()
    assert (answer.accepted, answer.repeated) == (2, 1)
    assert [(index, code) for index, code, _ in answer.quarantined] == [(1, "id-conflict")]
    assert "P2" not in answer.quarantined[0][2]
    kept = desk.messages[0].quarantined[0]
    assert (kept.code, kept.camera) == ("id-conflict", "c0")
    assert b'"P2"' in kept.read
    assert desk.messages[0].intake.quarantined == {"tfl/c0": {"id-conflict": 1}}


async def test_what_is_quarantined_stands_in_the_order_of_the_post(desk: Desk) -> None:
    posted = desk.post(read(1, name="a"), Malformed(b"{}", "odd"), read(2, name="a"), read(3, camera="x"))
    await desk.through()
    codes = [(index, code) for index, code, _ in posted.result().quarantined]
    assert codes == [(1, "malformed"), (2, "id-conflict"), (3, "unknown-camera")]


async def test_an_empty_post_is_answered(desk: Desk) -> None:
    posted = desk.post()
    await desk.through()
    assert posted.result() == PostAnswer(accepted=0, repeated=0, quarantined=())


async def test_a_full_stream_fails_the_posts_and_what_leant_on_them(desk: Desk) -> None:
    first = desk.post(read(1))
    await desk.spin()
    repeat, other = desk.post(read(1)), desk.post(read(2))
    desk.writer.refuse()
    await desk.through()
    desk.gate.begin()
    for post in (first, repeat):
        error = post.exception()
        assert isinstance(error, StreamError)
        assert error.code == "stream-full"
    again = desk.post(read(1), read(2))
    await desk.through()
    accepted = again.result().accepted + (0 if other.exception() else other.result().accepted)
    assert accepted == 2
    stored = [
        plate for message in desk.messages if message.rows for plate in decode_batch(message.rows).plate
    ]
    assert sorted(stored) == ["P1", "P2"]
    assert not desk.work.done()
    assert desk.intake._waiting == 0


async def test_what_waits_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wicketgate.reads.intake._MAX_WAITING", 10)
    alone = desk.post(*(read(n) for n in range(1, 21)))  # one post is taken, however large
    await desk.spin()
    more = desk.post(read(99))
    await desk.spin()
    error = more.exception()
    assert isinstance(error, StreamError)
    assert error.code == "busy"
    await desk.through()
    assert alone.result().accepted == 20
    later = desk.post(read(99))
    await desk.through()
    assert later.result().accepted == 1


async def test_closing_fails_what_waits(desk: Desk) -> None:
    under_way = [desk.post(read(n)) for n in range(3)]
    await desk.spin()
    monkeyed = desk.post(read(50))
    await asyncio.sleep(0)
    await desk.close()
    await desk.spin()
    assert isinstance(monkeyed.exception(), StreamError)
    assert desk.writer.under_way == 1
    desk.writer.store(1)
    desk.writer.acknowledge(1)
    await desk.spin()
    assert all(post.result().accepted == 1 for post in under_way)


async def test_a_post_that_nobody_waits_for_is_stored_all_the_same(desk: Desk) -> None:
    posted = desk.post(read(1))
    await desk.spin()
    posted.cancel()
    await desk.through()
    assert len(desk.messages) == 1
    again = desk.post(read(1))
    await desk.through()
    assert again.result().repeated == 1


async def test_the_keys_of_a_message_stand_in_its_rows_and_beside_them_only_where_they_differ(
    desk: Desk,
) -> None:
    """A read that comes again may have a key that a former version made; the index has it by the present one."""
    posted = desk.post(*(read(n) for n in range(1, 20)))
    await desk.through()
    assert posted.result().accepted == 19
    (message,) = desk.messages
    batch = decode_batch(message.rows)
    assert (message.contents, seen_keys(message)[0]) == (b"", b"".join(batch.key))
    row = replace(part(batch, 3, 4), key=[b"k" * FORMER_KEY], patch=["p"])
    again = asyncio.create_task(desk.intake.take_again(row, NO_ID))
    await desk.through()
    await again
    later = desk.messages[-1]
    assert decode_batch(later.rows).key == [b"k" * FORMER_KEY]
    assert (later.contents, seen_keys(later)[0]) == (batch.key[3], batch.key[3])


async def test_what_the_index_lost_is_learnt_from_the_stream(tmp_path: Path, desk: Desk) -> None:
    posted = desk.post(read(1, name="a"), read(2))
    await desk.through()
    assert posted.result().accepted == 2
    later = Seen(tmp_path / "other", b"k" * 32)
    for number, message in enumerate(desk.messages, 1):
        contents, ids = seen_keys(message)
        keys = ReadKeys(contents, ids)
        assert [bool(keys.read_id(row)) for row in range(2)] == [True, False]
        later.stored(contents, ids, number)
    second = Desk(later)
    again = second.post(read(1), read(2), read(3, name="a"))
    await second.through()
    assert (again.result().accepted, again.result().repeated) == (0, 2)
    assert again.result().quarantined[0][1] == "id-conflict"
    await second.close()
    later.close()


@pytest.mark.parametrize("data", [b"\xc0", b"\x81\xa4rows\xc0", b"\x81\xa4rows\x01"])
def test_what_is_no_message_of_reads(data: bytes) -> None:
    with pytest.raises(InputError):
        decode_reads(data)


async def test_over_a_real_stream(link: Link, seen: Seen) -> None:
    await link.ensure_stream("TAKEN")
    writer = await StreamWriter(link, "TAKEN").open()
    intake = Intake(MemoryGate(writer), seen, SystemClock(), 0)
    work = asyncio.create_task(intake.run())
    posts = [intake.take(checked([read(n), read(n)]), "tfl") for n in range(1, 300)]
    answers = await asyncio.gather(*posts)
    assert all((answer.accepted, answer.repeated) == (1, 1) for answer in answers)
    last = (await link.info("TAKEN")).state.last_seq
    assert 1 <= last < 50
    assert seen.begin_flush() == last
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    await writer.close()


rows = st.one_of(
    st.builds(
        read,
        st.integers(1, 6),
        camera=st.sampled_from(["c0", "c1", "x"]),
        name=st.sampled_from([None, None, "a", "b", ""]),
        plate=st.sampled_from([None, None, "", "AB12"]),
    ),
    st.just(Malformed(b"{}", "odd")),
)
happenings = st.one_of(
    st.tuples(st.just("post"), st.lists(rows, max_size=5)),
    st.sampled_from(
        [("spin",), ("full",), ("store", 1), ("store", 9), ("acknowledge", 1), ("acknowledge", 9)]
    ),
)


@settings(max_examples=60)
@given(st.lists(happenings, max_size=25))
def test_what_was_sent_is_accepted_repeated_or_quarantined(steps: list[tuple[Any, ...]]) -> None:
    async def scene(folder: Path) -> None:
        seen = Seen(folder, b"k" * 32)
        desk = Desk(seen)
        posts: list[tuple[list[Any], asyncio.Task[PostAnswer]]] = []
        for step in steps:
            match step:
                case ("post", posted):
                    posts.append((posted, desk.post(*posted)))
                    await asyncio.sleep(0)
                case ("spin",):
                    await desk.spin()
                case ("full",):
                    desk.writer.refuse()
                    await desk.spin()
                    desk.gate.begin()
                case ("store", most):
                    desk.writer.store(most)
                case ("acknowledge", most):
                    desk.writer.acknowledge(most)
        await desk.through()
        stored: list[tuple[int, str, int]] = []
        counted = {"accepted": 0, "repeated": 0, "quarantined": 0}
        for message in desk.messages:
            if message.rows:
                batch = decode_batch(message.rows)
                columns = (batch.camera.tolist(), batch.plate, batch.captured_us.tolist())
                stored += zip(*columns, strict=True)
            counted["accepted"] += sum(message.intake.accepted.values())
            counted["repeated"] += sum(message.intake.repeated.values())
            counted["quarantined"] += len(message.quarantined)
            codes = [sum(codes.values()) for codes in message.intake.quarantined.values()]
            assert sum(codes) == len(message.quarantined)
        assert len(set(stored)) == len(stored) == counted["accepted"]
        answered = {"accepted": 0, "repeated": 0, "quarantined": 0}
        for posted, task in posts:
            if task.exception() is not None:
                assert isinstance(task.exception(), StreamError)
                continue
            answer = task.result()
            assert len(posted) == answer.accepted + answer.repeated + len(answer.quarantined)
            answered["accepted"] += answer.accepted
            answered["repeated"] += answer.repeated
            answered["quarantined"] += len(answer.quarantined)
            bad = {index for index, _, _ in answer.quarantined}
            for index, row in enumerate(posted):
                if index not in bad:  # accepted or repeated: it is stored
                    key = ({"c0": 0, "c1": 1}[row.camera], row.plate.upper(), NOW_US)
                    assert any(key[:2] == found[:2] for found in stored)
        for what, count in answered.items():
            assert count <= counted[what]
            assert getattr(desk.intake, what) == count
        assert desk.intake._waiting == 0
        assert desk.seen.waiting == 0
        assert not desk.seen._waiting_ids
        assert sum(map(len, chain.from_iterable(desk.seen._new.values()))) == DIGEST * len(stored)
        await desk.close()
        seen.close()

    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scene(Path(folder)))


def followed(number: int) -> HeldSighting:
    """Return an observation of a followed vehicle."""
    return HeldSighting(
        source="tfl",
        camera_id="c0",
        tracked=f"{number}",
        first_us=NOW_US,
        received_us=NOW_US,
        camera=0,
        captured_us=NOW_US,
        plate=f"P{number}",
        confidence=0.5,
    )


async def test_what_is_held_is_answered_once_it_is_durable(desk: Desk) -> None:
    posted = asyncio.create_task(desk.intake.take(checked([]), "tfl", held=[followed(1)]))
    await desk.spin()
    assert not posted.done()
    await desk.through()
    assert posted.result() == PostAnswer(accepted=0, repeated=0, quarantined=(), held=1)
    (message,) = desk.messages
    assert message.held == (followed(1),)
    assert not message.rows


async def test_a_read_and_that_it_was_emitted_stand_in_one_message(desk: Desk) -> None:
    filling = desk.post(*(read(n) for n in range(1, MAX_ROWS)))
    await asyncio.sleep(0)
    vehicle = Vehicles().hold(followed(1))
    emitting = asyncio.create_task(
        desk.intake.take(checked([read(5000)]), "tfl", emitted=[vehicle.emitted()], held=[followed(2)])
    )
    again = asyncio.create_task(
        desk.intake.take(checked([read(5000)]), "tfl", emitted=[vehicle.emitted()], late=["c0"])
    )
    await desk.through()
    assert (filling.result().accepted, emitting.result().accepted) == (MAX_ROWS - 1, 1)
    assert (again.result().accepted, again.result().repeated) == (0, 2)
    (message,) = (one for one in desk.messages if one.rows and "P5000" in decode_batch(one.rows).plate)
    assert message.emitted[0] == vehicle.emitted()
    assert sum(len(one.emitted) for one in desk.messages) == 2
    assert all(
        len(one.held) + len(decode_batch(one.rows).plate) <= MAX_ROWS for one in desk.messages if one.rows
    )


async def test_a_quarantined_image_is_no_read(desk: Desk) -> None:
    image = QuarantinedRead(
        source="tfl", camera="", code="image-unbound", detail="odd", at_us=NOW_US, read=b"{}"
    )
    posted = asyncio.create_task(desk.intake.take(checked([read(1)]), "tfl", images=[(3, image)]))
    await desk.through()
    assert posted.result() == PostAnswer(
        accepted=1, repeated=0, quarantined=(), images=((3, "image-unbound", "odd"),)
    )
    (message,) = desk.messages
    assert message.quarantined == (image,)
    assert message.intake.quarantined == {"tfl/": {"image-unbound": 1}}
    assert desk.intake.quarantined == 0


# --- the stored form ----------------------------------------------------------------------------------------------


def test_a_message_has_the_form_in_which_deployments_hold_it() -> None:
    """The message was written by version 0.3, before the columns had one table."""
    stored = (Path("tests/vectors/reads") / "message.msgpack").read_bytes()
    message = decode_reads(stored)
    common = {"source": "tfl", "camera_id": "c0", "tracked": "7", "first_us": 1, "received_us": 2}
    common |= {"captured_us": 3, "plate": "AB12CDE"}
    said = {"lane": "2", "direction": '"away"', "vehicle": '{"make":"Ford"}', "patch": "p"}
    assert message.held == (
        HeldSighting(**common, camera=0, confidence=0.5, **said, marks=("unfinished",)),
        HeldSighting(**common, camera=0, confidence=0.5),
    )
    assert message.emitted == (Emitted(**common),)
    assert [json.loads(read.read)["captured_at"][:16] for read in message.quarantined] == [
        "2026-07-08T12:00"
    ] * 2
    batch = decode_batch(message.rows)
    assert (batch.lane, batch.direction) == (["2", None], ['"away"', None])
    assert batch.vehicle == ['{"make":"Ford","colour":null}', None]
    assert decode_reads(msgspec.msgpack.encode(message)) == message
    again = decode_batch(encode_batch(batch))
    assert {len(key) for key in batch.key} == {FORMER_KEY}
    assert (again.key, again.plate, again.marks) == (batch.key, batch.plate, batch.marks)


def test_the_index_learns_a_message_of_a_former_version(seen: Seen) -> None:
    message = decode_reads((Path("tests/vectors/reads") / "message.msgpack").read_bytes())
    seen.stored(*seen_keys(message), 7)
    batch = decode_batch(message.rows)
    assert all(seen._former.knows(seen._view, key) for key in batch.key)
    assert (seen._reached, seen.waiting) == (7, 0)


async def test_a_vehicle_is_emitted_with_the_last_portion_that_its_group_is_cut_into(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row must be durable by then: what is emitted once is emitted never again."""
    monkeypatch.setattr(MemoryGate, "rows_at_once", lambda self, batch: 2)
    vehicle = Vehicles().hold(followed(1))
    posted = desk.post(*(read(n) for n in range(1, 5)))
    await asyncio.sleep(0)
    emitting = asyncio.create_task(
        desk.intake.take(checked([read(5000)]), "tfl", emitted=[vehicle.emitted()], held=[followed(2)])
    )
    await desk.through()
    assert (posted.result().accepted, emitting.result().accepted) == (4, 1)
    assert [len(message.emitted) for message in desk.messages] == [0, 0, 1]
    assert [len(message.held) for message in desk.messages] == [1, 0, 0]
    assert decode_batch(desk.messages[-1].rows).plate == ["P5000"]
