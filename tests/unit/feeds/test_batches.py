from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import batch_of
from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.feeds.batches import (
    MAX_LINE,
    Batch,
    build,
    check_batch,
    erased_line,
    read_batches,
)
from wicketgate.feeds.lines import row_lines
from wicketgate.feeds.rendering import Rendering, with_members
from wicketgate.ledger.merkle import leaf_hash, leaf_hashes, root

AT_US = parse_rfc3339("2026-07-08T12:00:00Z")
CAMERAS = ('"source":"tfl","camera":"c0"', '"source":"tfl","camera":"c1"')
ALL = frozenset({"plate", "time", "place", "vehicle"})


def lines_of(count: int, first: int = 1) -> tuple[bytes, ...]:
    """Return rows."""
    return row_lines(
        reference="a@1",
        first_row=first,
        reads=[f'{{"plate":"P{number}"}}' for number in range(count)],
        late=[number % 2 == 1 for number in range(count)],
        salts=bytes(range(16)) * count,
    )


def made(count: int = 3, number: int = 1) -> bytes:
    """Return a batch as delivered."""
    return build(
        reference="a@1",
        number=number,
        commit=number,
        released_us=AT_US,
        lines=lines_of(count),
        promise=lambda header: {"salt": "", "second": "", "merge_by": "", "signature": ""},
    )[1]


def read(data: bytes) -> list[Batch]:
    """Return the batches in some bytes."""
    return list(read_batches(io.BytesIO(data)))


def check_all(data: bytes) -> None:
    """Read and check every batch."""
    for batch in read(data):
        check_batch(batch)


def rows(batch: Any, *fields: str) -> list[Any]:
    """Return reads as parsed JSON."""
    return shown(Rendering(batch, CAMERAS), *fields)


def shown(rendering: Rendering, *fields: str, placed: bool = False) -> list[Any]:
    """Return reads as parsed JSON, made one by one and, where they can be, as bytes of one width."""
    known = rendering.shown(frozenset(fields), placed=placed)
    reads = [json.loads(text) for text in rendering.reads(known)]
    encoded = rendering.encoded(known)
    assert encoded is None or [json.loads(text) for text in encoded.tolist()] == reads
    return reads


# --- what is released of a read -------------------------------------------------------------------------------


def full_batch() -> Any:
    """Return two reads: one of which everything is known, one of which nothing but the necessary is."""
    batch = batch_of([(0, AT_US, AT_US), (1, AT_US + 1_500_001, AT_US)])
    for name, values in (
        ("lane", ["2", None]),
        ("direction", ['"towards"', None]),
        ("vehicle", ['{"make":"Austin"}', None]),
    ):
        object.__setattr__(batch, name, values)
    return batch


def test_each_field_shows_its_members_and_nothing_else() -> None:
    batch = full_batch()
    assert rows(batch, "plate") == [{"plate": "AB12CDE", "confidence": 1.0}] * 2
    assert rows(batch, "time") == [
        {"captured_at": "2026-07-08T12:00:00Z"},
        {"captured_at": "2026-07-08T12:00:01.500001Z"},
    ]
    assert rows(batch, "place") == [
        {"source": "tfl", "camera": "c0", "lane": 2, "direction": "towards"},
        {"source": "tfl", "camera": "c1"},
    ]
    assert rows(batch, "vehicle") == [{"vehicle": {"make": "Austin"}}, {}]
    assert rows(batch) == [{}, {}]
    assert rows(batch, *ALL)[1] == rows(batch, "plate")[1] | rows(batch, "time")[1] | rows(batch, "place")[1]


