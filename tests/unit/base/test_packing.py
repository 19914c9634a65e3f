"""What is sealed is compressed first, and its length says little of how well."""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base import packing
from wicketgate.base.errors import InputError
from wicketgate.base.packing import pack, unpack

ROW = (
    b'{"seq":%d,"salt":"%032x","authority":"a@1","read":{"plate":"%s","confidence":0.9,"captured_at":'
    b'"2026-11-30T23:37:%02d.9Z","source":"tfl","camera":"ccz-%04d"}}\n'
)


def rows(count: int, chance: random.Random, plate: str = "") -> bytes:
    plates = [plate or f"AB{chance.randrange(100):02d}{chance.randrange(10**6)}" for _ in range(count)]
    return b"".join(
        ROW % (n, chance.getrandbits(128), one.encode(), chance.randrange(60), chance.randrange(1500))
        for n, one in enumerate(plates)
    )


@given(st.binary(max_size=10_000) | st.binary(max_size=40).map(lambda data: data * 500))
def test_what_was_packed_comes_back(data: bytes) -> None:
    packed = pack(data)
    assert unpack(packed) == data
    assert len(packed) <= len(data) + 1


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_or_read(data: bytes) -> None:
    with contextlib.suppress(InputError):
        unpack(data)


def test_what_is_cut_or_changed_is_refused() -> None:
    packed = pack(rows(3, random.Random(1)))
    for wrong in (b"", packed[: len(packed) // 2], b"\x07" + packed[1:], packed[:1] + b"\0" * 50):
        with pytest.raises(InputError):
            unpack(wrong)


def test_rows_take_a_fraction_of_their_bytes() -> None:
    chance = random.Random(2)
    assert len(pack(rows(500, chance))) < 0.35 * len(rows(500, chance))
    assert len(pack(rows(1, chance))) < 0.75 * len(rows(1, chance))


@pytest.mark.parametrize("count", [5, 50, 500])
def test_lengths_hide_one_vehicle_among_others(count: int) -> None:
    """Whoever posts a plate, and sees the length of what is stored, does not see whether it was there already."""
    chance = random.Random(count)
    lengths: dict[bool, list[int]] = {True: [], False: []}
    for _ in range(200):
        data = rows(count, chance)
        known = data.split(b'"plate":"')[1].split(b'"')[0].decode()
        for there in (True, False):
            plate = known if there else f"XY{chance.randrange(100):02d}{chance.randrange(10**6)}"
            lengths[there].append(len(pack(data + rows(1, chance, plate))))
    counted = {there: Counter(found) for there, found in lengths.items()}
    either = {*lengths[True], *lengths[False]}
    assert len(either) <= 8
    # The salts alone move a length from step to step: one that is seen says next to nothing of one plate.
    apart = sum(abs(counted[True][length] - counted[False][length]) for length in either) / 2 / 200
    assert apart < 0.4, (apart, counted)


def test_lengths_are_few_and_an_eighth_longer_at_most_behind_the_first_step() -> None:
    lengths = [packing._filled(n) for n in range(64, 100_000)]
    assert all(n <= length <= max(n + 63, n * 9 / 8) for n, length in enumerate(lengths, 64))
    assert len(set(lengths)) < 150


def test_the_words_never_change() -> None:
    """They are part of what is stored: what was packed beside others could not be read again."""
    assert hashlib.sha256(packing._WORDS).hexdigest()[:32] == "a4b8526b72e5aee4849d3d7403f08666"
    stored = bytes.fromhex("0228b52ffd205b650000107d7d02009037140e940504")
    assert (
        unpack(stored)
        == b'{"seq":1000,"salt":"00","authority":"x-bulk@1","read":{"plate":"AB12CDE","confidence":0.9}}'
    )


def test_threads_pack_beside_one_another() -> None:
    wrong: list[bytes] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(200):
            data = rows(chance.randrange(1, 40), chance)
            if unpack(pack(data)) != data:
                wrong.append(data)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
