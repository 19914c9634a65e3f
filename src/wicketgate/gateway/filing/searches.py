"""The filing of what becomes of questions to the past, each with its fact."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wicketgate.commits.state import State
from wicketgate.commits.transactions import Committed, Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.search_facts import search_fact
from wicketgate.regime.searches.values import SearchEvent

MakeEvents = Callable[[State, int, int], Sequence[SearchEvent]]
"""Makes events from the staged state, the time and the sequence of their commit; raises where there is nothing."""


class SearchFiling:
    """The filing of questions, over the commits of one gateway."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    async def record(self, make: MakeEvents) -> Committed:
        """Commit what becomes of questions."""

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            events = tuple(make(state, at_us, sequence))
            facts = tuple(search_fact(event, sequence) for event in events)
            return Transaction(at_us=at_us, facts=facts, searches=events)

        return await self._commits.commit(build)
