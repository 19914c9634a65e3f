"""Strangers that come and go keep no place at the door."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from bench.harness import Running, gateway
from tests.consulting import consultation, publish
from tests.running import CHARGING, client, get

HEAD = (
    b"POST /consultations/c-left/responses HTTP/1.1\r\nHost: gateway\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 163840\r\n\r\n"
)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with gateway(3) as made:
        yield made


def answers_in(
    running: Running, data: bytes, *, seconds: float, clients: int = 16, anew: bool
) -> Counter[bytes]:
    """Return the answers, by status, to what some clients send as fast as they are answered."""
    found: Counter[bytes] = Counter()
    until_s = time.monotonic() + seconds

    def ask(number: int) -> None:
        one: socket.socket | None = None
        while time.monotonic() < until_s:
            try:
                if one is None:
                    one = socket.socket()
                    one.settimeout(3)
                    one.bind((f"127.0.{60 + number}.1", 0))
                    one.connect(running.address)
                one.sendall(data)
                came = one.recv(65_536)
            except OSError:
                came = b""
            for status in re.findall(rb"HTTP/1.1 (\d+)", came):
                found[status] += 1
            if (anew or not came) and one is not None:
                one.close()
                one = None
        if one is not None:
            one.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_refused_sign_ins_take_turns_like_whatever_else_is_answered(running: Running) -> None:
    data = b"POST /sign-in HTTP/1.1\r\nHost: gateway\r\nContent-Length: 0\r\n\r\n" * 8
    found = answers_in(running, data, seconds=3, anew=False)
    assert 100 < sum(found.values()) < 3 * 700, found


def test_what_is_no_request_does_not_come_to_the_gateway(running: Running) -> None:
    before, found = closed(running, "malformed"), 0
    for data in (b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0\0"):
        answered = answers_in(running, data, seconds=1, anew=True)[b"400"]
        assert answered > 25, data
        found += answered
    assert closed(running, "malformed") == before
    assert closed(running, "malformed at a front") >= found - 100


def closed(running: Running, why: str) -> float:
    """Return the connections that were closed, by why."""
    time.sleep(1.2)  # fronts count once a second
    with client(running, "admin") as admin:
        lines = admin.get("/metrics").text.splitlines()
    name = f'wicketgate_connections_closed_total{{why="{why}"}}'
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def come_and_go(running: Running, number: int) -> None:
    one = socket.socket()
    one.bind((f"127.0.{10 + number % 8}.{1 + number % 200}", 0))
    one.connect(running.address)
    one.sendall(HEAD)
    one.close()


def test_strangers_who_have_left_keep_nobody_out(running: Running) -> None:
    publish(running, consultation("c-left"))
    stop = threading.Event()

    def flood() -> None:
        number = 0
        while not stop.is_set():
            come_and_go(running, number)
            number += 1
            time.sleep(0.001)

    for number in range(6_000):
        come_and_go(running, number)
    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        for _ in range(10):
            began_s = time.monotonic()
            assert get(f"{running.url}/healthz").status_code == 200
            assert get(f"{running.url}/log/checkpoint").status_code == 200
            assert time.monotonic() - began_s < 5
    finally:
        stop.set()
        flooding.join()


@pytest.mark.parametrize("path", ["/sign-in", "/oauth/token", "/sign-in/passkey"])
def test_bodies_that_do_not_come_keep_no_right_sign_in_out(running: Running, path: str) -> None:
    """Nine addresses with 64 half bodies each took all places of strangers."""
    form = (
        "Host: gateway\r\nContent-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n"
    )
    half = f"POST {path} HTTP/1.1\r\n{form}Content-Length: 100\r\n\r\nofficer=a".encode()
    body = f"officer=PC+1&token={running.tokens[CHARGING]}".encode()
    right = f"POST /sign-in HTTP/1.1\r\n{form}Content-Length: {len(body)}\r\n\r\n".encode() + body
    held = []
    try:
        for number in range(9 * 64):
            one = socket.socket()
            held.append(one)
            one.bind((f"127.0.{90 + number % 3}.{1 + number % 9}", 0))
            one.connect(running.address)
            one.sendall(half)
        time.sleep(1.5)
        for _ in range(3):
            with socket.create_connection(running.address, source_address=("127.0.99.1", 0)) as asking:
                asking.settimeout(3)
                asking.sendall(right)
                assert asking.recv(4096).startswith(b"HTTP/1.1 303")
        assert get(f"{running.url}/sign-in").status_code == 200
    finally:
        for one in held:
            one.close()
