"""A front's connections: what sources post stays here, and everything else goes to the gateway as it came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httptools
from starlette.types import Scope

from wicketgate.http.connections import HttpBounds, HttpConnection
from wicketgate.http.hot import FRAMING, PUSH, READS, media_type_in
from wicketgate.reads import adapters
from wicketgate.reads.parse import JSON, NDJSON

HEAD_END: Final = b"\r\n\r\n"
_MOST_HELD: Final = 64 * 1024
_TYPES: Final = frozenset({JSON.encode(), NDJSON.encode()})
_STARTS: Final = (b"POST " + READS, b"POST " + PUSH)
_DIGITS: Final = 8
_LOOK_S: Final = 0.02
_MOST_WAIT_S: Final = 30.0
"""Seconds for which a connection waits until the gateway takes it."""
_FRAMING: Final = FRAMING | {b"content-encoding"}


@dataclass(frozen=True, slots=True)
class FrontHead:
    """The head of a request that a front may take.

    Attributes
    ----------
    length : int
        Bytes of its body.
    scope : mapping
        Its fields and its query, as `gatekeeper.source_in` takes them.
    """

    length: int
    scope: Scope
    is_push: bool


def fields_in(head: bytes) -> list[tuple[bytes, bytes]] | None:
    """Return the fields of a head, names in lower case; None where a line of it is no plain field."""
    found = []
    for line in head[: -len(HEAD_END)].split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name.strip() != name:
            return None
        found.append((name.lower(), value.strip(b" \t")))
    return found


def front_head(head: bytes) -> FrontHead | None:
    """Return a head that a front may take, or None where the gateway itself must see the request.

    A front takes posts of reads in JSON and pushes for known adapters, whose bodies simply follow their heads, and
    whose heads are as plain as most devices write them.
    """
    method, _, rest = head.partition(b"\r\n")[0].partition(b" ")
    target, _, version = rest.partition(b" ")
    if method != b"POST" or version != b"HTTP/1.1" or b"#" in target:
        return None
    found = fields_in(head)
    if found is None:
        return None
    fields = dict(found)
    if len(fields) < len(found) or not _FRAMING.isdisjoint(fields):
        return None
    length = fields.get(b"content-length", b"")
    if not length.isdigit() or len(length) > _DIGITS:
        return None
    path, _, query = target.partition(b"?")
    is_push = path.startswith(PUSH)
    if is_push:
        is_ours = path.removeprefix(PUSH).decode("latin-1") in adapters.ADAPTERS
    else:
        is_ours = target == READS and media_type_in(fields) in _TYPES
    if not is_ours:
        return None
    return FrontHead(int(length), {"headers": found, "query_string": query}, is_push)


class FrontConnection(HttpConnection):
    """One connection of a front.

    It cuts the requests apart itself, and feeds the parser one at a time; where the two do not agree on an end, the
    connection is closed. A connection whose next request is not the front's is given away with what was read of it.

    Parameters
    ----------
    is_ours : callable
        Whether a head shows the token of a source.
    give : callable
        Gives a connection away, with what was read of it, and the head of its next request as far as it came.
    """

    def __init__(
        self,
        bounds: HttpBounds,
        is_ours: Callable[[FrontHead], bool],
        give: Callable[[FrontConnection, bytes, bytes], None],
        *arguments: Any,
        **named: Any,
    ) -> None:
        super().__init__(bounds, *arguments, **named)
        self._is_ours = is_ours
        self._giving = give
        self._waits_to_give = self._is_given_away = False
        self._held = bytearray()
        self._head_since = 0.0
        self._left = 0  # bytes of the body that have not come yet
        self._is_whole = True  # the parser has seen the end of what it was fed
        self._last_head = b""  # never given away: what differs is looked at
        self._last_length = 0

    def data_received(self, data: bytes) -> None:
        """Take bytes off the wire."""
        if self._closing:
            return
        if not self._held and not self._left:
            self._head_since = self.loop.time()
        self._held += data
        self._go_on()
        if len(self._held) > _MOST_HELD:
            self.flow.pause_reading()

    def check(self, now: float) -> None:
        """Close the connection if its peer is too slow with a head, or for another reason."""
        if self._is_given_away:
            if not self._lost and now - self._since >= _MOST_WAIT_S:
                self._end("not-handed-over")
            return
        cycle = self._cycle
        waits = self._held and self._is_whole and (cycle is None or cycle.response_complete)
        if waits and not self._closing and now - self._head_since >= self._limits.head_s:
            self._refuse("too-slow")
        else:
            super().check(now)

    def on_message_complete(self) -> None:
        """End a request."""
        self._is_whole = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request."""
        super().on_response_complete()
        if self._held and not self._closing and not self.transport.is_closing():
            self._head_since = self.loop.time()
            self.loop.call_soon(self._go_on)
            if len(self._held) > _MOST_HELD:
                self.flow.pause_reading()  # until more of it is answered

    def _go_on(self) -> None:
        held = self._held
        while held and not (self._closing or self._waits_to_give or self.transport.is_closing()):
            if self._left:
                part = bytes(held[: self._left])
                del held[: len(part)]
                self._left -= len(part)
                super().data_received(part)
                if not self._left and not self._is_whole:
                    self._refuse("malformed")
                continue
            cycle = self._cycle
            if not self._is_whole or (cycle is not None and not cycle.response_complete):
                return  # one after the other
            end = held.find(HEAD_END)
            head = bytes(held[: end + len(HEAD_END)]) if end >= 0 else b""
            if max(len(head), len(held) if end < 0 else 0) > self._limits.head_bytes:
                self._refuse("head-too-large")
                return
            if not head and _may_be_ours(held):
                return  # the rest of the head
            if not head or (head != self._last_head and not self._knows(head)):
                self._leave_to_gateway(head)
                return
            del held[: len(head)]
            self._left = self._last_length
            self._is_whole = False
            super().data_received(head)
            if not self._left and not self._is_whole:
                self._refuse("malformed")

    def _knows(self, head: bytes) -> bool:
        """Return whether a head is a source's post, and keep it: most devices send the same one each time."""
        found = front_head(head)
        if found is None or not self._is_ours(found):
            return False
        self._last_head, self._last_length = head, found.length
        return True

    def _leave_to_gateway(self, head: bytes) -> None:
        """Give the connection away once its head is whole; what is none is answered here."""
        seen = _SeenHead()
        try:
            httptools.HttpRequestParser(seen).feed_data(bytes(self._held))
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError:
            if not seen.is_whole:  # behind the head it is the gateway's
                self._refuse("malformed")
                return
        if seen.fields > self._limits.head_fields:
            self._refuse("head-too-large")
        elif seen.is_whole:
            self._give_away(head)

    def _give_away(self, head: bytes) -> None:
        # At once: whatever is read from now on would be lost to the other process.
        self.flow.pause_reading()
        if self.transport.get_write_buffer_size():  # an answer is on its way still: it would be cut off
            self._waits_to_give = True
            self.loop.call_later(_LOOK_S, self._look_again)
            return
        data, self._held = bytes(self._held), bytearray()
        self._closing = self._is_given_away = True
        self._since = self.loop.time()
        self._giving(self, data, head)

    def _look_again(self) -> None:
        self._waits_to_give = False
        if not self._lost:
            self._go_on()

    def descriptor(self) -> int | None:
        """Return the connection's descriptor, or None where it is closed already."""
        if self._lost or self.transport.is_closing():
            return None
        number: int = self.transport.get_extra_info("socket").fileno()
        return number

    def given(self) -> None:
        """Let the connection go: the gateway has it."""
        self.transport.abort()


class _SeenHead:
    """What a parser says of a head."""

    def __init__(self) -> None:
        self.fields = 0
        self.is_whole = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_whole:
            self.fields += 1

    def on_headers_complete(self) -> None:
        self.is_whole = True


def _may_be_ours(beginning: bytearray) -> bool:
    line = beginning.find(b"\n")
    if line >= 0 and not beginning.startswith(b"\r", line - 1):
        return False
    return any(start.startswith(beginning[: len(start)]) for start in _STARTS)
