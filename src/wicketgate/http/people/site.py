"""Handlers of signing in and out, and of a person's own page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.commits.durable import Durable
from wicketgate.gateway.filing.people import PeopleFiling
from wicketgate.gateway.people import Identity, PeopleInForce, SignedInAs
from wicketgate.http.gatekeeper import SIGN_IN
from wicketgate.http.peers import peer_of
from wicketgate.http.people.passkeys import MOST_ANSWER, Passkeys
from wicketgate.http.people.providers import Providers
from wicketgate.http.presence import require_presence
from wicketgate.http.problems import problem
from wicketgate.http.requests import (
    JSON,
    decoded,
    form_pairs,
    media_type_of,
    private_answer,
    read_body,
)
from wicketgate.http.sessions import (
    MOST_OFFICER,
    Sessions,
    TooManyFailures,
    is_https,
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
from wicketgate.regime.documents.people import Workplace

_COOKIE = "wicketgate-sign-in"
_COOKIE_S = 300
_LOOPBACK = frozenset({"localhost"})


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a page sends of an authenticator: its answer, the code of an enrolment, where to go next."""

    credential: dict[str, Any] = {}
    code: str = ""
    next: str = ""


_decoder = msgspec.json.Decoder(Answer)


class PeopleSite:
    """The handlers of people, over one gateway.

    Parameters
    ----------
    address : str
        Where the public reaches the gateway; empty for the address of each request. Passkeys are bound to it: without
        one they are made and used at `localhost` alone.
    """

    def __init__(
        self,
        commits: Durable,
        *,
        people: PeopleInForce,
        filing: PeopleFiling,
        sessions: Sessions,
        passkeys: Passkeys,
        providers: Providers,
        officers: OfficerPages,
        public: Public,
        pages: PeoplePages,
        address: str,
    ) -> None:
        self._commits = commits
        self._people = people
        self._filing = filing
        self._sessions = sessions
        self._passkeys = passkeys
        self._providers = providers
        self._officers = officers
        self._public = public
        self._pages = pages
        self._address = address.rstrip("/")

    def routes(self) -> list[Route]:
        """Return the routes of signing in, `/enrol`, `/me` and `/presence`."""
        shown = self._officers.shown
        get, post = ["GET"], ["POST"]
        return [
            Route(SIGN_IN, self.get_sign_in, methods=get),
            Route(SIGN_IN, shown(self.post_sign_in), methods=post),
            Route(f"{SIGN_IN}/passkey/begin", self.post_passkey_begin, methods=post),
            Route(f"{SIGN_IN}/passkey", self.post_passkey, methods=post),
            Route(f"{SIGN_IN}/with/{{organisation}}/{{provider}}", shown(self.get_provider), methods=get),
            Route(f"{SIGN_IN}/back/{{organisation}}/{{provider}}", shown(self.get_back), methods=get),
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
            Route("/presence/with", shown(self.get_presence_with), methods=get),
        ]

    # --- the page -------------------------------------------------------------------------------------------------

    async def get_sign_in(self, request: Request) -> Response:
        """`GET /sign-in`."""
        return await self._sign_in_page(request, ended="ended" in request.query_params)

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
        passkeys, tokens = bool(self._origin(request)), self._tokens_open()

        async def said() -> Mapping[str, Any]:
            return {
                "fault": fault,
                "at": at,
                "ended": ended,
                "providers": providers,
                "passkeys": passkeys,
                "tokens": tokens,
            }

        texts = {"next": next_of(there or request.query_params.get("next", ""))}
        if fault:
            texts["officer"] = officer[:MOST_OFFICER]
        key = fault, at, ended, passkeys, tokens, msgspec.json.encode(providers)
        return await self._public.page(
            request, "sign-in", arguments=said, key=key, headers=HEADERS, status=status, texts=texts
        )

    def _tokens_open(self) -> bool:
        """Return whether some recipient's people are named by nobody: its units sign in with their tokens."""
        charter = self._commits.parsed.charter(self._commits.committed)
        return any(
            "recipient" in one.roles and one.units and self._people.in_force(one.id) is None
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
        answer = redirect(next_of(there) or "/duty")
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
        return private_answer(await self._passkeys.sign_in_options(self._demand_origin(request)))

    async def post_passkey(self, request: Request) -> Response:
        """`POST /sign-in/passkey`: open a session by an authenticator's answer."""
        said = await self._said(request)
        proved = await self._passkeys.sign_in(said.credential, self._demand_origin(request))
        return await self._signed_in(request, proved, "passkey", said.next)

    async def get_enrol(self, request: Request) -> Response:
        """`GET /enrol`."""
        passkeys = bool(self._origin(request))

        async def arguments() -> Mapping[str, Any]:
            return {"passkeys": passkeys}

        return await self._public.page(request, "enrol", arguments=arguments, key=passkeys, headers=HEADERS)

    async def post_enrol_begin(self, request: Request) -> Response:
        """`POST /enrol/begin`: what a browser needs to make a passkey."""
        said = await self._said(request)
        return private_answer(await self._passkeys.enrol_options(said.code, self._demand_origin(request)))

    async def post_enrol(self, request: Request) -> Response:
        """`POST /enrol`: take a passkey, and sign its person in."""
        said = await self._said(request)
        proved = await self._passkeys.enrol(said.code, said.credential, self._demand_origin(request))
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
        session_id = await self._open(proved, how)
        answer = private_answer({"next": next_of(there) or "/duty"})
        answer.headers["Set-Cookie"] = set_cookie(request.scope, session_id)
        return answer

    async def _open(self, proved: SignedInAs, how: str, at: str = "") -> str:
        """Open a session, where the person works as they say if they do."""
        identity = self._people.identify(proved)
        people = self._people.in_force(proved.organisation)
        if identity is None or people is None:
            raise NotEntitled("no document in force names you", code="sign-in-refused")
        await self._filing.signed_in(identity, how, people)
        there = [place for place in identity.places() if _at(place) == at]
        session_id, _ = self._sessions.open_as(proved, there[0] if there else first_place(identity))
        return session_id

    # --- providers ------------------------------------------------------------------------------------------------

    async def get_provider(self, request: Request) -> Response:
        """`GET /sign-in/with/{organisation}/{provider}`: send a browser to its organisation."""
        return await self._set_out(
            request, request.path_params["organisation"], request.path_params["provider"]
        )

    async def _set_out(
        self, request: Request, organisation: str, provider: str, *, fresh: bool = False, at: str = ""
    ) -> Response:
        if not await turn(request):
            return problem("busy", "too many requests without a session wait")
        out = await self._providers.set_out(
            organisation, provider, self._back(request, organisation, provider), fresh=fresh
        )
        answer = redirect(out.url)
        there = next_of(request.query_params.get("next", ""))
        kept = urlencode({"c": out.cookie, "f": int(fresh), "n": there, "p": at})
        # Lax: the provider's page sends the browser back here.
        secure = "; Secure" if is_https(request.scope) else ""
        answer.headers["Set-Cookie"] = (
            f"{_COOKIE}={kept}; Path={SIGN_IN}/back; Max-Age={_COOKIE_S}; HttpOnly; SameSite=Lax{secure}"
        )
        return answer

    async def get_back(self, request: Request) -> Response:
        """`GET /sign-in/back/{organisation}/{provider}`: open a session by a provider's word."""
        if not await turn(request):
            return problem("busy", "too many requests without a session wait")
        kept = dict(form_pairs(request.cookies.get(_COOKIE, "").encode()))
        asked = request.query_params
        if "error" in asked or not kept.get("c") or not asked.get("code") or not asked.get("state"):
            raise NotEntitled(
                "your organisation did not sign you in, or it took too long", code="sign-in-refused"
            )
        organisation, provider = request.path_params["organisation"], request.path_params["provider"]
        fresh = kept.get("f") == "1"
        proved = await self._providers.come_back(
            organisation,
            provider,
            self._back(request, organisation, provider),
            state=asked["state"],
            code=asked["code"],
            cookie=kept["c"],
            fresh=fresh,
        )
        answer = redirect(next_of(kept.get("n", "")) or "/duty")
        answer.headers["Set-Cookie"] = set_cookie(
            request.scope, await self._open(proved, provider, kept.get("p", ""))
        )
        return answer

    def _back(self, request: Request, organisation: str, provider: str) -> str:
        base = self._address or self._origin(request) or str(request.base_url).rstrip("/")
        return f"{base}{SIGN_IN}/back/{organisation}/{provider}"

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
        number = form.get("place", "")
        if proved is None or not number.isdecimal() or int(number) >= len(places):
            raise NotEntitled("no document in force names you there", code="sign-in-refused")
        session_id, _ = self._sessions.open_as(proved, places[int(number)], instead_of=session)
        self._sessions.close(session)
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
        there = next_of(request.query_params.get("next", "")) or "/duty"
        by_passkey = proved is not None and bool(proved.passkey)
        return await self._officers.page(self._pages.presence, session, by_passkey=by_passkey, next=there)

    async def post_presence_begin(self, request: Request) -> Response:
        """`POST /presence/begin`."""
        session_of(request)
        return private_answer(await self._passkeys.sign_in_options(self._demand_origin(request)))

    async def post_presence(self, request: Request) -> Response:
        """`POST /presence`: renew the proof by a passkey."""
        session = session_of(request)
        said = await self._said(request)
        proved = await self._passkeys.sign_in(said.credential, self._demand_origin(request))
        self._sessions.prove(session, proved)
        return private_answer({"next": next_of(said.next) or "/duty"})

    async def get_presence_with(self, request: Request) -> Response:
        """`GET /presence/with`: renew the proof at one's organisation; it opens a session anew."""
        session = session_of(request)
        proved = self._sessions.proof_of(session)
        if proved is None or not proved.provider:
            raise NotEntitled("no provider signed you in", code="sign-in-refused")
        at = _at(self._sessions.place_of(session))
        return await self._set_out(request, proved.organisation, proved.provider, fresh=True, at=at)

    # --- where we are ---------------------------------------------------------------------------------------------

    def _origin(self, request: Request) -> str:
        """Return the origin to which passkeys are bound; empty where there is none."""
        if self._address:
            parts = urlsplit(self._address)
            return f"{parts.scheme}://{parts.netloc}"
        asked = urlsplit(str(request.base_url))
        return f"{asked.scheme}://{asked.netloc}" if asked.hostname in _LOOPBACK else ""

    def _demand_origin(self, request: Request) -> str:
        origin = self._origin(request)
        if not origin:
            raise InputError("passkeys are used where this gateway is reached by its name")
        return origin


def next_of(there: str) -> str:
    """Return where to go next: a path of our own, without a host; empty for anything else.

    >>> next_of("/duty/hits/a?x=1"), next_of("//evil.example"), next_of("https://evil.example/"), next_of("/\\\\evil")
    ('/duty/hits/a?x=1', '', '', '')
    """
    good = (
        len(there) <= 500
        and there.startswith("/")
        and not there.startswith(("//", "/\\"))
        and there.isascii()
        and there.isprintable()
    )
    return there if good else ""


def _at(place: Workplace) -> str:
    return f"{'office ' if place.office else ''}{place}"


def first_place(identity: Identity) -> Workplace:
    """Return where somebody works first: a unit, else an office, else the organisation at large."""
    return min(identity.places(), key=lambda place: (place.unit is None, place.office is None, str(place)))
