"""Those commands of `charging` that are about money: payments, accounts, statements and the book."""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import keep_private
from wicketgate.base.settings import read_secret
from wicketgate.cli.saying import say
from wicketgate.clients.charging.book import accounts
from wicketgate.clients.charging.book.accounts_csv import MOST_BYTES as MOST_ACCOUNTS_BYTES
from wicketgate.clients.charging.book.accounts_csv import read_accounts
from wicketgate.clients.charging.book.book import trial_balance
from wicketgate.clients.charging.book.payments_csv import MOST_BYTES, read_payments
from wicketgate.clients.charging.book.provider import HttpProvider, collect
from wicketgate.clients.charging.book.statements import AccountStatement, statement_of
from wicketgate.clients.charging.bookkeeping import BookPayers, open_book
from wicketgate.clients.charging.importing import Imported, give_back, import_lines
from wicketgate.clients.charging.program import open_place
from wicketgate.clients.charging.store import change
from wicketgate.regime.documents.scheme_words import money


@contextmanager
def opened_book(folder: Path) -> Iterator[tuple[sqlite3.Connection, BookPayers]]:
    """Open the book of a charging folder."""
    keep_private()
    _, connection = open_place(folder)
    with closing(connection):
        yield connection, open_book(connection)


def run_import_payments(args: argparse.Namespace) -> int:
    """Take a file of payments, whole or not at all; the same again changes nothing."""
    lines = read_payments(_read(args.file, MOST_BYTES))
    with opened_book(args.folder) as (connection, book), change(connection):
        done = import_lines(
            connection, lines, book.terms.of_day, book.scheme_named, now_us=SystemClock().now_us()
        )
    say(_told(done))
    return 0


def run_collect_payments(args: argparse.Namespace) -> int:
    """Take what a provider has; end with 1 where it sent something that could not be taken."""
    provider = HttpProvider(args.url, read_secret(args.token_file))
    now_us = SystemClock().now_us()
    with closing(provider), opened_book(args.folder) as (connection, book):
        done = collect(
            connection,
            provider.ask,
            lambda lines: import_lines(
                connection, lines, book.terms.of_day, book.scheme_named, now_us=now_us, early=True
            ),
            name=args.name,
            now_us=now_us,
        )
        refused = connection.execute(
            "SELECT number, why FROM refused_payments WHERE provider = ? AND at_us = ? ORDER BY number",
            (args.name, now_us),
        ).fetchall()
    say(f"{done.sent} payments were sent; {done.refused} could not be taken")
    for number, why in refused:
        say(f"- {number}: {why}")
    return 1 if done.refused else 0


def run_import_accounts(args: argparse.Namespace) -> int:
    """Take a file of accounts and their vehicles, whole or not at all."""
    vehicles = read_accounts(_read(args.file, MOST_ACCOUNTS_BYTES))
    with opened_book(args.folder) as (connection, _), change(connection):
        changed = accounts.register_vehicles(connection, vehicles)
    say(f"{changed} of {len(vehicles)} lines were new")
    return 0


def run_statement(args: argparse.Namespace) -> int:
    """Print the statement of an account."""
    with opened_book(args.folder) as (connection, book):
        scheme = book.terms.newest
        today = scheme.local(SystemClock().now_us())[0]
        first = book.terms.versions[0].first_day if args.first is None else _day(args.first)
        until = today + timedelta(days=1) if args.until is None else _day(args.until)
        shown = statement_of(connection, scheme, args.account, first, until)
    if args.json:
        print(json.dumps(_as_json(shown), indent=2))
        return 0
    say(f"Account {shown.account}, {shown.first} to the day before {shown.until}")
    say(f"Owed before: {money(scheme, shown.before)}")
    for one in shown.lines:
        day = (
            ""
            if one.charged_day is None
            else f" for {one.vehicle or 'a vehicle that left'} on {one.charged_day}"
        )
        say(f"{one.day}  {one.words}{day}  {money(scheme, one.amount)}  owed: {money(scheme, one.balance)}")
    say(f"Owed now: {money(scheme, shown.after)}")
    return 0


def run_refund(args: argparse.Namespace) -> int:
    """Note that a payment was given back: a reversal as every other."""
    with opened_book(args.folder) as (connection, book), change(connection):
        amount = give_back(
            connection, book.scheme_named, args.payment, args.number, now_us=SystemClock().now_us()
        )
    say(f"{money(book.terms.newest, amount)} were given back")
    return 0


def run_book(args: argparse.Namespace) -> int:
    """Print what stands on each account of the book; end with 1 if it does not sum to nothing."""
    with opened_book(args.folder) as (connection, _):
        found = trial_balance(connection)
    print(json.dumps({"accounts": dict(found), "sum": sum(found.values())}, indent=2))
    return 1 if sum(found.values()) else 0


def _as_json(shown: AccountStatement) -> dict[str, object]:
    return {
        "account": shown.account,
        "currency": shown.currency,
        "first": shown.first.isoformat(),
        "until": shown.until.isoformat(),
        "before": shown.before,
        "lines": [
            {
                "day": one.day.isoformat(),
                "words": one.words,
                "number": one.number,
                "vehicle": one.vehicle,
                "charged_day": None if one.charged_day is None else one.charged_day.isoformat(),
                "amount": one.amount,
                "balance": one.balance,
            }
            for one in shown.lines
        ],
        "after": shown.after,
    }


def _told(done: Imported) -> str:
    ended = f"; {done.cancelled} penalties were cancelled by it" if done.cancelled else ""
    return f"{done.new} payments were new, {done.known} were known{ended}"


def _read(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as error:
        raise ConfigurationError(f"`{path}` cannot be read: {error.strerror}") from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError("a day is written as 2026-09-01", code="usage") from error
