"""Viewtron and TVT: a table of payloads and what they become."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.adapter_strategies import OVERVIEW, PATCH, Edits, read, vector, with_images
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import parse
from wicketgate.reads.observations import Keepalive, Observation, Payload, Unreadable

AT = datetime.fromisoformat("2026-07-04T07:15:02.252+00:00")
CAMERA = Observation(
    cameras=("I0000000001", "02:00:5e:20:00:01", "IPC"),
    captured_at=AT,
    plate="AB12CDE",
    confidence=0.95,
    id="viewtron:I0000000001:1783149302252000:#0",
    direction="towards",
    images={"patch": PATCH, "overview": OVERVIEW},
    marks=("confidence-scale-assumed",),
)
RECORDER = Observation(
    cameras=("02:00:5E:20:00:02-2", "02:00:5E:20:00:02", "192.0.2.60-2", "192.0.2.60", "Depot"),
    captured_at=AT,
    plate="AB12CDE",
    id="viewtron:02:00:5E:20:00:02-2:1783149302252000:104",
    vehicle={"make": "GMC", "model": "GMC_SAVANA", "colour": "white", "kind": "mpv"},
    images={"patch": PATCH, "overview": OVERVIEW},
    marks=("confidence-unknown",),
)
NO_DEVICE = {
    '<mac type="string"><![CDATA[02:00:5e:20:00:01]]></mac>': "",
    '<sn type="string"><![CDATA[I0000000001]]></sn>': "",
    '<deviceName type="string"><![CDATA[IPC]]></deviceName>': "",
}
COUNTED = '<currentTime type="tint64">1783149302252000</currentTime>'

READS: dict[str, tuple[str, Edits, dict[str, Any]]] = {
    "camera": ("camera", {}, {}),
    "spelt right": ("camera", {"VEHICE<": "VEHICLE<"}, {}),
    "no namespace": ("camera", {' xmlns="http://www.ipc.com/ver10"': ""}, {}),
    "no name of the device": ("camera", NO_DEVICE, {"cameras": (), "id": None}),
    "milliseconds": (
        "camera",
        {"1783149302252000": "1783149302252"},
        {"id": "viewtron:I0000000001:1783149302252:#0"},
    ),
    "seconds: no id, for two cars may have it": (
        "camera",
        {"1783149302252000": "1783149302"},
        {"id": None, "captured_at": AT.replace(microsecond=0)},
    ),
    "a text, no zone": (
        "camera",
        {COUNTED: "<dataTime><![CDATA[2026-07-04 08:15:02]]></dataTime>"},
        {"id": None, "captured_at": datetime.fromisoformat("2026-07-04T08:15:02")},
    ),
    "a text, month first without doubt": (
        "camera",
        {COUNTED: "<dataTime><![CDATA[07-14-2026 12:15:02 PM]]></dataTime>"},
        {"id": None, "captured_at": datetime.fromisoformat("2026-07-14T12:15:02")},
    ),
    "leaving": ("camera", {"approach": "leave"}, {"direction": "away"}),
    "confidence in percent": ("camera", {">0.95<": ">95<"}, {}),
    "confidence of no scale": (
        "camera",
        {">0.95<": ">997<"},
        {"confidence": None, "marks": ("confidence-off-scale",)},
    ),
    "empty plate": ("camera", {"AB12CDE": ""}, {"plate": ""}),
    "yellow in front": (
        "camera",
        {"AB12CDE": "yellow AB12CDE"},
        {"marks": ("colour-prefix-removed", "confidence-scale-assumed")},
    ),
    "pictures that are none": (
        "camera",
        {"PATCH": "BASE64_JPEG_PLATE_CROP"},
        {"images": {"overview": OVERVIEW}, "marks": ("confidence-scale-assumed", "image-missing")},
    ),
    "recorder": ("recorder", {}, {}),
    "recorder without channels": (
        "recorder",
        {"<channelId>2</channelId>": ""},
        {
            "cameras": ("02:00:5E:20:00:02", "192.0.2.60", "Depot"),
            "id": "viewtron:02:00:5E:20:00:02:1783149302252000:104",
        },
    ),
    "vehicle unknown": (
        "recorder",
        {">GMC<": ">unknown<", ">mpv<": "><"},
        {"vehicle": {"model": "GMC_SAVANA", "colour": "white"}},
    ),
}


def payload(which: str, edits: Edits | None = None) -> Payload:
    return Payload(
        content_type="application/soap+xml", body=with_images(vector(f"viewtron_{which}.xml", edits))
    )


@pytest.mark.parametrize(("which", "edits", "changed"), READS.values(), ids=READS)
def test_reads(which: str, edits: Edits, changed: dict[str, Any]) -> None:
    seen = CAMERA if which == "camera" else RECORDER
    assert parse("viewtron", payload(which, edits)) == (replace(seen, **changed),)


UNREADABLE: dict[str, tuple[str, Edits, str]] = {
    "twenty digits": ("recorder", {"1783149302252000": "18445822972087551616"}, "malformed"),
    "a date of two readings": (
        "camera",
        {COUNTED: "<dataTime>03-04-2026 12:15:11 PM</dataTime>"},
        "time-ambiguous",
    ),
    "no time": ("camera", {COUNTED: ""}, "malformed"),
    "no plate": ("camera", {"plateNumber": "number"}, "malformed"),
}


@pytest.mark.parametrize(("which", "edits", "code"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read(which: str, edits: Edits, code: str) -> None:
    (one,) = parse("viewtron", payload(which, edits))
    assert isinstance(one, Unreadable)
    assert one.code == code
    assert one.cameras == (CAMERA if which == "camera" else RECORDER).cameras
    assert not any(len(text) > 64 for text in one.kept.values())


def test_several_plates_keep_their_own_crops_and_no_frame() -> None:
    text = vector("viewtron_recorder.xml").decode()
    start, end = text.index("<item>"), text.index("</item>") + len("</item>")
    item = text[start:end]
    second = (
        item.replace("104", "105").replace("AB12CDE", "CD34EFG").replace("PATCH", "none at all, but long")
    )
    body = with_images((text[:end] + second + text[end:]).encode())
    first, other = parse("viewtron", Payload(content_type="", body=body))
    assert isinstance(first, Observation)
    assert isinstance(other, Observation)
    assert (first.plate, first.images) == ("AB12CDE", {"patch": PATCH})
    assert (other.plate, other.images) == ("CD34EFG", {})
    assert first.id != other.id
    assert all("image-missing" in one.marks for one in (first, other))


KEEPALIVES = {
    "a camera's": (vector("viewtron_camera_keepalive.xml"), "N0000000001"),
    "a recorder's": (vector("viewtron_recorder_keepalive.xml"), "02:00:5E:20:00:02"),
    "another event": (vector("viewtron_camera.xml", {"VEHICE<": "PEA<", "plateNumber": "n"}), "I0000000001"),
    "a state": (b"<config><alarmStatusInfo/><deviceInfo><sn>s-1</sn></deviceInfo></config>", "s-1"),
}


@pytest.mark.parametrize(("body", "camera"), KEEPALIVES.values(), ids=KEEPALIVES)
def test_keepalives(body: bytes, camera: str) -> None:
    (one,) = parse("viewtron", Payload(content_type="application/xml", body=body))
    assert isinstance(one, Keepalive)
    assert one.cameras[0] == camera


def test_an_empty_body_is_a_keepalive() -> None:
    assert parse("viewtron", Payload(content_type="", body=b"")) == (Keepalive(),)


@pytest.mark.parametrize(
    "body", [b"words", b"{}", b"<a/>", b"<config>", b"--b\r\n\r\n<config/>\r\n--b\r\n\r\n\r\n--b--"]
)
def test_what_is_not_of_this_form(body: bytes) -> None:
    with pytest.raises(InputError):
        read("viewtron", Payload(content_type="", body=body))
