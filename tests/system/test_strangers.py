"""Strangers that come and go keep no place at the door."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bench.harness import Running, gateway
from tests.consulting import consultation, publish
from tests.running import get

HEAD = (
    b"POST /consultations/c-left/responses HTTP/1.1\r\nHost: gateway\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 163840\r\n\r\n"
)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with gateway(3) as made:
        yield made


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
