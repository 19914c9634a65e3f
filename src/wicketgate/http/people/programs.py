"""Handlers of programs that act for people: OAuth's device flow, and the page on which a person lets one in."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import SECOND_US, Clock
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.http.people.devices import EXPIRES_S, INTERVAL_S, Devices
from wicketgate.http.presence import require_presence
from wicketgate.http.problems import problem
from wicketgate.http.requests import (
    FORM,
    MAX_NAME,
    form_pairs,
    json_answer,
    media_type_of,
    private_answer,
    read_body,
)
from wicketgate.http.sessions import Sessions
from wicketgate.http.site.officers import OfficerPages, form_of, sentence, session_of, turn
from wicketgate.pages.people import PeoplePages

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Programs:
    """The handlers of programs, over the sessions of one gateway.

    Parameters
    ----------
    address : str
        Where the public reaches the gateway; empty for the address of each request.
    """

    def __init__(
        self, clock: Clock, sessions: Sessions, officers: OfficerPages, pages: PeoplePages, address: str
    ) -> None:
        self._sessions = sessions
        self._now_us = clock.now_us
        self._devices = Devices(clock.now_us)
        self._officers = officers
        self._pages = pages
        self._address = address.rstrip("/")

    def routes(self) -> list[Route]:
        """Return the routes of `/device` and `/oauth`."""
        shown = self._officers.shown
        return [
            Route("/device", shown(self.get_device), methods=["GET"]),
            Route("/device", shown(self.post_device), methods=["POST"]),
            Route("/oauth/device_authorization", self.post_device_authorization, methods=["POST"]),
            Route("/oauth/token", self.post_token, methods=["POST"]),
        ]

    async def get_device(self, request: Request) -> Response:
        """`GET /device`."""
        session = session_of(request)
        code = request.query_params.get("user_code", "")[:20]
        return await self._officers.page(self._pages.device, session, code=code)

    async def post_device(self, request: Request) -> Response:
        """`POST /device`: let a program act for oneself, or refuse it."""
        session = session_of(request)
        form = await form_of(request, session)
        if self._sessions.proof_of(session) is None:
            raise NotEntitled("a token opened this session: programs act for people", code="sign-in-refused")
        code, lets = form.get("user_code", ""), form.get("answer") == "yes"
        if lets:
            # The program acts on this proof until it is too old: it is not given one that nobody made.
            require_presence(request, f"/device?{urlencode({'user_code': code[:20]})}")
        try:
            self._devices.answer(code, session.key, lets=lets)
        except InputError as error:
            return await self._officers.page(
                self._pages.device, session, code=code[:20], fault=sentence(error), status=400
            )
        done = "The program acts for you now." if lets else "The program was refused."
        return await self._officers.page(self._pages.device, session, done=f"{done} You can close this page.")

    async def post_device_authorization(self, request: Request) -> Response:
        """`POST /oauth/device_authorization`: a program asks to act for somebody (RFC 8628)."""
        if not await turn(request):
            return problem("busy", "too many requests without a session wait")
        await self._oauth_form(request)
        asked = self._devices.begin()
        where = f"{self._address or str(request.base_url).rstrip('/')}/device"
        return private_answer(
            {
                "device_code": asked.device_code,
                "user_code": asked.user_code,
                "verification_uri": where,
                "verification_uri_complete": f"{where}?{urlencode({'user_code': asked.user_code})}",
                "expires_in": EXPIRES_S,
                "interval": INTERVAL_S,
            }
        )

    async def post_token(self, request: Request) -> Response:
        """`POST /oauth/token`: a program asks whether it was let in (RFC 8628, 3.4)."""
        if not await turn(request):
            return problem("busy", "too many requests without a session wait")
        try:
            form = await self._oauth_form(request)
        except InputError as error:
            if error.code != "malformed":
                raise
            return json_answer({"error": "invalid_request"}, 400)
        if form.get("grant_type") != _DEVICE_GRANT:
            return json_answer({"error": "unsupported_grant_type"}, 400)
        told = self._devices.redeem(form.get("device_code", ""))
        session = self._sessions.of(told)
        proved = None if session is None else self._sessions.proof_of(session)
        if session is None or proved is None:
            known = told in ("authorization_pending", "expired_token", "access_denied")
            return json_answer({"error": told if known else "access_denied"}, 400)
        session_id, opened = self._sessions.open_program(session)
        lasts_s = (opened.until_us - self._now_us()) // SECOND_US
        return private_answer({"access_token": session_id, "token_type": "Bearer", "expires_in": lasts_s})

    async def _oauth_form(self, request: Request) -> dict[str, str]:
        if media_type_of(request) != FORM:
            raise InputError(f"send `{FORM}`", code="unsupported-media-type")
        return dict(form_pairs(await read_body(request, MAX_NAME)))
