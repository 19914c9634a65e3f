"""Sessions: good as long as what they rest on, the documents that name a person or a unit's token.

Everything is in memory: a restart ends every session. Of a session's id and of the token only hashes are held.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.types import Scope

from wicketgate.base.clock import HOUR_US, SECOND_US
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.http.rates import Rate, RateUse
from wicketgate.pages.duty import Session
from wicketgate.regime.documents.people import Workplace

if TYPE_CHECKING:  # fronts know tokens by this module, and reach nothing of the gateway
    from wicketgate.gateway.people import PeopleInForce, SignedInAs

LIFE_US = 12 * HOUR_US
"""How long a session lasts, whether or not it is used: a shift."""
MOST_OF_A_UNIT = 64
"""Sessions that a unit's token may open at once; one more ends its oldest."""
MOST_OF_A_PERSON = 8
"""Sessions that one person may have at once; one more ends their oldest."""
FAILURES = 10
"""Failed sign-ins that a peer has in hand."""
FAILURE_EVERY_US = 6 * SECOND_US
"""How soon one of them comes back."""

_FAILURES = Rate(burst=FAILURES, every_us=FAILURE_EVERY_US)
_PEERS = 10_000
_KINDS = {(True, False): "unit", (False, True): "office", (False, False): "organisation"}
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
    people : PeopleInForce, optional
        Says who people are; without it nobody signs in by name.
    """

    def __init__(
        self,
        now_us: Callable[[], int],
        tokens: Callable[[], Mapping[str, str]],
        people: PeopleInForce | None = None,
    ) -> None:
        self._now_us = now_us
        self._tokens = tokens
        self._people = people
        self._sessions: dict[str, Session] = {}
        self._proved: dict[str, tuple[SignedInAs, Workplace]] = {}
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
        if self._are_named(unit):
            raise NotEntitled(
                "the people of this organisation are named: tokens are for machines, sign in as yourself",
                code="unauthorised",
            )
        session_id = secrets.token_urlsafe(32)
        session = Session(
            key=_key(session_id),
            unit=unit,
            officer=name,
            token_sha256=sha256,
            form_key=secrets.token_urlsafe(32),
            until_us=now_us + LIFE_US,
        )
        self._keep(session, [one for one in self._sessions.values() if one.unit == unit], MOST_OF_A_UNIT)
        return session_id, session

    def open_as(
        self, proved: SignedInAs, place: Workplace, *, instead_of: Session | None = None
    ) -> tuple[str, Session]:
        """Sign a person in, at one of the places where they work.

        Parameters
        ----------
        instead_of : Session, optional
            A session of theirs whose proof of presence this one goes on with: nobody proved anything just now.

        Raises
        ------
        NotEntitled
            If no document in force names them there.
        """
        identity = None if self._people is None else self._people.identify(proved)
        roles = frozenset() if identity is None else identity.roles_at(place)
        if identity is None or not roles:
            raise NotEntitled("no document in force names you there", code="sign-in-refused")
        now_us = self._now_us()
        session_id = secrets.token_urlsafe(32)
        session = Session(
            key=_key(session_id),
            unit=str(place),
            kind=_KINDS[place.unit is not None, place.office is not None],
            officer=identity.name,
            token_sha256="",
            form_key=secrets.token_urlsafe(32),
            until_us=now_us + LIFE_US,
            person=identity.person,
            roles=roles,
            present_us=_proved_us(proved, now_us) if instead_of is None else self._present_us(instead_of),
        )
        own = [one for one in self._sessions.values() if one.person == identity.person]
        self._keep(session, own, MOST_OF_A_PERSON)
        self._proved[session.key] = proved, place
        return session_id, session

    def prove(self, session: Session, proved: SignedInAs) -> Session:
        """Renew the proof that a person is there; the session is another value from now on.

        Raises
        ------
        NotEntitled
            If it proves somebody else, or the session has ended.
        """
        identity = None if self._people is None else self._people.identify(proved)
        if identity is None or identity.person != session.person or not self.lasts(session):
            raise NotEntitled("this proves somebody else than who is signed in", code="sign-in-refused")
        renewed = replace(session, present_us=self._now_us())
        self._sessions[session.key] = renewed
        return renewed

    def proof_of(self, session: Session) -> SignedInAs | None:
        """Return by what a person signed in; None where a token opened the session, or it has ended."""
        known = self._proved.get(session.key)
        return None if known is None else known[0]

    def place_of(self, session: Session) -> Workplace:
        """Return where a person works in a session of theirs that lasts."""
        return self._proved[session.key][1]

    def is_present(self, session: Session) -> bool:
        """Return whether a person proved lately enough that they are there, by the document in force now.

        A token's session never did, and one that has ended does no more.
        """
        proved = self.proof_of(session)
        identity = None if self._people is None or proved is None else self._people.identify(proved)
        return identity is not None and self._now_us() - self._present_us(session) <= identity.presence_us

    def _present_us(self, session: Session) -> int:
        # A proof renews the session that is kept, not the one that a request began with.
        return self._sessions.get(session.key, session).present_us

    def _are_named(self, unit: str) -> bool:
        organisation = unit.partition("/")[0]
        return self._people is not None and self._people.in_force(organisation) is not None

    def _keep(self, session: Session, alike: list[Session], most: int) -> None:
        """Keep a session; of those like it the oldest end where there are too many."""
        self._forget_ended(self._now_us())
        for one in alike[: max(0, len(alike) - most + 1)]:
            self._end(one.key)
        self._sessions[session.key] = session

    def find(self, session_id: str) -> Session | None:
        """Find the session of an id while it lasts and its token is good.

        None otherwise.
        """
        if not _ID.fullmatch(session_id):
            return None
        return self.of(_key(session_id))

    def of(self, key: str) -> Session | None:
        """Return the session of a key, the SHA-256 of its id in hexadecimal, while it is good; else None."""
        session = self._sessions.get(key)
        return session if session is not None and self.lasts(session) else None

    def lasts(self, session: Session) -> bool:
        """Return whether a session is still good.

        One that is not is forgotten.
        """
        known = self._sessions.get(session.key)
        good = (
            known is not None
            and known.form_key == session.form_key
            and self._now_us() < session.until_us
            and self._rests(known)
        )
        if not good:
            self._end(session.key)
        return good

    def close(self, session: Session) -> None:
        """End a session."""
        self._end(session.key)

    def _rests(self, session: Session) -> bool:
        """Return whether what a session rests on is there: the token, or the documents that name the person."""
        if not session.person:
            known = self._tokens().get(session.token_sha256) == f"recipient:{session.unit}"
            return known and not self._are_named(session.unit)
        assert self._people is not None
        proved, place = self._proved[session.key]
        identity = self._people.identify(proved)
        return (
            identity is not None
            and identity.person == session.person
            and identity.roles_at(place) == session.roles
        )

    def _end(self, key: str) -> None:
        self._sessions.pop(key, None)
        self._proved.pop(key, None)

    def _forget_ended(self, now_us: int) -> None:
        for key in [key for key, one in self._sessions.items() if now_us >= one.until_us]:
            self._end(key)

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


def _proved_us(proved: SignedInAs, now_us: int) -> int:
    """Return when a person proved that they are there, as they sign in.

    A passkey is proof at once. A provider says when it last asked the person itself; it may have let in by what it
    remembers, and one that does not say when proves nothing.
    """
    if proved.passkey:
        return now_us
    asked_s = (proved.claims or {}).get("auth_time")
    return min(now_us, asked_s * SECOND_US) if type(asked_s) is int else 0


def _key(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
