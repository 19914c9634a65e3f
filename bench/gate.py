"""Reads a second on one core through the gate, beside a plain Python loop over the same rows.

Times are CPU time of the whole process, so that threads would count and other work on the machine does not;
medians of five. Each round goes through different batches. The loop's answer is compared with the gate's.

Scopes: `groups`: each authority has 4 of 40 camera groups, a third of them by day only; `edge`: the same, in
batches during which hours begin, so that rows fall in several intervals; `everything`: every authority gets
every row, the most that the gate can have to write.
"""

from __future__ import annotations

import statistics
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US
from wicketgate.gate.decide import Decision, decide
from wicketgate.gate.terms import Terms, compile_table
from wicketgate.reads.columns import ReadBatch, filled

N_CAMERAS = 5_000
N_GROUPS = 40
START_US = 1_783_123_200_000_000  # 2026-07-04T00:00:00Z
DAYS = 365
LATE_AFTER_US = 10 * SECOND_US
ROUNDS = 5
BATCHES = 20

Loop = Callable[[ReadBatch, int], tuple[int, int, int]]


def authorities(count: int, scope: str, random: np.random.Generator) -> list[Terms]:
    """Return terms of `count` authorities over one year."""
    group = random.integers(0, N_GROUPS, N_CAMERAS)
    end_us = START_US + DAYS * DAY_US
    midnights = START_US + DAY_US * np.arange(DAYS)
    terms = []
    for number in range(count):
        by_day = scope != "everything" and number % 3 == 0
        hours = np.stack([midnights + 7 * HOUR_US, midnights + 18 * HOUR_US + number * SECOND_US], axis=1)
        chosen = np.isin(group, random.choice(N_GROUPS, size=4, replace=False))
        terms.append(
            Terms(
                reference=f"authority-{number}@1",
                cameras=chosen | (scope == "everything"),
                windows=hours if by_day else np.array([[START_US, end_us]]),
                valid_from_us=START_US,
                valid_until_us=end_us,
                in_force_from_us=START_US,
                in_force_until_us=end_us,
                ended_by="expired",
                stopped_by=None,
                fields=frozenset({"plate", "time", "place"}),
            )
        )
    return terms


