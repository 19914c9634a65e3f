"""Connections that stay with a process while it keeps their requests, and then go to another as they came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import httptools

from wicketgate.http.connections import HttpBounds, HttpConnection
from wicketgate.http.hot_post import HotPost
from wicketgate.http.underway import SMALL_BODY

FRAMING: Final = frozenset({b"transfer-encoding", b"expect", b"upgrade"})
"""Fields by which a body does not simply follow its head."""
END: Final = b"\r\n\r\n"
_MOST_HELD: Final = 64 * 1024
_LOOK_S: Final = 0.02
_MOST_WAIT_S: Final = 30.0
"""Seconds for which a connection waits until the other process takes it."""


class HeadRule(Protocol):
    """Which requests a process keeps, by their heads."""

    @property
    def lasts(self) -> bool:
        """Whether a head that was kept is kept again on the same connection."""

    def length(self, head: bytes) -> int | None:
        """Return the bytes of the body that follows a head that is kept; None for one that is not."""

    def may_begin(self, beginning: bytearray) -> bool:
        """Return whether a head that is kept may begin so."""


def fields_in(head: bytes) -> list[tuple[bytes, bytes]] | None:
    """Return the fields of a head, names in lower case; None where a line of it is no plain field."""
    found = []
    for line in head[: -len(END)].split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name.strip() != name:
            return None
        found.append((name.lower(), value.strip(b" \t")))
    return found


def begins_with(beginning: bytearray, starts: tuple[bytes, ...]) -> bool:
    """Return whether a head may still become one whose first line begins so."""
    line = beginning.find(b"\n")
    if line >= 0 and not beginning.startswith(b"\r", line - 1):
        return False
    return any(start.startswith(beginning[: len(start)]) for start in starts)


class HandingConnection(HttpConnection):
    """One connection of a process that keeps some requests, and gives others away with their connection.

    It cuts the requests apart itself, and feeds the parser one at a time; where the two do not agree on an end, the
    connection is closed. A connection whose next request is not kept is given away with what was read of it.

    Parameters
    ----------
    keeps : HeadRule
        Which heads are kept.
    give : callable
        Gives a connection away, with what was read of it, and the head of its next request as far as it came.
    """

    def __init__(
        self,
        bounds: HttpBounds,
        keeps: HeadRule,
        give: Callable[[HandingConnection, bytes, bytes], None],
        *arguments: Any,
        **named: Any,
    ) -> None:
        super().__init__(bounds, *arguments, **named)
        self._keeps = keeps
        self._giving = give
        self._waits_to_give = self._is_given_away = False
        self._held = bytearray()
        self._head_since = 0.0
        self._left = 0  # bytes of the body that have not come yet
        self._is_whole = True  # the parser has seen the end of what it was fed
        self._last_head = b""  # never given away: what differs is looked at
        self._last_length = 0
        # The last post on the hot route, where one with the same head may follow it at once.
        self._former: HotPost | None = None

    def data_received(self, data: bytes) -> None:
        """Take bytes off the wire."""
        if self._closing:
            return
        if (
            self._former is not None
            and len(data) == len(self._last_head) + self._last_length
            and data.startswith(self._last_head)
            and self._is_between()
        ):
            self._post_again(self._former, data[len(self._last_head) :])
            return
        if not self._held and not self._left:
            self._head_since = self.loop.time()
        self._held += data
        self._go_on()
        if len(self._held) > _MOST_HELD:
            self.flow.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        super().connection_lost(exc)
        self._former = None  # it has the connection

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
                if not (self._left or self._is_whole or self._closing):
                    self._refuse("malformed")
                continue
            cycle = self._cycle
            if not self._is_whole or (cycle is not None and not cycle.response_complete):
                return  # one after the other
            end = held.find(END)
            head = bytes(held[: end + len(END)]) if end >= 0 else b""
            if max(len(head), len(held) if end < 0 else 0) > self._limits.head_bytes:
                self._refuse("head-too-large")
                return
            if not head and self._keeps.may_begin(held):
                return  # the rest of the head
            if not head or (head != self._last_head and not self._knows(head)):
                self._leave_to_other(head)
                return
            del held[: len(head)]
            self._left = self._last_length
            self._is_whole = False
            super().data_received(head)
            begun = self._cycle
            # What is longer takes room of its own each time (`HotRoute.begin`).
            is_small = self._last_length <= SMALL_BODY
            self._former = begun if isinstance(begun, HotPost) and begun.keep_alive and is_small else None
            if not (self._left or self._is_whole or self._closing):
                self._refuse("malformed")

    def _is_between(self) -> bool:
        """Return whether all that came is answered, or on its way to be."""
        cycle = self._cycle
        return (
            not (self._held or self._left or self._waits_to_give or self.flow.write_paused)
            and self._is_whole
            and (cycle is None or cycle.response_complete)
            and not self.transport.is_closing()
        )

    def _post_again(self, former: HotPost, body: bytes) -> None:
        """Take a post whose head is that of the one before, byte for byte: the parser has said what it means."""
        self._since = self.loop.time()
        post = former.again()
        post.body += body
        self.cycle = post  # type: ignore[assignment]
        self._former = post
        post.complete()

    def _knows(self, head: bytes) -> bool:
        """Return whether a head is kept, and remember it: most clients send the same one each time."""
        length = self._keeps.length(head)
        if length is None:
            return False
        self._last_head, self._last_length = head if self._keeps.lasts else b"", length
        return True

    def _leave_to_other(self, head: bytes) -> None:
        """Give the connection away once its head is whole; what is none is answered here."""
        seen = _SeenHead()
        try:
            httptools.HttpRequestParser(seen).feed_data(bytes(self._held))
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError:
            if not seen.is_whole:  # behind the head it is the other process's
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
        data, self._held = self.read_so_far(bytes(self._held)), bytearray()
        self._closing = self._is_given_away = True
        self._since = self.loop.time()
        self._giving(self, data, head)

    def _look_again(self) -> None:
        self._waits_to_give = False
        if not self._lost:
            self._go_on()

    @property
    def is_known(self) -> bool:
        """Whether a credential that is known was shown on it."""
        return self._place is not None and bool(self._place.name)

    def descriptor(self) -> int | None:
        """Return the connection's descriptor, or None where it is closed already."""
        if self._lost or self.transport.is_closing():
            return None
        number: int = self.transport.get_extra_info("socket").fileno()
        return number

    def given(self) -> None:
        """Let the connection go: the other side has it."""
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


