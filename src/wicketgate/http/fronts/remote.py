"""The gateway as a front sees it: a view of its state, its clock, and an intake at the other end of a link."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from wicketgate.base.clock import ToldClock
from wicketgate.base.errors import StreamError
from wicketgate.commits.cameras import Camera
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.http.fronts.messages import (
    FollowedTaken,
    FollowRead,
    NotTaken,
    ReadFollowed,
    Take,
    TakeAnswered,
    TakeFollowed,
    TakeImaged,
    View,
    take_of,
)
from wicketgate.reads.cameras import CameraNames
from wicketgate.reads.checks import Checked, ClockLimits
from wicketgate.reads.columns import DTYPES, GATHERED, Gathered
from wicketgate.reads.images.takers import Bodies, Joined
from wicketgate.reads.observations import ImageKind
from wicketgate.reads.parse import FEW
from wicketgate.reads.plates import pack_all
from wicketgate.reads.pushes import CheckingPushes, FollowedSighting
from wicketgate.reads.takers import LINGER_S, PostAnswer

_AT_ONCE: Final = 500
_ANOTHER: Final = "another's"
"""The name of a token that is no source's: a front is not told whose it is."""


class Sending:
    """What a front asks of the gateway, until it is answered.

    Parameters
    ----------
    send : callable
        Sends a message over the link.
    """

    def __init__(self, send: Any) -> None:
        self._send = send
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0

    def next_number(self) -> int:
        """Return a number for a message that wants an answer."""
        self._number += 1
        return self._number

    def ask(self, message: Take | TakeImaged | TakeFollowed | FollowRead) -> asyncio.Future[Any]:
        """Send a message; its answer comes later."""
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        number = message.take.number if isinstance(message, TakeImaged) else message.number
        self._waiting[number] = waiting
        self._send(message)
        return waiting

    def answered(self, message: TakeAnswered | FollowedTaken | ReadFollowed | NotTaken) -> None:
        """Give an answer to whoever waits for it."""
        waiting = self._waiting.pop(message.number, None)
        if waiting is None or waiting.done():
            return
        if isinstance(message, NotTaken):
            waiting.set_exception(message.raised())
        else:
            waiting.set_result(message if isinstance(message, FollowedTaken) else message.answer)

    def lost(self) -> None:
        """Fail what waits: the gateway is gone, and nobody knows what it has stored."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(StreamError("the gateway ends: post again"))
                waiting.exception()
        self._waiting.clear()


class Seeing(ToldClock):
    """The newest view, as clock, register of cameras, and limits.

    Attributes
    ----------
    known : mapping of str to str
        The names of all tokens by their hashes; of those that are no source's, one name for all.
    told_s : float
        When the time was told last, by the machine's monotonic clock.
    """

    def __init__(self, view: View) -> None:
        super().__init__()
        self.take(view)

    def take(self, view: View) -> None:
        """Take a newer view."""
        self.view = view
        self.known = {**dict.fromkeys(view.others, _ANOTHER), **view.tokens}
        self.set(view.at_us)

    def set(self, at_us: int) -> None:
        """Set the clock."""
        super().set(at_us)
        self.told_s = time.monotonic()

    @property
    def revision(self) -> int:
        """Another one whenever a camera may have changed."""
        return self.view.number

    @property
    def cameras(self) -> Sequence[Camera]:
        """The cameras by number."""
        return self.view.cameras

    def limits(self) -> ClockLimits:
        """Return the charter's limits of cameras' clocks."""
        view = self.view
        return ClockLimits(
            clock_ahead_us=view.clock_ahead_us, too_old_us=view.too_old_us, excluded=view.excluded
        )


class RemoteIntake:
    """The way from a front to the intake.

    Reads of one source wait a moment for others, and go together.
    """

    def __init__(self, sending: Sending, seeing: Seeing) -> None:
        self._sending = sending
        self._seeing = seeing
        self._gathered: dict[str, _Gathering] = {}

    async def take(
        self,
        checked: Checked,
        source: str,
        *,
        images: Sequence[tuple[int, QuarantinedRead]] = (),
        have_waited: bool = False,
    ) -> PostAnswer:
        """Store checked reads, as `Intake.take` does; images are not taken here."""
        assert not images
        view = self._seeing.view.number
        gathered = self._gathered.get(source)
        if gathered is not None and gathered.view != view:
            self._flush(source, gathered)  # the gateway judges reads by the view that they were checked by
            gathered = None
        if gathered is None:
            gathered = self._gathered[source] = _Gathering(view)
            if not have_waited:
                asyncio.get_running_loop().call_later(LINGER_S, self._flush, source, gathered)
        part = gathered.add(checked)
        if have_waited or gathered.reads >= _AT_ONCE:
            self._flush(source, gathered)
        await asyncio.shield(gathered.told)
        return gathered.answer(part)

    def _flush(self, source: str, gathered: _Gathering) -> None:
        if self._gathered.get(source) is not gathered:
            return
        del self._gathered[source]
        take = take_of(gathered.whole(), self._sending.next_number(), gathered.view, source)
        self._sending.ask(take).add_done_callback(gathered.tell)


class _Gathering:
    """Checked reads of one source that go to the gateway in one message."""

    def __init__(self, view: int) -> None:
        self.view = view
        self.reads = 0
        self.told: asyncio.Future[PostAnswer] = asyncio.get_running_loop().create_future()
        self._parts: list[Checked] = []

    def add(self, checked: Checked) -> int:
        """Add a part; return its number."""
        self._parts.append(checked)
        self.reads += len(checked.camera_id)
        return len(self._parts) - 1

    def tell(self, done: asyncio.Future[PostAnswer]) -> None:
        """Take the gateway's answer."""
        if done.cancelled() or self.told.done():
            self.told.cancel()
        elif (error := done.exception()) is not None:
            self.told.set_exception(error)
            self.told.exception()  # seen by those who wait, if anybody still does
        else:
            self.told.set_result(done.result())

    def whole(self) -> Checked:
        """Return all parts as one; its indexes count reads, and behind them what is refused."""
        if len(self._parts) == 1:
            return self._parts[0]
        parts = self._parts
        refused = [read for part in parts for _, read in part.quarantined]
        columns = {name: [part.reads[name] for part in parts] for name in (one.name for one in GATHERED)}
        many = self.reads >= FEW
        joined = {name: _joined(found, DTYPES.get(name) if many else None) for name, found in columns.items()}
        return Checked(
            reads=Gathered(**joined),
            camera_id=[one for part in parts for one in part.camera_id],
            read_id=[one for part in parts for one in part.read_id],
            index=list(range(self.reads)),
            quarantined=list(enumerate(refused, self.reads)),
            plate_key=pack_all(joined["plate"]) if many else None,
        )

    def answer(self, number: int) -> PostAnswer:
        """Return the answer to one part, once all are answered."""
        whole = self.told.result()
        if len(self._parts) == 1:
            return whole
        part = self._parts[number]
        first = sum(len(one.camera_id) for one in self._parts[:number])
        behind = self.reads + sum(len(one.quarantined) for one in self._parts[:number])
        reads = range(first, first + len(part.camera_id))
        refused = range(behind, behind + len(part.quarantined))
        again = [part.index[at - first] for at in whole.again if at in reads]
        quarantined = [
            (part.index[at - first] if at in reads else part.quarantined[at - behind][0], code, detail)
            for at, code, detail in whole.quarantined
            if at in reads or at in refused
        ]
        conflicts = len(quarantined) - len(refused)
        return PostAnswer(
            accepted=len(reads) - len(again) - conflicts,
            repeated=len(again),
            quarantined=tuple(sorted(quarantined)),
            again=tuple(again),
        )


