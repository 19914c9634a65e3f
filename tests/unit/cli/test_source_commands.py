"""The commands of sources: an adapter tried, pictures posted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from wicketgate.cli import main

FORM = 'format = "json"\nplate = "$.plate"\ncamera = "$.name"\n[time]\npaths = "$.at"\n'
VECTORS = Path(__file__).parents[2] / "vectors" / "adapters"


def write(folder: Path, name: str, text: str | bytes) -> str:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


# --- adapter ------------------------------------------------------------------------------------------------------


def test_a_form_is_tried_without_a_gateway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form = write(tmp_path, "gate 1.toml", FORM)
    body = write(tmp_path, "body.json", '{"plate": "AB12CDE", "name": "North", "at": "2026-07-04T08:15:02"}')
    assert main(["adapter", "try", form, "--sample", body]) == 0
    out = capsys.readouterr().out
    assert "plate: AB12CDE" in out
    assert "in the zone that is registered" in out
    digest = hashlib.sha256(FORM.encode()).hexdigest()
    assert f'[adapters.gate-1]\nfile = "gate 1.toml"\nsha256 = "{digest}"' in out


def test_what_a_form_does_not_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    form, body = write(tmp_path, "gate.toml", FORM), write(tmp_path, "body", "words")
    assert main(["adapter", "try", form, "--sample", body, "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["found"]
    assert (found["is"], found["code"], found["kept"]["payload"]) == ("unreadable", "malformed", "words")
    assert main(["adapter", "try", write(tmp_path, "bad.toml", "a = 1"), "--sample", body]) == 2
    assert "no form of an adapter" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["dahua_keepalive.json", "zhenshi_plate.json", "rekor_group.json"])
def test_an_adapter_that_every_gateway_has_is_tried(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = name.partition("_")[0]
    assert main(["adapter", "try", adapter, "--sample", str(VECTORS / name)]) == 0
    assert main(["adapter"]) == 0
    assert adapter in capsys.readouterr().out.splitlines()


# --- against a gateway's answers ----------------------------------------------------------------------------------


class _Answering(BaseHTTPRequestHandler):
    asked: list[tuple[str, str, bytes]]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, body))
        kind = "application/json"
        if self.path.startswith("/v1/push"):
            bad = [] if b"AB12CDE" in body else [{"index": 0, "code": "malformed", "detail": "no"}]
            said = json.dumps({"accepted": 1 - len(bad), "repeated": 0, "quarantined": bad}).encode()
        else:
            said = json.dumps({"cameras": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[tuple[list[str], list[tuple[str, str, bytes]]]]:
    token = tmp_path / "token"
    token.write_text("secret")
    token.chmod(0o600)
    handler = type("_Own", (_Answering,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield ["--from", f"http://127.0.0.1:{server.server_port}", "--token-file", str(token)], handler.asked
    server.shutdown()
    server.server_close()


def test_pictures_are_posted_once_they_stand_and_moved(tmp_path: Path, gateway: Any) -> None:
    where, asked = gateway
    folder = tmp_path / "drop"
    folder.mkdir()
    for name in ("north_AB12CDE.jpg", "north_.jpg"):
        write(folder, name, b"\xff\xd8\xff\xe0")
    write(folder, "notes.txt", "none of mine")
    assert (
        main(["drop", str(folder), "--adapter", "gate", "--camera", "c0", "--every", "0.2", "--once", *where])
        == 1
    )
    assert sorted(path.name for path in folder.rglob("*.jpg")) == ["north_.jpg", "north_AB12CDE.jpg"]
    assert (folder / "taken" / "north_AB12CDE.jpg").is_file()
    assert (folder / "quarantined" / "north_.jpg").is_file()
    assert {path for method, path, _ in asked if method == "POST"} == {"/v1/push/gate?camera=c0"}
