"""Housekeeping beside the gate: seconds, snapshots, terms and purges."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from wicketgate.base.aside import ThreadsAside
from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, Clock
from wicketgate.base.errors import StreamError
from wicketgate.base.hour_keys import KeyRing
from wicketgate.base.periods import Period
from wicketgate.base.space import DiskSpace
from wicketgate.base.streams.link import Link
from wicketgate.commits.rewritten import COMMITS
from wicketgate.commits.snapshots import Snapshots, StateDump
from wicketgate.commits.state import State, dump_state
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.gateway.directory import Directory
from wicketgate.gateway.filing.documents import Filing
from wicketgate.gateway.filing.hotlists import HotlistFiling
from wicketgate.gateway.filing.outcomes import OutcomeFiling
from wicketgate.gateway.filing.purges import DuePurge, PurgeFiling
from wicketgate.gateway.filing.responses import Responses
from wicketgate.gateway.history.holding import HistoryHold, together
from wicketgate.gateway.history.role import HistoryRole
from wicketgate.gateway.projections import Projections
from wicketgate.gateway.rewriting import Rewriting
from wicketgate.gateway.standby.keys import SharedKeys
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.reads.images.store import Images
from wicketgate.reads.intake import JOIN_US, Intake
from wicketgate.reads.repeats import Seen
from wicketgate.reads.tracking import Vehicles
from wicketgate.regime.ending import before_us

if TYPE_CHECKING:
    from wicketgate.gateway.node import Gateway

log = logging.getLogger(__name__)

_SNAPSHOT_S = 10.0
_FLUSH_S = 2.0
_TERMS_S = 600.0
_TERMS_LOOKS = 1200
_KEYS_AHEAD_US = 5 * MINUTE_US
_FETCHED = Period(us=HOUR_US)


class Housekeeping:
    """The unattended work of one gateway.

    Each of `works` goes on for ever, until its task is cancelled.
    """

    def __init__(
        self,
        commits: Commits,
        projections: Projections,
        clock: Clock,
        *,
        link: Link,
        snapshots: Snapshots,
        filing: Filing,
        desk: HotlistFiling,
        outcomes: OutcomeFiling,
        responses: Responses,
        lists: Hotlists,
        hits: HitQueue,
        keys: KeyRing,
        rewriting: Rewriting,
        intake: Intake,
        images: Images,
        seen: Seen,
        vehicles: Vehicles,
        space: DiskSpace,
        directory: Directory,
        shared: SharedKeys | None = None,
        history: HistoryRole | None = None,
        backed_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self._backed_up = backed_up
        self._shared = shared
        self._history = history
        self._directory = directory
        self._space = space
        self._commits = commits
        self._projections = projections
        self._clock = clock
        self._link = link
        self._snapshots = snapshots
        self._filing = filing
        self._desk = desk
        self._outcomes = outcomes
        self._responses = responses
        self._lists = lists
        self._hits = hits
        self._keys = keys
        self._rewriting = rewriting
        # What was committed when: once every part has it, the keys of what is private in it may end.
        self._committed: deque[tuple[int, int]] = deque()
        self._kept_us = 0
        self._intake = intake
        self._images = images
        self._seen = seen
        self._vehicles = vehicles
        self._dump = StateDump()
        self._threads = ThreadsAside()
        self._tell_purges = PurgeFiling(commits).tell

    @classmethod
    def of(cls, gateway: Gateway) -> Housekeeping:
        """Return the housekeeping of a gateway."""
        return cls(
            gateway.commits,
            gateway.projections,
            gateway.clock,
            link=gateway.link,
            snapshots=gateway.snapshots,
            filing=gateway.filing,
            desk=gateway.desk,
            outcomes=gateway.outcomes,
            responses=gateway.responses,
            lists=gateway.lists,
            hits=gateway.hits,
            keys=gateway.keys,
            rewriting=gateway.rewriting,
            intake=gateway.intake,
            images=gateway.images,
            seen=gateway.seen,
            vehicles=gateway.vehicles,
            space=gateway.space,
            directory=gateway.directory,
            shared=gateway.shared,
            history=gateway.history,
            backed_up=lambda: gateway.backups.is_under_way,
        )

    @property
    def works(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """The works, each for a task of its own."""
        return self._tick, self._keep_house, self._keep_terms, self._flush_seen

    async def begin(self) -> None:
        """End what came to its term while nobody served, before anything is served; then whatever does from here on."""
        self._projections.ending.tell = self._tell_purges
        await self._end_shown()
        await self._end_kept()
        await self.purge()
        if any(self._due_hours(kind, end_us) for kind, end_us in self._terms_us().items()):
            # Keys end once every part is past what lies under them, and so are both snapshots: the older one is to be
            # of this life, and the later one is of another transaction.
            await self._commits.commit(lambda state, at_us, sequence: Transaction(at_us=at_us))
            await self._projections.settle()
            self._vehicles.forget(self._now_us())  # what rests on one that was followed long ago may end
            await self._flush_once()
            await self.purge()

    def _now_us(self) -> int:
        """Return the time by which terms go: never before what was committed, were the clock set back."""
        return max(self._clock.now_us(), self._commits.committed.at_us)

    async def flushed(self) -> None:
        """Wait for a flush and for a snapshot under way."""
        await self._threads.ended()

    async def _tick(self) -> None:
        while True:
            now_us = self._clock.now_us()
            await self._clock.sleep((1_000_000 - now_us % 1_000_000) / 1e6 + 0.002)
            self._space.look()
            self._commits.tick()
            self._tell()

    def _tell(self) -> None:
        """Commit how authorities stand.

        Whoever waits at the feed of one that stands otherwise looks again.
        """
        for name in self._filing.tell():
            if name in self._projections.feeds:
                self._projections.feeds[name].wake()

    async def _flush_seen(self) -> None:
        while True:
            await self._clock.sleep(_FLUSH_S)
            await self._flush_once()

    async def _flush_once(self) -> None:
        charter = self._commits.parsed.charter(self._commits.committed)
        term_us = charter.limits.too_old_us + charter.limits.clock_ahead_us
        if self._intake.formed == self._intake.settled:
            # Nothing is on its way: what was committed without reads is known as well.
            self._seen.known_up_to(self._commits.committed.sequence)
        position = self._seen.begin_flush(self._vehicles.needed_from)
        forget_before_us = self._now_us() - term_us
        await self._threads.run(self._seen.flush, position, forget_before_us)
        self._seen.end_flush()

    async def _keep_house(self) -> None:
        while True:
            await self._clock.sleep(_SNAPSHOT_S)
            await self.purge()
            await self._outcomes.end_unanswered()
            if not self._backed_up():
                named = self._lists.named(self._commits.committed, self._commits.staged)
                await asyncio.to_thread(self._lists.tidy, named)
            await self._end_shown()

    async def _end_shown(self) -> None:
        """End rows of feeds, openings, what was quarantined, and hits."""
        await self._projections.end_terms()
        limits = self._commits.parsed.charter(self._commits.committed).limits
        until_us = before_us("hits", self._now_us(), limits)
        open_hits = frozenset(self._commits.staged.open_hits)
        due = await asyncio.to_thread(self._hits.due_before, until_us, open_hits)
        # A crash behind what is told leaves what is there still: the next look counts, tells and ends it.
        await self._tell_purges(
            [DuePurge("hits", name, from_us, until_us, n) for name, (n, from_us) in due.items()]
        )
        await asyncio.to_thread(self._hits.forget, until_us, open_hits)

    async def _end_kept(self) -> None:
        """End images, entries of hotlists, and responses."""
        try:
            await self._end_images()
        except StreamError as error:
            # A store elsewhere that is away shows nothing either: they end once it is back.
            log.warning("images are not ended: %s", error.detail)
        await self._desk.lapse()
        await self._responses.end()

    async def _end_images(self) -> None:
        now_us, retention = self._now_us(), self._retention()
        days = await self._images.due(retention, now_us)
        await self._tell_purges(
            [DuePurge("images", whose, day_us - DAY_US, day_us, number) for whose, day_us, number in days]
        )
        await self._images.purge(retention, now_us)

    async def _keep_terms(self) -> None:
        while True:
            charter = self._commits.committed.charter_envelope
            await self._end_kept()
            for _ in range(_TERMS_LOOKS):  # a new charter's terms hold at once
                await self._clock.sleep(_TERMS_S / _TERMS_LOOKS)
                if self._commits.committed.charter_envelope != charter:
                    break

    def _retention(self) -> dict[str, Period]:
        """Return the retention of each source's images.

        Those of one that is no source any more are not kept at all. Of one that keeps nothing they can be fetched for
        as long as their day lasts, and an hour: a read that has just been released leads to its image.
        """
        state = self._commits.committed
        organisations = self._commits.parsed.charter(state).organisations
        retention = {camera.source: Period() for camera in state.cameras}
        named = {name: one.retention for name, one in organisations.items() if one.retention is not None}
        return retention | {name: _FETCHED if one == Period() else one for name, one in named.items()}

    async def purge(self) -> None:
        """Keep a snapshot, then purge COMMITS, and end the keys of what every part has.

        What every projection has is let go of. Nothing is kept twice for longer than it must be.
        """
        self._committed.append((self._commits.committed.sequence, self._commits.committed.at_us))
        snapshot = await self._keep_snapshot()
        commits_to = min(snapshot, self._projections.position, self._seen.position)
        # Each part says how far it has come before what it came from is let go of: one that is older than that cannot
        # be brought up again, and the next start sees it. A crash in between leaves messages that nobody needs.
        await asyncio.to_thread(self._directory.reached, commits_to)
        if self._shared is not None:
            await self._shared.restore()
            commits_to = await self._shared.held_back(commits_to)
        # A cut that is being taken holds back what it may need to be brought up; keys of rows end all the same.
        held_back = self._backed_up()
        if not held_back:
            await self._rewriting.carry_out(commits_to)
        # Rows of feeds stand there alone, and so do reads that an image may follow yet.
        needed = self._projections.oldest_needed() or commits_to + 1
        joined = self._intake.past_term(self._clock.now_us()) + 1
        kept_from = min(commits_to + 1, needed, joined)
        held = await self._held()
        if held is not None:
            kept_from = min(kept_from, held.sequence)
        if not held_back:
            await self._link.purge_below(COMMITS, kept_from)
            await self._rewriting.end_before(kept_from)
            while self._committed and self._committed[0][0] <= commits_to:
                self._kept_us = self._committed.popleft()[1]
        # A crash before this leaves keys that the next life ends.
        terms_us = self._terms_us()
        if held is not None:
            terms_us["reads"] = min(terms_us["reads"], held.at_us)
        ends_us = {kind: min(self._kept_us, term_us) for kind, term_us in terms_us.items()}
        # Rows were told when they left the index: what is left of them is a key.
        await self._tell_purges(
            [one for kind in ("acts", "reads") for one in self._due_hours(kind, ends_us[kind])]
        )
        for kind, end_us in ends_us.items():
            self._keys.end_before(kind, end_us)
        for keys in (self._keys, self._projections.quarantine.keys):
            await self._threads.run(keys.go_on, self._now_us() + _KEYS_AHEAD_US)

    def _terms_us(self) -> dict[str, int]:
        """Return from before when nothing needs the private parts of transactions, by their kind."""
        now_us, limits = self._now_us(), self._commits.parsed.charter(self._commits.committed).limits
        return {"acts": now_us, "reads": now_us - JOIN_US, "rows": before_us("rows", now_us, limits)}

    def _due_hours(self, kind: str, end_us: int) -> list[DuePurge]:
        """Return the hours of a kind whose keys end before a time."""
        hours = self._keys.of(kind).due_before(end_us)
        if not hours:
            return []
        return [DuePurge(kind, "", hours[0] * HOUR_US, (hours[-1] + 1) * HOUR_US, len(hours))]

    async def _held(self) -> HistoryHold | None:
        """Return what the history here, and that of a sequencer that waits, still need."""
        if self._history is None:
            return None
        others = [] if self._shared is None else self._shared.histories()
        return together(
            [
                await self._history.hold(),
                *[await self._history.demanded(hold, hold.at_us) for hold in others],
            ]
        )

    async def _keep_snapshot(self) -> int:
        """Do as `save_snapshot`, and hold the loop for no longer than the state must stand still."""
        state = self._commits.committed
        if state.sequence == 0:
            return 0
        # To encrypt, hash and write it waits for the disk; the state goes on meanwhile.
        dumped = self._dump.of(state)
        return await self._threads.run(self._snapshots.save, dumped, state.sequence, state.at_us)


def save_snapshot(snapshots: Snapshots, state: State) -> int:
    """Keep a snapshot of the fold.

    Return the sequence behind which COMMITS must be kept, 0 where nothing is folded.
    """
    if state.sequence == 0:
        return 0
    return snapshots.save(dump_state(state), state.sequence, state.at_us)
