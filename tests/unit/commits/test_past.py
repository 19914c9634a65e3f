"""The state as of a past moment is the state that there was."""

from __future__ import annotations

import random

import msgspec
import pytest

from tests.vectors import make_documents as documents
from tests.worlds import World, begin, make_world
from wicketgate.base.clock import DAY_US
from wicketgate.base.errors import InputError
from wicketgate.commits.past import rewind
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.transactions import CameraSet
from wicketgate.regime.admitted import Admitted

START = "2026-07-08T12:00:00Z"


def kept(state: State) -> tuple[bytes, bytes]:
    """Return what a rewound state must have in common with the one that there was."""
    return msgspec.msgpack.encode(state.regime), msgspec.msgpack.encode(state.cameras)


def watched(seed: int) -> tuple[World, list[tuple[int, int, tuple[bytes, bytes]]]]:
    """Return a world, and after each of its commits the number of entries, the time, and what was kept."""
    seen: list[tuple[int, int, tuple[bytes, bytes]]] = []
    world = make_world(seed, lambda now: seen.append((now.state.entries, now.at_us, kept(now.state))))
    return world, seen


@pytest.mark.parametrize("first", range(0, 60, 15))
def test_every_moment_of_any_world_is_found_again(first: int) -> None:
    for seed in range(first, first + 15):
        world, seen = watched(seed)
        stored = load_state(dump_state(world.state))
        last_at = {at_us: held for _, at_us, held in seen}
        for entries, at_us, held in seen:
            past = rewind(stored, world.parsed, entries=entries)
            assert kept(past) == held, (seed, entries)
            assert past.at_us == at_us
            assert kept(rewind(stored, world.parsed, until_us=at_us)) == last_at[at_us], (seed, at_us)
        assert kept(rewind(stored, world.parsed)) == kept(world.state)
        assert kept(world.state) == seen[-1][2]


def test_a_time_between_two_commits_is_that_after_the_first() -> None:
    world = begin(random.Random(1), START)
    world.register("tfl", [CameraSet(id="c0")])
    began_us = world.at_us
    world.at_us += DAY_US
    world.register("tfl", [])
    assert [camera.active for camera in rewind(world.state, world.parsed, until_us=began_us + 5).cameras] == [
        True
    ]
    assert [camera.active for camera in rewind(world.state, world.parsed, until_us=world.at_us).cameras] == [
        False
    ]


def test_a_camera_that_is_registered_again_as_it_was_makes_no_history() -> None:
    world = begin(random.Random(1), START)
    for groups in (("a",), ("a",), ("b",), ("b",)):
        world.register("tfl", [CameraSet(id="c0", groups=groups), CameraSet(id="c1")])
    assert [(change.number, change.camera.groups) for change in world.state.camera_log] == [
        (0, ("a",)),
        (1, ()),
        (0, ("b",)),
    ]


def test_what_a_charter_stopped_is_stopped_from_then_until_it_was_resumed() -> None:
    world = begin(random.Random(1), START)
    for name in ("one", "other"):
        world.take(documents.changed(documents.example("authority"), documents.put("authority.name", name)))
    world.at_us += 1
    before = world.state.entries
    charter = documents.changed(documents.example("charter"), documents.put("charter.version", 2))
    world.take_unseen(charter, Admitted(stops=("one",)))
    after = world.state.entries
    world.act("resumption", "one", suspension="charter-2")
    assert rewind(world.state, world.parsed, entries=before).authorities["one"].suspensions == {}
    stopped = rewind(world.state, world.parsed, entries=after).authorities
    assert (list(stopped["one"].suspensions), stopped["other"].suspensions) == (["charter-2"], {})
    assert rewind(world.state, world.parsed).authorities["one"].suspensions == {}
    assert kept(rewind(world.state, world.parsed)) == kept(world.state)


def test_before_the_charter_there_is_nothing() -> None:
    world = begin(random.Random(1), START)
    for moment in ({"entries": 0}, {"until_us": world.at_us - 1}):
        with pytest.raises(InputError) as refused:
            rewind(world.state, world.parsed, **moment)
        assert refused.value.code == "unknown-moment"


def test_cameras_without_a_history_are_not_made_up() -> None:
    world: World = begin(random.Random(1), START)
    world.register("tfl", [CameraSet(id="c0"), CameraSet(id="c1")])
    del world.state.camera_log[0]
    with pytest.raises(InputError) as refused:
        rewind(world.state, world.parsed)
    assert refused.value.code == "unknown-moment"
