"""Emergencies as an overseer sees them: those that nobody approved in time, and those that still wait. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from wicketgate.commits.searches import EndedSearch, HeldSearch, KnownSearches
from wicketgate.gateway.searching.shown import shown
from wicketgate.gateway.searching.values import SearchShown
from wicketgate.regime.searches.rules import open_needs


@dataclass(frozen=True, slots=True, kw_only=True)
class EmergencyShown:
    """A question that was answered because life was said to be threatened; never what was asked.

    Attributes
    ----------
    by : str
        The person who asked, as facts name them.
    reason : str
        How life was said to be threatened, in words; empty once it is kept no longer.
    stops : bool
        It is that after which its unit's right stopped.
    """

    search: SearchShown
    by: str
    reason: str
    stops: bool


def emergencies_in(known: KnownSearches, now_us: int) -> list[EmergencyShown]:
    """Return the emergencies of the last 31 days that were not approved, or wait for it, the newest first."""
    everything: list[tuple[str, HeldSearch | EndedSearch]] = [*known.ended_ones.items(), *known.held.items()]
    found = [
        EmergencyShown(
            search=shown(id_, one, now_us),
            by=one.asked.by if isinstance(one, HeldSearch) else one.by,
            reason=one.asked.emergency if isinstance(one, HeldSearch) else "",
            stops=id_ in known.stopped.values(),
        )
        for id_, one in everything
        if _is_told(one)
    ]
    return sorted(found, key=lambda one: one.search.asked_at, reverse=True)


def _is_told(one: HeldSearch | EndedSearch) -> bool:
    if isinstance(one, EndedSearch):
        return one.is_unapproved
    return one.is_unapproved or bool(one.asked.approve_by_us and open_needs(one.waiting))
