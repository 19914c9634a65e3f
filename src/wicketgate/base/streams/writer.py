"""The one writer of a stream.

It appends in order, with every message expected at one sequence.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from wicketgate.base.errors import FencedError, StreamError
from wicketgate.base.streams.link import Link, end_tasks

log = logging.getLogger(__name__)

WINDOW = 8
"""Messages under way at once, as a rule. A fence is longer: docs/decisions/0036-standby.md."""
_ACK_TIMEOUT_S = 5.0
_HEADER_BYTES = 1024
_CATCHES_UP_S = 60.0
AT = "Wicketgate-At"
"""The header with a message's own time in microseconds, where it has one."""
_FULL = {10077, 10047, 10023}  # maximum bytes, messages or storage reached


@dataclass(slots=True)
class _Pending:
    data: bytes
    message_id: str
    stored: asyncio.Future[int]
    subject: str
    at_us: int | None = None
    sent_at: float | None = None


class StreamWriter:
    """The only writer of one stream.

    Each message carries the sequence that it expects to follow, so the stream holds exactly what was submitted, in
    that order, once: a resend after a lost acknowledgement is recognised, and a second gateway on the same stream is
    refused by the server (`FencedError`). Several messages may be under way.

    Parameters
    ----------
    window : int
        Messages under way at once; what is submitted beyond that waits.
    named : bool
        Whether a message's id says all that it holds, whoever sends it: what another gateway has written under the
        same ids is then what was to be written. Otherwise an id is of one life alone.
    """

    def __init__(self, link: Link, stream: str, *, window: int = WINDOW, named: bool = False) -> None:
        self._link = link
        self._stream = stream
        self._window = window
        self._named = named
        self._next = 0
        self._pending: OrderedDict[int, _Pending] = OrderedDict()
        self._work = asyncio.Event()
        self._trouble = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._generation = 0  # what is answered to messages that were given up is not taken for later ones
        self._broken: StreamError | None = None
        self._behind_since: float | None = None

    @property
    def last(self) -> int:
        """The sequence of the last message submitted, stored or not."""
        return self._next - 1

    @property
    def under_way(self) -> int:
        """The number of messages submitted and not acknowledged."""
        return len(self._pending)

    async def open(self, at_least: int = 0) -> StreamWriter:
        """Learn the stream's end and begin to send.

        Parameters
        ----------
        at_least : int
            A sequence that is known to be stored: a server that has just been chosen to lead may not say so yet.
        """
        self._next = max((await self._link.info(self._stream)).state.last_seq, at_least) + 1
        self._inbox = self._link.client.new_inbox()
        self._subscription = await self._link.client.subscribe(f"{self._inbox}.*.*", cb=self._acknowledged)
        self._link.on_reconnect(self._trouble.set)
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._mend())]
        return self

    async def learn(self) -> None:
        """Learn the stream's end anew, where nothing is under way: another gateway writes to it meanwhile."""
        last = (await self._link.info(self._stream)).state.last_seq
        if not self._pending:
            self._next = max(self._next, last + 1)

    async def close(self) -> None:
        """Stop sending.

        What is not acknowledged yet fails, and may or may not be stored.
        """
        await end_tasks(self._tasks)
        self._link.off_reconnect(self._trouble.set)
        self._broken = self._broken or StreamError(f"the writer of `{self._stream}` is closed")
        self._fail(self._broken, next(iter(self._pending), self._next))
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._link.client.is_closed:
            await subscription.unsubscribe()

    def submit(
        self, data: bytes, message_id: str, *, subject: str = "", at_us: int | None = None
    ) -> asyncio.Future[int]:
        """Append `data` behind everything submitted before.

        Parameters
        ----------
        message_id : str
            Unique to this message over all time.
        subject : str
            The stream's own, where it has several; left out, its name.
        at_us : int, optional
            The message's time by the gateway's own clock. The server's stands beside it, and may be wrong.

        Returns
        -------
        Future of int
            The sequence, once the message is durable. It fails with `StreamError` if the stream is full or the
            message too large for the server, and with `FencedError` if somebody else wrote to it.
        """
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self._broken is not None:
            stored.set_exception(self._broken)
            return stored
        if len(data) > self._link.client.max_payload - _HEADER_BYTES:
            error = f"a message of {len(data)} bytes is too large for the stream `{self._stream}`"
            stored.set_exception(StreamError(error, code="too-large"))
            return stored
        self._pending[self._next] = _Pending(data, message_id, stored, subject or self._stream, at_us)
        self._next += 1
        self._work.set()
        return stored

    async def _send(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            for sequence, pending in list(islice(self._pending.items(), self._window)):
                # What was given up while an earlier one was being sent must not follow it.
                if self._link.before_append is not None:
                    await self._link.before_append()
                if pending.sent_at is None and self._pending.get(sequence) is pending:
                    await self._put(sequence, pending)

    async def _put(self, sequence: int, pending: _Pending) -> None:
        pending.sent_at = asyncio.get_running_loop().time()
        # A crash from here on leaves a beginning of what was sent, in its order, without gaps. Whoever opens the stream
        # again asks for its end, and learns how far it came.
        headers = {
            "Nats-Msg-Id": pending.message_id,
            "Nats-Expected-Last-Sequence": str(sequence - 1),
        }
        if pending.at_us is not None:
            headers[AT] = str(pending.at_us)
        reply = f"{self._inbox}.{self._generation}.{sequence}"
        try:
            await self._link.client.publish(pending.subject, pending.data, reply=reply, headers=headers)
        except (NatsError, OSError):
            self._trouble.set()

    async def _acknowledged(self, message: Msg) -> None:
        _, generation, number = message.subject.rsplit(".", 2)
        sequence = int(number)
        if int(generation) != self._generation or sequence not in self._pending:
            return
        try:
            answer = json.loads(message.data)
        except ValueError:
            answer = {}
        error = answer.get("error")
        if error is None and answer.get("seq") == sequence:
            self._settle(sequence)
        elif error is not None and error.get("err_code") in _FULL:
            self._fail(StreamError(f"the stream `{self._stream}` is full", code="stream-full"), sequence)
        else:
            self._trouble.set()

    def _settle(self, sequence: int) -> None:
        # A stream stores in order; an earlier message whose acknowledgement was lost is stored as well.
        while self._pending and next(iter(self._pending)) <= sequence:
            stored_at, pending = self._pending.popitem(last=False)
            if not pending.stored.done():
                pending.stored.set_result(stored_at)
        self._work.set()

    def _fail(self, error: StreamError, first: int) -> None:
        """Give up the messages from `first` on.

        None of them is in the stream.
        """
        for sequence in [s for s in self._pending if s >= first]:
            pending = self._pending.pop(sequence)
            if not pending.stored.done():
                pending.stored.set_exception(error)
                pending.stored.exception()  # seen by those who wait, if anybody still does
        self._next = first
        self._generation += 1

    async def _mend(self) -> None:
        """Learn what is stored, and send the rest again.

        This happens after a reconnection, an error or a silence.
        """
        while True:
            try:
                await asyncio.wait_for(self._trouble.wait(), 1.0)
            except TimeoutError:
                if not self._silent():
                    continue
            self._trouble.clear()
            if not self._pending:
                continue
            try:
                await self._resend()
            except FencedError as error:
                log.critical("another writer has appended to `%s`", self._stream)
                self._broken = error
                self._fail(error, next(iter(self._pending), self._next))
            except (StreamError, NatsError, OSError):
                self._trouble.set()
                await asyncio.sleep(0.2)

    def _silent(self) -> bool:
        oldest = next(iter(self._pending.values()), None)
        if oldest is None or oldest.sent_at is None:
            return False
        return asyncio.get_running_loop().time() - oldest.sent_at > _ACK_TIMEOUT_S

    async def _resend(self) -> None:
        # Everything before this one was acknowledged when the server is asked; more may be, until it has answered.
        acknowledged = next(iter(self._pending)) - 1
        last = (await self._link.info(self._stream)).state.last_seq
        first = next(iter(self._pending), None)
        if first is None:
            return
        if last >= first and self._named:
            last = min(last, next(reversed(self._pending)))
        if last >= first:
            ours = self._pending.get(last)
            if ours is None or await self._stored_id(last) != ours.message_id:
                raise FencedError(f"somebody else wrote to the stream `{self._stream}`")
            self._settle(last)
        elif last < acknowledged:
            self._demand_patience()
        if last >= acknowledged:
            self._behind_since = None
        for pending in self._pending.values():
            pending.sent_at = None
        self._work.set()

    def _demand_patience(self) -> None:
        """Raise, of a stream that ends before what it acknowledged: StreamError for a while, where it may be behind.

        A server of a cluster that has just been chosen to lead may not have applied yet what the others hold.
        """
        now = asyncio.get_running_loop().time()
        since = self._behind_since = now if self._behind_since is None else self._behind_since
        if self._link.replicas > 1 and now - since < _CATCHES_UP_S:
            raise StreamError(f"the stream `{self._stream}` is behind what it has acknowledged")
        raise FencedError(f"the stream `{self._stream}` lost messages that it had acknowledged")

    async def _stored_id(self, sequence: int) -> str | None:
        stored = await self._link.message(self._stream, sequence)
        return None if stored is None else (stored.headers or {}).get("Nats-Msg-Id")
