"""The people who review and decide: who they are, and who of them is signed in."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Final

from wicketgate.base.errors import InputError
from wicketgate.clients.officer.desk.attempts import Attempts
from wicketgate.clients.officer.desk.door import Request

COOKIE: Final = "wicketgate-charging"
_SESSION_S: Final = 8 * 3600.0
_IDLE_S: Final = 30 * 60.0
_MOST_SESSIONS: Final = 200
_SALT_BYTES: Final = 16
_LEAST: Final = 12
_MOST: Final = 200
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_COST, _BLOCK, _LANES, _MEMORY = 1 << 14, 8, 1, 64 << 20


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the table of people where it is missing."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS people (name TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL) STRICT"
    )


def name_person(connection: sqlite3.Connection, name: str, passphrase: str) -> None:
    """Let somebody sign in, with a passphrase of their own; one before it is good no more.

    Raises
    ------
    InputError
        If the name is none, or the passphrase is short.
    """
    if not _NAME.fullmatch(name):
        raise InputError("a name is small letters, digits, `.`, `_` or `-`, at most 40")
    if not _LEAST <= len(passphrase) <= _MOST:
        raise InputError(f"a passphrase has {_LEAST} to {_MOST} characters")
    salt = os.urandom(_SALT_BYTES)
    connection.execute(
        "INSERT OR REPLACE INTO people VALUES (?, ?, ?)", (name, salt, _hash(passphrase, salt))
    )


def end_person(connection: sqlite3.Connection, name: str) -> bool:
    """Let somebody sign in no longer; return whether they could."""
    return connection.execute("DELETE FROM people WHERE name = ?", (name,)).rowcount > 0


def is_person(connection: sqlite3.Connection, name: str, passphrase: str) -> bool:
    """Return whether a passphrase is a person's; it takes as long where there is no such person."""
    row = connection.execute("SELECT salt, hash FROM people WHERE name = ?", (name,)).fetchone()
    salt, known = (bytes(_SALT_BYTES), b"") if row is None else row
    return hmac.compare_digest(_hash(passphrase[:_MOST], salt), known)


def knows_person(connection: sqlite3.Connection, name: str) -> bool:
    """Return whether somebody may still sign in."""
    return connection.execute("SELECT 1 FROM people WHERE name = ?", (name,)).fetchone() is not None


def _hash(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        passphrase.encode(), salt=salt, n=_COST, r=_BLOCK, p=_LANES, maxmem=_MEMORY, dklen=32
    )


@dataclass(slots=True)
class DeskSession:
    """Somebody who is signed in."""

    person: str
    form_key: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    begun: float = 0.0
    used: float = 0.0


class DeskSessions:
    """Who is signed in: in memory alone, so that everybody is out when the program ends.

    Parameters
    ----------
    now : callable
        Seconds of a clock that only goes on.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._sessions: dict[str, DeskSession] = {}
        self._attempts = Attempts()

    def wait_s(self) -> float:
        """Return for how long nobody may try a passphrase, seconds."""
        return self._attempts.wait_s(self._now())

    def try_passphrase(self, connection: sqlite3.Connection, name: str, passphrase: str) -> str | None:
        """Return a cookie's header for somebody who signs in, or None."""
        good = is_person(connection, name, passphrase)
        now = self._now()
        self._attempts.note(now, good=good)
        if not good:
            return None
        self._sweep(now)
        token = secrets.token_urlsafe(32)
        self._sessions[token] = DeskSession(person=name, begun=now, used=now)
        return f"{COOKIE}={token}; Path=/desk; HttpOnly; SameSite=Strict"

    def find(self, connection: sqlite3.Connection, request: Request) -> DeskSession | None:
        """Return whose request it is, or None. Somebody who was ended is in no session any more."""
        token = _token(request)
        session = self._sessions.get(token)
        now = self._now()
        if session is None or now - session.begun > _SESSION_S or now - session.used > _IDLE_S:
            self._sessions.pop(token, None)
            return None
        if not knows_person(connection, session.person):
            self._sessions.pop(token, None)
            return None
        session.used = now
        return session

    def end(self, request: Request) -> None:
        """End a session."""
        self._sessions.pop(_token(request), None)

    def _sweep(self, now: float) -> None:
        over = [token for token, one in self._sessions.items() if now - one.used > _IDLE_S]
        for token in over:
            del self._sessions[token]
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[min(self._sessions, key=lambda one: self._sessions[one].used)]


def _token(request: Request) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value
