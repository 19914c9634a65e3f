"""The arguments of `new`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from wicketgate.cli.arguments import add_passphrase_file

TEMPLATES = ("council", "city", "police-region")
"""Those of `clients.founding.answers`, which is too much to import here."""


def add_new(parser: ArgumentParser) -> None:
    """Add the arguments of `new`."""
    parser.add_argument("folder", type=Path, metavar="D", help="the folder to make; must be empty or absent")
    parser.add_argument("--template", choices=TEMPLATES, help="whose gateway it is (default: council)")
    parser.add_argument(
        "--answers", type=Path, metavar="F", help="the answers as TOML, instead of questions at the terminal"
    )
    add_passphrase_file(parser)
    parser.set_defaults(run="wicketgate.cli.founding:run_new")
