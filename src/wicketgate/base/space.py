"""The free space of a deployment's disks, against two marks."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from wicketgate.base.errors import StreamError

log = logging.getLogger(__name__)

GIB = 1024**3
_ALARM_SHARE, _ALARM_MOST = 4, 64 * GIB
_STOP_SHARE, _STOP_MOST = 20, 4 * GIB


class DiskSpace:
    """The disk of a deployment with the least room.

    Below the first mark there is an alarm. Below the second nothing new is taken: what is left is for the seconds, the
    log, signed documents and what was taken already. It is taken again once there is an eighth more than the mark.

    Parameters
    ----------
    folders : iterable of Path
        The deployment and its parts, which may lie on disks of their own; those that are missing are passed over.
    alarm_bytes, stop_bytes : int, optional
        The marks. By default a quarter of the disk, at most 64 GiB, and a twentieth, at most 4 GiB.
    """

    def __init__(
        self, folders: Iterable[Path], *, alarm_bytes: int | None = None, stop_bytes: int | None = None
    ) -> None:
        self._folders = tuple(folders)
        self._alarm_bytes = alarm_bytes
        self._stop_bytes = stop_bytes
        self.free_bytes = 0
        self.is_low = False
        self.is_full = False
        self.look()

    def look(self) -> None:
        """Measure the free space; say in the log which mark was crossed."""
        was_low, was_full = self.is_low, self.is_full
        measured = [(self._margin(free, total), free, total) for free, total in self._measured()]
        if not measured:
            return
        _, self.free_bytes, total = min(measured)
        alarm, stop = self._marks(total)
        self.is_low = self.free_bytes < alarm
        self.is_full = self.free_bytes < (stop + stop // 8 if was_full else stop)
        if self.is_full != was_full:
            if self.is_full:
                log.critical(
                    "%d MiB are free, less than %d: no reads are taken any more",
                    self.free_bytes >> 20,
                    stop >> 20,
                )
            else:
                log.warning("%d MiB are free: reads are taken again", self.free_bytes >> 20)
        elif self.is_low != was_low:
            if self.is_low:
                log.error(
                    "%d MiB are free, less than %d: make room; below %d MiB no reads are taken",
                    self.free_bytes >> 20,
                    alarm >> 20,
                    stop >> 20,
                )
            else:
                log.warning("%d MiB are free: enough again", self.free_bytes >> 20)

    def demand(self) -> None:
        """Refuse where nothing new may be taken.

        Raises
        ------
        StreamError
            Of code `stream-full`.
        """
        if self.is_full:
            raise StreamError(
                "the disk is nearly full: nothing new is taken until there is room", code="stream-full"
            )

    def _measured(self) -> Iterable[tuple[int, int]]:
        """Yield what is free to the gateway and the size of each disk."""
        for folder in self._folders:
            try:
                disk = os.statvfs(folder)
            except OSError:
                continue
            yield disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize

    def _margin(self, free: int, total: int) -> int:
        return free - self._marks(total)[1]

    def _marks(self, total: int) -> tuple[int, int]:
        alarm = min(total // _ALARM_SHARE, _ALARM_MOST) if self._alarm_bytes is None else self._alarm_bytes
        stop = min(total // _STOP_SHARE, _STOP_MOST) if self._stop_bytes is None else self._stop_bytes
        return max(alarm, stop), stop
