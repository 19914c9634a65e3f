"""Print a shell's completion script: `wicketgate completion`.

The shell then completes commands, options and files.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab

from wicketgate.cli.parser import build_parser


def run_completion(args: argparse.Namespace) -> int:
    """Print the script of a shell."""
    parser = build_parser()
    _mark_files(parser)
    print(shtab.complete(parser, args.shell))
    return 0


def _mark_files(parser: argparse.ArgumentParser) -> None:
    """Mark the arguments with paths, for the shell to complete."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                _mark_files(below)
        elif action.type is Path or "FILE" in str(action.metavar) or "DIR" in str(action.metavar):
            folder = action.metavar in ("D", "URL|DIR")
            action.complete = shtab.DIRECTORY if folder else shtab.FILE  # type: ignore[attr-defined]
