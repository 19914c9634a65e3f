"""The arguments of `verify` and `completion`, for anyone.

They need no office and no token.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path


def add_verify(parser: ArgumentParser) -> None:
    """Add the arguments of `verify`."""
    parser.add_argument("target", metavar="URL|DIR", help="a gateway's address, a deployment or a log")
    parser.add_argument("--key", type=Path, metavar="F", help="the log's key, got another way")
    parser.add_argument("--feed-file", type=Path, metavar="F", help="batches that were received")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run="wicketgate.cli.recipient:run_verify")


def add_completion(parser: ArgumentParser) -> None:
    """Add the arguments of `completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="which shell")
    parser.set_defaults(run="wicketgate.cli.completion:run_completion")
