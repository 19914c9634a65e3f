"""Fronts as they run: connections handed over, what changes under them, and what becomes of them when they end."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.harness import Connection, Running, enrol, make
from tests.running import (
    SOURCE,
    arrived,
    bearer,
    client,
    entries,
    get,
    issue,
    plates,
    read,
    running_with,
    until,
)
from wicketgate_demo.world import london

FRONTS = 2


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with two fronts."""
    with running_with(
        tmp_path_factory.mktemp("fronts"), f"port = 0\nfronts = {FRONTS}\n", cameras=30
    ) as running:
        yield running
        assert "Traceback" not in running.log.read_text()
        assert running.stop() == 0


def metric(running: Running, name: str) -> float:
    shown = get(f"{running.url}/metrics", headers=bearer(running, "admin")).text
    return float(next(line for line in shown.splitlines() if line.startswith(f"{name} ")).split()[1])


def test_reads_of_every_form_come_through_and_are_taken_once(fronted: Running) -> None:
    wanted = plates(40, seed=11)
    with client(fronted, SOURCE) as source:
        for plate in wanted[:10]:
            assert source.post("/v1/reads", json=read(plate)).json()["accepted"] == 1
        many = [read(plate) for plate in wanted[10:]]
        lines = "\n".join(map(json.dumps, many))
        answer = source.post("/v1/reads", content=lines, headers={"Content-Type": "application/x-ndjson"})
        assert answer.json()["accepted"] == 30
        again = source.post("/v1/reads", json=many).json()
        assert (again["accepted"], again["repeated"]) == (0, 30)
    assert arrived(fronted, london.CHARGING, wanted)


def test_a_connection_goes_on_whoever_answers_it(fronted: Running) -> None:
    async def talk() -> list[int]:
        one = await Connection(fronted.address, fronted.tokens[SOURCE]).open()
        found = []
        for plate in plates(30, seed=12):
            body = json.dumps(read(plate)).encode()
            found.append((await one.request("POST", "/v1/reads", body, "application/json"))[0])
            found.append((await one.request("GET", "/v1/cameras"))[0])
            if plate[0] > "M":
                await one.close()
                one = await Connection(fronted.address, fronted.tokens[SOURCE]).open()
        await one.close()
        return found

    assert asyncio.run(talk()) == [200] * 60


def test_a_camera_is_known_to_every_front_once_its_registration_is_answered(fronted: Running) -> None:
    issue(fronted, "source:tfl")  # another token of the same source
    with client(fronted, SOURCE) as source:
        cameras = [{"id": f"ccz-{n + 1:04d}", "groups": ["ccz-boundary"]} for n in range(30)]
        for n in range(6):
            cameras.append({"id": f"new-{n}", "groups": ["ccz-boundary"]})
            source.put("/v1/cameras", json=cameras).raise_for_status()
            seen = [read(plate, camera=f"new-{n}") for plate in plates(4, seed=100 + n)]
            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(lambda one: _post_anew(fronted, one), seen))
            assert [answer["accepted"] for answer in answers] == [1] * 4, answers


def _post_anew(running: Running, one: dict[str, object]) -> dict[str, object]:
    """Post over a connection of its own: any front may get it."""
    answer: dict[str, object] = httpx.post(
        f"{running.url}/v1/reads", json=one, headers=bearer(running, SOURCE)
    ).json()
    return answer


def test_a_withdrawn_token_takes_nothing_more_on_connections_that_are_open(fronted: Running) -> None:
    name = "source:tfl"
    token = fronted.tokens[name]
    head = {"Authorization": f"Bearer {token}"}
    sources = [httpx.Client(base_url=fronted.url, headers=head) for _ in range(8)]
    try:
        for n, source in enumerate(sources):
            assert source.post("/v1/reads", json=read(plates(8, seed=14)[n])).status_code == 200
        with client(fronted, "admin") as admin:
            admin.post("/v1/tokens/withdraw", json={"name": name}).raise_for_status()
        answers = []
        for source, plate in zip(sources, plates(16, seed=14)[8:], strict=True):
            for _ in range(2):  # whoever posts while its connection is closed posts again, over another
                with contextlib.suppress(httpx.TransportError):
                    answers.append(source.post("/v1/reads", json=read(plate)))
                    break
        assert [answer.status_code for answer in answers] == [401] * 8
    finally:
        for source in sources:
            source.close()
        issue(fronted, name)


