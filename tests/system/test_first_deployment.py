"""docs/first-deployment.md, line by line: its commands in a shell, a real gateway, posts as its cameras make them."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.running import now_us, until
from wicketgate.base.clock import rfc3339
from wicketgate_demo.cameras.devices import FORMATS, Site
from wicketgate_demo.world.traffic import Read
from wicketgate_demo.world.vehicles import invent_vehicle

PAGE = Path("docs/first-deployment.md")
WAITS_FOR_CAMERAS = "wicketgate doctor "
"""The command of the page before which a vehicle has passed each camera."""
LISTED = "AB12CDE"


def blocks(page: str) -> list[str]:
    return re.findall(r"^```\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def commands(block: str) -> Iterator[str]:
    """Yield the commands of a block; what stands in a here-document is a part of one."""
    lines = iter(block.splitlines())
    for line in lines:
        if line.endswith("<<'END'"):
            body = []
            for inner in lines:
                body.append(inner)
                if inner == "END":
                    break
            line = "\n".join([line, *body])
        yield line


def cameras(page: str) -> list[str]:
    """Return the path that the page sets in it."""
    return re.findall(r"^\| `\w+`, [\w ]+ \| `\$GATE(/v1/push/\w+\?camera=\w+)` \|$", page, re.MULTILINE)


class Shell:
    """One shell, as the reader has it: what a line sets holds for the next."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """Run a command; return its exit code and what it printed."""
        mark = secrets.token_hex(8)
        stdin, stdout = self._pipes()
        stdin.write(f"{command}\necho {mark} $?\n")
        stdin.flush()
        said = []
        for line in stdout:
            if line.startswith(mark):
                return int(line.split()[1]), "".join(said)
            said.append(line)
        raise AssertionError(f"the shell ended: {''.join(said)}")

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    def end(self) -> None:
        """End the shell, and the gateway that it started."""
        os.killpg(self._process.pid, signal.SIGTERM)
        for pipe in self._pipes():
            pipe.close()
        self._process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def pass_by(gate: str, token: str, paths: list[str]) -> None:
    """Let a vehicle pass each camera, which posts it in its maker's words, and the listed one pass the first."""
    with httpx.Client(base_url=gate, auth=("millbrook", token), timeout=30) as device:
        for number, path in enumerate(paths, start=1):
            adapter = path.removeprefix("/v1/push/").partition("?")[0]
            form = next(one for one in FORMATS.values() if one.adapter == adapter)
            camera = form.make(Site(number, path.partition("=")[2], False, "run1"))
            vehicle = invent_vehicle(number, "visitor")
            passing = [vehicle.plate, LISTED] if number == 1 else [vehicle.plate]
            for order, plate in enumerate(passing):
                read = Read(number * 10 + order, 1, now_us(), plate, vehicle, 0.97, 0.5, "")
                for message in camera.messages(read):
                    answer = device.post(
                        path, content=message.body, headers={"Content-Type": message.content_type}
                    )
                    assert answer.status_code == 200, (path, answer.text)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    beside = str(Path(sys.executable).parent)
    environment = {
        "PATH": f"{beside}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LANG": "C.UTF-8",
    }
    shell = Shell(tmp_path, environment)
    yield shell
    shell.end()


def test_the_page_is_one_page() -> None:
    text = PAGE.read_text()
    assert len(text.splitlines()) <= 140
    assert len(text.split()) <= 1_100
    assert len(cameras(text)) == 4


def test_each_line_does_what_the_page_says(shell: Shell, tmp_path: Path) -> None:
    page, port = PAGE.read_text(), free_port()
    gate = f"http://127.0.0.1:{port}"
    paths, said = cameras(page), {}
    lines = [line for block in blocks(page) for line in commands(block)]
    # What is installed is this tree; everything behind it is run as it stands, but for the port.
    assert lines.pop(0) == "pip install wicketgate"
    for line in lines:
        if line.startswith(WAITS_FOR_CAMERAS):
            # Some cameras write whole seconds: a capture within the second of the listing would lie before it.
            listed_us = now_us()
            until(lambda since_us=listed_us: now_us() > since_us + 1_100_000, 5)
            token = (tmp_path / "millbrook" / "source.token").read_text().strip()
            pass_by(gate, token, paths)

            def content(line: str = line) -> bool:
                return "no read has come yet" not in shell.run(line)[1]

            until(content, 30)
        command = line.replace("serve gateway &", f"serve gateway --port {port} > serve.log 2>&1 &")
        code, words = shell.run(command.replace("http://127.0.0.1:8080", gate))
        assert code == 0, (line, words)
        said[line.partition(" --from")[0]] = words
        if line.startswith("GATE="):
            log = tmp_path / "millbrook" / "serve.log"
            until(lambda log=log: log.exists() and "answers at" in log.read_text(), 60)  # type: ignore[misc]
    assert "every read in scope (mode bulk)" in said["cat charter.txt authorities/*.txt"]
    folder = tmp_path / "millbrook"
    assert (folder / "gateway" / "log.key").read_text().startswith("gate.millbrook.example+")
    rows = [
        one for one in map(json.loads, (folder / "traffic.ndjson").read_text().splitlines()) if "read" in one
    ]
    assert {one["read"]["camera"] for one in rows} == {"north", "south", "mill", "bridge"}
    assert len(rows) == 5
    hits = [
        one for one in map(json.loads, (folder / "roads.ndjson").read_text().splitlines()) if "hit" in one
    ]
    assert [one["read"]["plate"] for one in hits] == [LISTED]
    assert f"exact stolen: {LISTED} at North Road" in said["wicketgate hits list"]
    verified = next(words for line, words in said.items() if line.startswith("wicketgate verify"))
    assert verified.splitlines()[-1] == "Verified."
    beyond_the_page(shell, tmp_path)


