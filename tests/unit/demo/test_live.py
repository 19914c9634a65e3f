"""live: what a demonstration shows as it happens, and who may listen."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request

from tests import made_gateway
from tests.vectors import make_documents as documents
from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.commits.cameras import Camera
from wicketgate.commits.figures import Counts
from wicketgate.commits.hits import OpenHit
from wicketgate.commits.state import State
from wicketgate.commits.transactions import ImagesFetched
from wicketgate.http.site.addition import Sight
from wicketgate.regime.parsed import Parsed
from wicketgate_demo.site import live
from wicketgate_demo.site.live import Broadcast, LiveRoutes, Sampler, cameras_of, past_of, totals_of

AT_US = parse_rfc3339("2026-07-08T12:00:00.700Z")


def camera(name: str, **more: Any) -> Camera:
    placed = {"latitude": 51.5, "longitude": -0.12, "active": True} | more
    return Camera(source="tfl", id=name, groups=("ccz-boundary",), **placed)


def hit(place: str, quality: str = "exact") -> OpenHit:
    return OpenHit(authority="a", voi="v", quality=quality, place=place, due_us=0, taken_us=0)


@pytest.fixture
def state() -> State:
    """Two cameras that have read, and one authority's counts."""
    return State(
        cameras=[camera("c0"), camera("c1"), camera("c2")],
        camera_counts={"tfl/c0": {"accepted": 5, "repeated": 9}, "tfl/c1": {"accepted": 1}},
        totals=Counts(
            decided=6,
            withheld=2,
            released={"a": 4},
            images={"a": 7},
            fetched={"a": 3},
            refused={"a@1": {"out-of-scope": 1}, "b@2": {"out-of-scope": 2, "revoked": 3}},
            hits={"a": {"exact": 1, "late": 1}},
        ),
        open_hits={"h1": hit("tfl/c0")},
    )


# --- samples ----------------------------------------------------------------------------------------------


def test_totals_are_those_of_the_state(state: State) -> None:
    assert totals_of(state, Parsed(), AT_US) == {
        "at": "2026-07-08T12:00:00Z",
        "taken": 6,
        "stayed": 2,
        "past": 0,
        "released": {"a": 4},
        "bulk": {"a": 3},
        "images": {},
        "fetched": {},
        "hits": {"a": {"exact": 1, "possible": 0}},
        "refused": {"out-of-scope": 3, "revoked": 3},
        "sources": {"tfl": 6},
        "standing": {},
    }


def test_images_are_counted_where_releases_are_traffic_and_never_of_hits(tmp_path: Any) -> None:
    world = made_gateway.World(tmp_path)
    world.document(documents.example("authority"))
    world.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    try:
        for name in (made_gateway.FEED, made_gateway.WANTED):
            world.decide(40, released=20, feed=name, again=5)
            world.apply(fetched=ImagesFetched(authority=name, images=3))
        told = totals_of(world.state, world.parsed, world.at_us)
        assert (told["images"], told["fetched"]) == ({made_gateway.FEED: 5}, {made_gateway.FEED: 3})
    finally:
        world.close()


def test_reads_of_before_any_authority_began_are_told_apart(tmp_path: Any) -> None:
    world = made_gateway.World(tmp_path)
    world.document(documents.example("authority"))
    later = documents.example("authority-match")
    begins_us = parse_rfc3339(later["authority"]["valid_from"])
    later["authority"]["valid_from"] = rfc3339(begins_us + 3_600_000_000)
    world.document(later, documents.MATCH_OFFICES)
    try:
        totals = world.state.totals
        totals.decided, totals.withheld = 1_000, 500
        early = totals_of(world.state, world.parsed, world.at_us)
        assert (early["taken"], early["stayed"], early["past"]) == (1_000, 500, 0)
        totals.refused[f"{made_gateway.FEED}@1"] = {"before-validity": 300, "out-of-scope": 7}
        # What began later refuses reads that were live before, and others let go.
        totals.refused[f"{made_gateway.WANTED}@1"] = {"before-validity": 450}
        told = totals_of(world.state, world.parsed, world.at_us)
        assert (told["taken"], told["stayed"], told["past"]) == (700, 200, 300)
        totals.withheld = 100
        assert past_of(world.state, world.parsed) == 100
    finally:
        world.close()


def test_each_authority_stands_as_the_register_says(tmp_path: Any) -> None:
    world = made_gateway.World(tmp_path)
    world.document(documents.example("authority"))
    try:
        for kind, status in (("suspension", "suspended"), ("revocation", "revoked")):
            standing = totals_of(world.state, world.parsed, world.at_us)["standing"]
            assert standing == {made_gateway.FEED: "in-force" if kind == "suspension" else "suspended"}
            world.document(documents.example(kind))
            standing = totals_of(world.state, world.parsed, world.at_us)["standing"]
            assert standing == {made_gateway.FEED: status}
    finally:
        world.close()


