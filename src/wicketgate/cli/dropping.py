"""A source's command `drop`: pictures that cameras put into a folder are posted as they come, with their names.

A picture is posted once it has stood unchanged from one look to the next, and moved into `taken` or `quarantined` once
the gateway has answered. A crash between the two posts it again, and the gateway finds it repeated.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from wicketgate.base.errors import ConfigurationError, Unreachable, WicketgateError
from wicketgate.base.settings import read_secret
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import ask

_ENDINGS: Final = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".webp"})
_LARGEST: Final = 4 * 1024 * 1024
_TIMEOUT_S: Final = 30.0
TAKEN: Final = "taken"
QUARANTINED: Final = "quarantined"


def run_drop(args: argparse.Namespace) -> int:
    """Post pictures as they come; with `--once` end with 1 where some were not taken."""
    if not args.folder.is_dir():
        raise ConfigurationError(f"`{args.folder}` is no folder")
    token = read_secret(args.token_file)
    for name in (TAKEN, QUARANTINED):
        (args.folder / name).mkdir(exist_ok=True)
    before = waiting(args.folder, args.most)
    bad = 0
    while True:
        time.sleep(args.every)
        now = waiting(args.folder, args.most)
        for path, size in now.items():
            if before.get(path) == size:
                bad += not _post(args, token, path)
        if args.once and not waiting(args.folder, 1):
            return 1 if bad else 0
        before = now


def waiting(folder: Path, most: int) -> Mapping[Path, tuple[int, int]]:
    """Return the pictures in a folder and what tells whether they still grow, the oldest first."""
    found: list[tuple[int, Path, int]] = []
    for path in folder.iterdir():
        try:
            if path.suffix.lower() in _ENDINGS and path.is_file() and not path.is_symlink():
                seen = path.stat()
                found.append((seen.st_mtime_ns, path, seen.st_size))
        except OSError:
            continue  # it has just gone
    return {path: (size, at) for at, path, size in sorted(found)[:most]}


def _post(args: argparse.Namespace, token: str, path: Path) -> bool:
    """Post a picture, and move it by what became of it; return whether it is a read."""
    data = path.read_bytes()[: _LARGEST + 1]
    if len(data) > _LARGEST:
        say(f"{path.name} is too large, and left where it is")
        return False
    request: dict[str, Any] = {"files": {"image": (path.name, data, "image/jpeg")}}
    if args.camera:
        request["params"] = {"camera": args.camera}
    try:
        answer = ask(
            args.url, f"/v1/push/{args.adapter}", token, 200, timeout_s=_TIMEOUT_S, method="POST", **request
        )
    except Unreachable as error:
        say(f"{path.name} waits: {error.detail}")
        return True  # it is posted again
    except WicketgateError as error:
        raise ConfigurationError(f"the gateway refuses: {error.detail}") from error
    refused = answer.get("quarantined") or []
    path.replace(path.parent / (QUARANTINED if refused else TAKEN) / path.name)
    if refused:
        say(f"{path.name}: {refused[0].get('detail')} [{refused[0].get('code')}]")
    return not refused
