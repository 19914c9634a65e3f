"""Reads as a history keeps them: from what transactions took to the rows of its tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wicketgate.base.clock import MINUTE_US, SECOND_US
from wicketgate.base.errors import InputError
from wicketgate.base.periods import Period, horizon_us
from wicketgate.history.messages import TakenReads, read_id
from wicketgate.history.questions import skeleton_of, vehicle_of
from wicketgate.history.terms import lead_us, span_of
from wicketgate.reads.columns import ReadBatch, decode_batch, joined
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

    Reads of a source that keeps nothing, and those past their term or about to be, are left out; so are erased ones,
    which have no plate.

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
            ids.append(np.arange(len(batch), dtype=np.uint64) + np.uint64(read_id(item.sequence, 0)))
            before.append(_before(item, len(batch)))
    if not batches:
        return HistoryRows(*(_empty(table) for table in (_READS, _PLATES, _LATER)))
    batch, numbers, earlier = joined(batches), np.concatenate(ids), np.concatenate(before)
    plates = pa.array(batch.plate, pa.string())
    parted, kept = _parted(batch, sources, retentions, now_us)
    kept &= np.asarray(pc.not_equal(plates, pa.scalar("")))
    new = np.flatnonzero(kept & ~batch.again)
    # An image whose read is not known stands with no read: it is found by nobody, and is left out.
    again = np.flatnonzero(kept & batch.again & (earlier != 0))
    reads = _reads(batch, plates, numbers, parted, new)
    return HistoryRows(reads, _plates(reads), _later(batch, earlier, parted, again))


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


def _before(item: TakenReads, reads: int) -> NDArray[np.uint64]:
    """Return of each read of a transaction where it stood before; 0 where it is new."""
    found = np.zeros(reads, np.uint64)
    for row, *place in item.before:
        found[row] = read_id(*place)
    return found


def _parted(
    batch: ReadBatch, sources: Sequence[str], retentions: Mapping[str, Period], now_us: int
) -> tuple[dict[str, pa.Array[Any]], NDArray[np.bool_]]:
    """Return the part of each read, and which reads are kept at all."""
    if len(batch) and not 0 <= int(batch.camera.min()) <= int(batch.camera.max()) < len(sources):
        raise InputError("a read names a camera that the history does not know")
    names = sorted(retentions)
    number = {name: n for n, name in enumerate(names)}
    of_camera = np.array([number.get(source, -1) for source in sources], dtype=np.int64)
    whose = of_camera[batch.camera] if len(batch) else np.empty(0, np.int64)
    spans = np.array([span_of(retentions[name]) for name in names] + [1], dtype=np.int64)
    # What goes at the next look need not come: so nothing is behind what its part was written anew without.
    before = [horizon_us(now_us, retentions[name]) + lead_us(span_of(retentions[name])) for name in names]
    horizons = np.array([*before, 0], dtype=np.int64)
    span = spans[whose]
    slot = batch.captured_us // (span * MINUTE_US) * span
    source = pa.array([*names, ""], pa.string()).take(whose % (len(names) + 1))
    kept = (whose >= 0) & (batch.captured_us >= horizons[whose]) & (batch.captured_us >= 0)
    return {"source": source, "span": pa.array(span), "slot": pa.array(slot)}, kept


def _reads(
    batch: ReadBatch,
    plates: pa.Array[Any],
    numbers: NDArray[np.uint64],
    parted: Mapping[str, pa.Array[Any]],
    rows: NDArray[np.intp],
) -> pa.Table:
    waited_s = np.clip((batch.received_us - batch.captured_us) // SECOND_US, -(2**31), 2**31 - 1)
    columns: dict[str, Any] = {name: _said(getattr(batch, name)) for name in _TEXTS}
    columns |= _vehicles(columns["vehicle"])
    columns |= {
        "read_id": numbers,
        "plate": plates,
        "captured_us": batch.captured_us,
        "waited_s": waited_s.astype(np.int32),
        "camera": batch.camera.astype(np.uint32),
        "confidence": batch.confidence,
        **parted,
    }
    return _table(columns, _READS, rows)


def _vehicles(said: pa.Array[Any]) -> dict[str, pa.Array[Any]]:
    """Return the normal forms of what cameras say of vehicles. They say few different things."""
    encoded = said.dictionary_encode()
    forms = [_vehicle(text) for text in encoded.dictionary.to_pylist()]
    return {
        name: pa.array([form[n] for form in forms], pa.string()).take(encoded.indices)
        for n, name in enumerate(("make", "colour", "kind"))
    }


def _plates(reads: pa.Table) -> pa.Table:
    each = reads.select(["plate", *_PARTED]).group_by(["plate", *_PARTED], use_threads=False).aggregate([])
    # All at once: no plate in normal form has a line's end.
    text = "\n".join(plate or "" for plate in each.column("plate").to_pylist())
    skeletons = skeleton_of(text).split("\n") if each.num_rows else []
    columns = {name: each.column(name) for name in ("plate", *_PARTED)}
    return (
        pa.table({"skeleton": pa.array(skeletons, pa.string()), **columns})
        .select(_PLATES.names)
        .cast(_PLATES)
    )


def _later(
    batch: ReadBatch,
    earlier: NDArray[np.uint64],
    parted: Mapping[str, pa.Array[Any]],
    rows: NDArray[np.intp],
) -> pa.Table:
    if not len(rows):
        return _empty(_LATER)
    columns = {"read_id": earlier, "patch": _said(batch.patch), "overview": _said(batch.overview), **parted}
    return _table(columns, _LATER, rows)


def _said(texts: Sequence[str | None]) -> pa.Array[Any]:
    """Return texts as the tables hold them, empty where nothing was said: the engine loses which text is none."""
    return pa.array(texts, pa.string()).fill_null("")


def _table(columns: Mapping[str, Any], schema: pa.Schema, rows: NDArray[np.intp]) -> pa.Table:
    """Return some rows of columns, in the types of a table."""
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in schema]
    table = pa.table(arrays, schema=schema)
    return table if len(rows) == table.num_rows else table.take(rows)


@lru_cache(maxsize=4096)
def _vehicle(text: str | None) -> tuple[str, str, str]:
    """Return the normal forms of what a camera says of a vehicle."""
    try:
        said = msgspec.json.decode(text) if text else {}
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        said = {}
    seen = vehicle_of(said if isinstance(said, dict) else {})
    return seen.make, seen.colour, seen.kind
