"""The NATS child: durable, supervised, private, and gone when we are gone."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import ssl
import stat
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.base.settings import PasswordLogin, SeedLogin
from wicketgate.base.streams import server as module
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.pinned import Certificate, make_seed
from wicketgate.base.streams.server import NatsServer
from wicketgate.base.streams.writer import StreamWriter


def alive(pid: int) -> bool:
    """Say whether a process runs."""
    try:
        return f"{pid} (nats-server) Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


async def until(condition: object, patience_s: float = 10.0) -> None:
    """Wait for a condition."""
    ends = time.monotonic() + patience_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < ends, "it does not come about"
        await asyncio.sleep(0.01)


async def test_it_starts_and_stops(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    assert server.pid is None
    await server.start()
    pid = server.pid
    assert pid is not None
    await server.stop()
    assert server.pid is None
    assert not alive(pid)
    await server.stop()  # twice does no harm


async def test_its_store_and_secrets_are_ours_alone(server: NatsServer, tmp_path: Path) -> None:
    folder = tmp_path / "nats"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("server.conf", "server.log", "server.key"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert server.settings.url.startswith("tls://127.0.0.1:")


async def test_no_secret_of_a_user_is_written(server: NatsServer, tmp_path: Path) -> None:
    seeds = [
        login.seed for login in (server.settings.login, server.settings.system) if hasattr(login, "seed")
    ]
    assert len(set(seeds)) == 2
    written = b"".join(path.read_bytes() for path in (tmp_path / "nats").rglob("*") if path.is_file())
    assert b"password" not in (tmp_path / "nats" / "server.conf").read_bytes()
    assert not any(seed.encode() in written for seed in seeds)
    assert not any(seed in repr(server.settings) for seed in seeds)


async def test_its_limit_is_the_disk_and_not_what_is_free(server: NatsServer, tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    found = re.search(r"max_file_store: (\d+)", (tmp_path / "nats" / "server.conf").read_text())
    assert found is not None
    assert int(found[1]) == disk.f_blocks * disk.f_frsize


async def test_its_users_are_known_by_their_keys_alone(server: NatsServer) -> None:
    stranger = SeedLogin(seed=make_seed())
    for change in (
        {"login": stranger},
        {"system": stranger},
        {"login": PasswordLogin(user="gateway", password="")},
    ):
        with pytest.raises(StreamError, match="no answer"):
            await asyncio.wait_for(Link.open(replace(server.settings, **change)), 10)


class Impostor:
    """Somebody who listens where the child did, and keeps all that is said to him."""

    def __init__(self, says: bytes, context: ssl.SSLContext | None = None) -> None:
        self.heard: list[bytes] = []
        self._says = says
        self._context = context

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(self._says)
            while said := await reader.read(65536):
                self.heard.append(said)
                if self._says:
                    writer.write(b"PONG\r\n")
        except OSError:
            pass
        finally:
            writer.close()

    async def listen(self, port: int) -> None:
        while True:
            try:
                self._server = await asyncio.start_server(self._take, "127.0.0.1", port, ssl=self._context)
            except OSError:
                await asyncio.sleep(0.001)
            else:
                return

    async def leave(self) -> None:
        self._server.close()
        await self._server.wait_closed()


def with_own_certificate(folder: Path) -> ssl.SSLContext:
    """Return the context of somebody with another certificate for the same address."""
    made = Certificate.make()
    (folder / "own.pem").write_text(made.certificate + made.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem")
    return context


@pytest.mark.parametrize("kind", ["clear", "silent", "own certificate"])
@pytest.mark.usefixtures("swept")
async def test_whoever_takes_the_port_of_a_dead_child_learns_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(module, "_RESTART_PAUSE_S", 0.5)
    failures: list[BaseException] = []
    server = NatsServer(tmp_path / "nats", on_failure=failures.append)
    await server.start()
    link = await Link.open(server.settings)
    await link.ensure_stream("KEPT")
    writer = await StreamWriter(link, "KEPT").open()
    port, pid = urlsplit(server.settings.url).port, server.pid
    assert port is not None
    assert pid is not None
    greeting = (
        b'INFO {"server_id":"X","version":"2.15.1","max_payload":8388608,"headers":true,"jetstream":true,'
    )
    greeting += b'"auth_required":true,"nonce":"abcdefghijklm","proto":1}\r\n'
    own = with_own_certificate(tmp_path) if kind == "own certificate" else None
    impostor = Impostor(b"" if kind == "silent" else greeting, own)
    os.kill(pid, signal.SIGKILL)
    await impostor.listen(port)
    try:
        stored = writer.submit(b"a secret read", "1")
        await until(lambda: failures)
        await asyncio.sleep(0.5)
        assert not stored.done()
        # The library keeps what it has not sent: neither now nor at the end may it go to whoever is there.
        await link.client._send_command(b"PUB KEPT 8\r\nsecret 2\r\n")
        await asyncio.wait_for(writer.close(), 10)
        await asyncio.wait_for(link.close(), 10)
        await asyncio.sleep(0.1)
    finally:
        await server.stop()
        await impostor.leave()
    said = b"".join(impostor.heard)
    assert (kind == "own certificate") == (not said), "it came to the door, and no further"
    assert b"secret" not in said
    assert b"CONNECT" not in said
    assert all(part[:1] == b"\x16" for part in impostor.heard), "a handshake of TLS and nothing else"
    assert "taken" in str(failures[0])
    assert stored.exception() is not None


@pytest.mark.usefixtures("swept")
async def test_it_is_started_again_when_it_dies(server: NatsServer, link: Link) -> None:
    await link.ensure_stream("KEPT")
    await link.jetstream.publish("KEPT", b"x")
    first = server.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: server.restarts == 1 and server.pid not in (None, first))
    assert (await link.info("KEPT")).state.messages == 1


@pytest.mark.usefixtures("swept")
async def test_it_is_not_started_again_when_it_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = asyncio.create_subprocess_exec

    async def slow(*args: Any, **options: Any) -> Any:
        process = await create(*args, **options)
        await asyncio.sleep(0.1)  # started, and nobody knows it yet
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slow)
    for pause_s in (0.0, 0.1, 0.21, 0.25, 0.35):
        server = NatsServer(tmp_path / f"nats-{pause_s}")
        await server.start()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)  # the stop comes before, during or after the restart
        await asyncio.sleep(pause_s)
        await server.stop()
        assert server.pid is None
        assert not children()


def children() -> list[int]:
    """Return our NATS servers that run."""
    pids = map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())
    return [pid for pid in pids if alive(pid) and "nats-server" in Path(f"/proc/{pid}/cmdline").read_text()]


async def test_a_server_that_cannot_start_says_where_its_reason_stands(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    (tmp_path / "nats" / "jetstream").mkdir(parents=True)
    server._binary = "/bin/false"
    with pytest.raises(StreamError, match=r"server\.log"):
        await server.start()


def test_the_server_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.sys, "executable", "/nowhere/python")
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    with pytest.raises(ConfigurationError, match="make setup"):
        NatsServer(Path("unused"))


def test_the_child_dies_with_its_parent_and_holds_its_lock_until_then(tmp_path: Path) -> None:
    script = textwrap.dedent(
        """
        import asyncio, sys
        from pathlib import Path
        from wicketgate.gateway.deployment import Deployment
        from wicketgate.base.streams.server import NatsServer

        async def main():
            folder = Path(sys.argv[1])
            lock = Deployment(folder).lock()
            server = NatsServer(folder / "nats", inherit=(lock,))
            await server.start()
            print(server.pid, lock, flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
        """
    )
    gateway = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert gateway.stdout is not None
        pid, lock = map(int, gateway.stdout.readline().split())
        held = os.readlink(f"/proc/{pid}/fd/{lock}")
        assert held == str(tmp_path / "lock")
    finally:
        gateway.kill()
        gateway.wait()
        gateway.stdout.close()  # type: ignore[union-attr]
    ends = time.monotonic() + 5
    while alive(pid) and time.monotonic() < ends:
        time.sleep(0.01)
    assert not alive(pid)
