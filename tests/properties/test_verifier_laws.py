"""What the verifier works out from dates alone is what a look at each moment comes to."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.test_standing_laws import Register, events
from tests.unit.commits.test_state import NAME
from wicketgate.clients.verify.in_force import InForce
from wicketgate.clients.verify.telling import next_change
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.standing import STOPPED, in_force_from


def at(world: Register, at_us: int) -> RegimeAt:
    return RegimeAt(world.state.regime, world.parsed, at_us)


def stands(world: Register, at_us: int) -> tuple[bool, bool]:
    """Return whether a version is in force at a moment, and whether images may be fetched then."""
    if not world.named:
        return False, False
    moment = at(world, at_us)
    status = moment.current_status(world.named)[1]
    begun = any(in_force_from(one, moment.authority(one)) <= at_us for one in world.named.versions)
    return status == "in-force", begun and status not in STOPPED


@settings(max_examples=150)
@given(drawn=st.lists(events | st.just(("close",)), max_size=25))
def test_a_version_was_in_force_in_a_period_if_it_was_at_a_moment_of_it(drawn: list[tuple[Any, ...]]) -> None:
    world = Register()
    standing = InForce(world.at_us)
    seen: set[tuple[bool, bool]] = set()
    open_before = False
    for event in [*drawn, ("close",)]:
        from_us = world.at_us
        if event[0] == "close":
            found = standing.close(at(world, from_us), from_us)
            opened = any(fetchable for _, fetchable in seen)
            assert (NAME in found.live) is any(live for live, _ in seen)
            assert (NAME in found.fetchable) is (opened or open_before)
            open_before, seen = opened, set()
        elif event[0] == "wait":
            edges = world.edges()
            world.take(event)
            seen |= {stands(world, edge) for edge in edges if from_us <= edge < world.at_us}
        else:
            seen.add(stands(world, from_us))
            standing.look(at(world, from_us))
            world.take(event)


@settings(max_examples=100)
@given(drawn=st.lists(events, max_size=25))
def test_nothing_changes_by_the_clock_before_the_next_change(drawn: list[tuple[Any, ...]]) -> None:
    world = Register()
    for event in drawn:
        world.take(event)
    moment = at(world, world.at_us)
    until_us = next_change(moment)
    for edge in world.edges():
        if world.at_us <= edge < until_us:
            assert moment.at(edge).standings() == moment.standings()
