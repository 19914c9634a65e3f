"""The table of a read's columns.

Every form of a read is derived from it, and so is the form in which reads lie in COMMITS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from wicketgate.base.errors import InputError, ShapeError
from wicketgate.base.shapes import shape
from wicketgate.reads.keys import CONTENT, JoinedKeys
from wicketgate.reads.plates import pack_all

MAX_ROWS = 1_000
"""Reads that are taken together: what bounds a transaction."""

MAX_LANE = 32
"""Characters of a lane that is a text."""
LANES = (-999, 9999)
MAX_TEXT = 256
Text = Annotated[str, shape(maxLength=MAX_TEXT)]
Lane = Annotated[int, shape(minimum=LANES[0], maximum=LANES[1])] | Annotated[str, shape(maxLength=MAX_LANE)]


class Vehicle(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """A camera's words on the vehicle."""

    make: msgspec.UnsetType | Text | None = msgspec.UNSET
    model: msgspec.UnsetType | Text | None = msgspec.UNSET
    colour: msgspec.UnsetType | Text | None = msgspec.UNSET
    kind: msgspec.UnsetType | Text | None = msgspec.UNSET


def _fault_of_lane(lane: int | str) -> str | None:
    if isinstance(lane, str):
        return f"`lane` has more than {MAX_LANE} characters" if len(lane) > MAX_LANE else None
    return None if LANES[0] <= lane <= LANES[1] else "`lane` is out of range"


def _fault_of_vehicle(vehicle: Vehicle) -> str | None:
    for text in (vehicle.make, vehicle.model, vehicle.colour, vehicle.kind):
        if isinstance(text, str) and len(text) > MAX_TEXT:
            return f"a member of `vehicle` has more than {MAX_TEXT} characters"
    return None


_TYPES: Mapping[str, tuple[type[np.generic] | None, type]] = {
    "bool_": (np.bool_, bool),
    "int32": (np.int32, int),
    "int64": (np.int64, int),
    "uint64": (np.uint64, int),
    "float64": (np.float64, float),
    "string": (None, str),
    "binary": (None, bytes),
}
"""For each Arrow type its numpy type, None where a batch holds a sequence, and the Python type of one value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of reads.

    Attributes
    ----------
    name : str
        Its name in a batch and as it is stored.
    stored : str
        Its type, as Arrow names it, by which versions up to 0.3 stored it.
    dtype : numpy type, optional
        Its type in a batch; None where a batch holds a sequence.
    scalar : type
        The Python type of one value.
    null : bool
        A read may lack it.
    gathered : bool
        It comes with the read. The intake adds the others when it accepts the read.
    shown_by : str
        The field of an authority that shows it; empty where none does.
    posted : type, optional
        Set for what a camera says and the gateway carries, shows, and never decides by: the type of the member of
        that name in a native read. Its JSON text is stored.
    fault : callable, optional
        Returns what is wrong with a posted value, or None.
    """

    name: str = ""
    stored: str
    dtype: type[np.generic] | None
    scalar: type
    null: bool = False
    gathered: bool = True
    shown_by: str = ""
    posted: Any = None
    fault: Callable[[Any], str | None] | None = None


def _column(stored: str, shown_by: str = "", **known: Any) -> Mapping[str, Column]:
    dtype, scalar = _TYPES[stored]
    return {"column": Column(stored=stored, dtype=dtype, scalar=scalar, shown_by=shown_by, **known)}


