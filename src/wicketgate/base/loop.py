"""The guard of the event loop: its longest stretches of work.

Everything of a gateway runs on one loop. Whatever holds it holds up the gate, the commits and the ledger, so no request
may hold it for `LONG_S`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from resource import RUSAGE_THREAD, getrusage
from typing import Final

log = logging.getLogger(__name__)

LONG_S: Final = 0.05
"""A stretch counts as long from here on."""

TOLD_S: Final = 0.25
"""A stretch is logged from here on."""

_EVERY_S: Final = 0.01
_QUIET_S: Final = 10.0


class LoopGuard:
    """The measure of how long the loop worked without a break.

    A timer looks each hundredth of a second. As late as it comes, so long took one round of the loop; as much CPU as
    the thread used since, so much of that was work, and the rest was waiting for the processor or for the interpreter's
    lock, which a thread may hold. A stretch is found too short by up to a hundredth, and never too long.

    Attributes
    ----------
    longest_s : float
        The longest stretch of work in CPU time of the loop's thread, since `start`.
    longest_wait_s : float
        The longest round by the clock, whoever held it up.
    long : int
        Stretches of `LONG_S` or more.

    Notes
    -----
    Some 0.1 % of one CPU.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self.longest_wait_s = 0.0
        self.long = 0
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told_s = -_QUIET_S
        self._looked_s = self._used_s = 0.0

    def start(self) -> None:
        """Begin to look, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._again()

    def stop(self) -> None:
        """Look no longer."""
        if self._timer is not None:
            self._timer.cancel()

    def _again(self) -> None:
        assert self._loop is not None
        self._looked_s, self._used_s = time.monotonic(), _used()
        self._timer = self._loop.call_later(_EVERY_S, self._look)

    def _look(self) -> None:
        now_s = time.monotonic()
        late_s = now_s - self._looked_s - _EVERY_S
        worked_s = min(late_s, _used() - self._used_s)
        self.longest_s = max(self.longest_s, worked_s)
        self.longest_wait_s = max(self.longest_wait_s, late_s)
        self.long += worked_s >= LONG_S
        if worked_s >= TOLD_S and now_s - self._told_s >= _QUIET_S:
            self._told_s = now_s
            log.warning("the event loop was busy for %d ms without a break", worked_s * 1000)
        self._again()


def _used() -> float:
    """Return the CPU time of this thread, in seconds.

    By the kernel's account and not by a clock, which a test with a moved clock moves too.
    """
    used = getrusage(RUSAGE_THREAD)
    return used.ru_utime + used.ru_stime
