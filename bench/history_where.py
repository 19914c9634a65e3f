"""Where the time of an exact plate goes: messages, the statement, its plan, the parts that are read, and the rows.

Each step holds the one before it, but for the messages: what lies between two lines is what the later one adds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from bench.harness import median
from wicketgate.history.asking import page_statement
from wicketgate.history.client import HistoryClient
from wicketgate.history.engine import HistoryEngine
from wicketgate.history.messages import AnsweredPage, AskOrder
from wicketgate.history.process import asking_of

_WARM = 3
Step = tuple[float, float]
"""Milliseconds on the wall, and of CPU: medians."""


async def of_messages(client: HistoryClient, orders: Sequence[AskOrder]) -> dict[str, Step]:
    """Return what it takes to ask the process for nothing at all, in the process that asks."""
    walls, cpus = [], []
    for _ in orders:
        began, used = time.perf_counter(), time.process_time()
        await client.position()
        walls.append(1e3 * (time.perf_counter() - began))
        cpus.append(1e3 * (time.process_time() - used))
    return {"asked for nothing, through the socket": (median(walls), median(cpus))}


def of_steps(engine: HistoryEngine, orders: Sequence[AskOrder]) -> dict[str, Step]:
    """Return what each step takes in the process that owns the engine."""
    client, coded = engine._client(), [msgspec.msgpack.encode(order) for order in orders]
    decode = msgspec.msgpack.Decoder(AskOrder).decode
    plates = [order.question["plate"] for order in orders]

    def statement(n: int) -> Any:
        return page_statement(asking_of(decode(coded[n])), hiding=False, parts=engine._parts)

    def explained(n: int) -> Any:
        sql, values = statement(n)
        return client.raw_query(f"EXPLAIN {sql}", parameters=values, fmt="TSVRaw")

    def encoded(n: int) -> Any:
        rows = engine.page(asking_of(decode(coded[n]))).to_pylist()
        return msgspec.msgpack.encode(AnsweredPage(rows=rows, gaps=[]))

    def bare(n: int) -> Any:
        found = "SELECT count() FROM reads WHERE plate = {p:String}"
        sql = f"{found} SETTINGS max_threads = 1, optimize_use_projections = 0"
        return client.raw_query(sql, parameters={"p": plates[n]}, fmt="TSVRaw")

    return {
        "SELECT 1": _step(lambda n: client.raw_query("SELECT 1"), len(orders)),
        "the plate's reads counted, no clamps": _step(bare, len(orders)),
        "order read, statement made": _step(statement, len(orders)),
        "and parsed and planned (EXPLAIN)": _step(explained, len(orders)),
        "and run, its rows as Arrow": _step(lambda n: engine._table(statement(n)), len(orders)),
        "and as messages": _step(encoded, len(orders)),
    }


def _step(work: Callable[[int], Any], count: int) -> Step:
    walls, cpus = [], []
    for n in range(-_WARM, count):
        began, used = time.perf_counter(), time.process_time()
        work(max(0, n))
        if n >= 0:
            walls.append(1e3 * (time.perf_counter() - began))
            cpus.append(1e3 * (time.process_time() - used))
    return median(walls), median(cpus)
