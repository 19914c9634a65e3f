"""Hold the telling of each change of standing to its time, in seconds that were closed.

Between documents and entries `standing` the clock alone changes how things stand, at times that the documents say. So
how long something has stood untold follows from looks at those times, and not from one each second.
"""

from __future__ import annotations

from collections.abc import Callable

from wicketgate.base.clock import SECOND_US
from wicketgate.regime.admitted import Stood
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.standing import ends, in_force_from

TELL_WITHIN_S = 10
"""Within so many closed seconds the log must tell that something stands otherwise, if it stands so for as long."""
_NEVER_US = 1 << 62


class Telling:
    """What stands otherwise than the log tells, and since when.

    Times are counted without those that a start explains as missing: nobody was there to tell. What was due before is
    due behind them, with what is left of its seconds.

    Parameters
    ----------
    at : callable
        Returns the regime of the entries so far, at a moment.
    """

    def __init__(self, at: Callable[[int], RegimeAt]) -> None:
        self._at = at
        self._since_us: dict[Stood, int] = {}
        self._said: set[Stood] = set()
        self._next_us = _NEVER_US
        self._away_us = 0
        self._away_from_us = _NEVER_US
        self._held_from_us: int | None = None

    def look(self, at_us: int) -> None:
        """Look how things stand behind a document or an entry `standing`; the clock has gone on to it before."""
        self._next_us = _NEVER_US  # where this raises, the next look is the next document's
        moment = self._at(at_us)
        here_us = self._here(at_us)
        self._since_us = {one: self._since_us.get(one, here_us) for one in moment.untold()}
        self._said &= self._since_us.keys()
        self._next_us = next_change(moment)

    def go_on(self, until_us: int) -> None:
        """Let the clock go on, and look at each time at which it changes how something stands."""
        while self._next_us <= until_us:
            self.look(self._next_us)

    def be_away(self, from_us: int, until_us: int) -> None:
        """Let the clock go on over seconds that are missing and explained."""
        self.go_on(from_us)
        self._away_from_us = from_us
        self.go_on(until_us)
        self._away_from_us = _NEVER_US
        self._away_us += until_us - from_us

    def late(self, open_us: int) -> list[Stood]:
        """Return what has stood untold for too long, each once, when the seconds are closed to `open_us`."""
        if not self._since_us:
            return []
        until_us = self._here(open_us) - TELL_WITHIN_S * SECOND_US
        found = [
            one
            for one, since_us in self._since_us.items()
            if max(since_us, self._held_from_us or since_us) <= until_us and one not in self._said
        ]
        self._said.update(found)
        return sorted(found, key=lambda one: one.about)

    @property
    def is_held(self) -> bool:
        """Whether the log is held to it."""
        return self._held_from_us is not None

    def hold(self, open_us: int) -> None:
        """Hold the log to it from now on: what an earlier version left untold is counted from here."""
        if self._held_from_us is None:
            self._held_from_us = self._here(open_us)

    def _here(self, at_us: int) -> int:
        return min(at_us, self._away_from_us) - self._away_us


def next_change(moment: RegimeAt) -> int:
    """Return when the clock next changes how something stands, if no document does before."""
    times: list[int] = []
    for named in moment.regime.authorities.values():
        for version in named.versions:
            authority = moment.authority(version)
            times += [in_force_from(version, authority), ends(version, authority)[0]]
    for taken in moment.regime.consultations.values():
        times += [taken.opens_us, taken.closes_us]
        if taken.decision is not None and taken.decision.until_us is not None:
            times.append(taken.decision.until_us)
    return min((at_us for at_us in times if at_us > moment.at_us), default=_NEVER_US)
