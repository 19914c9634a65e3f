"""Axis: a table of payloads and what they become."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.adapter_strategies import OVERVIEW, PATCH, Edits, Form, form, read, vector
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import parse
from wicketgate.reads.observations import Keepalive, Observation, Payload, Unreadable

AT = "2026-07-04T07:15:02.252000+00:00"
SEEN = Observation(
    cameras=("ACCC00000001", "AC:CC:00:00:00:01", "defaultID", "AXIS P1455-LE"),
    captured_at=datetime.fromisoformat(AT),
    plate="AB12CDE",
    confidence=0.8712,
    id=f"axis:ACCC00000001:17:{AT}",
    vehicle={"make": "Ford", "model": "208", "colour": "white"},
    tracked="17",
    final=False,
)
COUNTED = (
    '"capture_timestamp": "1783149302252", "frame_timestamp": "0",\n  "capture_ts": "1783149302252000000", '
)


def at(text: str) -> dict[str, Any]:
    moment = datetime.fromisoformat(text)
    return {"captured_at": moment, "id": f"axis:ACCC00000001:17:{moment.isoformat()}"}


READS: dict[str, tuple[Edits, dict[str, Any]]] = {
    "new": ({}, {}),
    "update": ({'"new"': '"update"'}, {}),
    "updated": ({'"new"': '"updated"'}, {}),
    "lost": ({'"new"': '"lost"'}, {"final": True}),
    "capitals": ({'"new"': '"LOST"', '"carID"': '"carId"', '"carState"': '"carstate"'}, {"final": True}),
    "another text of the same car": ({"AB12CDE": "AB12CDF"}, {"plate": "AB12CDF"}),
    "no number of the car": (
        {'"17"': '""'},
        {"tracked": None, "final": True, "id": f"axis:ACCC00000001:-:{AT}"},
    ),
    "no state": ({'"carState": "new", ': ""}, {"tracked": None, "final": True}),
    "milliseconds alone": ({'"capture_ts": "1783149302252000000", ': ""}, {}),
    "a text without a zone alone": ({COUNTED: ""}, at("2026-07-04T08:15:02.252")),
    "a text with a zone": ({COUNTED: "", "081502252": "081502252+0100"}, at("2026-07-04T08:15:02.252+01:00")),
    "ISO": ({COUNTED: "", "20260704 081502252": "2026-07-04T07:15:02Z"}, at("2026-07-04T07:15:02+00:00")),
    "2034": (
        {"1783149302252000000": "2035610102252000000"},
        at("2034-07-04T07:15:02.252+00:00"),
    ),
    "numbers, not texts": ({'"0.871200"': "0.8712", '"17"': "17"}, {}),
    "a percent sign": ({"0.871200": "87.12%"}, {}),
    "percents, not documented": (
        {'"0.871200"': "95.5"},
        {"confidence": None, "marks": ("confidence-off-scale",)},
    ),
    "no confidence": (
        {'"plateConfidence": "0.871200", ': ""},
        {"confidence": None, "marks": ("confidence-unknown",)},
    ),
    "escapes alone": ({'"plateUTF8": "AB12CDE", ': ""}, {}),
    "empty": (
        {"AB12CDE": "", '"\\u0041\\u0042\\u0031\\u0032\\u0043\\u0044\\u0045"': '""'},
        {"plate": ""},
    ),
    "in and out are as the camera was set up": ({'"unk"': '"in"'}, {}),
    "pictures to be fetched": (
        {'"imagesURI": []': '"imagesURI": ["/lp.jpg"]'},
        {"marks": ("image-missing",)},
    ),
    "a picture announced": (
        {'"plateImageSize": "0"': '"plateImageSize": "900"'},
        {"marks": ("image-missing",)},
    ),
    "a name alone": (
        {'"SerialNumber": "ACCC00000001", ': "", ', "MACAddress": "AC:CC:00:00:00:01"': ""},
        {"cameras": ("defaultID", "AXIS P1455-LE"), "id": f"axis:defaultID:17:{AT}"},
    ),
}


def event(edits: Edits | None = None) -> bytes:
    return vector("axis_event.json", edits)


@pytest.mark.parametrize(("edits", "changed"), READS.values(), ids=READS)
def test_reads(edits: Edits, changed: dict[str, Any]) -> None:
    parsed = parse("axis", Payload(content_type="application/json", body=event(edits)))
    assert parsed == (replace(SEEN, **changed),)


UNREADABLE: dict[str, tuple[Edits, str]] = {
    "a date of two readings": ({COUNTED: "", "20260704 081502252": "04/07/2026 08:15:02"}, "time-ambiguous"),
    "uptime for a time": ({COUNTED: "", '"20260704 081502252"': "155131902113266"}, "malformed"),
    "no plate": ({"plateText": "a", "plateUTF8": "b", "plateASCII": "c"}, "malformed"),
}


@pytest.mark.parametrize(("edits", "code"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read(edits: Edits, code: str) -> None:
    (one,) = parse("axis", Payload(content_type="", body=event(edits)))
    assert isinstance(one, Unreadable)
    assert (one.code, one.cameras, one.kept["id"]) == (code, SEEN.cameras, "17")


def test_in_an_envelope_and_as_a_list() -> None:
    seen = replace(SEEN, final=True)
    lost = event({'"new"': '"lost"'})
    assert parse("axis", Payload(content_type="", body=b'{"buffer": %b}' % lost)) == (seen,)
    both = b"[%b, %b]" % (event(), lost)
    assert parse("axis", Payload(content_type="", body=both)) == (SEEN, seen)


def test_a_heartbeat() -> None:
    body = b'{"type": "heartbeat", "camera_info": {"SerialNumber": "ACCC00000001"}}'
    assert parse("axis", Payload(content_type="", body=body)) == (Keepalive(cameras=("ACCC00000001",)),)


JSON = ("event", "event.json", "application/json", event())
PLATE = ("image", "image.jpg", "image/jpeg", PATCH)
SHOWN = ("image", "x_roi_1.jpg", "image/jpeg", OVERVIEW)

IMAGES: dict[str, tuple[Form, dict[str, bytes], bool]] = {
    "one, which imageType says": ([JSON, PLATE], {"patch": PATCH}, False),
    "by their names": (
        [JSON, ("a", "20260704_17lp_AB12CDE_1.jpg", "image/jpeg", PATCH), SHOWN],
        {"patch": PATCH, "overview": OVERVIEW},
        False,
    ),
    "a frame by its name": ([JSON, ("frame", "", "image/jpeg", OVERVIEW)], {"overview": OVERVIEW}, False),
    "several without names": ([JSON, PLATE, ("image2", "image2.jpg", "image/jpeg", OVERVIEW)], {}, True),
    "two of one kind": ([JSON, SHOWN, SHOWN], {}, True),
    "no picture in it": ([JSON, ("image", "image.jpg", "image/jpeg", b"")], {}, True),
    "two events": ([JSON, JSON, PLATE], {}, True),
}


@pytest.mark.parametrize(("sent", "images", "missing"), IMAGES.values(), ids=IMAGES)
def test_images(sent: Form, images: dict[str, bytes], missing: bool) -> None:
    found = [one for one in parse("axis", form(sent)) if isinstance(one, Observation)]
    assert {("image-missing" in one.marks) for one in found} == {missing}
    assert all(one.images == images for one in found)


def test_images_within_the_event() -> None:
    kinds = (("frame", OVERVIEW), ("plate", PATCH), ("mmrcrop", PATCH))
    array = ", ".join(
        f'{{"ImageType": "{kind}", "BinaryImage": "{base64.b64encode(data).decode()}"}}'
        for kind, data in kinds
    )
    (one,) = parse(
        "axis", Payload(content_type="", body=event({'"imagesURI": []': f'"ImageArray": [{array}]'}))
    )
    assert isinstance(one, Observation)
    assert (one.images, one.marks) == ({"patch": PATCH, "overview": OVERVIEW}, ())


@pytest.mark.parametrize("body", [b"", b"words", b"[]", b"[1]", b"<a/>", b'{"a": '])
def test_what_is_no_event(body: bytes) -> None:
    with pytest.raises(InputError):
        read("axis", Payload(content_type="application/json", body=body))
