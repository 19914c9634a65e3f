"""The ends of what lies in streams: rows, openings and what was quarantined are counted, told and then deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from wicketgate.base.streams.ordinal import OrdinalStream
from wicketgate.feeds.feed import Feed
from wicketgate.feeds.index import FeedIndex
from wicketgate.gateway.filing.purges import DuePurge, TellPurges
from wicketgate.gateway.quarantine import Quarantine
from wicketgate.regime.charter.values import Limits
from wicketgate.regime.ending import before_us


class StreamEnding:
    """The ending of what follows COMMITS in streams, and of the index of feeds.

    Attributes
    ----------
    limits : Limits or None
        Of the charter in force; None before there is one.
    tell : TellPurges or None
        Told of what is about to end. Without it nothing ends here but what a gateway that waits has of its own.
    """

    def __init__(self, index: FeedIndex, openings: OrdinalStream, quarantine: Quarantine) -> None:
        self._index, self._openings, self._quarantine = index, openings, quarantine
        self._turn = asyncio.Lock()
        self.limits: Limits | None = None
        self.tell: TellPurges | None = None

    async def end(self, feeds: Sequence[Feed], at_us: int, *, shares: bool) -> None:
        """Delete what is past its term at a time.

        Parameters
        ----------
        shares : bool
            Whether another gateway leads: it tells, and the streams are its own.
        """
        limits, tell = self.limits, self.tell
        if limits is None:
            return
        rows_us, quarantine_us = (before_us(kind, at_us, limits) for kind in ("rows", "quarantine"))
        async with self._turn:  # a new charter's terms are looked at beside
            if shares:
                await self._end_rows(feeds, rows_us)
                self._quarantine.keys.end_before(quarantine_us)
            elif tell is not None:  # else a start replays, and ends what is due once it may commit
                await self._tell_rows(tell, feeds, rows_us)
                await self._end_rows(feeds, rows_us)
                await self._end_openings(tell, before_us("openings", at_us, limits))
                await self._end_quarantine(tell, quarantine_us)

    # A crash behind what is told leaves what is there still: the next look counts, tells and ends it.

    async def _tell_rows(self, tell: TellPurges, feeds: Sequence[Feed], until_us: int) -> None:
        due = await asyncio.to_thread(self._index.due_before, [feed.name for feed in feeds], until_us)
        await tell([DuePurge("rows", feed, from_us, until_us, n) for feed, (n, from_us) in due.items()])

    async def _end_rows(self, feeds: Sequence[Feed], until_us: int) -> None:
        await asyncio.to_thread(self._index.end_before, [feed.name for feed in feeds], until_us)
        for feed in feeds:
            await feed.let_go(until_us)

    async def _end_openings(self, tell: TellPurges, until_us: int) -> None:
        first, until, from_us = await self._openings.due_before(until_us)
        await tell([DuePurge("openings", "", from_us, until_us, until - first)])
        await self._openings.end_before(until_us)

    async def _end_quarantine(self, tell: TellPurges, until_us: int) -> None:
        count, from_us = await self._quarantine.due_before(until_us)
        await tell([DuePurge("quarantine", "", from_us, until_us, count)])
        await self._quarantine.end_before(until_us)
