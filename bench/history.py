"""`bench history`: reads into a history, and questions to it by its process, beside the raw engine and DuckDB.

Reads of twelve months of 5,000 cameras, handed over as the gateway does. The raw engine answers the shortest statement
that finds the same rows, in this process and without the clamps; DuckDB looks into Parquet files of four weeks, sorted
by plate and time, where it is installed.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.harness import median
from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, SystemClock, rfc3339
from wicketgate.base.errors import HistoryError
from wicketgate.base.periods import Period
from wicketgate.history.asking import Asking, page_statement
from wicketgate.history.client import HistoryClient
from wicketgate.history.engine import HistoryEngine
from wicketgate.history.messages import AskOrder, TakenReads, TakeOrder
from wicketgate.history.process import asking_of
from wicketgate.reads.columns import encode_batch, filled
from wicketgate.reads.messages import ReadsMessage, encode_reads

READS = int(os.environ.get("WICKETGATE_BENCH_READS", "2000000"))
ASKED = int(os.environ.get("WICKETGATE_BENCH_ASKED", "60"))
CAMERAS = 5_000
TRANSACTION = 1_000
ORDER = 20_000
_DAYS = 365
_KEEP = Period(months=13)
_LETTERS = np.array(list("ABCDEFGHJKLMNOPRSTUVWXY"))
_VEHICLES = [
    None,
    *(
        f'{{"make":"{make}","colour":"{colour}"}}'
        for make in ("Ford", "VW", "Kia")
        for colour in ("red", "blue")
    ),
]

Member = tuple[str, Callable[[random.Random, "Made"], AskOrder]]


class Made:
    """The reads of a benchmark: made, handed over in the order of their times, and asked about."""

    def __init__(self, reads: int, now_us: int) -> None:
        self.random = np.random.default_rng(2007)
        self.now_us, self.begin_us = now_us, now_us - _DAYS * DAY_US
        self.reads = reads
        pool = max(1_000, reads // 25)
        letters = _LETTERS[self.random.integers(0, len(_LETTERS), (pool, 5))]
        digits = self.random.integers(0, 100, pool)
        self.plates = np.array(
            [f"{a}{b}{n:02d}{c}{d}{e}" for (a, b, c, d, e), n in zip(letters, digits, strict=True)],
            dtype=object,
        )
        self.sequence = 0

    def transactions(self, count: int, from_us: int, until_us: int) -> Iterator[TakenReads]:
        """Yield reads of a span of time in transactions, the earliest first."""
        step = (until_us - from_us) / max(1, count)
        for start in range(0, count, TRANSACTION):
            n = min(TRANSACTION, count - start)
            # Half of the reads are of a tenth of the vehicles.
            often = self.random.random(n) < 0.5
            which = self.random.integers(0, np.where(often, len(self.plates) // 10, len(self.plates)))
            captured = (from_us + (start + np.arange(n)) * step).astype(np.int64)
            captured += self.random.integers(0, 2_000_000, n)
            batch = filled(
                plate=self.plates[which].tolist(),
                camera=self.random.integers(0, CAMERAS, n).astype(np.int32),
                captured_us=captured,
                received_us=captured + self.random.integers(200_000, 3_000_000, n),
                confidence=np.round(self.random.uniform(0.7, 1, n), 2),
                lane=[str(lane) for lane in self.random.integers(1, 4, n)],
                direction=['"towards"'] * n,
                vehicle=[_VEHICLES[k] for k in self.random.integers(0, len(_VEHICLES), n)],
                key=[b"k" * 32] * n,
            )
            self.sequence += 1
            yield TakenReads(self.sequence, encode_reads(ReadsMessage(rows=encode_batch(batch))))

    def orders(self, count: int, from_us: int, until_us: int, rows: int = ORDER) -> Iterator[TakeOrder]:
        """Yield the same in orders."""
        items: list[TakenReads] = []
        for item in self.transactions(count, from_us, until_us):
            items.append(item)
            if len(items) * TRANSACTION >= rows:
                yield self._order(items)
                items = []
        if items:
            yield self._order(items)

    def _order(self, items: list[TakenReads]) -> TakeOrder:
        return TakeOrder(
            first=items[0].sequence,
            last=items[-1].sequence,
            at_us=self.now_us,
            items=items,
            sources=["tfl"] * CAMERAS,
            retentions={"tfl": (_KEEP.months, _KEEP.us)},
            now_us=self.now_us,
        )

    def ask(self, question: dict[str, Any], *cameras: list[int]) -> AskOrder:
        """Return a question about all twelve months, where it says nothing else."""
        span = {"from": rfc3339(self.begin_us), "to": rfc3339(self.now_us + HOUR_US)}
        asked = question if "scenes" in question else {**span, **question}
        everything = [list(range(CAMERAS))]
        return AskOrder(
            question=asked,
            cameras=list(cameras) or everything,
            horizons_us={"tfl": self.begin_us},
            limit=10_000,
        )


def _plate(chance: random.Random, made: Made) -> str:
    return str(made.plates[chance.randrange(len(made.plates))])


def _span(chance: random.Random, made: Made, length_us: int) -> dict[str, str]:
    from_us = chance.randrange(made.begin_us, made.now_us - length_us)
    return {"from": rfc3339(from_us), "to": rfc3339(from_us + length_us)}


def _pattern(chance: random.Random, made: Made) -> AskOrder:
    plate = _plate(chance, made)
    return made.ask({"pattern": f"{plate[:3]}?{plate[4]}*"})


def _scenes(chance: random.Random, made: Made) -> AskOrder:
    day = chance.randrange(made.begin_us, made.now_us - DAY_US)
    scenes = [
        {"groups": [f"g{n}"], "from": rfc3339(at), "to": rfc3339(at + 15 * MINUTE_US)}
        for n, at in enumerate(day + chance.randrange(DAY_US - HOUR_US) for _ in range(3))
    ]
    cameras = [sorted(chance.sample(range(CAMERAS), 300)) for _ in scenes]
    return made.ask({"scenes": scenes, "at_least": 2}, *cameras)


def _cameras(count: int, length_us: int) -> Callable[[random.Random, Made], AskOrder]:
    def ask(chance: random.Random, made: Made) -> AskOrder:
        return made.ask(_span(chance, made, length_us), sorted(chance.sample(range(CAMERAS), count)))

    return ask


QUESTIONS: tuple[Member, ...] = (
    ("exact plate, 12 months", lambda chance, made: made.ask({"plate": _plate(chance, made)})),
    ("`AB1?C*`", _pattern),
    ("leading wildcard", lambda chance, made: made.ask({"pattern": f"*{_plate(chance, made)[-5:]}"})),
    ("look-alikes", lambda chance, made: made.ask({"plate": _plate(chance, made), "lookalikes": True})),
    (
        "1,000 plates",
        lambda chance, made: made.ask({"plates": [_plate(chance, made) for _ in range(1_000)]}),
    ),
    ("3 scenes of 300 cameras, 15 min", _scenes),
    ("camera and hour", _cameras(1, HOUR_US)),
    ("300 cameras, 15 min", _cameras(300, 15 * MINUTE_US)),
)


def measured(times_s: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile, in ms."""
    ordered = sorted(times_s)
    return 1e3 * statistics.median(ordered), 1e3 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


