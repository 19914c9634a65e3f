"""The sinks of a recipient: standard output, NDJSON, CSV or Parquet.

A crash at any point leaves whole batches up to some number, which `last` names at the next start; what lies
behind them is cut off. Beside the rows, `F.cursor` remembers the log's last checkpoint and, but for NDJSON,
which proofs are still due. It is written aside and renamed: a crash leaves the old one or the new one.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from wicketgate.base.clock import SECOND_US, parse_rfc3339
from wicketgate.base.errors import ConfigurationError, InputError, VerificationError
from wicketgate.clients.recipient.flat_rows import COLUMNS as COLUMNS
from wicketgate.clients.recipient.flat_rows import cell_of, flat
from wicketgate.clients.recipient.receive import MAX_ANSWER_BYTES, Received, Sink
from wicketgate.clients.verify.feeds import Last
from wicketgate.feeds.batches import read_batches

_PART = re.compile(r"part-(\d{12})-(\d{12})\.parquet")
_PART_ROWS = 50_000
_AGAIN_US = 60 * SECOND_US
_CURSOR_EVERY_S = 5.0


def open_sink(path: Path | None, form: str, feed: str, out: BinaryIO) -> Sink:
    """Return the sink for `--out` and `--format`.

    Raises
    ------
    ConfigurationError
        If what is there already is not of that form and feed, or is damaged elsewhere than at its end.
    """
    if path is None:
        if form != "ndjson":
            raise ConfigurationError(f"{form} needs a file: give --out")
        return StdoutSink(out)
    try:
        if form == "ndjson":
            return NdjsonSink(path, feed)
        return CsvSink(path, feed) if form == "csv" else ParquetSink(path, feed)
    except OSError as error:
        raise ConfigurationError(f"`{path}` cannot be used: {error.strerror}") from error


class StdoutSink:
    """Whole batches on standard output.

    It remembers nothing.
    """

    last: Last | None = None
    unproved: Sequence[Mapping[str, Any]] = ()
    seen: bytes | None = None

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, received: Sequence[Received]) -> None:
        """Write batches and flush."""
        for one in received:
            self._out.write(one.data)
        self._out.flush()

    def note(self, due: Sequence[Mapping[str, Any]], checkpoint: bytes) -> None:
        """Remember nothing."""

    def close(self) -> None:
        """Do nothing: everything is flushed already."""


class _Cursor:
    """The memory beside the rows."""

    def __init__(self, path: Path, feed: str, form: str) -> None:
        self._path = path.with_name(path.name + ".cursor")
        self._feed = feed
        self._form = form
        self._value: dict[str, Any] = {}
        self.found = self._path.exists()
        if self.found:
            self._value = self._load()

    def _load(self) -> dict[str, Any]:
        try:
            value = json.loads(self._path.read_bytes())
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict) or not isinstance(value.get("due", []), list):
            raise ConfigurationError(
                f"`{self._path}` cannot be read: take it away with the rows, or restore it"
            )
        if value.get("feed") != self._feed or value.get("format") != self._form:
            raise ConfigurationError(f"`{self._path}` is of another feed or format")
        return value

    @property
    def unproved(self) -> Sequence[Mapping[str, Any]]:
        """The headers with proofs still due."""
        due: Sequence[Mapping[str, Any]] = self._value.get("due", ())
        return due

    @property
    def seen(self) -> bytes | None:
        """The last checkpoint."""
        note = self._value.get("checkpoint")
        return note.encode() if isinstance(note, str) else None

    def get(self, name: str) -> Any:
        """Return a member, or None."""
        return self._value.get(name)

    def save(self, **members: Any) -> None:
        """Set members and write all, durably."""
        self._value |= {"feed": self._feed, "format": self._form, **members}
        aside = self._path.with_name(self._path.name + ".new")
        with _private(aside, os.O_TRUNC) as file:
            file.write(json.dumps(self._value).encode())
            _sync(file)
        aside.rename(self._path)
        _sync_folder(self._path.parent)


class NdjsonSink:
    """One file of batches, one after another, as they came.

    It is what `verify --feed-file` takes.

    The file is its own state: the last whole batch. A torn end is cut off at the start.
    """

    def __init__(self, path: Path, feed: str) -> None:
        self._cursor = _Cursor(path, feed, "ndjson")
        self.last: Last | None = None
        self._recent: list[Mapping[str, Any]] = []
        self._next_s = 0.0
        existed = path.exists()
        self._file = _private(path)
        try:
            end = self._scan(path, feed)
            self._file.truncate(end)
            self._file.seek(end)
            _sync(self._file)
        except BaseException:
            self._file.close()
            raise
        if not existed:
            # A crash could lose the name of a new file, and every row with it.
            _sync_folder(path.parent)

    def _scan(self, path: Path, feed: str) -> int:
        """Return where the last whole batch ends."""
        self._file.seek(0)
        end = 0
        try:
            for batch in read_batches(self._file):
                header = batch.header
                if str(header.get("authority")).partition("@")[0] != feed:
                    raise ConfigurationError(f"`{path}` holds another feed than `{feed}`")
                self.last = last_of(header, batch.lines[-1])
                self._recent.append(header)
                horizon_us = self.last.released_us - _AGAIN_US
                while parse_rfc3339(str(self._recent[0]["released_at"])) < horizon_us:
                    self._recent.pop(0)
                end = self._file.tell()
        except (InputError, VerificationError) as error:
            # A torn end is the beginning of one batch; if there is another behind it, it is no torn end.
            self._file.seek(end)
            tail = self._file.read(MAX_ANSWER_BYTES + 1)
            if len(tail) > MAX_ANSWER_BYTES or b'\n{"batch":' in tail:
                where = "at its beginning" if self.last is None else f"behind batch {self.last.batch}"
                raise ConfigurationError(f"`{path}` is damaged {where}: {error.detail}") from error
        return end

    @property
    def unproved(self) -> Sequence[Mapping[str, Any]]:
        """The headers of the last minute.

        Which of their proofs were checked is not in the file.
        """
        return self._recent

    @property
    def seen(self) -> bytes | None:
        """The last checkpoint."""
        return self._cursor.seen

    def write(self, received: Sequence[Received]) -> None:
        """Append batches.

        A crash here leaves some of them whole and perhaps one torn.
        """
        self._file.write(b"".join(one.data for one in received))
        _sync(self._file)
        self.last = last_of(received[-1].batch.header, received[-1].batch.lines[-1])

    def note(self, due: Sequence[Mapping[str, Any]], checkpoint: bytes) -> None:
        """Remember the checkpoint.

        The file itself tells which proofs are due.
        """
        now_s = time.monotonic()
        if checkpoint != self._cursor.seen and now_s >= self._next_s:
            self._cursor.save(checkpoint=checkpoint.decode())
            self._next_s = now_s + _CURSOR_EVERY_S

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CsvSink:
    """Rows as CSV with a header line.

    The cursor says how far the file counts. The rest is cut off.
    """

    def __init__(self, path: Path, feed: str) -> None:
        self._cursor = _Cursor(path, feed, "csv")
        length = self._cursor.get("length")
        # Without its cursor nobody knows how much of a file counts: cutting it to nothing would lose good rows.
        if not isinstance(length, int) and path.exists() and path.stat().st_size and not self._cursor.found:
            raise ConfigurationError(
                f"`{path}` is there and its cursor is not: take it away, or restore the cursor"
            )
        self._due = list(self._cursor.unproved)
        self._file = _private(path)
        self._length = length if isinstance(length, int) else 0
        if self._file.seek(0, os.SEEK_END) < self._length:
            self._file.close()
            raise ConfigurationError(f"`{path}` is shorter than its cursor says: rows are missing from it")
        self._columns = self._columns_of(path) if self._length else COLUMNS
        # Rows behind the cursor are of batches that will be asked for again.
        self._file.truncate(self._length)
        self._file.seek(self._length)
        self.last = _last_from(self._cursor.get("last"))

    def _columns_of(self, path: Path) -> Sequence[str]:
        """Return the columns of the file: one that an earlier version began keeps its own."""
        self._file.seek(0)
        found = self._file.readline().decode("utf-8", "replace").strip().split(",")
        if not set(found) <= set(COLUMNS) or len(set(found)) != len(found):
            self._file.close()
            raise ConfigurationError(f"`{path}` has columns that are none of `receive`: take it away")
        return found

    @property
    def unproved(self) -> Sequence[Mapping[str, Any]]:
        """The headers with proofs still due."""
        return self._cursor.unproved

    @property
    def seen(self) -> bytes | None:
        """The last checkpoint."""
        return self._cursor.seen

    def write(self, received: Sequence[Received]) -> None:
        """Append rows, then move the cursor.

        A crash between leaves rows past the cursor. The next start cuts them off.
        """
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns, lineterminator="\n", extrasaction="ignore")
        if not self._length:
            writer.writeheader()
        for one in received:
            for row in flat(one):
                row["late"] = "true" if row["late"] else "false"
                writer.writerow({name: cell_of(value) for name, value in row.items()})
        data = text.getvalue().encode()
        self._file.write(data)
        _sync(self._file)
        self._length += len(data)
        self.last = last_of(received[-1].batch.header, received[-1].batch.lines[-1])
        self._due.extend(one.batch.header for one in received)
        self._cursor.save(length=self._length, last=_last_value(self.last), due=self._due)

    def note(self, due: Sequence[Mapping[str, Any]], checkpoint: bytes) -> None:
        """Remember proofs due and checkpoint."""
        self._due = list(due)
        self._cursor.save(due=self._due, checkpoint=checkpoint.decode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ParquetSink:
    """A folder of parts, each whole or absent.

    A part is `part-<first batch>-<last batch>.parquet`. Rows wait in memory until 50,000 are together or the receiver
    ends; those of a crash are asked for again. Only what writes and reads parts imports `pyarrow`.
    """

    def __init__(self, folder: Path, feed: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._cursor = _Cursor(folder, feed, "parquet")
        self.last: Last | None = None
        self._waiting: list[Received] = []
        self._due: list[Mapping[str, Any]] = list(self._cursor.unproved)
        self._checkpoint: bytes | None = self._cursor.seen
        parts = sorted(path for path in folder.iterdir() if _PART.fullmatch(path.name))
        if parts:
            self.last = self._read_last(parts[-1], feed)

    @staticmethod
    def _read_last(part: Path, feed: str) -> Last:
        from pyarrow import ArrowException, parquet

        try:
            metadata = parquet.read_schema(part).metadata or {}
            value = json.loads(metadata.get(b"wicketgate.last", b"null"))
        except (ArrowException, ValueError) as error:
            raise ConfigurationError(f"`{part}` cannot be read: take it away") from error
        last = _last_from(value)
        if last is None or metadata.get(b"wicketgate.feed") != feed.encode():
            raise ConfigurationError(f"`{part}` is of another feed, or not written by `receive`")
        return last

    @property
    def unproved(self) -> Sequence[Mapping[str, Any]]:
        """The headers with proofs still due."""
        last = 0 if self.last is None else self.last.batch
        return [header for header in self._due if header["batch"] <= last]

    @property
    def seen(self) -> bytes | None:
        """The last checkpoint."""
        return self._checkpoint

    def write(self, received: Sequence[Received]) -> None:
        """Take batches.

        A part is written when there are enough rows.
        """
        self._waiting.extend(received)
        if sum(len(one.batch.lines) for one in self._waiting) >= _PART_ROWS:
            self._write_part()

    def _write_part(self) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        first, final = self._waiting[0].batch, self._waiting[-1].batch
        last = last_of(final.header, final.lines[-1])
        columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        for one in self._waiting:
            for row in flat(one):
                for name, values in columns.items():
                    values.append(row.get(name))
        metadata = {
            b"wicketgate.feed": str(final.header["authority"]).partition("@")[0].encode(),
            b"wicketgate.last": json.dumps(_last_value(last)).encode(),
        }
        types: dict[str, pa.DataType] = dict.fromkeys(COLUMNS, pa.string())
        types |= {"batch": pa.int64(), "seq": pa.int64(), "corrects": pa.int64(), "late": pa.bool_()}
        types |= dict.fromkeys(("confidence", "longitude", "latitude"), pa.float64())
        table = pa.table(columns, schema=pa.schema(types)).replace_schema_metadata(metadata)
        part = self._folder / f"part-{first.number:012d}-{final.number:012d}.parquet"
        aside = self._folder / "next.new"
        with _private(aside, os.O_TRUNC) as file:
            parquet.write_table(table, file, compression="zstd")
            _sync(file)
        # A crash up to here leaves `next.new`, which the next part overwrites.
        aside.rename(part)
        _sync_folder(self._folder)
        self._waiting.clear()
        self.last = last
        self._save()

    def note(self, due: Sequence[Mapping[str, Any]], checkpoint: bytes) -> None:
        """Remember proofs due and checkpoint."""
        self._due, self._checkpoint = list(due), checkpoint
        self._save()

    def _save(self) -> None:
        if self._checkpoint is not None:
            self._cursor.save(due=self._due, checkpoint=self._checkpoint.decode())

    def close(self) -> None:
        """Write the rows not yet written."""
        if self._waiting:
            self._write_part()


def last_of(header: Mapping[str, Any], line: bytes) -> Last:
    """Return what the chain of a feed goes on from, of a batch's header and its last row.

    InputError for a header without number, commit or time.
    """
    try:
        return Last(
            batch=int(header["batch"]),
            seq=int(json.loads(line)["seq"]),
            commit=int(header["commit"]),
            released_at=str(header["released_at"]),
            released_us=parse_rfc3339(str(header["released_at"])),
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError("a batch without number, commit or time") from error


def _last_value(last: Last) -> dict[str, Any]:
    return {"batch": last.batch, "seq": last.seq, "commit": last.commit, "released_at": last.released_at}


def _last_from(value: object) -> Last | None:
    if not isinstance(value, dict):
        return None
    return last_of(value, json.dumps({"seq": value.get("seq")}).encode())


def _private(path: Path, flags: int = 0) -> BinaryIO:
    """Open a file for its owner alone: it holds plates."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600), "r+b")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
