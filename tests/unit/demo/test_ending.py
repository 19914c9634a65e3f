"""Reads of a demonstration that come to their term while it runs."""

from __future__ import annotations

from wicketgate.base.clock import DAY_US, SECOND_US, parse_rfc3339
from wicketgate.base.periods import Period, horizon_us
from wicketgate.history.terms import LOOK_S, lead_us, span_of
from wicketgate_demo.run.ending import purged
from wicketgate_demo.world.ending import ENDING_READS, ending_reads

AT_US = 1_783_512_000_000_000
KEEPS = Period(us=28 * DAY_US)


def test_a_history_takes_them_and_lets_some_go_at_its_next_look() -> None:
    reads = list(ending_reads({"b2": (), "b1": ()}, AT_US))
    assert len({read["id"] for read in reads}) == len({read["plate"] for read in reads}) == ENDING_READS
    assert {read["camera"] for read in reads} == {"b1"}

    def gone(after_us: int) -> int:
        before_us = horizon_us(AT_US + after_us, KEEPS) + lead_us(span_of(KEEPS))
        return sum(parse_rfc3339(read["captured_at"]) < before_us for read in reads)

    assert gone(SECOND_US // 2) == 0, "it takes them for a while yet"
    looks = [gone(round(seconds * SECOND_US)) for seconds in (2, 5, LOOK_S + 1)]
    assert 0 < looks[0] < looks[1] < looks[2]
    # None is past its term by then: a history lets go before.
    assert all(
        parse_rfc3339(read["captured_at"]) >= horizon_us(AT_US + 60 * SECOND_US, KEEPS) for read in reads
    )


def test_what_ended_is_counted_by_its_kind() -> None:
    assert purged({"counts": {"opened": 9, "purged_history": 7, "purged_answer-rows": 2}}) == {
        "history": 7,
        "answer-rows": 2,
    }
    assert purged({}) == {}
