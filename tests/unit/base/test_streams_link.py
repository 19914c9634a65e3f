"""The connection: what it demands of a server, and that it waits for one that is away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.base.settings import PasswordLogin, StreamsSettings
from wicketgate.base.streams.link import Link, end_tasks
from wicketgate.base.streams.server import NatsServer

SERVER = Path(sys.executable).with_name("nats-server")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.usefixtures("swept")
async def test_a_server_that_does_not_sync_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = NatsServer(tmp_path / "nats")
    write = NatsServer._write_configuration

    def slack(self: NatsServer) -> None:
        write(self)
        path = tmp_path / "nats" / "server.conf"
        path.write_text(path.read_text().replace("sync_interval: always", 'sync_interval: "1s"'))

    monkeypatch.setattr(NatsServer, "_write_configuration", slack)
    await server.start()
    with pytest.raises(ConfigurationError, match="sync_interval: always"):
        await Link.open(server.settings)
    await server.stop()


@contextlib.contextmanager
def clustered(
    folder: Path, ports: Sequence[int], routes: Sequence[int], sync: Sequence[str]
) -> Iterator[None]:
    """Run the servers of one cluster."""
    servers = []
    for number, (port, route, interval) in enumerate(zip(ports, routes, sync, strict=True)):
        path = folder / f"{number}.conf"
        others = ", ".join(f'"nats://127.0.0.1:{one}"' for one in routes)
        path.write_text(f"""
server_name: s{number}
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{folder / str(number)}", sync_interval: {interval} }}
cluster {{ name: c, listen: "127.0.0.1:{route}", routes: [{others}] }}
system_account: SYSTEM
accounts {{
  SYSTEM {{ users: [{{ user: system, password: p }}] }}
  GATEWAY {{ jetstream: enabled, users: [{{ user: gateway, password: p }}] }}
}}
""")
        servers.append(subprocess.Popen([SERVER, "-c", path], stderr=subprocess.DEVNULL))
    try:
        yield
    finally:
        for server in servers:
            server.kill()
            server.wait()


@pytest.mark.usefixtures("swept")
async def test_every_server_of_a_cluster_must_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wicketgate.base.streams.link._NEXT_REPLY_S", 2.0)  # whatever else this machine does
    *ports, first, second = (free_port() for _ in range(4))
    ends = time.monotonic() + 20
    with clustered(tmp_path, ports, [first, second], ["always", "2m"]):
        # Whichever of the two answers first: one of them alone would be found sound.
        for port in ports:
            refused = 0
            while refused < 3:
                try:
                    await (await Link.open(plain(port))).close()
                    assert not refused, "the other server was not asked"
                except StreamError:
                    pass  # it is not up yet
                except ConfigurationError as error:
                    refused += "sync_interval: always" in str(error)
                assert time.monotonic() < ends, "the two do not find one another"


def plain(port: int) -> StreamsSettings:
    return StreamsSettings(
        url=f"nats://127.0.0.1:{port}",
        login=PasswordLogin(user="gateway", password="p"),
        system=PasswordLogin(user="system", password="p"),
    )


@pytest.mark.usefixtures("swept")
async def test_a_server_without_a_system_user_for_us_is_refused(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wicketgate.base.streams.link._FIRST_REPLY_S", 0.3)
    with pytest.raises(ConfigurationError, match="system user"):
        # The gateway's own user may not ask.
        await Link.open(replace(server.settings, system=server.settings.login))


@pytest.mark.parametrize("which", ["login", "system"])
@pytest.mark.usefixtures("swept")
async def test_a_wrong_user_is_an_error_at_once(server: NatsServer, which: str) -> None:
    begun = time.monotonic()
    wrong = PasswordLogin(user="gateway", password="wrong")
    with pytest.raises(StreamError):
        await asyncio.wait_for(Link.open(replace(server.settings, **{which: wrong})), 10)
    assert time.monotonic() - begun < 8


@pytest.mark.usefixtures("swept")
async def test_nobody_there_is_an_error_at_once() -> None:
    port = free_port()
    anybody = PasswordLogin(user="u", password="p")
    settings = StreamsSettings(url=f"nats://127.0.0.1:{port}", login=anybody, system=anybody)
    begun = time.monotonic()
    with pytest.raises(StreamError, match="no answer"):
        await asyncio.wait_for(Link.open(settings), 10)
    assert time.monotonic() - begun < 5


async def test_streams_are_made_as_the_measurements_demand(link: Link) -> None:
    info = await link.ensure_stream("A")
    assert info.config.storage == "file"
    assert info.config.discard == "new"
    assert info.config.retention == "limits"
    assert info.config.max_age in (0, None)  # the server's clock deletes nothing
    assert info.config.duplicate_window == 120


async def test_a_term_that_version_03_gave_a_stream_is_taken_from_it(link: Link) -> None:
    await link.jetstream.add_stream(StreamConfig(name="A", subjects=["A"], max_age=60, duplicate_window=60))
    assert (await link.ensure_stream("A")).config.max_age in (0, None)


async def test_purging_keeps_what_stands_at_the_sequence(link: Link) -> None:
    await link.ensure_stream("A")
    for n in range(5):
        await link.jetstream.publish("A", b"%d" % n)
    await link.purge_below("A", 0)
    await link.purge_below("A", 1)
    assert (await link.info("A")).state.messages == 5
    await link.purge_below("A", 4)
    state = (await link.info("A")).state
    assert (state.first_seq, state.last_seq) == (4, 5)
    await link.purge_below("A", 6)
    state = (await link.info("A")).state
    assert (state.first_seq, state.last_seq, state.messages) == (6, 5, 0)


@pytest.mark.usefixtures("swept")
async def test_a_question_waits_for_a_server_that_is_away(server: NatsServer, link: Link) -> None:
    await link.ensure_stream("A")
    again: list[int] = []
    link.on_reconnect(lambda: again.append(1))
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert (await link.info("A")).config.name == "A"
    assert again


async def test_a_question_does_not_wait_for_ever(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away() -> None:
        raise TimeoutError

    with pytest.raises(StreamError, match="do not answer"):
        await link.ask(away, patience_s=0.25)


async def test_what_the_server_refuses_is_not_asked_again(link: Link) -> None:
    with pytest.raises(NotFoundError):
        await link.info("NONE")
    with pytest.raises(StreamError, match="refuse"):
        await link.ensure_stream("A" * 300)


async def test_tasks_end_though_they_lose_a_cancellation() -> None:
    async def deaf() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)

    async def failing() -> None:
        raise ValueError

    tasks = [asyncio.create_task(deaf()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    await asyncio.wait_for(end_tasks(tasks), 5)
    assert all(task.done() for task in tasks)
    await end_tasks([])
