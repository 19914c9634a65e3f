"""Default deny: only public paths without a known credential."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, unquote_to_bytes, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from wicketgate.base.errors import NotEntitled
from wicketgate.base.limits import ConnectionLimits
from wicketgate.base.turnstile import Turnstile
from wicketgate.http.arriving import Arriving
from wicketgate.http.connections import SESSIONS
from wicketgate.http.device_paths import api_key_in, take_for_push
from wicketgate.http.lost import NOT_FOUND, is_lost
from wicketgate.http.open_paths import (
    PEOPLE_PATHS,
    PEOPLE_PREFIXES,
    PUBLIC_PATHS,
    PUBLIC_PREFIXES,
)
from wicketgate.http.parts import AnswerParts
from wicketgate.http.peers import peer_of
from wicketgate.http.problems import problem
from wicketgate.http.requests import MAX_RESPONSE
from wicketgate.http.sessions import Sessions, session_id_in
from wicketgate.http.underway import SMALL_BODY, UnderWay, while_there
from wicketgate.pages.duty import Session

SIGN_IN = "/sign-in"
PERSON = "person:"
"""The beginning of what facts say of people who signed in by name."""
HEALTH = frozenset({"/healthz", "/readyz"})
"""Answered whoever else is at the door: they have turns of their own."""
_DESKS = ("/duty", "/source", "/protection", "/approvals", "/questions", "/emergencies", "/me", "/presence")
_OFFICERS = frozenset({*_DESKS, "/device", "/sign-out"})
_OFFICERS_BELOW = tuple(f"{desk}/" for desk in _DESKS)
PUSH_PREFIX = "/v1/push/"
"""What devices post to; there alone Basic and `?key=` are credentials too."""
_LONGEST_TOKEN = 512
_LONGEST_NEXT = 500
_NO_PAGES = ("/duty/queue", "/duty/events", "/duty/images/")
"""Parts of pages, to which nobody comes back."""
_MOST_TURNS = -(-MAX_RESPONSE // SMALL_BODY)
_WITHOUT_BODY = frozenset({"GET", "HEAD"})
_AS_PAGE = b"text/html"
_PERSON_S = 0.5
_UNKNOWN = "send `Authorization: Bearer TOKEN` with a token that is known"
_HEALTH_EVERY_S = 0.005
_HEALTH_OF_A_PEER = 4
_PART_AGAIN_S = 0.25
_TURNED_AWAY_S = 1.0
"""For which whoever finds no place to wait is let wait for that answer: it costs as much as any other."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request: a machine by its token, or a person by their session.

    `kind` is source, recipient, overseer, office or admin, and `name` the source, unit or office.

    On the pages of officers the kind is `duty`; `name` is then where they work.

    Attributes
    ----------
    person : str
        Who it is, as facts say it; empty of a machine.
    roles : frozenset of str
        What the person may do there.
    """

    kind: str
    name: str
    person: str = ""
    roles: frozenset[str] = frozenset()

    @property
    def by(self) -> str:
        """What facts say of who it is."""
        return f"{PERSON}{self.person}" if self.person else f"{self.kind}:{self.name}".rstrip(":")


def principal_of(token_name: str) -> Principal:
    """Return the principal of a token's name.

    The name is `source:tfl`, `recipient:met/unit`, `overseer:<office>` or `admin`.
    """
    kind, _, name = token_name.partition(":")
    return Principal(kind, name)


def person_of(session: Session) -> Principal:
    """Return the principal of a person who signed in: of the kind of where they work."""
    kind = {"unit": "recipient", "organisation": "source"}.get(session.kind, "office")
    if kind == "office" and "overseer" in session.roles:
        kind = "overseer"
    return Principal(kind, session.unit, person=session.person, roles=session.roles)


def is_public(path: str) -> bool:
    """Return whether a path answers without a credential."""
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES)


def is_ceremony(path: str) -> bool:
    """Return whether people come to be known at a path."""
    return path in PEOPLE_PATHS or path.startswith(PEOPLE_PREFIXES)


def is_for_officers(path: str) -> bool:
    """Return whether a path is opened by an officer's session alone."""
    return path in _OFFICERS or path.startswith(_OFFICERS_BELOW)


