"""A deployment of version 0.3 is upgraded in place: nobody finds anything else than before, and what waited goes on.

`tests/fixtures/v03-at-work` was made by the code of that version: see the README there.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.killing import KILLED, killed_at
from tests.needs import unmet
from tests.old_answers import as_of_today, comparable, upgrade_in_place
from tests.old_deployment import CERTIFICATE, CHARGING, LISTED, RUNNING, Kept, ask, undecided
from tests.running import OVERSEER, batches_of, client, plates, plates_in, rows_of, wicketgate
from tests.story import CHARGING_UNIT, DUTY_DESK, EASTHOLM, TFL, UNIT, Replay, until
from wicketgate.base.clock import MINUTE_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.settings import load_settings
from wicketgate.clients.verify import verify_folder
from wicketgate.gateway import deployment as deployment_module
from wicketgate.gateway.deployment import Deployment
from wicketgate.gateway.forms import FORM, PART_FORMS, DirectoryForm, read_form, write_form
from wicketgate.gateway.upgrading import upgrade
from wicketgate.ledger.notes import parse_vkey
from wicketgate.ledger.tiles import folder_fetch, iterate_entries

ROOT = Path(__file__).parents[2]
OLD = Kept(Path(__file__).parent.parent / "fixtures" / "v03-at-work")
KEY = parse_vkey(OLD.key.read_text().strip())
COMMIT = "c80e15e"
"""Of version 0.3, which made the fixture."""
WORKED: tuple[str, ...] = tuple(OLD.told()["undecided"])
"""The plates of the reads that were not decided."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The deployment as it was stopped."""
    return OLD.unpack(tmp_path)


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployment, upgraded by the command. Whoever changes it copies it first."""
    folder = OLD.unpack(tmp_path_factory.mktemp("upgraded"))
    done = wicketgate("upgrade", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def replay(upgraded: Path, tmp_path: Path) -> Iterator[Replay]:
    """A gateway in a copy of it, to be started and stopped."""
    shutil.copytree(upgraded, tmp_path / "gateway")
    replay = OLD.serve(tmp_path)
    yield replay
    replay.stop()


def operations(folder: Path) -> list[dict[str, Any]]:
    """Return the operator's entries of a log, from the upgrade on."""
    size = int((folder / "log" / "checkpoint").read_text().split("\n")[1])
    entries = [json.loads(entry) for entry in iterate_entries(folder_fetch(folder / "log"), size)]
    found = [entry for entry in entries if entry["kind"] == "operation"]
    first = [entry["operation"] for entry in found].index("upgraded")
    return found[first:]


