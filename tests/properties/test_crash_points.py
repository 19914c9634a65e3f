"""The chain from post to feed, killed at any point: what was acknowledged is delivered once, and provable."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import checks
from tests.simulator import World

KNOWN = ("c0", "c1", "c2")

cameras = st.lists(st.sampled_from([*KNOWN, "c0", "unknown"]), min_size=1, max_size=4)
few = st.integers(0, 3)
plates = st.sampled_from(["B5GZ", "85GZ", "8S6Z", "8S62", "KLM3"])
"""The first four differ from one another by one to three mistakes of a camera."""
steps = st.one_of(
    st.tuples(
        st.just("post"), cameras, st.sampled_from(["fresh", "again", "inside", "conflict", "old", "blank"])
    ),
    st.tuples(st.just("advance"), st.sampled_from([1_000, 400_000, 1_000_000, 2_500_000, 11_000_000])),
    st.tuples(st.just("back"), st.sampled_from([1_000, 3_000_000])),
    st.tuples(st.just("commits"), few, few),
    st.tuples(st.just("commits"), st.just(9), st.just(9)),
    st.tuples(st.just("spin"), st.integers(1, 12)),
    st.tuples(st.just("crash"), few, st.sampled_from([0.0, 0.5, 1.0])),
    st.tuples(st.just("away"), st.sampled_from([500_000, 5_000_000, 25_000_000])),
    st.sampled_from([("full",), ("suspend",), ("resume",), ("flush",), ("snapshot",), ("feed-full",)]),
    st.tuples(
        st.just("listed"), st.lists(st.sampled_from(KNOWN), min_size=1, max_size=3), plates, st.booleans()
    ),
    st.tuples(st.just("list"), st.lists(plates, max_size=3, unique=True), st.booleans()),
    st.tuples(st.just("unlist"), plates),
    st.tuples(st.just("stays"), st.lists(plates, max_size=4, unique=True), st.booleans()),
    st.tuples(st.just("stays no more"), plates),
    st.tuples(st.just("outcome"), few, st.sampled_from(["confirmed", "misread", "acted", "not-acted"])),
    st.tuples(st.just("outcome"), few, st.just("confirmed")),
    st.tuples(st.just("image"), few),
    st.tuples(st.just("erase"), few),
)
"""What may happen, each of it between any two turns of the event loop."""


def reads_for(world: World, posted: list[str], kind: str) -> list[dict[str, Any]]:
    """Return the reads of one post."""
    fresh = [world.fresh_read(camera) for camera in posted]
    if kind == "again" and world.sent:
        return [*world.sent[-1], *fresh]
    if kind == "inside":
        return [*fresh, *fresh]
    if kind == "conflict":
        return [*fresh, {**fresh[0], "plate": "OTHER1"}]
    if kind == "old":
        return [*fresh, world.fresh_read("c0", age_us=8 * 86_400_000_000)]
    if kind == "blank":
        return [*fresh, world.fresh_read("c0", plate=" - ")]
    return fresh


async def take(world: World, step: tuple[Any, ...]) -> None:
    """Let one thing happen."""
    match step:
        case ("post", posted, kind):
            world.post(reads_for(world, posted, kind))
        case ("advance", by_us):
            world.clock.at_us += by_us
            world.tick()
        case ("back", by_us):
            world.clock.at_us -= by_us
        case ("commits", stored, acknowledged):
            world.commit_writer.store(stored)
            world.commit_writer.acknowledge(acknowledged)
        case ("spin", turns):
            await world.spin(turns)
        case ("crash", commits_kept, projected):
            await world.crash(commits_kept=commits_kept, projected=projected)
        case ("away", by_us):
            await world.crash(commits_kept=9, projected=1.0, away_us=by_us)
        case ("full",):
            await world.fill()
        case ("feed-full",):
            world.projections.full ^= {"tfl-met-ct"}
        case ("suspend",):
            world.suspend()
        case ("resume",):
            world.resume()
        case ("flush",):
            world.flush_index()
        case ("snapshot",):
            world.save_snapshot()
        case ("listed", posted, plate, imaged):
            world.post([world.fresh_read(camera, plate=plate) for camera in posted], imaged=imaged)
        case ("list", wanted, whole):
            world.list_plates(wanted, whole=whole)
        case ("stays", plates, whole):
            world.list_stays(plates, whole=whole, life_us=3600_000_000 if len(plates) != 1 else 2_000_000)
        case ("stays no more", plate):
            world.list_stays([f"-{plate}"], whole=False)
        case ("unlist", plate):
            world.list_plates([f"-{plate}"], whole=False)
        case ("outcome", number, said):
            world.answer_hit(number, said)
        case ("erase", number):
            world.erase(number)
        case ("image", number):
            world.follow_up(number)


async def live(happenings: list[tuple[Any, ...]], folder: Path) -> World:
    """Let a world live through what happens, look at it after every step and when it has settled."""
    world = World(folder)
    await world.begin(unlisted=True)
    try:
        for step in happenings:
            await take(world, step)
            await world.spin(2)
            world.collect()
            checks.check_step(world)
        await world.settle()
        checks.check_settled(world)
        checks.check_nothing_invented(world)
        world.shown = world.known_hits()
    finally:
        await world.end()
    return world


def run(happenings: list[tuple[Any, ...]]) -> World:
    """Run `live` in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(live(happenings, Path(folder)))


