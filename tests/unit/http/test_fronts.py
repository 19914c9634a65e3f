"""The parts of a front: what is handed over comes out as it went in, and no front sees more than it must."""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.matching import Desk, make
from wicketgate.base.clock import parse_rfc3339, to_datetime
from wicketgate.base.errors import StreamError
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.http.fronts.desk import Viewing
from wicketgate.http.fronts.frames import Frames
from wicketgate.http.fronts.messages import (
    FollowedTaken,
    FollowRead,
    NotTaken,
    ReadFollowed,
    Take,
    TakeAnswered,
    TakeFollowed,
    TakeImaged,
    View,
    checked_of,
    decode_at_front,
    decode_at_gateway,
    encode,
    take_of,
)
from wicketgate.http.fronts.passing import ConnectionGiver, ConnectionTaker, passage
from wicketgate.http.fronts.remote import RemoteIntake, Seeing, Sending
from wicketgate.reads.checks import Checked
from wicketgate.reads.columns import Gathered
from wicketgate.reads.images.takers import Joined
from wicketgate.reads.observations import Observation
from wicketgate.reads.pushes import FollowedSighting
from wicketgate.reads.takers import PostAnswer

AT_US = parse_rfc3339("2026-11-30T12:00:00Z")
VIEW = View(number=1, at_us=AT_US, tokens={}, others=[], cameras=[], clock_ahead_us=1, too_old_us=1)


def _head(number: int, size: int) -> bytes:
    return struct.pack("<QQ", number, size)


class Held:
    """A connection that is to be given away."""

    def __init__(self, one: socket.socket) -> None:
        self.one = one

    def descriptor(self) -> int | None:
        return None if self.one.fileno() < 0 else self.one.fileno()

    def given(self) -> None:
        self.one.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def refused(n: int) -> QuarantinedRead:
    return QuarantinedRead(source="tfl", camera="", code="too-old", detail=f"no {n}", at_us=AT_US, read=b"{}")


def checked(rows: int, bad: int = 0, *, few: bool = True, first: int = 0) -> Checked:
    """Return checked reads: `rows` good ones with every second index, and `bad` ones between."""
    numbers = list(range(first, first + rows))
    columns: dict[str, Any] = {
        "camera": numbers,
        "captured_us": [AT_US + n for n in numbers],
        "plate": [f"AB{n:02d}CDE" for n in numbers],
        "confidence": [n / 1000 for n in numbers],
        "lane": [None if n % 3 else str(n) for n in numbers],
    }
    key = None
    if not few:
        for name, dtype in (("camera", np.int32), ("captured_us", np.int64), ("confidence", np.float64)):
            columns[name] = np.array(columns[name], dtype)
        key = np.arange(rows, dtype=np.uint64)
    return Checked(
        reads=Gathered(**columns),
        camera_id=[f"c{n}" for n in numbers],
        read_id=[None if n % 2 else f"id-{n}" for n in numbers],
        index=[2 * n for n in range(rows)],
        quarantined=[(2 * n + 1, refused(n)) for n in range(bad)],
        plate_key=key,
    )


@pytest.mark.parametrize("few", [True, False])
@pytest.mark.parametrize(("rows", "bad"), [(1, 0), (0, 2), (3, 1), (40, 2)])
def test_checked_reads_come_out_as_they_went_in(rows: int, bad: int, few: bool) -> None:
    given = checked(rows, bad, few=few)
    take = decode_at_gateway(encode(take_of(given, 7, 3, "tfl")))
    assert isinstance(take, Take)
    assert (take.number, take.view, take.source) == (7, 3, "tfl")
    found = checked_of(take)
    assert found.reads == given.reads
    assert (found.camera_id, found.read_id, found.index) == (given.camera_id, given.read_id, given.index)
    assert found.quarantined == given.quarantined
    assert (found.plate_key is None) == (given.plate_key is None)


