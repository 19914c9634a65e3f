"""When posts are answered: no sooner than what ordinary posts take, so that an answer's time tells nothing of a hit.

A transaction with a hit takes up to a millisecond longer than one without: its rows, promise and facts are made
before the answer. A source that could time its answers would learn which of its passages was a hit
(docs/threat-model.md, decision 38).
"""

from __future__ import annotations

from collections import deque
from typing import Final

LEAST_S: Final = 0.012
"""Above what most posts take where the gateway has room."""
A_READ_S: Final = 16e-6
"""What each read of a post adds, above what it costs."""
MOST_S: Final = 0.1
"""No post waits longer for others' sake."""
_FEW: Final = 100
"""Posts of up to this many reads are held to what such posts took lately."""
_LATELY: Final = 256
_EACH: Final = 32


class AnswerTimes:
    """The least time from taking a post to its answer, which follows what posts took lately.

    It is a function of how many reads the post has and of what others took, never of what became of it.
    """

    def __init__(self) -> None:
        self._lately: deque[float] = deque(maxlen=_LATELY)
        self._since = 0
        self._usual_s = 0.0

    def took(self, reads: int, seconds: float) -> None:
        """Take note of what a post took until it was durable."""
        if reads > _FEW:
            return
        self._lately.append(seconds)
        self._since += 1
        if self._since >= _EACH:
            self._since = 0
            ordered = sorted(self._lately)
            self._usual_s = min(MOST_S, ordered[len(ordered) * 98 // 100])

    def least_s(self, reads: int) -> float:
        """Return the least time from taking a post of so many reads to its answer, seconds."""
        least_s = LEAST_S + reads * A_READ_S
        return max(least_s, self._usual_s) if reads <= _FEW else least_s
