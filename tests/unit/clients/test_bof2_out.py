"""Rows of a feed to a back office: what it gets is what the adapter `bof2` reads, and what it refuses is an error."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from wicketgate.base.errors import ConfigurationError, Unreachable, VerificationError
from wicketgate.clients.recipient.bof2 import Bof2Camera, Bof2Office, bof2_cameras, capture
from wicketgate.reads.adapters import answer, parse
from wicketgate.reads.observations import Observation, Payload

ROW: dict[str, Any] = {
    "source": "tfl",
    "camera": "ccz-0001",
    "captured_at": "2026-07-08T12:00:00.25Z",
    "plate": "AB12CDE",
    "confidence": 0.93,
    "direction": "towards",
    "latitude": 51.5,
    "longitude": -0.1,
}
CAMERA = Bof2Camera(3, 4, 5)


def read(body: bytes) -> Observation:
    (seen,) = parse("bof2", Payload(content_type="text/xml", body=body))
    assert isinstance(seen, Observation)
    return seen


@pytest.mark.parametrize("direction", ["towards", "away", None])
def test_what_goes_out_comes_in_the_same(direction: str | None) -> None:
    seen = read(capture(ROW | {"direction": direction}, CAMERA))
    assert (seen.plate, seen.cameras[0], seen.confidence) == ("AB12CDE", "3-4-5", 0.93)
    assert seen.captured_at.isoformat() == "2026-07-08T12:00:00.250000+00:00"
    assert seen.direction == ("towards" if direction == "towards" else "away")
    assert read(capture(ROW | {"plate": "A<B&C", "confidence": None}, CAMERA)).plate == "A<B&C"


class _Office(BaseHTTPRequestHandler):
    got: list[bytes]
    says: list[tuple[int, bytes]]

    def do_POST(self) -> None:
        self.got.append(self.rfile.read(int(self.headers["Content-Length"])))
        status, said = self.says[-1]
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def office() -> Iterator[tuple[Bof2Office, list[bytes], list[tuple[int, bytes]]]]:
    _, _, taken = answer("bof2", Payload(content_type="", body=b""), "taken") or (0, "", b"")
    handler = type("_Own", (_Office,), {"got": [], "says": [(200, taken)]})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    made = Bof2Office(f"http://127.0.0.1:{server.server_port}/", {"tfl/ccz-0001": CAMERA})
    yield made, handler.got, handler.says
    made.close()
    server.shutdown()
    server.server_close()


def test_a_row_is_sent_and_what_is_not_taken_is_an_error(office: Any) -> None:
    made, got, says = office
    made.send(ROW)
    assert read(got[0]).plate == "AB12CDE"
    with pytest.raises(ConfigurationError, match="hackney/c0"):
        made.send(ROW | {"source": "hackney", "camera": "c0"})
    _, _, poor = answer("bof2", Payload(content_type="", body=b""), "quarantined") or (0, "", b"")
    for status, said, error in (
        (200, poor, VerificationError),
        (200, b"hello", VerificationError),
        (503, b"", Unreachable),
    ):
        says.append((status, said))
        with pytest.raises(error) as caught:
            made.send(ROW)
        assert "AB12CDE" not in caught.value.detail
    with pytest.raises(Unreachable):
        Bof2Office("http://127.0.0.1:1/", {"tfl/ccz-0001": CAMERA}).send(ROW)


@pytest.mark.parametrize("url", ["http://office.example/bof2", "office.example", "ftp://127.0.0.1/", ""])
def test_plates_go_to_no_office_in_clear(url: str) -> None:
    with pytest.raises(ConfigurationError):
        Bof2Office(url, {})


def test_the_table_of_cameras(tmp_path: Path) -> None:
    path = tmp_path / "cameras.csv"
    path.write_text("camera,feed,source,number\ntfl/ccz-0001,3,4,5\n")
    assert bof2_cameras(path) == {"tfl/ccz-0001": CAMERA}
    for text in (
        "camera,feed\na,1\n",
        "camera,feed,source,number\na,1,2,x\n",
        "camera,feed,source,number\na,1,2,40000\n",
    ):
        path.write_text(text)
        with pytest.raises(ConfigurationError):
            bof2_cameras(path)
    with pytest.raises(ConfigurationError):
        bof2_cameras(tmp_path / "nowhere")
