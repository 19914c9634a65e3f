"""The filing of hand-overs between a unit's shifts."""

from __future__ import annotations

from collections.abc import Sequence

from wicketgate.base.clock import MINUTE_US, Clock
from wicketgate.base.errors import InputError
from wicketgate.commits.handovers import HandedOver
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.facts import handover_fact

MOST_NOTE = 2_000
"""Characters of a note."""
MOST_OPEN = 500
"""Hits that a hand-over names: the most urgent."""
_AGAIN_US = 10 * MINUTE_US


class HandoverFiling:
    """The filing of hand-overs, over the commits of one gateway."""

    def __init__(self, commits: Commits, clock: Clock) -> None:
        self._commits = commits
        self._clock = clock

    async def hand_over(self, unit: str, by: str, text: str, waiting: Sequence[str]) -> bool:
        """Commit a note to the next shift, with the hits that wait.

        Parameters
        ----------
        by : str
            Who hands over, as facts say it.

        Returns
        -------
        bool
            Whether it is a new one: the same note of the same person within ten minutes is the same hand-over.

        Raises
        ------
        InputError
            `malformed` for a note that is too long or holds what cannot be seen.
        """
        note = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").strip().split("\n"))
        if len(note) > MOST_NOTE:
            raise InputError(f"a note has at most {MOST_NOTE} characters")
        if any(not character.isprintable() and character != "\n" for character in note):
            raise InputError("a note holds characters that cannot be seen")
        since_us = self._clock.now_us() - _AGAIN_US
        for known in self._commits.committed.handovers.get(unit, ()):
            if (known.by, known.text) == (by, note) and known.at_us > since_us:
                return False

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            given = HandedOver(unit=unit, by=by, at_us=at_us, text=note, open=tuple(waiting[:MOST_OPEN]))
            return Transaction(at_us=at_us, facts=(handover_fact(given, sequence),), handover=given)

        await self._commits.commit(build)
        return True