def test_a_withdrawn_token_ends_its_connections_wherever_they_are(fronted: Running) -> None:
    issue(fronted, "source:tfl")
    raw = [socket.create_connection(fronted.address) for _ in range(6)]
    head = f"Host: gateway\r\nAuthorization: Bearer {fronted.tokens[SOURCE]}\r\n"
    body = json.dumps([]).encode()
    for n, one in enumerate(raw):
        one.settimeout(5)
        if n % 2:
            one.sendall(f"GET /v1/cameras HTTP/1.1\r\n{head}\r\n".encode())  # by the gateway itself
        else:
            length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            one.sendall(f"POST /v1/reads HTTP/1.1\r\n{head}".encode() + length + body)
        assert one.recv(1 << 20).startswith(b"HTTP/1.1 200")
    try:
        with client(fronted, "admin") as admin:
            admin.post("/v1/tokens/withdraw", json={"name": SOURCE}).raise_for_status()
        started = time.monotonic()
        for one in raw:
            while one.recv(1 << 20):
                pass
        assert time.monotonic() - started < 1
    finally:
        for one in raw:
            one.close()
        issue(fronted, SOURCE)


def test_a_front_that_is_killed_is_replaced_and_nothing_acknowledged_is_lost(fronted: Running) -> None:
    replaced = metric(fronted, "wicketgate_fronts_replaced_total")
    wanted = plates(400, seed=15)
    acknowledged: list[str] = []
    killed: list[int] = []

    def post(plate: str) -> None:
        one = read(plate)
        for _ in range(50):
            try:
                answer = httpx.post(
                    f"{fronted.url}/v1/reads", json=one, headers=bearer(fronted, SOURCE), timeout=10
                )
            except httpx.TransportError:
                time.sleep(0.02)
                continue
            if answer.status_code == 200:
                assert answer.json()["accepted"] + answer.json()["repeated"] == 1
                acknowledged.append(plate)
                return
            time.sleep(0.02)

    with ThreadPoolExecutor(8) as pool:
        posting = [pool.submit(post, plate) for plate in wanted]
        for front in fronted.fronts():  # all of them: the gateway takes what comes meanwhile
            os.kill(front, signal.SIGKILL)
            killed.append(front)
        for one in posting:
            one.result()
    assert sorted(acknowledged) == sorted(wanted)
    rows = until(lambda: arrived(fronted, london.CHARGING, wanted))
    assert rows
    until(lambda: metric(fronted, "wicketgate_fronts") == FRONTS, 20)
    assert metric(fronted, "wicketgate_fronts_replaced_total") == replaced + FRONTS
    assert not {*fronted.fronts()} & {*killed}
    assert fronted.log.read_text().count("has ended, and is replaced") == FRONTS
    until(lambda: _told(fronted) >= 1, 20)


def _told(running: Running) -> int:
    """Return how many replaced fronts the public log tells of."""
    return sum(
        one.get("count", 0) for one in entries(running.url) if one.get("operation") == "fronts-replaced"
    )


def _post(running: Running, plate: str) -> bytes:
    body = json.dumps(read(plate)).encode()
    head = f"POST /v1/reads HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {running.tokens[SOURCE]}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def memory_of(pid: int) -> int:
    """Return a process's resident memory, bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_what_one_client_sends_ahead_is_bounded(fronted: Running) -> None:
    """Posts one behind another, and behind them a body without an end: each answer lets some more of it in."""
    before = max(map(memory_of, fronted.fronts()))
    with socket.create_connection(fronted.address) as one:
        one.settimeout(0.2)
        posts = b"".join(_post(fronted, plate) for plate in plates(300, seed=21))
        head = f"Host: gateway\r\nAuthorization: Bearer {fronted.tokens[SOURCE]}\r\nContent-Length: 900000000\r\n"
        ahead = posts + f"POST /v1/documents HTTP/1.1\r\n{head}\r\n".encode()
        sent, end = 0, time.monotonic() + 6
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                part = ahead[sent : sent + 65536] if sent < len(ahead) else bytes(65536)
                with contextlib.suppress(TimeoutError):
                    sent += one.send(part)
                with contextlib.suppress(TimeoutError):
                    one.settimeout(0.001)
                    one.recv(1 << 16)
                one.settimeout(0.2)
    assert max(map(memory_of, fronted.fronts())) - before < 24 << 20


def test_answers_that_are_on_their_way_are_not_cut_off_by_a_hand_over(fronted: Running) -> None:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.settimeout(20)
        one.connect(fronted.address)
        posts = [_post(fronted, plate) for plate in plates(200, seed=22)]
        question = (
            f"GET /v1/cameras HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {fronted.tokens[SOURCE]}\r\n"
        )
        sending = ThreadPoolExecutor(1).submit(one.sendall, b"".join(posts) + f"{question}\r\n".encode())
        time.sleep(2)  # it reads late
        told = b""
        while told.count(b"HTTP/1.1 200") < 201 or not told.endswith(b"}"):
            part = one.recv(1 << 16)
            assert part, f"{told.count(b'HTTP/1.1 200')} answers"
            told += part
        sending.result()
    answers = told.split(b"HTTP/1.1 ")[1:]
    assert len(answers) == 201
    assert all(b'"accepted":1' in answer for answer in answers[:200])
    assert b'"cameras"' in answers[200]


def test_whoever_sends_ahead_for_long_is_not_called_slow(tmp_path: Path) -> None:
    with running_with(tmp_path, "port = 0\nfronts = 1\n[limits]\nhead_s = 0.5\n") as running:
        posts = [_post(running, plate) for plate in plates(300, seed=23)]
        with socket.create_connection(running.address) as one:
            one.settimeout(10)
            one.sendall(posts[0][:60])
            for this, following in itertools.pairwise(posts):
                one.sendall(this[60:] + following[:60])
                assert one.recv(1 << 16).startswith(b"HTTP/1.1 200")
        assert running.stop() == 0


@pytest.mark.slow
def test_a_new_front_has_the_time_of_now(tmp_path: Path) -> None:
    """Nothing has changed for longer than a camera's clock may be ahead: then a front is replaced."""

    def strict(charter: dict[str, Any]) -> None:
        charter["limits"]["clock_ahead"] = "PT2S"

    with running_with(tmp_path, "port = 0\nfronts = 1\n", change=strict) as running:
        time.sleep(4)
        for plate in plates(2, seed=24):
            (front,) = running.fronts()
            os.kill(front, signal.SIGKILL)
            until(lambda gone=front: running.fronts() not in ([gone], []), 20)  # type: ignore[misc]
            for _ in range(8):
                answer = _post_anew(running, read(plate))
                assert not answer["quarantined"], answer
                time.sleep(0.02)
        assert running.stop() == 0


