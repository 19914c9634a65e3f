"""Lists of which nothing leaves: when they may be relied on, and what a change of them comes to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import EPOCH_US, entry_of
from wicketgate.base.clock import DAY_US, HOUR_US
from wicketgate.base.errors import InputError
from wicketgate.base.periods import Period
from wicketgate.commits.hits import ListStood
from wicketgate.hotlists import Change, Entry, Hotlist
from wicketgate.hotlists.unlisted import Unlisted, stand_after
from wicketgate.reads.plates import pack_all
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms

YEAR_US = 365 * DAY_US
TERMS = UnlistedTerms(
    lists=("exempt", "paid"),
    min_entries=2,
    max_shrink_ppm=250_000,
    stale_after=Period(us=2 * DAY_US),
    max_entries=20,
    entry_life=Period(months=12),
)
READS = ["AB10CDE", "ABIOCDE", "A810CDE", "KLM3", ""]


def plate(number: int) -> str:
    return f"AB1{number}CDE"


def entries(kind: str, first: int, many: int, until_us: int = EPOCH_US + YEAR_US) -> list[Entry]:
    return [entry_of(plate(first + number), EPOCH_US, until_us, kind=kind) for number in range(many)]


def put(*whole: Entry, before: dict[str, ListStood] | None = None, at_us: int = EPOCH_US) -> Unlisted:
    """Return lists that were put whole."""
    hotlist = Hotlist.of(whole)
    stood = stand_after(before or {}, hotlist.kinds(), TERMS, at_us, whole=True, touched=())
    return Unlisted(hotlist, TERMS, stood)


def changed(lists: Unlisted, *changes: Change, at_us: int, touched: tuple[str, ...] = ()) -> Unlisted:
    hotlist = lists.hotlist.changed(changes)
    stood = stand_after(lists.stood, hotlist.kinds(), TERMS, at_us, whole=False, touched=touched)
    return Unlisted(hotlist, TERMS, stood)


FIT = (*entries("exempt", 0, 4), *entries("paid", 4, 4))


def look(lists: Unlisted, at_us: int, captured_us: int | None = None) -> list[str]:
    captured = np.full(len(READS), at_us if captured_us is None else captured_us, np.int64)
    return [READS[row] for row in lists.look(pack_all(READS), READS, captured, at_us).rows.tolist()]


def test_what_is_listed_exactly_stays_and_nothing_else() -> None:
    # The second is the same plate: the third character of this syntax is a digit. The third is a possible hit alone.
    assert look(put(*FIT), EPOCH_US + 1) == ["AB10CDE", "ABIOCDE"]


def test_a_vehicle_stays_that_was_listed_at_the_capture_or_is_at_the_decision() -> None:
    later = put(*FIT)
    assert look(later, EPOCH_US + 1, captured_us=EPOCH_US - HOUR_US)  # paid after it passed
    ended = put(*FIT, *entries("paid", 0, 1, EPOCH_US + HOUR_US)[:1])
    assert look(
        ended, EPOCH_US + HOUR_US, captured_us=EPOCH_US + 1
    )  # its day is over, and it was paid for then
    assert not look(ended, EPOCH_US + HOUR_US, captured_us=EPOCH_US + HOUR_US)


def test_a_list_that_was_never_put_is_missing() -> None:
    assert Unlisted(Hotlist.empty(), TERMS, {}).unfit(EPOCH_US) == {"exempt": "missing", "paid": "missing"}
    assert put(*FIT[:4]).unfit(EPOCH_US) == {"paid": "missing"}
    with pytest.raises(InputError, match="relied on"):
        look(put(*FIT[:4]), EPOCH_US)


def test_a_list_is_stale_from_a_time_after_its_unit_put_or_changed_it() -> None:
    lists = put(*FIT)
    assert not lists.unfit(EPOCH_US + 2 * DAY_US - 1)
    assert lists.unfit(EPOCH_US + 2 * DAY_US) == {"exempt": "stale", "paid": "stale"}
    # A change of one list says nothing of the other, and what the gateway ends is no word of its unit.
    paid = changed(lists, Change.put(entries("paid", 8, 1)[0]), at_us=EPOCH_US + DAY_US, touched=("paid",))
    assert paid.unfit(EPOCH_US + 2 * DAY_US) == {"exempt": "stale"}
    lapsed = changed(lists, Change(plate=plate(4)), at_us=EPOCH_US + DAY_US)
    assert lapsed.unfit(EPOCH_US + 2 * DAY_US) == {"exempt": "stale", "paid": "stale"}


def test_a_list_has_too_few_entries_as_soon_as_they_end() -> None:
    short = [*entries("exempt", 0, 1), *entries("exempt", 1, 1, EPOCH_US + 7), *FIT[4:]]
    assert not put(*short).unfit(EPOCH_US + 6)
    assert put(*short).unfit(EPOCH_US + 7) == {"exempt": "too-few"}
    assert put(*FIT[:1], *FIT[4:]).unfit(EPOCH_US) == {"exempt": "too-few"}


def test_a_list_that_shrank_refuses_until_it_is_put_in_order_again() -> None:
    lists = put(*FIT)
    three = put(*FIT[:3], *FIT[4:], before=dict(lists.stood))
    assert not three.unfit(EPOCH_US)  # a quarter, which it may
    two = put(*FIT[:2], *FIT[4:], before=dict(lists.stood))
    assert two.unfit(EPOCH_US) == {"exempt": "shrunk"}
    # The same again is no better, nor is what remains of it; what it had before is the measure.
    again = put(*FIT[:2], *FIT[4:], before=dict(two.stood))
    assert again.unfit(EPOCH_US) == {"exempt": "shrunk"}
    assert not put(*FIT, before=dict(again.stood)).unfit(EPOCH_US)
    # In order, it is measured by what it was put as.
    assert three.stood["exempt"].against == 3


def test_what_was_added_since_counts_and_what_ends_shrinks_it_too() -> None:
    lists = put(*FIT)
    grown = changed(lists, *map(Change.put, entries("exempt", 8, 2)), at_us=EPOCH_US + 1, touched=("exempt",))
    assert grown.stood["exempt"].against == 6
    gone = changed(grown, *(Change(plate=plate(n)) for n in (0, 8)), at_us=EPOCH_US + 2, touched=("exempt",))
    assert gone.unfit(EPOCH_US + 2) == {"exempt": "shrunk"}
    ending = put(*entries("exempt", 0, 2), *entries("exempt", 2, 2, EPOCH_US + 9), *FIT[4:])
    assert not ending.unfit(EPOCH_US + 8)
    assert ending.unfit(EPOCH_US + 9) == {"exempt": "shrunk"}


def test_more_than_all_lists_may_have_refuses() -> None:
    lists = put(*FIT)
    few = UnlistedTerms(
        lists=TERMS.lists,
        min_entries=1,
        max_shrink_ppm=0,
        stale_after=TERMS.stale_after,
        max_entries=7,
        entry_life=TERMS.entry_life,
    )
    assert set(Unlisted(lists.hotlist, few, lists.stood).unfit(EPOCH_US).values()) == {"too-many"}


def test_of_a_list_that_is_named_no_more_all_is_withheld_still() -> None:
    """A version with fewer lists lets go what was on the others only once they are put without it."""
    lists = put(*FIT)
    fewer = UnlistedTerms(
        lists=("paid",),
        min_entries=1,
        max_shrink_ppm=0,
        stale_after=TERMS.stale_after,
        max_entries=20,
        entry_life=TERMS.entry_life,
    )
    assert look(Unlisted(lists.hotlist, fewer, lists.stood), EPOCH_US + 1) == ["AB10CDE", "ABIOCDE"]


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=8),
    st.integers(0, 999_999),
    st.lists(st.booleans(), min_size=8),
)
def test_a_list_never_shrinks_by_more_than_the_share_between_two_that_are_relied_on(
    sizes: list[int], share_ppm: int, wholes: list[bool]
) -> None:
    """Whatever is put, in whatever order: what is relied on has the share of what it was last put whole as."""
    terms = UnlistedTerms(
        lists=("exempt",),
        min_entries=1,
        max_shrink_ppm=share_ppm,
        stale_after=Period(us=YEAR_US),
        max_entries=99,
        entry_life=Period(months=12),
    )
    stood: dict[str, ListStood] = {}
    relied = 0
    for size, whole in zip(sizes, wholes, strict=False):
        hotlist = Hotlist.of(entries("exempt", 0, size))
        stood = stand_after(stood, hotlist.kinds(), terms, EPOCH_US, whole=whole, touched=("exempt",))
        if Unlisted(hotlist, terms, stood).unfit(EPOCH_US):
            continue
        assert size * 1_000_000 >= relied * (1_000_000 - share_ppm)
        relied = size if whole else max(relied, size)
