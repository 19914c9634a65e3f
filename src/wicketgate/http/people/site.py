"""Handlers of signing in and out, and of a person's own page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.commits.durable import Durable
from wicketgate.gateway.filing.people import PeopleFiling
from wicketgate.gateway.people import PeopleInForce, SignedInAs
from wicketgate.http.failures import TooManyFailures
from wicketgate.http.gatekeeper import SIGN_IN
from wicketgate.http.peers import peer_of
from wicketgate.http.people.opening import HOME, DoorOpening, next_of
from wicketgate.http.people.passkeys import MOST_ANSWER, Passkeys
from wicketgate.http.presence import require_presence
from wicketgate.http.problems import problem
from wicketgate.http.requests import (
    JSON,
    decoded,
    media_type_of,
    number_in,
    private_answer,
    read_body,
)
from wicketgate.http.sessions import (
    MOST_OFFICER,
    Sessions,
    officer_name,
    set_cookie,
)
from wicketgate.http.site.officers import (
    OfficerPages,
    form_of,
    is_same_origin,
    redirect,
    sentence,
    session_of,
    turn,
)
from wicketgate.http.site.public import Public
from wicketgate.pages.duty import HEADERS, Session
from wicketgate.pages.people import PasskeyShown, PeoplePages, PlaceShown


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a page sends of an authenticator: its answer, the code of an enrolment, where to go next."""

    credential: dict[str, Any] = {}
    code: str = ""
    next: str = ""


_decoder = msgspec.json.Decoder(Answer)


