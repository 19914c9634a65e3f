"""Handlers of `/emergencies`: an overseer is told of emergencies that nobody approved, and gives a right back."""

from __future__ import annotations

from dataclasses import asdict

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError
from wicketgate.commits.durable import Durable
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.searching.emergencies import emergencies_in
from wicketgate.gateway.searching.searches import Searches
from wicketgate.http.presence import require_presence
from wicketgate.http.site.officers import OfficerPages, form_of, person_at, redirect
from wicketgate.pages.duty import Session
from wicketgate.pages.emergencies import EmergencyPages

_HERE = "/emergencies"


class Emergencies:
    """The handlers of emergencies, over one gateway."""

    def __init__(
        self,
        commits: Durable,
        clock: Clock,
        *,
        searches: Searches,
        looks: LookFiling,
        officers: OfficerPages,
        pages: EmergencyPages,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._searches = searches
        self._looks = looks
        self._officers = officers
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return the routes."""
        shown = self._officers.shown
        return [
            Route(_HERE, shown(self.get_page), methods=["GET"]),
            Route(f"{_HERE}/let", shown(self.post_let), methods=["POST"]),
        ]

    async def get_page(self, request: Request) -> Response:
        """`GET /emergencies`: a look at emergencies that were not approved, or wait, and at who may not say so now."""
        session = _overseer_at(request)
        await self._looks.look(session.by, "emergencies", session.unit)
        session = _overseer_at(request)  # it took a moment
        now_us = self._clock.now_us()
        moment = self._commits.committed_at(now_us)
        told = emergencies_in(self._commits.committed.searches, now_us)
        titles = {
            name: moment.authority(named.versions[moment.current(named)]).title
            for name in {one.search.authority.partition("@")[0] for one in told}
            if (named := moment.regime.authorities.get(name)) is not None
        }
        return await self._officers.page(
            self._pages.emergencies,
            session,
            now_us,
            stopped=[one.unit for one in self._searches.stopped()],
            told=[{**asdict(one), "search": msgspec.to_builtins(one.search)} for one in told],
            titles=titles,
            lets=moment.charter.searching.overseer == session.unit,
            overseer=moment.charter.searching.overseer or "",
            done=request.query_params.get("done", ""),
        )

    async def post_let(self, request: Request) -> Response:
        """`POST /emergencies/let`: let a unit say again that life is threatened. The form has `unit`."""
        session = _overseer_at(request)
        form = await form_of(request, session)
        session = _overseer_at(request)  # the body may have taken long
        unit = form.get("unit", "")[:130]
        if not unit:
            raise InputError("say which unit")
        require_presence(request, _HERE)
        await self._searches.let(unit, session.by, session.unit)
        return redirect(f"{_HERE}?done=let")


def _overseer_at(request: Request) -> Session:
    return person_at(request, "office", "overseer")
