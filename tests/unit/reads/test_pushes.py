"""What a device pushes becomes reads: camera, zone, marks, codes, images, one read a vehicle over kills."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.push_desk import JPEG, NOW_US, PNG, Desk, marks_of, seen
from wicketgate.base.clock import MINUTE_US, SECOND_US, to_datetime
from wicketgate.base.errors import StreamError
from wicketgate.reads.images.references import StoredImage
from wicketgate.reads.observations import MARKS, Keepalive, Observation, Unreadable
from wicketgate.reads.tracking import HOLD_US, SAME_US


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    await made.end()


# --- cameras ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "given", "found"),
    [
        (("c0",), None, "c0"),
        (("unknown", "SN-0"), None, "c0"),
        ((" Gate 0 ",), None, "c0"),
        (("Network Camera", "c1"), None, "c1"),
        (("c1",), "c0", "c0"),
        (("c1",), "Gate 0", "c0"),
        ((), "c1", "c1"),
        (("c1",), "c9", None),  # what the caller says goes before, also when it is wrong
        (("Network Camera",), None, None),
        ((), None, None),
        (("gone",), None, None),
        (("h0",), None, None),  # another source's
    ],
)
async def test_which_camera_it_is(
    desk: Desk, names: tuple[str, ...], given: str | None, found: str | None
) -> None:
    answer = await desk.push(seen(cameras=names), camera=given)
    if found is None:
        assert [code for _, code, _ in answer.quarantined] == ["unknown-camera"]
        kept = json.loads(desk.messages[0].quarantined[0].read)
        assert kept["plate"] == "AB12CDE"
        assert kept.get("cameras", []) == list(names)
        assert desk.messages[0].intake.quarantined == {"tfl/": {"unknown-camera": 1}}
    else:
        assert answer.accepted == 1
        assert desk.rows == [(found, "AB12CDE")]
        assert desk.messages[0].intake.accepted == {f"tfl/{found}": 1}


async def test_the_same_serial_number_of_two_sources(desk: Desk) -> None:
    assert (await desk.push(seen(cameras=("SN-0",)), source="hackney")).accepted == 1
    assert desk.rows == [("h0", "AB12CDE")]


# --- times ------------------------------------------------------------------------------------------------


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_time_without_a_zone_takes_the_registered_one(desk: Desk) -> None:
    local = naive("2026-07-08T12:59:30")  # in London it is summer
    assert (await desk.push(seen(cameras=("c1",), captured_at=local))).accepted == 1
    (batch,) = desk.reads
    assert to_datetime(int(batch.captured_us[0])) == datetime(2026, 7, 8, 11, 59, 30, tzinfo=UTC)
    assert marks_of(batch) == ["zone-from-register"]


async def test_a_time_without_any_zone_is_never_guessed(desk: Desk) -> None:
    answer = await desk.push(seen(captured_at=naive("2026-07-08T12:00:00")))
    assert [code for _, code, _ in answer.quarantined] == ["zone-missing"]


@pytest.mark.parametrize(
    "local",
    ["2026-10-25T01:30:00", "2026-03-29T01:30:00"],
    ids=["twice", "never"],
)
async def test_a_time_that_a_change_of_clocks_makes_unclear(desk: Desk, local: str) -> None:
    answer = await desk.push(seen(cameras=("c1",), captured_at=naive(local)))
    assert [code for _, code, _ in answer.quarantined] == ["zone-missing"]


@pytest.mark.parametrize(
    ("off", "suspect"),
    [
        (timedelta(), False),
        (timedelta(minutes=12), False),
        (timedelta(minutes=13, seconds=1), True),
        (timedelta(minutes=15), True),
        (timedelta(minutes=17, seconds=1), False),
        (timedelta(minutes=22), False),
        (timedelta(hours=5), True),
        (timedelta(hours=5, minutes=30, seconds=50), True),
        (timedelta(hours=14), True),
        (timedelta(hours=14, minutes=15), False),
    ],
)
async def test_a_clock_that_is_off_by_a_zone(desk: Desk, off: timedelta, suspect: bool) -> None:
    await desk.push(seen(captured_at=to_datetime(NOW_US) - off))
    (batch,) = desk.reads
    assert marks_of(batch) == (["clock-zone-suspect"] if suspect else [])


async def test_what_is_sent_again_says_nothing_of_the_clock(desk: Desk) -> None:
    await desk.push(seen(ago_s=5 * 3600, marks=("retransmitted",)))
    assert marks_of(desk.reads[0]) == ["retransmitted"]


@pytest.mark.parametrize(
    ("observation", "code"),
    [
        (seen(ago_s=-61), "clock-ahead"),
        (seen(captured_at=datetime(2034, 1, 1, tzinfo=UTC)), "clock-ahead"),
        (seen(ago_s=8 * 86_400), "too-old"),
        (seen(captured_at=datetime.min.replace(tzinfo=timezone(timedelta(hours=8)))), "too-old"),
        (seen(captured_at=datetime.max.replace(tzinfo=timezone(-timedelta(hours=8)))), "clock-ahead"),
        (seen(plate=" - "), "plate-empty"),
        (seen(plate="Unknown"), "plate-unreadable"),
        (seen(plate="АВ12СДЕ"), "plate-unreadable"),
        (seen(plate="AB\ud80012"), "plate-unreadable"),
        (seen(confidence=1.01), "confidence-range"),
        (seen(confidence=float("nan")), "confidence-range"),
        (seen(lane="x" * 33), "malformed"),
        (seen(lane=10**30), "malformed"),
        (seen(vehicle={"make": "x" * 300}), "malformed"),
    ],
)
async def test_each_code_of_what_a_device_sends(desk: Desk, observation: Observation, code: str) -> None:
    answer = await desk.push(observation)
    assert [found for _, found, _ in answer.quarantined] == [code]
    assert (answer.accepted, answer.repeated, answer.held) == (0, 0, 0)
    assert desk.codes == [code]
    json.loads(desk.messages[0].quarantined[0].read)
    assert observation.plate.strip() not in answer.quarantined[0][2] or not observation.plate.strip(" -")


async def test_a_device_that_does_not_say_how_sure_it_is(desk: Desk) -> None:
    await desk.push(seen(confidence=None))
    (batch,) = desk.reads
    assert batch.confidence[0] != batch.confidence[0]
    assert marks_of(batch) == ["confidence-unknown"]


async def test_every_member_is_kept(desk: Desk) -> None:
    vehicle = {"make": "Škoda", "colour": "blue"}
    await desk.push(
        seen(plate="ab12 cde", lane=2, direction="away", vehicle=vehicle, marks=("colour-prefix-removed",))
    )
    (batch,) = desk.reads
    assert (batch.plate[0], batch.lane[0], batch.direction[0]) == ("AB12CDE", "2", '"away"')
    assert json.loads(batch.vehicle[0] or "") == vehicle
    assert marks_of(batch) == ["colour-prefix-removed"]
    assert not batch.again[0]


# --- repeats and other items ------------------------------------------------------------------------------


async def test_what_is_sent_again_is_a_repeat(desk: Desk) -> None:
    one = seen(id="e-1")
    assert (await desk.push(one)).accepted == 1
    assert (await desk.push(one)).repeated == 1
    answer = await desk.push(seen(plate="CD34EFG", id="e-1"))
    assert [code for _, code, _ in answer.quarantined] == ["id-conflict"]


async def test_ids_of_two_cameras_and_long_ones_do_not_meet(desk: Desk) -> None:
    for camera, name in (("c0", "1"), ("c1", "1"), ("c0", "x" * 100 + "1"), ("c0", "x" * 100 + "2")):
        captured = to_datetime(NOW_US) - timedelta(seconds=len(desk.rows))
        assert (await desk.push(seen(cameras=(camera,), id=name, captured_at=captured))).accepted == 1


async def test_a_payload_of_several_things(desk: Desk) -> None:
    unreadable = Unreadable(
        cameras=("SN-0",), code="time-ambiguous", detail="day or month", kept={"n": {1: b"x"}}
    )
    answer = await desk.push(
        seen(), Keepalive(), unreadable, seen(plate="", cameras=("c1",)), seen(plate="CD34EFG")
    )
    assert (answer.accepted, answer.repeated) == (2, 0)
    assert [(index, code) for index, code, _ in answer.quarantined] == [
        (1, "time-ambiguous"),
        (2, "plate-empty"),
    ]
    (kept,) = (read for message in desk.messages for read in message.quarantined if read.camera == "c0")
    assert kept.code == "time-ambiguous"


async def test_a_sign_of_life_counts_nothing(desk: Desk) -> None:
    answer = await desk.push(Keepalive(cameras=("c0",)))
    assert (answer.accepted, answer.repeated, answer.quarantined, answer.held) == (0, 0, (), 0)
    assert not desk.messages


def images_in(desk: Desk) -> list[Path]:
    return [path for path in (desk.folder / "images").rglob("*") if path.is_file()]


# --- images -----------------------------------------------------------------------------------------------


async def test_images_are_durable_before_the_read_that_names_them(desk: Desk) -> None:
    bodies: dict[Any, bytes] = {"patch": JPEG + b"patch", "overview": PNG + b"overview"}
    task = asyncio.create_task(desk.pushes.take("tfl", (seen(images=bodies),)))
    while not desk.writer.waiting:
        await asyncio.sleep(0.001)
    assert len(images_in(desk)) == 2
    desk.writer.store(9)
    desk.writer.acknowledge(9)
    assert (await task).accepted == 1
    (batch,) = desk.reads
    for column, body in ((batch.patch, bodies["patch"]), (batch.overview, bodies["overview"])):
        stored = StoredImage.parse(column[0] or "")
        assert await desk.images.get(stored.name) == body
        assert "AB12CDE" not in stored.name


async def test_a_repeat_stores_no_image_again(desk: Desk) -> None:
    one = seen(images={"patch": JPEG})
    await desk.push(one)
    assert (await desk.push(one)).repeated == 1
    assert len(images_in(desk)) == 1


async def test_an_image_that_is_none_is_quarantined_and_its_read_taken(desk: Desk) -> None:
    answer = await desk.push(seen(images={"patch": b"<html>", "overview": JPEG}))
    assert answer.accepted == 1
    assert [(number, code) for number, code, _ in answer.images] == [(0, "image-unreadable")]
    assert answer.quarantined == ()
    (batch,) = desk.reads
    assert batch.patch[0] is None
    assert batch.overview[0] is not None
    assert marks_of(batch) == ["image-missing"]
    (kept,) = desk.messages[0].quarantined
    assert (kept.code, kept.camera) == ("image-unreadable", "c0")
    assert json.loads(kept.read)["bytes"] == 6


def test_every_mark_is_explained_to_sources() -> None:
    page = Path("docs/source.md").read_text()
    for mark, said in MARKS.items():
        assert f"| `{mark}` | {said} |" in page


# --- followed vehicles ------------------------------------------------------------------------------------


def event(plate: str = "AB12CDE", confidence: float | None = 0.5, **more: Any) -> Observation:
    return seen(plate, confidence=confidence, **({"tracked": "7", "final": False} | more))


async def test_new_update_and_lost_are_one_read_with_the_surest_text(desk: Desk) -> None:
    first = await desk.push(event("AB12CDF", 0.5, images={"patch": JPEG + b"1"}))
    second = await desk.push(event("AB12CDE", 0.9, ago_s=-1))
    assert [(answer.accepted, answer.held) for answer in (first, second)] == [(0, 1), (0, 1)]
    assert [len(message.held) for message in desk.messages] == [1, 1]
    last = await desk.push(event("AB12CDF", 0.6, ago_s=-2, final=True))
    assert (last.accepted, last.repeated, last.quarantined, last.held) == (1, 0, (), 0)
    (batch,) = desk.reads
    assert desk.rows == [("c0", "AB12CDE")]
    assert int(batch.captured_us[0]) == NOW_US + SECOND_US
    assert marks_of(batch) == ["text-changed"]
    assert await desk.images.get(StoredImage.parse(batch.patch[0] or "").name) == JPEG + b"1"


async def test_of_two_as_sure_the_later_and_its_own_image(desk: Desk) -> None:
    await desk.push(event(images={"patch": JPEG + b"1", "overview": PNG}))
    await desk.push(event(images={"patch": JPEG + b"2"}, ago_s=-1, final=True))
    (batch,) = desk.reads
    assert int(batch.captured_us[0]) == NOW_US + SECOND_US
    assert await desk.images.get(StoredImage.parse(batch.patch[0] or "").name) == JPEG + b"2"
    assert batch.overview[0] is not None
    assert marks_of(batch) == []


async def test_a_vehicle_that_is_never_said_to_have_left(desk: Desk) -> None:
    await desk.push(event(confidence=None))
    desk.clock.at_us += HOLD_US - 1
    await desk.due()
    assert desk.rows == []
    desk.clock.at_us += 1
    await desk.due()
    assert desk.rows == [("c0", "AB12CDE")]
    assert marks_of(desk.reads[0]) == ["confidence-unknown", "unfinished"]
    await desk.due()
    assert len(desk.rows) == 1


async def test_what_comes_after_the_read_was_emitted(desk: Desk) -> None:
    await desk.push(event(final=True))
    assert (await desk.push(event(final=True))).repeated == 1
    assert (await desk.push(event(ago_s=-1))).repeated == 1
    answer = await desk.push(event("CD34EFG", ago_s=-1))
    assert [code for _, code, _ in answer.quarantined] == ["text-changed-late"]
    assert len(desk.rows) == 1
    counted = [message.intake for message in desk.messages]
    assert sum(sum(intake.repeated.values()) for intake in counted) == 2


async def test_an_id_that_is_used_again_after_a_restart_of_the_device(desk: Desk) -> None:
    await desk.push(event(final=True))
    desk.clock.at_us += SAME_US + 1
    answer = await desk.push(event("CD34EFG", ago_s=-61, final=True))
    assert answer.accepted == 1
    assert desk.rows == [("c0", "AB12CDE"), ("c0", "CD34EFG")]


async def test_an_id_that_is_used_again_while_the_first_is_held(desk: Desk) -> None:
    await desk.push(event(ago_s=3600))
    answer = await desk.push(event("CD34EFG", final=True))  # far from it in time of capture
    assert answer.accepted == 1
    await desk.due()
    assert desk.rows == [("c0", "CD34EFG"), ("c0", "AB12CDE")]


async def test_vehicles_of_two_cameras_and_sources_are_apart(desk: Desk) -> None:
    await desk.push(event())
    assert (await desk.push(event("CD34EFG", cameras=("c1",), final=True))).accepted == 1
    assert (await desk.push(event("EF56GHI", cameras=("h0",), final=True), source="hackney")).accepted == 1
    assert (await desk.push(event(final=True))).accepted == 1
    assert len(desk.rows) == 3


async def test_a_last_message_that_cannot_be_taken_ends_the_vehicle_all_the_same(desk: Desk) -> None:
    await desk.push(event())
    answer = await desk.push(event("", final=True))
    assert (answer.accepted, len(answer.quarantined)) == (1, 1)
    assert marks_of(desk.reads[0]) == []


async def test_a_lonely_bad_message_of_a_vehicle(desk: Desk) -> None:
    for final in (False, True):
        answer = await desk.push(event("", final=final))
        assert [code for _, code, _ in answer.quarantined] == ["plate-empty"]
    assert not desk.rows
    assert not len(desk.vehicles)


async def test_all_of_a_vehicle_in_one_payload(desk: Desk) -> None:
    answer = await desk.push(event("AB12CDF", 0.2), event(ago_s=-1), event(ago_s=-2, final=True))
    assert (answer.accepted, answer.held) == (1, 2)
    assert desk.rows == [("c0", "AB12CDE")]


async def test_messages_under_way_together_count_in_their_order(desk: Desk) -> None:
    big = JPEG + bytes(400_000)
    posts = [
        desk.pushes.take("tfl", (event("AB12CDF", 0.9, images={"patch": big}),)),
        desk.pushes.take("tfl", (event(confidence=0.8, ago_s=-1, final=True),)),
        desk.pushes.take("tfl", (event("AB12CDF", ago_s=-2),)),
    ]

    async def all_of_them() -> Any:
        return await asyncio.gather(*posts)

    first, second, third = await desk.done(all_of_them())
    assert (first.held, second.accepted, third.repeated) == (1, 1, 1)
    assert desk.rows == [("c0", "AB12CDF")]
    assert desk.reads[0].patch[0] is not None
    assert not len(desk.pushes._turns)


async def test_a_read_that_could_not_be_stored_stays_due(desk: Desk) -> None:
    await desk.push(event())
    task = asyncio.create_task(desk.pushes.take("tfl", (event(ago_s=-1, final=True),)))
    while not desk.writer.waiting:
        await asyncio.sleep(0)
    await desk.refuse()
    with pytest.raises(StreamError):
        await task
    assert not desk.rows
    assert (await desk.push(event(ago_s=-1, final=True))).accepted == 1
    assert len(desk.rows) == 1


async def test_what_is_due_while_the_store_is_full_comes_later(desk: Desk) -> None:
    await desk.push(event())
    desk.clock.at_us += HOLD_US
    task = asyncio.create_task(desk.pushes.emit_due())
    while not desk.writer.waiting:
        await asyncio.sleep(0)
    await desk.refuse()
    await task
    assert not desk.rows
    await desk.due()
    assert len(desk.rows) == 1


async def test_too_many_vehicles_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wicketgate.reads.following._MOST_FOLLOWED", 1)
    await desk.push(event())
    with pytest.raises(StreamError) as caught:
        await desk.push(event(tracked="8"))
    assert caught.value.code == "busy"


# --- kills ------------------------------------------------------------------------------------------------


async def test_what_was_held_is_emitted_after_a_kill(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.push(event("AB12CDF", 0.5, images={"patch": JPEG}))
    await desk.push(event(confidence=0.9, ago_s=-1))
    desk.flush()
    assert desk.seen.position == 0  # it does not pass what must be learnt again
    desk = await desk.reborn()
    desk.clock.at_us += HOLD_US
    await desk.due()
    assert desk.rows == [("c0", "AB12CDE")]
    assert marks_of(desk.reads[0]) == ["text-changed", "unfinished"]
    assert desk.reads[0].patch[0] is not None
    desk.flush()
    desk = await desk.reborn()
    assert (await desk.push(event(ago_s=-3, final=True))).repeated == 1
    answer = await desk.push(event("CD34EFG", ago_s=-3, final=True))
    assert [code for _, code, _ in answer.quarantined] == ["text-changed-late"]
    assert len(desk.rows) == 1
    desk.clock.at_us += SAME_US + MINUTE_US
    await desk.due()
    desk.flush()
    assert desk.seen.position == len(desk.stream.messages)
    await desk.end()


plates = st.sampled_from(["AB12CDE", "AB12CDF"])
steps = st.one_of(
    st.tuples(st.just("event"), st.sampled_from("78"), plates, st.sampled_from([0.2, 0.9]), st.booleans()),
    st.tuples(st.just("later"), st.sampled_from([100_000, SECOND_US, 2 * SECOND_US])),
    st.sampled_from([("due",), ("flush",), ("store",), ("kill",), ("full",)]),
)
EVENT = ("event", "7", "AB12CDE", 0.9, False)
LOST = ("event", "7", "AB12CDF", 0.2, True)


@settings(max_examples=80)
@given(st.lists(steps, max_size=25))
@example(
    [
        EVENT,
        ("store",),
        ("kill",),
        ("later", 2 * SECOND_US),
        ("later", 2 * SECOND_US),
        ("due",),
        ("kill",),
        LOST,
    ]
)
@example([EVENT, ("store",), LOST, ("kill",), LOST])
@example([EVENT, ("store",), LOST, ("full",), ("store",), ("due",), LOST])
def test_killed_at_any_point_a_vehicle_is_one_read(happenings: list[tuple[Any, ...]]) -> None:
    """Each vehicle of which a message was answered 2xx is stored exactly once in the end."""

    async def scene(folder: Path) -> None:
        desk = Desk(folder)
        under_way: list[tuple[str, asyncio.Task[Any]]] = []
        answered: set[str] = set()
        tried: set[str] = set()
        captured_us = 0

        async def turn(*, store: int) -> None:
            for _ in range(30):
                await asyncio.sleep(0)
                desk.writer.store(store)
                desk.writer.acknowledge(store)
            for name, task in list(under_way):
                if task.done():
                    under_way.remove((name, task))
                    if task.cancelled() or task.exception() is not None:
                        assert task.cancelled() or isinstance(task.exception(), StreamError)
                    elif name:
                        answered.add(name)

        for step in happenings:
            match step:
                case ("event", tracked, plate, confidence, final):
                    captured_us += 1
                    observation = event(
                        plate,
                        confidence,
                        tracked=tracked,
                        final=final,
                        captured_at=to_datetime(NOW_US + captured_us),
                    )
                    tried.add(tracked)
                    under_way.append((tracked, asyncio.create_task(desk.pushes.take("tfl", (observation,)))))
                case ("later", by_us):
                    desk.clock.at_us += by_us
                case ("due",):
                    under_way.append(("", asyncio.create_task(desk.pushes.emit_due())))
                case ("flush",):
                    desk.flush()
                case ("store",):
                    await turn(store=9)
                case ("full",):
                    await turn(store=0)
                    await desk.refuse()
                case ("kill",):
                    desk.writer.store(1)
                    for _, task in under_way:
                        task.cancel()
                    await asyncio.gather(*(task for _, task in under_way), return_exceptions=True)
                    under_way.clear()
                    desk = await desk.reborn()
            await turn(store=0)
        while under_way:
            await turn(store=9)
        desk.clock.at_us += HOLD_US
        await desk.due()
        # Plates do not tell the vehicles apart; what is marked emitted does.
        emitted = [(one.tracked, one.first_us) for message in desk.messages for one in message.emitted]
        assert len(emitted) == len(set(emitted))
        names = {tracked for tracked, _ in emitted}
        assert answered <= names <= tried
        # Nobody waited a minute: each id is one vehicle, and one read.
        assert len(emitted) == len(names) == len(desk.rows)
        accepted = sum(sum(message.intake.accepted.values()) for message in desk.messages)
        assert accepted == len(desk.rows)
        await desk.end()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scene(Path(folder)))
