"""The forms of what is stored."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.forms import is_form, newer_form, split_form, with_form

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.integers(2, 255), st.binary())
def test_what_says_its_form_is_split_again(form: int, packed: bytes) -> None:
    found, rest = split_form(with_form(form, packed))
    assert (found, bytes(rest)) == (form, packed)


@given(VALUES)
def test_no_messagepack_is_taken_for_one_that_says_its_form(value: object) -> None:
    packed = msgspec.msgpack.encode(value)
    assert split_form(packed) == (1, packed)


@given(st.integers(2, 255), VALUES)
def test_an_earlier_version_reads_nothing_that_says_its_form(form: int, value: object) -> None:
    with pytest.raises(msgspec.DecodeError):
        msgspec.msgpack.decode(with_form(form, msgspec.msgpack.encode(value)))


@pytest.mark.parametrize("data", [b"", b"\xc1"])
def test_what_is_cut_says_no_form(data: bytes) -> None:
    assert split_form(data) == (1, data)


def test_the_words_name_both_forms() -> None:
    words = newer_form("`hits/`", 7, 2)
    assert "`hits/` is of form 7" in words
    assert "up to form 2" in words


@pytest.mark.parametrize("value", [True, 0, -1, "2", 1.0, None, [1]])
def test_what_is_no_form(value: object) -> None:
    assert not is_form(value)
