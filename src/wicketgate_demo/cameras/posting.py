"""The kept-alive connections of simulated cameras.

They send one post at a time over HTTP/1.1, again until it is acknowledged.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol, cast

import msgspec

from wicketgate_demo.cameras.devices import Message
from wicketgate_demo.world.traffic import Read

ANSWER_S = 30.0
_PAUSES_S = (0.1, 0.3, 1.0, 2.0)


class AnswerBody(msgspec.Struct):
    """The gateway's answer to a post.

    A part of a vehicle that is still followed counts for nothing yet.
    """

    accepted: int
    repeated: int
    quarantined: list[msgspec.Raw]


_decode = msgspec.json.Decoder(AnswerBody).decode


@dataclass(slots=True)
class Post:
    """One read on its way, or a sign of life (`read` None).

    Attributes
    ----------
    device : int
        The camera's number in the list of all cameras.
    messages : tuple of Message
        What its device sends, in order.
    due_s : float
        When it was due, by the monotonic clock.
    done : int
        How many messages are acknowledged.
    became : list of int
        Sums of `accepted`, `repeated` and `quarantined` over the answers.
    """

    read: Read | None
    device: int
    messages: tuple[Message, ...]
    due_s: float
    done: int
    became: list[int]


class Owner(Protocol):
    """The owner of connections."""

    going: bool

    def address_of(self, post: Post) -> tuple[str, int, Any]:
        """Return host, port and TLS context."""

    def request(self, post: Post, message: Message) -> bytes:
        """Return an HTTP request whole."""

    def answered(self, post: Post) -> None:
        """Learn of a post acknowledged in all its messages."""

    def refused(self, status: int, body: bytes) -> None:
        """Learn of an answer beyond any retry."""

    def retried(self) -> None:
        """Learn of a repeated message."""


def pause_s(pauses: int) -> float:
    """Return how long to wait before the next attempt."""
    return _PAUSES_S[min(pauses, len(_PAUSES_S)) - 1] * (0.75 + secrets.randbelow(500) / 1000)


class PostConnection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection, and its posts.

    One request is under way, and the other posts wait for it.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._received = b""
        self._post: Post | None = None
        self._asked_s = 0.0
        self._pauses = 0
        self.waiting: deque[Post] = deque()

    # --- asyncio.Protocol ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Uvloop's transports are not of asyncio's class.
        self._transport, self._received = cast(asyncio.Transport, transport), b""
        self.next()

    def data_received(self, data: bytes) -> None:
        received = self._received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = received[:end].lower()
        at = head.find(b"content-length:")
        stop = head.find(b"\r", at)
        try:
            status, length = int(head[9:12]), int(head[at + 15 : stop if stop > 0 else None])
        except ValueError:
            status, length = 0, -1
        if at < 0 or length < 0:
            # Whatever this is, it is no answer of a gateway.
            self._again()
            self.close()
            return
        if len(received) < end + 4 + length:
            return
        body = received[end + 4 : end + 4 + length]
        self._received = b""
        self._answered(status, b"application/json" in head, body)

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._post is not None:
            self._again()
        else:
            self.next()  # an idle connection that was closed is no fault

    # --- posts --------------------------------------------------------------------------------------------

    def add(self, post: Post) -> None:
        """Send a post when its turn comes."""
        self.waiting.append(post)
        self.next()

    def next(self) -> None:
        """Send the next post, if nothing is under way.

        It connects first if need be.
        """
        if self._post is not None or not self.waiting:
            return
        if self._transport is None or self._transport.is_closing():
            if self._opening is None:
                self._opening = asyncio.create_task(self._open(self.waiting[0]))
            return
        self._post = self.waiting.popleft()
        self._ask()

    def _ask(self) -> None:
        assert self._post is not None
        assert self._transport is not None
        self._asked_s = time.monotonic()
        self._transport.write(self._owner.request(self._post, self._post.messages[self._post.done]))

    async def _open(self, post: Post) -> None:
        try:
            if self._pauses:
                await asyncio.sleep(pause_s(self._pauses))
            host, port, tls = self._owner.address_of(post)
            loop = asyncio.get_running_loop()
            await asyncio.wait_for(loop.create_connection(lambda: self, host, port, ssl=tls), ANSWER_S)
        except (OSError, TimeoutError):
            self._pauses += 1
        finally:
            self._opening = None
        self.next()

    def _answered(self, status: int, is_json: bool, body: bytes) -> None:
        post = self._post
        if post is None:
            return  # nothing was asked: the connection is of no use
        if 200 <= status < 300 and self._take(post, is_json, body):
            self._pauses = 0
            post.done += 1
            if post.done < len(post.messages):
                self._ask()
                return
            self._post = None
            self._owner.answered(post)
            self.next()
        elif status == 429 or status >= 500:
            self._again()
            self.close()
        else:
            self._post = None
            self._owner.refused(status, body)

    @staticmethod
    def _take(post: Post, is_json: bool, body: bytes) -> bool:
        """Add up an answer.

        Some devices are answered in a form of their own, which says nothing.
        """
        if not is_json and post.messages[0].camera:
            return True
        try:
            answer = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # In JSON of its maker's; where the answer should have said what became of the read, that is missed.
            return bool(post.messages[0].camera)
        for place, count in enumerate((answer.accepted, answer.repeated, len(answer.quarantined))):
            post.became[place] += count
        return True

    def _again(self) -> None:
        """Put the post under way back in front.

        The same ids make a repeat known.
        """
        post, self._post = self._post, None
        self._pauses += 1
        if post is not None:
            self._owner.retried()
            self.waiting.appendleft(post)
        if self.waiting and self._owner.going:
            # Not at once: the caller closes this connection first, and `next` would ask over it again.
            asyncio.get_running_loop().call_soon(self.next)

    def look(self, now_s: float) -> None:
        """Give up on an overdue answer."""
        if self._post is not None and now_s - self._asked_s > ANSWER_S and self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Disconnect."""
        if self._transport is not None:
            self._transport.close()

    async def end(self) -> None:
        """Disconnect for good."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        self.close()

    @property
    def unanswered(self) -> list[Post]:
        """The posts without an acknowledgement.

        They were sent, or wait.
        """
        return [*([self._post] if self._post else []), *self.waiting]
