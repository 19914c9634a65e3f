"""Hostile connections to a real gateway: silent, slow, huge or deaf, while cameras post and publish.

The gateway has so few open files, and such short times, that what took a thousand sockets takes a hundred.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from bench.harness import WICKETGATE, enrol, make
from tests.running import CHARGING, SOURCE, bearer, get, last_batch, plates, post, read, until
from tests.system.test_mqtt_cameras import WithMqtt
from tests.unit.reads.test_mqtt_ingress import connect, packet, publish, text
from wicketgate_demo.world import london

FILES = 600
FEED = london.CHARGING
MIB = 1024 * 1024
SETTINGS = """
host = "127.0.0.1"
port = 0
[mqtt]
port = 0
[limits]
head_s = 2.0
body_s = 2.0
write_s = 3.0
idle_s = 4.0
mqtt_connect_s = 2.0
mqtt_packet_s = 60.0
strangers_of_peer = 12
mqtt_bytes = 33554432
mqtt_bytes_of_source = 16777216
body_bytes_of_source = 33554432
"""


class Confined(WithMqtt):
    """A gateway that may have few open files."""

    command: ClassVar = ("sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh", *WICKETGATE)

    @property
    def memory(self) -> int:
        """Its resident memory, bytes."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    @property
    def open_files(self) -> int:
        """The number of its descriptors."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def metric(self, name: str) -> float:
        """Return a metric by its name and labels, 0 where it is not there."""
        shown = get(f"{self.url}/metrics", headers=bearer(self, "admin")).text
        found = re.search(rf"^{re.escape(name)} (\S+)$", shown, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def over_http(self, name: str, label: str) -> float:
        """Return a metric of all connections over HTTP, of the gateway and of its fronts."""
        return self.over("HTTP", name, label)

    def over(self, protocol: str, name: str, label: str) -> float:
        """Return a metric of all connections of a protocol, of the gateway and of its fronts."""
        labels = [sorted([label, f'over="{over}"']) for over in (protocol, f"{protocol} at a front")]
        return sum(self.metric(f"{name}{{{','.join(pair)}}}") for pair in labels)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Confined]:
    """Run one gateway for all attacks: the same process is there at the end, and stops in order."""
    made = make(tmp_path_factory.mktemp("bounds"), settings=SETTINGS)
    gateway = Confined(made.folder.parent, made.offices, made.at_us)
    gateway.start()
    try:
        admin = (gateway.folder / "keys" / "admin.token").read_text().strip()
        gateway.tokens = enrol(gateway.url, admin, gateway.offices, 20, gateway.at_us)
        yield gateway
        log = gateway.log.read_text()
        assert "Traceback" not in log
        assert log.count("\n") < 100  # a flood is told at a bounded rate
    finally:
        assert gateway.stop() == 0


class Peer:
    """A socket that does what a well-behaved client never does."""

    def __init__(self, address: tuple[str, int], data: bytes = b"", *, buffer: int = 0) -> None:
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(20)
        self.socket.connect(address)
        self.send(data)

    def send(self, data: bytes) -> bool:
        """Send all of it; False where the gateway has closed."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def rest(self) -> bytes:
        """Return what comes until the gateway closes."""
        came = b""
        try:
            while part := self.socket.recv(65536):
                came += part
        except ConnectionError:
            pass
        return came

    def is_open(self) -> bool:
        """Whether the gateway has not closed, as far as can be seen."""
        try:
            self.socket.setblocking(False)
            while self.socket.recv(65536):
                pass
            return False
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.socket.settimeout(20)


@contextmanager
def peers(
    count: int, address: tuple[str, int], data: bytes = b"", *, buffer: int = 0
) -> Iterator[list[Peer]]:
    """Open many sockets that all begin with the same bytes."""
    with ExitStack() as closing:
        opened = []
        for _ in range(count):
            one = Peer(address, data, buffer=buffer)
            closing.callback(one.socket.close)
            opened.append(one)
        yield opened


@pytest.fixture
def camera(running: Confined) -> Iterator[Callable[[], None]]:
    """A camera's kept-alive connection from before the attack; calling it posts a read, over a new one too."""
    fresh = iter(plates(10_000, int(time.monotonic() * 1000)))
    headers = bearer(running, SOURCE)
    with httpx.Client(base_url=running.url, headers=headers, timeout=10) as kept:

        def go_on() -> None:
            assert kept.post("/v1/reads", json=read(next(fresh))).json()["accepted"] == 1
            assert post(running, read(next(fresh)))["accepted"] == 1
            with Camera(running, "eastholm") as publisher:
                publisher.publish(next(fresh))

        go_on()
        yield go_on
        go_on()


