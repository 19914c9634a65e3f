"""Keyed hashes by which errata are known again and counted: without the deployment's secret they say nothing."""

from __future__ import annotations

import hashlib

_PERSON = b"wicketgate errat"
_BYTES = 12


class ErrataDigests:
    """The hashes of one deployment.

    Parameters
    ----------
    secret : bytes
        Of the deployment; at most 64 bytes.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of_read(self, source: str, read_id: str) -> str:
        """Return what stands for a read as its source names it."""
        return self._hash(f"read\0{source}\0{read_id}")

    def of_hit(self, hit_id: str) -> str:
        """Return what stands for a read as a hit names it."""
        return self._hash(f"hit\0{hit_id}")

    def of_plate(self, plate: str) -> str:
        """Return what stands for a plate in normal form; empty for none."""
        return self._hash(f"plate\0{plate}") if plate else ""

    def _hash(self, text: str) -> str:
        keyed = hashlib.blake2b(key=self._secret, digest_size=_BYTES, person=_PERSON)
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return keyed.hexdigest()
