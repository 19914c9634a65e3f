"""Reads as JSON objects of their allowed fields: one by one, or all of a batch as bytes of one width.

Both give the same members with the same values, in the same order; the bytes of one width may have blanks between
members (docs/spec/feeds.md). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from wicketgate.base import byte_columns
from wicketgate.base.byte_columns import ByteColumn, TextTable
from wicketgate.reads.columns import COLUMNS, SAID, ReadBatch

FIELDS = ("plate", "time", "place", "vehicle")
"""What can be released of a read, in the order in which it is shown; images are shown by reference besides."""
_PLACED = "place, with name and position"
IMAGE_FIELDS = {column.shown_by: column.name for column in COLUMNS if column.shown_by not in {"", *FIELDS}}
"""The fields that are images, and the columns of a `ReadBatch` that say where they lie."""
_SAID_BY = {
    field: [column.name for column in SAID if column.shown_by == field] for field in FIELDS
}  # what a camera may say and may leave out
Shown = tuple[str, ...]
"""What is shown of a read: fields, and whether its place has name and position."""

_SAID_COLUMNS = (*(column.name for column in SAID), "marks")
_READ_BYTES = len('{"plate":"","confidence":0.123,"captured_at":"2007-07-17T12:00:00.123456Z",}')
_CAMERA_BYTES = len(
    '"source":"tfl","camera":"ccz-0001","camera_name":"ccz-0001","position":[-0.12345,51.12345]'
)
IMAGE_BYTES = len('"overview_image":{"ref":"","sha256":"","type":"image/jpeg","bytes":1234567},') + 139 + 64
_REF_BYTES = len(',"ref":""') + 24

# Confidences of three decimals, and behind them none.
_CONFIDENCES = np.frombuffer(b"".join(repr(n / 1000).encode().ljust(5) for n in range(1001)) + b"null ", "V5")

_Parts = list[bytes | ByteColumn]


class Rendering:
    """The reads of a batch as JSON objects of their allowed fields alone.

    Each field is rendered once, whatever the number of authorities that show it.

    Parameters
    ----------
    camera_json : sequence of str
        For each camera number the JSON members `"source":…,"camera":…`.
    placed_json : sequence of str, optional
        The same with `"camera_name":…` and `"position":…`.

    Attributes
    ----------
    again : bool
        Some of the reads were decided before.
    """

    def __init__(self, batch: ReadBatch, camera_json: Sequence[str], placed_json: Sequence[str] = ()) -> None:
        self._batch = batch
        self.again = bool(batch.again.any())
        self._cameras = {"place": camera_json, _PLACED: placed_json}
        self._shown: dict[tuple[frozenset[str], bool], Shown] = {}
        self._columns: dict[str, list[str]] = {}
        self._reads: dict[Shown, list[str]] = {}
        self._encoded: dict[Shown, ByteColumn | None] = {}

    def __len__(self) -> int:
        return len(self._batch)

    def shown(self, fields: frozenset[str], *, placed: bool = False) -> Shown:
        """Return what an authority with these fields shows: equal for those whose reads look the same.

        Fields are `plate`, `time`, `place` and `vehicle`. Images are left to `with_members`: their references differ
        from authority to authority.

        Parameters
        ----------
        placed : bool
            Show with the field `place` the camera's name and position too.

        Raises
        ------
        ValueError
            For any other field: that is a programming error.
        """
        key = (fields, placed)
        if key not in self._shown:
            unknown = fields.difference(FIELDS, IMAGE_FIELDS)
            if unknown:
                raise ValueError(f"no field `{min(unknown)}` can be released")
            self._shown[key] = tuple(
                _PLACED if placed and field == "place" else field
                for field in FIELDS
                if field in fields and (field != "vehicle" or self._is_said(field))
            )
        return self._shown[key]

    def _is_said(self, field: str) -> bool:
        return any(map(self._says, _SAID_BY[field]))

    def _says(self, name: str) -> bool:
        values: Sequence[str | None] = getattr(self._batch, name)
        return values.count(None) < len(values)

    # --- one by one -----------------------------------------------------------------------------------------------

    def reads(self, shown: Shown) -> list[str]:
        """Return each read's JSON object; about 1 µs a row."""
        if shown not in self._reads:
            columns = [self._column(field) for field in shown]
            if "vehicle" in shown:  # which a camera may not have seen
                texts = ["{" + ",".join(filter(None, parts)) + "}" for parts in zip(*columns, strict=True)]
            else:
                texts = ["{" + ",".join(parts) + "}" for parts in zip(*columns, strict=True)]
            self._reads[shown] = texts or ["{}"] * len(self._batch)
        return self._reads[shown]

    def _column(self, field: str) -> list[str]:
        found = self._columns.get(field)
        if found is None:
            found = self._columns[field] = self._render(field)
        return found

    def _render(self, field: str) -> list[str]:
        batch = self._batch
        if field == "plate":
            plates = [
                f'"plate":"{plate}","confidence":{confidence!r}'
                for plate, confidence in zip(batch.plate, batch.confidence.tolist(), strict=True)
            ]
            for row in np.isnan(batch.confidence).nonzero()[0].tolist():
                plates[row] = f'"plate":"{batch.plate[row]}","confidence":null'
            for row, marks in enumerate(batch.marks):
                if marks is not None:
                    plates[row] += f',"marks":{marks}'
            return self._with_said(plates, field)
        if field == "time":
            return self._with_said([f'"captured_at":"{text}"' for text in _times(batch.captured_us)], field)
        if field in self._cameras:
            cameras = self._cameras[field]
            return self._with_said([cameras[camera] for camera in batch.camera.tolist()], "place")
        return self._with_said([""] * len(batch), field)

    def _with_said(self, texts: list[str], field: str) -> list[str]:
        """Return a field's texts with the camera's words for that field."""
        for column in SAID:
            if column.shown_by == field:
                member, values = f'"{column.name}":', getattr(self._batch, column.name)
                texts = [
                    text if value is None else f"{text},{member}{value}" if text else member + value
                    for text, value in zip(texts, values, strict=True)
                ]
        return texts

    # --- as bytes of one width ------------------------------------------------------------------------------------

    def encoded(self, shown: Shown) -> ByteColumn | None:
        """Return each read's JSON object, all of one width; about 0.5 µs a row.

        Returns
        -------
        (n,) bytes or None
            None for no reads, and where they differ so much in length that blanks would cost more than they save.
        """
        if shown not in self._encoded:
            self._encoded[shown] = self._join(shown) if len(self._batch) else None
        return self._encoded[shown]

    def _join(self, shown: Shown) -> ByteColumn | None:
        parts: _Parts = [b"{"]
        for field in shown:
            found = self._parts(field, first=len(parts) == 1)
            if found is None:
                return None
            parts += found
        return byte_columns.joined([*parts, b"}"], len(self._batch))

    def _parts(self, field: str, *, first: bool) -> _Parts | None:
        """Return the members of a field, with a comma in front if they are not the first; None as for `encoded`."""
        batch, comma = self._batch, b"" if first else b","
        columns: list[tuple[bytes, bytes | ByteColumn | None]] = []
        if field == "plate":
            columns = [
                (comma + b'"plate":"', byte_columns.of_texts([plate + '"' for plate in batch.plate])),
                (b',"confidence":', _confidences(batch.confidence)),
            ]
            if self._says("marks"):
                columns.append(self._said_column("marks", b","))
        elif field == "time":
            columns = [(comma + b'"captured_at":"', byte_columns.of_times(batch.captured_us))]
        elif field in self._cameras:
            cameras = self._cameras[field]
            table = cameras if isinstance(cameras, TextTable) else TextTable(cameras)
            columns = [(comma, table.take(batch.camera))]
        said = [name for name in _SAID_BY["place" if field == _PLACED else field] if self._says(name)]
        if first and not columns and len(said) > 1:
            return None  # which of them begins differs from read to read
        columns += [self._said_column(name, b"," if columns else comma) for name in said]
        parts: _Parts = []
        for before, values in columns:
            if values is None:
                return None
            parts += [before, values]
        return parts

    def _said_column(self, name: str, comma: bytes) -> tuple[bytes, bytes | ByteColumn | None]:
        before = comma.decode() + f'"{name}":'
        return b"", byte_columns.of_alike(
            getattr(self._batch, name), lambda value: "" if value is None else before + value
        )


