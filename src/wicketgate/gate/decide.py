"""The gate: reads x authorities -> releases and refusals.

Pure: reaches no clock, file, socket, environment or setting, even indirectly. One bit is one authority;
what a camera may feed and what a moment allows are tables of 64-bit words, and a row is allowed where
their AND has the bit. docs/spec/gate.md is the specification.

A `Release` is made in this module alone (a test holds that): whoever has one may
deliver exactly its rows and fields, once it is committed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from wicketgate.base.errors import ShapeError, WicketgateError
from wicketgate.gate.terms import WORD, WORD_BITS, Reason, Table, has_dtype
from wicketgate.reads.columns import ReadBatch

_OCTET_BITS: Final[NDArray[np.uint8]] = (1 << np.arange(8)).astype(np.uint8).reshape(1, 8, 1)


class Hits(Protocol):
    """The hits of a hotlist among reads.

    They are aligned columns (`hotlists.hotlist.ListedRows`), `rows` ascending.
    """

    @property
    def rows(self) -> NDArray[np.intp]:
        """The numbers of the reads, (h,)."""
        ...


class Looks(Protocol):
    """A hotlist, as the gate asks it; of an authority that withholds, all its lists."""

    def look(
        self,
        plate_key: NDArray[np.uint64],
        plate: Sequence[str],
        captured_us: NDArray[np.int64],
        at_us: int,
    ) -> Hits:
        """Return the hits among reads.

        The entry must have been listed at the capture and at `at_us`; where what is listed stays, at either.
        """
        ...


# Releases and refusals are made by the hundred for each batch: a frozen dataclass costs ten times as much
# to make as a frozen struct, which would be most of the gate's time at 100 authorities.


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """The released rows and fields of a batch for one authority.

    Attributes
    ----------
    reference : str
        The authority, "name@version".
    rows : (r,) intp
        Row numbers in the batch, ascending, r >= 1; read-only.
    late : (r,) bool
        True where the read came later than `late_after_us` after its capture; read-only.
    fields : frozenset of str
        The fields that may leave; whatever is not named here stays.
    hits : Hits or None
        For an authority that matches, what its hotlist found in the batch.
    which : (r,) intp or None
        Which of `hits` each row is.
    """

    reference: str
    rows: NDArray[np.intp]
    late: NDArray[np.bool_]
    fields: frozenset[str]
    hits: Hits | None = None
    which: NDArray[np.intp] | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The count of rows refused by one authority, for one reason.

    It is at least one.
    """

    reference: str
    reason: Reason
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The gate's answer for one batch.

    Attributes
    ----------
    rows : int
        Rows of the batch, n.
    releases : tuple of Release
        At most one for each authority, in the order of the terms.
    refusals : tuple of Refusal
        At most one for each authority and reason. For every authority, the rows of its release and of its
        refusals add up to n.
    withheld : int
        Rows that no authority released.
    """

    rows: int
    releases: tuple[Release, ...]
    refusals: tuple[Refusal, ...]
    withheld: int


def decide(
    batch: ReadBatch,
    table: Table,
    at_us: int,
    late_after_us: int,
    lists: Mapping[str, Looks] = MappingProxyType({}),
) -> Decision:
    """Decide every row of a batch under every authority.

    Parameters
    ----------
    batch : ReadBatch
        n reads in any order. Times lie within 2**62 microseconds of the epoch.
    table : Table
        From `compile_table`.
    at_us : int
        The moment of the decision: an authority must be in force then.
    late_after_us : int
        A read that was received more than this after its capture is late.
    lists : mapping of str to Looks
        The hotlist of each authority that matches, or withholds what is listed, by its reference; one that is missing,
        or fails, refuses.

    Returns
    -------
    Decision
        A row may be released to several authorities. Of the reasons that would refuse a row, the first
        counts: what stopped the authority; "not-in-force-yet"; what ended it; "error" for a camera number
        outside the table; "out-of-scope" for the camera; "before-validity"; "expired" for a capture after the
        validity; "out-of-scope" for the hours; "error" where the hotlist cannot be asked; "not-listed", or
        "listed" under one that withholds.

    Raises
    ------
    ShapeError
        If a column of the batch has another type than `ReadBatch` says. Nothing is released then.

    Notes
    -----
    O(n A / 64 + n W) for the tables and O(A + rows released) for the answer: bench/RESULTS.md.
    """
    n = len(batch)
    if not (
        has_dtype(batch.camera, np.int32)
        and has_dtype(batch.captured_us, np.int64)
        and has_dtype(batch.received_us, np.int64)
    ):
        raise ShapeError("a column of the batch has a type that `ReadBatch` does not allow")
    if n == 0:
        return Decision(rows=0, releases=(), refusals=(), withheld=0)

    live = (table.in_force_from_us <= at_us) & (table.in_force_until_us > at_us)
    refusals = [
        Refusal(reference=table.references[number], reason=_whole_reason(table, number, at_us), rows=n)
        for number in (~live[: len(table)]).nonzero()[0].tolist()
    ]
    laid = _lay(batch, table, late_after_us)
    released = np.zeros(n, dtype=WORD)
    releases: list[Release] = []
    # Everything below is by words of 64 authorities: a bit is one authority, a row one read.
    for word, live_word in enumerate(np.packbits(live, bitorder="little").view(WORD).tolist()):
        if live_word:
            looked = _look(laid, table, word, live_word, at_us, lists)
            released |= looked.allowed
            bits = live[looked.first : looked.first + WORD_BITS].nonzero()[0].tolist()
            _answer(laid, table, looked, bits, releases, refusals)
    withheld = n - int(np.count_nonzero(released))
    return Decision(rows=n, releases=tuple(releases), refusals=tuple(refusals), withheld=withheld)


class _Laid(NamedTuple):
    """A batch laid beside a table, for every word of authorities."""

    batch: ReadBatch
    columns: NDArray[np.intp]
    unknown: int
    low: int
    high: int
    interval: int | NDArray[np.intp]
    every_row: NDArray[np.intp]
    late: NDArray[np.bool_]


def _lay(batch: ReadBatch, table: Table, late_after_us: int) -> _Laid:
    """Lay a batch beside a table.

    Its cameras get their columns, its captures their intervals, and its late rows are marked.
    """
    columns, unknown = _camera_columns(batch.camera, table.n_cameras)
    low, high, interval = _intervals(batch.captured_us, table.edges_us)
    late = batch.received_us - batch.captured_us > late_after_us
    every_row = np.arange(len(batch))
    late.flags.writeable = every_row.flags.writeable = False  # releases share them
    return _Laid(batch, columns, unknown, low, high, interval, every_row, late)


class _Looked(NamedTuple):
    """The rows of a batch allowed by the authorities of one word.

    The first of them has number `first` in the table.

    `before` and `after` count by bit the rows in scope that lie outside its validity; None where there are none.
    """

    first: int
    octets: int
    allowed: NDArray[np.uint64]
    before: list[int] | None
    after: list[int] | None
    matched: dict[int, _Matched]


def _look(
    laid: _Laid, table: Table, word: int, live_word: int, at_us: int, lists: Mapping[str, Looks]
) -> _Looked:
    """Look up the rows allowed by the live authorities of one word."""
    first = word * WORD_BITS
    octets = -(-min(WORD_BITS, len(table) - first) // 8)
    low, high, interval = laid.low, laid.high, laid.interval
    in_scope = table.camera_words[word].take(laid.columns)
    in_scope &= live_word
    before = _outside(in_scope, live_word, table.before_words[word], low, high, interval, octets)
    after = _outside(in_scope, live_word, table.after_words[word], low, high, interval, octets)
    allowed = in_scope
    allowed &= table.open_words[word, interval]
    matched = _match(allowed, live_word, table, first, laid.batch, at_us, lists)
    return _Looked(first, octets, allowed, before, after, matched)


def _answer(
    laid: _Laid,
    table: Table,
    looked: _Looked,
    bits: list[int],
    releases: list[Release],
    refusals: list[Refusal],
) -> None:
    """Add the releases and refusals of each live authority of one word.

    `looked.allowed` is spent.
    """
    first, octets, allowed, before, after, matched = looked
    n, unknown, every_row, late = len(laid.batch), laid.unknown, laid.every_row, laid.late
    # Authorities that let every row go share one array: only the others have their rows looked for.
    all_word = int(np.bitwise_and.reduce(allowed))
    allowed ^= all_word
    some_rows, some_late, bounds = _rows_by_bit(allowed, octets, late)
    for bit in bits:
        reference = table.references[first + bit]
        if all_word >> bit & 1:
            rows, row_late = every_row, late
        else:
            part = slice(bounds[bit], bounds[bit + 1])
            rows, row_late = some_rows[part], some_late[part]
        r = len(rows)
        match = matched.get(bit)
        if r:
            releases.append(
                Release(
                    reference=reference,
                    rows=rows,
                    late=row_late,
                    fields=table.fields[first + bit],
                    hits=None if match is None else match.hits,
                    which=None if match is None else match.which,
                )
            )
        left = n - unknown - r
        if match is not None and match.refused:
            left -= match.refused
            if match.asked:
                reason: Reason = "listed" if table.withholds[first + bit] else "not-listed"
                refusals.append(Refusal(reference=reference, reason=reason, rows=match.refused))
        errors = unknown
        if match is not None and not match.asked:
            errors += match.refused
        if errors:
            refusals.append(Refusal(reference=reference, reason="error", rows=errors))
        if before is not None and before[bit]:
            left -= before[bit]
            refusals.append(Refusal(reference=reference, reason="before-validity", rows=before[bit]))
        if after is not None and after[bit]:
            left -= after[bit]
            refusals.append(Refusal(reference=reference, reason="expired", rows=after[bit]))
        if left:
            refusals.append(Refusal(reference=reference, reason="out-of-scope", rows=left))


class _Matched(NamedTuple):
    """The rows of one authority after matching.

    `asked` is whether the hotlist could be asked; `hits` are those that rows of its release show.
    """

    asked: bool
    hits: Hits | None
    which: NDArray[np.intp] | None
    refused: int


def _match(
    allowed: NDArray[np.uint64],
    live_word: int,
    table: Table,
    first: int,
    batch: ReadBatch,
    at_us: int,
    lists: Mapping[str, Looks],
) -> dict[int, _Matched]:
    """Remove rows without a hit from `allowed`; under an authority that withholds, rows with one.

    It does so for each live authority of the word that has a list.
    """
    matched: dict[int, _Matched] = {}
    for bit in table.listed[first // WORD_BITS]:
        if not live_word >> bit & 1:
            continue
        mask = np.uint64(1 << bit)
        in_scope = int(np.count_nonzero(allowed & mask))
        if table.withholds[first + bit]:
            matched[bit] = _withhold(
                allowed, mask, in_scope, table.references[first + bit], batch, at_us, lists
            )
            continue
        hits: Hits | None = None
        try:
            hits = lists[table.references[first + bit]].look(
                batch.plate_key, batch.plate, batch.captured_us, at_us
            )
            rows = hits.rows
            which = (allowed[rows] & mask).nonzero()[0]
        except (WicketgateError, LookupError):
            hits, rows, which = None, np.empty(0, np.intp), np.empty(0, np.intp)
        kept = rows[which]
        allowed &= ~mask
        allowed[kept] |= mask
        matched[bit] = _Matched(hits is not None, hits, which, in_scope - len(kept))
    return matched


def _withhold(
    allowed: NDArray[np.uint64],
    mask: np.uint64,
    in_scope: int,
    reference: str,
    batch: ReadBatch,
    at_us: int,
    lists: Mapping[str, Looks],
) -> _Matched:
    """Remove from `allowed` the rows that some list of one authority holds; all, if its lists cannot be asked."""
    try:
        rows = lists[reference].look(batch.plate_key, batch.plate, batch.captured_us, at_us).rows
    except (WicketgateError, LookupError):
        allowed &= ~mask
        return _Matched(False, None, None, in_scope)
    allowed[rows] &= ~mask
    return _Matched(True, None, None, in_scope - int(np.count_nonzero(allowed & mask)))


def _whole_reason(table: Table, number: int, at_us: int) -> Reason:
    """Return the reason of an authority not in force."""
    stop = table.stops[number]
    if stop is not None:
        return stop
    return "not-in-force-yet" if at_us < table.in_force_from_us[number] else table.ends[number]


def _camera_columns(camera: NDArray[np.int32], n_cameras: int) -> tuple[NDArray[np.intp], int]:
    """Return the columns of `camera_words`, and the number of unknown cameras."""
    columns = camera.astype(np.intp)
    if np.maximum.reduce(camera.view(np.uint32)) < n_cameras:  # negative numbers are large ones there
        return columns, 0
    unknown = (columns < 0) | (columns >= n_cameras)
    columns[unknown] = n_cameras  # the column that is in nobody's scope
    return columns, int(np.count_nonzero(unknown))


def _intervals(
    captured: NDArray[np.int64], edges: NDArray[np.int64]
) -> tuple[int, int, int | NDArray[np.intp]]:
    """Return the first and last interval, and each capture's.

    Where all captures lie in one interval, that one stands for each.
    """
    low = int(edges.searchsorted(np.minimum.reduce(captured), side="right"))
    high = int(edges.searchsorted(np.maximum.reduce(captured), side="right"))
    if low == high:  # most batches lie between two edges
        return low, high, low
    return low, high, low + edges[low:high].searchsorted(captured, side="right")


def _outside(
    in_scope: NDArray[np.uint64],
    live_word: int,
    words: NDArray[np.uint64],
    low: int,
    high: int,
    interval: int | NDArray[np.intp],
    octets: int,
) -> list[int] | None:
    """Count for each bit the rows in scope with it in their interval.

    The bits of an interval are in `words`. It is None if no interval has any.
    """
    found = int(words[low]) if low == high else int(np.bitwise_or.reduce(words[low : high + 1]))
    if not found & live_word:
        return None
    counts: list[int] = np.count_nonzero(_bits(in_scope & words[interval], octets), axis=1).tolist()
    return counts


def _rows_by_bit(
    words: NDArray[np.uint64], octets: int, late: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.bool_], list[int]]:
    """Return the rows of the lowest bits, bit after bit.

    Returned besides: which are late, and where each bit begins.
    """
    n = len(words)
    starts = np.arange(0, 8 * octets * n + 1, n)
    if np.count_nonzero(words):
        found = _bits(words, octets, octets).ravel().nonzero()[0]
        bounds = found.searchsorted(starts)
        rows = found[: bounds[-1]]
        rows -= starts[:-1].repeat(bounds[1:] - bounds[:-1])
    else:
        bounds = np.zeros_like(starts)
        rows = starts[:0]
    row_late = late.take(rows)
    rows.flags.writeable = row_late.flags.writeable = False  # the bits' parts are views of them
    return rows, row_late, bounds.tolist()


def _bits(words: NDArray[np.uint64], octets: int, ones: int = 0) -> NDArray[np.bool_]:
    """Return the lowest bits of the words as booleans.

    The shape is (8 octets + ones, n), a contiguous row of n for each bit.

    `ones` rows of truth follow. One for eight is worth its cost before `nonzero`, which goes through an
    array without branches only if more than a tenth of it is true.
    """
    bits = np.ones((8 * octets + ones, len(words)), dtype=np.bool_)
    columns = words.view(np.uint8).reshape(-1, 8)[:, :octets].T
    found = np.bitwise_and(np.ascontiguousarray(columns)[:, None, :], _OCTET_BITS)
    np.not_equal(found, 0, out=bits[: 8 * octets].reshape(octets, 8, -1))
    return bits
