"""Purges, told: what is past its term is counted, its end is a fact, and then it ends.

A kill between the two leaves what the next life counts, tells and ends: so what ended was told, and at a kill what had
not ended yet is told again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from wicketgate.base.clock import rfc3339
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.filing.facts import salted
from wicketgate.regime.ending import KEPT

if TYPE_CHECKING:  # a reader loads no writer
    from wicketgate.commits.writer import Commits

_AT_ONCE = 500
"""Facts in one transaction: some 100 KB."""


class DuePurge(NamedTuple):
    """What of one kind ends now by its term.

    Attributes
    ----------
    of : str
        Its kind (`regime.ending.KEPT`).
    whose : str
        Of which authority, source or consultation; empty where it is everybody's together.
    from_us, until_us : int
        The time of the first of it, and before when nothing of it is kept any more.
    number : int
        How many there were, in what its kind counts.
    """

    of: str
    whose: str
    from_us: int
    until_us: int
    number: int


TellPurges = Callable[[Sequence[DuePurge]], Awaitable[None]]


class PurgeFiling:
    """The filing of purges, over the commits of one gateway."""

    def __init__(self, commits: Commits) -> None:
        self._commits = commits

    async def tell(self, due: Sequence[DuePurge]) -> None:
        """Commit what is about to end; on return it may."""
        told = [one for one in due if one.number]
        for first in range(0, len(told), _AT_ONCE):
            some = told[first : first + _AT_ONCE]

            def build(
                state: State, at_us: int, sequence: int, some: Sequence[DuePurge] = some
            ) -> Transaction:
                return Transaction(at_us=at_us, facts=tuple(purge_fact(sequence, one) for one in some))

            await self._commits.commit(build)


def purge_fact(sequence: int, due: DuePurge) -> bytes:
    """Return the fact of a purge: of what, whose, of which period, how many, and by which term."""
    return salted(
        "purge",
        {
            "commit": sequence,
            "of": due.of,
            "whose": due.whose,
            "from": rfc3339(due.from_us),
            "until": rfc3339(due.until_us),
            "count": due.number,
            "term": KEPT[due.of].by,
        },
    )
