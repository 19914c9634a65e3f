"""The rows of an answer as CSV, Parquet and GeoJSON, from their lines. Pure.

docs/spec/searches.md, section 4. A row that is shown no longer is a row of its number and its leaf hash.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
GEOJSON: Final = "application/geo+json"
FORMS: Final[Mapping[str, str]] = {"ndjson": NDJSON, "csv": CSV, "parquet": PARQUET, "geojson": GEOJSON}
"""The media type of each form."""

_READ: Final = ("captured_at", "plate", "confidence", "source", "camera", "camera_name", "lane", "direction")
_VEHICLE: Final = ("make", "model", "colour", "kind")
_IMAGES: Final = ("patch_image", "overview_image")
COLUMNS: Final = (
    *("seq", "authority", *_READ, "longitude", "latitude", *_VEHICLE, *_IMAGES, "marks"),
    *("quality", "impossible_from", "salt", "erased", "erratum", "corrected_plate"),
)
"""The columns of CSV and Parquet, one row for each row of the answer."""
_NUMBERS: Final = frozenset({"confidence", "longitude", "latitude"})
_WHOLE: Final = frozenset({"seq", "impossible_from"})
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def flat(line: bytes) -> dict[str, Any]:
    """Return a row's line by `COLUMNS`; None for what it does not show."""
    row = _decode(line)
    read: dict[str, Any] = row.get("read") or {}
    vehicle, position = read.get("vehicle") or {}, read.get("position") or (None, None)
    found = dict.fromkeys(COLUMNS)
    found |= {name: row.get(name) for name in ("seq", "authority", "quality", "salt", "erased")}
    found |= {name: read.get(name) for name in _READ}
    found |= {name: vehicle.get(name) for name in _VEHICLE}
    found |= {name: (read.get(name) or {}).get("ref") for name in _IMAGES}
    found |= {"longitude": position[0], "latitude": position[1]}
    found["lane"] = None if read.get("lane") is None else str(read["lane"])
    found["marks"] = " ".join(map(str, read["marks"])) if read.get("marks") else None
    found["impossible_from"] = (row.get("impossible") or {}).get("from")
    return found


def is_erratum(line: bytes) -> bool:
    """Return whether a line is no row of an answer, but says that the row before it was wrong."""
    return b'"erratum":' in line and "erratum" in _decode(line)


def _rows(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    """Return rows by `COLUMNS`, each with what the lines of errata behind it say."""
    rows: list[dict[str, Any]] = []
    for line in lines:
        if not is_erratum(line):
            rows.append(flat(line))
            continue
        said, row = _decode(line)["erratum"], rows[-1]
        row["erratum"] = " ".join(filter(None, (row["erratum"], said["ground"])))
        row["corrected_plate"] = said.get("read", {}).get("plate") or row["corrected_plate"]
    return rows


def as_csv(lines: Iterable[bytes], *, head: bool) -> bytes:
    """Return rows as CSV (RFC 4180).

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    if head:
        writer.writerow(COLUMNS)
    for row in _rows(lines):
        writer.writerow([_harmless(row[name]) for name in COLUMNS])
    return text.getvalue().encode()


def as_parquet(lines: Sequence[bytes]) -> bytes:
    """Return rows as one file of Parquet."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = _rows(lines)
    schema = pa.schema([(name, _type(name)) for name in COLUMNS])
    table = pa.table(
        {name: pa.array([row[name] for row in rows], _type(name)) for name in COLUMNS}, schema=schema
    )
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def as_geojson(lines: Iterable[bytes]) -> bytes:
    """Return rows as a collection of features (RFC 7946); one whose place is not shown has no geometry."""
    features = [_feature(row) for row in _rows(lines)]
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


def _feature(row: Mapping[str, Any]) -> dict[str, Any]:
    here = [row["longitude"], row["latitude"]]
    properties = {
        name: value
        for name, value in row.items()
        if name not in ("longitude", "latitude", "seq") and value is not None
    }
    geometry = None if None in here else {"type": "Point", "coordinates": here}
    return {"type": "Feature", "id": row["seq"], "geometry": geometry, "properties": properties}


def _harmless(value: Any) -> Any:
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _type(name: str) -> Any:
    import pyarrow as pa

    return pa.int64() if name in _WHOLE else pa.float64() if name in _NUMBERS else pa.string()
