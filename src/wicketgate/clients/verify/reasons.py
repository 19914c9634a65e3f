"""Find for which reasons the gate can have refused rows in a period, by the documents and their times.

The gate refuses by the regime and the time of its transaction (docs/spec/gate.md, section 3). So rows are refused as
revoked only where the authority was revoked at some moment of the period, and as out of scope only where it was in
force.
"""

from __future__ import annotations

from collections.abc import Iterable, Set

from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.publishing import REASONS
from wicketgate.regime.standing import ends, in_force_from

Refusals = set[tuple[str, str]]
"""References and reasons."""


def possible_refusals(moment: RegimeAt, from_us: int, until_us: int) -> Refusals:
    """Return what can be refused from a time until another, by one state of the documents.

    Parameters
    ----------
    moment : RegimeAt
        The documents that stood in all of that time.

    Notes
    -----
    O(versions). Both ends count: what was decided at that very microsecond may have come before a document of it.
    """
    found: Refusals = set()
    for named in moment.regime.authorities.values():
        first, last = (moment.at(at_us).current(named) for at_us in (from_us, until_us))
        for version in named.versions[first : last + 1]:
            authority = moment.authority(version)
            if authority.mode == "search":
                continue  # it answers questions, and is asked of no read
            reasons = {"error"}  # of terms that are inconsistent, whatever else they are
            begins_us = in_force_from(version, authority)
            end_us, why = ends(version, authority)
            if version.revoked_us is not None:
                reasons.add("revoked")
            elif named.suspensions:
                reasons.add("suspended")
            elif moment.regime.is_unwitnessed(authority.mode):
                reasons.add("unwitnessed")
            else:
                reasons.add("feed-full")
                if from_us <= begins_us:
                    reasons.add("not-in-force-yet")
                if until_us >= end_us:
                    reasons.add(why)
                if max(from_us, begins_us) <= min(until_us, end_us):
                    reasons |= {"out-of-scope", "before-validity"}
                    if authority.match is not None:
                        reasons.add("not-listed")
                    if authority.unlisted is not None:
                        reasons.add("listed")
                    # A camera's clock may be ahead: then a read was captured behind the end of the validity.
                    if authority.valid_until_us <= until_us + moment.charter.limits.clock_ahead_us:
                        reasons.add("expired")
            found |= {(authority.reference, reason) for reason in reasons}
    return found


def impossible_refusals(refused: Iterable[tuple[str, str]], possible: Set[tuple[str, str]]) -> list[str]:
    """Return the refusals for a reason that the gate does not have, or that was true at no moment of the period."""
    return [
        f"rows of `{reference[:100]}` are refused as `{reason[:40]}`, "
        + (
            "which at no moment of the period it was"
            if reason in REASONS
            else "which is no reason of the gate"
        )
        for reference, reason in refused
        if (reference, reason) not in possible
    ]
