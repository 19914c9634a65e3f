"""The command `wicketgate`.

It finds the command, parses its arguments, and imports what runs it only then.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence

from wicketgate.base.errors import ConfigurationError, WicketgateError
from wicketgate.cli.commands import find_command, resolve
from wicketgate.cli.endings import FAILED, INTERRUPTED, tell
from wicketgate.cli.parser import build_parser as build_parser
from wicketgate.cli.parser import command_parser, root_parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return _run(given)
    except WicketgateError as error:
        return tell(error)
    except BrokenPipeError:
        # Whoever read standard output has gone. Python would say so again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(given: list[str]) -> int:
    if not given or given[0].startswith("-"):
        root_parser().parse_args(given)
        raise ConfigurationError("no command was given; `wicketgate --help` lists them", code="usage")
    args = command_parser(find_command(given[0])).parse_args(given[1:])
    gc.disable()  # what is imported stays: looking for garbage in it takes a tenth of the time
    try:
        run = resolve(args.run)
    finally:
        gc.enable()
    _log_to_stderr()
    code: int = run(args)
    sys.stdout.flush()
    return code


def _log_to_stderr() -> None:
    import logging

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("nats", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
