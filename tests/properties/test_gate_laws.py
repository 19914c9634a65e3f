"""The laws of the gate, for any terms, reads and moments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.oracles.gate_oracle import answer_of, decide_slowly, stays
from tests.strategies import (
    EPOCH_US,
    LISTED_PLATES,
    SPAN_US,
    BrokenList,
    Listed,
    Question,
    Withholding,
    batch_of,
    breaks,
    entries,
    entry_of,
    list_for,
    narrowings,
    pairs,
    questions,
    read_batches,
    rows_of,
    sound_terms,
    stops,
)
from wicketgate.gate.decide import Decision, Looks, Release, decide
from wicketgate.gate.terms import Terms, compile_table
from wicketgate.hotlists import Entry
from wicketgate.reads.columns import ReadBatch

few = settings(max_examples=40)  # for laws that the equality with the oracle, at full count, implies


def ask(question: Question, **changed: object) -> Decision:
    question = replace(question, **changed)
    table = compile_table(question.terms, question.n_cameras)
    return decide(question.batch, table, question.at_us, question.late_after_us, question.lists)


def entries_in(lists: Mapping[str, Looks]) -> dict[str, tuple[Entry, ...] | None]:
    """Return the entries of lists, as the oracle wants them."""
    return {name: listed.entries if isinstance(listed, Listed) else None for name, listed in lists.items()}


def by_reference(decision: Decision) -> dict[str, Release]:
    assert len({release.reference for release in decision.releases}) == len(decision.releases)
    return {release.reference: release for release in decision.releases}


def refused(decision: Decision, reference: str) -> dict[str, int]:
    """Return reason -> rows of one authority."""
    return {item.reason: item.rows for item in decision.refusals if item.reference == reference}


@given(questions())
def test_it_equals_the_row_by_row_oracle(question: Question) -> None:
    expected = decide_slowly(
        question.batch,
        question.terms,
        question.n_cameras,
        question.at_us,
        question.late_after_us,
        entries_in(question.lists),
    )
    event(f"releases: {min(len(expected.releases), 3)}")
    event(f"reasons: {sorted({reason for _, reason, _ in expected.refusals})}")
    assert answer_of(ask(question)) == expected


@pytest.mark.parametrize("count", [63, 64, 65, 128, 129, 200])
@pytest.mark.parametrize("seed", range(2))
def test_it_equals_the_oracle_over_several_words_of_authorities(count: int, seed: int) -> None:
    random = np.random.default_rng([count, seed])
    n_cameras = 20
    terms = []
    lists: dict[str, Looks] = {}
    for number in range(count):
        points = np.sort(random.choice(SPAN_US, size=6, replace=False)) + EPOCH_US
        terms.append(
            Terms(
                reference=f"a{number}@1",
                cameras=random.random(n_cameras) < 0.6,
                windows=pairs([(points[1], points[2]), (points[3], points[4])]),
                valid_from_us=int(points[0]),
                valid_until_us=int(points[5]),
                in_force_from_us=EPOCH_US + int(random.integers(0, 9)),
                in_force_until_us=EPOCH_US + int(random.integers(5, 40)),
                ended_by="expired" if random.random() < 0.5 else "review-overdue",
                stopped_by="revoked" if random.random() < 0.05 else None,
                fields=frozenset({"plate"}) if random.random() < 0.97 else frozenset(),
                matches=number % 3 == 0,
                withholds=number % 3 == 1,
            )
        )
        listed = [entry_of(str(plate)) for plate in random.choice(LISTED_PLATES, 3, replace=False)]
        lists[f"a{number}@1"] = BrokenList() if number % 30 == 0 else list_for(terms[-1], listed)
    rows = np.stack(
        [random.integers(-1, n_cameras + 1, 60), *(EPOCH_US + random.integers(0, SPAN_US, (2, 60)))], axis=1
    )
    batch = batch_of([tuple(row) for row in rows.tolist()], random.choice(LISTED_PLATES, 60).tolist())
    at_us = EPOCH_US + 7
    answer = answer_of(decide(batch, compile_table(terms, n_cameras), at_us, 10, lists))
    assert answer == decide_slowly(batch, terms, n_cameras, at_us, 10, entries_in(lists))
    assert answer.releases


@few
@given(questions())
def test_every_row_counts_once_under_every_authority(question: Question) -> None:
    decision = ask(question)
    n = len(question.batch)
    assert decision.rows == n
    totals = Counter(term.reference for term in question.terms)
    counted = Counter(dict.fromkeys(totals, 0))
    for release in decision.releases:
        counted[release.reference] += len(release.rows)
    for refusal in decision.refusals:
        assert refusal.rows > 0
        counted[refusal.reference] += refusal.rows
    assert counted == {reference: n * copies for reference, copies in totals.items()}


@few
@given(questions())
def test_withheld_are_the_rows_that_nobody_got(question: Question) -> None:
    decision = ask(question)
    seen = {row for release in decision.releases for row in release.rows.tolist()}
    assert decision.withheld == len(question.batch) - len(seen)


@few
@given(questions())
def test_rows_ascend_and_late_is_of_the_same_row(question: Question) -> None:
    delay = question.batch.received_us - question.batch.captured_us
    for release in ask(question).releases:
        assert release.rows.dtype == np.intp
        assert (np.diff(release.rows) > 0).all()
        assert release.late.tolist() == (delay[release.rows] > question.late_after_us).tolist()


@given(questions(min_terms=1, broken=False), st.data())
def test_narrowing_an_authority_adds_no_row_and_no_field(question: Question, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(question.terms) - 1))
    narrower = data.draw(narrowings(question.terms[number]))
    terms = (*question.terms[:number], narrower, *question.terms[number + 1 :])
    before, after = by_reference(ask(question)), by_reference(ask(question, terms=terms))
    assert after.keys() <= before.keys()
    for reference, release in after.items():
        event("narrowed, something left" if reference == narrower.reference else "another")
        assert set(release.rows.tolist()) <= set(before[reference].rows.tolist())
        assert release.fields <= before[reference].fields
        if reference != narrower.reference:
            assert release.rows.tolist() == before[reference].rows.tolist()
            assert release.fields == before[reference].fields


@few
@given(questions(min_terms=1, broken=False), st.data())
def test_removing_an_authority_changes_nothing_of_the_others(question: Question, data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(question.terms))
    terms = tuple(term for term in question.terms if term is not gone)
    before, after = answer_of(ask(question)), answer_of(ask(question, terms=terms))
    assert after.releases == [item for item in before.releases if item[0] != gone.reference]
    assert after.refusals == [item for item in before.refusals if item[0] != gone.reference]
    assert after.withheld >= before.withheld


@few
@given(questions(), st.data())
def test_the_order_of_terms_does_not_matter(question: Question, data: st.DataObject) -> None:
    terms = tuple(data.draw(st.permutations(question.terms)))
    assert answer_of(ask(question, terms=terms)) == answer_of(ask(question))


@few
@given(questions(), st.data())
def test_the_order_of_rows_only_permutes(question: Question, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(question.batch))))
    before, after = ask(question), ask(question, batch=rows_of(question.batch, order))
    assert answer_of(after).refusals == answer_of(before).refusals
    assert after.withheld == before.withheld
    old, new = by_reference(before), by_reference(after)
    assert new.keys() == old.keys()
    for reference, release in new.items():
        again = sorted(zip([order[row] for row in release.rows], release.late.tolist(), strict=True))
        assert again == list(zip(old[reference].rows.tolist(), old[reference].late.tolist(), strict=True))


@few
@given(questions(), st.integers(0, 8))
def test_batches_may_be_split_anywhere(question: Question, cut: int) -> None:
    order = list(range(len(question.batch)))
    whole = ask(question)
    parts = [ask(question, batch=rows_of(question.batch, rows)) for rows in (order[:cut], order[cut:])]
    assert sum(part.withheld for part in parts) == whole.withheld
    rows: Counter[str] = Counter()
    for part in parts:
        rows.update({release.reference: len(release.rows) for release in part.releases})
    assert rows == {release.reference: len(release.rows) for release in whole.releases}


@few
@given(questions(min_terms=1, broken=False), stops, st.data())
def test_a_stopped_authority_refuses_everything(question: Question, stop: str, data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(question.terms) - 1))
    stopped = replace(question.terms[number], stopped_by=stop)
    terms = (*question.terms[:number], stopped, *question.terms[number + 1 :])
    decision = ask(question, terms=terms)
    n = len(question.batch)
    assert stopped.reference not in by_reference(decision)
    assert refused(decision, stopped.reference) == ({stop: n} if n else {})


@few
@given(sound_terms("a@1", 2, stopped=False), read_batches(2), st.integers(-3, SPAN_US + 3))
def test_outside_its_time_in_force_an_authority_refuses_everything(
    term: Terms, batch: ReadBatch, after_us: int
) -> None:
    at_us = EPOCH_US + after_us
    decision = decide(batch, compile_table([term], 2), at_us, 0)
    if at_us < term.in_force_from_us:
        reason = "not-in-force-yet"
    elif at_us >= term.in_force_until_us:
        reason = term.ended_by
    else:
        assert not {"not-in-force-yet", "review-overdue"} & refused(decision, "a@1").keys()
        return
    assert decision.releases == ()
    assert refused(decision, "a@1") == ({reason: len(batch)} if len(batch) else {})


@few
@given(questions(min_terms=1, broken=False), st.data())
def test_a_broken_authority_refuses_alone(question: Question, data: st.DataObject) -> None:
    sound = sound_terms("broken@1", question.n_cameras, stopped=False)
    broken = data.draw(st.sampled_from(breaks(data.draw(sound))))
    before = answer_of(ask(question))
    number = data.draw(st.integers(0, len(question.terms)))
    terms = (*question.terms[:number], broken, *question.terms[number:])
    decision = ask(question, terms=terms)
    n = len(question.batch)
    assert refused(decision, "broken@1") == ({"error": n} if n else {})
    after = answer_of(decision)
    assert after.releases == before.releases
    assert [item for item in after.refusals if item[0] != "broken@1"] == before.refusals
    assert after.withheld == before.withheld
    assert [name for name, _ in compile_table(terms, question.n_cameras).faults] == ["broken@1"]


@few
@given(questions(broken=False))
def test_each_release_names_an_authority_and_its_fields_alone(question: Question) -> None:
    granted = {term.reference: term.fields for term in question.terms}
    for release in ask(question).releases:
        assert release.fields == granted[release.reference]


@few
@given(questions())
def test_a_table_may_be_used_again_and_again(question: Question) -> None:
    table = compile_table(question.terms, question.n_cameras)
    for at_us in (question.at_us, EPOCH_US, question.at_us):
        again = answer_of(decide(question.batch, table, at_us, question.late_after_us, question.lists))
        assert again == answer_of(ask(question, at_us=at_us))


# --- modes match and unlisted -------------------------------------------------------------------------------

matching = questions(min_terms=1, broken=False, matching=True)


@given(questions(broken=False))
def test_match_releases_of_what_bulk_would_what_is_listed_and_nothing_else(question: Question) -> None:
    as_bulk = tuple(replace(term, matches=False, withholds=False) for term in question.terms)
    bulk, found = by_reference(ask(question, terms=as_bulk)), by_reference(ask(question))
    for term in question.terms:
        in_scope = bulk[term.reference].rows.tolist() if term.reference in bulk else []
        released = found[term.reference].rows.tolist() if term.reference in found else []
        assert set(released) <= set(in_scope)
        refusals = refused(ask(question), term.reference)
        if term.matches:
            event("some are listed" if released else "none is listed")
            assert refusals.pop("not-listed", 0) == len(in_scope) - len(released)
        elif term.withholds:
            event("some stay" if len(released) < len(in_scope) else "all leave")
            assert refusals.pop("listed", 0) == len(in_scope) - len(released)
        else:
            assert released == in_scope
        assert refusals == refused(ask(question, terms=as_bulk), term.reference)


unlisted = questions(min_terms=1, broken=False).map(
    lambda question: replace(
        question,
        terms=tuple(replace(term, matches=False, withholds=True) for term in question.terms),
        lists={
            term.reference: Withholding.of(
                getattr(question.lists.get(term.reference), "entries", (entry_of(LISTED_PLATES[0]),))
            )
            for term in question.terms
        },
    )
)


@given(unlisted)
def test_nothing_of_a_listed_plate_leaves_and_nothing_else_stays(question: Question) -> None:
    bulk = by_reference(ask(question, terms=tuple(replace(term, withholds=False) for term in question.terms)))
    found = by_reference(ask(question))
    assert found.keys() <= bulk.keys()
    for reference, release in bulk.items():
        entries = question.lists[reference].entries  # type: ignore[attr-defined]
        left = found[reference].rows.tolist() if reference in found else []
        for row in release.rows.tolist():
            plate, captured_us = question.batch.plate[row], int(question.batch.captured_us[row])
            assert (row in left) != stays(entries, plate, captured_us, question.at_us)
        assert refused(ask(question), reference).get("listed", 0) == len(release.rows) - len(left)
        if reference in found:
            assert found[reference].fields == release.fields
            assert found[reference].hits is None


def narrows(question: Question, lists: Mapping[str, Any], changed: str) -> None:
    """Hold that other lists add no row to any release, and change those of one authority alone."""
    before, after = by_reference(ask(question)), by_reference(ask(question, lists=lists))
    assert after.keys() <= before.keys()
    for reference, release in after.items():
        assert set(release.rows.tolist()) <= set(before[reference].rows.tolist())
        if reference != changed:
            assert release.rows.tolist() == before[reference].rows.tolist()


@given(unlisted, st.data())
def test_another_entry_of_what_stays_adds_no_row(question: Question, data: st.DataObject) -> None:
    term = data.draw(st.sampled_from(question.terms))
    listed = question.lists[term.reference]
    assert isinstance(listed, Withholding)
    more = data.draw(st.sampled_from(LISTED_PLATES))
    grown = [*(one for one in listed.entries if one.plate != more), entry_of(more)]
    lists = {**question.lists, term.reference: Withholding.of(grown)}
    narrows(question, lists, term.reference)


@given(unlisted, st.data())
def test_lists_of_what_stays_that_fail_refuse_all_of_their_authority_alone(
    question: Question, data: st.DataObject
) -> None:
    term = data.draw(st.sampled_from(question.terms))
    lists = dict(question.lists)
    if data.draw(st.booleans()):
        lists[term.reference] = BrokenList()
    else:
        del lists[term.reference]
    before, after = ask(question), ask(question, lists=lists)
    assert term.reference not in by_reference(after)
    assert "listed" not in refused(after, term.reference)
    for other in question.terms:
        if other.reference != term.reference:
            assert refused(before, other.reference) == refused(after, other.reference)


@given(matching, st.data())
def test_removing_an_entry_adds_no_row(question: Question, data: st.DataObject) -> None:
    term = data.draw(st.sampled_from(question.terms))
    listed = question.lists[term.reference]
    assert isinstance(listed, Listed)
    kept = [entry for entry in listed.entries if data.draw(st.booleans())]
    lists = {**question.lists, term.reference: Listed.of(kept)}
    narrows(question, lists, term.reference)


@given(matching, st.data())
def test_an_entry_that_counts_for_a_shorter_time_adds_no_row(question: Question, data: st.DataObject) -> None:
    term = data.draw(st.sampled_from(question.terms))
    listed = question.lists[term.reference]
    assert isinstance(listed, Listed)
    shorter = [
        entry_of(
            entry.plate,
            entry.listed_us + data.draw(st.integers(0, 9)),
            entry.until_us - data.draw(st.integers(0, 9)),
        )
        for entry in listed.entries
    ]
    lists = {**question.lists, term.reference: Listed.of(shorter)}
    before, after = by_reference(ask(question)), by_reference(ask(question, lists=lists))
    for reference, release in after.items():
        assert set(release.rows.tolist()) <= set(before[reference].rows.tolist())


@given(matching, st.data())
def test_a_list_that_fails_refuses_for_its_authority_alone(question: Question, data: st.DataObject) -> None:
    term = data.draw(st.sampled_from(question.terms))
    lists = dict(question.lists)
    if data.draw(st.booleans()):
        lists[term.reference] = BrokenList()
    else:
        del lists[term.reference]
    before, after = ask(question), ask(question, lists=lists)
    assert term.reference not in by_reference(after)
    asked = refused(before, term.reference)
    released = by_reference(before)
    rows = len(released[term.reference].rows) if term.reference in released else 0
    failed = rows + asked.pop("not-listed", 0) + asked.pop("error", 0)
    assert refused(after, term.reference) == asked | ({"error": failed} if failed else {})
    for answer in (before, after):
        others = answer_of(answer)
        others.releases[:] = [item for item in others.releases if item[0] != term.reference]
        others.refusals[:] = [item for item in others.refusals if item[0] != term.reference]
        if answer is before:
            expected = others
    assert (others.releases, others.refusals) == (expected.releases, expected.refusals)
    seen = {row for release in after.releases for row in release.rows.tolist()}
    assert after.withheld == len(question.batch) - len(seen)


@few
@given(matching)
def test_every_row_of_a_release_is_a_hit_and_in_its_place(question: Question) -> None:
    for release in ask(question).releases:
        assert release.hits is not None
        assert release.which is not None
        assert release.hits.rows[release.which].tolist() == release.rows.tolist()
        assert (np.diff(release.which) > 0).all()


@few
@given(
    st.lists(entries(), max_size=4, unique_by=lambda entry: entry.plate),
    read_batches(1),
    st.integers(0, SPAN_US),
)
def test_an_entry_is_listed_at_the_capture_and_at_the_decision(
    listed: list[Entry], batch: ReadBatch, after_us: int
) -> None:
    """So a later entry never hits an earlier read, nor does one that has ended meanwhile."""
    at_us = EPOCH_US + after_us
    whole = pairs([(EPOCH_US - 9, EPOCH_US + 99)])
    term = Terms(
        reference="m@1",
        cameras=np.ones(1, np.bool_),
        windows=whole,
        valid_from_us=EPOCH_US - 9,
        valid_until_us=EPOCH_US + 99,
        in_force_from_us=EPOCH_US - 9,
        in_force_until_us=EPOCH_US + 99,
        ended_by="expired",
        stopped_by=None,
        fields=frozenset({"plate"}),
        matches=True,
    )
    answer = decide(batch, compile_table([term], 1), at_us, 0, {"m@1": Listed.of(listed)})
    for release in answer.releases:
        hits, which = release.hits, release.which
        assert hits is not None
        assert which is not None
        for row, number in zip(release.rows.tolist(), which.tolist(), strict=True):
            entry = hits.entries[number]  # type: ignore[attr-defined]
            for moment in (int(batch.captured_us[row]), at_us):
                assert entry.listed_us <= moment < entry.until_us