class PeopleSite:
    """The handlers of people, over one gateway.

    Passkeys are bound to its address: without one they are made and used at `localhost` alone.
    """

    def __init__(
        self,
        commits: Durable,
        *,
        clock: Clock,
        people: PeopleInForce,
        filing: PeopleFiling,
        sessions: Sessions,
        passkeys: Passkeys,
        opening: DoorOpening,
        officers: OfficerPages,
        public: Public,
        pages: PeoplePages,
        demonstration: bool,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._people = people
        self._filing = filing
        self._sessions = sessions
        self._passkeys = passkeys
        self._opening = opening
        self._officers = officers
        self._public = public
        self._pages = pages
        self._demonstration = demonstration

    def routes(self) -> list[Route]:
        """Return the routes of signing in, `/enrol`, `/me` and `/presence`."""
        shown = self._officers.shown
        get, post = ["GET"], ["POST"]
        return [
            Route(SIGN_IN, self.get_sign_in, methods=get),
            Route(SIGN_IN, shown(self.post_sign_in), methods=post),
            Route(f"{SIGN_IN}/passkey/begin", self.post_passkey_begin, methods=post),
            Route(f"{SIGN_IN}/passkey", self.post_passkey, methods=post),
            Route("/enrol", self.get_enrol, methods=get),
            Route("/enrol/begin", self.post_enrol_begin, methods=post),
            Route("/enrol", self.post_enrol, methods=post),
            Route("/sign-out", shown(self.post_sign_out), methods=post),
            Route("/me", shown(self.get_me), methods=get),
            Route("/me/place", shown(self.post_place), methods=post),
            Route("/me/passkeys/withdraw", shown(self.post_withdraw), methods=post),
            Route("/presence", shown(self.get_presence), methods=get),
            Route("/presence/begin", self.post_presence_begin, methods=post),
            Route("/presence", self.post_presence, methods=post),
        ]

    # --- the page -------------------------------------------------------------------------------------------------

    async def get_sign_in(self, request: Request) -> Response:
        """`GET /sign-in`."""
        return await self._sign_in_page(request, ended="ended" in request.query_params)

    async def not_by_code(self, request: Request, status: int, fault: str) -> Response:
        """Answer with the page to sign in, and what was wrong with a code."""
        return await self._sign_in_page(request, status, fault=f"{fault[:1].upper()}{fault[1:]}.", at="code")

    async def _sign_in_page(
        self,
        request: Request,
        status: int = 200,
        *,
        fault: str = "",
        at: str = "",
        officer: str = "",
        there: str = "",
        ended: bool = False,
    ) -> Response:
        """Answer with the page to sign in; what the caller chose is put into one that is rendered once a fault."""
        if fault and not await turn(request):
            return problem("busy", "too many sign-ins fail at once: a right token is taken all the same")
        providers = [
            {"organisation": organisation, "id": id_, "host": urlsplit(issuer).hostname or issuer}
            for organisation, id_, issuer, _ in self._people.providers()
        ]
        passkeys, tokens = bool(self._opening.origin(request)), self._tokens_open()

        codes = self._demonstration and any(self._people.codes())

        async def said() -> Mapping[str, Any]:
            return {
                "fault": fault,
                "at": at,
                "ended": ended,
                "providers": providers,
                "passkeys": passkeys,
                "tokens": tokens,
                "codes": codes,
            }

        there = next_of(there or request.query_params.get("next", ""))
        texts = {"next": there, "asked": quote(there)}
        if fault:
            texts["officer"] = officer[:MOST_OFFICER]
        key = fault, at, ended, passkeys, tokens, codes, msgspec.json.encode(providers)
        return await self._public.page(
            request, "sign-in", arguments=said, key=key, headers=HEADERS, status=status, texts=texts
        )

    def _tokens_open(self) -> bool:
        """Return whether some recipient's people are named by nobody: its units sign in with their tokens."""
        charter = self._commits.parsed.charter(self._commits.committed)
        return any(
            "recipient" in one.roles and one.units and not self._people.are_named(one.id)
            for one in charter.organisations.values()
        )

    async def post_sign_in(self, request: Request) -> Response:
        """`POST /sign-in`: open a session from a form.

        The form has `officer` and `token`. The answer is a cookie, or the page again with the fault named.
        """
        form = await form_of(request)
        token, officer = form.get("token", ""), form.get("officer", "")
        there = form.get("next", "")
        again = partial(self._sign_in_page, request, officer=officer, there=there)
        try:
            officer_name(officer)
        except InputError as error:
            return await again(400, fault=sentence(error), at="officer")
        if not token.strip():
            return await again(400, fault="Enter the token of your unit.", at="token")
        try:
            session_id, _ = self._sessions.open(token, officer, peer_of(request.scope))
        except TooManyFailures as error:
            answer = await again(429, fault=sentence(error), at="")
            answer.headers["Retry-After"] = str(error.retry_s)
            return answer
        except NotEntitled as error:
            return await again(403, fault=sentence(error), at="token")
        answer = redirect(next_of(there) or HOME)
        answer.headers["Set-Cookie"] = set_cookie(request.scope, session_id)
        return answer

    async def post_sign_out(self, request: Request) -> Response:
        """`POST /sign-out`."""
        session = session_of(request)
        await form_of(request, session)
        self._sessions.close(session)
        answer = redirect(SIGN_IN)
        answer.headers["Set-Cookie"] = set_cookie(request.scope, "")
        return answer

    # --- passkeys -------------------------------------------------------------------------------------------------

    async def post_passkey_begin(self, request: Request) -> Response:
        """`POST /sign-in/passkey/begin`: what a browser needs to ask its authenticator."""
        if not await turn(request):
            return problem("busy", "too many requests without a session wait")
        return private_answer(await self._passkeys.sign_in_options(self._opening.demand_origin(request)))

    async def post_passkey(self, request: Request) -> Response:
        """`POST /sign-in/passkey`: open a session by an authenticator's answer."""
        said = await self._said(request)
        proved = await self._passkeys.sign_in(said.credential, self._opening.demand_origin(request))
        return await self._signed_in(request, proved, "passkey", said.next)

    async def get_enrol(self, request: Request) -> Response:
        """`GET /enrol`."""
        passkeys = bool(self._opening.origin(request))

        async def arguments() -> Mapping[str, Any]:
            return {"passkeys": passkeys}

        return await self._public.page(request, "enrol", arguments=arguments, key=passkeys, headers=HEADERS)

    async def post_enrol_begin(self, request: Request) -> Response:
        """`POST /enrol/begin`: what a browser needs to make a passkey."""
        said = await self._said(request)
        return private_answer(
            await self._passkeys.enrol_options(said.code, self._opening.demand_origin(request))
        )

    async def post_enrol(self, request: Request) -> Response:
        """`POST /enrol`: take a passkey, and sign its person in."""
        said = await self._said(request)
        proved = await self._passkeys.enrol(said.code, said.credential, self._opening.demand_origin(request))
        return await self._signed_in(request, proved, "passkey", said.next)

    async def _said(self, request: Request) -> Answer:
        """Return what our own page sent of an authenticator."""
        if not await turn(request):
            raise InputError("too many requests without a session wait", code="busy")
        if not is_same_origin(request):
            raise NotEntitled("this was sent from elsewhere", code="form-refused")
        if media_type_of(request) != JSON:
            raise InputError(f"send `{JSON}`", code="unsupported-media-type")
        return decoded(_decoder, await read_body(request, MOST_ANSWER), "what a page of ours sends")

    async def _signed_in(self, request: Request, proved: SignedInAs, how: str, there: str) -> Response:
        """Open the session of whoever proved who they are: recorded before it is answered."""
        session_id = await self._opening.open(proved, how, self._clock.now_us())
        answer = private_answer({"next": next_of(there) or HOME})
        answer.headers["Set-Cookie"] = set_cookie(request.scope, session_id)
        return answer

    # --- a person's own page --------------------------------------------------------------------------------------

    async def get_me(self, request: Request) -> Response:
        """`GET /me`."""
        return await self._me(session_of(request))

    async def _me(self, session: Session, done: str = "") -> Response:
        proved = self._sessions.proof_of(session)
        identity = None if proved is None else self._people.identify(proved)
        people = None if proved is None else self._people.in_force(proved.organisation)
        places = () if identity is None else identity.places()
        held = self._commits.committed.people.passkeys.values()
        return await self._officers.page(
            self._pages.me,
            session,
            places=[
                PlaceShown(
                    number, str(place), "unit" if place.unit else "office" if place.office else "organisation"
                )
                for number, place in enumerate(places)
            ],
            passkeys=[
                PasskeyShown(one.id, one.enrolled_us, proved is not None and one.id == proved.passkey)
                for one in held
                if session.person and one.person == session.person
            ],
            named_by="" if people is None else people.reference,
            done=done,
        )

    async def post_place(self, request: Request) -> Response:
        """`POST /me/place`: work somewhere else, in a session of its own."""
        session = session_of(request)
        form = await form_of(request, session)
        proved = self._sessions.proof_of(session)
        identity = None if proved is None else self._people.identify(proved)
        places = () if identity is None else identity.places()
        number = number_in(form.get("place", ""))
        if proved is None or number is None or number >= len(places):
            raise NotEntitled("no document in force names you there", code="sign-in-refused")
        session_id, _ = self._sessions.move(session, places[number])
        answer = redirect("/me")
        answer.headers["Set-Cookie"] = set_cookie(request.scope, session_id)
        return answer

    async def post_withdraw(self, request: Request) -> Response:
        """`POST /me/passkeys/withdraw`: end one of one's own passkeys."""
        session = session_of(request)
        form = await form_of(request, session)
        passkey = self._people.passkey(form.get("id", ""))
        if passkey is None or not session.person or passkey.person != session.person:
            raise InputError("no such passkey of yours is enrolled", code="unknown-passkey")
        require_presence(request, "/me")
        await self._filing.withdraw(passkey.id, session.by)
        if not self._sessions.lasts(session):
            return redirect(f"{SIGN_IN}?ended=1")
        return await self._me(session, done="The passkey is withdrawn.")

    # --- the proof that somebody is there -------------------------------------------------------------------------

    async def get_presence(self, request: Request) -> Response:
        """`GET /presence`."""
        session = session_of(request)
        proved = self._sessions.proof_of(session)
        there = next_of(request.query_params.get("next", "")) or HOME
        by_passkey = proved is not None and bool(proved.passkey)
        return await self._officers.page(self._pages.presence, session, by_passkey=by_passkey, next=there)

    async def post_presence_begin(self, request: Request) -> Response:
        """`POST /presence/begin`."""
        session = session_of(request)
        self._opening.take_turn(session.person or session.key)
        return private_answer(await self._passkeys.sign_in_options(self._opening.demand_origin(request)))

    async def post_presence(self, request: Request) -> Response:
        """`POST /presence`: renew the proof by a passkey."""
        session = session_of(request)
        self._opening.take_turn(session.person or session.key)
        said = await self._said(request)
        proved = await self._passkeys.sign_in(said.credential, self._opening.demand_origin(request))
        self._sessions.prove(session, proved, self._clock.now_us())
        return private_answer({"next": next_of(said.next) or HOME})
