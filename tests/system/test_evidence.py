"""The evidence of a hit, from a real gateway by the real command, checked on a machine without a net, and looked at."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.harness import WICKETGATE, Running, gateway
from tests.browsing import AXE_TAGS, NEEDS_BROWSER
from tests.matching import plate_image
from tests.running import SOURCE, bearer, client, issue, read, request, submit, until
from wicketgate_demo.world import london

DESK = london.PAPERS[london.OF_INTEREST]
PLATE = "AB12CDE"
OFFLINE = """
import socket, sys
def refuse(*_, **__):
    raise SystemExit("the net was asked")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from wicketgate.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with gateway(8) as made:
        if DESK.reader not in made.tokens:
            issue(made, DESK.reader)
        with client(made, DESK.reader) as desk:
            if DESK.name not in {one["authority"] for one in desk.get("/v1/feeds").json()["feeds"]}:
                submit(made, DESK.draft(made.at_us), *DESK.signers).raise_for_status()
            line = json.dumps({"plate": PLATE, "kind": "stolen", "priority": 1, "reason": "taken on 6 July"})
            desk.put(f"/v1/hotlists/{DESK.name}", json=[json.loads(line)]).raise_for_status()
        yield made


@pytest.fixture(scope="module")
def hit(running: Running) -> dict[str, Any]:
    """A hit with an image, which somebody opened and confirmed."""
    body = read(PLATE, "ccz-0001", id=f"evidence-{os.urandom(4).hex()}", vehicle={"colour": "blue"})
    files = {
        "reads": ("reads", json.dumps({**body, "image": "plate"}), "application/json"),
        "plate": ("plate.png", plate_image(PLATE), "image/png"),
    }
    answer = request("POST", f"{running.url}/v1/reads", files=files, headers=bearer(running, SOURCE))
    assert answer.json()["accepted"] == 1, answer.text

    def raised() -> dict[str, Any] | None:
        with client(running, DESK.reader) as desk:
            return next(iter(desk.get("/v1/hits").json()["hits"]), None)

    found = until(raised)
    with client(running, DESK.reader) as desk:
        assert desk.get(found["read"]["patch_image"]["href"]).status_code == 200
        desk.post(f"/v1/hits/{found['id']}/outcome", json={"outcome": "confirmed", "by": "PC 4711"})
    return found


def proved(running: Running, hit: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is given of a hit once the facts of its outcome and of looks at it are in the log."""
    with client(running, DESK.reader) as desk:
        answer = desk.get(f"/v1/hits/{hit['id']}/evidence")
    if answer.status_code == 404:
        assert answer.json()["code"] == "not-due"
        return None
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body if any('"outcome"' in one["fact"] for one in body["facts"]) else None


@pytest.fixture(scope="module")
def pack(running: Running, hit: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    until(lambda: proved(running, hit))
    folder = tmp_path_factory.mktemp("packs")
    token = folder / "token"
    token.write_text(running.tokens[DESK.reader])
    token.chmod(0o600)
    (folder / "key").write_text(request("GET", f"{running.url}/log/key").text)
    out = folder / "pack.zip"
    done = wicketgate(
        "evidence",
        hit["id"],
        "--from",
        running.url,
        "--token-file",
        str(token),
        "--out",
        str(out),
        "--key",
        str(folder / "key"),
    )
    assert done.returncode == 0, done.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    return out


def wicketgate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*WICKETGATE, *arguments], capture_output=True, text=True, timeout=120)


def offline(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WICKETGATE[:-2], "-c", OFFLINE, *arguments], capture_output=True, text=True, timeout=120
    )


def test_the_pack_of_a_real_hit_is_checked_without_a_net(pack: Path) -> None:
    done = offline("verify", "--evidence", str(pack), "--key", str(pack.parent / "key"), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"]
    assert report["counts"]["images"] == 1
    assert report["counts"]["rows"] == 1
    kinds = facts_of(pack)
    assert {"hit", "outcome", "look hits", "image-read", "look evidence"} <= set(kinds)


def facts_of(pack: Path) -> list[str]:
    with zipfile.ZipFile(pack) as archive:
        names = [name for name in archive.namelist() if name.startswith("facts/")]
        facts = [json.loads(json.loads(archive.read(name))["fact"]) for name in names]
    return [" ".join(filter(None, (one["kind"], one.get("what")))) for one in facts]


def test_without_the_key_it_says_so_and_a_changed_byte_is_named(pack: Path, tmp_path: Path) -> None:
    done = offline("verify", "--evidence", str(pack))
    assert done.returncode == 0, done.stderr
    assert "WHICH THE PACK ITSELF NAMES" in done.stdout
    data = bytearray(pack.read_bytes())
    at = data.index(b"IHDR")  # in the image
    data[at + 8] ^= 1
    changed = tmp_path / "changed.zip"
    changed.write_bytes(data)
    done = offline("verify", "--evidence", str(changed))
    assert done.returncode == 1
    assert "FAILED archive: `images/" in done.stdout
    assert offline("verify", "--evidence", str(tmp_path / "none.zip")).returncode == 2
    assert offline("verify", "--evidence", str(pack.parent / "key")).returncode == 1
    assert wicketgate("verify", "--evidence", str(pack), "http://127.0.0.1:9").returncode == 2


def test_nothing_is_overwritten_and_nobody_else_gets_it(
    running: Running, hit: dict[str, Any], pack: Path
) -> None:
    token = pack.parent / "token"
    again = ("evidence", hit["id"], "--from", running.url, "--token-file", str(token), "--out")
    assert wicketgate(*again, str(pack)).returncode == 2
    other = pack.parent / "other"
    other.write_text(running.tokens[london.READERS[london.CHARGING]])
    other.chmod(0o600)
    out = pack.parent / "none.zip"
    done = wicketgate(
        "evidence", hit["id"], "--from", running.url, "--token-file", str(other), "--out", str(out)
    )
    assert done.returncode == 1, done.stderr
    assert not out.exists()
    done = wicketgate(
        "evidence", "0" * 24, "--from", running.url, "--token-file", str(token), "--out", str(out)
    )
    assert "unknown-hit" in done.stderr


@NEEDS_BROWSER[0]
@NEEDS_BROWSER[1]
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_in_the_pack_is_plain_and_prints(
    pack: Path, browser: Any, tmp_path: Path, width: int
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with zipfile.ZipFile(pack) as archive:
        archive.extractall(tmp_path)
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    asked: list[str] = []
    page = context.new_page()
    page.on("request", lambda one: asked.append(one.url))
    page.goto(f"file://{tmp_path}/index.html")
    assert all(url.startswith("file://") for url in asked)
    assert page.locator("img").evaluate_all("all => all.every(one => one.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": AXE_TAGS}})
    assert [one["id"] for one in found.response["violations"]] == []
    page.emulate_media(media="print")
    assert page.pdf(format="A4").startswith(b"%PDF")
    if kept := os.environ.get("EVIDENCE_PICTURES"):
        page.emulate_media(media="screen")
        page.screenshot(path=f"{kept}/page-{width}.png", full_page=True)
        page.pdf(format="A4", path=f"{kept}/page.pdf")
    context.close()
