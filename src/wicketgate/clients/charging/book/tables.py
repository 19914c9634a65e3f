"""The tables of the money, in the charging directory's one file. docs/spec/money.md, section 3.

The book's tables are append-only: the file itself refuses to change or delete an entry. Only `payments` and
`account_vehicles` hold plates, each with its term. Nothing here commits: the caller's transaction decides.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS payments (
        number TEXT PRIMARY KEY, received_us INTEGER NOT NULL, amount INTEGER NOT NULL CHECK (amount > 0),
        plate TEXT, day TEXT, account TEXT, penalty TEXT, ends_us INTEGER, reversed_us INTEGER, reversed_by TEXT
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS early_reversals (
        payment TEXT PRIMARY KEY, number TEXT NOT NULL UNIQUE, at_us INTEGER NOT NULL, amount INTEGER NOT NULL
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS payments_of ON payments (plate, day) WHERE plate IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS payments_day ON payments (day) WHERE plate IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS payments_end ON payments (ends_us) WHERE plate IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS payments_case ON payments (penalty) WHERE penalty IS NOT NULL",
    """CREATE TABLE IF NOT EXISTS book (
        number INTEGER PRIMARY KEY, kind TEXT NOT NULL, about TEXT NOT NULL, part INTEGER NOT NULL,
        at_us INTEGER NOT NULL, UNIQUE (kind, about, part)
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS postings (
        entry INTEGER NOT NULL REFERENCES book, account TEXT NOT NULL, amount INTEGER NOT NULL,
        PRIMARY KEY (entry, account)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS postings_of ON postings (account, entry)",
    """CREATE TABLE IF NOT EXISTS accounts (
        id TEXT PRIMARY KEY, opened_day TEXT NOT NULL, closed_day TEXT
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS account_vehicles (
        vehicle INTEGER PRIMARY KEY, account TEXT, place INTEGER NOT NULL, plate TEXT NOT NULL,
        from_day TEXT NOT NULL, until_day TEXT, class TEXT, discounts TEXT NOT NULL, exemptions TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS account_vehicles_of ON account_vehicles (plate)",
    """CREATE TABLE IF NOT EXISTS account_charges (
        number TEXT PRIMARY KEY, account TEXT NOT NULL, vehicle INTEGER NOT NULL, day TEXT NOT NULL,
        amount INTEGER NOT NULL, corrected_us INTEGER
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS account_charges_of ON account_charges (vehicle, day)",
    """CREATE UNIQUE INDEX IF NOT EXISTS account_charges_key ON account_charges (vehicle, day)
        WHERE corrected_us IS NULL""",
)
_APPEND_ONLY: Final = ("book", "postings")


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables where they are missing."""
    for table in _TABLES:
        connection.execute(table)
    for name in _APPEND_ONLY:
        for change in ("UPDATE", "DELETE"):
            connection.execute(
                f"CREATE TRIGGER IF NOT EXISTS {name}_no_{change.lower()} BEFORE {change} ON {name} "
                "BEGIN SELECT RAISE(ABORT, 'the book is append-only'); END"
            )