def content(folder: Path) -> dict[str, str]:
    """Return the hash of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def answers_as_before(replay: Replay) -> None:
    """Assert that recipients, officers, overseer and public see what they saw, with the differences that are meant."""
    for one in OLD.answers():
        assert comparable(ask(replay, one)) == comparable(as_of_today(one)), (one["as"], one["path"])


# --- what everybody sees --------------------------------------------------------------------------------------


def test_everybody_sees_what_they_saw(replay: Replay) -> None:
    with undecided():  # or the reads that wait would be in the answers
        replay.start()
        try:
            answers_as_before(replay)
        finally:
            replay.stop()


def test_the_public_log_says_that_it_was_upgraded_and_verifies(upgraded: Path, replay: Replay) -> None:
    replay.start()
    replay.stop()
    entry, start = operations(replay.folder)
    assert (entry["from"], entry["to"], entry["forms"]) == (1, FORM, dict(PART_FORMS))
    assert entry["software"] == start["software"]
    assert (entry["entries"], start["entries"]) == (2, 2)
    for folder in (upgraded, replay.folder):
        assert verify_folder(folder / "log", key=KEY, feed_file=OLD.feed(CERTIFICATE)).ok


def test_what_was_not_decided_is_decided_once(replay: Replay) -> None:
    for _ in range(2):
        replay.start()
        for name, unit in ((CERTIFICATE, UNIT), (CHARGING, CHARGING_UNIT)):
            replay.arrived(WORKED, name, unit)
            seen = plates_in(batches_of(replay.feed(name, unit).content))
            assert [seen.count(plate) for plate in WORKED] == [1] * len(WORKED)
        replay.stop()


def test_a_half_read_feed_goes_on_where_it_stood(replay: Replay, tmp_path: Path) -> None:
    replay.start()
    unseen = plates(3, seed=8)
    replay.see("ccz-0002", unseen)
    for name, unit in ((CERTIFICATE, UNIT), (CHARGING, CHARGING_UNIT)):
        replay.arrived([*WORKED, *unseen], name, unit)
        before = OLD.feed(name).read_bytes()
        numbers = [batch.number for batch in batches_of(before)]
        whole = replay.feed(name, unit).content
        assert whole.startswith(before), "what was received is delivered again byte for byte"
        half = numbers[len(numbers) // 2]
        rest = replay.feed(name, unit, after=half).content
        assert whole.endswith(rest)
        assert [batch.number for batch in batches_of(rest)][: len(numbers) - len(numbers) // 2 - 1] == [
            number for number in numbers if number > half
        ]
        received = tmp_path / f"{name}.ndjson"
        received.write_bytes(whole)
        done = wicketgate("verify", replay.url, "--key", OLD.key, "--feed-file", received)
        assert done.returncode == 0, done.stdout + done.stderr


def test_hits_that_waited_are_answered_and_lists_go_on_matching(replay: Replay) -> None:
    replay.start()
    with client(replay, DUTY_DESK) as desk:
        waiting = [hit["id"] for hit in desk.get("/v1/hits").json()["hits"]]
        assert len(waiting) > 1
        said = {"outcome": "not-acted", "reason": "compared with its image"}
        assert desk.post(f"/v1/hits/{waiting[-1]}/outcome", json=said).status_code in (200, 201)
        until(lambda: waiting[-1] not in [hit["id"] for hit in desk.get("/v1/hits").json()["hits"]])
        listed = [json.loads(line) for line in desk.get(f"/v1/hotlists/{LISTED}").text.splitlines()]
        plate = next(one["plate"] for one in listed if "plate" in one)
    replay.see("eh-003", [plate], source=EASTHOLM)
    until(
        lambda: (
            [
                row["read"]["plate"] for row in rows_of(batches_of(replay.feed(LISTED, DUTY_DESK).content))
            ].count(plate)
            == 2
        )
    )


def test_a_consultation_that_runs_takes_what_is_said_and_closes(replay: Replay) -> None:
    replay.start()
    assert replay.respond(RUNNING, "Said after the upgrade.").status_code == 201
    shown = {one["id"]: one for one in replay.register()["consultations"]}[RUNNING]
    assert (shown["status"], len(shown["objections"])) == ("open", 1)
    replay.stop()
    replay.clock.move(parse_rfc3339(shown["closes_at"]) + MINUTE_US)
    replay.start()
    said = {"Not again.", "Keep me out.", "Said after the upgrade."}
    with client(replay, OVERSEER) as overseer:
        told = overseer.get(f"/v1/consultations/{RUNNING}/responses").text.splitlines()
        assert {json.loads(line)["text"] for line in told} == said
    with client(replay) as anyone:
        told = anyone.get(f"/consultations/{RUNNING}/responses").text
        assert [words in told for words in sorted(said)] == [False, True, True]


def test_repeats_of_before_are_known(replay: Replay) -> None:
    replay.start()
    told = OLD.told()
    at_us = told["stopped_us"]
    with client(replay, TFL) as source:
        body = [
            {
                "camera": "ccz-0003",
                "captured_at": rfc3339(at_us),
                "plate": "AB12CDE",
                "confidence": 0.9,
                "id": "last-0",
            }
        ]
        assert [one["code"] for one in source.post("/v1/reads", json=body).json()["quarantined"]] == [
            "id-conflict"
        ]


# --- what it says, and whom it refuses ------------------------------------------------------------------------


def test_it_says_what_it_will_do_and_a_dry_run_touches_nothing(old: Path) -> None:
    before = content(old)
    done = wicketgate("upgrade", old, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        f"from form 1 to form {FORM}",
        "1. snapshots",
        "2. parts",
        "3. commit",
        "4. form",
        "MiB",
        "Nothing was touched",
    ):
        assert words in done.stdout
    assert content(old) == before


def test_a_directory_of_this_form_is_left_alone(upgraded: Path) -> None:
    before = content(upgraded)
    done = wicketgate("upgrade", upgraded)
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing to do" in done.stdout
    assert content(upgraded) == before


def test_an_older_directory_is_served_after_an_upgrade_alone(old: Path) -> None:
    before = content(old)
    done = wicketgate("serve", old, "--port", "0")
    assert done.returncode == 2
    assert f"`wicketgate upgrade {old}`" in done.stderr
    assert content(old) == before


@pytest.mark.parametrize("command", [("serve",), ("upgrade",), ("upgrade", "--dry-run")])
def test_a_later_directory_is_refused_with_both_forms(old: Path, command: tuple[str, ...]) -> None:
    write_form(old, DirectoryForm(form=9))
    before = content(old)
    done = wicketgate(*command, old)
    assert done.returncode == 2
    assert "is of form 9" in done.stderr
    assert f"up to form {FORM}" in done.stderr
    assert content(old) == before


async def test_beside_a_running_gateway_it_is_refused(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment_module, "_LOCK_PATIENCE_S", 0.1)
    lock = Deployment(old).lock()
    before = content(old)
    try:
        with pytest.raises(ConfigurationError, match="another gateway runs"):
            await upgrade(load_settings(old), print)
    finally:
        os.close(lock)
    assert content(old) == before


def test_a_disk_without_room_is_refused_before_anything(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wicketgate.gateway import upgrading

    monkeypatch.setattr(upgrading, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(ConfigurationError, match="make room"):
        upgrading.plan_upgrade(load_settings(old))


def test_version_0_3_refuses_in_words_what_an_upgrade_has_touched(old: Path, tmp_path: Path) -> None:
    archive = subprocess.run(["git", "archive", COMMIT, "src"], capture_output=True, cwd=ROOT, check=False)
    if archive.returncode:
        unmet(f"no commit {COMMIT} in this copy of the repository")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as source:
        source.extractall(tmp_path / "v03")  # noqa: S202 - our own commit

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "wicketgate", "serve", str(old), "--port", "0"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONPATH": str(tmp_path / "v03" / "src")},
        )

    # Behind the first step, the rewritten snapshots, which is three files: the form and the snapshots.
    assert killed_at(_BEHIND_SNAPSHOTS, "upgrade", old).returncode == KILLED
    for _ in range(2):
        before = {name: value for name, value in content(old).items() if not name.startswith("nats/server.")}
        done = run()
        assert done.returncode not in (0, None)
        assert "a snapshot is not of this version" in done.stderr
        after = {name: value for name, value in content(old).items() if not name.startswith("nats/server.")}
        assert after == before
        upgrade_in_place(old)


# --- kills ----------------------------------------------------------------------------------------------------

_IN_A_FILE = 6
"""Points of one file: two syncs and a rename, each before and behind."""
_BEHIND_SNAPSHOTS = 3 * _IN_A_FILE


def interrupted(folder: Path) -> None:
    """Assert that a directory whose upgrade was killed is not served, and that the log is whole."""
    found = read_form(folder)
    if found != DirectoryForm(form=FORM):
        with pytest.raises(ConfigurationError, match="`wicketgate upgrade "):
            Deployment(folder).demand()
    assert verify_folder(folder / "log", key=KEY).ok


def goes_on(folder: Path) -> None:
    """Assert that an upgraded directory has one entry of it, and answers as before."""
    assert [one["operation"] for one in operations(folder)] == ["upgraded"]
    replay = OLD.serve(folder.parent)
    with undecided():
        replay.start()
        try:
            answers_as_before(replay)
        finally:
            replay.stop()
    replay = OLD.serve(folder.parent)
    replay.clock.move(replay.now_us + MINUTE_US)
    replay.start()
    try:
        replay.arrived(WORKED)
        assert [plates_in(batches_of(replay.feed().content)).count(plate) for plate in WORKED] == [1] * len(
            WORKED
        )
    finally:
        replay.stop()


@pytest.mark.slow
def test_killed_again_and_again_it_comes_to_its_end(old: Path) -> None:
    # What was done is not done again, so that each attempt passes fewer points before the same step.
    for point in (2, _IN_A_FILE + 3, _BEHIND_SNAPSHOTS, 60, 95, 110, 120, 1_000):
        ended = killed_at(point, "upgrade", old)
        if ended.returncode == 0:
            break
        assert ended.returncode == KILLED, ended.stderr
        interrupted(old)
    assert point > 60, "no attempt was killed behind its first steps"
    goes_on(old)


@pytest.mark.slow
def test_killed_at_any_point_it_comes_to_its_end(tmp_path: Path) -> None:
    for point in range(1, 1_000, 3):
        base = tmp_path / str(point)
        folder = OLD.unpack(base)
        ended = killed_at(point, "upgrade", folder)
        if ended.returncode == 0:
            break
        assert ended.returncode == KILLED, ended.stderr
        interrupted(folder)
        upgrade_in_place(folder)
        assert read_form(folder) == DirectoryForm(form=FORM)
        assert [one["operation"] for one in operations(folder)] == ["upgraded"]
        assert verify_folder(folder / "log", key=KEY).ok
        if point % 10 == 1:
            goes_on(folder)
        shutil.rmtree(base)
    assert point > 100
