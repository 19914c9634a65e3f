"""The MQTT ingress of a running gateway, with clients of paho-mqtt over real sockets: what was acknowledged is in the
feed, also when the gateway is killed in the middle.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from bench.harness import Running, enrol, make
from tests.running import (
    SOURCE,
    arrived,
    bearer,
    client,
    issue,
    last_batch,
    now_us,
    plates,
    plates_in,
    read,
    request,
    until,
)
from wicketgate.base.clock import rfc3339
from wicketgate_demo.world import london

CAMERAS = 60


class WithMqtt(Running):
    """A gateway whose MQTT address is known; from the second start on it is the same."""

    mqtt_port = 0
    kills = 0

    def start(self) -> None:
        """Start the gateway, and learn both of its addresses."""
        if self.mqtt_port:
            path = self.folder / "wicketgate.toml"
            path.write_text(re.sub(r"(\[mqtt\]\nport =) \d+", rf"\1 {self.mqtt_port}", path.read_text()))
        port = self.address[1] if self.url else 0
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*self.command, "serve", str(self.folder), "--port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
            )
        assert self._process.stdout is not None
        with self._process.stdout as told:
            first, second = told.readline().decode(), told.readline().decode()
        if "answers at" not in first:
            self._process.wait(30)
            raise RuntimeError(self.log.read_text())
        self.url = first.split()[-1]
        found = re.fullmatch(r"MQTT is taken at mqtt://127\.0\.0\.1:(\d+), without TLS\n", second)
        assert found is not None, second
        self.mqtt_port = int(found[1])
        Running.running.add(self)


@contextmanager
def deployment(base: Path) -> Iterator[WithMqtt]:
    """Make and run a gateway of the invented London that takes MQTT, with two fronts."""
    made = make(base, settings='host = "127.0.0.1"\nport = 0\nfronts = 2\n[mqtt]\nport = 0\n')
    running = WithMqtt(base, made.offices, made.at_us)
    try:
        running.start()
        admin = (running.folder / "keys" / "admin.token").read_text().strip()
        running.tokens = enrol(running.url, admin, running.offices, CAMERAS, running.at_us)
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WithMqtt]:
    """A gateway that the tests of this module share."""
    with deployment(tmp_path_factory.mktemp("mqtt")) as made:
        yield made


def event(plate: str, camera: str = "ccz-0001", **more: Any) -> bytes:
    """Return Frigate's last message of a vehicle."""
    at_s = now_us() / 1e6
    after = {
        "id": f"{at_s:.6f}-{plate.lower()}",
        "camera": camera,
        "frame_time": at_s,
        "start_time": at_s - 1.5,
        "end_time": at_s,
        "label": "car",
        "recognized_license_plate": plate,
        "recognized_license_plate_score": 0.93,
        "has_snapshot": False,
        **more,
    }
    return json.dumps({"type": "end", "before": after, "after": after}).encode()


class Camera:
    """A client of paho-mqtt with its network loop in a thread; it reconnects by itself and sends again."""

    def __init__(
        self, running: WithMqtt, name: str, *, username: str = "tfl", token: str | None = None
    ) -> None:
        self.acknowledged: set[int] = set()
        self.codes: list[ReasonCode] = []
        self.connected = threading.Event()
        self.disconnected = threading.Event()
        self.granted = threading.Event()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self.client.username_pw_set(username, running.tokens[SOURCE] if token is None else token)
        self.client.max_inflight_messages_set(40)
        self.client.reconnect_delay_set(0.05, 0.2)
        self.client.on_publish = self._on_publish
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = lambda *_: self.disconnected.set()
        self.client.on_subscribe = lambda *_: self.granted.set()
        self.client.connect_async("127.0.0.1", running.mqtt_port, keepalive=30)
        self.client.loop_start()

    def _on_publish(self, client: Any, data: Any, number: int, *_: Any) -> None:
        self.acknowledged.add(number)

    def _on_connect(self, client: Any, data: Any, flags: Any, code: ReasonCode, *_: Any) -> None:
        self.codes.append(code)
        if not code.is_failure:
            self.connected.set()

    def publish(self, topic: str, body: bytes, qos: int) -> paho.MQTTMessageInfo:
        info = self.client.publish(topic, body, qos)
        assert info.rc in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN)
        return info

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextmanager
def cameras(running: WithMqtt, *names: str) -> Iterator[list[Camera]]:
    """Connect clients."""
    made = [Camera(running, name) for name in names]
    try:
        for camera in made:
            assert camera.connected.wait(15)
        yield made
    finally:
        for camera in made:
            camera.close()


