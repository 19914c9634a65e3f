"""Reads are checked as columns, and by themselves: both ways take and refuse the same, for the same reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.strategies import plate_texts
from wicketgate.base.clock import DAY_US, SECOND_US, from_datetime, parse_rfc3339, rfc3339
from wicketgate.reads.checks import Checked, ClockLimits, check
from wicketgate.reads.columns import ReadBatch, decode_batch, encode_batch
from wicketgate.reads.intake import _Group, _New
from wicketgate.reads.keys import KeyMaker, ReadKeys
from wicketgate.reads.parse import JSON, NDJSON, Faulty, PlainReads, RawRead, pieces
from wicketgate.reads.plates import PLACEHOLDERS, PlateFault, pack, pack_all, read_plate, read_plates
from wicketgate.reads.times import usual_times

NOW_US = parse_rfc3339("2026-07-08T12:00:00Z")
LIMITS = ClockLimits(clock_ahead_us=60 * SECOND_US, too_old_us=7 * DAY_US)
MAKER = KeyMaker(b"k" * 32)

moments = st.integers(NOW_US - 8 * DAY_US, NOW_US + 90 * SECOND_US)
times = (
    moments.map(rfc3339)
    | moments.map(lambda at_us: rfc3339(at_us - at_us % 1000))
    | moments.map(lambda at_us: rfc3339(at_us - at_us % SECOND_US))
)
odd_times = st.sampled_from(
    [
        *("2026-07-08T12:00:00", "2026-07-08T13:00:00+01:00", "2026-07-08t11:00:00z", "2026-07-08 11:00:00Z"),
        *("2026-07-08T11:00:00.5Z", "2026-07-08T11:00:00.1234567Z", "2026-07-08T11:00:00.000000+02:00"),
    ]
)
vehicles = st.fixed_dictionaries(
    {}, optional={"make": st.none() | st.text(max_size=2), "kind": st.just("x" * 257)}
)
usual = st.fixed_dictionaries(
    {
        "camera": st.sampled_from(["c0", "c1", "é"]),
        "captured_at": times,
        "plate": st.from_regex(r"[A-Z]{2}[0-9]{2}[A-Z]{3}", fullmatch=True),
        "confidence": st.floats(0, 1),
    }
)
odd = st.fixed_dictionaries(
    {
        "camera": st.sampled_from(["c0", "c1", "x", ""]),
        "captured_at": times | odd_times,
        "plate": plate_texts
        | st.sampled_from([*PLACEHOLDERS, "ab 12", "", "A" * 12, "A" * 13, "A" * 17, "ŠKODA"]),
        "confidence": st.floats(0, 1) | st.sampled_from([-0.1, 1.1, 0, 1, 5e-324]),
    },
    optional={
        "id": st.sampled_from([None, "", "a", "b", "x" * 64, "x" * 65]),
        "lane": st.sampled_from([None, 1, "1", 10_000, -999, "x" * 33]),
        "direction": st.sampled_from([None, "towards", "away"]),
        "vehicle": st.none() | vehicles,
        "image": st.sampled_from([None, "p1", "p2", {"patch": "p1"}, {"overview": "p2"}, {}]),
    },
)
posts = st.builds(
    lambda many, some, where: many[: where % 20] + some + many[where % 20 :],
    st.lists(usual, min_size=14, max_size=20),
    st.lists(odd, max_size=6),
    st.integers(0, 19),
)


def checked(rows: Sequence[Any], *, may_be_unsure: bool = False) -> Checked:
    """Check reads of which the form's part `p1` came with them."""
    return check(
        rows,
        source="tfl",
        cameras={"c0": 7, "c1": 1, "é": 2}.get,
        limits=LIMITS,
        now_us=NOW_US,
        parts={"p1"},
        may_be_unsure=may_be_unsure,
    )


def stored(taken: Checked) -> bytes:
    """Return the bytes in which reads would be stored."""
    group = _Group(None)  # type: ignore[arg-type]
    n = len(taken.reads)
    if not n:
        return b""
    contents = MAKER.contents(
        taken.reads["camera"], np.asarray(taken.reads["captured_us"]), taken.reads["plate"]
    )
    group.extend(
        taken, _New(range(n), ReadKeys(contents, MAKER.read_ids("tfl", taken.read_id))), "tfl", NOW_US
    )
    return (
        encode_batch(group.reads.batch())
        + bytes(group.contents)
        + bytes(group.ids)
        + repr(sorted(group.cameras.items())).encode()
    )


