"""The arguments of `why` and `oversee`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from wicketgate.cli.arguments import add_gateway, add_passphrase_file, gateway_address, whole_number


def add_why(parser: ArgumentParser) -> None:
    """Add the arguments of `why`."""
    parser.add_argument("--read", required=True, metavar="F", help="a read as JSON; `-` is standard input")
    about = parser.add_mutually_exclusive_group(required=True)
    about.add_argument("--authority", metavar="NAME", help="under this authority")
    about.add_argument("--recipient", metavar="ORG/UNIT", help="under every authority of this unit")
    add_gateway(parser, "the overseer's")
    parser.add_argument(
        "--as-of", metavar="ENTRY", help="as of this entry of the ledger, or this time; else now"
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.set_defaults(run="wicketgate.cli.overseer:run_why")


def add_oversee(parser: ArgumentParser) -> None:
    """Add the arguments of `oversee`."""
    parser.add_argument("url", type=gateway_address, metavar="URL", help="the gateway")
    parser.add_argument(
        "--identity", type=Path, metavar="K", help="your age identity: it opens what is sealed to you"
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="F", help="your office's token, in a file of mode 0600"
    )
    parser.add_argument(
        "--key", type=Path, metavar="F", help="the log's key, got another way than from the gateway"
    )
    parser.add_argument(
        "--state",
        required=True,
        type=Path,
        metavar="DIR",
        help="your folder: what was fetched, drawn and found",
    )
    parser.add_argument(
        "--sign-with",
        metavar="KEY",
        help="your office's key: draws what you look at, and signs what you say publicly",
    )
    add_passphrase_file(parser)
    parser.add_argument(
        "--days",
        type=_days,
        default=7,
        metavar="N",
        help="hold the facts of so many days against each other (7)",
    )
    parser.add_argument(
        "--draw", type=_each, default=3, metavar="N", help="draw so many new facts of each kind at most (3)"
    )
    parser.add_argument(
        "--found",
        nargs=3,
        metavar=("ID", "VERDICT", "WORDS"),
        help="record what you found of a fact that was drawn, `good` or `not-good`, and end",
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.set_defaults(run="wicketgate.cli.oversight:run_oversee")


def _days(text: str) -> int:
    return whole_number(text, 1, 400)


def _each(text: str) -> int:
    return whole_number(text, 0, 1000)