def _said(
    posted: Any, shown_by: str, fault: Callable[[Any], str | None] | None = None
) -> Mapping[str, Column]:
    return _column("string", shown_by, null=True, posted=posted, fault=fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBatch:
    """Accepted reads, one row each, in the order of arrival.

    This is the table of columns. The stored form, the posted form, and what lies between are derived from it: a new
    column is one line here.

    Attributes
    ----------
    camera : (n,) int32
        Numbers of cameras in the camera register (`commits.state.State.cameras`); never reused.
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
        What a read is recognised by (`keys.KeyMaker`).
    patch, overview : (n,) sequence of str or None
        Where an image lies and what it is (`images.references.StoredImage.text`).
    marks : (n,) sequence of str or None
        JSON text of the list of marks (`observations.MARKS`).
    again : (n,) bool
        True where the read was decided before, and comes again with an image that followed it.
    """

    camera: NDArray[np.int32] = field(metadata=_column("int32", "place"))
    captured_us: NDArray[np.int64] = field(metadata=_column("int64", "time"))
    received_us: NDArray[np.int64] = field(metadata=_column("int64", gathered=False))
    plate_key: NDArray[np.uint64] = field(metadata=_column("uint64", gathered=False))
    plate: Sequence[str] = field(metadata=_column("string", "plate"))
    confidence: NDArray[np.float64] = field(metadata=_column("float64", "plate"))
    lane: Sequence[str | None] = field(metadata=_said(Lane, "place", _fault_of_lane))
    direction: Sequence[str | None] = field(metadata=_said(Literal["towards", "away"], "place"))
    vehicle: Sequence[str | None] = field(metadata=_said(Vehicle, "vehicle", _fault_of_vehicle))
    key: Sequence[bytes] = field(metadata=_column("binary", gathered=False))
    patch: Sequence[str | None] = field(metadata=_column("string", "patch-image", null=True))
    overview: Sequence[str | None] = field(metadata=_column("string", "overview-image", null=True))
    marks: Sequence[str | None] = field(metadata=_column("string", "plate", null=True))
    again: NDArray[np.bool_] = field(metadata=_column("bool_", gathered=False))

    def __post_init__(self) -> None:
        n = len(self.plate)
        for name in self.__slots__:
            if len(getattr(self, name)) != n:
                raise ShapeError(f"column `{name}` differs in length from `plate`")

    def __len__(self) -> int:
        return len(self.plate)


COLUMNS: tuple[Column, ...] = tuple(
    replace(one.metadata["column"], name=one.name) for one in fields(ReadBatch)
)
"""The columns, in the order in which they are stored."""

GATHERED = tuple(column for column in COLUMNS if column.gathered)
"""The columns that come with a read."""

SAID = tuple(column for column in COLUMNS if column.posted is not None)
"""The columns that carry what a camera said, as members of its read."""

DTYPES = {column.name: column.dtype for column in COLUMNS if column.dtype is not None}
"""The types of those that a batch holds as arrays."""

_NAMES = {column.name for column in COLUMNS}
_REQUIRED = {column.name for column in COLUMNS if not column.null}


_GATHERED = tuple(column.name for column in GATHERED)


Values = list[Any] | NDArray[Any]


class Gathered:
    """Checked reads, not stored yet.

    Parameters
    ----------
    columns : list, or array where it holds numbers
        By its name each column of `GATHERED`, all of one length, `plate` among them. One that is missing is filled
        with None.
    """

    __slots__ = ("columns",)

    def __init__(self, **columns: Any) -> None:
        n = len(columns["plate"]) if columns else 0
        for name in _GATHERED:
            if name not in columns:
                columns[name] = [None] * n
        self.columns: dict[str, Any] = columns

    def __len__(self) -> int:
        return len(self.columns["plate"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gathered) and all(
            list(column) == list(other.columns[name]) for name, column in self.columns.items()
        )

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    def __setitem__(self, name: str, column: Values) -> None:
        self.columns[name] = column

    def row(self, n: int) -> dict[str, Any]:
        """Return one read by the names of its columns, in plain values."""
        return {
            name: column[n].item() if isinstance(column, np.ndarray) else column[n]
            for name, column in self.columns.items()
        }


def taken(column: Any, rows: Sequence[int] | NDArray[np.intp]) -> Any:
    """Return some rows of a column."""
    if isinstance(rows, range):
        return column[rows.start : rows.stop]
    return column[rows] if isinstance(column, np.ndarray) else [column[row] for row in rows]


class Growing:
    """A batch that grows, by many reads or by few.

    What comes is kept as it came, and put together once. Few reads are few values in lists: arrays would cost more than
    they hold.
    """

    __slots__ = ("_few", "_parts", "_rows")

    def __init__(self) -> None:
        self._parts: list[dict[str, Any]] = []
        self._few = False
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    def extend(self, columns: Mapping[str, Any], *, few: bool) -> None:
        """Append reads: columns as `filled` takes them; `few` if all are lists, and then the same ones each time."""
        if few and self._few:
            last = self._parts[-1]
            for name, column in columns.items():
                last[name] += column
        else:
            self._parts.append(
                {name: [*column] for name, column in columns.items()} if few else dict(columns)
            )
        self._few = few
        self._rows += len(columns["plate"])

    def batch(self) -> ReadBatch:
        """Return all of it as a batch; at least one read is in it."""
        return joined([filled(**part) for part in self._parts])


def filled(**columns: Any) -> ReadBatch:
    """Return a batch of these columns.

    `plate` is among them; they are lists, or as a batch holds them. O(n). `plate_key` follows from `plate`. Of any
    other column that is missing, each read says nothing.
    """
    if "plate_key" not in columns:
        columns["plate_key"] = pack_all(columns["plate"])
    n = len(columns["plate"])
    for column in COLUMNS:
        if column.name not in columns:
            columns[column.name] = [None if column.null else column.scalar()] * n
        if column.dtype is not None:
            columns[column.name] = np.asarray(columns[column.name], dtype=column.dtype)
    return ReadBatch(**columns)


_FORM = b"\x01"
"""The form in which this version stores a batch; what begins otherwise is an Arrow stream of versions up to 0.3."""
_encode_columns = msgspec.msgpack.Encoder().encode
_decode_columns = msgspec.msgpack.Decoder(dict[str, Any]).decode


def encode_batch(batch: ReadBatch) -> bytes:
    """Return a batch as it is stored (docs/spec/streams.md, section 5).

    O(n); about 0.1 µs a read.
    """
    return _FORM + _encode_columns({column.name: _stored(getattr(batch, column.name)) for column in COLUMNS})


def _stored(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        data = values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
        first = data[: values.dtype.itemsize]
        return first if data == first * len(values) and len(values) else data  # all have the same
    if isinstance(values, JoinedKeys):
        return values.joined
    if len(values) and isinstance(values[0], bytes):
        return b"".join(values) if {*map(len, values)} == {CONTENT} else list(values)
    if len(values) and values.count(values[0]) == len(values):
        return values[0]  # all say the same: a text, or nothing
    return list(values)


def decode_batch(data: bytes) -> ReadBatch:
    """Return the batch that `encode_batch` of this or an earlier version stored.

    Raises
    ------
    InputError
        If `data` is anything else.
    """
    if not data.startswith(_FORM):
        return _from_stream(data)
    try:
        said = _decode_columns(memoryview(data)[len(_FORM) :])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("a stored batch cannot be read") from error
    if said.keys() - _NAMES or _REQUIRED - said.keys():
        raise InputError("a stored batch has other columns than this version's")
    keys = said["key"]
    n = len(keys) if isinstance(keys, list) else len(keys or b"") // CONTENT
    return ReadBatch(**{column.name: _read(column, said.get(column.name), n) for column in COLUMNS})


def _read(column: Column, values: Any, n: int) -> Any:
    """Return a stored column of n values, as a batch holds it."""
    if column.dtype is not None and isinstance(values, bytes):
        size = np.dtype(column.dtype).itemsize
        if len(values) in (size, n * size) and not (column.dtype is np.bool_ and values.strip(b"\0\1")):
            array = np.frombuffer(values, np.dtype(column.dtype).newbyteorder("<")).astype(column.dtype)
            return array if len(array) == n else np.full(n, array[0])
    elif column.name == "key" and isinstance(values, bytes) and len(values) == n * CONTENT:
        return JoinedKeys(values)
    elif isinstance(values, list) and len(values) == n:
        if {*map(type, values)} <= {column.scalar, type(None) if column.null else column.scalar}:
            return values
    elif isinstance(values, str) and column.scalar is str:
        return [values] * n
    elif values is None and column.null:
        return [None] * n
    raise InputError(f"a stored batch has a column `{column.name}` that is none")


def _from_stream(data: bytes) -> ReadBatch:
    import pyarrow as pa  # large, and for deployments of 0.3 alone

    try:
        with pa.ipc.open_stream(data) as reader:
            table = reader.read_all()
            table.validate(full=True)
    except (pa.ArrowException, ValueError, OSError) as error:
        raise InputError("a stored batch cannot be read") from error
    if table.schema != pa.schema([(column.name, getattr(pa, column.stored)()) for column in COLUMNS]):
        raise InputError("a stored batch has another schema than this version's")
    columns: dict[str, Any] = {}
    for column in COLUMNS:
        values = table.column(column.name)
        if values.null_count and not column.null:
            raise InputError("a stored batch lacks a value that every read has")
        if column.dtype is None:
            columns[column.name] = values.to_pylist()
        else:
            array = values.combine_chunks().to_numpy(zero_copy_only=False)
            columns[column.name] = array.astype(column.dtype, copy=False)
    return ReadBatch(**columns)


def part(batch: ReadBatch, start: int, stop: int) -> ReadBatch:
    """Return the rows from `start` up to, not including, `stop`."""
    return ReadBatch(**{name: getattr(batch, name)[start:stop] for name in ReadBatch.__slots__})


def joined_keys(batch: ReadBatch) -> bytes:
    """Return the column `key` of a batch, one key behind the other."""
    return batch.key.joined if isinstance(batch.key, JoinedKeys) else b"".join(batch.key)


def split_again(batch: ReadBatch) -> tuple[tuple[ReadBatch, NDArray[np.intp] | None], ...]:
    """Return the new reads, and behind them the repeated ones, if any; each with their rows in `batch`.

    The new ones come for the first time, the others again. Where all are new, they are `batch` itself, and their rows
    are None.
    """
    if not batch.again.any():
        return ((batch, None),)
    return tuple(
        (ReadBatch(**{name: taken(getattr(batch, name), rows) for name in ReadBatch.__slots__}), rows)
        for rows in ((~batch.again).nonzero()[0], batch.again.nonzero()[0])
    )


def blanked(batch: ReadBatch, rows: Iterable[int]) -> ReadBatch:
    """Return a batch in which some reads say nothing but their keys: these have no plate.

    The rows keep their numbers.
    """
    gone = list(rows)
    columns: dict[str, Any] = {}
    for column in COLUMNS:
        values = getattr(batch, column.name)
        if column.name != "key":
            values = values.copy() if isinstance(values, np.ndarray) else list(values)
            for row in gone:
                values[row] = None if column.null else column.scalar()
        columns[column.name] = values
    return ReadBatch(**columns)


def joined(batches: Sequence[ReadBatch]) -> ReadBatch:
    """Return the rows of several batches, in order.

    At least one batch is given.
    """
    if len(batches) == 1:
        return batches[0]
    columns: dict[str, Any] = {}
    for name in ReadBatch.__slots__:
        parts = [getattr(batch, name) for batch in batches]
        if isinstance(parts[0], np.ndarray):
            columns[name] = np.concatenate(parts)
        elif all(isinstance(part, JoinedKeys) for part in parts):
            columns[name] = JoinedKeys(b"".join([part.joined for part in parts]))
        else:
            columns[name] = list(chain.from_iterable(parts))
    return ReadBatch(**columns)


def empty() -> ReadBatch:
    """Return a batch without rows."""
    return filled(plate=())
