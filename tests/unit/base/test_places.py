from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wicketgate.base.limits import PlaceLimits
from wicketgate.base.places import Place, Places

LIMITS = PlaceLimits(known=6, strangers=4, strangers_of_peer=2, of_peer=4, of_source=3, of_name=1)


@dataclass(eq=False)
class Caller:
    """A connection that only says whether it was dropped."""

    dropped: int = 0

    def drop(self) -> None:
        self.dropped += 1


@dataclass
class World:
    """Places with a clock and descriptors that the test sets."""

    now_s: float = 0.0
    short: bool = False
    proxies: frozenset[str] = frozenset()
    places: Places = field(init=False)

    def __post_init__(self) -> None:
        self.places = Places(
            "HTTP",
            LIMITS,
            is_proxy=self.proxies.__contains__,
            is_short=lambda: self.short,
            now_s=lambda: self.now_s,
        )

    def enter(self, address: str = "192.0.2.1") -> tuple[Caller, Place]:
        caller = Caller()
        place = self.places.enter(caller, address)
        assert place is not None
        return caller, place


def test_a_peer_with_too_many_silent_sockets_drops_its_own() -> None:
    world = World()
    other, _ = world.enter("192.0.2.2")
    first, second, third = (world.enter()[0] for _ in range(3))
    assert [one.dropped for one in (other, first, second, third)] == [0, 1, 0, 0]
    assert world.places.strangers == 3
    assert world.places.refused == {"peer": 1}
    assert not world.places.is_short  # its own share, not everybody's


def test_among_too_many_strangers_the_one_that_waited_longest_goes_and_whoever_is_answered_goes_last() -> (
    None
):
    world = World()
    entered = [world.enter(f"192.0.2.{n}") for n in range(4)]
    world.places.work(entered[0][1])
    world.enter("192.0.2.10")
    assert [caller.dropped for caller, _ in entered] == [0, 1, 0, 0]
    world.places.rest(entered[0][1])
    world.enter("192.0.2.11")
    world.enter("192.0.2.12")
    assert [caller.dropped for caller, _ in entered] == [0, 1, 1, 1]
    assert world.places.is_short
    assert world.places.strangers == 4


def test_where_all_are_answered_the_newcomer_still_finds_a_place() -> None:
    world = World()
    entered = [world.enter(f"192.0.2.{n}") for n in range(4)]
    for _, place in entered:
        world.places.work(place)
    world.enter("192.0.2.10")
    assert [caller.dropped for caller, _ in entered] == [1, 0, 0, 0]


def test_whoever_is_known_is_never_dropped() -> None:
    world = World()
    camera, place = world.enter()
    assert world.places.know(place, "source:tfl") is None
    for n in range(20):
        world.enter(f"192.0.2.{n % 5}")
    assert camera.dropped == 0
    assert (world.places.known, world.places.strangers) == (1, 4)


def test_a_source_cannot_take_the_places_of_others_nor_a_name_those_of_a_source() -> None:
    world = World()
    addresses = [f"192.0.2.{n}" for n in range(9)]
    places = [world.enter(address)[1] for address in addresses[:3]]
    assert [world.places.know(place, "source:tfl") for place in places] == [None] * 3
    more = world.enter(addresses[3])[1]
    assert world.places.know(more, "source:tfl") == "name"
    assert more.name == ""
    assert world.places.know(more, "recipient:met/unit") is None
    again = world.enter(addresses[4])[1]
    assert world.places.know(again, "recipient:met/unit") == "name"
    assert world.places.know(again, "source:eastholm") is None
    last = [world.enter(address)[1] for address in addresses[5:7]]
    assert [world.places.know(place, "source:eastholm") for place in last] == [None, "all"]
    assert world.places.known == LIMITS.known
    assert world.places.is_short


def test_a_peer_with_many_known_connections_has_a_bound_too_and_a_proxy_has_none() -> None:
    world = World(proxies=frozenset({"192.0.2.9"}))

    def known(address: str) -> list[str | None]:
        names = ["source:a", "source:a", "source:a", "source:b", "source:b"]
        return [world.places.know(world.enter(address)[1], name) for name in names]

    assert known("192.0.2.1") == [None] * 4 + ["peer"]
    world = World(proxies=frozenset({"192.0.2.9"}))
    assert known("192.0.2.9") == [None] * 5
    entered = [world.enter("192.0.2.9")[0] for _ in range(3)]
    assert [caller.dropped for caller in entered] == [0, 0, 0]


def test_a_credential_that_is_good_no_longer_makes_a_stranger_again() -> None:
    world = World()
    caller, place = world.enter()
    world.places.know(place, "source:tfl")
    world.places.forget(place)
    assert (world.places.known, world.places.strangers, place.name) == (0, 1, "")
    for n in range(LIMITS.strangers):
        world.enter(f"192.0.2.{n + 2}")
    assert caller.dropped == 1


def test_nobody_enters_while_descriptors_run_out_and_that_is_told_at_a_bounded_rate(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    waiting, _ = world.enter()
    caplog.set_level(logging.WARNING)
    world.short = True
    for _ in range(1000):
        world.now_s += 0.02
        assert world.places.enter(Caller(), "192.0.2.3") is None
    assert world.places.refused["descriptors"] == 1000
    assert len(caplog.records) == 2
    assert "192.0.2" not in caplog.text
    world.places.drop_waiting(5)
    assert waiting.dropped == 1
    assert world.places.is_short
    world.now_s += 61
    assert not world.places.is_short


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "know", "forget", "work", "rest", "leave"]),
        st.integers(0, 30),
        st.integers(0, 5),
    )
)


@given(STEPS)
@settings(max_examples=200)
def test_the_counts_are_those_of_who_is_there_whatever_happens(steps: list[tuple[str, int, int]]) -> None:
    world = World(proxies=frozenset({"192.0.2.5"}))
    there: list[tuple[Caller, Place]] = []
    for what, which, other in steps:
        if what == "enter":
            there.append(world.enter(f"192.0.2.{other}"))
        elif there:
            _, place = there[which % len(there)]
            match what:
                case "know":
                    world.places.know(place, ("source:a", "source:b", "admin")[other % 3])
                case "forget":
                    world.places.forget(place)
                case "work":
                    world.places.work(place)
                case "rest":
                    world.places.rest(place)
                case _:
                    world.places.leave(place)
        present = [(caller, place) for caller, place in there if not place.is_gone]
        assert world.places.strangers == sum(not place.name for _, place in present) <= LIMITS.strangers
        assert world.places.known == sum(bool(place.name) for _, place in present) <= LIMITS.known
        assert all(caller.dropped == 0 for caller, _ in present)
        for name, most in (("source:a", 3), ("source:b", 3), ("admin", 1)):
            assert sum(place.name == name for _, place in present) <= most
    for _, place in there:
        world.places.leave(place)
    assert (world.places.strangers, world.places.known) == (0, 0)
