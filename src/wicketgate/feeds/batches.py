"""Batches of released rows: written, hashed, and read again.

Those who receive them read them with this code too. A batch is a header line and `rows` row lines, each ended by LF
(docs/spec/feeds.md). Pure.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.ledger import merkle

MAX_LINE = 64 * 1024
_NAME_END = re.compile(rb'(?<!\\)"[ \t\r]*:')
"""The end of a member's name; no name that a batch may have ends in a backslash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch in a feed.

    Attributes
    ----------
    header : mapping
        The header line's members.
    lines : tuple of bytes
        The rows, without LF.
    """

    header: Mapping[str, Any]
    lines: tuple[bytes, ...]

    @property
    def number(self) -> int:
        """The batch's number, from 1."""
        return int(self.header["batch"])


Promising = Callable[[Mapping[str, Any]], Mapping[str, str]]
"""Makes the promise from the header that is complete but for it."""


def build(
    *,
    reference: str,
    number: int,
    commit: int,
    released_us: int,
    lines: Sequence[bytes],
    promise: Promising,
) -> tuple[dict[str, Any], bytes]:
    """Return a batch's header and its bytes as delivered, of its row lines without LF."""
    return assemble(
        reference=reference,
        number=number,
        commit=commit,
        released_at=rfc3339(released_us),
        leaves=merkle.leaf_hashes(lines),
        body=b"\n".join(lines) + b"\n",
        promise=promise,
    )


def assemble(
    *,
    reference: str,
    number: int,
    commit: int,
    released_at: str,
    leaves: Sequence[bytes],
    body: bytes,
    promise: Promising,
) -> tuple[dict[str, Any], bytes]:
    """Return a batch's header and its bytes as delivered.

    Parameters
    ----------
    leaves : sequence of bytes
        The leaf hashes of its row lines (`merkle.leaf_hashes`): they are believed.
    body : bytes
        The row lines, each with its LF.
    """
    header: dict[str, Any] = {
        "batch": number,
        "commit": commit,
        "authority": reference,
        "rows": len(leaves),
        "root": merkle.root(leaves).hex(),
        "sha256": hashlib.sha256(body).hexdigest(),
        "released_at": released_at,
    }
    header["promise"] = promise(header)
    return header, msgspec.json.encode(header) + b"\n" + body


def is_batch(data: bytes, feed: str, number: int) -> bool:
    """Return whether bytes are one whole batch of a feed, of this number.

    One with erased rows is known by its root.
    """
    line, _, body = data.partition(b"\n")
    try:
        header = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return (
        header.get("batch") == number
        and str(header.get("authority")).rpartition("@")[0] == feed
        and header.get("rows") == body.count(b"\n")
        and (header.get("sha256") == hashlib.sha256(body).hexdigest() or _is_erased(data))
    )


def _is_erased(data: bytes) -> bool:
    """Return whether bytes are one batch that holds but for its erased rows."""
    try:
        [batch] = read_batches(io.BytesIO(data))
        check_batch(batch)
    except (InputError, VerificationError, ValueError):
        return False
    return True


def first_row(data: bytes) -> int:
    """Return the number of a batch's first row in its feed; of a batch as delivered."""
    row = _member_object(data.split(b"\n", 2)[1], "the first row")
    return int(row["seq"])


def erase_rows(data: bytes, rows: Iterable[int]) -> bytes:
    """Return a batch as delivered in which each of some rows is the hash that it had.

    Its root and its promise hold as before (`check_batch`). Rows of other batches, and those erased before, change
    nothing.

    Parameters
    ----------
    rows : iterable of int
        Their numbers in the feed.
    """
    lines = data.split(b"\n")
    first = first_row(data)
    for row in rows:
        at = 1 + row - first
        if 1 <= at < len(lines) - 1 and b'"erased":' not in lines[at][:40]:
            lines[at] = erased_line(row, merkle.leaf_hash(lines[at]))
    return b"\n".join(lines)


