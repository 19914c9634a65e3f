"""A unit's commands `hotlist` and `hits`, over the gateway's API."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Final
from urllib.parse import quote, urlencode

from wicketgate.base.settings import read_secret
from wicketgate.cli.asking import called
from wicketgate.cli.progress import ProgressLine
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import ask, make_file, read_file

_TIMEOUT_S: Final = 300.0
_TYPES: Final = {"ndjson": "application/x-ndjson", "json": "application/json", "csv": "text/csv"}

# --- lists --------------------------------------------------------------------------------------------------------


def run_put(args: argparse.Namespace) -> int:
    """Make the entries in a file the unit's list: all of them, or none with the line and the reason."""
    return _change(args, "PUT")


def run_patch(args: argparse.Namespace) -> int:
    """Change the unit's list by the entries in a file."""
    return _change(args, "PATCH")


def _change(args: argparse.Namespace, method: str) -> int:
    form = args.format or ("csv" if args.file.suffix == ".csv" else "ndjson")
    body = read_file(args.file)
    headers = {"Content-Type": _TYPES[form], "Content-Length": str(len(body))}
    if args.revision is not None:
        headers["If-Match"] = f'"{args.revision}"'
    kind = f"?{urlencode({'kind': args.kind})}" if args.kind is not None else ""
    with ProgressLine("bytes of the list", len(body)) as progress:
        answer = called(
            args.url,
            method,
            f"/v1/hotlists/{quote(args.authority, safe='')}{kind}",
            read_secret(args.token_file),
            timeout_s=_TIMEOUT_S,
            content=progress.parts(body),
            headers=headers,
        )
    said = json.loads(answer.content)
    if args.json:
        print(json.dumps(said, indent=2))
    else:
        for name, value in said.items():
            say(f"{name} {value}")
    return 0


def run_show(args: argparse.Namespace) -> int:
    """Print the unit's own list, or write it to a file."""
    form = args.format or ("csv" if args.out is not None and args.out.suffix == ".csv" else "ndjson")
    path = f"/v1/hotlists/{quote(args.authority, safe='')}"
    headers = {"Accept": _TYPES[form]}
    token = read_secret(args.token_file)
    body = called(args.url, "GET", path, token, timeout_s=_TIMEOUT_S, headers=headers).content
    if args.json:
        entries = [json.loads(line) for line in body.splitlines()] if form == "ndjson" else []
        print(json.dumps({"authority": args.authority, "entries": entries}, indent=2))
    elif args.out is not None:
        make_file(args.out, body)
        say(f"The list is in `{args.out}`: it holds plates.")
    else:
        for line in body.decode().splitlines():
            say(line)
    return 0


# --- hits ---------------------------------------------------------------------------------------------------------


def run_list(args: argparse.Namespace) -> int:
    """Print the unit's hits: those that wait, or the latest."""
    asked = {"state": args.state, "limit": args.limit}
    if args.authority is not None:
        asked["authority"] = args.authority
    body = ask(args.url, f"/v1/hits?{urlencode(asked)}", read_secret(args.token_file), 200)
    if args.json:
        print(json.dumps(body, indent=2))
        return 0
    for hit in body["hits"]:
        say(_line(hit))
    say(f"{len(body['hits'])} hits.", file=sys.stderr)
    return 0


def _line(hit: dict[str, Any]) -> str:
    read = hit["read"]
    place = read.get("camera_name") or read.get("camera") or "no place"
    late = ", overdue" if hit["overdue"] else ""
    return (
        f"{hit['id']} {hit['quality']} {hit['kind']}: {read.get('plate', '?')} at {place}, "
        f"{read.get('captured_at', hit['raised_at'])} ({hit['status']}{late})"
    )


def run_outcome(args: argparse.Namespace) -> int:
    """Say what became of a hit."""
    said: dict[str, Any] = {"outcome": args.outcome}
    for name in ("reason", "by", "plate_seen"):
        if getattr(args, name) is not None:
            said[name] = getattr(args, name)
    path = f"/v1/hits/{quote(args.id, safe='')}/outcome"
    body = ask(args.url, path, read_secret(args.token_file), 200, json=said)
    if args.json:
        print(json.dumps(body, indent=2))
    else:
        say(f"{body['id']} is {body['status']}.")
    return 0
