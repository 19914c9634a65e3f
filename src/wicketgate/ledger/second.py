"""The closed second, as COMMITS keeps it."""

from __future__ import annotations

import msgspec


class SecondClosed(msgspec.Struct, frozen=True, kw_only=True):
    """A closed second.

    `number` counts closed seconds from 1; `entry` is its place in the ledger; `facts` and `seed` are the openings in
    the clear, from which the proofs are made; `sealed` is the same for the overseer alone.
    """

    number: int
    second_us: int
    entry: int
    facts: tuple[bytes, ...]
    seed: bytes
    sealed: bytes
