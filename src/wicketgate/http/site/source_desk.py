"""Handlers of `/source`: a source's officers see their cameras, and who gets what they read."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError
from wicketgate.commits.durable import Durable
from wicketgate.commits.watched import AuthorityOver
from wicketgate.gateway.camera_health import CameraDesk
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.http.site.officers import OfficerPages, person_at
from wicketgate.pages.duty import Session
from wicketgate.pages.source_desk import CSV_HEAD, SourcePages, SourceShown, csv_rows

PAGE_OF_CAMERAS = 200
"""Cameras in one part of the list."""
_AT_ONCE = 500
_MOST_PAGE = 1_000


class SourceDesk:
    """The handlers of a source's officers, over one gateway."""

    def __init__(
        self,
        commits: Durable,
        clock: Clock,
        *,
        cameras: CameraDesk,
        looks: LookFiling,
        officers: OfficerPages,
        pages: SourcePages,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._cameras = cameras
        self._looks = looks
        self._officers = officers
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return the routes of `/source`."""
        shown = self._officers.shown
        return [
            Route("/source", shown(self.get_page), methods=["GET"]),
            Route("/source/cameras.csv", shown(self.get_csv), methods=["GET"]),
        ]

    async def get_page(self, request: Request) -> Response:
        """`GET /source?page=N&show=faulty`."""
        session = _officer(request)
        source, page = session.unit, _page_of(request)
        await self._looks.look(session.by, "cameras", source)
        over = await self._cameras.authorities_over(source)
        faulty = request.query_params.get("show") == "faulty"
        own = await self._cameras.heard_of(source)
        listed = [one for one in own if not faulty or one.hearing != "heard"]
        pages = max(1, -(-len(listed) // PAGE_OF_CAMERAS))
        page = min(page, pages)
        some = listed[(page - 1) * PAGE_OF_CAMERAS : page * PAGE_OF_CAMERAS]
        read = await self._cameras.read_by_month([one.name for one in over])
        _officer(request)  # it took a moment
        unknown = self._commits.committed.camera_counts.get(f"{source}/", {})
        shown = SourceShown(
            source=source,
            cameras=self._cameras.health_of(source, ((one.number, one.camera) for one in some), over),
            own=own,
            hearing=Counter(one.hearing for one in own),
            total=len(listed),
            page=page,
            pages=pages,
            faulty=faulty,
            unknown=dict(unknown),
            over=over,
            judged=self._cameras.judged_of(source),
            read=read,
        )
        return await self._officers.page(self._pages.source, session, self._clock.now_us(), shown)

    async def get_csv(self, request: Request) -> Response:
        """`GET /source/cameras.csv`: every camera of the source, with its health."""
        session = _officer(request)
        await self._looks.look(session.by, "cameras", session.unit)
        over = await self._cameras.authorities_over(session.unit)
        _officer(request)
        return StreamingResponse(
            self._csv(request, session, over),
            media_type="text/csv; charset=utf-8; header=present",
            headers={
                "Cache-Control": "no-store",
                "Content-Disposition": 'attachment; filename="cameras.csv"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    async def _csv(
        self, request: Request, session: Session, over: list[AuthorityOver]
    ) -> AsyncIterator[bytes]:
        source = session.unit
        own = self._cameras.cameras_of(source)
        judged = self._commits.committed.judged
        yield (",".join(CSV_HEAD) + "\r\n").encode()
        for at in range(0, len(own), _AT_ONCE):
            _officer(request)
            some = own[at : at + _AT_ONCE]
            health = self._cameras.health_of(source, some, over)
            by_camera = {camera.id: judged.of_camera(f"{source}/{camera.id}") for _, camera in some}
            yield await asyncio.to_thread(csv_rows, health, by_camera)


def _officer(request: Request) -> Session:
    return person_at(request, "organisation", "source-officer")


def _page_of(request: Request) -> int:
    text = request.query_params.get("page", "1")
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:5]) <= _MOST_PAGE:
        raise InputError(f"`page` is a number from 1 to {_MOST_PAGE}")
    return int(text[:5])
