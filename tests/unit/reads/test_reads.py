from __future__ import annotations

import io
from dataclasses import replace

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import batch_of, moments, plates
from wicketgate.base.errors import InputError, ShapeError
from wicketgate.reads.columns import (
    COLUMNS,
    Column,
    ReadBatch,
    decode_batch,
    empty,
    encode_batch,
    filled,
    joined,
    part,
    split_again,
)
from wicketgate.reads.keys import JoinedKeys

ARROW = {column.stored: getattr(pa, column.stored)() for column in COLUMNS}
SCHEMA = pa.schema([(column.name, ARROW[column.stored]) for column in COLUMNS])
VALUES = {
    "bool_": st.booleans(),
    "int32": st.integers(-1, 2**31 - 1),
    "int64": moments,
    "float64": st.floats(0, 1) | st.just(np.nan),
    "string": st.text(max_size=5),
    "binary": st.binary(max_size=20),
}


@st.composite
def batches(draw: st.DrawFn) -> ReadBatch:
    """Draw a batch, any value of its type in each column but the plates, from which `plate_key` follows."""
    n = draw(st.integers(0, 6))
    columns = {"plate": draw(st.lists(plates, min_size=n, max_size=n))}
    for column in COLUMNS:
        if column.name not in ("plate", "plate_key"):
            value = VALUES[column.stored] | st.none() if column.null else VALUES[column.stored]
            columns[column.name] = draw(st.lists(value, min_size=n, max_size=n))
    return filled(**columns)


def same(one: ReadBatch, other: ReadBatch) -> bool:
    for name in ReadBatch.__slots__:
        left, right = getattr(one, name), getattr(other, name)
        if isinstance(left, np.ndarray) and left.dtype != right.dtype:
            return False
        if isinstance(left, np.ndarray):
            if not np.array_equal(left, right, equal_nan=left.dtype.kind == "f"):
                return False
        elif list(left) != list(right):
            return False
    return True


@given(batches())
def test_a_batch_is_read_as_it_was_written(batch: ReadBatch) -> None:
    assert same(decode_batch(encode_batch(batch)), batch)


@given(batches())
def test_a_batch_of_a_former_version_is_read(batch: ReadBatch) -> None:
    columns = {column.name: pa.array(getattr(batch, column.name), ARROW[column.stored]) for column in COLUMNS}
    assert same(
        decode_batch(written(columns, SCHEMA)),
        batch,
    )


def test_what_all_reads_say_is_stored_once() -> None:
    batch = batch_of([(0, 1, 2)] * 500)
    assert len(encode_batch(batch)) < len(encode_batch(part(batch, 0, 1))) + 500 * 30
    for value in (0.0, -0.0, np.nan):
        some = filled(plate=["A", "B"], confidence=[value, value], key=[bytes(24)] * 2)
        assert decode_batch(encode_batch(some)).confidence.tobytes() == some.confidence.tobytes()


def test_zero_and_less_than_zero_are_not_the_same() -> None:
    some = filled(plate=["A", "B"], confidence=[0.0, -0.0], key=[bytes(24)] * 2)
    assert decode_batch(encode_batch(some)).confidence.tobytes() == some.confidence.tobytes()


@given(batches())
def test_joined_keys_are_stored_as_they_lie(batch: ReadBatch) -> None:
    keys = JoinedKeys(b"".join(bytes([n]) * 24 for n in range(len(batch))))
    made = replace(batch, key=keys)
    again = decode_batch(encode_batch(made))
    assert isinstance(again.key, JoinedKeys)
    assert same(again, made)


def changed(**columns: object) -> bytes:
    stored = msgspec.msgpack.decode(encode_batch(batch_of([(0, 1, 2), (1, 2, 3)]))[1:])
    return b"\x01" + msgspec.msgpack.encode({**stored, **columns})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(
            ("camera", None),
            ("camera", bytes(9)),
            ("camera", "x"),
            ("again", b"\x02"),
            ("again", b"\x00\x02"),
        ),
        *(
            ("plate", None),
            ("plate", ["A"]),
            ("plate", ["A", None]),
            ("plate", ["A", b"B"]),
            ("plate", b"AB"),
        ),
        *(("lane", ["1"]), ("lane", b"11"), ("lane", [b"1", None])),
        *(("key", None), ("key", "x"), ("key", bytes(47)), ("key", ["a", "b"]), ("key", [b"a"])),
        ("other", None),
    ],
)
def test_a_stored_column_that_is_none(column: str, value: object) -> None:
    assert len(decode_batch(changed())) == 2
    with pytest.raises(InputError):
        decode_batch(changed(**{column: value}))


