"""Sums behind large values: LMDB does not look whether the pages of a value are those that were written.

A page of zeros within a value is returned as it lies there. A sum finds it out.
"""

from __future__ import annotations

import zlib
from typing import Final

SUMMED: Final = frozenset({b"named", b"runs"})
"""The databases whose values have a sum behind them; those of earlier versions have none."""
SIZE: Final = 5
"""Bytes behind a value: one, so that its length is odd, and its CRC-32."""


def summed(value: bytes) -> bytes:
    """Return a value of even length with its sum behind it.

    >>> has_sum(summed(b"ab")), is_whole(summed(b"ab")), is_whole(b"x" + summed(b"ab")[1:]), has_sum(b"ab")
    (True, True, False, False)
    """
    if len(value) % 2:
        raise ValueError("a value with a sum has an even length without it")
    return value + _sum(value)


def has_sum(value: bytes | memoryview) -> bool:
    """Return whether a sum stands behind a value: whatever a page holds now, its length says so."""
    return len(value) % 2 == 1


def is_whole(value: bytes | memoryview) -> bool:
    """Return whether a value with a sum is as it was written. About 1 ms for a megabyte."""
    view = memoryview(value)
    return bytes(view[-SIZE:]) == _sum(view[:-SIZE])


def without_sum(value: bytes) -> bytes:
    """Return a value without its sum, if it has one."""
    return value[:-SIZE] if has_sum(value) else value


def _sum(value: bytes | memoryview) -> bytes:
    return b"\1" + zlib.crc32(value).to_bytes(4, "big")
