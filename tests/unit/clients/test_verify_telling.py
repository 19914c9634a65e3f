"""Each change of standing is told within ten closed seconds: a gap excuses the time that it covers, and no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import made_gateway as made
from tests.made_gateway import FEED, World
from tests.unit.clients.test_verify_unbound import take, unbound
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.clients.verify import verify_folder

put = documents.put
BY = ("tfl/data-protection",)
RESUMERS = ("tfl/data-protection", "ico/commissioner")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "log")
    made.at_us += 200_000
    made.document(documents.example("authority"))
    made.close_second()
    yield made
    made.close()


@pytest.fixture
def mute(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A gateway that tells nothing by itself."""
    monkeypatch.setattr(made.World, "tell", lambda self: None)
    return world


def close_seconds(world: World, seconds: int) -> None:
    for _ in range(seconds):
        world.close_second()


def tell(world: World) -> None:
    world._durably(world._filing.tell)


def faults(world: World) -> str:
    """Return the words of the check of documents, which alone can have failed; empty where it holds."""
    world.flush()
    wrong = {check.name: check.words for check in verify_folder(world.folder).checked if not check.ok}
    assert wrong.keys() <= {"documents"}, wrong
    return wrong.get("documents", "")


@pytest.mark.parametrize(("after_s", "known"), [(9, True), (10, True), (11, False), (95, False)])
def test_what_is_told_too_late_is_found(mute: World, after_s: int, known: bool) -> None:
    mute.document(documents.example("suspension"), BY)
    close_seconds(mute, after_s)
    tell(mute)
    close_seconds(mute, 20)
    words = faults(mute)
    assert words.endswith("" if known else f": `{FEED}` is suspended, and no entry tells so within 10 s")
    assert bool(words) is not known


@pytest.mark.parametrize("behind_s", [0, 2, 20])
def test_no_gap_excuses_what_was_due_before_it(mute: World, behind_s: int) -> None:
    mute.document(documents.example("suspension"), BY)
    close_seconds(mute, 30)
    mute.stop_and_start(3)
    close_seconds(mute, behind_s)
    assert "is suspended, and no entry tells so within 10 s" in faults(mute)


@pytest.mark.parametrize(("behind_s", "known"), [(4, True), (8, False)])
def test_a_gap_leaves_of_the_ten_seconds_what_was_left(mute: World, behind_s: int, known: bool) -> None:
    mute.document(documents.example("suspension"), BY)
    close_seconds(mute, 4)
    mute.stop_and_start(300)  # the second that it left open is closed by the start
    close_seconds(mute, behind_s)
    tell(mute)
    close_seconds(mute, 12)
    assert bool(faults(mute)) is not known


@pytest.mark.parametrize(("behind_s", "known"), [(9, True), (12, False)])
def test_what_the_clock_changed_in_a_gap_is_due_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind_s: int, known: bool
) -> None:
    world = World(tmp_path / "log")
    soon = rfc3339(world.at_us + 30 * SECOND_US)
    world.document(documents.changed(documents.example("authority"), put("authority.valid_until", soon)))
    close_seconds(world, 3)
    monkeypatch.setattr(made.World, "tell", lambda self: None)
    world.stop_and_start(300)
    close_seconds(world, behind_s)
    tell(world)
    close_seconds(world, 3)
    assert bool(faults(world)) is not known
    world.close()


def test_what_stood_otherwise_for_less_need_not_be_told(mute: World) -> None:
    for number in range(4):
        act = f"s-{number}"
        mute.document(documents.changed(documents.example("suspension"), put("suspension.id", act)), BY)
        close_seconds(mute, 8)
        resumption = documents.changed(
            documents.example("resumption"),
            put("resumption.suspension", act),
            put("resumption.id", f"r-{number}"),
        )
        mute.document(resumption, RESUMERS)
        close_seconds(mute, 8)
    assert not faults(mute)


def test_a_gateway_that_stood_still_tells_what_came_meanwhile_in_its_time(tmp_path: Path) -> None:
    """A machine that sleeps for a while closes many seconds at once when it wakes."""
    world = World(tmp_path / "log")
    soon_us = world.at_us + 12 * SECOND_US
    ends = put("authority.valid_until", rfc3339(soon_us))
    world.document(documents.changed(documents.example("authority"), ends))
    close_seconds(world, 3)
    world.at_us += 120 * SECOND_US
    world.list_cameras(140, 100)  # whatever is committed first closes them
    close_seconds(world, 3)
    assert not faults(world)
    told = [body for body in map(json.loads, world.entries) if body["kind"] == "standing"]
    assert told[-1]["changes"] == [{"authority": f"{FEED}@1", "status": "expired"}]
    assert soon_us <= parse_rfc3339(told[-1]["at"]) <= soon_us + 5 * SECOND_US
    world.close()


def test_a_log_of_0_3_is_held_to_it_at_its_end_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway of 0.3 that stood still closed all its seconds before it told anything."""
    world = World(tmp_path / "log", founding=unbound("charter"))
    take(world, unbound("authority"), documents.CT_OFFICES)
    close_seconds(world, 2)
    monkeypatch.setattr(made.World, "tell", lambda self: None)
    take(world, unbound("suspension"), BY)
    close_seconds(world, 60)
    assert "is suspended, and no entry tells so" in faults(world)
    tell(world)
    assert not faults(world)
    world.close()


def test_what_0_3_left_untold_is_counted_from_the_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path / "log", founding=unbound("charter"))
    take(world, unbound("authority"), documents.CT_OFFICES)
    close_seconds(world, 2)
    monkeypatch.setattr(made.World, "tell", lambda self: None)
    take(world, unbound("suspension"), BY)
    close_seconds(world, 30)
    world.entry(kind="operation", operation="start", documents=2, entries=2)
    close_seconds(world, 8)
    tell(world)
    close_seconds(world, 20)
    assert not faults(world)
    world.close()
