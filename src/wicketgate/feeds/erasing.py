"""Rows taken out of a stored transaction, and the rows of a read found. Pure.

A transaction lies in COMMITS as it was committed. Without some of its rows it is another message, and stands for it in
a stream of its own (`commits.rewritten`). docs/spec/state.md, section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np

from wicketgate.base.errors import VerificationError
from wicketgate.commits.stored import ContentKeys, Encoded, decode_held, decode_public, rewrite
from wicketgate.commits.transactions import FeedBatch, Transaction
from wicketgate.feeds.batches import erase_rows, first_row
from wicketgate.reads.columns import COLUMNS, ReadBatch, decode_batch
from wicketgate.reads.images.references import StoredImage
from wicketgate.reads.messages import ReadsMessage, decode_reads, without_reads


class RowName(NamedTuple):
    """A row: its feed, and its number in that.

    A read by itself has no feed: then it is its row in what its transaction took.
    """

    feed: str
    row: int

    @classmethod
    def of_read(cls, row: int) -> RowName:
        """Return the name of a read by itself."""
        return cls("", row)


def shown_read(transaction: Transaction, wanted: RowName) -> int | None:
    """Return which read of `taken` a row of a transaction shows.

    None where the row is not in it, or nothing says so: its key has ended, or version 0.3 wrote it.
    """
    for batch, reads in _shown(transaction):
        at = wanted.row - first_row(batch.data)
        if batch.feed == wanted.feed and 0 <= at < len(reads):
            return int(reads[at])
    return None


def rows_of(transaction: Transaction, reads: Collection[int]) -> list[RowName]:
    """Return the rows of a transaction that show some of its reads."""
    return [
        RowName(batch.feed, first_row(batch.data) + int(at))
        for batch, shown in _shown(transaction)
        for at in np.flatnonzero(np.isin(shown, list(reads)))
    ]


def rows_of_read(
    transactions: Iterable[tuple[int, Transaction]], place: tuple[int, int]
) -> list[tuple[int, RowName]]:
    """Return every row that shows a read, and the read wherever it was taken, each with its transaction.

    Parameters
    ----------
    transactions : iterable of (int, Transaction)
        In their order, with their numbers, from the read's own on. It may have come again with an image in any that
        follow within the term of images.
    place : (int, int)
        The read's transaction, and its row in what that took.
    """
    found: list[tuple[int, RowName]] = []
    places = {place}
    for number, transaction in transactions:
        if transaction.shown is not None:
            places |= {(number, row) for row, *before in transaction.shown.before if tuple(before) in places}
        here = {row for at, row in places if at == number}
        found += [(number, RowName.of_read(row)) for row in sorted(here)]
        found += [(number, row) for row in rows_of(transaction, here)]
    return found


def without_rows(data: bytes, rows: Collection[RowName], keys: ContentKeys) -> Encoded:
    """Return a stored transaction without some of its rows.

    The line of each becomes the hash that it had, so that roots and promises hold. The read that it shows is blanked
    in what was taken, and its hit is gone. Everything else stays, under the same keys; what cannot be read any more
    stays as it is, and so does a transaction that holds no such row.

    Raises
    ------
    InputError
        For what is no stored transaction.
    """

    def change(transaction: Transaction) -> Transaction:
        reads = _reads_of(transaction, rows)
        hits = _hit_ids(transaction, rows)
        return msgspec.structs.replace(
            transaction,
            batches=tuple(_without(batch, rows) for batch in transaction.batches),
            hits=tuple(hit for hit in transaction.hits if hit.id not in hits),
            imaged=tuple(one for one in transaction.imaged if one.hit not in hits),
            taken=without_reads(transaction.taken, reads)
            if transaction.taken and reads
            else transaction.taken,
        )

    return rewrite(data, keys, change)


def images_of(
    transaction: Transaction, rows: Collection[RowName], name_of: Callable[[str, str], str | None]
) -> set[str]:
    """Return the names of the images of reads that are erased by themselves, as far as it can be read.

    Of a row that is erased alone (an erratum's, at the end of its term) the images stay: they are the read's.

    Parameters
    ----------
    name_of : callable
        Returns the name of an image by a feed and its reference there, or None.
    """
    reads = {row.row for row in rows if not row.feed}
    names: set[str] = set()
    if reads and transaction.taken:
        batch = decode_batch(decode_reads(transaction.taken).rows)
        for row in reads:
            names |= {
                StoredImage.parse(text).name for text in (batch.patch[row], batch.overview[row]) if text
            }
    shown = set(rows_of(transaction, reads))
    for stored in transaction.batches:
        first, lines = (first_row(stored.data), stored.data.split(b"\n")[1:-1]) if stored.data else (0, [])
        for at, line in enumerate(lines):
            if RowName(stored.feed, first + at) in shown:
                read = msgspec.json.decode(line).get("read", {})
                refs = [
                    read[member]["ref"] for member in ("patch_image", "overview_image") if read.get(member)
                ]
                names |= {name for ref in refs if (name := name_of(stored.feed, ref)) is not None}
    return names


def demand_without(before: bytes, after: bytes, rows: Collection[RowName], keys: ContentKeys) -> None:
    """Demand that a rewritten transaction differs from the one that it stands for in some rows alone.

    It compares what can be read of both, member by member, and does not make the one from the other.

    Raises
    ------
    VerificationError
        Naming what else differs.
    InputError
        For what is no stored transaction.
    """
    if decode_public(before)[0] != decode_public(after)[0]:
        raise VerificationError("a rewritten transaction differs in what stands in the open")
    was, _, ended = decode_held(before, keys)
    now, _, ended_now = decode_held(after, keys)
    if ended != ended_now or was.shown != now.shown:
        raise VerificationError(
            "a rewritten transaction differs in which read each row shows, or in its keys"
        )
    for one, other in zip(was.batches, now.batches, strict=True):
        _demand_lines(one, other, rows)
    gone = _hit_ids(was, rows)
    allowed = {"hits", "imaged", "batches", "taken"}
    for name in Transaction.__struct_fields__:
        if name not in allowed and getattr(was, name) != getattr(now, name):
            raise VerificationError(f"a rewritten transaction differs in `{name}`")
    if [hit for hit in was.hits if hit.id not in gone] != [*now.hits] or [
        one for one in was.imaged if one.hit not in gone
    ] != [*now.imaged]:
        raise VerificationError("a rewritten transaction differs in another hit")
    _demand_reads(was, now, _reads_of(was, rows))


def _shown(transaction: Transaction) -> list[tuple[FeedBatch, Any]]:
    """Return each batch that can be read, with the reads that its rows show."""
    if transaction.shown is None:
        return []
    pairs = zip(transaction.batches, transaction.shown.batches, strict=True)
    return [(batch, np.frombuffer(numbers, "<u2")) for batch, numbers in pairs if batch.data]


def _reads_of(transaction: Transaction, rows: Collection[RowName]) -> set[int]:
    """Return the reads that are named by themselves or shown by rows."""
    shown = (row.row if not row.feed else shown_read(transaction, row) for row in rows)
    return {read for read in shown if read is not None}


def _without(batch: FeedBatch, rows: Collection[RowName]) -> FeedBatch:
    wanted = [row for feed, row in rows if feed == batch.feed]
    if not wanted or not batch.data:
        return batch
    return msgspec.structs.replace(batch, data=erase_rows(batch.data, wanted))


def _hit_ids(transaction: Transaction, rows: Collection[RowName]) -> set[str]:
    """Return the ids of hits that rows show: raised with them, or given an image."""
    ids = {hit.id for hit in transaction.hits if RowName(hit.authority, hit.seq) in rows}
    if not transaction.imaged:
        return ids
    for batch in transaction.batches:
        lines = batch.data.split(b"\n")[1:-1]
        first = first_row(batch.data) if lines else 0
        for feed, row in rows:
            if feed == batch.feed and 0 <= row - first < len(lines):
                said: Mapping[str, Any] = msgspec.json.decode(lines[row - first])
                ids |= {said["hit"]["id"]} if "hit" in said else set()
    return ids


def _demand_lines(was: FeedBatch, now: FeedBatch, rows: Collection[RowName]) -> None:
    """Demand that two batches differ in lines of these rows alone."""
    if was.data == now.data:
        return
    named = {row for feed, row in rows if feed == was.feed}
    old, new = was.data.split(b"\n"), now.data.split(b"\n")
    first = first_row(was.data)
    others = [n for n in range(len(old)) if n == 0 or first + n - 1 not in named]
    if (
        len(old) != len(new)
        or any(old[n] != new[n] for n in others)
        or erase_rows(was.data, named) != now.data
    ):
        raise VerificationError(f"batch {was.number} of `{was.feed}` differs in other rows than those erased")


def _demand_reads(was: Transaction, now: Transaction, erased: set[int]) -> None:
    """Demand that what two transactions took differs in these reads alone, and holds every key."""
    if was.taken == now.taken:
        return
    old, new = decode_reads(was.taken), decode_reads(now.taken)
    one, other = decode_batch(old.rows), decode_batch(new.rows)
    if _keys(old) != _keys(new) or len(one) != len(other) or list(one.key) != list(other.key):
        raise VerificationError("a rewritten transaction differs in the keys of its reads")
    for row in range(len(one)):
        if row in erased:
            if other.plate[row] or other.plate_key[row]:
                raise VerificationError("a rewritten transaction holds a read that was erased")
        elif _row(one, row) != _row(other, row):
            raise VerificationError("a rewritten transaction differs in another read")


def _keys(message: ReadsMessage) -> tuple[bytes, bytes]:
    return message.contents, message.ids


def _row(batch: ReadBatch, row: int) -> list[str]:
    return [repr(getattr(batch, column.name)[row]) for column in COLUMNS]
