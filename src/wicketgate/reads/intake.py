"""The group commit of reads.

Posts from many connections become one transaction each few milliseconds: it holds what was taken, and what the gate
decided of it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Final

import msgspec
import numpy as np

from wicketgate.base.clock import MINUTE_US, SECOND_US, Clock, rfc3339
from wicketgate.base.errors import StreamError
from wicketgate.base.turns import PieceTurns
from wicketgate.commits import transactions
from wicketgate.commits.transactions import Committed, QuarantinedRead
from wicketgate.reads.answering import AnswerTimes
from wicketgate.reads.checks import Checked
from wicketgate.reads.columns import (
    COLUMNS,
    MAX_ROWS,
    SAID,
    Growing,
    ReadBatch,
    empty,
    taken,
)
from wicketgate.reads.keys import CONTENT, NO_ID, JoinedKeys, ReadKeys
from wicketgate.reads.lags import CameraLags
from wicketgate.reads.messages import ReadsMessage
from wicketgate.reads.portions import Gate, GroupPortion
from wicketgate.reads.quota import OVERHEAD, QuarantineQuota, QuotaKeeper
from wicketgate.reads.repeats import RepeatVerdict, Seen
from wicketgate.reads.takers import LINGER_S, PostAnswer
from wicketgate.reads.tracking import Emitted, HeldSighting, Vehicles, is_lasting

JOIN_US = 10 * MINUTE_US
"""For how long after a read was accepted an image may follow it; COMMITS keeps the read for as long."""

_BUSY_S = 0.05
_UNDER_WAY = 4
_MAX_WAITING = 50_000
_QUARANTINED_BYTES = 512 * 1024
_USUAL = QuarantineQuota()
_ALL = slice(None)


@dataclass(slots=True)
class _Group:
    stored: asyncio.Future[int]
    reads: Growing = field(default_factory=Growing)
    contents: bytearray = field(default_factory=bytearray)
    ids: bytearray = field(default_factory=bytearray)
    cameras: dict[int, str] = field(default_factory=dict)
    """The name of each camera of these reads, as `source/camera`."""
    repeated: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    quarantined: list[QuarantinedRead] = field(default_factory=list)
    quarantined_bytes: int = 0
    refused: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    unkept: Counter[str] = field(default_factory=Counter)
    held: list[HeldSighting] = field(default_factory=list)
    emitted: list[Emitted] = field(default_factory=list)
    before: list[tuple[int, int]] = field(default_factory=list)
    """Where each read that comes again stood before."""
    has_waited: bool = False
    """Whether what it holds has waited for others already."""

    def extend(self, checked: Checked, new: _New, source: str, now_us: int) -> None:
        """Take the new ones of the checked reads."""
        rows, reads, camera_id = new.rows, checked.reads.columns, checked.camera_id
        n = len(rows)
        if n < len(camera_id):
            reads = {name: taken(column, rows) for name, column in reads.items()}
            camera_id = taken(camera_id, rows)
        if checked.plate_key is None:
            added = {"received_us": [now_us] * n, "again": [False] * n}
            added["key"] = [new.keys.content(row) for row in range(n)]
        else:
            added = {"received_us": np.full(n, now_us), "again": np.zeros(n, np.bool_)}
            added |= {"plate_key": taken(checked.plate_key, rows), "key": JoinedKeys(new.keys.contents)}
        self.reads.extend(reads | added, few=checked.plate_key is None)
        self._add_keys(new.keys)
        if n == 1:
            self.cameras[int(reads["camera"][0])] = f"{source}/{camera_id[0]}"
        else:
            numbers = np.asarray(reads["camera"]).tolist()
            for number, name in dict(zip(numbers, camera_id, strict=True)).items():
                self.cameras[number] = f"{source}/{name}"

    def _add_keys(self, keys: ReadKeys) -> None:
        if keys.ids and not self.ids:
            self.ids += NO_ID * (len(self.contents) // CONTENT)  # nobody before had one
        if keys.ids or self.ids:
            self.ids += keys.ids or NO_ID * len(keys)
        self.contents += keys.contents

    @property
    def full(self) -> bool:
        rows = len(self.reads) + len(self.held)
        return rows >= MAX_ROWS or self.quarantined_bytes >= _QUARANTINED_BYTES

    def extend_again(self, row: ReadBatch, keys: ReadKeys, before: tuple[int, int]) -> None:
        """Take a stored read again, with an image behind it, and where it stood before."""
        self.before.append(before)
        columns = {
            column.name: list(getattr(row, column.name)) for column in COLUMNS if column.name != "plate_key"
        }
        self.reads.extend(columns | {"again": [True]}, few=True)
        self._add_keys(keys)

    def quarantine(self, read: QuarantinedRead, *, keep: bool) -> None:
        """Take a read for the quarantine: its count, and what is to be kept of it."""
        self.refused[f"{read.source}/{read.camera}"][read.code] += 1
        if keep:
            self.quarantined.append(read)
            self.quarantined_bytes += len(read.read) + OVERHEAD
        else:
            self.unkept[read.source] += 1


@dataclass(frozen=True, slots=True)
class _New:
    """New reads: their rows among the checked, and their keys in the index."""

    rows: Sequence[int]
    keys: ReadKeys

    def some(self, start: int, stop: int) -> _New:
        """Return those from `start` up to, not including, `stop`."""
        rows = self.rows[start:stop]
        return _New(rows, self.keys.of(range(start, start + len(rows))))


_NONE: Final = _New((), ReadKeys(b"", b""))


class Intake:
    """The intake of checked reads.

    It answers once they are durable, and decided.

    Parameters
    ----------
    gate : Gate
        Commits what is taken together with what it decides of it.
    last : int
        The last transaction that is durable.
    vehicles : Vehicles, optional
        Told what of the followed vehicles is durable.
    quota : QuarantineQuota
        What of a source's is kept in quarantine.
    admit : callable, optional
        Raises `StreamError` where nothing new may be taken.
    times : AnswerTimes, optional
        How long answers are held back at least; not at all where it is left out.

    Notes
    -----
    A kill before the stream acknowledged leaves each transaction whole or absent, and reads with their decision in it;
    nobody was answered, the source posts again, and what was stored is found to be repeated.
    """

    def __init__(
        self,
        gate: Gate,
        seen: Seen,
        clock: Clock,
        last: int,
        *,
        vehicles: Vehicles | None = None,
        quota: QuarantineQuota = _USUAL,
        admit: Callable[[], None] = lambda: None,
        times: AnswerTimes | None = None,
    ) -> None:
        self._admit = admit
        self._times = times
        self._quota = QuotaKeeper(quota)
        self._vehicles = Vehicles() if vehicles is None else vehicles
        # When which transaction was stored, once a second: images may follow a read for a while, by its row in it.
        # What a former life stored counts from now on.
        self._ages: deque[tuple[int, int]] = deque([(clock.now_us(), last)])
        self._past_term = 0
        self._gate = gate
        self._seen = seen
        self._clock = clock
        self._groups: list[_Group] = []
        self._work = asyncio.Event()
        self._waiting = 0
        self.turns = PieceTurns()
        """Of all large posts."""
        self.lags = CameraLags()
        self.formed = 0
        """Groups that were begun."""
        self.settled = 0
        """Groups that are durable, or have failed."""
        self.accepted = 0
        self.repeated = 0
        self.quarantined = 0

    def close(self) -> None:
        """Fail what waits: it is not stored. Call it once `run` has ended."""
        self._fail(StreamError("the gateway ends: post again"))

    async def take(
        self,
        checked: Checked,
        source: str,
        *,
        held: Sequence[HeldSighting] = (),
        emitted: Sequence[Emitted] = (),
        late: Sequence[str] = (),
        images: Sequence[tuple[int, QuarantinedRead]] = (),
        have_waited: bool = False,
    ) -> PostAnswer:
        """Store checked reads.

        On return they are durable.

        Parameters
        ----------
        held : sequence of HeldSighting
            Observations of followed vehicles; at most `MAX_ROWS`.
        emitted : sequence of Emitted
            Of the reads in `checked` that are followed vehicles'.
        late : sequence of str
            Cameras whose message repeats what was emitted of a vehicle.
        images : sequence of (int, QuarantinedRead)
            Images that belong to no read, and their numbers in the post.
        have_waited : bool
            Whether these are reads of many posts, which have waited for one another (`LINGER_S`).

        Raises
        ------
        StreamError
            If they could not be stored, or too much waits already: the source must post again.
        """
        self._admit()
        begun_s = asyncio.get_running_loop().time()
        if self._waiting + len(checked.reads) > _MAX_WAITING and self._waiting:
            raise StreamError("too many reads are waiting to be stored: post again in a moment", code="busy")
        now_us = self._clock.now_us()
        new, again, conflicts = self._sort(checked, source, now_us) if checked.camera_id else (_NONE, (), ())
        repeated = [*late, *(checked.camera_id[n] for n in again)]
        quarantined = [*checked.quarantined, *conflicts]
        groups: list[_Group] = []
        group = self._group(groups)
        group.has_waited |= have_waited
        for camera_id in repeated:
            group.repeated[f"{source}/{camera_id}"] += 1
        at = 0
        while at < len(new.rows):
            if group.full:
                group = self._group(groups)
            some = new.some(at, at + MAX_ROWS - len(group.reads))
            group.extend(checked, some, source, now_us)
            at += len(some.rows)
        group.emitted.extend(emitted)  # in the group of their last row, and stored no sooner (`GroupPortion`)
        for observation in held:
            if group.full:
                group = self._group(groups)
            group.held.append(observation)
        for _, read in chain(quarantined, images):
            if group.full:
                group = self._group(groups)
            group.quarantine(read, keep=bool(read.read) and self._quota.keeps(read, now_us))
        accepted = len(new.rows)
        self._waiting += accepted
        self._work.set()
        await self._until_answered(groups, len(checked.reads), begun_s)
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
            again=tuple(checked.index[n] for n in again),
        )

    def _sort(
        self, checked: Checked, source: str, now_us: int
    ) -> tuple[_New, list[int], list[tuple[int, QuarantinedRead]]]:
        """Return the new reads, the rows of the repeated ones, and the conflicts.

        New reads are remembered from now on. A conflict is a read whose id was given to another one before.
        """
        keys = self._keys(checked, source)
        verdicts = self._seen.take(keys)
        if verdicts.count(RepeatVerdict.NEW) == len(verdicts):
            return _New(range(len(verdicts)), keys), [], []
        rows: list[int] = []
        repeated: list[int] = []
        conflicts: list[tuple[int, QuarantinedRead]] = []
        for n, verdict in enumerate(verdicts):
            camera_id = checked.camera_id[n]
            if verdict == RepeatVerdict.NEW:
                rows.append(n)
            elif verdict == RepeatVerdict.REPEATED or is_lasting(checked.read_id[n]):
                repeated.append(n)
            else:
                conflicts.append((checked.index[n], self._conflict(source, camera_id, checked, n, now_us)))
        return _New(rows, keys.of(rows)), repeated, conflicts

    def _keys(self, checked: Checked, source: str, rows: slice = _ALL) -> ReadKeys:
        reads = checked.reads.columns
        columns = (
            checked.camera_id,
            checked.read_id,
            reads["camera"],
            reads["captured_us"],
            reads["plate"],
        )
        if rows is not _ALL:
            columns = tuple(column[rows] for column in columns)  # type: ignore[assignment]
        return self._seen.keys(source, *columns)

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
        begun_s = asyncio.get_running_loop().time()
        group = self._group([])
        # By the present rule, though the row may have a key by a former one: its name in feeds hangs on that.
        contents = self._seen.keys("", [""], [None], row.camera, row.captured_us, row.plate).contents
        before = self._seen.place(read_id) or (0, 0)
        group.extend_again(row, ReadKeys(contents, read_id or NO_ID), before)
        self._waiting += 1
        self._work.set()
        await self._until_answered([group], 1, begun_s)

    async def _until_answered(self, groups: Sequence[_Group], reads: int, begun_s: float) -> None:
        """Wait until a post of so many reads is stored and may be answered, whatever became of it."""
        # Also a post of nothing but repeats waits: what it repeats may be in a group that is not stored yet.
        for group in groups:
            await asyncio.shield(group.stored)
        if self._times is None:
            return
        took_s = asyncio.get_running_loop().time() - begun_s
        left_s = self._times.least_s(reads) - took_s
        self._times.took(reads, took_s)
        if left_s > 0:
            await asyncio.sleep(left_s)

    def is_new(self, checked: Checked, n: int, source: str) -> bool:
        """Return whether `take` would accept row `n` now."""
        return self._seen.look(self._keys(checked, source, slice(n, n + 1)))[0] == RepeatVerdict.NEW

    def past_term(self, now_us: int) -> int:
        """Return the last transaction past the term of images.

        To its reads and earlier ones no image can come any more (`JOIN_US`).
        """
        while self._ages and now_us - self._ages[0][0] > JOIN_US + SECOND_US:
            self._past_term = max(self._past_term, self._ages.popleft()[1])
        return self._past_term

    def _group(self, groups: list[_Group]) -> _Group:
        if not self._groups or self._groups[-1].full:
            self._groups.append(_Group(asyncio.get_running_loop().create_future()))
            self.formed += 1
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

    async def run(self) -> None:
        """Hand groups to the gate, for ever."""
        while True:
            await self._work.wait()
            # Waiting a little lets single posts of many cameras share one sync of the disk.
            if len(self._groups) == 1 and not (self._groups[0].full or self._groups[0].has_waited):
                await self._clock.sleep(LINGER_S)
            while self._gate.under_way >= _UNDER_WAY:
                await self._clock.sleep(0.0005)
            if not self._groups:
                continue  # they failed meanwhile
            group = self._groups.pop(0)
            if not self._groups:
                self._work.clear()
            try:
                await self._submit(group)
            except BaseException:
                self._groups.insert(0, group)  # fails with what waits
                raise

    async def _submit(self, group: _Group) -> None:
        whole = _whole(group)
        portions = whole.cut(self._gate.rows_at_once(whole.batch))
        while portions:
            try:
                decided = self._gate.decide(portions[0].batch, portions[0].message)
                self.lags.take(portions[0].batch)
            except StreamError as error:
                if error.code == "busy":
                    await self._clock.sleep(_BUSY_S)
                elif error.code == "too-large" and len(portions[0].batch) > 1:
                    # Rows were larger, or authorities more, than it looked.
                    portions[:1] = portions[0].cut(-(-len(portions[0].batch) // 2))
                else:
                    self._groups.insert(0, group)
                    self._fail(error)
                    return
                continue
            # A crash from here on leaves this transaction whole or absent, and none behind it: nobody was answered.
            decided.add_done_callback(partial(self._decided, group, portions.pop(0)))

    def _decided(self, group: _Group, portion: GroupPortion, done: asyncio.Future[Committed]) -> None:
        error = StreamError("the gateway ends: post again") if done.cancelled() else done.exception()
        if error is not None:
            if not group.stored.done():
                self._groups.insert(0, group)
            self._fail(error)
            return
        sequence, _ = done.result()
        self._seen.stored(portion.rest.contents, portion.rest.ids, sequence)
        self._vehicles.stored(portion.rest.held, portion.rest.emitted, sequence)
        now_us = self._clock.now_us()
        if not self._ages or now_us - self._ages[-1][0] >= SECOND_US:
            self._ages.append((now_us, sequence))
        if portion.last and not group.stored.done():
            self._waiting -= len(group.reads)
            self.settled += 1
            group.stored.set_result(sequence)

    def _fail(self, error: BaseException) -> None:
        # What waits behind a group that failed may count repeats of it: all of it fails, and is posted again.
        failed = self._groups[:]
        self._groups.clear()
        self._work.clear()
        for each in failed:
            self._waiting -= len(each.reads)
            self.settled += 1
            self._seen.forget(each.contents, each.ids)
            each.stored.set_exception(error)
            each.stored.exception()  # seen by those who wait, if anybody still does


def _whole(group: _Group) -> GroupPortion:
    batch = group.reads.batch() if group.reads else empty()
    rest = ReadsMessage(
        rows=b"",
        contents=bytes(group.contents),
        ids=bytes(group.ids),
        intake=transactions.IntakeCounts(
            repeated=dict(group.repeated),
            quarantined={camera: dict(codes) for camera, codes in group.refused.items()},
            unkept=dict(group.unkept),
        ),
        quarantined=tuple(group.quarantined),
        before=tuple(group.before),
        held=tuple(group.held),
        emitted=tuple(group.emitted),
    )
    return GroupPortion(batch, rest, group.cameras)
