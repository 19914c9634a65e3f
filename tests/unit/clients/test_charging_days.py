"""A charging folder's days: rows that were wrong, came again or late, roads through, waivers, kills."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import charging_oracle as oracle
from tests.charging_feed import SCHEMES, ChargingFolder, MadeFeed, groups_of, read_of
from wicketgate.base.clock import from_datetime
from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.clients.charging.days import mark_issued, passages_of, release_day
from wicketgate.clients.charging.figures import shown_figures
from wicketgate.clients.charging.payers import NoPayers
from wicketgate.clients.charging.program import open_place
from wicketgate.clients.charging.proofs import proved_rows
from wicketgate.clients.charging.published import parse_cameras
from wicketgate.clients.charging.settlement import Settlement, SettlementTally, explained
from wicketgate.clients.charging.store import change, open_store, touch
from wicketgate.clients.charging.taking import RowTaker
from wicketgate.clients.charging.terms import ChargingTerms
from wicketgate.ledger.merkle import leaf_hash, verify_inclusion
from wicketgate.regime.documents.waiver import Waiver

LONDON = ChargingTerms(versions=(SCHEMES["scheme"],))
BRIDGE = ChargingTerms(versions=(SCHEMES["bridge"],))
CAMERAS = ("c0", "c1", "c2", "g0", "g1")
PLATE, DAY = "LB07SEE", date(2026, 9, 1)
OVER, CLOSED = DAY + timedelta(days=7), DAY + timedelta(days=29)


def at(hour: int, minute: int = 0, second: int = 0, day: date = DAY):
    return oracle.midnight(day, oracle.LONDON) + timedelta(hours=hour, minutes=minute, seconds=second)


def seen(hour: int, camera: str, sure: int = 95, *, minute: int = 0, second: int = 0, **more):
    return {"read": read_of(PLATE, at(hour, minute, second), camera, sure), **more}


def settle(folder: ChargingFolder, day: date, at_once: int = 100) -> SettlementTally:
    at_us = from_datetime(oracle.midnight(day, oracle.LONDON))
    return Settlement(folder.connection, folder.terms, NoPayers(), at_us).run(at_once=at_once)


def made(
    base: Path, *batches: Sequence[dict], terms: ChargingTerms = LONDON
) -> tuple[ChargingFolder, MadeFeed]:
    feed = MadeFeed()
    for one in batches:
        feed.add(one)
    folder = ChargingFolder(base / "charging", terms, CAMERAS)
    folder.take(feed)
    return folder, feed


def kept(folder: ChargingFolder):
    return passages_of(folder.connection, DAY.toordinal(), PLATE)


def counts(folder: ChargingFolder, table: str) -> int:
    [(count,)] = folder.connection.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608
    return int(count)


def wrong(seq: int, ground: str = "misread", **more) -> dict:
    return {"erratum": {"seq": seq, "ground": ground, **more}}


def test_the_two_best_rows_are_kept_with_their_ways_and_the_others_dropped(tmp_path: Path) -> None:
    folder, _ = made(
        tmp_path,
        [seen(8, "c0", 91), seen(9, "c0", 97), seen(10, "c1", 80)],
        [seen(11, "c2", 92), seen(12, "c1", 96), seen(13, "c0", 99), seen(14, "c1", 90)],
    )
    [(zone, passage)] = kept(folder)
    assert (zone, passage.reads, [one.seq for one in passage.best]) == ("centre", 7, [6, 5])
    assert counts(folder, "evidence") == 2
    for one in proved_rows(folder.connection, [6, 5]):
        path = [bytes.fromhex(node) for node in one.path]
        root = bytes.fromhex(one.header["root"])
        assert verify_inclusion(leaf_hash(one.row.encode()), one.index, one.header["rows"], path, root)
        assert "sha256" not in one.header
    assert [json.loads(one.row)["seq"] for one in proved_rows(folder.connection, [6, 5, 4])] == [6, 5]


def test_what_is_outside_the_hours_or_the_zones_is_dropped_at_once(tmp_path: Path) -> None:
    folder, _ = made(
        tmp_path,
        [
            seen(6, "c0", minute=59, second=59),
            seen(18, "c1"),
            seen(9, "elsewhere"),
            {"read": {"source": "tfl", "camera": "c0"}},
        ],
        [{"erased": "00" * 32}],
    )
    assert not kept(folder)
    assert counts(folder, "evidence") == counts(folder, "days") == 0
    found = dict(folder.connection.execute("SELECT name, count FROM figures"))
    assert found == {"rows": 5, "outside-hours": 2, "elsewhere": 1, "no-plate": 1, "erased": 1}


def test_a_row_with_a_later_image_is_no_new_read_unless_it_is(tmp_path: Path) -> None:
    folder, _ = made(tmp_path, [seen(9, "c0")], [seen(9, "c0", again=True), seen(11, "c1", again=True)])
    [(_, passage)] = kept(folder)
    assert passage.reads == 2
    assert [one.seq for one in passage.best] == [1, 3]


@pytest.mark.parametrize(
    ("corrected", "outcome"),
    [
        ([], {"penalty": 1}),
        ([2], {"review": 1}),
        ([1], {"review": 1}),
        ([1, 2], {"nothing": 1}),
        ([4], {"penalty": 1}),
    ],
)
def test_a_row_that_was_wrong_holds_nobody(
    tmp_path: Path, corrected: list[int], outcome: dict[str, int]
) -> None:
    reads = [seen(8, "c0", 99), seen(17, "c1", 98), seen(9, "c2", 90), seen(10, "c2", 90)]
    folder, _ = made(tmp_path, reads, *([wrong(seq)] for seq in corrected))
    assert settle(folder, OVER).outcomes == outcome


def test_a_row_that_is_found_to_be_wrong_after_the_day_was_settled_holds_nobody(tmp_path: Path) -> None:
    folder, feed = made(tmp_path, [seen(8, "c0"), seen(9, "c1")])
    assert settle(folder, OVER).outcomes == {"penalty": 1}
    feed.add([wrong(1)])
    folder.take(feed)
    assert settle(folder, OVER).outcomes == {"review": 1}
    feed.add([wrong(2)])
    folder.take(feed)
    assert settle(folder, OVER).outcomes == {"nothing": 1}
    assert counts(folder, "passages") == counts(folder, "evidence") == counts(folder, "held") == 0


def test_a_misread_with_its_right_plate_is_a_read_of_that(tmp_path: Path) -> None:
    right = {**read_of("LB07SEF", at(8), "c0", 95), "confidence": None}
    folder, _ = made(tmp_path, [seen(8, "c0")], [wrong(1, read=right)])
    assert settle(folder, OVER).outcomes == {"nothing": 1, "review": 1}
    [(plate,)] = folder.connection.execute("SELECT plate FROM held").fetchall()
    assert plate == "LB07SEF"


def test_a_road_through_the_zone_is_charged_by_nobody_and_a_lost_read_is_looked_at(tmp_path: Path) -> None:
    whole, _ = made(tmp_path / "a", [seen(8, "g0"), seen(8, "g1", minute=15)])
    assert settle(whole, OVER).outcomes == {"nothing": 1}
    assert counts(whole, "gates") == counts(whole, "evidence") == 0
    lost, feed = made(tmp_path / "b", [seen(8, "g0")])
    assert settle(lost, OVER).outcomes == {"review": 1}
    assert counts(lost, "gates") == 1
    feed.add([seen(8, "g1", minute=19)])
    lost.take(feed)
    assert settle(lost, OVER).outcomes == {"nothing": 1}
    night, _ = made(tmp_path / "c", [seen(3, "g0"), seen(6, "g0", minute=50)])
    assert settle(night, OVER).outcomes == {"nothing": 1}
    closed, _ = made(tmp_path / "d", [seen(8, "g0")])
    assert settle(closed, CLOSED).outcomes == {"closed": 1}


def waiver(**more) -> Waiver:
    known = {
        "id": "w-1",
        "scheme": "london-congestion",
        "at_us": 0,
        "reason": "A diversion.",
        "from_us": from_datetime(at(7)),
        "until_us": from_datetime(at(12)),
        "zones": None,
        "percent": 100,
        "extra_days": 0,
        "document": {},
    }
    return Waiver(**{**known, **more})  # type: ignore[arg-type]


def test_a_waiver_that_comes_later_ends_what_is_held(tmp_path: Path) -> None:
    folder, _ = made(tmp_path, [seen(8, "c0"), seen(9, "c1")])
    assert settle(folder, OVER).outcomes == {"penalty": 1}
    folder.terms = replace(LONDON, waivers=(waiver(),))
    assert settle(folder, OVER).outcomes == {"nothing": 1}
    assert settle(folder, OVER).outcomes == {}


def test_a_waiver_of_time_holds_a_day_open_until_it_is_over(tmp_path: Path) -> None:
    folder, _ = made(tmp_path, [seen(8, "c0"), seen(9, "c1")])
    folder.terms = replace(LONDON, waivers=(waiver(percent=0, extra_days=5),))
    assert settle(folder, OVER).outcomes == {"open": 1}
    assert settle(folder, OVER).outcomes == {}
    assert settle(folder, OVER + timedelta(days=3)).outcomes == {"penalty": 1}


def test_a_read_that_comes_late_joins_its_day(tmp_path: Path) -> None:
    folder, feed = made(tmp_path, [seen(8, "c0")])
    assert settle(folder, OVER).outcomes == {"review": 1}
    feed.add([seen(9, "c1")])
    folder.take(feed)
    assert settle(folder, OVER).outcomes == {"penalty": 1}
    assert settle(folder, CLOSED).outcomes == {"closed": 1}
    feed.add([seen(10, "c1")])
    folder.take(feed)
    assert settle(folder, CLOSED).outcomes == {"closed": 1}
    assert folder.dump() == []


def test_what_was_issued_is_kept_until_it_is_released(tmp_path: Path) -> None:
    folder, _ = made(tmp_path, [seen(8, "c0"), seen(9, "c1")])
    settle(folder, OVER)
    with change(folder.connection):
        mark_issued(folder.connection, DAY, PLATE)
        touch(folder.connection, DAY, PLATE)
    assert settle(folder, CLOSED).outcomes == {}
    assert len(kept(folder)) == 1
    with change(folder.connection):
        release_day(folder.connection, DAY, PLATE)
    assert folder.dump() == []


def test_a_kill_between_two_portions_changes_nothing_of_what_days_come_to(tmp_path: Path) -> None:
    feed = MadeFeed()
    for number in range(30):
        cameras = ("c0", "c1")[: 1 + number % 2]
        feed.add([{"read": read_of(f"LB{number:02}SEE", at(8), camera, 95)} for camera in cameras])
    whole = ChargingFolder(tmp_path / "whole", LONDON, CAMERAS)
    whole.take(feed)
    settle(whole, OVER)
    killed = ChargingFolder(tmp_path / "killed", LONDON, CAMERAS)
    killed.take(feed)
    copies: list[Path] = []

    def copy() -> None:
        copies.append(tmp_path / f"copy-{len(copies)}")
        shutil.copytree(killed.folder, copies[-1])

    at_us = from_datetime(oracle.midnight(OVER, oracle.LONDON))
    Settlement(killed.connection, LONDON, NoPayers(), at_us).run(at_once=7, pause=copy)
    assert len(copies) > 3
    for path in copies:
        left = ChargingFolder(path, LONDON, CAMERAS)
        settle(left, OVER, at_once=4)
        assert left.dump() == killed.dump() == whole.dump()
        left.connection.close()


def test_the_same_answer_in_full_is_reduced_with_the_next(tmp_path: Path) -> None:
    feed = MadeFeed()
    for number in range(201):
        feed.add([seen(8 + number % 9, f"c{number % 3}", minute=number % 60)])
    folder = ChargingFolder(tmp_path, LONDON, CAMERAS)
    folder.sink.write(feed.received[:200])
    assert folder.sink.last is None
    folder.sink.write(feed.received[200:])
    assert folder.sink.last is not None
    assert folder.sink.last.batch == 201
    assert sum(passage.reads for _, passage in kept(folder)) == 201


def test_headers_of_batches_go_when_they_are_proved_and_nothing_is_proved_by_them(tmp_path: Path) -> None:
    folder, feed = made(
        tmp_path, [seen(8, "c0", 90)], [seen(8, "c0", 95, minute=1)], [seen(8, "c1", 99, minute=2)]
    )
    assert [one["batch"] for one in folder.sink.unproved] == [1, 2, 3]
    folder.sink.note([feed.received[2].batch.header], b"checkpoint")
    folder.sink.close()
    assert [one["batch"] for one in folder.sink.unproved] == [3]
    assert [number for (number,) in folder.connection.execute("SELECT number FROM batches")] == [2, 3]
    settle(folder, CLOSED)
    assert [number for (number,) in folder.connection.execute("SELECT number FROM batches")] == [3]


def test_a_crossing_before_and_after_midnight_is_of_the_day_of_its_first_read(tmp_path: Path) -> None:
    folder, feed = made(tmp_path, [{"read": read_of(PLATE, at(24, 0, 5), "c0", 95)}], terms=BRIDGE)
    assert not kept(folder)
    feed.add([{"read": read_of(PLATE, at(23, 59, 50), "c0", 99)}])
    folder.take(feed)
    [(_, passage)] = kept(folder)
    assert passage.reads == 2
    assert passages_of(folder.connection, DAY.toordinal() + 1, PLATE) == []


def test_a_day_is_explained_rule_by_rule(tmp_path: Path) -> None:
    folder, _ = made(tmp_path, [seen(8, "c0"), seen(9, "c1"), seen(10, "c1", 91)])
    settled, rules = explained(folder.connection, LONDON, NoPayers(), PLATE, DAY, from_datetime(at(20)))
    assert settled.owed == 1800
    assert [one.rule for one in rules] == [
        *("scheme", "hours", "kept", "class", "tariff", "once-a-day"),
        *("window", "window", "paid-in-time", "open"),
    ]
    words = " ".join(one.words for one in rules)
    assert "3 reads; kept 08:00:00 by tfl/c0 at 95 %, 09:00:00 by tfl/c1 at 95 %; dropped 1." in words
    assert "2026-09-01 (tue) is charged 07:00 to 18:00 (Europe/London)." in words
    settled, rules = explained(folder.connection, LONDON, NoPayers(), "LB07SEF", DAY, 0)
    assert settled.owed == 0
    assert "it was settled and forgotten" in " ".join(one.words for one in rules)


_ROW = json.dumps({"seq": 1, **seen(8, "c0")}).encode()


@given(
    st.one_of(st.binary(max_size=200), st.integers(0, len(_ROW)).map(lambda at: _ROW[:at] + b"0" + _ROW[at:]))
)
def test_whatever_a_row_is_it_is_taken_or_refused(line: bytes) -> None:
    taker = RowTaker(LONDON, groups_of(LONDON.newest, CAMERAS))
    with contextlib.suppress(InputError):
        assert taker.take([line]).counts["rows"] == 1


named = st.sampled_from(["id", "groups", "cameras"])
values = st.recursive(
    st.none() | st.text(), lambda one: st.lists(one) | st.dictionaries(named, one), max_leaves=6
)


@given(st.binary(max_size=200) | values.map(lambda one: json.dumps(one).encode()))
def test_whatever_a_list_of_cameras_is_it_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(InputError):
        assert all(len(one) == 3 for one in parse_cameras(data, "tfl"))


def test_a_list_of_cameras_says_the_groups_of_each() -> None:
    listed = b'[{"id":"c2","groups":["b","a"],"heading":3},{"id":"c1"}]'
    assert parse_cameras(listed, "tfl") == [("tfl", "c1", "[]"), ("tfl", "c2", '["a","b"]')]
    assert parse_cameras(b'{"cameras":' + listed + b"}", "tfl") == parse_cameras(listed, "tfl")


def test_what_was_not_made_is_no_charging_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no charging folder"):
        open_place(tmp_path)
    open_store(tmp_path).close()
    with pytest.raises(ConfigurationError, match="was not made to its end"):
        open_place(tmp_path)


def test_figures_say_what_came_and_what_became_of_it_and_no_camera(tmp_path: Path) -> None:
    folder, _ = made(tmp_path, [seen(8, "c0"), seen(9, "c1"), seen(5, "c0"), seen(6, "nowhere")])
    settle(folder, OVER)
    settle(folder, CLOSED)
    found = shown_figures(folder.connection)
    assert found["rows"] == {
        "received": 4,
        "reduced": 2,
        "dropped": 2,
        "outside_hours": 1,
        "outside_term": 0,
        "elsewhere": 1,
        "no_plate": 0,
        "erased": 0,
        "withdrawn": 0,
    }
    assert {name: count for name, count in found["vehicle_days"].items() if count} == {"closed": 1}
    assert found["kept"] == {"vehicle_days": 0, "evidence_rows": 0, "held": 0}
    assert found["forgotten_after_days"] == {"28": 1}
    assert "c0" not in json.dumps(found)