def _joined(columns: Sequence[Any], dtype: Any) -> Any:
    if dtype is not None:
        return np.concatenate([np.asarray(column, dtype) for column in columns])
    return [
        value
        for column in columns
        for value in (column.tolist() if isinstance(column, np.ndarray) else column)
    ]


class RemoteImages:
    """The way from a front to the joiner of images.

    Their bytes go to the gateway, which alone seals and stores them: a front has no key.
    """

    def __init__(self, sending: Sending, seeing: Seeing, intake: RemoteIntake) -> None:
        self._sending = sending
        self._seeing = seeing
        self._intake = intake

    async def take(
        self,
        checked: Checked,
        source: str,
        bodies: Mapping[int, Bodies],
        left: Sequence[tuple[int, bytes]] = (),
    ) -> PostAnswer:
        """Store checked reads with their images, as `Joining.take` does."""
        if not bodies and not left:
            return await self._intake.take(checked, source)
        sending = self._sending
        answer: PostAnswer = await sending.ask(
            TakeImaged(
                take=take_of(checked, sending.next_number(), self._seeing.view.number, source),
                bodies=[
                    (index, kind, number, body)
                    for index, of in bodies.items()
                    for kind, (number, body) in of.items()
                ],
                left=list(left),
            )
        )
        return answer

    async def follow(self, source: str, given: str, kind: ImageKind, body: bytes) -> Joined:
        """Take an image behind its read, as `Joining.follow` does."""
        joined: Joined = await self._sending.ask(
            FollowRead(
                number=self._sending.next_number(),
                view=self._seeing.view.number,
                source=source,
                given=given,
                kind=kind,
                body=body,
            )
        )
        return joined


