"""Handlers of signing in at an organisation's own provider, and of the proof there that somebody is present.

A sign-in under way is bound to the browser by a cookie. Each has one of its own, so that two tabs do not take it from
each other, and there are at most eight.
"""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.errors import NotEntitled
from wicketgate.http.gatekeeper import SIGN_IN
from wicketgate.http.peers import peer_of
from wicketgate.http.people.opening import HOME, DoorOpening, next_of
from wicketgate.http.people.providers import CameBack, Providers, Vouched
from wicketgate.http.problems import problem
from wicketgate.http.requests import form_pairs
from wicketgate.http.sessions import Sessions, is_https, set_cookie
from wicketgate.http.site.officers import OfficerPages, redirect, session_of, turn
from wicketgate.pages.people import PeoplePages

_COOKIE: Final = "wicketgate-sign-in"
_COOKIE_S: Final = 300
_SLOTS: Final = "01234567"


class AtProvider:
    """The handlers of providers, over the sessions of one gateway."""

    def __init__(
        self,
        providers: Providers,
        opening: DoorOpening,
        sessions: Sessions,
        officers: OfficerPages,
        pages: PeoplePages,
    ) -> None:
        self._providers = providers
        self._opening = opening
        self._sessions = sessions
        self._officers = officers
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return the routes of `/sign-in/with`, `/sign-in/back` and `/presence/with`."""
        shown, get = self._officers.shown, ["GET"]
        at = "{organisation}/{provider}"
        return [
            Route(f"{SIGN_IN}/with/{at}", shown(self.get_with), methods=get),
            Route(f"{SIGN_IN}/back/{at}", shown(self.get_back), methods=get),
            Route("/presence/with", shown(self.get_presence_with), methods=get),
        ]

    async def get_with(self, request: Request) -> Response:
        """`GET /sign-in/with/{organisation}/{provider}`: send a browser to its organisation."""
        if not await turn(request):
            return problem("busy", "too many requests without a session wait")
        return await self._set_out(
            request, request.path_params["organisation"], request.path_params["provider"]
        )

    async def get_presence_with(self, request: Request) -> Response:
        """`GET /presence/with`: prove at one's organisation that one is there; the session stays."""
        session = session_of(request)
        proved = self._sessions.proof_of(session)
        if proved is None or not proved.provider:
            raise NotEntitled("no provider signed you in", code="sign-in-refused")
        return await self._set_out(request, proved.organisation, proved.provider, renews=session.key)

    async def _set_out(
        self, request: Request, organisation: str, provider: str, *, renews: str = ""
    ) -> Response:
        out = await self._providers.set_out(
            organisation, provider, self._back(request, organisation, provider), fresh=bool(renews)
        )
        there = next_of(request.query_params.get("next", ""))
        free = [slot for slot in _SLOTS if _cookie(request, slot) not in request.cookies]
        kept = {"s": out.state, "c": out.cookie, "r": renews, "n": there}
        answer = redirect(out.url)
        answer.headers["Set-Cookie"] = _set_cookie(request, secrets.choice(free or _SLOTS), urlencode(kept))
        return answer

    async def get_back(self, request: Request) -> Response:
        """`GET /sign-in/back/{organisation}/{provider}`: open a session by a provider's word."""
        if not await turn(request):
            return problem("busy", "too many requests without a session wait")
        asked = request.query_params
        slot, kept = _kept(request, asked.get("state", ""))
        if "error" in asked or not kept.get("c") or not asked.get("code"):
            raise NotEntitled(
                "your organisation did not sign you in, or it took too long", code="sign-in-refused"
            )
        organisation, provider = request.path_params["organisation"], request.path_params["provider"]
        renews = kept.get("r", "")
        vouched = await self._providers.come_back(
            organisation,
            provider,
            CameBack(
                state=asked["state"],
                code=asked["code"],
                issuer=asked.get("iss", ""),
                cookie=kept["c"],
                back=self._back(request, organisation, provider),
                peer=peer_of(request.scope),
            ),
            fresh=bool(renews),
        )
        opened = await self._opened(vouched, provider, renews)
        # The session's cookie is sent with no request that another site began, and this one the provider did: a page of
        # ours has to begin the next.
        answer = await self._officers.page(self._pages.onward, next_of(kept.get("n", "")) or HOME)
        answer.headers.append("Set-Cookie", _set_cookie(request, slot, ""))
        if opened:
            answer.headers.append("Set-Cookie", set_cookie(request.scope, opened))
        return answer

    async def _opened(self, vouched: Vouched, provider: str, renews: str) -> str:
        """Open a session, or renew the proof of one that lasts; return the id of a new one."""
        session = self._sessions.of(renews) if renews else None
        if session is None:
            return await self._opening.open(vouched.proved, provider, vouched.present_us)
        self._sessions.prove(session, vouched.proved, vouched.present_us)
        return ""

    def _back(self, request: Request, organisation: str, provider: str) -> str:
        base = self._opening.address or self._opening.origin(request) or str(request.base_url).rstrip("/")
        return f"{base}{SIGN_IN}/back/{organisation}/{provider}"


def _kept(request: Request, state: str) -> tuple[str, dict[str, str]]:
    """Return what a browser keeps of the sign-in with a state, and where; nothing where it began none."""
    for slot in _SLOTS if state else "":
        kept = dict(form_pairs(request.cookies.get(_cookie(request, slot), "").encode()))
        if kept.get("s") == state:
            return slot, kept
    return "", {}


def _cookie(request: Request, slot: str) -> str:
    return f"{'__Host-' if is_https(request.scope) else ''}{_COOKIE}-{slot}"


def _set_cookie(request: Request, slot: str, kept: str) -> str:
    """Return the value of `Set-Cookie`; with nothing to keep, it takes the cookie away."""
    secure = "; Secure" if is_https(request.scope) else ""
    age_s = _COOKIE_S if kept else 0
    # Lax: the provider's page sends the browser back here.
    return f"{_cookie(request, slot)}={kept}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Lax{secure}"
