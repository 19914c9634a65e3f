"""A gateway in memory: cameras, officers, a clock that is moved by hand, streams that crash where one likes.

Intake, gate, fold, commits, batches and the index of repeats are the real ones. Hotlists stand for the streams: what is
submitted is under way, then stored, then acknowledged, each when the test says so; a crash keeps what is stored and
any first part of what was under way. `tests/checks.py` asserts what must hold after every step.
"""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tests.keys import IN_THE_OPEN, decode, hit_queue, seeded
from tests.strategies import entry_of
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import HitRefused, InputError, NotEntitled, StreamError
from wicketgate.base.signing import canonical, dump_envelope
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.stored import StoredPlace
from wicketgate.commits.stored import decode as decode_stored
from wicketgate.commits.transactions import CameraSet, Committed, RowErased, Transaction
from wicketgate.commits.writer import Commits
from wicketgate.feeds.erasing import rows_of_read
from wicketgate.feeds.rows import RowMaker
from wicketgate.gateway.deployment import note_signer
from wicketgate.gateway.errata.digests import ErrataDigests
from wicketgate.gateway.filing import documents as filing_documents
from wicketgate.gateway.filing.cameras import cameras_transaction
from wicketgate.gateway.filing.documents import Filing, Taking
from wicketgate.gateway.filing.hotlists import HotlistFiling
from wicketgate.gateway.filing.outcomes import OutcomeFiling
from wicketgate.gateway.releasing import Releasing
from wicketgate.hotlists import Change
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.hotlists.hits import Hit
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.ledger.sealing import seal
from wicketgate.reads.checks import Checked, ClockLimits, check
from wicketgate.reads.columns import MAX_ROWS, ReadBatch, decode_batch, part
from wicketgate.reads.images.references import StoredImage
from wicketgate.reads.intake import Intake
from wicketgate.reads.keys import ReadKeys
from wicketgate.reads.messages import ReadsMessage, decode_reads, encode_reads, seen_keys
from wicketgate.reads.parse import parse
from wicketgate.reads.repeats import Seen
from wicketgate.reads.takers import PostAnswer
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.documents.document import open_document, sign_document
from wicketgate.regime.parsed import Parsed

START_US = parse_rfc3339("2026-07-08T12:00:00Z")
ORIGIN = "tfl.example/wicketgate"
LOG_KEY = seeded(b"\x07" * 32)
VKEY = note_signer(LOG_KEY, ORIGIN).vkey
SOURCE = "tfl"
OWN, CT, WANTED = "tfl-charging", "tfl-met-ct", "tfl-met-wanted"
ALL_BUT = "tfl-emissions"
"""What is on none of its lists, of what `OWN` gets: in worlds that begin with it."""
STALE_US = 30 * SECOND_US
OWN_SIGNERS = ("tfl/commissioner", "tfl/data-protection")
IN_SCOPE = ("c0", "c1")
CAMERAS = (
    CameraSet(id="c0", groups=("ccz-boundary",), latitude=51.5, longitude=-0.12),
    CameraSet(id="c1", groups=("ccz-boundary",), latitude=51.52, longitude=-0.08),
    CameraSet(id="c2", groups=("outside",)),
)
IMAGE = StoredImage(name=f"{SOURCE}/20260708/{7:032x}", sha256="ab" * 32, media_type="image/jpeg", size=3000)


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at_us: int = START_US) -> None:
        self.at_us = at_us

    def now_us(self) -> int:
        """Return the time that was set."""
        return self.at_us

    async def sleep(self, seconds: float) -> None:
        """Let others go on; no time passes."""
        await asyncio.sleep(0)


