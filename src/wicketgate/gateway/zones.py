"""The time zone of a place: the one that its authorities' hours and its cameras name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from wicketgate.base.clock import Clock
from wicketgate.commits.durable import Durable
from wicketgate.regime.documents.authority import Authority


class PlaceZones:
    """The time zones of places, by the commits of one gateway.

    Nobody sets one: the hours of an authority name a zone, and so may a camera. Most count, hours before cameras.
    """

    def __init__(self, commits: Durable, clock: Clock) -> None:
        self._commits = commits
        self._clock = clock
        self._known: dict[tuple[str, str], str] = {}
        self._revision = -1

    def of(self, kind: str, place: str) -> str:
        """Return the zone of a place; empty where nothing names one.

        Parameters
        ----------
        kind : {"unit", "office", "organisation"}
            What the place is.
        place : str
            `organisation/unit`, `organisation/office` or `organisation`.
        """
        revision = self._commits.committed.revision
        if revision != self._revision:
            self._known, self._revision = {}, revision
        key = kind, place
        if key not in self._known:
            self._known[key] = self._find(kind, place)
        return self._known[key]

    def _find(self, kind: str, place: str) -> str:
        organisation = place.partition("/")[0]
        moment = self._commits.committed_at(self._clock.now_us())
        current = [
            moment.authority(named.versions[moment.current(named)])
            for named in moment.regime.authorities.values()
        ]
        own = [one for one in current if _concerns(kind, place, organisation)(one)]
        hours = Counter(window.zone for one in own for window in one.scope.hours)
        if hours:
            return _most(hours)
        sources = {organisation}.union(*(one.scope.sources for one in own))
        cameras = self._commits.committed.cameras
        zones = (one.zone for one in cameras if one.active and one.source in sources)
        return _most(Counter(zone for zone in zones if zone))


def _concerns(kind: str, place: str, organisation: str) -> Callable[[Authority], bool]:
    def concerns(authority: Authority) -> bool:
        if kind == "unit":
            return f"{authority.recipient}/{authority.unit}" == place
        return organisation in {authority.controller, authority.recipient, *authority.scope.sources}

    return concerns


def _most(counts: Counter[str]) -> str:
    """Return what is counted most often, of several the first by name; empty where nothing is."""
    return min(counts, key=lambda name: (-counts[name], name), default="")
