"""The parser of posted reads: bytes in, reads out, in columns where they are many.

Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from wicketgate.base.clock import from_datetime
from wicketgate.base.errors import InputError
from wicketgate.base.shapes import about, shape
from wicketgate.reads.columns import SAID, Vehicle
from wicketgate.reads.cuts import array_pieces, line_pieces
from wicketgate.reads.faults import PlainWords
from wicketgate.reads.observations import ImageKind
from wicketgate.reads.times import usual_times

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


def _members() -> Iterator[tuple[Any, ...]]:
    """Yield name, type and default, if any, of each member of a read."""
    for member in msgspec.structs.fields(RawRead):
        yield (member.name, member.type) if member.required else (member.name, member.type, member.default)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A read of a wrong shape: its JSON, its fault, and its camera if named."""

    read: bytes
    detail: str
    camera: str = ""


_Wire: Any = msgspec.defstruct(
    "_Wire",
    [
        *(("captured_at", str) if name == "captured_at" else (name, *rest) for name, *rest in _members()),
    ],
    frozen=True,
    kw_only=True,
    gc=False,
    forbid_unknown_fields=True,
)
"""A `RawRead` whose time is still a text: those of many reads are taken together."""

_array = msgspec.json.Decoder(list[RawRead])
_one = msgspec.json.Decoder(RawRead)
_wire_array = msgspec.json.Decoder(list[_Wire])
_wire_one = msgspec.json.Decoder(_Wire)
_value = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode
_words = PlainWords(
    [
        *("id", "plate", "camera", "image"),
        *(column.name for column in SAID),
        *Vehicle.__struct_fields__,
        *NamedImages.__struct_fields__,
    ]
)
_FEW_BYTES = 2_000
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
FEW = 12
"""Reads below which columns cost more than they save."""


class PlainReads(Sequence[RawRead]):
    """Well-formed reads of a post, with their times as a column.

    Parameters
    ----------
    wire : list of _Wire
        Each is made a `RawRead` when it is asked for.
    captured_us : (n,) int64
        Times of capture, microseconds since the epoch; of no meaning for a read of `zoneless`.
    zoneless : mapping of int to datetime
        By row, the times that have no zone.
    """

    __slots__ = ("captured_us", "wire", "zoneless")

    def __init__(
        self, wire: list[Any], captured_us: NDArray[np.int64], zoneless: Mapping[int, datetime]
    ) -> None:
        self.wire = wire
        self.captured_us = captured_us
        self.zoneless = zoneless

    @classmethod
    def read(cls, wire: list[Any]) -> PlainReads:
        """Return reads with their times.

        Raises
        ------
        msgspec.ValidationError
            If a text is no time.
        """
        texts = [row.captured_at for row in wire]
        captured_us, usual = usual_times(texts)
        zoneless: dict[int, datetime] = {}
        for row in (~usual).nonzero()[0].tolist():
            captured = msgspec.convert(texts[row], datetime)
            if captured.tzinfo is None:
                zoneless[row] = captured
            else:
                captured_us[row] = from_datetime(captured)
        return cls(wire, captured_us, zoneless)

    def __len__(self) -> int:
        return len(self.wire)

    @overload
    def __getitem__(self, at: int) -> RawRead: ...

    @overload
    def __getitem__(self, at: slice) -> PlainReads: ...

    def __getitem__(self, at: int | slice) -> RawRead | PlainReads:
        if isinstance(at, slice):
            rows = range(len(self.wire))[at]
            zoneless = {rows.index(row): time for row, time in self.zoneless.items() if row in rows}
            return PlainReads(self.wire[at], self.captured_us[at], zoneless)
        row = self.wire[at]
        members = {name: getattr(row, name) for name in row.__struct_fields__}
        members["captured_at"] = msgspec.convert(row.captured_at, datetime)
        return RawRead(**members)


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
            yield rows_from(self._values[start : start + PIECE_ROWS])


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
    found = _arrow_pieces(body) if media_type == ARROW else _json_pieces(body, media_type)
    for piece in found:
        count += len(piece)
        if count > MAX_READS:
            raise InputError(f"more than {MAX_READS} reads in one post")
        yield piece


def load_arrow() -> None:
    """Load what reads `ARROW`, off the event loop: it takes 40 MB and some hundred milliseconds, and few send it."""
    import wicketgate.reads.arrow_posts  # noqa: F401


def _arrow_pieces(body: bytes) -> Iterator[Rows]:
    from wicketgate.reads.arrow_posts import arrow_pieces

    return map(rows_from, arrow_pieces(body))


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


def together(bodies: Sequence[bytes]) -> tuple[Rows, list[int]]:
    """Return the reads of bodies in `JSON` that each hold one, parsed as if they had come in one post.

    Parameters
    ----------
    bodies : sequence of bytes
        Each is small: the caller sees to it.

    Returns
    -------
    rows : sequence of RawRead
        Those of the bodies that hold one well-formed read.
    which : list of int
        The number of each one's body, ascending. Of a body that is not named here its own post has to be taken.
    """
    decode = _one.decode if len(bodies) < FEW else _wire_one.decode
    rows: list[Any] = []
    which: list[int] = []
    for n, body in enumerate(bodies):
        with suppress(*_UNREADABLE):
            rows.append(decode(body))
            which.append(n)
    if len(bodies) < FEW:
        return rows, which
    try:
        return PlainReads.read(rows), which
    except msgspec.ValidationError:  # one of the times is none
        return _one_by_one(bodies, which)


def _one_by_one(bodies: Sequence[bytes], which: Sequence[int]) -> tuple[Rows, list[int]]:
    rows: list[RawRead] = []
    sound: list[int] = []
    for n in which:
        with suppress(*_UNREADABLE):
            rows.append(_one.decode(bodies[n]))
            sound.append(n)
    return rows, sound


def _json_pieces(body: bytes, media_type: str) -> Iterator[Rows | Faulty]:
    try:
        if media_type == NDJSON:
            for piece in line_pieces(body):
                try:
                    yield _plain(piece, _one.decode_lines, _wire_one.decode_lines)
                except msgspec.ValidationError:
                    yield Faulty(_value.decode_lines(piece))
            return
        for piece in array_pieces(body):
            if piece.lstrip()[:1] == b"[":
                try:
                    yield _plain(piece, _array.decode, _wire_array.decode)
                except msgspec.ValidationError:
                    yield Faulty(_value.decode(piece))
                continue
            try:
                yield [_one.decode(piece)]
            except msgspec.ValidationError:
                yield Faulty([_value.decode(piece)])
    except _UNREADABLE as error:
        raise InputError(f"the body is not {media_type}") from error


def _plain(piece: bytes, few: Callable[[bytes], Rows], many: Callable[[bytes], list[Any]]) -> Rows:
    """Return the reads of a piece, in columns where they may be many.

    `msgspec.ValidationError` where one of them is not well formed.
    """
    return few(piece) if len(piece) < _FEW_BYTES else PlainReads.read(many(piece))


def rows_from(values: Sequence[dict[str, Any]]) -> list[RawRead | Malformed]:
    """Return reads by their members, each as it is or `Malformed`."""
    rows: list[RawRead | Malformed] = []
    for value in values:
        try:
            rows.append(msgspec.convert(value, RawRead))
        except msgspec.ValidationError as error:
            camera = value.get("camera")
            rows.append(
                Malformed(_encode(value), _words.of(str(error)), camera if isinstance(camera, str) else "")
            )
    return rows