POST = ("post", ["c0", "c2"], "fresh")
LISTED = ("list", ["B5GZ", "KLM3"], True)
COMMITTED = [("spin", 12), ("commits", 9, 9), ("spin", 12)]
TAKEN = [("spin", 8), ("commits", 9, 9), ("spin", 12)]
POSSIBLE, EXACT = ("listed", ["c0", "c1"], "85GZ", False), ("listed", ["c0"], "KLM3", True)
STAYS = ("stays", ["B5GZ", "85GZ", "KLM3"], True)
HIT = [LISTED, *COMMITTED, EXACT, POSSIBLE, *TAKEN, *COMMITTED]
"""Until three hits are raised: one that is exact, two that are possible."""


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=30))
@example([POST, ("spin", 8), ("commits", 1, 0), ("crash", 0, 0.0)])  # stored, and the answer lost
@example([POST, ("spin", 8), ("crash", 3, 0.0)])  # stored by the crash itself
@example([POST, ("spin", 8), ("crash", 0, 0.0)])  # decided, not committed
@example([POST, ("spin", 8), ("commits", 1, 1), ("spin", 12), ("crash", 3, 0.0)])  # committed, not revealed
@example([POST, ("spin", 8), ("full",), ("post", ["c1"], "again"), ("spin", 12)])  # a repeat of what failed
@example([("advance", 11_000_000), ("crash", 11, 0.0)])  # between a period's last second and its figures
@example([POST, ("flush",), ("spin", 8), ("crash", 0, 1.0)])  # the index saw what was never stored
@example([LISTED, ("spin", 12), ("crash", 0, 1.0), EXACT])  # the list in the vault, and not committed
@example([LISTED, ("spin", 12), ("crash", 3, 0.5), EXACT])  # committed, and nobody was told
@example([LISTED, *COMMITTED, EXACT, *TAKEN, ("list", ["B5GZ"], True), ("crash", 0, 1.0)])
@example(
    [LISTED, *COMMITTED, EXACT, *TAKEN, ("unlist", "KLM3"), ("crash", 3, 1.0)]
)  # first decided, then unlisted
@example(
    [*HIT, ("outcome", 0, "confirmed"), ("spin", 12), ("crash", 0, 1.0)]
)  # not committed: it is still open
@example([*HIT, ("outcome", 0, "misread"), ("spin", 12), ("crash", 3, 1.0), ("outcome", 0, "misread")])
@example(
    [*HIT, ("outcome", 0, "misread"), ("outcome", 0, "not-acted"), ("crash", 3, 0.0)]
)  # one of them counts
@example([STAYS, ("spin", 12), ("crash", 0, 1.0), EXACT])  # in the vault, and not committed
@example([STAYS, *COMMITTED, EXACT, POST, *TAKEN, ("crash", 3, 0.5), EXACT])
@example([STAYS, *COMMITTED, ("stays", ["KLM3"], True), *COMMITTED, EXACT, POST, *TAKEN])  # a list is missing
@example([STAYS, *COMMITTED, ("stays no more", "85GZ"), *COMMITTED, EXACT, POST, *TAKEN])
@example([STAYS, *COMMITTED, *[("advance", 11_000_000)] * 3, EXACT, POST, *TAKEN])  # stale
@example([*HIT, ("image", 0), *TAKEN, ("erase", 0), ("erase", 2), ("crash", 0, 1.0), ("erase", 1)])
@example([*HIT, ("erase", 0), ("spin", 2), ("crash", 3, 0.0), ("snapshot",), ("erase", 1), ("crash", 3, 0.5)])
@example(
    [*HIT, ("image", 3), *TAKEN, ("crash", 0, 0.0), ("outcome", 1, "confirmed")]
)  # the queue of hits is lost
def test_killed_at_any_point(happenings: list[tuple[Any, ...]]) -> None:
    run(happenings)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, max_size=60))
