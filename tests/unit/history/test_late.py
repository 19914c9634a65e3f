"""Late reads: a month of them in any order makes as many partitions as the month has parts, and no more."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.history.test_engine import KEEP, KEY, NOW_US, SOURCES, everything, item
from wicketgate.base.clock import DAY_US, MINUTE_US
from wicketgate.history import schema
from wicketgate.history.engine import HistoryEngine
from wicketgate.history.rows import history_rows
from wicketgate.history.terms import horizons_us, lead_us, span_of

TOO_OLD_US = 31 * DAY_US
ORDERS, READS = 3, 1_500


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[HistoryEngine]:
    made = HistoryEngine(tmp_path / "history", KEY)
    yield made
    made.close()


@pytest.mark.parametrize("in_order", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_month_of_late_reads_is_taken_whole_and_in_bounded_parts(
    engine: HistoryEngine, *, in_order: bool
) -> None:
    chance = random.Random(31)
    ages = [chance.randrange(TOO_OLD_US) for _ in range(ORDERS * READS)]
    if in_order:
        ages.sort(reverse=True)
    engine.begin(0)
    expected = 0
    for number in range(1, ORDERS + 1):
        some = ages[(number - 1) * READS : number * READS]
        reads = [(f"P{n % 500}", n % 3, NOW_US - age) for n, age in enumerate(some)]
        expected += sum(
            captured > NOW_US - KEEP[SOURCES[camera]].us + lead_us(span_of(KEEP[SOURCES[camera]]))
            for _, camera, captured in reads
        )
        # What a transaction holds is bounded; an order is of several.
        rows = history_rows([item(number, reads)], SOURCES, KEEP, NOW_US)
        engine.take(number, number, rows)
        if number == 1:  # after a kill the same comes again: nothing is there twice
            engine._move(0, 1, 0)
            engine.take(1, 1, rows)
    assert engine.count(everything()).reads == expected
    partitions = {(table, part) for table, part, *_ in engine._partitions()}
    most = sum(keep.us // (span_of(keep) * MINUTE_US) + 2 for keep in KEEP.values())
    assert 12 <= len({part for table, part in partitions if table == "reads"}) <= most
    assert len(partitions) <= most * len(schema.PARTED_TABLES)
    engine.merge()
    assert engine.measures().parts <= most
    assert engine.count(everything()).reads == expected
    # Their terms are those of their capture, however late they came.
    later_us = NOW_US + 3 * DAY_US
    engine.end_terms(horizons_us(later_us, KEEP))
    assert all(
        (slot + span) * MINUTE_US > horizons_us(later_us, KEEP)[source]
        for _, _, source, span, slot in engine._partitions()
    )
