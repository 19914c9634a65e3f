"""A payment provider for tests that misbehaves: a real server that repeats, delays, reverses and contradicts itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "provider-token"


class FakeProvider:
    """A provider: what it has to send, how many of it on one page, and what was ordered.

    Attributes
    ----------
    payments : list
        In the order in which it sends them.
    failing : int
        How many requests it answers with 503 first.
    repeats : bool
        Whether each page begins with the last payment of the page before it.
    """

    def __init__(self) -> None:
        self.payments: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.page = 2
        self.failing = 0
        self.repeats = False
        self.asked: list[str] = []
        self.url = ""

    def page_after(self, cursor: str) -> dict[str, Any]:
        begin = int(cursor or 0)
        first = max(0, begin - 1) if self.repeats else begin
        return {
            "payments": self.payments[first : begin + self.page],
            "cursor": str(min(begin + self.page, len(self.payments))),
        }


@contextmanager
def fake_provider() -> Iterator[FakeProvider]:
    """Serve a provider on the loopback address."""
    provider = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def _send(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _refused(self) -> bool:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._send(401, {})
                return True
            if provider.failing:
                provider.failing -= 1
                self._send(503, {})
                return True
            return False

        def do_GET(self) -> None:
            if self._refused():
                return
            asked = urlsplit(self.path)
            cursor = parse_qs(asked.query).get("after", [""])[0]
            provider.asked.append(cursor)
            self._send(200, provider.page_after(cursor))

        def do_POST(self) -> None:
            if self._refused():
                return
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            provider.orders.append(said)
            number = f"o-{len(provider.orders)}"
            self._send(201, {"number": number, "url": f"{provider.url}/pay/{number}"})

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