def test_a_column_that_a_former_version_had_not_says_nothing() -> None:
    stored = msgspec.msgpack.decode(changed()[1:])
    for name in ("lane", "marks"):
        del stored[name]
    assert decode_batch(b"\x01" + msgspec.msgpack.encode(stored)).lane == [None, None]
    del stored["camera"]
    with pytest.raises(InputError, match="other columns"):
        decode_batch(b"\x01" + msgspec.msgpack.encode(stored))


@given(batches(), st.data())
def test_parts_make_the_whole(batch: ReadBatch, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(batch)))
    assert same(joined([part(batch, 0, cut), part(batch, cut, len(batch))]), batch)
    assert same(joined([batch]), batch)
    assert same(joined([empty(), batch, empty()]), batch)


@given(batches())
def test_what_comes_again_is_set_apart_in_order(batch: ReadBatch) -> None:
    split = split_again(batch)
    parts = tuple(some for some, _ in split)
    if len(split) > 1:
        assert [rows.tolist() for _, rows in split if rows is not None] == [
            (batch.again == again).nonzero()[0].tolist() for again in (False, True)
        ]
    for some, again in zip(parts, (False, True), strict=False):
        assert (some.again == again).all()
        rows = (batch.again == again).nonzero()[0].tolist()
        assert [some.key[n] for n in range(len(some))] == [batch.key[row] for row in rows]
        assert len(some) == len(rows)
        if rows:
            assert same(some, joined([part(batch, row, row + 1) for row in rows]))
    assert sum(map(len, parts)) == len(batch)
    if not batch.again.any():
        assert parts == (batch,)


def test_only_what_comes_again_leaves_the_first_part_empty() -> None:
    batch = batch_of([(0, 1, 2)])
    object.__setattr__(batch, "again", np.ones(1, np.bool_))
    (first, _), (again, _) = split_again(batch)
    assert (len(first), len(again)) == (0, 1)


def test_columns_have_one_length() -> None:
    batch = batch_of([(0, 0, 0), (1, 1, 1)])
    with pytest.raises(ShapeError, match="`lane`"):
        ReadBatch(**{name: getattr(batch, name) for name in ReadBatch.__slots__} | {"lane": [None]})


@given(st.binary(max_size=300))
def test_any_bytes_are_a_batch_or_an_input_error(data: bytes) -> None:
    with pytest.raises(InputError):
        decode_batch(data)


@given(st.data())
def test_any_change_of_a_byte_is_a_batch_or_an_input_error(data: st.DataObject) -> None:
    stream = bytearray(encode_batch(batch_of([(0, 1, 2), (1, 2, 3)])))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        batch = decode_batch(bytes(stream))
    except InputError:
        return
    assert batch.camera.dtype == np.int32
    assert all(isinstance(plate, str) for plate in batch.plate)


def written(columns: dict[str, pa.Array], schema: pa.Schema) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.table(columns, schema=schema))
    return sink.getvalue()


@pytest.mark.parametrize(
    "column", [column for column in COLUMNS if not column.null], ids=lambda one: one.name
)
def test_a_value_that_every_read_has_may_not_be_missing(column: Column) -> None:
    columns = {one.name: pa.array([None if one.null else one.scalar()], ARROW[one.stored]) for one in COLUMNS}
    assert len(decode_batch(written(columns, SCHEMA))) == 1
    columns[column.name] = pa.array([None], ARROW[column.stored])
    with pytest.raises(InputError):
        decode_batch(written(columns, SCHEMA))


def test_another_schema_is_refused() -> None:
    schema = pa.schema([("plate", pa.string())])
    with pytest.raises(InputError, match="another schema"):
        decode_batch(written({"plate": pa.array(["A"])}, schema))


def test_nothing_has_no_rows() -> None:
    assert len(empty()) == len(decode_batch(encode_batch(empty()))) == 0