def _times(at_us: NDArray[np.int64]) -> list[str]:
    # The same form as clock.rfc3339, in columns.
    texts: list[str] = np.datetime_as_string(at_us.astype("datetime64[us]")).tolist()
    return [(t[:-7] if t.endswith(".000000") else t[:-3] if t.endswith("000") else t) + "Z" for t in texts]


def _confidences(values: NDArray[np.float64]) -> bytes | ByteColumn | None:
    unknown = np.isnan(values)
    known = np.where(unknown, 0.0, values)
    if float(known.max()) <= 1 and not np.signbit(known).any():
        numbers = np.rint(known * 1000).astype(np.intp)
        if (numbers / 1000 == known).all():
            numbers[unknown] = len(_CONFIDENCES) - 1
            found: ByteColumn = _CONFIDENCES.take(numbers)
            return found
    return byte_columns.of_texts(["null" if value != value else repr(value) for value in values.tolist()])


def most_bytes(batch: ReadBatch, camera_json: Sequence[str]) -> int:
    """Return at most how many bytes a read of a batch takes in a row, with all of its fields, images and `ref`.

    O(n). A confidence of more than three decimals may take some more, and so does a hit.

    Parameters
    ----------
    camera_json : sequence of str
        As for `Rendering`; where none of the batch's is among them, a usual one is taken.
    """
    texts = {name: _longest(getattr(batch, name)) for name in ("plate", *_SAID_COLUMNS)}
    known = [camera_json[number] for number in {*batch.camera.tolist()} if number < len(camera_json)]
    said = sum(len(f',"{name}":') + longest for name, longest in texts.items() if longest and name != "plate")
    images = sum(
        IMAGE_BYTES
        for name in IMAGE_FIELDS.values()
        if any(text is not None for text in getattr(batch, name))
    )
    images += _REF_BYTES if images else 0
    return _READ_BYTES + texts["plate"] + (_longest(known) or _CAMERA_BYTES) + said + images


def _longest(texts: Sequence[str | None]) -> int:
    """Return the bytes of the longest text; those that say nothing have none."""
    silent = texts.count(None)
    if silent == len(texts):
        return 0
    said = cast(Sequence[str], texts if not silent else [text for text in texts if text is not None])
    if "".join(said).isascii():
        return max(map(len, said))
    return max(len(text.encode()) for text in said)


def with_members(read: str, members: str) -> str:
    """Return a read's JSON object with more members.

    Members are `"name":value`, joined by commas; with none it is `read`.
    """
    if not members:
        return read
    return f"{read[:-1]},{members}}}" if len(read) > 2 else f"{{{members}}}"
