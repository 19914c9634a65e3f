"""What joins an image to its read: the read's id, within its time, once; over kills."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.push_desk import JPEG, LIMITS, NOW_US, PNG, Desk
from wicketgate.base.clock import SECOND_US, to_datetime
from wicketgate.base.errors import StreamError
from wicketgate.reads.checks import check
from wicketgate.reads.columns import ReadBatch
from wicketgate.reads.images.joining import Turns
from wicketgate.reads.images.references import StoredImage
from wicketgate.reads.images.takers import Joined, marks_text, with_mark
from wicketgate.reads.intake import JOIN_US
from wicketgate.reads.observations import ImageKind
from wicketgate.reads.parse import RawRead
from wicketgate.reads.takers import PostAnswer


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    await made.end()


async def post(desk: Desk, *names: str | None) -> PostAnswer:
    """Post reads of these ids."""
    rows = [
        RawRead(
            camera="c0",
            captured_at=to_datetime(NOW_US - number),
            plate=f"P{name or number}1",
            confidence=0.5,
            id=name,
        )
        for number, name in enumerate(names)
    ]
    cameras = desk.cameras.ids("tfl").get
    checked = check(rows, source="tfl", cameras=cameras, limits=LIMITS, now_us=desk.clock.now_us())
    return await desk.done(desk.intake.take(checked, "tfl"))


async def follow(desk: Desk, name: str, body: bytes, kind: ImageKind = "patch") -> Joined:
    return await desk.done(desk.joining.follow("tfl", name, kind, body))


def latest(desk: Desk) -> ReadBatch:
    return desk.reads[-1]


async def test_the_read_comes_again_with_its_image(desk: Desk) -> None:
    await post(desk, "a", "b", None)
    before = desk.reads[0]
    joined = await follow(desk, "b", JPEG)
    assert joined == Joined("", "", hashlib.sha256(JPEG).hexdigest())
    again = latest(desk)
    assert (again.plate, again.again.tolist()) == (["PB1"], [True])
    for name in ReadBatch.__slots__:
        if name not in {"patch", "again"}:
            assert list(getattr(again, name)) == [getattr(before, name)[1]], name
    stored = StoredImage.parse(again.patch[0] or "")
    assert await desk.images.get(stored.name) == JPEG
    message = desk.messages[-1]
    assert message.intake.accepted == {}
    assert not message.quarantined
    # The other kind joins what is there.
    await follow(desk, "b", PNG, "overview")
    assert latest(desk).patch == again.patch
    assert latest(desk).overview[0] is not None
    assert latest(desk).again.tolist() == [True]


async def test_the_same_image_again_is_a_repeat(desk: Desk) -> None:
    await post(desk, "a")
    await follow(desk, "a", JPEG)
    messages = len(desk.messages)
    assert (await follow(desk, "a", JPEG)).repeated
    assert len(desk.messages) == messages


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("nobody", JPEG, "image-unbound"),
        ("a", JPEG + b"other", "image-conflict"),
        ("a", b"none", "image-unreadable"),
        ("nobody", b"none", "image-unreadable"),
    ],
)
async def test_what_cannot_be_joined_is_quarantined(desk: Desk, name: str, body: bytes, code: str) -> None:
    await post(desk, "a")
    await follow(desk, "a", JPEG)
    joined = await follow(desk, name, body)
    assert (joined.code, joined.repeated) == (code, False)
    assert desk.codes == [code]
    kept = json.loads(desk.messages[-1].quarantined[0].read)
    assert kept["sha256"] == hashlib.sha256(body).hexdigest()
    assert kept["bytes"] == len(body)
    if code == "image-unreadable":
        assert "name" not in kept
    else:
        assert await desk.images.get(kept["name"]) == body
    assert sum(batch.again.tolist().count(True) for batch in desk.reads) == 1
    assert StoredImage.parse(latest(desk).patch[0] or "").sha256 == hashlib.sha256(JPEG).hexdigest()


async def test_another_sources_read_is_unknown(desk: Desk) -> None:
    await post(desk, "a")
    joined = await desk.done(desk.joining.follow("hackney", "a", "patch", JPEG))
    assert joined.code == "image-unbound"


async def test_too_late(desk: Desk) -> None:
    await post(desk, "a")
    desk.clock.at_us += JOIN_US
    assert (await follow(desk, "a", JPEG)).code == ""
    desk.clock.at_us += 1
    assert (await follow(desk, "a", PNG, "overview")).code == "image-unbound"


async def test_a_read_whose_message_is_past_its_term(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await post(desk, "a")

    async def gone(sequence: int) -> bytes | None:
        return None

    monkeypatch.setattr(desk.joining, "_reads_at", gone)
    assert (await follow(desk, "a", JPEG)).code == "image-unbound"


async def test_an_image_that_comes_before_its_read_is_stored(desk: Desk) -> None:
    rows = [RawRead(camera="c0", captured_at=to_datetime(NOW_US), plate="P1", confidence=0.5, id="a")]
    checked = check(rows, source="tfl", cameras={"c0": 0}.get, limits=LIMITS, now_us=NOW_US)
    posting = asyncio.create_task(desk.intake.take(checked, "tfl"))
    await asyncio.sleep(0)
    following = asyncio.create_task(desk.joining.follow("tfl", "a", "patch", JPEG))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not following.done()
    assert (await desk.done(asyncio.wait_for(posting, 5))).accepted == 1
    assert (await desk.done(asyncio.wait_for(following, 5))).code == ""


async def test_two_images_at_once_for_one_read(desk: Desk) -> None:
    await post(desk, "a")

    async def both() -> Any:
        return await asyncio.gather(
            desk.joining.follow("tfl", "a", "patch", JPEG + b"1"),
            desk.joining.follow("tfl", "a", "patch", JPEG + b"2"),
            desk.joining.follow("tfl", "a", "overview", PNG),
        )

    joined = await desk.done(both())
    assert sorted(one.code for one in joined) == ["", "", "image-conflict"]
    final = latest(desk)
    assert final.patch[0] is not None
    assert final.overview[0] is not None


async def test_a_full_store_leaves_the_read_as_it_was(desk: Desk) -> None:
    await post(desk, "a")
    task = asyncio.create_task(desk.joining.follow("tfl", "a", "patch", JPEG))
    while not desk.writer.waiting:
        await asyncio.sleep(0.001)
    await desk.refuse()
    with pytest.raises(StreamError):
        await task
    assert desk.intake._waiting == 0
    assert (await follow(desk, "a", JPEG)).code == ""
    assert (await post(desk, "a")).repeated == 1


async def test_over_a_kill_and_a_flush(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await post(desk, "a", "b")
    await follow(desk, "a", JPEG)
    desk.flush()
    desk = await desk.reborn()
    assert (await follow(desk, "a", JPEG)).repeated
    assert (await follow(desk, "a", JPEG + b"2")).code == "image-conflict"
    assert (await follow(desk, "b", JPEG)).code == ""
    desk = await desk.reborn()  # learnt from READS, not from the index
    assert (await follow(desk, "b", JPEG)).repeated
    await desk.end()


async def test_turns_are_taken_one_after_another() -> None:
    turns = Turns()
    order: list[tuple[str, int]] = []

    async def one(number: int) -> None:
        async with turns.take("a"):
            order.append(("in", number))
            for _ in range(number % 3):
                await asyncio.sleep(0)
            order.append(("out", number))

    tasks = []
    for number in range(20):
        tasks.append(asyncio.create_task(one(number)))
        for _ in range(number % 4):
            await asyncio.sleep(0)
    tasks[19].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [(what, number) for number in range(19) for what in ("in", "out")]
    assert not len(turns)


def test_marks() -> None:
    assert marks_text(()) is None
    assert marks_text(("b", "a", "b")) == '["a","b"]'
    assert with_mark(None, "x") == '["x"]'
    assert with_mark('["a","x"]', "x") == '["a","x"]'


async def test_how_long_reads_keeps_what_images_may_follow(desk: Desk) -> None:
    for _ in range(3):
        await post(desk, None)
        desk.clock.at_us += 2 * SECOND_US
        await post(desk, f"{desk.clock.at_us}")
    stored_us = desk.clock.at_us
    assert desk.intake.past_term(stored_us) == 0
    assert desk.intake.past_term(stored_us + JOIN_US) < len(desk.stream.messages)
    assert desk.intake.past_term(stored_us + JOIN_US + 4 * SECOND_US) == len(desk.stream.messages)


happenings = st.one_of(
    st.tuples(st.just("read"), st.sampled_from("ab")),
    st.tuples(
        st.just("image"), st.sampled_from("abc"), st.sampled_from(["patch", "overview"]), st.integers(0, 2)
    ),
    st.sampled_from([("flush",), ("kill",), ("late",)]),
)


@settings(max_examples=40)
@given(st.lists(happenings, max_size=12))
def test_a_read_keeps_its_first_image_of_each_kind(steps: list[tuple[Any, ...]]) -> None:
    """An image is with the read that it named, the first of its kind, or in the quarantine; never with another."""

    async def scene(folder: Path) -> None:
        desk = Desk(folder)
        had: dict[tuple[str, str], str] = {}
        accepted_us: dict[str, int] = {}
        refused = 0
        for step in steps:
            match step:
                case ("read", name):
                    if (await post(desk, name)).accepted:
                        accepted_us[name] = desk.clock.at_us
                case ("image", name, kind, number):
                    body = JPEG + bytes([number])
                    digest = hashlib.sha256(body).hexdigest()
                    joined = await follow(desk, name, body, kind)
                    there = had.get((name, kind))
                    open_still = name in accepted_us and desk.clock.at_us - accepted_us[name] <= JOIN_US
                    if open_still and there in (None, digest):
                        assert (joined.code, joined.repeated) == ("", there == digest)
                        had[name, kind] = digest
                    else:
                        assert joined.code == ("image-conflict" if open_still else "image-unbound")
                        refused += 1
                case ("flush",):
                    desk.flush()
                case ("kill",):
                    desk = await desk.reborn()
                case ("late",):
                    desk.clock.at_us += JOIN_US // 2 + 1
        found: dict[tuple[str, str], set[str]] = {}
        for batch in desk.reads:
            for plate, patch, overview in zip(batch.plate, batch.patch, batch.overview, strict=True):
                for kind, text in (("patch", patch), ("overview", overview)):
                    if text is not None:
                        found.setdefault((plate[1:-1].lower(), kind), set()).add(
                            StoredImage.parse(text).sha256
                        )
        assert found == {name: {digest} for name, digest in had.items()}
        assert len(desk.codes) == refused
        await desk.end()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scene(Path(folder)))
