"""Hikvision: a table of payloads and what they become."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.adapter_strategies import OVERVIEW, PATCH, Edits, Form, form, read, vector
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import parse
from wicketgate.reads.observations import Keepalive, Observation, Payload, Unreadable

SEEN = Observation(
    cameras=("02:00:5e:10:00:01-1", "02:00:5e:10:00:01", "192.0.2.21-1", "192.0.2.21", "Network Camera"),
    captured_at=datetime.fromisoformat("2026-07-04T08:15:02+01:00"),
    plate="AB12CDE",
    confidence=0.93,
    id="hikvision:02:00:5e:10:00:01-1:7d3a0f60-0001",
    lane=2,
    direction="towards",
    vehicle={"colour": "blue", "kind": "SUVMPV"},
    marks=("image-missing",),
)
NAMESPACE = "http://www.isapi.org/ver20/XMLSchema"

READS: dict[str, tuple[Edits, dict[str, Any]]] = {
    "as it is": ({}, {}),
    "the older namespace": ({NAMESPACE: "http://www.hikvision.com/ver20/XMLSchema"}, {}),
    "the oldest namespace": ({NAMESPACE: "http://www.std-cgi.com/ver20/XMLSchema"}, {}),
    "no namespace": ({f' xmlns="{NAMESPACE}"': ""}, {}),
    "two namespaces": ({"<ANPR>": '<ANPR xmlns="http://www.hikvision.com/ver20/XMLSchema">'}, {}),
    "a prefix": ({"<ANPR>": '<h:ANPR xmlns:h="x">', "</ANPR>": "</h:ANPR>"}, {}),
    "other capitals": ({"licensePlate>": "LicensePlate>", "ANPR>": "anpr>"}, {}),
    "a misspelt tag": ({"licensePlate>": "licencePlate>"}, {}),
    "a clock in 2034": (
        {"2026-07-04T08": "2034-07-04T08"},
        {"captured_at": datetime.fromisoformat("2034-07-04T08:15:02+01:00")},
    ),
    "+08:00 in Turkey": (
        {"+01:00": "+08:00"},
        {"captured_at": datetime.fromisoformat("2026-07-04T08:15:02+08:00")},
    ),
    "no zone": ({"+01:00": ""}, {"captured_at": datetime.fromisoformat("2026-07-04T08:15:02")}),
    "no time but the pictures'": (
        {"<dateTime>2026-07-04T08:15:02+01:00</dateTime>": ""},
        {"captured_at": datetime.fromisoformat("2026-07-04T08:15:02.123")},
    ),
    "empty plate": ({"AB12CDE": ""}, {"plate": ""}),
    "unknown plate": ({"AB12CDE": "Unknown"}, {"plate": "Unknown"}),
    "Cyrillic, dots and spaces": ({"AB12CDE": "А 123.ВС"}, {"plate": "А 123.ВС"}),
    "colour before it": (
        {"AB12CDE": "黄AB12CDE"},
        {"plate": "AB12CDE", "marks": ("colour-prefix-removed", "image-missing")},
    ),
    "colour as a word": (
        {"AB12CDE": "Yellow AB12CDE"},
        {"plate": "AB12CDE", "marks": ("colour-prefix-removed", "image-missing")},
    ),
    "sent again": (
        {"Retransmission>false": "Retransmission>true"},
        {"marks": ("image-missing", "retransmitted")},
    ),
    "reverse": ({"forward": "reverse"}, {"direction": "away"}),
    "direction unknown": ({"forward": "unknown"}, {"direction": None}),
    "no confidence but each character's": (
        {"<confidenceLevel>93</confidenceLevel>": ""},
        {"confidence": 0.93},
    ),
    "no confidence at all": (
        {"<confidenceLevel>93</confidenceLevel>": "", "99,98,93,97,99,99,99": ""},
        {"confidence": None, "marks": ("confidence-unknown", "image-missing")},
    ),
    "confidence of 999": (
        {"Level>93": "Level>930"},
        {"confidence": None, "marks": ("confidence-off-scale", "image-missing")},
    ),
    "confidence with a sign": ({"Level>93": "Level>93%"}, {"confidence": 0.93}),
    "a serial number": (
        {"<channelName>": "<deviceUUID>DS-1 0001</deviceUUID><deviceID>88</deviceID><channelName>"},
        {"cameras": (*SEEN.cameras[:2], "DS-1 0001", "88", *SEEN.cameras[2:])},
    ),
    "no address of its own": (
        {"<macAddress>02:00:5e:10:00:01</macAddress>": ""},
        {"cameras": SEEN.cameras[2:], "id": "hikvision:192.0.2.21-1:7d3a0f60-0001"},
    ),
    "a channel of a recorder": (
        {"<channelID>1<": "<channelID>33<"},
        {
            "cameras": tuple(name.replace("-1", "-33") for name in SEEN.cameras),
            "id": "hikvision:02:00:5e:10:00:01-33:7d3a0f60-0001",
        },
    ),
    "no id": ({"<UUID>7d3a0f60-0001</UUID>": ""}, {"id": None}),
    "no pictures": (
        {"<picNum>2": "<picNum>0", "<pictureInfo>": "<other>", "</pictureInfo>": "</other>"},
        {"marks": ()},
    ),
    "codes of makes": ({"<vehileModel>0": "<vehileModel>14"}, {}),
}


def alert(edits: Edits | None = None) -> bytes:
    return vector("hikvision_alert.xml", edits)


@pytest.mark.parametrize(("edits", "changed"), READS.values(), ids=READS)
def test_reads(edits: Edits, changed: dict[str, Any]) -> None:
    parsed = parse("hikvision", Payload(content_type="application/xml", body=alert(edits)))
    assert parsed == (replace(SEEN, **changed),)


UNREADABLE: dict[str, tuple[Edits, str]] = {
    "a date of two readings": ({"2026-07-04T08:15:02+01:00": "04/07/2026 08:15:02"}, "time-ambiguous"),
    "a date of no reading": ({"2026-07-04T08:15:02+01:00": "soon", "absTime": "otherTime"}, "malformed"),
    "no plate": ({"licensePlate>": "number>"}, "malformed"),
    "no passage": ({"<ANPR>": "<passage>", "</ANPR>": "</passage>"}, "malformed"),
}


@pytest.mark.parametrize(("edits", "code"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read(edits: Edits, code: str) -> None:
    if code == "time-ambiguous":
        edits = {**edits, "absTime": "otherTime"}
    (one,) = parse("hikvision", Payload(content_type="", body=alert(edits)))
    assert isinstance(one, Unreadable)
    assert (one.code, one.cameras) == (code, SEEN.cameras)
    assert "AB12CDE" not in one.detail
    assert one.kept["id"] == "7d3a0f60-0001"


def test_json() -> None:
    (one,) = parse("hikvision", Payload(content_type="application/json", body=vector("hikvision_alert.json")))
    assert one == Observation(
        cameras=(
            *("02:00:5e:10:00:02-1", "02:00:5e:10:00:02", "north-1"),
            *("192.0.2.22-1", "192.0.2.22", "IP CAPTURE CAMERA"),
        ),
        captured_at=datetime.fromisoformat("2026-07-04T08:15:02+08:00"),
        plate="A12345",
        confidence=0.0,
        id="hikvision:02:00:5e:10:00:02-1:7d3a0f60-0002",
        lane=1,
        vehicle={"colour": "white"},
        marks=("colour-prefix-removed", "image-missing"),
    )
    wrapped = b'{"EventNotificationAlert": %b}' % vector("hikvision_alert.json")
    assert parse("hikvision", Payload(content_type="", body=wrapped)) == (one,)


@pytest.mark.parametrize(
    "body",
    [vector("hikvision_heartbeat.xml"), b'{"eventType": "VMD", "macAddress": "02:00:5e:10:00:01"}'],
)
def test_other_events(body: bytes) -> None:
    (one,) = parse("hikvision", Payload(content_type="", body=body))
    assert isinstance(one, Keepalive)
    assert "02:00:5e:10:00:01" in one.cameras


XML = ("anpr.xml", "anpr.xml", "text/xml", alert())
LP = ("licensePlatePicture.jpg", "licensePlatePicture.jpg", "image/jpeg", PATCH)
SCENE = ("detectionPicture.jpg", "detectionPicture.jpg", "image/jpeg", OVERVIEW)
BOTH = {"patch": PATCH, "overview": OVERVIEW}

IMAGES: dict[str, tuple[Form, dict[str, bytes], bool]] = {
    "both": ([XML, LP, SCENE], BOTH, False),
    "before the event": ([SCENE, LP, XML], BOTH, False),
    "by file name": (
        [("xml_file", *XML[1:]), ("image_file", *LP[1:]), ("image_file", *SCENE[1:])],
        BOTH,
        False,
    ),
    "by name alone": (
        [XML, ("licensePlatePicture", "", *LP[2:]), ("detectionPicture", "", *SCENE[2:])],
        BOTH,
        False,
    ),
    "by id": ([XML, ("p-0001", "", *LP[2:]), ("p-0002", "", *SCENE[2:])], BOTH, False),
    "one announced, none sent": ([XML, LP], {"patch": PATCH}, True),
    "an empty part": ([XML, (*LP[:3], b""), SCENE], {"overview": OVERVIEW}, True),
    "no picture in it": ([XML, (*LP[:3], b"<html>"), SCENE], {"overview": OVERVIEW}, True),
    "of the pilot": (
        [XML, LP, SCENE, ("pilotPicture.jpg", "pilotPicture.jpg", "image/jpeg", PATCH)],
        BOTH,
        False,
    ),
    "two of one name": ([XML, LP, LP, SCENE], {"overview": OVERVIEW}, True),
    "of no name that is known": ([XML, ("a", "a.jpg", "image/jpeg", PATCH)], {}, True),
    "the vehicle's": (
        [XML, LP, ("vehiclePicture.jpg", "vehiclePicture.jpg", "image/jpeg", OVERVIEW)],
        BOTH,
        False,
    ),
}


@pytest.mark.parametrize(("sent", "images", "missing"), IMAGES.values(), ids=IMAGES)
def test_images(sent: Form, images: dict[str, bytes], missing: bool) -> None:
    found = [one for one in parse("hikvision", form(sent)) if isinstance(one, Observation)]
    assert [(one.images, "image-missing" in one.marks) for one in found] == [(images, missing)]


def test_images_of_two_vehicles_are_joined_by_the_names_in_their_lists_alone() -> None:
    second = alert(
        {
            "7d3a0f60-0001": "7d3a0f60-0003",
            "p-0001": "p-0003",
            "p-0002": "p-0004",
            "licensePlatePicture.jpg": "lp2.jpg",
        }
    )
    parts = [
        XML,
        ("b.xml", "b.xml", "text/xml", second),
        LP,
        SCENE,
        ("lp2", "lp2.jpg", "image/jpeg", OVERVIEW),
    ]
    first, other = (one for one in parse("hikvision", form(parts)) if isinstance(one, Observation))
    assert first.id != other.id
    # Every event has a licensePlatePicture.jpg and a detectionPicture.jpg: whose these are cannot be known.
    assert (first.images, other.images) == ({}, {"patch": OVERVIEW})
    assert all("image-missing" in one.marks for one in (first, other))


@pytest.mark.parametrize(
    "body", [b"", b"words", b"<html/>", b"[]", b"{}", b"[1]", b'{"a": 1}', b"<ANPR", b"\xff\xd8\xff"]
)
def test_what_is_no_alert(body: bytes) -> None:
    with pytest.raises(InputError):
        read("hikvision", Payload(content_type="", body=body))


def test_too_many_vehicles() -> None:
    with pytest.raises(InputError):
        read("hikvision", Payload(content_type="", body=b'{"ANPR": [%b]}' % b",".join([b"{}"] * 257)))
