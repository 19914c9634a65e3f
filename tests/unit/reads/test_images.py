"""Images: what is one, where it lies, who may name it, and when it ends."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import re
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore

from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.periods import parse_period
from wicketgate.reads.images.references import (
    MAX_BYTES,
    StoredImage,
    fault,
    make_ref,
    media_type_of,
    open_ref,
)
from wicketgate.reads.images.store import Images

NOON_US = parse_rfc3339("2026-07-08T12:00:00Z")
SECRET = b"k" * 32
JPEG = b"\xff\xd8\xff\xe0" + b"j" * 3000
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 30
NAME = "tfl/20260708/" + "0123456789abcdef" * 2

names = st.builds(
    lambda source, day, number: f"{source}/{day:08d}/{number:032x}",
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,63}", fullmatch=True),
    st.integers(0, 99_999_999),
    st.integers(0, (1 << 128) - 1),
)


@pytest.fixture
async def images(tmp_path: Path) -> AsyncIterator[Images]:
    made = Images(tmp_path / "images", SECRET, tmp_path / "image-keys")
    yield made
    await made.close()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


# --- what is an image -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (JPEG, "image/jpeg"),
        (PNG, "image/png"),
        (b"", None),
        (b"\xff\xd8", None),
        (b"GIF89a", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b" " + JPEG, None),
        (b"\x89PNG\r\n\x1a", None),
    ],
)
def test_an_image_is_known_by_its_first_bytes(body: bytes, media_type: str | None) -> None:
    assert media_type_of(body) == media_type
    assert (fault("patch", body) is None) == (media_type is not None)


def test_each_kind_has_its_largest_size() -> None:
    assert MAX_BYTES == {"patch": 512 * 1024, "overview": 4 * 1024 * 1024}
    for kind, most in MAX_BYTES.items():
        assert fault(kind, JPEG[:4] + bytes(most - 4)) is None
        assert "larger" in (fault(kind, JPEG[:4] + bytes(most - 3)) or "")


# --- texts and references ---------------------------------------------------------------------------------


def test_the_text_of_a_stored_image_is_read_again() -> None:
    stored = StoredImage(name=NAME, sha256="ab" * 32, media_type="image/png", size=3012)
    assert stored.text() == f"{NAME} {'ab' * 32} image/png 3012"
    assert StoredImage.parse(stored.text()) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        NAME,
        f"{NAME} {'ab' * 32} image/gif 1",
        f"{NAME} {'AB' * 32} image/png 1",
        f"../{NAME} {'ab' * 32} image/png 1",
        f"{NAME} {'ab' * 32} image/png 1\n",
        f"{NAME} {'ab' * 32} image/png -1",
    ],
)
def test_what_is_no_text_of_a_stored_image(text: str) -> None:
    with pytest.raises(InputError):
        StoredImage.parse(text)


@given(names)
def test_a_reference_is_good_for_one_authority(name: str) -> None:
    ref = make_ref(SECRET, "tfl-met-ct", name)
    assert open_ref(SECRET, "tfl-met-ct", ref) == name
    assert re.fullmatch(r"[A-Za-z0-9_-]{139}", ref)
    for secret, authority in ((SECRET, "tfl-charging"), (SECRET, ""), (b"x" * 32, "tfl-met-ct")):
        with pytest.raises(InputError):
            open_ref(secret, authority, ref)
    assert make_ref(SECRET, "tfl-charging", name)[:20] != ref[:20]


def test_a_reference_tells_neither_source_nor_day() -> None:
    one, other = (make_ref(SECRET, "a", name) for name in (NAME, NAME[:-1] + "0"))
    assert len(one) == len(make_ref(SECRET, "a", NAME.replace("tfl", "x" * 64)))
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 30


@given(st.text(max_size=220) | st.from_regex(r"[A-Za-z0-9_-]{139}", fullmatch=True))
def test_any_text_is_no_reference(text: str) -> None:
    with pytest.raises(InputError):
        open_ref(SECRET, "a", text)


def test_a_changed_reference_is_none() -> None:
    ref = make_ref(SECRET, "a", NAME)
    for at in range(0, len(ref) - 1, 7):
        changed = ref[:at] + ("A" if ref[at] != "A" else "B") + ref[at + 1 :]
        with pytest.raises(InputError):
            open_ref(SECRET, "a", changed)


@pytest.mark.parametrize(
    "name", ["", "tfl", "../../etc/passwd", NAME + "0", NAME.upper(), "tfl/2026/" + "0" * 32]
)
def test_what_is_no_name_has_no_reference(name: str) -> None:
    with pytest.raises(InputError):
        make_ref(SECRET, "a", name)


# --- the store --------------------------------------------------------------------------------------------


async def test_an_image_is_found_again(images: Images, tmp_path: Path) -> None:
    stored = await images.put("tfl", JPEG, NOON_US)
    assert re.fullmatch(r"tfl/20260708/[0-9a-f]{32}", stored.name)
    assert (stored.sha256, stored.media_type, stored.size) == (
        hashlib.sha256(JPEG).hexdigest(),
        "image/jpeg",
        len(JPEG),
    )
    assert await images.get(stored.name) == JPEG
    ref = make_ref(SECRET, "a", stored.name)
    assert await images.find("a", ref) == JPEG
    assert await images.find("b", ref) is None
    assert await images.get(NAME) is None
    assert await images.get("../keys/log.pem") is None
    assert stat.S_IMODE((tmp_path / "images").stat().st_mode) == 0o700


async def test_the_same_image_twice_has_two_names(images: Images) -> None:
    one, other = await asyncio.gather(images.put("tfl", PNG, NOON_US), images.put("tfl", PNG, NOON_US))
    assert one.name != other.name
    assert one.sha256 == other.sha256


async def test_many_at_once_share_the_syncs(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    sync = images._sync
    monkeypatch.setattr(images, "_sync", lambda: (syncs.append(1), sync()))
    bodies = [JPEG + bytes([number]) for number in range(200)]
    stored = await asyncio.gather(*(images.put("tfl", body, NOON_US) for body in bodies))
    for body, one in zip(bodies, stored, strict=True):
        assert await images.get(one.name) == body
    assert len(syncs) <= 5


async def test_what_cannot_be_stored_is_said(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(images, "_sync", full)
    with pytest.raises(StreamError) as caught:
        await images.put("tfl", JPEG, NOON_US)
    assert caught.value.code == "stream-full"
    monkeypatch.undo()
    assert await images.get((await images.put("tfl", JPEG, NOON_US)).name) == JPEG


async def test_what_waits_is_bounded(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wicketgate.reads.images.store._MAX_WAITING", len(JPEG))
    tasks = [asyncio.create_task(images.put("tfl", JPEG, NOON_US)) for _ in range(3)]
    done = await asyncio.gather(*tasks, return_exceptions=True)
    failed = [error for error in done if isinstance(error, StreamError)]
    assert failed
    assert {error.code for error in failed} == {"busy"}


async def test_nobody_waiting_stores_it_all_the_same(images: Images, tmp_path: Path) -> None:
    task = asyncio.create_task(images.put("tfl", JPEG, NOON_US))
    await asyncio.sleep(0)
    task.cancel()
    await images.close()
    assert len(files(tmp_path / "images")) == 1


# --- the end of images ------------------------------------------------------------------------------------


@pytest.mark.parametrize("outside", [False, True], ids=["folder", "store of objects"])
async def test_images_go_with_their_day(tmp_path: Path, outside: bool) -> None:
    store = MemoryStore() if outside else None
    images = Images(tmp_path / "images", SECRET, tmp_path / "image-keys", store)
    retention = {"tfl": parse_period("P28D"), "hackney": parse_period("P1D"), "nobody": parse_period("P1D")}
    first = await images.put("tfl", JPEG, NOON_US)
    next_day = await images.put("tfl", JPEG, NOON_US + DAY_US)
    other = await images.put("hackney", PNG, NOON_US)
    unknown = await images.put("camden", PNG, NOON_US)
    ends_us = parse_rfc3339("2026-07-09T00:00:00Z") + 28 * DAY_US
    assert await images.purge(retention, parse_rfc3339("2026-07-10T00:00:00Z") - 1) == 0
    assert await images.purge(retention, parse_rfc3339("2026-07-10T00:00:00Z")) == 1
    assert await images.get(other.name) is None
    assert await images.purge(retention, ends_us - 1) == 0
    assert await images.due(retention, ends_us - 1) == []
    assert await images.get(first.name) == JPEG
    assert await images.due(retention, ends_us + DAY_US) == [
        ("tfl", ends_us - 28 * DAY_US, 1),
        ("tfl", ends_us - 27 * DAY_US, 1),
    ]
    assert await images.purge(retention, ends_us) == 1
    assert await images.get(first.name) is None
    assert await images.get(next_day.name) == JPEG
    assert await images.get(unknown.name) == PNG
    assert await images.purge(retention, ends_us) == 0


async def test_what_a_kill_left_half_written_goes_with_its_day(images: Images, tmp_path: Path) -> None:
    await images.put("tfl", JPEG, NOON_US)
    day = tmp_path / "images" / "tfl" / "20260708"
    (day / ("0" * 32 + "#1")).write_bytes(b"half")
    (day.parent / "no-day").mkdir()
    (day.parent / "99999999").mkdir()
    assert await images.purge({"tfl": parse_period("P1D")}, NOON_US + 3 * DAY_US) == 1
    assert not day.exists()


async def test_a_store_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = Images(tmp_path / "images", SECRET, tmp_path / "image-keys")

    async def broken(*_: object, **__: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(obstore, "get_async", broken)
    monkeypatch.setattr(obstore, "list_with_delimiter_async", broken)
    with pytest.raises(StreamError):
        await images.get(NAME)
    with pytest.raises(StreamError):
        await images.purge({"tfl": parse_period("P1D")}, NOON_US)
