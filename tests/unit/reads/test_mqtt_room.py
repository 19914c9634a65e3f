from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from wicketgate.reads.mqtt.room import Room

MIB = 1024 * 1024


@dataclass(eq=False)
class Waiting:
    """A connection that waits for room."""

    there: bool = True
    got: list[int] = field(default_factory=list)

    def given(self, size: int) -> bool:
        self.got += [size] * self.there
        return self.there


def test_a_source_with_a_hundred_claims_holds_up_no_other() -> None:
    room = Room(256 * MIB, 96 * MIB)
    claims = [room.take(Waiting(), "tfl", 4 * MIB) for _ in range(100)]
    assert sum(claims) == 21  # seven eighths of 96 MiB, by 4
    assert room.take(Waiting(), "eastholm", 4 * MIB)
    assert room.take(Waiting(), "tfl", 900)  # its other cameras' events do not wait behind the claims either
    assert room.held <= 256 * MIB


def test_room_is_handed_out_by_turns_of_the_sources() -> None:
    room, waiting = Room(16 * MIB, 16 * MIB), {name: Waiting() for name in "abc"}
    assert all(room.take(Waiting(), "a", 2 * MIB) for _ in range(7))
    for name in "abcabcab":
        assert not room.take(waiting[name], name, 2 * MIB)
    for _ in range(3):
        room.give("a", 2 * MIB)
    assert [len(waiting[name].got) for name in "abc"] == [1, 1, 1]


def test_whoever_waits_and_goes_holds_nobody_up() -> None:
    room, gone, there = Room(MIB, MIB), Waiting(there=False), Waiting()
    assert room.take(Waiting(), "a", 900_000)
    assert not room.take(gone, "a", 500_000)
    assert not room.take(there, "a", 500_000)
    room.give("a", 900_000)
    assert (gone.got, there.got, room.held, room.waiting) == ([], [500_000], 500_000, 0)


def test_a_message_greater_than_all_room_is_taken_alone() -> None:
    room, next_one = Room(100, 100), Waiting()
    assert room.take(Waiting(), "a", 5_000)
    assert not room.take(next_one, "a", 5_000)
    room.give("a", 5_000)
    assert next_one.got == [5_000]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 200_000), st.booleans())))
def test_whoever_waits_gets_its_room_once_and_all_is_given_back(asked: list[tuple[str, int, bool]]) -> None:
    room = Room(500_000, 300_000)
    held: list[tuple[str, int]] = []

    class Taker(Waiting):
        def __init__(self, source: str) -> None:
            super().__init__()
            self.source = source

        def given(self, size: int) -> bool:
            held.append((self.source, size))
            return super().given(size)

    takers = []
    for source, size, give in asked:
        taker = Taker(source)
        if room.take(taker, source, size):
            taker.got.append(size)
            held.append((source, size))
        takers.append(taker)
        if give and held:
            room.give(*held.pop(0))
        assert room.held == sum(size for _, size in held) <= 500_000
    while held:
        room.give(*held.pop(0))
    assert (room.held, room.waiting) == (0, 0)
    assert [len(taker.got) for taker in takers] == [1] * len(takers)
