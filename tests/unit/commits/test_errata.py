"""Errata in the fold: said, sent, taken, and ended with the rows that they correct."""

from __future__ import annotations

import msgspec
import pytest

from wicketgate.commits.errata import (
    ErrataTaken,
    ErratumRow,
    ErratumSaid,
    ErratumSent,
    Ground,
    KnownErrata,
    how_soon,
)
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.transactions import RowErased, Transaction
from wicketgate.regime.publishing import ERRATA_KINDS

HOUR_US = 3_600_000_000
END_US = 100 * HOUR_US


def said(number: int, ground: Ground = "misread", plate: str = "", source: str = "tfl") -> ErratumSaid:
    return ErratumSaid(
        id=f"e{number}",
        read="r",
        ground=ground,
        by="tfl",
        ends_us=END_US,
        source=source,
        plate=plate,
        said=plate,
    )


def sent(number: int, *, seq: int = 9, until_us: int = END_US) -> ErratumSent:
    rows = (
        ErratumRow(feed="a", corrects=4, until_us=until_us, version=1, seq=seq, read=True),
        ErratumRow(feed="b", corrects=7, until_us=until_us),
    )
    return ErratumSent(id=f"e{number}", number=3, row=2, vehicle="v", rows=rows)


def told() -> KnownErrata:
    """Return errata of which one was said and sent in transactions 10 and 11."""
    known = KnownErrata()
    assert known.follow(Transaction(at_us=1, errata_said=(said(1, plate="p"),)), 10) == []
    counted = known.follow(Transaction(at_us=2, errata=(sent(1),)), 11)
    assert counted == [("a", "vehicles", "v"), ("a", "corrected", "v"), ("b", "vehicles", "v")]
    return known


def test_what_says_nothing_new_is_known() -> None:
    known = told()
    assert known.same("r", "misread", "p") is not None
    assert known.same("r", "misread", "") is not None, "without a plate it says less"
    assert known.same("r", "misread", "q") is None
    assert known.same("r", "no-plate", "") is None
    assert known.of_source("tfl") == 1
    assert not known.due
    assert [one.id for one in known.of_place(3, 2)] == ["e1"]


def test_what_is_taken_counts_once_and_by_how_soon() -> None:
    known = told()
    for through, at_us, expected in (
        (0, 3, []),
        (1, 2 + 2 * HOUR_US, [("a", "day", "v")]),
        (1, END_US - 1, []),
    ):
        taken = ErrataTaken(authority="a", through=through, by="token")
        assert known.follow(Transaction(at_us=at_us, errata_taken=taken), 12) == expected
    assert [how_soon(delay) for delay in (HOUR_US, HOUR_US + 1, 24 * HOUR_US, 24 * HOUR_US + 1)] == [
        *("hour", "day", "day", "later")
    ]
    assert {"vehicles", "corrected", "hour", "day", "later"} == set(ERRATA_KINDS)


@pytest.mark.parametrize(
    ("erased", "gone"),
    [
        (RowErased(number=3, feed="a", row=4), {"a"}),
        (RowErased(number=3, feed="b", row=7), {"b"}),
        (RowErased(number=3, feed="", row=2), {"a", "b"}),
        (RowErased(number=3, feed="a", row=5), set()),
        (RowErased(number=4, feed="", row=2), set()),
    ],
)
def test_errata_are_erased_with_their_row(erased: RowErased, gone: set[str]) -> None:
    known = told()
    known.follow(Transaction(at_us=5, erased=(erased,)), 12)
    assert {"a", "b"} - set(known.notices) == gone
    assert known.erasing == ([(11, "a", 9)] if "a" in gone else []), "a notice has no row of its own"
    known.follow(Transaction(at_us=6, erased=(RowErased(number=11, feed="a", row=9),)), 13)
    assert known.erasing == []
    assert bool(known.of_place(3, 2)) == (erased != RowErased(number=3, feed="", row=2))


def test_all_ends_with_its_term() -> None:
    known = told()
    known.follow(Transaction(at_us=END_US - 1), 12)
    assert known.notices
    known.follow(Transaction(at_us=END_US), 13)
    assert (known.notices, known.said, known.sent) == ({}, {}, {})
    assert known.erasing == [(11, "a", 9)]
    assert known.numbers == {"a": 1, "b": 1}, "a number is given once"


def test_an_erratum_is_sent_once() -> None:
    state = State()
    state.apply(Transaction(at_us=1, errata_said=(said(1),)), 1)
    state.feeds = {}
    with pytest.raises(Exception, match="waits for nothing"):
        state.apply(Transaction(at_us=1, errata=(ErratumSent(id="e2"),)), 2)
    state.apply(Transaction(at_us=1, errata=(ErratumSent(id="e1"),)), 2)
    with pytest.raises(Exception, match="waits for nothing"):
        state.apply(Transaction(at_us=1, errata=(ErratumSent(id="e1"),)), 3)


def test_a_snapshot_keeps_errata_and_one_of_before_has_none() -> None:
    state = State(errata=told())
    assert load_state(dump_state(state)).errata == state.errata
    packed = msgspec.msgpack.decode(dump_state(State())[2:])
    packed.pop("errata")
    packed["targeting"].pop("errata")
    former = dump_state(State())[:2] + msgspec.msgpack.encode(packed)
    assert load_state(former).errata == KnownErrata()
