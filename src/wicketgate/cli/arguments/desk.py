"""The arguments of `token`, `camera`, `quarantine`, `hotlist`, `hits` and `doctor`."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

from wicketgate.cli.arguments import add_gateway, add_json, gateway_address, number, whole_number

OUTCOMES = ("confirmed", "misread", "acted", "not-acted")
"""Those of `hotlists.outcomes`, which is too much to import here."""
_MOST = 1 << 53


def add_token(parser: ArgumentParser) -> None:
    """Add the arguments of `token`."""
    what = parser.add_subparsers(title="what to do", required=True, metavar="DO")
    new = what.add_parser("new", help="issue a token; a name may have several")
    listed = what.add_parser("list", help="list the names that have tokens")
    withdraw = what.add_parser("withdraw", help="withdraw every token of a name")
    for one in (new, withdraw):
        one.add_argument(
            "name",
            metavar="NAME",
            help="source:ORGANISATION, recipient:ORGANISATION/UNIT, overseer:ORGANISATION/OFFICE or admin",
        )
    for one, run in ((new, "new"), (listed, "list"), (withdraw, "withdraw")):
        add_gateway(one, "the admin's")
        add_json(one)
        one.set_defaults(run=f"wicketgate.cli.tokens:run_{run}")
    admin = what.add_parser(
        "admin", help="draft the act that replaces a lost token of the admin, with a new one"
    )
    of = admin.add_mutually_exclusive_group(required=True)
    of.add_argument("--against", metavar="URL|FILE", help="the gateway, or its register.json saved before")
    of.add_argument("--log", metavar="ORIGIN", help="the origin of its log, instead of --against")
    admin.add_argument("--reason", required=True, metavar="TEXT", help="why; it is published")
    admin.add_argument(
        "--act", required=True, type=Path, metavar="FILE", help="the draft to write, to be signed"
    )
    admin.add_argument(
        "--out", required=True, type=Path, metavar="F", help="a new file for the token, of mode 0600"
    )
    add_json(admin)
    admin.set_defaults(run="wicketgate.cli.tokens:run_admin")
    new.add_argument(
        "--out", type=Path, metavar="F", help="a new file for it, of mode 0600 (default: it is printed)"
    )


def add_camera(parser: ArgumentParser) -> None:
    """Add the arguments of `camera`."""
    what = parser.add_subparsers(title="what to do", required=True, metavar="DO")
    listed = what.add_parser("list", help="list them, with what became of their reads")
    add = what.add_parser("add", help="add one")
    imported = what.add_parser(
        "import", help="make the cameras in a file the whole list, or refuse it with the line"
    )
    for one, run in ((listed, "list"), (add, "add"), (imported, "import")):
        add_gateway(one, "the source's")
        add_json(one)
        one.set_defaults(run=f"wicketgate.cli.source:run_{run}")
    add.add_argument("id", metavar="ID", help="its name in the payloads or in the address that it posts to")
    add.add_argument("--name", metavar="TEXT", help="what people call the place")
    add.add_argument(
        "--group", action="append", default=[], metavar="G", help="what authorities name; again for more"
    )
    add.add_argument("--position", type=_position, metavar="LAT,LON", help="degrees, WGS 84")
    add.add_argument(
        "--heading",
        type=lambda text: number(text, 0, 360),
        metavar="D",
        help="where it looks, degrees from north",
    )
    add.add_argument(
        "--zone", metavar="ZONE", help="of its clock, such as Europe/London, where payloads give none"
    )
    add.add_argument(
        "--alias", action="append", default=[], metavar="A", help="what payloads call it; again for more"
    )
    imported.add_argument("file", type=Path, metavar="FILE", help="CSV, or GeoJSON of points")
    imported.add_argument("--format", choices=("csv", "geojson"), help="default: by the file's name")
    imported.add_argument(
        "--end-missing", action="store_true", help="cameras that are not in the file take no more reads"
    )


def _position(text: str) -> tuple[float, float]:
    latitude, comma, longitude = text.partition(",")
    if not comma:
        raise ArgumentTypeError(f"`{text}` is not `LATITUDE,LONGITUDE`")
    return number(latitude, -90, 90), number(longitude, -180, 180)


def add_quarantine(parser: ArgumentParser) -> None:
    """Add the arguments of `quarantine`."""
    add_gateway(parser, "the source's")
    parser.add_argument(
        "--after",
        type=lambda text: whole_number(text, 0, _MOST),
        default=0,
        metavar="N",
        help="begin behind this number (default: 0)",
    )
    parser.add_argument(
        "--limit",
        type=lambda text: whole_number(text, 1, 1_000_000),
        default=100,
        metavar="N",
        help="show at most so many (default: 100)",
    )
    parser.add_argument(
        "--reads", action="store_true", help="show each read as it was posted: plates are shown"
    )
    parser.add_argument("--json", action="store_true", help="print each as a line of JSON")
    parser.set_defaults(run="wicketgate.cli.source:run_quarantine")


def add_hotlist(parser: ArgumentParser) -> None:
    """Add the arguments of `hotlist`."""
    what = parser.add_subparsers(title="what to do", required=True, metavar="DO")
    put = what.add_parser("put", help="make the entries in a file the whole list")
    patch = what.add_parser("patch", help="change the list by the entries in a file")
    show = what.add_parser("show", help="show the unit's own list")
    for one, run in ((put, "put"), (patch, "patch"), (show, "show")):
        one.add_argument("authority", metavar="AUTHORITY", help="its name, without a version")
        add_gateway(one, "the unit's")
        add_json(one)
        one.set_defaults(run=f"wicketgate.cli.matching:run_{run}")
    for one in (put, patch):
        one.add_argument("file", type=Path, metavar="FILE", help="NDJSON, or the UK CSV of 16 fields")
        one.add_argument("--format", choices=("ndjson", "csv"), help="default: by the file's name")
        one.add_argument("--kind", metavar="K", help="of entries that name none, such as those of CSV")
        one.add_argument(
            "--revision",
            type=lambda text: whole_number(text, 0, _MOST),
            metavar="N",
            help="refuse it if the list is at another one",
        )
    show.add_argument("--format", choices=("ndjson", "csv"), help="default: by the file's name, or ndjson")
    show.add_argument("--out", type=Path, metavar="F", help="a new file (default: it is printed)")


def add_hits(parser: ArgumentParser) -> None:
    """Add the arguments of `hits`."""
    what = parser.add_subparsers(title="what to do", required=True, metavar="DO")
    listed = what.add_parser("list", help="list those that wait, or the latest")
    outcome = what.add_parser("outcome", help="say what became of one")
    for one, run in ((listed, "list"), (outcome, "outcome")):
        add_gateway(one, "your, or the unit's,")
        add_json(one)
        one.set_defaults(run=f"wicketgate.cli.matching:run_{run}")
    listed.add_argument("--authority", metavar="NAME", help="of this one alone")
    listed.add_argument(
        "--state", choices=("queue", "recent"), default="queue", help="those that wait (queue), or the latest"
    )
    listed.add_argument(
        "--limit",
        type=lambda text: whole_number(text, 1, 1_000),
        default=100,
        metavar="N",
        help="at most so many (default: 100)",
    )
    outcome.add_argument("id", metavar="HIT", help="the hit's id")
    outcome.add_argument(
        "--outcome", required=True, choices=OUTCOMES, help="only a confirmed hit may be acted on"
    )
    outcome.add_argument("--reason", metavar="TEXT", help="needed for not-acted")
    outcome.add_argument("--by", metavar="NAME", help="who says so, where a machine's token is used")
    outcome.add_argument(
        "--plate-seen",
        metavar="P",
        help="needed to confirm a possible hit: the plate in its image; it is not kept",
    )


def add_doctor(parser: ArgumentParser) -> None:
    """Add the arguments of `doctor`."""
    parser.add_argument("folder", nargs="?", type=Path, metavar="D", help="a deployment on this machine")
    parser.add_argument(
        "--from", dest="url", type=gateway_address, metavar="URL", help="a gateway that should answer"
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="F",
        help="a source's token, for its cameras, or the admin's, for tokens",
    )
    add_json(parser)
    parser.set_defaults(run="wicketgate.cli.doctor:run_doctor")
