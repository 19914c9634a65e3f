"""What invented devices send, read by the adapters that real devices' payloads go through."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from wicketgate.base.clock import from_datetime, parse_rfc3339
from wicketgate.reads import adapters
from wicketgate.reads.adapters.moments import in_zone
from wicketgate.reads.observations import Keepalive, Observation, Payload
from wicketgate.reads.parse import JSON, RawRead, parse
from wicketgate.reads.plates import read_plate
from wicketgate_demo.cameras.devices import FORMATS, Device, Message, Site, format_of, sends_images
from wicketgate_demo.cameras.devices.makers import FORMATS_OF_MAKERS, ZONE
from wicketgate_demo.world import pictures
from wicketgate_demo.world.traffic import Read
from wicketgate_demo.world.vehicles import invent_vehicle, plate_of, spaced

NOW_US = parse_rfc3339("2026-07-08T12:00:00.123456Z")
WITHOUT_ID = ("tattile", "milesight", "genetec", "bof2")
PUSHED = [name for name, form in FORMATS.items() if form.adapter]


def device(name: str, number: int = 1, *, images: bool = True) -> Device:
    return FORMATS[name].make(Site(number, "cam-7", images, "run1"))


def read_of(number: int = 5, *, flaw: str = "", chance: float = 0.5, plate: str | None = None) -> Read:
    vehicle = invent_vehicle(number, "visitor")
    return Read(number, 1, NOW_US, vehicle.plate if plate is None else plate, vehicle, 0.91, chance, flaw)


def observed(name: str, message: Message) -> list[Observation | Keepalive]:
    payload = Payload(content_type=message.content_type, body=message.body, topic=message.topic)
    found = adapters.parse(FORMATS[name].adapter, payload)
    assert all(isinstance(one, Observation | Keepalive) for one in found)
    return [one for one in found if isinstance(one, Observation | Keepalive)]


def said(name: str, read: Read, *, images: bool = True, number: int = 1) -> list[Observation]:
    messages = device(name, number, images=images).messages(read)
    seen = [one for m in messages for one in observed(name, m) if isinstance(one, Observation)]
    # Of a device that sends no zone the gateway takes the registered one.
    return [
        one
        if one.captured_at.utcoffset() is not None
        else replace(one, captured_at=in_zone(one.captured_at, ZONE))
        for one in seen
    ]


# --- each format ------------------------------------------------------------------------------------------


def test_native_is_what_the_gateway_takes() -> None:
    (message,) = device("native").messages(read_of())
    (row,) = parse(message.body, JSON)
    assert isinstance(row, RawRead)
    assert (row.id, row.camera, read_plate(row.plate)) == ("run1-5", "cam-7", plate_of(5))
    assert from_datetime(row.captured_at) == NOW_US - NOW_US % 1000
    assert (row.confidence, row.lane, row.direction) == (0.91, 2, "towards")
    assert (message.camera, message.topic) == ("", "")


@pytest.mark.parametrize("name", PUSHED)
@given(number=st.integers(min_value=0, max_value=10**6), chance=st.floats(min_value=0, max_value=0.999))
@settings(max_examples=25)
def test_an_adapter_reads_what_the_device_says(name: str, number: int, chance: float) -> None:
    read = read_of(number, chance=chance)
    seen = said(name, read, number=number % 3000)
    last = seen[-1]
    assert last.final
    assert sum(one.final for one in seen) == 1
    form = FORMATS[name]
    texts = {read_plate(one.plate) for one in seen}
    assert read_plate(last.plate) == read.plate
    assert texts <= {read.plate, *device(name).texts(read)}
    assert from_datetime(last.captured_at) == NOW_US - NOW_US % form.step_us
    for one in seen:
        early_us = from_datetime(last.captured_at) - from_datetime(one.captured_at)
        assert 0 <= early_us <= form.slack_us
        assert one.confidence is None or one.confidence <= read.confidence + 1e-9
    assert all(mark in ("confidence-unknown", "image-missing") for one in seen for mark in one.marks)


@pytest.mark.parametrize("name", ["axis", "frigate"])
def test_one_vehicle_has_one_name_in_all_its_messages(name: str) -> None:
    first, second = said(name, read_of(5)), said(name, read_of(6))
    assert len(first) > 2
    assert len({one.tracked for one in first}) == len({one.tracked for one in second}) == 1
    assert first[0].tracked != second[0].tracked


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_read_makes_the_same_messages_and_a_repeat_ends_as_they_do(name: str) -> None:
    own = device(name)
    messages = own.messages(read_of())
    assert messages == own.messages(read_of()) == device(name).messages(read_of())
    again = own.messages(read_of(flaw="repeat"))
    if name == "hikvision":
        (first,), (second,) = (_bodies(messages), _bodies(again))
        assert second == first.replace(b"Retransmission>false", b"Retransmission>true")
    else:
        assert again == messages[-len(again) :]
        assert len(again) == 1


def _bodies(messages: tuple[Message, ...]) -> list[bytes]:
    return [re.sub(rb"Content-Length: \d+", b"", message.body) for message in messages]


@pytest.mark.parametrize("name", [name for name in PUSHED if FORMATS[name].credential != "mqtt"])
def test_ids_of_a_device_are_distinct_and_its_own(name: str) -> None:
    ids = [one.id for n in range(1, 60) for one in said(name, read_of(n), images=False)[-1:]]
    assert None not in ids or name.startswith("viewtron") or name in WITHOUT_ID
    elsewhere = said(name, read_of(1), images=False, number=2)[-1].id
    known = [one for one in ids if one is not None]
    assert elsewhere is None or elsewhere not in known or name in ("platerecognizer", "viewtron-ipc")


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.clumsy and form.adapter])
def test_what_is_wrong_on_purpose_is_said(name: str) -> None:
    assert not isinstance(read_plate(said(name, read_of(), images=False)[0].plate), type(None))
    empty = said(name, read_of(flaw="plate-empty", plate=""), images=False)
    assert read_plate(empty[0].plate) not in (plate_of(5),)
    (message,) = device(name).messages(read_of(flaw="unknown-camera"))
    assert message.camera == "not-in-any-list"


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("hikvision", {"patch", "overview"}),
        ("platerecognizer", {"overview"}),
        ("viewtron-ipc", {"patch", "overview"}),
        ("viewtron-nvr", {"patch", "overview"}),
        ("axis", set()),
        ("frigate", set()),
    ],
)
def test_pictures_come_with_the_read_and_are_pictures(name: str, kinds: set[str]) -> None:
    images = said(name, read_of())[-1].images
    assert set(images) == kinds
    for kind, data in images.items():
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            assert picture.format == "JPEG"
            assert picture.size == (pictures.PATCH_SIZE if kind == "patch" else pictures.OVERVIEW_SIZE)
    assert not said(name, read_of(), images=False)[-1].images


def test_a_picture_shows_the_plate_as_it_is_and_not_as_it_was_read() -> None:
    right, wrong = read_of(5), read_of(5, plate="XX99XXX")
    assert said("viewtron-ipc", right)[0].images["patch"] == said("viewtron-ipc", wrong)[0].images["patch"]
    assert said("viewtron-ipc", right)[0].plate != said("viewtron-ipc", wrong)[0].plate


@pytest.mark.parametrize("name", FORMATS)
def test_a_sign_of_life_holds_no_read(name: str) -> None:
    message = device(name).keepalive(NOW_US)
    if message is None:
        assert name not in ("viewtron-ipc", "viewtron-nvr", "hikvision")
        return
    assert all(isinstance(one, Keepalive) for one in observed(name, message))
    assert message.camera == "cam-7"


def test_no_message_holds_the_truth_but_in_its_picture() -> None:
    read = read_of(5, plate="XX99XXX")
    for name in FORMATS:
        for message in device(name).messages(read):
            assert plate_of(5).encode() not in message.body.upper()


# --- who speaks what --------------------------------------------------------------------------------------


def test_each_camera_speaks_one_format_for_ever() -> None:
    seldom = range(20, 20 + len(FORMATS_OF_MAKERS))
    assert [format_of(n) for n in range(400)] == [
        format_of(n % 100) if n % 100 in seldom else format_of(n % 20) for n in range(400)
    ]
    assert [format_of(n) for n in seldom] == [one.name for one in FORMATS_OF_MAKERS]
    shares = Counter(format_of(n) for n in range(20))
    assert shares == {
        "native": 6,
        "hikvision": 4,
        "axis": 3,
        "platerecognizer": 2,
        "viewtron-ipc": 2,
        "frigate": 2,
        "viewtron-nvr": 1,
    }
    assert sum(sends_images(n) for n in range(20)) == 5


def test_where_formats_are_restricted_the_others_speak_one_of_them() -> None:
    assert {format_of(n, ("axis", "hikvision")) for n in range(100)} == {"axis", "hikvision"}
    assert {format_of(n, ("frigate",)) for n in range(100)} == {"frigate"}
    assert all(format_of(n, ("axis", "native")) == "axis" for n in range(400) if format_of(n) == "axis")


# --- pictures ---------------------------------------------------------------------------------------------


@given(st.integers(min_value=0, max_value=10**8))
@settings(max_examples=30)
def test_a_plate_can_be_told_from_its_picture(number: int) -> None:
    plate = plate_of(number)
    data = pictures.patch(plate, "device 1")
    assert 1000 <= len(data) <= 3000
    with Image.open(io.BytesIO(data)) as picture:
        points = picture.convert("L")
    left = 8
    for character in spaced(plate):
        dots = tuple(
            sum((points.getpixel((left + 4 + 2 * n, 12 + 5 * row)) < 128) << (4 - n) for n in range(5))
            for row in range(7)
        )
        if character == " ":
            left += 8
            continue
        # Some letters have the dots of others and more: what is shown is exactly this one's.
        assert dots == pictures._FONT[character]
        left += 16


def test_pictures_of_different_reads_differ_and_hold_no_text_of_the_plate() -> None:
    plate = plate_of(5)
    assert pictures.patch(plate, "device 1") != pictures.patch(plate, "device 2")
    assert plate.encode() not in pictures.patch(plate, "device 1")
    scenes = [pictures.overview(number, "device 1") for number in range(pictures.SCENES)]
    assert len(set(scenes)) == pictures.SCENES
    assert max(map(len, scenes)) <= 5000
    assert scenes[0] == pictures.overview(pictures.SCENES, "device 1")
    for data in scenes:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            assert picture.size == pictures.OVERVIEW_SIZE


def test_a_message_is_json_where_its_type_says_so() -> None:
    for name in FORMATS:
        for message in device(name).messages(read_of()):
            if message.content_type == "application/json" or message.topic:
                json.loads(message.body)
