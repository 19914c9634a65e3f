"""The worst body of each route that reads one, as long as it may be: none holds the event loop for long."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from bench.harness import Running, gateway
from tests.running import bearer, get, submit
from tests.system.test_loop import HELD_S, longest_s
from tests.system.test_routes import KINDS
from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.regime.documents.people import commit_to

SIGNER = "met/intelligence"
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20}
LONGEST = 8 << 20
"""Of a route whose content settles it: reads, images, pushes."""
OPENINGS = "/v1/people/met/openings"


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with gateway(12) as made:
        person = {"person": commit_to(bytes(32), {"name": "Ada"}), "unit": "duty-desk", "roles": ["viewer"]}
        head = {"organisation": "met", "version": 1, "presence": "PT5M"}
        term = {"valid_from": rfc3339(made.at_us - DAY_US), "valid_until": rfc3339(made.at_us + 30 * DAY_US)}
        enrol = hashlib.sha256(b"code").hexdigest()
        document = {"people": head | term, "persons": [person | {"enrol": enrol}]}
        assert submit(made, document, SIGNER).status_code == 201
        yield made


def routes(running: Running) -> list[tuple[str, str, int]]:
    """Return method, path and the most bytes of each route that reads a body."""
    paths: dict[str, dict[str, Any]] = get(f"{running.url}/openapi.json").json()["paths"]
    found = []
    for path, methods in paths.items():
        for method, one in methods.items():
            if "requestBody" in one:
                most = re.search(r"The body is at most (\d+) (KiB|MiB)", one["description"])
                size = int(most[1]) * UNITS[most[2]] if most else LONGEST
                found.append((method.upper(), path, size))
    return found


def bodies(most: int) -> Iterator[tuple[str, bytes]]:
    """Yield the media type and the bytes of bodies that are dear to parse."""

    def filled(head: bytes, part: bytes, tail: bytes) -> bytes:
        return head + part * ((most - len(head) - len(tail)) // len(part)) + tail

    for body in (
        filled(b'{"a":[', b"[],", b"1]}"),
        filled(b"[", b'{"a":1},', b"{}]"),
        filled(b"{", b'"":1,', b'"a":1}'),
        filled(b'{"openings":[', b'{"a":1},', b"{}]}"),
        filled(b'{"a":"', b"\\u0001", b'"}'),
        b"[" * most,
    ):
        yield "application/json", body
    yield "application/x-ndjson", b"{}\n" * (most // 3)
    yield "application/x-www-form-urlencoded", filled(b"a=", b"%5B", b"")
    yield "application/x-www-form-urlencoded", b"&" * most
    yield "text/csv", b"a,\n" * (most // 3)


@pytest.mark.slow
def test_no_body_holds_the_loop(running: Running) -> None:
    """A million objects of 8 MiB, by any token, held it for 600 ms each, and delayed a second by eight."""
    named = {
        (method, re.sub(r"\{[^}]*\}", "", path)): (method, path, most)
        for method, path, most in routes(running)
    }
    assert len(named) > 15
    for (method, _), (_, path, most) in named.items():
        shown = re.sub(r"\{organisation\}", "met", re.sub(r"\{authority\}", "tfl-charging", path))
        shown = shown.replace("{adapter}", "axis").replace("{image}", "patch").replace("{kind}", "patch")
        shown = re.sub(r"\{[^}]*\}", "x", shown)
        known = sorted(KINDS.get((method, shown), {"admin"}))[0]
        headers = {**bearer(running, known), "Sec-Fetch-Site": "same-origin"}
        if not shown.startswith("/v1/"):
            headers.pop("Authorization")
        for media_type, body in bodies(most):
            answer = httpx.request(
                method,
                running.url + shown,
                content=body,
                headers={**headers, "Content-Type": media_type},
                timeout=60,
            )
            assert answer.status_code < 500 or answer.status_code == 503, (method, shown, answer.text)
        assert longest_s(running) < HELD_S, (method, shown)


def test_openings_that_fit_hold_it_no_longer_and_come_one_at_a_time(running: Running) -> None:
    salt, value = os.urandom(32), "v" * 100
    one = {"commitment": commit_to(salt, value), "salt": salt.hex(), "value": value}
    statuses = []
    for _ in range(15):
        answer = httpx.put(
            running.url + OPENINGS,
            json={"openings": [one] * 1_500},
            headers=bearer(running, "admin"),
            timeout=60,
        )
        statuses.append(answer.status_code)
    assert 429 in statuses
    assert longest_s(running) < HELD_S


def test_no_document_no_body(running: Running) -> None:
    """Whoever is of an organisation without a document is told so before a byte of the body is taken."""
    source = sorted(name for name in running.tokens if name.startswith("source:"))[0]
    organisation = source.partition(":")[2]
    head = (
        f"PUT /v1/people/{organisation}/openings HTTP/1.1\r\nHost: gateway\r\nContent-Length: 400000\r\n"
        f"Authorization: Bearer {running.tokens[source]}\r\nContent-Type: application/json\r\n\r\n"
    )
    with socket.create_connection(running.address, timeout=5) as asking:
        asking.sendall(head.encode())
        assert asking.recv(4096).startswith(b"HTTP/1.1 404")
