"""Sessions of duty officers: cookies good as long as their unit's token.

A cookie opens pages for as long as that, and no longer.

Everything is in memory: a restart ends every session. Of a session's id and of the token only hashes are held.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping

from starlette.types import Scope

from wicketgate.base.clock import HOUR_US, SECOND_US
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.http.rates import Rate, RateUse
from wicketgate.pages.duty import Session

LIFE_US = 12 * HOUR_US
"""How long a session lasts, whether or not it is used: a shift."""
MOST_OF_A_UNIT = 64
"""Sessions that one unit may have at once; one more ends its oldest."""
FAILURES = 10
"""Failed sign-ins that a peer has in hand."""
FAILURE_EVERY_US = 6 * SECOND_US
"""How soon one of them comes back."""

_FAILURES = Rate(burst=FAILURES, every_us=FAILURE_EVERY_US)
_PEERS = 10_000
_LONGEST_TOKEN = 512
MOST_OFFICER = 80
_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


class TooManyFailures(InputError):
    """An excess of failed sign-ins from a peer.

    `retry_s` says when the next wrong token is told to be one again; a right one never waits.
    """

    code = "too-many-failures"

    def __init__(self, retry_s: int) -> None:
        super().__init__(f"too many failed sign-ins from here: try again in {retry_s} s")
        self.retry_s = retry_s


COOKIE = "wicketgate-duty"
"""The cookie's name; over https `__Host-` stands before it, so that no other host of the domain can set one."""


class Sessions:
    """The sessions of one gateway.

    Parameters
    ----------
    now_us : callable
        Returns the time by the gateway's clock.
    tokens : callable
        Returns the committed tokens: name by SHA-256 in hexadecimal.
    """

    def __init__(self, now_us: Callable[[], int], tokens: Callable[[], Mapping[str, str]]) -> None:
        self._now_us = now_us
        self._tokens = tokens
        self._sessions: dict[str, Session] = {}
        self._failures: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self, token: str, officer: str, peer: str) -> tuple[str, Session]:
        """Sign an officer in.

        Parameters
        ----------
        token : str
            A token of a recipient's unit.
        officer : str
            A name or number, 1 to 80 characters.
        peer : str
            Where the request came from (`peers.peer_of`), for the count of failures.

        Returns
        -------
        str, Session
            The session's id, which is shown this once, and the session.

        Raises
        ------
        TooManyFailures
            If the token is a wrong one, and this peer failed too often.
        NotEntitled
            If the token is not known, or is not of a recipient's unit.
        InputError
            If `officer` is empty, too long, or holds what cannot be seen.

        Notes
        -----
        The token comes first: 256 bits are not guessed, so a lock would keep nobody out but those who share the
        guesser's address.
        """
        now_us = self._now_us()
        name = officer_name(officer)
        sha256 = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).hexdigest()
        known = self._tokens().get(sha256) if 0 < len(token) <= _LONGEST_TOKEN else None
        kind, _, unit = (known or "").partition(":")
        if kind != "recipient":
            self._count_failure(peer, now_us)
            raise NotEntitled("this is no token of a recipient's unit", code="unauthorised")
        self._forget_ended(now_us)
        of_unit = [session for session in self._sessions.values() if session.unit == unit]
        for session in of_unit[: max(0, len(of_unit) - MOST_OF_A_UNIT + 1)]:
            del self._sessions[session.key]
        session_id = secrets.token_urlsafe(32)
        session = Session(
            key=_key(session_id),
            unit=unit,
            officer=name,
            token_sha256=sha256,
            form_key=secrets.token_urlsafe(32),
            until_us=now_us + LIFE_US,
        )
        self._sessions[session.key] = session
        return session_id, session

    def find(self, session_id: str) -> Session | None:
        """Find the session of an id while it lasts and its token is good.

        None otherwise.
        """
        if not _ID.fullmatch(session_id):
            return None
        session = self._sessions.get(_key(session_id))
        return session if session is not None and self.lasts(session) else None

    def lasts(self, session: Session) -> bool:
        """Return whether a session is still good.

        One that is not is forgotten.
        """
        good = (
            self._sessions.get(session.key) is session
            and self._now_us() < session.until_us
            and self._tokens().get(session.token_sha256) == f"recipient:{session.unit}"
        )
        if not good:
            self._sessions.pop(session.key, None)
        return good

    def close(self, session: Session) -> None:
        """End a session."""
        self._sessions.pop(session.key, None)

    def _forget_ended(self, now_us: int) -> None:
        self._sessions = {key: one for key, one in self._sessions.items() if now_us < one.until_us}

    def _count_failure(self, peer: str, now_us: int) -> None:
        """Count a failure; TooManyFailures where the peer has none in hand, and then it is not counted."""
        taking = RateUse(self._failures.get(peer, 0), now_us, _FAILURES)
        if taking.wait_s:
            raise TooManyFailures(taking.wait_s)
        self._failures.pop(peer, None)
        self._failures[peer] = taking.after_us
        while len(self._failures) > _PEERS:
            del self._failures[next(iter(self._failures))]


def is_https(scope: Scope) -> bool:
    """Return whether the browser speaks https, to the gateway or to a proxy that it believes."""
    return scope.get("scheme") == "https"


def session_id_in(scope: Scope) -> str:
    """Return the session id in a request's cookies.

    Empty where there is none, or more than one.
    """
    wanted = cookie_name(scope)
    found = [
        value.strip()
        for header, line in scope["headers"]
        if header == b"cookie"
        for name, _, value in (part.partition("=") for part in line.decode("latin-1").split(";"))
        if name.strip() == wanted
    ]
    return found[0] if len(found) == 1 else ""


def cookie_name(scope: Scope) -> str:
    """Return the name of the session's cookie for a request."""
    return f"__Host-{COOKIE}" if is_https(scope) else COOKIE


def set_cookie(scope: Scope, session_id: str) -> str:
    """Return the value of `Set-Cookie` to begin or end a session.

    With an empty id, it ends the session.
    """
    age_s = LIFE_US // SECOND_US if session_id else 0
    secure = "; Secure" if is_https(scope) else ""
    return f"{cookie_name(scope)}={session_id}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}"


def officer_name(text: str) -> str:
    """Return the name or number of an officer as it is kept.

    InputError if it cannot be one.

    >>> officer_name("  PC  4711 ")
    'PC 4711'
    """
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise InputError("give your name or number: it is recorded with each outcome")
    if len(name) > MOST_OFFICER or any(unicodedata.category(character)[0] == "C" for character in name):
        raise InputError(f"a name or number has at most {MOST_OFFICER} characters that can be seen")
    return name


def is_form_key(session: Session, given: str) -> bool:
    """Return whether a form carries its session's key.

    The time that it takes does not depend on how much of a guess is right.
    """
    return hmac.compare_digest(session.form_key.encode(), given.encode("utf-8", "surrogatepass"))


def _key(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