def test_what_a_device_said_comes_out_as_it_went_in() -> None:
    seen = Observation(
        cameras=("SN-1", "Gate"),
        captured_at=to_datetime(AT_US).replace(tzinfo=None),
        plate="AB12CDE",
        vehicle={"make": "Morris"},
        images={"patch": b"\xff\xd8\xff"},
        tracked="t-1",
        final=False,
        marks=("unfinished",),
    )
    sighting = FollowedSighting.of("c0", seen, checked(1, 1), ("image-missing",), 2)
    given = TakeFollowed(number=7, view=3, source="tfl", sightings=[sighting, sighting])
    came = decode_at_gateway(encode(given))
    assert came == given
    assert isinstance(came, TakeFollowed)
    assert came.sightings[0].said() == seen
    answer = PostAnswer(accepted=0, repeated=0, quarantined=(), held=1)
    failed = NotTaken.of(1, StreamError("the store is full", code="stream-full"))
    told = FollowedTaken(number=7, answers=[answer, None], errors={1: failed})
    assert decode_at_front(encode(told)) == told


def test_images_come_out_as_they_went_in() -> None:
    take = take_of(checked(2), 7, 3, "tfl")
    given = TakeImaged(take=take, bodies=[(0, "patch", 1, os.urandom(9))], left=[(2, os.urandom(300_000))])
    assert decode_at_gateway(encode(given)) == given
    behind = FollowRead(number=8, view=3, source="tfl", given="id-1", kind="overview", body=b"\xff\xd8\xff")
    assert decode_at_gateway(encode(behind)) == behind
    answer = ReadFollowed(number=8, answer=Joined("image-conflict", "another patch", "ab" * 32))
    assert decode_at_front(encode(answer)) == answer


def test_an_error_comes_out_as_it_was_raised() -> None:
    failed = decode_at_front(encode(NotTaken.of(4, StreamError("the store is full", code="stream-full"))))
    assert isinstance(failed, NotTaken)
    error = failed.raised()
    assert (type(error), error.code, error.detail) == (StreamError, "stream-full", "the store is full")


# --- the way to the intake ------------------------------------------------------------------------------------


parts = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)).filter(any), min_size=1, max_size=6)


@given(parts, st.data())
def test_what_went_together_is_answered_apart(sizes: list[tuple[int, int]], data: st.DataObject) -> None:
    """Whatever the gateway says of the reads of a message, each post is told what became of its own."""

    async def taken() -> None:
        sent: list[Take] = []
        sending = Sending(sent.append)
        intake = RemoteIntake(sending, Seeing(VIEW))
        given = [checked(rows, bad, first=20 * n) for n, (rows, bad) in enumerate(sizes)]
        asked = [asyncio.ensure_future(intake.take(one, "tfl")) for one in given]
        async with asyncio.timeout(5):
            while not sent:
                await asyncio.sleep(0.001)
        (take,) = sent
        whole = checked_of(take)
        fate = {at: data.draw(st.sampled_from(["new", "again", "conflict"])) for at in whole.index}
        conflicts = [(at, "id-conflict", "x") for at in whole.index if fate[at] == "conflict"]
        quarantined = [(at, read.code, read.detail) for at, read in whole.quarantined]
        again = tuple(at for at in whole.index if fate[at] == "again")
        answer = PostAnswer(
            accepted=len(whole.index) - len(again) - len(conflicts),
            repeated=len(again),
            quarantined=tuple(sorted([*conflicts, *quarantined])),
            again=again,
        )
        sending.answered(TakeAnswered(number=take.number, answer=answer))
        plates = dict(zip(whole.index, whole.reads["plate"], strict=True))
        fate_of = {plates[at]: fate[at] for at in plates}
        for one, told in zip(given, await asyncio.gather(*asked), strict=True):
            fates = [fate_of[plate] for plate in one.reads["plate"]]
            assert told.accepted == fates.count("new")
            assert told.repeated == fates.count("again")
            rows = list(zip(one.index, fates, strict=True))
            assert sorted(told.again) == [index for index, became in rows if became == "again"]
            expected = [(index, "id-conflict", "x") for index, became in rows if became == "conflict"]
            expected += [(index, read.code, read.detail) for index, read in one.quarantined]
            assert told.quarantined == tuple(sorted(expected))

    asyncio.run(taken())


