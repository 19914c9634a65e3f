"""A source's command `camera`: its cameras, and their registration from a table or from points on a map."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.settings import read_secret
from wicketgate.base.signing import parse_json
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import ask, read_file
from wicketgate.commits.transactions import CameraSet
from wicketgate.reads.cameras import check_cameras

_TIMEOUT_S: Final = 60.0
_MEMBERS: Final = CameraSet.__struct_fields__
_MOST_NAMED: Final = 20
_LISTS: Final = ("groups", "aliases")
_NUMBERS: Final = ("latitude", "longitude", "heading")
_SWITCHES: Final = ("ignore_offset", "words")
_YES: Final = frozenset({"1", "true", "yes"})
_NO: Final = frozenset({"", "0", "false", "no"})


def run_list(args: argparse.Namespace) -> int:
    """Print the source's cameras, and what became of their reads."""
    shown = ask(args.url, "/v1/cameras", read_secret(args.token_file), 200, timeout_s=_TIMEOUT_S)
    if args.json:
        print(json.dumps(shown, indent=2))
        return 0
    for camera in shown["cameras"]:
        counts = camera["counts"]
        refused = sum(count for what, count in counts.items() if what not in ("accepted", "repeated"))
        say(
            f"{camera['id']}  accepted {counts.get('accepted', 0)}, not taken {refused}, "
            f"signs of life {camera['signs']}"
        )
    unknown = sum(shown["unknown"].values())
    if unknown:
        say(f"of cameras that are not registered: {unknown} (`wicketgate quarantine --code unknown-camera`)")
    return 0


def run_import(args: argparse.Namespace) -> int:
    """Register cameras from a file: beside those that there are, or instead of them."""
    cameras = cameras_in(args.file)
    token = read_secret(args.token_file)
    shown = ask(args.url, "/v1/cameras", token, 200, timeout_s=_TIMEOUT_S)
    there = {one["id"]: _known(one) for one in shown["cameras"]}
    listed = {camera.id: camera for camera in cameras}
    whole = listed if args.replace else there | listed
    try:
        check_cameras(list(whole.values()))
    except InputError as error:
        raise ConfigurationError(f"`{args.file}`: {error.detail}") from error
    for what, ids in _changes(there, whole).items():
        say(
            f"{what}: {', '.join(ids) or 'none'}"
            if len(ids) <= _MOST_NAMED
            else f"{what}: {len(ids)} cameras"
        )
    if args.dry_run:
        return 0
    body = msgspec.json.encode(list(whole.values()))
    answer = ask(
        args.url,
        "/v1/cameras",
        token,
        200,
        timeout_s=_TIMEOUT_S,
        method="PUT",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    say(f"{answer['cameras']} cameras are registered, as entry {answer['entry']} counts them")
    return 0


def _changes(there: Mapping[str, CameraSet], whole: Mapping[str, CameraSet]) -> dict[str, list[str]]:
    return {
        "new": sorted(whole.keys() - there.keys()),
        "changed": sorted(one for one in whole.keys() & there.keys() if whole[one] != there[one]),
        "withdrawn": sorted(there.keys() - whole.keys()),
    }


def _known(shown: Mapping[str, Any]) -> CameraSet:
    return msgspec.convert({name: shown[name] for name in _MEMBERS if name in shown}, CameraSet)


def cameras_in(path: Path) -> Sequence[CameraSet]:
    """Return the cameras in a file: GeoJSON where it is JSON, else a table whose first line names its columns.

    Raises
    ------
    ConfigurationError
        Naming the camera or the line, and what is wrong with it.
    """
    data = read_file(path)
    is_json = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    try:
        rows = _points(data) if is_json else _lines(data)
    except InputError as error:
        raise ConfigurationError(f"`{path}`: {error.detail}") from error
    cameras: list[CameraSet] = []
    for number, row in enumerate(rows, 1):
        try:
            cameras.append(msgspec.convert(row, CameraSet))
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"`{path}`, camera {number}: {error}") from error
    if not cameras:
        raise ConfigurationError(f"`{path}` has no camera")
    if len({camera.id for camera in cameras}) < len(cameras):
        raise ConfigurationError(f"`{path}` has two cameras of one id")
    return cameras


def _lines(data: bytes) -> list[dict[str, Any]]:
    try:
        text = data.decode("utf-8-sig")
        lines = csv.DictReader(io.StringIO(text), strict=True)
        rows = list(lines)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError("it is neither JSON nor a table in UTF-8") from error
    unknown = set(lines.fieldnames or ()) - set(_MEMBERS)
    if unknown or "id" not in (lines.fieldnames or ()):
        raise InputError(f"the columns are {', '.join(_MEMBERS)}; `id` is one of them")
    return [_of_texts(row, number) for number, row in enumerate(rows, 2)]


def _of_texts(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return a camera of a line's texts; what is empty is left out, lists have `;` between."""
    camera: dict[str, Any] = {}
    for name, value in row.items():
        if not isinstance(value, str):
            raise InputError(f"line {number} has another number of cells than the first")
        text = value.strip()
        if name in _LISTS:
            camera[name] = [one.strip() for one in text.split(";") if one.strip()]
        elif name in _SWITCHES:
            if text.lower() not in _YES | _NO:
                raise InputError(f"line {number}: `{name}` is yes or no")
            camera[name] = text.lower() in _YES
        elif name in _NUMBERS and text:
            try:
                camera[name] = float(text)
            except ValueError as error:
                raise InputError(f"line {number}: `{name}` is a number") from error
        elif text:
            camera[name] = text
    return camera


def _points(data: bytes) -> list[dict[str, Any]]:
    value = parse_json(data)
    features = value.get("features") if isinstance(value, dict) else None
    if not isinstance(features, list):
        raise InputError("it is no GeoJSON: a FeatureCollection of points")
    cameras: list[dict[str, Any]] = []
    for number, feature in enumerate(features, 1):
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        said = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict) or geometry.get("type") != "Point" or not isinstance(said, dict):
            raise InputError(f"feature {number} is no point with properties")
        place = geometry.get("coordinates")
        if not isinstance(place, list) or len(place) < 2:
            raise InputError(f"feature {number} has no coordinates")
        camera = {name: said[name] for name in _MEMBERS if said.get(name) is not None}
        camera.setdefault("id", feature.get("id"))
        camera |= {"longitude": place[0], "latitude": place[1]}
        cameras.append(camera)
    return cameras
