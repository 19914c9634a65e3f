"""The keeping of time: the clock at a start, its mark, steps while running."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from wicketgate.base.clock import Clock, rfc3339
from wicketgate.base.errors import ConfigurationError, StreamError
from wicketgate.base.signing import canonical
from wicketgate.base.steady import STEP_US, Mark, SteadyClock
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.commits.writer import Commits
from wicketgate.reads.masking import mask

log = logging.getLogger(__name__)

LONGEST_REASON = 500
_LOOK_S = 1.0
_LOOKS = 3


def begin_clock(
    clock: Clock, state: State, path: Path, accepted: str | None, *, demonstration: bool
) -> Mapping[str, Any]:
    """Set the gateway's clock going, and return what the entry of the start says of it.

    A clock that a test or a replay brought with it is simulated: it is taken as it is.

    Parameters
    ----------
    path : Path
        The mark of this boot's first run, or of the last that took an operator's word: starts that each creep by less
        than a minute add up. It is written anew by a word, and after a boot.
    accepted : str, optional
        The operator's reason for taking a leap of the machine's clock.
    demonstration : bool
        Whether the charter says that vehicles are invented: a demonstration is taken up after any absence.

    Raises
    ------
    ConfigurationError
        If the machine's clock leapt and no reason is given, or the reason is empty or too long.
    """
    if not isinstance(clock, SteadyClock):
        return {}
    if accepted is not None and not 0 < len(accepted.strip()) <= LONGEST_REASON:
        raise ConfigurationError(f"--accept-clock needs a reason of 1 to {LONGEST_REASON} characters")
    last_us = max(state.at_us, state.second_us)
    former = read_mark(path)
    leap = clock.find_leap(last_us, former, absence=not demonstration)
    if leap is not None and accepted is None:
        raise ConfigurationError(
            f"{leap}: set the clock right, or take it as it is with --accept-clock REASON, which is published",
            code="clock-leap",
        )
    machine_us = clock.machine_us
    clock.begin(last_us)
    if leap is not None or not clock.knows(former):
        # A crash in here leaves the former mark, or none: the next start judges by the log's last second alone.
        write_mark(path, clock.mark())
    said: dict[str, Any] = {}
    if leap is not None and accepted is not None:
        log.warning("%s; taken by the operator's word", leap)
        said["accepted_clock"] = mask(accepted.strip())
    if said or clock.ahead_us > STEP_US:
        said["machine"] = rfc3339(machine_us)
    return said


def read_mark(path: Path) -> Mark | None:
    """Return the mark of the last run, or None where there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Mark)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def write_mark(path: Path, mark: Mark) -> None:
    """Write a mark, whole or not at all.

    It is not synced: a machine that lost power has another boot, for which the mark says nothing.
    """
    aside = path.with_suffix(".new")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(mark))
    aside.replace(path)


class ClockWatch:
    """The watch on the machine's clock while a gateway runs.

    A step moves nothing: it is an alarm, and an entry of the public log with both times. So is the way back.

    Attributes
    ----------
    steps : int
        How many were told since the start.
    stepped_us : int
        How far the machine's clock stands from where the start found it, by the last look.
    """

    def __init__(self, commits: Commits, clock: SteadyClock) -> None:
        self._commits = commits
        self._clock = clock
        self._told_us = 0
        self._looks = 0
        self.steps = 0
        self.stepped_us = 0

    @property
    def ahead_us(self) -> int:
        """The lead of the gateway's time over the machine's clock of the start."""
        return self._clock.ahead_us

    async def run(self) -> None:
        """Look once a second, for ever."""
        while True:
            await self._clock.sleep(_LOOK_S)
            self.look()

    def look(self) -> None:
        """Commit a step that has lasted for some looks."""
        self.stepped_us = self._clock.stepped_us()
        if abs(self.stepped_us - self._told_us) <= STEP_US:
            self._looks = 0
            return
        self._looks += 1
        if self._looks < _LOOKS:
            return
        machine_us = self._clock.machine_us
        try:
            self._commits.commit(lambda state, at_us, _: step_transaction(state, at_us, machine_us))
        except StreamError as error:
            if error.code != "busy":
                raise
            return  # it is told at the next look
        log.critical(
            "the machine's clock stepped by %+.1f s: the gateway goes on by its own time",
            (self.stepped_us - self._told_us) / 1e6,
        )
        self.steps += 1
        self._told_us = self.stepped_us
        self._looks = 0


def step_transaction(state: State, at_us: int, machine_us: int) -> Transaction:
    """Return the transaction that tells of a step of the machine's clock."""
    body = {
        "kind": "operation",
        "operation": "clock-step",
        "at": rfc3339(at_us),
        "machine": rfc3339(machine_us),
    }
    return Transaction(at_us=at_us, first_entry=state.entries, entries=(canonical(body),))
