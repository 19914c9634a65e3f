"""What version 0.3 wrote stays good: its log verifies, and its deployment, upgraded, runs on and answers as it did.

`tests/fixtures/v03` was made by the code of that version, and is never made again: see the README there.
"""

from __future__ import annotations

import base64
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.keys import unseal
from tests.logs import flip
from tests.old_answers import as_of_today, comparable, upgrade_in_place
from tests.old_deployment import CERTIFICATE, FEEDS, Kept, ask
from tests.running import OVERSEER, batches_of, client, plates, wicketgate
from tests.story import Replay
from wicketgate.clients.verify import Report, verify_folder, verify_url
from wicketgate.ledger.audit import fsck
from wicketgate.ledger.facts import SecondTree
from wicketgate.ledger.notes import parse_vkey
from wicketgate.ledger.tiles import folder_fetch, iterate_entries

V03 = Kept(Path(__file__).parent.parent / "fixtures" / "v03")
KEY = parse_vkey(V03.key.read_text().strip())
ORIGIN = KEY.name
SIZE = int(json.loads((V03.folder / "register.json").read_text())["checkpoint"].split("\n")[1])
"""How many entries the log had when the register was shown."""
OF_THE_LOG = {"key", "log", "documents", "seconds", "figures"}
KINDS = {
    "authority", "challenge", "charter", "consultation", "decision", "objection", "quashed", "resumption",
    "review", "revocation", "suspension",
}  # fmt: skip


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployment as it was stopped. Whoever changes it copies it first."""
    return V03.unpack(tmp_path_factory.mktemp("v03"))


@pytest.fixture
def log(deployment: Path, tmp_path: Path) -> Path:
    """A copy of the log's folder."""
    return shutil.copytree(deployment / "log", tmp_path / "log")


@pytest.fixture
def site(log: Path) -> Path:
    """A folder that shows what anyone could see of the gateway just before it was stopped."""
    root = log.parent
    shutil.copyfile(V03.folder / "register.json", root / "register.json")
    shutil.copyfile(V03.key, log / "key")
    (log / "fact").mkdir()
    for one in V03.answers():
        if one["path"].startswith("/log/fact/") and one["answer"]["status"] == 200:
            (root / one["path"][1:]).write_text(one["answer"]["text"])
    return root


