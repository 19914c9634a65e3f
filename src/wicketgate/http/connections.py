"""The connections of HTTP, bounded in time, bytes and number."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from wicketgate.base.descriptors import Descriptors
from wicketgate.base.limits import ConnectionLimits, PlaceLimits
from wicketgate.base.places import Place, Places, Why
from wicketgate.http.edge.told import PeerTold
from wicketgate.http.hot_post import Hot, HotPost
from wicketgate.http.problems import problem

if TYPE_CHECKING:  # it loads what a start does not wait for
    from wicketgate.http.fronts.messages import Counted

log = logging.getLogger(__name__)

_Fault = Literal["malformed", "head-too-large", "too-slow"]

SESSIONS: Final = "duty:"
"""The beginning of the name of whoever is known by a session, not by a token."""
_PIPELINED: Final = 8
_FRAMING: Final = 64 * 1024
_LINGER_S: Final = 5.0
_SWEEP_S: Final = 1.0
_AT_ONCE: Final = 1_000
_REFUSE_EVERY_S: Final = 0.005
_REFUSE_BURST_S: Final = 0.5
_DETAILS: dict[_Fault, str] = {
    "malformed": "this is no request of HTTP/1.1",
    "head-too-large": "the head of the request is too large",
    "too-slow": "the request came too slowly",
}


class HttpConnection(HttpToolsProtocol):
    """One connection: uvicorn's protocol, within bounds.

    A sweep a second looks after its times (`check`), so that no request costs a timer. What the peer does not take is
    bounded by the server's flow control, and `check` closes it.
    """

    def __init__(self, bounds: HttpBounds, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.app_state = {"connection": self}  # each request's scope has a copy of it
        self.first = b""  # what another process read of it
        self.told: PeerTold | None = None  # whose it is, where it came through the edge
        self._bounds = bounds
        self._limits = bounds.limits
        self._place: Place | None = None
        self._credential = ""
        self._receiving = False  # a request has begun, and is not all there
        self._in_head = False
        self._closing = self._lost = False
        self._since = 0.0  # the connection, the request, or the last answer's end
        self._fed = 0  # bytes since the request began, and those of its fields and of its body
        self._head = self._body = 0
        self._answering: RequestResponseCycle | None = None
        self._watched: set[asyncio.Future[Any]] = set()
        self._unsent = 0
        self._unsent_since = 0.0
        self._fault: _Fault = "malformed"

    # --- what the event loop says -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, if it finds a place."""
        super().connection_made(transport)
        if self.told is not None:
            self.client, self.scheme = self.told.client, "https"
        self._since = self.loop.time()
        self._place = self._bounds.places.enter(self, self.client[0] if self.client else "")
        if self._place is None:
            self.drop()
        elif self.first:
            self.data_received(self.first)
            self.first = b""

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back, and what was taken for a body that will not come."""
        cycle = self._cycle
        if isinstance(cycle, HotPost):
            cycle.abandon()
        super().connection_lost(exc)
        if self._answering is not None and not self._answering.response_complete:
            # Not always the last one of those behind one another, which alone the server thinks of.
            self._answering.disconnected = True
            self._answering.message_event.set()
        self._answering = None
        self._closing = self._lost = True
        if self._place is not None:
            self._bounds.places.leave(self._place)
        for waiting in list(self._watched):
            waiting.cancel()
        # A request that is still worked on has its own hold of these; here they would make a cycle of what is done.
        self.app_state = {}
        self.cycle = self.scope = self.headers = None  # type: ignore[assignment]
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Take bytes off the wire."""
        if self._closing:
            return  # thrown away, so that the last answer arrives before the end
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # no other protocol is spoken: it is answered as if nothing had been asked
        except httptools.HttpParserError:
            self._refuse(self._fault)
            return
        self._fed += len(data)
        limits = self._limits
        if self._in_head and self._fed > limits.head_bytes:
            self._refuse("head-too-large")
        elif self._fed > _FRAMING and self._receiving and self._fed > _FRAMING + 2 * self._body:
            self._refuse("malformed")  # the frames of its chunks, or its trailers, have no end

    def resume_writing(self) -> None:
        """Go on with an answer, of which the peer has taken most."""
        self._unsent_since = 0.0
        super().resume_writing()

    def read_so_far(self, data: bytes) -> bytes:
        """Return what was read of it, for whoever goes on with it: behind the line that says whose it is."""
        return data if self.told is None else self.told.line + data

    def drop(self) -> None:
        """Close at once: the place is needed, or the peer does not do its part."""
        self._closing = True
        self.transport.abort()

    # --- what the parser says -----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        if len(self.pipeline) >= _PIPELINED:
            raise ValueError("too many requests behind one another")
        # What the ordinary way needs beside these is made in `on_headers_complete`.
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._receiving = self._in_head = True
        self._since = self.loop.time()
        self._fed = self._head = self._body = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of a request's head or of its trailers."""
        headers = self.headers
        self._head += len(name) + len(value)
        if len(headers) >= self._limits.head_fields or self._head > self._limits.head_bytes:
            self._fault = "head-too-large"
            raise ValueError("too many fields")
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Begin to answer a request, if its head is within bounds."""
        if len(self.url) + self._head > self._limits.head_bytes:
            self._fault = "head-too-large"
            raise ValueError("the path is too long")
        self._in_head = False
        if self._begin_hot():
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.headers, self.expect_100_continue = url, headers, expects
        self.scope["headers"] = headers
        super().on_headers_complete()

    def _begin_hot(self) -> bool:
        hot, cycle, parser = self._bounds.hot, self._cycle, self.parser
        if (
            hot is None
            or not (cycle is None or cycle.response_complete)
            or self.pipeline
            or self.flow.write_paused
            or parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or parser.should_upgrade()
        ):
            return False
        post = hot.begin(self, self.url, self.headers, lasts=parser.should_keep_alive())
        if post is None:
            return False
        self.cycle = post  # type: ignore[assignment]
        return True

    def on_body(self, body: bytes) -> None:
        """Take a part of a request's body."""
        self._body += len(body)
        cycle = self._cycle
        if not isinstance(cycle, HotPost):
            super().on_body(body)
        else:
            cycle.body += body

    def on_message_complete(self) -> None:
        """End a request."""
        self._receiving = False
        cycle = self._cycle
        if isinstance(cycle, HotPost):
            cycle.complete()
            return
        super().on_message_complete()
        if not self.pipeline:
            self.flow.resume_reading()  # a long body has paused it: then nobody would see the client go
        place = self._place
        if place is not None and not place.name and not self.cycle.response_complete:
            self._bounds.places.work(place)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one."""
        self.server_state.total_requests += 1
        self._since = self.loop.time()
        if self._place is not None and not self._place.name:
            self._bounds.places.rest(self._place)
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)

    def answer(self, post: HotPost, status: int, fields: bytes, body: bytes) -> None:
        """Answer a post on the hot route, unless its client has gone.

        Parameters
        ----------
        fields : bytes
            Those of the head that are the answer's own, each with its end of line.
        """
        if post.disconnected:
            return
        post.response_started = post.response_complete = True
        head = self._bounds.head(status, self.server_state.default_headers)
        last = b"\r\n" if post.keep_alive else b"connection: close\r\n\r\n"
        self.transport.write(b"".join((head, fields, last, body)))
        if not post.keep_alive:
            self.transport.close()
        self.on_response_complete()

    @property
    def _cycle(self) -> RequestResponseCycle | HotPost | None:
        return self.cycle  # None before the first request, whatever its type says

    # --- what the gateway says ----------------------------------------------------------------------------------

    @property
    def is_lost(self) -> bool:
        """Whether nobody is there any more."""
        return self._lost

    def watch(self, waiting: asyncio.Future[Any]) -> bool:
        """Cancel what waits for this client when it goes; False where it has gone already."""
        self._watched.add(waiting)
        return not self._lost

    def unwatch(self, waiting: asyncio.Future[Any]) -> None:
        """Leave what has waited alone."""
        self._watched.discard(waiting)

    def known_by(self, name: str, credential: str) -> Why | None:
        """Take note of the name whose credential was shown, or return whose share of connections is taken up."""
        place = self._place
        if place is None:
            return None
        if not name:
            if place.name:
                self._bounds.places.forget(place)
            return None
        if place.name and credential == self._credential:
            return None
        why = self._bounds.places.know(place, name)
        self._credential = credential if why is None else ""
        return why

    def end_unless_known(self, tokens: Mapping[str, str], sources: Collection[str] = ()) -> None:
        """Close the connection, at once or behind the answer under way, if the token that it showed is withdrawn.

        Or if it is of one of some sources, whatever it showed.
        """
        name = "" if self._place is None or self._closing else self._place.name
        if not name or name.startswith(SESSIONS):
            return
        if tokens.get(self._credential) != name or name.removeprefix("source:") in sources:
            self.shutdown()

    def check(self, now: float) -> None:
        """Close the connection if its peer is too slow, takes nothing, or has no more to say."""
        if self._lost:
            return
        limits, transport, cycle = self._limits, self.transport, self._cycle
        unsent = transport.get_write_buffer_size()
        if not unsent:
            self._unsent_since = 0.0
        elif not self._unsent_since or self._unsent - unsent >= limits.write_s * limits.least_rate:
            self._unsent_since, self._unsent = now, unsent
        if self._unsent_since and now - self._unsent_since >= limits.write_s:
            self._end("answer-not-taken")
        elif self._closing:
            if now - self._since >= _LINGER_S:
                transport.abort()
        elif transport.is_closing():
            return  # what is unsent is on its way
        elif cycle is not None and not cycle.response_complete and not self._receiving:
            return  # it is we who work
        elif not self._receiving:
            if now - self._since >= (limits.head_s if cycle is None else limits.idle_s):
                self._bounds.closed["idle"] += 1
                transport.close()
        elif self.flow.read_paused:
            self._since = now  # it is we who do not read
        elif cycle is not None and cycle.response_complete and not self._in_head:
            if now - self._since >= _LINGER_S:
                self._end("body-not-wanted")
        elif self._in_head:
            if now - self._since >= limits.head_s:
                self._refuse("too-slow")
        elif self._fed < (now - self._since - limits.body_s) * limits.least_rate:
            self._refuse("too-slow")

    def _end(self, why: str) -> None:
        self._bounds.closed[why] += 1
        self.drop()

    def _refuse(self, fault: _Fault) -> None:
        """Answer a request that cannot be taken as far as it came, and close.

        What still comes is thrown away for a moment: closed while something is unread, the kernel would reset the
        connection and the answer be lost on its way.
        """
        self._bounds.closed[fault] += 1
        cycle = self._cycle
        begun = cycle is not None and not cycle.response_complete and cycle.response_started
        if begun or self.pipeline or self.transport.is_closing() or not self._bounds.may_refuse():
            self.drop()  # an answer is under way, and nothing can be said between; or too many are refused
            return
        self._closing = True
        self._since = self.loop.time()
        if isinstance(cycle, HotPost):
            cycle.abandon()
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        refusal = problem(fault, _DETAILS[fault])
        fields = b"".join(b"%b: %b\r\n" % field for field in refusal.raw_headers)
        head = STATUS_LINE[refusal.status_code] + b"connection: close\r\n" + fields + b"\r\n"
        self.transport.write(head + bytes(refusal.body))
        try:
            self.transport.write_eof()
        except (OSError, RuntimeError):  # the peer is gone already
            self.transport.abort()
            return
        self.flow.resume_reading()


class Fronts(Protocol):
    """The fronts before a gateway, or the readers beside it."""

    @property
    def restarts(self) -> int:
        """The number of those that ended, and were replaced."""

    @property
    def ready(self) -> int:
        """The number of those that serve."""

    def counted(self) -> Counted:
        """Return what all of them count."""


class HttpBounds:
    """The bounds of all connections over HTTP, and the sweep that keeps them.

    Attributes
    ----------
    closed : Counter
        Connections that the sweep or the parser closed, by why.
    hot : Hot, optional
        The hot route, once there is one.
    knows : callable
        Returns whether somebody who is known stands among the fields of a head.
    fronts, readers : Fronts, optional
        Those before the gateway and beside it, where there are any.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        connections: int,
        descriptors: Descriptors,
        *,
        is_proxy: Callable[[str], bool] = lambda address: False,
    ) -> None:
        self.limits = limits
        self.connections = connections
        bounds = PlaceLimits.of(limits, connections)
        self.is_proxy = is_proxy
        self.places = Places("HTTP", bounds, is_proxy=is_proxy, is_short=self.is_short)
        self.closed: Counter[str] = Counter()
        self.hot: Hot | None = None
        self.knows: Callable[[Sequence[tuple[bytes, bytes]]], bool] = lambda fields: False
        self.fronts: Fronts | None = None
        self.readers: Fronts | None = None
        self._descriptors = descriptors
        self._refused_s = 0.0
        self._heads: dict[int, bytes] = {}
        self._said: list[tuple[bytes, bytes]] = []

    def may_refuse(self) -> bool:
        """Return whether there is time to say what is wrong with bytes that are no request: they take no turn."""
        now_s = time.monotonic()
        self._refused_s = max(self._refused_s, now_s - _REFUSE_BURST_S) + _REFUSE_EVERY_S
        if self._refused_s <= now_s:
            return True
        self._refused_s -= _REFUSE_EVERY_S
        return False

    def is_short(self) -> bool:
        """Return whether descriptors ran out when they were looked at last."""
        return self._descriptors.is_short

    def head(self, status: int, said: list[tuple[bytes, bytes]]) -> bytes:
        """Return the beginning of an answer's head; `said` are the server's own fields, which change each second."""
        if said is not self._said:
            self._said, self._heads = said, {}
        head = self._heads.get(status)
        if head is None:
            fields = b"".join(b"%b: %b\r\n" % field for field in said)
            head = self._heads[status] = STATUS_LINE[status] + fields
        return head

    @staticmethod
    def end_withdrawn(
        connections: Iterable[object], tokens: Mapping[str, str], sources: Collection[str] = ()
    ) -> None:
        """Close the connections of those whose tokens are withdrawn, and of sources that have withdrawn a camera.

        Parameters
        ----------
        tokens : mapping of str to str
            Names of tokens by their hashes.
        """
        for connection in list(connections):
            if isinstance(connection, HttpConnection):
                connection.end_unless_known(tokens, sources)

    @property
    def protocol(self) -> type[asyncio.Protocol]:
        """The protocol for uvicorn, which calls it once for each connection."""
        return cast(type[asyncio.Protocol], partial(HttpConnection, self))

    async def sweep(self, connections: Iterable[object]) -> None:
        """Look after the times of connections, and after the descriptors, once a second for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_S)
            if self._descriptors.look():
                self.places.drop_waiting(max(16, self.places.strangers // 4))
            now = loop.time()
            for number, connection in enumerate(list(connections)):
                if isinstance(connection, HttpConnection):
                    try:
                        connection.check(now)
                    except Exception as error:  # noqa: BLE001 - one connection must not end the sweep of all
                        log.error("%s while a connection was looked after", type(error).__name__)
                        connection.drop()
                if number % _AT_ONCE == _AT_ONCE - 1:
                    await asyncio.sleep(0)  # a thousand cameras post meanwhile
