"""Questions to the past in published figures, and in the facts that they are counted from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.made_gateway import START_US, World
from tests.searching import ASKED, charter, questions
from tests.unit.commits.test_searches import AT_US, GIVEN, MET, NAME, RUN, asked
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate.clients.verify.tallies import FactTally, stepped_cells
from wicketgate.clients.verify.targeting import TargetingChain
from wicketgate.commits.figures import Targeted
from wicketgate.commits.searches import KnownSearches
from wicketgate.gateway.filing.search_facts import search_fact
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.publishing import ERRATA_KINDS, QUESTION_KINDS, step_of, stepped
from wicketgate.regime.searches.values import (
    SearchApproved,
    SearchCounted,
    SearchEvent,
    SearchRefused,
    SearchStopped,
    SearchUnapproved,
)

END_US = START_US + 10 * SECOND_US
NOTHING: dict[str, Any] = dict.fromkeys(QUESTION_KINDS)


@pytest.fixture
def moment(tmp_path: Path) -> RegimeAt:
    made = World(tmp_path / "log", founding=charter(documents.put("charter.demonstration", True)))
    made.document(questions(), documents.MATCH_OFFICES)
    made.close()
    return RegimeAt(made.state.regime, made.parsed, END_US)


def body(moment: RegimeAt, from_us: int = START_US, until_us: int = END_US, **more: Any) -> dict[str, Any]:
    found = {
        "kind": "targeting",
        "form": 3,
        "step": step_of(moment.charter),
        "from": rfc3339(from_us),
        "until": rfc3339(until_us),
        "hits": {},
        "outcomes": {},
        "disclosures": {ASKED: {}},
        "disclosures_refused": {ASKED: None},
        "errata": {ASKED: dict.fromkeys(ERRATA_KINDS)},
        "searches": {ASKED: NOTHING},
        "unlisted": {},
        **more,
    }
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, ""),
        ({"searches": {ASKED: {**NOTHING, "asked": 20, "answered": 10}}}, ""),
        ({"searches": {ASKED: {**NOTHING, "asked": 7}}}, "no step of"),
        ({"searches": {}}, "other rows"),
        ({"searches": {ASKED: NOTHING, "tfl-met-other": NOTHING}}, "other rows"),
        ({"searches": {ASKED: {**NOTHING, "counted": None}}}, "other rows"),
        ({"searches": None}, "members"),
        ({"form": 1, "errata": None, "searches": None, "unlisted": None}, ""),
        ({"form": 1}, "members"),
        ({"form": 2, "unlisted": None}, ""),
        ({"form": 2}, "members"),
        ({"form": 4}, "not of the form"),
        ({"form": True}, "members"),
    ],
)
def test_figures_have_a_row_for_each_authority_that_is_asked(
    moment: RegimeAt, more: dict[str, Any], words: str
) -> None:
    chain = TargetingChain()
    chain.count(START_US, {})
    said = chain.take(20, body(moment, **more), moment, END_US, set())
    assert (words in " ".join(said)) if words else said == []


def test_behind_figures_with_questions_none_without_come(moment: RegimeAt) -> None:
    chain = TargetingChain()
    chain.count(START_US, {})
    assert chain.take(20, body(moment), moment, END_US, set()) == []
    later_us = END_US + 10 * SECOND_US
    later = RegimeAt(moment.regime, moment.parsed, later_us)
    former = body(later, END_US, later_us, form=1, errata=None, searches=None, unlisted=None)
    assert "members" in " ".join(chain.take(21, former, later, later_us, set()))


EVENTS: tuple[SearchEvent, ...] = (
    asked("a", code="too-broad"),
    asked("b", authority=""),
    asked("q"),
    SearchCounted(id="q", vehicles=12, authority=NAME),
    SearchApproved(id="q", given=GIVEN),
    RUN,
    asked("c"),
    SearchCounted(id="c", vehicles=900, code="too-broad", authority=NAME),
    asked("d"),
    SearchStopped(id="d", code="revoked", authority=NAME),
    asked("e"),
    SearchRefused(id="e", by="person:b", office=MET, reason="no", authority=NAME),
    asked("f", counts_first=False, approve_by_us=AT_US),
    SearchUnapproved(id="f", unit=MET, authority=NAME),
)


def test_the_facts_come_to_what_the_fold_counts() -> None:
    known, targeted, tally = KnownSearches(), Targeted(), FactTally()
    for number, event in enumerate(EVENTS, 1):
        for one in known.take((event,), AT_US):
            targeted.count_search(one.name, one.what)

        tally.take([msgspec.json.decode(search_fact(event, number))], {})
    counted = targeted.searches[ASKED]
    assert {kind: tally.searches[ASKED, kind] for kind in QUESTION_KINDS} == {
        kind: counted.get(kind, 0) for kind in QUESTION_KINDS
    }
    assert counted["refused"] == 3
    # Held against what is published: one too many is found.
    published = {ASKED: {kind: stepped(10 * counted.get(kind, 0), 10) for kind in QUESTION_KINDS}}
    period = {"step": 10, "hits": {}, "outcomes": {}, "disclosures": {}, "disclosures_refused": {}}
    cells = list(stepped_cells({**period, "searches": published}, [tally] * 10, 10, {}, whole=True))
    assert all(cell.least == cell.shown for cell in cells)
    published[ASKED]["answered"] = 30
    cells = list(stepped_cells({**period, "searches": published}, [tally] * 10, 10, {}, whole=True))
    assert [cell.what for cell in cells if cell.least != cell.shown] == [f"questions of {ASKED}, answered"]