def beyond_the_page(shell: Shell, tmp_path: Path) -> None:
    """Use what the page leaves out, on its gateway: the other commands, and what they refuse."""

    def done(command: str, wanted: int = 0) -> str:
        code, words = shell.run(f"wicketgate {command}")
        assert code == wanted, (command, words)
        return words

    source, roads = "--from $GATE --token-file source.token", "--from $GATE --token-file roads.token"
    admin = "--from $GATE --token-file gateway/keys/admin.token"
    folder = tmp_path / "millbrook"
    # Cameras: added, changed, refused whole with the line, and never ended unasked.
    assert "5 cameras are registered" in done(f"camera add east --position 51.70,-1.21 --group ring {source}")
    assert "registered already" in done(f"camera add east {source}", 2)
    (folder / "wrong.csv").write_text("id,latitude,longitude\nnorth,51.7,-1.2\nsouth,0,0\n")
    assert "line 3: 0,0 is no position" in done(f"camera import wrong.csv {source}", 1)
    (folder / "wrong.csv").write_text("id,zone\nnorth,Europe/Millbrook\n")
    assert "line 2: " in done(f"camera import wrong.csv {source}", 1)
    assert "`east` first: they would take no reads" in done(f"camera import cameras.csv {source}", 1)
    assert '"cameras": 4' in done(f"camera import cameras.csv --end-missing --json {source}")
    listed = json.loads(done(f"camera list --json {source}"))
    assert {one["id"]: one["counts"]["accepted"] for one in listed["cameras"]} == {
        **dict.fromkeys(("south", "mill", "bridge"), 1),
        "north": 2,
    }
    # A hit, to its outcome; and the list that it is on.
    (hit,) = json.loads(done(f"hits list --json {roads}"))["hits"]
    assert "confirmed" in done(f"hits outcome {hit['id']} --outcome confirmed --by 'PC 4711' {roads}")
    done(f"hits outcome {hit['id']} --outcome acted --by 'PC 4711' {roads}")
    assert "0 hits." in done(f"hits list {roads}")
    assert hit["id"] in done(f"hits list --state recent {roads}")
    entry = {"plate": "X1 ABC", "kind": "stolen", "priority": "low", "reason": "case 1"}
    (folder / "more.ndjson").write_text(json.dumps(entry))
    done(f"hotlist patch millbrook-roads more.ndjson {roads}")
    shown = json.loads(done(f"hotlist show millbrook-roads --json {roads}"))
    assert {one["plate"] for one in shown["entries"]} == {LISTED, "X1ABC"}
    done(f"hotlist show millbrook-roads --out list.csv {roads}")
    assert LISTED in (folder / "list.csv").read_text()
    (folder / "more.ndjson").write_text(json.dumps({**entry, "kind": "gossip"}))
    assert "[kind-not-allowed]" in done(f"hotlist patch millbrook-roads more.ndjson {roads}", 1)
    # What cannot be taken is seen, and its plate is shown only to whoever asks for it.
    token = (folder / "source.token").read_text().strip()
    gate = shell.run("echo $GATE")[1].strip()
    read = {"camera": "nowhere", "captured_at": rfc3339(now_us()), "plate": "AA51 AAA", "confidence": 0.9}
    posted = httpx.post(f"{gate}/v1/reads", json=read, headers={"Authorization": f"Bearer {token}"})
    assert posted.json()["quarantined"][0]["code"] == "unknown-camera"
    assert "unknown-camera" in done(f"quarantine {source}")
    assert "AA51" not in done(f"quarantine {source}")
    assert "AA51" in done(f"quarantine --reads {source}")
    assert json.loads(done(f"quarantine --json {source}"))["code"] == "unknown-camera"
    # Tokens: listed, issued into a file that is never overwritten, and withdrawn.
    assert "recipient:westshire/roads: 1" in done(f"token list {admin}")
    assert "nothing is overwritten" in done(
        f"token new recipient:westshire/roads {admin} --out roads.token", 2
    )
    done(f"token withdraw recipient:westshire/roads {admin}")
    assert "[unauthorised]" in done(f"hits list {roads}", 1)
    assert "recipient:westshire/roads" not in done(f"token list {admin}")
    assert "[not-entitled]" in done(f"token list {source}", 1)
    # The admin's token is lost: those who signed the charter replace it, and the log says so.
    done("token admin --against $GATE --reason 'It was lost.' --act admin.toml --out admin.token")
    for office in ("millbrook.chief-executive", "millbrook.data-protection"):
        done(f"sign admin.toml --key keys/{office}.pem --out admin.dsse.json --against $GATE")
    assert "[signature-missing]" in done("submit admin.dsse.json --to $GATE --token-file source.token", 1)
    done("sign admin.toml --key keys/scrutiny.chair.pem --out admin.dsse.json --against $GATE")
    assert "[unauthorised]" in done("token list --from $GATE --token-file admin.token", 1)
    done("submit admin.dsse.json --to $GATE --token-file source.token")
    assert "admin: 1" in done("token list --from $GATE --token-file admin.token")
    assert "[unauthorised]" in done(f"token list {admin}", 1)
    assert "[already-taken]" in done("submit admin.dsse.json --to $GATE --token-file source.token", 1)
    assert "Verified." in done("verify $GATE --key gateway/log.key")
    # The doctor says it all once more for programs, and ends with 1 where something is wrong.
    (folder / "gateway" / "keys" / "admin.token").chmod(0o644)
    seen = {one["what"]: one["verdict"] for one in json.loads(done(f"doctor gateway --json {source}", 1))}
    assert (seen["rights"], seen["gateway"], seen["clocks"]) == ("wrong", "good", "good")