class FirstHeadConnection(HttpConnection):
    """One connection of a process that gives some away, by the head of their first request, and keeps all others.

    Parameters
    ----------
    gives : HeadRule
        Which heads are given away.
    give : callable
        Gives a connection away, with what was read of it; returns whether somebody takes it.
    """

    def __init__(
        self,
        bounds: HttpBounds,
        gives: HeadRule,
        give: Callable[[FirstHeadConnection, bytes], bool],
        *arguments: Any,
        **named: Any,
    ) -> None:
        super().__init__(bounds, *arguments, **named)
        self._gives = gives
        self._give = give
        self._early: bytearray | None = bytearray()
        self._is_given_away = False

    def data_received(self, data: bytes) -> None:
        """Take bytes off the wire."""
        early = self._early
        if early is None or self._closing:
            super().data_received(data)
            return
        early += data
        end = early.find(END)
        if end < 0 and len(early) <= self._limits.head_bytes and self._gives.may_begin(early):
            return  # the rest of the head; `check` closes it where that does not come
        self._early = None
        head = bytes(early[: end + len(END)]) if end >= 0 else b""
        if head and self._gives.length(head) is not None:
            self.flow.pause_reading()  # at once: whatever is read from now on would be lost to the other process
            self._closing = self._is_given_away = True
            self._since = self.loop.time()
            data = self.read_so_far(bytes(early))
            if not self._give(self, data):
                self.kept_all_the_same(data)
            return
        super().data_received(bytes(early))

    def kept_all_the_same(self, data: bytes) -> None:
        """Go on with a connection that nobody took."""
        if self._lost or self.transport.is_closing():
            return
        self._closing = self._is_given_away = False
        self.flow.resume_reading()
        super().data_received(data[len(self.read_so_far(b"")) :])

    def check(self, now: float) -> None:
        """Close the connection if nobody takes it, or for another reason."""
        if not self._is_given_away:
            super().check(now)
        elif not self._lost and now - self._since >= _MOST_WAIT_S:
            self._end("not-handed-over")

    def descriptor(self) -> int | None:
        """Return the connection's descriptor, or None where it is closed already."""
        if self._lost or self.transport.is_closing():
            return None
        number: int = self.transport.get_extra_info("socket").fileno()
        return number

    def given(self) -> None:
        """Let the connection go: the other side has it."""
        self.transport.abort()
