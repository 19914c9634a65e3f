"""The health of a source's cameras, and who gets what they read, for the source's own officers.

What is said of hits moves with the published figures of targeting alone, so that no source learns which passage was
one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from wicketgate.base.clock import HOUR_US, Clock, parse_rfc3339, rfc3339
from wicketgate.commits.cameras import Camera, in_scope
from wicketgate.commits.durable import Durable
from wicketgate.commits.figures import JUDGED_KINDS, ClosedFigures, JudgedHits
from wicketgate.commits.watched import (
    AuthorityOver,
    CameraHealth,
    CameraHeard,
    Hearing,
    JudgedPeriod,
    ReadInMonth,
)
from wicketgate.reads.lags import CameraLags
from wicketgate.regime.figure_months import FiguresMonth

SILENT_US = HOUR_US
"""How long a camera may be without a read before it is said to be silent."""
_MONTHS = 13
_NOTHING = {"sum": 0, "hidden": 0}


class CameraDesk:
    """What one gateway knows of each source's cameras.

    Parameters
    ----------
    lags : CameraLags
        Of the reads that were taken since the start.
    """

    def __init__(self, commits: Durable, clock: Clock, lags: CameraLags) -> None:
        self._commits = commits
        self._clock = clock
        self._lags = lags
        self._revision = -1
        self._own: dict[str, list[tuple[int, Camera]]] = {}
        self._scopes: dict[str, NDArray[np.bool_]] = {}

    def cameras_of(self, source: str) -> list[tuple[int, Camera]]:
        """Return a source's active cameras and their numbers, by id."""
        self._refresh()
        if source not in self._own:
            cameras = self._commits.committed.cameras
            own = [
                (number, camera)
                for number, camera in enumerate(cameras)
                if camera.source == source and camera.active
            ]
            self._own[source] = sorted(own, key=lambda pair: pair[1].id)
        return self._own[source]

    async def heard_of(self, source: str) -> list[CameraHeard]:
        """Return a source's active cameras, and whether each was heard, by id. In a thread: there may be thousands."""
        own, now_us = self.cameras_of(source), self._clock.now_us()
        heard_us = dict(self._commits.committed.heard_us)

        def look() -> list[CameraHeard]:
            return [
                CameraHeard(
                    number=number,
                    camera=camera,
                    hearing=_hearing(heard_us.get(f"{source}/{camera.id}", 0), now_us),
                )
                for number, camera in own
            ]

        return await asyncio.to_thread(look)

    async def authorities_over(self, source: str) -> list[AuthorityOver]:
        """Return the authorities that are not over whose scope has cameras of a source, by name."""
        own = self.cameras_of(source)
        moment = self._commits.committed_at(self._clock.now_us())
        found = []
        for name, named in sorted(moment.regime.authorities.items()):
            number, status = moment.current_status(named)
            authority = moment.authority(named.versions[number])
            if status in {"revoked", "expired"} or source not in authority.scope.sources:
                continue
            reference = f"{name}@{authority.version}"
            if reference not in self._scopes:
                # Of a large register this takes a tenth of a second.
                scope = await asyncio.to_thread(in_scope, tuple(self._commits.committed.cameras), authority)
                self._scopes[reference] = scope
            scope = self._scopes[reference]
            cameras = sum(bool(scope[n]) for n, _ in own if n < len(scope))
            if cameras:
                recipient = moment.charter.organisations[authority.recipient]
                found.append(
                    AuthorityOver(
                        name=name,
                        version=authority.version,
                        title=authority.title,
                        recipient=recipient.name,
                        unit=recipient.units[authority.unit].name,
                        mode=authority.mode,
                        fields=tuple(authority.scope.fields),
                        status=status,
                        cameras=cameras,
                    )
                )
        return found

    def health_of(
        self, source: str, some: Iterable[tuple[int, Camera]], over: Sequence[AuthorityOver]
    ) -> list[CameraHealth]:
        """Return how some of a source's cameras are. Some 10 µs each."""
        state, now_us = self._commits.committed, self._clock.now_us()
        found = []
        for number, camera in some:
            place = f"{source}/{camera.id}"
            counts = dict(state.camera_counts.get(place, {}))
            heard_us = state.heard_us.get(place, 0)
            found.append(
                CameraHealth(
                    number=number,
                    camera=camera,
                    hearing=_hearing(heard_us, now_us),
                    heard_us=heard_us,
                    lag_us=self._lags.least_us(number),
                    accepted=counts.pop("accepted", 0),
                    repeated=counts.pop("repeated", 0),
                    refused=counts,
                    under=tuple(one.reference for one in over if self._covers(one.reference, number)),
                )
            )
        return found

    def judged_of(self, source: str) -> list[JudgedPeriod]:
        """Return how hits on a source's reads were judged in the published periods, the newest first."""
        return [_judged(one, source) for one in reversed(self._commits.committed.judged_before)]

    async def read_by_month(self, names: Sequence[str]) -> list[ReadInMonth]:
        """Return what left in bulk under authorities by month, as it was published, the newest first."""
        since = rfc3339(self._clock.now_us() - _MONTHS * 31 * 24 * HOUR_US)[:7]
        state = self._commits.committed
        periods, months = tuple(state.periods), tuple(state.months)
        return await asyncio.to_thread(_by_month, months, periods, frozenset(names), since)

    def _covers(self, reference: str, number: int) -> bool:
        scope = self._scopes[reference]
        return number < len(scope) and bool(scope[number])

    def _refresh(self) -> None:
        revision = self._commits.committed.revision
        if revision != self._revision:
            self._own, self._scopes, self._revision = {}, {}, revision


def _hearing(heard_us: int, now_us: int) -> Hearing:
    if not heard_us:
        return "never"
    return "silent" if now_us - heard_us > SILENT_US else "heard"


def _judged(judged: JudgedHits, source: str) -> JudgedPeriod:
    kinds: dict[str, int | None] = {}
    for kind in JUDGED_KINDS:
        # Each camera's count is in steps already: their sum says no more than they do.
        some = [
            counts[kind]
            for place, counts in judged.cameras.items()
            if place.startswith(f"{source}/") and kind in counts
        ]
        kinds[kind] = sum(some) if some else None
    return JudgedPeriod(from_us=judged.from_us, until_us=judged.until_us, kinds=kinds)


def _by_month(
    months: Sequence[FiguresMonth], periods: Sequence[ClosedFigures], names: frozenset[str], since: str
) -> list[ReadInMonth]:
    found: dict[tuple[str, str], list[int]] = {}
    for closed in months:
        released, fetched = closed.sums.get("released") or {}, closed.sums.get("fetched") or {}
        for name in names & released.keys() if closed.month >= since else ():
            shown, got = released[name], fetched.get(name) or _NOTHING
            found[closed.month, name] = [shown["sum"], got["sum"], shown["hidden"] + got["hidden"]]
    for one in periods:
        figures = one.figures
        until = figures.get("until")
        if not isinstance(until, str):
            continue
        month = rfc3339(parse_rfc3339(until) - 1)[:7]
        if month < since:
            continue
        released, fetched = figures.get("released") or {}, figures.get("fetched") or {}
        for name in names & released.keys():
            cells = found.setdefault((month, name), [0, 0, 0])
            cells[0] += released[name] or 0
            cells[1] += fetched.get(name) or 0
            cells[2] += released[name] is None or fetched.get(name) is None
    return [
        ReadInMonth(month=month, name=name, released=cells[0], fetched=cells[1], hidden=cells[2] > 0)
        for (month, name), cells in sorted(
            found.items(), key=lambda pair: (pair[0][0], pair[0][1]), reverse=True
        )
    ]
