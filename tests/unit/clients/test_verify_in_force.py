"""What left under an authority of which no version was in force: the log's own figures say it, and `verify` too."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.made_gateway import FEED, ORIGIN, START_US, VKEY, WANTED, World
from tests.simulator import charter
from tests.unit.clients.test_first_form import period
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.signing import canonical
from wicketgate.clients.verify import verify_folder
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.figures import FiguresChain
from wicketgate.clients.verify.in_force import InForce
from wicketgate.clients.verify.targeting import TargetingChain
from wicketgate.commits.transactions import IntakeCounts, Refused
from wicketgate.gateway.filing.facts import decision_fact
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.publishing import HIT_KINDS, OUTCOME_KINDS, least_traffic, onward_of, step_of

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
    wrong = {
        check.name: "; ".join((check.words, *check.faults))
        for check in verify_folder(world.folder).checked
        if not check.ok
    }
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
        said.append(chain.take(20, body, moment, moment.at_us, {WANTED}))
        chain.count(until_us + 7 * DAY_US, {})
    assert said == [[], []]
    made.close()


# --- why rows were refused ------------------------------------------------------------------------------------


def said(world: World) -> str:
    """Return the faults that a log's entries have, without writing it."""
    fold = EntryFold(VKEY)
    for index, entry in enumerate(world.entries):
        fold.take(index, entry)
    return "; ".join(fault for check in fold.checks(ORIGIN) for fault in check.faults)


def renamed(world: World, old: str, new: str, reference: str = f"{FEED}@1") -> str:
    """Give rows of an authority that were refused for one reason another one; return what is said of it."""
    for index, entry in enumerate(world.entries):
        body = json.loads(entry)
        for one in body.get("refused", []):
            if one["authority"] == reference and one["reason"] == old:
                one["reason"] = new
                world.entries[index] = canonical(body)
    return said(world)


def refused_as(world: World, reason: str) -> None:
    """Decide reads that an authority refuses whole, for one reason."""
    refused = [Refused(authority=f"{FEED}@1", reason=reason, rows=300)]
    intake = IntakeCounts(accepted={"tfl/c1": 300})
    fact = decision_fact(world.state.sequence + 1, 300, 300, refused, intake)
    world.apply(reads=300, withheld=300, intake=intake, refused=tuple(refused), facts=(fact,))


WRONG = (
    *("revoked", "suspended", "expired", "review-overdue", "consultation-overdue", "not-in-force-yet"),
    *("not-listed", "the minister said so"),
)


@pytest.mark.parametrize("reason", WRONG)
def test_a_reason_that_was_not_true_is_found(world: World, reason: str) -> None:
    """An attacker called what an authority in force held back revoked, suspended, or what the minister said."""
    world.document(documents.example("authority"))
    close_seconds(world, 12)
    world.decide(300, released=100, withheld=50)
    close_seconds(world, 12)
    assert not said(world)
    words = renamed(world, "out-of-scope", reason)
    assert f"refused as `{reason}`" in words or "tell of a list" in words


@pytest.mark.parametrize("reason", ["out-of-scope", "before-validity", "feed-full", "expired", "revoked"])
def test_a_suspension_is_not_called_something_else(world: World, reason: str) -> None:
    world.document(documents.example("authority"))
    world.document(documents.example("suspension"), BY)
    close_seconds(world, 12)
    refused_as(world, "suspended")
    close_seconds(world, 12)
    assert not said(world)
    assert f"refused as `{reason}`, which at no moment" in renamed(world, "suspended", reason)


def test_each_reason_that_was_true_is_none(world: World) -> None:
    """A version that begins, expires by the camera's clock and by the gateway's, and is revoked, in turn."""
    begin, end = (rfc3339(START_US + after * SECOND_US) for after in (25, 55))
    changes = (put("authority.valid_from", begin), put("authority.valid_until", end))
    world.document(documents.changed(documents.example("authority"), *changes))
    seen = []
    for number in range(8):
        at_us = world.at_us
        for reason in ("error", "feed-full") if number < 5 else ("error",):
            refused_as(world, reason)
        if at_us < START_US + 25 * SECOND_US:
            refused_as(world, "not-in-force-yet")
        elif at_us < START_US + 55 * SECOND_US:
            refused_as(world, "out-of-scope")
            refused_as(world, "before-validity")
        else:
            refused_as(world, "expired")
        seen.append(at_us)
        close_seconds(world, 10)
    assert len(seen) == 8
    assert not said(world)


# --- how many can have been -----------------------------------------------------------------------------------


def shown_world(folder: Path) -> World:
    founding = documents.changed(charter(), lambda c: c["consultations"][1]["fields"].append("patch-image"))
    made = World(folder, founding=founding)
    shown = put("scope.fields", ["plate", "time", "place", "patch-image"])
    made.document(documents.changed(documents.example("authority"), shown))
    return made


def test_no_more_rows_come_again_than_images_can_follow(tmp_path: Path) -> None:
    """An attacker had 500,000,000 rows come again, of 670 reads, and as many images: nobody could contradict it."""
    made = shown_world(tmp_path / "log")
    for _ in range(3):
        made.decide(200, released=150, withheld=50)
        made.decide(0, released=0, withheld=0, again=150)
        close_seconds(made, 10)
    assert not said(made)
    for index, entry in enumerate(made.entries):
        body = json.loads(entry)
        if body.get("again", {}).get(FEED):
            body["again"][FEED] = body["images"][FEED] = 500_000_000
            made.entries[index] = canonical(body)
    assert f"500000000 rows of `{FEED}` came again with an image, of" in said(made)
    made.close()


@pytest.mark.parametrize(("ever", "found"), [(set(), True), ({FEED}, False)])
def test_rows_that_never_left_are_not_passed_on(world: World, ever: set[str], found: bool) -> None:
    """An attacker had 500,000,000 rows passed on of an authority under which nothing ever left."""
    world.document(
        documents.changed(documents.example("authority"), put("authority.onward", ["home-office"]))
    )
    moment = RegimeAt(world.state.regime, world.parsed, START_US + 10 * SECOND_US)
    chain = TargetingChain()
    chain.count(START_US, {})
    rows = 500_000 * least_traffic(moment.charter)
    body = {
        "kind": "targeting",
        "form": 1,
        "step": step_of(moment.charter),
        "from": rfc3339(START_US),
        "until": rfc3339(moment.at_us),
        "hits": {},
        "outcomes": {},
        "disclosures": {FEED: {"home-office": rows}},
        "disclosures_refused": {FEED: None},
    }
    faults = chain.take(20, body, moment, moment.at_us, ever)
    words = f"rows of `{FEED}` were passed on, and no version of it was ever in force"
    assert [fault.endswith(words) for fault in faults] == [True] * found


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ({"arrested": 20}, "of a kind that no hit has"),
        ({"acted": 5_000}, "5000 hits of `tfl-met-wanted` with the outcome `acted`, of"),
    ],
)
def test_outcomes_of_the_first_form_are_bounded(world: World, outcomes: dict[str, int], words: str) -> None:
    world.document(documents.example("authority"))
    world.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    chain = FiguresChain(world.parsed.charter(world.state.regime), START_US)
    body = copy.deepcopy(period(0))
    body["outcomes"] = {WANTED: outcomes}
    moment = RegimeAt(world.state.regime, world.parsed, START_US + 10 * SECOND_US)
    assert any(words in fault for fault in chain.take(20, body, moment))