def metrics(running: WithMqtt) -> dict[str, float]:
    text = request("GET", f"{running.url}/metrics", headers=bearer(running, "admin")).text
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    }


def became(running: WithMqtt) -> Counter[str]:
    """Return what became of messages and reads so far: fronts tell once a second."""
    time.sleep(1.2)
    found = metrics(running)
    counts: Counter[str] = Counter()
    for what in ("accepted", "repeated", "quarantined"):
        counts[what] = int(found[f'wicketgate_reads_total{{became="{what}"}}'])
    for what in ("taken", "ignored", "unanswered", "lost"):
        counts[what] = int(found[f'wicketgate_mqtt_messages_total{{became="{what}"}}'])
    return counts


# --- messages ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("qos", [0, 1, 2])
def test_what_frigate_publishes_is_in_the_feed(running: WithMqtt, qos: int) -> None:
    sent, before = plates(300, seed=700 + qos), last_batch(running, london.CHARGING)
    with cameras(running, "frigate-a", "frigate-b", "frigate-c") as clients:
        told = [
            clients[n % 3].publish("frigate/events", event(plate, f"ccz-{n % CAMERAS + 1:04d}"), qos)
            for n, plate in enumerate(sent)
        ]
        for info in told:
            info.wait_for_publish(30)
        found = arrived(running, london.CHARGING, sent, after=before)
    assert Counter(plates_in(found)) == Counter(sent)


def test_what_is_sent_again_is_a_repeat(running: WithMqtt) -> None:
    sent, before = plates(20, seed=710), last_batch(running, london.CHARGING)
    bodies = [event(plate) for plate in sent]
    for _ in range(2):
        with cameras(running, "again") as (camera,):
            for info in [camera.publish("home/frigate/events", body, 1) for body in bodies]:
                info.wait_for_publish(30)
    found = arrived(running, london.CHARGING, sent, after=before)
    assert Counter(plates_in(found)) == Counter(sent)


def test_other_adapters_have_topics_of_their_own(running: WithMqtt) -> None:
    (plate,), before = plates(1, seed=711), last_batch(running, london.CHARGING)
    payload = {
        "hook": {"target": "x", "id": "x", "event": "recognition", "filename": "x"},
        "data": {
            "camera_id": "lane-of-the-maker",
            "timestamp": rfc3339(now_us()),
            "timestamp_local": rfc3339(now_us()),
            "results": [{"plate": plate.lower(), "score": 0.9, "dscore": 0.9}],
        },
    }
    with cameras(running, "alpr") as (camera,):
        topic = "wicketgate/push/platerecognizer/ccz-0002"
        camera.publish(topic, json.dumps(payload).encode(), 1).wait_for_publish(30)
    (row,) = [
        row
        for batch in arrived(running, london.CHARGING, [plate], after=before)
        for row in map(json.loads, batch.lines)
    ]
    assert row["read"]["camera"] == "ccz-0002"


@pytest.mark.parametrize(
    ("topic", "body", "code"),
    [
        ("frigate/events", b"{", "malformed"),
        ("frigate/events", b"\xff\x00", "malformed"),
        ("wicketgate/push/nobody/ccz-0001", b"{}", "malformed"),
        ("wicketgate/push/hikvision", b"<a/>", "malformed"),
        ("frigate/events", None, "unknown-camera"),
    ],
)
def test_what_cannot_be_read_is_acknowledged_and_quarantined(
    running: WithMqtt, topic: str, body: bytes | None, code: str
) -> None:
    def quarantine() -> list[dict[str, Any]]:
        answer = request("GET", f"{running.url}/v1/quarantine?limit=1000", headers=bearer(running, SOURCE))
        return [json.loads(line) for line in answer.text.splitlines()]

    before = len(quarantine())
    with cameras(running, "unreadable") as (camera,):
        camera.publish(topic, body or event("AB12CDE", "not-registered"), 1).wait_for_publish(30)
    found = until(lambda: quarantine()[before:])
    assert [item["code"] for item in found] == [code]


