"""Decide what a person looks at, and what nobody is held to: the table of edge cases. Pure.

docs/spec/cases.md, section 2.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from wicketgate.base.distances import could_not_go
from wicketgate.clients.charging.cases.life import ActRefused
from wicketgate.clients.charging.cases.neighbours import Likeness
from wicketgate.clients.charging.cases.reviews import ReviewReason
from wicketgate.clients.charging.settling import Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstSigns:
    """What speaks against taking the reads of a vehicle's day for that vehicle's.

    Attributes
    ----------
    likeness : frozenset
        How its plate is like one that was paid for (`neighbours.PaidPlates`).
    cloned : bool
        Whether no one vehicle can have made its reads (`is_impossible`), or make and colour contradict the register.
    lost_through : bool
        Whether a passage along a road through a zone was not seen whole.
    diverted : bool
        Whether a waiver concerns a part of the day.
    misread_before : bool
        Whether one of its cameras was found to read this plate wrongly.
    """

    likeness: frozenset[Likeness] = frozenset()
    cloned: bool = False
    lost_through: bool = False
    diverted: bool = False
    misread_before: bool = False


NO_SIGNS = AgainstSigns()


def reasons_of(settled: Settled, signs: AgainstSigns, *, on_account: bool) -> tuple[ReviewReason, ...]:
    """Return why somebody looks at a settled day: at every penalty, at an account where anything speaks against it."""
    reasons: list[ReviewReason] = []
    if settled.reviews:
        reasons.append("not-proved")
    reasons += sorted(signs.likeness, reverse=True)
    for reason, is_so in (
        ("clone", signs.cloned),
        ("through", signs.lost_through),
        ("diversion", signs.diverted),
        ("misread-before", signs.misread_before),
    ):
        if is_so:
            reasons.append(reason)  # type: ignore[arg-type]
    if settled.outcome in ("penalty", "review") and not on_account:
        reasons.insert(0, "penalty")
    return tuple(reasons)


def is_impossible(sightings: Collection[tuple[int, float, float]]) -> bool:
    """Return whether no one vehicle can have been everywhere: moments (µs) with latitude and longitude in degrees."""
    ordered = sorted(sightings)
    return any(
        could_not_go(one[1:], other[1:], (other[0] - one[0]) / 1e6) for one, other in pairwise(ordered)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueFacts:
    """What must be so before a penalty is issued.

    Attributes
    ----------
    owed : bool
        Whether the charge is unpaid, and no window is open, as settled now.
    confirmed : bool
        Whether a person found the reads to be of the vehicle.
    keeper_known : bool
        Whether the register named a keeper for the day of the event.
    stopped : bool
        Whether the plate is held as a clone's, or the authority was revoked or has ended.
    over : bool
        Whether the time in which penalties may be issued is over.
    issued_before : bool
        Whether this charge had a penalty: it has no second one, were the first cancelled.
    """

    owed: bool
    confirmed: bool
    keeper_known: bool
    stopped: bool
    over: bool
    issued_before: bool


def issue_refused(facts: IssueFacts) -> ActRefused | None:
    """Return why no penalty is issued, or None; the first that applies."""
    for is_so, code, words in (
        (facts.issued_before, "already-issued", "this charge has its penalty"),
        (facts.stopped, "charging-stopped", "nothing new is charged here"),
        (facts.over, "too-late", "the time to issue a penalty is over"),
        (not facts.owed, "not-owed", "nothing is owed now"),
        (not facts.confirmed, "person-needed", "nobody has looked and found it to be this vehicle"),
        (not facts.keeper_known, "keeper-needed", "the register has not named a keeper"),
    ):
        if is_so:
            return ActRefused(code=code, words=words)
    return None
