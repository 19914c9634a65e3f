"""Proofs of RFC 6962 from all leaf hashes: slow, and right by the definition."""

from __future__ import annotations

from collections.abc import Sequence

from wicketgate.ledger.merkle import consistency_ranges, inclusion_ranges, root


def inclusion_proof(hashes: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the audit path of leaf `index` (RFC 6962, section 2.1.1); O(n) hashes.

    Raises
    ------
    ShapeError
        If there is no such leaf.
    """
    return tuple(root(hashes[start:end]) for start, end in inclusion_ranges(index, len(hashes)))


def consistency_proof(hashes: Sequence[bytes], old_size: int) -> tuple[bytes, ...]:
    """Return the proof that the first `old_size` leaves are a beginning of all (RFC 6962, section 2.1.2).

    Raises
    ------
    ShapeError
        If there are fewer leaves than `old_size`.
    """
    return tuple(root(hashes[start:end]) for start, end in consistency_ranges(old_size, len(hashes)))
