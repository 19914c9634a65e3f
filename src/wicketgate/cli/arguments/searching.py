"""The arguments of `search`, `approve` and `answer`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from wicketgate.cli.arguments import add_gateway


def add_search(parser: ArgumentParser) -> None:
    """Add the arguments of `search`."""
    parser.add_argument("authority", metavar="AUTHORITY", help="its name, without a version")
    add_gateway(parser, "your own")
    about = parser.add_mutually_exclusive_group()
    about.add_argument("--plate", metavar="P", help="one plate; `-` reads it from standard input")
    about.add_argument("--plates", type=Path, metavar="F", help="a file of plates, one a line, at most 1,000")
    about.add_argument("--pattern", metavar="P", help="`?` for a character, `*` for any number of them")
    about.add_argument("--scenes", type=Path, metavar="F", help="a file with a list of scenes, as JSON")
    about.add_argument("--question", type=Path, metavar="F", help="a file with the whole question, as JSON")
    parser.add_argument("--at-least", type=int, metavar="K", help="seen in so many of the scenes")
    parser.add_argument("--lookalikes", action="store_true", help="plates that cameras take for those too")
    parser.add_argument("--make", metavar="WORD", help="of which the camera said so")
    parser.add_argument("--colour", metavar="WORD", help="the same")
    parser.add_argument("--kind", metavar="WORD", help="the same")
    parser.add_argument("--camera", action="append", default=[], metavar="SOURCE/ID", help="at this camera")
    parser.add_argument(
        "--group", action="append", default=[], metavar="NAME", help="at cameras of this group"
    )
    parser.add_argument("--area", type=Path, metavar="F", help="within a GeoJSON polygon")
    parser.add_argument(
        "--since", metavar="TIME", help="captured from then on; with a zone, as RFC 3339 has it"
    )
    parser.add_argument("--until", metavar="TIME", help="captured before then")
    parser.add_argument("--offence", required=True, metavar="C", help="the offence's code")
    parser.add_argument("--case", required=True, metavar="N", help="the case's number")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, in words")
    parser.add_argument("--emergency", metavar="TEXT", help="how life is threatened: approved afterwards")
    parser.add_argument("--preview", action="store_true", help="say what would become of it, and ask nothing")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.set_defaults(run="wicketgate.cli.searching:run_search")


def add_approve(parser: ArgumentParser) -> None:
    """Add the arguments of `approve`."""
    parser.add_argument(
        "id", nargs="?", metavar="ID", help="of a question; without it those that wait are listed"
    )
    add_gateway(parser, "your own")
    parser.add_argument(
        "--vehicles", type=int, metavar="N", help="the number that was told, where nobody is asked"
    )
    parser.add_argument("--refuse", metavar="TEXT", help="do not let it be answered, and why")
    parser.add_argument("--yes", action="store_true", help="approve without asking")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.set_defaults(run="wicketgate.cli.searching:run_approve")


def add_answer(parser: ArgumentParser) -> None:
    """Add the arguments of `answer`."""
    parser.add_argument("id", metavar="ID", help="of a question of yours")
    add_gateway(parser, "your own")
    parser.add_argument(
        "--format",
        choices=("ndjson", "csv", "parquet", "geojson"),
        default="ndjson",
        help="how rows are written (default: ndjson)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="F", help="write to a new file (default: standard output)"
    )
    parser.set_defaults(run="wicketgate.cli.searching:run_answer")
