"""The UK police back office's form: a table of calls and what they become."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.adapter_strategies import OVERVIEW, PATCH, Edits, read, vector, with_images
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import parse
from wicketgate.reads.observations import Observation, Payload, Unreadable

SEEN = Observation(
    cameras=("3-7-12", "12"),
    captured_at=datetime.fromisoformat("2026-07-04T07:15:02.252+00:00"),
    plate="AB12CDE",
    confidence=0.93,
    direction="towards",
    images={"patch": PATCH, "overview": OVERVIEW},
)

READS: dict[str, tuple[Edits, dict[str, Any]]] = {
    "as it is": ({}, {}),
    "away": ({">true<": ">false<"}, {"direction": "away"}),
    "no zone": ({".252Z": ""}, {"captured_at": datetime.fromisoformat("2026-07-04T07:15:02")}),
    "no images": ({"PATCH": "", "OVERVIEW": ""}, {"images": {}}),
    "an image that is none": (
        {"PATCH": "n" * 30},
        {"images": {"overview": OVERVIEW}, "marks": ("image-missing",)},
    ),
    "empty plate": ({"AB12CDE": ""}, {"plate": ""}),
    "more than all": ({">93<": ">127<"}, {"confidence": None, "marks": ("confidence-off-scale",)}),
    "no feed": ({"feedIdentifier": "feed"}, {"cameras": ("12",)}),
}


def call(edits: Edits | None = None) -> Payload:
    return Payload(
        content_type="text/xml; charset=utf-8", body=with_images(vector("bof2_capture.xml", edits))
    )


@pytest.mark.parametrize(("edits", "changed"), READS.values(), ids=READS)
def test_reads(edits: Edits, changed: dict[str, Any]) -> None:
    assert parse("bof2", call(edits)) == (replace(SEEN, **changed),)


def test_compact_captures() -> None:
    first, second, third = parse("bof2", Payload(content_type="", body=vector("bof2_compact.xml")))
    assert first == replace(SEEN, direction="away", images={})
    assert second == replace(SEEN, cameras=("3-7-13", "13"), plate="CD34EFG", confidence=0.88, images={})
    assert isinstance(third, Unreadable)
    assert (third.code, third.kept) == ("malformed", {"fields": "3"})


@pytest.mark.parametrize(
    ("edits", "code"),
    [
        ({"<vrm>": "<plate>", "</vrm>": "</plate>"}, "malformed"),
        ({"2026-07-04T07:15:02.252Z": "04/07/2026 07:15:02"}, "time-ambiguous"),
    ],
)
def test_what_cannot_be_read(edits: Edits, code: str) -> None:
    (one,) = parse("bof2", call(edits))
    assert isinstance(one, Unreadable)
    assert (one.code, one.cameras) == (code, SEEN.cameras)
    assert "secret" not in repr(one)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"<a/>", b"<Envelope/>", b"<Envelope><Body/></Envelope>"),
        b"<Envelope><Body><addBinaryCaptureData><a/></addBinaryCaptureData></Body></Envelope>",
        b"<Envelope><Body><sendCompactCapture><a>none</a></sendCompactCapture></Body></Envelope>",
    ],
)
def test_what_is_no_capture(body: bytes) -> None:
    with pytest.raises(InputError):
        read("bof2", Payload(content_type="", body=body))


def test_too_many_captures() -> None:
    captures = b"<c>a|b</c>" * 51
    body = b"<Envelope><Body><sendCompoundCapture>%b</sendCompoundCapture></Body></Envelope>" % captures
    with pytest.raises(InputError):
        read("bof2", Payload(content_type="", body=body))
