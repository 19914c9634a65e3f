"""What is under way over HTTP: requests and bodies, by name and by peer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from wicketgate.base.budget import Budget
from wicketgate.base.errors import InputError, StreamError
from wicketgate.base.limits import ConnectionLimits
from wicketgate.http.arriving import shares_of
from wicketgate.http.connections import HttpConnection
from wicketgate.http.peers import peer_of
from wicketgate.http.problems import problem

SMALL_BODY = 4 * 1024
"""Bytes of a body that is not counted: the number of connections bounds these."""

_SENDING = frozenset({"POST", "PUT"})
_STRANGERS = "strangers"
_HEALTH = frozenset({"/healthz", "/readyz"})
"""Answered whatever else is under way: they say how the gateway is, not how busy its door."""
_T = TypeVar("_T")
_Shares = tuple[tuple[str, int], ...]


class UnderWay:
    """The requests and the bytes of bodies that are under way, within their bounds.

    What does not fit is refused before it is read, with 429 where the caller's own share is taken up, and with 503
    where all is.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.requests = Budget(limits.requests)
        # Of their own: whatever strangers do, whoever has a token finds room.
        self.strangers = Budget(limits.requests_of_strangers)
        # And whatever other strangers do, whoever comes to be known.
        self.ceremonies = Budget(limits.requests_of_strangers)
        self.bodies = Budget(limits.body_bytes)
        self.answers = Budget(limits.answer_bytes)
        self.limits = limits

    def recognise(self, scope: Scope, name: str, credential: str) -> Response | None:
        """Take note of whom a request's connection is, or return the refusal of one connection too many.

        Parameters
        ----------
        name : str
            Of the token; empty for a stranger.
        credential : str
            The hash of what was shown, by which the connection is known again at little cost.
        """
        connection = connection_of(scope)
        if connection is None:
            return None
        why = connection.known_by(name, credential)
        if why is None:
            return None
        refused = (
            problem("busy", "as many connections as there may be are open")
            if why == "all"
            else problem("too-much-at-once", f"this {_OWN[why]} has as many connections as it may have")
        )
        refused.headers["Connection"] = "close"
        return refused

    def begin(self, scope: Scope, name: str, *, ceremony: bool = False) -> Response | None:
        """Count a request, or return the refusal of one too many.

        What sources post and put is not counted: connections and bytes of bodies bound it.

        Parameters
        ----------
        ceremony : bool
            Whether a stranger comes to be known by it: those have places of their own.
        """
        sending = name.startswith("source:") and scope["method"] in _SENDING
        if sending or scope["path"] in _HEALTH:
            return None
        limits = self.limits
        shares = ((name, limits.requests_of_name),) if name else shares_of(peer_of(scope), limits)
        budget = self.requests if name else self.ceremonies if ceremony else self.strangers
        full = budget.take(1, *shares)
        if full is None:
            scope["counted"] = budget, shares
            return None
        if full == "all":
            return problem("busy", "as many requests as there may be are under way")
        whose = "token" if name else "address"
        return problem("too-much-at-once", f"this {whose} has as many requests under way as it may have")

    def end(self, scope: Scope) -> None:
        """Count a request no longer, and give back what its body took."""
        counted = scope.get("counted")
        if counted is not None:
            budget, shares = counted
            budget.give(1, *shares)
        for size, shares in scope.get("held", ()):
            self.bodies.give(size, *shares)
        for size, shares in scope.get("held_answer", ()):
            self.answers.give(size, *shares)

    def hold(self, scope: Scope, size: int) -> None:
        """Take room for bytes of a body until the request has ended.

        Raises
        ------
        InputError
            With the code `too-much-at-once`, where the caller's own share is taken up.
        StreamError
            With the code `busy`, where all is.
        """
        shares = self._shares(scope, "body_bytes")
        full = self.bodies.take(size, *shares)
        if full is None:
            scope.setdefault("held", []).append((size, shares))
            return
        if full in {"all", _STRANGERS}:
            raise StreamError("too much is being sent at once; nothing of it was taken", code="busy")
        whose = "address" if len(shares) > 1 else "token"
        raise InputError(
            f"this {whose} sends more at once than it may; nothing of it was taken", code="too-much-at-once"
        )

    def hold_answer(self, scope: Scope, size: int) -> Response | None:
        """Take room for an answer until the request has ended, or return the refusal.

        One that all callers share (`share_answer`) takes none.
        """
        if scope.get("shares_answer"):
            return None
        size -= sum(
            held for held, _ in scope.get("held_answer", ())
        )  # what the handler took before it was made
        if size <= 0:
            return None
        shares = self._shares(scope, "answer_bytes")
        full = self.answers.take(size, *shares)
        if full is None:
            scope.setdefault("held_answer", []).append((size, shares))
            return None
        if full in {"all", _STRANGERS}:
            return problem("busy", "too much waits to be taken by those who asked for it")
        whose = "address" if len(shares) > 1 else "token"
        return problem("too-much-at-once", f"this {whose} asks for more at once than it takes")

    def _shares(self, scope: Scope, what: Literal["body_bytes", "answer_bytes"]) -> _Shares:
        principal, limits = scope.get("principal"), self.limits

        def most(whose: str) -> int:
            bound: int = getattr(limits, f"{what}_of_{whose}")
            return bound

        if principal is None:
            return (peer_of(scope), most("peer")), (_STRANGERS, most("strangers"))
        whose = "source" if what == "body_bytes" and principal.kind == "source" else "name"
        return ((f"{principal.kind}:{principal.name}", most(whose)),)


_OWN = {"name": "token", "peer": "address"}


def connection_of(scope: Scope) -> HttpConnection | None:
    """Return the connection of a request; None where no server of ours stands before it."""
    state = scope.get("state")
    connection = state.get("connection") if state else None
    return connection if isinstance(connection, HttpConnection) else None


async def while_there(scope: Scope, waiting: Coroutine[Any, Any, _T] | asyncio.Future[_T]) -> _T:
    """Wait for something on behalf of a request, for as long as its client is there.

    Raises
    ------
    ClientDisconnect
        Once the client has gone; then nothing waits in its place any more.
    """
    connection = connection_of(scope)
    if connection is None:
        return await waiting
    task = asyncio.ensure_future(waiting)
    if not connection.watch(task):
        task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        if connection.is_lost and task.cancelled():
            raise ClientDisconnect from None
        raise
    finally:
        connection.unwatch(task)


def share_answer(request: Request) -> None:
    """Say that a request is answered with bytes that are held once for all."""
    request.scope["shares_answer"] = True


def reserve_answer(request: Request, size: int) -> Response | None:
    """Take room for an answer before it is made, as `UnderWay.hold_answer` does, or return the refusal."""
    under_way = request.scope.get("under_way")
    return None if under_way is None else under_way.hold_answer(request.scope, size)


def hold_body(request: Request, size: int) -> None:
    """Take room for bytes of a request's body, as `UnderWay.hold` does."""
    under_way = request.scope.get("under_way")
    if under_way is not None:
        under_way.hold(request.scope, size)
