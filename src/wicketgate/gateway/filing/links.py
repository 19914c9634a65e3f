"""The filing of what becomes of links to keepers, each with its fact (docs/spec/ledger.md).

A fact names the row that was shown, and never the plate, the name or the address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wicketgate.base.clock import rfc3339
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Committed, Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.facts import salted
from wicketgate.regime.keepers.values import LinkAsked, LinkEnded, LinkEvent, LinkRefused

MakeLink = Callable[[State, int], LinkEvent]
"""Makes an event from the staged state and the time of its commit; raises where there is nothing."""


class LinkFiling:
    """The filing of links, over the commits of one gateway."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    async def record(self, make: MakeLink) -> Committed:
        """Commit what becomes of a link."""

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            event = make(state, at_us)
            return Transaction(at_us=at_us, facts=(link_fact(event, sequence),), links=(event,))

        return await self._commits.commit(build)


def link_fact(event: LinkEvent, sequence: int) -> bytes:
    """Return the fact of what became of a link."""
    match event:
        case LinkAsked():
            return salted(
                "keeper-asked",
                _said(
                    sequence,
                    id=event.id,
                    authority=event.authority,
                    unit=event.unit,
                    by=event.by,
                    cause=event.cause,
                    case=event.case,
                    register=event.register,
                    seq=event.seq,
                    source=event.source,
                    event_at=rfc3339(event.event_us),
                    hit=event.hit,
                    image=event.image,
                    decided=event.decided,
                ),
            )
        case LinkEnded():
            return salted(
                "keeper-ended",
                _said(sequence, id=event.id, authority=event.authority, became=event.became),
            )
        case LinkRefused():
            return salted(
                "keeper-refused",
                _said(
                    sequence,
                    authority=event.authority,
                    unit=event.unit,
                    by=event.by,
                    cause=event.cause,
                    case=event.case,
                    code=event.code,
                ),
            )


def _said(sequence: int, **members: Any) -> dict[str, Any]:
    """Return the members of a fact that there are."""
    return {"commit": sequence, **{name: value for name, value in members.items() if value not in ("", None)}}