def test_cameras_keep_their_numbers_and_show_where_they_stand() -> None:
    state = State(
        cameras=[camera("c0"), camera("c1", active=False), camera("c2", latitude=None), camera("c3")]
    )
    told = cameras_of(state, {"tfl": "Transport for London"})
    assert told["sources"] == {"tfl": "Transport for London"}
    assert [each and each["id"] for each in told["cameras"]] == ["c0", None, None, "c3"]
    assert set(told["cameras"][0]) == {"source", "id", "groups", "latitude", "longitude"}


def test_the_first_sample_shows_no_camera_and_the_next_what_is_new(state: State) -> None:
    sampler = Sampler()
    first = sampler.take(state, Parsed(), AT_US)
    assert (first["cameras"], first["struck"]) == ([], [])
    state.camera_counts["tfl/c0"]["accepted"] = 7
    state.camera_counts["tfl/c2"] = {"accepted": 1}
    state.camera_counts["elsewhere/c9"] = {"accepted": 1}
    state.totals.hits["a"] = {"exact": 2, "possible": 1, "late": 1}
    state.open_hits |= {"h2": hit("tfl/c1"), "h3": hit("tfl/c2", "possible")}
    second = sampler.take(state, Parsed(), AT_US)
    assert second["cameras"] == [[0, 2], [2, 1]]
    assert sorted(second["struck"]) == [[1, "exact"], [2, "possible"]]
    third = sampler.take(state, Parsed(), AT_US)
    assert (third["cameras"], third["struck"]) == ([], [])


def test_a_camera_that_is_new_has_a_number(state: State) -> None:
    sampler = Sampler()
    sampler.take(state, Parsed(), AT_US)
    state.cameras.append(camera("c3"))
    state.camera_counts["tfl/c3"] = {"accepted": 2}
    assert sampler.take(state, Parsed(), AT_US)["cameras"] == [[3, 2]]


def test_no_more_hits_are_named_than_the_limit(state: State) -> None:
    sampler = Sampler()
    sampler.take(state, Parsed(), AT_US)
    state.open_hits |= {f"more{n}": hit("tfl/c1") for n in range(100)}
    state.totals.hits["a"]["exact"] += 100
    sample = sampler.take(state, Parsed(), AT_US)
    assert len(sample["struck"]) == live.MAX_STRUCK
    assert sample["hits"]["a"]["exact"] == 101


@given(
    steps=st.lists(
        st.dictionaries(st.sampled_from(["tfl/c0", "tfl/c1", "tfl/c2"]), st.integers(0, 9)), max_size=9
    )
)
def test_samples_add_up_to_what_was_read(steps: list[dict[str, int]]) -> None:
    state = State(cameras=[camera("c0"), camera("c1"), camera("c2")])
    sampler = Sampler()
    sampler.take(state, Parsed(), AT_US)
    seen = [0, 0, 0]
    for step in steps:
        for place, reads in step.items():
            counts = state.camera_counts.setdefault(place, {"accepted": 0})
            counts["accepted"] += reads
        for number, reads in sampler.take(state, Parsed(), AT_US)["cameras"]:
            seen[number] += reads
    assert seen == [state.camera_counts.get(f"tfl/c{n}", {}).get("accepted", 0) for n in range(3)]


def test_nothing_of_a_hit_but_camera_and_quality_is_shown(state: State) -> None:
    sampler = Sampler()
    sampler.take(state, Parsed(), AT_US)
    state.open_hits["secret-id"] = OpenHit(
        authority="a", voi="secret-voi", quality="exact", place="tfl/c1", due_us=77_777, taken_us=88_888
    )
    state.totals.hits["a"]["exact"] += 1
    text = json.dumps(sampler.take(state, Parsed(), AT_US))
    assert '"struck": [[1, "exact"]]' in text
    for secret in ("secret", "77777", "88888"):
        assert secret not in text


# --- listening --------------------------------------------------------------------------------------------


class ByHand:
    """A clock whose seconds a test lets pass."""

    def __init__(self) -> None:
        self.asleep: list[asyncio.Future[None]] = []

    def now_us(self) -> int:
        return AT_US

    async def sleep(self, seconds: float) -> None:
        self.asleep.append(asyncio.get_running_loop().create_future())
        await self.asleep[-1]

    async def second(self) -> None:
        """Let a second pass for whoever sleeps."""
        while not self.asleep:
            await asyncio.sleep(0)
        self.asleep.pop().set_result(None)


