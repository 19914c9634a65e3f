"""Consultations, objections and decisions: their shapes and words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.vectors import make_documents as world
from tests.vectors.make_documents import changed, put
from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.charter import Charter, parse_charter
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.consultations import (
    describe_consultation,
    describe_decision,
    describe_objection,
    parse_consultation,
    parse_decision,
    parse_objection,
)

PARSERS: dict[str, Callable[[dict[str, Any]], object]] = {
    "consultation": parse_consultation,
    "objection": parse_objection,
    "decision": parse_decision,
}


def refused(kind: str, *changes: Callable[[dict[str, Any]], object]) -> DocumentRefused:
    with pytest.raises(DocumentRefused) as caught:
        PARSERS[kind](changed(world.example(kind), *changes))
    return caught.value


def test_a_consultation_holds_the_whole_draft() -> None:
    consultation = parse_consultation(world.example("consultation"))
    assert consultation.id == "c-2026-002"
    assert consultation.opens_us == parse_rfc3339("2026-07-09T00:00:00Z")
    assert consultation.closes_us == parse_rfc3339("2026-08-20T00:00:00Z")
    assert isinstance(consultation.draft, Authority)
    assert consultation.draft.reference == "tfl-met-ct-images@1"
    assert consultation.draft.document == world.example("consultation")["draft"]
    assert describe_consultation(consultation)[-1] == "Proposed is `tfl-met-ct-images@1`."


def test_a_consultation_can_be_on_a_charter() -> None:
    draft = changed(world.example("charter"), put("charter.version", 2))
    consultation = parse_consultation(changed(world.example("consultation"), put("draft", draft)))
    assert isinstance(consultation.draft, Charter)
    assert describe_consultation(consultation)[-1] == "Proposed is the charter version 2."


@pytest.mark.parametrize(
    "draft", [None, {}, [], "tfl-met-ct", {"authority": {}, "charter": {}}, {"suspension": {}}]
)
def test_a_draft_is_one_whole_authority_or_charter(draft: Any) -> None:
    assert refused("consultation", put("draft", draft)).code == "malformed"


def test_what_is_wrong_with_a_draft_has_its_own_code_and_place() -> None:
    error = refused("consultation", put("draft.scope.fields", ["driver"]))
    assert error.code == "unknown-field"
    assert error.detail.startswith("in `draft`: `scope.fields`")
    assert refused("consultation", put("draft.other", {})).code == "unknown-key"


@pytest.mark.parametrize("closes", ["2026-07-09T00:00:00Z", "2026-07-08T00:00:00Z"])
def test_a_consultation_closes_after_it_opens(closes: str) -> None:
    assert refused("consultation", put("consultation.closes_at", closes)).code == "malformed"


def test_an_objection_is_to_a_consultation_or_to_an_authority() -> None:
    objection = parse_objection(world.example("objection"))
    assert (objection.consultation, objection.authority, objection.annul) == ("c-2026-002", None, False)
    charter = parse_charter(world.example("charter"))
    assert (
        describe_objection(objection, charter)[0]
        == "Objection `o-2026-001` of Department for Transport to `c-2026-002`."
    )
    assert "of `dft` to" in describe_objection(objection)[0]
    to_authority = put("objection.authority", "tfl-met-ct")
    assert refused("objection", to_authority).code == "malformed"
    assert refused("objection", put("objection.consultation", None)).code == "malformed"


def test_only_an_authority_can_be_annulled() -> None:
    assert refused("objection", put("objection.annul", True)).code == "malformed"
    objection = parse_objection(
        changed(
            world.example("objection"),
            put("objection.consultation", None),
            put("objection.authority", "tfl-met-ct"),
            put("objection.annul", True),
        )
    )
    assert objection.annul
    assert describe_objection(objection)[0].endswith("It ends the authority.")


def test_a_decision_answers_by_the_id_of_the_objection() -> None:
    decision = parse_decision(world.example("decision"))
    assert decision.answers == {"o-2026-001": "Signs at the boundary will say so from the first day."}
    assert decision.covered_until_us == parse_rfc3339("2027-09-01T00:00:00Z")
    assert decision.covered is None
    words = describe_decision(decision)
    assert words[0] == "Decision `d-2026-002` on the consultation `c-2026-002`: approved."
    assert "It covers what was proposed, until 2027-09-01T00:00:00Z." in words


def test_a_rejection_covers_nothing_until_no_time() -> None:
    rejected = put("decision.outcome", "rejected")
    assert refused("decision", rejected).code == "unknown-key"
    ended = put("decision.covered_until", None)
    decision = parse_decision(changed(world.example("decision"), rejected, ended))
    assert decision.covered_until_us is None
    assert not any("covers" in line for line in describe_decision(decision))
    less = put("covered", world.example("consultation")["draft"])
    assert refused("decision", rejected, ended, less).code == "malformed"


def test_an_approval_says_until_when_and_can_cover_less() -> None:
    assert refused("decision", put("decision.covered_until", None)).code == "malformed"
    draft = world.example("consultation")["draft"]
    decision = parse_decision(changed(world.example("decision"), put("covered", draft)))
    assert isinstance(decision.covered, Authority)
    assert any("less than what was proposed" in line for line in describe_decision(decision))
    error = refused("decision", put("covered", {**draft, "extras": {}}))
    assert (error.code, error.detail.startswith("in `covered`: ")) == ("unknown-key", True)
    assert refused("decision", put("covered", "all")).code == "malformed"


def test_an_objection_is_answered_once() -> None:
    answers = world.example("decision")["decision"]["answers"]
    assert refused("decision", put("decision.answers", answers * 2)).code == "malformed"
    assert refused("decision", put("decision.answers.0.by", "dft")).code == "unknown-key"
    many = [{"objection": f"o-{number}", "answer": "No."} for number in range(201)]
    assert refused("decision", put("decision.answers", many)).code == "malformed"


@pytest.mark.parametrize("kind", sorted(PARSERS))
def test_none_of_the_members_may_be_missing_and_no_other_be_there(kind: str) -> None:
    for name in world.example(kind)[kind].keys() - {"answers", "log"}:
        assert refused(kind, put(f"{kind}.{name}", None)).code == "malformed", name
    assert refused(kind, put(f"{kind}.other", 1)).code == "unknown-key"
    assert refused(kind, put("other", {})).code == "unknown-key"