@given(posts, st.sampled_from([JSON, NDJSON]))
@example(
    [{"camera": "c0", "captured_at": rfc3339(NOW_US), "plate": "A", "confidence": 1, "id": ""}] * 30, JSON
)
def test_both_ways_come_to_the_same(reads: list[dict[str, Any]], media_type: str) -> None:
    lines = [json.dumps(read).encode() for read in reads]
    body = b"[" + b",".join(lines) + b"]" if media_type == JSON else b"\n".join(lines)
    (piece,) = pieces(body, media_type)
    assert isinstance(piece, PlainReads | list)
    each = [msgspec.json.decode(line, type=RawRead) for line in lines]
    assert list(piece) == each
    columns = PlainReads.read(piece.wire) if isinstance(piece, PlainReads) else piece
    for start, stop in ((0, len(reads)), (1, len(reads) - 1)):
        together, apart = checked(columns[start:stop]), checked(each[start:stop])
        assert together.reads == apart.reads
        assert (together.camera_id, together.read_id, together.index) == (
            apart.camera_id,
            apart.read_id,
            apart.index,
        )
        assert together.quarantined == apart.quarantined
        assert stored(together) == stored(apart)


def test_the_columns_are_what_is_compared_above() -> None:
    read = {"camera": "c0", "captured_at": rfc3339(NOW_US), "plate": "AB12CDE", "confidence": 0.5}
    (piece,) = pieces(json.dumps([read] * 30).encode(), JSON)
    assert isinstance(piece, PlainReads)
    taken = checked(piece)
    assert taken.plate_key is not None
    assert isinstance(taken.reads["captured_us"], np.ndarray)


@pytest.mark.parametrize(
    "wrong", ["2026-02-30T12:00:00Z", "2026-07-08T24:00:00Z", "2026-07-08T12:00:60Z", "yesterday"]
)
def test_one_time_that_is_none_makes_the_piece_faulty(wrong: str) -> None:
    read = {"camera": "c0", "captured_at": rfc3339(NOW_US), "plate": "AB12CDE", "confidence": 0.5}
    (piece,) = pieces(json.dumps([read] * 30 + [read | {"captured_at": wrong}]).encode(), JSON)
    assert isinstance(piece, Faulty)


# --- the columns by themselves ----------------------------------------------------------------------------------------

any_time = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat().replace("+00:00", "Z"))
near_times = st.builds(
    lambda text, at, character: text[:at] + character + text[at + 1 :],
    any_time | times,
    st.integers(0, 26),
    st.characters(codec="utf-8") | st.sampled_from("0123456789:T.Z-"),
)
zoned = st.datetimes(timezones=st.just(timezone(timedelta(hours=1)))).map(datetime.isoformat)


@given(st.lists(any_time | times | near_times | odd_times | zoned | st.text(max_size=30), max_size=30))
def test_usual_times_are_those_of_the_parser(texts: list[str]) -> None:
    found, is_usual = usual_times(texts)
    for text, at_us, is_one in zip(texts, found.tolist(), is_usual.tolist(), strict=True):
        if is_one:
            assert at_us == from_datetime(msgspec.convert(text, datetime))
        else:
            assert at_us == 0


@given(st.lists(any_time | times, min_size=1))
def test_what_the_gateway_writes_is_usual(texts: list[str]) -> None:
    assert usual_times(texts)[1].all()


@given(st.lists(plate_texts | st.text(max_size=20) | st.sampled_from(sorted(PLACEHOLDERS)), max_size=20))
def test_plates_together_are_as_each_alone(texts: list[str]) -> None:
    found, keys, are_plates = read_plates(texts)
    for text, plate, key, is_plate in zip(texts, found, keys.tolist(), are_plates.tolist(), strict=True):
        alone = read_plate(text)
        assert is_plate == (not isinstance(alone, PlateFault))
        if is_plate:
            assert (plate, key) == (alone, pack(plate))
    assert pack_all(texts).tolist() == [pack(text) for text in texts]


@given(posts)
def test_stored_bytes_are_read_again(reads: list[dict[str, Any]]) -> None:
    taken = checked([msgspec.convert(read, RawRead) for read in reads])
    group = _Group(None)  # type: ignore[arg-type]
    n = len(taken.reads)
    contents = MAKER.contents(
        taken.reads["camera"], np.asarray(taken.reads["captured_us"], np.int64), taken.reads["plate"]
    )
    group.extend(taken, _New(range(n), ReadKeys(contents)), "tfl", NOW_US)
    batch = group.reads.batch()
    again = decode_batch(encode_batch(batch))
    for name in ReadBatch.__slots__:
        assert list(getattr(again, name)) == list(getattr(batch, name))
