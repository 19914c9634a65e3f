"""The sequencer's word, as a role on another host or a reader has it: until when it holds, and what time it said."""

from __future__ import annotations

import asyncio
from typing import Final

from wicketgate.base.clock import ToldClock

GOOD_FOR_S: Final = 3.0
"""How long it holds: without a new one a reader drops every key and refuses what is private; a front takes nothing."""


class HeldWord:
    """The last word of the sequencer.

    Attributes
    ----------
    clock : ToldClock
        The sequencer's.
    """

    def __init__(self) -> None:
        self.clock = ToldClock()
        self._heard_s = float("-inf")

    @property
    def holds(self) -> bool:
        """Whether the sequencer's word holds."""
        return self.silent_s < GOOD_FOR_S

    @property
    def silent_s(self) -> float:
        """The seconds since the sequencer gave its word last."""
        return asyncio.get_running_loop().time() - self._heard_s

    def heard(self, asked_s: float) -> None:
        """Hold a word from when it was asked for: it may have waited on its way."""
        self._heard_s = asked_s
