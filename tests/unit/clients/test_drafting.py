from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import make_documents as world
from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.signing import canonical
from wicketgate.clients.officer.drafting import (
    Draft,
    describe_deadline,
    draft_consultation,
    draft_decision,
    draft_objection,
    draft_resumption,
    draft_review,
    draft_stop,
    figures_for,
    new_id,
)
from wicketgate.regime.documents.authority import Authority, parse_authority
from wicketgate.regime.documents.document import describe_document, kind_of, parse_payload, parse_toml
from wicketgate.regime.documents.toml import dump_toml

AT_US = world.AT_US
BULK = parse_authority(world.example("authority"))
MATCH = parse_authority(world.example("authority-match"))

PROSE = st.one_of(
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=60).map(
        lambda text: f"a{text}"
    ),
    st.just('It said "no".\n\nA \\ back-slash; a second line.'),
)


def read(draft: Draft) -> Any:
    """Return the value of a draft, by way of the TOML that the officer gets."""
    text = dump_toml(draft, "a heading")
    assert canonical(parse_toml(text.encode())) == canonical(draft)
    value = parse_payload(kind_of(draft), draft)
    assert describe_document(value)
    return value


# --- drafts -----------------------------------------------------------------------------------------------


@given(reason=PROSE)
def test_what_stops_an_authority_is_complete(reason: str) -> None:
    for kind in ("suspension", "revocation"):
        act = read(draft_stop(kind, "tfl-met-ct", id_="s-1", at_us=AT_US, reason=reason))
        assert (act.authority, act.id, act.at_us, act.reason) == ("tfl-met-ct", "s-1", AT_US, reason)
    lifted = read(draft_resumption("tfl-met-ct", "s-1", id_="r-1", at_us=AT_US, reason=reason))
    assert (lifted.suspension, lifted.reason) == ("s-1", reason)


@given(findings=PROSE)
def test_a_review_is_of_the_version_and_of_now(findings: str) -> None:
    act = read(
        draft_review(
            BULK, id_="r-1", at_us=AT_US, findings=findings, why_not_match=findings, why_not_search="s"
        )
    )
    assert (act.version, act.reviewed_us, act.findings) == (BULK.version, AT_US, findings)
    assert (act.why_not_match, act.why_not_search) == (findings, "s")
    act = read(
        draft_review(
            MATCH, id_="r-1", at_us=AT_US, findings=findings, why_not_match=None, why_not_search=None
        )
    )
    assert act.why_not_match is None


def test_a_consultation_holds_the_whole_proposal() -> None:
    for name in ("authority", "authority-match", "charter"):
        value = read(
            draft_consultation(
                world.example(name),
                id_="c-1",
                title="More cameras",
                at_us=AT_US,
                opens_us=AT_US + DAY_US,
                closes_us=AT_US + 90 * DAY_US,
                assessment="What it means.\nFor whom.",
            )
        )
        assert canonical(dict(value.draft.document)) == canonical(world.example(name))
        assert (value.opens_us, value.closes_us) == (AT_US + DAY_US, AT_US + 90 * DAY_US)


def test_objections_and_decisions_are_complete() -> None:
    for about, annul in (("consultation", False), ("authority", False), ("authority", True)):
        objection = read(
            draft_objection(
                about,  # type: ignore[arg-type]
                "x-1",
                id_="o-1",
                at_us=AT_US,
                organisation="ico",
                reason="Too wide.",
                annul=annul,
            )
        )
        assert getattr(objection, about) == "x-1"
        assert objection.annul is annul
    answers = {"o-1": "It was narrowed.", "o-2": "No."}
    for until_us, covered in ((None, None), (AT_US, None), (AT_US, world.example("authority"))):
        decision = read(
            draft_decision(
                "c-1",
                id_="d-1",
                at_us=AT_US,
                reasons="…",
                answers=answers,
                covered_until_us=until_us,
                covered=covered,
            )
        )
        assert decision.answers == answers
        assert decision.outcome == ("rejected" if until_us is None else "approved")
        assert isinstance(decision.covered, Authority) is (covered is not None)


def test_ids_have_the_form_that_documents_demand_and_differ() -> None:
    ids = {
        new_id(kind, AT_US, chance) for kind in ("review", "suspension") for chance in ("00ff12", "00ff13")
    }
    assert len(ids) == 4
    for one in ids:
        read(draft_stop("suspension", "a", id_=one, at_us=AT_US, reason="…"))


