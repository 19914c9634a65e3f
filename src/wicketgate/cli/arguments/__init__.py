"""The arguments of each command, one file a role.

Nothing heavy is imported, so that `--help` is quick.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path


def gateway_address(text: str) -> str:
    """Return the address of a gateway.

    argparse says so where it is none.
    """
    if not text.startswith(("http://", "https://")):
        raise ArgumentTypeError("the address of a gateway begins with http:// or https://")
    return text


def whole_number(text: str, least: int, most: int) -> int:
    """Return a whole number between two others.

    argparse says so where it is none.
    """
    try:
        value = int(text)
    except ValueError:
        value = most + 1
    if not least <= value <= most:
        raise ArgumentTypeError(f"`{text}` is not a whole number from {least} to {most}")
    return value


def number(text: str, least: float, most: float) -> float:
    """Return a number between two others.

    argparse says so where it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = most + 1
    if not least <= value <= most:  # nor is `nan`
        raise ArgumentTypeError(f"`{text}` is not a number from {least:,} to {most:,}")
    return value


def port(text: str) -> int:
    """Return the number of a port.

    0 stands for a free one.
    """
    return whole_number(text, 0, 65_535)


def add_gateway(parser: ArgumentParser, whose: str) -> None:
    """Add `--from` and `--token-file`, for commands on a gateway."""
    parser.add_argument(
        "--from", dest="url", required=True, type=gateway_address, metavar="URL", help="the gateway"
    )
    parser.add_argument(
        "--token-file", required=True, type=Path, metavar="F", help=f"{whose} token, in a file of mode 0600"
    )


def add_json(parser: ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def add_passphrase_file(parser: ArgumentParser) -> None:
    """Add `--passphrase-file`.

    A passphrase is never an argument, because other users of the machine can see those.
    """
    parser.add_argument(
        "--passphrase-file",
        type=Path,
        metavar="F",
        help="a file, mode 0600, whose first line is the key's passphrase (default: it is asked for)",
    )


def add_kept(parser: ArgumentParser) -> None:
    """Add `--seen` and `--state`: the checkpoints that a log must extend."""
    parser.add_argument(
        "--seen",
        action="extend",
        nargs="+",
        type=Path,
        default=[],
        metavar="F",
        help="signed checkpoints that somebody kept: the log must extend each",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="where checkpoints are kept from look to look (default: $XDG_STATE_HOME/wicketgate)",
    )


def add_against(parser: ArgumentParser, *, required: bool = False) -> None:
    """Add `--against`: the source of the documents in force."""
    parser.add_argument(
        "--against",
        metavar="URL|FILE",
        required=required,
        help="a gateway, or its register.json saved before: what is in force there",
    )


def add_signing(parser: ArgumentParser) -> None:
    """Add the options for a signer, and for signing without a question."""
    parser.add_argument("--key", metavar="KEY", help="who signs: a key file, or a key in a token (pkcs11:…)")
    add_passphrase_file(parser)
    parser.add_argument("--yes", action="store_true", help="sign without asking")
    parser.add_argument(
        "--anyway",
        action="store_true",
        help="sign what would be refused too, and with a key that is not among those needed",
    )
