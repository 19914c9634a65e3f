"""Sealed sessions between a role and the sequencer, over streams that others may read and write to.

Pure but for the system's randomness. The two know one another by their keys (X25519), as in the pattern KK of Noise; a
session has keys of its own, which both forget: what was recorded cannot be opened afterwards, though a role's key be
found. docs/decisions/0034-readers.md.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wicketgate.base.errors import InputError

_LABEL: Final = b"wicketgate calls 1"
_KEY: Final = 32
_TAG: Final = 16
SESSION_BYTES: Final = 16
_HELLO: Final = _KEY + _KEY + _TAG
_WELCOME: Final = SESSION_BYTES + _KEY + _TAG
_HEAD: Final = struct.Struct(">QII")  # number of the ask, part, parts
OVERHEAD: Final = SESSION_BYTES + _HEAD.size + _TAG
_WINDOW: Final = 4096


class SealedPart(NamedTuple):
    """One part of a message, opened."""

    number: int
    part: int
    parts: int
    data: bytes


class SealedSession:
    """The keys of one session, at one of its two ends.

    Parameters
    ----------
    outwards, inwards : bytes
        32 bytes each: what this end seals with, and what it opens.
    """

    def __init__(self, session: bytes, outwards: bytes, inwards: bytes) -> None:
        self.id = session
        self._out = ChaCha20Poly1305(outwards)
        self._in = ChaCha20Poly1305(inwards)

    def seal(self, number: int, part: int, parts: int, data: bytes) -> bytes:
        """Return a part, sealed. No two may have the same number and part: these are the nonce."""
        head = self.id + _HEAD.pack(number, part, parts)
        return head + self._out.encrypt(_nonce(number, part), data, head)

    def open(self, sealed: bytes) -> SealedPart:
        """Return a part that the other end has sealed.

        Raises
        ------
        InputError
            If it is of another session, or was changed.
        """
        head = sealed[: SESSION_BYTES + _HEAD.size]
        if len(sealed) < OVERHEAD or head[:SESSION_BYTES] != self.id:
            raise InputError("what is sealed is of another session")
        number, part, parts = _HEAD.unpack_from(head, SESSION_BYTES)
        try:
            data = self._in.decrypt(_nonce(number, part), sealed[len(head) :], head)
        except InvalidTag as error:
            raise InputError("what is sealed was changed") from error
        return SealedPart(number, part, parts, data)


class SessionOpening:
    """A role's beginning of a session.

    Attributes
    ----------
    hello : bytes
        What it sends: its public key, one for this session alone, and that it has the first.
    """

    def __init__(self, key: bytes, sequencer: bytes) -> None:
        self._own = X25519PrivateKey.from_private_bytes(key)
        self._once = X25519PrivateKey.generate()
        self._sequencer = X25519PublicKey.from_public_bytes(sequencer)
        begun = _public(self._own) + _public(self._once)
        self._begun = begun
        self._static = self._own.exchange(self._sequencer)
        self.hello = begun + _shown(self._static, begun)

    def welcomed(self, welcome: bytes) -> SealedSession:
        """Return the session that the sequencer has agreed to.

        Raises
        ------
        InputError
            If the welcome is none, or somebody else's.
        """
        if len(welcome) != _WELCOME:
            raise InputError("the welcome has another length")
        session, other = welcome[:SESSION_BYTES], welcome[SESSION_BYTES : SESSION_BYTES + _KEY]
        once = _public_key(other)
        try:
            shared = (
                self._static
                + self._once.exchange(self._sequencer)
                + self._own.exchange(once)
                + self._once.exchange(once)
            )
        except ValueError as error:  # a point of low order
            raise InputError("the welcome has no key") from error
        ask, answer, shown = _keys(shared, self._begun + session + other)
        try:
            ChaCha20Poly1305(shown).decrypt(bytes(12), welcome[-_TAG:], session)
        except InvalidTag as error:
            raise InputError("the welcome is not the sequencer's") from error
        return SealedSession(session, ask, answer)


def caller_in(hello: bytes) -> bytes:
    """Return the public key that a hello names; nothing is shown by it yet.

    Raises
    ------
    InputError
        If it is no hello.
    """
    if len(hello) != _HELLO:
        raise InputError("the hello has another length")
    return hello[:_KEY]


def welcome_to(key: X25519PrivateKey, hello: bytes, where: bytes) -> tuple[bytes, SealedSession]:
    """Return the sequencer's welcome to a hello, and its end of the session.

    Whoever sent the hello has shown that it has the role's key, or that it has heard another hello: only what is asked
    in the session shows more.

    Parameters
    ----------
    where : bytes
        8 bytes with which the session's name begins: they say where its asks go.

    Raises
    ------
    InputError
        If the hello was made without the role's key.
    """
    begun = hello[: 2 * _KEY]
    own, other = _public_key(caller_in(hello)), _public_key(hello[_KEY : 2 * _KEY])
    try:
        static = key.exchange(own)
        if _shown(static, begun) != hello[2 * _KEY :]:
            raise InputError("the hello is not the role's")
        once = X25519PrivateKey.generate()
        shared = static + key.exchange(other) + once.exchange(own) + once.exchange(other)
    except ValueError as error:
        raise InputError("the hello has no key") from error
    session, public = where + os.urandom(SESSION_BYTES - len(where)), _public(once)
    ask, answer, shown = _keys(shared, begun + session + public)
    return session + public + ChaCha20Poly1305(shown).encrypt(bytes(12), b"", session), SealedSession(
        session, answer, ask
    )


class Numbers:
    """The numbers of asks that were heard: none counts twice, whatever is sent again."""

    def __init__(self) -> None:
        self._heard: set[int] = set()
        self._below = 0

    def is_new(self, number: int) -> bool:
        """Note a number; return whether it was not heard before. One far behind the latest counts as heard."""
        if number < self._below or number in self._heard:
            return False
        self._heard.add(number)
        if len(self._heard) > 2 * _WINDOW:
            self._below = sorted(self._heard)[-_WINDOW]
            self._heard = {heard for heard in self._heard if heard >= self._below}
        return True


def _nonce(number: int, part: int) -> bytes:
    return struct.pack(">QI", number, part)


def _public(key: X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _public_key(data: bytes) -> X25519PublicKey:
    return X25519PublicKey.from_public_bytes(data)


def _shown(static: bytes, begun: bytes) -> bytes:
    key = HKDF(SHA256(), _KEY, salt=None, info=_LABEL + b" hello").derive(static)
    return ChaCha20Poly1305(key).encrypt(bytes(12), b"", begun)


def _keys(shared: bytes, said: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the keys of asks, of answers, and of the welcome's end."""
    derived = HKDF(SHA256(), 3 * _KEY, salt=hashlib.sha256(_LABEL + said).digest(), info=_LABEL).derive(
        shared
    )
    return derived[:_KEY], derived[_KEY : 2 * _KEY], derived[2 * _KEY :]
