"""Each form of a post, each code of the quarantine, and that nothing posted is ever repeated in a detail."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from wicketgate.base.clock import DAY_US, SECOND_US, parse_rfc3339, rfc3339, to_datetime
from wicketgate.base.errors import InputError
from wicketgate.reads.checks import Checked, ClockLimits, check
from wicketgate.reads.parse import ARROW, JSON, MAX_READS, NDJSON, Malformed, RawRead, parse

NOW_US = parse_rfc3339("2026-07-08T12:00:00Z")
LIMITS = ClockLimits(clock_ahead_us=60 * SECOND_US, too_old_us=7 * DAY_US)
CAMERAS = {"c0": 0, "c1": 1}
PLATE = "AB12CDE"
GOOD: dict[str, Any] = {
    "camera": "c0",
    "captured_at": "2026-07-08T11:59:59Z",
    "plate": "ab12 cde",
    "confidence": 0.9,
}


def stream(columns: dict[str, Any], **options: Any) -> bytes:
    """Return an Arrow stream."""
    table = pa.table(columns)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def column_of(*reads: dict[str, Any]) -> dict[str, list[Any]]:
    """Return reads as columns."""
    names = dict.fromkeys(name for read in reads for name in read)
    return {name: [read.get(name) for read in reads] for name in names}


def posts(reads: Sequence[dict[str, Any]]) -> list[tuple[bytes, str]]:
    """Return the same reads in every form."""
    return [
        (json.dumps(reads).encode(), JSON),
        (b"\n".join(json.dumps(read).encode() for read in reads), NDJSON),
        (stream(column_of(*reads)), ARROW),
    ]


def checked(rows: Sequence[RawRead | Malformed]) -> Checked:
    """Check rows against two cameras."""
    return check(rows, source="tfl", cameras=CAMERAS.get, limits=LIMITS, now_us=NOW_US)


def refused(read: dict[str, Any] | bytes) -> tuple[str, str]:
    """Return code and detail of a read that cannot be taken."""
    body = read if isinstance(read, bytes) else json.dumps(read).encode()
    found = checked(parse(body, JSON))
    assert not found.reads["plate"]
    ((index, item),) = found.quarantined
    assert index == 0
    assert item.source == "tfl"
    assert item.at_us == NOW_US
    return item.code, item.detail


FULL = {
    **GOOD,
    "id": "r1",
    "lane": 2,
    "direction": "towards",
    "vehicle": {"make": "Ford", "colour": None},
}


def test_every_form_says_the_same() -> None:
    reads = [FULL, GOOD, {**GOOD, "camera": "c1", "lane": None}]
    answers = [checked(parse(body, media_type)) for body, media_type in posts(reads)]
    assert not answers[0].quarantined
    assert answers[0].reads["camera"] == [0, 0, 1]
    assert answers[0].reads["plate"] == [PLATE] * 3
    assert answers[0].reads["captured_us"] == [NOW_US - SECOND_US] * 3
    assert answers[0].read_id == ["r1", None, None]
    assert answers[0].reads["lane"] == ["2", None, None]
    assert answers[0].reads["direction"] == ['"towards"', None, None]
    assert answers[0].reads["vehicle"] == ['{"make":"Ford","colour":null}', None, None]
    assert answers[0].index == [0, 1, 2]
    assert answers[1] == answers[0]
    answers[2].reads["vehicle"] = answers[0].reads["vehicle"]  # columns do not tell null from missing
    assert answers[2] == answers[0]


def test_one_read_without_an_array() -> None:
    assert checked(parse(json.dumps(FULL).encode(), JSON)).read_id == ["r1"]
    assert checked(parse(b" \n" + json.dumps(GOOD).encode() + b" ", JSON)).reads["plate"] == [PLATE]


@pytest.mark.parametrize(("body", "media_type"), [(b"[]", JSON), (b"", NDJSON), (b"\n\n", NDJSON)])
def test_nothing_is_nothing(body: bytes, media_type: str) -> None:
    assert list(parse(body, media_type)) == []


def test_an_arrow_stream_of_no_rows() -> None:
    assert list(parse(stream({"camera": pa.array([], pa.string())}), ARROW)) == []


def test_blank_lines_are_passed_over() -> None:
    line = json.dumps(GOOD).encode()
    assert len(parse(b"\n" + line + b"\n\n" + line + b"\r\n", NDJSON)) == 2


@pytest.mark.parametrize(
    ("captured_at", "after_us"),
    [
        ("2026-07-08T11:59:59.5Z", -500_000),
        ("2026-07-08t11:59:59z", -SECOND_US),
        ("2026-07-08 11:59:59Z", -SECOND_US),
        ("2026-07-08T12:59:59+01:00", -SECOND_US),
        ("2026-07-08T06:29:59-05:30", -SECOND_US),
        ("2026-07-08T11:59:59.123456Z", -876_544),
    ],
)
def test_times_in_every_form(captured_at: str, after_us: int) -> None:
    for body, media_type in posts([{**GOOD, "captured_at": captured_at}]):
        assert checked(parse(body, media_type)).reads["captured_us"] == [NOW_US + after_us]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "+05:30"])
def test_times_of_arrow(unit: str, zone: str) -> None:
    moment = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit] * (NOW_US // SECOND_US - 1)
    columns = column_of(GOOD) | {"captured_at": pa.array([moment], pa.timestamp(unit, zone))}
    assert checked(parse(stream(columns), ARROW)).reads["captured_us"] == [NOW_US - SECOND_US]


def test_nanoseconds_of_arrow_are_cut() -> None:
    moment = (NOW_US - SECOND_US) * 1000 + 999
    columns = column_of(GOOD) | {"captured_at": pa.array([moment], pa.timestamp("ns", "UTC"))}
    assert checked(parse(stream(columns), ARROW)).reads["captured_us"] == [NOW_US - SECOND_US]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), "dictionary"])
def test_texts_of_arrow(kind: Any) -> None:
    text = pa.array(["c0", "c1", "c0"])
    columns = column_of(GOOD, GOOD, GOOD)
    columns["camera"] = text.dictionary_encode() if kind == "dictionary" else text.cast(kind)
    assert checked(parse(stream(columns), ARROW)).reads["camera"] == [0, 1, 0]


def test_several_batches_of_arrow() -> None:
    table = pa.table(column_of(GOOD, FULL))
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=1)
    assert checked(parse(sink.getvalue(), ARROW)).read_id == [None, "r1"]


# --- what is refused as a whole -------------------------------------------------------------------------------------

BAD_BODIES = {
    "empty": b"",
    "white": b"  \n ",
    "torn": b'[{"camera": "c0"',
    "two": b"{}{}",
    "number": b"3",
    "text": b'"AB12CDE"',
    "list of texts": b'["AB12CDE"]',
    "null": b"null",
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "not UTF-8": b'{"plate": "\xff\xfe"}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "half a surrogate": b'{"plate": "\\ud800"}',
    "deep": b"[" * 500_000,
    "deep and closed": b"[" * 100_000 + b"]" * 100_000,
    "deep inside": b'[{"camera": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}]",
    "infinite": b'{"confidence": 1e999}',
    "NaN": b'{"confidence": NaN}',
    "comment": b"{} // x",
    "XML": b"<read/>",
}


@pytest.mark.parametrize("media_type", [JSON, NDJSON, ARROW])
@pytest.mark.parametrize("name", BAD_BODIES)
def test_bodies_that_cannot_be_read(name: str, media_type: str) -> None:
    if media_type == NDJSON and name in {"empty", "white", "two"}:
        return  # no lines, or two reads
    with pytest.raises(InputError) as caught:
        parse(BAD_BODIES[name], media_type)
    assert PLATE not in str(caught.value)


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_compressed_arrow_is_refused(codec: str) -> None:
    with pytest.raises(InputError, match="compressed"):
        parse(stream(column_of(*[GOOD] * 100), compression=codec), ARROW)
    dictionary = column_of(*[GOOD] * 100) | {"camera": pa.array(["c0" * 99] * 100).dictionary_encode()}
    with pytest.raises(InputError, match="compressed"):
        parse(stream(dictionary, compression=codec), ARROW)


def test_arrow_that_unfolds_is_refused_before_it_does() -> None:
    million = "x" * 1_000_000
    bombs: dict[str, Any] = {
        "nulls": pa.nulls(3_000_000),
        "dictionary": pa.DictionaryArray.from_arrays(pa.array([0] * 5_000, pa.int8()), pa.array([million])),
        "nested views": pa.StructArray.from_arrays([pa.array([million] * 60, pa.string_view())], ["make"]),
        "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2_000_000_000], pa.int32()), pa.array(["x"])),
        "lists": pa.array([[1, 2]]),
        "list views": pa.array([[1, 2]], pa.list_view(pa.int8())),
        "binary": pa.array([b"x"]),
        "decimals": pa.array([1], pa.decimal128(3)),
        "dates": pa.array([1], pa.date32()),
        "durations": pa.array([1], pa.duration("s")),
        "structs of nothing": pa.array([{}, {}], pa.struct([])),
        "structs in structs": pa.array([{"a": {"b": 1}}]),
        "dictionary of numbers": pa.array([1]).dictionary_encode(),
    }
    for name, column in bombs.items():
        begun = time.monotonic()
        with pytest.raises(InputError):
            parse(stream({"camera": column}), ARROW)
        assert time.monotonic() - begun < 2, name


def test_views_that_point_at_one_text_many_times() -> None:
    import numpy as np

    text = b"y" * 500_000
    view = np.array([[len(text), int.from_bytes(text[:4], "little"), 0, 0]] * 1_000, dtype="<i4")
    column = pa.Array.from_buffers(
        pa.string_view(), 1_000, [None, pa.py_buffer(view.tobytes()), pa.py_buffer(text)]
    )
    body = stream({"camera": column})
    assert len(body) < 600_000
    with pytest.raises(InputError, match="unfolds"):
        parse(body, ARROW)


def test_names_of_columns_are_bounded_for_each_bad_row_is_kept_with_them() -> None:
    long = "n" * 65
    for columns in ({long: [True]}, {"vehicle": pa.array([{long: "x"}])}):
        with pytest.raises(InputError, match="name of more than 64"):
            parse(stream(columns), ARROW)
    parse(stream({"n" * 64: [True]}), ARROW)


def test_texts_of_all_columns_count_though_they_may_be_the_same_bytes() -> None:
    text = "x" * 20_000_000
    with pytest.raises(InputError, match="unfolds"):
        parse(stream({"camera": [text], "plate": [text]}), ARROW)


def test_columns_of_arrow_that_are_too_many_or_stand_twice() -> None:
    table = pa.table([pa.array(["c0"]), pa.array(["c1"])], names=["camera", "camera"])
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    for body in (sink.getvalue(), stream({f"n{n}": [1] for n in range(100)})):
        with pytest.raises(InputError, match="columns"):
            parse(body, ARROW)


@pytest.mark.parametrize("zone", ["Nowhere/City", "../../etc/passwd", "Europe", "\0"])
def test_zones_of_arrow_that_are_none(zone: str) -> None:
    columns = column_of(GOOD) | {"captured_at": pa.array([0], pa.timestamp("us", zone))}
    with pytest.raises(InputError):
        parse(stream(columns), ARROW)


def test_times_of_arrow_that_no_year_holds() -> None:
    for unit in ("s", "ms", "us"):
        columns = column_of(GOOD) | {"captured_at": pa.array([2**62], pa.timestamp(unit, "UTC"))}
        with pytest.raises(InputError):
            parse(stream(columns), ARROW)


@pytest.mark.parametrize("media_type", [JSON, NDJSON])
def test_a_post_has_no_more_reads_than_that(media_type: str) -> None:
    body = b"[" + b"{}," * MAX_READS + b"{}]" if media_type == JSON else b"{}\n" * (MAX_READS + 1)
    with pytest.raises(InputError, match="more than"):
        parse(body, media_type)


# --- what goes to the quarantine -----------------------------------------------------------------------------------

CASES: dict[str, tuple[dict[str, Any] | bytes, str]] = {
    "no camera": ({k: v for k, v in GOOD.items() if k != "camera"}, "malformed"),
    "nothing at all": ({}, "malformed"),
    "unknown member": ({**GOOD, PLATE: 1}, "malformed"),
    "unknown member with a tick": ({**GOOD, f"`{PLATE}`": 1}, "malformed"),
    "unknown member with a quote": ({**GOOD, f"'{PLATE}": 1}, "malformed"),
    "unknown member with a line end": ({**GOOD, f"x\n`{PLATE}": 1}, "malformed"),
    "unknown member of the vehicle": ({**GOOD, "vehicle": {PLATE: "x"}}, "malformed"),
    "direction": ({**GOOD, "direction": PLATE}, "malformed"),
    "direction with quotes": ({**GOOD, "direction": f"'{PLATE}'"}, "malformed"),
    "plate as a number": ({**GOOD, "plate": 12}, "malformed"),
    "plate missing": ({**GOOD, "plate": None}, "malformed"),
    "camera as a number": ({**GOOD, "camera": 3}, "malformed"),
    "confidence as a text": ({**GOOD, "confidence": f"{PLATE}"}, "malformed"),
    "confidence as truth": ({**GOOD, "confidence": True}, "malformed"),
    "time as a plate": ({**GOOD, "captured_at": PLATE}, "malformed"),
    "time as a number": ({**GOOD, "captured_at": 1_783_512_000}, "malformed"),
    "leap second": ({**GOOD, "captured_at": "2026-06-30T23:59:60Z"}, "malformed"),
    "day that is none": ({**GOOD, "captured_at": "2026-02-30T00:00:00Z"}, "malformed"),
    "offset of a day": ({**GOOD, "captured_at": "2026-07-08T12:00:00+24:00"}, "malformed"),
    "id empty": ({**GOOD, "id": ""}, "malformed"),
    "id too long": ({**GOOD, "id": PLATE * 10}, "malformed"),
    "id as a number": ({**GOOD, "id": 7}, "malformed"),
    "lane too long": ({**GOOD, "lane": PLATE * 5}, "malformed"),
    "lane far": ({**GOOD, "lane": 10_000}, "malformed"),
    "lane huge": ({**GOOD, "lane": 2**200}, "malformed"),
    "lane broken": ({**GOOD, "lane": 1.5}, "malformed"),
    "vehicle a text": ({**GOOD, "vehicle": PLATE}, "malformed"),
    "vehicle too long": ({**GOOD, "vehicle": {"make": PLATE * 50}}, "malformed"),
    "unknown camera": ({**GOOD, "camera": PLATE}, "unknown-camera"),
    "camera empty": ({**GOOD, "camera": ""}, "unknown-camera"),
    "no zone": ({**GOOD, "captured_at": "2026-07-08T11:59:59"}, "zone-missing"),
    "clock in 2034": ({**GOOD, "captured_at": "2034-01-01T00:00:00Z"}, "clock-ahead"),
    "last year there is": ({**GOOD, "captured_at": "9999-12-31T23:59:59-14:00"}, "clock-ahead"),
    "first year there is": ({**GOOD, "captured_at": "0001-01-01T00:00:00+14:00"}, "too-old"),
    "1970": ({**GOOD, "captured_at": "1970-01-01T00:00:00Z"}, "too-old"),
    "+08:00 sent in Turkey": ({**GOOD, "captured_at": "2026-06-30T15:00:00+08:00"}, "too-old"),
    "plate empty": ({**GOOD, "plate": ""}, "plate-empty"),
    "plate of separators": ({**GOOD, "plate": " -. "}, "plate-empty"),
    "plate unknown": ({**GOOD, "plate": "Unknown"}, "plate-unreadable"),
    "plate too long": ({**GOOD, "plate": PLATE * 3}, "plate-unreadable"),
    "plate in Cyrillic": ({**GOOD, "plate": "АВ12"}, "plate-unreadable"),
    "plate with a line end inside": ({**GOOD, "plate": "AB\x0012"}, "plate-unreadable"),
    "confidence of a hundred": ({**GOOD, "confidence": 99}, "confidence-range"),
    "confidence below nothing": ({**GOOD, "confidence": -0.01}, "confidence-range"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_code_has_its_case_and_no_detail_says_what_was_posted(name: str) -> None:
    read, code = CASES[name]
    found, detail = refused(read)
    assert found == code
    assert PLATE not in detail
    assert len(detail) <= 200


def test_the_first_fault_counts() -> None:
    read = {**GOOD, "camera": "x", "captured_at": "1970-01-01T00:00:00", "plate": "", "confidence": 5}
    order = ["unknown-camera", "zone-missing", "too-old", "plate-empty", "confidence-range"]
    repairs = [
        ("camera", "c0"),
        ("captured_at", "1970-01-01T00:00:00Z"),
        ("captured_at", GOOD["captured_at"]),
        ("plate", "AB12"),
        ("confidence", 1),
    ]
    for code, (member, value) in zip(order, repairs, strict=True):
        assert refused(read)[0] == code
        read[member] = value
    assert len(checked(parse(json.dumps(read).encode(), JSON)).reads["plate"]) == 1


@pytest.mark.parametrize(
    ("after_us", "code"),
    [
        (60 * SECOND_US, None),
        (60 * SECOND_US + 1, "clock-ahead"),
        (-7 * DAY_US, None),
        (-7 * DAY_US - 1, "too-old"),
    ],
)
def test_the_limits_of_the_clock_are_exact(after_us: int, code: str | None) -> None:
    found = checked(parse(json.dumps({**GOOD, "captured_at": rfc3339(NOW_US + after_us)}).encode(), JSON))
    assert [item.code for _, item in found.quarantined] == ([] if code is None else [code])


def test_a_confidence_that_is_no_number() -> None:
    for value in (float("nan"), float("inf"), float("-inf")):
        found = checked(parse(stream(column_of({**GOOD, "confidence": value})), ARROW))
        assert [item.code for _, item in found.quarantined] == ["confidence-range"]
        assert json.loads(found.quarantined[0][1].read)["confidence"] is None


@pytest.mark.parametrize("confidence", [0, 1, 0.0, 1.0, 0.5])
def test_confidences_that_are_taken(confidence: float) -> None:
    assert checked(parse(json.dumps({**GOOD, "confidence": confidence}).encode(), JSON)).reads[
        "confidence"
    ] == [confidence]


def test_one_bad_read_does_not_hold_up_the_others() -> None:
    reads = [GOOD, {**GOOD, "camera": "x"}, {**GOOD, "extra": 1}, {**GOOD, "camera": "c1"}]
    for body, media_type in posts([GOOD, {**GOOD, "camera": "x"}, {**GOOD, "camera": "c1"}]):
        found = checked(parse(body, media_type))
        assert found.index == [0, 2]
        assert [(index, item.code) for index, item in found.quarantined] == [(1, "unknown-camera")]
    found = checked(parse(json.dumps(reads).encode(), JSON))
    assert found.index == [0, 3]
    assert [(index, item.code) for index, item in found.quarantined] == [
        (1, "unknown-camera"),
        (2, "malformed"),
    ]


def test_the_quarantine_keeps_what_was_posted() -> None:
    found = checked(parse(json.dumps([{**GOOD, "camera": "x"}, {"odd": [1, {"a": None}]}]).encode(), JSON))
    kept = [json.loads(item.read) for _, item in found.quarantined]
    assert kept[0]["plate"] == GOOD["plate"]
    assert kept[1] == {"odd": [1, {"a": None}]}
    assert [item.camera for _, item in found.quarantined] == ["", ""]
    known = checked(parse(json.dumps({**GOOD, "plate": ""}).encode(), JSON))
    assert known.quarantined[0][1].camera == "c0"


@pytest.mark.parametrize("member", ["camera", "plate", "other"])
def test_of_a_very_large_read_the_quarantine_keeps_the_beginning(member: str) -> None:
    """Two of them would not go into a message of the streams, and nothing would be stored any more."""
    found = checked(parse(json.dumps({**GOOD, member: "é" * 20_000}).encode(), JSON))
    ((_, item),) = found.quarantined
    assert len(item.read) < 64 * 1024
    assert json.loads(item.read)["bytes"] > 30_000


def test_of_two_members_of_one_name_the_last_counts() -> None:
    body = b'{"camera":"x","camera":"c0","captured_at":"2026-07-08T11:59:59Z","plate":"AB12","confidence":1}'
    assert checked(parse(body, JSON)).reads["camera"] == [0]


# --- images -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ("p1", {"patch": "p1"}),
        ({"patch": "p1"}, {"patch": "p1"}),
        ({"overview": "o1"}, {"overview": "o1"}),
        ({"patch": "p1", "overview": "o1"}, {"patch": "p1", "overview": "o1"}),
        ({}, {}),
        (None, {}),
    ],
)
def test_which_parts_hold_a_reads_images(image: Any, named: dict[str, str]) -> None:
    (row,) = parse(json.dumps({**GOOD, "image": image}).encode(), JSON)
    assert isinstance(row, RawRead)
    assert row.images() == named
    for parts, taken in (({"p1", "o1"}, True), ((), not named)):
        found = check([row], source="tfl", cameras=CAMERAS.get, limits=LIMITS, now_us=NOW_US, parts=parts)
        assert bool(found.reads["plate"]) == taken
        assert (found.reads["patch"], found.reads["overview"], found.reads["marks"]) == (
            ([None],) * 3 if taken else ([],) * 3
        )
        if not taken:
            assert found.quarantined[0][1].code == "image-missing"


def test_an_image_in_an_arrow_stream() -> None:
    columns = {**column_of(GOOD), "image": [{"patch": "p1", "overview": None}]}
    (row,) = parse(stream(columns), ARROW)
    assert isinstance(row, RawRead)
    assert row.images() == {"patch": "p1"}


@pytest.mark.parametrize(
    ("image", "detail"),
    [
        (7, "got `int` - at `$.image`"),
        ({"patch": 7}, "at `$.image.patch`"),
        ({"AB12CDE": "p1"}, "Object contains unknown member - at `$.image`"),
    ],
)
def test_an_image_of_the_wrong_form(image: Any, detail: str) -> None:
    code, said = refused({**GOOD, "image": image})
    assert code == "malformed"
    assert detail in said
    assert PLATE not in said


def test_a_confidence_that_is_no_number_counts_only_where_a_device_says_none() -> None:
    row = RawRead(camera="c0", captured_at=to_datetime(NOW_US), plate=PLATE, confidence=float("nan"))
    for unsure in (False, True):
        found = check(
            [row], source="tfl", cameras=CAMERAS.get, limits=LIMITS, now_us=NOW_US, may_be_unsure=unsure
        )
        assert len(found.reads["plate"]) == unsure
    ((_, read),) = checked([row]).quarantined
    assert read.code == "confidence-range"
    assert json.loads(read.read)["confidence"] is None
