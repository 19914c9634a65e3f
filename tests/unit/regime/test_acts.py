"""Acts on authorities: their shapes and words."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vectors import make_documents as world
from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.regime.documents.acts import (
    ACTS,
    Challenge,
    Quashed,
    Resumption,
    Review,
    Revocation,
    Suspension,
    describe_act,
    parse_act,
)

VALUES = {
    "revocation": Revocation,
    "suspension": Suspension,
    "resumption": Resumption,
    "review": Review,
    "challenge": Challenge,
    "quashed": Quashed,
}


def refused(kind: str, path: str, value: Any) -> str:
    with pytest.raises(DocumentRefused) as caught:
        parse_act(kind, world.changed(world.example(kind), world.put(path, value)))
    return caught.value.code


def test_every_kind_of_act_is_parsed_into_its_value() -> None:
    assert set(VALUES) == ACTS
    for kind, value in VALUES.items():
        act = parse_act(kind, world.example(kind))
        assert isinstance(act, value)
        assert act.authority == "tfl-met-ct"
        assert act.at_us == parse_rfc3339(world.example(kind)[kind]["at"])
        assert act.document == world.example(kind)
        assert act.id in describe_act(act)[0]


def test_a_resumption_names_the_suspension_that_it_lifts() -> None:
    act = parse_act("resumption", world.example("resumption"))
    assert isinstance(act, Resumption)
    assert (act.id, act.suspension) == ("res-2026-001", "sus-2026-001")
    assert "lifts suspension `sus-2026-001` of `tfl-met-ct`" in describe_act(act)[0]


def test_a_review_runs_from_when_it_was_made() -> None:
    act = parse_act("review", world.example("review"))
    assert isinstance(act, Review)
    assert act.reviewed_us == parse_rfc3339("2026-09-25T14:00:00Z")
    assert "runs from 2026-09-25T14:00:00Z" in describe_act(act)[0]


@pytest.mark.parametrize(("stay", "effect"), [(True, "suspended until"), (False, "goes on meanwhile")])
def test_a_challenge_says_whether_the_authority_goes_on(stay: bool, effect: str) -> None:
    act = parse_act("challenge", world.changed(world.example("challenge"), world.put("challenge.stay", stay)))
    assert isinstance(act, Challenge)
    assert act.stay is stay
    assert effect in describe_act(act)[0]


def test_an_order_says_whether_it_ends_a_consultation_as_well() -> None:
    alone = parse_act("quashed", world.example("quashed"))
    assert isinstance(alone, Quashed)
    assert alone.consultation is None
    assert len(describe_act(alone)) == 2
    document = world.changed(world.example("quashed"), world.put("quashed.consultation", "c-2026-002"))
    act = parse_act("quashed", document)
    assert isinstance(act, Quashed)
    assert act.consultation == "c-2026-002"
    assert describe_act(act)[-1] == "What the consultation `c-2026-002` covered is covered no more."


@pytest.mark.parametrize("kind", sorted(ACTS))
def test_an_act_lacks_none_of_its_members_and_has_no_other(kind: str) -> None:
    optional = {"log", "why_not_match", "why_not_search"}  # whether it names its log, admission says
    for name in world.example(kind)[kind].keys() - optional:
        assert refused(kind, f"{kind}.{name}", None) == "malformed", name
    assert refused(kind, f"{kind}.other", 1) == "unknown-key"
    assert refused(kind, "authority", {}) == "unknown-key"
    assert refused(kind, f"{kind}.id", "An Id") == "malformed"
    assert refused(kind, f"{kind}.authority", "a.b") == "malformed"


@pytest.mark.parametrize("stay", [None, 1, "true"])
def test_a_stay_is_said_as_true_or_false(stay: Any) -> None:
    assert refused("challenge", "challenge.stay", stay) == "malformed"


def test_a_review_that_does_not_continue_is_no_revocation() -> None:
    assert refused("review", "review.continue", False) == "unsupported"


def test_what_is_no_act_is_refused_as_one() -> None:
    with pytest.raises(DocumentRefused):
        parse_act("charter", world.example("charter"))
