"""The register as it is shown now, built once for all who ask."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from wicketgate.base.clock import SECOND_US, Clock
from wicketgate.base.errors import StreamError
from wicketgate.commits.durable import Durable
from wicketgate.commits.register import build_register, dump_register
from wicketgate.http.site.rendering import RegisterSent
from wicketgate.ledger.folder import LogFolder

LASTS_US = SECOND_US // 2
"""How old it may be; one that took long to build lasts `_REST` times as long as that took."""
_REST = 50
_MOMENT = ("as_of", "checkpoint")
_WAITS = 2_000  # 10 s: a disk may stand still for some
_WAITS_BESIDE = 300  # where there is one to show
_WAIT_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A register as it is shown.

    Attributes
    ----------
    register : mapping
        Its members.
    data : bytes
        The same as JSON.
    revision : str
        A hash of all it shows but the time and the checkpoint.
    sent : RegisterSent
        The same for a renderer.
    """

    register: Mapping[str, Any]
    data: bytes
    revision: str
    sent: RegisterSent

    @classmethod
    def of(cls, register: Mapping[str, Any], number: int = 0) -> Shown:
        """Return a register as it is shown, with a number of its own."""
        data = dump_register(register)
        still = dump_register({name: value for name, value in register.items() if name not in _MOMENT})
        return cls(
            register=register,
            data=data,
            revision=hashlib.sha256(still).hexdigest(),
            sent=RegisterSent(number=number, data=data),
        )


class RegisterShown:
    """The register of a gateway, as of now.

    Parameters
    ----------
    ledger : callable
        Returns the log that is to cover it.
    log_key : callable
        Returns the log's verifier key.
    """

    def __init__(
        self, commits: Durable, clock: Clock, ledger: Callable[[], LogFolder], log_key: Callable[[], str]
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._ledger = ledger
        self._log_key = log_key
        self._shown: Shown | None = None
        self._commit_revision = -1
        self._made_us, self._lasts_us = 0, 0
        self._number = 0
        self._stands_still = False
        self._building: asyncio.Task[Shown] | None = None

    async def now(self) -> Shown:
        """Return the register as covered by its checkpoint.

        It is half a second old at most, and never without a document that has taken effect, as long as the log goes on.
        Where it does not, as at a reader whose gateway stands still, it is the last one that the log covered.
        """
        while True:
            revision = self._commits.committed.revision
            age_us = self._clock.now_us() - self._made_us
            if self._shown is not None and self._commit_revision == revision and 0 <= age_us < self._lasts_us:
                return self._shown
            if self._building is None or self._building.done():
                self._building = asyncio.create_task(self._build())
            built = await asyncio.shield(self._building)
            if self._commit_revision == self._commits.committed.revision or self._stands_still:
                return built  # whatever its age: waiting for another would take as long again

    async def _build(self) -> Shown:
        former = self._shown
        try:
            ledger = await self._covering(_WAITS if former is None else _WAITS_BESIDE)
        except StreamError:
            self._stands_still = True
            if former is None:
                raise
            return former
        self._stands_still = False
        state, now_us = self._commits.committed, self._clock.now_us()
        revision = state.revision
        began_s = time.thread_time()
        register = build_register(
            self._commits.committed_at(now_us),
            state,
            checkpoint=ledger.checkpoint,
            log_key=self._log_key(),
        )
        self._number += 1
        self._shown = Shown.of(register, self._number)
        took_s = time.thread_time() - began_s
        self._commit_revision, self._made_us = revision, now_us
        self._lasts_us = max(LASTS_US, round(_REST * took_s * SECOND_US))
        return self._shown

    async def _covering(self, waits: int) -> LogFolder:
        """Return the log once it covers what is committed, and nothing else.

        A log is behind its commits while it is written. It is ahead of them where a reader begins with a copy of it:
        what it covers and the state has not would be missing from the register, against its own checkpoint.

        Raises
        ------
        StreamError
            If it does not come to that.
        """
        for _ in range(waits):
            ledger = self._ledger()
            if ledger.size == self._commits.committed.entries:
                return ledger
            await asyncio.sleep(_WAIT_S)
        raise StreamError("the log and what is committed do not come to the same entry: try again")
