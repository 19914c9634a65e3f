"""What a custody keeps, as values: cameras, batches, and the rows of answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from wicketgate.base.periods import Period, add
from wicketgate.clients.recipient.receive import Received
from wicketgate.feeds.batches import Batch


class SeenCamera(NamedTuple):
    """A camera that rows name, under the number that the history has for it."""

    number: int
    version: int
    source: str
    id: str
    longitude: float | None
    latitude: float | None

    @property
    def label(self) -> str:
        """Under what the history keeps its reads: each version of the authority has a retention of its own."""
        return f"{self.source}@{self.version}"

    @property
    def groups(self) -> tuple[str, ...]:
        """None: rows do not name them."""
        return ()


class KeptBatch(NamedTuple):
    """A batch that is held: its rows, and those of them that are no read of their own."""

    batch: Batch
    version: int
    released_us: int
    unnamed: frozenset[int]


class NewBatch(NamedTuple):
    """A batch that is to be kept, and what was found of it."""

    received: Received
    version: int
    released_us: int
    retention: Period
    images: Sequence[str]

    @property
    def ends_us(self) -> int:
        """When its term runs out."""
        return add(self.released_us, self.retention)


class AnsweredRow(msgspec.Struct, frozen=True, array_like=True):
    """A row of an answer: its place in the feed, its number there, and the hash of its line."""

    place: int
    seq: int
    leaf: bytes


class RowWay(msgspec.Struct, frozen=True, kw_only=True):
    """A row as it was delivered, and its way to the root of its batch: what the proof of its release is made of.

    Attributes
    ----------
    header : mapping
        Of the batch, without the sum over all its rows.
    index, path
        The row's place among the batch's rows, from 0, and the audit path to their root.
    """

    header: dict[str, Any]
    row: str
    index: int
    path: list[str]


class EndedRows(NamedTuple):
    """What went at the end of its term: rows, and images by their names."""

    rows: int
    images: Sequence[str]
