"""Lists of cameras from files: CSV and GeoJSON, taken whole or refused with the line and the reason. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final, Literal

from wicketgate.base.distances import distance_km
from wicketgate.base.errors import InputError
from wicketgate.base.signing import parse_json

ListForm = Literal["csv", "geojson"]

COLUMNS: Final = (
    "id",
    "name",
    "groups",
    "latitude",
    "longitude",
    "heading",
    "zone",
    "aliases",
    "ignore_offset",
    "words",
)
"""The columns of CSV, in any order; `id` must be there. In `groups` and `aliases` a `;` stands between two."""
MOST_BYTES: Final = 8 << 20
"""Of a file."""
MOST_CAMERAS: Final = 20_000
FAR_KM: Final = 1_000.0
"""Farther than this from the middle of its list a camera is not where it was meant to be."""
_NUMBERS: Final = ("latitude", "longitude", "heading")
_LISTS: Final = ("groups", "aliases")
_SWITCHES: Final = ("ignore_offset", "words")
_SAID: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

_Found = list[tuple[str, dict[str, Any]]]
"""Each camera as the API takes it, with where it stands in the file."""


def read_cameras(
    data: bytes, form: ListForm, check: Callable[[Mapping[str, Any]], None] = lambda _: None
) -> list[dict[str, Any]]:
    """Return the cameras in a file, as `PUT /v1/cameras` takes them.

    Parameters
    ----------
    check : callable
        Raises InputError for a camera that a gateway would refuse; its words are put behind the line.

    Raises
    ------
    InputError
        If one of them cannot be taken: with its line (of GeoJSON its number), and why. Nothing is passed over.
    """
    if len(data) > MOST_BYTES:
        raise InputError(f"a list of cameras has at most {MOST_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("the list of cameras is not text in UTF-8") from error
    found = _of_csv(text) if form == "csv" else _of_geojson(text)
    if not found:
        raise InputError("the list has no camera")
    first: dict[str, str] = {}
    for where, camera in found:
        try:
            check(camera)
        except InputError as error:
            raise InputError(f"{where}: {error.detail}") from error
    for where, camera in found:
        for name in (camera["id"], *camera.get("aliases", ())):
            if first.setdefault(name, where) != where:
                raise InputError(f"{where}: `{name[:64]}` is named in {first[name]} already")
    _refuse_far(found)
    return [camera for _, camera in found]


# --- CSV ----------------------------------------------------------------------------------------------------------


def _of_csv(text: str) -> _Found:
    rows = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    try:
        head = [cell.strip().lower() for cell in next(rows, [])]
    except csv.Error as error:
        raise InputError(f"line 1: {error}") from error
    for column in head:
        if column not in COLUMNS:
            raise InputError(f"line 1: there is no column `{column[:40]}`; there are {', '.join(COLUMNS)}")
        if head.count(column) > 1:
            raise InputError(f"line 1: the column `{column}` stands twice")
    if "id" not in head:
        raise InputError("line 1: the column `id` is missing; the first line names the columns")
    found: _Found = []
    for where, row in _lines(rows):
        if len(row) != len(head):
            raise InputError(f"{where}: {len(row)} cells, but line 1 names {len(head)} columns")
        found.append((where, _camera(where, dict(zip(head, (cell.strip() for cell in row), strict=True)))))
        if len(found) > MOST_CAMERAS:
            raise InputError(f"{where}: more than {MOST_CAMERAS} cameras")
    return found


def _delimiter(text: str) -> str:
    # Spreadsheets of half of Europe write semicolons; then lists within a cell are divided by spaces alone.
    head = text.partition("\n")[0]
    return ";" if head.count(";") > head.count(",") else ","


def _lines(rows: Any) -> Iterator[tuple[str, list[str]]]:
    """Yield the rows that hold something, with the line on which each ends."""
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(f"line {rows.line_num}: {error}") from error
        if any(cell.strip() for cell in row):
            yield f"line {rows.line_num}", row


def _camera(where: str, cells: Mapping[str, str]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, cell in cells.items():
        if not cell:
            continue
        if name in _NUMBERS:
            try:
                members[name] = float(cell)
            except ValueError:
                raise InputError(f"{where}: `{name}` is `{cell[:40]}`, which is no number") from None
        elif name in _LISTS:
            members[name] = [one for part in cell.split(";") if (one := part.strip())]
        elif name in _SWITCHES:
            if cell.lower() not in _SAID:
                raise InputError(f"{where}: `{name}` is `{cell[:40]}`: say yes or no")
            members[name] = _SAID[cell.lower()]
        else:
            members[name] = cell
    return _checked(where, members)


# --- GeoJSON ------------------------------------------------------------------------------------------------------


def _of_geojson(text: str) -> _Found:
    try:
        value = parse_json(text.encode())
    except InputError as error:
        raise InputError(f"the list is no JSON: {error.detail}") from error
    features = value.get("features") if isinstance(value, dict) else None
    if not isinstance(features, list) or value.get("type") != "FeatureCollection":
        raise InputError("the list is no GeoJSON of type FeatureCollection")
    if len(features) > MOST_CAMERAS:
        raise InputError(f"more than {MOST_CAMERAS} cameras")
    return [
        (f"feature {number}", _feature(f"feature {number}", one))
        for number, one in enumerate(features, start=1)
    ]


def _feature(where: str, feature: Any) -> dict[str, Any]:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    members = feature.get("properties") if isinstance(feature, dict) else None
    if not isinstance(members, dict):
        raise InputError(f"{where}: it has no `properties`")
    members = {name: value for name, value in members.items() if value is not None}
    if isinstance(feature.get("id"), str):
        members.setdefault("id", feature["id"])
    unknown = sorted(members.keys() - set(COLUMNS) | members.keys() & {"latitude", "longitude"})
    if unknown:
        raise InputError(f"{where}: there is no property `{unknown[0][:40]}` of a camera")
    for name, value in members.items():
        if name in _LISTS and isinstance(value, str):
            members[name] = [one for part in value.split(";") if (one := part.strip())]
        elif name in _LISTS:
            if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
                raise InputError(f"{where}: `{name}` is no list of texts")
        elif name in _NUMBERS:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"{where}: `{name}` is no number")
        elif name in _SWITCHES:
            if not isinstance(value, bool):
                raise InputError(f"{where}: `{name}` is true or false")
        elif not isinstance(value, str):
            raise InputError(f"{where}: `{name}` is no text")
    if geometry is not None:
        members["longitude"], members["latitude"] = _position(where, geometry)
    return _checked(where, members)


def _position(where: str, geometry: Any) -> tuple[float, float]:
    place = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if not isinstance(place, list) or geometry.get("type") != "Point" or not 2 <= len(place) <= 3:
        raise InputError(f"{where}: its geometry is no Point of longitude and latitude")
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in place):
        raise InputError(f"{where}: its coordinates are no numbers")
    return float(place[0]), float(place[1])


# --- what holds of both ---------------------------------------------------------------------------------------------


def _checked(where: str, members: dict[str, Any]) -> dict[str, Any]:
    if not members.get("id"):
        raise InputError(f"{where}: it has no `id`")
    latitude, longitude = members.get("latitude"), members.get("longitude")
    if (latitude is None) != (longitude is None):
        raise InputError(f"{where}: a position has `latitude` and `longitude`: give both, or leave both out")
    if latitude is not None and longitude is not None:
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise InputError(f"{where}: `latitude` lies between -90 and 90, `longitude` between -180 and 180")
        if latitude == 0 and longitude == 0:
            raise InputError(f"{where}: 0,0 is no position: leave both out")
    if not 0 <= members.get("heading", 0) <= 360:
        raise InputError(f"{where}: `heading` lies between 0 and 360 degrees")
    return members


def _refuse_far(found: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Refuse a camera far from all others: its two numbers are swapped, or one lacks a sign."""
    placed = [(where, (one["latitude"], one["longitude"])) for where, one in found if "latitude" in one]
    if len(placed) < 3:
        return
    middle = (median(place[0] for _, place in placed), median(place[1] for _, place in placed))
    for where, place in placed:
        if distance_km(place, middle) > FAR_KM:
            swapped = abs(place[1]) <= 90 and distance_km((place[1], place[0]), middle) <= FAR_KM
            why = "its latitude and longitude are swapped" if swapped else "look at its signs"
            raise InputError(
                f"{where}: it lies more than {FAR_KM:,.0f} km from the middle of the others: {why}"
            )
