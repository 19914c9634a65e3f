"""Columns of bytes say what the same texts, numbers and times say one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wicketgate.base import byte_columns
from wicketgate.base.byte_columns import MOST_WASTED, TextTable
from wicketgate.base.clock import DAY_US, SECOND_US, rfc3339

YEAR_10000_US = 253_402_300_800 * SECOND_US

texts = st.lists(st.text(max_size=40) | st.sampled_from(["", "a", "ab"]), min_size=1, max_size=150)
times = st.integers(0, YEAR_10000_US - 1)
near = st.integers(1_783_123_200_000_000, 1_783_123_200_000_000 + 2 * DAY_US)
whole = near.map(lambda at_us: at_us - at_us % SECOND_US)
milli = near.map(lambda at_us: at_us - at_us % 1000)


def said(column: bytes | byte_columns.ByteColumn | None, n: int) -> list[str] | None:
    """Return what a column says, without the blanks at the end."""
    if column is None:
        return None
    if isinstance(column, bytes):
        return [column.decode()] * n
    assert column.shape == (n,)
    return [value.decode().rstrip(" ") for value in column.tolist()]


@given(texts.map(lambda given: [text.rstrip(" ") for text in given]))
@example([f"{number}" for number in range(80)])
@example(["é", *(f"{number}" for number in range(80))])
@example(["x" * 100, ""])
def test_texts_in_a_column_are_the_texts(given: list[str]) -> None:
    for column in byte_columns.of_texts(given), byte_columns.of_alike(given, str):
        if column is None:
            lengths = [len(text.encode()) for text in given]
            assert max(lengths) > sum(lengths) / len(given) + MOST_WASTED
        else:
            assert said(column, len(given)) == given


@given(texts.map(lambda given: TextTable(text.rstrip(" ") for text in given)), st.data())
def test_a_table_gives_the_texts_of_numbers(table: TextTable, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, len(table) - 1), min_size=1, max_size=9))
    column = table.take(np.array(numbers))
    assert column is None or said(column, len(numbers)) == [table[number] for number in numbers]


def test_a_table_takes_no_more_room_than_those_that_are_taken() -> None:
    table = TextTable(("a", "bb", "c" * 500))
    column = table.take(np.array([0, 1, 0]))
    assert column is not None
    assert column.itemsize == 2
    assert table.take(np.array([0, 2])) is None


@given(st.lists(st.integers(0, 10**18 - 1) | st.integers(0, 20_000), min_size=1, max_size=12))
@example([0, 9, 10, 9_999, 10_000, 99_999_999, 100_000_000])
def test_numbers_in_a_column_are_their_digits_and_the_end(numbers: list[int]) -> None:
    column = byte_columns.of_numbers(np.array(numbers, dtype=np.int64), b",")
    assert said(column, len(numbers)) == [f"{number}," for number in numbers]


@given(st.lists(near, min_size=1, max_size=9) | st.lists(whole | milli | times, min_size=1, max_size=9))
@example([0, 999_999, 1_000, 500_000, YEAR_10000_US - 1])
@example([0, SECOND_US])
def test_times_in_a_column_are_those_of_the_clock(at_us: list[int]) -> None:
    column = byte_columns.of_times(np.array(at_us, dtype=np.int64))
    assert said(column, len(at_us)) == [f'{rfc3339(value)}"' for value in at_us]


@pytest.mark.parametrize("at_us", [-1, YEAR_10000_US])
def test_times_of_other_years_are_left_to_others(at_us: int) -> None:
    assert byte_columns.of_times(np.array([0, at_us])) is None


@given(st.lists(st.binary(min_size=2, max_size=2), min_size=1, max_size=9))
def test_parts_are_joined_in_each_row(values: list[bytes]) -> None:
    column = np.frombuffer(b"".join(values), "V2")
    rows = byte_columns.joined([b"<", column, b"", column, b">"], len(values))
    assert rows.tolist() == [b"<" + value + value + b">" for value in values]
    assert byte_columns.without_ends(rows, 1, 1).tolist() == [value + value for value in values]
