"""`wicketgate demo` as people run it: headless, interactive, taken up again, with its gateway killed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from wicketgate.cli import main
from wicketgate.clients.verify import read_key, verify_folder
from wicketgate.feeds.batches import read_batches
from wicketgate_demo.cameras.devices import FORMATS
from wicketgate_demo.run.children import WICKETGATE
from wicketgate_demo.world import london
from wicketgate_demo.world.asking import ASKED
from wicketgate_demo.world.people import PEOPLE

CT, CHARGING = london.COUNTER_TERRORISM, london.CHARGING
OWN = (CHARGING, *(f"{council}-traffic" for council in london.COUNCILS))
"""Each read of a camera that is known goes to one of these."""
PATIENCE_S = 150.0


@dataclass(frozen=True)
class Outcome:
    folder: Path
    code: int
    said: str
    report: dict[str, Any]
    credentials: dict[str, Any]


@contextmanager
def demonstration(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `wicketgate demo` with its output in a file; whatever happens, it has ended afterwards."""
    with folder.with_suffix(".out").open("wb") as out:
        process = subprocess.Popen(
            [*WICKETGATE, "demo", "--dir", str(folder), *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def said(folder: Path) -> str:
    return folder.with_suffix(".out").read_text()


def headless(
    folder: Path, *words: str, meanwhile: Callable[[subprocess.Popen[bytes]], None] = lambda process: None
) -> Outcome:
    report = folder.with_suffix(".json")
    report.unlink(missing_ok=True)
    with demonstration(folder, *words, "--report", str(report)) as process:
        meanwhile(process)
        code = process.wait(PATIENCE_S)
    assert report.exists(), said(folder)
    return Outcome(
        folder,
        code,
        said(folder),
        json.loads(report.read_text()),
        json.loads((folder / "credentials.json").read_text()),
    )


def until(true: Callable[[], bool], what: str) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end_s, what
        time.sleep(0.1)


def children(process: subprocess.Popen[bytes]) -> dict[str, int]:
    """Return the process ids of a demonstration's children by their command."""
    found = {}
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        # python, -P, -m, wicketgate, the command; or the module
        named = words[4] if words[3:4] == [b"wicketgate"] else words[3] if len(words) > 3 else b""
        found[named.decode()] = int(pid)
    return found


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def check_report(outcome: Outcome) -> None:
    report = outcome.report
    assert outcome.code == 0, outcome.said
    assert report["laws"] == {"1": True, "2": True, "3": True, "4": True, "5": True}, outcome.said
    assert report["faults"] == {}
    assert report["sent"] == report["accepted"] + report["repeated"] + report["quarantined"]
    assert report["ledger"]["verified"] is True
    assert report["hits"] == sum(report["hits_by_quality"].values())
    assert set(report["searches"]) == {"answered", "awaiting", "refused", "unapproved"}


def check_people(now: dict[str, Any], before: dict[str, Any]) -> None:
    """Hold that each person has the code of before and a session of now, which is let do what they may."""
    url, tried = now["base_url"], {"source-officer": "/v1/cameras", "viewer": "/v1/hits"}
    for name, one in now["people"].items():
        assert one["code"] == before["people"][name]["code"]
        assert one["token"] != before["people"][name]["token"]
        for role, path in tried.items():
            headers = {"Authorization": f"Bearer {one['token']}"}
            status = httpx.get(f"{url}{path}", headers=headers).status_code
            assert status == (200 if role in one["roles"] else 403), (name, path)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("demonstration") / "d"
    return headless(folder, "--cameras", "60", "--rate", "100", "--seconds", "8")


def test_a_headless_run_holds_its_laws(first: Outcome) -> None:
    check_report(first)
    report = first.report
    assert set(report) >= {
        "seconds",
        "sent",
        "accepted",
        "repeated",
        "quarantined",
        "released",
        "hits",
        "latency_ms",
        "ledger",
        "laws",
    }
    assert (report["seconds"], report["sent"]) == (8.0, 800)
    assert report["repeated"] > 0
    assert report["quarantined"] > 0
    own = sum(rows for name, rows in report["released"].items() if name in OWN)
    assert own == report["accepted"]
    assert 0 < report["released"][CT] < report["released"][CHARGING]
    assert all(report["released"][name] > 0 for name in OWN)
    assert report["latency_ms"]["bulk_p99"] > 0
    assert report["ledger"]["entries"] > 8
    assert 15 < report["misread"] < 35


def test_images_are_released_fetched_in_bulk_and_counted(first: Outcome) -> None:
    images = first.report["images"]
    assert images["fetched"] == {CT: images["released"][CT]}
    assert images["fetched"][CT] > 20
    kept = [path for path in (first.folder / "received" / f"{CT}-images").glob("*/*.*") if path.is_file()]
    assert {path.stem for path in kept} == {sha256(path.read_bytes()).hexdigest() for path in kept}
    assert len(kept) == images["fetched"][CT]


def test_hits_come_and_are_answered(first: Outcome) -> None:
    report = first.report
    matched = sum(rows for name, rows in report["released"].items() if name.endswith("-voi"))
    assert report["hits"] == matched > 0
    assert report["latency_ms"]["hit_p50"] > 0
    assert report["latency_ms"]["hit_p99"] >= report["latency_ms"]["hit_p50"]
    outcomes = report["outcomes"]
    assert outcomes.get("confirmed", 0) + outcomes.get("misread", 0) > 0, (
        outcomes,
        report["hits_by_quality"],
    )


def test_every_wire_format_was_spoken(first: Outcome) -> None:
    formats = first.report["formats"]
    assert set(formats) == set(FORMATS)
    assert sum(part["reads"] for part in formats.values()) == first.report["sent"]
    assert formats["axis"]["messages"] > 2 * formats["axis"]["reads"]
    assert formats["frigate"]["messages"] > 3 * formats["frigate"]["reads"]


def test_the_same_day_under_each_mode_lies_beside_the_gateway(first: Outcome) -> None:
    exhibit = json.loads((first.folder / "gateway" / "exhibit.json").read_text())
    assert set(exhibit["modes"]) == {"bulk", "unlisted", "match", "search"}
    assert exhibit["modes"]["unlisted"]["reads_left"] < exhibit["modes"]["bulk"]["reads_left"] / 2
    assert exhibit["modes"]["match"]["reads_left"] < exhibit["modes"]["bulk"]["reads_left"] / 20


def test_credentials_are_whole_and_private(first: Outcome) -> None:
    path = first.folder / "credentials.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    credentials = first.credentials
    wanted = {"base_url", "tokens", "offices", "authorities", "cameras", "people", "keepers", "witnesses"}
    assert set(credentials) == wanted
    assert {name: (one["of"], set(one["roles"])) for name, one in credentials["people"].items()} == {
        one.short: (one.of, set(one.roles)) for one in PEOPLE
    }
    assert set(credentials["tokens"]) == {"admin", *london.TOKENS}
    assert credentials["authorities"] == {
        ASKED: {"mode": "search", "reader": london.DUTY_DESK},
        **{name: {"mode": paper.mode, "reader": paper.reader} for name, paper in london.PAPERS.items()},
    }
    assert credentials["cameras"] == {
        "tfl": {c["id"]: c["groups"] for c in london.cameras(60)},
        **{
            council: {c["id"]: c["groups"] for c in london.council_cameras(council, london.COUNCIL_CAMERAS)}
            for council in london.COUNCILS
        },
    }
    assert set(credentials["offices"]) == {
        *(office for signers in london.SIGNERS.values() for office in signers),
        london.OVERSEER,
        "dft/minister",
        "high-court/judge",
        "parliament/clerk",
    }
    for key in credentials["offices"].values():
        assert stat.S_IMODE((first.folder / key).stat().st_mode) == 0o600


def test_nothing_secret_can_be_read_by_others(first: Outcome) -> None:
    for part in ("offices", "overseers", "people", "tokens", "logs", "received", "gateway/keys"):
        for path in (first.folder / part, *(first.folder / part).rglob("*")):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_no_plate_stands_in_what_it_says(first: Outcome) -> None:
    record = first.folder / "logs/sent.ndjson"
    plates = {json.loads(line)["plate"] for line in record.read_text().splitlines()} - {""}
    assert len(plates) > 300
    assert not any(plate in first.said for plate in plates)


def test_a_row_taken_out_of_what_was_received_fails(first: Outcome, tmp_path: Path) -> None:
    received = first.folder / "received" / f"{CT}.ndjson"
    key = read_key(first.folder / "log.key")
    honest = verify_folder(first.folder / "gateway", key=key, feed_file=received)
    assert honest.ok, honest.lines()
    with received.open("rb") as file:
        batches = list(read_batches(file))
    assert sum(len(batch.lines) for batch in batches) == first.report["released"][CT]
    lines = received.read_bytes().splitlines(keepends=True)
    tampered = tmp_path / "tampered.ndjson"
    tampered.write_bytes(b"".join(lines[:-1]))
    assert not verify_folder(first.folder / "gateway", key=key, feed_file=tampered).ok


def commands_of_the_readme() -> str:
    """Return what a newcomer types to follow one read: the lines behind `$`, with those that go on."""
    transcript = Path("README.md").read_text().split("## One read")[1].split("```")[1]
    return "\n".join(re.findall(r"^\$ ((?:.*[\\|]\n)*.*)$", transcript, re.MULTILINE))


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl: the README's transcript is typed with it")
def test_the_read_that_the_readme_follows(first: Outcome) -> None:
    folder = first.folder
    path = folder / "credentials.json"
    path.unlink()
    with demonstration(folder, "--rate", "20", "--port", "0") as process:
        until(lambda: path.exists() or process.poll() is not None, "no credentials")
        until(lambda: "Ctrl-C" in said(folder) or process.poll() is not None, "no guide")
        assert process.poll() is None, said(folder)
        script = commands_of_the_readme()
        for written, meant in {
            "http://127.0.0.1:8080": json.loads(path.read_text())["base_url"],
            "demo/": f"{folder}/",
            ".venv/bin/wicketgate": shlex.join(WICKETGATE),
        }.items():
            assert written in script
            script = script.replace(written, meant)
        typed = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert typed.returncode == 0, typed.stdout + typed.stderr
    assert '{"accepted":1,"repeated":0,"quarantined":[]}' in typed.stdout
    assert '"authority":"tfl-met-ct@1","read":{"plate":"AB01CDE","confidence":0.97,' in typed.stdout
    assert "tfl-met-voi@1: refused: not-listed" in typed.stdout
    assert "--policy" in typed.stdout
    assert typed.stdout.endswith("Verified.\n")


def test_it_is_taken_up_again_shown_and_revoked(first: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    folder = first.folder
    path = folder / "credentials.json"
    path.unlink()
    with demonstration(folder, "--rate", "50", "--port", "0") as process:
        until(lambda: path.exists() or process.poll() is not None, "no credentials")
        assert process.poll() is None, said(folder)
        credentials = json.loads(path.read_text())
        new = {"base_url": "", "people": {}, "keepers": {}}
        assert {**credentials, **new} == {**first.credentials, **new}
        check_people(credentials, first.credentials)
        url = credentials["base_url"]
        until(lambda: "simulate" in children(process), "no cameras")
        assert set(children(process)) == {"serve", "simulate", "wicketgate_demo.register", "witness"}
        until(lambda: "Ctrl-C" in said(folder), "no guide")
        admin = {"Authorization": f"Bearer {credentials['tokens']['admin']}"}

        def accepted() -> float:
            lines = httpx.get(f"{url}/metrics", headers=admin).text.splitlines()
            return next(float(line.split()[-1]) for line in lines if 'became="accepted"' in line)

        before = accepted()
        assert before >= first.report["accepted"]
        until(lambda: accepted() > before, "no reads")
        # What a newcomer copies from the screen.
        steps = [
            line.split()[1:]
            for line in said(folder).splitlines()
            if line.startswith("  ") and ("wicketgate sign " in line or "wicketgate submit " in line)
        ]
        assert [main(step) for step in steps] == [0, 0], capsys.readouterr()
        reader = {"Authorization": f"Bearer {credentials['tokens'][london.READERS[CT]]}"}
        stopped_s = time.monotonic()
        answer = httpx.get(f"{url}/v1/feeds/{CT}", headers=reader)
        assert time.monotonic() - stopped_s < 1
        assert (answer.status_code, answer.json()["code"]) == (403, "revoked")
        pids = children(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert said(folder).endswith("Stopped.\n")
    until(lambda: not any(alive(pid) for pid in pids.values()), "an orphan")
    simulated = json.loads((folder / "logs/simulate.out").read_text())
    assert simulated["sent"] == simulated["accepted"] + simulated["repeated"] + simulated["quarantined"] > 0


@pytest.mark.slow
def test_a_killed_gateway_loses_nothing_and_a_revoked_feed_stays_stopped(first: Outcome) -> None:
    def kill(process: subprocess.Popen[bytes]) -> None:
        record = first.folder / "logs/sent.ndjson"
        until(lambda: "simulate" in children(process), "no cameras")  # whose record is made anew
        until(lambda: record.exists() and record.stat().st_size > 0, "no reads")
        os.kill(children(process)["serve"], signal.SIGKILL)

    outcome = headless(first.folder, "--rate", "100", "--seconds", "6", meanwhile=kill)
    check_report(outcome)
    assert outcome.credentials["tokens"] == first.credentials["tokens"]
    released = outcome.report["released"]
    # An answer that the kill took away makes of an accepted read a repeated one.
    assert sum(released[name] for name in OWN) >= outcome.report["accepted"] > 0
    assert released[CT] == 0
    assert f"the feed `{CT}` was stopped: revoked" in outcome.report["notes"]
    assert "the gateway ended with code -9 and was started again" in outcome.report["notes"]


def test_a_directory_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("x")
    done = subprocess.run(
        [*WICKETGATE, "demo", "--dir", str(tmp_path), "--seconds", "1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert b"holds no demonstration" in done.stderr
