"""Handlers of the duty officer's pages.

They are signing in, the queue, one hit, outcomes, and the news that something changed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import HitRefused, InputError, NotEntitled, WicketgateError
from wicketgate.commits.durable import Durable
from wicketgate.commits.register import shown_standing
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.outcomes import OutcomeFiling
from wicketgate.gateway.hits import UnitHits
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.hotlists.hits import Hit
from wicketgate.http.api.hits import as_json
from wicketgate.http.api.images import FeedImages
from wicketgate.http.gatekeeper import require
from wicketgate.http.peers import peer_of
from wicketgate.http.problems import problem, problem_of, status_and_title
from wicketgate.http.requests import (
    FORM,
    MAX_MEMBERS,
    MAX_NAME,
    form_pairs,
    host_in,
    media_type_of,
    private_answer,
    read_body,
)
from wicketgate.http.sessions import (
    MOST_OFFICER,
    Sessions,
    TooManyFailures,
    is_form_key,
    officer_name,
    set_cookie,
)
from wicketgate.http.site.addition import Addition
from wicketgate.http.site.public import Public
from wicketgate.pages.duty import HEADERS, DutyPages, Journey, Queue, RefusalShown, Session, digest
from wicketgate.pages.public import assets_of
from wicketgate.pages.views import tags_of
from wicketgate.regime.documents.authority import Authority

SHOWN = 100
"""Hits that the page shows of a queue; the most urgent."""
_ENDED = 5
_JOURNEY = 12
_STREAMS = 8
_ALIVE_S = 15.0
_PAUSE_S = 0.25

_Handler = Callable[[Request], Awaitable[Response]]


class Duty:
    """The handlers of the duty officer's pages.

    They stand over one gateway, and the sessions that open them.
    """

    def __init__(
        self,
        commits: Durable,
        clock: Clock,
        *,
        entitlement: Entitlement,
        hits: HitQueue,
        unit_hits: UnitHits,
        outcomes: OutcomeFiling,
        images: FeedImages,
        public: Public,
        addition: Addition | None = None,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._entitlement = entitlement
        self._hits = hits
        self._unit_hits = unit_hits
        self._outcomes = outcomes
        self._images = images
        self._public = public
        charter = commits.parsed.charter(commits.committed)
        ground = None
        if addition is not None and addition.ground is not None:
            ground = assets_of(addition.package).paths[addition.ground]
        self._pages = DutyPages(demonstration=charter.demonstration, ground=ground)
        # A queue of a hundred hits takes 80 ms, and the first page its templates too: off the loop, one at a time.
        self._threads = ThreadPoolExecutor(1, "duty")
        self._listening: Counter[str] = Counter()
        self.sessions = Sessions(clock.now_us, lambda: commits.committed.tokens)

    def routes(self) -> list[Route]:
        """Return `/sign-in`, `/sign-out` and every route under `/duty`."""
        shown = self._shown
        return [
            Route("/sign-in", self.get_sign_in, methods=["GET"]),
            Route("/sign-in", shown(self.post_sign_in), methods=["POST"]),
            Route("/sign-out", shown(self.post_sign_out), methods=["POST"]),
            Route("/duty", shown(self.get_queue), methods=["GET"]),
            Route("/duty/queue", shown(self.get_queue_part), methods=["GET"]),
            Route("/duty/events", shown(self.get_events), methods=["GET"]),
            Route("/duty/hits/{id}", shown(self.get_hit), methods=["GET"]),
            Route("/duty/hits/{id}/outcome", shown(self.post_outcome), methods=["POST"]),
            Route("/duty/images/{authority}/{ref}", shown(self.get_image), methods=["GET"]),
        ]

    def _shown(self, handler: _Handler) -> _Handler:
        """Wrap a handler to show its errors as a page."""

        async def show(request: Request) -> Response:
            try:
                return await handler(request)
            except WicketgateError as error:
                session: Session | None = request.scope.get("session")
                if session is None and not await _turn(request):
                    return problem("busy", "too many requests without a session wait")
                if not _wants_page(request):
                    return problem_of(error)
                status, title = status_and_title(error)
                if session is None:
                    return await self._problem_for_anybody(request, status, title, error.detail)
                return await self._page(
                    self._pages.problem, status, title, error.detail, session, status=status
                )

        return show

    async def _problem_for_anybody(self, request: Request, status: int, title: str, detail: str) -> Response:
        """Answer with the page of an error to whoever is not signed in.

        Rendered once for each error: these have no words of the caller's in them.
        """

        async def said() -> Mapping[str, Any]:
            return {"status": status, "title": title, "detail": detail}

        return await self._public.page(
            request, "duty-problem", arguments=said, key=(status, detail), headers=HEADERS, status=status
        )

    # --- signing in -----------------------------------------------------------------------------------------------

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
        ended: bool = False,
    ) -> Response:
        """Answer with the page to sign in; the officer's name is put into one that is rendered once for each fault."""
        if fault and not await _turn(request):
            return problem("busy", "too many sign-ins fail at once: a right token is taken all the same")

        async def said() -> Mapping[str, Any]:
            return {
                "fault": fault,
                "at": at,
                "ended": ended,
            }

        texts = {"officer": officer[:MOST_OFFICER]} if fault else {}
        return await self._public.page(
            request,
            "sign-in",
            arguments=said,
            key=(fault, at, ended),
            headers=HEADERS,
            status=status,
            texts=texts,
        )

    async def post_sign_in(self, request: Request) -> Response:
        """`POST /sign-in`: open a session from a form.

        The form has `officer` and `token`. The answer is a cookie, or the page again with the fault named.
        """
        form = await _form(request)
        token, officer = form.get("token", ""), form.get("officer", "")
        again = partial(self._sign_in_page, request, officer=officer)
        try:
            officer_name(officer)
        except InputError as error:
            return await again(400, fault=_sentence(error), at="officer")
        if not token.strip():
            return await again(400, fault="Enter the token of your unit.", at="token")
        try:
            session_id, _ = self.sessions.open(token, officer, peer_of(request.scope))
        except TooManyFailures as error:
            answer = await again(429, fault=_sentence(error), at="")
            answer.headers["Retry-After"] = str(error.retry_s)
            return answer
        except NotEntitled as error:
            return await again(403, fault=_sentence(error), at="token")
        answer = _redirect("/duty")
        answer.headers["Set-Cookie"] = set_cookie(request.scope, session_id)
        return answer

    async def post_sign_out(self, request: Request) -> Response:
        """`POST /sign-out`."""
        session = _session(request)
        await _form(request, session)
        self.sessions.close(session)
        answer = _redirect("/sign-in")
        answer.headers["Set-Cookie"] = set_cookie(request.scope, "")
        return answer

    # --- the queue ------------------------------------------------------------------------------------------------

    async def get_queue(self, request: Request) -> Response:
        """`GET /duty`."""
        session = _session(request)
        recorded = None
        if hit_id := request.query_params.get("recorded"):
            try:
                recorded, _ = self._unit_hits.hit_of(session.unit, hit_id)
            except WicketgateError:
                recorded = None  # whatever somebody put into the address
        return await self._page(
            self._pages.queue,
            self._queue(session.unit),
            session,
            self._clock.now_us(),
            recorded=recorded,
            refreshing=request.query_params.get("refresh") != "off",
        )

    async def get_queue_part(self, request: Request) -> Response:
        """`GET /duty/queue`: the changing part of the page."""
        session = _session(request)
        queue, now_us = self._queue(session.unit), self._clock.now_us()
        return await self._page(self._pages.queue_part, queue, session, now_us)

    async def _page(self, make: Callable[..., str], *given: Any, status: int = 200, **named: Any) -> Response:
        """Answer with a page that is made in a thread, of what was read on the loop."""
        making = partial(make, *given, **named)
        return _page(await asyncio.get_running_loop().run_in_executor(self._threads, making), status)

    def _queue(self, unit: str) -> Queue:
        authorities, stopped = self._entitlement.match_authorities(unit)
        names = [authority.name for authority in authorities]
        hits = self._unit_hits.queue_of(names)
        ended = [
            hit for hit in self._unit_hits.recent_of(names, SHOWN) if hit.status in {"ended", "unanswered"}
        ]
        ended.sort(key=lambda hit: hit.outcomes[-1].at_us if hit.outcomes else 0, reverse=True)
        hits, more = hits[:SHOWN], max(0, len(hits) - SHOWN)
        cannot = {hit.id: self._unit_hits.cannot_confirm(hit) for hit in hits}
        return Queue(
            hits=hits,
            more=more,
            confirmable=lambda hit: cannot[hit.id],  # a page is made in a thread, which reads no state
            authorities=[(authority.name, authority.title) for authority in authorities],
            stopped=stopped,
            ended=ended[:_ENDED],
            marks={authority.name: self._marks(authority) for authority in authorities},
        )

    def _marks(self, authority: Authority) -> list[dict[str, str]]:
        """Return the tags of an authority, as every page shows them."""
        moment = self._commits.committed_at(self._clock.now_us())
        return tags_of(
            shown_standing(moment, moment.regime.authorities[authority.name], authority.version - 1)
        )

    async def get_events(self, request: Request) -> Response:
        """`GET /duty/events`: an event for each change of the unit's queue.

        Changes of another unit's queue never make one.
        """
        session = _session(request)
        if self._listening[session.key] >= _STREAMS:
            return problem("busy", f"at most {_STREAMS} pages of one session are told of changes at once")
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")  # what never ends would be waited for
        return StreamingResponse(
            self._events(request, session),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    async def _events(self, request: Request, session: Session) -> AsyncIterator[bytes]:
        hits = self._hits
        self._listening[session.key] += 1
        known = ""
        try:
            while True:
                _session(request)
                changes = hits.changes
                found = digest(self._queue(session.unit))
                if found != known:
                    yield b"event: changed\ndata: " + found.encode() + b"\n\n"
                    known = found
                else:
                    yield b": alive\n\n"
                await hits.wait(changes, _ALIVE_S)
                # Many hits at once are told of once: a look at the queue is not free.
                await self._clock.sleep(_PAUSE_S)
        except NotEntitled:
            yield b"event: end\ndata: signed-out\n\n"
        finally:
            self._listening[session.key] -= 1
            if not self._listening[session.key]:
                del self._listening[session.key]

    # --- one hit --------------------------------------------------------------------------------------------------

    async def get_hit(self, request: Request) -> Response:
        """`GET /duty/hits/{id}`."""
        return await self._hit_page(request, _session(request))

    async def _hit_page(
        self, request: Request, session: Session, refused: RefusalShown | None = None, status: int = 200
    ) -> Response:
        hit, authority = self._unit_hits.hit_of(session.unit, request.path_params["id"])
        allowed = "place" in authority.scope.fields
        sightings = self._hits.recent(hit.authority, _JOURNEY, hit.voi) if allowed else []
        # Raised last is not read last: a late read says where the vehicle was before.
        sightings.sort(key=lambda one: one.taken_us, reverse=True)
        return await self._page(
            self._pages.hit,
            hit,
            Journey(hits=sightings, allowed=allowed),
            session,
            self._clock.now_us(),
            cannot_confirm=self._unit_hits.cannot_confirm(hit),
            title=authority.title,
            marked=self._marks(authority),
            refused=refused,
            status=status,
        )

    async def post_outcome(self, request: Request) -> Response:
        """`POST /duty/hits/{id}/outcome`: record an outcome from a form.

        The form has `outcome` and `reason`; to confirm a possible hit `plate_seen`.
        """
        session = _session(request)
        form = await _form(request, session)
        _session(request)  # the body may have taken long
        hit, _ = self._unit_hits.hit_of(session.unit, request.path_params["id"])
        outcome, reason = form.get("outcome", ""), form.get("reason", "").strip()
        seen = form.get("plate_seen", "")[:32]
        try:
            after: Hit = await self._outcomes.record_outcome(
                hit.id,
                outcome,
                reason,
                session.officer,
                looker=session.officer,
                plate_seen=seen,
            )
        except HitRefused as refused:
            if not _wants_page(request):
                raise
            again = RefusalShown(code=refused.code, reason=reason, seen=seen)
            return await self._hit_page(request, session, again, status_and_title(refused)[0])
        if _wants_page(request):
            return _redirect(f"/duty?recorded={after.id}")
        confirming, now_us = self._unit_hits.cannot_confirm(after), self._clock.now_us()
        return private_answer(as_json(after, cannot_confirm=confirming, now_us=now_us))

    async def get_image(self, request: Request) -> Response:
        """`GET /duty/images/{authority}/{ref}`: an image of a released read.

        With `?in=queue` it is one of many, small: nobody has looked at it for that.
        """
        session = _session(request)
        name, ref = request.path_params["authority"], request.path_params["ref"]
        looking = request.method == "GET" and request.query_params.get("in") != "queue"
        return await self._images.answer(session.unit, name, ref, by=session.officer, looking=looking)


def _session(request: Request) -> Session:
    require(request, "duty")
    session: Session = request.scope["session"]
    return session


async def _turn(request: Request) -> bool:
    """Wait for the turn of somebody who is not signed in (`gatekeeper.Gatekeeper`)."""
    turn: Callable[[], Awaitable[bool]] | None = request.scope.get("turn")
    return turn is None or await turn()


async def _form(request: Request, session: Session | None = None) -> dict[str, str]:
    """Return the fields of a form of our own.

    Raises
    ------
    NotEntitled
        `form-refused`, if it came from another site or, with a session, does not carry its key.
    InputError
        If it is no form.
    """
    if not _is_same_origin(request):
        raise NotEntitled("this form was sent from elsewhere", code="form-refused")
    if media_type_of(request) != FORM:
        raise InputError(f"send `{FORM}`", code="unsupported-media-type")
    # A stranger's is parsed on the loop without a turn, so it is short: the token and the name of who signs in.
    most = MAX_NAME if session is None else MAX_MEMBERS
    form = dict(form_pairs(await read_body(request, most)))
    if session is not None and not is_form_key(session, form.get("form_key", "")):
        raise NotEntitled("this form is not of this session: load the page again", code="form-refused")
    return form


def _is_same_origin(request: Request) -> bool:
    """Return whether the browser vouches for a request from our own pages.

    One that says nothing is not believed.

    Over plain http browsers send no `Sec-Fetch-Site`; behind a proxy only they know what the gateway is called.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    return bool(host) and host_in(origin) == host.lower()


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _page(html: str, status: int = 200) -> Response:
    return Response(html, status_code=status, media_type="text/html; charset=utf-8", headers=dict(HEADERS))


def _redirect(where: str) -> Response:
    return RedirectResponse(where, status_code=303, headers={"Cache-Control": "no-store"})


def _sentence(error: WicketgateError) -> str:
    return f"{error.detail[:1].upper()}{error.detail[1:]}."
