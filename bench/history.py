"""`bench history`: reads into a history, and questions to it by its process, beside the raw engine and others.

Reads of twelve months of 5,000 cameras, handed over as the gateway does. The raw engine answers the shortest statement
that finds the same rows, in this process and without the clamps; DuckDB looks into Parquet files of four weeks, sorted
by plate and time; PostgreSQL has the indexes that a careful administrator would give it. A month of late reads, in any
order, goes into a history of its own. `WICKETGATE_BENCH_READS` says how many reads (2 M), `WICKETGATE_BENCH_ASKED` how
often each is asked (60), `WICKETGATE_BENCH_LATE` how many late ones there are (as many, 3 M at most; 0: none).
`WICKETGATE_BENCH_FOLDER` names a folder that is kept: the reads are put there once, and each later run asks about them.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.harness import median
from bench.history_beside import measured, of_duckdb, of_postgres
from bench.history_where import of_messages, of_steps
from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, SystemClock, rfc3339
from wicketgate.base.errors import HistoryError
from wicketgate.base.periods import Period
from wicketgate.history.asking import ClampedQuestion, KeptPart, page_statement
from wicketgate.history.client import HistoryClient
from wicketgate.history.engine import HistoryEngine
from wicketgate.history.messages import AskOrder, TakenReads, TakeOrder
from wicketgate.history.process import GIVES_WAY, asking_of
from wicketgate.reads.columns import encode_batch, filled
from wicketgate.reads.messages import ReadsMessage, encode_reads

READS = int(os.environ.get("WICKETGATE_BENCH_READS", "2000000"))
ASKED = int(os.environ.get("WICKETGATE_BENCH_ASKED", "60"))
LATE = int(os.environ.get("WICKETGATE_BENCH_LATE", str(min(READS, 3_000_000))))
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

BESIDE = ("by hand", "duckdb", "postgres")
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


def _cpu_s(pid: int) -> float:
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


async def _asked(client: HistoryClient, made: Made, seed: int, pid: int) -> dict[str, tuple[float, ...]]:
    """Return of each question its times, the CPU that it took the process, in ms, and its rows."""
    found: dict[str, tuple[float, ...]] = {}
    for name, ask in QUESTIONS:
        chance, times, rows, used = random.Random(seed), [], [], 0.0
        for n in range(ASKED + 3):
            used = _cpu_s(pid) if n == 3 else used
            order = ask(chance, made)
            began = time.perf_counter()
            page = await client.page(order)
            if n >= 3:
                times.append(time.perf_counter() - began)
                rows.append(float(len(page.rows)))
        found[name] = (*measured(times), 1e3 * (_cpu_s(pid) - used) / ASKED, median(rows))
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


def _raw(asking: ClampedQuestion, parts: Collection[KeptPart]) -> tuple[str, dict[str, Any]]:
    """Return a question as one would ask the engine for it by hand."""
    question = asking.question
    made = page_statement(asking, hiding=False, parts=parts)
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


def _by_hand(engine: HistoryEngine, made: Made, seed: int) -> dict[str, tuple[float, ...]]:
    client = engine._client()
    found: dict[str, tuple[float, ...]] = {}
    for name, ask in QUESTIONS:
        chance, times, used = random.Random(seed), [], 0.0
        for n in range(ASKED + 3):
            used = time.process_time() if n == 3 else used
            sql, values = _raw(asking_of(ask(chance, made)), engine._parts)
            began = time.perf_counter()
            client.raw_query(sql, parameters=values, fmt="ArrowStream")
            if n >= 3:
                times.append(time.perf_counter() - began)
        found[name] = (*measured(times), 1e3 * (time.process_time() - used) / ASKED)
    return found


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def run() -> dict[str, Any]:
    """Return what was measured."""
    kept = os.environ.get("WICKETGATE_BENCH_FOLDER")
    base = Path(kept or tempfile.mkdtemp(prefix="wicketgate-bench-"))
    base.mkdir(exist_ok=True)
    result: dict[str, Any] = {"reads": READS, "versions": {}}
    for name in ("chdb-core-lite", "clickhouse-connect", "duckdb"):
        try:
            result["versions"][name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            result["versions"][name] = None
    try:
        made, key = _made(base)
        result |= late(base, key) if LATE else {}
        result |= _filled(base, key, made)
        began = time.perf_counter()
        with served(base / "history", key) as (address, process):
            asyncio.run(_through(address, made, lambda client: client.position()))
            result["start, s"] = time.perf_counter() - began
            result |= asyncio.run(_through(address, made, lambda client: _asks(client, made, process.pid)))
            result["after, MB"] = _resident_mb(process.pid)
        # As the history's process does: beside other work, whoever does not give way would be the faster by that alone.
        os.nice(GIVES_WAY)
        engine = HistoryEngine(base / "history", bytes(range(32)))
        result["where"] |= of_steps(engine, _plates(made))
        result["by hand"] = _by_hand(engine, made, 7)
        questions = [(name, lambda chance, ask=ask: asking_of(ask(chance, made))) for name, ask in QUESTIONS]
        result["duckdb"] = of_duckdb(engine, base / "parquet", questions, 7, ASKED // 2)
        base.chmod(0o711)
        result["postgres"], size = of_postgres(engine, base / "postgres", questions, 7, ASKED // 2)
        result["bytes a read, PostgreSQL"] = size
        engine.close()
    finally:
        for name in ("late", "parquet", "postgres") if kept else (".",):
            shutil.rmtree(base / name, ignore_errors=True)
    return result


def _made(base: Path) -> tuple[Made, Path]:
    """Return the reads of a folder, and the key of its histories."""
    key, now = base / "disk.key", base / "now_us"
    if not now.exists():
        now.write_text(str(SystemClock().now_us()))
        key.touch(mode=0o600)
        key.write_text(bytes(range(32)).hex())
    return Made(READS, int(now.read_text())), key


def _filled(base: Path, key: Path, made: Made) -> dict[str, float]:
    """Fill the history of a folder, where it is not filled; return what that took, and what it takes on the disk."""
    result = {}
    if not (base / "filled").exists():
        with served(base / "history", key) as (address, process):
            result["at rest, MB"] = asyncio.run(_through(address, made, _rest(process.pid)))
            result["ingest, reads/s"] = asyncio.run(
                _through(address, made, lambda client: _fill(client, made))
            )
    engine = HistoryEngine(base / "history", bytes(range(32)))
    if not (base / "filled").exists():
        engine.merge()
        (base / "filled").touch()
    assert engine.position is not None
    made.sequence, measures = engine.position.done, engine.measures()
    engine.close()
    return result | {"bytes a read": measures.bytes / measures.reads, "parts": measures.parts}


def _plates(made: Made) -> list[AskOrder]:
    chance = random.Random(7)
    return [QUESTIONS[0][1](chance, made) for _ in range(ASKED)]


async def _asks(client: HistoryClient, made: Made, pid: int) -> dict[str, Any]:
    return {
        "where": await of_messages(client, _plates(made)),
        "asked": await _asked(client, made, 7, pid),
        "during ingest": await _during_ingest(client, made),
    }


def late(base: Path, key: Path) -> dict[str, float]:
    """Return what a month of late reads costs, handed over in any order of their times."""
    made = Made(LATE, SystemClock().now_us())
    orders = list(made.orders(LATE, made.now_us - 31 * DAY_US, made.now_us))
    # Each order holds reads of the whole month.
    items = [item for order in orders for item in order.items]
    random.Random(31).shuffle(items)
    size, took = ORDER // TRANSACTION, 0.0
    keep = {"tfl": (0, 28 * DAY_US)}

    async def fill(client: HistoryClient) -> tuple[float, Any, float]:
        nonlocal took
        await client.begin(0)
        largest = 0.0
        for n in range(0, len(items), size):
            some = [TakenReads(n + 1 + at, item.taken) for at, item in enumerate(items[n : n + size])]
            order = msgspec.structs.replace(
                orders[0], first=n + 1, last=n + len(some), items=some, retentions=keep
            )
            began = time.perf_counter()
            await client.take(order)
            took += time.perf_counter() - began
            largest = max(largest, _resident_mb(process.pid))
        return LATE / took, await client.measures(), largest

    folder = base / "late"
    with served(folder, key) as (address, process):
        rate, measures, largest = asyncio.run(_through(address, made, fill))
    return {"late reads/s": rate, "late parts": measures.parts, "late, most MB": largest}


def _rest(pid: int) -> Callable[[HistoryClient], Awaitable[float]]:
    async def look(client: HistoryClient) -> float:
        return _resident_mb(pid)

    return look


def main() -> None:
    """Print the result."""
    result = run()
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    print(f"{result['reads']:,} reads; {versions}")
    for name in result:
        if isinstance(result[name], int | float):
            print(f"{name:<34}{result[name]:>12,.1f}")
    print(f"{'ms, p50 / p99 (CPU)':<32}{'rows':>8}", *(f"{one:>25}" for one in ("process", *BESIDE)))
    for name, (*times, rows) in result["asked"].items():
        line = f"{name:<32}{rows:>8,.0f}"
        for found in (times, *(result[one].get(name) for one in BESIDE)):
            said = f"{found[0]:,.1f} / {found[1]:,.1f}" if found else "-"
            line += f"{said + (f' ({found[2]:,.1f})' if found and len(found) > 2 else ''):>26}"
        print(line)
    print("an exact plate, step by step; ms, p50, and CPU")
    for name, (wall, cpu) in result["where"].items():
        print(f"  {name:<40}{wall:>10,.2f}{cpu:>10,.2f}")
    p50, p99 = result["during ingest"]
    print(f"{'exact plate, at 10,000 reads/s':<42}{p50:>10,.1f} /{p99:>6,.1f}")


if __name__ == "__main__":
    main()
