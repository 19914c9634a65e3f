"""Arbitrary bytes are reads or an `InputError`, in every form; and every read is taken or has its reason."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.strategies import plate_texts
from wicketgate.base.clock import DAY_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.reads.checks import ClockLimits, check
from wicketgate.reads.columns import SAID
from wicketgate.reads.parse import ARROW, JSON, NDJSON, Malformed, parse

NOW_US = parse_rfc3339("2026-07-08T12:00:00Z")
LIMITS = ClockLimits(clock_ahead_us=60 * SECOND_US, too_old_us=7 * DAY_US)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
times = st.integers(NOW_US - 8 * DAY_US, NOW_US + 120 * SECOND_US).map(rfc3339)
nearly = st.fixed_dictionaries(
    {
        "camera": st.sampled_from(["c0", "c1", "x", ""]) | values,
        "captured_at": times | st.sampled_from(["2026-07-08T12:00:00", "2026-07-08T12:00:60Z"]) | values,
        "plate": plate_texts | values,
        "confidence": st.floats(0, 1) | st.floats(-2, 200) | values,
    },
    optional={
        "id": st.text(max_size=70) | values,
        "lane": st.integers(-5, 5) | st.text(max_size=40) | values,
        "direction": st.sampled_from(["towards", "away", "up"]) | values,
        "vehicle": st.dictionaries(st.sampled_from(["make", "model", "colour", "kind", "x"]), values)
        | values,
        "other": values,
    },
)


def accounted(body: bytes, media_type: str) -> tuple[int, list[str]]:
    """Return how many reads a body holds, once each is taken or has its reason; and the reasons' details."""
    rows = parse(body, media_type)
    found = check(rows, source="tfl", cameras={"c0": 0, "c1": 1}.get, limits=LIMITS, now_us=NOW_US)
    indexes = sorted([*found.index, *(index for index, _ in found.quarantined)])
    assert indexes == list(range(len(rows)))
    columns = [
        found.camera_id,
        found.read_id,
        *found.reads.columns.values(),
    ]
    assert {len(column) for column in columns} == {len(found.index)}
    for _, item in found.quarantined:
        json.loads(item.read)
        item.read.decode()
        assert item.camera in ("", "c0", "c1")
    for confidence in found.reads["confidence"]:
        assert 0 <= confidence <= 1
    for text in (text for column in SAID for text in found.reads[column.name]):
        assert text is None or json.loads(text) is not None
    assert all(isinstance(row, Malformed) or row.camera is not None for row in rows)
    return len(rows), [item.detail for _, item in found.quarantined]


@pytest.mark.parametrize("media_type", [JSON, NDJSON, ARROW])
@given(body=st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
@example(body=b"\xff\xff\xff\xff\x00\x00\x00\x00")
@example(body=b"\xff\xff\xff\xff\xff\xff\xff\x7f")
@example(body=b"\x00\x00\x00\x80")
def test_any_bytes(media_type: str, body: bytes) -> None:
    try:
        accounted(body, media_type)
    except InputError:
        return


@given(st.lists(nearly | st.dictionaries(st.text(max_size=10), values, max_size=4), max_size=5))
def test_every_read_is_taken_or_has_its_reason(reads: list[dict[str, Any]]) -> None:
    for body, media_type in (
        (json.dumps(reads).encode(), JSON),
        (b"\n".join(json.dumps(read).encode() for read in reads), NDJSON),
    ):
        try:
            count, _ = accounted(body, media_type)
        except InputError:
            continue  # a number that no double holds, or half a surrogate
        assert count == len(reads)


@given(st.text("ABCDEFGHJKLMNOPRSTUVWXYZ0123456789'`\"\\ \n", min_size=6, max_size=20), st.data())
def test_no_detail_says_what_was_posted(secret: str, data: st.DataObject) -> None:
    good = {"camera": "c0", "captured_at": rfc3339(NOW_US), "plate": "AB12", "confidence": 1}
    name = data.draw(st.sampled_from([*good, "id", "lane", "direction", "vehicle", "member", "of vehicle"]))
    if name == "member":
        read = {**good, secret: 1}
    elif name == "of vehicle":
        read = {**good, "vehicle": {secret: secret}}
    else:
        read = {**good, name: data.draw(st.sampled_from([secret, [secret], {secret: secret}]))}
    _, details = accounted(json.dumps(read).encode(), JSON)
    for detail in details:
        for part in secret.replace("'", " ").replace("`", " ").split():
            assert len(part) < 6 or part not in detail


def good_stream() -> bytes:
    """Return an Arrow stream with a column of every type that a read may have."""
    table = pa.table(
        {
            "camera": pa.array(["c0", "c1"]).dictionary_encode(),
            "captured_at": pa.array([NOW_US, NOW_US], pa.timestamp("us", "UTC")),
            "plate": pa.array(["AB12", "CD34"], pa.string_view()),
            "confidence": [0.5, 1.0],
            "lane": pa.array([1, None], pa.int8()),
            "vehicle": [{"make": "Ford"}, None],
        }
    )
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


GOOD_STREAM = good_stream()


def test_the_stream_that_is_changed_below_is_good() -> None:
    assert accounted(GOOD_STREAM, ARROW) == (2, [])


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD_STREAM) - 1), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, len(GOOD_STREAM)),
)
def test_any_change_of_an_arrow_stream(changes: list[tuple[int, int]], cut: int) -> None:
    body = bytearray(GOOD_STREAM)
    for place, value in changes:
        body[place] = value
    for changed in (bytes(body), bytes(body[:cut])):
        try:
            accounted(changed, ARROW)
        except InputError:
            continue


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_change_of_one_byte_of_an_arrow_stream() -> None:
    for place in range(len(GOOD_STREAM)):
        for value in (0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF, GOOD_STREAM[place] ^ 1, GOOD_STREAM[place] ^ 0x10):
            body = bytearray(GOOD_STREAM)
            body[place] = value
            try:
                accounted(bytes(body), ARROW)
            except InputError:
                continue
