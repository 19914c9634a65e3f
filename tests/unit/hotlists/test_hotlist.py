"""Named cases of matching, lists in force and their bytes. The laws are in tests/properties/test_match_laws.py."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import FrozenInstanceError

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hotlist_strategies import START_US, changes, entries, lists, uk_plates
from wicketgate.base.errors import InputError, ShapeError
from wicketgate.hotlists import (
    MAX_TEXT,
    TEXTS,
    Change,
    Entry,
    Hotlist,
    HotlistChanges,
    HotlistIndex,
    ListedRows,
    dump_changes,
    dump_entries,
    load_changes,
    load_entries,
)
from wicketgate.hotlists import stored as stored_module
from wicketgate.reads.plates import pack_all, read_plate

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
AT_US = START_US + DAY_US


def entry(plate: str, **changed: object) -> Entry:
    """Return an entry that counts at `AT_US`."""
    members = {
        "voi": f"voi-{plate}",
        "plate": plate,
        "kind": "stolen",
        "priority": 2,
        "reason": "stolen on 3 July",
        "listed_us": START_US,
        "until_us": START_US + 28 * DAY_US,
        "expires_us": START_US + 28 * DAY_US,
    }
    return Entry(**members | changed)


def look(hotlist: Hotlist, *plates: str, captured_us: int = AT_US, at_us: int = AT_US) -> ListedRows:
    """Ask about reads."""
    return hotlist.look(pack_all(plates), plates, np.full(len(plates), captured_us), at_us)


def quality(listed: str, read: str) -> str | None:
    """Return what one read is against one entry: `exact`, `possible 1`, `possible 2` or None."""
    hits = look(Hotlist.of([entry(listed)]), read)
    if not len(hits):
        return None
    assert bool(hits.exact[0]) == (hits.substitutions[0] == 0)
    return "exact" if hits.exact[0] else f"possible {hits.substitutions[0]}"


@pytest.mark.parametrize(
    ("listed", "read", "expected"),
    [
        ("AB12CDE", "AB12CDE", "exact"),
        ("AB12CDE", "ABI2CDE", "exact"),  # the position says 1
        ("ABI2CDE", "AB12CDE", "exact"),  # whichever of the two was mistyped
        ("AO10OOO", "A0IO000", "exact"),  # each position says which
        ("AB12CDE", "A812CDE", "possible 1"),  # 8 for B
        ("AB12CDE", "AB1ZCDE", "possible 1"),  # 2 for Z
        ("AB12CDE", "AB12C0E", "possible 1"),  # 0 for D, and no Q or O is meant
        ("AB12CDE", "AB12CQE", "possible 1"),
        ("AB12CDE", "A81ZCDE", "possible 2"),
        ("AB12CDE", "A8IZCDE", "possible 2"),  # 1 beside I is no third: the entry's position says 1
        ("AB12CDE", "A81ZC0E", None),  # three
        ("AB12CDE", "AB12CDF", None),
        ("AB12CDE", "AB12CD", None),  # a difference of length
        ("AB12CDE", "AB12CDEE", None),
        ("AB12CDE", "", None),
        ("H1BOB", "HIBOB", "exact"),  # a prefix plate
        ("A101BCD", "AI01BCD", "possible 1"),  # prefix or current: the position does not decide
        ("A101BCD", "A10IBCD", "possible 1"),
        ("A101BCD", "AIOIBCD", None),  # three glyphs beside one another, none decided
        ("AIZ1234", "A1Z1234", "exact"),  # Northern Ireland: no other reading is a plate
        ("ABI1", "AB11", "possible 1"),  # Northern Ireland or dateless
        ("1IAB", "11AB", "possible 1"),  # dateless: two ways
        ("0230", "O230", "exact"),  # dateless: a number has no leading 0
        ("0123", "O123", "possible 1"),  # O123 or OI23
        ("01234", "O1234", "possible 1"),  # trade or dateless
        ("Q123ABC", "O123ABC", "possible 1"),  # Q is a letter of its own
        ("Q10ABC", "Q1OABC", "exact"),
        ("1234567", "I234567", "possible 1"),  # no UK plate
        ("W999991", "W99999I", "possible 1"),
        ("ABC0000000O1", "ABCO0000000I", None),  # twelve characters, three glyphs
        ("ABC000000001", "ABCO0000000I", "possible 2"),
        ("ABCD000000001", "ABCD000000001", "exact"),  # thirteen: packed by a hash
        ("ABCD000000001", "ABCDO00000001", None),  # and never confused
        ("ŠKODA10", "ŠKODA10", "exact"),
        ("ŠKODA10", "ŠKODA1O", None),
        ("ŠKODA10", "SKODA10", None),
        ("5KODA10", "SKODA10", "possible 1"),
    ],
)
def test_what_a_read_is_against_an_entry(listed: str, read: str, expected: str | None) -> None:
    assert quality(listed, read) == expected
    assert quality(read, listed) == expected if read else True


def test_a_cyrillic_plate_is_none() -> None:
    assert read_plate("АВ12СЕ") is not None
    assert quality("AB12CE", "АВ12СЕ") is None


def test_a_read_without_a_plate_hits_nothing_and_an_entry_has_one() -> None:
    assert not len(look(Hotlist.of([entry("AB12CDE")]), "", ""))
    with pytest.raises(ShapeError):
        HotlistIndex.build(np.zeros(1, np.uint64), np.zeros(1, np.int64), np.zeros(1, np.int64))


@pytest.mark.parametrize("fraction", [0, 1, 500_000])
@pytest.mark.parametrize(
    ("captured", "at", "hit"),
    [
        (0, 0, True),
        (-1, 0, False),  # captured before it was listed
        (0, -1, False),
        (-1, 5, False),
        (9, 9, True),
        (9, 10, False),  # ended when it is decided
        (10, 9, False),  # captured when it has ended (a clock that is ahead)
        (10, 10, False),
        (0, 9, True),
    ],
)
def test_an_entry_counts_at_both_moments_or_not(captured: int, at: int, hit: bool, fraction: int) -> None:
    start_us = START_US + fraction
    hotlist = Hotlist.of([entry("AB12CDE", listed_us=start_us, until_us=start_us + 10)])
    found = look(hotlist, "AB12CDE", captured_us=start_us + captured, at_us=start_us + at)
    assert bool(len(found)) == hit


@pytest.mark.parametrize(
    "times",
    [
        [START_US + n * SECOND_US for n in range(400)],
        [START_US + n for n in range(400)],
        [START_US + n % 2 for n in range(400)],
        [-5, 2**61] * 200,
        [(2**32 - 1) * SECOND_US, 2**32 * SECOND_US] * 200,
        [-SECOND_US, 0] * 200,
    ],
    ids=["seconds", "microseconds", "few", "far", "beyond-2106", "before-1970"],
)
def test_times_are_exact_however_they_are_kept(times: list[int]) -> None:
    keys = pack_all(uk_plates(400, 1))
    column = np.array(times)
    index, order = HotlistIndex.build(keys, column, column + 1)
    assert index.listed_us.tolist() == column[order].tolist()
    assert index.until_us.tolist() == (column[order] + 1).tolist()
    assert index.keys.tolist() == keys[order].tolist()


def test_of_several_entries_the_best_is_given() -> None:
    better = [
        entry("AB12CDE", priority=4, voi="z"),
        entry("A812CDE", priority=2, voi="c"),
        entry("AB1ZCDE", priority=2, voi="d"),
        entry("AB12CQE", priority=3, voi="a"),
        entry("A81ZCDE", priority=1, voi="a"),
    ]
    for first in range(len(better)):
        hotlist = Hotlist.of([*better[:first:-1], better[first]])
        assert look(hotlist, "AB12CDE").entries == (better[first],)
        layered = Hotlist.of(better[first + 1 :]).changed([Change.put(better[first])])
        assert look(layered, "AB12CDE").entries == (better[first],)
        layered = Hotlist.of([better[first]]).changed([Change.put(one) for one in better[first + 1 :]])
        assert look(layered, "AB12CDE").entries == (better[first],)


def test_two_ways_to_write_one_plate_are_ordered_by_priority_and_id() -> None:
    hotlist = Hotlist.of([entry("ABI2CDE", priority=3, voi="a"), entry("AB12CDE", priority=3, voi="b")])
    hits = look(hotlist, "AB12CDE", "ABI2CDE")
    assert [one.voi for one in hits.entries] == ["a", "a"]
    assert hits.exact.all()


def test_an_ended_entry_does_not_hide_another() -> None:
    ended = entry("AB12CDE", until_us=AT_US)
    assert look(Hotlist.of([ended, entry("A812CDE")]), "AB12CDE").entries == (entry("A812CDE"),)


def test_hits_of_many_reads_are_in_their_order() -> None:
    plates = uk_plates(3_000, 2)
    hotlist = Hotlist.of([entry(plate) for plate in plates[:1_000]])
    rows = [7, 500, 999]
    reads = plates[1_000:2_000]
    for row in rows:
        reads[row] = plates[row]
    hits = look(hotlist, *reads)
    assert hits.rows[hits.exact].tolist() == rows
    assert [one.plate for one, exact in zip(hits.entries, hits.exact, strict=True) if exact] == [
        plates[row] for row in rows
    ]
    assert len(look(hotlist, *plates[:1_000])) == 1_000
    assert hotlist.look(pack_all(reads * 40), reads * 40, np.full(40_000, AT_US), AT_US).exact.sum() == 120


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 63, 64, 1_000])
def test_lists_of_every_size(count: int) -> None:
    plates = uk_plates(count + 50, 3)
    hotlist = Hotlist.of([entry(plate) for plate in plates[:count]])
    assert len(hotlist) == count
    assert look(hotlist, *plates[:count]).exact.all()
    assert look(hotlist, *plates[:count]).rows.tolist() == list(range(count))
    assert not look(hotlist, *plates[count:]).exact.any()
    assert {one.plate for one in hotlist.entries()} == set(plates[:count])


@pytest.mark.parametrize(
    ("keys", "listed", "until"),
    [
        (np.ones(2, np.uint64), np.zeros(1, np.int64), np.zeros(2, np.int64)),
        (np.ones(2, np.int64), np.zeros(2, np.int64), np.zeros(2, np.int64)),
        (np.ones(2, np.uint64), np.zeros(2, np.float64), np.zeros(2, np.int64)),
        (np.ones((2, 1), np.uint64), np.zeros(2, np.int64), np.zeros(2, np.int64)),
        (pack_all(["A" * 13]), np.zeros(1, np.int64), np.zeros(1, np.int64)),
    ],
    ids=["length", "signed", "float", "matrix", "hashed-without-plates"],
)
def test_columns_that_are_none(keys: np.ndarray, listed: np.ndarray, until: np.ndarray) -> None:
    with pytest.raises(ShapeError):
        HotlistIndex.build(keys, listed, until)


def test_reads_of_different_lengths_are_refused() -> None:
    with pytest.raises(ShapeError):
        Hotlist.of([entry("A1")]).look(pack_all(["A1"]), ["A1", "A2"], np.zeros(1, np.int64), 0)


@pytest.mark.parametrize("count", [10_000, 65_535, 65_536, 270_000])
def test_an_entry_takes_at_most_24_bytes(count: int) -> None:
    random = np.random.default_rng(4)
    keys = random.choice(37**7, size=count, replace=False).astype(np.uint64) * 37**5 + 37**11
    listed = START_US + random.integers(0, 28 * DAY_US, count)  # each by a change of its own: the most costly
    until = (START_US // SECOND_US + random.integers(0, 28 * 86_400, count)) * SECOND_US
    index, _ = HotlistIndex.build(keys, listed, until)
    assert index.nbytes <= 24 * count + 8
    index, _ = HotlistIndex.build(keys, np.full(count, START_US + 5), until)
    assert index.nbytes <= 24 * count
    arrays = [getattr(index, name) for name in ("keys", "_starts", "_filter")]
    times = [index._listed._codes, index._listed._table, index._until._codes, index._until._table]
    assert index.nbytes == sum(one.nbytes for one in arrays + times if one is not None)


def test_nothing_of_an_index_or_a_list_can_be_changed() -> None:
    index, _ = HotlistIndex.build(pack_all(["A1"]), np.zeros(1, np.int64), np.ones(1, np.int64))
    with pytest.raises(ValueError):
        index.keys[0] = 1
    with pytest.raises(AttributeError):
        entry("A1").plate = "A2"
    with pytest.raises(FrozenInstanceError):
        look(Hotlist.empty(), "A1").rows = None


# --- lists in force ---------------------------------------------------------------------------------------


def test_a_list_that_changes() -> None:
    first, second = entry("AB12CDE"), entry("XY34ZZZ")
    hotlist = Hotlist.of([first])
    both = hotlist.changed([Change.put(second)])
    assert (len(hotlist), len(both)) == (1, 2)
    assert both.entry("XY34ZZZ") == second
    assert both.entry("AB12CDE") == first
    assert both.entry("XY342ZZ") is None
    again = msgspec.structs.replace(first, reason="another", priority=1)
    changed = both.changed([Change.put(again), Change(plate="XY34ZZZ"), Change(plate="A1")])
    assert list(changed.entries()) == [again]
    assert look(changed, "AB12CDE", "XY34ZZZ").entries == (again,)
    assert list(both.entries()) == [first, second]
    assert changed.changed([]) is changed
    assert look(changed.changed([Change(plate="AB12CDE")]), "AB12CDE").entries == ()
    back = changed.changed([Change(plate="AB12CDE")]).changed([Change.put(first)])
    assert back == hotlist
    assert hotlist != both
    assert hotlist != "AB12CDE"


def test_the_tally_of_changes() -> None:
    hotlist = Hotlist.of([entry("A1"), entry("A2"), entry("A3"), entry("A4")])
    tally = hotlist.tally(
        [
            Change.put(entry("A1", priority=1)),
            Change.put(entry("A2")),
            Change(plate="A3"),
            Change(plate="B9"),
            Change.put(entry("B1")),
            Change.put(entry("B2")),
            Change(plate="B2"),
            Change(plate="A4"),
            Change.put(entry("A4")),
        ]
    )
    assert tally == HotlistChanges(added=1, changed=1, removed=1)


def test_many_changes_are_merged_and_stay_the_same_list() -> None:
    plates = uk_plates(4_000, 5)
    plain = {plate: entry(plate) for plate in plates[:2_000]}
    hotlist = Hotlist.of(list(plain.values()))
    merged = 0
    for start in range(0, 3_000, 250):
        batch = [Change.put(entry(plate, priority=1)) for plate in plates[start : start + 250]]
        batch += [Change(plate=plate) for plate in plates[start + 100 : start + 150]]
        hotlist = hotlist.changed(batch)
        for change in batch:
            plain.pop(change.plate, None)
            if change.entry is not None:
                plain[change.plate] = change.entry
        assert len(hotlist) == len(plain)
        merged += not hotlist._hidden.any() and not len(hotlist._overlay.entries)
        assert len(hotlist._overlay.entries) <= 1_024
    assert merged >= 2
    assert {one.plate: one for one in hotlist.entries()} == plain
    assert look(hotlist, *plates).exact.sum() == len(plain)
    assert hotlist == Hotlist.of(list(plain.values()))


def test_entries_come_in_an_order_that_does_not_tell_how_they_came() -> None:
    plates = [*sorted(uk_plates(200, 6)), "ŠKODA1", "ÄÖ1"]
    one = Hotlist.of([entry(plate) for plate in plates])
    other = Hotlist.of([entry(plate) for plate in plates[100:]]).changed(
        [Change.put(entry(plate)) for plate in plates[:100]]
    )
    assert [item.plate for item in one.entries()][:200] == plates[:200]
    assert dump_entries(one.entries()) == dump_entries(other.entries())


def test_what_has_ended() -> None:
    old, new = entry("A1", until_us=AT_US), entry("A2", until_us=AT_US + 1)
    hotlist = Hotlist.of([old, new]).changed([Change.put(entry("B1", until_us=AT_US - 1))])
    assert [one.plate for one in hotlist.ended(AT_US)] == ["A1", "B1"]
    hotlist = hotlist.changed([Change(plate=one.plate) for one in hotlist.ended(AT_US)])
    assert list(hotlist.entries()) == [new]
    assert hotlist.ended(AT_US) == []


def test_of_several_entries_for_one_plate_the_last_counts() -> None:
    assert list(Hotlist.of([entry("A1"), entry("A1", priority=4)]).entries()) == [entry("A1", priority=4)]


# --- bytes ------------------------------------------------------------------------------------------------


@given(lists, changes)
def test_lists_and_changes_come_back(listed: list[Entry], changed: list[Change]) -> None:
    assert load_entries(dump_entries(listed)) == tuple(listed)
    assert load_changes(dump_changes(changed)) == tuple(changed)


def test_a_long_list_comes_back_and_is_small() -> None:
    listed = [entry(plate) for plate in uk_plates(3_000, 7)]
    data = dump_entries(listed)
    assert load_entries(data) == tuple(listed)
    assert len(data) < 40 * len(listed)


def test_every_text_comes_back() -> None:
    full = entry("A1", review_us=AT_US, **{name: name * 3 for name in TEXTS})
    assert load_entries(dump_entries([full])) == (full,)


def frames(*frames: bytes, form: bytes = b"wicketgate entries 1\n") -> bytes:
    """Return a file of frames, packed."""
    packed = [(pa.compress(frame, codec="zstd", asbytes=True), len(frame)) for frame in frames]
    return form + b"".join(stored_module._FRAME.pack(len(one), size) + one for one, size in packed)


_PACKED = msgspec.msgpack.encode


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"wicketgate entries 2\n",
        dump_changes([]),
        dump_entries([entry("A1")])[:-1],
        dump_entries([entry("A1")]) + b"\0",
        b"wicketgate entries 1\n" + b"\xff" * 40,
        b"wicketgate entries 1\n" + stored_module._FRAME.pack(4, 2**31) + b"abcd",
        b"wicketgate entries 1\n" + stored_module._FRAME.pack(4, 10) + b"abcd",
        frames(b"\xc1"),
        frames(b"\x91" * 100_000),
        frames(_PACKED([entry("a1")])),
        frames(_PACKED([entry("UNKNOWN")])),
        frames(_PACKED([entry("A1", priority=0)])),
        frames(_PACKED([entry("A1", reason="")])),
        frames(_PACKED([entry("A1", reason="a\nb")])),
        frames(_PACKED([entry("A1", make="x" * (MAX_TEXT + 1))])),
        frames(_PACKED([entry("A1", until_us=2**63 - 1)])),
        frames(_PACKED([{"plate": "A1"}])),
    ],
    ids=lambda data: f"{len(data)}-bytes",
)
def test_bytes_that_are_no_list(data: bytes) -> None:
    with pytest.raises(InputError) as error:
        load_entries(data)
    assert "A1" not in str(error.value)


@pytest.mark.parametrize("load", [load_entries, load_changes])
@pytest.mark.parametrize("kind", ["entries", "changes"])
def test_a_later_form_is_refused_with_both(load: Callable[[bytes], object], kind: str) -> None:
    with pytest.raises(InputError, match=r"is of form 2, .* up to form 1"):
        load(f"wicketgate {kind} 2\n".encode() + b"\xff" * 40)


@pytest.mark.parametrize(
    "change",
    [Change(plate="a1"), Change(plate="A2", entry=entry("A1")), Change(plate="a1", entry=entry("a1"))],
    ids=["no-plate", "another-plate", "no-plate-listed"],
)
def test_changes_that_no_list_may_have(change: Change) -> None:
    with pytest.raises(InputError):
        load_changes(frames(_PACKED([change]), form=b"wicketgate changes 1\n"))


@given(st.binary(max_size=200), st.booleans(), st.data())
def test_any_bytes_are_a_list_or_an_input_error(data: bytes, within: bool, draw: st.DataObject) -> None:
    if within:
        whole = bytearray(dump_entries([draw.draw(entries())]))
        place = draw.draw(st.integers(0, len(whole)))
        whole[place : place + len(data) % 7] = data
        data = bytes(whole)
    for load in (load_entries, load_changes):
        with suppress(InputError):
            load(data)
