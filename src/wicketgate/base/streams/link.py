"""The connection to the streams.

It asserts that they are durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, assert_never

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RawStreamMsg, RetentionPolicy, StorageType, StreamConfig, StreamInfo
from nats.js.errors import APIError, NotFoundError

from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.base.settings import Login, PasswordLogin, SeedLogin, StreamsSettings

log = logging.getLogger(__name__)

_REQUEST_S = 2.0
_CONNECTING_S = 10.0
_CLOSING_S = 2.0
_DUPLICATE_WINDOW_S = 120
_WHOSE = "wicketgate-deployment"
_FIRST_ATTEMPTS = 2
_FIRST_REPLY_S = 3.0
_NEXT_REPLY_S = 0.2


class Link:
    """One connection to the streams.

    It reconnects for as long as it takes.
    """

    def __init__(self, client: Client, replicas: int) -> None:
        self.client = client
        self.jetstream: JetStreamContext = client.jetstream(timeout=_REQUEST_S)
        self.replicas = replicas
        self._on_reconnect: list[Callable[[], None]] = []
        self.before_append: Callable[[], Awaitable[None]] | None = None
        """Awaited before anything is appended to a stream."""
        self._whose: str | None = None
        self._adopting = False

    @classmethod
    async def open(cls, settings: StreamsSettings, *, follows: bool = False) -> Link:
        """Connect, and assert the durable settings.

        Parameters
        ----------
        follows : bool
            Whether this end only reads what others made durable: then nothing is asserted.

        Raises
        ------
        ConfigurationError
            If the server acknowledges before it has synced, or does not say.
        StreamError
            If nothing answers.
        """
        if not follows:
            await _assert_durable(settings)
        link: Link | None = None

        async def reconnected() -> None:
            log.warning("connected to the streams again")
            if link is not None:
                for call in list(link._on_reconnect):
                    call()

        try:
            client = await _connect(
                settings,
                settings.login,
                name="wicketgate",
                max_reconnect_attempts=_FIRST_ATTEMPTS,
                reconnect_time_wait=0.1,
                ping_interval=5,
                max_outstanding_pings=2,
                pending_size=64 * 1024 * 1024,
                flusher_queue_size=4096,
                reconnected_cb=reconnected,
                error_cb=_quiet,
                allow_reconnect=True,
            )
        except (NatsError, OSError) as error:
            raise StreamError(f"no answer from the streams at `{settings.url}`") from error
        # For as long as it takes, but only now: a wrong password at the start is an error at once.
        client.options["max_reconnect_attempts"] = -1
        link = cls(client, settings.replicas)
        return link

    async def close(self) -> None:
        """Close the connection."""
        if not self.client.is_connected:
            # The library would write what it has not sent to whatever it is connecting to, before its certificate is
            # known. Nobody was told that any of it is stored.
            self.client._pending, self.client._pending_data_size = [], 0
        # It waits without end for a connection whose handshake had begun and was given up.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.client.close(), _CLOSING_S)

    def on_reconnect(self, call: Callable[[], None]) -> None:
        """Call `call` after each reconnection."""
        self._on_reconnect.append(call)

    def off_reconnect(self, call: Callable[[], None]) -> None:
        """Call `call` no longer."""
        if call in self._on_reconnect:
            self._on_reconnect.remove(call)

    def belong_to(self, whose: str, *, adopting: bool) -> None:
        """Let every stream say whose it is, from now on, and refuse those of others.

        Parameters
        ----------
        whose : str
            Of the deployment; the stream carries it in its metadata.
        adopting : bool
            Whether a stream that does not say is taken as it is.
        """
        self._whose, self._adopting = whose, adopting

    async def ensure_stream(
        self,
        name: str,
        *,
        below: bool = False,
        last_only: bool = False,
        together: bool = False,
        memory: bool = False,
    ) -> StreamInfo:
        """Make a durable stream with the one subject `name`, or settle its limits.

        `below`: with all subjects below `name` instead. `last_only`: of each subject the last message is kept.
        `together`: several messages may be appended at once (`append_together`). `memory`: nothing of it is written to
        the servers' disks, and it is gone once all of them have stopped.

        No `max_age`: the server goes by its machine's clock, and a step of it would delete what must be kept
        (`OrdinalStream.end_before`).
        No `max_bytes`: the server would set that much of its disk aside for each stream. What a feed may hold is
        looked at before a release is committed (`feeds.feed.Feed.is_full`), and a full disk is refused by the server.
        """
        config = StreamConfig(
            name=name,
            subjects=[f"{name}.>" if below else name],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.MEMORY if memory else StorageType.FILE,
            discard=DiscardPolicy.OLD if last_only else DiscardPolicy.NEW,
            max_msgs_per_subject=1 if last_only else -1,
            allow_atomic=True if together else None,
            max_age=0,
            duplicate_window=_DUPLICATE_WINDOW_S,
            allow_direct=True,
            num_replicas=self.replicas,
            metadata=None if self._whose is None else {_WHOSE: self._whose},
        )
        info: StreamInfo = await self.ask(lambda: self._settle(name, config))
        return info

    async def _settle(self, name: str, config: StreamConfig) -> StreamInfo:
        # A crash in here leaves no stream or an empty one, and the next start settles its limits.
        try:
            held: StreamInfo = await self.jetstream.stream_info(name)
        except NotFoundError:
            return await self.jetstream.add_stream(config)
        found = (held.config.metadata or {}).get(_WHOSE)
        if self._whose is not None and found != self._whose and (found is not None or not self._adopting):
            raise ConfigurationError(
                f"the stream `{name}` is of another deployment, or does not say whose it is: restore `nats/` as it was "
                "together with the rest of the directory, or give this deployment streams of its own"
            )
        return await self.jetstream.update_stream(config)

    async def info(self, name: str) -> StreamInfo:
        """Return a stream's information.

        Waits while the server is away.
        """
        info: StreamInfo = await self.ask(lambda: self.jetstream.stream_info(name))
        return info

    async def message(self, name: str, sequence: int, patience_s: float = 60.0) -> RawStreamMsg | None:
        """Return a message of a stream, or None where it is not there.

        Waits while the server is away, as `ask`.
        """
        try:
            found: RawStreamMsg = await self.ask(
                lambda: self.jetstream.get_msg(name, seq=sequence, direct=True), patience_s
            )
        except NotFoundError:
            return None
        return found

    async def next_under(self, name: str, sequence: int, subject: str) -> RawStreamMsg | None:
        """Return the first message of a subject from a sequence on, or None where there is none.

        Waits while the server is away, as `ask`.
        """
        try:
            found: RawStreamMsg = await self.ask(
                lambda: self.jetstream.get_msg(name, seq=sequence, subject=subject, next=True, direct=True)
            )
        except NotFoundError:
            return None
        return found

    async def erase(self, name: str, sequence: int) -> None:
        """Delete a message, and overwrite its bytes in the server's files.

        One that is gone already is nothing to do. The client asks without `no_erase`, which the server takes for an
        erasing delete; with it the bytes would stay until the file is written anew.
        """
        if await self.message(name, sequence) is not None:
            await self.ask(lambda: self.jetstream.delete_msg(name, sequence))

    async def purge_subject(self, name: str, subject: str) -> None:
        """Remove every message of a subject."""
        await self.ask(lambda: self.jetstream.purge_stream(name, subject=subject))

    async def purge_below(self, name: str, sequence: int) -> None:
        """Remove every message of `name` below `sequence`."""
        if sequence > 1:
            await self.ask(lambda: self.jetstream.purge_stream(name, seq=sequence))

    async def ask(self, call: Callable[[], Awaitable[Any]], patience_s: float = 60.0) -> Any:
        """Return the answer of `call`.

        Tries again while the server is away.

        Raises
        ------
        StreamError
            If it is away for longer than `patience_s`.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + patience_s
        while True:
            try:
                return await call()
            except NotFoundError:
                raise
            except (NatsError, TimeoutError, OSError) as error:
                if isinstance(error, APIError) and error.code != 503:
                    raise StreamError(f"the streams refuse: {error.description}") from error
                if loop.time() > until:
                    raise StreamError("the streams do not answer") from error
                await asyncio.sleep(0.1)


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until each has ended, however it ends.

    Once is not enough: the client library drops a cancellation that arrives while it flushes.
    """
    everything = list(tasks)
    pending = {task for task in everything if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.1)
    await asyncio.gather(*everything, return_exceptions=True)


async def _connect(settings: StreamsSettings, login: Login, **options: Any) -> Client:
    """Connect, in bounded time: the library waits without end for a connection whose handshake has failed."""
    connecting = nats.connect(settings.urls, **_connecting(settings, login), **options)
    return await asyncio.wait_for(connecting, _CONNECTING_S)


def _connecting(settings: StreamsSettings, login: Login) -> dict[str, Any]:
    """Return the options of a connection: who it is for, and whom it trusts.

    The client library takes a server's word on whether it speaks TLS. So where TLS is meant it comes first: whoever
    else stands at the port is sent a handshake, and nothing else.
    """
    options: dict[str, Any] = {}
    if settings.is_secure:
        options |= {"tls": tls_context(settings.trusted), "tls_handshake_first": True}
    match login:
        case PasswordLogin():
            options |= {"user": login.user, "password": login.password}
        case SeedLogin():
            options |= {"nkeys_seed_str": login.seed}
        case _:
            assert_never(login)
    return options


def _is_telling(record: logging.LogRecord) -> bool:
    """Return whether a warning of asyncio says anything: each end of a connection of the library over TLS has one."""
    return "eof_received() has no effect" not in record.getMessage()


logging.getLogger("asyncio").addFilter(_is_telling)


def tls_context(trusted: str | None) -> ssl.SSLContext:
    """Return a client's context that trusts these certificates, or the system's where there are none."""
    if trusted is None:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and name
        context.load_verify_locations(cadata=trusted)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


async def _quiet(error: Exception) -> None:
    log.debug("streams: %s", type(error).__name__)


async def _assert_durable(settings: StreamsSettings) -> None:
    try:
        system = await _connect(
            settings,
            settings.system,
            connect_timeout=5,
            max_reconnect_attempts=_FIRST_ATTEMPTS,
            reconnect_time_wait=0.1,
            error_cb=_quiet,
        )
    except (NatsError, OSError) as error:
        raise StreamError(f"no answer from the streams at `{settings.url}` for the system user") from error
    try:
        # One reply from each server of a cluster: every one of them must sync before it acknowledges.
        inbox = system.new_inbox()
        replies = await system.subscribe(inbox)
        await system.publish("$SYS.REQ.SERVER.PING.JSZ", b'{"config":true}', reply=inbox)
        servers = 0
        try:
            while True:
                reply = await replies.next_msg(timeout=_FIRST_REPLY_S if servers == 0 else _NEXT_REPLY_S)
                if not reply.data:
                    continue  # nobody listens: this user is not of the system account
                said = json.loads(reply.data)
                config = said.get("data", {}).get("config") or {}
                if config.get("sync_always") is not True:
                    raise ConfigurationError(
                        "a NATS server acknowledges before it has synced: set `sync_interval: always`"
                    )
                servers += 1
                if "cluster" not in said.get("server", {}):
                    break  # it has no others
        except TimeoutError:
            if servers == 0:
                raise ConfigurationError(
                    "no NATS server said whether it syncs: check the system user"
                ) from None
    finally:
        await system.close()
