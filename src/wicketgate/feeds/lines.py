"""The row lines of batches: a few one by one, many as columns, for all authorities of a transaction at once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wicketgate.base import byte_columns
from wicketgate.base.byte_columns import ByteColumn
from wicketgate.ledger import merkle

_SALT_HEX = 32
_LATE = np.frombuffer(b"            " + b',"late":true', "V12")


ROW_BYTES = len('{"seq":123456789,"salt":"","authority":"","read":,"late":true}\n') + _SALT_HEX
"""The bytes of a row beside its read and the name of its authority, at most."""


def row_lines(
    *,
    reference: str,
    first_row: int,
    reads: Sequence[str],
    late: Sequence[bool],
    salts: bytes,
    more: Sequence[str] | None = None,
) -> tuple[bytes, ...]:
    """Return the row lines of a batch, without LF.

    Parameters
    ----------
    first_row : int
        The feed's number of the first row.
    reads : sequence of str
        JSON objects (`Rendering.reads`) of the rows released.
    salts : bytes
        16 random bytes for each row, joined.
    more : sequence of str, optional
        Further members of each row, each behind a comma.
    """
    salt = salts.hex()
    tail = f'","authority":"{reference}","read":'
    ends: Iterable[str] = (',"late":true}' if is_late else "}" for is_late in late)
    if more is not None:
        ends = (members + end for members, end in zip(more, ends, strict=True))
    text = "\n".join(
        f'{{"seq":{first_row + n},"salt":"{salt[32 * n : 32 * n + 32]}{tail}{read}{end}'
        for n, (read, end) in enumerate(zip(reads, ends, strict=True))
    )
    return tuple(text.encode().split(b"\n"))


class Portion(NamedTuple):
    """The rows of one authority, whose reads are shown as the other parts' are.

    Attributes
    ----------
    reference : str
        "name@version".
    first_row : int
        The feed's number of the first row.
    rows : (r,) intp
        Which reads, r >= 1; ascending, none twice.
    late : (r,) bool
        Which rows came late.
    """

    reference: str
    first_row: int
    rows: NDArray[np.intp]
    late: NDArray[np.bool_]


class RowLines(NamedTuple):
    """The row lines of one part: their leaf hashes, and their bytes, each with its LF."""

    leaves: list[bytes]
    body: bytes


def line_columns(
    encoded: ByteColumn, parts: Sequence[Portion], salts: bytes, refs: bytes | None = None
) -> list[RowLines]:
    """Return the row lines of each part.

    All lines have one width: what is shorter has blanks behind a member (docs/spec/feeds.md, section 3).

    Parameters
    ----------
    encoded : (n,) bytes
        The JSON objects of the reads (`Rendering.encoded`).
    parts : sequence of Portion
        At least one.
    salts : bytes
        16 random bytes for each row of all parts, joined.
    refs : bytes, optional
        The reference of each row of all parts, joined.

    Notes
    -----
    About 1 µs a row, of which the leaf hash is more than half.
    """
    sizes = [len(part.rows) for part in parts]
    n = sum(sizes)
    ends = np.cumsum(sizes)
    numbers = np.arange(n)
    if len(parts) == 1:
        numbers += parts[0].first_row
        reference: bytes | ByteColumn = (parts[0].reference + '"').encode()
        rows, late = parts[0].rows, parts[0].late
    else:
        numbers += np.repeat([part.first_row for part in parts] - (ends - sizes), sizes)
        rows = np.concatenate([part.rows for part in parts])
        late = np.concatenate([part.late for part in parts])
        names = byte_columns.of_texts([part.reference + '"' for part in parts])
        assert (
            names is not None
        )  # a reference has at most 72 characters, and `write_batches` puts like to like
        reference = names.repeat(sizes)
    named: list[bytes | ByteColumn] = []
    if refs is not None:
        named = [b',"ref":"', np.frombuffer(refs, f"V{len(refs) // n}"), b'"']
    lines = byte_columns.joined(
        [
            b'\0{"seq":',
            byte_columns.of_numbers(numbers, b","),
            b'"salt":"',
            np.frombuffer(salts.hex().encode(), f"V{_SALT_HEX}"),
            b'","authority":"',
            reference,
            b',"read":',
            encoded if len(parts) == 1 and n == len(encoded) else encoded.take(rows),
            *named,
            _marks(late),
            b"}\n",
        ],
        n,
    )
    leaves = merkle.hash_prefixed(byte_columns.without_ends(lines, 0, 1).tolist())
    body = byte_columns.without_ends(lines, 1, 0).tobytes()
    width = lines.itemsize - 1
    return [
        RowLines(leaves[end - size : end], body[(end - size) * width : end * width])
        for size, end in zip(sizes, ends.tolist(), strict=True)
    ]


def _marks(late: NDArray[np.bool_]) -> bytes | ByteColumn:
    if not late.any():
        return b""
    return _LATE[late.astype(np.intp)]