def batches(rows: int, scope: str, random: np.random.Generator) -> list[ReadBatch]:
    """Return batches at 24,000 reads a second, about 07:00 for `edge`, else 12:00; 1 % of reads are late."""
    made = []
    for number in range(BATCHES):
        span_us = rows * SECOND_US // 24_000
        start_us = (
            START_US
            + 90 * DAY_US
            + (7 * HOUR_US - span_us // 2 if scope == "edge" else 12 * HOUR_US + number)
        )
        captured = start_us + random.integers(0, span_us, rows)
        delay = np.where(random.random(rows) < 0.01, 60 * SECOND_US, 300_000)
        plates = [f"AB{row % 90 + 10}CDE" for row in range(rows)]
        made.append(
            filled(
                camera=random.integers(0, N_CAMERAS, rows),
                captured_us=captured,
                received_us=captured + delay,
                plate=plates,
                confidence=np.ones(rows),
                key=[bytes(20)] * rows,
            )
        )
    return made


def row_loop(terms: Sequence[Terms]) -> Loop:
    """Return a loop that decides row by row, prepared with sets of cameras and bisection of windows."""
    prepared = [
        (
            term,
            frozenset(np.flatnonzero(term.cameras).tolist()),
            term.windows[:, 0].tolist(),
            term.windows[:, 1].tolist(),
        )
        for term in terms
    ]

    def decide_rows(batch: ReadBatch, at_us: int) -> tuple[int, int, int]:
        cameras, captured = batch.camera.tolist(), batch.captured_us.tolist()
        received = batch.received_us.tolist()
        released: dict[str, list[tuple[int, bool]]] = {}
        refused: Counter[tuple[str, str]] = Counter()
        withheld = 0
        for row, (camera, captured_us) in enumerate(zip(cameras, captured, strict=True)):
            seen = False
            for term, scope, starts, ends in prepared:
                if term.stopped_by is not None:
                    reason: str = term.stopped_by
                elif at_us < term.in_force_from_us:
                    reason = "not-in-force-yet"
                elif at_us >= term.in_force_until_us:
                    reason = term.ended_by
                elif camera not in scope:
                    reason = "out-of-scope"
                elif captured_us < term.valid_from_us:
                    reason = "before-validity"
                elif captured_us >= term.valid_until_us:
                    reason = "expired"
                else:
                    window = bisect_right(starts, captured_us) - 1
                    if window >= 0 and captured_us < ends[window]:
                        late = received[row] - captured_us > LATE_AFTER_US
                        released.setdefault(term.reference, []).append((row, late))
                        seen = True
                        continue
                    reason = "out-of-scope"
                refused[term.reference, reason] += 1
            withheld += not seen
        return sum(map(len, released.values())), sum(refused.values()), withheld

    return decide_rows


def totals(decision: Decision) -> tuple[int, int, int]:
    """Return rows released, rows refused, rows withheld."""
    released = sum(len(release.rows) for release in decision.releases)
    return released, sum(refusal.rows for refusal in decision.refusals), decision.withheld


def rate(work: Callable[[ReadBatch], object], over: Sequence[ReadBatch], least_s: float) -> float:
    """Return reads a second of CPU time over whole passes that take at least `least_s`."""
    reads, start = 0, time.process_time()
    while (took := time.process_time() - start) < least_s or reads == 0:
        for batch in over:
            work(batch)
            reads += len(batch)
    return reads / took


def case(count: int, rows: int, scope: str) -> dict[str, Any]:
    """Measure gate and loop by turns on the same batches."""
    random = np.random.default_rng([count, rows])
    terms = authorities(count, scope, random)
    start = time.process_time()
    table = compile_table(terms, N_CAMERAS)
    compile_s = time.process_time() - start
    made = batches(rows, scope, random)
    loop = row_loop(terms)
    at_us = int(made[0].received_us.max())
    released = sum(totals(decide(batch, table, at_us, LATE_AFTER_US))[0] for batch in made)
    assert loop(made[0], at_us) == totals(decide(made[0], table, at_us, LATE_AFTER_US))
    fast, slow = [], []
    for _ in range(ROUNDS):
        fast.append(rate(lambda batch: decide(batch, table, at_us, LATE_AFTER_US), made, 0.15))
        slow.append(rate(lambda batch: loop(batch, at_us), made[:1], 0.05))
    gate, python = statistics.median(fast), statistics.median(slow)
    return {
        "scope": scope,
        "authorities": count,
        "batch_rows": rows,
        "released_share": round(released / (count * rows * len(made)), 3),
        "gate_reads_per_s": round(gate),
        "gate_us_per_batch": round(1e6 * rows / gate, 1),
        "loop_reads_per_s": round(python),
        "ratio": round(gate / python, 1),
        "compile_ms": round(compile_s * 1e3, 1),
    }


def run() -> dict[str, Any]:
    """Run every case and return what was measured."""
    cases = [
        case(count, rows, scope)
        for scope in ("groups", "edge", "everything")
        for rows in (1_000, 10_000)
        for count in (1, 10, 100)
    ]
    return {"bench": "gate", "unit": "reads/s of one core, CPU time", "medians_of": ROUNDS, "cases": cases}


def main() -> None:
    """Print the table."""
    result = run()
    print(f"{result['unit']}, medians of {result['medians_of']}")
    print(f"{'scope':<11}{'authorities':>12}{'batch':>8}{'gate':>14}{'us/batch':>10}{'loop':>12}{'ratio':>8}")
    for item in result["cases"]:
        print(
            f"{item['scope']:<11}{item['authorities']:>12}{item['batch_rows']:>8}{item['gate_reads_per_s']:>14,}"
            f"{item['gate_us_per_batch']:>10}{item['loop_reads_per_s']:>12,}{item['ratio']:>8}"
        )


if __name__ == "__main__":
    main()
