"""Numbers of a query: what is taken is what their description says."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from wicketgate.base.errors import InputError
from wicketgate.http.parameters import (
    AFTER,
    BATCH,
    BATCHES,
    LINES,
    PAGE_OF_RESPONSES,
    QUARANTINED,
    WAIT,
    Number,
)
from wicketgate.http.requests import number_in

NUMBERS = (AFTER, BATCH, BATCHES, LINES, PAGE_OF_RESPONSES, QUARANTINED)


def request(**query: str) -> Any:
    return SimpleNamespace(query_params=query)


@given(number=st.sampled_from(NUMBERS), value=st.integers() | st.integers(0, 20_000))
def test_a_number_is_taken_if_its_schema_takes_it(number: Number, value: int) -> None:
    described = Draft202012Validator(dict(number.schema)).is_valid(value)
    try:
        taken = number.read(request(**{number.name: str(value)}))
    except InputError:
        assert not described
    else:
        assert described
        assert taken == min(value, number.most)


@given(number=st.sampled_from(NUMBERS), text=st.text())
def test_any_other_text_is_refused(number: Number, text: str) -> None:
    if not (text.isascii() and text.isdigit()):
        with pytest.raises(InputError):
            number.read(request(**{number.name: text}))


def test_one_that_is_left_out_is_its_default_or_missing() -> None:
    for number in NUMBERS:
        if number.required:
            with pytest.raises(InputError):
                number.read(request())
        else:
            assert number.read(request()) == number.schema["default"]


def test_what_is_capped_says_so() -> None:
    assert LINES.words.endswith("More is read as 1,000.")
    assert AFTER.words == AFTER.meaning


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("1.5", 1.5), ("60", 60.0), ("9999.999999", 60.0)])
def test_seconds_are_taken_up_to_the_most(text: str, seconds: float) -> None:
    assert WAIT.read(request(wait=text)) == seconds
    assert Draft202012Validator(dict(WAIT.schema)).is_valid(float(text))


@pytest.mark.parametrize("text", ["", "-1", "1e3", "10000", "nan", "1.0000000", "٣"])
def test_what_is_no_number_of_seconds_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        WAIT.read(request(wait=text))


def test_a_text_of_a_client_becomes_a_number_within_a_bound() -> None:
    """Of 5,000 digits in a form `int` made an error, and 500."""
    assert [
        number_in(text) for text in ("7", "9" * 15, "9" * 16, "9" * 5_000, "\u00b2", "\u0663", "-1", "")
    ] == [
        7,
        999_999_999_999_999,
        *[None] * 6,
    ]
    for path in Path("src/wicketgate/http").rglob("*.py"):
        for line in path.read_text().splitlines():
            if re.search(r"isdecimal\(|isdigit\(", line) and "int(" in line:
                assert "len(" in line or "[:" in line, f"{path}: {line.strip()}: use `number_in`"
