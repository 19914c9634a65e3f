"""The arguments of `receive`, `custody`, `evidence`, `keeper`, `disclose` and `attest`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from wicketgate.cli.arguments import add_gateway, add_kept, port


def add_receive(parser: ArgumentParser) -> None:
    """Add the arguments of `receive`."""
    parser.add_argument("feed", metavar="FEED", help="the authority's name")
    add_gateway(parser, "the unit's")
    parser.add_argument("--after", type=int, metavar="BATCH", help="begin behind this batch (default: 0)")
    parser.add_argument("--follow", action="store_true", help="go on for ever")
    parser.add_argument("--out", type=Path, metavar="F", help="keep the rows in F, and go on where F ends")
    parser.add_argument(
        "--format",
        choices=("ndjson", "csv", "parquet"),
        default="ndjson",
        help="how rows are kept (default: ndjson)",
    )
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="fetch the images that rows name into DIR, and go on there"
    )
    parser.add_argument(
        "--bof2", metavar="URL", help="a back office that gets each row as `sendCapture` before it is kept"
    )
    parser.add_argument(
        "--bof2-cameras", type=Path, metavar="F", help="its cameras: CSV of camera, feed, source, number"
    )
    parser.add_argument("--key", type=Path, metavar="F", help="the log's key, got another way")
    add_kept(parser)
    parser.set_defaults(run="wicketgate.cli.recipient:run_receive")


def add_evidence(parser: ArgumentParser) -> None:
    """Add the arguments of `evidence`."""
    parser.add_argument(
        "of", metavar="HIT|SEARCH", help="the id of the hit, or of the search that was answered"
    )
    add_gateway(parser, "your, or the unit's,")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="F", help="where the pack is written: a zip"
    )
    parser.add_argument("--key", type=Path, metavar="F", help="the log's key, got another way")
    parser.add_argument(
        "--custody", metavar="URL", help="your organisation's custody, for an answer of what left in bulk"
    )
    parser.set_defaults(run="wicketgate.cli.evidence:run_evidence")


def add_custody(parser: ArgumentParser) -> None:
    """Add the arguments of `custody`."""
    parser.add_argument("folder", type=Path, metavar="D", help="where it is kept; made if it is missing")
    add_gateway(parser, "the unit's")
    parser.add_argument(
        "--feed", metavar="NAME", help="the authority's name (default: the unit's one feed of mode bulk)"
    )
    parser.add_argument(
        "--after",
        type=int,
        default=0,
        metavar="BATCH",
        help="begin a new folder behind this batch (default: 0)",
    )
    parser.add_argument("--key", type=Path, metavar="F", help="the log's key, got another way")
    add_kept(parser)
    parser.add_argument(
        "--port",
        type=port,
        default=0,
        metavar="P",
        help="where people ask it, on the loopback address (default: a free one)",
    )
    parser.set_defaults(run="wicketgate.cli.custody:run_custody")


def add_keeper(parser: ArgumentParser) -> None:
    """Add the arguments of `keeper`."""
    shown = parser.add_mutually_exclusive_group(required=True)
    shown.add_argument(
        "--row",
        type=Path,
        metavar="F",
        help="a row with its header and path as JSON, or a feed file with --seq",
    )
    shown.add_argument("--hit", metavar="ID", help="a confirmed hit")
    parser.add_argument("--seq", type=int, metavar="N", help="which row of the feed file")
    parser.add_argument("--cause", required=True, metavar="C", help="for what, as the authority names it")
    parser.add_argument("--case", required=True, metavar="N", help="the case's number")
    parser.add_argument("--image", metavar="REF", help="an image of the row: where you are its source too")
    parser.add_argument(
        "--decided", metavar="TEXT", help="why the name is asked for although the vehicles differ"
    )
    parser.add_argument("--authority", metavar="NAME", help="its name (default: that of the row or hit)")
    add_gateway(parser, "your own, or the unit's,")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    parser.set_defaults(run="wicketgate.cli.keepers:run_keeper")


def add_disclose(parser: ArgumentParser) -> None:
    """Add the arguments of `disclose`."""
    _add_authority(parser)
    parser.add_argument("--to", required=True, metavar="ORGANISATION", help="to whom, as the charter has it")
    parser.add_argument("--law", required=True, help="under which law")
    parser.add_argument("--rows", required=True, type=int, metavar="N", help="how many rows")
    parser.add_argument(
        "--version", type=int, metavar="N", help="that released them (default: the present one)"
    )
    parser.add_argument("--case", default="", help="for the overseers alone")
    parser.add_argument("--reason", default="", help="for the overseers alone")
    parser.add_argument("--at", metavar="TIME", help="when (default: now)")
    parser.add_argument("--id", default="", help="your own: the same again is told once")
    parser.set_defaults(run="wicketgate.cli.attest:run_disclose")


def add_attest(parser: ArgumentParser) -> None:
    """Add the arguments of `attest`."""
    _add_authority(parser)
    parser.add_argument("--until", metavar="TIME", help="everything that left before is deleted")
    parser.add_argument("--method", metavar="TEXT", help="how it was deleted")
    parser.add_argument("--by", metavar="NAME", help="who says so")
    parser.add_argument("--rows", type=int, metavar="N", help="how many, where that is known")
    parser.set_defaults(run="wicketgate.cli.attest:run_attest")


def _add_authority(parser: ArgumentParser) -> None:
    parser.add_argument("authority", metavar="AUTHORITY", help="its name, without a version")
    add_gateway(parser, "the unit's")
