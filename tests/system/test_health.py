"""The truth of `/healthz` and `/readyz`: while a gateway starts, while it stands still, and when it goes on."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.harness import Running, enrol, make
from tests.running import CHARGING, SOURCE, bearer, client, get, plates, post, read, until


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A deployment with a port of its own, not started."""
    made = make(tmp_path)
    made.url = f"http://127.0.0.1:{free_port()}"
    try:
        yield made
    finally:
        for child in children(made):
            os.kill(child, signal.SIGCONT)
        made.stop()


def children(running: Running) -> list[int]:
    """Return the processes of the streams, once they are the streams' own program."""
    try:
        return [
            one
            for one in running.children()
            if b"nats" in Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")[0]
        ]
    except (AssertionError, FileNotFoundError):
        return []


def answer(running: Running, path: str, **more: Any) -> httpx.Response | None:
    """Return what is answered, or None where nobody listens."""
    try:
        return get(f"{running.url}{path}", **more)
    except httpx.TransportError:
        return None


def test_a_start_answers_whatever_waits_and_says_what(running: Running) -> None:
    running.start()
    admin = (running.folder / "keys" / "admin.token").read_text().strip()
    running.tokens = enrol(running.url, admin, running.offices, 60, running.at_us)
    for plate in plates(30, 9):
        post(running, read(plate))
    running.kill()

    running.launch()
    until(lambda: answer(running, "/readyz"), 30)  # it answers before it has as much as streams
    child = until(lambda: next(iter(children(running)), None), 60)
    os.kill(child, signal.SIGSTOP)  # the streams wait, and so does whatever is replayed
    for path in ("/healthz", "/readyz", "/", "/v1/feeds", "/metrics"):
        waits = until(lambda path=path: answer(running, path), 10)  # type: ignore[misc]
        assert waits.status_code == 503
        assert waits.headers["retry-after"]
        assert waits.json()["code"] == "starting"
        assert waits.json()["behind"][0]["part"] in {"streams", "commits"}
    posted = httpx.post(f"{running.url}/v1/reads", json=[read("LA51ABC")], headers=bearer(running, SOURCE))
    assert (posted.status_code, posted.json()["code"]) == (503, "starting")
    still = until(
        lambda: one if (one := answer(running, "/readyz")) and one.json()["behind"][0]["seconds"] else None
    )
    assert still.status_code == 503
    os.kill(child, signal.SIGCONT)
    running.await_start()
    assert get(f"{running.url}/readyz").json() == {"status": "ready"}
    assert get(f"{running.url}/healthz").json() == {"status": "ok"}
    with client(running, CHARGING) as unit:
        assert unit.get("/v1/feeds").status_code == 200


def test_a_gateway_that_stands_still_says_so_and_is_well_again(running: Running) -> None:
    running.start()
    (child,) = children(running)
    assert get(f"{running.url}/healthz").status_code == 200
    os.kill(child, signal.SIGSTOP)
    stopped_s = time.monotonic()
    for path, code in (("/healthz", "stalled"), ("/readyz", "not-ready")):
        waits = until(
            lambda path=path: one if (one := answer(running, path)) and one.status_code == 503 else None,  # type: ignore[misc]
            20,
        )
        assert waits.json()["code"] == code
        assert {"seconds"} <= {part["part"] for part in waits.json()["behind"]}
    assert time.monotonic() - stopped_s > 9
    os.kill(child, signal.SIGCONT)
    for path in ("/healthz", "/readyz"):
        until(lambda path=path: get(f"{running.url}{path}").status_code == 200 or None, 30)  # type: ignore[misc]


def test_a_start_that_is_stopped_ends_in_order(running: Running) -> None:
    running.launch()
    child = until(lambda: next(iter(children(running)), None), 60)
    os.kill(child, signal.SIGSTOP)
    until(lambda: answer(running, "/readyz"), 10)
    time.sleep(0.5)
    os.kill(running.pid, signal.SIGTERM)
    os.kill(child, signal.SIGCONT)
    assert running.stop() in {0, -signal.SIGTERM}
    running.start()
    assert get(f"{running.url}/readyz").status_code == 200
