"""The arguments of `charging` and its commands."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from wicketgate.cli.arguments import add_gateway
from wicketgate.cli.arguments.charging_cases import add_cases
from wicketgate.cli.arguments.charging_money import add_money


def add_charging(parser: ArgumentParser) -> None:
    """Add the commands of `charging`."""
    commands = parser.add_subparsers(dest="charging", required=True, metavar="COMMAND")
    init = commands.add_parser("init", help="make a charging folder for one scheme")
    _add_folder(init)
    add_gateway(init, "the unit's")
    init.add_argument("--scheme", metavar="NAME", help="the scheme's name (default: the unit's one)")
    init.add_argument(
        "--cameras",
        type=Path,
        metavar="F",
        help="the list of cameras with their groups that their source registers (JSON)",
    )
    init.add_argument("--key", type=Path, metavar="F", help="the log's key, got another way")
    init.set_defaults(run="wicketgate.cli.charging:run_init")
    run = commands.add_parser("run", help="receive the feed, and reduce it as it comes")
    _add_folder(run)
    run.add_argument("--once", action="store_true", help="take what there is now, and end")
    run.add_argument(
        "--cameras", type=Path, metavar="F", help="the groups of the cameras from now on, as for `init`"
    )
    run.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="where checkpoints are kept from look to look (default: $XDG_STATE_HOME/wicketgate)",
    )
    run.set_defaults(run="wicketgate.cli.charging:run_run")
    settle = commands.add_parser("settle", help="settle what is due, and forget what nothing is owed for")
    _add_folder(settle)
    settle.set_defaults(run="wicketgate.cli.charging:run_settle")
    explain = commands.add_parser("explain", help="say rule by rule what a vehicle's day comes to")
    _add_folder(explain)
    explain.add_argument("plate", metavar="PLATE", help="its plate")
    explain.add_argument("day", metavar="DAY", help="the day, such as 2026-09-01")
    explain.add_argument("--json", action="store_true", help="print it as JSON")
    explain.set_defaults(run="wicketgate.cli.charging:run_explain")
    report = commands.add_parser("report", help="print the figures, as JSON")
    _add_folder(report)
    report.set_defaults(run="wicketgate.cli.charging:run_report")
    add_money(commands)
    add_cases(commands)


def _add_folder(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="D", help="the charging folder")
