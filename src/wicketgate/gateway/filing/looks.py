"""The filing of looks: whoever sees something private is recorded before they see it.

A person's every look is a fact of its own. A machine that reads a feed is told of once a minute, before its first
answer in it, and again at the end of the minute where it came further. docs/spec/people.md, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wicketgate.base.clock import Clock, rfc3339
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.facts import look_fact
from wicketgate.gateway.looking import MachineReadings, Range

_KNOWN_OF_A_SESSION = 10_000
_KNOWN_SESSIONS = 1_000


class LookFiling(MachineReadings):
    """The filing of looks, over the commits of one gateway."""

    def __init__(self, commits: Commits, clock: Clock) -> None:
        super().__init__(clock)
        self._commits = commits
        self._known: dict[str, dict[str, None]] = {}

    async def look(self, by: str, what: str, of: str, **more: Any) -> None:
        """Commit the fact of one look.

        Parameters
        ----------
        by : str
            Who looks, as facts say it (`Principal.by`).
        what : str
            `hit`, `hits`, `hotlist`, `quarantine`, `disclosures`, `openings`, `row`.
        of : str
            Of which authority, hit or source.
        more : object
            What else the fact says.
        """
        await self._commit([(by, what, of, more)])

    async def tell(self, by: str, what: str, of: str) -> bytes:
        """Commit the fact of one look, and return it: whoever is given it can prove it once its second is over."""
        return await self._commit([(by, what, of, {})])

    async def show(self, by: str, session: str, what: str, of: str, items: Sequence[str]) -> None:
        """Commit the fact that a list was shown, with what of it this session has not been shown before.

        A page that loads itself again and shows the same is no second look.
        """
        known = self._known.setdefault(session, {})
        fresh = [item for item in items if item not in known]
        if not fresh:
            return
        await self._commit([(by, what, of, {"items": fresh})])
        known.update(dict.fromkeys(fresh))
        while len(known) > _KNOWN_OF_A_SESSION:
            del known[next(iter(known))]
        while len(self._known) > _KNOWN_SESSIONS:
            del self._known[next(iter(self._known))]

    async def _record(self, ranges: Sequence[Range]) -> None:
        await self._commit([(one.by, one.what, one.of, _members(one)) for one in ranges])

    async def _commit(self, looks: Sequence[_Look]) -> bytes:
        def build(state: State, at_us: int, sequence: int) -> Transaction:
            facts = tuple(
                look_fact(sequence, by=by, what=what, of=of, more=more) for by, what, of, more in looks
            )
            return Transaction(at_us=at_us, facts=facts)

        _, transaction = await self._commits.commit(build)
        return transaction.facts[-1]


_Look = tuple[str, str, str, Mapping[str, Any]]


def _members(read: Range) -> dict[str, Any]:
    return {"minute": rfc3339(read.minute_us), "from": read.first, "to": read.last}
