"""Live counts of reads taken, released and stayed, a sample a second.

No gateway but a demonstration has this. Where vehicles are real, a count that moves as they pass would let somebody
be timed (law 5), so there the product looks for no such routes. Even of invented vehicles no plate is shown, nor
anything made from one: counts, cameras, and of a hit its camera and its quality.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import islice
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from wicketgate.base.clock import Clock, rfc3339
from wicketgate.commits.state import State
from wicketgate.http.problems import problem
from wicketgate.http.requests import JSON
from wicketgate.http.site.addition import Sight
from wicketgate.http.site.shelf import Shelf, answer
from wicketgate.pages.orders import Body, finished
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.publishing import bulk_names

QUALITIES = ("exact", "possible")
MAX_LISTENERS = 50
MAX_STRUCK = 20
"""Hits that one sample names; all are counted."""
_EVERY_S = 1.0
_LONGEST = 900
"""Samples in one answer; then the browser asks again by itself, so that no dead connection holds a place for ever."""
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def totals_of(state: State, parsed: Parsed, at_us: int) -> dict[str, Any]:
    """Return the counts since the gateway began, and how each authority stands.

    Returns
    -------
    dict
        `taken`, `stayed` (released to nobody), both without `past`: reads that were posted of a time before anybody
        could be given any (`past_of`); `released`, `hits` and the rest, `bulk`, by authority; `images` and
        `fetched` by authority whose releases are traffic; `refused` by reason; `sources`: reads by source;
        `standing`: the status of each authority's version that counts now.
    """
    totals, moment = state.totals, RegimeAt(state.regime, parsed, at_us)
    past = past_of(state, parsed)
    bulk = bulk_names(moment)
    refused: dict[str, int] = {}
    for reasons in totals.refused.values():
        for reason, rows in reasons.items():
            refused[reason] = refused.get(reason, 0) + rows
    sources: dict[str, int] = {camera.source: 0 for camera in state.cameras}
    for place, counts in state.camera_counts.items():
        source = place.partition("/")[0]
        sources[source] = sources.get(source, 0) + counts.get("accepted", 0)
    return {
        "at": rfc3339(at_us - at_us % 1_000_000),
        "taken": totals.decided - past,
        "stayed": totals.withheld - past,
        "past": past,
        "released": dict(totals.released),
        # Every row that a list lets go is a hit, and nothing else is: the rest left in bulk.
        "bulk": {
            name: max(0, rows - sum(totals.hits.get(name, {}).get(each, 0) for each in QUALITIES))
            for name, rows in totals.released.items()
        },
        "images": {name: totals.images.get(name, 0) for name in bulk},
        "fetched": {name: totals.fetched.get(name, 0) for name in bulk},
        "hits": {
            name: {quality: counts.get(quality, 0) for quality in QUALITIES}
            for name, counts in totals.hits.items()
        },
        "refused": refused,
        "sources": sources,
        "standing": {name: moment.current_status(named)[1] for name, named in state.authorities.items()},
    }


def past_of(state: State, parsed: Parsed) -> int:
    """Return how many reads were captured before any authority over their owner's cameras began.

    They were refused under each for that, and could leave under none. Authorities that began later refuse reads that
    others let go, so those of an owner that began first are asked; of several the one with most cameras in its scope.
    """
    first: dict[str, tuple[int, int]] = {}
    for name, named in state.authorities.items():
        for version in named.versions:
            authority = parsed.authority(version)
            refused = state.totals.refused.get(f"{name}@{authority.version}", {}).get("before-validity", 0)
            # The earliest beginning, and of that the most reads.
            found = (-authority.valid_from_us, refused)
            first[authority.controller] = max(first.get(authority.controller, found), found)
    return min(state.totals.withheld, sum(refused for _, refused in first.values()))


def cameras_of(state: State, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the places of the cameras.

    A camera's place in the list is its number in the samples.

    Parameters
    ----------
    names : mapping
        The names of the sources by their ids.
    """
    return {
        "sources": {
            source: names.get(source, source) for source in dict.fromkeys(c.source for c in state.cameras)
        },
        "cameras": [
            {
                "source": camera.source,
                "id": camera.id,
                "groups": camera.groups,
                "latitude": camera.latitude,
                "longitude": camera.longitude,
            }
            if camera.active and camera.latitude is not None and camera.longitude is not None
            else None
            for camera in state.cameras
        ],
    }


