"""The arguments of `key`, `check`, `sign`, `submit` and `officer`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from wicketgate.cli.arguments import add_against, add_passphrase_file, add_signing, gateway_address, number


def add_key(parser: ArgumentParser) -> None:
    """Add the arguments of `key`."""
    commands = parser.add_subparsers(dest="key_command", required=True, metavar="new|show")
    new = commands.add_parser("new", help="make a new key and print its public half")
    new.add_argument("office", metavar="OFFICE", help="organisation/office")
    new.add_argument(
        "--out", required=True, type=Path, metavar="F", help="the key file to make; it must not exist"
    )
    add_passphrase_file(new)
    new.set_defaults(run="wicketgate.cli.officer:new_key")
    show = commands.add_parser("show", help="print the public half of a key")
    show.add_argument("key", metavar="KEY", help="a key file, or a key in a token (pkcs11:…)")
    add_passphrase_file(show)
    show.set_defaults(run="wicketgate.cli.officer:show_key")


def add_check(parser: ArgumentParser) -> None:
    """Add the arguments of `check`."""
    parser.add_argument("document", type=Path, metavar="DOC", help="a TOML document or a signed envelope")
    add_against(parser)
    _add_cameras(parser)
    parser.set_defaults(run="wicketgate.cli.officer:check_document")


def add_sign(parser: ArgumentParser) -> None:
    """Add the arguments of `sign`."""
    parser.add_argument(
        "document", type=Path, metavar="DOC.toml", help="the document; a signed envelope will do too"
    )
    add_signing(parser)
    parser.add_argument("--out", type=Path, metavar="F", help="the envelope to make or to add to")
    parser.add_argument(
        "--payload-out",
        type=Path,
        metavar="F",
        help="sign nothing: write the bytes that a key elsewhere signs",
    )
    parser.add_argument(
        "--signature", type=Path, metavar="F", help="add this signature over them, 64 bytes or their base64"
    )
    parser.add_argument("--public", metavar="KEY", help="the public key of --signature, `ed25519:…`")
    add_against(parser)
    _add_cameras(parser)
    parser.set_defaults(run="wicketgate.cli.officer:sign_file")


def add_submit(parser: ArgumentParser) -> None:
    """Add the arguments of `submit`."""
    parser.add_argument("envelope", type=Path, metavar="DOC.dsse.json", help="the signed document")
    parser.add_argument("--to", required=True, type=gateway_address, metavar="URL", help="the gateway")
    parser.add_argument(
        "--token-file", required=True, type=Path, metavar="F", help="a file that holds any known token"
    )
    parser.set_defaults(run="wicketgate.cli.officer:submit_file")


def add_officer(parser: ArgumentParser) -> None:
    """Add the arguments of `officer`."""
    parser.add_argument(
        "document", nargs="?", type=Path, metavar="DOC", help="a TOML document or a signed envelope to open"
    )
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument(
        "--keys",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="a folder of key files, of which the page lets one choose (default: this folder)",
    )
    keys.add_argument("--key", metavar="KEY", help="who signs: a key file, or a key in a token (pkcs11:…)")
    parser.add_argument(
        "--log-key",
        type=Path,
        metavar="F",
        help="a file of the log's key, got another way: what is in force is verified with it",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="where checkpoints are kept from look to look: what is in force is verified against them "
        "(default: $XDG_STATE_HOME/wicketgate, where `verify` kept some)",
    )
    parser.add_argument("--to", type=gateway_address, metavar="URL", help="the gateway")
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="F",
        help="a file that holds any known token, or what `sign-in` wrote: without one nothing is sent",
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address alone")
    parser.add_argument(
        "--idle",
        type=lambda text: number(text, 1, 86_400),
        default=900.0,
        metavar="S",
        help="end when nobody has used the page for so many seconds (default 900)",
    )
    _add_cameras(parser)
    parser.set_defaults(run="wicketgate.cli.officer_page:open_page")


def _add_cameras(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--cameras",
        type=int,
        metavar="N",
        help="where a register is asked: how many cameras are in the document's scope",
    )
