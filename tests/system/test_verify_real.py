"""Anyone, a recipient and an overseer check a real gateway; whatever is changed on the way is found, and where."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyrage import DecryptError

from bench.harness import WICKETGATE, Running
from tests.keys import unseal
from tests.running import (
    CHARGING,
    NEEDS_CURL,
    OVERSEER,
    SOURCE,
    arrived,
    batches_of,
    client,
    curl,
    entries,
    feed,
    get,
    last_batch,
    plates,
    post,
    read,
    rows_of,
    secret_file,
    until,
    wicketgate,
)
from wicketgate import cli
from wicketgate.ledger.facts import SecondTree
from wicketgate.ledger.notes import unverified_checkpoint
from wicketgate.ledger.sealing import new_identity
from wicketgate.ledger.tiles import TILE_WIDTH, tile_at
from wicketgate_demo.world import london

pytestmark = NEEDS_CURL
URL = f"/v1/feeds/{london.CHARGING}"
Change = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def feed_file(shared: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a recipient with curl alone fetched, and the log's key, which it got another way."""
    folder = tmp_path_factory.mktemp("recipient")
    for n in range(3):
        some = plates(6, seed=400 + n)
        after = last_batch(shared, london.CHARGING)
        post(shared, [read(plate, vehicle={"make": "Morris"}) for plate in some])
        arrived(shared, london.CHARGING, some, after=after)
    answer = curl(f"{shared.url}{URL}?limit=1000", token=shared.tokens[CHARGING])
    (folder / "log.vkey").write_bytes(curl(f"{shared.url}/log/key").body)
    (folder / "feed.ndjson").write_bytes(answer.body)
    return folder / "feed.ndjson"


def flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@contextmanager
def between(url: str, changes: dict[str, Change]) -> Iterator[str]:
    """Stand between a gateway and whoever checks it, and change what begins with these paths."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer = get(url + self.path)
            body = answer.content
            for path, change in changes.items():
                if answer.status_code == 200 and self.path.startswith(path):
                    body = change(body)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("content-type", "text/plain"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def verify(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    """Run `wicketgate verify … --json` in this process; return the exit code and the report."""
    capsys.readouterr()
    code = cli.main(["verify", "--json", *map(str, arguments)])
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, report


def faults(report: dict[str, Any]) -> dict[str, str]:
    return {
        check["name"]: " ".join(check["faults"]) or check["words"]
        for check in report["checked"]
        if not check["ok"]
    }


# --- verify -----------------------------------------------------------------------------------------------


def test_what_curl_fetched_is_what_was_committed(shared: Running, feed_file: Path) -> None:
    key = feed_file.with_name("log.vkey")
    done = wicketgate("verify", shared.url, "--key", key, "--feed-file", feed_file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(batches_of(feed_file.read_bytes()))} batches" in done.stdout
    assert "in the second that was promised" in done.stdout
    done = wicketgate("verify", shared.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "compare" in (done.stdout + done.stderr).lower(), "a key that nobody brought is said loudly"


def test_a_byte_changed_anywhere_in_a_batch_is_found(
    shared: Running, feed_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = feed_file.read_bytes()
    number = batches_of(whole)[1].number
    begins = whole.index(b'{"batch":%d,' % number)
    header_ends = whole.index(b"\n", begins)
    ends = whole.index(b'{"batch":%d,' % (number + 1))
    places = {
        "header": begins + whole[begins:].index(b'"commit"') + 9,
        "promise": begins + whole[begins:].index(b'"signature"') + 30,
        "salt": header_ends + whole[header_ends:].index(b'"salt"') + 10,
        "plate": header_ends + whole[header_ends:].index(b'"plate":"') + 10,
        "last byte": ends - 3,
    }
    for place, at in places.items():
        changed = tmp_path / "changed.ndjson"
        changed.write_bytes(flip(whole, at))
        key = feed_file.with_name("log.vkey")
        code, report = verify(capsys, shared.url, "--key", key, "--feed-file", changed)
        assert code == 1, place
        assert list(faults(report)) == ["feed-file"], place
        said = faults(report)["feed-file"]
        assert f"batch {number}" in said or "line " in said, (place, said)
        assert plates(6, seed=401)[0] not in said
    for name, cut in {
        "a batch is missing": whole[:begins] + whole[ends:],
        "a row is missing": whole[: whole.index(b"\n", header_ends + 1) + 1] + whole[ends:],
        "torn": whole[:-20],
    }.items():
        (tmp_path / "cut.ndjson").write_bytes(cut)
        code, report = verify(capsys, shared.url, "--feed-file", tmp_path / "cut.ndjson")
        assert (code, list(faults(report))) == (1, ["feed-file"]), name


@pytest.mark.parametrize(
    ("path", "change", "check", "said"),
    [
        ("/log/tile/0/", lambda data: flip(data, 32 * 3 + 5), "log", "`tile/0/000"),
        ("/log/tile/entries/", lambda data: flip(data, len(data) // 2), "log", "entries/000"),
        ("/log/checkpoint", lambda data: flip(data, data.index(b"\n") + 1), "log", "`checkpoint`"),
        ("/log/checkpoint", lambda data: flip(data, len(data) - 20), "log", "`checkpoint`"),
        ("/register.json", lambda data: data.replace(b'"place"', b'"plate"'), "register", london.CHARGING),
        ("/register.json", lambda data: data.replace(b'"in-force"', b'"expired"', 1), "register", "status"),
    ],
)
def test_a_byte_changed_in_what_is_public_is_found(
    shared: Running,
    feed_file: Path,
    capsys: pytest.CaptureFixture[str],
    path: str,
    change: Change,
    check: str,
    said: str,
) -> None:
    with between(shared.url, {path: change}) as url:
        code, report = verify(capsys, url, "--key", feed_file.with_name("log.vkey"))
    assert code == 1
    assert check in faults(report) or "start" in faults(report), report
    assert said in " ".join(faults(report).values()), faults(report)


def test_nothing_changed_on_the_way_passes(
    shared: Running, feed_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = feed_file.with_name("log.vkey")
    with between(shared.url, {}) as url:
        code, report = verify(capsys, url, "--key", key, "--feed-file", feed_file)
    assert (code, faults(report)) == (0, {})


def test_a_byte_changed_on_the_disk_is_found(
    shared: Running, feed_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, folder = feed_file.with_name("log.vkey"), tmp_path / "log"

    def copied() -> bool:
        # The log grows while it is copied: then once more.
        shutil.rmtree(folder, ignore_errors=True)
        try:
            shutil.copytree(shared.folder / "log", folder)
        except (shutil.Error, FileNotFoundError):
            return False
        return verify(capsys, folder, "--key", key)[0] == 0

    until(copied)
    size = unverified_checkpoint((folder / "checkpoint").read_bytes()).size
    last = (size - 1) // TILE_WIDTH  # a gateway that several files share is older than one tile
    for part in (tile_at(0, last, size).path, tile_at(None, last, size).path, "checkpoint"):
        path = folder / part
        good = path.read_bytes()
        path.write_bytes(flip(good, len(good) // 2))
        code, report = verify(capsys, folder, "--key", key)
        assert code == 1, part
        assert part in json.dumps(faults(report)), (part, faults(report))
        path.write_bytes(good)


def test_another_log_than_the_key_is_refused(
    shared: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from wicketgate.base.signing import PrivateKey
    from wicketgate.gateway.deployment import note_signer

    other = tmp_path / "other.vkey"
    other.write_text(note_signer(PrivateKey.generate(), "wicketgate.example/invented-london").vkey + "\n")
    code, report = verify(capsys, shared.url, "--key", other)
    assert code == 1
    assert "key" in json.dumps(faults(report))


# --- the overseer -----------------------------------------------------------------------------------------


def test_an_overseer_opens_every_second_and_finds_it_under_the_log(shared: Running, feed_file: Path) -> None:
    last_us = {name: feed(shared, name)[-1].header["promise"]["second"] for name in london.READERS}
    opened: dict[int, dict[str, Any]] = {}
    with client(shared, OVERSEER) as overseer:

        def complete() -> bool:
            text = overseer.get("/v1/openings", params={"after": len(opened), "limit": 1000}).text
            for line in text.splitlines():
                item = json.loads(line)
                sealed = base64.b64decode(item["sealed"])
                opened[item["number"]] = json.loads(unseal(sealed, shared.offices.identity))
            return max(second["second"] for second in opened.values()) > max(last_us.values())

        until(complete)
        one = json.loads(overseer.get("/v1/openings", params={"limit": 1}).text)
    with pytest.raises(DecryptError):
        unseal(base64.b64decode(one["sealed"]), new_identity()[0])
    assert sorted(opened) == list(range(1, len(opened) + 1))

    logged = until(
        lambda: (found := entries(shared.url)) and len(found) > opened[len(opened)]["entry"] and found
    )
    released: Counter[str] = Counter()
    accepted = decided = withheld = 0
    for second in opened.values():
        texts = [
            json.dumps(fact, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            for fact in second["facts"]
        ]
        tree = SecondTree([text.encode() for text in texts], bytes.fromhex(second["seed"]))
        entry = logged[second["entry"]]
        assert entry == {"kind": "second", "at": second["second"], "root": tree.root.hex()}
        for fact in second["facts"]:
            if fact["kind"] == "release":
                released[fact["authority"]] += fact["rows"]
            elif fact["kind"] == "decision":
                accepted += fact["accepted"]
                decided += fact["reads"]
                withheld += fact["withheld"]
    everything = {name: feed(shared, name) for name in london.READERS}
    rows = {f"{name}@1": len(rows_of(everything[name])) for name in london.READERS}
    assert {name: released[name] for name in rows} == rows  # other files' units may be released to as well
    assert accepted == decided
    # A row that brings an image to a read decides nothing anew; one that corrects or was erased shows none.
    shown = [row["read"] for row in rows_of(everything[london.CHARGING]) if "read" in row]
    assert decided - withheld == len({(one["plate"], one["captured_at"], one["camera"]) for one in shown})
    seconds = [entry["at"] for entry in logged if entry["kind"] == "second"]
    assert seconds == sorted(set(seconds))


def test_the_overseers_arithmetic_is_a_command(
    shared: Running, feed_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    openings, identity = tmp_path / "openings.ndjson", tmp_path / "identity.txt"
    identity.write_text(shared.offices.identity + "\n")
    with client(shared, OVERSEER) as overseer:
        openings.write_text(overseer.get("/v1/openings", params={"limit": 1000}).text)
    key = feed_file.with_name("log.vkey")
    code, report = verify(capsys, shared.url, "--key", key, "--openings", openings, "--identity", identity)
    assert code == 0, faults(report)
    assert report["counts"]["opened"] == len(openings.read_text().splitlines())
    assert "openings" in {check["name"] for check in report["checked"]}
    assert report["kept"]


# --- receive ----------------------------------------------------------------------------------------------


def test_a_receiver_killed_in_the_middle_loses_and_repeats_nothing(shared: Running, tmp_path: Path) -> None:
    out = tmp_path / "received.ndjson"
    token = secret_file(tmp_path / "token", shared.tokens[CHARGING])
    key = tmp_path / "log.vkey"
    key.write_bytes(get(f"{shared.url}/log/key").content)
    receiving = [
        "receive", london.CHARGING, "--from", shared.url, "--token-file", token, "--key", key, "--out", out,
    ]  # fmt: skip
    stopping = threading.Event()

    def flow() -> None:
        some = plates(3_000, seed=410)
        with httpx.Client(base_url=shared.url, headers=client(shared, SOURCE).headers) as source:
            while not stopping.wait(0.01) and some:
                source.post("/v1/reads", json=[read(some.pop()) for _ in range(5)])

    thread = threading.Thread(target=flow)
    thread.start()
    try:
        for n in range(2):
            size = out.stat().st_size if out.exists() else 0
            with (tmp_path / "receive.log").open("ab") as told:
                process = subprocess.Popen(
                    [*WICKETGATE, *map(str, receiving), "--follow"],
                    stdin=subprocess.DEVNULL,
                    stdout=told,
                    stderr=told,
                )
            try:
                until(lambda s=size: out.exists() and out.stat().st_size > s + 5_000)
                time.sleep(0.13 * (n + 1))
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
    finally:
        stopping.set()
        thread.join()
    time.sleep(0.3)
    done = wicketgate(*receiving)
    assert done.returncode == 0, done.stderr
    with client(shared, CHARGING) as unit:
        after, expected = 0, b""
        while body := unit.get(URL, params={"after": after, "limit": 1000}).content:
            expected += body
            after = batches_of(body)[-1].number
    assert out.read_bytes() == expected
    assert [batch.number for batch in batches_of(expected)] == list(range(1, after + 1))


# --- report -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["three-month", "annual", "review", "access"])
def test_anybody_rebuilds_a_report(
    shared: Running, feed_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    key, out = feed_file.with_name("log.vkey"), tmp_path / "report.json"
    of = ["--authority", london.COUNTER_TERRORISM] if kind in ("three-month", "review") else []
    since = ["--since", "2020-01-01T00:00:00Z", "--until", "2100-01-01T00:00:00Z"] if kind == "annual" else []
    words = [
        "report",
        kind,
        shared.url,
        "--key",
        key,
        "--out",
        out,
        "--state",
        tmp_path / "state",
        *of,
        *since,
    ]
    assert cli.main([str(one) for one in words]) == 0, capsys.readouterr().err
    report = json.loads(out.read_text())
    rows = {tuple(row.values()) for table in report["tables"] for row in table["rows"]}
    shown = get(f"{shared.url}/register.json").json()
    if kind == "access":
        assert {row[0] for row in rows} >= {f"{name}@1" for name in london.READERS}
    elif shown["figures"]:
        assert any(row[0] == "Reads decided" and row[1][:1].isdigit() for row in rows)
    assert report["origin"] == shown["origin"]


def test_nothing_is_reported_under_another_key(
    shared: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from wicketgate.base.signing import PrivateKey
    from wicketgate.gateway.deployment import note_signer

    other = tmp_path / "other.vkey"
    other.write_text(note_signer(PrivateKey.generate(), "wicketgate.example/invented-london").vkey + "\n")
    out = tmp_path / "report.md"
    assert cli.main(["report", "access", shared.url, "--key", str(other), "--out", str(out)]) == 1
    assert not out.exists()
    assert "No report" in capsys.readouterr().err
