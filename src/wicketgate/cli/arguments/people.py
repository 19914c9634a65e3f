"""The arguments of `people` and `sign-in`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from wicketgate.cli.arguments import gateway_address


def add_people(parser: ArgumentParser) -> None:
    """Add the arguments of `people`."""
    commands = parser.add_subparsers(dest="people_command", required=True, metavar="draft|open")
    draft = commands.add_parser("draft", help="draft who may do what, from names in clear")
    draft.add_argument(
        "names", type=Path, metavar="NAMES.toml", help="the document with names and claims in clear"
    )
    draft.add_argument(
        "--before",
        type=Path,
        nargs=2,
        metavar=("DOCUMENT", "OPENINGS"),
        help="the version before, and its openings: whoever stands in it keeps passkey and code",
    )
    for name, what in (
        ("--out", "the document to make, to be signed"),
        ("--openings", "the file to make for the gateway: who is meant"),
        ("--codes", "the file to make of the codes, one for each person"),
    ):
        draft.add_argument(name, type=Path, required=True, metavar="F", help=what)
    draft.set_defaults(run="wicketgate.cli.people:draft")
    hand = commands.add_parser("open", help="tell a gateway who is meant by a document of people")
    hand.add_argument("organisation", metavar="ORGANISATION", help="whose people they are")
    hand.add_argument("openings", type=Path, metavar="F", help="what `people draft` made")
    hand.add_argument("--to", type=gateway_address, required=True, metavar="URL", help="the gateway")
    hand.add_argument(
        "--token-file", type=Path, required=True, metavar="F", help="the admin's token, or one of theirs"
    )
    hand.set_defaults(run="wicketgate.cli.people:open_people")


def add_sign_in(parser: ArgumentParser) -> None:
    """Add the arguments of `sign-in`."""
    parser.add_argument("--from", type=gateway_address, required=True, metavar="URL", help="the gateway")
    parser.add_argument("--out", type=Path, required=True, metavar="F", help="the file to make for the token")
    parser.set_defaults(run="wicketgate.cli.people:sign_in")