def test_what_waits_when_the_gateway_goes_fails() -> None:
    async def lost() -> None:
        sending = Sending(lambda message: None)
        intake = RemoteIntake(sending, Seeing(VIEW))
        asked = asyncio.ensure_future(intake.take(checked(1), "tfl", have_waited=True))
        await asyncio.sleep(0)
        sending.lost()
        with pytest.raises(StreamError):
            await asked

    asyncio.run(lost())


# --- frames and connections -----------------------------------------------------------------------------------


async def test_frames_come_whole_and_in_order_however_they_are_cut() -> None:
    ours, theirs = socket.socketpair()
    got: list[bytes] = []
    gone = asyncio.Event()
    receiving = await Frames.over(theirs, got.append, gone.set)
    sending = await Frames.over(ours, lambda frame: None, lambda: None)
    frames = [b"", b"a", os.urandom(300_000), b"b" * 70_000, b"end"]
    for frame in frames:
        sending.send(frame)
    async with asyncio.timeout(5):
        while len(got) < len(frames):
            await asyncio.sleep(0.001)
        assert got == frames
        sending.close()
        await gone.wait()
    receiving.close()


@given(st.lists(st.integers(0, 30), max_size=8), st.data())
def test_frames_come_whole_wherever_they_are_cut(sizes: list[int], data: st.DataObject) -> None:
    frames = [bytes([n]) * size for n, size in enumerate(sizes)]
    sent = b"".join(len(frame).to_bytes(4, "little") + frame for frame in frames)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)))) | {0, len(sent)})
    got: list[bytes] = []
    receiving = Frames(got.append, lambda: None)
    for start, end in itertools.pairwise(cuts):
        receiving.data_received(sent[start:end])
    assert got == frames


async def test_a_frame_that_is_none_ends_the_link() -> None:
    ours, theirs = socket.socketpair()
    gone = asyncio.Event()
    await Frames.over(theirs, lambda frame: None, gone.set)
    ours.sendall(b"\xff\xff\xff\xff")
    async with asyncio.timeout(5):
        await gone.wait()
    ours.close()


async def test_connections_are_handed_over_with_what_was_read_of_them() -> None:
    over, under = passage()
    taken: list[tuple[socket.socket, bytes]] = []
    giving, taking = (
        ConnectionGiver(over),
        ConnectionTaker(under, lambda one, data: taken.append((one, data))),
    )
    pairs = [socket.socketpair() for _ in range(40)]
    read = [os.urandom(n * 9_000) for n in range(40)]
    for (one, _), data in zip(pairs, read, strict=True):
        giving.give(Held(one), data)
    await until(lambda: len(taken) == len(pairs))
    assert [data for _, data in taken] == read
    for (one, _), (_, theirs) in zip(taken, pairs, strict=True):
        theirs.sendall(b"still there")
        assert one.recv(20) == b"still there"
        one.close()
        theirs.close()
    taking.close()
    over.close()


