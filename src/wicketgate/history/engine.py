"""The engine of a history: ClickHouse, embedded, in the one process that owns its folder.

It is reached through its client alone, one client a thread: a raw connection shared by threads has answered one
question with another's rows (docs/decisions/0042-history.md).
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import clickhouse_connect
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from wicketgate.base.clock import MINUTE_US
from wicketgate.base.errors import ConfigurationError, HistoryError, InputError
from wicketgate.base.parts import private_folder
from wicketgate.history import schema
from wicketgate.history.asking import (
    BOUNDS,
    MAX_PAGE,
    TEXTS,
    ClampedQuestion,
    KeptPart,
    Statement,
    count_statement,
    in_turn,
    page_statement,
)
from wicketgate.history.messages import DueReads, HistoryGap, HistoryMeasures, HistoryPosition
from wicketgate.history.position import FORM, read_position, write_position
from wicketgate.history.rows import HistoryRows
from wicketgate.history.terms import AHEAD_US, lead_us

_EVER_US: Final = 1 << 61
_PARTITION: Final = re.compile(r"[0-9a-f_A-Z-]{1,64}")


class HistoryCount(NamedTuple):
    """How many vehicles a question means, and how many reads of them."""

    vehicles: int
    reads: int


class _DuePart(NamedTuple):
    """What of a partition must go: all of it, or what was captured before a time."""

    table: str
    partition: str
    before_us: int
    is_whole: bool


class HistoryEngine:
    """The tables of one history.

    Its methods may be called from any thread; what changes the tables goes one by one.

    Parameters
    ----------
    folder : Path
        Private, and this process's alone.
    key : bytes
        Of its disk, `schema.KEY_BYTES` long.

    Raises
    ------
    ConfigurationError
        If another process has the folder, or the key is another one's.
    """

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder = folder.resolve()
        self._here = threading.local()
        self._writing = threading.RLock()
        self._trimmed: dict[str, int] = {}
        self._position = read_position(folder)
        temporary = self._folder / "tmp"
        # What is being inserted passes through a file there, in the clear: a kill may have left one.
        shutil.rmtree(temporary, ignore_errors=True)
        for one in (temporary, self._folder / "disk"):
            private_folder(one)
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
        os.environ[schema.KEY_VARIABLE] = key.hex()
        settings = self._folder / "engine.xml"
        settings.write_text(schema.configuration(str(self._folder / "disk"), str(temporary)))
        try:
            self._make_tables()
            self._hiding = self._number("SELECT count() FROM hidden") > 0
            self._has_later = self._number("SELECT count() FROM later") > 0
            self._parts = self._kept_parts()
            self._gaps = self._kept_gaps()
            self._without_ends = self._plates_without_ends()
        except ClickHouseError as error:
            raise ConfigurationError(
                f"`{folder.name}/` cannot be opened: another process has it, or its key is not that of "
                "`history-keys/`; restore both as they were at one time, or remove both to begin a new history"
            ) from error
        finally:
            os.environ.pop(schema.KEY_VARIABLE, None)

    @property
    def position(self) -> HistoryPosition | None:
        """How far it has come; None where it has not begun."""
        return self._position

    def close(self) -> None:
        """Close the client of this thread."""
        client = self._here.__dict__.pop("client", None)
        if client is not None:
            client.close()

    # --- what it takes ----------------------------------------------------------------------------------------

    def begin(self, done: int) -> None:
        """Begin a history behind a transaction. It must not have begun."""
        with self._writing:
            if self._position is not None:
                raise InputError("this history has begun already")
            self._move(done, done, 0)

    def take(self, first: int, last: int, rows: HistoryRows, at_us: int = 0) -> None:
        """Keep the reads of transactions `first` to `last`. Durable on return, and there once.

        `at_us` is the time of the last of them.

        Raises
        ------
        InputError
            If they do not follow on what it has, or are not those that a kill may have left in part.
        HistoryError
            If the engine fails: the same may be handed over again.
        """
        with self._writing:
            position = self._position
            if position is None or first != position.done + 1 or last < first:
                raise InputError("these transactions do not follow on what the history has")
            if position.until > position.done and last != position.until:
                raise InputError("after a kill the same transactions are taken again, together")
            # A crash from here on leaves none, some or all of the parts: the next life hands over the same again.
            if rows.reads.num_rows or rows.later.num_rows:
                self._move(position.done, last, position.at_us)
            token = f"{first}-{last}"
            # First what helps to find reads: without a read it is found by nobody.
            for name, table in (("plates", rows.plates), ("later", rows.later), ("reads", rows.reads)):
                self._insert(name, table, token)
            self._has_later |= rows.later.num_rows > 0
            if not _parted(rows.reads) <= {one[1:] for one in self._parts}:
                self._parts = self._kept_parts()
            self._move(last, last, at_us)

    def miss(self, gap: HistoryGap) -> None:
        """Note that some transactions are not had. They follow on those that are, or are of those."""
        with self._writing:
            position = self._position
            if position is None or not 1 <= gap.first <= position.done + 1 or gap.last < gap.first:
                raise InputError("this gap does not follow on what the history has")
            self._insert(
                "gaps", pa.table({name: [getattr(gap, name)] for name in HistoryGap.__struct_fields__}), None
            )
            # Of two that begin alike the later counts. A new mapping: whoever asks meanwhile has the one before.
            self._gaps = dict(sorted((self._gaps | {gap.first: gap}).items()))
            if gap.last > position.done:
                self._move(gap.last, gap.last, position.at_us)

    def hide(self, read_ids: Collection[int]) -> None:
        """Show some reads to nobody from now on. Durable on return; `purge` takes them out."""
        with self._writing:
            self._insert("hidden", pa.table({"read_id": pa.array(sorted(read_ids), pa.uint64())}), None)
            self._hiding |= bool(read_ids)

    def purge(self) -> None:
        """Take hidden reads out of the tables. It rewrites the parts that hold any."""
        with self._writing:
            if not self._hiding:
                return
            hidden = "read_id IN (SELECT read_id FROM hidden)"
            for (partition,) in self._rows(f"SELECT DISTINCT _partition_id FROM reads WHERE {hidden}"):
                self._delete("reads", partition, hidden)
                self._tidy(partition)
            for (partition,) in self._rows(f"SELECT DISTINCT _partition_id FROM later WHERE {hidden}"):
                self._delete("later", partition, hidden)

    def due_terms(self, horizons_us: Mapping[str, int]) -> list[DueReads]:
        """Return of each source how many reads `end_terms` would let go of, and of which captures."""
        with self._writing:
            due = {one.partition: one.before_us for one in self._due(horizons_us) if one.table == "reads"}
            if not due:
                return []
            within = "_partition_id = {id:String} AND captured_us < {before:Int64}"
            found: dict[str, DueReads] = {}
            for partition, before_us in due.items():
                statement = (
                    f"SELECT source, count(), min(captured_us), max(captured_us) FROM reads WHERE {within}"
                )
                for source, reads, first_us, last_us in self._rows(
                    f"{statement} GROUP BY source", {"id": partition, "before": min(before_us, _EVER_US)}
                ):
                    one = DueReads(str(source), int(reads), int(first_us), int(last_us) + 1)
                    found[one.source] = one.joined(found.get(one.source))
            return [found[source] for source in sorted(found)]

    def end_terms(self, horizons_us: Mapping[str, int]) -> int:
        """Let go of what is past its term, or will be before the next looks; return how many parts went whole.

        A part of which all is past its term goes. Another is written anew without what is, and a little more
        (`lead_us`): so it need not be at each look, and no read outlives its term on the disk.
        """
        gone = 0
        with self._writing:
            for one in self._due(horizons_us):
                if one.is_whole:
                    self._command(f"ALTER TABLE {one.table} DROP PARTITION ID '{one.partition}'")
                    gone += one.table == "reads"
                else:
                    self._delete("reads", one.partition, f"captured_us < {one.before_us:d}")
                    self._tidy(one.partition)
                    self._trimmed[one.partition] = one.before_us
            if gone:
                self._parts = self._kept_parts()
            self._order_ends()
        return gone

    def _due(self, horizons_us: Mapping[str, int]) -> list[_DuePart]:
        """Return what of which partition must go now."""
        found: list[_DuePart] = []
        for table, partition, source, span, slot in self._partitions():
            horizon, begins_us, ends_us = horizons_us.get(source), slot * MINUTE_US, (slot + span) * MINUTE_US
            if horizon is None:
                found.append(_DuePart(table, partition, _EVER_US, is_whole=True))
                continue
            before_us, soon_us = horizon + lead_us(span), horizon + AHEAD_US
            if ends_us <= before_us and begins_us < soon_us:
                found.append(_DuePart(table, partition, before_us, is_whole=True))
            elif table == "reads" and max(begins_us, self._trimmed.get(partition, 0)) < soon_us:
                found.append(_DuePart(table, partition, before_us, is_whole=False))
        return found

    # --- what it answers --------------------------------------------------------------------------------------

    def page(self, asking: ClampedQuestion) -> pa.Table:
        """Return the rows of a question behind its cursor, in the order of their times."""
        pages, wanted = list[pa.Table](), max(1, min(MAX_PAGE, asking.limit))
        parts = self._parts
        for turn in in_turn(asking, parts):
            pages.append(self._table(page_statement(turn, hiding=self._hiding, parts=parts)))
            if sum(page.num_rows for page in pages) >= wanted:
                break
        found = pa.concat_tables(pages).slice(0, wanted)
        for at, field in enumerate(found.schema):
            if field.name in TEXTS:  # empty is what was not said
                said = found.column(at)
                found = found.set_column(at, field, pc.if_else(pc.equal(said, pa.scalar("")), None, said))
        return self._with_later(found) if self._has_later and found.num_rows else found

    def count(self, asking: ClampedQuestion) -> HistoryCount:
        """Return how many vehicles a question means, exactly, and how many reads of them."""
        found = self._rows(*count_statement(asking, hiding=self._hiding, parts=self._parts))
        return HistoryCount(*map(int, found[0]))

    def gaps(self, from_us: int, until_us: int) -> list[HistoryGap]:
        """Return what the history lacks of a time of capture."""
        return [gap for gap in self._gaps.values() if gap.from_us < until_us and gap.until_us >= from_us]

    def measures(self) -> HistoryMeasures:
        """Return how much it holds."""
        rows = self._rows(
            "SELECT sumIf(rows, table = 'reads'), countIf(table = 'reads'), sum(bytes_on_disk) FROM system.parts "
            "WHERE active AND database = currentDatabase()"
        )
        reads, parts, size = map(int, rows[0])
        return HistoryMeasures(reads=reads, parts=parts, bytes=size)

    def merge(self) -> None:
        """Merge each partition into one part. It takes its time: for tests and benchmarks."""
        with self._writing:
            for table in schema.PARTED_TABLES:
                self._command(f"OPTIMIZE TABLE {table} FINAL")

    def _make_tables(self) -> None:
        """Make the tables of this version: new ones, or out of those of an earlier form."""
        position, client = self._position, self._client()
        if (
            position is None
        ):  # a crash before the first position leaves tables of nobody knows which form, empty
            for name in schema.TABLES:
                client.command(f"DROP TABLE IF EXISTS {name}")
        for table in schema.TABLES.values():
            client.command(table, settings=schema.SETTINGS)
        if position is None or position.form == FORM:
            return
        for form in range(position.form + 1, FORM + 1):
            for change in schema.CHANGES[form]:
                client.command(change, settings=schema.SETTINGS)
        self._position = msgspec.structs.replace(position, form=FORM)
        write_position(self._folder, self._position)

    def _plates_without_ends(self) -> list[str]:
        """Return the partitions of plates in which anything has no order of ends: what was kept before form 4."""
        of_plates = "active AND database = currentDatabase() AND table = 'plates'"
        ordered = (
            f"SELECT parent_name FROM system.projection_parts WHERE {of_plates} AND name = '{schema.BY_END}'"
        )
        found = self._rows(
            f"SELECT DISTINCT partition_id FROM system.parts WHERE {of_plates} AND name NOT IN ({ordered}) "
            "ORDER BY partition_id"
        )
        return [_checked(partition) for (partition,) in found]

    def _order_ends(self) -> None:
        """Make the order of ends of one partition that has none; a start would wait too long for all of them.

        Until then a pattern has its plates read whole, as before. A crash here leaves it to the next life.
        """
        if self._without_ends:
            partition = self._without_ends.pop()
            self._command(
                f"ALTER TABLE plates MATERIALIZE PROJECTION {schema.BY_END} IN PARTITION ID '{partition}'"
            )

    def _kept_gaps(self) -> dict[int, HistoryGap]:
        """Return what it lacks, by the first transaction: a statement for each question costs a tenth of it."""
        names = HistoryGap.__struct_fields__
        found = self._rows(f"SELECT {', '.join(names)} FROM gaps FINAL ORDER BY first")
        return {gap.first: gap for gap in (HistoryGap(**dict(zip(names, row, strict=True))) for row in found)}

    # --- the engine -------------------------------------------------------------------------------------------

    def _client(self) -> Client:
        client: Client | None = getattr(self._here, "client", None)
        if client is None:
            client = self._here.client = clickhouse_connect.get_client(
                interface="chdb",
                path=str(self._folder / "engine"),
                chdb_options={"config-file": str(self._folder / "engine.xml")},
            )
        return client

    def _insert(self, table: str, rows: pa.Table, token: str | None) -> None:
        if not rows.num_rows:
            return
        settings: dict[str, Any] = {"async_insert": 0, "max_partitions_per_insert_block": 0}
        if token is not None:
            settings["insert_deduplication_token"] = token
        try:
            self._client().insert_arrow(table, rows, settings=settings)
        except ClickHouseError as error:
            raise _failed("an insert", error) from error

    def _move(self, done: int, until: int, at_us: int) -> None:
        position = HistoryPosition(done=done, until=until, at_us=at_us)
        write_position(self._folder, position)
        self._position = position

    def _table(self, statement: Statement) -> pa.Table:
        try:
            data = self._client().raw_query(statement.sql, parameters=statement.parameters, fmt="ArrowStream")
        except ClickHouseError as error:
            raise _failed("a question", error) from error
        return pa.ipc.open_stream(data).read_all()

    def _rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Sequence[Sequence[Any]]:
        try:
            bounds = "" if BOUNDS in sql else BOUNDS
            return self._client().query(sql + bounds, parameters=dict(parameters or {})).result_rows
        except ClickHouseError as error:
            raise _failed("a question", error) from error

    def _number(self, sql: str) -> int:
        return int(self._client().query(sql).result_rows[0][0])

    def _command(self, sql: str) -> None:
        try:
            self._client().command(sql, settings={"mutations_sync": 2, "allow_nondeterministic_mutations": 1})
        except ClickHouseError as error:
            raise _failed("a change", error) from error

    def _delete(self, table: str, partition: str, where: str) -> None:
        self._command(f"ALTER TABLE {table} DELETE IN PARTITION ID '{_checked(partition)}' WHERE {where}")

    def _tidy(self, partition: str) -> None:
        """Take out of a partition what stands beside reads that are no longer in it."""
        within = f"FROM reads WHERE _partition_id = '{_checked(partition)}'"
        self._delete("plates", partition, f"plate NOT IN (SELECT plate {within})")
        self._delete("later", partition, f"read_id NOT IN (SELECT read_id {within})")

    def _kept_parts(self) -> tuple[KeptPart, ...]:
        """Return the parts of the reads. What one that is not among them holds is answered to nobody yet."""
        return tuple(
            KeptPart(name, source, span, slot)
            for table, name, source, span, slot in self._partitions()
            if table == "reads"
        )

    def _partitions(self) -> list[tuple[str, str, str, int, int]]:
        """Return each partition: its table, its id, and its source, span and slot."""
        found = self._rows(
            "SELECT DISTINCT table, partition_id, partition FROM system.parts WHERE active "
            "AND database = currentDatabase() AND table IN {tables:Array(String)} ORDER BY table, partition_id",
            {"tables": list(schema.PARTED_TABLES)},
        )
        return [(table, _checked(partition), *_values(values)) for table, partition, values in found]

    def _with_later(self, page: pa.Table) -> pa.Table:
        """Return a page with the images that followed its reads."""
        found = self._rows(
            "SELECT read_id, max(patch), max(overview) FROM later "
            "WHERE read_id IN {ids:Array(UInt64)} GROUP BY read_id",
            {"ids": page.column("read_id").to_pylist()},
        )
        if not found:
            return page
        row = {int(number): n for n, number in enumerate(np.asarray(page.column("read_id")).tolist())}
        for name, which in (("patch", 1), ("overview", 2)):
            values = page.column(name).to_pylist()
            for one in found:
                if one[which]:
                    values[row[int(one[0])]] = one[which]
            at = page.schema.get_field_index(name)
            page = page.set_column(at, page.schema.field(at), pa.array(values, page.schema.field(at).type))
        return page


def _parted(reads: pa.Table) -> set[tuple[str, int, int]]:
    """Return the source, span and slot of each part of which there are reads."""
    names = list(KeptPart._fields[1:])
    each = reads.group_by(names, use_threads=False).aggregate([])
    return set(zip(*(each.column(name).to_pylist() for name in names), strict=True))


def _values(partition: str) -> tuple[str, int, int]:
    source, span, slot = ast.literal_eval(partition)
    return str(source), int(span), int(slot)


def _checked(partition: str) -> str:
    if _PARTITION.fullmatch(partition) is None:
        raise HistoryError("the engine names a partition in a way that is not known")
    return partition


_CODE: Final = re.compile(r"Code: (\d{1,5})")


def _failed(what: str, error: ClickHouseError) -> HistoryError:
    """Return an error without the engine's words: they may hold what was asked."""
    code = _CODE.search(str(error))
    return HistoryError(
        f"{what} failed in the history's engine, with its code {code[1] if code else 'unknown'}"
    )
