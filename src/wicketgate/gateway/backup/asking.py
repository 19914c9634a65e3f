"""Whoever stands at a gateway's desk for a backup: its asks, one after the other."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec

from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.gateway.backup.desk import LENGTH, MOST_BYTES, SOCKET, BackupAsk
from wicketgate.gateway.backup.messages import KeptMessage, StreamEnds, load_messages

_ANSWER_S: Final = 120.0
_T = TypeVar("_T")


class GatewayStanding(msgspec.Struct, frozen=True):
    """How a gateway stands: its last transaction, its time, its streams, and to whom keys are encrypted."""

    recipients: list[str]
    origin: str
    position: int
    entries: int
    at_us: int
    directory_form: int
    images: bool
    streams: list[StreamEnds]


class _Refused(msgspec.Struct, frozen=True):
    refused: str


class DeskVisit:
    """One visit at the desk of a running gateway. While it lasts nothing that a cut needs is let go of.

    Raises
    ------
    ConfigurationError
        If no gateway runs there, or another user's.
    """

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_ANSWER_S)
        try:
            here = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        except OSError as error:
            raise ConfigurationError(f"`{folder}` is not a deployment") from error
        try:
            self._socket.connect(f"/proc/self/fd/{here}/{SOCKET}")
        except OSError as error:
            self._socket.close()
            raise ConfigurationError(
                f"no gateway of this user runs in `{folder}`: a backup is taken of a running one"
            ) from error
        finally:
            os.close(here)

    def __enter__(self) -> Self:
        """Stand there."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self.close()

    def close(self) -> None:
        """Leave: the gateway goes on as before."""
        self._socket.close()

    def begin(self) -> GatewayStanding:
        """Begin: the log says from now on that a backup was taken, and to whom its keys are encrypted."""
        return self._decoded(self._ask(BackupAsk(do="begin")), GatewayStanding)

    def stand(self) -> GatewayStanding:
        """Return how the gateway stands now."""
        return self._decoded(self._ask(BackupAsk(do="stand")), GatewayStanding)

    def messages(self, stream: str, first: int, last: int, most_bytes: int) -> list[KeptMessage]:
        """Return messages of a stream from `first` on, in their order; none where there are no more."""
        answer = self._ask(
            BackupAsk(do="messages", stream=stream, first=first, last=last, most_bytes=most_bytes)
        )
        return load_messages(answer)

    def still(self) -> None:
        """Let nothing be handed to the history, for a minute at most."""
        self._ask(BackupAsk(do="still"))

    def go_on(self) -> None:
        """Let the history be fed again."""
        self._ask(BackupAsk(do="go-on"))

    def _ask(self, ask: BackupAsk) -> bytes:
        data = msgspec.msgpack.encode(ask)
        try:
            self._socket.sendall(LENGTH.pack(len(data)) + data)
            size = LENGTH.unpack(self._exactly(LENGTH.size))[0]
            if size > MOST_BYTES:
                raise StreamError("the gateway answers with more than was asked for")
            answer = self._exactly(size)
        except OSError as error:
            raise StreamError("the gateway ended, or does not answer: take the backup again") from error
        if answer[:1] == b"\x81":  # a map of one: perhaps a refusal
            try:
                refused = msgspec.msgpack.decode(answer, type=_Refused)
            except msgspec.DecodeError:
                return answer
            raise ConfigurationError(refused.refused)
        return answer

    def _exactly(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            some = self._socket.recv(min(1 << 20, size - len(found)))
            if not some:
                raise StreamError("the gateway ended: take the backup again")
            found += some
        return bytes(found)

    @staticmethod
    def _decoded(data: bytes, kind: type[_T]) -> _T:
        try:
            return msgspec.msgpack.decode(data, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StreamError(
                "the gateway answers as no version of it does: is it of this version?"
            ) from error
