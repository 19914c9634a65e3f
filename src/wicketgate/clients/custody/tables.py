"""The tables of a custody's file, and how one of an earlier form becomes one of this."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

FORM: Final = 2
"""The form that this version writes, and the latest that it reads."""
TABLES: Final = """
CREATE TABLE IF NOT EXISTS said (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY, released_us INTEGER NOT NULL, ends_us INTEGER NOT NULL, version INTEGER NOT NULL,
    rows INTEGER NOT NULL, unnamed TEXT NOT NULL, data BLOB NOT NULL, first_seq INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS batches_end ON batches (ends_us);
CREATE TABLE IF NOT EXISTS cameras (
    number INTEGER PRIMARY KEY, version INTEGER NOT NULL, source TEXT NOT NULL, camera TEXT NOT NULL,
    longitude REAL, latitude REAL, UNIQUE (version, source, camera)
) STRICT;
CREATE TABLE IF NOT EXISTS versions (version INTEGER PRIMARY KEY, months INTEGER NOT NULL, us INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS refs (ref BLOB PRIMARY KEY, place INTEGER NOT NULL, released_us INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS refs_time ON refs (released_us);
CREATE TABLE IF NOT EXISTS later (place INTEGER NOT NULL, again INTEGER NOT NULL, PRIMARY KEY (place, again)) STRICT;
CREATE TABLE IF NOT EXISTS answers (
    id TEXT PRIMARY KEY, until_us INTEGER NOT NULL, data BLOB NOT NULL, question BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS journal (number INTEGER PRIMARY KEY, record TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS images (name TEXT PRIMARY KEY, ends_us INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS images_end ON images (ends_us);
CREATE TABLE IF NOT EXISTS errata (place INTEGER PRIMARY KEY, corrects INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS errata_of ON errata (corrects);
CREATE TABLE IF NOT EXISTS notices (
    number INTEGER PRIMARY KEY, corrects INTEGER NOT NULL, ground TEXT NOT NULL, ends_us INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS notices_of ON notices (corrects);
CREATE TABLE IF NOT EXISTS named (plate BLOB PRIMARY KEY, at_us INTEGER NOT NULL, ends_us INTEGER NOT NULL) STRICT;
"""
_SINCE_2: Final = (
    "ALTER TABLE batches ADD COLUMN first_seq INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE answers ADD COLUMN question BLOB",
)
INDEXES: Final = "CREATE INDEX IF NOT EXISTS batches_seq ON batches (first_seq)"
"""What stands on columns that a file of form 1 has not before it is changed."""


def upgrade_1(file: sqlite3.Connection, note_rows: Callable[[], None]) -> None:
    """Make a file of form 1 one of form 2, within a transaction: rows are found by their number, and errata by theirs.

    Parameters
    ----------
    note_rows : callable
        Notes of every batch that is held its first row's number, and its errata.
    """
    for change in _SINCE_2:
        file.execute(change)
    note_rows()
    file.execute("UPDATE said SET value = '2' WHERE name = 'form'")
