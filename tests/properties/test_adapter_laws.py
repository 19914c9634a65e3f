"""Laws of the adapters: any bytes become a read, a quarantine or a sign of life; the same bytes become the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree.ElementTree import ParseError

import defusedxml
import defusedxml.ElementTree
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from python_multipart.multipart import MultipartParser

from tests.adapter_strategies import form, mutated
from wicketgate.base.errors import InputError
from wicketgate.reads.adapters import ADAPTERS, parse
from wicketgate.reads.adapters.moments import moment
from wicketgate.reads.adapters.multipart import parts
from wicketgate.reads.adapters.net import holds_plate, unpacked
from wicketgate.reads.adapters.values import Scale, confidence, event_id, without_colour
from wicketgate.reads.adapters.xml import mended, read_xml
from wicketgate.reads.observations import MARKS, Gone, Keepalive, Observation, Payload, Unreadable

FROM_2000 = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
TO_2099 = datetime(2099, 12, 31, tzinfo=UTC).replace(tzinfo=None)
CODES = {"malformed", "time-ambiguous"}
content_types = st.sampled_from(
    [
        "",
        "application/json",
        "text/xml",
        "multipart/form-data; boundary=b",
        "application/x-www-form-urlencoded",
    ]
)


def check(name: str, payload: Payload) -> None:
    """Assert what holds of whatever an adapter returns or raises."""
    parsed = parse(name, payload)
    assert 1 <= len(parsed) <= 256
    assert parsed == parse(name, payload)
    ids = [
        one.id for one in parsed if isinstance(one, Observation) and one.id is not None and not one.tracked
    ]
    assert len(set(ids)) == len(ids) or name == "axis"
    for one in parsed:
        assert len(set(one.cameras)) == len(one.cameras)
        assert all(one.cameras)
        if isinstance(one, Observation):
            check_observation(one)
        elif isinstance(one, Unreadable):
            assert one.code in CODES
            check_kept(one.kept)
        elif isinstance(one, Gone):
            assert one.tracked
        else:
            assert isinstance(one, Keepalive)
            assert not holds_plate(replace(payload, body=unpacked(payload.body)))


def check_kept(kept: Mapping[str, Any]) -> None:
    """Assert the bounds of what the quarantine keeps: its texts are short but for the beginning of a whole payload."""
    for name, value in kept.items():
        assert isinstance(value, str | int)
        assert len(str(value)) <= (4 * 4_096 if name == "payload" else 256)


def check_observation(one: Observation) -> None:
    """Assert the bounds of an observation."""
    assert 1970 <= one.captured_at.year <= 2200
    assert one.confidence is None or 0 <= one.confidence <= 1
    assert (one.confidence is None) == any(
        mark in one.marks for mark in ("confidence-unknown", "confidence-off-scale")
    )
    assert one.id is None or 0 < len(one.id) <= 64
    assert set(one.marks) <= MARKS.keys()
    assert len(one.plate) <= 256
    assert set(one.images) <= {"patch", "overview"}
    assert set(one.vehicle or {}) <= {"make", "model", "colour", "kind"}
    assert one.final or one.tracked


@given(name=st.sampled_from(sorted(ADAPTERS)), content_type=content_types, body=st.binary(max_size=300))
def test_any_bytes(name: str, content_type: str, body: bytes) -> None:
    check(name, Payload(content_type=content_type, body=body))


@given(mutated())
def test_mutated_payloads(drawn: tuple[str, Payload]) -> None:
    check(*drawn)


@given(name=st.sampled_from(sorted(ADAPTERS)), content_type=st.text(max_size=60))
def test_any_content_type(name: str, content_type: str) -> None:
    check(name, Payload(content_type=content_type, body=b'{"type": "lpr"}'))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(
    [
        *(
            "plateUTF8",
            "plateConfidence",
            "carState",
            "carID",
            "capture_ts",
            "camera_info",
            "ImageArray",
            "imagesURI",
        ),
        *(
            "eventType",
            "ANPR",
            "dateTime",
            "macAddress",
            "UUID",
            "pictureInfoList",
            "results",
            "data",
            "camera_id",
        ),
        *(
            "timestamp",
            "type",
            "after",
            "id",
            "camera",
            "plate",
            "score",
            "recognized_license_plate",
            "frame_time",
        ),
    ]
)


@given(
    name=st.sampled_from(["axis", "frigate", "hikvision", "platerecognizer"]),
    value=st.dictionaries(
        members, json_values | st.dictionaries(members, json_values, max_size=4), max_size=8
    ),
)
def test_any_values_of_known_members(name: str, value: dict[str, object]) -> None:
    check(name, Payload(content_type="application/json", body=msgspec.json.encode(value)))


@given(st.datetimes(FROM_2000, TO_2099), st.sampled_from([1, 10**3, 10**6, 10**9]))
def test_counted_times_are_of_one_unit_alone(naive: datetime, per_s: int) -> None:
    at = naive.replace(tzinfo=UTC)
    us = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    count = us * per_s // 10**6
    assert abs(moment(count) - at) <= timedelta(seconds=1 / per_s) + timedelta(microseconds=1)
    assert moment(str(count)) == moment(count)


@given(
    st.datetimes(FROM_2000.replace(year=1971), TO_2099.replace(year=2199)),
    st.sampled_from(["", "Z", "+08:00", "-0330", "+14"]),
    st.sampled_from("T "),
)
def test_written_times_are_what_they_say(naive: datetime, zone: str, between: str) -> None:
    read = moment(naive.isoformat(sep=between) + zone)
    assert read.replace(tzinfo=None) == naive
    assert (read.tzinfo is None) == (zone == "")


@given(st.dates(FROM_2000.date(), TO_2099.date()), st.booleans())
def test_a_date_that_ends_with_its_year_is_read_in_one_way_or_not_at_all(day: date, day_first: bool) -> None:
    text = day.strftime("%d-%m-%Y 10:00:00" if day_first else "%m-%d-%Y 10:00:00")
    if day.day <= 12 and day.day != day.month:
        with pytest.raises(InputError) as caught:
            moment(text)
        assert caught.value.code == "time-ambiguous"
    else:
        assert moment(text).date() == day


@given(st.text(max_size=30), st.text(max_size=8))
def test_a_plate_is_changed_only_with_a_mark(plate: str, colour: str) -> None:
    read, marks = without_colour(plate, colour)
    assert (read == plate) == (marks == ())
    assert plate.endswith(read) or plate.rstrip().endswith(read)


@given(json_values, st.sampled_from(["fraction", "percent", "undocumented"]))
@example(float("1e-7"), "fraction")
def test_a_confidence_is_within_0_and_1_or_none_and_marked(value: object, scale: Scale) -> None:
    number, marks = confidence(value, scale)
    assert number is None or 0 <= number <= 1
    assert (number is None) <= bool(marks)


@given(
    st.lists(st.text(max_size=40), min_size=2, max_size=4),
    st.lists(st.text(max_size=40), min_size=2, max_size=4),
)
def test_long_ids_of_different_events_differ(one: list[str], other: list[str]) -> None:
    first, second = event_id("axis", *one), event_id("axis", *other)
    assert first is None or len(first) <= 64
    if first is not None and first == second:
        assert one == other or ":".join(one) == ":".join(other)


names = st.text("abcdefghij", min_size=1, max_size=8)


@given(
    st.lists(st.tuples(names, names, st.just("image/jpeg"), st.binary(max_size=80)), min_size=1, max_size=5)
)
def test_parts_are_those_that_the_library_finds(sent: list[tuple[str, str, str, bytes]]) -> None:
    sent = [one for one in sent if b"--q" not in one[3]]
    payload = form(sent, "q-1")
    found: list[bytes] = []
    callbacks = {
        "on_part_begin": lambda: found.append(b""),
        "on_part_data": lambda data, start, end: found.append(found.pop() + data[start:end]),
    }
    parser = MultipartParser(b"q-1", callbacks)
    parser.write(payload.body)
    parser.finalize()
    assert [part.data for part in parts(payload)] == found == [data for *_, data in sent]


xml_texts = st.text("<>/abc=\"' &;![]-?xDOCTYPENIT\n", max_size=60)


@given(xml_texts | xml_texts.map(lambda text: f"<a>{text}</a>"))
@example('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
@example("<a><![CDATA[b]]><!-- c --></a>")
def test_xml_is_taken_only_where_defusedxml_takes_it(text: str) -> None:
    try:
        root, _ = read_xml(text.encode())
    except InputError:
        return
    data = text.encode().strip()
    try:
        tree = defusedxml.ElementTree.fromstring(data, forbid_dtd=True)
    except defusedxml.DefusedXmlException:
        pytest.fail("taken, although defusedxml refuses it")
    except ParseError:
        tree = defusedxml.ElementTree.fromstring(mended(data), forbid_dtd=True)
    assert root == tree.tag.rpartition("}")[2].rpartition(":")[2].lower()