class Camera:
    """A camera of a source that publishes by MQTT."""

    def __init__(self, running: Confined, source: str) -> None:
        self.peer = Peer(("127.0.0.1", running.mqtt_port))
        self.token = running.tokens[f"source:{source}"].encode()
        self.source = source.encode()
        self.number = 0

    def __enter__(self) -> Camera:
        self.peer.send(connect(self.source, self.token))
        assert self.peer.socket.recv(4) == b"\x20\x02\x00\x00"
        return self

    def __exit__(self, *_: object) -> None:
        self.peer.socket.close()

    def publish(self, plate: str) -> None:
        """Publish something, and be answered."""
        self.number += 1
        self.peer.send(publish(self.number, body=json.dumps({"plate": plate}).encode()))
        assert self.peer.socket.recv(4) == b"\x40\x02" + self.number.to_bytes(2, "big")


def request_of(running: Confined, path: str, name: str, method: str = "GET", *more: str) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: gateway",
        f"Authorization: Bearer {running.tokens[name]}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


# --- number -------------------------------------------------------------------------------------------------------


def test_silent_sockets_take_neither_the_descriptors_nor_the_cameras_places(
    running: Confined, camera: Callable[[], None]
) -> None:
    before = running.open_files
    with peers(1_000, running.address) as silent, peers(1_000, ("127.0.0.1", running.mqtt_port)) as mute:
        camera()
        assert running.open_files < before + 60 < FILES / 2
        assert sum(one.is_open() for one in silent) <= 12
        assert sum(one.is_open() for one in mute) <= 12
        time.sleep(3.5)
        camera()
        assert not any(one.is_open() for one in silent + mute)
    until(lambda: running.over_http("wicketgate_connections_refused_total", 'why="peer"') >= 900)
    until(lambda: running.over("MQTT", "wicketgate_connections_refused_total", 'why="peer"') >= 900)


def test_a_source_that_opens_all_it_can_leaves_places_for_others_and_is_told_so(
    running: Confined, camera: Callable[[], None]
) -> None:
    asked = request_of(running, "/v1/cameras", SOURCE)
    with ExitStack() as closing:
        answers = []
        for _ in range(FILES):
            one = Peer(running.address, asked)
            closing.callback(one.socket.close)
            answers.append(one.socket.recv(65536).split(b" ", 2)[1])
        assert set(answers) == {b"200", b"429"}
        assert running.open_files < FILES - 100
        assert get(f"{running.url}/v1/feeds", headers=bearer(running, CHARGING)).status_code == 200
        assert get(f"{running.url}/healthz").status_code == 200
    until(lambda: running.over_http("wicketgate_connections", 'known="yes"') < 10)


# --- time ---------------------------------------------------------------------------------------------------------


def test_half_heads_and_half_bodies_are_answered_and_closed(
    running: Confined, camera: Callable[[], None]
) -> None:
    body = request_of(
        running, "/v1/reads", SOURCE, "POST", "Content-Type: application/json", "Content-Length: 900000"
    )
    begun = time.monotonic()
    with (
        peers(5, running.address, b"POST /v1/reads HTTP/1.1\r\nHost: gateway\r\nX-Half: ") as heads,
        peers(5, running.address, body + b"[") as bodies,
    ):
        camera()
        for one in heads + bodies:
            came = one.rest()
            assert came.startswith(b"HTTP/1.1 408 ")
            assert json.loads(came.partition(b"\r\n\r\n")[2])["code"] == "too-slow"
        assert time.monotonic() - begun < 10


def test_a_body_that_drips_is_closed_and_one_that_flows_is_taken(
    running: Confined, camera: Callable[[], None]
) -> None:
    row = json.dumps(read(plates(1, 77)[0])).encode()
    head = request_of(running, "/v1/reads", SOURCE, "POST", "Content-Type: application/json")[:-2]
    with peers(1, running.address, head + b"Content-Length: 900000\r\n\r\n") as (drip,):
        begun = time.monotonic()
        while drip.is_open() and time.monotonic() - begun < 15:
            drip.send(b" ")
            time.sleep(0.2)
        assert 2 < time.monotonic() - begun < 10
    padded = b" " * 12_000 + row
    with peers(1, running.address, head + b"Content-Length: %d\r\n\r\n" % len(padded)) as (slow,):
        for at in range(0, len(padded), 2_500):
            time.sleep(0.6)
            assert slow.send(padded[at : at + 2_500])
        assert slow.socket.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_an_idle_connection_is_closed_and_a_camera_that_comes_back_in_time_is_not(running: Confined) -> None:
    asked = request_of(running, "/v1/cameras", SOURCE)
    with peers(2, running.address, asked) as (idle, kept):
        idle.socket.recv(65536)
        kept.socket.recv(65536)
        for _ in range(4):
            time.sleep(1.8)
            kept.send(asked)
            assert kept.socket.recv(65536)
        assert not idle.is_open()


