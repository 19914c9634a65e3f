"""The desk at which a running gateway lets itself be backed up: a socket of this machine, for its own user alone.

Whoever asks reads the directory by themselves, and has from here what only the gateway can give: messages of the
streams, and stillness. While somebody is at the desk nothing that a cut needs is let go of; when they leave, or are
killed, or an hour is over, everything goes on. Nothing here is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import socket
import struct
from typing import TYPE_CHECKING, Any, Final

import lmdb
import msgspec

from wicketgate.base.errors import ConfigurationError, StreamError, WicketgateError
from wicketgate.base.streams.link import end_tasks
from wicketgate.gateway.backup.messages import dump_messages, read_messages, stream_ends
from wicketgate.gateway.forms import FORM
from wicketgate.gateway.operations import backup_taken

if TYPE_CHECKING:
    from wicketgate.gateway.node import Gateway

log = logging.getLogger(__name__)

SOCKET: Final = "backup.sock"
STAGE: Final = "stage"
"""The folder below `backups` in which a history's files are linked, until they are copied."""
LENGTH: Final = struct.Struct(">I")
MOST_BYTES: Final = 24 << 20
"""Of one answer: a message of the streams is 8 MiB at most."""
_HOLD_S: Final = 3_600.0
_IDLE_S: Final = 600.0
_STILL_S: Final = 60.0
_ASK_BYTES: Final = 4_096
_PEER: Final = struct.Struct("3i")


class BackupAsk(msgspec.Struct, frozen=True):
    """What is asked at the desk: one word, and for `messages` which."""

    do: str
    stream: str = ""
    first: int = 0
    last: int = 0
    most_bytes: int = 1 << 20


class BackupDesk:
    """The desk of one gateway; one backup at a time."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._server: asyncio.Server | None = None
        self._here = -1
        self._task: asyncio.Task[None] | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._begun = False

    @property
    def is_under_way(self) -> bool:
        """Whether a cut is being taken: then nothing that it needs may be let go of."""
        return self._task is not None

    async def open(self) -> None:
        """Begin to listen. What a killed backup left is removed."""
        folder = self._gateway.deployment.folder
        await asyncio.to_thread(self._clean)
        # By the descriptor of the folder: the path of a socket is 107 bytes at most, wherever the deployment lies.
        self._here = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        path = f"/proc/self/fd/{self._here}/{SOCKET}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        former = os.umask(0o177)
        try:
            listening.bind(path)
        finally:
            os.umask(former)
        self._server = await asyncio.start_unix_server(self._meet, sock=listening, limit=_ASK_BYTES)

    async def close(self) -> None:
        """Listen no more, and end what is under way."""
        if self._server is not None:
            self._server.close()
        if self._task is not None:
            await end_tasks([self._task])
        if self._here >= 0:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"/proc/self/fd/{self._here}/{SOCKET}")
            os.close(self._here)
            self._here = -1

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        if _PEER.unpack(found)[1] != os.getuid():
            await _say(writer, _refusal(ConfigurationError("only the gateway's own user may take a backup")))
            writer.close()
            return
        if self._task is not None:
            await _say(writer, _refusal(ConfigurationError("another backup of this gateway is under way")))
            writer.close()
            return
        self._task = asyncio.current_task()
        try:
            async with asyncio.timeout(_HOLD_S):
                await self._serve(reader, writer)
        except TimeoutError:
            log.warning("a backup took an hour, or asked nothing for ten minutes, and was ended")
        except (ConnectionError, asyncio.IncompleteReadError):
            log.debug("whoever took a backup has gone")
        finally:
            self._go_on()
            self._task, self._begun = None, False
            writer.close()
            await asyncio.to_thread(self._clean)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await asyncio.wait_for(reader.readexactly(LENGTH.size), _IDLE_S)
            size = LENGTH.unpack(head)[0]
            if size > _ASK_BYTES:
                return
            try:
                ask = msgspec.msgpack.decode(await reader.readexactly(size), type=BackupAsk)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return
            try:
                answer = await self._answer(ask)
            except WicketgateError as error:
                answer = _refusal(error)
            await _say(writer, answer)

    async def _answer(self, ask: BackupAsk) -> bytes:
        gateway = self._gateway
        if ask.do != "begin" and not self._begun:
            raise ConfigurationError("nothing is handed over before the log says that a backup is taken")
        match ask.do:
            case "begin" | "stand":
                if ask.do == "begin":
                    await self._begin()
                state = gateway.commits.committed
                said: dict[str, Any] = {
                    "recipients": list(gateway.settings.backup_recipients),
                    "origin": gateway.ledger.origin,
                    "position": state.sequence,
                    "entries": state.entries,
                    "at_us": max(state.at_us, gateway.clock.now_us()),
                    "directory_form": FORM,
                    "images": gateway.settings.images is None,
                    "streams": await stream_ends(gateway.link),
                }
                return msgspec.msgpack.encode(said)
            case "messages":
                most = min(max(1, ask.most_bytes), 8 << 20)
                return dump_messages(await read_messages(gateway.link, ask.stream, ask.first, ask.last, most))
            case "still":
                await self._still()
                return msgspec.msgpack.encode({})
            case "go-on":
                self._go_on()
                return msgspec.msgpack.encode({})
            case _:
                raise ConfigurationError("this gateway is asked for something that it does not know")

    async def _begin(self) -> None:
        """Commit that a backup is taken, and to whom its keys are encrypted."""
        recipients = self._gateway.settings.backup_recipients
        if not recipients:
            raise ConfigurationError(
                "the gateway knows nobody who may open a backup: name their age keys in [backup] of wicketgate.toml, "
                "as `recipients`, and start it again"
            )
        # A crash from here on leaves an entry of a backup that was begun.
        await self._gateway.commits.commit(backup_taken(recipients))
        self._begun = True

    async def _still(self) -> None:
        """Hand nothing to the history until `_go_on`, or for a minute."""
        history = self._gateway.history
        if history is None or self._quiet is not None:
            return
        try:
            await asyncio.wait_for(history.stillness.acquire(), _STILL_S)
        except TimeoutError as error:
            raise StreamError("the history does not come to rest: take the backup again") from error
        self._quiet = asyncio.get_running_loop().call_later(_STILL_S, self._go_on)

    def _go_on(self) -> None:
        history = self._gateway.history
        if self._quiet is not None and history is not None:
            self._quiet.cancel()  # the next stillness has an end of its own
            self._quiet = None
            history.stillness.release()

    def _clean(self) -> None:
        """Remove what a backup left, and the places of readers that were killed in the parts."""
        shutil.rmtree(self._gateway.deployment.part("backups") / STAGE, ignore_errors=True)
        for environment in self._gateway.directory.environments():
            with contextlib.suppress(lmdb.Error):
                environment.reader_check()


async def _say(writer: asyncio.StreamWriter, answer: bytes) -> None:
    writer.write(LENGTH.pack(len(answer)) + answer)
    await writer.drain()


def _refusal(error: WicketgateError) -> bytes:
    return msgspec.msgpack.encode({"refused": error.detail})
