"""When a post is answered: whatever became of it, as long as it took no longer than such posts take."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.simulator import HandClock
from tests.unit.reads.test_intake import NOW_US, checked, read
from wicketgate.commits.transactions import Committed, Transaction
from wicketgate.reads.answering import A_READ_S, LEAST_S, MOST_S, AnswerTimes
from wicketgate.reads.columns import MAX_ROWS, ReadBatch
from wicketgate.reads.intake import Intake
from wicketgate.reads.messages import ReadsMessage
from wicketgate.reads.repeats import Seen


class MadeTimeLoop(asyncio.SelectorEventLoop):
    """A loop whose time passes at once where everybody waits."""

    def __init__(self) -> None:
        self.at_s = 0.0
        made = self

        class Selector(selectors.SelectSelector):
            def select(self, timeout: float | None = None) -> list[Any]:
                if timeout:
                    made.at_s += timeout
                return super().select(0)

        super().__init__(Selector())

    def time(self) -> float:
        """Return the made time."""
        return self.at_s


class TimedGate:
    """A gate that takes as long as it is told, as one with hits takes longer than one without."""

    under_way = 0

    def __init__(self, takes_s: Callable[[ReadBatch], float]) -> None:
        self._takes_s = takes_s
        self._sequence = 0

    def rows_at_once(self, batch: ReadBatch) -> int:
        """Return what a transaction may hold."""
        return MAX_ROWS

    def decide(self, batch: ReadBatch, message: ReadsMessage) -> asyncio.Future[Committed]:
        """Decide it after its time."""
        loop = asyncio.get_running_loop()
        decided: asyncio.Future[Committed] = loop.create_future()
        self._sequence += 1
        committed = (self._sequence, Transaction(at_us=0))
        loop.call_later(self._takes_s(batch), decided.set_result, committed)
        return decided


def lived(world: Coroutine[Any, Any, dict[str, float]]) -> dict[str, float]:
    """Return what a world comes to in made time."""
    loop = MadeTimeLoop()
    try:
        return loop.run_until_complete(world)
    finally:
        loop.close()


async def answered(seen: Seen, takes_s: dict[str, float], times: AnswerTimes | None) -> dict[str, float]:
    """Post a read of each plate, one after the other; return how long its answer took."""
    gate = TimedGate(lambda batch: max(takes_s[plate] for plate in batch.plate))
    intake = Intake(gate, seen, HandClock(NOW_US), 0, times=times)
    work = asyncio.create_task(intake.run())
    loop = asyncio.get_running_loop()
    took: dict[str, float] = {}
    for number, plate in enumerate(takes_s):
        begun_s = loop.time()
        await intake.take(checked([read(number, plate=plate)]), "tfl")
        took[plate] = round(loop.time() - begun_s, 9)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    intake.close()
    return took


def test_a_hit_takes_longer_and_is_answered_at_the_same_time(tmp_path: Path) -> None:
    takes_s = {"AB12CDE": 0.004, "AB12CDF": 0.0052, "AB12CDG": 0.0001, "AB12CDH": 0.0119}
    for name, times, kinds in (("held", AnswerTimes(), 1), ("not", None, 4)):
        seen = Seen(tmp_path / name, b"k" * 32)
        took = lived(answered(seen, takes_s, times))
        seen.close()
        assert len({*took.values()}) == kinds, took
        assert min(took.values()) >= (LEAST_S if times else 0)


def test_it_is_answered_with_others_of_its_kind_where_all_take_longer(tmp_path: Path) -> None:
    plates = [f"AB12C{a}{b}" for a in "DEFGHJ" for b in "ABCDEFGHJKLMNOPRSTUVWXY"]
    usual, hits = plates[:100], plates[100:]
    takes_s = dict.fromkeys(usual, 0.030) | dict.fromkeys(hits, 0.0295) | {plates[-1]: 0.0299}
    seen = Seen(tmp_path / "index", b"k" * 32)
    took = lived(answered(seen, takes_s, AnswerTimes()))
    seen.close()
    assert {took[plate] for plate in hits} == {0.030}


@given(st.lists(st.tuples(st.integers(0, 5_000), st.floats(0, 10)), max_size=300), st.integers(0, 1_000))
def test_the_least_time_grows_with_the_reads_and_is_bounded(
    told: list[tuple[int, float]], reads: int
) -> None:
    times = AnswerTimes()
    for many, seconds in told:
        times.took(many, seconds)
    least_s = times.least_s(reads)
    assert LEAST_S + reads * A_READ_S <= least_s <= max(MOST_S, LEAST_S + reads * A_READ_S)
