"""Posted Arrow streams: checked, and read in pieces.

Pure. A few bytes of Arrow may unfold to gigabytes: what could is refused before it does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from wicketgate.base.errors import InputError

MAX_ROWS: Final = 150_000
_MAX_COLUMNS: Final = 64
_LONGEST_NAME: Final = 64
"""Each row that is refused is kept with the names of its columns."""
_MAX_CHUNKS: Final = 8_000
_MAX_MESSAGES: Final = 2_000
_MAX_UNFOLDED: Final = 32 * 1024 * 1024
_PIECE_CELLS: Final = 16_000


def arrow_pieces(body: bytes) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of a stream, in order, some at a time.

    A value that is null is left out of its row.

    Raises
    ------
    InputError
        If the body is no such stream, or a value of it is none that Python has.
    """
    try:
        with pa.ipc.open_stream(_uncompressed(body)) as reader:
            columns = _check_schema(reader.schema)
            table = reader.read_all()
        if table.num_columns and table.column(0).num_chunks * columns > _MAX_CHUNKS:
            raise InputError("an Arrow stream of too many record batches: put more rows into one")
        table.validate(full=True)
        _check_size(table)
        table = _in_microseconds(table)
        rows = max(1, _PIECE_CELLS // max(1, columns))
        for start in range(0, table.num_rows, rows):
            yield [_without_nulls(row) for row in table.slice(start, rows).to_pylist()]
    except (pa.ArrowException, ValueError, OSError, OverflowError) as error:
        raise InputError("the body is not an Arrow stream that can be read") from error


def _check_schema(schema: pa.Schema) -> int:
    """Return the number of columns, members of structs among them.

    Columns unfit for a read are refused: lists and runs of a few bytes could unfold to gigabytes.
    """
    columns, names = 0, list(schema.names)
    if len(schema) > _MAX_COLUMNS or len(set(schema.names)) < len(schema):
        raise InputError("an Arrow stream with too many columns, or two of one name")
    for column in schema:
        kind = column.type
        plain = _is_plain(kind) or (pa.types.is_dictionary(kind) and _is_text(kind.value_type))
        if pa.types.is_struct(kind):
            members = [kind.field(n) for n in range(kind.num_fields)]
            plain = 0 < len(members) <= _MAX_COLUMNS and all(_is_plain(member.type) for member in members)
            columns += kind.num_fields
            names += [member.name for member in members]
        if not plain:
            raise InputError("a column of the Arrow stream has a type that a read has not")
        columns += 1
    if columns > _MAX_COLUMNS:
        raise InputError("an Arrow stream with too many columns, or two of one name")
    if any(len(name) > _LONGEST_NAME for name in names):
        raise InputError(f"a column of the Arrow stream has a name of more than {_LONGEST_NAME} characters")
    return columns


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_plain(kind: pa.DataType) -> bool:
    types = pa.types
    numeric = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    return bool(numeric or _is_text(kind) or types.is_timestamp(kind) or types.is_null(kind))


def _check_size(table: pa.Table) -> None:
    """Refuse too many rows, and dictionaries and views far larger unfolded than the body."""
    if table.num_rows > MAX_ROWS:
        raise InputError(f"more than {MAX_ROWS} reads in one post")
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
        import pyarrow.compute as pc  # it takes a start 20 ms, and few posts have dictionaries

        longest = pc.max(pc.binary_length(texts.cast(pa.large_string()))).as_py()
        return len(column) * (longest or 0)
    if pa.types.is_string_view(kind):
        views = np.frombuffer(column.buffers()[1] or b"", dtype="<i4").reshape(-1, 4)
        return int(views[column.offset : column.offset + len(column), 0].clip(0).sum(dtype=np.int64))
    return int(column.nbytes) if _is_text(kind) else 0  # two columns may be the same bytes of the body


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
        if total > _MAX_MESSAGES:
            raise InputError(f"an Arrow stream of more than {_MAX_MESSAGES} messages")
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
