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
from wicketgate.regime.publishing import (
    CUSTODY_KINDS,
    ERRATA_KINDS,
    QUESTION_KINDS,
    custody_names,
    least_traffic,
    step_of,
    stepped,
)
from wicketgate.regime.searches.values import (
    AnswerCompared,
    AnswerLooked,
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
        "custody": {},
        "unlisted": {},
        "links": {},
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
        ({"custody": None}, "members"),
        ({"unlisted": None}, "members"),
        ({"links": None}, "members"),
        ({"custody": {ASKED: dict.fromkeys(CUSTODY_KINDS)}}, "other rows"),
        ({"form": 2, "custody": None, "unlisted": None, "links": None}, ""),
        ({"form": 2}, "members"),
        ({"form": 1, "errata": None, "searches": None, "custody": None, "unlisted": None, "links": None}, ""),
        ({"form": 1}, "members"),
        ({"form": 4}, "not of the form"),
        ({"form": True}, "not of the form"),
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
    for older in ({"form": 1, "errata": None, "searches": None}, {"form": 2}):
        former = body(later, END_US, later_us, custody=None, unlisted=None, links=None, **older)
        assert "members" in " ".join(chain.take(21, former, later, later_us, set()))


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ({}, ""),
        ({"rows": 30, "listed": 10, "looked": 90}, ""),
        ({"rows": 10, "listed": 20}, "would have left by a list"),
        ({"looked": 7}, "no step of"),
        ({"seen": 10}, "other rows"),
    ],
)
def test_figures_tell_of_bulk_in_custody_what_was_needed_of_it(
    tmp_path: Path, cells: dict[str, int], words: str
) -> None:
    document = documents.changed(
        documents.example("authority"), documents.put("search", {**questions()["search"], "tiers": []})
    )
    document["search"].pop("tiers")
    name = document["authority"]["name"]
    made = World(tmp_path / "bulk", founding=charter(documents.put("charter.demonstration", True)))
    made.document(document, documents.CT_OFFICES)
    made.close()
    moment = RegimeAt(made.state.regime, made.parsed, END_US)
    least = least_traffic(moment.charter)
    assert custody_names(moment) == [name]
    told = {**dict.fromkeys(CUSTODY_KINDS), **{kind: cell * least // 10 for kind, cell in cells.items()}}
    found = body(
        moment,
        disclosures={name: {}},
        disclosures_refused={name: None},
        errata={name: dict.fromkeys(ERRATA_KINDS)},
        searches={name: NOTHING},
        custody={name: told},
    )
    chain = TargetingChain()
    chain.count(START_US, {})
    said = chain.take(20, found, moment, END_US, set())
    assert (words in " ".join(said)) if words else said == []


EVENTS: tuple[SearchEvent, ...] = (
    asked("a", code="too-broad"),
    asked("b", authority=""),
    asked("q", elsewhere=True),
    SearchCounted(id="q", vehicles=12, authority=NAME),
    SearchApproved(id="q", given=GIVEN),
    RUN,
    AnswerCompared(id="q", authority=NAME, rows=40, listed=7),
    AnswerLooked(id="q", by="person:a", after=0, rows=25, authority=NAME),
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
            targeted.count_search(one.name, one.what, one.number)

        tally.take([msgspec.json.decode(search_fact(event, number))], {})
    counted = targeted.searches[ASKED]
    assert {kind: tally.searches[ASKED, kind] for kind in QUESTION_KINDS} == {
        kind: counted.get(kind, 0) for kind in QUESTION_KINDS
    }
    assert counted["refused"] == 3
    assert targeted.custody == {ASKED: {"rows": 40, "listed": 7, "looked": 25}}
    assert {kind: tally.custody[ASKED, kind] for kind in CUSTODY_KINDS} == targeted.custody[ASKED]
    more = Targeted()
    more.add(targeted)
    more.add(targeted)
    assert more.custody == {ASKED: {"rows": 80, "listed": 14, "looked": 50}}
    # Held against what is published: one too many is found.
    published = {ASKED: {kind: stepped(10 * counted.get(kind, 0), 10) for kind in QUESTION_KINDS}}
    period = {"step": 10, "hits": {}, "outcomes": {}, "disclosures": {}, "disclosures_refused": {}}
    cells = list(stepped_cells({**period, "searches": published}, [tally] * 10, 10, {}, whole=True))
    assert all(cell.least == cell.shown for cell in cells)
    published[ASKED]["answered"] = 30
    cells = list(stepped_cells({**period, "searches": published}, [tally] * 10, 10, {}, whole=True))
    assert [cell.what for cell in cells if cell.least != cell.shown] == [f"questions of {ASKED}, answered"]
