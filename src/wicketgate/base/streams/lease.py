"""The lease of a deployment's sequencers: at most one of them holds it, and none tells anything without it.

A holder renews it once a second by an append with the sequence that it expects. Times are counted by each machine's own
clock since its boot, which nothing sets and which goes on while a process is stopped; no two clocks are compared. What
keeps two from appending is the fence (`together`), not the lease. docs/decisions/0036-standby.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final

import msgspec
from nats.errors import Error as NatsError
from nats.js.errors import APIError, NotFoundError

from wicketgate.base.errors import FencedError, StreamError
from wicketgate.base.forms import FIRST
from wicketgate.base.streams.link import Link

log = logging.getLogger(__name__)

LEASE: Final = "SEQUENCER"
HELD_S: Final = 5.0
"""For how long a renewal holds, from when it was sent."""
PATIENCE_S: Final = 6.5
"""For how long no renewal must be seen before another takes it: longer than any holder counts on its last one."""
_RENEW_S: Final = 1.0
_LOOK_S: Final = 0.5
_REQUEST_S: Final = 1.0
_WRONG_SEQUENCE: Final = 10071


def boot_s() -> float:
    """Return the seconds since the machine's boot, those in which it slept among them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class TakenFrom(Enum):
    """From whom a lease was taken."""

    NOBODY = ""
    GAVE_UP = "handed-over"
    SILENT = "silent"

    @property
    def words(self) -> str:
        """How it came to that."""
        return "has handed over" if self is TakenFrom.GAVE_UP else "gave no sign"


class LeaseSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What the holder of the lease says.

    Attributes
    ----------
    node : str
        Its directory.
    holder : str
        Its life.
    free : bool
        Whether it gives the lease up.
    """

    form: int = FIRST
    node: str
    holder: str
    free: bool = False


class Lease:
    """A sequencer's part in the lease.

    Parameters
    ----------
    node, holder : str
        This directory, and this life of the sequencer, unlike any other.
    now_s : callable
        Returns this machine's seconds since its boot.
    """

    def __init__(self, link: Link, node: str, holder: str, *, now_s: Callable[[], float] = boot_s) -> None:
        self._link = link
        self._node = node
        self._holder = holder
        self._now_s = now_s
        self._sequence = 0
        self._until_s = 0.0
        self._lost = False
        self._abandoned = False
        self.on_renewed: Callable[[], None] = lambda: None
        """Called after each renewal: what waited for it may go on."""

    @property
    def is_held(self) -> bool:
        """Whether this sequencer leads, by what it knows itself."""
        return not self._lost and self._now_s() < self._until_s

    @property
    def is_lost(self) -> bool:
        """Whether another sequencer has taken the lease."""
        return self._lost

    def wait_held(self) -> None:
        """Wait until the lease is held. Runs in a thread beside the loop, which renews it.

        Raises
        ------
        FencedError
            If another sequencer has taken it.
        StreamError
            If this one stops (`abandon`).
        """
        while not self.is_held:
            if self._lost:
                raise _taken()
            if self._abandoned:
                raise StreamError("this sequencer stops without the lease")
            time.sleep(0.02)

    def abandon(self) -> None:
        """Wait for the lease no longer: this sequencer stops."""
        self._abandoned = True

    async def take(self, waits: Callable[[], None] = lambda: None) -> TakenFrom:
        """Take the lease once nobody holds it; return from which other directory it was taken.

        It is nobody's where its holder gave it up, or where no renewal was seen for `PATIENCE_S` while the streams
        answered. An outage of the streams counts for nobody: whoever held it goes on.

        Parameters
        ----------
        waits : callable
            Called at each look at a lease that another holds.
        """
        await self._link.ensure_stream(LEASE, last_only=True)
        seen, since_s, looked_s, waited = -1, 0.0, 0.0, False
        while True:
            try:
                sequence, said = await asyncio.wait_for(self._look(), _REQUEST_S)
            except (StreamError, NatsError, TimeoutError, OSError):
                await asyncio.sleep(_LOOK_S)
                continue
            now_s = self._now_s()
            if sequence != seen or now_s - looked_s > PATIENCE_S / 2:
                seen, since_s = sequence, now_s
            looked_s = now_s
            if said is None or said.free or now_s - since_s >= PATIENCE_S:
                self._sequence = sequence
                if await self._append(self._says()):
                    if said is None or said.node == self._node:
                        return TakenFrom.NOBODY
                    return TakenFrom.GAVE_UP if said.free else TakenFrom.SILENT
            else:
                waited = waited or self._told(said)
                waits()
            await asyncio.sleep(_LOOK_S)

    async def keep(self) -> None:
        """Renew the lease for ever.

        Raises
        ------
        FencedError
            If another sequencer has taken it.
        """
        while True:
            began_s = self._now_s()
            try:
                renewed = await self._append(self._says())
            except (StreamError, NatsError, TimeoutError, OSError):
                await asyncio.sleep(_RENEW_S / 4)
                continue
            if not renewed:
                self._lost = True
                raise _taken()
            self.on_renewed()
            await asyncio.sleep(max(0.05, _RENEW_S - (self._now_s() - began_s)))

    async def give_up(self) -> None:
        """Let another sequencer take the lease at once. A crash before this lets it wait for its patience."""
        if self.is_held:
            self._lost = True
            try:
                await self._append(self._says(free=True))
            except (StreamError, NatsError, TimeoutError, OSError):
                log.warning("the lease could not be given up: whoever waits takes it in %d s", PATIENCE_S)

    def _says(self, *, free: bool = False) -> LeaseSaid:
        return LeaseSaid(node=self._node, holder=self._holder, free=free)

    def _told(self, said: LeaseSaid) -> bool:
        log.warning("another sequencer leads: this one waits")
        return True

    async def _look(self) -> tuple[int, LeaseSaid | None]:
        """Return the last word on the lease and its sequence, as the leader of the stream has it."""
        try:
            stored = await self._link.jetstream.get_last_msg(LEASE, LEASE)
        except NotFoundError:
            return (await self._link.jetstream.stream_info(LEASE)).state.last_seq, None
        try:
            return stored.seq or 0, msgspec.json.decode(stored.data or b"", type=LeaseSaid)
        except msgspec.DecodeError:
            return stored.seq or 0, None

    async def _append(self, said: LeaseSaid) -> bool:
        """Append behind what was seen last; return False where somebody else did before."""
        sent_s = self._now_s()
        headers: Mapping[str, Any] = {"Nats-Expected-Last-Sequence": str(self._sequence)}
        try:
            stored = await self._link.jetstream.publish(
                LEASE, msgspec.json.encode(said), timeout=_REQUEST_S, headers=dict(headers)
            )
        except APIError as error:
            if error.err_code != _WRONG_SEQUENCE:
                raise
            # An acknowledgement may have been lost: then the last word is our own.
            sequence, last = await self._look()
            if last is None or last.holder != self._holder or last.free:
                return False
            self._sequence = sequence
            return await self._append(said) if sequence else False
        self._sequence = stored.seq
        self._until_s = sent_s + HELD_S
        return True


def _taken() -> FencedError:
    return FencedError("another sequencer has taken over: this one tells nothing more, and ends")
