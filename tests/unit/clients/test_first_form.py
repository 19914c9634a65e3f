"""Figures of the first form, which 0.3 published: they are still checked as they were."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.made_gateway import FEED, START_US, WANTED, World
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate.clients.verify.figures import FiguresChain
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.publishing import HIT_KINDS, OUTCOME_KINDS, onward_of

NOTHING_DUE = {
    "attested_until": None,
    "due_until": None,
    "missing": False,
    "missing_since": None,
    "overdue_rows": 0,
}


def period(number: int) -> dict[str, Any]:
    """Return the figures of one of the first periods, as 0.3 published them."""
    return {
        "kind": "figures",
        "from": rfc3339(START_US + 10 * number * SECOND_US),
        "until": rfc3339(START_US + 10 * (number + 1) * SECOND_US),
        "taken": 120,
        "repeated": 0,
        "quarantined": None,
        "decided": 120,
        "withheld": 30,
        "released": {FEED: 80, WANTED: 40},
        "refused": [
            {"authority": f"{FEED}@1", "reason": "out-of-scope", "rows": 40},
            {"authority": f"{WANTED}@1", "reason": "not-listed", "rows": 80},
        ],
        "again": {},
        "hits": {WANTED: {"exact": 27, "possible": 13, "late": 0, "clone": 0}},
        "outcomes": {WANTED: {"confirmed": 12, "misread": 15}},
        "disclosures": {},
        "disclosures_refused": {},
        "receipts": {FEED: NOTHING_DUE, WANTED: NOTHING_DUE},
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("first") / "log")
    made.document(documents.example("authority"))
    made.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    yield made
    made.close()


def faults(world: World, change: Callable[[dict[str, Any]], object]) -> list[str]:
    """Return what is wrong with the second of two periods, once it was changed."""
    chain = FiguresChain(world.parsed.charter(world.state.regime), START_US)
    found = []
    for number in range(2):
        body = copy.deepcopy(period(number))
        if number:
            change(body)
        moment = RegimeAt(world.state.regime, world.parsed, START_US + 10 * (number + 1) * SECOND_US)
        found += chain.take(20 * (number + 1), body, moment)
    return found


def test_what_0_3_published_holds(world: World) -> None:
    assert faults(world, lambda body: None) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b.update(decided=121), "but 121 reads were decided"),
        (lambda b: b.update(decided=130), "were decided"),
        (lambda b: b.update(taken=5000), "under way"),
        (lambda b: b.update(withheld=121), "withheld"),
        (lambda b: b.update(withheld=0, released={FEED: 80}), "not withheld"),
        (lambda b: b.update(withheld=3), "must be suppressed"),
        (lambda b: b["released"].update({FEED: 120}), "not withheld"),
        (lambda b: b["released"].update({FEED: 11}), "but 120 reads were decided"),
        (lambda b: b["released"].update({"nobody": 12}), "not in the log"),
        (
            lambda b: b["refused"].append({"authority": "nobody@1", "reason": "expired", "rows": 0}),
            "not in the log",
        ),
        (lambda b: b["refused"].append(b["refused"][0]), "twice"),
        (lambda b: b["refused"].append(7), "refused"),
        (lambda b: b.update(refused={}), "refused"),
        (lambda b: b.update(released=[]), "released"),
        (lambda b: b.update(repeated=-1), "not a count"),
        (lambda b: b.update({"from": "2026-07-08T12:00:11Z"}), "last ones end"),
        (lambda b: b.pop("withheld"), "members"),
        (lambda b: b["hits"][WANTED].update(exact=26), "do not come to as many"),
        (lambda b: b["hits"][WANTED].update(possible=14), "do not come to as many"),
        (lambda b: b["hits"][WANTED].update(late=41), "`late` than there are"),
        (lambda b: b["hits"][WANTED].update(clone=41), "`clone` than there are"),
        (lambda b: b["hits"][WANTED].pop("clone"), "members"),
        (lambda b: b["hits"].update(nobody=b["hits"][WANTED]), "not in the log"),
        (lambda b: b["outcomes"].update(nobody={}), "not in the log"),
        (lambda b: b["again"].update(nobody=0), "not in the log"),
        (lambda b: b["again"].update({FEED: 12}), "and no version of it shows one"),
        (lambda b: b["again"].update({FEED: None}), "and no version of it shows one"),
        (
            lambda b: b["hits"].update({FEED: dict.fromkeys(("exact", "possible", "late", "clone"), 0)}),
            "never matched",
        ),
        (lambda b: b["hits"].pop(WANTED), "shows no hits"),
        (lambda b: b.update(hits=[]), "not a table"),
        (lambda b: b.update(outcomes={WANTED: 7}), "not a table"),
        (lambda b: b.update(disclosures={"nobody": {"gchq": 12}}), "not in the log"),
        (lambda b: b.update(disclosures={FEED: {"nobody": 12}}), "no version lets it"),
        (lambda b: b["receipts"].pop(FEED), "are not shown"),
        (lambda b: b["receipts"][FEED].update(overdue_rows=12), "`overdue_rows` is shown"),
    ],
)
def test_what_cannot_be_is_found(
    world: World, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    assert any(words in fault for fault in faults(world, change)), faults(world, change)


def test_once_the_software_publishes_another_form_this_one_is_a_fault(world: World) -> None:
    chain = FiguresChain(world.parsed.charter(world.state.regime), START_US)
    moment = RegimeAt(world.state.regime, world.parsed, START_US + 10 * SECOND_US)
    chain.end_first_form()
    assert any("of a form that this log gave up" in fault for fault in chain.take(20, period(0), moment))


def test_hits_of_this_form_may_have_outcomes_in_the_next(world: World) -> None:
    """They are reads, and each may be of a vehicle of its own."""
    chain = FiguresChain(world.parsed.charter(world.state.regime), START_US)
    moment = RegimeAt(world.state.regime, world.parsed, START_US + 10 * SECOND_US)
    assert chain.take(20, period(0), moment) == []
    nothing = dict.fromkeys(HIT_KINDS)
    for ended, known in ((40, True), (60, False)):
        outcomes = {**dict.fromkeys(OUTCOME_KINDS), "confirmed": ended}
        body = {
            "form": 1,
            "step": 10,
            "from": rfc3339(START_US),
            "until": rfc3339(START_US + 10 * SECOND_US),
            "kind": "targeting",
            "hits": {WANTED: nothing},
            "outcomes": {WANTED: outcomes},
            "disclosures": {
                name: dict.fromkeys(onward_of(moment, named))
                for name, named in moment.regime.authorities.items()
            },
            "disclosures_refused": {FEED: None, WANTED: None},
        }
        said = chain.take_targeting(21, body, moment)
        assert any("with hits at most" in fault for fault in said) is not known, said


def test_disclosures_of_what_never_left_are_found(world: World) -> None:
    chain = FiguresChain(world.parsed.charter(world.state.regime), START_US)
    body = {**period(0), "released": {}, "hits": {}, "receipts": {}, "disclosures": {FEED: {"gchq": 12}}}
    moment = RegimeAt(world.state.regime, world.parsed, START_US + 10 * SECOND_US)
    assert any("released nothing" in fault for fault in chain.take(20, body, moment))
