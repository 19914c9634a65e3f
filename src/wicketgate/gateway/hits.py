"""The hits of a unit, to see and to confirm."""

from __future__ import annotations

from wicketgate.base.errors import HitRefused
from wicketgate.commits.durable import Durable
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.hotlists.hits import Hit
from wicketgate.hotlists.outcomes import judge_outcome
from wicketgate.hotlists.vehicle_names import contradicts
from wicketgate.regime.documents.authority import Authority


class UnitHits:
    """The hits of units, within their present entitlement."""

    def __init__(self, commits: Durable, hits: HitQueue, entitlement: Entitlement) -> None:
        self._commits = commits
        self._hits = hits
        self._entitlement = entitlement

    def hit_of(self, unit: str, hit_id: str) -> tuple[Hit, Authority]:
        """Return a hit of a unit with its authority.

        The authority is the version that counts now.

        Raises
        ------
        HitRefused
            `unknown-hit`.
        NotEntitled
            If it is another unit's, or its authority is stopped.
        """
        hit = self._hits.get(hit_id)
        if hit is None:
            raise HitRefused("there is no such hit, or it is past its term", code="unknown-hit")
        return hit, self._entitlement.entitled_match(unit, hit.authority)

    def authority_of(self, hit_id: str) -> str:
        """Return the name of a hit's authority.

        HitRefused `unknown-hit` where there is no such hit.
        """
        hit = self._hits.get(hit_id)
        if hit is None:
            raise HitRefused("there is no such hit, or it is past its term", code="unknown-hit")
        return hit.authority

    def queue_of(self, names: list[str]) -> list[Hit]:
        """Return the open hits of some authorities, in order of urgency.

        An open hit has not ended. Live hits come before late ones, then by deadline.
        """
        found = [hit for name in names for hit in self._hits.queue(name)]
        return sorted(found, key=lambda hit: (hit.late, hit.due_us, hit.id)) if len(names) > 1 else found

    def recent_of(self, names: list[str], limit: int) -> list[Hit]:
        """Return the last hits of some authorities, the newest first."""
        found = [hit for name in names for hit in self._hits.recent(name, limit)]
        return sorted(found, key=lambda hit: (-hit.raised_us, hit.id))[:limit]

    def cannot_confirm(self, hit: Hit) -> str | None:
        """Return the code against confirming a hit now.

        None where a waiting hit can be confirmed, or where it waits no longer.

        The rules are those by which an outcome is recorded (`hotlists.outcomes.judge_outcome`).
        """
        state = self._commits.committed
        held = state.open_hits.get(hit.id)
        if held is None or hit.status != "open":
            return None
        seen = state.sightings.get(hit.authority, {}).get(hit.voi, [])
        try:
            judge_outcome(
                hit.id,
                held,
                True,
                seen,
                "confirmed",
                "",
                "",
                contradicted=contradicts(hit.entry, hit.vehicle),
                cameras=state.cameras,
            )
        except HitRefused as refused:
            return refused.code if refused.code == "needs-image" else None
        return None
