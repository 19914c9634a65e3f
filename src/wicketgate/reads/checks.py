"""The checker of posted reads: those that may be taken, in columns, and the faults of the others.

Pure. Reads of a post are checked as columns; one that is odd in any way is judged by itself, as all of a few are.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field
from math import isnan
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from wicketgate.base.clock import MINUTE_US, from_datetime, rfc3339
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.columns import SAID, Column, Gathered, taken
from wicketgate.reads.excluded import NOWHERE, ExcludedTimes
from wicketgate.reads.faults import bounded
from wicketgate.reads.parse import FEW, MAX_ID, Malformed, PlainReads, RawRead
from wicketgate.reads.plates import PlateFault, is_word, pack, read_plate, read_plates

_SAID = [(column.name, attrgetter(column.name)) for column in SAID]
_BOUNDED = [(attrgetter(column.name), column.fault) for column in SAID if column.fault is not None]
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockLimits:
    """What the charter lets be collected: how far a camera's clock may be off, microseconds, and where nothing may."""

    clock_ahead_us: int
    too_old_us: int
    excluded: ExcludedTimes = NOWHERE


@dataclass(slots=True)
class Checked:
    """Checked reads: those to take, in columns, and the others.

    `plate_key` are the keys of their plates (`plates.pack`), where they were found on the way.
    """

    reads: Gathered = field(default_factory=Gathered)
    camera_id: list[str] = field(default_factory=list)
    read_id: list[str | None] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    quarantined: list[tuple[int, QuarantinedRead]] = field(default_factory=list)
    plate_key: NDArray[np.uint64] | None = None


def check(
    rows: Sequence[RawRead | Malformed],
    *,
    source: str,
    cameras: Callable[[str], int | None],
    limits: ClockLimits,
    now_us: int,
    parts: Container[str] = (),
    may_be_unsure: bool = False,
    words: Container[int] = frozenset(),
) -> Checked:
    """Check camera, clock, plate and confidence of each read.

    Parameters
    ----------
    cameras : callable
        The number of a camera of this source, or None.
    parts : container of str
        The names of the parts that came with the reads: an image must be one of them.
    may_be_unsure : bool
        Whether `confidence` may be NaN: what a device sent that does not say how sure it is.
    words : container of int
        The numbers of the cameras where plates without a digit are issued.

    Returns
    -------
    Checked
        Columns of what may be taken, and for each other read its row and reason: `malformed`, `unknown-camera`,
        `image-missing`, `zone-missing`, `clock-ahead`, `too-old`, `plate-empty`, `plate-unreadable`,
        `confidence-range`, `excluded-place`. The first that applies, in this order. Images and marks are left out.

    Notes
    -----
    O(n); about 2 µs a read.
    """
    times: list[int] = []
    plates: list[str] = []
    judge = _judge_of(limits, now_us, parts, words, may_be_unsure=may_be_unsure, times=times, plates=plates)

    def refused(row: RawRead | Malformed, known: int | None, fault: _Fault) -> QuarantinedRead:
        return QuarantinedRead(
            source=source,
            camera=row.camera if known is not None else "",
            code=fault.code,
            detail=fault.detail,
            at_us=now_us,
            read=b"" if known in limits.excluded.edges else _kept(row),
        )

    if isinstance(rows, PlainReads) and len(rows) >= FEW:
        columns = _Columns(rows, cameras, limits, now_us)
        return columns.checked(judge, refused, times, plates)
    numbers, taken, indexes, quarantined = _empty()
    for index, row in enumerate(rows):
        known = cameras(row.camera)
        if isinstance(row, Malformed):
            fault = _Fault("malformed", row.detail)
        elif known is None:
            fault = _UNKNOWN
        elif (found := judge(row, known) or _excluded(limits.excluded, known, times, plates)) is None:
            numbers.append(known)
            taken.append(row)
            indexes.append(index)
            continue
        else:
            fault = found
        quarantined.append((index, refused(row, known, fault)))
    return Checked(
        reads=Gathered(
            camera=numbers,
            captured_us=times,
            plate=plates,
            confidence=[row.confidence for row in taken],
            **{name: _texts(map(said, taken)) for name, said in _SAID},
        ),
        camera_id=[row.camera for row in taken],
        read_id=[row.id for row in taken],
        index=indexes,
        quarantined=quarantined,
    )


