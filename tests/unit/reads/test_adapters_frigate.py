"""Frigate: a table of messages and what they become."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.adapter_strategies import Edits, read, vector
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import parse
from wicketgate.reads.observations import Gone, Keepalive, Observation, Payload, Unreadable

SEEN = Observation(
    cameras=("yard",),
    captured_at=datetime.fromisoformat("2026-07-04T07:15:02.252+00:00"),
    plate="AB12CDE",
    confidence=0.93,
    id="frigate:yard:1783149300.5-abcdef",
    vehicle={"kind": "car"},
    tracked="1783149300.5-abcdef",
    final=False,
    lasting=True,
)
PLATE = '"AB12CDE"'

READS: dict[str, tuple[Edits, dict[str, Any]]] = {
    "update": ({}, {}),
    "new": ({'"update"': '"new"'}, {}),
    "end": ({'"update"': '"end"', '"end_time": null': '"end_time": 1783149303.5'}, {"final": True}),
    "with its score": ({PLATE: '["AB12CDE", 0.8]'}, {"confidence": 0.8}),
    "no score": (
        {', "recognized_license_plate_score": 0.93': ""},
        {"confidence": None, "marks": ("confidence-unknown",)},
    ),
    "not a vehicle's label": (
        {'1783149302.252, "label": "car"': '1783149302.252, "label": "person"'},
        {"vehicle": None},
    ),
    "a snapshot elsewhere": (
        {'"has_snapshot": false': '"has_snapshot": true'},
        {"marks": ("image-missing",)},
    ),
    "dots and spaces": ({PLATE: '"AB 12.CDE"'}, {"plate": "AB 12.CDE"}),
}


def message(kind: str, edits: Edits | None = None, topic: str = "") -> Payload:
    return Payload(content_type="", body=vector(f"frigate_{kind}.json", edits), topic=topic)


@pytest.mark.parametrize(("edits", "changed"), READS.values(), ids=READS)
@pytest.mark.parametrize("topic", ["", "frigate/events", "site/1/frigate/events"])
def test_reads(edits: Edits, changed: dict[str, Any], topic: str) -> None:
    assert parse("frigate", message("event", edits, topic)) == (replace(SEEN, **changed),)


def test_an_update_is_of_the_same_vehicle() -> None:
    (one,) = parse("frigate", message("update", topic="frigate/tracked_object_update"))
    assert one == replace(SEEN, confidence=0.95, vehicle=None)


def test_nobody_learns_the_owners_name() -> None:
    for kind in ("event", "update"):
        assert "owner" not in repr(parse("frigate", message(kind)))


KEEPALIVES: dict[str, Payload] = {
    "no plate": message("event", {PLATE: "null"}),
    "an empty plate": message("event", {PLATE: '""'}),
    "an update without a plate": message("update", {PLATE: "null"}),
    "a face": message("update", {'"lpr"': '"face"', '"plate": "AB12CDE"': '"name": "nobody"'}),
    "a review": Payload(content_type="", body=b'{"type": "new", "camera": "yard"}'),
}


@pytest.mark.parametrize("payload", KEEPALIVES.values(), ids=KEEPALIVES)
def test_no_read_in_it(payload: Payload) -> None:
    assert parse("frigate", payload) == (Keepalive(cameras=("yard",)),)


def test_an_end_without_a_plate_says_that_its_vehicle_has_left() -> None:
    ended = message("event", {PLATE: "null", '"update"': '"end"'})
    assert parse("frigate", ended) == (Gone(cameras=("yard",), tracked="1783149300.5-abcdef"),)


def test_other_topics() -> None:
    for topic, body in (("frigate/available", b"online"), ("frigate/yard/car/snapshot", b"\xff\xd8\xff")):
        assert parse("frigate", Payload(content_type="", body=body, topic=topic)) == (Keepalive(),)


UNREADABLE: dict[str, Payload] = {
    "no id": message("update", {'"1783149300.5-abcdef"': "null"}),
    "no time": message("update", {"1783149302.252": "null"}),
    "a time of no unit": message("update", {"1783149302.252": "178.3"}),
}


@pytest.mark.parametrize("payload", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read(payload: Payload) -> None:
    (one,) = parse("frigate", payload)
    assert isinstance(one, Unreadable)
    assert (one.code, one.cameras, one.kept["plate"]) == ("malformed", ("yard",), "AB12CDE")


@pytest.mark.parametrize("body", [b"", b"online", b"[]", b"{}", b'{"after": {}', b'{"type": 7.5e999}'])
def test_what_is_no_message(body: bytes) -> None:
    with pytest.raises(InputError):
        read("frigate", Payload(content_type="", body=body, topic="frigate/events"))
