"""Blobs in a store of objects that several machines share, encrypted under a secret that they hold."""

from __future__ import annotations

import os

import obstore
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from wicketgate.base.errors import ConfigurationError, StreamError

_LABEL = b"wicketgate shared blobs 1"
_NONCE = 12


class SharedBlobs:
    """Blobs by their names, which follow from what they hold.

    Parameters
    ----------
    prefix : str
        Below which they lie.
    secret : bytes
        The deployment's: whoever runs the store reads nothing.
    """

    def __init__(self, store: ObjectStore, prefix: str, secret: bytes) -> None:
        self._store = store
        self._prefix = prefix
        self._cipher = ChaCha20Poly1305(HKDF(SHA256(), 32, salt=None, info=_LABEL).derive(secret))

    def put(self, name: str, data: bytes) -> None:
        """Store a blob. Durable on return; one that is there is written again as it is.

        Raises
        ------
        StreamError
            If the store does not answer.
        """
        nonce = os.urandom(_NONCE)
        try:
            obstore.put(
                self._store, self._path(name), nonce + self._cipher.encrypt(nonce, data, name.encode())
            )
        except (BaseError, OSError) as error:
            raise StreamError("the shared store does not answer") from error

    def get(self, name: str) -> bytes | None:
        """Return a blob, or None where it is not there.

        Raises
        ------
        ConfigurationError
            If it cannot be read, or is another deployment's.
        """
        try:
            sealed = bytes(obstore.get(self._store, self._path(name)).bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise ConfigurationError("the shared store does not answer") from error
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode())
        except (InvalidTag, ValueError) as error:
            raise ConfigurationError("a blob of the shared store is another deployment's") from error

    def delete(self, name: str) -> None:
        """Delete a blob; one that cannot be deleted now is deleted by whoever finds it unnamed later."""
        try:
            obstore.delete(self._store, self._path(name))
        except (BaseError, OSError):
            return

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}"