def test_name_and_position_stand_with_the_place_where_the_authority_shows_them() -> None:
    placed = (
        CAMERAS[0] + ',"camera_name":"Gate north","position":[-0.1,51.5]',
        CAMERAS[1] + ',"camera_name":"c1"',
    )
    rendering = Rendering(full_batch(), CAMERAS, placed)
    assert shown(rendering, "place", placed=True) == [
        {"source": "tfl", "camera": "c0", "camera_name": "Gate north", "position": [-0.1, 51.5]}
        | {"lane": 2, "direction": "towards"},
        {"source": "tfl", "camera": "c1", "camera_name": "c1"},
    ]
    by_id = shown(rendering, "place")  # of another authority, in one batch
    assert by_id == rows(full_batch(), "place")
    without = shown(rendering, "plate", "time", placed=True)
    assert without == rows(full_batch(), "plate", "time")


def test_no_confidence_is_null_and_marks_belong_to_the_plate() -> None:
    batch = full_batch()
    object.__setattr__(batch, "confidence", np.array([np.nan, 0.5]))
    object.__setattr__(batch, "marks", ['["retransmitted","confidence-unknown"]', None])
    first, second = rows(batch, "plate")
    assert first == {"plate": "AB12CDE", "confidence": None, "marks": ["retransmitted", "confidence-unknown"]}
    assert second == {"plate": "AB12CDE", "confidence": 0.5}
    assert all("marks" not in row for row in rows(batch, "time", "place", "vehicle"))


def test_images_are_left_to_whoever_makes_their_references() -> None:
    batch = full_batch()
    object.__setattr__(batch, "patch", ["tfl/20260708/00 text", None])
    assert rows(batch, "patch-image", "overview-image") == [{}, {}]
    assert rows(batch, "plate", "patch-image") == rows(batch, "plate")


@pytest.mark.parametrize(
    ("read", "members", "together"),
    [
        ("{}", "", {}),
        ("{}", '"a":1', {"a": 1}),
        ('{"b":"}"}', '"a":1,"c":{}', {"b": "}", "a": 1, "c": {}}),
        ('{"b":2}', "", {"b": 2}),
    ],
)
def test_members_are_put_behind_those_of_a_read(read: str, members: str, together: dict[str, Any]) -> None:
    assert json.loads(with_members(read, members)) == together


def test_further_members_of_a_row_stand_behind_its_read() -> None:
    lines = row_lines(
        reference="a@1",
        first_row=7,
        reads=["{}", '{"plate":"P"}', "{}"],
        late=[True, False, False],
        salts=bytes(48),
        more=[',"ref":"r","hit":{"id":"r"}', ',"ref":"s","again":true', ""],
    )
    first, second, third = (json.loads(line) for line in lines)
    assert (first["ref"], first["hit"], first["late"]) == ("r", {"id": "r"}, True)
    assert (second["ref"], second["again"], second["read"]) == ("s", True, {"plate": "P"})
    assert sorted(third) == ["authority", "read", "salt", "seq"]


def test_a_field_that_nobody_knows_is_never_released() -> None:
    with pytest.raises(ValueError, match="keeper"):
        Rendering(full_batch(), CAMERAS).shown(frozenset({"plate", "keeper"}))


@given(st.lists(st.integers(AT_US, AT_US + 10**8), min_size=1, max_size=8))
@settings(max_examples=50)
def test_times_in_columns_are_the_times_of_the_clock(times: list[int]) -> None:
    batch = batch_of([(0, at_us, at_us) for at_us in times])
    assert [row["captured_at"] for row in rows(batch, "time")] == [rfc3339(at_us) for at_us in times]


# --- batches --------------------------------------------------------------------------------------------------


def test_rows_are_numbered_on_and_have_salts_of_their_own() -> None:
    first, second = (json.loads(line) for line in lines_of(2, first=41))
    assert (first["seq"], second["seq"]) == (41, 42)
    assert first["salt"] == bytes(range(16)).hex()
    assert first["authority"] == "a@1"
    assert "late" not in first
    assert second["late"] is True


def test_what_was_built_is_read_again() -> None:
    one, two = read(made(3) + made(2, number=2))
    assert (one.number, two.number) == (1, 2)
    assert one.lines == lines_of(3)
    assert one.header["root"] == root(leaf_hashes(one.lines)).hex()
    check_batch(one)
    check_batch(two)


