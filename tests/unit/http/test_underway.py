"""What is under way: whatever strangers begin, whoever has a token finds room."""

from __future__ import annotations

from typing import Any

from wicketgate.base.limits import ConnectionLimits
from wicketgate.http.parts import PART, AnswerParts
from wicketgate.http.underway import UnderWay

LIMITS = ConnectionLimits(requests=8, requests_of_name=8, requests_of_strangers=4, requests_of_peer=2)


def request(path: str, address: str = "192.0.2.1") -> dict[str, Any]:
    return {"type": "http", "path": path, "client": (address, 1)}


def status(under_way: UnderWay, scope: dict[str, Any], name: str = "") -> int:
    refused = under_way.begin(scope, name)
    return 200 if refused is None else refused.status_code


def test_strangers_take_no_place_of_whoever_has_a_token() -> None:
    """17 addresses with half a sign-in each locked out every recipient, officer and admin."""
    under_way = UnderWay(LIMITS)
    begun = [request("/sign-in", f"192.0.2.{number // 2}") for number in range(4)]
    assert [status(under_way, one) for one in begun] == [200] * 4
    assert status(under_way, request("/sign-in", "192.0.2.9")) == 503
    known = [request("/v1/feeds") for _ in range(8)]
    assert [status(under_way, one, "recipient:met/desk") for one in known] == [200] * 8
    assert status(under_way, request("/v1/feeds"), "admin:admin") == 503
    for one in (*begun, *known):
        under_way.end(one)
    assert under_way.requests.taken == under_way.strangers.taken == 0


def test_one_address_has_its_own_share() -> None:
    under_way = UnderWay(LIMITS)
    assert [status(under_way, request("/")) for _ in range(3)] == [200, 200, 429]


def test_health_is_answered_whatever_is_under_way() -> None:
    under_way = UnderWay(LIMITS)
    for number in range(4):
        status(under_way, request("/sign-in", f"192.0.2.{number}"))
    assert status(under_way, request("/healthz", "192.0.2.9")) == 200
    assert status(under_way, request("/readyz", "192.0.2.9")) == 200


def test_whoever_comes_to_be_known_has_places_of_their_own() -> None:
    under_way = UnderWay(LIMITS)
    for number in range(4):
        assert status(under_way, request("/", f"192.0.2.{number}")) == 200
    assert status(under_way, request("/", "192.0.2.9")) == 503
    one = request("/oauth/token", "192.0.2.9")
    assert under_way.begin(one, "", ceremony=True) is None
    under_way.end(one)
    assert under_way.ceremonies.taken == 0


def test_a_neighbourhood_has_a_share() -> None:
    under_way = UnderWay(ConnectionLimits(requests_of_network=3))
    found = [status(under_way, request("/", f"192.0.2.{number}")) for number in range(4)]
    assert found == [200, 200, 200, 429]
    assert status(under_way, request("/", "192.0.3.1")) == 200


async def test_each_further_part_of_a_large_answer_to_a_stranger_takes_a_turn() -> None:
    """2,000 slow readers of `/docs`, 850 KB, took three times the loop of 2,000 small answers."""
    sent: list[int] = []
    turns = 0

    async def send(message: Any) -> None:
        sent.append(len(message.get("body", b"")))

    async def receive() -> Any:
        return {}

    async def turn() -> None:
        nonlocal turns
        turns += 1

    parts = AnswerParts(
        request("/docs") | {"method": "GET"}, receive, send, UnderWay(ConnectionLimits()), turn
    )
    await parts.send({"type": "http.response.start", "status": 200, "headers": []})
    await parts.send({"type": "http.response.body", "body": b"x" * (3 * PART + 1)})
    assert sent == [0, PART, PART, PART, 1]
    assert turns == 3
