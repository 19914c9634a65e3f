"""The history of a gateway: its process, its feeding and its terms, where any source keeps anything."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from wicketgate.base.errors import HistoryError, InputError, StreamError
from wicketgate.base.parts import Stamp
from wicketgate.base.periods import Period, longest_us
from wicketgate.base.streams.link import end_tasks
from wicketgate.commits.rewritten import COMMITS
from wicketgate.gateway.history.child import HistoryChild
from wicketgate.gateway.history.feeding import HistoryFeeding
from wicketgate.history.messages import HistoryMeasures
from wicketgate.history.terms import horizons_us
from wicketgate.reads.intake import JOIN_US

if TYPE_CHECKING:
    from wicketgate.gateway.node import Gateway

log = logging.getLogger(__name__)

HOLD_BYTES: Final = 16 << 30
"""Of COMMITS that are held for a history that is behind."""
_LOOK_S: Final = 1.0
_TERMS_S: Final = 60.0
_AGAIN_S: Final = 0.5


class HistoryHold(NamedTuple):
    """What a history still needs.

    Attributes
    ----------
    sequence : int
        The first transaction that COMMITS must hold for it.
    at_us : int
        The keys of reads from this time on.
    """

    sequence: int
    at_us: int


class HistoryRole:
    """The history of one gateway that leads.

    It runs while a source keeps anything. When none does any more its process lets go of everything, and ends.

    Parameters
    ----------
    folder, key : Path
        Of the history, and the file of its disk's key.

    Attributes
    ----------
    measures : HistoryMeasures or None
        How much it held a minute ago; None while it does not run.
    """

    def __init__(self, gateway: Gateway, folder: Path, key: Path, stamp: Stamp) -> None:
        self._gateway = gateway
        self._make: Callable[[], HistoryChild] = lambda: HistoryChild(folder, key, stamp)
        self._child: HistoryChild | None = None
        self._feeding: HistoryFeeding | None = None
        self._began_us = gateway.clock.now_us()
        self.measures: HistoryMeasures | None = None
        if self.retentions():
            self._open()

    @classmethod
    def of(cls, gateway: Gateway, parts: AsyncExitStack) -> HistoryRole | None:
        """Return the history of a gateway whose settings ask for one; it is closed with the gateway's parts.

        Raises
        ------
        ConfigurationError
            If its folder is another deployment's, or cannot be read.
        """
        if not gateway.settings.history:
            return None
        deployment = gateway.deployment
        key = deployment.part("history-keys") / "disk.key"
        role = cls(gateway, deployment.part("history"), key, deployment.stamp())
        parts.push_async_callback(role.close)
        return role

    async def close(self) -> None:
        """Let go of it where it was opened and never ran."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

    @property
    def child(self) -> HistoryChild | None:
        """Its process; None where no source keeps anything."""
        return self._child

    @property
    def done(self) -> int:
        """Up to which transaction it has everything."""
        return self._gateway.commits.committed.sequence if self._feeding is None else self._feeding.done

    @property
    def complete(self) -> int:
        """Up to which transaction it has all that was taken."""
        return self._gateway.commits.committed.sequence if self._feeding is None else self._feeding.complete

    def hurry(self) -> None:
        """Hand over what waits at once."""
        if self._feeding is not None:
            self._feeding.hurry()

    def retentions(self) -> dict[str, Period]:
        """Return the retention of each source that keeps anything."""
        state = self._gateway.commits.committed
        organisations = self._gateway.commits.parsed.charter(state).organisations
        return {
            name: one.retention
            for name, one in organisations.items()
            if one.retention is not None and one.retention != Period()
        }

    async def hold(self) -> HistoryHold | None:
        """Return what must not be let go of before the history has it; None where nothing must.

        Nothing is held for more than `HOLD_BYTES`, nor for longer than the shortest retention of a source that posts.
        """
        feeding = self._feeding
        if feeding is None:
            return None
        gateway = self._gateway
        now_us, position = gateway.clock.now_us(), feeding.position
        since_us = self._began_us if position is None or not position.at_us else position.at_us
        earliest_us = now_us - self._longest_us()
        state = (await gateway.link.info(COMMITS)).state
        behind = gateway.commits.committed.sequence - feeding.done
        if since_us < earliest_us or behind * (state.bytes // max(1, state.messages)) > HOLD_BYTES:
            return None
        return HistoryHold(feeding.done + 1, max(earliest_us, 0 if position is None else position.at_us))

    def _longest_us(self) -> int:
        """Return for how long reads may wait: one of a source that keeps nothing as long as for its images alone."""
        state, kept = self._gateway.commits.committed, self.retentions()
        sources = {camera.source for camera in state.cameras}
        return max(JOIN_US, min((longest_us(kept.get(source, Period())) for source in sources), default=0))

    def _open(self) -> None:
        gateway = self._gateway
        self._child = self._make()
        self._feeding = HistoryFeeding(
            gateway.commits,
            gateway.stored,
            self._child.client,
            gateway.clock,
            self._child.position(),
            self.retentions,
        )

    async def run(self) -> None:
        """Run it while any source keeps anything; for ever."""
        while True:
            if self._child is None and self.retentions():
                self._open()
            if self._child is not None:
                await self._live(self._child)
            await asyncio.sleep(_LOOK_S)

    async def _live(self, child: HistoryChild) -> None:
        works = [asyncio.create_task(work) for work in (child.run(), self._feed(), self._end_terms())]
        try:
            while self.retentions() and not any(work.done() for work in works):
                await asyncio.sleep(_LOOK_S)
            for work in works:
                if work.done():
                    work.result()  # a fault of ours: the gateway ends
            with contextlib.suppress(HistoryError, InputError):
                await child.client.end_terms({})
        finally:
            await end_tasks(works[1:])
            await child.stop()
            await end_tasks(works[:1])
            if self._feeding is not None:
                self._gateway.commits.followers.remove(self._feeding.take)
            self._child = self._feeding = self.measures = None

    async def _feed(self) -> None:
        told = ""
        while self._feeding is not None:
            try:
                await self._feeding.run()
            except (HistoryError, InputError, StreamError) as error:
                if error.detail != told:
                    log.warning("the history is not fed: %s", error.detail)
                told = error.detail
            await asyncio.sleep(_AGAIN_S)

    async def _end_terms(self) -> None:
        while self._child is not None:
            with contextlib.suppress(HistoryError, InputError):
                await self._child.client.end_terms(
                    horizons_us(self._gateway.clock.now_us(), self.retentions())
                )
                self.measures = await self._child.client.measures()
            await asyncio.sleep(_TERMS_S)
