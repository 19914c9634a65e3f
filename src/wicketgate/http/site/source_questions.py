"""Handlers of `/source/questions`: a source's officers see who asked the past of their cameras' reads."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.commits.durable import Durable
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.searching.searches import Searches
from wicketgate.http.site.officers import OfficerPages, person_at
from wicketgate.pages.source_questions import SourceQuestionPages


class SourceQuestions:
    """The handlers of the questions on a source's cameras, over one gateway."""

    def __init__(
        self,
        commits: Durable,
        clock: Clock,
        *,
        searches: Searches,
        looks: LookFiling,
        officers: OfficerPages,
        pages: SourceQuestionPages,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._searches = searches
        self._looks = looks
        self._officers = officers
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/source/questions", self._officers.shown(self.get_page), methods=["GET"])]

    async def get_page(self, request: Request) -> Response:
        """`GET /source/questions`: a look at who asked, under what, how broadly, and how much came back."""
        session = person_at(request, "organisation", "source-officer")
        await self._looks.look(session.by, "searches", session.unit)
        searches = await self._searches.on_cameras_of(session.unit)
        session = person_at(request, "organisation", "source-officer")  # it took a moment
        moment = self._commits.committed_at(self._clock.now_us())
        titles = {
            name: moment.authority(named.versions[moment.current(named)]).title
            for name in {one.authority.partition("@")[0] for one in searches}
            if (named := moment.regime.authorities.get(name)) is not None
        }
        return await self._officers.page(
            self._pages.questions,
            session,
            self._clock.now_us(),
            [msgspec.to_builtins(one) for one in searches],
            titles,
        )