def _empty() -> tuple[list[int], list[RawRead], list[int], list[tuple[int, QuarantinedRead]]]:
    return [], [], [], []


class _Columns:
    """Well-formed reads in columns, and which of them are odd: those are judged one by one.

    A read that is not odd is certainly sound.
    """

    def __init__(
        self, rows: PlainReads, cameras: Callable[[str], int | None], limits: ClockLimits, now_us: int
    ) -> None:
        wire = rows.wire
        self._rows = rows
        self._camera_ids = [row.camera for row in wire]
        self._numbers = list(map(cameras, self._camera_ids))
        self._captured_us = rows.captured_us.copy()
        self._plates, self._keys, is_plate = read_plates([row.plate for row in wire])
        self._confidence = np.array([row.confidence for row in wire], np.float64)
        self._ids = [row.id for row in wire]
        self._odd = ~is_plate
        self._mark(map(is_word, self._plates))
        self._odd |= (self._captured_us > now_us + limits.clock_ahead_us) | (
            self._captured_us < now_us - limits.too_old_us
        )
        self._odd |= ~((self._confidence >= 0) & (self._confidence <= 1))
        self._odd[list(rows.zoneless)] = True
        if None in self._numbers:
            self._mark(number is None for number in self._numbers)
        if self._ids.count(None) < len(wire):
            self._mark(given is not None and not 0 < len(given) <= MAX_ID for given in self._ids)
        images = [row.image for row in wire]
        if images.count(None) < len(wire):
            self._mark(image is not None for image in images)
        self._excluded = limits.excluded
        if not self._excluded.edges.keys().isdisjoint(self._numbers):
            self._mark(number in self._excluded.edges for number in self._numbers)
        self._said = {column.name: self._texts(column) for column in SAID}

    def _mark(self, odd: Iterable[bool]) -> None:
        self._odd |= np.fromiter(odd, np.bool_, len(self._odd))

    def _texts(self, column: Column) -> list[str | None]:
        values = list(map(attrgetter(column.name), self._rows.wire))
        if values.count(None) == len(values):
            return values
        texts: dict[Any, str | None] = {None: None}
        wrong = set()
        for value in set(values) - texts.keys():  # most reads of a post say the same
            texts[value] = _encode(value).decode()
            if column.fault is not None and column.fault(value):
                wrong.add(value)
        if wrong:
            self._mark(value in wrong for value in values)
        return [texts[value] for value in values]

    def checked(
        self,
        judge: Callable[[RawRead, int], _Fault | None],
        refused: Callable[[RawRead, int | None, _Fault], QuarantinedRead],
        times: list[int],
        plates: list[str],
    ) -> Checked:
        """Return the reads, once the odd ones are judged; `times` and `plates` are what the judge appends to."""
        quarantined: list[tuple[int, QuarantinedRead]] = []
        for row in self._odd.nonzero()[0].tolist():
            read, known = self._rows[row], self._numbers[row]
            if known is None:
                fault: _Fault | None = _UNKNOWN
            else:
                fault = judge(read, known) or _excluded(self._excluded, known, times, plates)
            if fault is not None:
                quarantined.append((row, refused(read, known, fault)))
                continue
            self._captured_us[row], self._plates[row] = times.pop(), plates.pop()
            self._keys[row] = pack(self._plates[row])
        index = list(range(len(self._rows)))
        columns = Gathered(
            camera=self._numbers,
            captured_us=self._captured_us,
            plate=self._plates,
            confidence=self._confidence,
            **self._said,
        )
        if not quarantined:
            columns["camera"] = np.array(self._numbers, np.int32)
            return Checked(columns, self._camera_ids, self._ids, index, plate_key=self._keys)
        index = sorted(set(index) - {row for row, _ in quarantined})
        reads = Gathered(**{name: taken(column, index) for name, column in columns.columns.items()})
        reads["camera"] = np.array(reads["camera"], np.int32)
        return Checked(
            reads=reads,
            camera_id=taken(self._camera_ids, index),
            read_id=taken(self._ids, index),
            index=index,
            quarantined=quarantined,
            plate_key=self._keys[index],
        )