def read_batches(source: BinaryIO) -> Iterator[Batch]:
    """Yield the batches of one answer of a feed, or of several in turn.

    Raises
    ------
    InputError
        At the line that is not what it should be; a torn end is one.
    """
    line_number = 0
    while line := source.readline(MAX_LINE + 1):
        line_number += 1
        if line == b"\n":
            continue
        header = _member_object(line, f"line {line_number}")
        rows = header.get("rows")
        if has_member_twice(line, header):
            raise InputError(f"line {line_number} has a member twice")
        if not isinstance(rows, int) or isinstance(rows, bool) or not 0 < rows <= 1_000_000:
            raise InputError(f"line {line_number} is not a batch's header")
        lines: list[bytes] = []
        for _ in range(rows):
            row = source.readline(MAX_LINE + 1)
            line_number += 1
            if not row.endswith(b"\n"):
                raise InputError(f"batch {header.get('batch')} ends early, at line {line_number}")
            lines.append(row[:-1])
        yield Batch(header=header, lines=tuple(lines))


def _member_object(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{where} is not JSON") from error
    if not isinstance(value, dict):
        raise InputError(f"{where} is not an object")
    return value


def has_member_twice(line: bytes, value: Mapping[str, Any]) -> bool:
    """Return whether some object of a line has a member twice, of which a reader sees the last alone.

    Parameters
    ----------
    value : mapping
        The line, decoded. Whether it has names of the form alone is for others to check.
    """
    return len(_NAME_END.findall(line)) != _count_members(value)


_NESTED: Final = (dict, list)


def _count_members(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum([_count_members(one) for one in value.values() if type(one) in _NESTED])
    return (
        sum([_count_members(one) for one in value if type(one) in _NESTED]) if isinstance(value, list) else 0
    )


def check_batch(batch: Batch) -> list[dict[str, Any]]:
    """Check a batch against its own header, and return its rows, decoded.

    Rows, root and sha256 must agree, and the rows must name its authority.

    Raises
    ------
    VerificationError
        Naming the batch and what differs.
    """
    header = batch.header
    where = f"batch {header.get('batch')}"
    erased = False
    leaves: list[bytes] = []
    rows = []
    for number, line in enumerate(batch.lines):
        row = _row(line, where, number)
        rows.append(row)
        if "erased" in row:
            erased = True
            leaves.append(_erased_leaf(line, row, where, number))
            continue
        if row.get("authority") != header.get("authority"):
            raise VerificationError(f"{where}: row {number + 1} names another authority than its batch")
        leaves.append(merkle.leaf_hash(line))
    if merkle.root(leaves).hex() != header.get("root"):
        raise VerificationError(f"{where}: its rows do not hash to its root")
    body = b"\n".join(batch.lines) + b"\n"
    if not erased and hashlib.sha256(body).hexdigest() != header.get("sha256"):
        raise VerificationError(f"{where}: its rows do not hash to its sha256")
    return rows


def _row(line: bytes, where: str, number: int) -> dict[str, Any]:
    try:
        return _member_object(line, f"{where}, row {number + 1}")
    except InputError as error:
        raise VerificationError(error.detail) from error


def _erased_leaf(line: bytes, row: Mapping[str, Any], where: str, number: int) -> bytes:
    """Return the leaf hash of an erased row.

    The row must be of its one form: nothing else is committed to.
    """
    try:
        leaf = bytes.fromhex(str(row["erased"]))
    except ValueError:
        leaf = b""
    if len(leaf) != merkle.HASH_BYTES or line != erased_line(row.get("seq"), leaf):
        raise VerificationError(f"{where}: row {number + 1} is not of the form of an erased row")
    return leaf


def erased_line(seq: object, leaf: bytes) -> bytes:
    """Return the line of an erased row, without LF."""
    return b'{"seq":%d,"erased":"%b"}' % (seq if isinstance(seq, int) else -1, leaf.hex().encode())