async def test_a_connection_for_which_there_is_no_descriptor_is_lost_and_no_other_gets_its_bytes() -> None:
    over, under = passage()
    taken: list[tuple[socket.socket, bytes]] = []
    missed: list[None] = []
    giving = ConnectionGiver(over)
    taking = ConnectionTaker(
        under, lambda one, data: taken.append((one, data)), missed=lambda: missed.append(None)
    )
    pairs = [socket.socketpair() for _ in range(3)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    giving.give(Held(pairs[0][0]), b"first " * 20_000)
    await until(lambda: len(taken) == 1)
    giving.give(Held(pairs[1][0]), b"second " * 20_000)
    # Nothing is read between: the limit holds when the second one comes, and for it alone.
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        for _ in range(2):
            taking._read()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    giving.give(Held(pairs[2][0]), b"third")
    await until(lambda: len(taken) == 2)
    assert [data[:5] for _, data in taken] == [b"first", b"third"]
    assert len(missed) == 1
    taken[1][0].sendall(b"answer")
    assert pairs[2][1].recv(10) == b"answer"
    for one in (*(one for pair in pairs for one in pair), *(one for one, _ in taken), over):
        one.close()
    taking.close()


async def test_whoever_is_known_goes_first_and_what_closes_meanwhile_does_not_go() -> None:
    over, under = passage()
    giving = ConnectionGiver(over)
    pairs = [socket.socketpair() for _ in range(60)]
    held = [Held(one) for one, _ in pairs]
    for n, one in enumerate(held):  # more than the socket takes: nobody reads yet
        giving.give(one, bytes([n]) * 60_000, known=n >= 50)
    waiting = [n for n, one in enumerate(held) if one.descriptor() is not None]
    assert {*range(50, 60)} <= {*waiting}
    gone = waiting[0]
    pairs[gone][0].close()
    order: list[int] = []
    taking = ConnectionTaker(under, lambda one, data: (order.append(data[0]), one.close()))  # type: ignore[func-returns-value]
    await until(lambda: len(order) == 59)
    at_once = [n for n in range(50) if n not in waiting]
    assert order[: len(at_once)] == at_once
    behind = order[len(at_once) :]
    assert behind[:10] == [*range(50, 60)]
    assert gone not in order
    for _, theirs in pairs:
        theirs.close()
    taking.close()
    over.close()


@pytest.mark.parametrize(
    "messages",
    [
        [b"short"],
        [_head(2, 0)],
        [_head(1, 1 << 40)],
        [_head(1, 3) + b"four"],
        [_head(1, 9) + b"four", _head(2, 4) + b"next"],
        [_head(1, 9) + b"four", _head(1, 9)],
    ],
)
async def test_what_no_front_sends_ends_the_passage(messages: list[bytes]) -> None:
    over, under = passage()
    faults: list[None] = []
    taken: list[bytes] = []
    ConnectionTaker(under, lambda one, data: taken.append(data), faulty=lambda: faults.append(None))
    for message in messages:
        over.send(message)
    await until(lambda: len(faults) == 1)
    assert taken == []
    over.close()


# --- what a front is ------------------------------------------------------------------------------------------


def test_a_front_loads_nothing_that_reaches_rows_or_keys() -> None:
    script = "import sys, wicketgate.http.fronts.process; print(' '.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    kept_out = ["pyarrow", "nats", "obstore", "wicketgate.gateway", "wicketgate.feeds"]
    kept_out += ["wicketgate.commits.writer", "wicketgate.base.hour_keys", "wicketgate.reads.images.store"]
    for name in kept_out:
        assert not [one for one in loaded if one == name or one.startswith(name + ".")], name


async def test_a_view_holds_sources_alone(tmp_path: Path, swept: None) -> None:
    desk = await Desk.start(await asyncio.to_thread(make, tmp_path / "d"))
    viewing = Viewing(desk.gateway)
    assert set(viewing.view.tokens.values()) == {"source:tfl"}
    assert set(View.__struct_fields__) == {
        "number",
        "at_us",
        "tokens",
        "others",
        "cameras",
        "clock_ahead_us",
        "too_old_us",
        "excluded",
        "adapters",
    }
    await desk.gateway.tokens.withdraw_tokens("source:tfl")
    first = viewing.view.number
    assert viewing.same_tokens("tfl", first)
    viewing.renew()
    second = viewing.view.number
    assert (second > first, viewing.view.tokens) == (True, {})
    await desk.gateway.tokens.issue_token("source:tfl")
    viewing.renew()
    third = viewing.view.number
    # A read that was checked by a token of before is not taken for one by the token of now.
    assert [viewing.same_tokens("tfl", number) for number in (first, second, third)] == [False, False, True]
    assert viewing.same_tokens("hackney", first)
    # Nor what was checked by a view of another sequencer's: it may have been past already.
    before = first - 1
    assert not viewing.same_tokens("hackney", before)
    assert not viewing.same_limits(before)
    assert not viewing.same_cameras(before)
    at_us = viewing.view.at_us
    await asyncio.sleep(0.01)
    assert viewing.now().at_us > at_us
    await desk.stop()
