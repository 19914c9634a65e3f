"""The gate by named examples; its laws are in tests/properties/test_gate_laws.py."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wicketgate
from tests.strategies import EPOCH_US, BrokenList, batch_of, breaks, entry_of, flags, pairs
from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US
from wicketgate.base.errors import ShapeError
from wicketgate.gate.decide import Decision, Looks, decide
from wicketgate.gate.terms import Terms, compile_table
from wicketgate.hotlists import Entry, Hotlist

YEAR_US = 365 * DAY_US
NOON_US = EPOCH_US + 12 * HOUR_US
LATE_US = 10 * SECOND_US


def terms(reference: str = "tfl-met-ct@1", **changes: Any) -> Terms:
    """Return terms for cameras 0 and 1 of three, in force for a year."""
    base = Terms(
        reference=reference,
        cameras=flags([True, True, False]),
        windows=pairs([(EPOCH_US, EPOCH_US + YEAR_US)]),
        valid_from_us=EPOCH_US,
        valid_until_us=EPOCH_US + YEAR_US,
        in_force_from_us=EPOCH_US,
        in_force_until_us=EPOCH_US + YEAR_US,
        ended_by="expired",
        stopped_by=None,
        fields=frozenset({"plate", "time", "place"}),
    )
    return replace(base, **changes)


def ask(*authorities: Terms, rows: list[tuple[int, int, int]], at_us: int = NOON_US) -> Decision:
    return decide(batch_of(rows), compile_table(authorities, 3), at_us, LATE_US)


def read(camera: int = 0, captured_us: int = NOON_US, delay_us: int = 1000) -> tuple[int, int, int]:
    return (camera, captured_us, captured_us + delay_us)


def reasons(decision: Decision) -> list[tuple[str, str, int]]:
    return [(item.reference, item.reason, item.rows) for item in decision.refusals]


def rows(decision: Decision) -> dict[str, list[int]]:
    return {item.reference: item.rows.tolist() for item in decision.releases}


def test_it_releases_the_cameras_in_scope_and_counts_the_others() -> None:
    decision = ask(terms(), rows=[read(2), read(0), read(1), read(2), read(0)])
    assert rows(decision) == {"tfl-met-ct@1": [1, 2, 4]}
    assert decision.releases[0].fields == {"plate", "time", "place"}
    assert decision.releases[0].late.tolist() == [False, False, False]
    assert reasons(decision) == [("tfl-met-ct@1", "out-of-scope", 2)]
    assert (decision.rows, decision.withheld) == (5, 2)


def test_a_row_fans_out_to_every_authority_that_allows_it() -> None:
    charging = terms("tfl-charging@3", cameras=flags([False, True, True]), fields=frozenset({"plate"}))
    decision = ask(terms(), charging, rows=[read(0), read(1), read(2)])
    assert rows(decision) == {"tfl-met-ct@1": [0, 1], "tfl-charging@3": [1, 2]}
    assert [release.fields for release in decision.releases] == [terms().fields, {"plate"}]
    assert decision.withheld == 0


def test_without_authorities_nothing_leaves() -> None:
    decision = ask(rows=[read(), read()])
    assert (decision.releases, decision.refusals, decision.withheld) == ((), (), 2)


def test_an_empty_batch_has_an_empty_answer() -> None:
    stopped = terms("b@1", stopped_by="revoked")
    decision = ask(terms(), stopped, rows=[])
    assert decision == Decision(rows=0, releases=(), refusals=(), withheld=0)


def test_no_cameras_at_all() -> None:
    table = compile_table([terms(cameras=flags([]))], 0)
    decision = decide(batch_of([read(0)]), table, NOON_US, LATE_US)
    assert reasons(decision) == [("tfl-met-ct@1", "error", 1)]


@pytest.mark.parametrize(
    ("offset_us", "reason"),
    [
        (-1, "not-in-force-yet"),
        (0, None),
        (1, None),
        (59, None),
        (60, "review-overdue"),
        (61, "review-overdue"),
    ],
)
def test_the_time_in_force_is_exact(offset_us: int, reason: str | None) -> None:
    authority = terms(in_force_from_us=NOON_US, in_force_until_us=NOON_US + 60, ended_by="review-overdue")
    decision = ask(authority, rows=[read()], at_us=NOON_US + offset_us)
    expected = [] if reason is None else [("tfl-met-ct@1", reason, 1)]
    assert reasons(decision) == expected


@pytest.mark.parametrize("among_others", [False, True], ids=["one-interval", "many-intervals"])
@pytest.mark.parametrize(
    ("offset_us", "reason"),
    [
        (-1, "before-validity"),
        (0, "out-of-scope"),
        (9, "out-of-scope"),
        (10, None),
        (19, None),
        (20, None),  # two windows touch here
        (29, None),
        (30, "out-of-scope"),
        (49, "out-of-scope"),
        (50, None),
        (59, None),
        (60, "out-of-scope"),
        (99, "out-of-scope"),
        (100, "expired"),
        (101, "expired"),
    ],
)
def test_validity_and_hours_are_exact(offset_us: int, reason: str | None, among_others: bool) -> None:
    start = NOON_US
    authority = terms(
        valid_from_us=start,
        valid_until_us=start + 100,
        windows=pairs([(start + 10, start + 20), (start + 20, start + 30), (start + 50, start + 60)]),
    )
    others = [read(0, start + offset) for offset in range(-20, 120)] if among_others else []
    decision = ask(authority, rows=[*others, read(0, start + offset_us)])
    without = ask(authority, rows=others)
    asked = len(others)
    assert [asked in found for found in rows(decision).values()] == (
        [] if reason and not others else [not reason]
    )
    if reason is not None:
        counted = {name: count for _, name, count in reasons(without)}
        assert {name: count for _, name, count in reasons(decision)} == {
            **counted,
            reason: counted.get(reason, 0) + 1,
        }


def test_the_camera_is_looked_at_before_the_time() -> None:
    too_early, too_late = EPOCH_US - 1, EPOCH_US + YEAR_US
    decision = ask(
        terms(), rows=[read(2, too_early), read(2, too_late), read(0, too_early), read(0, too_late)]
    )
    assert sorted(reasons(decision)) == [
        ("tfl-met-ct@1", "before-validity", 1),
        ("tfl-met-ct@1", "expired", 1),
        ("tfl-met-ct@1", "out-of-scope", 2),
    ]


@pytest.mark.parametrize("stop", ["revoked", "suspended", "error", "feed-full"])
def test_a_stop_goes_before_every_other_reason(stop: Any) -> None:
    authority = terms(stopped_by=stop, in_force_from_us=NOON_US + 1)
    free = terms("free@1")
    decision = ask(authority, free, rows=[read(), read(2), read(7)])
    assert [item for item in reasons(decision) if item[0] != "free@1"] == [("tfl-met-ct@1", stop, 3)]
    assert rows(decision) == {"free@1": [0]}


def test_before_it_is_in_force_goes_before_its_end() -> None:
    never = terms(in_force_from_us=NOON_US, in_force_until_us=NOON_US - 10)
    assert reasons(ask(never, rows=[read()], at_us=NOON_US - 5))[0][1] == "not-in-force-yet"
    assert reasons(ask(never, rows=[read()], at_us=NOON_US))[0][1] == "expired"


@pytest.mark.parametrize("camera", [3, 4, 2**31 - 1, -1, -(2**31)])
def test_an_unknown_camera_is_an_error_for_each_authority_in_force(camera: int) -> None:
    decision = ask(
        terms(), terms("b@1", stopped_by="suspended"), rows=[read(0), read(camera, EPOCH_US - 5), read(2)]
    )
    assert rows(decision) == {"tfl-met-ct@1": [0]}
    assert sorted(reasons(decision)) == [
        ("b@1", "suspended", 3),
        ("tfl-met-ct@1", "error", 1),
        ("tfl-met-ct@1", "out-of-scope", 1),
    ]
    assert decision.withheld == 2


def test_late_is_more_than_the_allowance() -> None:
    delays = [0, LATE_US, LATE_US + 1, -5]
    decision = ask(terms(), rows=[read(2), *(read(0, NOON_US, delay) for delay in delays)])
    assert decision.releases[0].rows.tolist() == [1, 2, 3, 4]
    assert decision.releases[0].late.tolist() == [False, False, True, False]


def test_a_large_batch() -> None:
    decision = ask(
        terms(), terms("b@1", cameras=flags([False, True, False])), rows=[read(), read(1)] * 35_000
    )
    assert [len(release.rows) for release in decision.releases] == [70_000, 35_000]
    assert decision.releases[1].rows[-1] == 69_999


@pytest.mark.parametrize("cameras", [[0, 0], [0, 2]], ids=["all-rows", "some-rows"])
def test_nobody_can_write_into_what_releases_share(cameras: list[int]) -> None:
    release = ask(terms(), rows=[read(camera) for camera in cameras]).releases[0]
    assert not release.late.flags.writeable
    assert not release.rows.flags.writeable


@pytest.mark.parametrize("number", range(len(breaks(terms()))))
def test_each_fault_of_terms_refuses_them_alone_and_is_named(number: int) -> None:
    broken = breaks(terms("broken@1"))[number]
    table = compile_table([broken, terms()], 3)
    assert [reference for reference, _ in table.faults] == ["broken@1"]
    decision = decide(batch_of([read(), read(2)]), table, NOON_US, LATE_US)
    assert rows(decision) == {"tfl-met-ct@1": [0]}
    assert [item for item in reasons(decision) if item[0] == "broken@1"] == [("broken@1", "error", 2)]


def test_terms_that_share_a_reference_are_all_refused() -> None:
    table = compile_table([terms(), terms("b@1"), terms()], 3)
    decision = decide(batch_of([read()]), table, NOON_US, LATE_US)
    assert rows(decision) == {"b@1": [0]}
    assert reasons(decision) == [("tfl-met-ct@1", "error", 1)] * 2


def test_terms_without_any_window_release_nothing() -> None:
    decision = ask(terms(windows=pairs([])), rows=[read()])
    assert reasons(decision) == [("tfl-met-ct@1", "out-of-scope", 1)]


def test_a_decision_far_from_any_time_refuses() -> None:
    for at_us in (2**62, 2**70, -(2**70)):
        decision = ask(terms(), terms("broken@1", fields=frozenset()), rows=[read()], at_us=at_us)
        assert decision.releases == ()


def test_cameras_that_came_after_the_table_need_a_new_one() -> None:
    table = compile_table([terms(cameras=flags([True, True, True, True]))], 4)
    assert len(table) == 1
    assert decide(batch_of([read(3)]), table, NOON_US, LATE_US).withheld == 0
    assert compile_table([terms()], 4).faults[0][0] == "tfl-met-ct@1"


@pytest.mark.parametrize("column", ["camera", "captured_us", "received_us"])
def test_a_batch_of_other_types_is_refused_by_an_exception(column: str) -> None:
    batch = batch_of([read()])
    wrong = replace(batch, **{column: getattr(batch, column).astype(np.float64)})
    with pytest.raises(ShapeError) as caught:
        decide(wrong, compile_table([terms()], 3), NOON_US, LATE_US)
    assert caught.value.code == "shape"


def test_columns_may_be_views_with_strides() -> None:
    batch = batch_of([read(camera) for camera in (0, 2, 1, 2)])
    every_other = replace(batch, **{name: getattr(batch, name)[::2] for name in batch.__slots__})
    assert rows(decide(every_other, compile_table([terms()], 3), NOON_US, LATE_US)) == {
        "tfl-met-ct@1": [0, 1]
    }


def test_deciding_leaves_the_batch_as_it_was() -> None:
    batch = batch_of([read(0), read(9), read(-1)])
    before = batch.camera.copy()
    decide(batch, compile_table([terms()], 3), NOON_US, LATE_US)
    assert batch.camera.tolist() == before.tolist()


# --- mode match -------------------------------------------------------------------------------------------

WANTED = "tfl-met-wanted@1"


def hotlist(*plates: str, from_us: int = EPOCH_US, until_us: int = EPOCH_US + YEAR_US) -> Hotlist:
    return Hotlist.of([entry_of(plate, from_us, until_us) for plate in plates])


def ask_list(
    *authorities: Terms,
    plates: list[str],
    lists: dict[str, Looks],
    rows: list[tuple[int, int, int]] | None = None,
    at_us: int = NOON_US,
) -> Decision:
    batch = batch_of(rows or [read() for _ in plates], plates)
    return decide(batch, compile_table(authorities, 3), at_us, LATE_US, lists)


def test_only_listed_reads_are_released_and_the_others_counted() -> None:
    decision = ask_list(
        terms(WANTED, matches=True),
        plates=["KLM3", "AB12CDE", "A812CDE", "XY65ZZZ", "AB12CDE"],
        lists={WANTED: hotlist("AB12CDE")},
        rows=[read(), read(1), read(), read(), read(2)],
    )
    (release,) = decision.releases
    assert release.rows.tolist() == [1, 2]
    assert release.hits is not None
    assert release.which is not None
    assert [release.hits.exact[n] for n in release.which] == [True, False]  # type: ignore[attr-defined]
    assert reasons(decision) == [(WANTED, "not-listed", 2), (WANTED, "out-of-scope", 1)]
    assert decision.withheld == 3


def test_bulk_and_match_are_decided_side_by_side() -> None:
    decision = ask_list(
        terms(), terms(WANTED, matches=True), plates=["KLM3", "AB12CDE"], lists={WANTED: hotlist("AB12CDE")}
    )
    assert rows(decision) == {"tfl-met-ct@1": [0, 1], WANTED: [1]}
    assert [release.hits is None for release in decision.releases] == [True, False]
    assert (reasons(decision), decision.withheld) == ([(WANTED, "not-listed", 1)], 0)


def test_a_list_of_one_authority_says_nothing_to_another() -> None:
    other = "council-wanted@1"
    decision = ask_list(
        terms(WANTED, matches=True),
        terms(other, matches=True),
        plates=["KLM3", "AB12CDE"],
        lists={WANTED: hotlist("AB12CDE"), other: hotlist("KLM3")},
    )
    assert rows(decision) == {WANTED: [1], other: [0]}


def test_an_empty_list_releases_nothing() -> None:
    decision = ask_list(terms(WANTED, matches=True), plates=["KLM3"] * 3, lists={WANTED: hotlist()})
    assert (reasons(decision), decision.withheld) == ([(WANTED, "not-listed", 3)], 3)


@pytest.mark.parametrize("lists", [{}, {WANTED: BrokenList()}], ids=["missing", "broken"])
def test_a_list_that_cannot_be_asked_refuses_under_error(lists: dict[str, Looks]) -> None:
    decision = ask_list(
        terms(),
        terms(WANTED, matches=True),
        plates=["AB12CDE"] * 3,
        lists=lists,
        rows=[read(), read(2), read(9)],
    )
    assert rows(decision) == {"tfl-met-ct@1": [0]}
    assert sorted(item for item in reasons(decision) if item[0] == WANTED) == [
        (WANTED, "error", 2),  # the one in scope, and the camera that nobody knows
        (WANTED, "out-of-scope", 1),
    ]


class WrongRows:
    """A list whose answer names reads that are not there."""

    rows = np.array([7])

    def look(self, *_: object) -> WrongRows:
        return self


def test_a_list_that_names_reads_that_are_not_there_refuses_under_error() -> None:
    decision = ask_list(terms(WANTED, matches=True), plates=["KLM3"], lists={WANTED: WrongRows()})
    assert reasons(decision) == [(WANTED, "error", 1)]


@pytest.mark.parametrize(
    ("from_us", "until_us", "captured_us", "hit"),
    [
        (NOON_US, NOON_US + 9, NOON_US, True),
        (NOON_US - 5, NOON_US + 1, NOON_US - 5, True),
        (NOON_US - 4, NOON_US + 9, NOON_US - 5, False),  # listed after the capture
        (NOON_US - 9, NOON_US, NOON_US - 5, False),  # ended before the decision
        (NOON_US + 1, NOON_US + 9, NOON_US, False),
        (NOON_US, NOON_US + 2, NOON_US + 2, False),  # a capture ahead of the clock, at the entry's end
    ],
)
def test_an_entry_counts_at_both_moments(from_us: int, until_us: int, captured_us: int, hit: bool) -> None:
    decision = ask_list(
        terms(WANTED, matches=True),
        plates=["KLM3"],
        lists={WANTED: hotlist("KLM3", from_us=from_us, until_us=until_us)},
        rows=[read(0, captured_us)],
    )
    assert [WANTED in rows(decision)] == [hit]
    assert reasons(decision) == ([] if hit else [(WANTED, "not-listed", 1)])


def test_a_late_hit_is_marked() -> None:
    decision = ask_list(
        terms(WANTED, matches=True),
        plates=["KLM3"] * 2,
        lists={WANTED: hotlist("KLM3")},
        rows=[read(delay_us=LATE_US + 1), read(delay_us=LATE_US)],
    )
    assert decision.releases[0].late.tolist() == [True, False]


def test_every_other_reason_goes_before_not_listed() -> None:
    authority = terms(WANTED, matches=True, windows=pairs([(NOON_US, NOON_US + 9)]))
    times = [EPOCH_US - 1, EPOCH_US + YEAR_US, NOON_US - 1, NOON_US]
    decision = ask_list(
        authority, plates=["XX1"] * 4, lists={WANTED: hotlist("KLM3")}, rows=[read(0, at) for at in times]
    )
    assert {reason for _, reason, _ in reasons(decision)} == {
        "before-validity",
        "expired",
        "out-of-scope",
        "not-listed",
    }


def test_a_list_of_an_authority_that_is_stopped_is_not_asked() -> None:
    decision = ask_list(
        terms(WANTED, matches=True, stopped_by="suspended"), plates=["KLM3"], lists={WANTED: BrokenList()}
    )
    assert reasons(decision) == [(WANTED, "suspended", 1)]


def test_of_two_entries_for_a_read_the_nearer_counts() -> None:
    near, exact = entry_of("A812CDE", priority=1), entry_of("AB12CDE", priority=4)
    for listed, voi in (([near, exact], exact.voi), ([near], near.voi)):
        entries = [_for_a_year(entry) for entry in listed]
        decision = ask_list(
            terms(WANTED, matches=True), plates=["AB12CDE"], lists={WANTED: Hotlist.of(entries)}
        )
        hits = decision.releases[0].hits
        assert hits is not None
        assert [entry.voi for entry in hits.entries] == [voi]  # type: ignore[attr-defined]


def _for_a_year(entry: Entry) -> Entry:
    return entry_of(entry.plate, EPOCH_US, EPOCH_US + YEAR_US, priority=entry.priority)


def test_a_release_is_made_in_the_gate_alone() -> None:
    package = Path(wicketgate.__file__).parent
    makers = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", None))
                if name == "Release":
                    makers.add(path.relative_to(package).as_posix())
    assert makers == {"gate/decide.py"}
