"""The seal of what custody keeps: compressed, and encrypted under its one key."""

from __future__ import annotations

import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.packing import pack, unpack

_NONCE: Final = 12
OVERHEAD: Final = _NONCE + 16
"""Bytes that an image is longer when it is sealed."""


class CustodySeal:
    """The seal of one custody.

    Parameters
    ----------
    key : bytes
        Its disk's. What is sealed here is under a key derived from it.
    """

    def __init__(self, key: bytes) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"wicketgate custody rows 1").derive(key)
        self._key = ChaCha20Poly1305(derived)
        self._digest_key = HKDF(SHA256(), 32, salt=None, info=b"wicketgate custody plates 1").derive(key)

    def digest(self, plate: str) -> bytes:
        """Return what stands for a plate: without the key it says nothing."""
        return hashlib.blake2b(plate.encode(), key=self._digest_key, digest_size=16).digest()

    def seal(self, data: bytes, what: str) -> bytes:
        """Return bytes encrypted; `what` says what they are, and opens nothing else."""
        nonce = os.urandom(_NONCE)
        return nonce + self._key.encrypt(nonce, data, what.encode())

    def open(self, sealed: bytes, what: str) -> bytes:
        """Return what was sealed.

        ConfigurationError if it was changed, or another key made it.
        """
        try:
            return self._key.decrypt(sealed[:_NONCE], sealed[_NONCE:], what.encode())
        except InvalidTag as error:
            raise ConfigurationError(
                f"{what.partition(' ')[0]} of custody was changed, or is of another key: restore the folder as it was "
                "at one time, or begin a new one"
            ) from error

    def seal_packed(self, data: bytes, what: str) -> bytes:
        """Return bytes compressed and encrypted."""
        return self.seal(pack(data), what)

    def open_packed(self, sealed: bytes, what: str) -> bytes:
        """Return what `seal_packed` made this of."""
        return unpack(self.open(sealed, what))