class Gatekeeper:
    """ASGI middleware in front of every route.

    Parameters
    ----------
    tokens : callable
        Returns the committed tokens: name by SHA-256 in hexadecimal.
    sessions : Sessions, optional
        Those of duty officers; without them their pages are closed.
    under_way : UnderWay, optional
        Bounds what is under way; those of `ConnectionLimits` without it.
    unknown : str
        What is said to whoever shows no credential that is known.
    """

    def __init__(
        self,
        app: ASGIApp,
        tokens: Callable[[], Mapping[str, str]],
        sessions: Sessions | None = None,
        under_way: UnderWay | None = None,
        unknown: str = _UNKNOWN,
    ) -> None:
        self._app = app
        self._under_way = under_way or UnderWay(ConnectionLimits())
        self._tokens = tokens
        self._sessions = sessions
        self._unknown = unknown
        self._arriving = Arriving(self._under_way.limits)
        self._turnstile = Turnstile()
        self._health = Turnstile(every_s=_HEALTH_EVERY_S, most_of_a_peer=_HEALTH_OF_A_PEER)

    def knows(self, fields: Sequence[tuple[bytes, bytes]]) -> bool:
        """Return whether a token or a session that is good stands among the fields of a head."""
        given = _bearer({"headers": fields})
        if self._principal(given) is not None:
            return True
        shown = (session_id_in({"headers": fields, "scheme": scheme}) for scheme in ("https", "http"))
        return self._sessions is not None and any(map(self._sessions.find, shown))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or pass on with the principal of the credential.

        Where a credential is known, it is in `scope["principal"]`.
        """
        if scope["type"] != "http":
            return  # no other protocol is spoken
        take_for_push(scope)
        try:
            await self._answer(scope, receive, send)
        except ClientDisconnect:
            return  # it went while it waited
        finally:
            scope.pop("turn", None)  # it would be a cycle

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_for_officers(scope["path"]):
            await self._for_officers(scope, receive, send)
            return
        pushed = scope["path"].startswith(PUSH_PREFIX)
        given = _pushed_with(scope) if pushed else _bearer(scope)
        scope["principal"] = principal = self._principal(given)
        if principal is None:
            self._under_way.recognise(scope, "", "")
        if principal is None and not await self._passed(scope):
            await _turn_away(scope, receive, send)
            return
        if principal is None and not is_public(scope["path"]) and is_lost(scope):
            scope["path"] = NOT_FOUND
        if principal is None and not is_public(scope["path"]):
            response = problem("unauthorised", self._unknown)
            if pushed:
                # Many devices send what they have only when they are asked, and know no other scheme.
                response.headers.append("WWW-Authenticate", 'Basic realm="wicketgate", charset="UTF-8"')
            await response(scope, receive, send)
            return
        scope["still_known"] = lambda: self._principal(given) == principal
        scope["is_present"] = lambda: self._is_present(principal, given)
        scope["credential"] = "" if given is None else given.digest
        if given is None or principal is None:
            await self._pass(scope, receive, send, "", "")
        else:
            # A person's connection is not a token's, with which it would end.
            kind = SESSIONS if principal.person else f"{principal.kind}:"
            await self._pass(scope, receive, send, kind + principal.name, given.digest)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, name: str, credential: str) -> None:
        """Pass a request on, within the bounds of what may be under way."""
        under_way, ceremony = self._under_way, not name and is_ceremony(scope["path"])
        scope["under_way"] = under_way
        refused = under_way.recognise(scope, name, credential)
        if refused is None and ceremony and scope["method"] == "POST":
            arrived = await self._arriving.whole(scope, receive)
            if isinstance(arrived, Response):
                refused = arrived
            else:
                receive = arrived
        if refused is None and (name or not _is_sign_in(scope)):
            # A sign-in by a token is answered at once, or waits where turns are bounded: it needs no place.
            refused = under_way.begin(scope, name, ceremony=ceremony)
        if refused is not None:
            # Whoever signs in has not waited yet.
            if name or not _is_sign_in(scope) or await self._turn(scope):
                await refused(scope, receive, send)
            else:
                await _turn_away(scope, receive, send)
            return
        try:
            turn = None if name else partial(self._turn_of_part, scope)
            await self._app(scope, receive, AnswerParts(scope, receive, send, under_way, turn).send)
        finally:
            under_way.end(scope)

    async def _for_officers(self, scope: Scope, receive: Receive, send: Send) -> None:
        sessions = self._sessions
        given = session_id_in(scope)
        session = None if sessions is None else sessions.find(given)
        if sessions is None or session is None:
            self._under_way.recognise(scope, "", "")
            if await self._turn(scope):
                await _sign_in_first(scope, ended=bool(given))(scope, receive, send)
            else:
                await _turn_away(scope, receive, send)
            return
        scope["session"] = session
        scope["principal"] = Principal("duty", session.unit, person=session.person, roles=session.roles)
        scope["still_known"] = lambda: sessions.lasts(session)
        scope["is_present"] = lambda: not session.person or sessions.is_present(session)
        scope["credential"] = session.key
        await self._pass(scope, receive, send, SESSIONS + session.unit, session.key)

    def _is_present(self, principal: Principal | None, given: _Given | None) -> bool:
        if principal is None or not principal.person or given is None or self._sessions is None:
            return True
        session = self._sessions.of(given.digest)
        return session is not None and self._sessions.is_present(session)

    async def _passed(self, scope: Scope) -> bool:
        """Wait for the turn of a stranger; False where too many wait.

        A body takes turns by its length. Whoever signs in does not wait: a right token is let in whoever else is at the
        door. The handler lets wrong ones wait.
        """
        scope["turn"] = turn = partial(self._turn, scope)
        return _is_sign_in(scope) or await turn()

    async def _turn(self, scope: Scope) -> bool:
        turnstile = self._health if scope["path"] in HEALTH else self._turnstile
        return await while_there(scope, turnstile.passed(peer_of(scope), turns_of(scope)))

    async def _turn_of_part(self, scope: Scope) -> None:
        """Wait for a turn for one more part of an answer that has begun."""
        while not await while_there(scope, self._turnstile.passed(peer_of(scope))):
            await while_there(scope, asyncio.sleep(_PART_AGAIN_S))

    def _principal(self, given: _Given | None) -> Principal | None:
        if given is None:
            return None
        known = _name_of(given, self._tokens())
        if known is not None:
            return principal_of(known)
        session = (
            None if self._sessions is None or given.source is not None else self._sessions.of(given.digest)
        )
        return None if session is None or not session.person else person_of(session)


@dataclass(frozen=True, slots=True)
class _Given:
    """A credential as it was sent.

    It is the token's hash, and the source that it must be of where one was named beside it.
    """

    digest: str
    source: str | None = None


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A source whose token came with a request, and the token's hash."""

    source: str
    digest: str


