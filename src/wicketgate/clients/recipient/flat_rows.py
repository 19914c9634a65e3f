"""The rows of a feed, flat: a value for each column of CSV and Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from wicketgate.base.shown_text import on_one_line
from wicketgate.base.spreadsheets import harmless
from wicketgate.clients.recipient.receive import Received

COLUMNS = (
    "batch",
    "seq",
    "authority",
    "released_at",
    "captured_at",
    "plate",
    "confidence",
    "source",
    "camera",
    "camera_name",
    "longitude",
    "latitude",
    "lane",
    "direction",
    "make",
    "model",
    "colour",
    "kind",
    "late",
    "salt",
    "erased",
    "corrects",
    "ground",
    "corrected_plate",
)
"""The columns of CSV and Parquet, a row for each of the feed. An erratum is no read: it has nothing in those of one."""

_READ = ("captured_at", "plate", "source", "camera", "camera_name", "lane", "direction")
_VEHICLE = ("make", "model", "colour", "kind")


def flat(one: Received) -> Iterator[dict[str, Any]]:
    """Yield the rows of a batch, each with a value for each column, None where the row says nothing."""
    header = one.batch.header
    for line in one.batch.lines:
        row = json.loads(line)
        read = _table(row.get("read"))
        vehicle = _table(read.get("vehicle"))
        erratum = _table(row.get("erratum"))
        confidence = read.get("confidence")
        longitude, latitude = _position(read.get("position"))
        yield {
            "batch": header["batch"],
            "seq": row["seq"],
            "authority": header["authority"],
            "released_at": header["released_at"],
            "late": row.get("late") is True,
            "confidence": float(confidence) if isinstance(confidence, int | float) else None,
            "longitude": longitude,
            "latitude": latitude,
            "corrects": erratum.get("seq"),
            "ground": _text(erratum.get("ground")),
            "corrected_plate": _text(_table(erratum.get("read")).get("plate")),
            **{name: _text(row.get(name)) for name in ("salt", "erased")},
            **{name: _text(read.get(name)) for name in _READ},
            **{name: _text(vehicle.get(name)) for name in _VEHICLE},
        }


def cell_of(value: Any) -> Any:
    """Return a cell of CSV. A camera's texts are of whoever posts for it: none is a formula, or ends a row.

    The writer quotes no lone carriage return, which readers take for the end of a row.
    """
    cell = harmless(value)
    return on_one_line(cell) if isinstance(cell, str) else cell


def _position(value: object) -> tuple[float | None, float | None]:
    """Return the longitude and latitude of a row; there are none in one of version 0.3."""
    known = isinstance(value, list) and len(value) == 2 and all(isinstance(one, int | float) for one in value)
    return (float(value[0]), float(value[1])) if known and isinstance(value, list) else (None, None)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
