"""The parser and checker of posted reads: bytes in, rows or faults out.

Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isnan
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from wicketgate.base.clock import from_datetime, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.shapes import about, shape
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.columns import SAID, Gathered, Vehicle
from wicketgate.reads.observations import ImageKind
from wicketgate.reads.plates import PlateFault, read_plate

MAX_POST_BYTES = 8 * 1024 * 1024
MAX_READS = 150_000
"""Reads in one post; in JSON no more than about 105,000 go into `MAX_POST_BYTES`."""

JSON = "application/json"
NDJSON = "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"


MAX_ID = 64
"""Characters of a read's `id`."""


class NamedImages(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The image parts of a multipart post, by their names."""

    patch: str | None = None
    overview: str | None = None


class _Posted(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, omit_defaults=True
):
    """The members of a posted read for the gateway's decisions."""

    camera: Annotated[str, about("As registered.")]
    captured_at: Annotated[datetime, about("With a zone; kept to the microsecond.", format="date-time")]
    plate: Annotated[str, about("As read; case and separators do not matter.")]
    confidence: Annotated[float, shape(minimum=0, maximum=1)]
    id: Annotated[
        str | None, about("The source's own, once for each read.", minLength=1, maxLength=MAX_ID)
    ] = None


if TYPE_CHECKING:  # a type checker cannot read the table

    class _WithSaid(_Posted, frozen=True):
        """The same, with a member for each column of `columns.SAID`."""
else:
    _WithSaid = msgspec.defstruct(
        "_WithSaid",
        [(column.name, column.posted | None, None) for column in SAID],
        bases=(_Posted,),
        frozen=True,
        kw_only=True,
    )


class RawRead(_WithSaid, frozen=True, kw_only=True):
    """One observation of a plate, as a source posts it.

    A member that is not listed quarantines the read.
    """

    image: Annotated[
        str | NamedImages | None,
        about("The names of the form's parts that hold its images; a text names the patch."),
    ] = None

    def images(self) -> dict[ImageKind, str]:
        """Return the names of the image parts (a plain text names the patch)."""
        if isinstance(self.image, str):
            return {"patch": self.image}
        if self.image is None:
            return {}
        named: dict[ImageKind, str] = {}
        if self.image.patch is not None:
            named["patch"] = self.image.patch
        if self.image.overview is not None:
            named["overview"] = self.image.overview
        return named


@dataclass(frozen=True, slots=True)
class Malformed:
    """A read of a wrong shape: its JSON, its fault, and its camera if named."""

    read: bytes
    detail: str
    camera: str = ""


_array = msgspec.json.Decoder(list[RawRead])
_one = msgspec.json.Decoder(RawRead)
_encode = msgspec.json.Encoder().encode
_PLAIN_FAULT = re.compile(
    r"(Expected `[a-z0-9 |]+`, got `[a-z]+`|Object missing required field `[a-z_]+`|Invalid RFC3339 encoded datetime)"
    r"( - at `\$(\.[a-z_]+)*`)?"
)
_NAMES = "|".join(
    [
        *("id", "plate", "camera", "image"),
        *(column.name for column in SAID),
        *Vehicle.__struct_fields__,
        *NamedImages.__struct_fields__,
    ]
)
_PLACE = re.compile(rf" - at `\$(\.vehicle|\.image)?(\.({_NAMES}))?`\Z")
_SAID = [(column.name, attrgetter(column.name)) for column in SAID]
_BOUNDED = [(attrgetter(column.name), column.fault) for column in SAID if column.fault is not None]
_MAX_KEPT = 16 * 1024
_MAX_COLUMNS = 64
_MAX_UNFOLDED = 4 * MAX_POST_BYTES


def parse(body: bytes, media_type: str) -> Sequence[RawRead | Malformed]:
    """Return the reads of a posted body, in order.

    Parameters
    ----------
    body : bytes
        At most `MAX_POST_BYTES`; the caller sees to it.
    media_type : str
        `JSON` (one read or an array), `NDJSON` or `ARROW`.

    Raises
    ------
    InputError
        If the body as a whole cannot be read. Then nothing of it is taken. A read whose own shape is wrong does not
        raise: it comes back as `Malformed`.

    Notes
    -----
    O(n); about 1 µs a read where all are well formed, some 10 µs where one is not.
    """
    if media_type == ARROW:
        return _each(_arrow_rows(body))
    rows = _json_rows(body, media_type)
    if len(rows) > MAX_READS:
        raise InputError(f"more than {MAX_READS} reads in one post")
    return rows


def _json_rows(body: bytes, media_type: str) -> Sequence[RawRead | Malformed]:
    try:
        if media_type == NDJSON:
            try:
                return _one.decode_lines(body)
            except msgspec.ValidationError:
                return _each(msgspec.json.Decoder().decode_lines(body))
        if body.lstrip()[:1] == b"[":
            try:
                return _array.decode(body)
            except msgspec.ValidationError:
                return _each(msgspec.json.decode(body))
        try:
            return [_one.decode(body)]
        except msgspec.ValidationError:
            return _each([msgspec.json.decode(body)])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InputError(f"the body is not {media_type}") from error


def _each(values: Sequence[Any]) -> list[RawRead | Malformed]:
    if len(values) > MAX_READS:
        raise InputError(f"more than {MAX_READS} reads in one post")
    rows: list[RawRead | Malformed] = []
    for value in values:
        if not isinstance(value, dict):
            raise InputError("a read must be an object")
        try:
            rows.append(msgspec.convert(value, RawRead))
        except msgspec.ValidationError as error:
            camera = value.get("camera")
            rows.append(
                Malformed(
                    _encode(value), _without_values(str(error)), camera if isinstance(camera, str) else ""
                )
            )
    return rows


def _without_values(message: str) -> str:
    """Return the library's words, if free of posted names and values: a plate may be among them."""
    if _PLAIN_FAULT.fullmatch(message):
        return message
    where = _PLACE.search(message)
    if message.startswith("Object contains unknown field"):
        return "Object contains unknown member" + (f" - at `${where[1]}`" if where and where[1] else "")
    return "Invalid value" + (where[0] if where else "")


def _arrow_rows(body: bytes) -> list[dict[str, Any]]:
    try:
        with pa.ipc.open_stream(_uncompressed(body)) as reader:
            _check_schema(reader.schema)
            table = reader.read_all()
        table.validate(full=True)
        _check_size(table)
        rows: list[dict[str, Any]] = _in_microseconds(table).to_pylist()
    except (pa.ArrowException, ValueError, OSError, OverflowError) as error:
        raise InputError("the body is not an Arrow stream that can be read") from error
    return [_without_nulls(row) for row in rows]


def _check_schema(schema: pa.Schema) -> None:
    """Refuse columns unfit for a read: lists and runs of a few bytes could unfold to gigabytes."""
    if len(schema) > _MAX_COLUMNS or len(set(schema.names)) < len(schema):
        raise InputError("an Arrow stream with too many columns, or two of one name")
    for column in schema:
        kind = column.type
        plain = _is_plain(kind) or (pa.types.is_dictionary(kind) and _is_text(kind.value_type))
        if pa.types.is_struct(kind):
            members = [kind.field(n) for n in range(kind.num_fields)]
            plain = 0 < len(members) <= _MAX_COLUMNS and all(_is_plain(member.type) for member in members)
        if not plain:
            raise InputError("a column of the Arrow stream has a type that a read has not")


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_plain(kind: pa.DataType) -> bool:
    types = pa.types
    numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    return bool(numeric or _is_text(kind) or types.is_timestamp(kind) or types.is_null(kind))


def _check_size(table: pa.Table) -> None:
    """Refuse too many rows, and dictionaries and views far larger unfolded than the body."""
    if table.num_rows > MAX_READS:
        raise InputError(f"more than {MAX_READS} reads in one post")
    if sum(_unfolded(chunk) for column in table.columns for chunk in column.chunks) > _MAX_UNFOLDED:
        raise InputError("the Arrow stream unfolds far beyond its size: send plain texts")


def _unfolded(column: Any) -> int:
    """Return about how many bytes an Arrow array's texts unfold to: they may share the same bytes."""
    kind = column.type
    if pa.types.is_struct(kind):
        return sum(_unfolded(column.field(n)) for n in range(kind.num_fields))
    if pa.types.is_dictionary(kind):
        texts = column.dictionary
        if len(column) == 0 or _unfolded(texts) > _MAX_UNFOLDED:
            return _unfolded(texts)
        return len(column) * max((len(text) for text in texts.to_pylist() if text is not None), default=0)
    if pa.types.is_string_view(kind):
        views = np.frombuffer(column.buffers()[1] or b"", dtype="<i4").reshape(-1, 4)
        return int(views[column.offset : column.offset + len(column), 0].clip(0).sum(dtype=np.int64))
    return 0


def _in_microseconds(table: pa.Table) -> pa.Table:
    """Return the table with its times cut from nanoseconds to microseconds."""
    for number, column in enumerate(table.columns):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            cut = column.cast(pa.timestamp("us", column.type.tz), safe=False)
            table = table.set_column(number, table.schema.names[number], cut)
    return table


def _without_nulls(row: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in row.items():
        if value is None:
            continue
        if isinstance(value, dict):
            plain[name] = _without_nulls(value)
        else:
            plain[name] = value.isoformat() if isinstance(value, datetime) else value
    return plain


def _uncompressed(body: bytes) -> bytes:
    """Return `body` if no record batch of it is compressed.

    A compressed buffer of a few bytes may unfold to gigabytes, and the library has no limit to set.
    """
    source = pa.BufferReader(body)
    messages = pa.ipc.MessageReader.open_stream(source)
    total = 0
    while True:
        try:
            message = messages.read_next_message()
        except StopIteration:
            break
        total += 1
        if total > 10_000:
            raise InputError("an Arrow stream of more than 10,000 messages")
        if message.type in {"record batch", "dictionary"} and _is_compressed(message.metadata.to_pybytes()):
            raise InputError("compressed Arrow buffers are not taken: send them plain")
    return body


def _is_compressed(metadata: bytes) -> bool:
    """Return whether an Arrow message's flatbuffer (Message.fbs) has a RecordBatch with `compression` set."""

    def u16(at: int) -> int:
        return int.from_bytes(metadata[at : at + 2], "little")

    def i32(at: int) -> int:
        return int.from_bytes(metadata[at : at + 4], "little", signed=True)

    def member(table: int, slot: int) -> int:
        vtable = table - i32(table)
        offset = 4 + 2 * slot
        return table + u16(vtable + offset) if offset < u16(vtable) and u16(vtable + offset) else 0

    message = i32(0)
    header_type, header = member(message, 1), member(message, 2)
    if not header:
        return False
    batch = header + i32(header)
    if header_type and metadata[header_type] == 2:  # DictionaryBatch holds its RecordBatch in slot 1
        data = member(batch, 1)
        if not data:
            return False
        batch = data + i32(data)
    return member(batch, 3) != 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockLimits:
    """The limits of a camera's clock, microseconds, set by the charter: how far it may be off."""

    clock_ahead_us: int
    too_old_us: int


@dataclass(slots=True)
class Checked:
    """Checked reads: those to take, in columns, and the others."""

    reads: Gathered = field(default_factory=Gathered)
    camera_id: list[str] = field(default_factory=list)
    read_id: list[str | None] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    quarantined: list[tuple[int, QuarantinedRead]] = field(default_factory=list)


def check(
    rows: Sequence[RawRead | Malformed],
    *,
    source: str,
    cameras: Callable[[str], int | None],
    limits: ClockLimits,
    now_us: int,
    parts: Container[str] = (),
    may_be_unsure: bool = False,
) -> Checked:
    """Check camera, clock, plate and confidence of each read.

    Parameters
    ----------
    cameras : callable
        The number of a camera of this source, or None.
    parts : container of str
        The names of the parts that came with the reads: an image must be one of them.
    may_be_unsure : bool
        Whether `confidence` may be NaN: what a device sent that does not say how sure it is.

    Returns
    -------
    Checked
        Columns of what may be taken, and for each other read its row and reason: `malformed`, `unknown-camera`,
        `image-missing`, `zone-missing`, `clock-ahead`, `too-old`, `plate-empty`, `plate-unreadable`,
        `confidence-range`. The first that applies, in this order. Images and marks are left out.

    Notes
    -----
    O(n); about 2 µs a read.
    """
    numbers: list[int] = []
    times: list[int] = []
    plates: list[str] = []
    judge = _judge_of(limits, now_us, parts, may_be_unsure=may_be_unsure, times=times, plates=plates)
    taken: list[RawRead] = []
    indexes: list[int] = []
    quarantined: list[tuple[int, QuarantinedRead]] = []
    for index, row in enumerate(rows):
        known = cameras(row.camera)
        if isinstance(row, Malformed):
            fault = _Fault("malformed", row.detail)
        elif known is None:
            fault = _Fault("unknown-camera", "this source has registered no such camera")
        elif (found := judge(row)) is None:
            numbers.append(known)
            taken.append(row)
            indexes.append(index)
            continue
        else:
            fault = found
        refused = QuarantinedRead(
            source=source,
            camera=row.camera if known is not None else "",
            code=fault.code,
            detail=fault.detail,
            at_us=now_us,
            read=bounded(row.read if isinstance(row, Malformed) else _encode(row)),
        )
        quarantined.append((index, refused))
    return Checked(
        reads=Gathered(
            camera=numbers,
            captured_us=times,
            plate=plates,
            confidence=[row.confidence for row in taken],
            **{name: _texts(map(said, taken)) for name, said in _SAID},
        ),
        camera_id=[row.camera for row in taken],
        read_id=[row.id for row in taken],
        index=indexes,
        quarantined=quarantined,
    )


class _Fault(NamedTuple):
    """The fault of a read."""

    code: str
    detail: str


def _judge_of(
    limits: ClockLimits,
    now_us: int,
    parts: Container[str],
    *,
    may_be_unsure: bool,
    times: list[int],
    plates: list[str],
) -> Callable[[RawRead], _Fault | None]:
    """Return a judge: it appends the time and plate of a good read, or returns the read's fault."""
    latest = now_us + limits.clock_ahead_us
    earliest = now_us - limits.too_old_us
    bounds = [(said, fault_of, {None}) for said, fault_of in _BOUNDED]

    def judge(row: RawRead) -> _Fault | None:
        if row.image is not None and not all(name in parts for name in row.images().values()):
            return _Fault("image-missing", "`image` names a part that did not come with the read")
        captured = row.captured_at
        if captured.tzinfo is None:
            return _Fault("zone-missing", "`captured_at` has no zone: send `Z` or an offset")
        captured_us = from_datetime(captured)
        if captured_us > latest:
            return _Fault("clock-ahead", f"captured later than {rfc3339(latest)}: set the camera's clock")
        if captured_us < earliest:
            return _Fault("too-old", f"captured before {rfc3339(earliest)}")
        plate = read_plate(row.plate)
        if isinstance(plate, PlateFault):
            return _Fault(plate.value, "the plate is empty" if plate is PlateFault.EMPTY else "not a plate")
        if not (0.0 <= row.confidence <= 1.0 or (may_be_unsure and isnan(row.confidence))):
            return _Fault("confidence-range", "`confidence` must lie between 0 and 1")
        if row.id is not None and not 0 < len(row.id) <= MAX_ID:
            return _Fault("malformed", f"`id` must have 1 to {MAX_ID} characters")
        for said, fault_of, sound in bounds:
            value = said(row)
            if value not in sound:  # most reads of a post say the same
                if detail := fault_of(value):
                    return _Fault("malformed", detail)
                sound.add(value)
        times.append(captured_us)
        plates.append(plate)
        return None

    return judge


def _texts(values: Iterable[Any]) -> list[str | None]:
    return [None if value is None else _encode(value).decode() for value in values]


def bounded(read: bytes) -> bytes:
    """Return the kept part of a quarantined read: all of it, or the beginning of one too large."""
    if len(read) <= _MAX_KEPT:
        return read
    digest = hashlib.sha256(read).hexdigest()
    return _encode(
        {"bytes": len(read), "sha256": digest, "begins": read[:_MAX_KEPT].decode(errors="replace")}
    )
