"""The sink of a receiver that charges: each batch reduced, with how far it has come, in one transaction.

A kill leaves a transaction whole or not begun; what was not in one is asked for again.
"""

from __future__ import annotations

import sqlite3
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from wicketgate.base.clock import Clock
from wicketgate.clients.charging.days import DaysWriter, Evidence, sweep_batches
from wicketgate.clients.charging.figures import count_up, local_day
from wicketgate.clients.charging.proofs import BatchTree, unpacked
from wicketgate.clients.charging.store import change, said, say
from wicketgate.clients.charging.taking import RowTaker
from wicketgate.clients.charging.terms import ChargingTerms
from wicketgate.clients.recipient.receive import Received
from wicketgate.clients.recipient.sinks import last_of
from wicketgate.clients.verify.feeds import Last

FULL_ANSWER: Final = 200
"""Batches of an answer behind which there may be more at once: then rows wait for company."""
MOST_ROWS: Final = 100_000
_MOST_WAIT_S: Final = 1.0
_NOTE_EVERY_S: Final = 1.0


class ChargingSink:
    """The sink of one charging folder.

    Parameters
    ----------
    terms : callable
        Returns the scheme's terms as they were last looked up, and what takes rows under them.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        terms: Callable[[], tuple[ChargingTerms, RowTaker]],
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._terms = terms
        self._clock = clock
        self._waiting: list[Received] = []
        self._rows = 0
        self._begun_s = self._noted_s = time.monotonic()
        self._proved = int(said(connection, "proved") or 0)
        self._swept = 0
        value = said(connection, "last")
        self.last: Last | None = None if value is None else Last(**value)
        self._checkpoint: bytes | None = None

    @property
    def unproved(self) -> Sequence[Mapping[str, Any]]:
        """The headers of the batches of which it was not proved yet that the log has them."""
        found = self._connection.execute(
            "SELECT header FROM batches WHERE number > ? ORDER BY number", (self._proved,)
        )
        return [msgspec.json.decode(unpacked(header)) for (header,) in found]

    @property
    def seen(self) -> bytes | None:
        """The last checkpoint."""
        note = said(self._connection, "checkpoint")
        return note.encode() if isinstance(note, str) else None

    def write(self, received: Sequence[Received]) -> None:
        """Take batches. They are durable at once, but for those of a full answer: they wait for more of them."""
        if not self._waiting:
            self._begun_s = time.monotonic()
        self._waiting.extend(received)
        self._rows += sum(len(one.batch.lines) for one in received)
        waited = time.monotonic() - self._begun_s >= _MOST_WAIT_S
        if len(received) < FULL_ANSWER or self._rows >= MOST_ROWS or waited:
            self._reduce()

    def note(self, due: Sequence[Mapping[str, Any]], checkpoint: bytes) -> None:
        """Remember up to which batch the log has everything, with the next rows or a second later."""
        if self.last is not None:
            self._proved = min(int(due[0]["batch"]) - 1, self.last.batch) if due else self.last.batch
        self._checkpoint = checkpoint
        if not self._waiting and time.monotonic() - self._noted_s >= _NOTE_EVERY_S:
            with change(self._connection):
                self._note()

    def close(self) -> None:
        """Reduce what waits."""
        if self._waiting:
            self._reduce()
        with change(self._connection):
            self._note()

    def _reduce(self) -> None:
        terms, taker = self._terms()
        lasts = [last_of(one.batch.header, one.batch.lines[-1]) for one in self._waiting]
        trees = [
            BatchTree(one.batch, last.seq - len(one.batch.lines) + 1)
            for one, last in zip(self._waiting, lasts, strict=True)
        ]
        final = lasts[-1]
        firsts = [tree.first_seq for tree in trees]

        def evidence(seq: int) -> Evidence:
            return trees[bisect_right(firsts, seq) - 1].evidence(seq)

        taken = taker.take(line for one in self._waiting for line in one.batch.lines)
        now_us = self._clock.now_us()
        with change(self._connection) as connection:
            DaysWriter(connection, terms, evidence).add(taken, now_us)
            connection.executemany(
                "INSERT INTO batches VALUES (?, ?, ?, ?)", [tree.described() for tree in trees]
            )
            count_up(connection, local_day(terms, now_us), taken.counts)
            say(connection, last={name: getattr(final, name) for name in Last.__slots__})
            self._note()
        # A crash up to the commit: the feed is asked for these batches again. Behind it, for those that follow.
        self.last = final
        self._waiting.clear()
        self._rows = 0

    def _note(self) -> None:
        self._noted_s = time.monotonic()
        if self._checkpoint is not None:
            say(self._connection, proved=self._proved, checkpoint=self._checkpoint.decode())
        if self._proved > self._swept:
            sweep_batches(self._connection, self._proved, self._swept)
            self._swept = self._proved
