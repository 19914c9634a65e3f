"""The arguments of `verify`, `report`, `witness` and `completion`, for anyone.

They need no office and no token.
"""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from pathlib import Path

from wicketgate.cli.arguments import add_kept, gateway_address, port


def add_verify(parser: ArgumentParser) -> None:
    """Add the arguments of `verify`."""
    parser.add_argument(
        "target", nargs="?", metavar="URL|DIR", help="a gateway's address, a deployment or a log"
    )
    parser.add_argument("--key", type=Path, metavar="F", help="the log's key, got another way")
    parser.add_argument("--feed-file", type=Path, metavar="F", help="batches that were received")
    add_kept(parser)
    parser.add_argument(
        "--whole", action="store_true", help="read all entries again, not only those since the last look"
    )
    parser.add_argument(
        "--evidence", type=Path, metavar="F", help="an evidence pack alone: nothing is asked of any machine"
    )
    parser.add_argument("--openings", type=Path, metavar="F", help="an overseer's openings, as fetched")
    parser.add_argument("--identity", type=Path, metavar="K", help="the age identity that opens them")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run="wicketgate.cli.recipient:run_verify", finish=_find_target)


def add_report(parser: ArgumentParser) -> None:
    """Add the arguments of `report`."""
    parser.add_argument("kind", choices=("three-month", "annual", "review", "access"), help="which report")
    parser.add_argument("url", type=gateway_address, metavar="URL", help="the gateway")
    parser.add_argument("--authority", metavar="NAME", help="whose `three-month` or `review`")
    parser.add_argument("--since", metavar="T", help="of `annual`: from when (a year before its end)")
    parser.add_argument(
        "--until", metavar="T", help="of `annual`: until when (the end of the last whole month)"
    )
    parser.add_argument(
        "--form", choices=("json", "csv", "markdown"), help="its form (as --out ends, or Markdown)"
    )
    parser.add_argument("--out", type=Path, metavar="F", help="where it is written (printed)")
    parser.add_argument("--key", type=Path, metavar="F", help="the log's key, got another way")
    add_kept(parser)
    parser.set_defaults(run="wicketgate.cli.reporting:run_report")


def _find_target(parser: ArgumentParser, args: Namespace) -> None:
    """Take `--seen F URL` as it is meant, though argparse takes the address for another file."""
    if args.evidence is not None:
        beside = (args.target, args.feed_file, args.openings, args.identity, *args.seen)
        if any(one is not None for one in beside):
            parser.error("--evidence is checked alone, with --key and --json")
        return
    if args.target is not None:
        return
    if not args.seen:
        parser.error("the following arguments are required: URL|DIR")
    # A path has lost one of the two slashes of an address.
    args.target = re.sub(r"^(https?):/(?=[^/])", r"\1://", str(args.seen.pop()))


def add_witness(parser: ArgumentParser) -> None:
    """Add the arguments of `witness`."""
    parser.add_argument(
        "folder", type=Path, metavar="D", help="the witness's folder, made where it is missing"
    )
    parser.add_argument("--name", help="a new witness's name, by custom an address without https://")
    parser.add_argument(
        "--log",
        action="append",
        default=[],
        metavar="KEY",
        help="a log to know from now on, by its key, got another way: the key itself or a file",
    )
    parser.add_argument("--port", type=port, default=0, metavar="P", help="where it listens; else a free one")
    parser.set_defaults(run="wicketgate.cli.witness:run_witness")


def add_completion(parser: ArgumentParser) -> None:
    """Add the arguments of `completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="which shell")
    parser.set_defaults(run="wicketgate.cli.completion:run_completion")
