from __future__ import annotations

import contextlib
import copy
import functools
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.registers import FOUNDERS, Chancery, moved, sign, story
from tests.vectors import make_documents as world
from wicketgate.base.errors import InputError
from wicketgate.clients.officer.from_register import learn, list_of, number_of
from wicketgate.regime.documents.document import open_document
from wicketgate.regime.fold import Regime


@functools.cache
def steps() -> list[tuple[dict[str, Any], Regime, int]]:
    """Return the register, the regime and the size of the ledger before each step of the story."""
    return [
        (chancery.register(), copy.deepcopy(chancery.state.regime), chancery.state.entries)
        for chancery, _, _ in story()
    ]


def without_counts(regime: Regime) -> Regime:
    """Return a regime without the one thing that no register shows: how many cameras there were back then."""
    plain = copy.deepcopy(regime)
    for named in plain.authorities.values():
        for version in named.versions:
            version.cameras = 0
    return plain


@pytest.mark.parametrize("number", range(len(steps())))
def test_what_is_learnt_from_a_register_is_what_the_gateway_has(number: int) -> None:
    register, regime, entries = steps()[number]
    known = learn(register)
    assert known.regime == without_counts(regime)
    assert known.entries == entries
    assert known.charter.version == len(regime.charters)


def test_the_story_has_every_kind_of_document() -> None:
    regime = steps()[-1][1]
    kinds = {act.kind for named in regime.authorities.values() for act in named.acts}
    assert kinds == {"suspension", "resumption", "challenge", "review", "quashed", "objection", "revocation"}
    assert all(taken.decision is not None for taken in regime.consultations.values())
    assert len(regime.charters) == 2


def test_a_charter_that_stopped_authorities_is_learnt_with_what_it_stopped() -> None:
    chancery = Chancery()
    chancery.submit(world.example("authority"), world.CT_OFFICES)
    lost = moved(chancery.register()["charter"]["document"], "met/national-security", reason="compromised")
    chancery.submit(lost, (*FOUNDERS, "ico/deputy", "successor"))
    regime = learn(chancery.register()).regime
    assert list(regime.authorities["tfl-met-ct"].suspensions) == ["charter-2"]
    assert regime == without_counts(chancery.state.regime)


def test_a_register_of_before_there_were_versions_of_charters_is_read() -> None:
    register = {key: value for key, value in steps()[0][0].items() if key != "charters"}
    assert learn(register).charter.version == 1


def test_signatures_come_along() -> None:
    register = steps()[1][0]
    (version,) = learn(register).regime.authorities["tfl-met-ct"].versions
    assert version.envelope == sign(world.example("authority"), world.CT_OFFICES)
    assert open_document(version.envelope).kind == "authority"


# --- what is no register ----------------------------------------------------------------------------------


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += places(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += places(inner, (*path, index))
    return found


@functools.cache
def places_of_all() -> list[tuple[Any, ...]]:
    return places(steps()[-1][0])


@given(
    seed=st.integers(0, 2**32),
    junk=st.sampled_from([None, True, -1, 10**30, "", "x", [], [[]], {}, [{}], 1.5]),
)
def test_a_register_with_anything_in_it_is_learnt_or_refused(seed: int, junk: Any) -> None:
    path = random.Random(seed).choice(places_of_all())
    register = json.loads(json.dumps(steps()[-1][0]))
    *above, last = path
    table = register
    for part in above:
        table = table[part]
    table[last] = junk
    with contextlib.suppress(InputError):
        assert learn(register).regime.charters


@pytest.mark.parametrize(
    "register",
    [
        {},
        {"charter": None},
        {"charter": []},
        {"charter": {"document": {}}},
        {"charters": 3},
        {"charters": [3]},
    ],
    ids=repr,
)
def test_what_shows_no_charter_is_refused(register: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        learn(register)


def test_a_decision_that_cannot_have_been_taken_is_refused() -> None:
    register = json.loads(json.dumps(steps()[-1][0]))
    register["consultations"][0]["decision"]["at"] = "2026-07-09T00:00:00Z"
    with pytest.raises(InputError) as caught:
        learn(register)
    assert "cannot have been taken" in caught.value.detail


def test_lists_and_numbers_of_a_register_are_what_they_should_be() -> None:
    assert list_of({"a": None}, "a") == list_of({}, "a") == []
    assert number_of({"a": 3}, "a") == 3
    assert number_of({}, "a") is None
    for bad in (True, "3", 1.5):
        with pytest.raises(InputError):
            number_of({"a": bad}, "a")
