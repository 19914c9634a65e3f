"""What all pages of officers share: sessions and forms of our own, errors as pages, pages made off the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wicketgate.base.errors import InputError, NotEntitled, WicketgateError
from wicketgate.http.gatekeeper import require
from wicketgate.http.presence import PresenceNeeded
from wicketgate.http.problems import problem, problem_of, status_and_title
from wicketgate.http.requests import (
    FORM,
    MAX_MEMBERS,
    MAX_NAME,
    MOST_PAIRS,
    form_pairs,
    host_in,
    media_type_of,
    read_body,
)
from wicketgate.http.sessions import is_form_key
from wicketgate.http.site.public import Public
from wicketgate.pages.duty import HEADERS, DutyPages, Session
from wicketgate.regime.documents.people import PEOPLE_ROLES

PageHandler = Callable[[Request], Awaitable[Response]]


class OfficerPages:
    """The making of officers' pages, over one gateway."""

    def __init__(self, public: Public, pages: DutyPages) -> None:
        self._public = public
        self.pages = pages
        # A queue of a hundred hits takes 80 ms, and the first page its templates too: off the loop, one at a time.
        self._threads = ThreadPoolExecutor(1, "duty")

    def shown(self, handler: PageHandler) -> PageHandler:
        """Wrap a handler to show its errors as a page."""

        async def show(request: Request) -> Response:
            try:
                return await handler(request)
            except PresenceNeeded as needed:
                if not wants_page(request):
                    return problem_of(needed)
                return redirect(f"/presence?{urlencode({'next': needed.there})}")
            except WicketgateError as error:
                session: Session | None = request.scope.get("session")
                if session is None and not await turn(request):
                    return problem("busy", "too many requests without a session wait")
                if not wants_page(request):
                    return problem_of(error)
                status, title = status_and_title(error)
                if session is None:
                    return await self._problem_for_anybody(request, status, title, error.detail)
                return await self.page(
                    self.pages.problem, status, title, error.detail, session, status=status
                )

        return show

    async def page(self, make: Callable[..., str], *given: Any, status: int = 200, **named: Any) -> Response:
        """Answer with a page that is made in a thread, of what was read on the loop."""
        making = partial(make, *given, **named)
        html = await asyncio.get_running_loop().run_in_executor(self._threads, making)
        return Response(
            html, status_code=status, media_type="text/html; charset=utf-8", headers=dict(HEADERS)
        )

    async def _problem_for_anybody(self, request: Request, status: int, title: str, detail: str) -> Response:
        """Answer with the page of an error to whoever is not signed in.

        Rendered once for each error: these have no words of the caller's in them.
        """

        async def said() -> Mapping[str, Any]:
            return {"status": status, "title": title, "detail": detail}

        return await self._public.page(
            request, "duty-problem", arguments=said, key=(status, detail), headers=HEADERS, status=status
        )


def session_of(request: Request, *roles: str) -> Session:
    """Return the session in which an officer asks.

    Parameters
    ----------
    roles : str
        Of a person: one of these they need; anybody who is signed in where none is named.

    Raises
    ------
    NotEntitled
        Where it has ended, or the person has no such role, or works in no unit.
    """
    require(request, "duty", *PEOPLE_ROLES)
    session: Session = request.scope["session"]
    if session.person and roles and (session.roles.isdisjoint(roles) or session.kind != "unit"):
        raise NotEntitled(f"this needs the role {' or '.join(roles)}, in a unit")
    return session


def person_at(request: Request, kind: str, role: str) -> Session:
    """Return the session of a person who has a role at a place of a kind; no token opens one.

    Raises
    ------
    NotEntitled
        Where it has ended, a token opened it, or the person has no such role there.
    """
    session = session_of(request)
    if not session.person or session.kind != kind or role not in session.roles:
        raise NotEntitled(
            f"this needs a person with the role {role}, in an {kind}".replace("an unit", "a unit")
        )
    return session


async def turn(request: Request) -> bool:
    """Wait for the turn of somebody who is not signed in (`gatekeeper.Gatekeeper`)."""
    turn: Callable[[], Awaitable[bool]] | None = request.scope.get("turn")
    return turn is None or await turn()


async def form_of(request: Request, session: Session | None = None) -> dict[str, str]:
    """Return the fields of a form of our own; of a name that comes twice the last. Errors as `pairs_of_form`."""
    # A stranger's is parsed on the loop without a turn, so it is short: the token and the name of who signs in.
    return dict(await pairs_of_form(request, session, MAX_NAME if session is None else MAX_MEMBERS))


async def pairs_of_form(
    request: Request, session: Session | None, most: int = MAX_MEMBERS, most_pairs: int = MOST_PAIRS
) -> list[tuple[str, str]]:
    """Return the names and values of a form of our own, in its order.

    Parameters
    ----------
    most, most_pairs : int
        Bytes, and fields.

    Raises
    ------
    NotEntitled
        `form-refused`, if it came from another site or, with a session, does not carry its key.
    InputError
        If it is no form.
    """
    if not is_same_origin(request):
        raise NotEntitled("this form was sent from elsewhere", code="form-refused")
    if media_type_of(request) != FORM:
        raise InputError(f"send `{FORM}`", code="unsupported-media-type")
    pairs = form_pairs(await read_body(request, most), most_pairs)
    if session is not None and not is_form_key(session, dict(pairs).get("form_key", "")):
        raise NotEntitled("this form is not of this session: load the page again", code="form-refused")
    return pairs


def is_same_origin(request: Request) -> bool:
    """Return whether the browser vouches for a request from our own pages.

    One that says nothing is not believed.

    Over plain http browsers send no `Sec-Fetch-Site`; behind a proxy only they know what the gateway is called.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    return bool(host) and host_in(origin) == host.lower()


def wants_page(request: Request) -> bool:
    """Return whether a browser asks."""
    return "text/html" in request.headers.get("accept", "")


def redirect(where: str) -> Response:
    """Return the answer that sends a browser on, after a form."""
    return RedirectResponse(where, status_code=303, headers={"Cache-Control": "no-store"})


def sentence(error: WicketgateError) -> str:
    """Return an error's detail as a sentence."""
    return f"{error.detail[:1].upper()}{error.detail[1:]}."
