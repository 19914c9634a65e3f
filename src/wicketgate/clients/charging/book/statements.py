"""The statement of an account over some days, from the book. docs/spec/money.md, section 4."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date
from typing import Final

from wicketgate.base.errors import InputError
from wicketgate.clients.charging.book.book import balance, entries
from wicketgate.clients.charging.book.entries import account_of
from wicketgate.regime.documents.scheme_terms import Scheme

_WORDS: Final = {
    "received": "Payment",
    "reversed": "Payment taken back",
    "refunded": "Payment refunded",
    "account-charged": "Charge",
    "account-corrected": "Charge taken back",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """One line of a statement.

    Attributes
    ----------
    number : str
        Of the payment or the charge.
    vehicle : str
        The plate of the account's own vehicle; empty of payments, and where it stands in the account no more.
    charged_day : date or None
        The day that is charged.
    amount : int
        Owed more, or less where it is negative; minor units.
    balance : int
        What is owed after it.
    """

    day: date
    words: str
    number: str
    vehicle: str
    charged_day: date | None
    amount: int
    balance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatement:
    """What an account was charged and paid from a day to one before another."""

    account: str
    currency: str
    first: date
    until: date
    before: int
    lines: tuple[StatementLine, ...]
    after: int


def statement_of(
    connection: sqlite3.Connection, scheme: Scheme, account: str, first: date, until: date
) -> AccountStatement:
    """Return the statement of an account over half-open days of the scheme's zone.

    Raises
    ------
    InputError
        `not-known` where there is no such account.
    """
    if connection.execute("SELECT 1 FROM accounts WHERE id = ?", (account,)).fetchone() is None:
        raise InputError("there is no such account", code="not-known")
    name = account_of(account)
    before = owed = 0
    lines = []
    for entry in sorted(entries(connection, name), key=lambda one: one.at_us):
        day = scheme.local(entry.at_us)[0]
        amount = sum(one.amount for one in entry.postings if one.account == name)
        if day >= until:
            continue
        owed += amount
        if day < first:
            before = owed
            continue
        vehicle, charged = (
            _vehicle(connection, entry.about) if entry.kind.startswith("account-") else ("", None)
        )
        lines.append(
            StatementLine(
                day=day,
                words=_WORDS[entry.kind],
                number=entry.about,
                vehicle=vehicle,
                charged_day=charged,
                amount=amount,
                balance=owed,
            )
        )
    return AccountStatement(
        account=account,
        currency=scheme.currency,
        first=first,
        until=until,
        before=before,
        lines=tuple(lines),
        after=owed,
    )


def owed_on(connection: sqlite3.Connection, account: str) -> int:
    """Return what an account owes now."""
    return balance(connection, account_of(account))


def _vehicle(connection: sqlite3.Connection, number: str) -> tuple[str, date]:
    plate, day = connection.execute(
        "SELECT plate, day FROM account_charges LEFT JOIN account_vehicles USING (vehicle) WHERE number = ?",
        (number,),
    ).fetchone()
    return plate or "", date.fromisoformat(day)