# --- bytes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\nX-Long: " + b"a" * MIB, b"431", id="one-long-field"),
        pytest.param(b"GET /" + b"a" * MIB, b"431", id="a-long-path"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 200_000, b"431", id="many-fields"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 101 + b"\r\n", b"431", id="fields-in-one-piece"),
        pytest.param(b"no request at all\r\n\r\n", b"400", id="no-request"),
    ],
)
def test_a_head_beyond_its_bounds_is_refused_and_takes_no_memory(
    running: Confined, head: bytes, status: bytes
) -> None:
    before = running.memory
    with ExitStack() as closing:
        opened = [Peer(running.address) for _ in range(10)]
        for one in opened:
            closing.callback(one.socket.close)
            for _ in range(10):
                one.send(head)
        came = opened[-1].rest()
        assert not came or came.split(b" ", 2)[1] == status
        with peers(1, running.address, head) as (alone,):
            came = alone.rest()
            assert came.split(b" ", 2)[1] == status
            assert came.partition(b"\r\n\r\n")[2].startswith(b'{"type":"/docs#code-')
        assert running.memory < before + 24 * MIB


def test_trailers_and_requests_behind_one_another_have_an_end(
    running: Confined, camera: Callable[[], None]
) -> None:
    before = running.memory
    head = request_of(running, "/v1/reads", SOURCE, "POST", "Content-Type: application/json")[:-2]
    with peers(1, running.address, head + b"Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n0\r\n") as (
        trailing,
    ):
        for _ in range(100):
            trailing.send(b"X-Trailer: " + b"a" * 100_000 + b"\r\n")
        assert not trailing.is_open() or trailing.rest() is not None
    with peers(5, running.address) as piped:
        for one in piped:
            one.send(b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n" * 20_000)
        camera()
    assert running.memory < before + 24 * MIB


def test_a_source_with_many_bodies_under_way_is_told_to_wait_and_others_are_not(
    running: Confined, camera: Callable[[], None]
) -> None:
    before = running.memory
    head = request_of(
        running,
        "/v1/reads",
        "source:marshbridge",
        "POST",
        "Content-Type: application/json",
        f"Content-Length: {8 * MIB}",
    )
    with peers(8, running.address, head) as first:
        refused = [one for one in first if _refusal(one)]
        assert len(refused) == 4  # 32 MiB by 8
        assert running.memory < before + 40 * MIB
        camera()
    until(lambda: running.metric('wicketgate_under_way{what="body_bytes"}') == 0)


def _refusal(one: Peer) -> bool:
    one.socket.settimeout(0.5)
    try:
        came = one.socket.recv(65536)
    except TimeoutError:
        return False
    assert b'"code":"too-much-at-once"' in came
    assert b"retry-after: 1" in came
    return True


def test_readers_that_never_read_hold_little_and_are_closed(
    running: Confined, camera: Callable[[], None]
) -> None:
    for n in range(12):
        many = [read(plate) for plate in plates(2_000, 500 + n)]
        assert post(running, many)["accepted"] == 2_000
    until(lambda: last_batch(running, FEED) >= 12)
    whole = get(
        f"{running.url}/v1/feeds/{FEED}?after=0&limit=1000", headers=bearer(running, CHARGING)
    ).content
    assert len(whole) > 4 * MIB
    before = running.memory
    asked = request_of(running, f"/v1/feeds/{FEED}?after=0&limit=1000", CHARGING)
    with peers(40, running.address, asked, buffer=4096) as deaf:
        most, ends = 0, time.monotonic() + 2
        while time.monotonic() < ends:
            most = max(most, running.memory - before)
            time.sleep(0.05)
        camera()
        assert most < 40 * MIB  # 22 answers of 4 MiB, each held twice, took more
        until(lambda: not any(one.is_open() for one in deaf), 15)
    assert running.metric('wicketgate_connections_closed_total{why="answer-not-taken"}') >= 8
    again = get(
        f"{running.url}/v1/feeds/{FEED}?after=0&limit=1000", headers=bearer(running, CHARGING)
    ).content
    assert again.startswith(whole)


# --- MQTT ---------------------------------------------------------------------------------------------------------


def test_claims_of_one_source_hold_up_no_other_and_are_closed(
    running: Confined, camera: Callable[[], None]
) -> None:
    claimed = packet(0x32, text(b"frigate/events") + b"\x00\x01" + b"x" * (4 * MIB - 100))[:2_000]
    connected = connect(b"tfl", running.tokens[SOURCE].encode())
    before = running.memory
    with ExitStack() as closing:
        claims = []
        for _ in range(60):
            one = Peer(("127.0.0.1", running.mqtt_port), connected)
            closing.callback(one.socket.close)
            assert one.socket.recv(4) == b"\x20\x02\x00\x00"
            one.send(claimed)
            claims.append(one)
        time.sleep(0.5)
        camera()  # of another source
        with Camera(running, "tfl") as own:
            own.publish(plates(1, 4242)[0])  # and of the same
        assert running.memory < before + 40 * MIB
        until(lambda: sum(one.is_open() for one in claims) < 57, 20)
