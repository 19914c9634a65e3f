"""The filing of looks: whoever sees something private is recorded before they see it.

A person's every look is a fact of its own. A machine that reads a feed is told of once a minute, before its first
answer in it, and again at the end of the minute where it came further. docs/spec/people.md, section 5.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.base.clock import MINUTE_US, Clock, rfc3339
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.filing.facts import look_fact

_MOST_MACHINES = 10_000
_KNOWN_OF_A_SESSION = 10_000


@dataclass(slots=True)
class _Reading:
    """How far a machine has read a thing in a minute, and how far the fact of it says."""

    minute_us: int
    first: int
    told: int
    last: int


class LookFiling:
    """The filing of looks, over the commits of one gateway."""

    def __init__(self, commits: Commits, clock: Clock) -> None:
        self._commits = commits
        self._clock = clock
        self._reading: dict[tuple[str, str, str], _Reading] = {}
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

    def forget(self, lasting: Collection[str]) -> None:
        """Forget the sessions that have ended: all but those that last."""
        self._known = {key: known for key, known in self._known.items() if key in lasting}

    async def read(self, by: str, what: str, of: str, first: int, last: int) -> None:
        """Record that a machine reads items `first` to `last` of something numbered.

        Its first reading in a minute is committed before this returns; how much further it comes is committed at the
        end of the minute.
        """
        now_us = self._clock.now_us()
        minute_us = now_us - now_us % MINUTE_US
        key = by, what, of
        reading = self._reading.get(key)
        if reading is not None and reading.minute_us == minute_us and reading.first <= first:
            reading.last = max(reading.last, last)
            return
        told = [] if reading is None else self._rest(key, reading)
        self._reading[key] = _Reading(minute_us, first, last, last)
        while len(self._reading) > _MOST_MACHINES:
            oldest = next(iter(self._reading))
            told += self._rest(oldest, self._reading.pop(oldest))
        await self._commit([*told, (by, what, of, _range(minute_us, first, last))])

    async def run(self) -> None:
        """Commit, minute by minute, how far machines have read; until cancelled."""
        while True:
            now_us = self._clock.now_us()
            await self._clock.sleep((MINUTE_US - now_us % MINUTE_US) / 1e6 + 0.01)
            await self.end_minutes()

    async def end_minutes(self) -> None:
        """Commit how far machines have read in minutes that are over."""
        now_us = self._clock.now_us()
        over = [key for key, one in self._reading.items() if one.minute_us + MINUTE_US <= now_us]
        told = [fact for key in over for fact in self._rest(key, self._reading.pop(key))]
        if told:
            await self._commit(told)

    @staticmethod
    def _rest(key: tuple[str, str, str], reading: _Reading) -> list[_Look]:
        if reading.last <= reading.told:
            return []
        return [(*key, _range(reading.minute_us, reading.told + 1, reading.last))]

    async def _commit(self, looks: Sequence[_Look]) -> None:
        def build(state: State, at_us: int, sequence: int) -> Transaction:
            facts = tuple(
                look_fact(sequence, by=by, what=what, of=of, more=more) for by, what, of, more in looks
            )
            return Transaction(at_us=at_us, facts=facts)

        await self._commits.commit(build)


_Look = tuple[str, str, str, Mapping[str, Any]]


def _range(minute_us: int, first: int, last: int) -> dict[str, Any]:
    return {"minute": rfc3339(minute_us), "from": first, "to": last}
