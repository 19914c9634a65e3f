"""What people's roles open, local time beside UTC, the filter of a queue and its groups."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.pages.test_duty_pages import NOW_US, PAGES, SESSION, a_hit, a_queue
from wicketgate.base.clock import HOUR_US, MINUTE_US
from wicketgate.pages import desks, duty_filter, local
from wicketgate.pages.desks import BESIDE_DESKS, DESKS, desks_of
from wicketgate.pages.duty_filter import MOST, HitFilter, grouped
from wicketgate.pages.local import local_moment
from wicketgate.regime.documents.people import OFFICE_ROLES, PEOPLE_ROLES, SOURCE_ROLES, UNIT_ROLES

ALERTS = "/me/alerts"
"""Where every role sets who is told of what; it is no page to work at."""


@pytest.mark.parametrize("module", [desks, duty_filter, local])
def test_the_examples_hold(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted
    assert not found.failed


def test_every_role_opens_a_page_at_its_place() -> None:
    for kind, roles in (("unit", UNIT_ROLES), ("office", OFFICE_ROLES), ("organisation", SOURCE_ROLES)):
        for role in roles:
            opened = [desk for desk in desks_of(kind, {role}, person=True) if desk.href != ALERTS]
            assert opened, (kind, role)
    assert {role for desk in DESKS if desk.href != ALERTS for role in desk.roles} == PEOPLE_ROLES
    assert BESIDE_DESKS.keys() <= PEOPLE_ROLES


def test_no_page_opens_at_a_place_of_another_kind() -> None:
    for kind in ("unit", "office", "organisation"):
        for desk in desks_of(kind, PEOPLE_ROLES, person=True):
            assert kind in desk.kinds
    opened = desks_of("organisation", UNIT_ROLES | OFFICE_ROLES, person=True)
    assert [desk.href for desk in opened] == [ALERTS], "whoever works anywhere is told of something"
    assert not desks_of("office", (), person=False)


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        # The clocks go back: 01:30 comes twice, and the abbreviation tells the two apart.
        ("2026-10-25T00:30:00Z", "25 October 2026, 00:30 UTC (01:30 BST)"),
        ("2026-10-25T01:30:00Z", "25 October 2026, 01:30 UTC (01:30 GMT)"),
        # The clocks go forward: 01:30 never comes.
        ("2026-03-29T00:59:59Z", "29 March 2026, 00:59 UTC (00:59 GMT)"),
        ("2026-03-29T01:00:00Z", "29 March 2026, 01:00 UTC (02:00 BST)"),
        ("2026-12-31T23:59:00Z", "31 December 2026, 23:59 UTC (23:59 GMT)"),
    ],
)
def test_local_time_stands_beside_utc_over_a_change_of_the_clocks(at: str, shown: str) -> None:
    assert local_moment(at, "Europe/London") == shown


def test_another_day_and_a_zone_without_a_name_of_its_own_are_said() -> None:
    assert local_moment("2026-12-31T21:30:00Z", "Asia/Dubai") == (
        "31 December 2026, 21:30 UTC (1 January, 01:30 UTC+04)"
    )
    assert local_moment("soon", "Europe/London") == "soon"


def test_one_vehicles_hits_stand_together_where_its_most_urgent_stood() -> None:
    hits = [a_hit("a"), a_hit("b", voi="v2"), a_hit("c"), a_hit("d", authority="other")]
    assert [(hit.id, place, of) for hit, place, of in grouped(hits)] == [
        ("a", 1, 2),
        ("c", 2, 2),
        ("b", 1, 1),
        ("d", 1, 1),
    ]
    html = PAGES.queue(a_queue(*hits), SESSION, NOW_US)
    assert html.count("hits of this vehicle") == 2
    assert html.index("hit-c") < html.index("hit-b")


FITTING = [
    ({"authority": "tfl-met-wanted"}, {"authority": "tfl-met-other"}),
    ({"camera": "tfl/c0"}, {"camera": None}),
    ({"priority": "1"}, {"priority": 2}),
    ({"state": "open"}, {"status": "confirmed"}),
    ({"since": "15m"}, {"raised_us": NOW_US - 15 * MINUTE_US}),
    ({"since": "1h"}, {"raised_us": NOW_US - HOUR_US}),
]


@pytest.mark.parametrize(("asked", "other"), FITTING)
def test_a_filter_keeps_what_fits_and_leaves_out_what_does_not(
    asked: dict[str, str], other: dict[str, object]
) -> None:
    chosen = HitFilter.of(asked)
    assert chosen.keeps(a_hit(), NOW_US)
    assert not chosen.keeps(a_hit(**other), NOW_US)
    assert HitFilter.of_text(chosen.query) == chosen


def test_what_is_unknown_fits_nothing_and_what_is_too_long_is_left_out() -> None:
    for name in ("authority", "camera", "priority", "state", "since"):
        assert not HitFilter.of({name: "nothing such"}).keeps(a_hit(), NOW_US)
    assert HitFilter.of({"camera": "x" * (MOST + 1)}) == HitFilter()


@given(st.text(max_size=900))
def test_any_text_is_a_filter(text: str) -> None:
    again = HitFilter.of_text(text)
    assert HitFilter.of_text(again.query) == again


def test_a_filter_says_what_it_hides() -> None:
    queue = a_queue(a_hit(), filter=HitFilter(priority="1"), hidden=3, hidden_overdue=1)
    html = PAGES.queue(queue, SESSION, NOW_US)
    assert "3 more wait that the filter does not show, 1 of them overdue" in html
    assert 'data-part="/duty/queue?priority=1"' in html
    assert 'name="filter" value="priority=1"' in html
