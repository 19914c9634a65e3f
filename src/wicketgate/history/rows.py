"""Reads as a history keeps them: from what transactions took to the rows of its tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wicketgate.base.clock import MINUTE_US, SECOND_US
from wicketgate.base.errors import InputError
from wicketgate.base.periods import Period
from wicketgate.history.messages import TakenReads, read_id
from wicketgate.history.questions import skeleton_of, vehicle_of
from wicketgate.history.terms import horizon_us, span_of
from wicketgate.reads.columns import ReadBatch, decode_batch, joined, taken
from wicketgate.reads.messages import decode_reads

_TEXTS: Final = ("lane", "direction", "vehicle", "patch", "overview", "marks")
_PARTED: Final = ("source", "span", "slot")


class HistoryRows(NamedTuple):
    """The rows of the tables `reads`, `plates` and `later`."""

    reads: pa.Table
    plates: pa.Table
    later: pa.Table


def history_rows(
    items: Sequence[TakenReads], sources: Sequence[str], retentions: Mapping[str, Period], now_us: int
) -> HistoryRows:
    """Return the rows that a history keeps of what some transactions took.

    Reads of a source that keeps nothing, and those past their term, are left out; so are erased ones, which have no
    plate.

    Parameters
    ----------
    items : sequence of TakenReads
        In their order.
    sources : sequence of str
        By a camera's number, whose it is.
    retentions : mapping of str to Period
        Of each source that keeps anything.

    Raises
    ------
    InputError
        If one of them is nothing that a transaction took, or names a camera that is not known.
    """
    batches, ids, before = [], [], []
    for item in items:
        rows = item.rows or (decode_reads(item.taken).rows if item.taken else b"")
        if rows:
            batch = decode_batch(rows)
            batches.append(batch)
            known = {row: read_id(*place) for row, *place in item.before}
            ids.append(np.arange(len(batch), dtype=np.uint64) + np.uint64(read_id(item.sequence, 0)))
            before.append(np.array([known.get(row, 0) for row in range(len(batch))], dtype=np.uint64))
    if not batches:
        return HistoryRows(*(_empty(table) for table in (_READS, _PLATES, _LATER)))
    batch, numbers, earlier = joined(batches), np.concatenate(ids), np.concatenate(before)
    parted, kept = _parted(batch, sources, retentions, now_us)
    kept &= np.array([plate != "" for plate in batch.plate], dtype=np.bool_)
    new = np.flatnonzero(kept & ~batch.again)
    # An image whose read is not known stands with no read: it is found by nobody, and is left out.
    again = np.flatnonzero(kept & batch.again & (earlier != 0))
    return HistoryRows(
        _reads(batch, numbers, parted, new),
        _plates(batch, parted, new),
        _later(batch, earlier, parted, again),
    )


_TYPES: Final[list[tuple[str, pa.DataType]]] = [
    ("read_id", pa.uint64()),
    ("plate", pa.string()),
    ("captured_us", pa.int64()),
    ("waited_s", pa.int32()),
    ("camera", pa.uint32()),
    ("confidence", pa.float64()),
    *((name, pa.string()) for name in _TEXTS),
    *((name, pa.string()) for name in ("make", "colour", "kind")),
    ("source", pa.string()),
    ("span", pa.uint32()),
    ("slot", pa.uint32()),
]
_READS = pa.schema(_TYPES)
_PLATES = pa.schema([("skeleton", pa.string()), *(one for one in _TYPES if one[0] in ("plate", *_PARTED))])
_LATER = pa.schema([one for one in _TYPES if one[0] in ("read_id", "patch", "overview", *_PARTED)])


def _empty(schema: pa.Schema) -> pa.Table:
    return schema.empty_table()


def _parted(
    batch: ReadBatch, sources: Sequence[str], retentions: Mapping[str, Period], now_us: int
) -> tuple[dict[str, NDArray[np.generic]], NDArray[np.bool_]]:
    """Return the part of each read, and which reads are kept at all."""
    if len(batch) and not 0 <= int(batch.camera.min()) <= int(batch.camera.max()) < len(sources):
        raise InputError("a read names a camera that the history does not know")
    names = sorted(retentions)
    number = {name: n for n, name in enumerate(names)}
    of_camera = np.array([number.get(source, -1) for source in sources], dtype=np.int64)
    whose = of_camera[batch.camera] if len(batch) else np.empty(0, np.int64)
    spans = np.array([span_of(retentions[name]) for name in names] + [1], dtype=np.int64)
    horizons = np.array([horizon_us(now_us, retentions[name]) for name in names] + [0], dtype=np.int64)
    span = spans[whose]
    slot = batch.captured_us // (span * MINUTE_US) * span
    source = np.array([*names, ""], dtype=object)[whose]
    kept = (whose >= 0) & (batch.captured_us >= horizons[whose]) & (batch.captured_us >= 0)
    return {"source": source, "span": span, "slot": slot}, kept


def _reads(
    batch: ReadBatch,
    numbers: NDArray[np.uint64],
    parted: dict[str, NDArray[np.generic]],
    rows: NDArray[np.intp],
) -> pa.Table:
    vehicles = [_vehicle(text) for text in taken(batch.vehicle, rows)]
    columns = {name: taken(getattr(batch, name), rows) for name in ("captured_us", "plate")}
    columns |= {name: _said(taken(getattr(batch, name), rows)) for name in _TEXTS}
    waited_s = (batch.received_us - batch.captured_us)[rows] // SECOND_US
    columns |= {
        "read_id": numbers[rows],
        "waited_s": np.clip(waited_s, -(2**31), 2**31 - 1).astype(np.int32),
        "camera": batch.camera[rows].astype(np.uint32),
        "confidence": batch.confidence[rows],
        "make": [one[0] for one in vehicles],
        "colour": [one[1] for one in vehicles],
        "kind": [one[2] for one in vehicles],
        **{name: values[rows] for name, values in parted.items()},
    }
    return _table(columns, _READS)


def _plates(batch: ReadBatch, parted: dict[str, NDArray[np.generic]], rows: NDArray[np.intp]) -> pa.Table:
    places = zip(taken(batch.plate, rows), *(parted[name][rows].tolist() for name in _PARTED), strict=True)
    each = sorted(set(places))
    columns = {"skeleton": [skeleton_of(one[0]) for one in each], "plate": [one[0] for one in each]}
    columns |= {name: [one[n] for one in each] for n, name in enumerate(_PARTED, 1)}
    return _table(columns, _PLATES)


def _later(
    batch: ReadBatch,
    earlier: NDArray[np.uint64],
    parted: dict[str, NDArray[np.generic]],
    rows: NDArray[np.intp],
) -> pa.Table:
    columns = {
        "read_id": earlier[rows],
        "patch": _said(taken(batch.patch, rows)),
        "overview": _said(taken(batch.overview, rows)),
        **{name: values[rows] for name, values in parted.items()},
    }
    return _table(columns, _LATER)


def _said(texts: Sequence[str | None]) -> list[str]:
    """Return texts as the tables hold them, empty where nothing was said: the engine loses which text is none."""
    return [text or "" for text in texts]


def _table(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema=schema)


@lru_cache(maxsize=4096)
def _vehicle(text: str | None) -> tuple[str, str, str]:
    """Return the normal forms of what a camera says of a vehicle."""
    try:
        said = msgspec.json.decode(text) if text else {}
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        said = {}
    seen = vehicle_of(said if isinstance(said, dict) else {})
    return seen.make, seen.colour, seen.kind