# --- figures ----------------------------------------------------------------------------------------------


def period(day: int, **cells: Any) -> dict[str, Any]:
    """Return the figures of one day, as the register shows them."""
    return {
        "from": rfc3339(AT_US + day * DAY_US),
        "until": rfc3339(AT_US + (day + 1) * DAY_US),
        "decided": 1000,
        "released": {},
        "again": {},
        "hits": {},
        "outcomes": {},
        **cells,
    }


def test_the_figures_since_the_last_review_are_told() -> None:
    periods = [period(day, released={BULK.name: 100 * day, "another": 7}) for day in range(5)]
    text = "\n".join(figures_for(periods, BULK, AT_US + 2 * DAY_US))
    assert f"from {rfc3339(AT_US + 2 * DAY_US)} until {rfc3339(AT_US + 5 * DAY_US)}" in text
    assert "Reads decided by the gateway: 3,000." in text
    assert "Reads that left under it: 900. That is 30 % of the reads: the cost in intrusion." in text
    assert "Searches: 0" in text
    assert "Hits" not in text
    assert "at least" not in text


def test_hits_and_outcomes_are_told_and_that_small_cells_are_in_no_sum() -> None:
    periods = [
        period(0, released={MATCH.name: 20}, hits={MATCH.name: {"exact": None, "possible": 4, "late": 0}}),
        period(1, released={MATCH.name: None}, outcomes={MATCH.name: {"confirmed": 12, "misread": None}}),
    ]
    text = "\n".join(figures_for(periods, MATCH, AT_US))
    assert "Reads that left under it: 20. That is 1 % of the reads" in text
    assert "Hits: exact 0, possible 4, late 0, clone 0." in text
    assert "Outcomes: confirmed 12." in text
    assert "3 counts were too small to be published and are in no sum: each may be more" in text


def test_what_a_list_let_go_is_told_in_vehicles_by_the_month() -> None:
    traffic = [period(day, form=2, compared={MATCH.name: 700}) for day in range(2)]
    month = {
        "kind": "targeting",
        "from": rfc3339(AT_US),
        "until": rfc3339(AT_US + 2 * DAY_US),
        "hits": {MATCH.name: {"exact": 20, "possible": 10, "late": None, "clone": None}},
        "outcomes": {MATCH.name: {"confirmed": None}},
    }
    text = "\n".join(figures_for([*traffic, month], MATCH, AT_US))
    assert "Reads compared with its list: 1,400. How many of them left is not published." in text
    span = f"from {rfc3339(AT_US)} until {rfc3339(AT_US + 2 * DAY_US)}"
    assert f"Vehicles with hits {span}: exact at least 20, possible at least 10." in text
    assert f"Vehicles with outcomes {span}: too few to be published." in text
    assert "3 counts of them were too small to be published." in text


def test_where_nothing_was_decided_there_is_no_share() -> None:
    assert "%" not in "\n".join(figures_for([period(0, decided=0)], BULK, AT_US))


def test_without_periods_there_is_nothing_to_be_read_into() -> None:
    words = figures_for([period(0)], BULK, AT_US + DAY_US)
    assert words == [f"No figures on `{BULK.name}` have been published since {rfc3339(AT_US + DAY_US)}."]


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"from": 3, "until": 4},
        period(0, released=[]),
        period(0, released={BULK.name: "many"}),
        period(0, hits={BULK.name: 3}),
        period(0, decided=[]),
        [],
        None,
    ],
    ids=repr,
)
def test_figures_that_are_none_are_refused(bad: Any) -> None:
    with pytest.raises(InputError):
        figures_for([bad], BULK, 0)


# --- deadlines --------------------------------------------------------------------------------------------


def test_the_deadline_and_the_next_one_are_told() -> None:
    words = describe_deadline(BULK, AT_US + 92 * DAY_US, AT_US)
    assert words == [
        "The review must be recorded by 2026-10-08T12:00:00Z, or it lapses.",
        "After this one the next is due by 2026-10-08T12:00:00Z.",
    ]
    assert describe_deadline(BULK, None, BULK.valid_until_us - DAY_US) == [
        "After this one none is due before it ends, at 2027-07-04T00:00:00Z."
    ]
    none = parse_authority(
        world.changed(world.example("authority"), world.put("authority.review_every", None))
    )
    assert describe_deadline(none, None, AT_US) == ["No review is demanded of it before it ends."]
