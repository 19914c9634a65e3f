"""Default deny: nothing but the public paths is reached without a known credential."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from wicketgate.errors import NotEntitled
from wicketgate.http.problems import problem

PUBLIC_PATHS = frozenset({"/", "/verify", "/docs", "/register.json", "/openapi.json", "/healthz"})
PUBLIC_PREFIXES = ("/assets/", "/authorities/", "/log/")
_LONGEST_TOKEN = 512


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: `kind` is source, recipient, overseer or admin; `name` the rest of the token's name."""

    kind: str
    name: str


def principal_of(token_name: str) -> Principal:
    """Return the principal of a token's name (`source:tfl`, `recipient:met/unit`, `overseer:<office>`, `admin`)."""
    kind, _, name = token_name.partition(":")
    return Principal(kind, name)


def is_public(path: str) -> bool:
    """Say whether a path answers without a credential."""
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES)


class Gatekeeper:
    """ASGI middleware in front of every route.

    Parameters
    ----------
    tokens : callable
        Returns the committed tokens: name by SHA-256 in hexadecimal.
    """

    def __init__(self, app: ASGIApp, tokens: Callable[[], Mapping[str, str]]) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or pass on with `scope["principal"]` set where a credential is known."""
        if scope["type"] != "http":
            return  # no other protocol is spoken
        scope["principal"] = principal = self._principal(scope)
        if principal is None and not is_public(scope["path"]):
            response = problem(
                "unauthorised", "send `Authorization: Bearer TOKEN` with a token that is known"
            )
            await response(scope, receive, send)
            return
        scope["still_known"] = lambda: self._principal(scope) == principal
        await self._app(scope, receive, send)

    def _principal(self, scope: Scope) -> Principal | None:
        for name, value in scope["headers"]:
            if name == b"authorization":
                kind, _, token = value.partition(b" ")
                if kind.lower() != b"bearer" or not token or len(token) > _LONGEST_TOKEN:
                    return None
                # A look-up by hash: what it takes does not depend on how much of a guess is right.
                known = self._tokens().get(hashlib.sha256(token.strip()).hexdigest())
                return None if known is None else principal_of(known)
        return None


def require(request: Request, kind: str) -> Principal:
    """Return the caller if it is of a kind and its token has not been withdrawn since; NotEntitled otherwise."""
    principal: Principal | None = request.scope["principal"]
    if not request.scope["still_known"]():
        raise NotEntitled("this token has been withdrawn", code="unauthorised")
    if principal is None or principal.kind != kind:
        raise NotEntitled(f"this is for a token of kind `{kind}`")
    return principal
