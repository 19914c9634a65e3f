"""The commands of sources: an adapter tried, cameras brought from files, the quarantine shown, pictures posted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from wicketgate.base.errors import ConfigurationError
from wicketgate.cli import main
from wicketgate.cli.cameras import cameras_in

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


# --- cameras in files ---------------------------------------------------------------------------------------------


def test_cameras_of_a_table_and_of_points(tmp_path: Path) -> None:
    table = write(
        tmp_path,
        "cameras.csv",
        "\ufeffid,name,groups,latitude,longitude,zone,aliases,words\r\n"
        "c1,North,ulez; ring,51.5,-0.1,Europe/London,SN 1;AB:CD,yes\r\nc2,,,,,,,\r\n",
    )
    first, second = cameras_in(Path(table))
    assert (first.groups, first.aliases, first.latitude, first.words) == (
        ("ulez", "ring"),
        ("SN 1", "AB:CD"),
        51.5,
        True,
    )
    assert (second.id, second.name, second.latitude, second.words) == ("c2", None, None, False)
    point = {"type": "Feature", "id": "c3", "geometry": {"type": "Point", "coordinates": [-0.1, 51.5]}}
    value = {
        "type": "FeatureCollection",
        "features": [point | {"properties": {"name": "South", "groups": ["ulez"]}}],
    }
    (third,) = cameras_in(Path(write(tmp_path, "cameras.geojson", json.dumps(value))))
    assert (third.id, third.name, third.latitude, third.longitude) == ("c3", "South", 51.5, -0.1)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "id\n",
            "name\nNorth\n",
            "id,owner\nc1,me\n",
            "id,latitude\nc1,north\n",
            "id,words\nc1,perhaps\n",
        ),
        *("id,name\nc1\n", "id\nc1\nc1\n", "{}", '{"features": [{}]}', "id,name\n\xff,x\n"),
        '{"features": [{"geometry": {"type": "Point", "coordinates": []}, "properties": {}}]}',
    ],
)
def test_what_is_no_list_of_cameras(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError):
        cameras_in(Path(write(tmp_path, "f", text.encode("latin-1"))))


# --- against a gateway's answers ----------------------------------------------------------------------------------


class _Answering(BaseHTTPRequestHandler):
    asked: list[tuple[str, str, bytes]]

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, body))
        kind = "application/json"
        if self.path.startswith("/v1/quarantine"):
            kind, lines = "application/x-ndjson", _PAGES[1 if "after=1" in self.path else 0]
            said = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        elif self.command == "PUT":
            said = json.dumps({"entry": 5, "cameras": len(json.loads(body))}).encode()
        elif self.path.startswith("/v1/push"):
            bad = [] if b"AB12CDE" in body else [{"index": 0, "code": "malformed", "detail": "no"}]
            said = json.dumps({"accepted": 1 - len(bad), "repeated": 0, "quarantined": bad}).encode()
        else:
            said = json.dumps({"cameras": [_SHOWN], "unknown": {"unknown-camera": 2}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if self.path.startswith("/v1/quarantine") and "after=1" not in self.path:
            self.send_header("Link", '</v1/quarantine?after=1&limit=500>; rel="next"')
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


_SHOWN = {
    "id": "c0",
    "name": "North",
    "groups": ["ulez"],
    "zone": None,
    "aliases": [],
    "counts": {"accepted": 3},
    "signs": 4,
}
_PAGES = (
    [
        {
            "number": 1,
            "at": "2026-07-08T12:00:00Z",
            "camera": "c0",
            "code": "malformed",
            "detail": "no",
            "read": {},
        }
    ],
    [
        {
            "number": 2,
            "at": "2026-07-08T12:00:01Z",
            "camera": None,
            "code": "unknown-camera",
            "detail": "none",
            "read": {},
        }
    ],
)


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


def test_cameras_are_registered_beside_those_that_there_are(
    tmp_path: Path, gateway: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    where, asked = gateway
    table = write(tmp_path, "cameras.csv", "id,name\nc1,South\n")
    assert main(["camera", "import", table, *where, "--dry-run"]) == 0
    assert {method for method, _, _ in asked} == {"GET"}
    assert main(["camera", "import", table, *where]) == 0
    assert [one["id"] for one in json.loads(asked[-1][2])] == ["c0", "c1"]
    assert main(["camera", "import", table, *where, "--replace"]) == 0
    assert [one["id"] for one in json.loads(asked[-1][2])] == ["c1"]
    assert "withdrawn: c0" in capsys.readouterr().out
    assert main(["camera", "list", *where]) == 0
    assert "c0  accepted 3, not taken 0, signs of life 4" in capsys.readouterr().out


def test_the_quarantine_is_shown_page_by_page(gateway: Any, capsys: pytest.CaptureFixture[str]) -> None:
    where, _ = gateway
    assert main(["quarantine", *where]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert main(["quarantine", *where, "--code", "unknown-camera", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["number"] == 2


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
