"""What left under an authority of which no version was in force: the log's own figures say it, and `verify` too."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.made_gateway import FEED, START_US, WANTED, World
from tests.simulator import charter
from tests.unit.clients.test_first_form import period
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.signing import canonical
from wicketgate.clients.verify import verify_folder
from wicketgate.clients.verify.figures import FiguresChain
from wicketgate.clients.verify.in_force import InForce
from wicketgate.clients.verify.targeting import TargetingChain
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.publishing import HIT_KINDS, OUTCOME_KINDS, onward_of, step_of

put = documents.put
BY = ("tfl/data-protection",)
NEVER = "no version of it was in force at any moment of the period"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "log")
    made.at_us += 200_000
    yield made
    made.close()


def close_seconds(world: World, seconds: int) -> None:
    for _ in range(seconds):
        world.close_second()


def figures(world: World) -> str:
    """Return the words of the check of figures, which alone can have failed; empty where it holds."""
    world.flush()
    wrong = {check.name: check.words for check in verify_folder(world.folder).checked if not check.ok}
    assert wrong.keys() <= {"figures"}, wrong
    return wrong.get("figures", "")


@pytest.mark.parametrize("ended", ["suspended", "revoked", "expired", "pending"])
def test_rows_released_while_no_version_is_in_force_are_found(world: World, ended: str) -> None:
    times = {"expired": ("valid_until", 6), "pending": ("valid_from", 6000)}
    changes = []
    if ended in times:
        member, after_s = times[ended]
        changes.append(put(f"authority.{member}", rfc3339(START_US + after_s * SECOND_US)))
    world.document(documents.changed(documents.example("authority"), *changes))
    close_seconds(world, 3)
    if ended in ("suspended", "revoked"):
        world.document(documents.example("suspension" if ended == "suspended" else "revocation"), BY)
    close_seconds(world, 22)
    assert not figures(world)
    for _ in range(12):
        world.decide(300, released=250, withheld=50)
        world.close_second()
    words = figures(world)
    assert f"`released` of `{FEED}` is" in words
    assert NEVER in words


@pytest.mark.parametrize("kind", ["suspension", "revocation"])
def test_what_left_just_before_the_end_is_no_fault(world: World, kind: str) -> None:
    world.document(documents.example("authority"))
    close_seconds(world, 10)
    world.decide(300, released=250, withheld=50)
    world.document(documents.example(kind), BY)  # at the microsecond of the last decision
    close_seconds(world, 12)
    assert not figures(world)


def test_what_left_in_a_moment_between_two_suspensions_is_no_fault(world: World) -> None:
    world.document(documents.example("authority"))
    world.document(documents.example("suspension"), BY)
    close_seconds(world, 12)
    world.document(documents.example("resumption"), ("tfl/data-protection", "ico/commissioner"))
    world.decide(300, released=250, withheld=50)
    world.document(documents.changed(documents.example("suspension"), put("suspension.id", "again")), BY)
    close_seconds(world, 10)
    assert not figures(world)


def test_reads_compared_and_hits_of_an_authority_that_has_ended_are_found(world: World) -> None:
    world.document(documents.example("authority"))
    world.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    world.close_second()
    act = documents.changed(documents.example("revocation"), put("revocation.authority", WANTED))
    world.document(act, BY)
    close_seconds(world, 25)
    assert not figures(world)
    for _ in range(3):
        world.decide(300, released=40, withheld=0, feed=WANTED)
        close_seconds(world, 10)
    assert f"`compared` of `{WANTED}` is 40 or more, and {NEVER}" in figures(world)


def test_hits_of_a_number_of_reads_that_is_left_out_are_found_too(world: World) -> None:
    world.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    act = documents.changed(documents.example("revocation"), put("revocation.authority", WANTED))
    world.document(act, BY)
    close_seconds(world, 12)
    world.decide(300, released=40, withheld=0, feed=WANTED)
    close_seconds(world, 10)
    for index, entry in enumerate(world.entries):
        body = json.loads(entry)
        if body.get("compared", {}).get(WANTED):
            body["compared"][WANTED] = None
            body["refused"] = [refusal | {"rows": 300} for refusal in body["refused"]]
            world.entries[index] = canonical(body)
    assert f"40 vehicles of `{WANTED}`, of 0 reads compared at most" in figures(world)


@pytest.mark.parametrize(
    ("change", "member"),
    [
        (lambda b: None, "released"),
        (lambda b: b.update(released={FEED: None}), "released"),
        (lambda b: b.update(released={}, again={FEED: 12}), "again"),
    ],
)
def test_figures_of_the_first_form_are_held_to_it_too(
    world: World, change: Callable[[dict[str, Any]], object], member: str
) -> None:
    world.document(documents.example("authority"))
    world.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    world.document(documents.example("revocation"), BY)
    chain = FiguresChain(world.parsed.charter(world.state.regime), START_US)
    found = []
    for number in range(2):
        body = copy.deepcopy(period(number))
        change(body)
        moment = RegimeAt(world.state.regime, world.parsed, START_US + 10 * (number + 1) * SECOND_US)
        found.append(chain.take(20 * (number + 1), body, moment))
    assert any(f"`{member}` of `{FEED}`" in fault and NEVER in fault for fault in found[1]), found[1]


def test_images_may_be_fetched_behind_an_expiry_and_not_behind_a_stop(world: World) -> None:
    soon = rfc3339(START_US + 6 * SECOND_US)
    world.document(documents.changed(documents.example("authority"), put("authority.valid_until", soon)))
    standing = InForce(START_US)

    def close(number: int) -> tuple[bool, bool]:
        until_us = START_US + 10 * number * SECOND_US
        stood = standing.close(RegimeAt(world.state.regime, world.parsed, until_us), until_us)
        return FEED in stood.live, FEED in stood.fetchable

    assert close(1) == (True, True)
    assert close(2) == close(3) == (False, True)
    world.at_us = START_US + 31 * SECOND_US
    standing.look(RegimeAt(world.state.regime, world.parsed, world.at_us))
    world.document(documents.example("suspension"), BY)
    assert close(4) == (False, True)
    assert close(5) == (False, True), "asked for before the stop, and counted behind it"
    assert close(6) == close(7) == (False, False)


def test_images_are_not_fetched_before_anything_left(world: World) -> None:
    later = rfc3339(START_US + 6000 * SECOND_US)
    world.document(documents.changed(documents.example("authority"), put("authority.valid_from", later)))
    stood = InForce(START_US).close(
        RegimeAt(world.state.regime, world.parsed, START_US), START_US + 10 * SECOND_US
    )
    assert (stood.live, stood.fetchable) == (frozenset(), frozenset())


def test_reads_compared_in_the_week_before_a_month_is_told_count_for_the_next_one(tmp_path: Path) -> None:
    """A list that was compared in the first week of a month alone has its hits in that month."""
    made = World(
        tmp_path / "log",
        founding=documents.changed(charter(every="PT1H"), put("charter.demonstration", False)),
    )
    made.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    july, august, september = map(
        parse_rfc3339, ("2026-07-08T12:00:00Z", "2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z")
    )
    chain = TargetingChain()
    chain.count(july, {WANTED: 500})
    chain.count(august, {WANTED: 300})
    nothing: dict[str, Any] = dict.fromkeys(HIT_KINDS)
    said = []
    for from_us, until_us, steps in ((july, august, 20), (august, september, 10)):
        moment = RegimeAt(made.state.regime, made.parsed, until_us + 7 * DAY_US)
        step = step_of(moment.charter)
        body = {
            "kind": "targeting",
            "form": 1,
            "step": step,
            "from": rfc3339(from_us),
            "until": rfc3339(until_us),
            "hits": {WANTED: {**nothing, "vehicles": steps * step, "exact": steps * step, "possible": step}},
            "outcomes": {WANTED: dict.fromkeys(OUTCOME_KINDS)},
            "disclosures": {
                name: dict.fromkeys(onward_of(moment, named))
                for name, named in moment.regime.authorities.items()
            },
            "disclosures_refused": {WANTED: None},
        }
        said.append(chain.take(20, body, moment, moment.at_us))
        chain.count(until_us + 7 * DAY_US, {})
    assert said == [[], []]
    made.close()
