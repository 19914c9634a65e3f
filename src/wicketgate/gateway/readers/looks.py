"""Looks at a reader: the sequencer is asked to record them, and without its word nothing is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wicketgate.base.errors import NotEntitled
from wicketgate.gateway.looking import MachineReadings, Range
from wicketgate.gateway.readers.sequencer import Sequencer


class AskedLooks(MachineReadings):
    """The looks of machines at one reader."""

    def __init__(self, sequencer: Sequencer) -> None:
        super().__init__(sequencer.clock)
        self._sequencer = sequencer

    async def look(self, by: str, what: str, of: str, **more: Any) -> None:
        """Refuse: people are known at the gateway alone."""
        raise NotEntitled("people ask the gateway itself")

    async def _record(self, ranges: Sequence[Range]) -> None:
        await self._sequencer.record(ranges)
