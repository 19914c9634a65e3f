"""The outermost handler: what sources send all day by the straightest way, and no error behind it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from wicketgate.base.errors import WicketgateError
from wicketgate.http.api.push import Push
from wicketgate.http.api.reads import Reads
from wicketgate.http.gatekeeper import PUSH_PREFIX
from wicketgate.http.hot import READS_PATH
from wicketgate.http.problems import internal, log_unforeseen, not_allowed, problem, problem_of


class Outermost:
    """The one top-level handler."""

    def __init__(self, app: ASGIApp, reads: Reads, push: Push) -> None:
        self._app = app
        self._reads = reads
        self._push = push

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["path"] == READS_PATH:
                await self._reads.take_reads(scope, receive, send)
            elif scope["path"].startswith(PUSH_PREFIX):
                await self._push(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        except ClientDisconnect:
            return  # whoever sends a body and goes, or is closed: nothing was taken, and nobody is there
        except Exception as error:  # noqa: BLE001 - answered here or by `_on_unforeseen`
            log_unforeseen(error)
            if scope["path"] == READS_PATH or scope["path"].startswith(PUSH_PREFIX):
                await internal()(scope, receive, send)


def on_errors() -> dict[Any, Callable[[Request, Exception], Awaitable[Response]]]:
    """Return what answers the errors of routed requests."""
    return {WicketgateError: _on_error, HTTPException: _on_http, Exception: _on_unforeseen}


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, WicketgateError)
    return problem_of(error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return not_allowed(_methods(request), "see `/docs` for what can be done here")
    return problem("not-found", "see `/docs` for what there is")


def _methods(request: Request) -> set[str]:
    """Return the methods of every route for the path.

    The framework names those of its first route alone.
    """
    matching = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in matching for method in route.methods or ()}


async def _on_unforeseen(request: Request, error: Exception) -> Response:
    return internal()
