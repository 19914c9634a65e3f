"""The arguments of `why`."""

from __future__ import annotations

from argparse import ArgumentParser

from wicketgate.cli.arguments import add_gateway


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
