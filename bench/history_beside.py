"""What `bench history` compares with: DuckDB over sorted Parquet, and PostgreSQL as Debian ships it.

Each is left out where it is not installed. Both answer the very questions that the history was asked.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from wicketgate.history.asking import ClampedQuestion
from wicketgate.history.engine import HistoryEngine
from wicketgate.history.questions import skeleton_of

POSTGRES_READS = 20_000_000
"""More are not put into PostgreSQL: the issue compares with so many."""
_ALIKE = ("ODQIZSGB", "00012568")
"""Characters, and the first of their class: what PostgreSQL indexes a plate's skeleton by."""
_TIME = re.compile(r"^Time: ([0-9.]+) ms", re.MULTILINE)

Asks = Callable[[random.Random], ClampedQuestion]


def measured(times_s: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile, in ms."""
    ordered = sorted(times_s)
    return 1e3 * statistics.median(ordered), 1e3 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def _slots(engine: HistoryEngine) -> Iterator[pa.Table]:
    """Yield the reads of each part, in the order of plates."""
    client = engine._client()
    for (slot,) in client.query("SELECT DISTINCT slot FROM reads ORDER BY slot").result_rows:
        data = client.raw_query(
            "SELECT * EXCEPT (source, span, slot) FROM reads WHERE slot = {slot:UInt32} ORDER BY plate, captured_us",
            parameters={"slot": slot},
            fmt="ArrowStream",
        )
        yield pa.ipc.open_stream(data).read_all()


# --- DuckDB -------------------------------------------------------------------------------------------------------


def of_duckdb(
    engine: HistoryEngine, folder: Path, questions: Iterable[tuple[str, Asks]], seed: int, asked: int
) -> dict[str, tuple[float, ...]]:
    """Return of each question the times of DuckDB over Parquet sorted by plate and time, and its CPU, in ms."""
    try:
        duckdb = import_module("duckdb")
    except ImportError:
        return {}
    folder.mkdir()
    for n, table in enumerate(_slots(engine)):
        pq.write_table(table, folder / f"{n:03}.parquet", row_group_size=100_000, compression="zstd")
    database = duckdb.connect()
    database.execute(f"CREATE VIEW reads AS SELECT * FROM read_parquet('{folder}/*.parquet')")  # noqa: S608
    database.execute("SET enable_object_cache = true")
    found: dict[str, tuple[float, ...]] = {}
    for name, ask in questions:
        if "look" in name:
            continue
        chance, times, used = random.Random(seed), [], time.process_time()
        for n in range(asked + 3):
            sql, values = _for_duckdb(ask(chance))
            began = time.perf_counter()
            database.execute(sql, values).fetchall()
            if n >= 3:
                times.append(time.perf_counter() - began)
        found[name] = (*measured(times), 1e3 * (time.process_time() - used) / (asked + 3))
    return found


def _for_duckdb(asking: ClampedQuestion) -> tuple[str, list[Any]]:
    question = asking.question
    head, tail = "SELECT * FROM reads WHERE ", " ORDER BY captured_us, read_id LIMIT 10000"
    seen = "(camera IN (SELECT unnest(?::INTEGER[])) AND captured_us >= ? AND captured_us < ?)"
    if question.scenes:
        each, values = [], []
        for n, (scene, cameras) in enumerate(zip(question.scenes, asking.cameras, strict=True)):
            each.append(f"SELECT DISTINCT plate, {n} AS scene FROM reads WHERE {seen}")  # noqa: S608
            values += [list(cameras), scene.from_us, scene.until_us]
        within = f"SELECT plate FROM ({' UNION ALL '.join(each)}) GROUP BY plate HAVING count(*) >= 2"  # noqa: S608
        scenes = " OR ".join([seen] * len(each))
        return f"{head}({scenes}) AND plate IN ({within}){tail}", values + values
    span = [question.from_us, question.until_us]
    if question.pattern:
        like = question.pattern.replace("?", "_").replace("*", "%")
        return f"{head}plate LIKE ? AND captured_us >= ? AND captured_us < ?{tail}", [like, *span]
    if len(question.plates) == 1:
        return f"{head}plate = ? AND captured_us >= ? AND captured_us < ?{tail}", [question.plates[0], *span]
    if question.plates:
        some = "plate IN (SELECT unnest(?::VARCHAR[])) AND captured_us >= ? AND captured_us < ?"
        return f"{head}{some}{tail}", [list(question.plates), *span]
    return f"{head}{seen}{tail}", [list(asking.cameras[0]), *span]


# --- PostgreSQL ---------------------------------------------------------------------------------------------------

_TABLE = """CREATE EXTENSION pg_trgm;
CREATE TABLE reads (read_id bigint, plate text, captured_us bigint, waited_s int, camera int, confidence float8,
    lane text, direction text, vehicle text, make text, colour text, kind text, patch text, overview text,
    marks text);"""
_INDEXES = f"""CREATE INDEX ON reads (plate text_pattern_ops, captured_us);
CREATE INDEX ON reads (camera, captured_us);
CREATE INDEX ON reads USING gin (plate gin_trgm_ops);
CREATE INDEX ON reads (translate(plate, '{_ALIKE[0]}', '{_ALIKE[1]}'), captured_us);
VACUUM ANALYZE reads;"""


def of_postgres(
    engine: HistoryEngine, folder: Path, questions: Iterable[tuple[str, Asks]], seed: int, asked: int
) -> tuple[dict[str, tuple[float, ...]], float]:
    """Return of each question the times of PostgreSQL, in ms, as its client says them, and the bytes a read.

    Its table has the indexes that a careful administrator would give it. Empty where it is not installed.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or shutil.which("setpriv") is None:
        return {}, 0.0
    with _served(programs[-1], folder) as psql:
        psql(_TABLE)
        reads = 0
        for table in _slots(engine):
            part = table.slice(0, POSTGRES_READS - reads)
            csv.write_csv(part, folder / "part.csv", csv.WriteOptions(include_header=False))
            psql(f"\\copy reads FROM '{folder}/part.csv' WITH (FORMAT csv)")
            reads += part.num_rows
        (folder / "part.csv").unlink(missing_ok=True)
        psql(_INDEXES)
        size = float(psql("\\t on\nSELECT pg_total_relation_size('reads');").split()[-1])
        found: dict[str, tuple[float, ...]] = {}
        for name, ask in questions:
            chance = random.Random(seed)
            script = "\n".join(_for_postgres(ask(chance)) for _ in range(asked + 3))
            said = psql(f"\\timing on\n\\o /dev/null\n{script}")
            found[name] = measured([float(ms) / 1e3 for ms in _TIME.findall(said)][3:])
        return found, size / max(1, reads)


@contextmanager
def _served(programs: Path, folder: Path) -> Iterator[Callable[[str], str]]:
    """Run a server of its own on a socket; yield what runs a script in it and returns what its client prints."""
    folder.mkdir(mode=0o700)
    shutil.chown(folder, "postgres", "postgres")
    # It refuses root; and the folders above are not everybody's.
    as_its_own = (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    )
    at = str(folder / "data")

    def run(*command: str, text: str = "") -> str:
        done = subprocess.run([*as_its_own, *command], input=text, capture_output=True, text=True, cwd="/")
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr[-500:]}")
        return done.stdout

    run(str(programs / "initdb"), "-D", at, "-A", "trust", "--no-locale", "-E", "UTF8")
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c shared_buffers=1GB -c jit=off"
    run(str(programs / "pg_ctl"), "-D", at, "-w", "-l", f"{folder}/log", "-o", options, "start")
    try:
        yield lambda text: run(
            "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(folder), "postgres", text=text
        )
    finally:
        run(str(programs / "pg_ctl"), "-D", at, "-w", "-m", "fast", "stop")


