"""The arguments of `adapter` and `drop`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from wicketgate.cli.arguments import add_gateway, number, whole_number


def add_adapter(parser: ArgumentParser) -> None:
    """Add the arguments of `adapter`."""
    parser.set_defaults(run="wicketgate.cli.adapters:run_list")
    does = parser.add_subparsers(metavar="DOES")
    does.add_parser("list", help="list the adapters that every gateway has").set_defaults(
        run="wicketgate.cli.adapters:run_list"
    )
    tried = does.add_parser("try", help="say what an adapter makes of a payload, without a gateway")
    tried.add_argument("form", metavar="F", help="a form in TOML, or the name of an adapter")
    tried.add_argument("--sample", required=True, type=Path, metavar="BODY", help="what a device sent")
    tried.add_argument("--type", default="", metavar="T", help="its Content-Type (default: as it begins)")
    tried.add_argument("--query", default="", metavar="Q", help="what stood in the address behind `?`")
    tried.add_argument(
        "--file-name", default="", metavar="N", help="the name of the picture, where the sample is one"
    )
    tried.add_argument("--json", action="store_true", help="print it as JSON")
    tried.set_defaults(run="wicketgate.cli.adapters:run_try")


def add_drop(parser: ArgumentParser) -> None:
    """Add the arguments of `drop`."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="where cameras put their pictures")
    parser.add_argument("--adapter", required=True, metavar="NAME", help="an adapter of pictures' names")
    add_gateway(parser, "the source's")
    parser.add_argument("--camera", metavar="ID", help="which camera, where the names do not say it")
    parser.add_argument(
        "--every",
        type=lambda text: number(text, 0.2, 3600),
        default=2.0,
        metavar="S",
        help="look every so many seconds (default: 2)",
    )
    parser.add_argument("--once", action="store_true", help="send what is there, and end")
    parser.add_argument(
        "--most",
        type=lambda text: whole_number(text, 1, 10_000),
        default=200,
        metavar="N",
        help="pictures of one look (default: 200)",
    )
    parser.set_defaults(run="wicketgate.cli.dropping:run_drop")
