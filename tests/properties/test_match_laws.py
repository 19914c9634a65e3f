"""The laws of matching, for any lists, reads and moments."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.hotlist_strategies import changes, confused, entries, lists, questions, read_plates
from tests.oracles.match_oracle import Answer, match_slowly, skeleton, substitutions
from wicketgate.hotlists import Change, Entry, Hotlist, HotlistIndex, ListedRows, hashes
from wicketgate.hotlists.skeletons import NO_MATCH, differences
from wicketgate.reads.plates import pack_all

Question = tuple[list[str], np.ndarray, int]


def answer_of(hits: ListedRows) -> Answer:
    """Return hits as the oracle gives them."""
    columns = hits.rows.tolist(), hits.entries, hits.exact.tolist(), hits.substitutions.tolist()
    return list(zip(*columns, strict=True))


def ask(hotlist: Hotlist, question: Question) -> Answer:
    plates, captured_us, at_us = question
    return answer_of(hotlist.look(pack_all(plates), plates, captured_us, at_us))


@settings(max_examples=300)
@given(lists, questions())
def test_the_answer_is_that_of_the_oracle(listed: list[Entry], question: Question) -> None:
    answer = ask(Hotlist.of(listed), question)
    assert answer == match_slowly(listed, *question)
    for _, _, exact, _ in answer:
        event("exact" if exact else "possible")


@given(st.lists(entries(), min_size=1, max_size=8), questions())
def test_the_matcher_takes_a_plate_more_than_once(listed: list[Entry], question: Question) -> None:
    plates, captured_us, at_us = question
    keys = pack_all([entry.plate for entry in listed])
    index, order = HotlistIndex.build(
        keys,
        np.array([entry.listed_us for entry in listed]),
        np.array([entry.until_us for entry in listed]),
        plates=[entry.plate for entry in listed],
        precedence=lambda place: listed[place].precedence,
    )
    found = index.look(pack_all(plates), plates, captured_us, at_us)
    chosen = [(listed[place].precedence, listed[place].plate) for place in order[found.entry].tolist()]
    wanted = match_slowly(listed, *question)
    assert found.rows.tolist() == [row for row, *_ in wanted]
    assert chosen == [(entry.precedence, entry.plate) for _, entry, *_ in wanted]
    assert found.substitutions.tolist() == [count for *_, count in wanted]


@given(lists, changes, changes, questions())
def test_changing_is_the_same_as_building_anew(
    listed: list[Entry], first: list[Change], second: list[Change], question: Question
) -> None:
    hotlist = Hotlist.of(listed)
    changed = hotlist.changed(first).changed(second)
    plain = {entry.plate: entry for entry in listed}
    for change in first + second:
        plain.pop(change.plate, None)
        if change.entry is not None:
            plain[change.plate] = change.entry
    anew = Hotlist.of(list(plain.values()))
    assert len(changed) == len(plain)
    assert changed == anew
    assert list(changed.entries()) == list(anew.entries())
    assert changed.known([change.plate for change in first]) == [plain.get(each.plate) for each in first]
    assert ask(changed, question) == ask(anew, question)
    assert hotlist == Hotlist.of(listed)  # as it was


def stays_slowly(listed: list[Entry], question: Question) -> list[int]:
    """Return the reads of which an entry is exactly the plate, and counts at the capture or at the decision."""
    plates, captured_us, at_us = question
    return [
        row
        for row, (plate, taken_us) in enumerate(zip(plates, captured_us.tolist(), strict=True))
        if any(
            substitutions(plate, entry.plate) == 0
            and any(entry.listed_us <= moment < entry.until_us for moment in (taken_us, at_us))
            for entry in listed
        )
    ]


@settings(max_examples=300)
@given(lists, changes, questions())
def test_what_stays_is_what_an_entry_is_exactly_for(
    listed: list[Entry], more: list[Change], question: Question
) -> None:
    plates, captured_us, at_us = question
    hotlist = Hotlist.of(listed).changed(more)
    found = hotlist.listed_rows(pack_all(plates), plates, captured_us, at_us).tolist()
    assert found == stays_slowly(list(hotlist.entries()), question)
    event("some stay" if found else "none stays")
    hits = hotlist.look(pack_all(plates), plates, captured_us, at_us)
    assert set(hits.rows[hits.exact].tolist()) <= set(found)


@given(lists, changes, st.integers(1, 9), questions())
def test_when_too_few_entries_count_is_told_to_the_microsecond(
    listed: list[Entry], more: list[Change], least: int, question: Question
) -> None:
    hotlist, at_us = Hotlist.of(listed).changed(more), question[2]
    counting = sum(entry.until_us > at_us for entry in hotlist.entries())
    assert (at_us >= hotlist.fewer_from("stolen", least)) == (counting < least)
    assert hotlist.kinds().get("stolen", 0) == len(hotlist)
    assert at_us >= hotlist.fewer_from("exempt", least)


@given(lists, questions(), st.data())
def test_removing_an_entry_adds_no_hit(listed: list[Entry], question: Question, data: st.DataObject) -> None:
    gone = data.draw(
        st.sets(st.sampled_from([entry.plate for entry in listed])) if listed else st.just(set())
    )
    fewer = Hotlist.of([entry for entry in listed if entry.plate not in gone])
    rows = {row for row, *_ in ask(Hotlist.of(listed), question)}
    assert {row for row, *_ in ask(fewer, question)} <= rows


@given(lists, questions(), st.randoms())
def test_the_order_of_entries_does_not_matter(
    listed: list[Entry], question: Question, chance: random.Random
) -> None:
    shuffled = listed.copy()
    chance.shuffle(shuffled)
    assert ask(Hotlist.of(shuffled), question) == ask(Hotlist.of(listed), question)


@given(lists, questions(), st.data())
def test_reads_are_decided_each_by_itself(
    listed: list[Entry], question: Question, data: st.DataObject
) -> None:
    plates, captured_us, at_us = question
    picked = data.draw(st.lists(st.sampled_from(range(len(plates))), max_size=6)) if plates else []
    hotlist = Hotlist.of(listed)
    whole = {row: rest for row, *rest in ask(hotlist, question)}
    part = ask(hotlist, ([plates[row] for row in picked], captured_us[picked], at_us))
    assert [(row, *rest) for row, *rest in part] == [
        (place, *whole[row]) for place, row in enumerate(picked) if row in whole
    ]


@given(confused(), confused())
def test_packed_plates_are_compared_as_texts_are(one: str, other: str) -> None:
    keys = pack_all([one]), pack_all([other])
    misread, alike = differences(*keys)
    assert (misread[0] != NO_MATCH) == (skeleton(one) == skeleton(other))
    assert (hashes(keys[0]) == hashes(keys[1]))[0] == (skeleton(one) == skeleton(other))
    count = substitutions(one, other)
    assert (count is None) == (misread[0] == NO_MATCH)
    if count is not None:
        assert misread[0] <= count <= misread[0] + alike[0]


@given(st.lists(read_plates, max_size=5))
def test_nothing_is_found_in_an_empty_list(plates: list[str]) -> None:
    assert not ask(Hotlist.empty(), (plates, np.zeros(len(plates), np.int64), 0))
