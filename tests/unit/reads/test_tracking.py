"""Followed vehicles: which message is of which, what is chosen, when it is due, what must be learnt again."""

from __future__ import annotations

from math import nan

import pytest

from wicketgate.base.clock import SECOND_US
from wicketgate.reads.tracking import HOLD_US, KNOWN_US, SAME_US, HeldSighting, Vehicles

AT_US = 1_000_000 * SECOND_US


def held(
    plate: str = "AB12CDE",
    confidence: float = 0.5,
    *,
    at_us: int = AT_US,
    first_us: int = AT_US,
    tracked: str = "7",
    patch: str | None = None,
    marks: tuple[str, ...] = (),
) -> HeldSighting:
    return HeldSighting(
        source="tfl",
        camera_id="c0",
        tracked=tracked,
        first_us=first_us,
        received_us=at_us,
        camera=0,
        captured_us=at_us,
        plate=plate,
        confidence=confidence,
        patch=patch,
        marks=marks,
    )


@pytest.mark.parametrize(
    ("observed", "chosen"),
    [
        ([("A1", 0.5), ("B1", 0.6)], 1),
        ([("A1", 0.6), ("B1", 0.5)], 0),
        ([("A1", 0.5), ("B1", 0.5)], 1),
        ([("A1", nan), ("B1", 0.0)], 1),
        ([("A1", 0.0), ("B1", nan)], 0),
        ([("A1", nan), ("B1", nan)], 1),
        ([("A1", 0.9), ("B1", 0.2), ("A1", 0.9)], 2),
    ],
)
def test_the_surest_is_chosen_and_of_equals_the_latest(
    observed: list[tuple[str, float]], chosen: int
) -> None:
    vehicles = Vehicles()
    for n, (plate, confidence) in enumerate(observed):
        vehicle = vehicles.hold(held(plate, confidence, at_us=AT_US + n))
    best = vehicle.chosen(unfinished=False)
    assert (best.plate, best.captured_us) == (observed[chosen][0], AT_US + chosen)
    assert best.marks == ("text-changed",)
    assert vehicle.chosen(unfinished=True).marks == ("text-changed", "unfinished")


def test_one_text_is_no_change_and_marks_are_those_of_the_chosen() -> None:
    vehicles = Vehicles()
    vehicles.hold(held(confidence=0.1, marks=("retransmitted",)))
    vehicle = vehicles.hold(held(confidence=0.9, marks=("clock-zone-suspect",)))
    assert vehicle.chosen(unfinished=False).marks == ("clock-zone-suspect",)


def test_an_image_of_the_vehicle_where_the_chosen_has_none() -> None:
    vehicles = Vehicles()
    vehicles.hold(held(confidence=0.1, patch="one"))
    vehicle = vehicles.hold(held(confidence=0.9))
    assert vehicle.chosen(unfinished=False).patch == "one"
    vehicles.hold(held(confidence=0.2, patch="two"))
    assert vehicle.chosen(unfinished=False).patch == "two"
    vehicles.hold(held(confidence=0.95, patch="own"))
    vehicles.hold(held(confidence=0.2, patch="three"))
    assert vehicle.chosen(unfinished=False).patch == "own"


def test_which_message_is_of_the_same_vehicle() -> None:
    vehicles = Vehicles()
    vehicle = vehicles.hold(held())
    assert vehicles.find("tfl", "c0", "7", AT_US + SAME_US, AT_US - SAME_US) is vehicle
    assert vehicles.find("tfl", "c0", "7", AT_US + SAME_US + 1, AT_US) is None
    assert vehicles.find("tfl", "c0", "7", AT_US, AT_US + SAME_US + 1) is None
    for source, camera, tracked in (("x", "c0", "7"), ("tfl", "c1", "7"), ("tfl", "c0", "8")):
        assert vehicles.find(source, camera, tracked, AT_US, AT_US) is None
    assert vehicles.current("tfl", "c0", "7", AT_US + SAME_US) is vehicle
    assert vehicles.current("tfl", "c0", "7", AT_US + SAME_US + 1) is None
    assert vehicles.begin("tfl", "c0", "7", AT_US) == AT_US + 1


