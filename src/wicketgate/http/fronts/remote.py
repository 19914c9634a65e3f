"""The gateway as a front sees it: a view of its state, its clock, and an intake at the other end of a link."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from wicketgate.base.errors import StreamError
from wicketgate.commits.cameras import Camera
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.http.fronts.messages import (
    NotTaken,
    Take,
    TakeAnswered,
    TakePushed,
    View,
    items_of,
    take_of,
)
from wicketgate.reads.cameras import CameraNames
from wicketgate.reads.checks import Checked, ClockLimits
from wicketgate.reads.columns import DTYPES, GATHERED, Gathered
from wicketgate.reads.intake import LINGER_S
from wicketgate.reads.observations import Observation, Parsed
from wicketgate.reads.parse import FEW
from wicketgate.reads.plates import pack_all
from wicketgate.reads.pushes import PlainPushes
from wicketgate.reads.takers import PostAnswer

_AT_ONCE: Final = 500


class Sending:
    """What a front asks of the gateway, until it is answered.

    Parameters
    ----------
    send : callable
        Sends a message over the link.
    """

    def __init__(self, send: Any) -> None:
        self._send = send
        self._waiting: dict[int, asyncio.Future[PostAnswer]] = {}
        self._number = 0

    def next_number(self) -> int:
        """Return a number for a message that wants an answer."""
        self._number += 1
        return self._number

    def ask(self, message: Take | TakePushed) -> asyncio.Future[PostAnswer]:
        """Send a message; its answer comes later."""
        waiting: asyncio.Future[PostAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[message.number] = waiting
        self._send(message)
        return waiting

    def answered(self, message: TakeAnswered | NotTaken) -> None:
        """Give an answer to whoever waits for it."""
        waiting = self._waiting.pop(message.number, None)
        if waiting is None or waiting.done():
            return
        if isinstance(message, TakeAnswered):
            waiting.set_result(message.answer)
        else:
            waiting.set_exception(message.raised())

    def lost(self) -> None:
        """Fail what waits: the gateway is gone, and nobody knows what it has stored."""
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(StreamError("the gateway ends: post again"))
                waiting.exception()
        self._waiting.clear()


class Seeing:
    """The newest view, as clock, register of cameras, and limits.

    The clock goes on with the machine's monotonic one from what the gateway said last.
    """

    def __init__(self, view: View) -> None:
        self.take(view)

    def take(self, view: View) -> None:
        """Take a newer view."""
        self.view = view
        self.known = {*view.tokens, *view.others}
        self.set(view.at_us)

    def set(self, at_us: int) -> None:
        """Set the clock."""
        self._ahead_us = at_us - time.monotonic_ns() // 1000

    def now_us(self) -> int:
        """Return the gateway's time, microseconds since the epoch."""
        return time.monotonic_ns() // 1000 + self._ahead_us

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(seconds)

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
        return ClockLimits(clock_ahead_us=self.view.clock_ahead_us, too_old_us=self.view.too_old_us)


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


class RemotePushes(PlainPushes):
    """The taker of a front's payloads: followed vehicles and images are left to the gateway."""

    def __init__(self, sending: Sending, seeing: Seeing, intake: RemoteIntake) -> None:
        super().__init__(CameraNames(lambda: seeing), intake, seeing, seeing.limits)
        self._sending = sending
        self._seeing = seeing

    async def take(self, source: str, parsed: Parsed, *, camera: str | None = None) -> PostAnswer:
        """Take a payload, as `Pushes.take` does."""
        if not any(isinstance(item, Observation) and (item.tracked or item.images) for item in parsed):
            return await super().take(source, parsed, camera=camera)
        return await self._sending.ask(
            TakePushed(
                number=self._sending.next_number(),
                view=self._seeing.view.number,
                source=source,
                camera=camera,
                items=items_of(parsed),
            )
        )
