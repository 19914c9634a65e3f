"""Find the hits that a unit may see and confirm."""

from __future__ import annotations

from wicketgate.base.errors import HitRefused
from wicketgate.gateway.entitlement import entitled_match
from wicketgate.gateway.node import Gateway
from wicketgate.hotlists.hits import Hit
from wicketgate.hotlists.outcomes import judge_outcome
from wicketgate.regime.documents.authority import Authority


def hit_of(gateway: Gateway, unit: str, hit_id: str) -> tuple[Hit, Authority]:
    """Return a hit of a unit, with the version of its authority that counts now.

    Raises
    ------
    HitRefused
        `unknown-hit`.
    NotEntitled
        If it is another unit's, or its authority is stopped.
    """
    hit = gateway.hits.get(hit_id)
    if hit is None:
        raise HitRefused("there is no such hit, or it is past its term", code="unknown-hit")
    return hit, entitled_match(gateway, unit, hit.authority)


def queue_of(gateway: Gateway, names: list[str]) -> list[Hit]:
    """Return the hits of some authorities that have not ended: live before late, then by deadline."""
    found = [hit for name in names for hit in gateway.hits.queue(name)]
    return sorted(found, key=lambda hit: (hit.late, hit.due_us, hit.id)) if len(names) > 1 else found


def recent_of(gateway: Gateway, names: list[str], limit: int) -> list[Hit]:
    """Return the last hits of some authorities, the newest first."""
    found = [hit for name in names for hit in gateway.hits.recent(name, limit)]
    return sorted(found, key=lambda hit: (-hit.raised_us, hit.id))[:limit]


def cannot_confirm(gateway: Gateway, hit: Hit) -> str | None:
    """Return the code of why a hit that waits cannot be confirmed now; None where it can, or waits no longer.

    The rules are those by which an outcome is recorded (`hits.judge_outcome`).
    """
    state = gateway.commits.committed
    held = state.open_hits.get(hit.id)
    if held is None or hit.status != "open":
        return None
    seen = state.sightings.get(hit.authority, {}).get(hit.voi, [])
    try:
        judge_outcome(hit.id, held, True, seen, "confirmed", "", "")
    except HitRefused as refused:
        return refused.code if refused.code == "needs-image" else None
    return None
