"""Looks, and what of a machine's reading is still to be recorded: a fact a minute, before its first answer in it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wicketgate.base.clock import MINUTE_US, Clock
from wicketgate.base.errors import InputError

_MOST_MACHINES = 10_000


class LooksRecorded(Protocol):
    """Where looks are recorded, before anybody sees what they look at."""

    async def look(self, by: str, what: str, of: str, **more: Any) -> None:
        """Record one look of a person."""

    async def read(self, by: str, what: str, of: str, first: int, last: int) -> None:
        """Record that a machine reads items `first` to `last` of something numbered."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a machine read in a minute: items `first` to `last` of something numbered."""

    by: str
    what: str
    of: str
    minute_us: int
    first: int
    last: int


@dataclass(slots=True)
class _Reading:
    """How far a machine has read a thing in a minute, and how far its record says.

    `recorded` is done once its beginning is recorded; nobody is answered before.
    """

    minute_us: int
    first: int
    told: int
    last: int
    recorded: asyncio.Task[None]


class MachineReadings(ABC):
    """How far machines have read in this minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reading: dict[tuple[str, str, str], _Reading] = {}
        self._owed: list[Range] = []

    @abstractmethod
    async def _record(self, ranges: Sequence[Range]) -> None:
        """Record what machines read; done once it is durable."""

    async def read(
        self, by: str, what: str, of: str, first: int, last: int, minute_us: int | None = None
    ) -> None:
        """Record that a machine reads items `first` to `last` of something numbered.

        Its first reading in a minute is recorded before this returns; how much further it comes is recorded at the end
        of the minute.

        Parameters
        ----------
        minute_us : int, optional
            The beginning of the minute in which it read, where that is told later.
        """
        now_us = self._clock.now_us()
        this_us = now_us - now_us % MINUTE_US
        minute_us = this_us if minute_us is None else minute_us
        key = by, what, of
        reading = self._reading.get(key)
        if reading is not None and reading.minute_us == minute_us and reading.first <= first:
            reading.last = max(reading.last, last)
            await asyncio.shield(reading.recorded)
            return
        fresh = Range(by, what, of, minute_us, first, last)
        if minute_us < this_us:
            await self._record([fresh])
            return
        if reading is not None:
            self._owe(key, reading)
        task = asyncio.create_task(self._record_with([fresh]))
        self._reading[key] = begun = _Reading(minute_us, first, last, last, task)

        def ended(task: asyncio.Task[None]) -> None:
            # Whoever comes next begins again: of this one there is no record.
            if (task.cancelled() or task.exception() is not None) and self._reading.get(key) is begun:
                del self._reading[key]

        task.add_done_callback(ended)
        while len(self._reading) > _MOST_MACHINES:
            oldest = next(iter(self._reading))
            self._owe(oldest, self._reading.pop(oldest))
        await asyncio.shield(task)

    async def run(self) -> None:
        """Record, minute by minute, how far machines have read; until cancelled."""
        while True:
            now_us = self._clock.now_us()
            await self._clock.sleep((MINUTE_US - now_us % MINUTE_US) / 1e6 + 0.01)
            await self.end_minutes()

    async def end_minutes(self, *, all_of_them: bool = False) -> None:
        """Record how far machines have read in minutes that are over.

        Parameters
        ----------
        all_of_them : bool
            In the minute that runs too, because nothing more will be read here.
        """
        now_us = self._clock.now_us()
        for key, reading in list(self._reading.items()):
            if all_of_them or reading.minute_us + MINUTE_US <= now_us:
                self._owe(key, self._reading.pop(key))
        if self._owed:
            await self._record_with([])

    def _owe(self, key: tuple[str, str, str], reading: _Reading) -> None:
        if reading.last > reading.told:
            self._owed.append(Range(*key, reading.minute_us, reading.told + 1, reading.last))

    async def _record_with(self, ranges: Sequence[Range]) -> None:
        """Record ranges, and what is owed besides; that stays owed where nobody answers."""
        owed, self._owed = self._owed, []
        try:
            await self._record([*owed, *ranges])
        except InputError:
            raise  # it would be refused again, and what comes with it too
        except BaseException:
            self._owed = [*owed, *self._owed]
            raise