@contextmanager
def served(folder: Path, key: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """Run a history's process; yield its socket."""
    address = folder.parent / "ask"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(address))
        listening.listen(16)
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "wicketgate.history.process",
                str(folder),
                str(key),
                str(listening.fileno()),
            ],
            pass_fds=[listening.fileno()],
        )
        try:
            yield address, process
        finally:
            process.terminate()
            process.wait(60)


async def _asked(client: HistoryClient, made: Made, seed: int) -> dict[str, tuple[float, float, float]]:
    found = {}
    for name, ask in QUESTIONS:
        chance, times, rows = random.Random(seed), [], []
        for n in range(ASKED + 3):
            order = ask(chance, made)
            began = time.perf_counter()
            page = await client.page(order)
            if n >= 3:
                times.append(time.perf_counter() - began)
                rows.append(float(len(page.rows)))
        found[name] = (*measured(times), median(rows))
    return found


async def _during_ingest(client: HistoryClient, made: Made) -> tuple[float, float]:
    """Return the times of exact plates while 10,000 reads/s come in."""
    stop = asyncio.Event()

    async def ingest() -> None:
        # Made before, for to make them takes as long as to take them.
        orders = list(made.orders(300_000, made.now_us - HOUR_US, made.now_us, rows=10_000))
        begun.set()
        for order in orders:
            if stop.is_set():
                return
            due = time.perf_counter() + 1
            await client.take(order)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    begun = asyncio.Event()
    ingesting = asyncio.create_task(ingest())
    await begun.wait()
    chance, times = random.Random(5), []
    for _ in range(2 * ASKED):
        order = QUESTIONS[0][1](chance, made)
        began = time.perf_counter()
        await client.page(order)
        times.append(time.perf_counter() - began)
        await asyncio.sleep(0.05)
    stop.set()
    await ingesting
    return measured(times)


