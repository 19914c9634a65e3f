"""The progress of a start, and the parts of a gateway that may be behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Part = Literal[
    "program",
    "streams",
    "standby",
    "commits",
    "hotlists",
    "repeats",
    "seconds",
    "reads",
    "projections",
    "history",
    "disk",
    "sequencer",
    "log",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A part of the gateway that is behind.

    Attributes
    ----------
    seconds : int
        For how long.
    share : float or None
        At a start: how much of it is done, 0 to 1. No number of commits or reads is told: it would tell the traffic.
    """

    part: Part
    seconds: int
    share: float | None = None


class Progress:
    """The progress of a start, read by another thread."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._part: Part = "program"
        self._since_s = now_s()
        self._share: float | None = None
        self._caught_up = False

    def begin(self, part: Part) -> None:
        """Say which part is under way now."""
        self._part, self._since_s, self._share = part, self._now_s(), None

    def reach(self, done: int, total: int) -> None:
        """Say how much of it is done."""
        self._share = round(done / total, 2) if total else 1.0

    def follow(self, *, caught_up: bool) -> None:
        """Say whether a sequencer that waits has all that is committed."""
        self._caught_up = caught_up

    @property
    def waits(self) -> bool:
        """Whether this sequencer is ready, and another one leads."""
        return self._part == "standby" and self._caught_up

    def behind(self) -> tuple[Behind, ...]:
        """Return the part that is under way."""
        waited_s = int(self._now_s() - self._since_s)
        return (Behind(part=self._part, seconds=waited_s, share=self._share),)
