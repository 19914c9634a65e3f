"""How many seconds of a log stand behind an entry, known of the last ones."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from wicketgate.base.clock import DAY_US, SECOND_US

MOST_SECONDS: Final = DAY_US // SECOND_US + 60
"""As many as can matter: nothing may be without cosignatures for longer than a day."""


class SecondsBehind:
    """The entries of the last seconds. A day and a minute of them are known."""

    def __init__(self) -> None:
        self._entries: list[int] = []

    def take(self, entry: int) -> None:
        """Take the entry of the next second."""
        self._entries.append(entry)
        if len(self._entries) > 2 * MOST_SECONDS:
            del self._entries[:-MOST_SECONDS]

    def fill(self, entries: Iterable[int]) -> None:
        """Take the entries of seconds that were closed before any was taken, in order."""
        before = [entry for entry in entries if not self._entries or entry < self._entries[0]]
        self._entries[:0] = before

    def behind(self, size: int) -> int:
        """Return how many seconds stand in entries `size` and later, as far as they are known."""
        return len(self._entries) - bisect_left(self._entries, size)
