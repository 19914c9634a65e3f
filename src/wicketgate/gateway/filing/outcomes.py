"""File what became of hits."""

from __future__ import annotations

from wicketgate.commits.transactions import Outcome, Transaction
from wicketgate.gateway.filing.facts import salted

GATEWAY = "gateway"
"""Who ends a hit that nobody answered."""


def _outcomes(outcomes: tuple[Outcome, ...], at_us: int, sequence: int) -> Transaction:
    facts = tuple(
        salted(
            "outcome",
            {
                "commit": sequence,
                "hit": outcome.hit,
                "outcome": outcome.outcome,
                "reason": outcome.reason,
                "by": outcome.by,
            },
        )
        for outcome in outcomes
    )
    return Transaction(at_us=at_us, outcomes=outcomes, facts=facts)