def test_when_a_vehicle_is_due() -> None:
    vehicles = Vehicles()
    first = vehicles.hold(held())
    assert vehicles.due(AT_US + HOLD_US - 1) == []
    assert vehicles.due(AT_US + HOLD_US) == [first]
    second = vehicles.hold(held(first_us=AT_US + 1))
    assert vehicles.due(AT_US + 1) == [first]  # another vehicle has its id now
    first.state = "ending"
    assert vehicles.due(AT_US + HOLD_US + 1) == [second]
    vehicles.reopen(first)
    assert vehicles.due(AT_US + HOLD_US + 1) == [first, second]


def test_what_must_be_learnt_again() -> None:
    vehicles = Vehicles()
    assert vehicles.needed_from is None
    one, other = held(), held(tracked="8")
    for observation in (one, other):
        vehicles.hold(observation)
    assert vehicles.needed_from is None  # nothing of it is durable
    vehicles.stored([one], [], 5)
    vehicles.stored([other], [], 6)
    vehicles.stored([one], [], 7)
    assert vehicles.needed_from == 5
    vehicle = vehicles.find("tfl", "c0", "7", AT_US, AT_US)
    assert vehicle is not None
    vehicles.stored([], [vehicle.emitted()], 9)
    assert vehicles.is_over(vehicle)
    assert vehicles.needed_from == 6
    vehicles.reopen(vehicle)
    assert vehicles.is_over(vehicle)
    vehicles.forget(AT_US + SAME_US)
    assert len(vehicles) == 2
    vehicles.forget(AT_US + SAME_US + 1)
    assert len(vehicles) == 1  # what is held is never forgotten
    assert vehicles.needed_from == 6


def test_what_is_learnt_is_what_there_was() -> None:
    lived = Vehicles()
    observations = [held("A1", 0.2), held("B1", 0.9, at_us=AT_US + 5), held("C1", tracked="8")]
    for n, observation in enumerate(observations):
        lived.hold(observation)
        lived.stored([observation], [], n + 1)
    vehicle = lived.find("tfl", "c0", "7", AT_US, AT_US)
    assert vehicle is not None
    emitted = vehicle.emitted()
    lived.stored([], [emitted], 4)
    learnt = Vehicles()
    for n, observation in enumerate(observations):
        learnt.learn([observation], [], n + 1)
    learnt.learn([], [emitted], 4)
    assert learnt == lived
    late = Vehicles()
    late.learn([], [emitted], 4)  # its observations lie before what is learnt
    found = late.find("tfl", "c0", "7", AT_US, AT_US)
    assert found is not None
    assert late.is_over(found)
    assert found.best.plate == "B1"
    assert late.needed_from == 4


def test_what_is_heard_of_again_is_forgotten_later() -> None:
    vehicles = Vehicles()
    for n in range(3):
        vehicle = vehicles.hold(held(tracked=f"{n}"))
        vehicles.stored([], [vehicle.emitted()], n + 1)
    first = vehicles.find("tfl", "c0", "0", AT_US, AT_US)
    assert first is not None
    vehicles.touch(first, AT_US + SAME_US)
    vehicles.forget(AT_US + SAME_US + 1)
    assert len(vehicles) == 1
    assert vehicles.find("tfl", "c0", "0", AT_US + SAME_US + 1, AT_US) is first
    vehicles.forget(AT_US + 2 * SAME_US + 1)
    assert vehicles == Vehicles()


def test_an_observation_of_what_was_emitted_changes_nothing() -> None:
    vehicles = Vehicles()
    vehicle = vehicles.hold(held())
    vehicles.stored([], [vehicle.emitted()], 1)
    assert vehicles.hold(held("OTHER1", 1.0)) is vehicle
    assert vehicle.best.plate == "AB12CDE"
    assert (vehicles.held, len(vehicles)) == (0, 1)


def test_a_vehicle_that_is_told_of_for_ever_is_forgotten() -> None:
    """What it rests on would never end."""
    vehicles = Vehicles()
    vehicle = vehicles.hold(held())
    vehicles.stored([held()], [vehicle.emitted()], 7)
    at_us = vehicle.best.first_us
    while vehicles.needed_from is not None:
        at_us += SAME_US // 2
        assert at_us - vehicle.best.first_us <= KNOWN_US + SAME_US
        vehicles.touch(vehicle, at_us)
        vehicles.forget(at_us)
    assert len(vehicles) == 0
