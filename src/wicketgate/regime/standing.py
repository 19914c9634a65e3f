"""Standing: when a version takes effect and ends, and how things stand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from wicketgate.base.clock import rfc3339
from wicketgate.base.periods import Period, add
from wicketgate.regime.admitted import Stood
from wicketgate.regime.documents.authority import Authority, review_due_us
from wicketgate.regime.fold import ConsultationTaken, Regime, Version

Status = Literal[
    "in-force",
    "pending",
    "expired",
    "revoked",
    "suspended",
    "review-overdue",
    "consultation-overdue",
    "unwitnessed",
    "superseded",
]


STOPPED: frozenset[Status] = frozenset({"revoked", "suspended", "review-overdue", "consultation-overdue"})
"""How an authority stands when even what it released before is closed."""


ConsultationStatus = Literal[
    "announced", "open", "closed", "approved", "rejected", "coverage-ended", "quashed", "void"
]


EndReason = Literal["expired", "review-overdue", "consultation-overdue"]


def in_force_from(version: Version, authority: Authority) -> int:
    """Return when a version takes effect, microseconds.

    It is not before its commit, and not before its validity.
    """
    return max(version.committed_us, authority.valid_from_us)


def review_due(version: Version, authority: Authority) -> int | None:
    """Return when the next review is due, microseconds, or None.

    It must have been recorded by then. None is where none is demanded.
    """
    return review_due_us(authority, reviewed_from(version, authority))


def reviewed_from(version: Version, authority: Authority) -> int:
    """Return since when the next review is counted, microseconds.

    It is since the last review, or since the version took effect.

    A review kept back and submitted late never moves it back.
    """
    return max(in_force_from(version, authority), version.reviewed_us or 0)


def consultation_due(version: Version) -> int | None:
    """Return when a consultation must have covered a version, or None.

    None is where none must, or one has.
    """
    return None if version.consulted_us is not None else version.consult_due_us


def ends(version: Version, authority: Authority) -> tuple[int, EndReason]:
    """Return when a version ends by the clock, microseconds, and its first cause.

    The cause is what ends it first. Acts on it come besides.
    """
    end: tuple[int, EndReason] = (authority.valid_until_us, "expired")
    due_us = review_due(version, authority)
    if due_us is not None and due_us < end[0]:
        end = due_us, "review-overdue"
    consult_us = consultation_due(version)
    if consult_us is not None and consult_us < end[0]:
        end = consult_us, "consultation-overdue"
    return end


def consultation_status(taken: ConsultationTaken, at_us: int) -> ConsultationStatus:
    """Return how a consultation stands at `at_us`."""
    if taken.quashed_us is not None:
        return "quashed"
    if taken.void_us is not None:
        return "void"
    decision = taken.decision
    if decision is not None:
        if not decision.approved:
            return "rejected"
        assert decision.until_us is not None
        return "approved" if at_us < decision.until_us else "coverage-ended"
    if at_us < taken.opens_us:
        return "announced"
    return "open" if at_us < taken.closes_us else "closed"


def responses_until(taken: ConsultationTaken, covers_for: Period) -> int:
    """Return until when the responses to a consultation are kept, exclusive.

    Parameters
    ----------
    covers_for : Period
        `consulting.covers_for` of the charter in force: how long a decision covers what was consulted on. For so long
        from its closing, and as long as its own decision covers anything, what was said can matter; then it ends.
    """
    until_us = add(taken.closes_us, covers_for)
    decision = taken.decision
    return until_us if decision is None or decision.until_us is None else max(until_us, decision.until_us)


def is_told(regime: Regime, stood: Stood) -> bool:
    """Return whether the ledger's last word on something is this standing."""
    told = regime.told.get(stood.about)
    return told is not None and (told[-1].version, told[-1].status) == (stood.version, stood.status)


def standing_entry(changes: Iterable[Stood], at_us: int) -> dict[str, Any]:
    """Return the ledger's entry on standings from `at_us` on.

    It tells how things stand from then on.
    """
    return {
        "kind": "standing",
        "at": rfc3339(at_us),
        "changes": described(changes),
    }


def described(changes: Iterable[Stood]) -> list[dict[str, str]]:
    """Return each change of standing in the form of a ledger entry."""
    return [
        {"authority": f"{one.about}@{one.version}", "status": one.status}
        if one.version
        else {"consultation": one.about.partition("/")[2], "status": one.status}
        for one in changes
    ]
