"""A front as on another host: its own port, a credential of its own, and the sequencer reached by its streams alone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from bench.harness import Running
from tests.certificates import certify
from tests.cluster import free_ports
from tests.elsewhere import Elsewhere, elsewhere, role
from tests.matching import plate_image
from tests.running import (
    CHARGING,
    SOURCE,
    arrived,
    bearer,
    client,
    entries,
    feed,
    issue,
    plates,
    plates_in,
    post,
    read,
    running_with,
    until,
    wicketgate,
)
from tests.system.test_external_streams import External, external
from tests.system.test_mqtt_cameras import event
from wicketgate_demo.world import london


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[External]:
    with external(tmp_path_factory.mktemp("streams") / "nats") as server:
        yield server


@pytest.fixture(scope="module")
def gateway(streams: External, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = streams.settings().replace("port = 0\n", "port = 0\nfronts = 0\nreaders = 0\n")
    with running_with(tmp_path_factory.mktemp("gateway"), settings, cameras=5) as running:
        yield running
        assert "Traceback" not in running.log.read_text()


@contextlib.contextmanager
def front(
    gateway: Running, streams: External, base: Path, name: str, settings: str = ""
) -> Iterator[Elsewhere]:
    url = f"nats://127.0.0.1:{streams.port}"
    made = role(gateway, "front", name, base)
    with elsewhere(base, made, url, streams.folder / "front.password", settings=settings) as one:
        one.await_ready()
        yield one
        assert "Traceback" not in one.said.read_text()


def source(gateway: Running, at: Elsewhere) -> httpx.Client:
    return httpx.Client(base_url=at.url, headers=bearer(gateway, SOURCE), timeout=30)


def test_reads_of_every_form_are_taken_once_whichever_host_has_them(
    gateway: Running, streams: External, tmp_path: Path
) -> None:
    wanted = plates(44, seed=21)
    settings = 'fronts = 1\naddress = "https://gate.example"\n'
    with front(gateway, streams, tmp_path, "west", settings) as west, source(gateway, west) as camera:
        for plate in wanted[:10]:
            assert camera.post("/v1/reads", json=read(plate)).json()["accepted"] == 1
        many = [read(plate) for plate in wanted[10:40]]
        lines = "\n".join(map(json.dumps, many))
        answer = camera.post("/v1/reads", content=lines, headers={"Content-Type": "application/x-ndjson"})
        assert answer.json()["accepted"] == 30
        again = camera.post("/v1/reads", json=many).json()
        assert (again["accepted"], again["repeated"]) == (0, 30)
        assert post(gateway, many)["repeated"] == 30, "and at the gateway itself"
        # Many at once beside single ones, from two connections: as columns and as lists they join one batch.
        burst = [read(plate) for plate in plates(200, seed=28)]
        with ThreadPoolExecutor(8) as posts:
            told = posts.map(
                lambda one: camera.post("/v1/reads", json=one).json(), [burst[:100], *burst[100:]]
            )
        assert sum(one["accepted"] for one in told) == 200
        # A body in chunks is framed by the ordinary server, here too: nobody else has the connection.
        chunks = (json.dumps(read(plate)).encode() for plate in wanted[40:41])
        answer = camera.post("/v1/reads", content=chunks, headers={"Content-Type": "application/json"})
        assert answer.json()["accepted"] == 1
        form = [
            ("reads", ("reads", json.dumps([read(wanted[41], image={"patch": "p"})]), "application/json")),
            ("p", ("p.png", plate_image(wanted[41]), "image/png")),
        ]
        answer = camera.post("/v1/reads", files=form)
        assert answer.json()["accepted"] == 1, answer.text
        assert camera.post("/v1/reads", json=read("X1", camera="of-nobody")).json()["quarantined"]
        put = camera.post("/v1/reads", json=read(wanted[42], id="with-image-later"))
        assert put.json()["accepted"] == 1
        put = camera.put(
            "/v1/reads/with-image-later/images/patch",
            content=plate_image(wanted[42]),
            headers={"Content-Type": "image/png"},
        )
        assert put.status_code == 200, put.text

        # What it cannot do it says, and where that is done.
        for path in ("/", "/v1/feeds/x", "/v1/cameras", "/log/checkpoint", "/sign-in"):
            said = camera.get(path)
            assert (said.status_code, said.json()["code"]) == (421, "elsewhere"), path
            assert "https://gate.example" in said.json()["detail"]
        for head in ({}, bearer(gateway, CHARGING)):
            said = httpx.post(f"{west.url}/v1/reads", json=read("AB12CDE"), headers=head, timeout=30)
            assert said.status_code == 401
    arrived(gateway, london.CHARGING, wanted[:43])
    until(lambda: ["front west"] in [one["roles"] for one in entries(gateway.url) if "roles" in one])


@pytest.mark.slow
def test_what_is_published_by_mqtt_is_acknowledged_once_the_sequencer_has_it(
    gateway: Running, streams: External, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    token, wanted = gateway.tokens[SOURCE], plates(12, seed=27)
    settings = f'fronts = 1\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'
    with front(gateway, streams, tmp_path, "mqtt", settings):
        camera = paho.Client(CallbackAPIVersion.VERSION2, client_id="ccz-0001")
        camera.username_pw_set("tfl", token)
        camera.connect("127.0.0.1", port)
        camera.loop_start()
        try:
            until(camera.is_connected)
            for plate in wanted:
                sent = camera.publish("frigate/events", event(plate), qos=1)
                sent.wait_for_publish(20)
                assert sent.is_published()  # QoS 1: it was acknowledged
        finally:
            camera.loop_stop()
        arrived(gateway, london.CHARGING, wanted)


def test_withdrawals_end_connections_and_the_front_within_a_second(
    gateway: Running, streams: External, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Over TLS: the connection that is ended is that behind the edge, and the peer's with it.
    token = issue(gateway, SOURCE)
    certificate, key = certify(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    trusting = ssl.create_default_context(cafile=certificate)
    secured = f'certificate = "{certificate}"\nkey = "{key}"'
    with front(gateway, streams, tmp_path, "north", secured) as north:
        with httpx.Client(base_url=north.url, headers={"Authorization": f"Bearer {token}"}) as camera:
            assert camera.post("/v1/reads", json=read(plates(1, seed=22)[0])).status_code == 200
        with (
            socket.create_connection(("127.0.0.1", north.port)) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as held,
        ):
            body = json.dumps(read(plates(1, seed=23)[0])).encode()
            head = f"POST /v1/reads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            held.sendall(
                f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            )
            held.settimeout(5)
            assert held.recv(65536).startswith(b"HTTP/1.1 200")
            with client(gateway, "admin") as admin:
                admin.post("/v1/tokens/withdraw", json={"name": SOURCE}).raise_for_status()
            withdrawn = time.monotonic()
            assert held.recv(1) == b"", "it is closed"
            assert time.monotonic() - withdrawn < 1
        gateway.tokens[SOURCE] = issue(gateway, SOURCE)
        with source(gateway, north) as camera:
            assert until(lambda: camera.post("/v1/reads", json=read("AB12CDE")).status_code == 200)
            assert wicketgate("role", "withdraw", gateway.folder, "north").returncode == 0
            withdrawn = time.monotonic()
            with contextlib.suppress(httpx.TransportError):
                while camera.post("/v1/reads", json=read("AB12CDE")).status_code == 200:
                    assert time.monotonic() - withdrawn < 5
            assert time.monotonic() - withdrawn < 1.5
        assert north.process is not None
        assert north.process.wait(10) == 1
        assert "does not know this role" in north.said.read_text() or "withdrawn" in north.said.read_text()


@pytest.mark.slow
def test_a_sequencer_that_stands_still_or_dies_loses_nothing(
    gateway: Running, streams: External, tmp_path: Path
) -> None:
    with front(gateway, streams, tmp_path, "south") as south, source(gateway, south) as camera:
        os.kill(gateway.pid, signal.SIGSTOP)
        try:
            until(lambda: not south.is_ready(), 10)
            behind = httpx.get(f"{south.url}/readyz", timeout=30).json()["behind"]
            assert [one["part"] for one in behind] == ["sequencer"]
            assert httpx.get(f"{south.url}/healthz", timeout=30).status_code == 200
            began = time.monotonic()
            refused = camera.post("/v1/reads", json=read("AB12CDE"))
            assert (refused.status_code, refused.json()["code"]) == (503, "streams-unavailable")
            assert refused.headers["Retry-After"]
            assert time.monotonic() - began < 2
        finally:
            os.kill(gateway.pid, signal.SIGCONT)
        south.await_ready()
        sent, wanted = [], plates(60, seed=24)
        for n, plate in enumerate(wanted):
            if n == 20:
                gateway.kill()
                gateway.launch()
            if n == 40:
                os.kill(south.children()[0], signal.SIGKILL)  # a front ends, and is replaced
            body = [read(plate)]

            def taken(body: list[dict[str, object]] = body) -> bool:
                with contextlib.suppress(httpx.TransportError):
                    answer = camera.post("/v1/reads", json=body)
                    if answer.status_code != 200:
                        assert (answer.status_code, bool(answer.headers["Retry-After"])) == (503, True)
                        return False
                    return bool(answer.json()["accepted"] + answer.json()["repeated"] == 1)
                return False

            until(taken, 60)
            sent.append(plate)
        gateway.await_start()
        arrived(gateway, london.CHARGING, sent)
        shown = plates_in(feed(gateway, london.CHARGING))
        assert all(shown.count(plate) == 1 for plate in sent), "each once"
        assert south.stop() == 0
    assert wicketgate("verify", gateway.url).returncode == 0