class InlineExecutor(ThreadPoolExecutor):
    """Threads that are none: what is given to one is done at once, so that the same world lives the same life."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do it."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's
            done.set_exception(error)
        return done


@dataclass
class MemoryStream:
    """A stream as a list; message n stands at sequence n."""

    messages: list[bytes] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)


class MemoryWriter:
    """What `StreamWriter` is to those who submit, with each step to durability taken by hand."""

    def __init__(self, stream: MemoryStream) -> None:
        self.stream = stream
        self.waiting: deque[tuple[bytes, asyncio.Future[int]]] = deque()
        self.unacknowledged: deque[tuple[int, asyncio.Future[int]]] = deque()

    @property
    def last(self) -> int:
        """The sequence of the last message submitted."""
        return len(self.stream.messages) + len(self.waiting)

    @property
    def under_way(self) -> int:
        """Messages submitted and not acknowledged."""
        return len(self.waiting) + len(self.unacknowledged)

    def submit(self, data: bytes, message_id: str) -> asyncio.Future[int]:
        """Take a message behind the others."""
        assert message_id not in self.stream.ids, "one id for two messages"
        self.stream.ids.add(message_id)
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.waiting.append((data, stored))
        return stored

    def store(self, most: int) -> None:
        """Make the first messages durable, and visible to whoever reads the stream; nobody is told yet."""
        for _ in range(min(most, len(self.waiting))):
            data, stored = self.waiting.popleft()
            self.stream.messages.append(data)
            self.unacknowledged.append((len(self.stream.messages), stored))

    def acknowledge(self, most: int) -> None:
        """Tell of the first messages that are durable."""
        for _ in range(min(most, len(self.unacknowledged))):
            sequence, stored = self.unacknowledged.popleft()
            stored.set_result(sequence)

    def refuse(self) -> None:
        """Be full: nothing that waits is stored."""
        for _, stored in self.waiting:
            stored.set_exception(StreamError("the stream is full", code="stream-full"))
        self.waiting.clear()


class MemoryGate:
    """A gate that decides nothing: what is taken stands in a stream by itself.

    As COMMITS' own, it takes nothing more once something could not be stored, until it begins anew.
    """

    def __init__(self, writer: MemoryWriter | StreamWriter) -> None:
        self._writer = writer
        self._sent = 0
        self.begin()

    def begin(self) -> None:
        """Take up from what is in the stream, as the next life does."""
        self._last = self._writer.last

    @property
    def under_way(self) -> int:
        """Messages submitted and not acknowledged."""
        return self._writer.under_way

    def rows_at_once(self, batch: ReadBatch) -> int:
        """Return what a message may hold."""
        return MAX_ROWS

    def decide(self, batch: ReadBatch, message: ReadsMessage) -> asyncio.Future[Committed]:
        """Submit what is taken."""
        assert len(batch) * bool(message.rows) == len(batch)
        if self._writer.last != self._last:
            raise StreamError("nothing more can be stored")
        self._last += 1
        decided: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()

        def tell(stored: asyncio.Future[int]) -> None:
            if stored.cancelled():
                decided.cancel()
            elif error := stored.exception():
                decided.set_exception(error)
            else:
                decided.set_result((stored.result(), Transaction(at_us=0)))

        self._sent += 1
        self._writer.submit(encode_reads(message), f"{id(self)}-{self._sent}").add_done_callback(tell)
        return decided


class MemoryProjections:
    """Feeds, ledger and quarantine as lists; whatever is replayed is recognised by its number.

    What hits are about waits in `pending` until `show_hits`: the queue of hits is the real one.
    """

    def __init__(self) -> None:
        self.pending: list[tuple[int, Transaction]] = []
        self.feeds: dict[str, list[bytes]] = {}
        self.entries: list[bytes] = []
        self.quarantined: list[Any] = []
        self.seconds: list[Any] = []
        self.full: frozenset[str] = frozenset()

    def take(self, sequence: int, transaction: Transaction, places: tuple[StoredPlace, ...]) -> None:
        """Take a committed transaction."""
        for batch, place in zip(transaction.batches, places, strict=True):
            assert place.length == len(batch.data)
            self._put(self.feeds.setdefault(batch.feed, []), batch.number, batch.data)
        for n, entry in enumerate(transaction.entries):
            self._put(self.entries, transaction.first_entry + n + 1, entry)
        for n, read in enumerate(transaction.quarantined):
            self._put(self.quarantined, transaction.quarantine_from + n, read)
        if transaction.second is not None:
            self._put(self.seconds, transaction.second.number, transaction.second)
        if transaction.hits or transaction.imaged or transaction.outcomes:
            self.pending.append((sequence, transaction))

    def show_hits(self, hits: HitQueue) -> None:
        """Bring the queue of hits up to what is committed."""
        if self.pending:
            hits.show(hits.write(self.pending))
            self.pending = []

    @staticmethod
    def _put(items: list[Any], number: int, item: Any) -> None:
        assert number <= len(items) + 1, "an item before this one is missing"
        if number <= len(items):
            assert items[number - 1] == item, "one number for two items"
        else:
            items.append(item)

    def lose_tail(self, share: float) -> None:
        """Lose what was not durable yet, as each projection may."""
        for items in (self.entries, self.quarantined, self.seconds, *self.feeds.values()):
            del items[int(len(items) * share) :]
        self.pending = []


@dataclass
class Post:
    """What a camera posted, and what it was answered, if it was."""

    reads: list[dict[str, Any]]
    task: asyncio.Task[PostAnswer] | None = None
    answer: PostAnswer | None = None


@dataclass
class Request:
    """What a unit asked of the desk, and what it was told, if it was."""

    said: tuple[Any, ...]
    task: asyncio.Task[Any]
    error: BaseException | None = None
    result: Any = None


def charter(*, every: str = "PT10S") -> dict[str, Any]:
    """Return the example charter as a demonstration, with its figures often."""
    return documents.changed(
        documents.example("charter"),
        documents.put("charter.demonstration", True),
        documents.put("limits.figures_every", every),
    )


@functools.cache
def envelope(name: str, signers: tuple[str, ...], **changes: Any) -> bytes:
    """Return an example document signed by offices, with members changed (`__` stands for a dot)."""
    document = charter() if name == "charter" else documents.example(name)
    if name == "authority-own-use":
        document["scope"].pop("hours")
    puts = [documents.put(path.replace("__", "."), value) for path, value in changes.items()]
    return dump_envelope(sign_document(documents.changed(document, *puts), documents.keys_of(signers)))


@functools.cache
def all_but() -> bytes:
    """Return the authority of `ALL_BUT`: two short lists, which may lose half and are soon stale."""
    document = documents.changed(
        documents.example("authority-unlisted"),
        documents.put("scope.groups", ["ccz-boundary"]),
        documents.put(
            "unlisted",
            {"lists": ["exempt", "paid"], "min_entries": 1, "max_shrink": 0.5, "stale_after": "PT30S"},
        ),
    )
    return dump_envelope(sign_document(document, documents.keys_of(OWN_SIGNERS)))


def founding() -> bytes:
    """Return the charter's envelope."""
    signers = ("tfl/commissioner", "home-office/secretary-of-state", "ico/commissioner")
    return envelope("charter", signers)


