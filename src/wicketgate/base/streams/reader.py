"""The reader of a stream, in order from a given sequence."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from wicketgate.base.errors import StreamError
from wicketgate.base.streams.link import Link

log = logging.getLogger(__name__)

_EXPIRES_S = 5.0
_MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored message."""

    sequence: int
    data: bytes


class StreamReader:
    """The follower of one stream.

    Positions are the caller's, so the server keeps none.

    Parameters
    ----------
    after : int
        The sequence after which to begin; what was purged is passed over.

    Notes
    -----
    Pulls, with at most 16 MiB under way: a reader that is slow leaves the backlog on the server's disk. Any gap,
    error or silence makes a new consumer at the next sequence, so order and completeness do not depend on one.
    """

    def __init__(self, link: Link, stream: str, *, after: int, batch: int = 64) -> None:
        self._link = link
        self._stream = stream
        self._after = after
        self._batch = batch
        self._consumer: str | None = None
        self._inbox = ""
        self._subscription: Subscription | None = None
        self._arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
        self._asked_until = 0.0
        self._owed = 0
        self._delivered = 0
        link.on_reconnect(self._reconnected)

    async def next(self, timeout_s: float | None = None) -> Sequence[Stored]:
        """Return the messages that have arrived, in order.

        At least one; none after `timeout_s` without any.
        """
        loop = asyncio.get_running_loop()
        until = None if timeout_s is None else loop.time() + timeout_s
        while True:
            await self._ask()
            patience = self._asked_until + 0.5 - loop.time()
            if until is not None:
                patience = min(patience, until - loop.time())
            try:
                messages = [await asyncio.wait_for(self._arrived.get(), max(patience, 0.001))]
            except TimeoutError:
                if until is not None and loop.time() >= until:
                    return ()
                self._consumer = None  # it should have answered by now
                continue
            while not self._arrived.empty():
                messages.append(self._arrived.get_nowait())
            stored = self._in_order(messages)
            if stored:
                return stored

    async def close(self) -> None:
        """Forget the consumer.

        The server drops it by itself as well.
        """
        self._link.off_reconnect(self._reconnected)
        await self._unsubscribe()
        consumer, self._consumer = self._consumer, None
        if consumer is not None and self._link.client.is_connected:
            try:
                await self._link.jetstream.delete_consumer(self._stream, consumer)
            except (NatsError, TimeoutError):
                log.debug("a consumer of `%s` was gone already", self._stream)

    def _reconnected(self) -> None:
        # What was on its way is lost, and a server that was started again has no consumer.
        self._arrived.put_nowait(None)

    async def _unsubscribe(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None and not self._link.client.is_closed:
            await subscription.unsubscribe()

    def _in_order(self, messages: list[Msg | None]) -> list[Stored]:
        stored: list[Stored] = []
        for message in messages:
            if message is None:
                self._consumer = None
                break
            status = (message.headers or {}).get("Status")
            if status is not None:
                if status == "100":
                    continue
                self._pull_ended(status, message.headers or {})
                continue
            # $JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>,
            # with two more tokens before the stream where the server has a domain.
            tokens = message.reply.split(".")
            sequence, delivered = int(tokens[-4]), int(tokens[-3])
            if delivered != self._delivered + 1:
                # Something was lost on the way. (A gap in the sequences alone is what was purged.)
                self._consumer = None
                break
            self._delivered = delivered
            if sequence <= self._after:
                continue
            stored.append(Stored(sequence, message.data))
            self._after = sequence
            self._owed -= 1
        return stored

    def _pull_ended(self, status: str, headers: Mapping[str, str]) -> None:
        description = headers.get("Description", "")
        if description == "Batch Completed":
            return  # each of its messages was counted
        self._owed = max(0, self._owed - int(headers.get("Nats-Pending-Messages", self._owed)))
        if status not in {"404", "408"} and "MaxBytes" not in description:
            self._consumer = None

    async def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        if self._consumer is None:
            await self._begin()
        if self._owed > self._batch // 2 and loop.time() < self._asked_until:
            return
        request = {"batch": self._batch, "max_bytes": _MAX_BYTES, "expires": int(_EXPIRES_S * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
        try:
            await self._link.client.publish(subject, json.dumps(request).encode(), reply=self._inbox)
        except (NatsError, OSError):
            await asyncio.sleep(0.1)
        self._owed += self._batch
        self._asked_until = loop.time() + _EXPIRES_S

    async def _begin(self) -> None:
        # A fresh inbox for each consumer: nothing of an abandoned one can arrive behind it.
        await self._unsubscribe()
        self._arrived = asyncio.Queue()
        inbox = self._link.client.new_inbox()
        arrived = self._arrived

        async def take(message: Msg) -> None:
            arrived.put_nowait(message)

        self._subscription = await self._link.client.subscribe(
            inbox, cb=take, pending_bytes_limit=256 * 1024 * 1024
        )
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self._after + 1,
            ack_policy=AckPolicy.NONE,
            mem_storage=True,
            inactive_threshold=30.0,
            num_replicas=1,
        )
        made = await self._link.ask(lambda: self._link.jetstream.add_consumer(self._stream, config))
        if made.name is None:
            raise StreamError("a consumer without a name")
        self._inbox, self._consumer, self._owed, self._delivered = inbox, made.name, 0, 0
