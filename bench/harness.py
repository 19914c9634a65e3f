"""A real gateway in a directory of its own, and clients that cost little: what the benchmarks share."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx

from wicketgate.base.clock import SystemClock
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.server import NatsServer
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.cli import main
from wicketgate_demo.world import london

WICKETGATE = (sys.executable, "-P", "-m", "wicketgate")


_STALLED = re.compile(r"the event loop was busy for \d+ ms")
_stalls: list[str] = []


def take_stalls() -> list[str]:
    """Return what gateways said, since this was last asked, of an event loop that was held for too long."""
    for running in Running.running:
        running.look_for_stalls()
    found, _stalls[:] = list(_stalls), []
    return found


class Running:
    """A gateway in a directory of its own, with its tokens by name; it can be stopped, killed and started again.

    `folder` is the deployment, `log` what the gateway wrote to its standard error over all its starts.
    """

    running: ClassVar[set[Running]] = set()
    command: ClassVar[Sequence[str]] = WICKETGATE

    def __init__(self, base: Path, offices: london.Offices, at_us: int) -> None:
        self.folder = base / "gateway"
        self.log = base / "gateway.log"
        self.offices = offices
        self.at_us = at_us
        self.tokens: dict[str, str] = {}
        self.url = ""
        self.environment: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._looked_at = 0

    def look_for_stalls(self) -> None:
        """Note what the gateway has logged of a busy event loop since this was last called."""
        if self.log.exists():
            said = self.log.read_text(errors="replace")
            _stalls.extend(_STALLED.findall(said[self._looked_at :]))
            self._looked_at = len(said)

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.partition("://")[2].partition(":")
        return host, int(port)

    def children(self) -> list[int]:
        """Return the ids of the gateway's child processes: the NATS server, fronts, and the renderer of pages."""
        return [
            int(child) for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        ]

    def streams(self) -> list[int]:
        """Return the ids of the NATS servers among them."""
        return self._children_with(b"nats-server")

    def fronts(self) -> list[int]:
        """Return the ids of the fronts among them."""
        return self._children_with(b"wicketgate.http.fronts")

    def readers(self) -> list[int]:
        """Return the ids of the readers among them."""
        return self._children_with(b"wicketgate.http.readers")

    def _children_with(self, word: bytes) -> list[int]:
        return [pid for pid in self.children() if word in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def cpu_s(self) -> dict[str, float]:
        """Return the seconds of CPU that the gateway, its fronts and readers, and its NATS child have taken."""
        ticks = os.sysconf("SC_CLK_TCK")

        def used(pid: int) -> float:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / ticks

        return {
            "gateway": used(self.pid),
            "fronts": sum(map(used, self.fronts())),
            "readers": sum(map(used, self.readers())),
            "nats": sum(map(used, self.streams())),
        }

    def launch(self, *arguments: str, port: int | None = None) -> None:
        """Start the gateway without waiting for it; from the second time on at the same port."""
        if port is None:
            port = self.address[1] if self.url else 0
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*self.command, "serve", str(self.folder), "--port", str(port), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                env=os.environ | self.environment,
            )

    def start(self, *arguments: str) -> None:
        """Start the gateway, and wait until it says that it answers."""
        self.launch(*arguments)
        self.await_start()

    def await_start(self) -> None:
        """Wait until the gateway says that it answers."""
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as told:
            line = told.readline().decode()
        if "answers at" not in line:
            self._process.wait(30)
            raise RuntimeError(self.log.read_text())
        self.url = line.split()[-1]
        Running.running.add(self)

    def stop(self) -> int:
        """Stop the gateway, if it runs, as its operator would; return its exit code."""
        if self._process is None:
            return 0
        if self._process.stdout is not None:
            self._process.stdout.close()
        if self._process.poll() is None:
            self._process.terminate()
        code = self._process.wait(45)
        self._ended()
        return code

    def _ended(self) -> None:
        self.look_for_stalls()
        Running.running.discard(self)

    def wait(self, timeout_s: float) -> int:
        """Wait for the gateway to end by itself; return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """Kill the gateway with SIGKILL; the kernel kills its child."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._ended()


