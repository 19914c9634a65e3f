"""The history of a gateway: its process, its feeding and its terms, where any source has one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wicketgate.base.errors import ConfigurationError, HistoryError, InputError, StreamError
from wicketgate.base.parts import Stamp
from wicketgate.base.periods import Period
from wicketgate.base.streams.link import end_tasks
from wicketgate.commits.rewritten import COMMITS
from wicketgate.gateway.filing.purges import DuePurge, PurgeFiling
from wicketgate.gateway.history.child import HistoryChild
from wicketgate.gateway.history.feeding import Followed, HistoryFeeding, LedCommits
from wicketgate.gateway.history.holding import HistoryHold, demanded, kept_retentions, longest_hold_us
from wicketgate.history.client import HistoryClient
from wicketgate.history.messages import HistoryMeasures
from wicketgate.history.terms import LOOK_S, horizons_us

if TYPE_CHECKING:
    from wicketgate.gateway.node import Gateway

log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0
_AGAIN_S: Final = 0.5


class HistoryRole:
    """The history of one gateway, which leads or waits.

    It runs while a source has a history. When none does any more its process lets go of everything, and ends. One
    that waits follows COMMITS by itself, so that a takeover finds its history where the other one's was.

    Parameters
    ----------
    followed : Followed
        What it follows until the gateway leads.
    folder, key : Path
        Of the history, and the file of its disk's key.

    Attributes
    ----------
    measures : HistoryMeasures or None
        How much it held at the last look; None while it does not run.
    """

    def __init__(self, gateway: Gateway, followed: Followed, folder: Path, key: Path, stamp: Stamp) -> None:
        self._gateway = gateway
        self._followed = followed
        self._leads = False
        self._make: Callable[[], HistoryChild] = lambda: HistoryChild(folder, key, stamp)
        self._child: HistoryChild | None = None
        self._feeding: HistoryFeeding | None = None
        self._running: asyncio.Task[None] | None = None
        self._began_us = gateway.clock.now_us()
        self.measures: HistoryMeasures | None = None
        self.stillness = asyncio.Lock()
        """Held while nothing may be handed over: the files of the history are being linked for a backup."""

    @classmethod
    def of(cls, gateway: Gateway, followed: Followed, parts: AsyncExitStack) -> HistoryRole | None:
        """Return the history of a gateway whose settings ask for one; it is closed with the gateway's parts.

        Raises
        ------
        ConfigurationError
            If there is one, and the settings ask for none: nothing would end in it.
        """
        deployment = gateway.deployment
        folder, keys = deployment.part("history"), deployment.part("history-keys")
        if not gateway.settings.history:
            if folder.exists():
                raise ConfigurationError(
                    f"`{folder.name}/` holds reads, and wicketgate.toml asks for no history, so nothing in it would "
                    f"end: remove `{folder.name}/` and `{keys.name}/`, or set `history = true`"
                )
            return None
        role = cls(gateway, followed, folder, keys / "disk.key", deployment.stamp())
        parts.push_async_callback(role.close)
        return role

    def begin(self, guard: Callable[[Callable[[], Awaitable[None]]], Awaitable[Any]]) -> None:
        """Begin to run, in a task of its own, where it does not run yet. What it follows is folded.

        Raises
        ------
        ConfigurationError
            If its folder is another deployment's, or cannot be read.
        """
        if self._running is not None:
            return
        if self.retentions():
            self._open()

        async def guarded() -> None:
            await guard(self.run)

        self._running = asyncio.create_task(guarded())

    def lead(self) -> None:
        """Follow what this gateway commits: it leads now, and nothing is committed yet."""
        self._leads = True
        self._followed = LedCommits(self._gateway.commits)
        if self._feeding is not None:
            self._feeding.lead(self._gateway.commits)

    async def close(self) -> None:
        """End it, and let go of it where it was opened and never ran."""
        if self._running is not None:
            await end_tasks([self._running])
        child, self._child = self._child, None
        if child is not None:
            await child.stop()

    @property
    def child(self) -> HistoryChild | None:
        """Its process; None where no source has a history."""
        return self._child

    @property
    def client(self) -> HistoryClient:
        """Whoever asks it.

        HistoryError where there is none.
        """
        if self._child is None:
            raise HistoryError("no source keeps what it read: there is no history")
        return self._child.client

    @property
    def done(self) -> int:
        """Up to which transaction it has everything."""
        return self._followed.taken if self._feeding is None else self._feeding.done

    @property
    def complete(self) -> int:
        """Up to which transaction it has all that was taken."""
        return self._gateway.commits.committed.sequence if self._feeding is None else self._feeding.complete

    def hurry(self) -> None:
        """Hand over what waits at once."""
        if self._feeding is not None:
            self._feeding.hurry()

    def retentions(self) -> dict[str, Period]:
        """Return the retention of each source that has a history."""
        return kept_retentions(self._followed.state, self._followed.parsed)

    def horizons_us(self) -> dict[str, int]:
        """Return before when nothing of each source is shown any more, by the gateway's time."""
        return horizons_us(self.now_us(), self.retentions())

    def now_us(self) -> int:
        """Return the gateway's time; of one that waits, that of the last transaction."""
        reached_us = self._followed.state.at_us
        return max(self._gateway.clock.now_us(), reached_us) if self._leads else reached_us

    async def hold(self) -> HistoryHold | None:
        """Return what must not be let go of before the history has it; None where nothing must.

        Nothing is held for more than `holding.HOLD_BYTES`, nor for longer than the shortest retention of a source
        that posts.
        """
        feeding = self._feeding
        if feeding is None:
            return None
        position = feeding.position
        at_us = 0 if position is None else position.at_us
        return await self.demanded(HistoryHold(feeding.done + 1, at_us), at_us or self._began_us)

    async def demanded(self, hold: HistoryHold, since_us: int) -> HistoryHold | None:
        """Return a history's hold as far as it counts: this one's, or that of a sequencer that waits."""
        state = (await self._gateway.link.info(COMMITS)).state
        return demanded(
            hold,
            since_us,
            earliest_us=self.now_us() - longest_hold_us(self._followed.state, self.retentions()),
            last=self._followed.taken,
            message_bytes=state.bytes / max(1, state.messages),
        )

    def _open(self) -> None:
        self._child = self._make()
        self._feeding = HistoryFeeding(
            self._followed,
            self._gateway.stored,
            self._child.client,
            self.now_us,
            self._child.position(),
            self.retentions,
            self.stillness,
        )
        if self._leads:
            self._feeding.lead(self._gateway.commits)

    async def run(self) -> None:
        """Run it while any source has a history; for ever."""
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
                await self._end(child.client, {})
        finally:
            await end_tasks(works[1:])
            await child.stop()
            await end_tasks(works[:1])
            if self._feeding is not None:
                self._feeding.leave()
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

    async def _end(self, client: HistoryClient, horizons_us: Mapping[str, int]) -> None:
        """End what is past its term; the gateway that leads tells of it first."""
        if self._leads:
            now_us = self.now_us()
            told = [
                # What a camera's clock was ahead of ours is of now.
                DuePurge(
                    "history", one.source, min(one.from_us, now_us - 1), min(one.until_us, now_us), one.reads
                )
                for one in await client.due_terms(horizons_us)
            ]
            await PurgeFiling(self._gateway.commits).tell(told)
        await client.end_terms(horizons_us)

    async def _end_terms(self) -> None:
        while self._child is not None:
            with contextlib.suppress(HistoryError, InputError):
                await self._end(self._child.client, self.horizons_us())
                self.measures = await self._child.client.measures()
            await asyncio.sleep(LOOK_S)
