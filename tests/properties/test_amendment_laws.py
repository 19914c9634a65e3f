"""The laws of comparing charters: what is not told as wider lets nobody more sign, and nobody fewer stop."""

from __future__ import annotations

import copy
import dataclasses
from itertools import chain, combinations, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vectors import make_documents as world
from wicketgate.base.signing import format_public
from wicketgate.regime.admission.comparing import compare, compare_with_draft
from wicketgate.regime.charter import Charter, parse_charter
from wicketgate.regime.charter.rules import parse_rule
from wicketgate.regime.members import Members

Document = dict[str, Any]
INSTRUMENTS = ("ministerial-certificate", "own-purpose")
PURPOSES = ("crime", "crime/serious", "road-charging")
MODES = ("bulk", "match")
SOURCES = ("tfl", "marsh")
POOL = ("tfl/commissioner", "tfl/data-protection", "marsh/data-protection", "ico/commissioner")
NAMED = (*POOL, "{controller}/commissioner", "{controller}/data-protection")
LETTING = ("authority", "review")
STOPPING = ("suspension",)


def some(values: tuple[str, ...], *, least: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=3, unique=True)


@st.composite
def rules(draw: st.DrawFn) -> Document:
    """One rule that a charter may have."""
    kind = draw(st.sampled_from((*LETTING, *STOPPING)))
    found: Document = {"kind": kind, "offices": draw(some(NAMED))}
    for name, values in (("instruments", INSTRUMENTS), ("purposes", PURPOSES), ("modes", MODES)):
        if kind == "authority" or draw(st.booleans()):
            found[name] = draw(some(values))
    by_place = any(office.startswith("{") for office in found["offices"])
    if draw(st.booleans()) or (kind == "authority" and not by_place):
        found["controllers"] = draw(some(SOURCES))
    if kind != "authority":
        found["need"] = draw(st.sampled_from(("all", "any")))
    return found


def base() -> Charter:
    """The example charter with a second source, and without rules of the kinds that are drawn."""
    document = world.example("charter")
    document["organisations"].append(
        {"id": "marsh", "name": "Marsh Council", "roles": ["source"], "retention": "P1D"}
    )
    document["offices"].append(
        {
            "id": "marsh/data-protection",
            "title": "Officer",
            "holder": "Moira Marsh",
            "key": format_public(world.key_of("marsh/data-protection").public),
        }
    )
    drawn = (*LETTING, *STOPPING)
    document["signatures"] = [rule for rule in document["signatures"] if rule["kind"] not in drawn]
    return parse_charter(document)


BASE = base()


def charter(chosen: list[Document], version: int = 1) -> Charter:
    """The same with the rules that were drawn."""
    more = tuple(parse_rule(Members(rule)) for rule in chosen)
    return dataclasses.replace(BASE, version=version, rules=(*BASE.rules, *more))


# One of each that no rule names besides: a rule that leaves a selector out is about it too.
CASES = tuple(
    product((*INSTRUMENTS, "statute"), (*PURPOSES, "national-security"), (*MODES, "search"), SOURCES)
)
SIGNERS = tuple(
    frozenset(chosen)
    for chosen in chain.from_iterable(combinations(POOL, size) for size in range(len(POOL) + 1))
)


def sufficient(under: Charter, kind: str, case: tuple[str, ...]) -> set[frozenset[str]]:
    """Return by the letter of the rules which signatures suffice: the oracle, which knows nothing of cases."""
    instrument, purpose, mode, controller = case
    wanted = []
    for rule in under.rules:
        if rule.kind == kind and rule.applies(
            instrument=instrument, purpose=purpose, mode=mode, controller=controller
        ):
            offices = {office.replace("{controller}", controller) for office in rule.offices}
            known = [office for office in offices if office in under.offices]
            wanted.append((known, len(offices) if rule.need == "all" else 1))
    if not wanted:
        return set()
    return {
        signers
        for signers in SIGNERS
        if all(len(signers.intersection(known)) >= least for known, least in wanted)
    }


def widened(old: Charter, new: Charter) -> set[tuple[str, tuple[str, ...]]]:
    """Return each kind and case in which some signatures let more than before, or stop less."""
    found = set()
    for kind, case in product((*LETTING, *STOPPING), CASES):
        before, after = sufficient(old, kind, case), sufficient(new, kind, case)
        if (after - before) if kind in LETTING else (before - after):
            found.add((kind, case))
    return found


some_rules = st.lists(rules(), max_size=4)


@settings(deadline=None, max_examples=60)
@given(some_rules, some_rules)
def test_rules_are_told_as_wider_exactly_where_other_signatures_suffice(
    before: list[Document], after: list[Document]
) -> None:
    old, new = charter(before), charter(after, 2)
    found = compare(old, new)
    assert bool(found.wider or found.entrenched) == bool(widened(old, new))


@settings(deadline=None, max_examples=60)
@given(some_rules, st.randoms(use_true_random=False))
def test_nothing_is_wider_than_itself_however_it_is_written(chosen: list[Document], chance: Any) -> None:
    other = copy.deepcopy(chosen)
    chance.shuffle(other)
    for rule in other:
        chance.shuffle(rule["offices"])
    found = compare(charter(chosen), charter(other, 2))
    assert (found.wider, found.entrenched, found.offices) == ((), (), ())


@settings(deadline=None, max_examples=60)
@given(some_rules, some_rules, some_rules)
def test_what_was_not_proposed_is_never_covered(
    before: list[Document], drafted: list[Document], after: list[Document]
) -> None:
    """In each case the new charter is as strict as the one in force, or as the draft."""
    old, draft, new = charter(before), charter(drafted, 2), charter(after, 2)
    left = compare_with_draft(old, new, base=old, draft=draft)
    wider = widened(old, new)
    if not left.wider and not left.entrenched:
        assert not wider & widened(draft, new)
    if not wider:
        assert (left.wider, left.entrenched) == ((), ())


@settings(deadline=None, max_examples=60)
@given(some_rules, some_rules)
def test_what_was_proposed_is_covered(before: list[Document], after: list[Document]) -> None:
    old, new = charter(before), charter(after, 2)
    left = compare_with_draft(old, new, base=old, draft=new)
    assert (left.wider, left.entrenched) == ((), ())


days = st.integers(1, 60)


@settings(deadline=None, max_examples=60)
@given(days, days, st.sampled_from(("retention", "too_old", "longest_recipient_retention")))
def test_a_longer_time_is_wider_and_a_shorter_is_not(before: int, after: int, member: str) -> None:
    path = "organisations.0.retention" if member == "retention" else f"limits.{member}"
    old, new = (
        parse_charter(
            world.changed(
                world.example("charter"),
                world.put("charter.version", version),
                world.put(path, f"P{number}D"),
            )
        )
        for version, number in ((1, before), (2, after))
    )
    found = compare(old, new)
    assert (bool(found.wider), found.entrenched) == (after > before, ())
