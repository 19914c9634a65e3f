"""Messages between a history's process and whoever hands it reads or asks it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from wicketgate.base.periods import Period

ROW_BITS: Final = 16


def read_id(sequence: int, row: int) -> int:
    """Return the id of a read: its transaction, and its row in what that took."""
    return sequence << ROW_BITS | row


def place_of(read_id: int) -> tuple[int, int]:
    """Return the transaction of a read, and its row in what that took."""
    return read_id >> ROW_BITS, read_id & ((1 << ROW_BITS) - 1)


class TakenReads(msgspec.Struct, frozen=True, array_like=True):
    """What one transaction took, as a history is handed it.

    Attributes
    ----------
    sequence : int
        The transaction's.
    taken : bytes
        `reads.messages.ReadsMessage`, as stored.
    before : tuple of (int, int, int)
        Of each read that came again with an image: its row here, and the transaction and row where it stood before.
    rows : bytes
        Where there is no transaction, as in custody: a batch as stored (`reads.columns.encode_batch`).
    """

    sequence: int
    taken: bytes
    before: tuple[tuple[int, int, int], ...] = ()
    rows: bytes = b""


class TakeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Transactions `first` to `last`, of which `items` took anything.

    Attributes
    ----------
    at_us : int
        The time of the last of them.
    hidden : sequence of int
        Reads that these transactions erase.
    sources : sequence of str
        By a camera's number, whose it is.
    retentions : mapping of str to (int, int)
        Months and microseconds, of each source that keeps anything.
    now_us : int
        The gateway's time.
    """

    first: int
    last: int
    at_us: int
    items: Sequence[TakenReads]
    hidden: Sequence[int] = ()
    sources: Sequence[str]
    retentions: Mapping[str, tuple[int, int]]
    now_us: int

    def periods(self) -> dict[str, Period]:
        """Return the retention of each source."""
        return {name: Period(months=months, us=us) for name, (months, us) in self.retentions.items()}


class HistoryGap(msgspec.Struct, frozen=True, kw_only=True):
    """What a history lacks.

    Attributes
    ----------
    first, last : int
        Transactions.
    from_us, until_us : int
        Between these the reads were captured.
    reads : int or None
        How many; None where nobody can say any more.
    """

    first: int
    last: int
    from_us: int
    until_us: int
    reads: int | None


class HistoryPosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far a history has come.

    Attributes
    ----------
    done : int
        Up to which transaction everything is in it, or is one of its gaps.
    until : int
        Up to which one something may be: what follows `done` up to there is to be inserted again, together.
    at_us : int
        The time of the transaction `done`, or an earlier one; 0 where it is not known.
    """

    form: int = 4
    done: int
    until: int
    at_us: int = 0


class BeginOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Begin a history behind a transaction."""

    done: int


class HideOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Show some reads to nobody from now on."""

    read_ids: Sequence[int]


class TermsOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Let go of what is before its source's horizon, of what no source keeps, and of what is hidden."""

    horizons_us: Mapping[str, int]


class DueReads(msgspec.Struct, frozen=True, array_like=True):
    """Reads of a source that go by their term.

    Attributes
    ----------
    reads : int
        How many.
    from_us, until_us : int
        They were captured between these.
    """

    source: str
    reads: int
    from_us: int
    until_us: int

    def joined(self, other: DueReads | None) -> DueReads:
        """Return these and others of the same source as one."""
        if other is None:
            return self
        begins, ends = min(self.from_us, other.from_us), max(self.until_us, other.until_us)
        return DueReads(self.source, self.reads + other.reads, begins, ends)


class AskOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A question, as `asking.ClampedQuestion` has it.

    Attributes
    ----------
    question : mapping
        As `questions.parse_question` takes it.
    after : (int, int) or None
        Capture and id of the last row that was seen.
    """

    question: dict[str, Any]
    cameras: Sequence[Sequence[int]]
    horizons_us: Mapping[str, int]
    after: tuple[int, int] | None = None
    limit: int = 10_000


class VehiclesCounted(msgspec.Struct, frozen=True, kw_only=True):
    """How many vehicles a question means, how many reads of them, and what the history lacks of its time.

    Attributes
    ----------
    at_us : int
        The time of the last transaction that is counted, or an earlier one: what was accepted since is not. 0 where
        it is not known.
    """

    vehicles: int
    reads: int
    gaps: Sequence[HistoryGap]
    at_us: int = 0


class AnsweredPage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of an answer in the order of their times, and what the history lacks of the question's time.

    Attributes
    ----------
    at_us : int
        As of a count.
    """

    rows: Sequence[dict[str, Any]]
    gaps: Sequence[HistoryGap]
    at_us: int = 0


class HistoryMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """How much a history holds: reads, parts of the table of reads, and bytes on the disk of all tables."""

    reads: int
    parts: int
    bytes: int


class HistoryFault(msgspec.Struct, frozen=True, kw_only=True):
    """An order that was not carried out."""

    code: str
    detail: str
