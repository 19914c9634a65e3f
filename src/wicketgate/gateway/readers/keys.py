"""Content keys as a reader has them: in memory alone, and no longer than the sequencer has them."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.hour_keys import hour_of, open_sealed
from wicketgate.base.packing import unpack
from wicketgate.commits.stored import Kind


class KeysInMemory:
    """The content keys that a reader has been told. It can open what is sealed, and seals nothing."""

    def __init__(self) -> None:
        self._keys: dict[str, dict[int, ChaCha20Poly1305]] = {}

    def known(self) -> dict[str, list[int]]:
        """Return the hours whose keys are held, by kind."""
        return {kind: list(keys) for kind, keys in self._keys.items()}

    def take(self, kinds: Mapping[str, Mapping[int, bytes]]) -> None:
        """Take what the sequencer has: keys that are new, and drop those that it has no longer."""
        for kind, told in kinds.items():
            keys = self._keys.setdefault(kind, {})
            for hour in [hour for hour in keys if hour not in told]:
                del keys[hour]
            for hour, key in told.items():
                if key:
                    keys[hour] = ChaCha20Poly1305(key)

    def drop(self) -> None:
        """Drop them all."""
        for keys in self._keys.values():
            keys.clear()
        self._keys.clear()

    def open(self, kind: Kind, sealed: bytes) -> bytes | None:
        """Return what was sealed, or None where its key has ended, or is not known.

        Raises
        ------
        InputError
            If it was changed, another key made it, or it stands in the open.
        """
        hour = hour_of(sealed)
        if hour is None:
            raise InputError("what is to be sealed stands in the open")
        key = self._keys.get(kind, {}).get(hour)
        return None if key is None else unpack(open_sealed(key, sealed))

    def open_rows(self, sealed: bytes) -> bytes | None:
        """Return rows as they were delivered; what version 0.3 kept in the open as it is."""
        return sealed if hour_of(sealed) is None else self.open("rows", sealed)

    def seal(self, kind: Kind, data: bytes, at_us: int) -> bytes:
        """Seal nothing: a reader appends to no stream."""
        raise StreamError("a reader seals nothing")
