"""A demonstration's first page with a feed that a test writes: no gateway behind it, the same HTML and script."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.system import pages_fixture as fixture
from wicketgate.pages.public import MAP_HEADERS, Pages, assets_of
from wicketgate_demo.site.addition import PACKAGE
from wicketgate_demo.site.front import part_of

SOURCES = {"tfl": "Transport for London", "marshbridge": "Marshbridge Council"}
RELEASED = ("tfl-charging", "tfl-met-ct", "tfl-met-vehicles")


def register() -> dict[str, Any]:
    """Return the invented register with an authority of mode match, and one in bulk that shows images."""
    found = fixture.example_register(hours=3)
    match = json.loads(
        json.dumps(
            next(
                one
                for one in found["authorities"]
                if (one["name"], one["status"]) == ("tfl-met-ct", "in-force")
            )
        )
    )
    match |= {"name": "tfl-met-vehicles", "version": 1, "mode": "match", "status": "in-force"}
    match["document"]["authority"] |= {
        "name": "tfl-met-vehicles",
        "version": 1,
        "mode": "match",
        "title": "Stolen vehicles at congestion-charge cameras",
        "purpose": "crime",
        "instrument": {"kind": "data-sharing-agreement", "citation": "TfL and MPS agreement 2026"},
    }
    found["authorities"].append(match)
    for one in found["authorities"]:
        if one["name"] == "tfl-met-ct":
            one["document"]["scope"]["fields"].append("overview-image")
    return found


def cameras() -> list[dict[str, Any]]:
    """Return cameras on a ring, and some of a council beside it."""
    ring = [
        ("tfl", "ccz-boundary", 51.51 + 0.018 * math.sin(turn / 9), -0.118 + 0.04 * math.cos(turn / 9))
        for turn in range(57)
    ]
    beside = [("marshbridge", "main-roads", 51.534 + turn / 900, -0.1 + (turn % 3) / 90) for turn in range(9)]
    return [
        {
            "source": source,
            "id": f"{source}-{n}",
            "groups": [group],
            "latitude": latitude,
            "longitude": longitude,
        }
        for n, (source, group, latitude, longitude) in enumerate([*ring, *beside])
    ]


def sample(number: int, **more: Any) -> dict[str, Any]:
    """Return the sample after so many seconds: 200 reads each; two in three leave, one in a hundred is a hit."""
    return {
        "at": "2026-09-12T15:04:10Z",
        "taken": 200 * number,
        "stayed": 10 * number,
        "past": 0,
        "released": dict(zip(RELEASED, (180 * number, 130 * number, 2 * number), strict=True)),
        "bulk": dict(zip(RELEASED, (180 * number, 130 * number, 0), strict=True)),
        "images": {"tfl-charging": 0, "tfl-met-ct": 260 * number},
        "fetched": {"tfl-charging": 0, "tfl-met-ct": 240 * number},
        "hits": {"tfl-met-vehicles": {"exact": number, "possible": number}},
        "refused": {"out-of-scope": 70 * number},
        "sources": {"tfl": 150 * number, "marshbridge": 50 * number},
        "standing": dict.fromkeys(RELEASED, "in-force"),
        "cameras": [[each, 2] for each in range(0, 60, 2)],
        "struck": [[5, "exact"], [20, "possible"]] if number % 3 == 0 else [],
        **more,
    }


class Feed:
    """The samples to send, one each `every_s`; it counts who listens and who has listened."""

    def __init__(
        self, samples: Callable[[int], Mapping[str, Any]] = sample, every_s: float = 0.1, status: int = 200
    ) -> None:
        self.samples = samples
        self.every_s = every_s
        self.status = status
        self.opened = 0
        self.ended = threading.Event()


def _handler(feed: Feed, site: Mapping[str, bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asset = assets_of(PACKAGE).by_path.get(self.path)
            if self.path == "/demonstration/live":
                self._stream()
            elif asset is not None:
                self._answer(200, asset.media_type, asset.content)
            elif self.path in site:
                self._answer(200, "application/json" if "json" in self.path else "text/html", site[self.path])
            else:
                self._answer(404, "text/html", b"<!doctype html><title>none</title>")

        def _stream(self) -> None:
            feed.opened += 1
            self.send_response(feed.status)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            number = 0
            try:
                while feed.status == 200 and not feed.ended.wait(feed.every_s):
                    number += 1
                    self.wfile.write(b"data: " + json.dumps(feed.samples(number)).encode() + b"\n\n")
            except OSError:
                pass  # the browser has gone

        def _answer(self, status: int, media_type: str, body: bytes) -> None:
            self.send_response(status)
            for name, value in {**MAP_HEADERS, "Content-Type": media_type}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def serving(feed: Feed, placed: Sequence[Mapping[str, Any] | None] | None = None) -> Iterator[str]:
    """Serve the page, its assets and the feed on a free local port; yield the base URL."""
    told = {"sources": SOURCES, "cameras": cameras() if placed is None else placed}
    pages = Pages(demonstration=True, package=PACKAGE)
    html = pages.front(register(), fixture.NOW_US, part_of(register(), sample(1000)))
    site = {"/": html.encode(), "/demonstration/cameras.json": json.dumps(told).encode()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(feed, site))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        feed.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
