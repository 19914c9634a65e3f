"""Handlers of `/duty/handover`: what a shift leaves to the next."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.commits.durable import Durable
from wicketgate.commits.handovers import with_note
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.handovers import MOST_NOTE, HandoverFiling
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.hits import UnitHits
from wicketgate.gateway.people import PeopleInForce
from wicketgate.hotlists.hits import Hit
from wicketgate.http.site.officers import OfficerPages, form_of, redirect, sentence, session_of
from wicketgate.pages.duty import Session
from wicketgate.pages.shift import ShiftPages

_SEE = ("viewer", "confirmer")
_SHOWN = 100


class Handover:
    """The handlers of the hand-over, over one gateway."""

    def __init__(
        self,
        commits: Durable,
        clock: Clock,
        *,
        entitlement: Entitlement,
        unit_hits: UnitHits,
        filing: HandoverFiling,
        looks: LookFiling,
        people: PeopleInForce,
        officers: OfficerPages,
        pages: ShiftPages,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._entitlement = entitlement
        self._unit_hits = unit_hits
        self._filing = filing
        self._looks = looks
        self._people = people
        self._officers = officers
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return the routes of `/duty/handover`."""
        shown = self._officers.shown
        return [
            Route("/duty/handover", shown(self.get_page), methods=["GET"]),
            Route("/duty/handover", shown(self.post_note), methods=["POST"]),
        ]

    async def get_page(self, request: Request) -> Response:
        """`GET /duty/handover`."""
        session = session_of(request, *_SEE)
        return await self._page(request, session, done=bool(request.query_params.get("done")))

    async def post_note(self, request: Request) -> Response:
        """`POST /duty/handover`: leave a note. The form has `note`."""
        session = session_of(request, *_SEE)
        form = await form_of(request, session)
        session_of(request, *_SEE)  # the body may have taken long
        note = form.get("note", "")
        waiting = [hit.id for hit in self._waiting(session)]
        try:
            await self._filing.hand_over(session.unit, session.by, note, waiting)
        except InputError as error:
            return await self._page(
                request, session, status=400, fault=sentence(error), written=note[:MOST_NOTE]
            )
        return redirect("/duty/handover?done=1")

    def _waiting(self, session: Session) -> list[Hit]:
        authorities, _ = self._entitlement.match_authorities(session.unit)
        return self._unit_hits.queue_of([authority.name for authority in authorities])

    async def _page(
        self,
        request: Request,
        session: Session,
        *,
        status: int = 200,
        done: bool = False,
        fault: str = "",
        written: str = "",
    ) -> Response:
        """Answer with the page, once it is recorded what of it this session sees for the first time."""
        now_us = self._clock.now_us()
        waiting = self._waiting(session)
        hits = waiting[:_SHOWN]
        notes = with_note(self._commits.committed.handovers.get(session.unit, ()), None, now_us)[::-1]
        await self._looks.show(session.by, session.key, "hits", session.unit, [hit.id for hit in hits])
        await self._looks.show(
            session.by, session.key, "handover", session.unit, [rfc3339(note.at_us) for note in notes]
        )
        session_of(request, *_SEE)  # it took a moment
        organisation = session.unit.partition("/")[0]
        said = {outcome.by for hit in hits for outcome in hit.outcomes} | {note.by for note in notes}
        return await self._officers.page(
            self._pages.handover,
            session,
            now_us,
            hits=hits,
            more=len(waiting) - len(hits),
            notes=notes,
            names={by: self._people.called(organisation, by) for by in said},
            most=MOST_NOTE,
            done=done,
            fault=fault,
            written=written,
            status=status,
        )
