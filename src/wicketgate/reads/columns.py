"""Reads as columns, and the form in which they lie in the READS stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wicketgate.base.errors import InputError, ShapeError

MAX_ROWS = 1_000
"""Rows in one message of READS: what bounds a transaction."""

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("camera", pa.int32()),
    ("captured_us", pa.int64()),
    ("received_us", pa.int64()),
    ("plate_key", pa.uint64()),
    ("plate", pa.string()),
    ("confidence", pa.float64()),
    ("lane", pa.string()),
    ("direction", pa.string()),
    ("vehicle", pa.string()),
    ("key", pa.binary()),
    ("patch", pa.string()),
    ("overview", pa.string()),
    ("marks", pa.string()),
    ("again", pa.bool_()),
]
_SCHEMA = pa.schema(_COLUMNS)
_NEVER_NULL = ("camera", "captured_us", "received_us", "plate_key", "plate", "confidence", "key", "again")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBatch:
    """Reads that were accepted, one row each, in the order of their arrival.

    Attributes
    ----------
    camera : (n,) int32
        Numbers of cameras in the camera register (`state.Cameras`); never reused.
    captured_us, received_us : (n,) int64
        Times of capture and of acceptance, microseconds since the epoch, any order.
    plate_key : (n,) uint64
        Packed plates (`plates.pack`).
    plate : (n,) sequence of str
        Plates in normal form.
    confidence : (n,) float64
        From 0 to 1; NaN where the camera does not say.
    lane, direction, vehicle : (n,) sequence of str or None
        JSON texts of what the camera said, ready to be shown; None where it said nothing.
    key : (n,) sequence of bytes
        What a read is recognised by (`repeats.Seen.content_key`).
    patch, overview : (n,) sequence of str or None
        Where an image lies and what it is (`images.Stored.text`).
    marks : (n,) sequence of str or None
        JSON text of the list of marks (`observations.MARKS`).
    again : (n,) bool
        True where the read was decided before, and comes again with an image that followed it.
    """

    camera: NDArray[np.int32]
    captured_us: NDArray[np.int64]
    received_us: NDArray[np.int64]
    plate_key: NDArray[np.uint64]
    plate: Sequence[str]
    confidence: NDArray[np.float64]
    lane: Sequence[str | None]
    direction: Sequence[str | None]
    vehicle: Sequence[str | None]
    key: Sequence[bytes]
    patch: Sequence[str | None]
    overview: Sequence[str | None]
    marks: Sequence[str | None]
    again: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = len(self.plate)
        for name in self.__slots__:
            if len(getattr(self, name)) != n:
                raise ShapeError(f"column `{name}` differs in length from `plate`")

    def __len__(self) -> int:
        return len(self.plate)


def to_arrow(batch: ReadBatch) -> bytes:
    """Return a batch as one Arrow IPC stream. O(n)."""
    record = pa.RecordBatch.from_arrays(
        [pa.array(getattr(batch, field.name), type=field.type) for field in _SCHEMA], schema=_SCHEMA
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, _SCHEMA) as writer:
        writer.write_batch(record)
    return sink.getvalue().to_pybytes()


def from_arrow(data: bytes) -> ReadBatch:
    """Return the batch that `to_arrow` wrote.

    Raises
    ------
    InputError
        If `data` is anything else.
    """
    try:
        with pa.ipc.open_stream(data) as reader:
            table = reader.read_all()
            table.validate(full=True)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise InputError("a message of READS is not an Arrow stream") from error
    if table.schema != _SCHEMA:
        raise InputError("a message of READS has another schema than this version's")
    if any(table.column(name).null_count for name in _NEVER_NULL):
        raise InputError("a message of READS lacks a value that every read has")

    def numbers(name: str) -> NDArray[np.generic]:
        values: NDArray[np.generic] = table.column(name).combine_chunks().to_numpy(zero_copy_only=False)
        return values

    return ReadBatch(
        camera=numbers("camera").astype(np.int32, copy=False),
        captured_us=numbers("captured_us").astype(np.int64, copy=False),
        received_us=numbers("received_us").astype(np.int64, copy=False),
        plate_key=numbers("plate_key").astype(np.uint64, copy=False),
        plate=[plate or "" for plate in table.column("plate").to_pylist()],
        confidence=numbers("confidence").astype(np.float64, copy=False),
        lane=table.column("lane").to_pylist(),
        direction=table.column("direction").to_pylist(),
        vehicle=table.column("vehicle").to_pylist(),
        key=[key or b"" for key in table.column("key").to_pylist()],
        patch=table.column("patch").to_pylist(),
        overview=table.column("overview").to_pylist(),
        marks=table.column("marks").to_pylist(),
        again=numbers("again").astype(np.bool_, copy=False),
    )


def part(batch: ReadBatch, start: int, stop: int) -> ReadBatch:
    """Return the rows from `start` up to, not including, `stop`."""
    return ReadBatch(**{name: getattr(batch, name)[start:stop] for name in ReadBatch.__slots__})


def split_again(batch: ReadBatch) -> tuple[ReadBatch, ...]:
    """Return the reads that come for the first time, and behind them those that come again, if there are any."""
    if not batch.again.any():
        return (batch,)
    parts = []
    for rows in (~batch.again).nonzero()[0], batch.again.nonzero()[0]:
        columns: dict[str, Any] = {}
        for name in ReadBatch.__slots__:
            column = getattr(batch, name)
            columns[name] = (
                column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows.tolist()]
            )
        parts.append(ReadBatch(**columns))
    return tuple(parts)


def joined(batches: Sequence[ReadBatch]) -> ReadBatch:
    """Return the rows of several batches, in order; at least one batch."""
    if len(batches) == 1:
        return batches[0]
    columns: dict[str, Any] = {}
    for name in ReadBatch.__slots__:
        parts = [getattr(batch, name) for batch in batches]
        columns[name] = (
            np.concatenate(parts) if isinstance(parts[0], np.ndarray) else list(chain.from_iterable(parts))
        )
    return ReadBatch(**columns)


def empty() -> ReadBatch:
    """Return a batch without rows."""
    return ReadBatch(
        camera=np.empty(0, np.int32),
        captured_us=np.empty(0, np.int64),
        received_us=np.empty(0, np.int64),
        plate_key=np.empty(0, np.uint64),
        plate=(),
        confidence=np.empty(0, np.float64),
        lane=(),
        direction=(),
        vehicle=(),
        key=(),
        patch=(),
        overview=(),
        marks=(),
        again=np.empty(0, np.bool_),
    )
