"""The command `wicketgate`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version

from wicketgate.cli import officer, operator, recipient, simulation
from wicketgate.errors import WicketgateError


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="wicketgate", description="An accountable gateway for number-plate reads."
    )
    parser.add_argument("--version", action="version", version=f"wicketgate {version('wicketgate')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for part in (operator, officer, recipient, simulation):
        part.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("nats", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    parsed = build_parser().parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
    except WicketgateError as error:
        print(f"wicketgate: {error.detail} [{error.code}]", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code