def test_other_topics_are_acknowledged_and_nothing_of_them_is_taken(running: WithMqtt) -> None:
    before = became(running)
    with cameras(running, "frigate-d") as (camera,):
        # As Frigate does: it listens to its own commands, says that it lives, and sends pictures.
        camera.client.subscribe([("frigate/restart", 0), ("frigate/+/detect/set", 1)])
        assert camera.granted.wait(15)
        for topic in ("frigate/available", "frigate/stats", "frigate/front/car/snapshot"):
            camera.publish(topic, b"online", 1).wait_for_publish(30)
        camera.publish("frigate/events", b'{"type":"new","before":{},"after":{"camera":"x"}}', 1)
    after = until(lambda: (now := became(running))["taken"] > before["taken"] and now)
    assert after["ignored"] - before["ignored"] == 3
    assert after["quarantined"] == before["quarantined"]


def test_nothing_that_was_published_is_in_metrics_or_logs(running: WithMqtt) -> None:
    (plate,) = plates(1, seed=712)
    with cameras(running, plate) as (camera,):
        camera.publish(f"{plate}/events", event(plate), 1).wait_for_publish(30)
        camera.publish(f"wicketgate/push/{plate}", plate.encode(), 1).wait_for_publish(30)
    text = request("GET", f"{running.url}/metrics", headers=bearer(running, "admin")).text
    assert "wicketgate_mqtt_messages_total" in text
    assert plate not in text
    assert plate not in running.log.read_text()


def test_two_clients_of_one_id_are_both_taken_wherever_they_are(running: WithMqtt) -> None:
    """A client id changes nothing: no front sends off whom another one has."""
    names = ["same"] * 6
    sent, before = plates(120, seed=716), last_batch(running, london.CHARGING)
    with cameras(running, *names) as clients:
        told = [
            clients[n % 6].publish("frigate/events", event(plate), 1 + n % 2) for n, plate in enumerate(sent)
        ]
        for info in told:
            info.wait_for_publish(30)
        assert not any(camera.disconnected.is_set() for camera in clients)
    found = arrived(running, london.CHARGING, sent, after=before)
    assert Counter(plates_in(found)) == Counter(sent)


def test_clients_of_a_front_that_is_killed_send_again_to_another(running: WithMqtt) -> None:
    sent, before = plates(400, seed=717), last_batch(running, london.CHARGING)
    with cameras(running, *(f"moved-{n}" for n in range(8))) as clients:
        fronts = running.fronts()
        assert len(fronts) == 2
        for n, plate in enumerate(sent):
            if n == 200:
                os.kill(fronts[0], signal.SIGKILL)
            if n == 300:
                os.kill(fronts[1], signal.SIGKILL)
            clients[n % 8].publish("frigate/events", event(plate), 1 + n % 2)
            time.sleep(0.002)
        until(lambda: sum(len(camera.acknowledged) for camera in clients) == len(sent), 60)
        assert any(camera.disconnected.is_set() for camera in clients)
    found = arrived(running, london.CHARGING, sent, after=before)
    assert Counter(plates_in(found)) == Counter(sent)
    until(lambda: len(running.fronts()) == 2, 20)


# --- credentials ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("username", "token", "words"),
    [
        ("tfl", "wrong", "Bad user name or password"),
        ("lambeth", None, "Not authorized"),
        ("met/national-security-units", "recipient:met/national-security-units", "Not authorized"),
    ],
)
def test_who_is_refused(running: WithMqtt, username: str, token: str | None, words: str) -> None:
    known = token if token is None else running.tokens.get(token, token)
    camera = Camera(running, "refused", username=username, token=known)
    try:
        until(lambda: camera.codes)
        assert str(camera.codes[0]) == words
        assert not camera.connected.is_set()
    finally:
        camera.close()


