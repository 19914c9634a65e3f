"""A recipient's command `evidence`, and `verify --evidence` for anyone.

docs/spec/evidence.md has the form of a pack.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.settings import read_secret
from wicketgate.cli.endings import GOOD
from wicketgate.cli.saying import say
from wicketgate.clients.evidence.archive import MAX_BYTES
from wicketgate.clients.evidence.checking import check_pack
from wicketgate.clients.evidence.gathering import Gathering
from wicketgate.clients.verify import Report, read_key
from wicketgate.clients.verify.keys import shown_key
from wicketgate.clients.verify.remote import Remote


def run_evidence(args: argparse.Namespace) -> int:
    """Gather an evidence pack, check it, and write it."""

    def tell(words: str) -> None:
        say(words, file=sys.stderr, flush=True)

    if args.out.exists():
        raise ConfigurationError(f"`{args.out}` is there already: nothing is overwritten")
    token = read_secret(args.token_file)
    with Remote(args.url, token=token) as remote:
        verifier = read_key(args.key) if args.key else shown_key(remote)
        if not args.key:
            tell(
                f"NOTE: the log's key is taken from {args.url} itself: {verifier.vkey}. Compare it with "
                "the key that was published another way, and give that with --key."
            )
        with ExitStack() as beside:
            custody = None
            if args.custody:
                custody = beside.enter_context(Remote(args.custody, token=token, attempts=1))
            data = Gathering(remote, verifier, tell, custody).pack(args.of)
    _write(args.out, data)
    say(
        f"`{args.out}`: {len(data)} bytes, checked. It shows private data: treat it as you must treat evidence."
    )
    return GOOD


def _write(path: Path, data: bytes) -> None:
    """Write a pack for its owner alone; a crash in here leaves a part of it, which `verify` refuses."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigurationError(f"`{path}` cannot be written") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def check_evidence(path: Path, key: Path | None) -> Report:
    """Return the report on the pack in a file.

    Raises
    ------
    ConfigurationError
        If the file cannot be read.
    InputError
        If it is no pack.
    """
    verifier = read_key(key) if key else None
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"`{path}` cannot be read") from error
    return check_pack(data, verifier)
