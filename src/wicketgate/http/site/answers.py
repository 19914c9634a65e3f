"""Handlers of `/questions/{id}/answer`: a page of an answer as a list and on the map, and the whole as a file."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError
from wicketgate.commits.durable import Durable
from wicketgate.gateway.searching.searches import Searches
from wicketgate.gateway.searching.values import Asker
from wicketgate.http.requests import number_in
from wicketgate.http.site.asking import BELOW, asker_at, id_in, title_of
from wicketgate.http.site.officers import OfficerPages
from wicketgate.pages.answers import SHOWN, AnswerPages


class Answers:
    """The handlers of answers, over one gateway."""

    def __init__(
        self,
        commits: Durable,
        clock: Clock,
        *,
        searches: Searches,
        officers: OfficerPages,
        pages: AnswerPages,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._searches = searches
        self._officers = officers
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return the routes of answers."""
        shown, one = self._officers.shown, f"{BELOW}/{{id}}/answer"
        return [
            Route(one, shown(self.get_answer), methods=["GET"]),
            Route(f"{one}/{{form}}", shown(self.get_file), methods=["GET"]),
        ]

    async def get_answer(self, request: Request) -> Response:
        """`GET /questions/{id}/answer?after=CURSOR`: a page of an answer, once the look at it is committed."""
        session = asker_at(request)
        after = number_in(request.query_params.get("after", "0"))
        if after is None:
            raise InputError("`after` is the cursor of a page")
        asker = Asker(by=session.by, unit=session.unit)
        page = await self._searches.rows(id_in(request), asker, after=after, limit=SHOWN)
        asker_at(request)  # it took a moment
        return await self._officers.page(
            self._pages.answer,
            session,
            self._clock.now_us(),
            search=msgspec.to_builtins(page.search),
            title=title_of(self._commits, self._clock, page.search.authority)[0],
            rows=[msgspec.json.decode(line) for line in page.lines],
            after=after,
            more=page.after,
            fields=page.fields,
        )
