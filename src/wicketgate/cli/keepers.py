"""A recipient's command `keeper`: one link, by showing a row or a confirmed hit.

docs/recipient.md shows it in use.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.settings import read_secret
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import ask
from wicketgate.feeds.batches import Batch, check_batch, read_batches
from wicketgate.ledger.merkle import inclusion_ranges, leaf_hashes, root

_TIMEOUT_S: Final = 120.0
_SHOWN: Final = ("header", "row", "path")
_MOST: Final = 256 * 1024


def run_keeper(args: argparse.Namespace) -> int:
    """Ask for the keeper of one shown row or confirmed hit, and print what the register says."""
    token = read_secret(args.token_file)
    said: dict[str, Any] = {"cause": args.cause, "case": args.case}
    if args.image:
        said["image"] = args.image
    if args.decided:
        said["decided"] = args.decided
    if args.row is not None:
        shown = shown_row(args.row, args.seq)
        said |= shown
        said["authority"] = args.authority or str(shown["header"].get("authority", "")).partition("@")[0]
    else:
        said |= {"hit": args.hit, "authority": args.authority or _authority_of(args, token)}
    body = ask(args.url, "/v1/keepers", token, 200, timeout_s=_TIMEOUT_S, json=said)
    if args.json:
        print(json.dumps(body, indent=2))
        return 0
    keeper, vehicle = body["keeper"], body["vehicle"]
    say(f"{keeper['name']}, {', '.join(keeper['address'])}")
    say(f"kept it on {keeper['date']}: {vehicle['colour']} {vehicle['make']} {vehicle['model']}".rstrip())
    say(f"link {body['id']}")
    say(str(body["note"]))
    return 0


def _authority_of(args: argparse.Namespace, token: str) -> str:
    hit = ask(args.url, f"/v1/hits/{args.hit}", token, 200, timeout_s=_TIMEOUT_S)
    return str(hit["authority"]).partition("@")[0]


def shown_row(path: Path, seq: int | None) -> Mapping[str, Any]:
    """Return the header, the line and the path of a row in a file.

    Parameters
    ----------
    path : Path
        An object with `header`, `row` and `path`, or a feed file as `receive --out` keeps it.
    seq : int or None
        The row's number, of a feed file.

    Raises
    ------
    ConfigurationError, InputError, VerificationError
        If there is no such row, or its batch is not what it says.
    """
    try:
        with path.open("rb") as file:
            if seq is None:
                return _object(file.read(_MOST + 1))
            for batch in read_batches(file):
                for index, line in enumerate(batch.lines):
                    if line.startswith(b'{"seq":%d,' % seq):
                        check_batch(batch)
                        return _shown(batch, index)
    except OSError as error:
        raise ConfigurationError(f"`{path}` cannot be read") from error
    raise ConfigurationError(f"`{path}` has no row {seq}")


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(one in value for one in _SHOWN):
        raise InputError("the file is no row with `header`, `row` and `path`: of a feed file say --seq")
    if not isinstance(value["header"], dict):
        raise InputError("`header` is no object")
    return {one: value[one] for one in _SHOWN}


def _shown(batch: Batch, index: int) -> Mapping[str, Any]:
    leaves = leaf_hashes(batch.lines)
    for at, line in enumerate(batch.lines):
        if b'"erased":' in line[:40]:
            leaves[at] = bytes.fromhex(json.loads(line)["erased"])
    path = [root(leaves[start:end]).hex() for start, end in inclusion_ranges(index, len(leaves))]
    return {"header": dict(batch.header), "row": batch.lines[index].decode(), "path": path}
