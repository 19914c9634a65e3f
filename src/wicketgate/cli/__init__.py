"""The command `wicketgate`."""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version

from wicketgate.base.errors import WicketgateError

_COMMANDS = {
    "operator": ("init", "serve"),
    "officer": ("key", "check", "sign", "submit"),
    "drafts": ("review", "suspend", "resume", "revoke", "consult", "object", "decide"),
    "recipient": ("receive", "verify"),
    "overseer": ("why",),
    "attest": ("disclose", "attest"),
    "simulation": ("simulate", "demo", "bench"),
}
"""The modules beside this one, and the commands that each adds."""


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of every command, or where `command` is one of them of those in its module.

    The modules bring most of the program with them; a command waits only for what it needs.
    """
    parser = argparse.ArgumentParser(
        prog="wicketgate", description="An accountable gateway for number-plate reads."
    )
    parser.add_argument("--version", action="version", version=f"wicketgate {version('wicketgate')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    wanted = [name for name, added in _COMMANDS.items() if command in added] or list(_COMMANDS)
    for name in wanted:
        importlib.import_module(f"wicketgate.cli.{name}").add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("nats", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    given = sys.argv[1:] if arguments is None else list(arguments)
    parsed = build_parser(given[0] if given else None).parse_args(given)
    try:
        code: int = parsed.run(parsed)
    except WicketgateError as error:
        print(f"wicketgate: {error.detail} [{error.code}]", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code
