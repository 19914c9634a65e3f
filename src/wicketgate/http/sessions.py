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
from wicketgate.http.failures import Failures
from wicketgate.http.said_names import said_name
from wicketgate.pages.duty import Session
from wicketgate.regime.documents.people import Workplace

if TYPE_CHECKING:  # fronts know tokens by this module, and reach nothing of the gateway
    from wicketgate.gateway.people import PeopleInForce, SignedInAs

LIFE_US = 12 * HOUR_US
"""How long a session lasts, whether or not it is used: a shift."""
VOUCHED_US = HOUR_US
"""How long a provider's word lasts: then its claims are asked again, and whoever lost them is not let in.

It counts from when the word was given. The id token's own expiry says only until when it may be taken (OpenID Connect
Core, 2), and `auth_time` how old a proof of presence is.
"""
MOST_OF_A_UNIT = 64
"""Sessions that a unit's token may open at once; one more ends its oldest."""
MOST_OF_A_PERSON = 8
"""Sessions that one person may have at once, and programs; one more ends their oldest."""
_KINDS = {(True, False): "unit", (False, True): "office", (False, False): "organisation"}
_LONGEST_TOKEN = 512
MOST_OFFICER = 80
_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


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
    zone_of : callable, optional
        Returns the time zone of a place, by what it is and its name.
    """

    def __init__(
        self,
        now_us: Callable[[], int],
        tokens: Callable[[], Mapping[str, str]],
        people: PeopleInForce | None = None,
        zone_of: Callable[[str, str], str] = lambda kind, place: "",
    ) -> None:
        self._now_us = now_us
        self._zone_of = zone_of
        self._tokens = tokens
        self._people = people
        self._sessions: dict[str, Session] = {}
        self._proved: dict[str, tuple[SignedInAs, Workplace]] = {}
        self._failures = Failures()

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
            self._failures.count(peer, now_us)
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
            zone=self._zone_of("unit", unit),
        )
        self._keep(session, [one for one in self._sessions.values() if one.unit == unit], MOST_OF_A_UNIT)
        return session_id, session

    def open_as(self, proved: SignedInAs, place: Workplace, present_us: int) -> tuple[str, Session]:
        """Sign a person in, at one of the places where they work.

        Parameters
        ----------
        present_us : int
            When they last proved that they are there; 0 where nobody knows.

        Raises
        ------
        NotEntitled
            If no document in force names them there.
        """
        return self._open(proved, place, present_us, self._now_us() + _life_us(proved))

    def move(self, session: Session, place: Workplace) -> tuple[str, Session]:
        """End a session of a person, and open one at another place of theirs: no longer, and nothing proved anew.

        What acts for them goes on where it is, with the new one.

        Raises
        ------
        NotEntitled
            As `open_as`; or where the session has ended, or is a program's.
        """
        known, proved = self._own(session)
        session_id, opened = self._open(proved, place, known.present_us, known.until_us, instead_of=known.key)
        for one in [one for one in self._sessions.values() if one.parent == known.key]:
            self._sessions[one.key] = replace(one, parent=opened.key)
        self._end(known.key)
        return session_id, opened

    def open_program(self, session: Session) -> tuple[str, Session]:
        """Let a program act for a person until their session ends: with its proof of presence, and no later one.

        Raises
        ------
        NotEntitled
            As `move`.
        """
        known, proved = self._own(session)
        place = self._proved[known.key][1]
        return self._open(proved, place, known.present_us, known.until_us, parent=known.key)

    def _own(self, session: Session) -> tuple[Session, SignedInAs]:
        """Return a person's own session as it is kept, and by what they signed in."""
        known = self.of(session.key)
        proved = None if known is None or known.parent else self.proof_of(known)
        if known is None or proved is None:
            raise NotEntitled("this is for people in a session of their own", code="sign-in-refused")
        return known, proved

    def _open(
        self,
        proved: SignedInAs,
        place: Workplace,
        present_us: int,
        until_us: int,
        *,
        parent: str = "",
        instead_of: str = "",
    ) -> tuple[str, Session]:
        identity = None if self._people is None else self._people.identify(proved)
        roles = frozenset() if identity is None else identity.roles_at(place)
        if identity is None or not roles:
            raise NotEntitled("no document in force names you there", code="sign-in-refused")
        session_id = secrets.token_urlsafe(32)
        session = Session(
            key=_key(session_id),
            unit=str(place),
            kind=_KINDS[place.unit is not None, place.office is not None],
            officer=identity.name,
            token_sha256="",
            form_key=secrets.token_urlsafe(32),
            until_us=until_us,
            person=identity.person,
            roles=roles,
            present_us=present_us,
            parent=parent,
            zone=self._zone_of(_KINDS[place.unit is not None, place.office is not None], str(place)),
        )
        alike = [
            one
            for one in self._sessions.values()
            if one.person == identity.person and bool(one.parent) == bool(parent) and one.key != instead_of
        ]
        self._keep(session, alike, MOST_OF_A_PERSON)
        self._proved[session.key] = proved, place
        return session_id, session

    def prove(self, session: Session, proved: SignedInAs, present_us: int) -> Session:
        """Renew the proof that a person is there; the session is another value from now on.

        What their provider says of them now is what the session rests on.

        Raises
        ------
        NotEntitled
            If it proves somebody else, or the session has ended.
        """
        identity = None if self._people is None else self._people.identify(proved)
        good = self.lasts(session) and not session.parent
        if identity is None or identity.person != session.person or not good:
            raise NotEntitled("this proves somebody else than who is signed in", code="sign-in-refused")
        known = self._sessions[session.key]
        until_us = self._now_us() + _life_us(proved) if proved.provider else known.until_us
        renewed = self._sessions[session.key] = replace(
            known, present_us=max(known.present_us, present_us), until_us=max(known.until_us, until_us)
        )
        if proved.provider:
            self._proved[session.key] = proved, self._proved[session.key][1]
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
        return self._people is not None and self._people.are_named(organisation)

    def _keep(self, session: Session, alike: list[Session], most: int) -> None:
        """Keep a session; of those like it the oldest end where there are too many."""
        self._forget_ended(self._now_us())
        for one in alike[: max(0, len(alike) - most + 1)]:
            self._end(one.key)
        self._sessions[session.key] = session

    def find(self, session_id: str) -> Session | None:
        """Find the session of the id in a browser's cookie while it lasts and its token is good.

        None otherwise, and for a program's: it opens no pages.
        """
        session = self.of(_key(session_id)) if _ID.fullmatch(session_id) else None
        return None if session is None or session.parent else session

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
            and self._now_us() < known.until_us
            and self._rests(known)
            and (not known.parent or self.of(known.parent) is not None)
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
        """End a session, and what acts for its person by it."""
        for one in [key, *(one.key for one in self._sessions.values() if one.parent == key)]:
            self._sessions.pop(one, None)
            self._proved.pop(one, None)

    def _forget_ended(self, now_us: int) -> None:
        for key in [key for key, one in self._sessions.items() if now_us >= one.until_us]:
            self._end(key)


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
    if name.casefold().startswith("person:"):
        raise InputError("a name or number does not begin with `person:`")
    if not name:
        raise InputError("give your name or number: it is recorded with each outcome")
    if len(name) > MOST_OFFICER or any(unicodedata.category(character)[0] == "C" for character in name):
        raise InputError(f"a name or number has at most {MOST_OFFICER} characters that can be seen")
    return said_name(name)


def is_form_key(session: Session, given: str) -> bool:
    """Return whether a form carries its session's key.

    The time that it takes does not depend on how much of a guess is right.
    """
    return hmac.compare_digest(session.form_key.encode(), given.encode("utf-8", "surrogatepass"))


def _life_us(proved: SignedInAs) -> int:
    return VOUCHED_US if proved.provider else LIFE_US


def _key(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()
