"""Roles as on other hosts: each with a folder, a credential and a port of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx

from bench.harness import WICKETGATE, Running
from tests.running import until, wicketgate


class Elsewhere:
    """A front or a reader on another host: started, killed and started again."""

    def __init__(self, base: Path, role_file: Path, streams: str, password: Path, settings: str = "") -> None:
        self._role_file = role_file
        self._role: str = json.loads(role_file.read_text())["role"]
        self.folder = base / f"{role_file.stem}-host"
        self.folder.mkdir(exist_ok=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"{'https' if 'certificate' in settings else 'http'}://127.0.0.1:{self.port}"
        self._streams = streams
        self.said = base / f"{role_file.stem}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.folder.joinpath("wicketgate.toml").write_text(
            f"""
port = {self.port}
{settings}
[streams]
url = "nats://127.0.0.1:1"
user = "{password.stem}"
password_file = {json.dumps(str(password))}
"""
        )

    def launch(self, *more: str) -> None:
        """Start it, and wait until it answers."""
        command = [*WICKETGATE, "serve", str(self.folder), "--role", self._role]
        command += ["--role-file", str(self._role_file), "--streams", self._streams, *more]
        with self.said.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._answers, 30)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said.read_text()
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/healthz", timeout=30).status_code > 0
        return False

    def is_ready(self) -> bool:
        """Return whether it says that nothing is behind."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", timeout=30).status_code == 200
        return False

    def await_ready(self, seconds: float = 30) -> None:
        """Wait until nothing is behind."""
        until(self.is_ready, seconds)

    def children(self) -> list[int]:
        """Return the processes that it began."""
        assert self.process is not None
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(one) for one in found.split()]

    def pids(self) -> list[int]:
        """Return all its processes."""
        assert self.process is not None
        return [*self.children(), self.process.pid]

    def kill(self) -> None:
        """Kill it; its children end with it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """Stop it in order; return its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)


def role(running: Running, kind: str, name: str, folder: Path) -> Path:
    """Write a role into the book; return its credential."""
    out = folder / f"{name}.json"
    made = wicketgate("role", "new", running.folder, "--role", kind, "--name", name, "--out", out)
    assert made.returncode == 0, made.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    return out


@contextlib.contextmanager
def elsewhere(
    base: Path, role_file: Path, streams: str, password: Path, *more: str, settings: str = ""
) -> Iterator[Elsewhere]:
    """Run a role as on another host."""
    one = Elsewhere(base, role_file, streams, password, settings)
    try:
        one.launch(*more)
        yield one
    finally:
        one.kill()
