"""The places at which nothing may be collected, for the cameras that stand there now."""

from __future__ import annotations

from typing import Final

from wicketgate.base.clock import DAY_US, Clock
from wicketgate.base.hours import windows
from wicketgate.commits.durable import Durable
from wicketgate.reads.excluded import NOWHERE, ExcludedTimes
from wicketgate.regime.charter.excluding import ExcludedPlace

_AHEAD_US: Final = 3 * DAY_US


class ExcludedNow:
    """What is excluded, made anew once a charter, a camera or the day is another one."""

    def __init__(self, commits: Durable, clock: Clock) -> None:
        self._commits, self._clock = commits, clock
        self._of: tuple[int, int] = -1, -1
        self._times = NOWHERE

    def times(self) -> ExcludedTimes:
        """Return when which camera may capture nothing."""
        state, day = self._commits.committed, self._clock.now_us() // DAY_US
        if self._of != (state.revision, day):
            self._of, self._times = (state.revision, day), self._made(day * DAY_US)
        return self._times

    def holds_of(self, source: str) -> bool:
        """Return whether anything of a source is excluded."""
        charter = self._commits.parsed.charter(self._commits.committed)
        return any(place.source == source for place in charter.excluded.values())

    def _made(self, day_us: int) -> ExcludedTimes:
        charter = self._commits.parsed.charter(self._commits.committed)
        if not charter.excluded:
            return NOWHERE
        begin, end = day_us - charter.limits.too_old_us - DAY_US, day_us + _AHEAD_US
        found: dict[int, list[int]] = {}
        for number, camera in enumerate(self._commits.committed.cameras):
            there = [
                place
                for place in charter.excluded.values()
                if place.has(camera.source, camera.id, camera.groups)
            ]
            if any(not place.hours for place in there):
                found[number] = []
            elif there:
                found[number] = _edges(there, begin, end)
        return ExcludedTimes(found)


def _edges(places: list[ExcludedPlace], begin: int, end: int) -> list[int]:
    hours = tuple(one for place in places for one in place.hours)
    edges = windows(begin, end, hours, begin, end).ravel().tolist()
    # A list without any would mean always: of hours that do not come in this time none is excluded.
    return edges or [begin, begin]
