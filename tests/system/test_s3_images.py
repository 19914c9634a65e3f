"""Images in an S3 store, by a real server of one: what is stored, found, ended, and what an outage leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.harness import Running
from tests.matching import plate_image
from tests.objects import Store, objects, settings_of, table_of
from tests.running import MET, bearer, feed, plates, request, rows_of, running_with, wicketgate
from tests.system.test_receive_images import CT, kept, send, words
from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.errors import StreamError
from wicketgate.base.periods import parse_period
from wicketgate.reads.images.references import make_ref
from wicketgate.reads.images.store import Images, open_s3

SECRET = b"k" * 32
NOON_US = parse_rfc3339("2026-07-08T12:00:00Z")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A server that tells its makers nothing."""
    with objects(tmp_path_factory.mktemp("s3")) as running:
        yield running


async def test_what_is_stored_is_found_and_ends_with_its_day(store: Store, tmp_path: Path) -> None:
    images = Images(tmp_path / "images", SECRET, tmp_path / "keys", open_s3(settings_of(store, "one")))
    assert not (tmp_path / "images").exists()
    bodies = [plate_image(f"N{number}") for number in range(80)]
    stored = await asyncio.gather(*(images.put("tfl", body, NOON_US) for body in bodies))
    later = await images.put("tfl", bodies[0], NOON_US + DAY_US)
    for one, body in zip(stored, bodies, strict=True):
        assert await images.get(one.name) == body
    assert await images.find("a", make_ref(SECRET, "a", stored[0].name)) == bodies[0]
    plain = open_s3(settings_of(store, "one"))
    assert plain is not None
    lying = bytes(plain.get(stored[0].name).bytes())
    assert bodies[0] not in lying, "what lies there is encrypted"
    keep = {"tfl": parse_period("P1D")}
    assert await images.purge(keep, NOON_US + DAY_US) == 0
    assert await images.purge(keep, NOON_US + 2 * DAY_US) == 1
    assert [await images.get(one.name) for one in stored] == [None] * len(stored)
    left = [item["path"] for some in plain.list() for item in some]
    assert left == [later.name]
    await images.close()


async def test_a_wrong_secret_stores_nothing(store: Store, tmp_path: Path) -> None:
    wrong = open_s3(settings_of(store, "two", key="another"))
    images = Images(tmp_path / "images", SECRET, tmp_path / "keys", wrong)
    with pytest.raises(StreamError):
        await images.put("tfl", plate_image("KLM3"), NOON_US)
    await images.close()


@pytest.fixture
def running(store: Store, tmp_path: Path) -> Iterator[Running]:
    """A gateway with its images in the store."""
    base = tmp_path / "base"
    base.mkdir()
    table = table_of(store.endpoint, tmp_path, tmp_path.name)
    with running_with(base, table) as made:
        yield made


def test_a_gateway_keeps_its_images_there(running: Running, store: Store, tmp_path: Path) -> None:
    images = send(running, plates(20, seed=11))
    assert not [path for path in (running.folder / "images").rglob("*") if path.is_file()]
    running.stop()
    running.start()
    done = wicketgate(*words(running, tmp_path))
    assert done.returncode == 0, done.stderr
    assert kept(tmp_path / "images") == images


@pytest.mark.slow
def test_an_outage_is_no_end_of_a_term(running: Running, store: Store, tmp_path: Path) -> None:
    images = send(running, plates(3, seed=12))
    store.kill()
    asked = {"refs": ["x"]}
    path = f"{running.url}/v1/feeds/{CT}/images"
    assert request("POST", path, json=asked, headers=bearer(running, MET)).status_code == 200, (
        "none was meant"
    )
    refs = [
        row["read"][member]["ref"]
        for row in rows_of(feed(running, CT))
        for member in ("patch_image", "overview_image")
        if member in row["read"]
    ]
    assert len(refs) == len(images)
    gone = request("POST", path, json={"refs": refs}, headers=bearer(running, MET))
    assert (gone.status_code, gone.json()["code"]) == (503, "streams-unavailable"), (
        "away is not past its term"
    )
