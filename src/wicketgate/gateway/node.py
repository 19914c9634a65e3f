"""The wiring of a running gateway, in one place."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from typing import Any

from wicketgate.base.clock import Clock
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.hour_keys import HourKeys, KeyRing
from wicketgate.base.loop import LoopGuard
from wicketgate.base.parts import demand_whole
from wicketgate.base.settings import Settings, StreamsSettings
from wicketgate.base.shared_blobs import SharedBlobs
from wicketgate.base.signing import PrivateKey
from wicketgate.base.space import DiskSpace
from wicketgate.base.steady import SteadyClock
from wicketgate.base.streams.link import Link, end_tasks
from wicketgate.base.streams.ordinal import OrdinalStream
from wicketgate.base.streams.server import NatsServer
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.commits.rewritten import COMMITS, StoredTransactions
from wicketgate.commits.snapshots import Snapshots
from wicketgate.commits.state import State
from wicketgate.commits.stored import KINDS
from wicketgate.commits.writer import Commits
from wicketgate.feeds.index import FeedIndex
from wicketgate.feeds.rows import RowMaker
from wicketgate.gateway.alerting import Alerting, open_outbox
from wicketgate.gateway.backup.desk import BackupDesk
from wicketgate.gateway.backup.restored import clear_mark, read_mark, said_of
from wicketgate.gateway.deployment import ENVIRONMENTS, PARTS, Deployment, note_signer
from wicketgate.gateway.desks import Desks
from wicketgate.gateway.directory import Directory, demand_founded
from wicketgate.gateway.excluding import ExcludedNow
from wicketgate.gateway.former_reads import FormerReads
from wicketgate.gateway.health import HealthWatch
from wicketgate.gateway.history.role import HistoryRole
from wicketgate.gateway.housekeeping import Housekeeping, save_snapshot
from wicketgate.gateway.operations import founding, software
from wicketgate.gateway.progress import Progress
from wicketgate.gateway.projections import Projections
from wicketgate.gateway.releasing import Releasing
from wicketgate.gateway.rewriting import Rewriting
from wicketgate.gateway.searching.searches import Searches
from wicketgate.gateway.standby.following import Following
from wicketgate.gateway.standby.keys import SharedKeys
from wicketgate.gateway.standby.leading import VAULT, Leading, LeadingKey
from wicketgate.gateway.standby.turn import take_turn
from wicketgate.gateway.timekeeping import ClockWatch, begin_clock, write_mark
from wicketgate.gateway.witnessing.witnessing import Witnessing
from wicketgate.gateway.works import guard
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.ledger.proofs import Proofs
from wicketgate.ledger.sealing import seal
from wicketgate.ledger.writer import Ledger
from wicketgate.reads.adapters import Adapters
from wicketgate.reads.answering import AnswerTimes
from wicketgate.reads.cameras import CameraNames
from wicketgate.reads.checks import ClockLimits
from wicketgate.reads.following import Pushes
from wicketgate.reads.images.joining import Joining
from wicketgate.reads.images.store import Images, open_s3
from wicketgate.reads.intake import Intake
from wicketgate.reads.quota import QuarantineQuota
from wicketgate.reads.repeats import Seen
from wicketgate.reads.tracking import Vehicles
from wicketgate.regime.parsed import Parsed

log = logging.getLogger(__name__)

_SETTLE_S = 30.0


class Gateway(Desks):
    """A running gateway: streams, fold, intake, gate, projections. Use `Gateway.start`.

    When something makes it impossible to go on, `failed` is set; the process must then end, and
    its next start takes up from COMMITS.
    """

    def __init__(self, settings: Settings, clock: Clock | None, *, adopting: bool = False) -> None:
        self.settings = settings
        self._adopting = adopting
        self.clock: Clock = clock or SteadyClock()
        self.deployment = Deployment(settings.folder)
        self.loop = LoopGuard()
        self.space = DiskSpace(
            (settings.folder, *(self.deployment.part(name) for name in PARTS)),
            alarm_bytes=settings.disk_alarm_bytes,
            stop_bytes=settings.disk_stop_bytes,
        )
        self.progress = Progress()
        self._lock: int | None = None
        self.restored = read_mark(settings.folder)
        self.said: dict[str, Any] = {}
        """What the entry of the start says besides."""
        self.failed = asyncio.Event()
        self.failure: BaseException | None = None
        self.server: NatsServer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._instance = secrets.token_hex(8)
        # How each part is stopped, the last one first. Writers and files are written to until all else has stopped.
        self._parts = AsyncExitStack()
        self._writers = AsyncExitStack()
        self._files = ExitStack()
        # Made by `_open` and `_run`, with what they file and keep house by.
        self.right = asyncio.Event()
        self.shared: SharedKeys | None = None
        self.link: Link
        self.keys: KeyRing
        self.ledger: Ledger
        self.log_key: PrivateKey
        self.projections: Projections
        self.commits: Commits
        self.history: HistoryRole | None = None
        self.seen: Seen
        self.vehicles = Vehicles()
        self.watch: ClockWatch | None = None
        self.snapshots: Snapshots

    # --- life -------------------------------------------------------------------------------------------------

    @classmethod
    async def start(
        cls,
        settings: Settings,
        clock: Clock | None = None,
        *,
        accept_clock: str | None = None,
        progress: Progress | None = None,
        lock: int | None = None,
    ) -> Gateway:
        """Start the gateway of a deployment.

        Parameters
        ----------
        clock : Clock, optional
            A simulated one; without it the gateway keeps its own time, by the machine's clock of the start.
        accept_clock : str, optional
            The operator's reason for taking a leap of the machine's clock.
        progress : Progress, optional
            Told what is under way.
        lock : int, optional
            The deployment's lock, where it is held already; it is the gateway's from now on.

        Raises
        ------
        ConfigurationError
            If the directory is not a deployment of this version's form, another gateway runs in it, its parts
            contradict one another, or the machine's clock has leapt.
        """
        gateway = cls(settings, clock)
        gateway.progress, gateway._lock = progress or gateway.progress, lock
        try:
            gateway.deployment.demand()
            await gateway._open(shared=settings.streams)
            state = gateway.commits.committed
            demand_founded(state)
            gateway.said |= begin_clock(
                gateway.clock,
                state,
                gateway.deployment.part("clock"),
                accept_clock,
                demonstration=gateway.commits.parsed.charter(state).demonstration,
            )
            gateway.said |= said_of(gateway.restored)
            await gateway._run()
        except BaseException:
            await gateway.stop()
            raise
        return gateway

    @classmethod
    async def found(cls, settings: Settings, envelope: bytes, clock: Clock | None = None) -> str:
        """Found the deployment from its signed charter, with its first commits, and return the admin's token.

        The directory was laid by `Deployment.lay` and its ledger created. A crash leaves a directory that `serve`
        refuses, to be removed by hand.
        """
        gateway = cls(settings, clock)
        try:
            await gateway._open()
            if gateway.commits.committed.sequence:
                raise ConfigurationError("the streams hold the commits of another deployment")
            if isinstance(gateway.clock, SteadyClock):
                write_mark(gateway.deployment.part("clock"), gateway.clock.mark())
            document = gateway.commits.parsed.open(envelope)
            await gateway.commits.commit(founding(envelope, document, settings.folder, gateway.ledger_vkey))
            token = await gateway.tokens.issue_token("admin")
            await gateway._project_all()
        finally:
            await gateway.stop()
        return token

    @classmethod
    @asynccontextmanager
    async def open_to_upgrade(
        cls, settings: Settings, *, adopting: bool, progress: Progress, lock: int
    ) -> AsyncIterator[Gateway]:
        """Open every part of an earlier form, as a start does; nothing is taken or decided.

        At the end every projection has what was committed meanwhile.

        Parameters
        ----------
        adopting : bool
            Whether parts that do not say whose they are are taken as they are.
        lock : int
            The deployment's lock; it is given up at the end.

        Raises
        ------
        ConfigurationError
            As `start`.
        """
        gateway = cls(settings, None, adopting=adopting)
        gateway.progress, gateway._lock = progress, lock
        try:
            await gateway._open()
            demand_founded(gateway.commits.committed, upgrading=True)
            await gateway._open_gate()
            if (former := await FormerReads.find(gateway.link)) is not None:
                former.demand(gateway.seen, gateway.commits.committed)
            yield gateway
            await gateway._project_all()
        finally:
            await gateway.stop()

    async def stop(self) -> None:
        """Stop in order; nothing acknowledged is open afterwards.

        Parts that were never made need no stop, and one whose stop fails keeps no other from stopping.
        """
        await self._parts.aclose()

    async def _end_work(self) -> None:
        await end_tasks(self._tasks)
        await self.housekeeping.flushed()

    async def _settle(self) -> None:
        """Bring the projections to the last commit and keep a snapshot, if the gateway can go on at all."""
        try:
            if self.failed.is_set():
                return
            await asyncio.wait_for(self.looks.end_minutes(all_of_them=True), _SETTLE_S)
            await asyncio.wait_for(self._project_all(), _SETTLE_S)
            save_snapshot(self.snapshots, self.commits.committed)
        except TimeoutError:
            log.warning("the streams did not settle: the next start replays what is left")
        finally:
            self.leading.abandon()

    async def _open(self, *, shared: StreamsSettings | None = None) -> None:
        """Open every part, and fold COMMITS; where another life may reach the streams, wait for it and shut it out."""
        deployment, parts = self.deployment, self._parts
        lock = deployment.lock() if self._lock is None else self._lock
        parts.callback(os.close, lock)
        # Once nobody else can write to them.
        await asyncio.to_thread(demand_whole, [deployment.part(name) for name in ENVIRONMENTS])
        self.progress.begin("streams")
        streams = self.settings.streams or await self._own_streams(lock)
        parts.enter_context(self._files)
        self.link = await Link.open(streams)
        parts.push_async_callback(self.link.close)
        self.leading = Leading(self.link, shared, self._instance, deployment.part("node"))
        parts.push_async_callback(self.leading.close)
        await parts.enter_async_context(self._writers)
        self.log_key = deployment.signer()
        self.directory = Directory(deployment, self.link, adopting=self._adopting)
        self.keys = KeyRing(deployment.part("content-keys"), KINDS)
        self.stored = StoredTransactions(self.link, self.keys, lambda: self.commits.committed.erased)
        await self.stored.open()
        await self.directory.take(self.keys.part, lasting=True)
        self.snapshots = Snapshots(deployment.part("snapshots"), self.keys.of("snapshots"))
        await self.directory.take(self.snapshots.part)
        state, parsed = await asyncio.to_thread(self.snapshots.latest) or State(), Parsed()
        await self._open_parts(state, parsed)
        following = Following(
            self.stored,
            state,
            parsed,
            ledger=self.ledger,
            projections=self.projections,
            seen=self.seen,
            vehicles=self.vehicles,
            lists=self.lists,
        )
        self.history = HistoryRole.of(self, following, parts)
        await take_turn(self, following, parsed)
        writer = await StreamWriter(self.link, COMMITS).open(state.sequence)
        self._writers.push_async_callback(writer.close)
        self.commits = Commits(
            writer,
            self.clock,
            state,
            parsed,
            instance=self._instance,
            seal=lambda data: seal(data, parsed.charter(self.commits.staged).opening_keys()),
            keys=self.keys,
            reveal=self.projections.take,
            on_failure=self._fail,
            leads=self.leading.leads,
        )
        if self.history is not None:
            self.history.lead()
        if self.failure is not None:
            raise self.failure  # the lease was lost meanwhile
        if self.leading.lease is not None:
            self.leading.lease.on_renewed = self.commits.go_on
        self.rewriting = Rewriting(self.commits, self.stored, self.projections.feeds)
        self._writers.push_async_callback(self.rewriting.close)
        await self.rewriting.open()
        parts.push_async_callback(self._settle)
        self.open_desks()

    async def _open_parts(self, state: State, parsed: Parsed) -> None:
        """Open what follows COMMITS, each bound to this deployment."""
        deployment = self.deployment
        # The origin stands in the checkpoint: the charter is known only once COMMITS is folded.
        self.ledger = self._files.enter_context(
            Ledger.open(deployment.log, deployment.log_signer(LeadingKey(self.log_key, self.leading)))
        )
        self.hits = self._files.enter_context(
            closing(HitQueue(deployment.part("hits"), self.keys.of("hits")))
        )
        await self.directory.take(self.hits.part, position=self.hits.position)
        kept = self.keys.of("facts")
        proofs = self._files.enter_context(closing(Proofs(deployment.part("proofs"), kept)))
        await self.directory.take(proofs.part)
        index = self._files.enter_context(closing(FeedIndex(deployment.part("feeds"))))
        await self.directory.take(index.part, position=index.position)
        store = None if self.leading.lease is None else open_s3(self.settings.images)
        shared = None if store is None else SharedBlobs(store, VAULT, deployment.index_secret())
        self.lists = Hotlists(deployment.part("vault"), shared=shared)
        await self.directory.take(self.lists.part)
        self.seen = self._files.enter_context(
            closing(Seen(deployment.part("index"), deployment.index_secret()))
        )
        await self.directory.take(self.seen.part, position=self.seen.position, keyed=True, of_reads=True)
        self.outbox = await open_outbox(self, self._files, self.directory)
        self.projections = Projections(
            self.link,
            self.ledger,
            proofs,
            self.hits,
            index,
            self.keys,
            HourKeys(deployment.part("quarantine-keys")),
            parsed,
            outbox=self.outbox,
            feed_bytes=self.settings.feed_bytes,
            on_failure=self._fail,
            right=None if self.leading.lease is None else self.right,
        )
        self._parts.push_async_callback(self.projections.close)
        await self.projections.open(state)

    def lost(self, error: BaseException) -> None:
        """End: another sequencer leads. Where nothing could be committed yet, there is nothing to hold back."""
        self._fail(error)
        if hasattr(self, "commits"):
            self.commits.give_up(error)

    async def _own_streams(self, lock: int) -> StreamsSettings:
        self.server = NatsServer(self.deployment.part("nats"), inherit=(lock,), on_failure=self._fail)
        self._parts.push_async_callback(self.server.stop)
        await self.server.start()
        return self.server.settings

    async def _open_gate(self) -> Releasing:
        """Open the images, and return the gate."""
        secret, keys = self.deployment.index_secret(), self.deployment.part("content-keys") / "images"
        store, folder = open_s3(self.settings.images), self.deployment.part("images")
        self.images = Images(folder, secret, keys, store, admit=self.space.demand)
        self._parts.push_async_callback(self.images.close)
        if self.shared is not None:
            self.shared.watch_images(self.images.keys)
            self.images.settled = self.shared.settled
        if self.images.part is not None:
            await self.directory.take(self.images.part, keyed=True, of_reads=True)
        return Releasing(
            self.commits,
            self.projections.full_feeds,
            self.log_key,
            lists=self.lists,
            raising=RowMaker(secret),
            sealing=self.projections.quarantine.seal,
        )

    async def _run(self) -> None:
        gate = await self._open_gate()
        self.rewriting.images = self.images
        former = await FormerReads.find(self.link)
        if former is not None:
            self.progress.begin("repeats")
            await former.learn(self.seen, self.vehicles, self.commits.committed)
        self.intake = Intake(
            gate,
            self.seen,
            self.clock,
            self.commits.committed.sequence,
            vehicles=self.vehicles,
            quota=QuarantineQuota(items=self.settings.quarantine_items, bytes=self.settings.quarantine_bytes),
            admit=self.leading.admitting(self.space.demand),
            times=AnswerTimes(),
        )
        self._parts.callback(self.intake.close)
        self.excluded = ExcludedNow(self.commits, self.clock)
        self.cameras = CameraNames(lambda: self.commits.committed)
        self.adapters = Adapters(self.settings.adapters)
        self.joining = Joining(
            self.images, self.intake, self.seen, self.clock, self.stored.taken_at, self.excluded.holds_of
        )
        self.pushes = Pushes(self.cameras, self.intake, self.joining, self.vehicles, self.clock, self.limits)
        await self.commits.start({**software(self.deployment.folder), **self.said})
        if former is not None:
            await former.decide(gate, self.seen, self.commits.committed)
        if self.history is not None:
            self.history.begin(self.guarded)
        self.searches = Searches.of(self, LeadingKey(self.log_key, self.leading))
        self._parts.push_async_callback(self.searches.close)
        self.errata_sending.answers = self.searches.errata.showing
        self._parts.push_async_callback(self.keepers.close)
        delay_us = self.commits.merge_delay_us
        self.health = HealthWatch(
            self.commits, self.projections, self.intake, self.space, delay_us, history=self.history
        )
        self.backups = BackupDesk(self)
        self.housekeeping = Housekeeping.of(self)
        await self.housekeeping.begin()
        await self.searches.begin()
        self.witnessing = Witnessing.of(self)
        self._parts.push_async_callback(self.witnessing.close)
        self.alerting = Alerting.of(self)
        self._parts.push_async_callback(self.alerting.close)
        self._parts.push_async_callback(self._end_work)
        clear_mark(self.deployment.folder)
        works = [
            *self.housekeeping.works,
            self.intake.run,
            self.pushes.run,
            self.health.run,
            self.looks.run,
            self.alerting.run,
            self.errata_sending.run,
            self.searches.run,
            self.witnessing.run,
        ]
        if isinstance(self.clock, SteadyClock):
            self.watch = ClockWatch(self.commits, self.clock)
            works.append(self.watch.run)
        for work in works:
            self._tasks.append(asyncio.create_task(self.guarded(work)))
        await self.backups.open()
        self._parts.push_async_callback(self.backups.close)

    def _fail(self, error: BaseException) -> None:
        if not self.failed.is_set():
            self.failure = error
            self.failed.set()

    async def guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do a work that goes on for ever; when it fails, the gateway cannot go on."""
        await guard(work, self._fail)

    def limits(self) -> ClockLimits:
        """Return the clock limits of the charter in force: how far a camera's clock may be off."""
        limits = self.commits.parsed.charter(self.commits.committed).limits
        ahead_us, old_us = limits.clock_ahead_us, limits.too_old_us
        return ClockLimits(clock_ahead_us=ahead_us, too_old_us=old_us, excluded=self.excluded.times())

    async def _project_all(self) -> None:
        while self.commits.under_way and not self.failed.is_set():
            await asyncio.sleep(0.005)
        if not self.failed.is_set():
            await self.projections.settle()

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def ledger_vkey(self) -> str:
        """The log's verifier key."""
        return note_signer(self.log_key, self.ledger.origin).vkey

    @property
    def keeps_history(self) -> bool:
        """Whether accepted reads are kept for their source's retention."""
        return self.settings.history

    @property
    def openings(self) -> OrdinalStream:
        """The sealed openings of the seconds, by number."""
        return self.projections.openings
