"""Observations of followed vehicles that come together: each becomes what it would have become alone, in its turn."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.push_desk import JPEG, Desk, seen
from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import StreamError
from wicketgate.reads.observations import Observation
from wicketgate.reads.pushes import CheckingPushes, FollowedSighting
from wicketgate.reads.takers import PostAnswer


class Gathering(CheckingPushes):
    """Checks observations as a front does, and keeps them."""

    sightings: list[FollowedSighting]

    async def _take_sighting(self, source: str, sighting: FollowedSighting) -> PostAnswer:
        self.sightings.append(sighting)
        return PostAnswer(accepted=0, repeated=0, quarantined=())


async def checked_of(desk: Desk, observations: list[Observation]) -> list[FollowedSighting]:
    """Return observations as a front hands them over."""
    gathering = Gathering(desk.cameras, desk.intake, desk.joining, desk.clock, desk.pushes._limits)
    gathering.sightings = []
    for one in observations:
        await gathering.take("tfl", (one,))
    return gathering.sightings


def some(chance: random.Random, count: int, *, images_of: float = 0.0) -> list[Observation]:
    """Return observations of a few vehicles, in the order in which their devices say them."""
    found = []
    for n in range(count):
        tracked = chance.choice("abcd")
        text = chance.choice(["AB12CDE", "AB12CDE", "AB12CDF", "!!"])
        images = {"patch": chance.choice([JPEG + bytes([n]), b"junk"])} if chance.random() < images_of else {}
        found.append(
            seen(
                f"{text[:-1]}{tracked.upper()}" if text != "!!" else text,
                confidence=chance.choice([None, 0.5, 0.9]),
                tracked=tracked,
                # What is refused of a last message is stored before the vehicle's read is: others may come between.
                final=chance.random() < 0.3 and (text != "!!" or images_of > 0),
                ago_s=chance.choice([0.0, -0.5, 1.0]),
                images=images,
            )
        )
    return found


def _summary(desk: Desk) -> tuple[object, ...]:
    emitted = [(one.tracked, one.plate) for message in desk.messages for one in message.emitted]
    held = sorted(
        (one.tracked, one.plate, one.captured_us) for message in desk.messages for one in message.held
    )
    return sorted(desk.rows), sorted(desk.codes), sorted(emitted), held


@pytest.mark.parametrize("seed", range(25))
async def test_together_they_become_what_each_becomes_alone(tmp_path: Path, seed: int) -> None:
    observations = some(random.Random(seed), 14)
    alone, together = Desk(tmp_path / "a"), Desk(tmp_path / "b")
    one_by_one: list[PostAnswer | BaseException] = []
    for sighting in await checked_of(alone, observations):
        one_by_one += await alone.done(alone.pushes.take_followed("tfl", [sighting]))
    sightings = await checked_of(together, observations)
    at_once = await together.done(together.pushes.take_followed("tfl", sightings))
    assert len(at_once) == len(one_by_one) == len(observations)
    assert not [one for one in (*at_once, *one_by_one) if isinstance(one, BaseException)]
    assert at_once == one_by_one
    assert _summary(together) == _summary(alone)
    assert not together.pushes._coming
    assert len(together.stream.messages) < len(alone.stream.messages)
    await alone.end()
    await together.end()


@pytest.mark.parametrize("seed", range(10))
async def test_each_vehicle_is_emitted_once_whatever_has_to_wait(tmp_path: Path, seed: int) -> None:
    """Behind one with an image, which is stored first, wait those of the same vehicle alone."""
    desk = Desk(tmp_path)
    sightings = await checked_of(desk, some(random.Random(seed), 20, images_of=0.4))
    answers = await desk.done(desk.pushes.take_followed("tfl", sightings))
    assert all(isinstance(one, PostAnswer) for one in answers)
    emitted = [(one.tracked, one.first_us) for message in desk.messages for one in message.emitted]
    assert len(emitted) == len(set(emitted))
    told = [one for one in answers if isinstance(one, PostAnswer)]
    assert sum(one.accepted for one in told) == len(desk.rows)
    assert sum(len(one.quarantined) + len(one.images) for one in told) == len(desk.codes)
    assert sum(one.held for one in told) == sum(len(message.held) for message in desk.messages)
    assert not desk.pushes._coming
    await desk.end()


async def test_a_vehicle_whose_read_could_not_be_stored_is_held_still(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    sightings = await checked_of(
        desk, [seen(tracked="a", final=False), seen("CD34EFG", tracked="b", final=True)]
    )
    taking = asyncio.create_task(desk.pushes.take_followed("tfl", sightings))
    while not desk.writer.waiting:
        await asyncio.sleep(0)
    await desk.refuse()
    assert [type(one) for one in await taking] == [StreamError, StreamError]
    desk.clock.at_us += SECOND_US
    again = await desk.done(desk.pushes.take_followed("tfl", sightings))
    assert [(one.held, one.accepted) for one in again if isinstance(one, PostAnswer)] == [(1, 0), (0, 1)]
    assert desk.rows == [("c0", "CD34EFG")]
    await desk.end()
