"""The parser and checker of posted reads: bytes in, rows or faults out.

Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isnan
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

from wicketgate.base.clock import from_datetime, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.shapes import about, shape
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.arrow_posts import arrow_pieces
from wicketgate.reads.columns import SAID, Gathered, Vehicle
from wicketgate.reads.cuts import array_pieces, line_pieces
from wicketgate.reads.observations import ImageKind
from wicketgate.reads.plates import PlateFault, read_plate

MAX_POST_BYTES = 8 * 1024 * 1024
MAX_READS = 150_000
"""Reads in one post; in JSON no more than about 105,000 go into `MAX_POST_BYTES`."""

JSON = "application/json"
NDJSON = "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"

PIECE_ROWS = 1_000
"""Reads of a piece that holds a faulty one."""


MAX_ID = 64
"""Characters of a read's `id`."""


class NamedImages(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, omit_defaults=True):
    """The image parts of a multipart post, by their names."""

    patch: str | None = None
    overview: str | None = None


class _Posted(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, forbid_unknown_fields=True, omit_defaults=True
):
    """The members of a posted read for the gateway's decisions."""

    camera: Annotated[str, about("As registered.")]
    captured_at: Annotated[datetime, about("With a zone; kept to the microsecond.", format="date-time")]
    plate: Annotated[str, about("As read; case and separators do not matter.")]
    confidence: Annotated[float, shape(minimum=0, maximum=1)]
    id: Annotated[
        str | None, about("The source's own, once for each read.", minLength=1, maxLength=MAX_ID)
    ] = None


if TYPE_CHECKING:  # a type checker cannot read the table

    class _WithSaid(_Posted, frozen=True):
        """The same, with a member for each column of `columns.SAID`."""
else:
    _WithSaid = msgspec.defstruct(
        "_WithSaid",
        [(column.name, column.posted | None, None) for column in SAID],
        bases=(_Posted,),
        frozen=True,
        kw_only=True,
    )


class RawRead(_WithSaid, frozen=True, kw_only=True):
    """One observation of a plate, as a source posts it.

    A member that is not listed quarantines the read.
    """

    image: Annotated[
        str | NamedImages | None,
        about("The names of the form's parts that hold its images; a text names the patch."),
    ] = None

    def images(self) -> dict[ImageKind, str]:
        """Return the names of the image parts (a plain text names the patch)."""
        if isinstance(self.image, str):
            return {"patch": self.image}
        if self.image is None:
            return {}
        named: dict[ImageKind, str] = {}
        if self.image.patch is not None:
            named["patch"] = self.image.patch
        if self.image.overview is not None:
            named["overview"] = self.image.overview
        return named


@dataclass(frozen=True, slots=True)
class Malformed:
    """A read of a wrong shape: its JSON, its fault, and its camera if named."""

    read: bytes
    detail: str
    camera: str = ""


_array = msgspec.json.Decoder(list[RawRead])
_one = msgspec.json.Decoder(RawRead)
_value = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode
_PLAIN_FAULT = re.compile(
    r"(Expected `[a-z0-9 |]+`, got `[a-z]+`|Object missing required field `[a-z_]+`|Invalid RFC3339 encoded datetime)"
    r"( - at `\$(\.[a-z_]+)*`)?"
)
_NAMES = "|".join(
    [
        *("id", "plate", "camera", "image"),
        *(column.name for column in SAID),
        *Vehicle.__struct_fields__,
        *NamedImages.__struct_fields__,
    ]
)
_PLACE = re.compile(rf" - at `\$(\.vehicle|\.image)?(\.({_NAMES}))?`\Z")
_SAID = [(column.name, attrgetter(column.name)) for column in SAID]
_BOUNDED = [(attrgetter(column.name), column.fault) for column in SAID if column.fault is not None]
_MAX_KEPT = 16 * 1024


Rows = Sequence[RawRead | Malformed]


class Faulty:
    """A piece of a post with a read of a wrong shape: its values, each an object, to be taken one by one."""

    def __init__(self, values: list[Any]) -> None:
        if not all(type(value) is dict for value in values):
            raise InputError("a read must be an object")
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def rows(self) -> Iterator[Rows]:
        """Yield its reads, in order, some at a time."""
        for start in range(0, len(self._values), PIECE_ROWS):
            yield _each(self._values[start : start + PIECE_ROWS])


def pieces(body: bytes, media_type: str) -> Iterator[Rows | Faulty]:
    """Yield the reads of a posted body, in order, a bounded number at a time.

    Parameters
    ----------
    body : bytes
        At most `MAX_POST_BYTES`; the caller sees to it.
    media_type : str
        `JSON` (one read or an array), `NDJSON` or `ARROW`.

    Raises
    ------
    InputError
        If the body as a whole cannot be read, maybe behind some pieces: whoever takes nothing of such a body goes
        through all of them first. A read whose own shape is wrong does not raise: it comes back as `Malformed`.

    Notes
    -----
    O(n); about 1 µs a read where all are well formed, some 10 µs where one is not. No step takes more than some 20 ms.
    """
    count = 0
    found: Iterator[Rows | Faulty] = (
        map(_each, arrow_pieces(body)) if media_type == ARROW else _json_pieces(body, media_type)
    )
    for piece in found:
        count += len(piece)
        if count > MAX_READS:
            raise InputError(f"more than {MAX_READS} reads in one post")
        yield piece


def rows_of(piece: Rows | Faulty) -> Iterator[Rows]:
    """Yield the reads of a piece, in order, some at a time."""
    if isinstance(piece, Faulty):
        yield from piece.rows()
    else:
        yield piece


