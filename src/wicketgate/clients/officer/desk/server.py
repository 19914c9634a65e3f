"""The server of an officer's page: on the loopback address alone, bounded in bytes, number and time.

The server of the standard library will do: it serves one person. Each connection carries one request.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from wicketgate.base.signing import MAX_ENVELOPE_BYTES
from wicketgate.clients.officer.desk.door import HOST, Request, Turned

MOST_BYTES: Final = MAX_ENVELOPE_BYTES * 2
"""The most of a form's body: a document with what the form adds to it."""
_MOST_CONNECTIONS: Final = 16
_RECEIVE_S: Final = 10.0
_LOOK_S: Final = 0.5
_MOST_DIGITS: Final = 12
"""Of a length: noughts before it make no huge one small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAnswer:
    """One answer."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class LoopbackServer(ThreadingHTTPServer):
    """A server for one site, until it is over.

    Parameters
    ----------
    complain : callable
        Told of what kind an error was that nobody expected.
    port : int
        Where it listens; 0 stands for a free one.
    most_bytes : int
        Of a body.

    Attributes
    ----------
    answer : callable
        Answers a request.
    """

    daemon_threads = True
    block_on_close = False
    timeout = _LOOK_S

    def __init__(self, complain: Callable[[str], None], port: int = 0, most_bytes: int = MOST_BYTES) -> None:
        self._complain = complain
        self.most_bytes = most_bytes
        self.answer: Callable[[Request], PageAnswer] = lambda request: PageAnswer(status=503)
        self._places = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        super().__init__((HOST, port), _Handler)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def run(self, over: Callable[[], bool]) -> None:
        """Serve until it is over; that is asked twice a second."""
        while not over():
            self.handle_request()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, or close it where as many as may be are open."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection, and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say of what kind an error was, and nothing that was typed."""
        kind = sys.exc_info()[0]
        if kind is not None and not issubclass(kind, ConnectionError | TimeoutError):
            self._complain(f"a request failed ({kind.__name__})")


class _Handler(BaseHTTPRequestHandler):
    server: LoopbackServer
    timeout = _RECEIVE_S
    server_version, sys_version = "wicketgate", ""
    # Its own answers to what is no HTTP: as short as they can be, and nothing of what was sent.
    error_content_type, error_message_format = "text/plain", "%(code)d"

    def handle(self) -> None:
        """Serve one request; what has not come after some seconds will not be waited for."""
        self._deadline = threading.Timer(_RECEIVE_S, self._give_up)
        self._deadline.daemon = True
        self._deadline.start()
        try:
            super().handle()
        finally:
            self._deadline.cancel()

    def _give_up(self) -> None:
        try:
            self.connection.shutdown(socket.SHUT_RD)
        except OSError:
            return  # it has gone by itself

    def do_GET(self) -> None:
        """PageAnswer a request without a body."""
        self._respond(b"")

    def do_POST(self) -> None:
        """PageAnswer a form."""
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not length.isascii() or not length.isdigit():
            self._send(PageAnswer(status=411))
            return
        if len(length) > _MOST_DIGITS or int(length) > self.server.most_bytes:
            self._send(PageAnswer(status=413))
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return
        self._respond(body)

    def _respond(self, body: bytes) -> None:
        self._deadline.cancel()
        names = [name.lower() for name in self.headers]
        headers = {name: self.headers[name] for name in names if names.count(name) == 1}
        self._send(
            self.server.answer(Request(method=self.command, path=self.path, headers=headers, body=body))
        )

    def _send(self, answer: PageAnswer) -> None:
        self.send_response(answer.status)
        for name, value in {
            "Content-Type": answer.media_type,
            "Content-Length": str(len(answer.body)),
            **answer.headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *args: object) -> None:
        """Write nothing: a path here is a secret."""


def plain(turned: Turned) -> PageAnswer:
    """Return the answer to a request that was turned away."""
    return PageAnswer(
        status=turned.status, body=turned.words.encode(), media_type="text/plain; charset=utf-8"
    )


class Idle:
    """The time since the officer last asked for something.

    Parameters
    ----------
    most_s : float
        After how long it is over, seconds.
    """

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._last = time.monotonic()

    def stir(self) -> None:
        """Begin again."""
        self._last = time.monotonic()

    def over(self) -> bool:
        """Say whether nobody has asked for anything for so long."""
        return time.monotonic() - self._last > self._most_s
