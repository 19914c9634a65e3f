"""The lags of cameras: how long after its capture a camera's read was received, at the least.

The least lag of an hour is how far a camera's clock is behind, and its quickest way here besides; below zero it is
ahead.
In memory alone: what was before a start is not known.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wicketgate.base.clock import HOUR_US
from wicketgate.reads.columns import ReadBatch

_NONE: Final = np.iinfo(np.int64).max


class CameraLags:
    """The least lag of each camera, by its number, in this hour and the one before."""

    def __init__(self) -> None:
        self._hour = 0
        self._now: NDArray[np.int64] = np.empty(0, np.int64)
        self._before: NDArray[np.int64] = np.empty(0, np.int64)

    def take(self, batch: ReadBatch) -> None:
        """Take the lags of reads. Some 10 ns a read; what comes again with an image is passed over."""
        if not len(batch):
            return
        fresh = ~batch.again
        camera = batch.camera[fresh]
        if not len(camera):
            return
        hour = int(batch.received_us[fresh][-1]) // HOUR_US
        if hour != self._hour:
            empty: NDArray[np.int64] = np.empty(0, np.int64)
            self._before = self._now if hour == self._hour + 1 else empty
            self._now, self._hour = empty, hour
        most = int(camera.max()) + 1
        if most > len(self._now):
            self._now = np.concatenate([self._now, np.full(most - len(self._now), _NONE)])
        np.minimum.at(self._now, camera, (batch.received_us - batch.captured_us)[fresh])

    def least_us(self, number: int) -> int | None:
        """Return the least lag of a camera, microseconds; None where no read of it came lately."""
        known = [int(lags[number]) for lags in (self._now, self._before) if number < len(lags)]
        least = min(known, default=_NONE)
        return None if least == _NONE else least