class Sampler:
    """A sampler of the counts.

    It takes one sample after another, each with the reads since the one before.
    """

    def __init__(self) -> None:
        self._read: dict[str, int] | None = None
        self._hits = 0
        self._numbers: dict[str, int] = {}

    def take(self, state: State, parsed: Parsed, at_us: int) -> dict[str, Any]:
        """Return the totals, with the cameras' news since the last sample.

        The news is `cameras`: `[number, reads]`, and `struck`: `[number, quality]`.

        Notes
        -----
        O(cameras). The first sample has neither.
        """
        if len(self._numbers) != len(state.cameras):
            self._numbers = {f"{camera.source}/{camera.id}": n for n, camera in enumerate(state.cameras)}
        sample = totals_of(state, parsed, at_us)
        read = {place: counts.get("accepted", 0) for place, counts in state.camera_counts.items()}
        hits = sum(sum(counts.values()) for counts in sample["hits"].values())
        sample["cameras"], sample["struck"] = [], []
        if self._read is not None:
            before = self._read
            sample["cameras"] = [
                [self._numbers[place], count - before.get(place, 0)]
                for place, count in read.items()
                if count != before.get(place, 0) and place in self._numbers
            ]
            # Hits stand in the order in which they were raised, so the last ones are the new ones.
            new = min(hits - self._hits, MAX_STRUCK)
            sample["struck"] = [
                [self._numbers[hit.place], hit.quality]
                for hit in islice(reversed(state.open_hits.values()), new)
                if hit.place in self._numbers
            ]
        self._read, self._hits = read, hits
        return sample


class Broadcast:
    """One sample a second for every listener.

    While nobody listens, none is taken.

    A listener that is slow misses samples. Nothing is kept for it: what is sent are totals, so it loses no count.

    Parameters
    ----------
    sample : callable
        Returns how to take the next sample; called once for each run of samples.
    """

    def __init__(self, clock: Clock, sampling: Callable[[], Callable[[], Mapping[str, Any]]]) -> None:
        self.listeners = 0
        self._clock = clock
        self._sampling = sampling
        self._latest = b""
        self._number = 0
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Return whether the places for listeners are taken."""
        return self.listeners >= MAX_LISTENERS

    async def events(self) -> AsyncIterator[bytes]:
        """Yield server-sent events.

        None come where too many listen.
        """
        if self.is_full:
            return
        self.listeners += 1
        try:
            if self._task is None:
                self._task = asyncio.create_task(self._run())
            yield b"retry: 3000\n\n"
            seen = max(0, self._number - 1)
            for _ in range(_LONGEST):
                seen = await self._newer(seen)
                if not seen:
                    return
                yield b"data: " + self._latest + b"\n\n"
        finally:
            self.listeners -= 1

    async def _newer(self, seen: int) -> int:
        """Wait for a sample behind `seen`.

        Return the number of the latest one, 0 where no more come.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._number > seen or self._task is None)
        return self._number

    async def _run(self) -> None:
        try:
            take = self._sampling()
            while self.listeners:
                self._latest = msgspec.json.encode(take())
                self._number += 1
                async with self._changed:
                    self._changed.notify_all()
                await self._clock.sleep(_EVERY_S)
        finally:
            # Whoever waits is let go; whoever comes next begins anew.
            self._task, self._number = None, 0
            async with self._changed:
                self._changed.notify_all()


class LiveRoutes:
    """The routes below `/demonstration/`."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._broadcast: Broadcast | None = None
        self._cameras = Shelf()

    def routes(self) -> list[Route]:
        """Return every route below `/demonstration/`."""
        return [
            Route("/demonstration/live", self.events),
            Route("/demonstration/cameras.json", self.cameras),
        ]

    def totals(self) -> dict[str, Any]:
        """Return the counts until now, for the page's first drawing."""
        sight = self._sight
        return totals_of(sight.state(), sight.parsed, sight.clock.now_us())

    async def events(self, request: Request) -> Response:
        """`/demonstration/live`: server-sent events, one a second."""
        if self._broadcast is None:
            self._broadcast = Broadcast(self._sight.clock, self._sampling)
        if self._broadcast.is_full:
            return problem("busy", f"{MAX_LISTENERS} listen already: try again in a moment")
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers=_HEADERS)
        return StreamingResponse(self._broadcast.events(), media_type="text/event-stream", headers=_HEADERS)

    def _sampling(self) -> Callable[[], Mapping[str, Any]]:
        sight, sampler = self._sight, Sampler()
        return lambda: sampler.take(sight.state(), sight.parsed, sight.clock.now_us())

    async def cameras(self, request: Request) -> Response:
        """`/demonstration/cameras.json`: the places of the cameras, encoded once a revision."""
        state = self._sight.state()

        async def make() -> Body:
            charter = self._sight.parsed.charter(state)
            names = {organisation.id: organisation.name for organisation in charter.organisations.values()}
            content = msgspec.json.encode(cameras_of(state, names))
            return await asyncio.to_thread(finished, content)

        served = await self._cameras.get("cameras", state.revision, make, lasts=True)
        assert served is not None
        return answer(request, served, JSON, {"X-Content-Type-Options": "nosniff"})
