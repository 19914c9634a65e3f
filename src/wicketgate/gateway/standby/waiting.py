"""A sequencer that waits: it follows COMMITS with all its parts, keeps what it needs, and takes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from wicketgate.base.aside import ThreadsAside
from wicketgate.base.clock import Clock, SystemClock
from wicketgate.base.errors import StreamError, WicketgateError
from wicketgate.base.steady import AGREES_US
from wicketgate.base.streams.link import Link, end_tasks
from wicketgate.commits.rewritten import COMMITS
from wicketgate.commits.snapshots import Snapshots, StateDump
from wicketgate.gateway.directory import Directory
from wicketgate.gateway.history.role import HistoryRole
from wicketgate.gateway.progress import Progress
from wicketgate.gateway.projections import Projections
from wicketgate.gateway.standby.book import SharedBook
from wicketgate.gateway.standby.following import Following
from wicketgate.gateway.standby.keys import SharedKeys
from wicketgate.gateway.standby.leading import CHECKPOINT, Leading
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.ledger.notes import NoteVerifier, open_checkpoint
from wicketgate.reads.repeats import Seen
from wicketgate.reads.tracking import Vehicles
from wicketgate.regime.parsed import Parsed

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.5
_FLUSH_S: Final = 2.0
_SNAPSHOT_S: Final = 10.0
_CAUGHT_UP: Final = 64
"""Messages of COMMITS that one who has caught up may still lack: those of a second, about."""


Guard = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


@dataclass(kw_only=True)
class Waiting:
    """The waiting of one sequencer, with all that follows COMMITS.

    Attributes
    ----------
    verifier : NoteVerifier
        Of the checkpoints that the sequencer that leads signs.
    right : asyncio.Event
        Set once this one leads.
    history : HistoryRole or None
        It follows too, and goes on when this one leads.
    guarded : callable
        Does a work that goes on for ever.
    clock : Clock
        This machine's: one that differs from the deployment's could not lead.
    """

    link: Link
    leading: Leading
    following: Following
    keys: SharedKeys
    book: SharedBook
    snapshots: Snapshots
    directory: Directory
    projections: Projections
    seen: Seen
    vehicles: Vehicles
    hits: HitQueue
    lists: Hotlists
    parsed: Parsed
    verifier: NoteVerifier
    right: asyncio.Event
    progress: Progress
    history: HistoryRole | None = None
    guarded: Guard
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        self._threads = ThreadsAside()
        self._dump = StateDump()
        self._flushing: asyncio.Future[None] | None = None

    async def until_leading(self, lost: Callable[[BaseException], None]) -> Mapping[str, Any]:
        """Follow until this sequencer holds the lease and has folded all; return what its start says of that.

        Raises
        ------
        WicketgateError
            If it cannot follow: then it must be made anew.
        """
        await self.keys.open()
        await self.keys.look()
        subscription = await self.link.client.subscribe(CHECKPOINT, cb=self._hear)
        folding = asyncio.create_task(self._fold())
        works = [
            asyncio.create_task(work) for work in (self._look(), self._flush(folding), self._keep(folding))
        ]
        following = asyncio.create_task(self._follow(folding))
        taking = asyncio.create_task(self.leading.take(lost))
        try:
            await asyncio.wait({taking, following, *works}, return_when=asyncio.FIRST_COMPLETED)
            for task in (following, *works):
                if task.done():
                    task.result()
            said = taking.result()
            self.right.set()
            # Whoever had not caught up goes on, late.
            await following
            return said
        finally:
            await end_tasks([taking, following, folding, *works])
            await self._threads.ended()
            if self._flushing is not None:
                await asyncio.gather(self._flushing, return_exceptions=True)
            await subscription.unsubscribe()

    async def _fold(self) -> None:
        self.progress.begin("commits")
        await self.following.fold(self.directory.projected(), self.progress.reach)
        self.progress.begin("hotlists")
        await self.following.load_lists()
        if self.history is not None:
            self.history.begin(self.guarded)
        self.progress.begin("standby")

    async def _follow(self, folding: asyncio.Task[None]) -> None:
        await asyncio.shield(folding)
        await self.following.follow(self.keys.look, self.right)

    async def _hear(self, message: Msg) -> None:
        try:
            open_checkpoint(message.data, [self.verifier])
        except WicketgateError:
            log.warning("a checkpoint that is not the log's was sent to the streams")
        else:
            self.projections.heard = message.data

    async def _look(self) -> None:
        while True:
            try:
                await self.keys.look()
                await self.book.look()
                last = (await self.link.info(COMMITS)).state.last_seq
            except (StreamError, NatsError, TimeoutError):
                self.progress.follow(caught_up=False)
            else:
                state = self.following.state
                agrees = abs(self.clock.now_us() - state.at_us) <= AGREES_US
                lacks_little = last - state.sequence <= _CAUGHT_UP
                self.progress.follow(caught_up=self.following.is_live and lacks_little and agrees)
            await asyncio.sleep(_LOOK_S)

    async def _flush(self, folding: asyncio.Task[None]) -> None:
        await asyncio.shield(folding)
        while True:
            await asyncio.sleep(_FLUSH_S)
            # Whole, though this one leads meanwhile: what is set apart is in no other flush.
            self._flushing = asyncio.ensure_future(self._flush_once())
            await asyncio.shield(self._flushing)

    async def _flush_once(self) -> None:
        state = self.following.state
        limits = self.parsed.charter(state).limits
        self.seen.known_up_to(self.following.taken)
        position = self.seen.begin_flush(self.vehicles.needed_from)
        before_us = state.at_us - limits.too_old_us - limits.clock_ahead_us
        await self._threads.run(self.seen.flush, position, before_us)
        self.seen.end_flush()

    async def _keep(self, folding: asyncio.Task[None]) -> None:
        await asyncio.shield(folding)
        while True:
            try:
                await self.keep()
            except (StreamError, NatsError, TimeoutError) as error:
                log.warning("the streams do not answer: %s", type(error).__name__)
            await asyncio.sleep(_SNAPSHOT_S)

    async def keep(self) -> None:
        """Keep a snapshot, say how far every part has come, and end what is past its term."""
        state = self.following.state
        dumped, sequence, at_us = self._dump.of(state), state.sequence, state.at_us
        open_hits, named = frozenset(state.open_hits), self.lists.named(state)
        snapshot = await self._threads.run(self.snapshots.save, dumped, sequence, at_us)
        position = min(snapshot, self.projections.position, self.seen.position)
        await self._threads.run(self.directory.reached, position)
        await self.keys.say(position, None if self.history is None else await self.history.hold())
        await self.projections.end_terms()
        term_us = self.parsed.charter(state).limits.feed_term_us
        await self._threads.run(self.hits.forget, at_us - term_us, open_hits)
        await self._threads.run(self.lists.tidy, named, False)
