from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrage import DecryptError

from tests.keys import unseal
from wicketgate.base.errors import ConfigurationError
from wicketgate.ledger.sealing import new_identity, seal

IDENTITIES = [new_identity() for _ in range(3)]


@given(st.binary(max_size=200))
def test_each_overseer_opens_what_was_sealed_to_it_and_nobody_else_does(data: bytes) -> None:
    (first, first_key), (second, second_key), (stranger, _) = IDENTITIES
    sealed = seal(data, [first_key, second_key])
    assert unseal(sealed, first) == unseal(sealed, second) == data
    with pytest.raises(DecryptError):
        unseal(sealed, stranger)
    # The first line is the format's own, with its end: it is found in every seal, whatever was sealed.
    assert sealed.startswith(b"age-encryption.org/v1\n")
    assert len(data) < 8 or data not in sealed.removeprefix(b"age-encryption.org/v1\n")


def test_nothing_is_sealed_to_nobody() -> None:
    with pytest.raises(ConfigurationError, match="no overseer"):
        seal(b"x", [])


@pytest.mark.parametrize("key", ["", "age1", "age1nonsense", IDENTITIES[0][0]], ids=range(4))
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        seal(b"x", [IDENTITIES[0][1], key])
    assert "SECRET" not in str(caught.value)


SEALED = seal(b"openings", [IDENTITIES[0][1]])


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_any_change_of_a_byte_is_seen(place: float, change: int) -> None:
    identity = IDENTITIES[0][0]
    sealed = bytearray(SEALED)
    sealed[int(place * len(sealed))] ^= change
    with pytest.raises(DecryptError):
        unseal(bytes(sealed), identity)