def document_transaction(
    envelope_bytes: bytes,
    entry: int,
    at_us: int,
    admitted: Admitted | None = None,
    more: Mapping[str, Any] | None = None,
) -> Transaction:
    """Return the transaction by which a document takes effect, opened here."""
    return filing_documents.document_transaction(
        envelope_bytes, open_document(envelope_bytes), entry, at_us, admitted or Admitted(), more or {}
    )


def founding_transaction(charter_envelope: bytes, at_us: int) -> Transaction:
    """Return a gateway's first transaction: its charter takes effect, and names the key of its log."""
    init = {"kind": "operation", "operation": "init", "at": rfc3339(at_us), "log_key": VKEY}
    transaction = document_transaction(charter_envelope, 0, at_us)
    return msgspec.structs.replace(transaction, entries=(*transaction.entries, canonical(init)))


class World:
    """One gateway, its cameras and its officers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.commits_stream = MemoryStream()
        self.projections = MemoryProjections()
        self.snapshot: bytes = dump_state(State())
        self.posts: list[Post] = []
        self.sent: list[list[dict[str, Any]]] = []
        self.unanswered: list[list[dict[str, Any]]] = []
        self.answered: list[tuple[list[dict[str, Any]], PostAnswer]] = []
        self.failures: list[BaseException] = []
        self.numbered = 0
        self.lives = 0
        self.suspended: list[str] = []
        self.requests: list[Request] = []
        self.told: list[Request] = []
        self.shown: list[Hit] = []
        self.acts = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.commits: Commits
        self.seen: Seen
        self.lists: Hotlists
        self.hits: HitQueue
        self.desk: HotlistFiling
        self.outcomes: OutcomeFiling

    # --- life -------------------------------------------------------------------------------------------------

    async def begin(self, *, unlisted: bool = False) -> None:
        """Found the gateway, with cameras and three authorities; with `unlisted`, that of `ALL_BUT` besides."""
        asyncio.get_running_loop().set_default_executor(InlineExecutor())
        self._boot()

        def cameras(state: State, at_us: int, sequence: int) -> Transaction:
            return cameras_transaction(SOURCE, CAMERAS, state.entries, at_us)

        self.commits.commit(lambda state, at_us, sequence: founding_transaction(founding(), at_us))
        self.commits.commit(cameras)
        self.submit(envelope("authority-own-use", OWN_SIGNERS))
        self.submit(envelope("authority", documents.CT_OFFICES))
        self.submit(envelope("authority-match", documents.MATCH_OFFICES))
        if unlisted:
            self.submit(all_but())
        self.settle_streams()
        await self.spin()
        self._run()

    def _boot(self) -> None:
        """Come to life from what is durable, as `node` does."""
        self.lives += 1
        state, parsed = load_state(self.snapshot), Parsed()
        self.hits = hit_queue(self.folder / "hits")
        for number, data in enumerate(self.commits_stream.messages, 1):
            transaction, places = decode_stored(data, IN_THE_OPEN)
            if number > state.sequence:
                state.apply(transaction, number, parsed)
            self.projections.take(number, transaction, places)
        self.commit_writer = MemoryWriter(self.commits_stream)
        self.commits = Commits(
            self.commit_writer,  # type: ignore[arg-type]
            self.clock,
            state,
            parsed,
            instance=f"life-{self.lives}",
            seal=lambda data: seal(data, self.commits.parsed.charter(self.commits.staged).opening_keys()),
            keys=IN_THE_OPEN,
            reveal=self.projections.take,
            on_failure=self.failures.append,
        )
        self.lists = Hotlists(self.folder / "vault")
        self.lists.load(state)
        self.desk = HotlistFiling(self.commits, self.lists, self.clock)
        self.outcomes = OutcomeFiling(self.commits, self.hits, self.clock, ErrataDigests(b"of the world"))
        self.projections.show_hits(self.hits)

    def _run(self) -> None:
        self.seen = Seen(self.folder / "index", b"k" * 32)
        for number in range(self.seen.position, len(self.commits_stream.messages)):
            if taken := decode(self.commits_stream.messages[number]).taken:
                self.seen.stored(*seen_keys(decode_reads(taken)), number + 1)
        self.intake = Intake(self.releasing(), self.seen, self.clock, self.commits.committed.sequence)
        self.commits.start({"software": "simulator"})
        self._tasks = [asyncio.create_task(self.intake.run())]

    def releasing(self) -> Releasing:
        """Return the gate at work."""
        return Releasing(
            self.commits,
            lambda: self.projections.full,
            LOG_KEY,
            lists=self.lists,
            raising=RowMaker(b"k" * 32),
            sealing=lambda read, at_us: read,
        )

    async def spin(self, turns: int = 40) -> None:
        """Let everything go on for so many turns of the event loop."""
        for _ in range(turns):
            await asyncio.sleep(0)
        self.projections.show_hits(self.hits)
        for task in self._tasks:
            if task.done() and task.exception() is not None:
                raise task.exception()  # type: ignore[misc]

    async def end(self) -> None:
        """Stop all tasks, as a kill does; nothing is written."""
        posting = [post.task for post in self.posts if post.task is not None]
        asking = [request.task for request in self.requests]
        for task in [*self._tasks, *posting, *asking]:
            task.cancel()
        await asyncio.gather(*self._tasks, *posting, *asking, return_exceptions=True)
        self.intake.close()
        self._tasks = []
        self.seen.close()
        self.hits.close()

    async def crash(self, *, commits_kept: int, projected: float, away_us: int = 0) -> None:
        """Be killed: of what was under way so many messages are stored, and nobody was told; then start again."""
        self.collect()
        self.commit_writer.store(commits_kept)
        await self.end()
        self.collect()
        for post in self.posts:
            self.unanswered.append(post.reads)
        self.posts = []
        self.projections.lose_tail(projected)
        if not projected:
            shutil.rmtree(self.folder / "hits")
        self.clock.at_us += away_us
        self._boot()
        self._run()

    async def fill(self) -> None:
        """Let COMMITS be full: nothing that waits is stored, and the gateway ends; then there is room again."""
        if self.commit_writer.waiting:
            self.commit_writer.refuse()
            await self.spin()
            assert self.failures
            self.failures.clear()
            await self.crash(commits_kept=0, projected=1.0)

    # --- streams ----------------------------------------------------------------------------------------------

    def settle_streams(self) -> None:
        """Store and acknowledge everything that is under way."""
        self.commit_writer.store(1000)
        self.commit_writer.acknowledge(1000)

    async def settle(self) -> None:
        """Go on until every post is answered, every read decided and every second closed."""
        for _ in range(200):
            await self.spin(20)
            self.settle_streams()
            await self.spin(20)
            self.collect()
            if not self.posts and self.unanswered:
                self.post(self.unanswered.pop())
            busy = self.commit_writer.under_way or self.requests
            if not (busy or self.posts or self.unanswered):
                break
        else:
            raise AssertionError("the world does not settle")
        self.clock.at_us = max(self.clock.at_us, self.commits.staged.at_us) + SECOND_US
        self.tick()
        self.settle_streams()
        await self.spin()

    def flush_index(self) -> None:
        """Write the index of repeats, with nothing forgotten."""
        self.seen.flush(self.seen.begin_flush(), 0)
        self.seen.end_flush()

    def save_snapshot(self) -> None:
        """Keep a snapshot of the fold."""
        self.snapshot = dump_state(self.commits.committed)

    # --- people and cameras -----------------------------------------------------------------------------------

    def submit(self, document: bytes) -> None:
        """Submit a document, as `filing.Filing.submit` does."""
        taking = Taking(document, open_document(document), self.commits.parsed)
        self.commits.commit(taking.build)

    def _filing(self) -> Filing:
        return Filing(self.commits, self.projections, self.clock)  # type: ignore[arg-type]

    def tick(self) -> None:
        """Do what the gateway does each second: close what is over, tell how things stand."""
        self.commits.tick()
        self._filing().tell()

    def suspend(self) -> None:
        """Suspend the counter-terrorism authority."""
        self.acts += 1
        name = f"sus-{self.acts}"
        self.submit(envelope("suspension", ("tfl/data-protection",), suspension__id=name))
        self.suspended.append(name)

    def resume(self) -> None:
        """Lift the last suspension, if it took effect."""
        active = self.commits.staged.authorities[CT].suspensions
        if active:
            self.acts += 1
            changes = {"resumption__id": f"res-{self.acts}", "resumption__suspension": sorted(active)[-1]}
            self.submit(envelope("resumption", ("tfl/data-protection", "ico/commissioner"), **changes))

    def fresh_read(self, camera: str, *, plate: str | None = None, age_us: int = 0) -> dict[str, Any]:
        """Return a read that nobody has sent before."""
        self.numbered += 1
        number = self.numbered
        return {
            "id": f"r{number}",
            "camera": camera,
            "captured_at": rfc3339(self.clock.at_us - age_us + number),
            "plate": f"P{number}" if plate is None else plate,
            "confidence": 0.9,
        }

    def post(self, reads: list[dict[str, Any]], *, imaged: bool = False) -> None:
        """Let a camera post, with the image of each plate or without."""
        self.sent.append(reads)
        post = Post(reads)
        checked = self.checked(reads)
        if imaged:
            checked.reads["patch"] = [IMAGE.text()] * len(checked.reads)
        post.task = asyncio.create_task(self.intake.take(checked, SOURCE))
        self.posts.append(post)

    def follow_up(self, number: int) -> None:
        """Let the image of a read that is stored come later; of which one `number` says."""
        rows = []
        for taken in filter(None, (decode(data).taken for data in self.commits_stream.messages)):
            message = decode_reads(taken)
            batch = decode_batch(message.rows) if message.rows else None
            if batch is not None:
                keys = ReadKeys(*seen_keys(message))
                rows += [(part(batch, row, row + 1), keys.read_id(row)) for row in range(len(batch))]
        if rows:
            row, read_id = rows[number % len(rows)]
            again = self.intake.take_again(replaced(row, patch=[IMAGE.text()]), read_id)
            self._ask(("image", number), again)

    def erase(self, number: int) -> None:
        """Let an erasure of a read that left be committed, with every row of it; of which one `number` says."""
        durable = self.commits_stream.messages[: self.commits.committed.sequence]
        transactions = [(at, decode(data)) for at, data in enumerate(durable, 1)]
        places = [
            (at, read)
            for at, one in transactions
            if one.shown is not None
            for read in sorted(set(np.frombuffer(b"".join(one.shown.batches), "<u2").tolist()))
        ]
        if places:
            found = rows_of_read(transactions, places[number % len(places)])
            erased = tuple(RowErased(number=at, feed=row.feed, row=row.row) for at, row in found)
            self.commits.commit(lambda state, at_us, sequence: Transaction(at_us=at_us, erased=erased))

    def list_plates(self, plates: Sequence[str], *, whole: bool = True, priority: int = 2) -> None:
        """Let the unit list plates for an hour: those alone, or besides; without `whole`, those with `-` go off."""
        now_us = self.clock.at_us
        changes = tuple(
            Change(plate=plate[1:])
            if plate.startswith("-")
            else Change.put(entry_of(plate, now_us, now_us + 3600 * SECOND_US, priority=priority))
            for plate in plates
        )
        self._ask(("list", tuple(plates), whole), self.desk.change_hotlist(WANTED, changes, whole=whole))

    def list_stays(
        self, plates: Sequence[str], *, whole: bool = True, life_us: int = 3600 * SECOND_US
    ) -> None:
        """Let the operator of charges put its lists: plates that begin with B or 8B are exempt, others have paid.

        Without `whole` they come besides, and those with `-` go off.
        """
        now_us = self.clock.at_us
        changes = tuple(
            Change(plate=plate[1:])
            if plate.startswith("-")
            else Change.put(
                entry_of(plate, now_us, now_us + life_us, kind="exempt" if plate[0] in "B8" else "paid")
            )
            for plate in plates
        )
        asked = self.desk.change_hotlist(ALL_BUT, changes, whole=whole, by="unit")
        self._ask(("stays", tuple(plates), whole), asked)

    def answer_hit(self, number: int, said: str) -> None:
        """Let the duty officer say what became of a hit; of which one `number` says."""
        known = self.known_hits()
        hit_id = known[number % len(known)].id if known else "none"
        reason = "as the test says"
        seen = known[number % len(known)].listed if known else "AB12CDE"
        answer = self.outcomes.record_outcome(
            hit_id, said, reason, "officer", looker="officer", plate_seen=seen
        )
        self._ask(("outcome", hit_id, said), answer)

    def _ask(self, said: tuple[Any, ...], asked: Coroutine[Any, Any, Any]) -> None:
        self.requests.append(Request(said, asyncio.create_task(asked)))

    def known_hits(self) -> list[Hit]:
        """Return every hit that is shown, the oldest first."""
        return sorted(self.hits.recent(WANTED, 10_000), key=lambda hit: hit.seq)

    def checked(self, reads: list[dict[str, Any]]) -> Checked:
        """Return what ingest makes of a post."""
        rows: Sequence[Any] = parse(canonical(reads), "application/json")
        state = self.commits.committed
        numbers = {camera.id: n for n, camera in enumerate(state.cameras) if camera.active}
        return check(
            rows,
            source=SOURCE,
            cameras=numbers.get,
            limits=ClockLimits(clock_ahead_us=60 * SECOND_US, too_old_us=7 * 86_400 * SECOND_US),
            now_us=self.clock.at_us,
        )

    def collect(self) -> None:
        """Take note of what posts were answered; those that failed are posted again later."""
        left = []
        for post in self.posts:
            assert post.task is not None
            if not post.task.done():
                left.append(post)
            elif post.task.cancelled() or post.task.exception() is not None:
                error = None if post.task.cancelled() else post.task.exception()
                assert error is None or isinstance(error, StreamError), error
                self.unanswered.append(post.reads)
            else:
                self.answered.append((post.reads, post.task.result()))
        self.posts = left
        for request in [request for request in self.requests if request.task.done()]:
            self.requests.remove(request)
            self.told.append(request)
            if request.task.cancelled():
                request.error = asyncio.CancelledError()
                continue
            request.error = request.task.exception()
            expected = (HitRefused, InputError, NotEntitled, StreamError)
            assert request.error is None or isinstance(request.error, expected), request.error
            request.result = None if request.error else request.task.result()
