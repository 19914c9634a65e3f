"""The messages of streams on their way into a backup and out of it, as they were stored: number, name, time, bytes."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterable
from typing import Final

import msgspec
from nats.errors import Error as NatsError
from nats.js.api import StreamInfo

from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.writer import AT, StreamWriter
from wicketgate.gateway.backup.manifest import KeptStream

LEFT_OUT: Final = frozenset({"SHARED", "SEQUENCER", "READS"})
"""Streams that no backup holds: of this life alone, or of a version that an upgrade has left."""
_ANSWER_S: Final = 10.0
_LARGEST: Final = 16 << 20
_AT_ONCE: Final = 256


class KeptMessage(msgspec.Struct, frozen=True, array_like=True):
    """A message of a stream.

    Attributes
    ----------
    under : str
        What follows the stream's name in its subject, where subjects lie below it.
    id : str
        By which the servers know it again.
    at_us : int or None
        Its time by the gateway's own clock, where it has one.
    """

    sequence: int
    under: str
    id: str
    at_us: int | None
    data: bytes


class StreamEnds(msgspec.Struct, frozen=True):
    """A stream as it stands: from which message to which, and which between them are gone."""

    name: str
    below: bool
    together: bool
    first: int
    last: int
    deleted: list[int]


async def stream_ends(link: Link) -> list[StreamEnds]:
    """Return every stream of the deployment that a backup holds, as it stands now."""
    found: list[StreamEnds] = []
    while True:
        offset = len(found)
        infos: list[StreamInfo] = await link.ask(
            lambda offset=offset: link.jetstream.streams_info(offset=offset)  # type: ignore[misc]
        )
        if not infos:
            break
        for info in infos:
            if info.config.name is not None:
                found.append(await ends_of(link, info.config.name))
    return [one for one in found if one.name not in LEFT_OUT]


async def ends_of(link: Link, name: str) -> StreamEnds:
    """Return a stream as it stands now."""

    async def ask() -> dict[str, object]:
        answer = await link.client.request(
            f"$JS.API.STREAM.INFO.{name}", b'{"deleted_details": true}', timeout=_ANSWER_S
        )
        said: dict[str, object] = json.loads(answer.data)
        return said

    said = await link.ask(ask)
    state, config = said.get("state"), said.get("config")
    if not isinstance(state, dict) or not isinstance(config, dict):
        raise StreamError(f"the stream `{name}` does not say how it stands")
    return StreamEnds(
        name=name,
        below=config.get("subjects") == [f"{name}.>"],
        together=bool(config.get("allow_atomic")),
        first=max(1, int(state["first_seq"])),
        last=int(state["last_seq"]),
        deleted=sorted(int(number) for number in state.get("deleted") or ()),
    )


async def read_messages(link: Link, name: str, first: int, last: int, most_bytes: int) -> list[KeptMessage]:
    """Return messages of a stream in their order, from `first` on: some, or none where there are no more.

    Parameters
    ----------
    last : int
        The last one that may be returned.
    most_bytes : int
        About how much at once; one at least.
    """

    async def ask() -> list[KeptMessage]:
        inbox = link.client.new_inbox()
        subscription = await link.client.subscribe(inbox, pending_bytes_limit=4 * _LARGEST)
        try:
            order = {"seq": first, "batch": _AT_ONCE, "max_bytes": most_bytes}
            await link.client.publish(f"$JS.API.DIRECT.GET.{name}", json.dumps(order).encode(), reply=inbox)
            found: list[KeptMessage] = []
            while True:
                message = await subscription.next_msg(timeout=_ANSWER_S)
                headers = message.headers or {}
                status = headers.get("Status")
                if status is not None:  # 204 behind the last one, 404 where there is none
                    return found
                sequence = int(headers["Nats-Sequence"])
                if sequence <= last:
                    at = headers.get(AT)
                    found.append(
                        KeptMessage(
                            sequence,
                            headers["Nats-Subject"][len(name) + 1 :],
                            headers.get("Nats-Msg-Id", ""),
                            None if at is None else int(at),
                            message.data,
                        )
                    )
        finally:
            if not link.client.is_closed:
                await subscription.unsubscribe()

    try:
        kept: list[KeptMessage] = await link.ask(ask)
    except (NatsError, KeyError, ValueError) as error:
        raise StreamError(f"the stream `{name}` cannot be read") from error
    return kept


class StreamFilling:
    """The filling of one stream from a backup: each message gets the number that it had.

    What was gone is gone again: a message that stands for it is deleted behind the last one.
    """

    def __init__(self, link: Link, stream: KeptStream) -> None:
        self._link = link
        self._stream = stream
        self._writer = StreamWriter(link, stream.name, window=64)
        self._gone: list[int] = []
        self._reached = stream.first - 1

    async def open(self) -> StreamFilling:
        """Make the stream, which begins where it began.

        Raises
        ------
        StreamError
            If it holds anything.
        """
        stream = self._stream
        info = await self._link.ensure_stream(stream.name, below=stream.below, together=stream.together)
        if info.state.last_seq:
            raise StreamError(
                f"the stream `{stream.name}` holds something already: restore into empty streams"
            )
        await self._link.purge_below(stream.name, stream.first)
        await self._writer.open(stream.first - 1)
        return self

    async def take(self, messages: Iterable[KeptMessage]) -> None:
        """Append messages, which follow on those before; on return they are durable."""
        stored: list[asyncio.Future[int]] = []
        for message in messages:
            if message.sequence <= self._reached or message.sequence > self._stream.last:
                raise InputError(f"the messages of `{self._stream.name}` do not follow one another")
            stored += self._fill(message.sequence)
            stored.append(
                self._writer.submit(
                    message.data,
                    message.id or secrets.token_hex(16),
                    subject=self._subject(message.under),
                    at_us=message.at_us,
                )
            )
            self._reached = message.sequence
        if stored:
            await asyncio.gather(*stored)

    async def close(self) -> None:
        """Bring the stream to its end, and delete what was gone."""
        rest = self._fill(self._stream.last + 1)
        if rest:
            await asyncio.gather(*rest)
        await self._writer.close()
        for number in self._gone:
            await self._link.erase(self._stream.name, number)

    def _fill(self, until: int) -> list[asyncio.Future[int]]:
        stored = []
        for number in range(self._reached + 1, until):
            self._gone.append(number)
            stored.append(self._writer.submit(b"", secrets.token_hex(16), subject=self._subject("none")))
            self._reached = number
        return stored

    def _subject(self, under: str) -> str:
        return f"{self._stream.name}.{under}" if self._stream.below else self._stream.name


def dump_messages(messages: Iterable[KeptMessage]) -> bytes:
    """Return messages in the form in which an object holds them."""
    return msgspec.msgpack.encode(list(messages))


def load_messages(data: bytes) -> list[KeptMessage]:
    """Return the messages in an object.

    InputError for anything else.
    """
    try:
        return msgspec.msgpack.decode(data, type=list[KeptMessage])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("an object of the backup holds no messages") from error
