"""Cameras as they are: names that differ in letters, clocks an hour off, words for no plate, vehicles that park."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.push_desk import CAMERAS, LIMITS, NOW_US, Desk, marks_of, seen
from wicketgate.base.clock import HOUR_US, MINUTE_US, SECOND_US, to_datetime
from wicketgate.base.errors import InputError
from wicketgate.commits.cameras import Camera
from wicketgate.commits.state import State
from wicketgate.commits.transactions import CameraSet
from wicketgate.reads.cameras import CameraNames, check_cameras, folded
from wicketgate.reads.checks import check
from wicketgate.reads.crowds import MOST_PASSAGES, Crowds
from wicketgate.reads.observations import Gone, Keepalive
from wicketgate.reads.parse import FEW, JSON, pieces, rows_of
from wicketgate.reads.plates import pack
from wicketgate.reads.signs import LifeSigns, SignsSeen
from wicketgate.reads.tracking import KNOWN_US, PARKED_US, SAME_US

NOW = to_datetime(NOW_US)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    yield made
    await made.end()


def registered(desk: Desk, **changed: Any) -> None:
    """Register camera `c1` with other members."""
    cameras = list(CAMERAS)
    cameras[1] = msgspec.structs.replace(cameras[1], **changed)
    desk.state = State(cameras=cameras, revision=desk.state.revision + 1)


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("00:00:5E:00:53:0A", "00:00:5e:00:53:0a"),
        ("00:00:5E:00:53:0A", "00005e00530a"),
        ("00-00-5e-00-53-0a", "0000.5e00.530a"),
        ("00:00:5E:00:53:0A-2", "00005e00530a-2"),
        ("DS-2CD GATE0001", "ds-2cd gate0001"),
        ("GATE 0001", "gate0001"),
    ],
)
def test_names_that_are_alike(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1-1", "192.0.2.11"),
        ("192.0.2.1-1", "192.0.21-1"),
        ("00:00:5E:00:53:0A-2", "00:00:5E:00:53:0A-1"),
        ("00:00:5E:00:53:0A", "00:00:5E:00:53:0A-1"),
        ("GATE-1", "GATE1"),
    ],
)
def test_names_that_are_not(one: str, other: str) -> None:
    assert folded(one) != folded(other)


def test_a_name_as_it_stands_goes_before_one_that_is_alike() -> None:
    cameras = [
        Camera(source="tfl", id="a", groups=(), active=True, aliases=("Gate 1", "SN 7")),
        Camera(source="tfl", id="b", groups=(), active=True, aliases=("GATE 1", "AB:CD:EF:00:11:22")),
        Camera(source="hackney", id="c", groups=(), active=True, aliases=("gate1",)),
    ]
    names = CameraNames(lambda: State(cameras=cameras, revision=1))
    found = {
        name: names.find("tfl", [name]) for name in ("Gate 1", "GATE 1", "gate 1", "sn7", "abcdef001122")
    }
    assert {name: None if one is None else one[1].id for name, one in found.items()} == {
        "Gate 1": "a",
        "GATE 1": "b",
        "gate 1": None,  # it could be either
        "sn7": "a",
        "abcdef001122": "b",
    }
    alike = names.find("tfl", ["gate 1", "sn7"])
    assert alike is not None
    assert alike[1].id == "a"


# --- clocks -------------------------------------------------------------------------------------------------------


async def test_an_hour_ahead_is_refused_with_the_zone_as_its_reason(desk: Desk) -> None:
    ahead = seen(cameras=("c1",), captured_at=NOW + timedelta(hours=1, seconds=3))
    ((_, code, detail),) = (await desk.push(ahead)).quarantined
    assert code == "clock-ahead"
    assert "1 h 00 min" in detail
    assert "ignore_offset" in detail
    ((_, _, other),) = (
        await desk.push(seen(cameras=("c1",), captured_at=NOW + timedelta(minutes=7)))
    ).quarantined
    assert "ignore_offset" not in other


@pytest.mark.parametrize("hours", [-5, 1, 8])
async def test_an_offset_that_is_not_believed(desk: Desk, hours: int) -> None:
    registered(desk, ignore_offset=True, zone="Europe/London")
    # On its wall the clock is right: British summer time, whatever offset it sends.
    wall = (NOW + timedelta(hours=1)).replace(tzinfo=timezone(timedelta(hours=hours)))
    assert (await desk.push(seen(cameras=("c1",), captured_at=wall))).accepted == 1
    (batch,) = desk.reads
    assert batch.captured_us.tolist() == [NOW_US]
    assert marks_of(batch) == ["clock-offset-ignored"]


def test_whose_offset_is_not_believed_has_a_zone() -> None:
    with pytest.raises(InputError):
        check_cameras([CameraSet(id="c1", ignore_offset=True)])
    check_cameras([CameraSet(id="c1", ignore_offset=True, zone="Europe/London")])


# --- words --------------------------------------------------------------------------------------------------------

WORDS = (
    *(
        "UNRECOGNISE",
        "Unknow",
        "Not Recognised",
        "no plate",
        "sin placa",
        "KEINKENNZEICHEN",
        "ohne",
        "Nicht lesbar",
    ),
    *("0000000", "XXXXXXX", "11111"),
)


@pytest.mark.parametrize("word", WORDS)
async def test_a_word_is_no_plate(desk: Desk, word: str) -> None:
    ((_, code, detail),) = (await desk.push(seen(word))).quarantined
    assert code == "plate-unreadable"
    assert word not in detail


async def test_a_word_is_a_plate_where_such_plates_are_issued(desk: Desk) -> None:
    registered(desk, words=True)
    assert (await desk.push(seen("FASTCAR", cameras=("c1",)))).accepted == 1
    assert (await desk.push(seen("FASTCAR", cameras=("c0",)))).accepted == 0


@pytest.mark.parametrize("many", [1, FEW * 2])
def test_words_of_native_reads_one_by_one_and_in_columns(many: int) -> None:
    rows = [
        {"camera": "c0", "captured_at": "2026-07-08T12:00:00Z", "plate": plate, "confidence": 0.9}
        for plate in [*WORDS, "AB12CDE", "1111", "A1"] * many
    ]
    (parsed,) = [some for piece in pieces(msgspec.json.encode(rows), JSON) for some in rows_of(piece)]
    for words in (frozenset[int](), frozenset({0})):
        checked = check(
            parsed, source="tfl", cameras={"c0": 0}.get, limits=LIMITS, now_us=NOW_US, words=words
        )
        assert {read.code for _, read in checked.quarantined} <= {"plate-unreadable"}
        if not words:
            assert list(checked.reads["plate"]) == ["AB12CDE", "1111", "A1"] * many
        else:
            assert "UNRECOGNISE" in checked.reads["plate"]


async def test_a_text_that_comes_of_many_vehicles_is_none_of_theirs(desk: Desk) -> None:
    async def passes(plate: str, n: int, **more: Any) -> list[str]:
        answer = await desk.push(seen(plate, ago_s=n, **more))
        return [code for _, code, _ in answer.quarantined]

    found = [await passes("N0PLATE1X", n) for n in range(MOST_PASSAGES + 3)]
    assert found == [[]] * MOST_PASSAGES + [["plate-unreadable"]] * 3
    assert await passes("N0PLATE1X", 0) == []  # sent again: the passage is known
    assert [await passes("AB12CDE", n) for n in range(MOST_PASSAGES + 3)] == [[]] * (MOST_PASSAGES + 3)
    of_one = [await passes("W0RD99X", n, tracked="7", final=False) for n in range(MOST_PASSAGES + 3)]
    assert of_one == [[]] * (MOST_PASSAGES + 3)
    desk.clock.at_us += MINUTE_US + SECOND_US
    assert await passes("N0PLATE1X", 30) == []
    assert {"N0PLATE1X", "AB12CDE"} <= {plate for _, plate in desk.rows}


def test_crowded_rows_are_taken_out_of_columns() -> None:
    rows = [
        {"camera": "c0", "captured_at": f"2026-07-08T11:59:{n:02d}Z", "plate": plate, "confidence": 0.9}
        for n in range(FEW * 2)
        for plate in ("N0PLATE1X", "AB12CDE")
    ]
    (parsed,) = [some for piece in pieces(msgspec.json.encode(rows), JSON) for some in rows_of(piece)]
    checked = check(parsed, source="tfl", cameras={"c0": 0}.get, limits=LIMITS, now_us=NOW_US)
    sifted = Crowds().sift("tfl", checked, NOW_US)
    plates = list(sifted.reads["plate"])
    assert (plates.count("N0PLATE1X"), plates.count("AB12CDE")) == (MOST_PASSAGES, FEW * 2)
    assert len(sifted.quarantined) == FEW * 2 - MOST_PASSAGES
    assert sifted.plate_key is not None
    assert sifted.plate_key.tolist() == [pack(plate) for plate in plates]
    assert sorted(sifted.index + [index for index, _ in sifted.quarantined]) == list(range(FEW * 4))
    assert (
        Crowds().sift("tfl", check([], source="tfl", cameras={}.get, limits=LIMITS, now_us=0), 0).index == []
    )


# --- vehicles -----------------------------------------------------------------------------------------------------


async def test_an_end_without_a_plate_ends_its_vehicle(desk: Desk) -> None:
    assert (await desk.push(seen(tracked="7", final=False, lasting=True))).held == 1
    assert (await desk.push(Gone(cameras=("c0",), tracked="7"))).accepted == 1
    (batch,) = desk.reads
    assert marks_of(batch) == []  # not `unfinished`: the device said that it has left
    assert (await desk.push(Gone(cameras=("c0",), tracked="7"))).accepted == 0
    assert (await desk.push(Gone(cameras=("c0",), tracked="8"))).accepted == 0
    assert (await desk.push(Gone(cameras=("nobody",), tracked="7"))).accepted == 0
    assert desk.rows == [("c0", "AB12CDE")]
    assert desk.pushes.signs.of("tfl", "c0").count == 3
    assert desk.pushes.signs.of("tfl", "").count == 1


@pytest.mark.parametrize("lasting", [True, False])
@pytest.mark.parametrize("parked_us", [2 * SAME_US, KNOWN_US + SECOND_US, 5 * HOUR_US])
async def test_a_parked_vehicle_is_one_read(desk: Desk, lasting: bool, parked_us: int) -> None:
    vehicle = {"tracked": "7", "final": False, "lasting": lasting}
    await desk.push(seen(**vehicle))
    desk.clock.at_us += 4 * SECOND_US
    await desk.due()
    assert desk.rows == [("c0", "AB12CDE")]
    desk.clock.at_us += parked_us
    await desk.due()
    ends = vehicle | {"final": True, "captured_at": to_datetime(desk.clock.at_us)}
    answer = await desk.push(seen(**ends))
    assert (answer.accepted, answer.repeated) == (0, 1)
    assert desk.rows == [("c0", "AB12CDE")]


async def test_a_device_that_uses_its_ids_again_has_another_vehicle(desk: Desk) -> None:
    await desk.push(seen(tracked="7"))
    desk.clock.at_us += 2 * SAME_US
    await desk.due()
    again = {"tracked": "7", "captured_at": to_datetime(desk.clock.at_us)}
    assert (await desk.push(seen("CD34EFG", **again))).accepted == 1
    desk.clock.at_us += PARKED_US + SAME_US + SECOND_US
    await desk.due()
    later = {"tracked": "7", "captured_at": to_datetime(desk.clock.at_us)}
    assert (await desk.push(seen("CD34EFG", **later))).accepted == 1


async def test_another_text_of_a_vehicle_that_parked_is_seen_by_its_source(desk: Desk) -> None:
    await desk.push(seen(tracked="7", lasting=True))
    desk.clock.at_us += 2 * SAME_US
    await desk.due()
    other = {"tracked": "7", "lasting": True, "captured_at": to_datetime(desk.clock.at_us)}
    ((_, code, _),) = (await desk.push(seen("CD34EFG", **other))).quarantined
    assert code == "text-changed-late"


async def test_over_a_kill_an_id_that_lasts_is_still_one_vehicle(desk: Desk) -> None:
    await desk.push(seen(tracked="7", lasting=True))
    desk.clock.at_us += KNOWN_US * 2
    await desk.due()
    desk.flush()
    other = await desk.reborn()
    later = {"tracked": "7", "lasting": True, "captured_at": to_datetime(other.clock.at_us)}
    answer = await other.push(seen(**later))
    assert (answer.accepted, answer.repeated) == (0, 1)
    await other.end()


# --- signs of life ------------------------------------------------------------------------------------------------


async def test_signs_of_life_are_counted_by_camera(desk: Desk) -> None:
    await desk.push(Keepalive(cameras=("sn-0",)))
    await desk.push(Keepalive(), camera="c1")
    await desk.push(Keepalive(cameras=("nobody",)), seen())
    signs = desk.pushes.signs
    assert signs.of("tfl", "c0") == SignsSeen(1, NOW_US)
    assert signs.of("tfl", "c1").count == 1
    assert signs.of("tfl", "").count == 1
    assert signs.by_source() == {"tfl": 3}


def test_signs_of_several_processes_come_together() -> None:
    front, gateway = LifeSigns(), LifeSigns()
    front.note("tfl", "c0", 5)
    front.note("tfl", "c0", 9)
    gateway.note("tfl", "c0", 7)
    gateway.add(front.taken())
    gateway.add(front.taken())
    assert gateway.of("tfl", "c0") == SignsSeen(3, 9)
    assert front.of("tfl", "c0") == SignsSeen()
