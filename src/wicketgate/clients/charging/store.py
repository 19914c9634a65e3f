"""The file of a charging folder: one of SQLite, opened as what it is and changed in transactions alone.

What a transaction does to the vehicles' days and how far it has come in the feed are committed together: a kill leaves
both or neither. What is deleted is overwritten, so that nothing of a payer can be read out of the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.forms import newer_form

FILE: Final = "charging.sqlite"
FORM: Final = 1
"""The form that this version writes, and the latest that it reads."""
_CACHE_KIB: Final = 128 * 1024
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS said (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (
    entry INTEGER PRIMARY KEY, kind TEXT NOT NULL, at_us INTEGER NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS cameras (
    source TEXT NOT NULL, camera TEXT NOT NULL, groups TEXT NOT NULL, PRIMARY KEY (source, camera)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS passages (
    day INTEGER NOT NULL, plate TEXT NOT NULL, zone TEXT NOT NULL, part INTEGER NOT NULL,
    first_us INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_us INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    count INTEGER NOT NULL, best BLOB NOT NULL, PRIMARY KEY (day, plate, zone, part)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gates (
    day INTEGER NOT NULL, plate TEXT NOT NULL, zone TEXT NOT NULL, at_us INTEGER NOT NULL, camera TEXT NOT NULL,
    gate TEXT NOT NULL, confidence INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (day, plate, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS evidence (
    seq INTEGER PRIMARY KEY, batch INTEGER NOT NULL, place INTEGER NOT NULL, row BLOB NOT NULL, path BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS batches (
    number INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, rows INTEGER NOT NULL, header BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS withdrawn (seq INTEGER PRIMARY KEY, ground TEXT NOT NULL, at_us INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS days (
    day INTEGER PRIMARY KEY, due_us INTEGER NOT NULL, reached TEXT, settled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS held (
    day INTEGER NOT NULL, plate TEXT NOT NULL, outcome TEXT NOT NULL, charges TEXT NOT NULL, paid INTEGER NOT NULL,
    owed INTEGER NOT NULL, penalties INTEGER NOT NULL, reviews INTEGER NOT NULL, look_us INTEGER NOT NULL,
    issued INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (day, plate)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_look ON held (look_us);
CREATE TABLE IF NOT EXISTS touched (
    day INTEGER NOT NULL, plate TEXT NOT NULL, PRIMARY KEY (day, plate)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS figures (
    day INTEGER NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (day, name)
) STRICT, WITHOUT ROWID;
"""


def open_store(folder: Path) -> sqlite3.Connection:
    """Open the file of a charging folder; it and the folder are made where they are missing, for their owner alone.

    Changes are made within `change`, or another transaction of the caller's.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or is of a later form.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        path = folder / FILE
        path.touch(mode=0o600)
        path.chmod(0o600)
    except OSError as error:
        raise ConfigurationError(f"`{folder}` cannot be used: {error.strerror}") from error
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "secure_delete = ON",
            "temp_store = MEMORY",
            f"cache_size = -{_CACHE_KIB}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        # A crash in here leaves some of the tables: the next start makes the others.
        connection.executescript(_TABLES)
        form = said(connection, "form")
        if form is None:
            with change(connection):
                say(connection, form=FORM)
        elif not isinstance(form, int) or form != FORM:
            raise ConfigurationError(newer_form(f"`{FILE}`", form, FORM))
    except sqlite3.Error as error:
        connection.close()
        raise ConfigurationError(f"`{FILE}` cannot be read: restore it, or begin a new folder") from error
    except ConfigurationError:
        connection.close()
        raise
    return connection


@contextmanager
def change(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Hold a transaction: all of it is durable at the end, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def forget(connection: sqlite3.Connection) -> None:
    """Write back what stands beside the file, so that nothing deleted can be read there either.

    Another process that reads meanwhile lets it be: the next call does it.
    """
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def said(connection: sqlite3.Connection, name: str) -> Any:
    """Return what was noted under a name, or None."""
    found = connection.execute("SELECT value FROM said WHERE name = ?", (name,)).fetchone()
    return None if found is None else msgspec.json.decode(found[0])


def say(connection: sqlite3.Connection, **members: Any) -> None:
    """Note something, within the caller's transaction."""
    connection.executemany(
        "INSERT OR REPLACE INTO said VALUES (?, ?)",
        [(name, msgspec.json.encode(value).decode()) for name, value in members.items()],
    )


def touch(connection: sqlite3.Connection, day: date, plate: str) -> None:
    """Have a vehicle's day settled anew, if anything is held of it: something came that it may hang on.

    A day that was never settled will be anyway. Within the caller's transaction.
    """
    connection.execute(
        "INSERT OR IGNORE INTO touched SELECT day, plate FROM held WHERE day = ? AND plate = ?",
        (day.toordinal(), plate),
    )
