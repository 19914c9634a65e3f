"""A transaction as COMMITS holds it: what stands in the open, and what ends with a key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.batches import plain_batch
from tests.unit.commits.test_transactions import FULL
from wicketgate.base.clock import HOUR_US
from wicketgate.base.errors import InputError
from wicketgate.base.hour_keys import KeyRing
from wicketgate.commits.stored import FORM, KINDS, Kind, decode, decode_taken, encode
from wicketgate.commits.transactions import Transaction

AT_US = 500_000 * HOUR_US
PLATE = b"KLM3XYZ"
WHOLE = msgspec.structs.replace(
    FULL,
    at_us=AT_US,
    batches=tuple(
        msgspec.structs.replace(plain_batch(name, 1), data=b'{"plate":"%b"}' % PLATE * 9)
        for name in ("a", "b")
    ),
    taken=b"reads of " + PLATE,
    facts=(b"a fact of " + PLATE,),
)


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "content-keys", KINDS)


def test_it_is_read_as_it_was_written(keys: KeyRing, tmp_path: Path) -> None:
    data, places = encode(WHOLE, keys)
    assert decode(data, keys) == (WHOLE, places)
    assert decode(data, KeyRing(tmp_path / "content-keys", KINDS)) == (WHOLE, places)
    assert decode_taken(data, keys) == WHOLE.taken
    for batch, (offset, length) in zip(WHOLE.batches, places, strict=True):
        assert keys.open("rows", data[offset : offset + length]) == batch.data
    assert data[:2] == bytes((0xC1, FORM))


def test_no_private_word_stands_in_it_in_the_open(keys: KeyRing) -> None:
    data = encode(WHOLE, keys).data
    assert PLATE not in data
    private = [msgspec.json.encode(hit) for hit in WHOLE.hits] + [one.read for one in WHOLE.quarantined]
    words = {word for text in private for word in text.split(b'"') if len(word) > 6 and word.isalnum()}
    names = {
        name.encode() for name in (*Transaction.__struct_fields__, *type(WHOLE.hits[0]).__struct_fields__)
    }
    assert not [word for word in words - names if word in data]


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_is_gone_with_its_key_and_the_others_stay(keys: KeyRing, kind: Kind) -> None:
    data, places = encode(WHOLE, keys)
    keys.end_before(kind, AT_US)  # the hour has not ended
    assert decode(data, keys)[0] == WHOLE
    keys.end_before(kind, AT_US + HOUR_US)
    with pytest.raises(InputError, match=f"its {kind} cannot be read"):
        decode(data, keys)
    assert (decode_taken(data, keys) is None) == (kind == "reads")
    opened = [keys.open("rows", data[offset : offset + length]) for offset, length in places]
    assert opened == ([None, None] if kind == "rows" else [batch.data for batch in WHOLE.batches])
    again, _ = encode(msgspec.structs.replace(WHOLE, at_us=AT_US + HOUR_US), keys)
    assert decode(again, keys)[0].taken == WHOLE.taken


def test_what_the_first_form_wrote_is_read(keys: KeyRing) -> None:
    first = msgspec.msgpack.encode(WHOLE)
    found, places = decode(first, keys)
    assert found == WHOLE
    for batch, (offset, length) in zip(WHOLE.batches, places, strict=True):
        assert first[offset : offset + length] == batch.data
    assert decode_taken(first, keys) == WHOLE.taken


def test_a_later_form_is_refused_in_words(keys: KeyRing) -> None:
    data = encode(WHOLE, keys).data
    for read in (decode, decode_taken):
        with pytest.raises(InputError, match=f"form {FORM + 1}.*form {FORM}"):
            read(data[:1] + bytes([FORM + 1]) + data[2:], keys)


def test_a_part_that_stands_in_the_open_is_refused(keys: KeyRing) -> None:
    """Found by the test below: without its mark, what was written over a part was taken for what 0.3 wrote."""
    data = encode(WHOLE, keys).data
    marks = [at for at in range(len(data)) if data.startswith(b"\x00hour-1", at)]
    assert len(marks) == 4
    for at in marks:
        with pytest.raises(InputError, match="stands in the open"):
            decode(data[:at] + b"\x01" + data[at + 1 :], keys)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_was_changed_is_refused_or_public(keys: KeyRing, data: Any) -> None:
    """Whoever writes to the stream cannot put other rows or reads under a key."""
    good = bytearray(encode(WHOLE, keys).data)
    good[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found, _ = decode(bytes(good), keys)
    except InputError:
        return
    assert (found.taken, found.facts, found.hits) == (WHOLE.taken, WHOLE.facts, WHOLE.hits)
    assert [batch.data for batch in found.batches] == [batch.data for batch in WHOLE.batches]
