"""The NATS child: durable, supervised, private, and gone when we are gone."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.base.streams import server as module
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.server import NatsServer


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
    for name in ("server.conf", "server.log"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert server.settings.password in (folder / "server.conf").read_text()
    assert server.settings.url.startswith("nats://127.0.0.1:")


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
