"""The makers that came by a form or with an answer: what their payloads become, and what their devices wait for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.adapter_strategies import OVERVIEW, PATCH, vector, with_images
from wicketgate.reads.adapters import answer, parse
from wicketgate.reads.observations import Keepalive, Observation, Payload, Unreadable

AT = datetime(2026, 7, 4, 7, 15, 2, 252_000, tzinfo=UTC)
BOTH = {"patch": PATCH, "overview": OVERVIEW}
READS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dahua": (
        "dahua_tollgate.json",
        "gate-itc-0001",
        {
            "captured_at": datetime.fromisoformat("2026-07-04T08:15:02.252"),
            "confidence": 0.8,
            "lane": 2,
            "vehicle": {"make": "Ford", "model": "Focus", "colour": "Blue", "kind": "Motor"},
            "images": BOTH,
        },
    ),
    "dahua's events": (
        "dahua_junction.json",
        "machine-1",
        {
            "captured_at": datetime(2026, 7, 4, 7, 15, 2, tzinfo=UTC),
            "confidence": 0.8,
            "lane": 2,
            "direction": "towards",
            "vehicle": {"make": "Ford", "colour": "Blue", "kind": "SaloonCar"},
        },
    ),
    "zhenshi": ("zhenshi_plate.json", "serial-1", {"captured_at": AT, "confidence": 0.93, "images": BOTH}),
    "tattile": (
        "tattile_plate.xml",
        "tattile-1",
        {"captured_at": AT, "confidence": 0.93, "lane": 2, "direction": "towards", "images": BOTH},
    ),
    "milesight": (
        "milesight_plate.json",
        "Kerb Camera 4",
        {
            "captured_at": datetime.fromisoformat("2026-07-04T08:15:02.252"),
            "confidence": 0.93,
            "lane": 2,
            "direction": "away",
            "vehicle": {"make": "Ford", "colour": "Blue", "kind": "Van"},
            "images": BOTH,
        },
    ),
    "genetec": (
        "genetec_read.json",
        "Kerb Camera 5",
        {
            "captured_at": datetime(2026, 7, 4, 7, 15, 2, tzinfo=UTC),
            "confidence": 0.93,
            "direction": "away",
            "vehicle": {"make": "Ford", "model": "Focus", "colour": "Blue", "kind": "Car"},
            "images": {"overview": OVERVIEW},
        },
    ),
    "unifi": (
        "unifi_alarm.json",
        "02005E300001",
        {"captured_at": AT, "confidence": None, "images": {"overview": OVERVIEW}},
    ),
    "blueiris": (
        "blueiris_answers.json",
        "Kerb Camera 6",
        {"captured_at": AT, "confidence": 0.93, "images": {"overview": OVERVIEW}},
    ),
    "rekor": (
        "rekor_group.json",
        "4711",
        {
            "captured_at": AT,
            "confidence": 0.93,
            "vehicle": {"make": "ford", "model": "ford_focus", "colour": "blue", "kind": "sedan"},
            "images": {"patch": PATCH},
        },
    ),
}


def payload(file: str, old: str = "", new: str = "") -> Payload:
    """Return a payload of a file, with one text of it replaced."""
    return Payload(content_type="", body=with_images(vector(file, {old: new} if old else None)))


@pytest.mark.parametrize(("file", "camera", "expected"), READS.values(), ids=READS)
def test_reads(file: str, camera: str, expected: dict[str, Any]) -> None:
    (seen,) = parse(file.partition("_")[0], payload(file))
    assert isinstance(seen, Observation)
    assert (seen.plate, seen.cameras[0]) == ("AB12CDE", camera)
    said = {"lane": None, "direction": None, "vehicle": None, "images": {}} | expected
    assert {name: getattr(seen, name) for name in said} == said
    assert "image-missing" not in seen.marks


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("dahua_tollgate.json", "2026-07-04 08:15:02", "soon"),
        ("zhenshi_plate.json", "1783149302", "12"),
        ("tattile_plate.xml", "07-15-02-252", "25-15-02"),
        ("milesight_plate.json", "2026-07-04 08:15:02", "-"),
        ("genetec_read.json", "04/07/2026", "2026"),
        ("unifi_alarm.json", "1783149302252", "17"),
        ("rekor_group.json", "1783149302252", "17"),
    ],
)
def test_a_plate_without_its_time_is_in_the_quarantine(file: str, old: str, new: str) -> None:
    body = with_images(vector(file).replace(old.encode(), new.encode()))
    if file.startswith(("unifi", "rekor")):
        body = body.replace(b"178314930", b"1")
    (seen,) = parse(file.partition("_")[0], Payload(content_type="", body=body))
    assert isinstance(seen, Unreadable)
    assert seen.kept["plate"] == "AB12CDE"


SIGNS: dict[str, tuple[str, Payload, str]] = {
    "dahua's heartbeat": ("dahua", payload("dahua_keepalive.json"), "gate-itc-0001"),
    "dahua's other events": (
        "dahua",
        Payload(content_type="", body=b'{"Code": "VideoMotion", "Data": {"Name": "Gate"}}'),
        "Gate",
    ),
    "dahua's stream": (
        "dahua",
        Payload(content_type="", body=b'Code=VideoLoss;action=Stop;index=0;data={"Name": "Gate"}'),
        "Gate",
    ),
    "zhenshi's heartbeat": ("zhenshi", payload("zhenshi_heartbeat.json"), "serial-1"),
    "zhenshi's heartbeat as a form": (
        "zhenshi",
        Payload(content_type="", body=b"device_name=IVS&ipaddr=192.0.2.61&serialno=serial-1"),
        "serial-1",
    ),
    "rekor's heartbeat": ("rekor", payload("rekor_heartbeat.json"), "agent-1"),
    "unifi's persons": (
        "unifi",
        Payload(
            content_type="", body=b'{"alarm": {"triggers": [{"device": "02005E300001", "key": "person"}]}}'
        ),
        "02005E300001",
    ),
    "blue iris' persons": (
        "blueiris",
        Payload(
            content_type="",
            body=b'{"camera": "Kerb 6", "ai_dump": [{"found": {"predictions": [{"label": "person"}]}}]}',
        ),
        "Kerb 6",
    ),
}


@pytest.mark.parametrize(("name", "sent", "camera"), SIGNS.values(), ids=SIGNS)
def test_signs_of_life(name: str, sent: Payload, camera: str) -> None:
    (seen,) = parse(name, sent)
    assert isinstance(seen, Keepalive)
    assert seen.cameras[0] == camera


@pytest.mark.parametrize(
    "name", ["dahua", "zhenshi", "tattile", "milesight", "genetec", "unifi", "blueiris", "rekor"]
)
@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"{", b"words", b"<a/>", b'{"data_type": "other"}', b'{"type": 1}']
)
def test_what_is_of_no_such_maker_is_in_the_quarantine(name: str, body: bytes) -> None:
    (seen,) = parse(name, Payload(content_type="", body=body))
    assert isinstance(seen, Unreadable)
    assert seen.kept["payload"] == body.decode()


def test_dahua_is_told_that_its_message_is_taken() -> None:
    status, kind, body = answer("dahua", payload("dahua_keepalive.json"), "taken") or (0, "", b"")
    assert (status, kind, json.loads(body)["Result"]) == (200, "application/json", True)


def test_dahuas_plate_stands_in_a_pictures_name_alone() -> None:
    sent = payload("dahua_tollgate.json", '"PlateNumber": "AB12CDE", ', "")
    (seen,) = parse("dahua", sent)
    assert isinstance(seen, Observation)
    assert seen.plate.upper() == "AB12CDE"
    (other,) = parse(
        "dahua", Payload(content_type="", body=sent.body.replace(b'"IsExist": true', b'"IsExist": false'))
    )
    assert isinstance(other, Observation)
    assert other.plate == ""


def test_zhenshi_opens_no_gate_and_goes_on_with_what_it_kept_offline() -> None:
    _, _, body = answer("zhenshi", payload("zhenshi_plate.json"), "taken") or (0, "", b"")
    said = json.loads(body)["Response_AlarmInfoPlate"]
    assert (said["info"], said["content"], "ContinuePushOffline" in said) == ("no", "retransfer_stop", False)
    offline = payload("zhenshi_plate.json", '"isoffline": 0', '"isoffline": 1')
    _, _, body = answer("zhenshi", offline, "quarantined") or (0, "", b"")
    assert json.loads(body)["Response_AlarmInfoPlate"]["ContinuePushOffline"] == {
        "plateid": 17,
        "continue": 1,
    }
    assert answer("zhenshi", offline, "refused") is None
    (seen,) = parse("zhenshi", offline)
    assert isinstance(seen, Observation)
    assert "retransmitted" in seen.marks