def counting() -> tuple[Broadcast, ByHand, list[int]]:
    clock, taken = ByHand(), [0]

    def sampling() -> Any:
        def take() -> dict[str, int]:
            taken[0] += 1
            return {"n": taken[0]}

        return take

    return Broadcast(clock, sampling), clock, taken


async def test_all_who_listen_get_the_same_sample_and_it_is_taken_once() -> None:
    broadcast, clock, taken = counting()
    one, two = broadcast.events(), broadcast.events()
    assert await anext(one) == b"retry: 3000\n\n"
    assert await anext(two) == b"retry: 3000\n\n"
    assert await anext(one) == await anext(two) == b'data: {"n":1}\n\n'
    await clock.second()
    assert await anext(one) == await anext(two) == b'data: {"n":2}\n\n'
    assert taken == [2]
    await one.aclose()  # type: ignore[attr-defined]
    assert broadcast.listeners == 1
    await two.aclose()  # type: ignore[attr-defined]
    assert broadcast.listeners == 0


async def test_a_slow_listener_misses_samples_and_none_is_kept_for_it() -> None:
    broadcast, clock, _ = counting()
    slow, quick = broadcast.events(), broadcast.events()
    await anext(slow), await anext(quick)
    await anext(slow), await anext(quick)
    for _ in range(5):
        await clock.second()
        await anext(quick)
    assert await anext(slow) == b'data: {"n":6}\n\n'
    await slow.aclose()  # type: ignore[attr-defined]
    await quick.aclose()  # type: ignore[attr-defined]


async def test_while_nobody_listens_nothing_is_sampled_and_the_next_begins_anew() -> None:
    broadcast, clock, taken = counting()
    one = broadcast.events()
    await anext(one), await anext(one)
    await one.aclose()  # type: ignore[attr-defined]
    await clock.second()
    for _ in range(5):
        await asyncio.sleep(0)
    assert taken == [1]
    assert clock.asleep == []
    again = broadcast.events()
    assert await anext(again) == b"retry: 3000\n\n"
    assert await anext(again) == b'data: {"n":2}\n\n'
    await again.aclose()  # type: ignore[attr-defined]


async def test_whoever_waits_is_let_go_when_sampling_fails() -> None:
    clock = ByHand()

    def sampling() -> Any:
        raise ValueError("broken")

    broadcast = Broadcast(clock, sampling)
    assert [event async for event in broadcast.events()] == [b"retry: 3000\n\n"]
    assert broadcast.listeners == 0


async def test_no_more_listen_than_the_limit() -> None:
    broadcast, _, _ = counting()
    listening = [broadcast.events() for _ in range(live.MAX_LISTENERS)]
    for one in listening:
        await anext(one)
    assert broadcast.is_full
    assert [event async for event in broadcast.events()] == []
    assert broadcast.listeners == live.MAX_LISTENERS
    for one in listening:
        await one.aclose()  # type: ignore[attr-defined]
    assert broadcast.listeners == 0


async def test_an_answer_ends_by_itself_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_LONGEST", 2)
    broadcast, clock, _ = counting()
    events = broadcast.events()
    await anext(events), await anext(events)
    await clock.second()
    await anext(events)
    with pytest.raises(StopAsyncIteration):
        await anext(events)
    assert broadcast.listeners == 0


# --- routes -----------------------------------------------------------------------------------------------


def sight_of(state: State) -> Sight:
    organisations = {"tfl": SimpleNamespace(id="tfl", name="Transport for London")}
    charter = SimpleNamespace(demonstration=True, organisations=organisations)
    parsed = Parsed()
    parsed.charter = lambda _: charter  # type: ignore[method-assign, assignment, return-value]
    return Sight(state=lambda: state, parsed=parsed, clock=ByHand(), folder=Path("nowhere"))


async def test_a_demonstration_shows_its_cameras(state: State) -> None:
    routes = LiveRoutes(sight_of(state))
    assert routes.totals()["taken"] == 6
    transport = httpx.ASGITransport(app=Starlette(routes=routes.routes()))
    async with httpx.AsyncClient(transport=transport, base_url="http://gate.example") as client:
        answer = await client.get("/demonstration/cameras.json")
    assert answer.headers["cache-control"] == "no-cache"
    assert len(answer.json()["cameras"]) == 3
    assert answer.json()["sources"] == {"tfl": "Transport for London"}


async def test_one_too_many_is_told_to_come_again(state: State) -> None:
    routes = LiveRoutes(sight_of(state))
    request = Request({"type": "http", "method": "GET", "headers": []})
    assert (await routes.events(request)).status_code == 200
    assert routes._broadcast is not None
    routes._broadcast.listeners = live.MAX_LISTENERS
    assert (await routes.events(request)).status_code == 503
