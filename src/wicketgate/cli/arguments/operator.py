"""The arguments of `init`, `serve`, `role`, `upgrade`, `backup` and `restore`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from wicketgate.cli.arguments import port

ROLES = ("front", "reader")
"""Those of `base.roles`, which is too much to import here."""


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
    parser.add_argument(
        "--role",
        choices=("sequencer", *ROLES),
        help="a sequencer takes turns with another one: it waits while that leads; a front and a reader are on hosts "
        "of their own",
    )
    parser.add_argument("--streams", metavar="URL", help="the streams' servers, instead of the settings'")
    parser.add_argument(
        "--role-file", type=Path, metavar="F", help="the role's credential, which `role new` made"
    )
    parser.add_argument(
        "--log", metavar="URL", help="a gateway or a reader, whose log a new reader takes and verifies"
    )
    parser.set_defaults(run="wicketgate.cli.serving:run_serve")


def add_standby(parser: ArgumentParser) -> None:
    """Add the arguments of `standby`."""
    parser.add_argument(
        "folder", type=Path, metavar="D", help="the first sequencer's directory; it is stopped"
    )
    parser.add_argument("second", type=Path, metavar="D2", help="the directory to make")
    parser.set_defaults(run="wicketgate.cli.standby:run_standby")


def add_upgrade(parser: ArgumentParser) -> None:
    """Add the arguments of `upgrade`."""
    parser.add_argument("folder", type=Path, metavar="D", help="a stopped deployment of an earlier version")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and touch nothing")
    parser.set_defaults(run="wicketgate.cli.upgrading:run_upgrade")


def add_backup(parser: ArgumentParser) -> None:
    """Add the arguments of `backup`."""
    parser.add_argument("folder", type=Path, metavar="D", help="a deployment that runs")
    parser.add_argument(
        "--to",
        required=True,
        metavar="DIR|URL",
        help="where its objects go: a folder, or `s3://bucket/prefix`",
    )
    parser.add_argument(
        "--keys",
        required=True,
        metavar="DIR|URL",
        help="where their keys go: another place than the objects'",
    )
    parser.add_argument(
        "--to-access", type=Path, metavar="F", help="the TOML file that lets you in at `--to`"
    )
    _add_keys_access(parser)
    parser.set_defaults(run="wicketgate.cli.backups:run_backup")


def add_restore(parser: ArgumentParser) -> None:
    """Add the arguments of `restore`."""
    parser.add_argument("source", metavar="DIR|URL", help="where the objects of the backup are")
    parser.add_argument("folder", type=Path, metavar="D", help="a directory that holds `keys/log.pem` alone")
    parser.add_argument("--keys", required=True, metavar="DIR|URL", help="where their keys are")
    parser.add_argument(
        "--identity", type=Path, required=True, metavar="F", help="the age identity of a recipient"
    )
    parser.add_argument(
        "--seen", type=Path, required=True, metavar="F", help="the last checkpoint of the log known outside"
    )
    parser.add_argument(
        "--from-access", type=Path, metavar="F", help="the TOML file that lets you in at the objects"
    )
    _add_keys_access(parser)
    parser.set_defaults(run="wicketgate.cli.backups:run_restore")


def _add_keys_access(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--keys-access", type=Path, metavar="F", help="the TOML file that lets you in at `--keys`"
    )


def add_role(parser: ArgumentParser) -> None:
    """Add the arguments of `role`."""
    what = parser.add_subparsers(title="what to do", required=True, metavar="DO")
    new = what.add_parser("new", help="let a role run on another host, and write its credential")
    listed = what.add_parser("list", help="list the roles that are known")
    withdraw = what.add_parser("withdraw", help="end a role, within a second")
    for one in (new, listed, withdraw):
        one.add_argument(
            "folder", type=Path, metavar="D", help="the sequencer's directory; it may be running"
        )
    new.add_argument("--role", required=True, choices=ROLES, help="what it may do")
    new.add_argument("--name", required=True, metavar="N", help="small letters, digits and `-`")
    new.add_argument("--out", type=Path, required=True, metavar="F", help="the new file, for its host alone")
    withdraw.add_argument("name", metavar="N", help="the role's name")
    for one, run in ((new, "new"), (listed, "list"), (withdraw, "withdraw")):
        one.set_defaults(run=f"wicketgate.cli.roles:run_{run}")