class _Fault(NamedTuple):
    """The fault of a read."""

    code: str
    detail: str


_NO_DIGIT = "a word, not a plate: register the camera with `words` where plates without a digit are issued"
_UNKNOWN = _Fault("unknown-camera", "this source has registered no such camera")
_EXCLUDED = _Fault("excluded-place", "the charter lets nothing be collected at this place and time")


def _excluded(excluded: ExcludedTimes, camera: int, times: list[int], plates: list[str]) -> _Fault | None:
    """Return the fault of a good read of an excluded place, whose time and plate are taken back; None elsewhere."""
    if not excluded.has(camera, times[-1]):
        return None
    times.pop()
    plates.pop()
    return _EXCLUDED


def _kept(row: RawRead | Malformed) -> bytes:
    """Return what the quarantine keeps; of a camera that stands in an excluded place nothing, whatever is wrong."""
    return bounded(row.read if isinstance(row, Malformed) else _encode(row))


_QUARTER_US = 15 * MINUTE_US
_FARTHEST = 14 * 4  # quarters of an hour: no zone is farther from another's clock
_NEAR_US = 2 * MINUTE_US


def quarters_off(off_us: int) -> int:
    """Return by how many quarters of an hour a time is off, as if by another zone; 0 where it is not.

    That is by whole quarters, give or take two minutes.
    """
    quarters = round(abs(off_us) / _QUARTER_US)
    is_off = 1 <= quarters <= _FARTHEST and abs(abs(off_us) - quarters * _QUARTER_US) <= _NEAR_US
    return quarters if is_off else 0


def _ahead(off_us: int, latest_us: int) -> str:
    said = f"captured later than {rfc3339(latest_us)}: set the camera's clock"
    quarters = quarters_off(off_us)
    if not quarters:
        return said
    return (
        f"{said}, or its zone: it is ahead by {quarters // 4} h {quarters % 4 * 15:02d} min, as a wrong zone is; a "
        "camera whose offset cannot be set is registered with `ignore_offset` and its `zone`"
    )


def _judge_of(
    limits: ClockLimits,
    now_us: int,
    parts: Container[str],
    words: Container[int],
    *,
    may_be_unsure: bool,
    times: list[int],
    plates: list[str],
) -> Callable[[RawRead, int], _Fault | None]:
    """Return a judge: it appends the time and plate of a good read, or returns the read's fault."""
    latest = now_us + limits.clock_ahead_us
    earliest = now_us - limits.too_old_us
    bounds = [(said, fault_of, {None}) for said, fault_of in _BOUNDED]

    def judge(row: RawRead, known: int) -> _Fault | None:
        if row.image is not None and not all(name in parts for name in row.images().values()):
            return _Fault("image-missing", "`image` names a part that did not come with the read")
        captured = row.captured_at
        if captured.tzinfo is None:
            return _Fault("zone-missing", "`captured_at` has no zone: send `Z` or an offset")
        captured_us = from_datetime(captured)
        if captured_us > latest:
            return _Fault("clock-ahead", _ahead(captured_us - now_us, latest))
        if captured_us < earliest:
            return _Fault("too-old", f"captured before {rfc3339(earliest)}")
        plate = read_plate(row.plate)
        if isinstance(plate, PlateFault):
            return _Fault(plate.value, "the plate is empty" if plate is PlateFault.EMPTY else "not a plate")
        if known not in words and is_word(plate):
            return _Fault(PlateFault.UNREADABLE.value, _NO_DIGIT)
        if not (0.0 <= row.confidence <= 1.0 or (may_be_unsure and isnan(row.confidence))):
            return _Fault("confidence-range", "`confidence` must lie between 0 and 1")
        if row.id is not None and not 0 < len(row.id) <= MAX_ID:
            return _Fault("malformed", f"`id` must have 1 to {MAX_ID} characters")
        for said, fault_of, sound in bounds:
            value = said(row)
            if value not in sound:  # most reads of a post say the same
                if detail := fault_of(value):
                    return _Fault("malformed", detail)
                sound.add(value)
        times.append(captured_us)
        plates.append(plate)
        return None

    return judge


def _texts(values: Iterable[Any]) -> list[str | None]:
    return [None if value is None else _encode(value).decode() for value in values]
