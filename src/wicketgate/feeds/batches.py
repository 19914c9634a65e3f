"""Batches of released rows: written, hashed, and read again.

Those who receive them read them with this code too. A batch is a header line and `rows` row lines, each ended by LF
(docs/spec/feeds.md). Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.ledger import merkle
from wicketgate.reads.columns import COLUMNS, SAID, ReadBatch

MAX_LINE = 64 * 1024
FIELDS = ("plate", "time", "place", "vehicle")
"""What can be released of a read, in the order in which it is shown; images are shown by reference besides."""
_PLACED = "place, with name and position"
IMAGE_FIELDS = {column.shown_by: column.name for column in COLUMNS if column.shown_by not in {"", *FIELDS}}
"""The fields that are images, and the columns of a `ReadBatch` that say where they lie."""


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


class Rendering:
    """The reads of a batch as JSON objects of their allowed fields alone.

    Each field is rendered once, whatever the number of authorities that show it.

    Parameters
    ----------
    camera_json : sequence of str
        For each camera number the JSON members `"source":…,"camera":…`.
    placed_json : sequence of str, optional
        The same with `"camera_name":…` and `"position":…`.
    """

    def __init__(self, batch: ReadBatch, camera_json: Sequence[str], placed_json: Sequence[str] = ()) -> None:
        self._batch = batch
        self._cameras = {"place": camera_json, _PLACED: placed_json}
        self._columns: dict[str, list[str]] = {}
        self._reads: dict[tuple[str, ...], list[str]] = {}

    def reads(self, fields: frozenset[str], *, placed: bool = False) -> list[str]:
        """Return each read with these fields.

        Fields are `plate`, `time`, `place` and `vehicle`; about 1 µs a row. Images are left to `with_images`: their
        references differ from authority to authority.

        Parameters
        ----------
        placed : bool
            Show with the field `place` the camera's name and position too.

        Raises
        ------
        ValueError
            For any other field: that is a programming error.
        """
        unknown = fields.difference(FIELDS, IMAGE_FIELDS)
        if unknown:
            raise ValueError(f"no field `{min(unknown)}` can be released")
        shown = tuple(
            column
            for field in FIELDS
            if field in fields and self._column(column := _PLACED if placed and field == "place" else field)
        )
        if shown not in self._reads:
            columns = [self._column(field) for field in shown]
            if "vehicle" in shown:  # which a camera may not have seen
                texts = ["{" + ",".join(filter(None, parts)) + "}" for parts in zip(*columns, strict=True)]
            else:
                texts = ["{" + ",".join(parts) + "}" for parts in zip(*columns, strict=True)]
            self._reads[shown] = texts or ["{}"] * len(self._batch)
        return self._reads[shown]

    def _column(self, field: str) -> list[str]:
        found = self._columns.get(field)
        if found is None:
            found = self._columns[field] = self._render(field)
        return found

    def _render(self, field: str) -> list[str]:
        batch = self._batch
        if field == "plate":
            plates = [
                f'"plate":"{plate}","confidence":{confidence!r}'
                for plate, confidence in zip(batch.plate, batch.confidence.tolist(), strict=True)
            ]
            for row in np.isnan(batch.confidence).nonzero()[0].tolist():
                plates[row] = f'"plate":"{batch.plate[row]}","confidence":null'
            for row, marks in enumerate(batch.marks):
                if marks is not None:
                    plates[row] += f',"marks":{marks}'
            return self._with_said(plates, field)
        if field == "time":
            return self._with_said([f'"captured_at":"{text}"' for text in _times(batch.captured_us)], field)
        if field in self._cameras:
            cameras = self._cameras[field]
            return self._with_said([cameras[camera] for camera in batch.camera.tolist()], "place")
        said = self._with_said([""] * len(batch), field)
        return said if any(said) else []

    def _with_said(self, texts: list[str], field: str) -> list[str]:
        """Return a field's texts with the camera's words for that field."""
        for column in SAID:
            if column.shown_by == field:
                member, values = f'"{column.name}":', getattr(self._batch, column.name)
                texts = [
                    text if value is None else f"{text},{member}{value}" if text else member + value
                    for text, value in zip(texts, values, strict=True)
                ]
        return texts


def _times(at_us: NDArray[np.int64]) -> list[str]:
    # The same form as clock.rfc3339, in columns.
    texts: list[str] = np.datetime_as_string(at_us.astype("datetime64[us]")).tolist()
    return [(t[:-7] if t.endswith(".000000") else t[:-3] if t.endswith("000") else t) + "Z" for t in texts]


def with_members(read: str, members: str) -> str:
    """Return a read's JSON object with more members.

    Members are `"name":value`, joined by commas; with none it is `read`.
    """
    if not members:
        return read
    return f"{read[:-1]},{members}}}" if len(read) > 2 else f"{{{members}}}"


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


def build(
    *,
    reference: str,
    number: int,
    commit: int,
    released_us: int,
    lines: Sequence[bytes],
    promise: Callable[[Mapping[str, Any]], dict[str, str]],
) -> tuple[dict[str, Any], bytes]:
    """Return a batch's header and its bytes as delivered.

    Parameters
    ----------
    promise : callable
        Makes the promise from the header that is complete but for it.
    """
    body = b"\n".join(lines) + b"\n"
    header: dict[str, Any] = {
        "batch": number,
        "commit": commit,
        "authority": reference,
        "rows": len(lines),
        "root": merkle.root(merkle.leaf_hashes(lines)).hex(),
        "sha256": hashlib.sha256(body).hexdigest(),
        "released_at": rfc3339(released_us),
    }
    header["promise"] = promise(header)
    return header, msgspec.json.encode(header) + b"\n" + body


def is_batch(data: bytes, feed: str, number: int) -> bool:
    """Return whether bytes are one whole batch of a feed, of this number."""
    line, _, body = data.partition(b"\n")
    try:
        header = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return (
        header.get("batch") == number
        and str(header.get("authority")).rpartition("@")[0] == feed
        and header.get("rows") == body.count(b"\n")
        and header.get("sha256") == hashlib.sha256(body).hexdigest()
    )


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


def check_batch(batch: Batch) -> None:
    """Check a batch against its own header.

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
    for number, line in enumerate(batch.lines):
        row = _row(line, where, number)
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
