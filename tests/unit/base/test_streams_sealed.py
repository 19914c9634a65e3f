"""Sealed sessions: each end knows the other, and nothing is taken that was changed, sent again or made by others."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.errors import InputError
from wicketgate.base.streams.sealed import Numbers, SealedSession, SessionOpening, caller_in, welcome_to

WHERE = b"somewher"
SEQUENCER = X25519PrivateKey.generate()
ROLE = X25519PrivateKey.generate()


def public(key: X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def opening(role: X25519PrivateKey = ROLE, sequencer: X25519PrivateKey = SEQUENCER) -> SessionOpening:
    return SessionOpening(role.private_bytes_raw(), public(sequencer))


def sessions() -> tuple[SealedSession, SealedSession]:
    begun = opening()
    welcome, held = welcome_to(SEQUENCER, begun.hello, WHERE)
    return begun.welcomed(welcome), held


def test_what_one_end_seals_the_other_opens() -> None:
    asks, answers = sessions()
    assert asks.id == answers.id
    assert asks.id.startswith(WHERE)
    part = answers.open(asks.seal(7, 1, 3, b"ask"))
    assert (part.number, part.part, part.parts, part.data) == (7, 1, 3, b"ask")
    assert asks.open(answers.seal(7, 0, 1, b"answer")).data == b"answer"


def test_an_ask_is_not_an_answer() -> None:
    asks, _ = sessions()
    with pytest.raises(InputError):
        asks.open(asks.seal(1, 0, 1, b"mine"))


def test_another_session_opens_nothing() -> None:
    asks, _ = sessions()
    _, other = sessions()
    with pytest.raises(InputError):
        other.open(asks.seal(1, 0, 1, b"x"))


@given(st.integers(0, 80), st.integers(1, 255))
def test_a_part_that_was_changed_is_refused(at: int, flip: int) -> None:
    asks, answers = sessions()
    sealed = bytearray(asks.seal(1, 0, 1, b"x" * 40))
    sealed[at % len(sealed)] ^= flip
    with pytest.raises(InputError):
        answers.open(bytes(sealed))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    asks, answers = sessions()
    for end in (asks, answers):
        with pytest.raises(InputError):
            end.open(data)
    with pytest.raises(InputError):
        welcome_to(SEQUENCER, data, WHERE)
    with pytest.raises(InputError):
        opening().welcomed(data)


def test_a_hello_shows_the_roles_key() -> None:
    stranger = X25519PrivateKey.generate()
    hello = opening(stranger).hello
    forged = public(ROLE) + hello[32:]
    assert caller_in(forged) == public(ROLE)
    with pytest.raises(InputError, match="not the role's"):
        welcome_to(SEQUENCER, forged, WHERE)


def test_a_hello_without_a_key_is_refused() -> None:
    # A point of low order: the exchange comes to zeroes.
    with pytest.raises(InputError):
        welcome_to(SEQUENCER, bytes(32) + os.urandom(48), WHERE)


def test_somebody_elses_welcome_is_refused() -> None:
    begun = opening()
    impostor = X25519PrivateKey.generate()
    # Even one that knows everything but the sequencer's key: it makes its welcome for a hello to itself.
    to_impostor = opening(ROLE, impostor)
    welcome, _ = welcome_to(impostor, to_impostor.hello, WHERE)
    with pytest.raises(InputError, match="not the sequencer's"):
        begun.welcomed(welcome)
    with pytest.raises(InputError):
        begun.welcomed(welcome[:16] + bytes(32) + welcome[48:])


def test_a_hello_sent_again_begins_a_session_in_which_nothing_can_be_asked() -> None:
    begun = opening()
    first, held = welcome_to(SEQUENCER, begun.hello, WHERE)
    _, again = welcome_to(SEQUENCER, begun.hello, WHERE)
    asks = begun.welcomed(first)
    assert held.open(asks.seal(1, 0, 1, b"x")).data == b"x"
    with pytest.raises(InputError):
        again.open(again.id + asks.seal(1, 0, 1, b"x")[16:])


def test_a_number_counts_once() -> None:
    numbers = Numbers()
    assert [numbers.is_new(number) for number in (1, 3, 2, 3, 1)] == [True, True, True, False, False]
    assert all(numbers.is_new(number) for number in range(4, 20_000))
    assert not numbers.is_new(1), "one that is long past was forgotten, and counts as heard"
    assert not numbers.is_new(19_999)
    assert numbers.is_new(20_000)
