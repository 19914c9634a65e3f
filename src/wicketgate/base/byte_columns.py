"""Texts as columns of bytes: n values of one width, joined and hashed without a Python object for each.

Shorter values are filled up with blanks at their end, so that rows of JSON have one width. JSON allows blanks between
members, and nowhere else do they stand: every text given here ends where a member ends. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from wicketgate.base.clock import DAY_US, SECOND_US

ByteColumn: TypeAlias = NDArray[np.void]
"""(n,) values of one width in bytes."""

_Value = TypeVar("_Value")

MOST_WASTED: Final = 32
"""Bytes a row that a column may waste on blanks; where texts differ more, rows are better made one by one."""
_YEAR_10000_US: Final = 253_402_300_800 * SECOND_US
_ALIKE: Final = 64

# Digits as integers of their bytes: those are looked up faster than bytes.
_TWO: Final = np.frombuffer(b"".join(b"%02d" % n for n in range(100)), np.uint16)
_MILLI: Final = np.frombuffer(b"".join(b".%03d" % n for n in range(1000)), np.uint32)
_MICRO: Final = np.frombuffer(b"".join(b"%03dZ" % n for n in range(1000)), np.uint32)
_FOUR: Final = np.frombuffer(b"".join(b"%04d" % n for n in range(10_000)), np.uint32)
_POWERS: Final = 10 ** np.arange(1, 19)


class TextTable(tuple[str, ...]):
    """Texts by number, and the same as bytes."""

    @cached_property
    def _encoded(self) -> tuple[ByteColumn, NDArray[np.intp]]:
        encoded = [text.encode() for text in self]
        lengths = np.array([len(text) for text in encoded], dtype=np.intp)
        width = max(1, int(lengths.max(initial=0)))
        return np.frombuffer(b"".join(text.ljust(width) for text in encoded), f"V{width}"), lengths

    def take(self, numbers: NDArray[np.integer]) -> ByteColumn | None:
        """Return the texts of some numbers, n >= 1; None where they differ too much in length.

        O(n) once the table is encoded.
        """
        table, lengths = self._encoded
        taken = lengths.take(numbers)
        width = int(taken.max())
        if _wasteful(width, int(taken.sum()), len(taken)):
            return None
        if width < table.itemsize:
            table = _field(table, 0, max(width, 1))
        return table.take(numbers)


def of_texts(texts: Sequence[str]) -> ByteColumn | None:
    """Return texts as a column, n >= 1; None where they differ too much in length. O(n)."""
    n = len(texts)
    lengths = list(map(len, texts))
    width, used = max(lengths), sum(lengths)
    if _wasteful(width, used, n):
        return None
    even = texts if used == n * width else [text.ljust(width) for text in texts]
    encoded = "".join(even).encode()
    if len(encoded) != n * width:  # not ASCII
        return TextTable(texts).take(np.arange(n))
    return np.frombuffer(encoded, f"V{width}") if width else np.frombuffer(b" " * n, "V1")


def of_alike(values: Sequence[_Value], spell: Callable[[_Value], str]) -> bytes | ByteColumn | None:
    """Return the texts of values most of which recur, n >= 1; None where they differ too much in length.

    Where all are the same it is that text alone. O(n), and `spell` is called once for each value that differs.
    """
    distinct = dict.fromkeys(values)
    if len(distinct) == 1:
        return spell(values[0]).encode()
    if len(distinct) > _ALIKE:
        return of_texts(list(map(spell, values)))
    numbers = {value: number for number, value in enumerate(distinct)}
    return TextTable(map(spell, distinct)).take(
        np.fromiter(map(numbers.__getitem__, values), np.intp, len(values))
    )


def _wasteful(width: int, used: int, n: int) -> bool:
    return width * n > used + MOST_WASTED * n


def joined(parts: Sequence[bytes | ByteColumn], n: int) -> ByteColumn:
    """Return n rows of the parts, one behind the other; bytes stand in each row.

    One copy of each row's bytes: about 0.1 µs a row.
    """
    layout, template = _layout(tuple(part if isinstance(part, bytes) else part.itemsize for part in parts))
    rows = np.empty(n, template.dtype)
    rows[:] = template
    fields = rows.view(layout)
    for number, part in enumerate(parts):
        if not isinstance(part, bytes):
            fields[f"f{number}"] = part
    return rows


@lru_cache(maxsize=256)
def _layout(parts: tuple[bytes | int, ...]) -> tuple[np.dtype[np.void], NDArray[np.void]]:
    """Return the layout of rows, and a row of what stands in each; a number is the width of a column."""
    text, names, formats, offsets = b"", [], [], []
    for number, part in enumerate(parts):
        if isinstance(part, int):
            names.append(f"f{number}")
            formats.append(f"V{part}")
            offsets.append(len(text))
            text += b" " * part
        else:
            text += part
    layout = np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": len(text)})
    return layout, np.frombuffer(text, f"V{len(text)}")[0]


def without_ends(rows: ByteColumn, first: int, last: int) -> ByteColumn:
    """Return a view of rows without so many bytes in front and at the end."""
    return _field(rows, first, rows.itemsize - first - last)


def _field(rows: ByteColumn, offset: int, width: int) -> ByteColumn:
    layout = np.dtype(
        {"names": ["f"], "formats": [f"V{width}"], "offsets": [offset], "itemsize": rows.itemsize}
    )
    found: ByteColumn = rows.view(layout)["f"]
    return found


def of_numbers(numbers: NDArray[np.int64], end: bytes) -> ByteColumn:
    """Return numbers in decimal digits, each with one byte behind it.

    Parameters
    ----------
    numbers : (n,) int64
        n >= 1; from 0 up.
    """
    n, most = len(numbers), int(numbers.max())
    width = len(str(most))
    groups = -(-width // 4)
    padded = np.empty((n, groups), np.uint32)
    left = numbers
    for group in range(groups - 1, -1, -1):
        left, four = np.divmod(left, 10_000)
        padded[:, group] = _FOUR.take(four)
    digits = padded.view(np.uint8)
    found = np.full((n, width + 1), ord(" "), np.uint8)
    lengths = 1 + _POWERS.searchsorted(numbers, side="right")
    for length in range(int(lengths.min()), width + 1):
        which = slice(None) if n == 1 or length == int(lengths.min()) == width else lengths == length
        found[which, :length] = digits[which, -length:]
        found[which, length] = end[0]
    return found.view(f"V{width + 1}").ravel()


def of_times(at_us: NDArray[np.int64]) -> ByteColumn | None:
    """Return times as `clock.rfc3339` writes them, each with a quote behind it.

    Parameters
    ----------
    at_us : (n,) int64
        n >= 1; microseconds since the epoch.

    Returns
    -------
    (n,) bytes or None
        None where one lies outside the years 1970 to 9999.
    """
    if int(at_us.min()) < 0 or int(at_us.max()) >= _YEAR_10000_US:
        return None
    n = len(at_us)
    days, rest = np.divmod(at_us, DAY_US)
    seconds, fraction = np.divmod(rest, SECOND_US)
    minutes, second = _split(seconds.astype(np.int32), 60)
    hour, minute = _split(minutes, 60)
    milli, micro = _split(fraction.astype(np.int32), 1000)
    parts: list[bytes | ByteColumn] = [_days(days), b"T", _octets(_TWO, hour), b":", _octets(_TWO, minute)]
    parts += [b":", _octets(_TWO, second)]
    by_micro, by_milli = bool(micro.any()), bool(fraction.any())
    if by_micro:
        parts += [_octets(_MILLI, milli), _octets(_MICRO, micro), b'"']
    elif by_milli:
        parts += [_octets(_MILLI, milli), b'Z"']
    else:
        parts += [b'Z"']
    found = joined(parts, n)
    if by_milli:  # the fewest decimals that lose nothing
        octets = found.view(np.uint8).reshape(n, found.itemsize)
        if by_micro:
            _end(octets, micro == 0, 23)
        _end(octets, fraction == 0, 19)
    return found


def _split(numbers: NDArray[np.int32], by: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    # Of numbers from 0 up, where numpy's own divmod minds the sign.
    above = numbers // np.int32(by)
    return above, numbers - above * np.int32(by)


def _octets(table: NDArray[np.unsignedinteger], numbers: NDArray[np.int32]) -> ByteColumn:
    return table.take(numbers).view(f"V{table.itemsize}")


def _days(days: NDArray[np.int64]) -> bytes | ByteColumn:
    first = int(days[0])
    if (days == first).all():
        return str(np.datetime64(first, "D")).encode()
    known, numbers = np.unique(days, return_inverse=True)
    return np.frombuffer("".join(np.datetime_as_string(known.astype("datetime64[D]"))).encode(), "V10")[
        numbers
    ]


def _end(octets: NDArray[np.uint8], which: NDArray[np.bool_], at: int) -> None:
    """End some times behind so many characters."""
    if which.any():
        tail = b'Z"'.ljust(octets.shape[1] - at)
        octets[which, at:] = np.frombuffer(tail, np.uint8)
