"""`wicketgate receive --images`: images of a bulk feed, fetched many at once, over kills, ends of terms and lies."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bench.harness import WICKETGATE, Running
from tests.matching import plate_image
from tests.running import (
    MET,
    SOURCE,
    act,
    arrived,
    batches_of,
    bearer,
    plates,
    read,
    request,
    rows_of,
    running_with,
    secret_file,
    submit,
    wicketgate,
)
from wicketgate_demo.world import london

CT = london.COUNTER_TERRORISM


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A gateway of its own: its images end."""
    (tmp_path / "base").mkdir()
    with running_with(tmp_path / "base", "") as made:
        yield made


def send(running: Running, wanted: Sequence[str]) -> dict[str, bytes]:
    """Post reads with two images each, and return all images by their SHA-256 once the feed has them."""
    reads, files, images = [], [], []
    for number, plate in enumerate(wanted):
        member = {"patch": f"p{number}", "overview": f"o{number}"}
        reads.append(read(plate, image=member))
        for name, text in ((f"p{number}", plate), (f"o{number}", f"{plate}-{number}")):
            images.append(plate_image(text))
            files.append((name, (f"{name}.png", images[-1], "image/png")))
    form = [("reads", ("reads", json.dumps(reads), "application/json")), *files]
    answer = request("POST", f"{running.url}/v1/reads", files=form, headers=bearer(running, SOURCE))
    assert (answer.status_code, answer.json()["accepted"]) == (200, len(wanted)), answer.text
    arrived(running, CT, wanted)
    return {hashlib.sha256(image).hexdigest(): image for image in images}


def words(running: Running, tmp_path: Path) -> list[str]:
    token = secret_file(tmp_path / "token", running.tokens[MET])
    return [
        *("receive", CT, "--from", running.url, "--token-file", str(token)),
        *("--out", str(tmp_path / "feed.ndjson"), "--images", str(tmp_path / "images")),
        *("--state", str(tmp_path / "state")),
    ]


def kept(folder: Path) -> dict[str, bytes]:
    """Return the images in a folder by the hash in their names."""
    return {path.stem: path.read_bytes() for path in folder.glob("*/*.png")}


def named(tmp_path: Path) -> set[str]:
    """Return the hash of each image that the received rows name."""
    rows = rows_of(batches_of((tmp_path / "feed.ndjson").read_bytes()))
    members = ("patch_image", "overview_image")
    return {row["read"][one]["sha256"] for row in rows for one in members if one in row["read"]}


def test_images_are_fetched_beside_the_rows_and_never_again(running: Running, tmp_path: Path) -> None:
    seen = plates(130, seed=5)
    images = send(running, seen[:120])
    done = wicketgate(*words(running, tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"{len(images)} fetched in" in done.stderr
    folder = tmp_path / "images"
    assert kept(folder) == images
    assert named(tmp_path) == images.keys()
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
        assert not any(plate in str(path) for plate in seen)
    more = send(running, seen[120:])
    done = wicketgate(*words(running, tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"{len(more)} fetched" in done.stderr
    assert kept(folder) == images | more
    done = wicketgate(*words(running, tmp_path))
    assert " 0 fetched" in done.stderr


@pytest.mark.slow
def test_a_folder_that_comes_later_gets_the_images_of_rows_that_are_there(
    running: Running, tmp_path: Path
) -> None:
    images = send(running, plates(5, seed=6))
    without = words(running, tmp_path)
    at = without.index("--images")
    assert wicketgate(*without[:at], *without[at + 2 :]).returncode == 0
    done = wicketgate(*words(running, tmp_path))
    assert done.returncode == 0, done.stderr
    assert kept(tmp_path / "images") == images


@pytest.mark.slow
def test_a_kill_loses_no_image_and_none_is_fetched_twice(running: Running, tmp_path: Path) -> None:
    images: dict[str, bytes] = {}
    for seed in range(8):
        images |= send(running, plates(60, seed=100 + seed))
    folder = tmp_path / "images"
    before = 0
    for share in (0.15, 0.4, 0.7):
        child = subprocess.Popen([*WICKETGATE, *words(running, tmp_path)], stderr=subprocess.PIPE)
        ends = time.monotonic() + 60
        while child.poll() is None and len(list(folder.glob("[!.]*/*.png"))) < share * len(images):
            assert time.monotonic() < ends
            time.sleep(0.001)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL, "it was not killed in the middle"
        found = kept(folder)
        assert before < len(found) < len(images)
        assert all(images[name] == data for name, data in found.items()), "whole images alone have names"
        before = len(found)
    done = wicketgate(*words(running, tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"{len(images) - before} fetched" in done.stderr
    assert kept(folder) == images


@pytest.mark.slow
@pytest.mark.slow
def test_it_goes_on_where_images_are_past_their_term(running: Running, tmp_path: Path) -> None:
    images = send(running, plates(4, seed=7))
    for file in (running.folder / "images" / "tfl").glob("*/*"):
        file.unlink()  # as housekeeping does at the end of their day
    late = send(running, plates(3, seed=8))
    done = wicketgate(*words(running, tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"{len(late)} fetched" in done.stderr
    assert f"{len(images)} past their term" in done.stderr
    assert kept(tmp_path / "images") == late
    again = wicketgate(*words(running, tmp_path))
    assert "past their term" not in again.stderr, "what is gone is asked for once"


def test_another_feeds_folder_is_refused(running: Running, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "cursor.json").write_text('{"feed":"other","batch":3}')
    done = wicketgate(*words(running, tmp_path))
    assert done.returncode == 2
    assert "another feed" in done.stderr


def test_a_revocation_ends_the_fetch(running: Running, tmp_path: Path) -> None:
    send(running, plates(4, seed=9))
    assert submit(running, act("revocation", CT, "r-1"), "tfl/data-protection").status_code == 201
    refs = [{"refs": ["x"]}]
    answer = request(
        "POST", f"{running.url}/v1/feeds/{CT}/images", json=refs[0], headers=bearer(running, MET)
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "revoked")
    assert wicketgate(*words(running, tmp_path)).returncode == 1
