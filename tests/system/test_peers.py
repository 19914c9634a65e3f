"""One peer's flood keeps nobody out, and nobody chooses by a header who they are. Loopback addresses are the peers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bench.harness import Running, gateway
from tests.consulting import consultation, publish
from tests.running import CHARGING
from wicketgate.http.failures import FAILURES
from wicketgate.http.site.consultations import EACH

SETTINGS = 'port = 0\nproxies = ["127.0.0.9/32"]\n'
PROXY, FLOOD, OTHER = "127.0.0.9", "127.0.0.3", "127.0.1.4"
FROM_PAGE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def peers() -> Iterator[Running]:
    with gateway(8, settings=SETTINGS) as running:
        yield running


def call(
    running: Running, peer: str, path: str, headers: dict[str, str] | None = None, **more: Any
) -> httpx.Response:
    """Post from an address of this machine."""
    transport = httpx.HTTPTransport(local_address=peer, verify=False)
    with httpx.Client(transport=transport, base_url=running.url, headers=headers, timeout=30) as caller:
        return caller.post(path, **more)


def sign_in(running: Running, peer: str, token: str, **headers: str) -> httpx.Response:
    form = {"officer": "PC 4711", "token": token}
    return call(running, peer, "/sign-in", {**FROM_PAGE, **headers}, data=form)


def test_a_flood_of_guesses_keeps_no_right_token_out(peers: Running) -> None:
    statuses = [sign_in(peers, FLOOD, f"guess {n}").status_code for n in range(3 * FAILURES)]
    assert statuses[:FAILURES] == [403] * FAILURES
    assert statuses[-1] == 429
    for peer in (OTHER, FLOOD):
        assert sign_in(peers, peer, peers.tokens[CHARGING]).status_code == 303, "from the same address, too"
    assert sign_in(peers, OTHER, "guess").status_code == 403


def test_a_forged_header_is_no_other_peer(peers: Running) -> None:
    peer = "127.0.0.5"
    answers = [
        sign_in(peers, peer, "guess", **{"X-Forwarded-For": f"198.51.100.{n}"}).status_code
        for n in range(FAILURES + 5)
    ]
    assert answers[-1] == 429
    behind = [
        sign_in(peers, PROXY, "guess", **{"X-Forwarded-For": f"198.51.100.{n}"}).status_code
        for n in range(FAILURES + 5)
    ]
    assert set(behind) == {403}, "a proxy that is configured is believed"


def test_a_forged_scheme_makes_no_other_cookie(peers: Running) -> None:
    token = peers.tokens[CHARGING]
    forged = sign_in(peers, "127.0.0.6", token, **{"X-Forwarded-Proto": "https"})
    assert "Secure" not in forged.headers["set-cookie"]
    behind = sign_in(peers, PROXY, token, **{"X-Forwarded-Proto": "https"})
    assert behind.headers["set-cookie"].startswith("__Host-")
    assert behind.headers["set-cookie"].endswith("; Secure")


def test_a_flood_of_responses_keeps_no_other_peer_out(peers: Running) -> None:
    publish(peers, consultation("c-flooded"))
    publish(peers, consultation("c-other"))

    def respond(peer: str, name: str = "c-flooded", **headers: str) -> int:
        path = f"/consultations/{name}/responses"
        return call(peers, peer, path, headers, json={"text": "I object."}).status_code

    forged = ({"X-Forwarded-For": f"203.0.113.{n}"} for n in range(3 * EACH.burst))
    flood = [respond(FLOOD, **headers) for headers in forged]
    assert (flood[: EACH.burst], flood[-1]) == ([201] * EACH.burst, 429)
    assert respond(OTHER) == 201
    assert respond(FLOOD, "c-other") == 201, "each consultation has its own"
    assert respond(PROXY, **{"X-Forwarded-For": "203.0.113.7"}) == 201
