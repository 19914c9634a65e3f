"""The file of a custody: opened as whose it is, and changed in transactions that are whole or not at all."""

from __future__ import annotations

import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.forms import newer_form
from wicketgate.clients.custody.sealing import CustodySeal
from wicketgate.clients.custody.tables import FORM, INDEXES, TABLES, upgrade_1

FILE: Final = "custody.db"


class CustodyFile(ABC):
    """The file of one custody. Its methods may be called from any thread."""

    def __init__(self, folder: Path, feed: str, origin: str, seal: CustodySeal) -> None:
        self._seal = seal
        self._lock = threading.RLock()
        self._file = sqlite3.connect(folder / FILE, check_same_thread=False, isolation_level=None)
        try:
            # What is deleted is overwritten, and what a commit says is on the disk.
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                self._file.execute(f"PRAGMA {pragma}")
            self._file.executescript(TABLES)
            if self.said("form") == 1:
                # A crash in here leaves form 1 as it was: it is begun again.
                with self._change() as file:
                    upgrade_1(file, self._note_rows)
            self._file.execute(INDEXES)
            self._demand_own({"form": FORM, "feed": feed, "origin": origin})
        except sqlite3.Error as error:
            self._file.close()
            raise ConfigurationError(f"`{FILE}` cannot be read: restore it, or begin a new folder") from error
        except ConfigurationError:
            self._file.close()
            raise

    def _demand_own(self, mine: Mapping[str, Any]) -> None:
        found = {name: self.said(name) for name in mine}
        if all(value is None for value in found.values()):
            with self._change():
                self._say(mine)
        elif isinstance(found["form"], int) and found["form"] > FORM:
            raise ConfigurationError(newer_form(f"`{FILE}`", found["form"], FORM))
        elif found != dict(mine):
            raise ConfigurationError(
                f"this folder is the custody of `{found['feed']}` of the log `{found['origin']}`"
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Hold a transaction: all of it is durable at the end, or nothing."""
        with self._lock:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield self._file
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")

    def _all(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._file.execute(sql, values).fetchall()

    # --- what is said of it as a whole ------------------------------------------------------------------------

    def said(self, name: str) -> Any:
        """Return what was noted under a name, or None."""
        found = self._all("SELECT value FROM said WHERE name = ?", (name,))
        return msgspec.json.decode(found[0][0]) if found else None

    def note(self, **members: Any) -> None:
        """Note something, durably."""
        with self._change():
            self._say(members)

    def _say(self, members: Mapping[str, Any]) -> None:
        self._file.executemany(
            "INSERT OR REPLACE INTO said VALUES (?, ?)",
            [(name, msgspec.json.encode(value).decode()) for name, value in members.items()],
        )

    @abstractmethod
    def _note_rows(self) -> None:
        """Note of every batch that is held its first row's number, and its errata: form 1 has neither."""
