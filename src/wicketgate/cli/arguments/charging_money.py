"""The arguments of those commands of `charging` that are about money."""

from __future__ import annotations

from argparse import ArgumentParser, _SubParsersAction
from pathlib import Path

from wicketgate.cli.arguments import gateway_address

_MODULE = "wicketgate.cli.charging_money"


def add_money(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the commands on payments, accounts and statements."""
    bring = commands.add_parser("import-payments", help="take a file of payments (CSV), whole or not at all")
    _add_folder(bring)
    bring.add_argument("file", type=Path, metavar="F", help="the payments, as docs/spec/money.md has them")
    bring.set_defaults(run=f"{_MODULE}:run_import_payments")
    collect = commands.add_parser("collect-payments", help="take what a payment provider has")
    _add_folder(collect)
    collect.add_argument(
        "--from", dest="url", type=gateway_address, required=True, metavar="URL", help="its address"
    )
    collect.add_argument("--token-file", type=Path, required=True, metavar="F", help="its bearer token")
    collect.add_argument("--name", default="provider", metavar="NAME", help="under which its place is kept")
    collect.set_defaults(run=f"{_MODULE}:run_collect_payments")
    vehicles = commands.add_parser("import-accounts", help="take a file of accounts and their vehicles (CSV)")
    _add_folder(vehicles)
    vehicles.add_argument("file", type=Path, metavar="F", help="the vehicles, as docs/spec/money.md has them")
    vehicles.set_defaults(run=f"{_MODULE}:run_import_accounts")
    statement = commands.add_parser("statement", help="print the statement of an account")
    _add_folder(statement)
    statement.add_argument("account", metavar="ACCOUNT", help="its id")
    statement.add_argument("--first", metavar="DAY", help="from this day on (default: the first there is)")
    statement.add_argument(
        "--until", metavar="DAY", help="up to the day before this (default: today included)"
    )
    statement.add_argument("--json", action="store_true", help="print it as JSON")
    statement.set_defaults(run=f"{_MODULE}:run_statement")
    give = commands.add_parser("refund", help="note that a payment was given back")
    _add_folder(give)
    give.add_argument("payment", metavar="PAYMENT", help="its number")
    give.add_argument("--number", required=True, metavar="NUMBER", help="of the refund")
    give.set_defaults(run=f"{_MODULE}:run_refund")
    book = commands.add_parser("book", help="print what stands on each account of the book")
    _add_folder(book)
    book.set_defaults(run=f"{_MODULE}:run_book")


def _add_folder(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="D", help="the charging folder")
