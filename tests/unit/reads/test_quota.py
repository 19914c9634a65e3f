"""The quota of the quarantine: by source, coming back over an hour."""

from __future__ import annotations

from wicketgate.base.clock import HOUR_US
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.quota import OVERHEAD, QuarantineQuota, QuotaKeeper


def bad(source: str = "tfl", size: int = 10) -> QuarantinedRead:
    return QuarantinedRead(source=source, camera="", code="malformed", detail="", at_us=0, read=b"x" * size)


def kept(keeper: QuotaKeeper, read: QuarantinedRead, count: int, now_us: int) -> int:
    return sum(keeper.keeps(read, now_us) for _ in range(count))


def test_items_of_a_source_in_an_hour() -> None:
    keeper = QuotaKeeper(QuarantineQuota(items=10))
    assert kept(keeper, bad(), 100, 0) == 10
    assert kept(keeper, bad("eastholm"), 100, 0) == 10, "each source has its own"
    assert kept(keeper, bad(), 100, HOUR_US // 2) == 5
    assert kept(keeper, bad(), 100, 30 * HOUR_US) == 10, "what is not used is not saved up"


def test_bytes_of_a_source_in_an_hour() -> None:
    keeper = QuotaKeeper(QuarantineQuota(bytes=4 * (OVERHEAD + 1000)))
    assert kept(keeper, bad(size=1000), 100, 0) == 4
    assert kept(keeper, bad(size=5000), 1, HOUR_US) == 0, "one that is larger than all of it is never kept"
    assert kept(keeper, bad(size=1000), 100, HOUR_US) == 4


def test_a_clock_that_goes_back_gives_nothing() -> None:
    keeper = QuotaKeeper(QuarantineQuota(items=3))
    assert kept(keeper, bad(), 10, 2 * HOUR_US) == 3
    assert kept(keeper, bad(), 10, HOUR_US) == 0