def test_killed_at_any_point_many_times(happenings: list[tuple[Any, ...]]) -> None:
    run(happenings)


def test_the_world_has_reads_that_stay() -> None:
    """What the laws say of lists of what stays is said of some reads."""
    told: list[tuple[int, dict[str, int]]] = []
    for more in ([], [("stays", ["KLM3"], True), *COMMITTED], [("advance", 11_000_000)] * 3):
        world = run([STAYS, *COMMITTED, *more, EXACT, POSSIBLE, POST, *TAKEN, *COMMITTED])
        totals = world.commits.committed.totals
        told.append((totals.released.get("tfl-emissions", 0), totals.refused["tfl-emissions@1"]))
    # Two reads of listed plates stay, one of them a possible hit of another entry; with a list unfit all do.
    assert told[0][0] >= 1
    assert told[0][1].get("listed", 0) >= 2
    for released, reasons in told[1:]:
        assert released == 0
        assert "listed" not in reasons
        assert reasons["error"] >= 3


def test_the_world_has_hits_that_end() -> None:
    """What the laws say of hits is said of some."""
    world = run(
        [
            *HIT,
            ("listed", ["c0"], "B5GZ", False),
            *TAKEN,
            *COMMITTED,
            ("outcome", 1, "confirmed"),  # possible, but borne out by an exact read
            *COMMITTED,
            ("outcome", 1, "acted"),
            ("outcome", 0, "misread"),
            *COMMITTED,
            ("image", 2),
            *TAKEN,
            ("crash", 9, 0.0),
        ]
    )
    shown = world.shown
    assert [(hit.status, hit.quality) for hit in shown] == [
        ("ended", "exact"),
        ("ended", "possible"),
        ("open", "possible"),
        ("open", "exact"),
    ]
    assert [[outcome.outcome for outcome in hit.outcomes] for hit in shown] == [
        ["misread"],
        ["confirmed", "acted"],
        [],
        [],
    ]
    totals = world.commits.committed.totals
    assert totals.hits == {"tfl-met-wanted": {"exact": 2, "possible": 2}}
    assert totals.again == {"tfl-met-wanted": 1}


def test_a_repeat_of_a_read_that_could_not_be_stored_fails_with_it() -> None:
    async def scene(folder: Path) -> None:
        world = World(folder)
        await world.begin()
        read = world.fresh_read("c0")
        world.post([read])
        await world.spin()
        world.post([read])  # a repeat of what is under way
        await world.spin(1)
        world.commit_writer.refuse()
        await world.spin()
        world.collect()
        assert not world.answered
        assert len(world.unanswered) == 2
        assert world.failures
        world.failures.clear()
        await world.crash(commits_kept=9, projected=1.0)
        await world.settle()
        checks.check_settled(world)
        await world.end()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scene(Path(folder)))


@pytest.mark.parametrize("turns", range(12))
def test_a_repeat_is_never_stored_between_a_failure_and_its_news(turns: int) -> None:
    """The stream's refusal reaches the groups behind it in a later turn of the loop than it frees their way."""

    async def scene(folder: Path) -> None:
        world = World(folder)
        await world.begin()
        read = world.fresh_read("c0")
        world.post([read])
        await world.spin()
        world.post([read])
        for _ in range(turns):
            await asyncio.sleep(0)
        before = len(world.commits_stream.messages)
        world.commit_writer.refuse()
        for _ in range(20):
            world.commit_writer.store(9)
            world.commit_writer.acknowledge(9)
            await asyncio.sleep(0)
        world.collect()
        assert not world.answered, "a read was acknowledged that is not stored"
        assert len(world.commits_stream.messages) == before
        world.failures.clear()
        await world.crash(commits_kept=9, projected=1.0)
        await world.settle()
        checks.check_settled(world)
        await world.end()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scene(Path(folder)))


def test_the_first_second_after_an_absence_is_not_counted_in_the_period_before() -> None:
    happenings = [POST, ("spin", 12), ("commits", 3, 3), ("spin", 12), ("away", 25_000_000), POST]
    world = run(happenings)
    first = world.commits.committed.periods[0]
    assert first.figures["until"] <= "2026-07-08T12:00:20Z"