class RemoteFollowing:
    """The way from a front to where followed vehicles are known.

    Observations of one source wait a moment for others, and go together, in their order.
    """

    def __init__(self, sending: Sending, seeing: Seeing) -> None:
        self._sending = sending
        self._seeing = seeing
        self._gathered: dict[str, _Followed] = {}

    def take(self, source: str, sighting: FollowedSighting) -> asyncio.Future[PostAnswer]:
        """Hand an observation over; its answer comes later."""
        view = self._seeing.view.number
        gathered = self._gathered.get(source)
        if gathered is not None and gathered.view != view:
            self._flush(source, gathered)
            gathered = None
        loop = asyncio.get_running_loop()
        if gathered is None:
            gathered = self._gathered[source] = _Followed(view, [], [])
            loop.call_later(LINGER_S, self._flush, source, gathered)
        told: asyncio.Future[PostAnswer] = loop.create_future()
        gathered.sightings.append(sighting)
        gathered.waiting.append(told)
        if sighting.images or len(gathered.sightings) >= _AT_ONCE:
            self._flush(source, gathered)
        return told

    def _flush(self, source: str, gathered: _Followed) -> None:
        if self._gathered.get(source) is not gathered:
            return
        del self._gathered[source]
        message = TakeFollowed(
            number=self._sending.next_number(),
            view=gathered.view,
            source=source,
            sightings=gathered.sightings,
        )
        self._sending.ask(message).add_done_callback(partial(_tell_each, gathered.waiting))


@dataclass(frozen=True, slots=True)
class _Followed:
    view: int
    sightings: list[FollowedSighting]
    waiting: list[asyncio.Future[PostAnswer]]


def _tell_each(waiting: Sequence[asyncio.Future[PostAnswer]], done: asyncio.Future[FollowedTaken]) -> None:
    error = asyncio.CancelledError() if done.cancelled() else done.exception()
    taken = done.result() if error is None else None
    for n, told in enumerate(waiting):
        if told.done():
            continue  # whoever waited for it has gone
        answer = None if taken is None else taken.answers[n]
        if answer is not None:
            told.set_result(answer)
        elif error is not None:
            told.set_exception(error)
        elif taken is not None:
            told.set_exception(taken.errors[n].raised())


class RemotePushes(CheckingPushes):
    """The taker of a front's payloads: what it has checked of followed vehicles goes to where such are known."""

    def __init__(self, sending: Sending, seeing: Seeing, intake: RemoteIntake, images: RemoteImages) -> None:
        super().__init__(CameraNames(lambda: seeing), intake, images, seeing, seeing.limits)
        self._following = RemoteFollowing(sending, seeing)

    async def _take_sighting(self, source: str, sighting: FollowedSighting) -> PostAnswer:
        return await self._following.take(source, sighting)
