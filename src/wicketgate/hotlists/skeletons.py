"""Confusions on packed keys.

Plates that may be confused share a hash, and differ in a number of places. All of it is arithmetic on
`plates.pack`: base 37, twelve places, in four chunks of three.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wicketgate.reads.plates import ALIKE, CONFUSED, PACKED_CHARACTERS, unpack

EXACT_KEYS: Final = np.uint64(1 << 63)
"""Keys below are plates; those from here on are hashes, and stand for nothing but themselves."""

NO_MATCH: Final = 255
"""Instead of a number of substitutions, where plates differ in more than confusions."""

_BASE: Final = 37
_BASE_64: Final = np.uint64(_BASE)
_CHUNK: Final = np.uint32(_BASE**3)
_HALF: Final = np.uint64(_BASE**6)
# A hashed key has a larger upper half than any plate; it wraps, and takes table places that no plate takes.
_FIRST: Final = (2**32 - 1) // _BASE**3 + 1
_ROWS: Final = 16_384  # rows at a time: what is computed for them stays in the processor's cache
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _classes(alike: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return the class of each of the 37 codes.

    A code stands for its class.
    """
    table = np.arange(_BASE, dtype=np.uint8)
    for characters in alike:
        codes = [_ALPHABET.index(character) + 1 for character in characters]
        table[codes] = codes[0]
    return table


_CONFUSED: Final = _classes(CONFUSED)
_ALIKE: Final = _classes(ALIKE)
_PLACES: Final = np.array([[_BASE**n] for n in range(PACKED_CHARACTERS)], dtype=np.uint64)


def _tables() -> tuple[NDArray[np.uint32], ...]:
    """Return one table of random words a chunk.

    Chunks of one skeleton have the same word. The exclusive or of a word from each is tabulation hashing: as good
    as random however regular the keys are.
    """
    random = np.random.Generator(np.random.PCG64(37))
    codes = np.arange(_BASE**3)
    first, second, third = codes // _BASE**2, codes // _BASE % _BASE, codes % _BASE
    skeleton = (_CONFUSED[first].astype(np.intp) * _BASE + _CONFUSED[second]) * _BASE + _CONFUSED[third]
    tables = []
    for size in (_FIRST, _BASE**3, _BASE**3, _BASE**3):
        words = random.integers(0, 2**32, size, dtype=np.uint32)
        words[: _BASE**3] = words[skeleton]
        words.flags.writeable = False
        tables.append(words)
    return tuple(tables)


_TABLES: Final = _tables()


def hashes(keys: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Return a 32-bit hash of each plate's skeleton.

    Parameters
    ----------
    keys : (n,) uint64
        From `plates.pack_all`.

    Returns
    -------
    (n,) uint32
        Equal for plates of one skeleton; for others equal with a chance of 1 in 2**32. The hash of a key from
        2**63 depends on all of the key alone.

    Notes
    -----
    About 12 µs, and 15 ns a key.
    """
    n = len(keys)
    if n <= 2 * _ROWS:
        return _hashes(keys)
    found = np.empty(n, np.uint32)
    for start in range(0, n, _ROWS):
        found[start : start + _ROWS] = _hashes(keys[start : start + _ROWS])
    return found


def _hashes(keys: NDArray[np.uint64]) -> NDArray[np.uint32]:
    upper = keys // _HALF
    halves = np.empty((2, len(keys)), np.uint32)
    halves[0] = upper
    upper *= _HALF
    halves[1] = keys - upper
    chunks = halves // _CHUNK
    found: NDArray[np.uint32] = _TABLES[0].take(chunks[0])
    found ^= _TABLES[2].take(chunks[1])
    chunks *= _CHUNK
    halves -= chunks
    found ^= _TABLES[1].take(halves[0])
    found ^= _TABLES[3].take(halves[1])
    return found


def differences(
    first: NDArray[np.uint64], second: NDArray[np.uint64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the number of confused places of pairs of plates.

    Parameters
    ----------
    first, second : (p,) uint64
        Keys below 2**63; what is said of others means nothing.

    Returns
    -------
    misread : (p,) uint8
        Places with different glyphs; `NO_MATCH` where the skeletons, so also the lengths, are not the same.
    alike : (p,) uint8
        Places with 0 beside O, or 1 beside I.
    """
    one = (first // _PLACES % _BASE_64).astype(np.uint8)
    other = (second // _PLACES % _BASE_64).astype(np.uint8)
    misread = (_ALIKE.take(one) != _ALIKE.take(other)).sum(axis=0, dtype=np.uint8)
    alike = (one != other).sum(axis=0, dtype=np.uint8) - misread
    misread[(_CONFUSED.take(one) != _CONFUSED.take(other)).any(axis=0)] = NO_MATCH
    return misread, alike


def text_of(key: int) -> str:
    """Return the plate of a key below 2**63."""
    plate = unpack(key)
    assert plate is not None
    return plate
