"""A source's commands `camera` and `quarantine`, over the gateway's API."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.settings import read_secret
from wicketgate.cli.asking import called
from wicketgate.cli.progress import ProgressLine
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import ask, read_file
from wicketgate.clients.source.lists import COLUMNS, ListForm, read_cameras
from wicketgate.commits.transactions import CameraSet
from wicketgate.reads.cameras import check_cameras

_TIMEOUT_S: Final = 300.0
_AT_ONCE: Final = 500


def run_list(args: argparse.Namespace) -> int:
    """Print the source's cameras, with what became of their reads."""
    body = ask(args.url, "/v1/cameras", read_secret(args.token_file), 200)
    if args.json:
        print(json.dumps(body, indent=2))
        return 0
    for camera in body["cameras"]:
        counts = ", ".join(f"{kind} {number}" for kind, number in sorted(camera["counts"].items()))
        groups = f" [{', '.join(camera['groups'])}]" if camera["groups"] else ""
        signs = f", signs of life {camera['signs']}" if camera["signs"] else ""
        name = f" {camera['name']}" if camera.get("name") else ""
        say(f"{camera['id']}{groups}{name}: {counts or 'no reads yet'}{signs}")
    say(f"{len(body['cameras'])} cameras of {body['source']}.", file=sys.stderr)
    return 0


def run_add(args: argparse.Namespace) -> int:
    """Add one camera to the source's list."""
    camera: dict[str, Any] = {"id": args.id, "groups": args.group, "aliases": args.alias}
    for name in ("name", "heading", "zone"):
        if getattr(args, name) is not None:
            camera[name] = getattr(args, name)
    if args.position is not None:
        camera["latitude"], camera["longitude"] = args.position
    _check(camera)
    token = read_secret(args.token_file)
    known = _known(args, token)
    if args.id in known:
        raise ConfigurationError(
            f"`{args.id}` is registered already; `camera import` changes what is said of it"
        )
    return _put(args, token, [*known.values(), camera])


def run_import(args: argparse.Namespace) -> int:
    """Make the cameras in a file the source's list: all of them, or none with the line and the reason."""
    by_name: ListForm = "geojson" if args.file.suffix in (".geojson", ".json") else "csv"
    form: ListForm = args.format or by_name
    cameras = read_cameras(read_file(args.file), form, _check)
    token = read_secret(args.token_file)
    missing = sorted(_known(args, token).keys() - {camera["id"] for camera in cameras})
    if missing and not args.end_missing:
        raise InputError(
            f"{len(missing)} cameras that are registered are not in the file, `{missing[0]}` first: they would take "
            "no reads any more. Add them, or say --end-missing"
        )
    return _put(args, token, cameras)


def _check(camera: Mapping[str, Any]) -> None:
    try:
        check_cameras((msgspec.convert(camera, CameraSet),))
    except msgspec.ValidationError as error:
        raise InputError(str(error)) from error


def _known(args: argparse.Namespace, token: str) -> dict[str, dict[str, Any]]:
    """Return the cameras that are registered, as they are sent, by their ids."""
    body = ask(args.url, "/v1/cameras", token, 200)
    return {
        one["id"]: {name: one[name] for name in COLUMNS if one.get(name) is not None}
        for one in body["cameras"]
    }


def _put(args: argparse.Namespace, token: str, cameras: list[dict[str, Any]]) -> int:
    body = json.dumps(cameras, ensure_ascii=False).encode()
    with ProgressLine("bytes of cameras", len(body)) as progress:
        answer = called(
            args.url,
            "PUT",
            "/v1/cameras",
            token,
            timeout_s=_TIMEOUT_S,
            content=progress.parts(body),
            headers={"Content-Type": "application/json", "Content-Length": str(len(body))},
        )
    said = json.loads(answer.content)
    if args.json:
        print(json.dumps(said, indent=2))
    else:
        say(f"{said['cameras']} cameras are registered: entry {said['entry']} of the log.")
    return 0


# --- the quarantine ------------------------------------------------------------------------------------------------


def run_quarantine(args: argparse.Namespace) -> int:
    """Print what of the source's could not be taken, and why."""
    shown = 0
    for one in _quarantined(args, read_secret(args.token_file)):
        shown += 1
        if args.json:
            print(json.dumps(one))
        else:
            camera = one.get("camera") or "a camera that is not registered"
            say(f"{one['number']} {one['at']} {camera}: {one['code']}: {one['detail']}")
            if args.reads:
                say(f"  {json.dumps(one['read'], ensure_ascii=False)}")
    if not args.json:
        say(
            f"{shown} could not be taken{' (more behind --after)' if shown == args.limit else ''}.",
            file=sys.stderr,
        )
    return 0


def _quarantined(args: argparse.Namespace, token: str) -> Iterator[dict[str, Any]]:
    after, left = args.after, args.limit
    with ProgressLine("quarantined reads", args.limit) as progress:
        while left > 0:
            path = f"/v1/quarantine?after={after}&limit={min(left, _AT_ONCE)}"
            lines = called(args.url, "GET", path, token, timeout_s=_TIMEOUT_S).content.splitlines()
            if not lines:
                return
            for line in lines:
                one = json.loads(line)
                after = one["number"]
                yield one
            left -= len(lines)
            progress.more(len(lines))
