"""Whoever waits and goes leaves their place at once: a machine that comes back finds it free."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from tests.running import (
    CHARGING,
    Running,
    bearer,
    last_batch,
    request,
    running_with,
    signed_in,
    until,
)
from wicketgate_demo.world import london

WAITERS = 128
"""As many requests as one token may have under way."""


@pytest.fixture(scope="module", params=[0, 1], ids=["gateway", "reader"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = f"port = 0\nfronts = 0\nreaders = {request.param}\n"
    with running_with(tmp_path_factory.mktemp("gone"), settings) as running:
        if request.param:
            until(lambda: b"wicketgate_readers 1" in _metrics(running))
        yield running


def _metrics(running: Running) -> bytes:
    return request("GET", f"{running.url}/metrics", headers=bearer(running, "admin")).content


@pytest.mark.parametrize("path", ["?after={last}&wait=30", "/events?after={last}"])
def test_waiters_that_have_gone_leave_their_place_to_the_same_token(served: Running, path: str) -> None:
    place = f"/v1/feeds/{london.CHARGING}{path.format(last=last_batch(served, london.CHARGING))}"
    address = served.url.removeprefix("http://")
    host, _, port = address.partition(":")
    url, headers = f"{served.url}/v1/feeds/{london.CHARGING}?wait=0", bearer(served, CHARGING)
    head = f"GET {place} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {headers['Authorization']}\r\n\r\n"

    def answers(status: int) -> bool:
        return request("GET", url, headers=headers).status_code == status

    for _ in range(2):
        waiting = [socket.create_connection((host, int(port))) for _ in range(WAITERS)]
        for one in waiting:
            one.sendall(head.encode())
        until(lambda: answers(429), 10)
        for one in waiting:
            one.close()
        went = time.monotonic()
        until(lambda: answers(200), 10)
        assert time.monotonic() - went < 3, (
            "a waiter's wait is thirty seconds, a stream's sign of life fifteen"
        )


def test_pages_that_follow_the_queue_and_have_gone_are_counted_no_more(served: Running) -> None:
    headers = {**signed_in(served, CHARGING), "Accept": "*/*"}
    address = served.url.removeprefix("http://")
    host, _, port = address.partition(":")
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"GET /duty/events HTTP/1.1\r\nHost: {address}\r\n{lines}\r\n"

    def begin() -> tuple[socket.socket, bytes]:
        one = socket.create_connection((host, int(port)))
        one.settimeout(5)
        one.sendall(head.encode())
        return one, one.recv(64).split(b"\r\n")[0]

    open_ones, answer = [], b"200"
    while b"200" in answer:
        one, answer = begin()
        open_ones.append(one)
        assert len(open_ones) < 64
    for one in open_ones:
        one.close()
    went = time.monotonic()

    def free() -> bool:
        one, answer = begin()
        one.close()
        return b"200" in answer

    until(free, 10)
    assert time.monotonic() - went < 3
