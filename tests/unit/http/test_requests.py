from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.errors import InputError
from wicketgate.http.requests import decoded, demand_once_each


class Said(msgspec.Struct, forbid_unknown_fields=True):
    plate: str
    lanes: list[int] = []


DECODER = msgspec.json.Decoder(Said)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "send a plate"),
        (b"AB12CDE", "send a plate"),
        (b"\xff", "send a plate"),
        (b"[" * 100_000, "send a plate"),
        (b"[]", "send a plate"),
        (b'{"AB12CDE": 1}', "send a plate"),
        (b'{"plate": {"AB12CDE": 1}}', "send a plate: look at `$.plate`"),
        (b'{"plate": "", "lanes": [1, "AB12CDE"]}', "send a plate: look at `$.lanes[1]`"),
    ],
)
def test_a_body_that_is_none_says_where_and_never_with_what(body: bytes, detail: str) -> None:
    with pytest.raises(InputError) as caught:
        decoded(DECODER, body, "send a plate")
    assert caught.value.detail == detail


@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_an_input_error(body: bytes) -> None:
    with contextlib.suppress(InputError):
        assert isinstance(decoded(DECODER, body, "send a plate"), Said)


@pytest.mark.parametrize(
    "body", [b'{"a":1,"a":1}', b'[{"b":{"a":1,"\\u0061":2}}]', b'{"a":', b"[" * 100_000, b'{"a":"\xff"}']
)
def test_a_member_that_stands_twice_is_refused_wherever_it_stands(body: bytes) -> None:
    with pytest.raises(InputError):
        demand_once_each(body)
    demand_once_each(b'{"a":{"a":1},"b":[{"a":1},{"a":2}],"A":1}')