async def _through(address: Path, made: Made, work: Callable[[HistoryClient], Awaitable[Any]]) -> Any:
    async with HistoryClient(address) as client:
        for _ in range(600):
            try:
                await client.position()
                break
            except HistoryError:
                await asyncio.sleep(0.05)
        return await work(client)


async def _fill(client: HistoryClient, made: Made) -> float:
    """Hand over all reads; return how many a second, of the time that it took the history."""
    await client.begin(0)
    took = 0.0
    for order in made.orders(made.reads, made.begin_us, made.now_us - HOUR_US):
        began = time.perf_counter()
        await client.take(order)
        took += time.perf_counter() - began
    return made.reads / took


_RAW = {
    # The best that can be said in SQL, by someone who knows the parts: no clamps, no look at what is hidden.
    "clamp": "captured_us >= {from:Int64} AND captured_us < {to:Int64}",
}


def _raw(asking: Asking) -> tuple[str, dict[str, Any]]:
    """Return a question as one would ask the engine for it by hand."""
    question = asking.question
    made = page_statement(asking, hiding=False, spans=[40_320])
    if question.scenes or question.pattern or question.lookalikes:
        return made  # there is no shorter way
    values: dict[str, Any] = {"from": question.from_us, "to": question.until_us}
    where = [_RAW["clamp"]]
    if question.plates:
        where.append("plate IN {plates:Array(String)}")
        values["plates"] = list(question.plates)
    else:
        where.append("camera IN {cameras:Array(UInt32)}")
        values["cameras"] = list(asking.cameras[0])
    columns = made.sql.split(" FROM ")[0]
    return (
        f"{columns} FROM reads WHERE {' AND '.join(where)} ORDER BY captured_us, read_id LIMIT 10000",
        values,
    )


def _by_hand(engine: HistoryEngine, made: Made, seed: int) -> dict[str, tuple[float, float]]:
    client = engine._client()
    found = {}
    for name, ask in QUESTIONS:
        chance, times = random.Random(seed), []
        for n in range(ASKED + 3):
            sql, values = _raw(asking_of(ask(chance, made)))
            began = time.perf_counter()
            client.raw_query(sql, parameters=values, fmt="ArrowStream")
            if n >= 3:
                times.append(time.perf_counter() - began)
        found[name] = measured(times)
    return found


