"""The single decision: what it is made of, and each reason in its order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from tests.oracles.gate_oracle import best, is_sound, stays, why_not
from tests.strategies import (
    EPOCH_US,
    BrokenList,
    Listed,
    Question,
    breaks,
    entry_of,
    flags,
    pairs,
    questions,
)
from wicketgate.base.clock import DAY_US, parse_rfc3339
from wicketgate.base.periods import Period, parse_period
from wicketgate.gate.single import AuthorityTerms, Decider, Search, Verdict
from wicketgate.gate.terms import Terms
from wicketgate.regime.documents.search_terms import SearchTerms, Tier

PLACES = ("tfl/c0", "tfl/c1", "westminster/c0")
AT_US = EPOCH_US + 20
PLAIN = Terms(
    reference="a@1",
    cameras=flags([True, False, True]),
    windows=pairs(
        [(EPOCH_US + 5, EPOCH_US + 10), (EPOCH_US + 10, EPOCH_US + 15), (EPOCH_US + 20, EPOCH_US + 30)]
    ),
    valid_from_us=EPOCH_US + 2,
    valid_until_us=EPOCH_US + 35,
    in_force_from_us=EPOCH_US + 3,
    in_force_until_us=EPOCH_US + 33,
    ended_by="review-overdue",
    stopped_by=None,
    fields=frozenset({"plate", "time"}),
)
MATCHING = replace(PLAIN, matches=True)


def decider(*terms: Terms, search: SearchTerms | None = None) -> Decider:
    return Decider([AuthorityTerms(terms=one, search=search) for one in terms], PLACES)


def decide(terms: Terms, camera: int = 0, captured: int = 7, at: int = 20, **more: Any) -> Verdict:
    made = decider(terms, search=more.pop("search", None))
    return made.decide(terms.reference, camera, EPOCH_US + captured, EPOCH_US + at, **more)


def test_what_is_allowed_names_its_fields() -> None:
    assert decide(PLAIN) == Verdict(reference="a@1", allowed=True, fields=PLAIN.fields)


@pytest.mark.parametrize(
    ("terms", "asked", "reason"),
    [
        (replace(PLAIN, stopped_by="revoked", in_force_from_us=EPOCH_US + 25), {}, "revoked"),
        (replace(PLAIN, stopped_by="suspended"), {"camera": 9}, "suspended"),
        (replace(PLAIN, stopped_by="error"), {}, "error"),
        (replace(PLAIN, stopped_by="feed-full"), {"captured": 40}, "feed-full"),
        (PLAIN, {"at": 2, "camera": 9}, "not-in-force-yet"),
        (PLAIN, {"at": 33, "camera": 9}, "review-overdue"),
        (replace(PLAIN, ended_by="expired"), {"at": 33}, "expired"),
        (replace(PLAIN, ended_by="consultation-overdue"), {"at": 33}, "consultation-overdue"),
        (PLAIN, {"camera": 3, "captured": 40}, "error"),
        (PLAIN, {"camera": -1}, "error"),
        (PLAIN, {"camera": 1, "captured": 40}, "out-of-scope"),
        (PLAIN, {"captured": 1}, "before-validity"),
        (PLAIN, {"captured": 35}, "expired"),
        (PLAIN, {"captured": 34}, "out-of-scope"),
        (PLAIN, {"captured": 4}, "out-of-scope"),
        (PLAIN, {"captured": 15}, "out-of-scope"),
        (PLAIN, {"captured": 30}, "out-of-scope"),
        (MATCHING, {"plate": "B5GZ"}, "error"),
        (MATCHING, {"plate": "B5GZ", "lists": {"a@1": BrokenList()}}, "error"),
        (MATCHING, {"plate": "B5GZ", "lists": {"a@1": Listed.of([])}}, "not-listed"),
        (MATCHING, {"plate": "B5GZ", "captured": 4, "lists": {}}, "out-of-scope"),
    ],
)
def test_the_first_reason_counts(terms: Terms, asked: dict[str, Any], reason: str) -> None:
    assert decide(terms, **asked) == Verdict(reference="a@1", allowed=False, reason=reason)


@pytest.mark.parametrize("captured", [5, 9, 10, 14, 20, 29])
def test_windows_are_half_open_and_may_touch(captured: int) -> None:
    assert decide(PLAIN, captured=captured).allowed


def test_a_list_is_asked_about_the_plate_alone_and_its_hits_are_kept() -> None:
    lists = {"a@1": Listed.of([entry_of("B5GZ")])}
    verdict = decide(MATCHING, plate="85GZ", lists=lists)
    assert verdict.allowed is True
    assert verdict.hits is not None
    assert verdict.hits.rows.tolist() == [0]
    assert decide(MATCHING, plate="KLM3", lists=lists).reason == "not-listed"


def test_without_a_plate_a_list_is_not_asked() -> None:
    assert decide(MATCHING, lists={"a@1": BrokenList()}) == Verdict(reference="a@1", allowed=None)
    assert decide(PLAIN).allowed is True


@pytest.mark.parametrize("number", range(len(breaks(PLAIN))))
def test_wrong_terms_refuse_everything_and_touch_no_other(number: int) -> None:
    wrong = breaks(PLAIN)[number]
    made = decider(replace(wrong, stopped_by=wrong.stopped_by or None), replace(PLAIN, reference="b@1"))
    assert made.decide("a@1", 0, EPOCH_US + 7, AT_US).reason == "error"
    assert made.decide("b@1", 0, EPOCH_US + 7, AT_US).allowed


def test_terms_that_share_a_reference_refuse() -> None:
    made = decider(PLAIN, PLAIN, replace(PLAIN, reference="b@1"))
    assert made.decide("a@1", 0, EPOCH_US + 7, AT_US).reason == "error"
    assert made.decide("b@1", 0, EPOCH_US + 7, AT_US).allowed


def test_cameras_and_authorities_are_found_by_their_names() -> None:
    made = decider(PLAIN)
    assert [made.number(place) for place in PLACES] == [0, 1, 2]
    assert made.number("tfl/c9") is None
    assert made.decide("b@1", 0, EPOCH_US + 7, AT_US).reason == "no-authority"


# --- searches ---------------------------------------------------------------------------------------------

ASKED_US = parse_rfc3339("2026-05-31T12:00:00Z")
SEARCHED = replace(
    PLAIN,
    windows=pairs([(0, ASKED_US + DAY_US)]),
    valid_from_us=0,
    valid_until_us=ASKED_US + DAY_US,
    in_force_from_us=0,
    in_force_until_us=ASKED_US + DAY_US,
)
TERMS = SearchTerms(
    max_age=parse_period("P3M"),
    tiers=(
        Tier(older_than=parse_period("P7D"), approver="met/inspector"),
        Tier(older_than=parse_period("P1M"), approver="met/superintendent"),
    ),
)


@pytest.mark.parametrize(
    ("captured_at", "approved", "reason"),
    [
        ("2026-05-31T11:59:59Z", (), None),
        ("2026-05-24T12:00:00.000001Z", (), None),
        ("2026-05-24T12:00:00Z", (), "approval-needed"),
        ("2026-05-24T12:00:00Z", ("tfl/inspector",), "approval-needed"),
        ("2026-05-24T12:00:00Z", ("met/inspector",), None),
        ("2026-05-24T12:00:00Z", ("met/superintendent",), None),
        ("2026-05-01T00:00:00Z", ("met/inspector",), None),
        # A month after any time of the 30th of April is the 30th of May, which is past.
        ("2026-04-30T23:59:59Z", ("met/inspector",), "approval-needed"),
        ("2026-04-30T23:59:59Z", ("met/inspector", "met/superintendent"), None),
        ("2026-02-28T12:00:00Z", ("met/superintendent",), "older-than-allowed"),
        ("2026-03-01T00:00:00Z", ("met/superintendent",), None),
    ],
)
def test_a_search_is_held_to_ages_and_approvals(
    captured_at: str, approved: tuple[str, ...], reason: str | None
) -> None:
    made = decider(SEARCHED, search=TERMS)
    verdict = made.decide(
        "a@1", 0, parse_rfc3339(captured_at), ASKED_US, use=Search(approved_by=frozenset(approved))
    )
    assert (verdict.allowed, verdict.reason) == (reason is None, reason)


def test_an_authority_is_for_its_own_use_alone() -> None:
    search = Search(approved_by=frozenset({"met/superintendent"}))
    assert decide(PLAIN, use=search).reason == "no-authority"
    assert decide(PLAIN, search=TERMS).reason == "no-authority"
    assert decider(SEARCHED, search=TERMS).decide("a@1", 1, ASKED_US, ASKED_US, use=search).reason == (
        "out-of-scope"
    )


def test_a_full_feed_stops_no_search() -> None:
    full = replace(SEARCHED, stopped_by="feed-full")
    assert decider(full, search=TERMS).decide("a@1", 0, ASKED_US, ASKED_US, use=Search()).allowed
    stopped = replace(SEARCHED, stopped_by="suspended")
    verdict = decider(stopped, search=TERMS).decide("a@1", 0, ASKED_US, ASKED_US, use=Search())
    assert verdict.reason == "suspended"


def test_an_age_beyond_the_calendar_is_never_reached() -> None:
    terms = SearchTerms(max_age=Period(months=1200), tiers=())
    far_us = parse_rfc3339("9990-01-01T00:00:00Z")
    wide = replace(
        SEARCHED,
        windows=pairs([(0, far_us + 9)]),
        valid_until_us=far_us + 9,
        in_force_until_us=far_us + 9,
    )
    assert decider(wide, search=terms).decide("a@1", 0, far_us, far_us + 1, use=Search()).allowed


# --- any terms --------------------------------------------------------------------------------------------


@given(questions())
def test_it_equals_the_row_by_row_oracle(question: Question) -> None:
    made = Decider(
        [AuthorityTerms(terms=terms) for terms in question.terms],
        [f"tfl/c{number}" for number in range(question.n_cameras)],
    )
    references = [terms.reference for terms in question.terms]
    for terms in question.terms:
        usable = references.count(terms.reference) == 1 and is_sound(terms, question.n_cameras)
        for row in range(len(question.batch)):
            camera, captured_us = int(question.batch.camera[row]), int(question.batch.captured_us[row])
            plate = question.batch.plate[row]
            expected = why_not(terms, usable, question.n_cameras, camera, captured_us, question.at_us)
            if expected is None and (terms.matches or terms.withholds):
                listed = question.lists.get(terms.reference)
                if not isinstance(listed, Listed):
                    expected = "error"
                elif terms.withholds and stays(listed.entries, plate, captured_us, question.at_us):
                    expected = "listed"
                elif terms.matches and best(listed.entries, plate, captured_us, question.at_us) is None:
                    expected = "not-listed"
            verdict = made.decide(
                terms.reference, camera, captured_us, question.at_us, plate=plate, lists=question.lists
            )
            assert (verdict.allowed, verdict.reason) == (expected is None, expected)
            assert verdict.fields == (terms.fields if expected is None else frozenset())
