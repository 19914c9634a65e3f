"""Handlers of signing in by a code, which only a demonstration lets anybody do (decision 41)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.gateway.people import PeopleInForce
from wicketgate.http.failures import Failures, TooManyFailures
from wicketgate.http.gatekeeper import SIGN_IN
from wicketgate.http.peers import peer_of
from wicketgate.http.people.opening import HOME, DoorOpening, next_of
from wicketgate.http.problems import problem
from wicketgate.http.sessions import set_cookie
from wicketgate.http.site.officers import OfficerPages, form_of, redirect, turn

Again = Callable[[Request, int, str], Awaitable[Response]]
"""Answers with the page to sign in once more: a request, the status and the fault."""


class ByCode:
    """The handler of codes, over one gateway.

    Parameters
    ----------
    demonstration : bool
        Whether vehicles are invented. Where they are not, a code makes a passkey and opens nothing itself.
    again : callable
        Shows the page to sign in once more.
    """

    def __init__(
        self,
        clock: Clock,
        people: PeopleInForce,
        opening: DoorOpening,
        officers: OfficerPages,
        again: Again,
        *,
        demonstration: bool,
    ) -> None:
        self._clock = clock
        self._people = people
        self._opening = opening
        self._officers = officers
        self._again = again
        self._demonstration = demonstration
        self._failures = Failures()

    def routes(self) -> list[Route]:
        """Return the route of `/sign-in/code`."""
        return [Route(f"{SIGN_IN}/code", self._officers.shown(self.post_code), methods=["POST"])]

    async def post_code(self, request: Request) -> Response:
        """`POST /sign-in/code`: sign in as whoever a code was made for."""
        if not await turn(request):
            return problem("busy", "too many requests without a session wait")
        form = await form_of(request)
        if not self._demonstration:
            raise InputError(
                "a code signs in only in a demonstration: make a passkey with it", code="not-found"
            )
        peer, now_us = peer_of(request.scope), self._clock.now_us()
        try:
            self._failures.demand(peer, now_us)
            session_id = await self._opening.open(self._people.by_code(form.get("code", "")), "code", now_us)
        except TooManyFailures as error:
            answer = await self._again(request, 429, error.detail)
            answer.headers["Retry-After"] = str(error.retry_s)
            return answer
        except NotEntitled as error:
            self._failures.count(peer, now_us)
            return await self._again(request, 403, error.detail)
        answer = redirect(next_of(request.query_params.get("next", "")) or HOME)
        answer.headers["Set-Cookie"] = set_cookie(request.scope, session_id)
        return answer
