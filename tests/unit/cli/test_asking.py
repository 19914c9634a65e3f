"""What a command takes of a gateway: so much, in plain, and from nobody else."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from wicketgate.cli import asking, main

ENDLESS, PACKED, ELSEWHERE = "/endless", "/packed", "/elsewhere"


class Hostile(BaseHTTPRequestHandler):
    """A gateway that would fill its asker's memory, or send it on."""

    asked: ClassVar[list[str]] = []

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer by the path's beginning."""
        self.asked.append(self.path)
        self.send_response(307 if self.path.startswith(ELSEWHERE) else 200)
        if self.path.startswith(ELSEWHERE):
            self.send_header("Location", "/internal")
        if self.path.startswith(PACKED):
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        try:
            while self.path.startswith(ENDLESS):
                self.wfile.write(b" " * 65_536)
            self.wfile.write(gzip.compress(b" " * 1_000_000) if self.path.startswith(PACKED) else b"{}")
        except OSError:
            return

    def do_POST(self) -> None:
        """Answer in the same way."""
        self.do_GET()


@pytest.fixture
def hostile() -> Iterator[str]:
    Hostile.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "words"), [(ENDLESS, "longer than"), (PACKED, "encoding"), (ELSEWHERE, "redirect")]
)
def test_no_gateway_fills_its_askers_memory_or_sends_them_on(
    hostile: str,
    tmp_path: Path,
    path: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(asking, "MOST_BYTES", 1 << 20)
    url, token, out = hostile + path, tmp_path / "token", str(tmp_path / "out")
    token.write_text("secret\n")
    token.chmod(0o600)
    for command in (
        ["sign-in", "--from", url, "--out", out],
        ["review", "tfl-met-ct", "--against", url, "--out", out],
        ["attest", "tfl-met-ct", "--from", url, "--token-file", str(token)],
    ):
        assert main(command) == 1, command
        assert words in capsys.readouterr().err
    assert "/internal" not in Hostile.asked


def test_an_answer_of_another_form_signs_nobody_in(
    hostile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sign-in", "--from", hostile, "--out", str(tmp_path / "out")]) == 1
    assert "otherwise than RFC 8628 has it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
