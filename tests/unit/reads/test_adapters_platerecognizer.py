"""Plate Recognizer: a table of payloads and what they become."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.adapter_strategies import OVERVIEW, PATCH, Edits, Form, form, vector
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import ADAPTERS, parse
from wicketgate.reads.observations import Keepalive, Observation, Payload, Unreadable

SEEN = Observation(
    cameras=("gantry-3",),
    captured_at=datetime.fromisoformat("2026-07-04T07:15:02.252+00:00"),
    plate="ab12cde",
    confidence=0.91,
    id=None,
    vehicle={"make": "Porsche", "model": "911", "colour": "blue", "kind": "Sedan"},
    marks=("image-missing",),
)


def message(edits: Edits | None = None) -> bytes:
    return vector("platerecognizer_webhook.json", edits)


def read(body: bytes, content_type: str = "application/json") -> Observation:
    (one,) = parse("platerecognizer", Payload(content_type=content_type, body=body))
    assert isinstance(one, Observation)
    return one


UTC_TIME = '"timestamp": "2026-07-04T07:15:02.252000Z", '
READS: dict[str, tuple[Edits, dict[str, Any]]] = {
    "as it is, the device's own plate and not the likelier candidate": ({}, {}),
    "local time alone": (
        {UTC_TIME: ""},
        {"captured_at": datetime.fromisoformat("2026-07-04T08:15:02.252+01:00")},
    ),
    "no zone": (
        {UTC_TIME: "", ".252000+01:00": ""},
        {"captured_at": datetime.fromisoformat("2026-07-04T08:15:02")},
    ),
    "empty plate": (
        {'"plate": "ab12cde", "score": 0.91, "v': '"plate": "", "score": 0.91, "v'},
        {"plate": ""},
    ),
    "percents": (
        {'0.91, "vehicle"': '91.2, "vehicle"'},
        {"confidence": None, "marks": ("confidence-off-scale", "image-missing")},
    ),
    "no picture named": (
        {'"camera_id": "gantry-3", "filename": "gantry-3/a.jpg",': '"camera_id": "gantry-3",'},
        {"marks": ()},
    ),
    "the hook's name": ({'"camera_id": "gantry-3",': '"camera_id": null,'}, {}),
}


@pytest.mark.parametrize(("edits", "changed"), READS.values(), ids=READS)
def test_reads(edits: Edits, changed: dict[str, Any]) -> None:
    one = read(message(edits))
    assert one.id is not None
    assert one.id.startswith("platerecognizer:")
    assert replace(one, id=None) == replace(SEEN, **changed)


def test_forms_of_the_same_message() -> None:
    one = read(message())
    for body in (urlencode({"json": message().decode(), "a": "b"}).encode(), message()):
        assert read(body, "application/x-www-form-urlencoded; charset=utf-8") == one
    assert read(b"[%b]" % message()) == one
    (sent,) = parse("platerecognizer", form([("json", "", "text/plain", message())]))
    assert sent == one


def test_ids_are_the_results_own() -> None:
    one = read(message())
    assert one.id == read(message()).id
    others = [{"gantry-3": "gantry-4"}, {"02.252": "02.253"}, {'"xmin": 1': '"xmin": 2'}]
    assert len({one.id, *(read(message(edits)).id for edits in others)}) == 4
    # Another text for the same thing seen is the same result: no id holds a plate.
    assert read(message({"ab12cde": "ab12cdg"})).id == one.id


def test_results_as_objects_and_vehicles_without_a_plate() -> None:
    body = vector("platerecognizer_objects.json")
    parsed = parse("platerecognizer", Payload(content_type="", body=body))
    first, second = (one for one in parsed if isinstance(one, Observation))
    assert (first.plate, first.confidence) == ("ab12cde", 0.93)
    assert first.vehicle == {"make": "Ford", "model": "Transit", "colour": "white", "kind": "Van"}
    assert (second.plate, second.confidence, second.vehicle) == ("cd34efg", 0.71, None)
    assert first.id != second.id


def test_parkpow() -> None:
    results = b'[{"plate": "AB12CDE", "score": 0.97}]'
    body = b'{"camera": "c-1", "time": "2026-07-04 11:17:19.000000+0800", "results": %b}' % results
    one = read(body)
    assert (one.cameras, one.id, one.confidence) == (("c-1",), None, 0.97)
    assert one.captured_at == datetime.fromisoformat("2026-07-04T11:17:19+08:00")


@pytest.mark.parametrize("results", ["[]", "null", '[{"plate": null}]', '[{"vehicle": {"type": "Van"}}]'])
def test_nothing_read(results: str) -> None:
    body = f'{{"data": {{"camera_id": "c-1", "results": {results}}}}}'.encode()
    parsed = parse("platerecognizer", Payload(content_type="", body=body))
    assert parsed == (Keepalive(cameras=("c-1",)),)


def test_a_date_of_two_readings() -> None:
    body = message(
        {"2026-07-04T07:15:02.252000Z": "04/07/2026 07:15:02", "2026-07-04 08:15:02.252000+01:00": ""}
    )
    (one,) = parse("platerecognizer", Payload(content_type="", body=body))
    assert isinstance(one, Unreadable)
    assert (one.code, one.kept) == ("time-ambiguous", {"plate": "ab12cde", "time": "04/07/2026 07:15:02"})


JSON = ("json", "", "application/json", message())
IMAGES: dict[str, tuple[Form, dict[str, bytes], bool]] = {
    "upload": ([JSON, ("upload", "a.jpg", "image/jpeg", OVERVIEW)], {"overview": OVERVIEW}, False),
    "by name": (
        [
            JSON,
            ("plate_image", "p.jpg", "image/jpeg", PATCH),
            ("original_image", "o.jpg", "image/jpeg", OVERVIEW),
        ],
        {"patch": PATCH, "overview": OVERVIEW},
        False,
    ),
    "of no name that is known": ([JSON, ("file", "a.jpg", "image/jpeg", PATCH)], {}, True),
    "empty": ([JSON, ("upload", "a.jpg", "image/jpeg", b"")], {}, True),
    "several vehicles": (
        [
            ("json", "", "application/json", vector("platerecognizer_objects.json")),
            ("upload", "a.jpg", "image/jpeg", OVERVIEW),
        ],
        {},
        True,
    ),
}


@pytest.mark.parametrize(("sent", "images", "missing"), IMAGES.values(), ids=IMAGES)
def test_images(sent: Form, images: dict[str, bytes], missing: bool) -> None:
    found = [one for one in parse("platerecognizer", form(sent)) if isinstance(one, Observation)]
    assert found
    assert all((one.images, "image-missing" in one.marks) == (images, missing) for one in found)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        *((body, "") for body in (b"", b"words", b"[]", b"7", b"[{}, {}]")),
        *(
            (body, "application/x-www-form-urlencoded")
            for body in (b"json=", b"json={", b"a=b", b"\xff", b"&a" * 40)
        ),
    ],
)
def test_what_is_no_message(body: bytes, content_type: str) -> None:
    with pytest.raises(InputError):
        ADAPTERS["platerecognizer"].read(Payload(content_type=content_type, body=body))


def test_too_many_results() -> None:
    with pytest.raises(InputError):
        ADAPTERS["platerecognizer"].read(
            Payload(content_type="", body=b'{"results": [%b]}' % b",".join([b"{}"] * 257))
        )
