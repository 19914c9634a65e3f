"""What is published of an authority that withholds what is listed: by the month, in steps, and nothing by the hour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.made_gateway import FEED, World
from tests.simulator import OWN_SIGNERS, charter
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, parse_rfc3339
from wicketgate.clients.verify.tallies import FactTally, stepped_cells
from wicketgate.clients.verify.targeting import TargetingChain
from wicketgate.commits.figures import Counts, Targeted, public_targeting, public_traffic
from wicketgate.commits.state import dump_state, load_state
from wicketgate.commits.transactions import Refused
from wicketgate.regime.admission.review_figures import since_review
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.publishing import bulk_names, hit_names, targeted_names, unlisted_cells, unlisted_names

NAME = "tfl-emissions"
LEAST = 1_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    founding = documents.changed(
        charter(every="PT1H"), lambda body: body["charter"].pop("demonstration", None)
    )
    made = World(tmp_path / "log", founding=founding)
    made.document(documents.example("authority"))
    made.document(documents.example("authority-unlisted"), OWN_SIGNERS)
    yield made
    made.close()


def moment_of(world: World) -> RegimeAt:
    return RegimeAt(world.state.regime, world.parsed, world.at_us)


def counted(released: int, listed: int, decided: int = 9_000) -> Counts:
    rest = decided - released - listed
    return Counts(
        taken=decided,
        decided=decided,
        released={NAME: released, FEED: decided},
        refused={f"{NAME}@1": {"listed": listed, "out-of-scope": rest}},
    )


def test_a_name_that_withholds_is_neither_bulk_nor_one_with_hits(world: World) -> None:
    moment = moment_of(world)
    assert (unlisted_names(moment), targeted_names(moment)) == ([NAME], [NAME])
    assert (hit_names(moment), bulk_names(moment)) == ([], [FEED])


def test_traffic_is_the_same_whether_a_vehicle_was_listed(world: World) -> None:
    some, other = (
        public_traffic(counted(*split), moment_of(world)) for split in ((100, 7_000), (101, 6_999))
    )
    assert some == other
    assert some["compared"] == {NAME: 7_100}
    assert NAME not in some["released"]
    assert {row["reason"] for row in some["refused"]} == {"out-of-scope"}


def test_what_left_and_what_stayed_come_by_the_month_with_the_share(world: World) -> None:
    targeted = Targeted()
    for split in ((600, 5_000), (650, 4_200)):
        targeted.count_rows(counted(*split))
    shown = public_targeting(targeted, moment_of(world))
    assert shown["unlisted"] == {NAME: {"released": 1_000, "withheld": 9_000, "share": 90}}
    assert shown["hits"] == {}
    nothing = public_targeting(Targeted(), moment_of(world))
    assert nothing["unlisted"] == {NAME: {"released": None, "withheld": None, "share": None}}


def test_rows_of_a_month_are_those_of_its_periods_of_traffic(world: World) -> None:
    for _ in range(2):
        world.apply(
            reads=700, withheld=700, refused=(Refused(authority=f"{NAME}@1", reason="listed", rows=700),)
        )
    leap(world, "2026-07-31T23:30:00Z")
    world.apply(reads=800, withheld=800, refused=(Refused(authority=f"{NAME}@1", reason="listed", rows=800),))
    assert load_state(dump_state(world.state)).targeted == world.state.targeted  # as a start reads it
    leap(world, "2026-08-08T00:00:05Z")
    (month,) = [one.figures for one in world.state.targeting_periods]
    assert month["unlisted"] == {NAME: {"released": None, "withheld": 2_000, "share": 100}}
    assert month["form"] == 3


def leap(world: World, until: str) -> None:
    """Be away until a moment."""
    at_us = parse_rfc3339(until)
    world.stop_and_start((at_us - world.state.second_us) // SECOND_US - 1)


@given(st.integers(0, 9_999), st.integers(0, 99_999), st.integers(1, 1_500))
def test_what_stayed_tells_no_more_of_what_left_than_its_own_step(left: int, stayed: int, least: int) -> None:
    """Whoever knows the sum of both, which is traffic, learns from all three cells what `released` says, no more."""
    shown = unlisted_cells(left, stayed, least)
    base = left - left % least
    for other in range(base, min(base + least, left + stayed + 1)):
        assert unlisted_cells(other, left + stayed - other, least) == shown


# --- what is checked of it --------------------------------------------------------------------------------------


def chain(compared: int, world: World) -> tuple[TargetingChain, dict[str, Any], RegimeAt, int]:
    """Return a chain that has traffic of a month, and the body of its targeting."""
    leap(world, "2026-08-08T00:00:05Z")
    moment = moment_of(world)
    body = dict(world.state.targeting_periods[0].figures)
    found = TargetingChain()
    found.count(parse_rfc3339(body["from"]), {NAME: compared})
    return found, body, moment, parse_rfc3339("2026-08-08T00:00:00Z")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({"released": 1_000, "withheld": 9_000, "share": 90}, ""),
        ({"released": None, "withheld": None, "share": None}, ""),
        ({"released": 1_000, "withheld": 9_000, "share": 91}, "share"),
        ({"released": 1_000, "withheld": 9_000, "share": None}, "share"),
        ({"released": None, "withheld": 1_000, "share": True}, "share"),
        ({"released": 1_000, "withheld": 20_000, "share": 95}, "compared at most"),
        ({"released": 1_500, "withheld": 9_000, "share": 85}, "no step of"),
        ({"released": 1_000, "withheld": 9_000}, "other rows"),
    ],
)
def test_verify_refuses_what_cannot_be(world: World, cells: dict[str, Any], words: str) -> None:
    found, body, moment, counted_us = chain(12_000, world)
    said = found.take(20, body | {"unlisted": {NAME: cells}}, moment, counted_us, set())
    assert (words in " ".join(said)) if words else said == []


@pytest.mark.parametrize("change", [{"unlisted": {}}, {"unlisted": None}, {"form": 2}])
def test_verify_refuses_figures_without_its_rows(world: World, change: dict[str, Any]) -> None:
    found, body, moment, counted_us = chain(12_000, world)
    assert found.take(20, body | change, moment, counted_us, set())


def test_behind_the_third_form_none_of_the_second_comes(world: World) -> None:
    found, body, moment, counted_us = chain(12_000, world)
    assert found.take(20, body, moment, counted_us, set()) == []
    former = {name: value for name, value in body.items() if name != "unlisted"} | {"form": 2}
    assert "members" in " ".join(found.take(21, former, moment, counted_us, set()))


def tally(released: int, listed: int) -> FactTally:
    found = FactTally()
    found.take(
        [
            {
                "kind": "decision", "commit": 1, "reads": released + listed, "withheld": listed, "accepted": 0,
                "repeated": 0, "quarantined": {},
                "refused": [{"authority": f"{NAME}@1", "reason": "listed", "rows": listed}],
            },
            {"kind": "release", "commit": 1, "authority": f"{NAME}@1", "rows": released},
        ],
        {},
    )  # fmt: skip
    return found


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("lie", [0, 1_000, -1_000])
@pytest.mark.parametrize("member", ["released", "withheld"])
def test_an_overseer_sees_a_step_too_much_or_too_little(whole: bool, lie: int, member: str) -> None:
    shown = unlisted_cells(2_300, 18_900, LEAST)
    body: dict[str, Any] = {
        "step": 10, "hits": {}, "outcomes": {}, "disclosures": {}, "disclosures_refused": {},
        "unlisted": {NAME: {**shown, member: (shown[member] or 0) + lie}},
    }  # fmt: skip
    cells = list(stepped_cells(body, [tally(2_300, 18_900)], LEAST, {}, whole=whole))
    differs = [one.what for one in cells if one.least > one.shown or (whole and one.most < one.shown)]
    # Of facts that are not all, only too much can be told; and of what stayed, a step of it is the other number's.
    expected = lie < 0 if not whole else lie != 0
    assert bool(differs) == (expected and not (not whole and member == "withheld"))


def test_a_review_has_its_sums(world: World) -> None:
    leap(world, "2026-08-08T00:00:05Z")
    periods = [one.figures for one in (*world.state.periods, *world.state.targeting_periods)]
    months = [{**periods[-1], "unlisted": {NAME: {"released": 1_000, "withheld": 9_000, "share": 90}}}] * 2
    found = since_review([*periods[:-1], *months], NAME, 0)
    assert found["targeting"]["unlisted"] == {"released": 2_000, "withheld": 18_000}
    assert "unlisted" not in since_review(periods, FEED, 0)["targeting"]