@contextmanager
def shown(site: Path) -> Iterator[str]:
    """Serve a folder as any web server would."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def entries_of(log: Path) -> list[dict[str, Any]]:
    """Return the entries that the log had when the register was shown."""
    return [json.loads(entry) for entry in iterate_entries(folder_fetch(log), SIZE)]


def names(report: Report) -> set[str]:
    """Return the checks that were made, once each of them agrees."""
    assert report.ok, report.lines()
    return {check.name for check in report.checked}


# --- the log --------------------------------------------------------------------------------------------------


def test_the_log_holds_every_kind_of_document(deployment: Path) -> None:
    kinds = {
        envelope["payloadType"].removeprefix("application/vnd.wicketgate.").removesuffix("+json")
        for entry in entries_of(deployment / "log")
        if (envelope := entry.get("envelope"))
    }
    assert kinds == KINDS
    assert SIZE > 256, "no whole tile is in it"


@pytest.mark.parametrize("name", FEEDS)
def test_the_log_and_what_was_received_verify(log: Path, site: Path, name: str) -> None:
    within = verify_folder(log, key=KEY, feed_file=V03.feed(name))
    assert names(within) >= OF_THE_LOG | {"feed-file"}
    with shown(site) as url:
        anywhere = verify_url(url, key=KEY, feed_file=V03.feed(name))
    assert names(anywhere) >= OF_THE_LOG | {"register", "fresh", "feed-file"}


def test_the_command_says_so_too(log: Path, site: Path) -> None:
    given = ("--key", V03.key, "--feed-file", V03.feed(CERTIFICATE))
    done = wicketgate("verify", log, *given)
    assert done.returncode == 0, done.stdout + done.stderr
    with shown(site) as url:
        done = wicketgate("verify", url, *given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ORIGIN in done.stdout


@pytest.mark.parametrize(
    "part",
    [
        "log/checkpoint",
        "log/tile/0/000",
        "log/tile/0/001.p/*",
        "log/tile/1/000.p/1",
        "log/tile/entries/000",
        "log/tile/entries/001.p/*",
        "register.json",
    ],
)
def test_a_byte_changed_anywhere_is_found(site: Path, part: str) -> None:
    last = max(site.glob(part), key=lambda path: int(path.name) if path.name.isdigit() else 0)
    flip(last, last.stat().st_size // 2)
    with shown(site) as url:
        assert not verify_url(url, key=KEY).ok
    if part.startswith("log/"):
        assert not verify_folder(site / "log", key=KEY).ok


def test_a_byte_changed_in_what_was_received_is_found(log: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copyfile(V03.feed(CERTIFICATE), tmp_path / "changed.ndjson"))
    flip(changed, changed.stat().st_size // 2)
    report = verify_folder(log, key=KEY, feed_file=changed)
    assert [check.name for check in report.checked if not check.ok] == ["feed-file"]


# --- the deployment -------------------------------------------------------------------------------------------


def without_snapshots(deployment: Path) -> None:
    """Remove the snapshots: everything is then folded again from the first transaction."""
    assert any((deployment / "snapshots").iterdir()), "there is no snapshot to do without"
    shutil.rmtree(deployment / "snapshots")


@pytest.mark.parametrize(
    "change", [lambda deployment: None, without_snapshots], ids=["as it was", "folded again"]
)
def test_the_deployment_answers_as_it_did(
    deployment: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    change(shutil.copytree(deployment, tmp_path / "gateway"))
    upgrade_in_place(tmp_path / "gateway")
    replay = V03.serve(tmp_path)
    replay.start()
    try:
        for one in V03.answers():
            if one["path"] == "/v1/documents":
                # What was handed in then named no log: it stays valid where it stands, and is taken no more.
                answer = ask(replay, one)["answer"]
                assert (answer["status"], json.loads(answer["text"])["code"]) == (422, "other-log")
                continue
            assert comparable(ask(replay, one)) == comparable(as_of_today(one)), (one["method"], one["path"])
        openings_are_those_of_the_log(replay)
    finally:
        replay.stop()


def openings_are_those_of_the_log(replay: Replay) -> None:
    """Assert that the overseer's identity of then opens each second of then, and finds it in the log."""
    logged = entries_of(replay.folder / "log")
    with client(replay, OVERSEER) as overseer:
        lines = overseer.get("/v1/openings", params={"limit": 1000}).text.splitlines()
    opened = [
        json.loads(unseal(base64.b64decode(json.loads(line)["sealed"]), V03.told()["identity"]))
        for line in lines
    ]
    kinds = set()
    for second in opened:
        if second["entry"] < SIZE:
            facts = [
                json.dumps(fact, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
                for fact in second["facts"]
            ]
            kinds |= {fact["kind"] for fact in second["facts"]}
            root = SecondTree(facts, bytes.fromhex(second["seed"])).root.hex()
            assert logged[second["entry"]] == {"kind": "second", "at": second["second"], "root": root}
    assert kinds >= {"release", "decision", "outcome", "disclosure", "receipt"}


def test_the_deployment_goes_on(deployment: Path, tmp_path: Path) -> None:
    before = (deployment / "log" / "checkpoint").read_bytes()
    upgrade_in_place(shutil.copytree(deployment, tmp_path / "gateway"))
    replay = V03.serve(tmp_path)
    received = tmp_path / "received.ndjson"
    replay.start()
    try:
        unseen = plates(3, seed=8)
        replay.see("ccz-0002", unseen)
        replay.arrived(unseen)
        received.write_bytes(replay.feed().content)
        done = wicketgate("verify", replay.url, "--key", V03.key, "--feed-file", received, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        replay.stop()
    assert received.read_bytes().startswith(V03.feed(CERTIFICATE).read_bytes())
    assert len(batches_of(received.read_bytes())) > len(batches_of(V03.feed(CERTIFICATE).read_bytes()))
    report = fsck(tmp_path / "gateway" / "log", KEY, origin=ORIGIN, seen=[before])
    assert report.checkpoint.size > int(before.split(b"\n")[1])
