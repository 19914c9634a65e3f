"""What a read is recognised by: the same for one and for many, another in each part, and silent without the secret."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import plates
from wicketgate.base.clock import DAY_US
from wicketgate.base.errors import ShapeError
from wicketgate.reads.keys import CONTENT, JoinedKeys, KeyMaker, ReadKeys, words

SECRET = b"k" * 32
MAKER = KeyMaker(SECRET)
reads = st.tuples(
    st.integers(0, 2**31 - 1), st.integers(-DAY_US, 2**55), plates | st.text(max_size=20) | st.just("A" * 16)
)


@given(st.lists(reads, max_size=20))
def test_one_key_is_as_among_many(some: list[tuple[int, int, str]]) -> None:
    camera, captured_us, plate = (
        (list(column) for column in zip(*some, strict=True)) if some else ([], [], [])
    )
    together = MAKER.contents(camera, np.array(captured_us, np.int64), plate)
    assert together == b"".join(MAKER.content(*read) for read in some)
    assert words(together)[:, 0].view(np.int64).tolist() == captured_us
    assert (words(together)[:, 1] & np.uint64(1)).all()


@given(st.lists(reads, min_size=2, max_size=2, unique=True))
def test_different_reads_have_different_keys(two: list[tuple[int, int, str]]) -> None:
    assert MAKER.content(*two[0]) != MAKER.content(*two[1])


@pytest.mark.parametrize(
    "other",
    [(1, DAY_US, "AB12CDE"), (0, DAY_US + 1, "AB12CDE"), (0, DAY_US, "AB12CD"), (0, DAY_US, "AB12CDE\0")],
    ids=["camera", "time", "plate", "padding"],
)
def test_keys_differ_in_every_part(other: tuple[int, int, str]) -> None:
    assert MAKER.content(*other)[8:] != MAKER.content(0, DAY_US, "AB12CDE")[8:]


def test_a_plate_beyond_a_block_is_not_cut() -> None:
    keys = MAKER.contents([0, 0, 0], np.zeros(3, np.int64), ["A" * 16, "A" * 17, "Š" * 16])
    assert len({keys[start : start + CONTENT] for start in range(0, len(keys), CONTENT)}) == 3


def test_keys_say_nothing_without_the_secret() -> None:
    other = KeyMaker(b"l" * 32)
    for plate in ("AB12CDE", "ŠKODA1"):
        assert other.content(0, 0, plate)[8:] != MAKER.content(0, 0, plate)[8:]
        assert plate.encode() not in MAKER.content(0, 0, plate)
    assert other.read_id("tfl", "a") != MAKER.read_id("tfl", "a")
    assert len({MAKER.read_id(*parts) for parts in [("tfl", "a"), ("tf", "la"), ("tfl", "b")]}) == 3


def test_the_rule_is_pinned_by_the_specification() -> None:
    """docs/spec/repeats.md, section 1, in the plainest words."""

    def derived(use: bytes) -> bytes:
        return hashlib.blake2b(use, key=SECRET, digest_size=32, person=b"wicketgate seen").digest()

    def key(camera: int, captured_us: int, block: bytes, kind: int) -> bytes:
        time = captured_us.to_bytes(8, "little", signed=True)
        second = time + camera.to_bytes(4, "little") + kind.to_bytes(4, "little")
        chained = Cipher(algorithms.AES(derived(b"contents")), modes.CBC(bytes(16))).encryptor()
        digest = bytearray(chained.update(block + second)[16:])
        digest[0] |= 1
        return time + bytes(digest)

    hashed = hashlib.blake2b(
        "ŠKODA1".encode(), key=derived(b"plates"), digest_size=16, person=b"wicketgate seen"
    ).digest()
    assert MAKER.content(7, 1_783_512_000_000_001, "AB12CDE") == key(
        7, 1_783_512_000_000_001, b"AB12CDE" + bytes(9), 0
    )
    assert MAKER.content(7, -5, "ŠKODA1") == key(7, -5, hashed, 1)


@given(st.binary(max_size=4 * CONTENT).map(lambda data: data[: len(data) // CONTENT * CONTENT]), st.data())
def test_joined_keys_are_a_sequence(data: bytes, choose: st.DataObject) -> None:
    keys = JoinedKeys(data)
    plain = [data[start : start + CONTENT] for start in range(0, len(data), CONTENT)]
    assert list(keys) == plain
    start, stop = choose.draw(st.integers(-5, 5)), choose.draw(st.integers(-5, 5))
    assert list(keys[start:stop]) == plain[start:stop]
    with pytest.raises(IndexError):
        keys[len(plain)]
    with pytest.raises(ShapeError):
        keys[::2]


@given(st.lists(st.sampled_from([None, "a", "b"]), max_size=6), st.data())
def test_some_keys_are_those_of_their_rows(given_ids: list[str | None], choose: st.DataObject) -> None:
    n = len(given_ids)
    contents = MAKER.contents(range(n), np.zeros(n, np.int64), ["A"] * n)
    keys = ReadKeys(contents, MAKER.read_ids("s", given_ids))
    for rows in (
        choose.draw(st.lists(st.integers(0, n - 1), max_size=6) if n else st.just([])),
        range(n // 2, n),
    ):
        some = keys.of(rows)
        assert len(some) == len(rows)
        for at, row in enumerate(rows):
            given_id = given_ids[row]
            assert some.content(at) == keys.content(row)
            assert some.read_id(at) == (b"" if given_id is None else MAKER.read_id("s", given_id))
