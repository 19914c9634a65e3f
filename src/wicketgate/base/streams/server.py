"""The NATS server as a supervised child process, from the wheel."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wicketgate.base.children import dying_with_parent
from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.base.parts import private_folder
from wicketgate.base.settings import SeedLogin, StreamsSettings
from wicketgate.base.streams.link import tls_context
from wicketgate.base.streams.pinned import HOST, Certificate, make_seed, public_nkey

log = logging.getLogger(__name__)

MAX_PAYLOAD = 8 * 1024 * 1024
READERS_MAY: Final = {
    "publish": {
        "allow": [
            "WICKETGATE.>",
            *(
                f"$JS.API.{call}"
                for name in ("COMMITS", "REWRITTEN")
                for call in (
                    f"STREAM.INFO.{name}",
                    f"DIRECT.GET.{name}",
                    f"DIRECT.GET.{name}.>",
                    f"CONSUMER.CREATE.{name}",
                    f"CONSUMER.CREATE.{name}.>",
                    f"CONSUMER.DELETE.{name}.>",
                    f"CONSUMER.MSG.NEXT.{name}.>",
                )
            ),
        ]
    },
    "subscribe": {"allow": ["_INBOX.>"]},
}
"""What a user for readers may do, in the words of the server's configuration."""
_RESTART_PAUSE_S = 0.2
_HANDSHAKE_S = 1.0


def _server_binary() -> str:
    beside_python = Path(sys.executable).with_name("nats-server")
    found = str(beside_python) if beside_python.exists() else shutil.which("nats-server")
    if found is None:
        raise ConfigurationError("`nats-server` is not installed beside this Python: run `make setup` again")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_taken(port: int) -> bool:
    """Return whether somebody listens at a port of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return True
    return False


class NatsServer:
    """One NATS server on a private port of the loopback.

    It dies when this process dies.

    Parameters
    ----------
    folder : Path
        Where its store, configuration and certificate lie; made with mode 0700.
    inherit : sequence of int
        File descriptors that the child keeps open: the deployment's lock, so that no second gateway starts while
        an orphan of a killed one still holds the store.
    on_failure : callable, optional
        Told when somebody else has taken the port of a child that died: the next start takes another one.

    Notes
    -----
    A crash of the server leaves the store as of the last sync; with `sync_interval: always` that is every message
    that it acknowledged. It is started again on the same port, and clients reconnect by themselves.

    Any process of this machine can take the port of a child that died. It gets a TLS handshake that it cannot
    finish: clients trust the certificate of this run alone, before they say anything. The configuration names the
    users by their public keys, and no password exists.
    """

    def __init__(
        self,
        folder: Path,
        inherit: tuple[int, ...] = (),
        *,
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._folder = folder
        self._inherit = inherit
        self._binary = _server_binary()
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._spawning = asyncio.Lock()
        self._port = 0
        self._on_failure = on_failure
        self._certificate = Certificate.make()
        self._user = make_seed()
        self._system = make_seed()
        self._reader = make_seed()
        self.restarts = 0

    @property
    def settings(self) -> StreamsSettings:
        """The settings for a connection to this server."""
        return StreamsSettings(
            url=f"tls://{HOST}:{self._port}",
            login=SeedLogin(seed=self._user),
            system=SeedLogin(seed=self._system),
            trusted=self._certificate.certificate,
        )

    @property
    def for_readers(self) -> StreamsSettings:
        """The settings for a connection that follows COMMITS, and can append to nothing."""
        return dataclasses.replace(self.settings, login=SeedLogin(seed=self._reader))

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while it is down."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the child and keep it running until `stop`.

        Raises
        ------
        StreamError
            If it does not answer within ten seconds.
        """
        private_folder(self._folder)
        self._port = _free_port()
        self._write_configuration()
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Stop the child.

        Its store is complete afterwards.
        """
        if self._keeper:
            # Before the child ends, or it would be started again; and not in the middle of a start, whose child nobody
            # would know.
            async with self._spawning:
                self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), 10)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    def _write_configuration(self) -> None:
        quoted = json.dumps
        certificate, key = self._folder / "server.pem", self._folder / "server.key"
        disk = os.statvfs(self._folder)
        # Left to itself the server takes three quarters of what is free at its start as its limit, and refuses a store
        # that has grown beyond. What may be written is decided by what is free at the time (`base.disk`).
        most = disk.f_frsize * disk.f_blocks
        text = f"""
server_name: wicketgate
listen: "{HOST}:{self._port}"
max_payload: {MAX_PAYLOAD}
max_pending: 256MB
write_deadline: "10s"
tls {{ cert_file: {quoted(str(certificate))}, key_file: {quoted(str(key))}, handshake_first: true, timeout: 5 }}
jetstream {{
  store_dir: {quoted(str(self._folder.resolve()))}
  sync_interval: always
  max_memory_store: 64MB
  max_file_store: {most}
}}
system_account: SYSTEM
accounts {{
  SYSTEM {{ users: [{{ nkey: {public_nkey(self._system)} }}] }}
  GATEWAY {{ jetstream: enabled, users: [
    {{ nkey: {public_nkey(self._user)} }}
    {{ nkey: {public_nkey(self._reader)}, permissions: {json.dumps(READERS_MAY)} }}
  ] }}
}}
"""
        # A crash in here leaves no file or a part of one: every start writes them anew.
        for path, content in (
            (certificate, self._certificate.certificate),
            (key, self._certificate.key),
            (self._folder / "server.conf", text),
        ):
            path.unlink(missing_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(content)

    async def _spawn(self) -> None:
        log_path = self._folder / "server.log"
        output = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = await asyncio.create_subprocess_exec(
                self._binary,
                "-c",
                str(self._folder / "server.conf"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=dying_with_parent(),
                pass_fds=self._inherit,
            )
        finally:
            os.close(output)
        await self._answering(log_path)

    async def _answering(self, log_path: Path) -> None:
        trusted = tls_context(self._certificate.certificate)
        for _ in range(200):
            if self._process and self._process.returncode is not None:
                raise StreamError(f"the NATS server ended at start; its reason stands in `{log_path.name}`")
            try:
                _, writer = await asyncio.open_connection(
                    HOST, self._port, ssl=trusted, ssl_handshake_timeout=_HANDSHAKE_S
                )
            except OSError:  # nobody, or somebody with another certificate, or with nothing to say
                await asyncio.sleep(0.05)
                continue
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return
        raise StreamError("the NATS server did not answer within ten seconds")

    async def _keep(self) -> None:
        while True:
            assert self._process is not None
            code = await self._process.wait()
            log.warning("the NATS server ended with code %s: starting it again", code)
            self.restarts += 1
            await asyncio.sleep(_RESTART_PAUSE_S)
            try:
                async with self._spawning:
                    await self._spawn()
            except StreamError as error:
                if _is_taken(self._port) and self._on_failure is not None:
                    log.critical("somebody else has taken the port of the NATS server, and was told nothing")
                    self._on_failure(StreamError("the port of the NATS server was taken by somebody else"))
                    return
                log.error("the NATS server does not start, trying again: %s", error)
                await asyncio.sleep(1)