def source_in(scope: Scope, tokens: Mapping[str, str], *, pushed: bool) -> KnownSource | None:
    """Return the source whose good token is in a request's head; None for whatever else is there.

    Parameters
    ----------
    pushed : bool
        Whether a device pushes: then Basic and `?key=` count too, and the key is taken out of the scope.
    """
    given = _pushed_with(scope) if pushed else _bearer(scope)
    known = None if given is None else _name_of(given, tokens)
    if given is None or known is None or not known.startswith("source:"):
        return None
    return KnownSource(known.removeprefix("source:"), given.digest)


def bearer_in(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """Return the hash of the bearer token among the fields of a head; empty where there is none."""
    given = _bearer({"headers": headers})
    return "" if given is None else given.digest


def _name_of(given: _Given, tokens: Mapping[str, str]) -> str | None:
    # A look-up by hash: what it takes does not depend on how much of a guess is right.
    known = tokens.get(given.digest)
    return None if given.source is not None and known != f"source:{given.source}" else known


def withdrawn() -> NotEntitled:
    """Return what is wrong with a credential that is known no longer."""
    return NotEntitled("this token has been withdrawn, or this session has ended", code="unauthorised")


def _authorization(scope: Scope) -> tuple[bytes, bytes] | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, rest = value.partition(b" ")
            return kind.lower(), rest
    return None


def _bearer(scope: Scope) -> _Given | None:
    sent = _authorization(scope)
    return _token(sent[1]) if sent is not None and sent[0] == b"bearer" else None


def _pushed_with(scope: Scope) -> _Given | None:
    """Return the credential of a device's push.

    It is a bearer token (`Token` and `X-API-Key` are other makers' words for one), Basic (source id, token) or `?key=`,
    in this order; Digest names no token. The key is taken out of the request, so that nothing behind can show it.
    """
    query = scope.get("query_string", b"")
    pairs = [pair for pair in query.split(b"&") if pair]
    keys = [pair for pair in pairs if pair.partition(b"=")[0] == b"key"]
    if keys:
        scope["query_string"] = b"&".join(pair for pair in pairs if pair not in keys)
    sent = _authorization(scope) or api_key_in(scope)
    if sent is None or sent[0] == b"digest":
        return _token(unquote_to_bytes(keys[0][len(b"key=") :])) if len(keys) == 1 else None
    if sent[0] != b"basic":
        return _token(sent[1]) if sent[0] in (b"bearer", b"token") else None
    try:
        source, colon, token = base64.b64decode(sent[1].strip(), validate=True).partition(b":")
        return _token(token, source.decode()) if colon else None
    except (ValueError, UnicodeDecodeError):
        return None


def _token(token: bytes, source: str | None = None) -> _Given | None:
    if not token or len(token) > _LONGEST_TOKEN:
        return None
    return _Given(hashlib.sha256(token.strip()).hexdigest(), source)


async def _turn_away(scope: Scope, receive: Receive, send: Send) -> None:
    await while_there(scope, asyncio.sleep(_TURNED_AWAY_S))
    answer = problem("busy", "too many requests without a credential wait: try again in a moment")
    await answer(scope, receive, send)


def turns_of(scope: Scope) -> int:
    """Return how many turns a stranger's request takes: one, and one more for each 4 KiB of a body beyond the first.

    A body whose length is not said counts as the longest that a stranger may send, and so does a longer one. Where
    none is read, none counts.
    """
    if scope["method"] in _WITHOUT_BODY or not is_public(scope["path"]):
        return 1
    size = 0
    for name, value in scope["headers"]:
        if name == b"transfer-encoding":
            return _MOST_TURNS
        if name == b"content-length":
            size = int(value) if value.isdigit() and len(value) < 16 else MAX_RESPONSE
    return max(1, min(_MOST_TURNS, -(-size // SMALL_BODY)))


def _is_sign_in(scope: Scope) -> bool:
    path, method = scope["path"], scope["method"]
    return (path, method) == (SIGN_IN, "POST")


def _sign_in_first(scope: Scope, *, ended: bool) -> Response:
    if any(name == b"accept" and _AS_PAGE in value.lower() for name, value in scope["headers"]):
        asked = [f"ended={int(ended)}"] * ended
        if there := _page_of(scope):
            asked.append(f"next={quote(there, safe='/')}")
        where = f"{SIGN_IN}?{'&'.join(asked)}" if asked else SIGN_IN
        return RedirectResponse(where, status_code=303, headers={"Cache-Control": "no-store"})
    return problem("unauthorised", "sign in at `/sign-in` first: tokens do not open these pages")


def _page_of(scope: Scope) -> str:
    """Return the page that somebody was at, to come back to: the one asked for, or that of the form which was sent."""
    if scope["method"] == "GET":
        query = scope["query_string"].decode("latin-1")
        there = quote(scope["path"]) + (f"?{query}" if query else "")
    else:
        fields = {name: value.decode("latin-1") for name, value in scope["headers"]}
        try:
            came = urlsplit(fields.get(b"referer", ""))
        except ValueError:
            return ""
        own = bool(came.netloc) and came.netloc == fields.get(b"host")
        there = f"{came.path}?{came.query}".rstrip("?") if own and is_for_officers(came.path) else ""
    return there if len(there) <= _LONGEST_NEXT and not there.startswith(_NO_PAGES) else ""


def require(request: Request, kind: str, *roles: str) -> Principal:
    """Return the caller, if of the right kind and not withdrawn.

    Parameters
    ----------
    roles : str
        Of a person: one of these they need. Where none is named this is for machines alone.

    Raises
    ------
    NotEntitled
        Where it is of another kind, or has no such role, or what it rests on has ended since.
    """
    principal: Principal | None = request.scope["principal"]
    if not request.scope["still_known"]():
        raise withdrawn()
    if principal is None or principal.kind != kind:
        raise NotEntitled(f"this is for a token of kind `{kind}`")
    if principal.person and principal.roles.isdisjoint(roles):
        raise NotEntitled(
            f"this needs the role {' or '.join(roles)}" if roles else "this is for machines alone"
        )
    return principal


def patience_of(request: Request, seconds: float) -> float:
    """Return for how long a request may wait until it is asked again whether its caller is known still.

    Of a token's end whoever waits is told. A person's rests on documents, terms and a session's time: it is looked at
    twice a second.
    """
    principal: Principal | None = request.scope["principal"]
    return min(seconds, _PERSON_S) if principal is not None and principal.person else seconds
