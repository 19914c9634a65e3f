"""What one transaction takes of a group of reads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np

from wicketgate.commits.transactions import Committed
from wicketgate.reads.columns import ReadBatch, part, to_arrow
from wicketgate.reads.keys import CONTENT, DIGEST
from wicketgate.reads.messages import ReadsMessage


class Gate(Protocol):
    """The gate, as the intake asks it."""

    @property
    def under_way(self) -> int:
        """The number of transactions not durable yet."""

    def rows_at_once(self, batch: ReadBatch) -> int:
        """Return how many of these reads one transaction has room for, as far as that can be said before."""

    def decide(self, batch: ReadBatch, message: ReadsMessage) -> asyncio.Future[Committed]:
        """Stage the transaction that takes these reads and decides them.

        Raises
        ------
        StreamError
            Of code `too-large` or `busy`: then nothing was staged.
        """


@dataclass(frozen=True, slots=True)
class GroupPortion:
    """Reads of a group that one transaction takes.

    The first portion of a group has all that is not reads, but for the vehicles that are emitted: the last one has
    them. What was emitted is not emitted again, so its row must be durable by then.

    Attributes
    ----------
    cameras : mapping
        The name of each camera by its number, as `source/camera`.
    last : bool
        Whether the group is whole with it.
    """

    batch: ReadBatch
    message: ReadsMessage
    cameras: Mapping[int, str]
    last: bool = True

    @classmethod
    def of(
        cls, batch: ReadBatch, rest: ReadsMessage, cameras: Mapping[int, str], *, last: bool
    ) -> GroupPortion:
        """Return the portion of these reads; `rest` has their keys, and what else is taken with them."""
        fresh = batch.camera[~batch.again]
        numbers, counts = np.unique(fresh, return_counts=True)
        accepted = {cameras[n]: count for n, count in zip(numbers.tolist(), counts.tolist(), strict=True)}
        message = msgspec.structs.replace(
            rest,
            rows=to_arrow(batch) if len(batch) else b"",
            intake=msgspec.structs.replace(rest.intake, accepted=accepted),
        )
        return cls(batch, message, cameras, last)

    def cut(self, rows: int) -> list[GroupPortion]:
        """Return these reads in portions of at most so many rows."""
        if len(self.batch) <= rows:
            return [self]
        portions = []
        again = np.concatenate(([0], np.cumsum(self.batch.again)))
        for start in range(0, len(self.batch), rows):
            end = start + rows
            first, past = int(again[start]), int(again[min(end, len(self.batch))])
            last = end >= len(self.batch)
            rest = msgspec.structs.replace(
                ReadsMessage(rows=b"") if start else self.message,
                emitted=self.message.emitted if last else (),
                before=self.message.before[first:past],
                contents=self.message.contents[CONTENT * start : CONTENT * end],
                ids=self.message.ids[DIGEST * start : DIGEST * end],
            )
            last = self.last and end >= len(self.batch)
            portions.append(GroupPortion.of(part(self.batch, start, end), rest, self.cameras, last=last))
        return portions
