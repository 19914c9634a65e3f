"""A NATS cluster of three servers on the loopback, and two sequencers before it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.harness import Running, enrol, make
from tests.needs import unmet
from tests.objects import Store, table_of
from tests.running import secret_file, until, wicketgate

SERVER = Path(sys.executable).with_name("nats-server")
SERVERS = 3


def long_merge_delay(charter: dict[str, Any]) -> None:
    """Change a charter to what a second sequencer needs."""
    charter["limits"]["merge_delay"] = "PT30S"


class Cluster:
    """Three NATS servers, each a process of its own, with R3 streams."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)
        ports = free_ports(2 * SERVERS)
        self.ports, self.routes = ports[:SERVERS], ports[SERVERS:]
        secret_file(folder / "gateway.password", "secret-of-the-gateway\n")
        secret_file(folder / "system.password", "secret-of-the-system\n")
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        for number in range(SERVERS):
            self._configure(number)

    def _configure(self, number: int) -> None:
        place = self.folder / str(number)
        place.mkdir(mode=0o700, exist_ok=True)
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self.routes)
        secret_file(
            place / "server.conf",
            f"""
server_name: n{number}
listen: "127.0.0.1:{self.ports[number]}"
max_payload: 8388608
max_pending: 256MB
jetstream {{ store_dir: {json.dumps(str(place))}, sync_interval: always }}
cluster {{ name: wicketgate, no_advertise: true, listen: "127.0.0.1:{self.routes[number]}", routes: [{routes}] }}
system_account: SYSTEM
accounts {{
  SYSTEM {{ users: [{{ user: system, password: "secret-of-the-system" }}] }}
  GATEWAY {{ jetstream: enabled, users: [{{ user: gateway, password: "secret-of-the-gateway" }}] }}
}}
""",
        )

    def start(self, number: int) -> None:
        """Start one server."""
        place = self.folder / str(number)
        with (place / "server.log").open("ab") as log:
            self._processes[number] = subprocess.Popen(
                [SERVER, "-c", place / "server.conf"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(lambda: _listens(self.ports[number]))

    def start_all(self) -> None:
        """Start every server, and wait until they have chosen one to lead."""
        for number in range(SERVERS):
            self.start(number)
        until(lambda: b"JetStream cluster new metadata leader" in self._said(), 30)

    def _said(self) -> bytes:
        return b"".join((self.folder / str(n) / "server.log").read_bytes() for n in range(SERVERS))

    def signal(self, number: int, what: signal.Signals) -> None:
        """Send a signal to one server: SIGSTOP pauses it, SIGCONT wakes it."""
        self._processes[number].send_signal(what)

    @contextmanager
    def slow_disk(self, number: int, delay_s: float) -> Iterator[None]:
        """Let each sync of one server's disk take so much longer; needs `strace`."""
        calls = "fsync,fdatasync"
        command = ["strace", "-f", "-qq", "-o", os.devnull, "-e", f"trace={calls}"]
        command += ["-e", f"inject={calls}:delay_enter={int(delay_s * 1e6)}", "-p"]
        pid = str(self._processes[number].pid)
        slowing = subprocess.Popen([*command, pid], stdin=subprocess.DEVNULL)
        status = Path(f"/proc/{pid}/status")
        try:
            until(lambda: "TracerPid:\t0\n" not in status.read_text())
            yield
            assert slowing.poll() is None, "it was slow all the time"
        finally:
            slowing.terminate()
            slowing.wait(30)

    def kill(self, number: int) -> None:
        """Kill one server with SIGKILL."""
        process = self._processes.pop(number)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Stop every server that runs."""
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._processes.values():
            process.wait(30)

    @staticmethod
    def url(ports: Sequence[int]) -> str:
        """Return the URL of servers behind some ports."""
        return ",".join(f"nats://127.0.0.1:{port}" for port in ports)

    def settings(self, *, standby: bool = True) -> str:
        """Return a wicketgate.toml that names all three."""
        url = self.url(self.ports)
        return f"""
port = 0
fronts = 1
[streams]
url = {json.dumps(url)}
user = "gateway"
password_file = {json.dumps(str(self.folder / "gateway.password"))}
system_user = "system"
system_password_file = {json.dumps(str(self.folder / "system.password"))}
replicas = {SERVERS}
standby = {"true" if standby else "false"}
"""


class Wire:
    """The wire between one machine and some ports: it can be cut, and then nothing comes through and nobody is told."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._whole = threading.Event()
        self._whole.set()
        self._ended = False
        self._threads: list[threading.Thread] = []
        self._listeners = [socket.create_server(("127.0.0.1", 0)) for _ in ports]
        self.ports = [listener.getsockname()[1] for listener in self._listeners]
        for listener, port in zip(self._listeners, ports, strict=True):
            self._begin(self._accept, listener, port)

    def cut(self) -> None:
        """Let nothing through."""
        self._whole.clear()

    def mend(self) -> None:
        """Let everything through again."""
        self._whole.set()

    def end(self) -> None:
        """Close every listener."""
        self._ended = True
        self._whole.set()
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes whoever accepts
            listener.close()
        for thread in self._threads:
            thread.join(10)

    def _begin(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket, port: int) -> None:
        while not self._ended:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self._whole.wait()
            try:
                far = socket.create_connection(("127.0.0.1", port))
            except OSError:
                near.close()
                continue
            for one, other in ((near, far), (far, near)):
                self._begin(self._pump, one, other)

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self._whole.wait()
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        one.close()  # the other one is the other thread's


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """Let a folder be a disk of its own; skip where the machine lets nobody mount one."""
    place.mkdir(mode=0o700, parents=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "wicketgate-test", str(place)],
        capture_output=True,
    )
    if done.returncode != 0:
        unmet("this machine lets nobody mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def clustered(folder: Path) -> Iterator[Cluster]:
    """Run three servers."""
    cluster = Cluster(folder)
    try:
        cluster.start_all()
        yield cluster
    finally:
        cluster.stop()


def found(
    base: Path,
    cluster: Cluster,
    store: Store,
    *,
    change: Callable[[dict[str, Any]], object] = long_merge_delay,
    first: str = "",
    more: str = "",
) -> Running:
    """Make the deployment of the first sequencer, not started; its settings have `first` before and `more` behind."""
    settings = first + cluster.settings() + table_of(store.endpoint, base, base.name) + more
    return make(base, settings=settings, change=change)


def enrolled(running: Running, cameras: int = 3) -> None:
    """Issue tokens, register cameras, submit both authorities."""
    admin = (running.folder / "keys" / "admin.token").read_text().strip()
    running.tokens = enrol(running.url, admin, running.offices, cameras, running.at_us)


def status(running: Running, path: str, port: int) -> int:
    """Return the status of an answer, 0 where nobody answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code
    except httpx.HTTPError:
        return 0


def second_of(first: Running, base: Path) -> Running:
    """Return the second sequencer, made from the first one, which is stopped; not started."""
    base.mkdir()
    done = wicketgate("standby", first.folder, base / "gateway")
    assert done.returncode == 0, done.stderr
    made = Running(base, first.offices, first.at_us)
    made.tokens = first.tokens
    return made


def ready(running: Running, port: int) -> bool:
    """Return whether a sequencer waits, and has all that is committed."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def pause(running: Running) -> None:
    """Stop a gateway with all its processes, as a machine that stands still."""
    for pid in (running.pid, *running.children()):
        os.kill(pid, signal.SIGSTOP)


def wake(running: Running) -> None:
    """Let a paused gateway go on."""
    for pid in (*running.children(), running.pid):
        os.kill(pid, signal.SIGCONT)


def since(began_s: float) -> float:
    """Return the seconds since a time of the monotonic clock."""
    return time.monotonic() - began_s


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
