"""The tables of reviews and cases, in the charging directory's one file. docs/spec/cases.md, section 5.

What names a vehicle or a person goes as soon as it is not needed: of a rejected review all of it, of a cancelled case
keeper, evidence and image at once. Nothing here commits.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS reviews (
        id INTEGER PRIMARY KEY AUTOINCREMENT, plate TEXT NOT NULL, day TEXT NOT NULL, on_account INTEGER NOT NULL,
        owed INTEGER NOT NULL, reasons TEXT NOT NULL, opened_us INTEGER NOT NULL, typed TEXT NOT NULL,
        decision TEXT, cameras TEXT NOT NULL, ends_us INTEGER NOT NULL, UNIQUE (plate, day)
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS review_rows (
        plate TEXT NOT NULL, day TEXT NOT NULL, place INTEGER NOT NULL, shown BLOB NOT NULL,
        PRIMARY KEY (plate, day, place)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS rejected (
        plate TEXT NOT NULL, day TEXT NOT NULL, ends_us INTEGER NOT NULL, PRIMARY KEY (plate, day)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS cases (
        number TEXT PRIMARY KEY, plate TEXT, day TEXT NOT NULL, part INTEGER NOT NULL, scheme TEXT NOT NULL,
        charges TEXT NOT NULL, extra_days INTEGER NOT NULL, day_ends_us INTEGER NOT NULL, keeper TEXT,
        issued_us INTEGER NOT NULL, ends_us INTEGER
    ) STRICT""",
    "CREATE UNIQUE INDEX IF NOT EXISTS cases_key ON cases (plate, day, part) WHERE plate IS NOT NULL",
    """CREATE TABLE IF NOT EXISTS acts (
        number INTEGER PRIMARY KEY, case_number TEXT NOT NULL REFERENCES cases, kind TEXT NOT NULL,
        at_us INTEGER NOT NULL, by TEXT NOT NULL, amount INTEGER NOT NULL, ground TEXT NOT NULL, about TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS acts_of ON acts (case_number, at_us, number)",
    """CREATE TABLE IF NOT EXISTS objections (
        case_number TEXT NOT NULL, act INTEGER NOT NULL, words TEXT NOT NULL, PRIMARY KEY (case_number, act)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS case_images (
        plate TEXT NOT NULL, day TEXT NOT NULL, place INTEGER NOT NULL, media_type TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (plate, day, place)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS doubted (
        plate TEXT NOT NULL, camera TEXT NOT NULL, ends_us INTEGER NOT NULL, PRIMARY KEY (plate, camera)
    ) STRICT, WITHOUT ROWID""",
    "CREATE TABLE IF NOT EXISTS clones (plate TEXT PRIMARY KEY, by TEXT NOT NULL, ends_us INTEGER NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS case_figures (
        name TEXT PRIMARY KEY, count INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
)


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables where they are missing."""
    for table in _TABLES:
        connection.execute(table)


def count(connection: sqlite3.Connection, name: str, more: int = 1) -> None:
    """Count something, without whom it is about."""
    connection.execute(
        "INSERT INTO case_figures VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET count = count + excluded.count",
        (name, more),
    )


def figures(connection: sqlite3.Connection) -> dict[str, int]:
    """Return what was counted."""
    return dict(connection.execute("SELECT name, count FROM case_figures ORDER BY name").fetchall())
