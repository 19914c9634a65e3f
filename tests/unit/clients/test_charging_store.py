"""The file of a charging folder."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from wicketgate.base.errors import ConfigurationError
from wicketgate.clients.charging.store import FILE, FORM, change, forget, open_store, said, say


def test_the_folder_and_its_file_are_the_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "charging"
    with open_store(folder) as connection:
        assert said(connection, "form") == FORM
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600


def test_it_is_durable_at_each_commit_and_overwrites_what_is_deleted(tmp_path: Path) -> None:
    connection = open_store(tmp_path)
    found = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "secure_delete")
    }
    assert found == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}
    with change(connection):
        say(connection, plate="LB07SEE")
    with change(connection):
        connection.execute("DELETE FROM said WHERE name = 'plate'")
    forget(connection)
    for path in tmp_path.iterdir():
        assert b"LB07SEE" not in path.read_bytes()


def test_a_change_that_fails_leaves_nothing(tmp_path: Path) -> None:
    connection = open_store(tmp_path)

    def fail() -> None:
        with change(connection):
            say(connection, reached=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert said(connection, "reached") is None


def test_a_later_form_is_refused(tmp_path: Path) -> None:
    connection = open_store(tmp_path)
    with change(connection):
        say(connection, form=FORM + 1)
    connection.close()
    with pytest.raises(ConfigurationError, match="which a later version wrote"):
        open_store(tmp_path)


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"x" * 4096)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        open_store(tmp_path)
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(tmp_path / FILE).execute("SELECT 1 FROM said").fetchall()
