"""A small MQTT 3.1.1 client.

It publishes with QoS 1, and again whatever was not acknowledged when a connection breaks.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Final, cast

from wicketgate_demo.cameras.devices import Message
from wicketgate_demo.cameras.posting import ANSWER_S, Post, pause_s
from wicketgate_demo.cameras.posting import Owner as Posting

WINDOW: Final = 64
"""Messages under way at most."""

_KEEP_ALIVE_S = 60
_PING_S = 20.0
_CONNACK, _PUBACK = 0x20, 0x40
_PING = b"\xc0\x00"
_DISCONNECT = b"\xe0\x00"
_IDS = 65_535
_UNAVAILABLE = 3


def _text(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _packet(first: int, content: bytes) -> bytes:
    length, coded = len(content), bytearray((first,))
    while length >= 0x80:
        coded.append(length & 0x7F | 0x80)
        length >>= 7
    coded.append(length)
    return bytes(coded) + content


def connect_packet(client_id: str, username: str, password: str) -> bytes:
    """Return a CONNECT with a clean session (3.1)."""
    content = _text(b"MQTT") + b"\x04\xc2" + _KEEP_ALIVE_S.to_bytes(2, "big")
    return _packet(0x10, content + b"".join(_text(text.encode()) for text in (client_id, username, password)))


def publish_packet(message: Message, packet_id: int, *, again: bool) -> bytes:
    """Return a PUBLISH of QoS 1 (3.3)."""
    content = _text(message.topic.encode()) + packet_id.to_bytes(2, "big") + message.body
    return _packet(0x3A if again else 0x32, content)


class MqttConnection(asyncio.Protocol):
    """One connection of a device, renewed after each loss.

    Parameters
    ----------
    owner : Owner
        Whose it is.
    address : tuple of str and int
        Of the MQTT ingress.
    client_id, username, password : str
        Who it says it is: the source and its token.

    Notes
    -----
    Messages go out in the order in which they came. After a break everything that was not acknowledged is sent
    again, in the same order, before anything new.
    """

    def __init__(
        self, owner: Posting, address: tuple[str, int], client_id: str, username: str, password: str
    ) -> None:
        self._owner = owner
        self._address = address
        self._hello = connect_packet(client_id, username, password)
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._held = b""
        self._welcome = False
        self._packet_id = 0
        self._under_way: dict[int, tuple[Post, Message]] = {}
        self._unsent: deque[tuple[Post, Message, bool]] = deque()
        self._pauses = 0
        self._heard_s = self._said_s = 0.0
        self._posts: dict[int, Post] = {}

    # --- asyncio.Protocol ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._held, self._welcome = b"", False
        self._heard_s = self._said_s = time.monotonic()
        self._transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        self._heard_s = time.monotonic()
        held = self._held + data if self._held else data
        # Whatever a server sends to a client that subscribes to nothing is two or four bytes long.
        while len(held) >= 2 and len(held) >= 2 + held[1]:
            kind, content, held = held[0], held[2 : 2 + held[1]], held[2 + held[1] :]
            if kind == _CONNACK and len(content) == 2:
                if content[1]:
                    if content[1] != _UNAVAILABLE:
                        self._owner.refused(401, b"")
                    self.close()
                    return
                self._welcome, self._pauses = True, 0
            elif kind == _PUBACK and len(content) == 2:
                self._acknowledged(int.from_bytes(content, "big"))
        self._held = held
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport, self._welcome = None, False
        if self._under_way:
            self._unsent.extendleft(
                (post, message, True) for post, message in reversed(self._under_way.values())
            )
            self._owner.retried()
            self._under_way.clear()
        self._pauses += 1
        if self._owner.going:
            self.next()

    # --- messages -----------------------------------------------------------------------------------------

    def add(self, post: Post) -> None:
        """Publish the messages of a post in its turn."""
        self._posts[id(post)] = post
        self._unsent.extend((post, message, False) for message in post.messages)
        self.next()

    def next(self) -> None:
        """Send the waiting messages.

        It connects first if need be.
        """
        if self._transport is None:
            if self._opening is None and self._unsent:
                self._opening = asyncio.create_task(self._open())
            return
        self._send()

    def _send(self) -> None:
        if self._transport is None or not self._welcome or self._transport.is_closing():
            return
        out = []
        while self._unsent and len(self._under_way) < WINDOW:
            post, message, again = self._unsent.popleft()
            self._packet_id = self._packet_id % _IDS + 1
            self._under_way[self._packet_id] = (post, message)
            out.append(publish_packet(message, self._packet_id, again=again))
        if out:
            self._said_s = time.monotonic()
            self._transport.write(b"".join(out))

    def _acknowledged(self, packet_id: int) -> None:
        found = self._under_way.pop(packet_id, None)
        if found is None:
            return
        post = found[0]
        post.done += 1
        if post.done == len(post.messages):
            self._posts.pop(id(post), None)
            self._owner.answered(post)

    async def _open(self) -> None:
        try:
            if self._pauses:
                await asyncio.sleep(pause_s(self._pauses))
            loop = asyncio.get_running_loop()
            await asyncio.wait_for(loop.create_connection(lambda: self, *self._address), ANSWER_S)
        except (OSError, TimeoutError):
            self._pauses += 1
        finally:
            self._opening = None
        self.next()

    def look(self, now_s: float) -> None:
        """Ping after a silence.

        It gives up on a server that says nothing.
        """
        if self._transport is None:
            self.next()
        elif now_s - self._heard_s > ANSWER_S and (self._under_way or not self._welcome):
            self._transport.abort()
        elif self._welcome and now_s - self._said_s > _PING_S:
            self._said_s = now_s
            self._transport.write(_PING)

    def close(self) -> None:
        """Disconnect."""
        if self._transport is not None:
            if self._welcome:
                self._transport.write(_DISCONNECT)
            self._transport.close()

    async def end(self) -> None:
        """Disconnect for good."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        self.close()

    @property
    def unanswered(self) -> list[Post]:
        """The messages without an acknowledgement.

        They were published, or wait.
        """
        return list(self._posts.values())
