"""Handlers of `/questions/{id}/answer`: a page of an answer as a list and on the map, and the whole as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError
from wicketgate.commits.durable import Durable
from wicketgate.gateway.searching.searches import Searches
from wicketgate.gateway.searching.values import Asker
from wicketgate.history.forms import FORMS as MEDIA_TYPES
from wicketgate.history.forms import as_csv, as_geojson, as_parquet
from wicketgate.http.api.images import FeedImages
from wicketgate.http.requests import number_in
from wicketgate.http.site.asking import BELOW, asker_at, id_in, title_of
from wicketgate.http.site.officers import OfficerPages
from wicketgate.pages.answers import OF_A_FILE, SHOWN, AnswerPages
from wicketgate.pages.duty import HEADERS

_MAKE: Final[Mapping[str, Callable[[Sequence[bytes]], bytes]]] = {
    "ndjson": lambda lines: b"".join(line + b"\n" for line in lines),
    "csv": lambda lines: as_csv(lines, head=True),
    "parquet": as_parquet,
    "geojson": as_geojson,
}


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
        images: FeedImages,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._searches = searches
        self._officers = officers
        self._pages = pages
        self._images = images

    def routes(self) -> list[Route]:
        """Return the routes of answers."""
        shown, one = self._officers.shown, f"{BELOW}/{{id}}/answer"
        return [
            Route(one, shown(self.get_answer), methods=["GET"]),
            Route(f"{one}/{{form}}", shown(self.get_file), methods=["GET"]),
            Route(f"{BELOW}/{{id}}/images/{{ref}}", shown(self.get_image), methods=["GET"]),
        ]

    async def get_answer(self, request: Request) -> Response:
        """`GET /questions/{id}/answer?after=CURSOR`: a page of an answer, once the look at it is committed."""
        session = asker_at(request)
        after = _after(request)
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

    async def get_file(self, request: Request) -> Response:
        """`GET /questions/{id}/answer/{form}?after=CURSOR`: a part of an answer as a file, recorded as an export."""
        session = asker_at(request)
        form = request.path_params["form"]
        if form not in _MAKE:
            raise InputError("there is no such form of an answer", code="not-found")
        asker = Asker(by=session.by, unit=session.unit)
        page = await self._searches.rows(
            id_in(request), asker, after=_after(request), limit=OF_A_FILE, form=form
        )
        body = await asyncio.to_thread(_MAKE[form], page.lines)
        asker_at(request)  # it took a moment
        return Response(
            body,
            media_type=MEDIA_TYPES[form],
            headers={
                **HEADERS,
                "Content-Disposition": f'attachment; filename="answer-{page.search.id}.{form}"',
            },
        )

    async def get_image(self, request: Request) -> Response:
        """`GET /questions/{id}/images/{ref}`: an image that a row of one's own answer names; its fetch is a fact."""
        session = asker_at(request)
        asker = Asker(by=session.by, unit=session.unit)
        found = await self._searches.images_of(id_in(request), asker)
        asker_at(request)  # it took a moment
        ref, by, person = request.path_params["ref"], session.by, session.person
        return await self._images.answer(
            session.unit, found.authority, ref, by=by, person=person, looking=False, refs=found.refs
        )


def _after(request: Request) -> int:
    found = number_in(request.query_params.get("after", "0"))
    if found is None:
        raise InputError("`after` is the cursor of a page")
    return found
