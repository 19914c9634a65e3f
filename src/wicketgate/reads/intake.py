"""The group commit of reads.

Posts from many connections become one durable message of READS each few milliseconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

import msgspec

from wicketgate.base.clock import MINUTE_US, SECOND_US, Clock, rfc3339
from wicketgate.base.errors import FencedError, StreamError
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.commits import transactions
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.columns import MAX_ROWS, SAID, Gathered, ReadBatch, filled, gathered, to_arrow
from wicketgate.reads.messages import ReadsMessage, encode_reads
from wicketgate.reads.parse import Checked
from wicketgate.reads.quota import OVERHEAD, QuarantineQuota, QuotaKeeper
from wicketgate.reads.repeats import DIGEST, Seen
from wicketgate.reads.tracking import Emitted, HeldSighting, Vehicles

log = logging.getLogger(__name__)

JOIN_US = 10 * MINUTE_US
"""For how long after a read was accepted an image may follow it; READS keeps the read for as long."""

_LINGER_S = 0.004
_UNDER_WAY = 3
_MAX_WAITING = 50_000
_QUARANTINED_BYTES = 512 * 1024
_USUAL = QuarantineQuota()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAnswer:
    """The fate of a post: sent = accepted + repeated + quarantined + held.

    `images` are those that were put into quarantine, by their number in the post; they do not count as reads.
    """

    accepted: int
    repeated: int
    quarantined: tuple[tuple[int, str, str], ...]
    held: int = 0
    images: tuple[tuple[int, str, str], ...] = ()


@dataclass(slots=True)
class _Group:
    stored: asyncio.Future[int]
    reads: Gathered = field(default_factory=Gathered)
    received_us: list[int] = field(default_factory=list)
    again: list[bool] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    repeated: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    quarantined: list[QuarantinedRead] = field(default_factory=list)
    quarantined_bytes: int = 0
    refused: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    unkept: Counter[str] = field(default_factory=Counter)
    held: list[HeldSighting] = field(default_factory=list)
    emitted: list[Emitted] = field(default_factory=list)

    def extend(self, checked: Checked, rows: list[int], now_us: int, source: str) -> None:
        """Take these rows of the checked reads."""
        everything = len(rows) == len(checked.reads)
        self.reads.extend(checked.reads, None if everything else rows)
        self.received_us += [now_us] * len(rows)
        self.again += [False] * len(rows)
        self.accepted += [f"{source}/{checked.camera_id[row]}" for row in rows]

    @property
    def full(self) -> bool:
        rows = len(self.reads) + len(self.held)
        return rows >= MAX_ROWS or self.quarantined_bytes >= _QUARANTINED_BYTES

    def extend_again(self, row: ReadBatch, read_id: bytes) -> None:
        """Take a stored read again, with an image behind it."""
        self.reads.extend(gathered(row))
        self.received_us += row.received_us.tolist()
        self.again.append(True)
        self.contents += row.key
        self.ids.append(read_id)

    def quarantine(self, read: QuarantinedRead, *, keep: bool) -> None:
        """Take a read for the quarantine: its count, and what is to be kept of it."""
        self.refused[f"{read.source}/{read.camera}"][read.code] += 1
        if keep:
            self.quarantined.append(read)
            self.quarantined_bytes += len(read.read) + OVERHEAD
        else:
            self.unkept[read.source] += 1


@dataclass(slots=True)
class _New:
    """New reads: their rows among the checked, their keys in the index."""

    rows: list[int] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)


class Intake:
    """The intake of checked reads.

    It answers once they are durable.

    Parameters
    ----------
    instance : str
        Of this run of the gateway: it makes the ids of messages unique over all time.
    on_failure : callable
        Told when READS belongs to another writer; the gateway must end.
    vehicles : Vehicles, optional
        Told what of the followed vehicles is durable.
    quota : QuarantineQuota
        What of a source's is kept in quarantine.
    admit : callable, optional
        Raises `StreamError` where nothing new may be taken.

    Notes
    -----
    A kill before the stream acknowledged leaves a message that is stored or not; nobody was answered, the source posts
    again, and what was stored is found to be repeated.
    """

    def __init__(
        self,
        writer: StreamWriter,
        seen: Seen,
        clock: Clock,
        instance: str,
        *,
        on_failure: Callable[[BaseException], None],
        vehicles: Vehicles | None = None,
        quota: QuarantineQuota = _USUAL,
        admit: Callable[[], None] = lambda: None,
    ) -> None:
        self._admit = admit
        self._quota = QuotaKeeper(quota)
        self._vehicles = Vehicles() if vehicles is None else vehicles
        # When which message was stored, once a second: images may follow a read for a while, by its row in READS.
        # What a former life stored counts from now on.
        self._ages: deque[tuple[int, int]] = deque([(clock.now_us(), writer.last)])
        self._past_term = 0
        self._writer = writer
        self._submitted = writer.last
        self._sent = 0
        self._on_failure = on_failure
        self._seen = seen
        self._clock = clock
        self._instance = instance
        self._groups: list[_Group] = []
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._waiting = 0
        self.accepted = 0
        self.repeated = 0
        self.quarantined = 0

    def start(self) -> None:
        """Begin to write groups."""
        self._task = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Stop.

        What waits fails and is not stored; what is under way is settled by the writer when it closes.
        """
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for group in self._groups:
            group.stored.set_exception(StreamError("the gateway ends: post again"))
            group.stored.exception()
        self._groups.clear()

    async def take(
        self,
        checked: Checked,
        source: str,
        *,
        held: Sequence[HeldSighting] = (),
        emitted: Emitted | None = None,
        late: Sequence[str] = (),
        images: Sequence[tuple[int, QuarantinedRead]] = (),
    ) -> PostAnswer:
        """Store checked reads.

        On return they are durable.

        Parameters
        ----------
        held : sequence of HeldSighting
            Observations of followed vehicles; at most `MAX_ROWS`.
        emitted : Emitted, optional
            That the one read in `checked` is a followed vehicle's.
        late : sequence of str
            Cameras whose message repeats what was emitted of a vehicle.
        images : sequence of (int, QuarantinedRead)
            Images that belong to no read, and their numbers in the post.

        Raises
        ------
        StreamError
            If they could not be stored, or too much waits already: the source must post again.
        """
        self._admit()
        if self._waiting + len(checked.reads) > _MAX_WAITING and self._waiting:
            raise StreamError("too many reads are waiting to be stored: post again in a moment", code="busy")
        now_us = self._clock.now_us()
        new, repeated, conflicts = self._sort(checked, source, now_us)
        repeated = [*(f"{source}/{camera_id}" for camera_id in late), *repeated]
        quarantined = [*checked.quarantined, *conflicts]
        groups: list[_Group] = []
        group = self._group(groups)
        for name in repeated:
            group.repeated[name] += 1
        at = 0
        while at < len(new.rows):
            if group.full:
                group = self._group(groups)
            some = slice(at, at + MAX_ROWS - len(group.reads))
            group.extend(checked, new.rows[some], now_us, source)
            group.contents += new.contents[some]
            group.ids += new.ids[some]
            at = some.stop
        if emitted is not None:
            group.emitted.append(emitted)  # in the message of its row: both are stored, or neither
        for observation in held:
            if group.full:
                group = self._group(groups)
            group.held.append(observation)
        for _, read in chain(quarantined, images):
            if group.full:
                group = self._group(groups)
            group.quarantine(read, keep=self._quota.keeps(read, now_us))
        accepted = len(new.rows)
        self._waiting += accepted
        self._work.set()
        # Also a post of nothing but repeats waits: what it repeats may be in a group that is not stored yet.
        for group in groups:
            await asyncio.shield(group.stored)
        self.accepted += accepted
        self.repeated += len(repeated)
        self.quarantined += len(quarantined)
        quarantined.sort(key=lambda pair: pair[0])
        return PostAnswer(
            accepted=accepted,
            repeated=len(repeated),
            quarantined=tuple((index, read.code, read.detail) for index, read in quarantined),
            held=len(held),
            images=tuple((index, read.code, read.detail) for index, read in images),
        )

    def _sort(
        self, checked: Checked, source: str, now_us: int
    ) -> tuple[_New, list[str], list[tuple[int, QuarantinedRead]]]:
        """Return the new reads, the repeated reads' cameras, and the conflicts.

        New reads are remembered from now on. A conflict is a read whose id was given to another one before.
        """
        reads = checked.reads
        look, add = self._seen.look, self._seen.add
        content_key, id_key = self._seen.content_key, self._seen.id_key
        new = _New()
        repeated: list[str] = []
        conflicts: list[tuple[int, QuarantinedRead]] = []
        for n, (camera_id, plate, captured_us, given) in enumerate(
            zip(checked.camera_id, reads["plate"], reads["captured_us"], checked.read_id, strict=True)
        ):
            content = content_key(source, camera_id, plate, captured_us)
            read_id = b"" if given is None else id_key(source, given)
            verdict = look(content, read_id)
            if verdict == "new":
                add(content, read_id)
                new.rows.append(n)
                new.contents.append(content)
                new.ids.append(read_id)
            elif verdict == "repeated":
                repeated.append(f"{source}/{camera_id}")
            else:
                conflicts.append((checked.index[n], self._conflict(source, camera_id, checked, n, now_us)))
        return new, repeated, conflicts

    async def take_again(self, row: ReadBatch, read_id: bytes) -> None:
        """Store a read again, with an image behind it.

        On return that is durable.

        Parameters
        ----------
        row : ReadBatch
            One row, as it was stored, with the image.
        read_id : bytes
            Its key in the index of repeats, from which the newest row is found.
        """
        self._admit()
        group = self._group([])
        group.extend_again(row, read_id)
        self._waiting += 1
        self._work.set()
        await asyncio.shield(group.stored)

    def is_new(self, checked: Checked, n: int, source: str) -> bool:
        """Return whether `take` would accept row `n` now."""
        given = checked.read_id[n]
        reads = checked.reads
        content = self._seen.content_key(
            source, checked.camera_id[n], reads["plate"][n], reads["captured_us"][n]
        )
        return self._seen.look(content, b"" if given is None else self._seen.id_key(source, given)) == "new"

    def past_term(self, now_us: int) -> int:
        """Return the last message of READS past the term of images.

        To its reads and earlier ones no image can come any more (`JOIN_US`).
        """
        while self._ages and now_us - self._ages[0][0] > JOIN_US + SECOND_US:
            self._past_term = max(self._past_term, self._ages.popleft()[1])
        return self._past_term

    def _group(self, groups: list[_Group]) -> _Group:
        if not self._groups or self._groups[-1].full:
            self._groups.append(_Group(asyncio.get_running_loop().create_future()))
        groups.append(self._groups[-1])
        return self._groups[-1]

    @staticmethod
    def _conflict(source: str, camera_id: str, checked: Checked, n: int, now_us: int) -> QuarantinedRead:
        row = checked.reads.row(n)
        read: dict[str, object] = {
            "id": checked.read_id[n],
            "camera": camera_id,
            "captured_at": rfc3339(row["captured_us"]),
            "plate": row["plate"],
            "confidence": row["confidence"],
        }
        read |= {
            column.name: msgspec.Raw(row[column.name].encode())
            for column in SAID
            if row[column.name] is not None
        }
        return QuarantinedRead(
            source=source,
            camera=camera_id,
            code="id-conflict",
            detail="this `id` was given to another read before",
            at_us=now_us,
            read=msgspec.json.encode(read),
        )

    async def _write(self) -> None:
        while True:
            await self._work.wait()
            # Waiting a little lets single posts of many cameras share one sync of the disk.
            if len(self._groups) == 1 and not self._groups[0].full:
                await self._clock.sleep(_LINGER_S)
            while self._writer.under_way >= _UNDER_WAY:
                await self._clock.sleep(0.001)
            await self._failed_ones_known()
            if not self._groups:
                continue  # they failed meanwhile
            group = self._groups.pop(0)
            if not self._groups:
                self._work.clear()
            self._submit(group)

    async def _failed_ones_known(self) -> None:
        # An append has failed and `_stored` has not heard of it yet: a group that counts repeats of what was lost must
        # not be stored before it has.
        while self._writer.last != self._submitted:
            await asyncio.sleep(0)

    def _submit(self, group: _Group) -> None:
        # Never one id for two messages, though a sequence may be tried again: it would hide a loss.
        self._sent += 1
        # A crash from here on leaves this message whole or absent, and none behind it: nobody was answered.
        stored = self._writer.submit(_encode(group), f"{self._instance}-{self._sent}")
        self._submitted = self._writer.last
        stored.add_done_callback(lambda done: self._stored(group, done))

    def _stored(self, group: _Group, done: asyncio.Future[int]) -> None:
        if done.cancelled():
            group.stored.cancel()
            return
        error = done.exception()
        if error is None:
            self._waiting -= len(group.reads)
            self._seen.stored(group.contents, group.ids, done.result())
            self._vehicles.stored(group.held, group.emitted, done.result())
            now_us = self._clock.now_us()
            if not self._ages or now_us - self._ages[-1][0] >= SECOND_US:
                self._ages.append((now_us, done.result()))
            group.stored.set_result(done.result())
            return
        # What waits behind a group that failed may count repeats of it: all of it fails, and is posted again.
        self._submitted = self._writer.last
        failed = [group, *self._groups]
        self._groups.clear()
        self._work.clear()
        for each in failed:
            self._waiting -= len(each.reads)
            self._seen.forget(each.contents, each.ids)
            each.stored.set_exception(error)
            each.stored.exception()  # seen by those who wait, if anybody still does
        if isinstance(error, FencedError):
            log.critical("this gateway no longer owns READS")
            self._on_failure(error)


def _encode(group: _Group) -> bytes:
    rows = b""
    if group.reads:
        batch = filled(
            **group.reads.columns, received_us=group.received_us, key=group.contents, again=group.again
        )
        rows = to_arrow(batch)
    return encode_reads(
        ReadsMessage(
            rows=rows,
            contents=b"".join(group.contents),
            ids=b"".join(i or bytes(DIGEST) for i in group.ids),
            intake=transactions.IntakeCounts(
                accepted=dict(Counter(group.accepted)),
                repeated=dict(group.repeated),
                quarantined={camera: dict(codes) for camera, codes in group.refused.items()},
                unkept=dict(group.unkept),
            ),
            quarantined=tuple(group.quarantined),
            held=tuple(group.held),
            emitted=tuple(group.emitted),
        )
    )
