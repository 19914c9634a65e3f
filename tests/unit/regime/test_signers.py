"""Who can sign what, case by case."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.vectors import make_documents as world
from wicketgate.base.periods import Period
from wicketgate.regime.admission.signers import LETTING, STOPPING, Case, Cases, Shift, SignaturesNeeded
from wicketgate.regime.charter import RULE_KINDS, Charter, parse_charter

CHARTER = parse_charter(world.example("charter"))


def who(every: Iterable[str] = (), *choices: Iterable[str], within: Period | None = None) -> SignaturesNeeded:
    return SignaturesNeeded(frozenset(every), frozenset(frozenset(one) for one in choices), within)


@pytest.mark.parametrize(
    ("one", "other", "suffices"),
    [
        (who("ab"), who("a"), True),
        (who("a"), who("ab"), False),
        (who("a"), who((), "ab"), True),
        (who((), "ab"), who("a"), False),
        (who((), "a"), who((), "ab"), True),
        (who((), "ab"), who((), "a"), False),
        (who((), "ab", "cd"), who((), "abc"), True),
        (who("a", "bc"), who("a"), True),
        (who("a", "bc"), who("ab"), False),
        (who("a"), who("a", within=Period(us=5)), False),
        (who("a", within=Period(us=5)), who("a"), True),
        (who("a", within=Period(us=4)), who("a", within=Period(us=5)), True),
        (who("a", within=Period(us=6)), who("a", within=Period(us=5)), False),
    ],
)
def test_what_signatures_suffice_for(one: SignaturesNeeded, other: SignaturesNeeded, suffices: bool) -> None:
    """Whoever has a longer time can still come when another could not any more."""
    assert one.suffices_for(other) is suffices
    assert one.suffices_for(one)


def test_a_shift_loosens_or_hampers_or_both() -> None:
    more, fewer, others = who("ab"), who("a"), who("c")
    assert (Shift(more, fewer).loosens, Shift(more, fewer).hampers) == (True, False)
    assert (Shift(fewer, more).loosens, Shift(fewer, more).hampers) == (False, True)
    assert (Shift(fewer, others).loosens, Shift(fewer, others).hampers) == (True, True)
    assert (Shift(None, fewer).loosens, Shift(None, fewer).hampers) == (True, False)
    assert (Shift(fewer, None).loosens, Shift(fewer, None).hampers) == (False, True)


BY_THEMSELVES = {"charter", "consultation", "people", "scheme", "waiver"}


def test_every_kind_of_rule_is_looked_at() -> None:
    """Those on charters, on who may ask the public, people and charges are compared by themselves."""
    assert {*LETTING, *STOPPING} == (RULE_KINDS - BY_THEMSELVES) | {"annulment"}


def without(*kinds: str) -> Charter:
    document = world.example("charter")
    document["signatures"] = [rule for rule in document["signatures"] if rule["kind"] not in kinds]
    return parse_charter(document)


def test_cases_that_no_rule_tells_apart_are_told_as_one() -> None:
    new = without("suspension")
    cases = Cases((CHARTER, new))
    (shift,) = cases.shifts("suspension", CHARTER, new, {"tfl"}).items()
    assert shift == (
        Case("suspension", "court-order", "crime", "bulk", "tfl"),
        Shift(who((), ("{controller}/data-protection", "ico/commissioner", "ico/deputy")), None)
        if "tfl" not in named()
        else Shift(who((), ("tfl/data-protection", "ico/commissioner", "ico/deputy")), None),
    )
    (words,) = cases.describe(dict([shift]), stopping=True)
    assert words.startswith("a suspension is open to nobody, before to any of ico/commissioner, ico/deputy, ")


def named() -> set[str]:
    return {office.partition("/")[0] for rule in CHARTER.rules for office in rule.offices}