@pytest.mark.parametrize("what", ["token", "camera"])
def test_whatever_is_withdrawn_ends_its_connections_within_a_second(running: WithMqtt, what: str) -> None:
    """Of every front and of the gateway, by HTTP and by MQTT, while all of them are busy."""
    head = f"Host: g\r\nAuthorization: Bearer {running.tokens[SOURCE]}\r\n"
    body = b"[]"
    length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    asked = [f"GET /v1/cameras HTTP/1.1\r\n{head}\r\n".encode()] * 3
    asked += [f"POST /v1/reads HTTP/1.1\r\n{head}".encode() + length + body] * 12
    raw = [socket.create_connection(running.address) for _ in asked]
    going, wanted = threading.Event(), iter(plates(100_000, seed=718))
    with ThreadPoolExecutor(4) as pool, cameras(running, *(f"busy-{n}" for n in range(8))) as clients:
        try:
            for one, question in zip(raw, asked, strict=True):
                one.settimeout(10)
                one.sendall(question)
                assert one.recv(1 << 20).startswith(b"HTTP/1.1 200")
            busy = [pool.submit(_keep_posting, running, going, wanted) for _ in range(4)]
            for n in range(200):
                clients[n % 8].publish("frigate/events", event(next(wanted)), 1)
            time.sleep(0.5)
            for camera in clients:
                camera.disconnected.clear()
            if what == "token":
                with client(running, "admin") as admin:
                    admin.post("/v1/tokens/withdraw", json={"name": SOURCE}).raise_for_status()
            else:
                with client(running, SOURCE) as source:
                    source.put("/v1/cameras", json=london.cameras(CAMERAS - 1)).raise_for_status()
            started = time.monotonic()
            for one in raw:
                while one.recv(1 << 20):
                    pass
            for camera in clients:
                assert camera.disconnected.wait(10)
            took = time.monotonic() - started
        finally:
            going.set()
            for one in raw:
                one.close()
        for one_busy in busy:
            one_busy.result()
        if what == "token":
            issue(running, SOURCE)
            for camera in clients:
                camera.client.username_pw_set("tfl", running.tokens[SOURCE])
        else:
            with client(running, SOURCE) as source:
                source.put("/v1/cameras", json=london.cameras(CAMERAS)).raise_for_status()
        # Whoever was ended comes again, and what was not acknowledged comes with it.
        assert all(camera.connected.wait(15) for camera in clients)
    assert took < 1
    with cameras(running, "fresh"):
        pass


def _keep_posting(running: WithMqtt, going: threading.Event, wanted: Iterator[str]) -> None:
    headers = bearer(running, SOURCE)
    while not going.is_set():
        with httpx.Client(base_url=running.url, headers=headers) as source, suppress(httpx.TransportError):
            for _ in range(50):
                source.post("/v1/reads", json=read(next(wanted)))


# --- outages and kills -----------------------------------------------------------------------------------


def test_an_outage_of_the_streams_loses_nothing_and_sends_nobody_off(running: WithMqtt) -> None:
    sent, before = plates(400, seed=715), last_batch(running, london.CHARGING)
    counts = became(running)
    with cameras(running, "outage-a", "outage-b") as clients:
        (child,) = running.streams()
        for n, plate in enumerate(sent):
            if n == 100:
                os.kill(child, signal.SIGKILL)
            clients[n % 2].publish("frigate/events", event(plate), n % 3)
            time.sleep(0.001)
        until(lambda: sum(len(camera.acknowledged) for camera in clients) == len(sent), 60)
        assert not any(camera.disconnected.is_set() for camera in clients)
    found = arrived(running, london.CHARGING, sent, after=before)
    assert Counter(plates_in(found)) == Counter(sent)
    after = became(running)
    assert (after["lost"], after["unanswered"]) == (counts["lost"], counts["unanswered"])


@pytest.mark.slow
def test_every_acknowledged_message_survives_a_kill(tmp_path: Path) -> None:
    with deployment(tmp_path) as running:
        chance, sent = random.Random(77), plates(3600, seed=720)
        each = 300
        published: list[dict[int, str]] = []
        with cameras(running, *(f"frigate-{n}" for n in range(len(sent) // each))) as clients:
            killing = threading.Thread(target=_kill_twice, args=(running, clients, len(sent)))
            killing.start()
            for n, camera in enumerate(clients):
                mine = sent[n * each : (n + 1) * each]
                qos = 1 + n % 2
                published.append(
                    {
                        camera.publish(
                            "frigate/events", event(plate, f"ccz-{chance.randrange(CAMERAS) + 1:04d}"), qos
                        ).mid: plate
                        for plate in mine
                    }
                )
                time.sleep(0.02)
            killing.join()
            assert running.kills == 2
            # Nothing is given up: what was not acknowledged is sent again, and in the end all of it is.
            until(lambda: all(len(camera.acknowledged) == each for camera in clients), 90)
        assert all(camera.acknowledged == set(mine) for camera, mine in zip(clients, published, strict=True))
        found = arrived(running, london.CHARGING, sent)
        assert Counter(plates_in(found)) == Counter(sent)


def _kill_twice(running: WithMqtt, clients: list[Camera], total: int) -> None:
    for share in (0.15, 0.5):
        while sum(len(camera.acknowledged) for camera in clients) < share * total:
            time.sleep(0.005)
        running.kill()
        running.start()
        running.kills += 1
