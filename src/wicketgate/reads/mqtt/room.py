"""The room for messages: bytes of all and of each source, and who waits."""

from __future__ import annotations

from collections import Counter, deque
from typing import Final, Protocol

_SMALL: Final = 64 * 1024


class Waiter(Protocol):
    """Whoever waits for room: a connection."""

    def given(self, size: int) -> bool:
        """Take the awaited room.

        False if it is needed no longer.
        """


class Room:
    """The bytes of messages that are being read, or are not answered yet.

    A source waits for its own share behind its own connections alone, so that it holds up no other. Of its share and
    of all room the last eighth is for small messages: those that are 64 KiB or less never wait behind a great one.

    Parameters
    ----------
    total, of_source : int
        The most for all, and for one source. A message that is greater than either is taken alone.
    """

    def __init__(self, total: int, of_source: int) -> None:
        self.held = 0
        self._total = total
        self._of_source = min(of_source, total)
        self._held_of: Counter[str] = Counter()
        self._waiting: dict[str, deque[tuple[Waiter, int]]] = {}

    @property
    def waiting(self) -> int:
        """The number of messages that wait for room."""
        return sum(len(queue) for queue in self._waiting.values())

    def take(self, waiter: Waiter, source: str, size: int) -> bool:
        """Take room for a message.

        Where there is none, `Waiter.given` is called once there is.
        """
        queue = self._waiting.get(source)
        if (queue is None or size <= _SMALL) and self._fits(source, size):
            self._add(source, size)
            return True
        if queue is None:
            queue = self._waiting[source] = deque()
        queue.append((waiter, size))
        return False

    def give(self, source: str, size: int) -> None:
        """Give back the room of a message, and hand it to those who wait, by turns of their sources."""
        if not size:
            return
        self._add(source, -size)
        while (turn := self._next()) is not None:
            queue = self._waiting.pop(turn)
            waiter, wanted = queue.popleft()
            if queue:
                self._waiting[turn] = queue  # behind the other sources
            if waiter.given(wanted):
                self._add(turn, wanted)

    def _next(self) -> str | None:
        """Return the source whose turn it is; None while its message does not fit, so that no other gets before it."""
        for source, queue in self._waiting.items():
            if self._fits_share(source, queue[0][1]):
                return source if self._fits(source, queue[0][1]) else None
        return None

    def _add(self, source: str, size: int) -> None:
        self.held += size
        self._held_of[source] += size
        if not self._held_of[source]:
            del self._held_of[source]

    def _fits(self, source: str, size: int) -> bool:
        all_fits = not self.held or self.held + size <= self._total * _eighths(size) // 8
        return all_fits and self._fits_share(source, size)

    def _fits_share(self, source: str, size: int) -> bool:
        own = self._held_of[source]
        return not own or own + size <= self._of_source * _eighths(size) // 8


def _eighths(size: int) -> int:
    return 8 if size <= _SMALL else 7