def test_what_changes_while_fronts_begin_is_known_to_each_of_them(tmp_path: Path) -> None:
    running = make(tmp_path, settings="port = 0\nfronts = 3\n")
    for attempt in range(2):
        running.start()
        try:
            if not attempt:
                admin = (running.folder / "keys" / "admin.token").read_text().strip()
                running.tokens = enrol(running.url, admin, running.offices, 2, running.at_us)
            cameras = [{"id": f"new-{attempt}", "groups": ["ccz-boundary"]}]
            with client(running, SOURCE) as source:
                source.put("/v1/cameras", json=cameras).raise_for_status()
            until(lambda: metric(running, "wicketgate_fronts") == 3, 20)
            for plate in plates(40, seed=30 + attempt):
                answer = _post_anew(running, read(plate, camera=f"new-{attempt}"))
                assert answer.get("accepted") == 1, answer
        finally:
            assert running.stop() == 0


def test_whoever_waits_for_a_gateway_that_stands_still_is_answered_when_it_goes_on(fronted: Running) -> None:
    """Longer than a refused connection may linger, and than a front may be silent."""
    fronts = fronted.fronts()
    os.kill(fronted.pid, signal.SIGSTOP)
    raw = []
    try:
        for n in range(340):  # more than wait between the processes
            one = socket.create_connection(fronted.address)
            token = f"Authorization: Bearer {fronted.tokens['admin']}\r\n" if n >= 330 else ""
            one.sendall(f"GET /readyz HTTP/1.1\r\nHost: gateway\r\n{token}\r\n".encode())
            raw.append(one)
        time.sleep(11.5)
    finally:
        os.kill(fronted.pid, signal.SIGCONT)
    try:
        for one in raw[330:]:
            one.settimeout(20)
            assert one.recv(1 << 16).startswith(b"HTTP/1.1 ")
        assert fronted.fronts() == fronts
    finally:
        for one in raw:
            one.close()


@pytest.mark.slow
def test_an_end_does_not_wait_for_a_front_that_is_to_be_replaced(tmp_path: Path) -> None:
    running = make(tmp_path, settings="port = 0\nfronts = 1\n")
    running.start()
    for _ in range(3):
        until(running.fronts, 10)
        os.kill(running.fronts()[0], signal.SIGKILL)
        time.sleep(0.3)
    started = time.monotonic()
    assert running.stop() == 0
    assert time.monotonic() - started < 5


def test_a_front_that_says_nothing_any_more_is_replaced(fronted: Running) -> None:
    until(lambda: metric(fronted, "wicketgate_fronts") == FRONTS, 20)
    stopped = fronted.fronts()[0]
    os.kill(stopped, signal.SIGSTOP)
    until(lambda: stopped not in fronted.fronts() and len(fronted.fronts()) == FRONTS, 40)
    (wanted,) = plates(1, seed=16)
    assert _post_anew(fronted, read(wanted))["accepted"] == 1


def test_a_front_ends_with_its_gateway(tmp_path: Path) -> None:
    running = make(tmp_path, settings=f"port = 0\nfronts = {FRONTS}\n")
    running.start()
    fronts = running.fronts()
    assert len(fronts) == FRONTS
    running.kill()
    until(lambda: not any(map(_runs, fronts)), 5)


def _runs(pid: int) -> bool:
    """Return whether a process runs: one that has ended may wait for whoever adopts it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_without_fronts_the_gateway_takes_everything_itself(tmp_path: Path) -> None:
    running = make(tmp_path, settings="port = 0\nfronts = 0\n")
    running.start()
    try:
        assert running.fronts() == []
        assert get(f"{running.url}/healthz").status_code == 200
    finally:
        assert running.stop() == 0
