"""Lists of cameras: how many a source may send, how large, and where the work is done."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
import pytest

from tests.matching import SOURCE, Desk
from wicketgate.base.limits import ConnectionLimits
from wicketgate.commits.transactions import CameraSet
from wicketgate.gateway.filing import cameras as filing
from wicketgate.gateway.filing.facts import cameras_fact
from wicketgate.http.api.sources import LISTS
from wicketgate.http.underway import UnderWay


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the threads in which facts of lists are made from now on."""
    threads: list[int] = []

    def make_fact(source: str, cameras: Sequence[CameraSet]) -> bytes:
        threads.append(threading.get_ident())
        return cameras_fact(source, cameras)

    monkeypatch.setattr(filing, "cameras_fact", make_fact)
    return threads


async def put(desk: Desk, listed: list[dict[str, Any]]) -> httpx.Response:
    return await desk.call(SOURCE, "PUT", "/v1/cameras", json=listed)


async def test_lists_that_alternate_have_a_rate_and_an_unchanged_one_is_free(
    desk: Desk, made: list[int]
) -> None:
    one, other = [{"id": "c0", "groups": ["a"]}], [{"id": "c0", "groups": ["b"]}, {"id": "c1"}]
    for number in range(LISTS.burst):
        last = await put(desk, (one, other)[number % 2])
        assert last.status_code == 200
    log = len(desk.gateway.commits.staged.camera_log)
    refused = await put(desk, one)
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-lists")
    assert 0 < int(refused.headers["Retry-After"]) <= 300
    for same in (other, other[::-1]):
        again = await put(desk, same)
        assert (again.status_code, again.json()) == (200, last.json())
    assert len(made) == LISTS.burst
    assert len(desk.gateway.commits.staged.camera_log) == log
    desk.clock.shift_us += LISTS.every_us
    assert (await put(desk, one)).status_code == 200
    assert (await put(desk, other)).status_code == 429


async def test_an_unchanged_list_is_one_that_stands_twice_nowhere(desk: Desk) -> None:
    assert (await put(desk, [{"id": "c0"}, {"id": "c1"}])).status_code == 200
    assert (await put(desk, [{"id": "c0"}, {"id": "c0"}])).status_code == 400


async def test_the_canonical_form_of_a_list_is_not_made_on_the_loop(desk: Desk, made: list[int]) -> None:
    assert (await put(desk, [{"id": "c0", "name": "Elsewhere"}])).status_code == 200
    assert len(made) == 1
    assert made[0] != threading.get_ident()


async def test_a_list_larger_than_a_seconds_facts_is_refused_before_its_fact_is_made(
    desk: Desk, made: list[int]
) -> None:
    name = "n" * 120
    before = desk.gateway.commits.staged.camera_log[-1]
    answer = await put(desk, [{"id": f"c{number}", "name": name} for number in range(15_000)])
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert made == []
    assert desk.gateway.commits.staged.camera_log[-1] == before


@pytest.mark.parametrize("number", [51.0, 1e-7, -0.1276, 359.123456789012345, None])
def test_the_size_looked_at_is_that_of_the_fact(number: float | None) -> None:
    listed = tuple(
        CameraSet(id=f"c{n}", name="Übergang ☂", aliases=('"\\',), heading=number) for n in range(1_000)
    )
    size = len(msgspec.json.encode(listed))
    assert len(cameras_fact("tfl", listed)) <= size + 1_024


def test_what_a_source_asks_for_is_counted_and_what_it_sends_is_not() -> None:
    under_way = UnderWay(ConnectionLimits(requests_of_name=2))
    scopes = [{"type": "http", "path": "/v1/cameras", "method": "GET"} for _ in range(3)]
    answers = [under_way.begin(scope, "source:tfl") for scope in scopes]
    assert answers[:2] == [None, None]
    assert answers[2] is not None
    assert answers[2].status_code == 429
    assert under_way.begin({"type": "http", "path": "/v1/cameras", "method": "GET"}, "source:other") is None
    for method in ("POST", "PUT"):
        assert (
            under_way.begin({"type": "http", "path": "/v1/cameras", "method": method}, "source:tfl") is None
        )
    under_way.end(scopes[0])
    assert under_way.begin({"type": "http", "path": "/v1/cameras", "method": "GET"}, "source:tfl") is None