def make(
    base: Path, *, change: Callable[[dict[str, Any]], object] | None = None, settings: str = ""
) -> Running:
    """Make the deployment of the invented London in a directory, not started.

    Parameters
    ----------
    change : callable
        Changes the charter before it is signed.
    settings : str
        The deployment's settings, instead of those that `init` writes.
    """
    offices, now_us = london.appoint(), SystemClock().now_us()
    charter = london.charter_document(offices, now_us)
    if change is not None:
        change(charter)
    running = Running(base, offices, now_us)
    (base / "charter.dsse.json").write_bytes(
        london.signed(charter, offices, charter["signatures"][0]["offices"])
    )
    making = ["init", str(running.folder), "--charter", str(base / "charter.dsse.json")]
    if settings:
        (base / "settings.toml").write_text(settings)
        making += ["--settings", str(base / "settings.toml")]
    # The command in this process, which has read the program: in another one that takes ten times as long as making.
    former = os.umask(0o077)
    try:
        # In a thread of its own: the caller may be inside a loop.
        with contextlib.redirect_stdout(io.StringIO()), ThreadPoolExecutor(1) as aside:
            code = aside.submit(main, making).result()
    finally:
        os.umask(former)
    if code != 0:
        raise RuntimeError(f"`wicketgate init` ended with {code}")
    return running


@contextlib.contextmanager
def gateway(
    cameras: int = 1500,
    *,
    change: Callable[[dict[str, Any]], object] | None = None,
    settings: str = "",
) -> Iterator[Running]:
    """Make and run the deployment of the invented London; stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="wicketgate-bench-") as name:
        running = make(Path(name), change=change, settings=settings)
        try:
            running.start()
            admin = (running.folder / "keys" / "admin.token").read_text().strip()
            running.tokens = enrol(running.url, admin, running.offices, cameras, running.at_us)
            yield running
        finally:
            running.stop()


def enrol(url: str, admin: str, offices: london.Offices, cameras: int, now_us: int) -> dict[str, str]:
    """Issue the tokens, register the cameras and submit both authorities; return the tokens by name."""
    tokens = {"admin": admin}
    with httpx.Client(base_url=url, timeout=30) as client:
        for name in london.TOKENS:
            answer = client.post(
                "/v1/tokens", json={"name": name}, headers={"Authorization": f"Bearer {admin}"}
            )
            tokens[name] = answer.raise_for_status().json()["token"]
        source = {"Authorization": f"Bearer {tokens['source:tfl']}"}
        client.put("/v1/cameras", json=london.cameras(cameras), headers=source).raise_for_status()
        for name, document in (
            (london.CHARGING, london.charging_authority(now_us)),
            (london.COUNTER_TERRORISM, london.counter_terrorism_authority(now_us)),
        ):
            signed = london.signed(document, offices, london.SIGNERS[name])
            client.post("/v1/documents", content=signed, headers=source).raise_for_status()
    return tokens


class Connection:
    """One kept-alive HTTP/1.1 connection, with as little between the caller and the socket as can be."""

    def __init__(self, address: tuple[str, int], token: str) -> None:
        self._address = address
        self._authorization = f"Authorization: Bearer {token}\r\n"

    async def open(self) -> Self:
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection(*self._address, limit=64 * 1024 * 1024)
        return self

    async def close(self) -> None:
        """Disconnect."""
        self._writer.close()
        await self._writer.wait_closed()

    async def request(
        self, method: str, path: str, body: bytes = b"", media_type: str = ""
    ) -> tuple[int, bytes]:
        """Send one request; return status and body."""
        head = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\n{self._authorization}"
        if body:
            head += f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(head.encode() + b"\r\n" + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        status, head_of = int(answer[9:12]), answer.lower()
        if b"transfer-encoding: chunked" in head_of:
            return status, await self._chunks()
        at = head_of.index(b"content-length:") + 15
        length = int(answer[at : answer.index(b"\r", at)])
        return status, await self._reader.readexactly(length)

    async def _chunks(self) -> bytes:
        found = []
        while length := int(await self._reader.readuntil(b"\r\n"), 16):
            found.append(await self._reader.readexactly(length))
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return b"".join(found)


@contextlib.asynccontextmanager
async def durable_writer() -> AsyncIterator[StreamWriter]:
    """Yield the writer of an empty stream, on a server of its own with the gateway's durable settings."""
    with tempfile.TemporaryDirectory(prefix="wicketgate-bench-") as name:
        async with linked(Path(name)) as link:
            await link.ensure_stream("READS")
            writer = await StreamWriter(link, "READS").open()
            yield writer
            await writer.close()


@contextlib.asynccontextmanager
async def linked(folder: Path) -> AsyncIterator[Link]:
    """Yield a link to a server of its own with the gateway's durable settings."""
    server = NatsServer(folder / "nats")
    await server.start()
    link = await Link.open(server.settings)
    yield link
    await link.close()
    await server.stop()


def own_cpu_s() -> float:
    """Return the seconds of CPU that this process has taken: the load generator's share."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def median(values: list[float]) -> float:
    """Return the median."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