def _for_postgres(asking: ClampedQuestion) -> str:
    """Return a question as a statement; what a benchmark asks holds letters and digits alone."""
    question = asking.question
    head, tail = "SELECT * FROM reads WHERE ", " ORDER BY captured_us, read_id LIMIT 10000;"

    def seen(cameras: Sequence[int], from_us: int, until_us: int) -> str:
        listed = ",".join(map(str, cameras))
        return (
            f"(camera = ANY('{{{listed}}}'::int[]) AND captured_us >= {from_us} AND captured_us < {until_us})"
        )

    if question.scenes:
        scenes = [
            seen(cameras, scene.from_us, scene.until_us)
            for scene, cameras in zip(question.scenes, asking.cameras, strict=True)
        ]
        each = " UNION ALL ".join(
            f"SELECT DISTINCT plate, {n} AS scene FROM reads WHERE {one}"  # noqa: S608
            for n, one in enumerate(scenes)
        )
        within = f"SELECT plate FROM ({each}) AS found GROUP BY plate HAVING count(*) >= {question.at_least}"  # noqa: S608
        return f"{head}({' OR '.join(scenes)}) AND plate IN ({within}){tail}"
    span = f" AND captured_us >= {question.from_us} AND captured_us < {question.until_us}"
    if question.pattern:
        like = question.pattern.replace("?", "_").replace("*", "%")
        return f"{head}plate LIKE '{like}'{span}{tail}"
    if question.plates:
        listed = ",".join(
            sorted({skeleton_of(one) if question.lookalikes else one for one in question.plates})
        )
        of = f"translate(plate, '{_ALIKE[0]}', '{_ALIKE[1]}')" if question.lookalikes else "plate"
        return f"{head}{of} = ANY('{{{listed}}}'::text[]){span}{tail}"
    return f"{head}{seen(asking.cameras[0], question.from_us, question.until_us)}{tail}"
