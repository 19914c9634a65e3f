"""An external NATS server by configuration: it works, it must sync, and it belongs to one gateway."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.harness import WICKETGATE, Running, make
from tests.objects import table_of
from tests.running import arrived, plates, plates_in, post, read, running_with, secret_file, until
from wicketgate.base.streams.pinned import Certificate
from wicketgate_demo.world import london

SERVER = Path(sys.executable).with_name("nats-server")


@dataclass(frozen=True)
class External:
    """A NATS server that is nobody's child here."""

    folder: Path
    port: int
    secure: bool = False

    def settings(self) -> str:
        """Return a wicketgate.toml that names it."""
        trusted = f"ca_file = {json.dumps(str(self.folder / 'server.pem'))}" if self.secure else ""
        return f"""
port = 0
[streams]
{trusted}
url = "{"tls" if self.secure else "nats"}://127.0.0.1:{self.port}"
user = "gateway"
password_file = {json.dumps(str(self.folder / "gateway.password"))}
system_user = "system"
system_password_file = {json.dumps(str(self.folder / "system.password"))}
"""


@contextmanager
def external(folder: Path, sync_interval: str = "always", *, secure: bool = False) -> Iterator[External]:
    """Run a NATS server with its accounts as its own operator would."""
    folder.mkdir(mode=0o700)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    secret_file(folder / "gateway.password", "secret-of-the-gateway\n")
    secret_file(folder / "system.password", "secret-of-the-system\n")
    secret_file(folder / "front.password", "secret-of-the-front\n")
    made = Certificate.make()
    secret_file(folder / "server.pem", made.certificate)
    secret_file(folder / "server.key", made.key)
    pair = f"cert_file: {json.dumps(str(folder / 'server.pem'))}, key_file: {json.dumps(str(folder / 'server.key'))}"
    secret_file(
        folder / "server.conf",
        f"""
listen: "127.0.0.1:{port}"
{f'tls {{ {pair}, handshake_first: "auto" }}' if secure else ""}
max_payload: 8388608
max_pending: 256MB
jetstream {{ store_dir: {json.dumps(str(folder))}, sync_interval: {sync_interval} }}
system_account: SYSTEM
accounts {{
  SYSTEM {{ users: [{{ user: system, password: "secret-of-the-system" }}] }}
  GATEWAY {{ jetstream: enabled, users: [
    {{ user: gateway, password: "secret-of-the-gateway" }}
    {{
      user: front, password: "secret-of-the-front"
      permissions: {{ publish: "WICKETGATE.>", subscribe: "_INBOX.>" }}
    }}
  ] }}
}}
""",
    )
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [SERVER, "-c", folder / "server.conf"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        until(answers)
        yield External(folder, port, secure)
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("external")


@pytest.fixture(scope="module")
def streams(folder: Path) -> Iterator[External]:
    with external(folder / "nats") as server:
        yield server


@pytest.fixture(scope="module")
def running(folder: Path, streams: External) -> Iterator[Running]:
    with running_with(folder, streams.settings()) as running:
        yield running


def test_reads_go_through_an_external_server(running: Running) -> None:
    first, second = plates(2, seed=500)
    assert running.streams() == [], "the server is elsewhere"
    assert not (running.folder / "nats").exists()
    assert post(running, read(first))["accepted"] == 1
    assert plates_in(arrived(running, london.CHARGING, [first])) == [first]
    running.kill()
    running.start()
    assert post(running, [read(second)])["accepted"] == 1
    assert plates_in(arrived(running, london.CHARGING, [first, second])) == [first, second]


@pytest.mark.slow
def test_a_server_over_tls_is_used_and_another_certificate_is_told_nothing(tmp_path: Path) -> None:
    with external(tmp_path / "nats", secure=True) as streams:
        running = make(tmp_path, settings=streams.settings())
        try:
            running.start()
        finally:
            running.stop()
        secret_file(streams.folder / "other.pem", Certificate.make().certificate)
        settings = running.folder / "wicketgate.toml"
        settings.write_text(settings.read_text().replace("server.pem", "other.pem"))
        done = serve(running.folder)
    assert (done.returncode, "no answer from the streams" in done.stderr) == (3, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_deployment_on_the_same_streams_is_refused(
    running: Running, streams: External, tmp_path: Path
) -> None:
    with pytest.raises(RuntimeError, match="ended with 2"):
        make(tmp_path, settings=streams.settings())
    assert post(running, read(plates(1, seed=501)[0]))["accepted"] == 1


@pytest.mark.parametrize("sync_interval", ["2m", '"1s"'])
def test_a_server_that_acknowledges_before_it_syncs_is_refused(
    running: Running, tmp_path: Path, sync_interval: str
) -> None:
    with external(tmp_path / "nats", sync_interval) as careless:
        copy = tmp_path / "gateway"
        shutil.copytree(running.folder, copy, ignore=shutil.ignore_patterns("*.sock"))
        (copy / "wicketgate.toml").write_text(careless.settings())
        done = serve(copy)
    assert done.returncode == 2
    assert "sync_interval: always" in done.stderr
    assert "answers at" not in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_passwords_that_others_may_read_or_that_are_wrong_are_refused(
    running: Running, streams: External
) -> None:
    settings = running.folder / "wicketgate.toml"
    good = settings.read_text()
    running.stop()
    try:
        for name, code, said in (("wide", 2, "0600"), ("wrong", 3, "no answer from the streams")):
            password = secret_file(streams.folder / f"{name}.password", "another")
            if name == "wide":
                password.chmod(0o644)
            settings.write_text(good.replace("gateway.password", f"{name}.password"))
            done = serve(running.folder)
            assert (done.returncode, said in done.stderr) == (code, True), done.stderr
            assert "another" not in done.stderr
            assert "Traceback" not in done.stderr
    finally:
        settings.write_text(good)
        running.start()


def test_a_gateway_whose_streams_another_has_taken_over_stops(running: Running, tmp_path: Path) -> None:
    old, new = plates(2, seed=502)
    post(running, read(old))
    arrived(running, london.CHARGING, [old])
    # Its twin: the same deployment, restored elsewhere while the first still runs.
    base = tmp_path / "twin"
    shutil.copytree(running.folder, base / "gateway", ignore=shutil.ignore_patterns("*.sock"))
    twin = Running(base, running.offices, running.at_us)
    twin.tokens = running.tokens
    try:
        twin.start()
        assert running.wait(30) == 1
        assert "another" in running.log.read_text().lower()
        assert "Traceback" not in running.log.read_text()
        assert post(twin, read(new))["accepted"] == 1
        assert plates_in(arrived(twin, london.CHARGING, [old, new])).count(old) == 1
        time.sleep(1.2)
        assert os.path.exists(f"/proc/{twin.pid}"), "the one that took over goes on"
    finally:
        twin.stop()


def test_a_second_sequencer_needs_a_charter_that_leaves_it_time(tmp_path: Path) -> None:
    with external(tmp_path / "nats") as streams:
        images = table_of("http://127.0.0.1:1", tmp_path, "images")
        running = make(tmp_path, settings=streams.settings() + "standby = true\n" + images)
        done = serve(running.folder)
    assert (done.returncode, "PT30S or more" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def serve(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WICKETGATE, "serve", str(folder), "--port", "0"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
