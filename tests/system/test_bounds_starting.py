"""Hostile connections to a gateway that is still starting: they neither end the start nor take its memory."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.harness import make
from tests.running import get, until
from tests.system.test_bounds import FILES, MIB, Confined, peers
from tests.system.test_health import answer, children, free_port

SETTINGS = """
host = "127.0.0.1"
port = 0
[limits]
head_s = 2.0
"""


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[Confined]:
    """A gateway with few open files that answers, and has not started."""
    made = make(tmp_path, settings=SETTINGS)
    gateway = Confined(tmp_path, made.offices, made.at_us)
    gateway.url = f"http://127.0.0.1:{free_port()}"
    try:
        gateway.launch()
        until(lambda: answer(gateway, "/readyz"), 30)
        yield gateway
    finally:
        for child in children(gateway):
            os.kill(child, signal.SIGCONT)
        gateway.stop()


def test_silent_sockets_do_not_end_a_start(starting: Confined) -> None:
    with peers(FILES + 100, starting.address) as silent:
        until(lambda: sum(one.is_open() for one in silent) < FILES / 4)
        assert answer(starting, "/readyz") is not None
        starting.await_start()
    assert get(f"{starting.url}/readyz").status_code == 200
    assert "Traceback" not in starting.log.read_text()


def test_a_crowd_that_comes_at_once_does_not_end_a_start(starting: Confined) -> None:
    os.kill(starting.pid, signal.SIGSTOP)  # the kernel takes them meanwhile
    try:
        with peers(FILES + 100, starting.address):
            os.kill(starting.pid, signal.SIGCONT)
            starting.await_start()
    finally:
        os.kill(starting.pid, signal.SIGCONT)
    assert get(f"{starting.url}/readyz").status_code == 200


def test_heads_without_an_end_are_refused_and_closed_while_it_starts(starting: Confined) -> None:
    child = until(lambda: next(iter(children(starting)), None), 60)
    os.kill(child, signal.SIGSTOP)  # the start waits for its streams
    time.sleep(0.5)
    before = starting.memory
    with peers(1, starting.address, b"GET / HTTP/1.1\r\nX-Long: ") as (endless,):
        for _ in range(100):
            endless.send(b"a" * MIB)
        came = endless.rest()
        assert not came or came.startswith(b"HTTP/1.1 431 ")
    assert starting.memory < before + 48 * MIB
    begun = time.monotonic()
    with peers(5, starting.address, b"GET /readyz HTTP/1.1\r\nX-Half: ") as halves:
        for half in halves:
            assert half.rest().startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun < 10
    still = answer(starting, "/readyz")
    assert still is not None
    assert still.json()["code"] == "starting"
    os.kill(child, signal.SIGCONT)
    starting.await_start()
