"""What one transaction takes of a group of reads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np

from wicketgate.commits.transactions import Committed
from wicketgate.reads.columns import ReadBatch, encode_batch, joined_keys, part
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
    rest : ReadsMessage
        The keys of these reads, and what else is taken with them.
    cameras : mapping
        The name of each camera by its number, as `source/camera`.
    last : bool
        Whether the group is whole with it.
    """

    batch: ReadBatch
    rest: ReadsMessage
    cameras: Mapping[int, str]
    last: bool = True

    @property
    def message(self) -> ReadsMessage:
        """These reads as they are stored, counted by camera, with what else is taken with them."""
        numbers, counts = np.unique(self.batch.camera[~self.batch.again], return_counts=True)
        accepted = {
            self.cameras[n]: count for n, count in zip(numbers.tolist(), counts.tolist(), strict=True)
        }
        return msgspec.structs.replace(
            self.rest,
            rows=encode_batch(self.batch) if len(self.batch) else b"",
            contents=b"" if self.rest.contents == joined_keys(self.batch) else self.rest.contents,
            intake=msgspec.structs.replace(self.rest.intake, accepted=accepted),
        )

    def cut(self, rows: int) -> list[GroupPortion]:
        """Return these reads in portions of at most so many rows."""
        if len(self.batch) <= rows:
            return [self]
        portions = []
        again = np.concatenate(([0], np.cumsum(self.batch.again)))
        for start in range(0, len(self.batch), rows):
            end = min(start + rows, len(self.batch))
            at_end = end == len(self.batch)
            rest = msgspec.structs.replace(
                ReadsMessage(rows=b"") if start else self.rest,
                emitted=self.rest.emitted if at_end else (),
                before=self.rest.before[int(again[start]) : int(again[end])],
                contents=self.rest.contents[CONTENT * start : CONTENT * end],
                ids=self.rest.ids[DIGEST * start : DIGEST * end],
            )
            some = part(self.batch, start, end)
            portions.append(GroupPortion(some, rest, self.cameras, self.last and at_end))
        return portions
