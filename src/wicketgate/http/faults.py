"""Errors of handlers, as problems."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from wicketgate.base.errors import WicketgateError
from wicketgate.http.problems import internal, not_allowed, problem, problem_of


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

    The framework names those of its first route alone. Where the path is a route's own, others that it would fit by a
    template do not count.
    """
    matching = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    own = [route for route in matching if route.path == request.scope["path"]]
    return {method for route in own or matching for method in route.methods or ()}


async def _on_unforeseen(request: Request, error: Exception) -> Response:
    return internal()


FAULTS: Final[dict[Any, Callable[[Request, Exception], Awaitable[Response]]]] = {
    WicketgateError: _on_error,
    HTTPException: _on_http,
    Exception: _on_unforeseen,
}
"""What answers an error, as the framework asks for it."""
