"""Handlers of `/approvals`: what waits for an approver, and their word on one question."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError, NotEntitled, WicketgateError
from wicketgate.commits.durable import Durable
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.people import PeopleInForce
from wicketgate.gateway.searching.searches import Searches
from wicketgate.gateway.searching.values import Approver
from wicketgate.http.presence import PresenceNeeded, require_presence
from wicketgate.http.problems import status_and_title
from wicketgate.http.requests import number_in
from wicketgate.http.site.asking import id_in
from wicketgate.http.site.kept import KeptForms
from wicketgate.http.site.officers import OfficerPages, form_of, redirect, session_of, wants_page
from wicketgate.pages.approving import ApprovalPages
from wicketgate.pages.duty import PROVED, Session
from wicketgate.pages.phrases import number

MOST_REASON = 2_000
"""Characters of why a question is not to be answered."""
_BELOW = "/approvals"
_SHOWN_AGAIN = frozenset({"count-differs", "reason-missing"})


class Approving:
    """The handlers of approvers, over one gateway."""

    def __init__(
        self,
        commits: Durable,
        clock: Clock,
        *,
        searches: Searches,
        people: PeopleInForce,
        looks: LookFiling,
        officers: OfficerPages,
        pages: ApprovalPages,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._searches = searches
        self._people = people
        self._looks = looks
        self._officers = officers
        self._pages = pages
        self._kept = KeptForms(clock.now_us)

    def routes(self) -> list[Route]:
        """Return the routes of `/approvals`."""
        shown = self._officers.shown
        one = f"{_BELOW}/{{id}}"
        return [
            Route(_BELOW, shown(self.get_approvals), methods=["GET"]),
            Route(one, shown(self.get_approval), methods=["GET"]),
            Route(f"{one}/approve", shown(self.post_approve), methods=["POST"]),
            Route(f"{one}/refuse", shown(self.post_refuse), methods=["POST"]),
        ]

    async def get_approvals(self, request: Request) -> Response:
        """`GET /approvals`: the questions that this person may approve here."""
        session = _approver_at(request)
        waiting = await self._searches.awaiting(_approver(session))
        await self._looks.show(session.by, session.key, "searches", session.unit, [one.id for one in waiting])
        session = _approver_at(request)  # it took a moment
        return await self._officers.page(
            self._pages.approvals,
            session,
            self._clock.now_us(),
            [msgspec.to_builtins(one) for one in waiting],
            done=request.query_params.get("done", ""),
        )

    async def get_approval(self, request: Request) -> Response:
        """`GET /approvals/{id}`: a look at what one question asks, and why."""
        session = _approver_at(request)
        written = self._kept.take(session.person, request.url.path)
        return await self._page(
            request,
            session,
            code=PROVED if written else "",
            vehicles=written.get("vehicles", ""),
            reason=written.get("reason", ""),
        )

    async def _page(
        self,
        request: Request,
        session: Session,
        *,
        code: str = "",
        vehicles: str = "",
        reason: str = "",
        status: int = 200,
    ) -> Response:
        id_ = id_in(request)
        if not any(one.id == id_ for one in await self._searches.awaiting(_approver(session))):
            raise InputError("no such question waits for your approval", code="unknown-search")
        detail = await self._searches.detail(id_, session.by, _approver(session))
        _approver_at(request)  # it took a moment
        organisation = detail.search.unit.partition("/")[0]
        title, terms = self._terms(detail.search.authority)
        return await self._officers.page(
            self._pages.approval,
            session,
            self._clock.now_us(),
            detail=msgspec.to_builtins(detail),
            asker=self._people.called(organisation, detail.by),
            title=title,
            terms=terms,
            code=code,
            written={"vehicles": vehicles, "reason": reason},
            status=status,
        )

    def _terms(self, reference: str) -> tuple[str, str]:
        """Return an authority's title, and up to which breadth it lets one person approve, in words."""
        name, _, version = reference.partition("@")
        moment = self._commits.committed_at(self._clock.now_us())
        authority = moment.authority(moment.regime.authorities[name].versions[int(version) - 1])
        terms = authority.search
        assert terms is not None
        breadth = terms.breadth
        return (
            authority.title,
            f"{number(breadth.camera_days)} camera-days and {number(breadth.plates)} plates",
        )

    async def post_approve(self, request: Request) -> Response:
        """`POST /approvals/{id}/approve`: approve one run. The form has `vehicles`, where a number was counted."""
        session = _approver_at(request)
        form = await form_of(request, session)
        session = _approver_at(request)  # the body may have taken long
        given = form.get("vehicles", "").strip().replace(",", "")[:20]
        self._demand_presence(request, session, vehicles=given)
        try:
            await self._searches.approve(id_in(request), _approver(session), number_in(given))
        except WicketgateError as error:
            if not wants_page(request) or error.code not in _SHOWN_AGAIN:
                raise
            return await self._page(
                request, session, code=error.code, vehicles=given, status=status_and_title(error)[0]
            )
        return redirect(f"{_BELOW}?done=approved")

    async def post_refuse(self, request: Request) -> Response:
        """`POST /approvals/{id}/refuse`: let it not be answered. The form has `reason`."""
        session = _approver_at(request)
        form = await form_of(request, session)
        session = _approver_at(request)
        reason = form.get("reason", "").replace("\r\n", "\n").strip()[:MOST_REASON]
        if not reason:
            if not wants_page(request):
                raise InputError("say why it is not to be answered", code="reason-missing")
            return await self._page(request, session, code="reason-missing", status=400)
        self._demand_presence(request, session, reason=reason)
        await self._searches.refuse(id_in(request), _approver(session), reason)
        return redirect(f"{_BELOW}?done=refused")

    def _demand_presence(self, request: Request, session: Session, **written: str) -> None:
        """Demand a fresh proof of presence; what was written is kept until they come back with it."""
        there = f"{_BELOW}/{id_in(request)}"
        try:
            require_presence(request, there)
        except PresenceNeeded:
            self._kept.keep(session.person, there, **written)
            raise


def _approver_at(request: Request) -> Session:
    session = session_of(request)
    if not session.person or "approver" not in session.roles:
        raise NotEntitled("this needs a person with the role approver")
    return session


def _approver(session: Session) -> Approver:
    return Approver(by=session.by, place=session.unit, is_unit=session.kind == "unit")
