"""The quota of the quarantine, by source.

What cannot be taken is kept for whoever has to find out why, and the first thousands say as much as the millions behind
them. Beyond the quota it is counted, as all of it is, and not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wicketgate.base.clock import HOUR_US
from wicketgate.commits.transactions import QuarantinedRead

OVERHEAD: Final = 200
"""About how many bytes an item takes besides its read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineQuota:
    """The most that the quarantine keeps of one source: items, and their bytes, in an hour."""

    items: int = 10_000
    bytes: int = 32 * 1024 * 1024


@dataclass(slots=True)
class _Left:
    items: float
    bytes: float
    at_us: int


class QuotaKeeper:
    """The keeper of the sources' quotas.

    What is left of a quota comes back evenly over an hour. It is kept in memory: a start gives each source a whole one.
    """

    def __init__(self, quota: QuarantineQuota) -> None:
        self._quota = quota
        self._left: dict[str, _Left] = {}

    def keeps(self, read: QuarantinedRead, now_us: int) -> bool:
        """Return whether an item is to be kept, and count it if so."""
        quota = self._quota
        left = self._left.get(read.source)
        if left is None:
            left = self._left[read.source] = _Left(quota.items, quota.bytes, now_us)
        part = max(0, now_us - left.at_us) / HOUR_US
        left.items = min(quota.items, left.items + part * quota.items)
        left.bytes = min(quota.bytes, left.bytes + part * quota.bytes)
        left.at_us = now_us
        size = len(read.read) + OVERHEAD
        if left.items < 1 or left.bytes < size:
            return False
        left.items -= 1
        left.bytes -= size
        return True
