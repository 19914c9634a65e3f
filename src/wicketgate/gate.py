"""The gate: reads x authorities -> releases and refusals.

Pure: reaches no clock, file, socket, environment or setting, even indirectly. One bit is one authority;
what a camera may feed and what a moment allows are tables of 64-bit words, and a row is allowed where
their AND has the bit. docs/spec/gate.md is the specification.

A `Release` is made in this module alone (a test holds that): whoever has one may
deliver exactly its rows and fields, once it is committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, Protocol, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from wicketgate.base.errors import ShapeError, WicketgateError
from wicketgate.reads.columns import ReadBatch

StopReason = Literal["revoked", "suspended", "error", "feed-full"]
"""Why an authority is stopped before its end."""

EndReason = Literal["expired", "review-overdue", "consultation-overdue"]
"""What an authority's end in force came from."""

Reason = Literal[StopReason, EndReason, "not-in-force-yet", "out-of-scope", "before-validity", "not-listed"]
"""Why a row is refused under an authority; each refused row has exactly one for each authority."""

_STOPS: Final = get_args(StopReason)
_ENDS: Final = get_args(EndReason)
_TIME_LIMIT_US: Final = 1 << 62  # differences of times below it fit int64
_WORD: Final = np.dtype("<u8")  # little-endian in memory on every machine: bytes of words are looked at
_WORD_BITS: Final = 64
_OCTET_BITS: Final[NDArray[np.uint8]] = (1 << np.arange(8)).astype(np.uint8).reshape(1, 8, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the gate must know of one version of one authority.

    A value of this class may be wrong: `compile_table` looks, and refuses everything under a wrong one.

    Attributes
    ----------
    reference : str
        "name@version".
    cameras : (n_cameras,) bool
        True where the camera of that number is in scope.
    windows : (w, 2) int64
        Capture windows [from, until), microseconds since the epoch: the validity cut with the hours.
        Ascending, disjoint, none empty, all inside the validity. They may touch.
    valid_from_us, valid_until_us : int
        The validity of captures, half-open.
    in_force_from_us, in_force_until_us : int
        When the gate may decide under it, half-open; an empty interval is never in force.
    ended_by : {"expired", "review-overdue", "consultation-overdue"}
        The reason from `in_force_until_us` on.
    stopped_by : {"revoked", "suspended", "error", "feed-full"}, optional
        The reason for which everything is refused, whatever the time.
    fields : frozenset of str
        The fields that it lets go; not empty.
    matches : bool
        Only what its hotlist holds is let go.
    """

    reference: str
    cameras: NDArray[np.bool_]
    windows: NDArray[np.int64]
    valid_from_us: int
    valid_until_us: int
    in_force_from_us: int
    in_force_until_us: int
    ended_by: EndReason
    stopped_by: StopReason | None
    fields: frozenset[str]
    matches: bool = False


class Hits(Protocol):
    """What a hotlist finds among reads (`hotlist.Hits`): aligned columns, `rows` ascending."""

    @property
    def rows(self) -> NDArray[np.intp]:
        """Which reads, (h,)."""
        ...


class Looks(Protocol):
    """A hotlist, as the gate asks it."""

    def look(
        self,
        plate_key: NDArray[np.uint64],
        plate: Sequence[str],
        captured_us: NDArray[np.int64],
        at_us: int,
    ) -> Hits:
        """Return the reads that an entry is for, listed at the capture and at `at_us`."""
        ...


# Releases and refusals are made by the hundred for each batch: a frozen dataclass costs ten times as much
# to make as a frozen struct, which would be most of the gate's time at 100 authorities.


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of a batch that one authority lets go, and the fields of them that may be seen.

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
    """How many rows of a batch one authority did not let go, for one reason; at least one."""

    reference: str
    reason: Reason
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate answers for one batch.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Terms compiled for many batches; made by `compile_table` alone.

    Bit `a % 64` of word `a // 64` is the authority of number `a`, in the order of the terms; W words.

    Attributes
    ----------
    references, fields, ends, matches : tuple, A long
        Of each authority.
    stops : tuple, A long
        `stopped_by`, or "error" where the terms are wrong.
    faults : tuple of (reference, what is wrong)
        For an alarm; the terms named here refuse everything.
    in_force_from_us, in_force_until_us : (64 W,) int64
        Of each authority; bits beyond A, and stopped ones, are never in force.
    n_cameras : int
        Camera numbers from 0 to `n_cameras` - 1 are known.
    camera_words : (W, n_cameras + 1) uint64
        The authorities that have the camera in scope. The last column is nobody's: unknown cameras.
    edges_us : (e,) int64
        Every moment of capture at which anything changes, ascending. Interval i is
        [edges_us[i - 1], edges_us[i]).
    open_words, before_words, after_words : (W, e + 1) uint64
        For each interval the authorities with an open window; not yet valid; no longer valid.
    """

    references: tuple[str, ...]
    fields: tuple[frozenset[str], ...]
    ends: tuple[EndReason, ...]
    matches: tuple[bool, ...]
    stops: tuple[StopReason | None, ...]
    faults: tuple[tuple[str, str], ...]
    in_force_from_us: NDArray[np.int64]
    in_force_until_us: NDArray[np.int64]
    n_cameras: int
    camera_words: NDArray[np.uint64]
    edges_us: NDArray[np.int64]
    open_words: NDArray[np.uint64]
    before_words: NDArray[np.uint64]
    after_words: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.references)