def _duckdb(engine: HistoryEngine, made: Made, folder: Path, seed: int) -> dict[str, tuple[float, float]]:
    """Return the times of DuckDB over sorted Parquet; empty where it is not installed."""
    try:
        duckdb = import_module("duckdb")
    except ImportError:
        return {}
    folder.mkdir()
    client = engine._client()
    for n, (slot,) in enumerate(client.query("SELECT DISTINCT slot FROM reads ORDER BY slot").result_rows):
        data = client.raw_query(
            "SELECT * EXCEPT (source, span, slot) FROM reads WHERE slot = {slot:UInt32} ORDER BY plate, captured_us",
            parameters={"slot": slot},
            fmt="ArrowStream",
        )
        pq.write_table(
            pa.ipc.open_stream(data).read_all(),
            folder / f"{n:03}.parquet",
            row_group_size=100_000,
            compression="zstd",
        )
    database = duckdb.connect()
    database.execute(f"CREATE VIEW reads AS SELECT * FROM read_parquet('{folder}/*.parquet')")  # noqa: S608
    database.execute("SET enable_object_cache = true")
    found = {}
    for name, ask in QUESTIONS:
        if "look" in name:
            continue
        chance, times = random.Random(seed), []
        for n in range(ASKED // 2 + 3):
            sql, values = _for_duckdb(asking_of(ask(chance, made)))
            began = time.perf_counter()
            database.execute(sql, values).to_arrow_table()
            if n >= 3:
                times.append(time.perf_counter() - began)
        found[name] = measured(times)
    return found


def _for_duckdb(asking: Asking) -> tuple[str, list[Any]]:
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


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def run() -> dict[str, Any]:
    """Return what was measured."""
    base = Path(tempfile.mkdtemp(prefix="wicketgate-bench-"))
    folder, key = base / "history", base / "disk.key"
    key.touch(mode=0o600)
    key.write_text(bytes(range(32)).hex())
    made = Made(READS, SystemClock().now_us())
    result: dict[str, Any] = {"reads": READS, "versions": {}}
    for name in ("chdb-core-lite", "clickhouse-connect", "duckdb"):
        try:
            result["versions"][name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            result["versions"][name] = None
    try:
        with served(folder, key) as (address, process):
            result["at rest, MB"] = asyncio.run(_through(address, made, _rest(process.pid)))
            result["ingest, reads/s"] = asyncio.run(
                _through(address, made, lambda client: _fill(client, made))
            )
        engine = HistoryEngine(folder, key_bytes := bytes(range(32)))
        engine.merge()
        measures = engine.measures()
        result |= {"bytes a read": measures.bytes / READS, "parts": measures.parts}
        engine.close()
        del engine
        began = time.perf_counter()
        with served(folder, key) as (address, process):
            asyncio.run(_through(address, made, lambda client: client.position()))
            result["start, s"] = time.perf_counter() - began
            result["asked"] = asyncio.run(_through(address, made, lambda client: _asked(client, made, 7)))
            result["during ingest"] = asyncio.run(
                _through(address, made, lambda client: _during_ingest(client, made))
            )
            result["after, MB"] = _resident_mb(process.pid)
        engine = HistoryEngine(folder, key_bytes)
        result["by hand"] = _by_hand(engine, made, 7)
        result["duckdb"] = _duckdb(engine, made, base / "parquet", 7)
        engine.close()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return result


def _rest(pid: int) -> Callable[[HistoryClient], Awaitable[float]]:
    async def look(client: HistoryClient) -> float:
        return _resident_mb(pid)

    return look


def main() -> None:
    """Print the result."""
    result = run()
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    print(f"{result['reads']:,} reads; {versions}")
    for name in ("at rest, MB", "ingest, reads/s", "bytes a read", "parts", "start, s", "after, MB"):
        print(f"{name:<34}{result[name]:>12,.1f}")
    print(f"{'ms, p50 / p99':<34}{'rows':>8}{'process':>18}{'by hand':>18}{'DuckDB':>18}")
    for name, (p50, p99, rows) in result["asked"].items():
        line = f"{name:<34}{rows:>8,.0f}{p50:>10,.1f} /{p99:>6,.1f}"
        for other in ("by hand", "duckdb"):
            found = result[other].get(name)
            line += f"{found[0]:>10,.1f} /{found[1]:>6,.1f}" if found else f"{'-':>18}"
        print(line)
    p50, p99 = result["during ingest"]
    print(f"{'exact plate, at 10,000 reads/s':<42}{p50:>10,.1f} /{p99:>6,.1f}")


if __name__ == "__main__":
    main()
