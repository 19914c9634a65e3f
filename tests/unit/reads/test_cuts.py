"""Bodies cut into pieces say the same as whole, and no piece is larger than it may be."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.errors import InputError
from wicketgate.reads import cuts
from wicketgate.reads.cuts import PIECE, array_pieces, line_pieces

TRICKY = ["},{", '"},{"', "\\", '\\"', "[", "]", "}", "{", ",", "é", "\\u007b", ""]


def values(pieces: Any) -> list[Any]:
    """Return the elements of arrays, in order."""
    return [value for piece in pieces for value in json.loads(piece)]


def element(chance: random.Random, depth: int = 0) -> Any:
    """Return an odd JSON value that is small."""
    kinds = 3 if depth > 2 else 5
    match chance.randrange(kinds):
        case 0:
            return "".join(chance.choices(TRICKY, k=3))
        case 1:
            return chance.choice([1, -0.5, None, True])
        case 2:
            return {}
        case 3:
            return [element(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(TRICKY): element(chance, depth + 1) for _ in range(chance.randrange(4))}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("seed", range(4))
def test_pieces_of_an_array_hold_its_elements_in_order(seed: int, indent: int | None) -> None:
    chance = random.Random(seed)
    wanted = [element(chance) for _ in range(30_000)]
    body = json.dumps(wanted, indent=indent, ensure_ascii=seed % 2 == 0).encode()
    pieces = list(array_pieces(body))
    assert len(pieces) > 1
    assert all(len(piece) <= PIECE + 2 for piece in pieces)
    assert values(pieces) == wanted


@given(st.lists(st.sampled_from([*TRICKY, "{}", "[]", '"', " "]), max_size=60))
def test_no_text_is_taken_for_another(parts: list[str]) -> None:
    """Whatever the body: in pieces it is the same array, or no JSON, as it is whole."""
    body = ("[" + "".join(parts) + "]").encode()
    body = body.replace(b"]", b" " * 200_000 + b"]", 1) if len(body) % 2 else body + b" " * 200_000
    try:
        whole = json.loads(body)
    except ValueError:
        whole = None
    try:
        cut = values(array_pieces(body))
    except (ValueError, InputError):
        cut = None
    assert cut is None or cut == whole


def test_lines_are_cut_at_their_ends() -> None:
    lines = [json.dumps({"n": n}).encode() for n in range(100_000)]
    pieces = list(line_pieces(b"\n".join(lines)))
    assert b"\n".join(pieces).split(b"\n") == lines
    assert max(map(len, pieces)) <= PIECE


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"' + b"x" * PIECE + b'"}',
        b'[{"a":"' + b"x" * PIECE + b'"}]',
        b'[{},{"a":[' + b"{}," * PIECE + b"{}]}]",
    ],
)
def test_one_read_that_is_too_large(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        list(array_pieces(body))
    assert caught.value.code == "too-large"
    if b"[" not in body[:1]:
        with pytest.raises(InputError):
            list(line_pieces(body))


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"{}," * PIECE + b"]",
        b"[" + b"{}," * 10 + b"," + b"{}," * PIECE + b"{}]",
        b"[]]" + b" " * PIECE,
        b"[,{}" + b",{}" * PIECE + b"]",
        b"[{}] ,{}" + b",{}" * PIECE + b"]",
    ],
)
def test_what_is_no_array_is_none_in_pieces(body: bytes) -> None:
    with pytest.raises((InputError, ValueError)):
        values(array_pieces(body))


@pytest.mark.parametrize("part", [b'"},{",', b"[{},{}],", b'{"a":[{},{}]},', b'{"a":"},{"},', b"1,", b"[],"])
def test_no_body_makes_a_step_long(part: bytes) -> None:
    body = b"[" + part * (8 * 1024 * 1024 // len(part)) + b"1]"
    steps, begun = [], time.thread_time()
    for _ in array_pieces(body):
        steps.append(time.thread_time() - begun)
        begun = time.thread_time()
    assert sorted(steps)[-3] < 0.05, "but for what the machine does besides"
    assert cuts.PIECE * len(steps) >= len(body)