def compile_table(terms: Sequence[Terms], n_cameras: int) -> Table:
    """Return the table by which `decide` decides, for as long as the terms hold.

    Parameters
    ----------
    terms : (A,) sequence of Terms
        Each version of each authority that is to be decided or refused, in any order. Wrong terms refuse
        under "error" and do not touch the others; so do all terms that share one reference.
    n_cameras : int
        Cameras in the register.

    Notes
    -----
    O(A (n_cameras + e)) time and O(W (n_cameras + e)) memory, e the distinct edges of all windows: about
    20 ms at 100 authorities, 5,000 cameras and 12,000 edges. The time in force is looked at in `decide`, so
    that nothing needs compiling again when an authority comes into force or ends.
    """
    copies = Counter(term.reference for term in terms)
    faults: list[tuple[str, str]] = []
    sound: list[tuple[int, Terms]] = []
    for number, term in enumerate(terms):
        shared = copies[term.reference] > 1
        fault = "another authority has the same reference" if shared else _fault(term, n_cameras)
        if fault is not None:
            faults.append((term.reference, fault))
        else:
            sound.append((number, term))

    stops: list[StopReason | None] = ["error"] * len(terms)
    words = -(-len(terms) // _WORD_BITS)
    in_force_from = np.full(words * _WORD_BITS, _TIME_LIMIT_US, dtype=np.int64)
    in_force_until = np.full(words * _WORD_BITS, -_TIME_LIMIT_US, dtype=np.int64)
    camera_words = np.zeros((words, n_cameras + 1), dtype=_WORD)
    edges = _edges([term for _, term in sound])
    open_words, before_words, after_words = np.zeros((3, words, len(edges) + 1), dtype=_WORD)
    for number, term in sound:
        stops[number] = term.stopped_by
        if term.stopped_by is not None:
            continue
        in_force_from[number] = term.in_force_from_us
        in_force_until[number] = term.in_force_until_us
        word, bit = number // _WORD_BITS, np.uint64(1 << number % _WORD_BITS)
        camera_words[word, :n_cameras] |= term.cameras * bit
        starts, ends = 1 + np.searchsorted(edges, term.windows.T)
        change = np.zeros(len(edges) + 2, dtype=np.int8)
        change[starts] += 1
        change[ends] -= 1
        open_words[word] |= np.cumsum(change[:-1], dtype=np.int8).astype(np.bool_) * bit
        first, last = 1 + np.searchsorted(edges, [term.valid_from_us, term.valid_until_us])
        before_words[word, :first] |= bit
        after_words[word, last:] |= bit
    return Table(
        references=tuple(term.reference for term in terms),
        fields=tuple(term.fields for term in terms),
        ends=tuple(term.ended_by for term in terms),
        matches=tuple(term.matches for term in terms),
        stops=tuple(stops),
        faults=tuple(faults),
        in_force_from_us=in_force_from,
        in_force_until_us=in_force_until,
        n_cameras=n_cameras,
        camera_words=camera_words,
        edges_us=edges,
        open_words=open_words,
        before_words=before_words,
        after_words=after_words,
    )


def _edges(terms: Sequence[Terms]) -> NDArray[np.int64]:
    bounds = [[term.valid_from_us, term.valid_until_us] for term in terms]
    columns = [term.windows.ravel() for term in terms]
    return np.unique(np.concatenate([np.array(bounds, dtype=np.int64).ravel(), *columns]))


def _fault(term: Terms, n_cameras: int) -> str | None:
    """Return what is wrong with terms, or None."""
    times = (term.valid_from_us, term.valid_until_us, term.in_force_from_us, term.in_force_until_us)
    windows = term.windows
    if not (_is(term.cameras, np.bool_) and term.cameras.shape == (n_cameras,)):
        return "cameras are not one truth value for each camera of the register"
    if not (_is(windows, np.int64) and windows.shape == (len(windows), 2)):
        return "windows are not pairs of times"
    if not all(abs(at_us) < _TIME_LIMIT_US for at_us in times):
        return "a time out of range"
    if term.valid_from_us >= term.valid_until_us:
        return "the validity is empty"
    if len(windows) and not (windows[0, 0] >= term.valid_from_us and windows[-1, 1] <= term.valid_until_us):
        return "a window outside the validity"
    if (windows[:, 0] >= windows[:, 1]).any() or (windows[1:, 0] < windows[:-1, 1]).any():
        return "windows are empty, overlap or do not ascend"
    if term.ended_by not in _ENDS or term.stopped_by not in (None, *_STOPS):
        return "an unknown reason"
    fields: object = term.fields
    if not (isinstance(fields, frozenset) and fields):
        return "no fields"
    return None


def _is(column: NDArray[np.generic], dtype: type[np.generic]) -> bool:
    """Return whether a column has at run time the type that it was declared with."""
    return bool(column.dtype == dtype)


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
        The hotlist of each authority that matches, by its reference; one that is missing, or fails, refuses.

    Returns
    -------
    Decision
        A row may be released to several authorities. Of the reasons that would refuse a row, the first
        counts: what stopped the authority; "not-in-force-yet"; what ended it; "error" for a camera number
        outside the table; "out-of-scope" for the camera; "before-validity"; "expired" for a capture after the
        validity; "out-of-scope" for the hours; "error" where the hotlist cannot be asked; "not-listed".

    Raises
    ------
    ShapeError
        If a column of the batch has another type than `ReadBatch` says. Nothing is released then.

    Notes
    -----
    O(n A / 64 + n W) for the tables and O(A + rows released) for the answer: bench/RESULTS.md.
    """
    n = len(batch)
    camera, captured = batch.camera, batch.captured_us
    if not (_is(camera, np.int32) and _is(captured, np.int64) and _is(batch.received_us, np.int64)):
        raise ShapeError("a column of the batch has a type that `ReadBatch` does not allow")
    if n == 0:
        return Decision(rows=0, releases=(), refusals=(), withheld=0)

    live = (table.in_force_from_us <= at_us) & (table.in_force_until_us > at_us)
    refusals = [
        Refusal(reference=table.references[number], reason=_whole_reason(table, number, at_us), rows=n)
        for number in (~live[: len(table)]).nonzero()[0].tolist()
    ]
    columns, unknown = _camera_columns(camera, table.n_cameras)
    low, high, interval = _intervals(captured, table.edges_us)
    late = batch.received_us - captured > late_after_us
    every_row = np.arange(n)
    late.flags.writeable = every_row.flags.writeable = False  # releases share them

    released = np.zeros(n, dtype=_WORD)
    releases: list[Release] = []
    for word, live_word in enumerate(np.packbits(live, bitorder="little").view(_WORD).tolist()):
        if not live_word:
            continue
        first = word * _WORD_BITS
        octets = -(-min(_WORD_BITS, len(table) - first) // 8)
        in_scope = table.camera_words[word].take(columns)
        in_scope &= live_word
        before = _outside(in_scope, live_word, table.before_words[word], low, high, interval, octets)
        after = _outside(in_scope, live_word, table.after_words[word], low, high, interval, octets)
        allowed = in_scope
        allowed &= table.open_words[word, interval]
        matched = _match(allowed, live_word, table, first, batch, at_us, lists)
        released |= allowed
        all_word = int(np.bitwise_and.reduce(allowed))
        allowed ^= all_word
        some_rows, some_late, bounds = _rows_by_bit(allowed, octets, late)
        for bit in live[first : first + _WORD_BITS].nonzero()[0].tolist():
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
                if match.hits is not None:
                    refusals.append(Refusal(reference=reference, reason="not-listed", rows=match.refused))
            errors = unknown
            if match is not None and match.hits is None:
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
    withheld = n - int(np.count_nonzero(released))
    return Decision(rows=n, releases=tuple(releases), refusals=tuple(refusals), withheld=withheld)


class _Matched(NamedTuple):
    """What a hotlist left of one authority's rows: `hits` None if it could not be asked."""

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
    """Take from `allowed` what no hotlist holds, for each live authority of the word that matches."""
    matched: dict[int, _Matched] = {}
    for bit, matches in enumerate(table.matches[first : first + _WORD_BITS]):
        if not (matches and live_word >> bit & 1):
            continue
        mask = np.uint64(1 << bit)
        in_scope = int(np.count_nonzero(allowed & mask))
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
        matched[bit] = _Matched(hits, which, in_scope - len(kept))
    return matched


def _whole_reason(table: Table, number: int, at_us: int) -> Reason:
    """Return why an authority that is not in force refuses everything."""
    stop = table.stops[number]
    if stop is not None:
        return stop
    return "not-in-force-yet" if at_us < table.in_force_from_us[number] else table.ends[number]


def _camera_columns(camera: NDArray[np.int32], n_cameras: int) -> tuple[NDArray[np.intp], int]:
    """Return the columns of `camera_words` for cameras, and how many cameras the table does not know."""
    columns = camera.astype(np.intp)
    if np.maximum.reduce(camera.view(np.uint32)) < n_cameras:  # negative numbers are large ones there
        return columns, 0
    unknown = (columns < 0) | (columns >= n_cameras)
    columns[unknown] = n_cameras  # the column that is in nobody's scope
    return columns, int(np.count_nonzero(unknown))


def _intervals(
    captured: NDArray[np.int64], edges: NDArray[np.int64]
) -> tuple[int, int, int | NDArray[np.intp]]:
    """Return the first and last interval of the captures, and the interval of each, or the one of all."""
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
    """Return for each bit the rows in scope whose interval has it in `words`; None if no interval has any."""
    found = int(words[low]) if low == high else int(np.bitwise_or.reduce(words[low : high + 1]))
    if not found & live_word:
        return None
    counts: list[int] = np.count_nonzero(_bits(in_scope & words[interval], octets), axis=1).tolist()
    return counts


def _rows_by_bit(
    words: NDArray[np.uint64], octets: int, late: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.bool_], list[int]]:
    """Return the rows where the lowest bits stand, bit after bit; which are late; where each bit begins."""
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
    """Return (8 octets + ones, n) bool, a contiguous row of n for each of the lowest bits of the words.

    `ones` rows of truth follow. One for eight is worth its cost before `nonzero`, which goes through an
    array without branches only if more than a tenth of it is true.
    """
    bits = np.ones((8 * octets + ones, len(words)), dtype=np.bool_)
    columns = words.view(np.uint8).reshape(-1, 8)[:, :octets].T
    found = np.bitwise_and(np.ascontiguousarray(columns)[:, None, :], _OCTET_BITS)
    np.not_equal(found, 0, out=bits[: 8 * octets].reshape(octets, 8, -1))
    return bits
