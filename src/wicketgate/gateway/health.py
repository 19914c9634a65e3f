"""The health of a gateway: what is behind, and since when."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from wicketgate.base.clock import SECOND_US
from wicketgate.base.space import DiskSpace
from wicketgate.commits.durable import Durable
from wicketgate.gateway.progress import Behind, Part
from wicketgate.gateway.projections import Projections

BEHIND_S = 10.0
"""For as long anything may wait before it is said to be behind."""
_BEYOND_MERGE_S = 5.0
"""How long after the merge delay a second may be missing from the log before it is said to be behind."""
HISTORY_S = 60.0
"""For as long the history may lack what is committed before it is said to be behind."""
_LOOK_S = 0.5


class _Waiting:
    """The age of the oldest item of a sequence not done yet, known to half a second."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, float]] = deque()
        self._done = -1
        self.moved_s = 0.0

    def look(self, last: int, done: int, now_s: float) -> None:
        while self._seen and self._seen[0][0] <= done:
            self._seen.popleft()
        if last > done and (not self._seen or last > self._seen[-1][0]):
            self._seen.append((last, now_s))
        if done != self._done or last <= done:
            self._done, self.moved_s = done, now_s

    def age_s(self, now_s: float) -> float:
        return now_s - self._seen[0][1] if self._seen else 0.0


class GroupCounts(Protocol):
    """What was taken, and what of it is settled, counted in groups."""

    formed: int
    settled: int


class HistoryReached(Protocol):
    """A history, by how far it has come."""

    @property
    def done(self) -> int:
        """Up to which transaction it has everything."""


class HealthWatch:
    """The health of a running gateway.

    Parameters
    ----------
    reads : GroupCounts
        What the intake took, and how much of it is durable.
    merge_delay_us : callable
        Returns the merge delay of the charter in force.
    space : DiskSpace
        The disk; while it is full nothing new is taken.
    history : HistoryReached, optional
        The history, where there is one.
    """

    def __init__(
        self,
        commits: Durable,
        projections: Projections,
        reads: GroupCounts,
        space: DiskSpace,
        merge_delay_us: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
        *,
        history: HistoryReached | None = None,
    ) -> None:
        self._history = history
        self._history_taken = _Waiting()
        self._commits = commits
        self._projections = projections
        self._taken = reads
        self._space = space
        self._merge_delay_us = merge_delay_us
        self._now_s = now_s
        self._began_s = now_s()
        self._reads = _Waiting()
        self._commits_shown = _Waiting()
        self._full_since_s: float | None = None
        self.look()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.look()

    def look(self) -> None:
        """Take note of how far everything has come."""
        now_s, state = self._now_s(), self._commits.committed
        self._reads.look(self._taken.formed, self._taken.settled, now_s)
        self._commits_shown.look(state.sequence, self._projections.position, now_s)
        if self._history is not None:
            self._history_taken.look(state.sequence, self._history.done, now_s)
        if not self._space.is_full:
            self._full_since_s = None
        elif self._full_since_s is None:
            self._full_since_s = now_s

    @property
    def second_age_s(self) -> float:
        """The seconds that have passed since the log got a second, or since the start."""
        return self._now_s() - max(self._projections.closed_s, self._began_s)

    @property
    def reads_wait_s(self) -> float:
        """The age of the oldest read that waits for its decision."""
        return self._reads.age_s(self._now_s())

    @property
    def commits_wait_s(self) -> float:
        """The age of the oldest commit not shown yet."""
        return self._commits_shown.age_s(self._now_s())

    @property
    def history_wait_s(self) -> float:
        """The age of the oldest commit that the history has not taken."""
        return self._history_taken.age_s(self._now_s())

    def stalled(self) -> tuple[Behind, ...]:
        """Return what does not go on: seconds that do not close, reads of which none is decided."""
        self.look()
        still_s = self._now_s() - self._reads.moved_s
        return self._those_behind({"seconds": self.second_age_s, "reads": still_s})

    def behind(self) -> tuple[Behind, ...]:
        """Return what is behind, whether it goes on or not; a full disk is so at once."""
        self.look()
        behind = self._those_behind(
            {
                "seconds": self.second_age_s,
                "reads": self.reads_wait_s,
                "projections": self.commits_wait_s,
                "history": self.history_wait_s,
            }
        )
        if self._full_since_s is None:
            return behind
        return (*behind, Behind(part="disk", seconds=int(self._now_s() - self._full_since_s)))

    @property
    def merge_delay_s(self) -> float:
        """Within so long after its end a second is due in the log."""
        return self._merge_delay_us() / SECOND_US

    def _those_behind(self, waited_s: dict[Part, float]) -> tuple[Behind, ...]:
        longest_s: dict[Part, float] = {
            "seconds": self.merge_delay_s + _BEYOND_MERGE_S,
            "history": HISTORY_S,
        }
        return tuple(
            Behind(part=part, seconds=int(seconds))
            for part, seconds in waited_s.items()
            if seconds > longest_s.get(part, BEHIND_S)
        )
