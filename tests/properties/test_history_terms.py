"""The laws of a history's terms: parts of a twelfth, and what is past its term is hidden at once.

The clock is moved over a real engine. A slow oracle says, read by read and by the calendar, what is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.history_oracle import KeptRead
from tests.properties.test_history_laws import item
from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US
from wicketgate.base.periods import Period, add, horizon_us
from wicketgate.history.asking import ClampedQuestion
from wicketgate.history.engine import HistoryEngine
from wicketgate.history.messages import read_id
from wicketgate.history.questions import Question
from wicketgate.history.rows import history_rows
from wicketgate.history.terms import AHEAD_US, LEAST_US, has_history, horizons_us, lead_us, span_of

NOW_US = 1_782_864_000_000_000  # 2026-07-01T00:00:00Z: months of 30 and of 31 days lie before
KEEP = {
    "hour": Period(us=HOUR_US),
    "days": Period(us=12 * DAY_US),
    "month": Period(months=1),
    "nothing": Period(),
    "little": Period(us=12 * MINUTE_US - 1),
}
SOURCES = [*KEEP]
AGES_US = [
    0,
    1,
    MINUTE_US,
    HOUR_US - 1,
    HOUR_US,
    HOUR_US + 1,
    DAY_US,
    12 * DAY_US,
    29 * DAY_US,
    30 * DAY_US,
    31 * DAY_US,
]

periods = st.builds(
    Period, months=st.integers(0, 1_200), us=st.integers(0, 36_525 * DAY_US) | st.integers(0, 2 * HOUR_US)
)


@given(periods)
def test_a_part_spans_at_most_a_twelfth_of_its_retention(retention: Period) -> None:
    shortest_us = min(add(begin, retention) - begin for begin in (0, 31 * DAY_US, NOW_US))
    assert has_history(retention) is (retention.months * 28 * DAY_US + retention.us >= LEAST_US)
    if has_history(retention):
        assert 12 * span_of(retention) * MINUTE_US <= shortest_us


@given(periods.filter(lambda one: one.months < 600), st.integers(0, 2 * 366 * DAY_US), st.integers(-2, 2))
def test_a_read_is_past_its_term_one_retention_after_its_capture(
    retention: Period, after_us: int, near: int
) -> None:
    now_us = NOW_US + after_us
    captured_us = horizon_us(now_us, retention) + near
    assert (add(captured_us, retention) > now_us) is (near >= 0)


def reads() -> list[KeptRead]:
    """Reads of every source, at each age and a little beside it."""
    ages = sorted({age + beside for age in AGES_US for beside in (-1, 0, 1)} - {-1})
    places = [(source, age) for source in SOURCES for age in ages]
    return [
        KeptRead(
            read_id=read_id(1, n),
            plate=f"P{n}",
            captured_us=NOW_US - age,
            camera=SOURCES.index(source),
            source=source,
        )
        for n, (source, age) in enumerate(places)
    ]


READS = reads()


def kept(at_us: int, *, surely: bool = False) -> set[int]:
    """Return what a history may show at a time, read by read: those that are not past their term.

    `surely`: those alone that it must show, because their term is not over so soon that they may be gone.
    """
    return {
        read.read_id
        for read in READS
        if has_history(keep := KEEP[read.source])
        if add(read.captured_us, keep) > max(at_us, NOW_US)
        if not surely or read.captured_us >= horizon_us(at_us, keep) + lead_us(span_of(keep))
    }


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HistoryEngine]:
    folder: Path = tmp_path_factory.mktemp("terms") / "history"
    made = HistoryEngine(folder, bytes(range(32)))
    made.begin(0)
    retentions = {name: keep for name, keep in KEEP.items() if has_history(keep)}
    made.take(1, 1, history_rows([item(1, READS)], SOURCES, retentions, NOW_US))
    yield made
    made.close()


def shown(engine: HistoryEngine, at_us: int) -> set[int]:
    asking = ClampedQuestion(
        question=Question(from_us=0, until_us=NOW_US + DAY_US),
        cameras=[[*range(len(SOURCES))]],
        horizons_us=horizons_us(at_us, KEEP),
    )
    found = engine.page(asking).column("read_id").to_pylist()
    assert engine.count(asking).reads == len(found) == len({*found})
    return {*found}


@settings(max_examples=25)  # each asks a real engine
@given(st.sampled_from(AGES_US), st.integers(-2, 2))
def test_what_is_past_its_term_is_hidden_at_once(engine: HistoryEngine, after_us: int, beside: int) -> None:
    at_us = NOW_US + max(0, after_us + beside)
    assert kept(at_us, surely=True) <= shown(engine, at_us) <= kept(at_us)


def on_disk(engine: HistoryEngine) -> set[int]:
    return {int(one) for (one,) in engine._rows("SELECT read_id FROM reads")}


def test_no_read_outlives_its_term_on_the_disk(engine: HistoryEngine) -> None:
    # The last test of this engine: one process has one, and this empties it.
    for after_us in (
        0,
        HOUR_US // 2,
        HOUR_US - 1,
        HOUR_US,
        2 * DAY_US,
        12 * DAY_US - 1,
        12 * DAY_US,
        31 * DAY_US,
    ):
        at_us = NOW_US + after_us
        horizons = horizons_us(at_us, KEEP)
        before, due = on_disk(engine), engine.due_terms(horizons)
        engine.end_terms(horizons)
        held = on_disk(engine)
        # What goes was told before, as many of each source, and when they were captured.
        assert {one.source: one.reads for one in due} == Counter(
            read.source for read in READS if read.read_id in before - held
        )
        for read in READS:
            if read.read_id in before - held:
                told = next(one for one in due if one.source == read.source)
                assert told.from_us <= read.captured_us < told.until_us
        # Until the next looks nothing of it is past its term, and what is not about to be is there.
        assert kept(at_us, surely=True) <= held <= kept(at_us + AHEAD_US - 1), after_us
        assert kept(at_us, surely=True) <= shown(engine, at_us) <= kept(at_us), after_us
        assert engine.due_terms(horizons) == []
    assert engine.measures().reads == 0


@settings(max_examples=200)
@given(periods.filter(has_history))
def test_a_read_goes_at_most_a_little_before_its_term(retention: Period) -> None:
    lead = lead_us(span_of(retention))
    assert AHEAD_US <= lead <= max(4 * HOUR_US, AHEAD_US)
    assert lead == AHEAD_US or 144 * lead <= retention.months * 28 * DAY_US + retention.us
