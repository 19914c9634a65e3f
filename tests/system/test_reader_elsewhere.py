"""A reader as on another host: with a credential of its own, an external NATS server, and another reader's log."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from bench.harness import WICKETGATE, Running
from tests.running import (
    CHARGING,
    SOURCE,
    arrived,
    batches_of,
    bearer,
    entries,
    plates,
    post,
    read,
    running_with,
    until,
    wicketgate,
)
from tests.system.test_external_streams import External, external
from wicketgate_demo.world import london

GET, POST = partial(httpx.get, timeout=30), partial(httpx.post, timeout=30)  # other work may have both cores
FEED = f"/v1/feeds/{london.CHARGING}"


@contextlib.contextmanager
def elsewhere(
    base: Path, streams: External, role_file: Path, *more: str
) -> Iterator[tuple[str, subprocess.Popen[bytes], Path]]:
    """Run a reader in a folder of its own; yield its address, its process and its log."""
    folder = base / "reader-host"
    folder.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.joinpath("wicketgate.toml").write_text(
        f"""
port = {port}
[streams]
url = "nats://127.0.0.1:1"
user = "gateway"
password_file = {json.dumps(str(streams.folder / "gateway.password"))}
"""
    )
    command = [*WICKETGATE, "serve", str(folder), "--role", "reader", "--role-file", str(role_file)]
    command += ["--streams", f"nats://127.0.0.1:{streams.port}", *more]
    said = base / f"reader-{port}.log"
    with said.open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, said.read_text()
        with contextlib.suppress(httpx.TransportError):
            return GET(f"{url}/healthz").status_code > 0
        return False

    try:
        until(answers, 30)
        yield url, process, said
    finally:
        process.kill()
        process.wait()


def is_ready(url: str) -> bool:
    return GET(f"{url}/readyz").status_code == 200


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[External]:
    with external(tmp_path_factory.mktemp("streams") / "nats") as server:
        yield server


@pytest.fixture(scope="module")
def gateway(streams: External, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = streams.settings().replace("port = 0\n", "port = 0\nfronts = 0\nreaders = 0\n")
    with running_with(tmp_path_factory.mktemp("gateway"), settings, cameras=5) as running:
        yield running


def role(running: Running, name: str, folder: Path) -> Path:
    out = folder / f"{name}.json"
    made = wicketgate("role", "new", running.folder, "--role", "reader", "--name", name, "--out", out)
    assert made.returncode == 0, made.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    return out


def told(running: Running) -> list[list[str]]:
    """Return which roles the public log tells of, each time."""
    return [one["roles"] for one in entries(running.url) if one.get("operation") == "roles"]


def shows_the_same(reader: str, gateway: str, path: str) -> bool:
    return bool(GET(reader + path).content == GET(gateway + path).content)


def test_a_reader_elsewhere_shows_the_same_until_it_is_withdrawn(
    gateway: Running, streams: External, tmp_path: Path
) -> None:
    wanted = plates(20, seed=5)
    for plate in wanted:
        post(gateway, [read(plate)])
    arrived(gateway, london.CHARGING, wanted)
    head = bearer(gateway, CHARGING)
    with elsewhere(tmp_path, streams, role(gateway, "west", tmp_path)) as (url, process, said):
        until(lambda: is_ready(url), 20)
        path = f"{FEED}?limit=1000"
        mine, theirs = GET(url + path, headers=head), GET(gateway.url + path, headers=head)
        assert mine.content == theirs.content
        assert len(batches_of(mine.content)) >= 1
        for path in ("/log/key", "/authorities/tfl-charging/1", "/openapi.json"):
            # A page follows the log: figures that close between the two requests stand in one of them alone.
            until(partial(shows_the_same, url, gateway.url, path), 10)
        verified = wicketgate("verify", url, "--json")
        assert verified.returncode == 0, verified.stdout + verified.stderr
        # What only the gateway may do is not done here.
        answer = POST(f"{url}/v1/reads", json=read("AB12CDE"), headers=bearer(gateway, SOURCE))
        assert (answer.status_code, answer.json()["code"]) == (421, "elsewhere")
        assert GET(f"{url}/v1/hits", headers=head).status_code == 404
        assert GET(url + FEED).status_code == 401
        # A person's session is known to the gateway alone: nothing can be handed over from here.
        unknown = GET(url + FEED, headers={"Authorization": "Bearer " + "x" * 43})
        assert unknown.status_code == 401
        assert "known to the gateway itself" in unknown.json()["detail"]
        for path in ("/sign-in", "/enrol"):
            assert GET(url + path).json()["code"] == "elsewhere"

        until(lambda: told(gateway)[-1:] == [["reader west"]])
        listed = wicketgate("role", "list", gateway.folder)
        assert listed.stdout == "west  reader\n"
        assert wicketgate("role", "withdraw", gateway.folder, "west").returncode == 0
        withdrawn = time.monotonic()
        with contextlib.suppress(httpx.TransportError):
            while time.monotonic() - withdrawn < 5:
                if GET(url + FEED, headers=head).status_code != 200:
                    break
                time.sleep(0.02)
        assert time.monotonic() - withdrawn < 1.5
        assert process.wait(10) == 1
        assert "does not know this role" in said.read_text() or "was withdrawn" in said.read_text()
    assert wicketgate("role", "withdraw", gateway.folder, "west").returncode == 2
    until(lambda: told(gateway)[-1:] == [[]])
    assert wicketgate("verify", gateway.url).returncode == 0


@pytest.mark.slow
def test_a_reader_that_loses_the_gateway_says_so_and_goes_on_with_it(
    gateway: Running, streams: External, tmp_path: Path
) -> None:
    head = bearer(gateway, CHARGING)
    with elsewhere(tmp_path, streams, role(gateway, "east", tmp_path)) as (url, process, _):
        until(lambda: is_ready(url), 20)
        os.kill(gateway.pid, signal.SIGSTOP)
        try:
            until(lambda: not is_ready(url), 10)
            behind = GET(f"{url}/readyz").json()["behind"]
            assert [one["part"] for one in behind] == ["sequencer"]
            refused = GET(url + FEED, headers=head)
            assert (refused.status_code, refused.json()["code"]) == (503, "streams-unavailable")
            assert GET(f"{url}/log/checkpoint").status_code == 200
            assert GET(f"{url}/healthz").status_code == 200
        finally:
            os.kill(gateway.pid, signal.SIGCONT)
        until(lambda: is_ready(url), 20)
        assert GET(url + FEED, headers=head).status_code == 200
        gateway.kill()
        until(lambda: not is_ready(url), 10)
        gateway.start()
        until(lambda: is_ready(url), 20)
        wanted = plates(5, seed=6)
        post(gateway, [read(plate) for plate in wanted])
        arrived(gateway, london.CHARGING, wanted)
        path = f"{FEED}?limit=1000"
        until(lambda: GET(url + path, headers=head).content == GET(gateway.url + path, headers=head).content)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_a_new_reader_takes_the_log_of_another(gateway: Running, streams: External, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with elsewhere(tmp_path / "one", streams, role(gateway, "one", tmp_path)) as (first, _, _):
        until(lambda: is_ready(first), 20)
        with elsewhere(tmp_path / "two", streams, role(gateway, "two", tmp_path), "--log", first) as (
            second,
            _,
            _,
        ):
            until(lambda: is_ready(second), 20)
            size = int(GET(f"{second}/log/checkpoint").text.split("\n")[1])
            tile = f"/log/tile/0/000.p/{size}" if size < 256 else "/log/tile/0/000"
            assert GET(second + tile).content == GET(gateway.url + "/log/tile/0/000").content or (
                GET(second + tile).status_code == 200
            )
            assert wicketgate("verify", second).returncode == 0


def test_what_is_missing_for_a_role_is_said(tmp_path: Path) -> None:
    none = wicketgate("serve", tmp_path, "--role", "reader")
    assert (none.returncode, "--role-file" in none.stderr) == (2, True)
    (tmp_path / "role.json").write_text("{}")
    (tmp_path / "role.json").chmod(0o600)
    assert (
        "wicketgate.toml"
        in wicketgate("serve", tmp_path, "--role", "reader", "--role-file", tmp_path / "role.json").stderr
    )
    (tmp_path / "wicketgate.toml").write_text("port = 0\n")
    said = wicketgate("serve", tmp_path, "--role", "reader", "--role-file", tmp_path / "role.json")
    assert "[streams]" in said.stderr