def parse(body: bytes, media_type: str) -> Rows:
    """Return the reads of a posted body, in order.

    As `pieces`, but all of them: for a body that is known to be small.
    """
    return [row for piece in pieces(body, media_type) for rows in rows_of(piece) for row in rows]


def _json_pieces(body: bytes, media_type: str) -> Iterator[Rows | Faulty]:
    try:
        if media_type == NDJSON:
            for piece in line_pieces(body):
                try:
                    yield _one.decode_lines(piece)
                except msgspec.ValidationError:
                    yield Faulty(_value.decode_lines(piece))
            return
        for piece in array_pieces(body):
            if piece.lstrip()[:1] == b"[":
                try:
                    yield _array.decode(piece)
                except msgspec.ValidationError:
                    yield Faulty(_value.decode(piece))
                continue
            try:
                yield [_one.decode(piece)]
            except msgspec.ValidationError:
                yield Faulty([_value.decode(piece)])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InputError(f"the body is not {media_type}") from error


def _each(values: Sequence[dict[str, Any]]) -> list[RawRead | Malformed]:
    rows: list[RawRead | Malformed] = []
    for value in values:
        try:
            rows.append(msgspec.convert(value, RawRead))
        except msgspec.ValidationError as error:
            camera = value.get("camera")
            rows.append(
                Malformed(
                    _encode(value), _without_values(str(error)), camera if isinstance(camera, str) else ""
                )
            )
    return rows


def _without_values(message: str) -> str:
    """Return the library's words, if free of posted names and values: a plate may be among them."""
    if _PLAIN_FAULT.fullmatch(message):
        return message
    where = _PLACE.search(message)
    if message.startswith("Object contains unknown field"):
        return "Object contains unknown member" + (f" - at `${where[1]}`" if where and where[1] else "")
    return "Invalid value" + (where[0] if where else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockLimits:
    """The limits of a camera's clock, microseconds, set by the charter: how far it may be off."""

    clock_ahead_us: int
    too_old_us: int


@dataclass(slots=True)
class Checked:
    """Checked reads: those to take, in columns, and the others."""

    reads: Gathered = field(default_factory=Gathered)
    camera_id: list[str] = field(default_factory=list)
    read_id: list[str | None] = field(default_factory=list)
    index: list[int] = field(default_factory=list)
    quarantined: list[tuple[int, QuarantinedRead]] = field(default_factory=list)


def check(
    rows: Sequence[RawRead | Malformed],
    *,
    source: str,
    cameras: Callable[[str], int | None],
    limits: ClockLimits,
    now_us: int,
    parts: Container[str] = (),
    may_be_unsure: bool = False,
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

    Returns
    -------
    Checked
        Columns of what may be taken, and for each other read its row and reason: `malformed`, `unknown-camera`,
        `image-missing`, `zone-missing`, `clock-ahead`, `too-old`, `plate-empty`, `plate-unreadable`,
        `confidence-range`. The first that applies, in this order. Images and marks are left out.

    Notes
    -----
    O(n); about 2 µs a read.
    """
    numbers: list[int] = []
    times: list[int] = []
    plates: list[str] = []
    judge = _judge_of(limits, now_us, parts, may_be_unsure=may_be_unsure, times=times, plates=plates)
    taken: list[RawRead] = []
    indexes: list[int] = []
    quarantined: list[tuple[int, QuarantinedRead]] = []
    for index, row in enumerate(rows):
        known = cameras(row.camera)
        if isinstance(row, Malformed):
            fault = _Fault("malformed", row.detail)
        elif known is None:
            fault = _Fault("unknown-camera", "this source has registered no such camera")
        elif (found := judge(row)) is None:
            numbers.append(known)
            taken.append(row)
            indexes.append(index)
            continue
        else:
            fault = found
        refused = QuarantinedRead(
            source=source,
            camera=row.camera if known is not None else "",
            code=fault.code,
            detail=fault.detail,
            at_us=now_us,
            read=bounded(row.read if isinstance(row, Malformed) else _encode(row)),
        )
        quarantined.append((index, refused))
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


class _Fault(NamedTuple):
    """The fault of a read."""

    code: str
    detail: str


def _judge_of(
    limits: ClockLimits,
    now_us: int,
    parts: Container[str],
    *,
    may_be_unsure: bool,
    times: list[int],
    plates: list[str],
) -> Callable[[RawRead], _Fault | None]:
    """Return a judge: it appends the time and plate of a good read, or returns the read's fault."""
    latest = now_us + limits.clock_ahead_us
    earliest = now_us - limits.too_old_us
    bounds = [(said, fault_of, {None}) for said, fault_of in _BOUNDED]

    def judge(row: RawRead) -> _Fault | None:
        if row.image is not None and not all(name in parts for name in row.images().values()):
            return _Fault("image-missing", "`image` names a part that did not come with the read")
        captured = row.captured_at
        if captured.tzinfo is None:
            return _Fault("zone-missing", "`captured_at` has no zone: send `Z` or an offset")
        captured_us = from_datetime(captured)
        if captured_us > latest:
            return _Fault("clock-ahead", f"captured later than {rfc3339(latest)}: set the camera's clock")
        if captured_us < earliest:
            return _Fault("too-old", f"captured before {rfc3339(earliest)}")
        plate = read_plate(row.plate)
        if isinstance(plate, PlateFault):
            return _Fault(plate.value, "the plate is empty" if plate is PlateFault.EMPTY else "not a plate")
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


def bounded(read: bytes) -> bytes:
    """Return the kept part of a quarantined read: all of it, or the beginning of one too large."""
    if len(read) <= _MAX_KEPT:
        return read
    digest = hashlib.sha256(read).hexdigest()
    return _encode(
        {"bytes": len(read), "sha256": digest, "begins": read[:_MAX_KEPT].decode(errors="replace")}
    )
