"""The arguments of `init`, `serve` and `upgrade`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from wicketgate.cli.arguments import port


def add_init(parser: ArgumentParser) -> None:
    """Add the arguments of `init`."""
    parser.add_argument(
        "folder", type=Path, metavar="D", help="the directory to make; must be empty or absent"
    )
    parser.add_argument(
        "--charter", type=Path, required=True, metavar="F", help="the signed charter (DSSE envelope)"
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="F",
        help="a wicketgate.toml to begin with, such as one that names an external NATS server; give full paths in it",
    )
    parser.set_defaults(run="wicketgate.cli.operator:run_init")


def add_serve(parser: ArgumentParser) -> None:
    """Add the arguments of `serve`."""
    parser.add_argument("folder", type=Path, metavar="D", help="a directory that `init` made")
    parser.add_argument("--port", type=port, metavar="P", help="instead of the settings'; 0 takes a free one")
    parser.add_argument(
        "--accept-clock",
        metavar="REASON",
        help="take a leap of the machine's clock since the last start; the reason is published in the log",
    )
    parser.set_defaults(run="wicketgate.cli.serving:run_serve")


def add_upgrade(parser: ArgumentParser) -> None:
    """Add the arguments of `upgrade`."""
    parser.add_argument("folder", type=Path, metavar="D", help="a stopped deployment of an earlier version")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and touch nothing")
    parser.set_defaults(run="wicketgate.cli.upgrading:run_upgrade")