def test_empty_lines_between_batches_are_passed_over() -> None:
    assert len(read(b"\n" + made() + b"\n\n" + made(number=2))) == 2
    assert read(b"") == []


@pytest.mark.parametrize(
    "data",
    [
        b"x\n",
        b"[]\n",
        b"{}\n",
        b'{"rows":0}\n',
        b'{"rows":-1}\n',
        b'{"rows":true}\n',
        b'{"rows":1.0}\n',
        b'{"rows":1000001}\n',
        b'{"rows":1}\n',
        b'{"rows":1}\n{}',
        b'{"rows":2}\n{}\n',
        b"[" * 100_000 + b"\n",
        b'{"rows":1}\n' + b"x" * (MAX_LINE + 1) + b"\n",
    ],
)
def test_what_is_no_batch_is_refused_where_it_stands(data: bytes) -> None:
    with pytest.raises(InputError, match="line"):
        read(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_batches_or_an_input_error(data: bytes) -> None:
    with contextlib.suppress(InputError, VerificationError):
        check_all(data)


@given(st.data())
@settings(max_examples=200)
def test_one_byte_changed_in_a_row_is_found(data: st.DataObject) -> None:
    whole = made(3)
    start = whole.index(b"\n") + 1
    at = data.draw(st.integers(start, len(whole) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[at]))
    changed = whole[:at] + bytes([value]) + whole[at + 1 :]
    with pytest.raises((InputError, VerificationError), match=r"batch 1|line"):
        check_all(changed)


@pytest.mark.parametrize("name", ["root", "sha256", "authority"])
def test_a_header_that_says_something_else_is_found(name: str) -> None:
    (batch,) = read(made())
    with pytest.raises(VerificationError, match="batch 1"):
        check_batch(Batch(header={**batch.header, name: "a@2"}, lines=batch.lines))


def test_a_row_taken_out_or_put_elsewhere_is_found() -> None:
    (batch,) = read(made())
    for lines in (batch.lines[:-1], batch.lines[::-1], batch.lines + batch.lines[:1]):
        with pytest.raises(VerificationError, match="root"):
            check_batch(Batch(header=batch.header, lines=lines))


# --- erased rows ----------------------------------------------------------------------------------------------


def erase(batch: Batch, at: int, line: bytes | None = None) -> Batch:
    """Return a batch with one row erased."""
    lines = list(batch.lines)
    lines[at] = erased_line(at + 1, leaf_hash(lines[at])) if line is None else line
    return Batch(header=batch.header, lines=tuple(lines))


def test_an_erased_row_keeps_the_root() -> None:
    (batch,) = read(made())
    for at in range(3):
        check_batch(erase(batch, at))


def test_an_erased_row_holds_nothing_but_its_leaf_hash() -> None:
    (batch,) = read(made())
    leaf = leaf_hash(batch.lines[1]).hex()
    for line in (
        f'{{"seq":2,"erased":"{leaf}","read":{{"plate":"FORGED"}}}}',
        f'{{"seq":2,"erased":"{leaf.upper()}"}}',
        f'{{"seq":2, "erased":"{leaf}"}}',
        f'{{"erased":"{leaf}"}}',
        f'{{"seq":2,"erased":"{leaf[:-2]}"}}',
        '{"seq":2,"erased":7}',
        '{"seq":2,"erased":"zz"}',
    ):
        with pytest.raises(VerificationError, match="batch 1: row 2"):
            check_batch(erase(batch, 1, line.encode()))


def test_another_leaf_than_the_erased_rows_own_is_found() -> None:
    (batch,) = read(made())
    with pytest.raises(VerificationError, match="root"):
        check_batch(erase(batch, 1, erased_line(2, b"\0" * 32)))


def test_no_error_holds_what_a_row_holds() -> None:
    (batch,) = read(made())
    line = batch.lines[0].replace(b"P0", b"SECRETPLATE")
    with pytest.raises(VerificationError) as caught:
        check_batch(Batch(header=batch.header, lines=(line, *batch.lines[1:])))
    assert "SECRETPLATE" not in str(caught.value)
