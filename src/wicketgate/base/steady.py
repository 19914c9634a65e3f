"""The gateway's own time, unmoved by steps of the machine's clock.

The machine's clock says once, at the start, what time it is. From then on the time is what has passed since, by the
clock that counts from the machine's boot: nobody can set that one, and it goes on while the machine sleeps.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wicketgate.base.clock import DAY_US, MINUTE_US, SECOND_US, rfc3339

STEP_US = 2 * SECOND_US
"""From here on a difference to the machine's clock is a step: a leap second is none."""
AGREES_US = MINUTE_US
"""Within this a start takes the machine's clock without a word; `verify` allows a log the same."""
LONGEST_ABSENCE_US = DAY_US
"""A longer one cannot be told from a leap where the machine has been started since."""
_PAUSE_US = 100_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def _wall_us() -> int:
    return time.time_ns() // 1000


def _since_boot_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def read_boot_id() -> str:
    """Return the name of the machine's present boot.

    It is empty where the machine does not tell.
    """
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The time that a boot's first run went by, on the clock that counts from the machine's boot.

    `believed_us` is the machine's clock as the run's start found or was told it, at `since_boot_us` of the boot
    `boot`. A later start on the same boot knows by it what time it is, whatever the machine's clock says.
    """

    boot: str
    since_boot_us: int
    believed_us: int


class SteadyClock:
    """The clock of a gateway: ascending, and deaf to steps of the machine's clock.

    Where a start found the machine's clock behind the last second of the log, it runs at half pace until the two meet:
    seconds are closed all the while, and it is never behind the machine's clock of the start.

    Parameters
    ----------
    wall, since_boot : callable
        Return microseconds: the machine's time, and the time since its boot.
    boot : str, optional
        The name of the present boot.
    """

    def __init__(
        self,
        wall: Callable[[], int] = _wall_us,
        since_boot: Callable[[], int] = _since_boot_us,
        boot: str | None = None,
    ) -> None:
        self._wall = wall
        self._since_boot = since_boot
        self._boot = read_boot_id() if boot is None else boot
        self.begin(0)

    def begin(self, last_us: int) -> None:
        """Take the machine's time, or the last second of the log where that is later."""
        self._offset_us = self._measure()
        self._began_us = self._since_boot()
        wall_us = self._began_us + self._offset_us
        self._own_us = max(wall_us, last_us)
        self._ahead_us = self._own_us - wall_us

    def now_us(self) -> int:
        """Return the time now, microseconds since the epoch; never less than before."""
        passed_us = self._since_boot() - self._began_us
        return self._own_us + passed_us - min(passed_us // 2, self._ahead_us)

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`, in real time."""
        await asyncio.sleep(seconds)

    @property
    def ahead_us(self) -> int:
        """The lead over the machine's clock of the start, microseconds; it falls to 0."""
        passed_us = self._since_boot() - self._began_us
        return self._ahead_us - min(passed_us // 2, self._ahead_us)

    @property
    def machine_us(self) -> int:
        """The time by the machine's clock now."""
        return self._wall()

    def stepped_us(self) -> int:
        """Return by how much the machine's clock was moved since the start.

        It is positive where it was set ahead. Where the lead of this clock turns out to be none, because the
        machine's clock was set right, it slows down no longer.
        """
        offset_us = self._measure()
        now_us, ahead_us = self.now_us(), self.ahead_us
        wall_us = self._since_boot() + offset_us
        if ahead_us and wall_us >= now_us:
            self._began_us, self._own_us, self._ahead_us = self._since_boot(), now_us, 0
        return offset_us - self._offset_us

    def mark(self) -> Mark:
        """Return the mark of this run, to be found by the next start."""
        at_us = self._since_boot()
        return Mark(boot=self._boot, since_boot_us=at_us, believed_us=at_us + self._offset_us)

    def knows(self, mark: Mark | None) -> bool:
        """Return whether a mark is of the machine's present boot."""
        return mark is not None and bool(mark.boot) and mark.boot == self._boot

    def find_leap(self, last_us: int, mark: Mark | None, *, absence: bool = True) -> str | None:
        """Return in words the leap of the machine's clock since the last run, or None.

        Parameters
        ----------
        last_us : int
            The end of what the log holds, microseconds.
        mark : Mark, optional
            That of an earlier run. On the same boot it alone decides: the time that has passed is known.
        absence : bool
            Whether a long absence needs a word where nothing tells it from a leap.
        """
        wall_us = self._since_boot() + self._measure()
        says = f"the machine's clock says {rfc3339(wall_us // SECOND_US * SECOND_US)}"
        if mark is not None and self.knows(mark):
            expected_us = mark.believed_us + self._since_boot() - mark.since_boot_us
            if abs(wall_us - expected_us) <= AGREES_US:
                return None
            return f"{says}, and by the time since its boot it is {rfc3339(expected_us // SECOND_US * SECOND_US)}"
        last = rfc3339(last_us // SECOND_US * SECOND_US)
        if last_us - wall_us > AGREES_US:
            return f"{says}, which is before the log's last second, {last}"
        if absence and wall_us - last_us > LONGEST_ABSENCE_US:
            return f"{says}, which is more than a day after the log's last second, {last}"
        return None

    def _measure(self) -> int:
        """Return the machine's time less the time since boot, read with no pause between."""
        while True:
            before_us = self._since_boot()
            offset_us = self._wall() - before_us
            if self._since_boot() - before_us < _PAUSE_US:
                return offset_us
