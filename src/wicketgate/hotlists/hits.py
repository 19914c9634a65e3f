"""Hits: urgency, impossible journeys, recordable outcomes.

Pure. docs/spec/hits.md has the rules. A hit that was only raised is never actionable: somebody confirms it first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from wicketgate.base.clock import DAY_US, HOUR_US, SECOND_US
from wicketgate.commits.errata import HitCorrected
from wicketgate.commits.transactions import HitRaised, Outcome

DEADLINES_US: Mapping[int, int] = {1: 900 * SECOND_US, 2: HOUR_US, 3: 4 * HOUR_US, 4: DAY_US}
"""How long after it was raised a hit of each priority must have an outcome."""
UNANSWERED_US = DAY_US
"""How long after its deadline the gateway itself ends a hit, as unanswered."""

MOST_REASON = 1000
MOST_BY = 80

Status = Literal["open", "confirmed", "ended", "unanswered"]
WAITING: frozenset[Status] = frozenset({"open", "confirmed"})
"""How a hit stands of which something is still to be said."""


class Hit(HitRaised, frozen=True, kw_only=True):
    """A hit with its outcomes.

    It is all that a recipient may be shown, but for `place`.
    """

    outcomes: tuple[Outcome, ...] = ()
    status: Status = "open"
    errata: tuple[HitCorrected, ...] = ()


def raised(hit: HitRaised) -> Hit:
    """Return a newly raised hit."""
    return Hit(**{name: getattr(hit, name) for name in HitRaised.__struct_fields__})


def with_outcome(hit: Hit, outcome: Outcome) -> Hit:
    """Return a hit with one more outcome."""
    status: Status = (
        "confirmed"
        if outcome.outcome == "confirmed"
        else "unanswered"
        if outcome.outcome == "unanswered"
        else "ended"
    )
    return msgspec.structs.replace(hit, outcomes=(*hit.outcomes, outcome), status=status)


def with_erratum(hit: Hit, one: HitCorrected) -> Hit:
    """Return a hit whose read was wrong: what it shows stays, and the erratum stands beside it."""
    return msgspec.structs.replace(hit, errata=(*hit.errata, one))


def due_us(priority: int, raised_us: int) -> int:
    """Return the deadline of the outcome of a hit.

    It follows from the priority (1 to 4).
    """
    return raised_us + DEADLINES_US[priority]
