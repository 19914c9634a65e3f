"""A real gateway in a directory of its own, and clients that cost little: what the benchmarks share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from wicketgate.clock import SystemClock
from wicketgate.simulate import london

WICKETGATE = (sys.executable, "-c", "import sys; from wicketgate.cli import main; sys.exit(main())")


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that answers, with its tokens by name."""

    url: str
    folder: Path
    tokens: dict[str, str]
    pid: int

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def cpu_s(self) -> dict[str, float]:
        """Return the seconds of CPU that the gateway and its NATS child have taken."""
        ticks = os.sysconf("SC_CLK_TCK")
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()

        def used(pid: int | str) -> float:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / ticks

        return {"gateway": used(self.pid), "nats": sum(used(child) for child in children)}


@contextlib.contextmanager
def gateway(cameras: int = 1500) -> Iterator[Running]:
    """Make and run the deployment of the invented London; stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="wicketgate-bench-") as name:
        folder = Path(name)
        offices, now_us = london.appoint(), SystemClock().now_us()
        (folder / "charter.dsse.json").write_bytes(london.signed_charter(offices, now_us))
        deployment = folder / "gateway"
        making = [*WICKETGATE, "init", str(deployment), "--charter", str(folder / "charter.dsse.json")]
        subprocess.run(making, check=True, stdout=subprocess.DEVNULL)
        log = folder / "gateway.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*WICKETGATE, "serve", str(deployment), "--port", "0"], stdout=subprocess.PIPE, stderr=output
            )
        try:
            assert process.stdout is not None
            line = process.stdout.readline().decode()
            if "answers at" not in line:
                raise RuntimeError(log.read_text())
            url = line.split()[-1]
            admin = (deployment / "keys" / "admin.token").read_text().strip()
            tokens = enrol(url, admin, offices, cameras, now_us)
            yield Running(url, deployment, tokens, process.pid)
        finally:
            process.terminate()
            process.wait(30)
            if process.stdout:
                process.stdout.close()


def enrol(url: str, admin: str, offices: london.Offices, cameras: int, now_us: int) -> dict[str, str]:
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

    async def open(self) -> Connection:
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
        status = int(answer[9:12])
        at = answer.lower().index(b"content-length:") + 15
        length = int(answer[at : answer.index(b"\r", at)])
        return status, await self._reader.readexactly(length)


def own_cpu_s() -> float:
    """Return the seconds of CPU that this process has taken: the load generator's share."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def median(values: list[float]) -> float:
    """Return the median."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
