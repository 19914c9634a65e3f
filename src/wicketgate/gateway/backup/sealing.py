"""The encryption of a backup: each object under a key of its own, and the file of keys to the recipients. Pure.

An object is a mark, a nonce of 12 bytes, and ChaCha20-Poly1305 over what may be compressed; its name is bound to it, so
that a store cannot answer with another one. docs/spec/backup.md.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from wicketgate.base.errors import InputError
from wicketgate.gateway.backup.manifest import KeyFile, decode_keys, encode
from wicketgate.ledger.sealing import Opener, seal

_MARK: Final = b"wicketgate backup 1\n"
_NONCE: Final = 12
_PLAIN, _PACKED = b"\x00", b"\x01"
_MOST_BYTES: Final = 1 << 30
"""Of an object once it is unpacked: a manifest is the largest."""


def new_key() -> bytes:
    """Return a key for one object."""
    return ChaCha20Poly1305.generate_key()


def seal_object(name: str, key: bytes, data: bytes) -> bytes:
    """Return an object's bytes as they are stored."""
    packed = zstandard.ZstdCompressor(level=1).compress(data)
    body = _PACKED + packed if len(packed) < len(data) else _PLAIN + data
    nonce = os.urandom(_NONCE)
    return _MARK + nonce + ChaCha20Poly1305(key).encrypt(nonce, body, _MARK + name.encode())


def open_object(name: str, key: bytes, sealed: bytes) -> bytes:
    """Return what an object holds.

    InputError if it was changed, is another one, or another key made it.
    """
    if not sealed.startswith(_MARK):
        raise InputError("an object of the backup is none of this version")
    begin = len(_MARK) + _NONCE
    try:
        body = ChaCha20Poly1305(key).decrypt(
            sealed[len(_MARK) : begin], sealed[begin:], _MARK + name.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise InputError("an object of the backup was changed, or is of another key") from error
    if body[:1] == _PLAIN:
        return body[1:]
    if body[:1] != _PACKED:
        raise InputError("an object of the backup is packed in no known way")
    try:
        return zstandard.ZstdDecompressor().decompress(body[1:], max_output_size=_MOST_BYTES)
    except zstandard.ZstdError as error:
        raise InputError("an object of the backup cannot be unpacked") from error


def seal_keys(keys: KeyFile, recipients: Sequence[str]) -> bytes:
    """Return the file of keys, encrypted to age recipients."""
    return seal(encode(keys), recipients)


def open_keys(sealed: bytes, identity: str) -> KeyFile:
    """Return the file of keys.

    Parameters
    ----------
    identity : str
        The text of an age identity file.

    Raises
    ------
    ConfigurationError
        If it is sealed to others.
    InputError
        If it is no file of keys.
    """
    return decode_keys(Opener(identity).open(sealed))
