"""Handlers of the duty officer's pages.

They are the queue, one hit, outcomes, and the news that something changed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import HitRefused, NotEntitled, WicketgateError
from wicketgate.commits.durable import Durable
from wicketgate.commits.register import shown_standing
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.filing.outcomes import OutcomeFiling
from wicketgate.gateway.hits import UnitHits
from wicketgate.gateway.people import PeopleInForce
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.hotlists.hits import MOST_REASON, Hit
from wicketgate.http.api.hits import as_json
from wicketgate.http.api.images import FeedImages
from wicketgate.http.gatekeeper import patience_of
from wicketgate.http.presence import PresenceNeeded, require_presence
from wicketgate.http.problems import problem, status_and_title
from wicketgate.http.requests import private_answer
from wicketgate.http.roles import CONFIRM, SEE
from wicketgate.http.site.kept import KeptForms
from wicketgate.http.site.officers import OfficerPages, form_of, redirect, session_of, wants_page
from wicketgate.http.underway import while_there
from wicketgate.pages.duty import PROVED, Journey, Queue, RefusalShown, Session, digest
from wicketgate.pages.duty_filter import HitFilter
from wicketgate.pages.views import tags_of
from wicketgate.regime.documents.authority import Authority

SHOWN = 100
"""Hits that the page shows of a queue; the most urgent."""
_ENDED = 5
_JOURNEY = 12
_STREAMS = 8
_ALIVE_S = 15.0
_PAUSE_S = 0.25


class Duty:
    """The handlers of the duty officer's pages.

    They stand over one gateway. Whoever has no role that a page needs is refused it.
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
        officers: OfficerPages,
        looks: LookFiling,
        people: PeopleInForce,
    ) -> None:
        self._commits = commits
        self._clock = clock
        self._entitlement = entitlement
        self._hits = hits
        self._unit_hits = unit_hits
        self._outcomes = outcomes
        self._images = images
        self._officers = officers
        self._looks = looks
        self._people = people
        self._pages = officers.pages
        self._kept = KeptForms(clock.now_us)
        self._listening: Counter[str] = Counter()

    def routes(self) -> list[Route]:
        """Return every route under `/duty`."""
        shown = self._officers.shown
        return [
            Route("/duty", shown(self.get_queue), methods=["GET"]),
            Route("/duty/queue", shown(self.get_queue_part), methods=["GET"]),
            Route("/duty/events", shown(self.get_events), methods=["GET"]),
            Route("/duty/hits/{id}", shown(self.get_hit), methods=["GET"]),
            Route("/duty/hits/{id}/outcome", shown(self.post_outcome), methods=["POST"]),
            Route("/duty/images/{authority}/{ref}", shown(self.get_image), methods=["GET"]),
        ]

    # --- the queue ------------------------------------------------------------------------------------------------

    async def get_queue(self, request: Request) -> Response:
        """`GET /duty`."""
        session = session_of(request, *SEE)
        recorded = None
        if hit_id := request.query_params.get("recorded"):
            try:
                recorded, _ = self._unit_hits.hit_of(session.unit, hit_id)
                self._entitlement.demand_person(recorded.authority, session.person, "viewer")
            except WicketgateError:
                recorded = None  # whatever somebody put into the address
        more = () if recorded is None else (recorded.id,)
        queue = await self._seen(session, HitFilter.of(request.query_params), more)
        if recorded is not None:
            queue = replace(queue, names={**queue.names, **self._names(session.unit, [recorded])})
        return await self._officers.page(
            self._pages.queue,
            queue,
            session,
            self._clock.now_us(),
            recorded=recorded,
            refreshing=request.query_params.get("refresh") != "off",
        )

    async def get_queue_part(self, request: Request) -> Response:
        """`GET /duty/queue`: the changing part of the page."""
        session = session_of(request, *SEE)
        queue = await self._seen(session, HitFilter.of(request.query_params))
        now_us = self._clock.now_us()
        return await self._officers.page(self._pages.queue_part, queue, session, now_us)

    async def _seen(self, session: Session, chosen: HitFilter, more: Sequence[str] = ()) -> Queue:
        """Return the queue, once it is recorded whom of it this session sees for the first time."""
        queue = self._queue(session, chosen)
        shown = [*(hit.id for hit in (*queue.hits, *queue.ended)), *more]
        await self._looks.show(session.by, session.key, "hits", session.unit, shown)
        return queue

    def _queue(self, session: Session, chosen: HitFilter) -> Queue:
        _, stopped = self._entitlement.match_authorities(session.unit)
        authorities = self._entitlement.open_matches(session.unit, session.person, "viewer")
        names = [authority.name for authority in authorities]
        now_us = self._clock.now_us()
        waiting = self._unit_hits.queue_of(names)
        hits = [hit for hit in waiting if chosen.keeps(hit, now_us)] if chosen.query else waiting
        overdue = sum(hit.due_us <= now_us for hit in waiting) - sum(hit.due_us <= now_us for hit in hits)
        hidden = len(waiting) - len(hits)
        titles = [(authority.name, authority.title) for authority in authorities]
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
            authorities=titles,
            stopped=stopped,
            ended=ended[:_ENDED],
            marks={authority.name: self._marks(authority) for authority in authorities},
            filter=chosen,
            fields=chosen.fields(waiting, titles),
            hidden=hidden,
            hidden_overdue=overdue,
            names=self._names(session.unit, (*hits[:SHOWN], *ended[:_ENDED])),
        )

    def _names(self, unit: str, hits: Iterable[Hit]) -> dict[str, str]:
        """Return what colleagues call those who said what came of hits."""
        organisation = unit.partition("/")[0]
        by = {outcome.by for hit in hits for outcome in hit.outcomes}
        return {one: self._people.called(organisation, one) for one in by}

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
        session = session_of(request, *SEE)
        chosen = HitFilter.of(request.query_params)
        if self._listening[session.key] >= _STREAMS:
            return problem("busy", f"at most {_STREAMS} pages of one session are told of changes at once")
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")  # what never ends would be waited for
        return StreamingResponse(
            self._events(request, session, chosen),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    async def _events(self, request: Request, session: Session, chosen: HitFilter) -> AsyncIterator[bytes]:
        hits = self._hits
        self._listening[session.key] += 1
        known = ""
        loop = asyncio.get_running_loop()
        try:
            while True:
                session_of(request, *SEE)
                changes = hits.changes
                found = digest(self._queue(session, chosen))
                if found != known:
                    yield b"event: changed\ndata: " + found.encode() + b"\n\n"
                    known = found
                else:
                    yield b": alive\n\n"
                alive_s = loop.time() + _ALIVE_S
                while hits.changes == changes and loop.time() < alive_s:
                    waiting = hits.wait(changes, patience_of(request, alive_s - loop.time()))
                    await while_there(request.scope, waiting)
                    session_of(request, *SEE)
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
        session = session_of(request, *SEE)
        written = self._kept.take(session.person, request.url.path) if session.person else {}
        again = RefusalShown(code=PROVED, reason=written["reason"], seen=written["seen"]) if written else None
        return await self._hit_page(request, session, again)

    async def _hit_page(
        self, request: Request, session: Session, refused: RefusalShown | None = None, status: int = 200
    ) -> Response:
        hit, authority = self._unit_hits.hit_of(session.unit, request.path_params["id"])
        self._entitlement.demand_person(hit.authority, session.person, "viewer")
        allowed = "place" in authority.scope.fields
        sightings = self._hits.recent(hit.authority, _JOURNEY, hit.voi) if allowed else []
        others = [one.id for one in sightings if one.id != hit.id]
        await self._looks.look(session.by, "hit", hit.id, **({"items": others} if others else {}))
        session_of(request, *SEE)  # it took a moment
        # Raised last is not read last: a late read says where the vehicle was before.
        sightings.sort(key=lambda one: one.taken_us, reverse=True)
        return await self._officers.page(
            self._pages.hit,
            hit,
            Journey(hits=sightings, allowed=allowed, names=self._names(session.unit, [hit])),
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
        session = session_of(request, *CONFIRM)
        form = await form_of(request, session)
        session_of(request, *CONFIRM)  # the body may have taken long
        hit, _ = self._unit_hits.hit_of(session.unit, request.path_params["id"])
        for role in ("confirmer", "viewer"):
            self._entitlement.demand_person(hit.authority, session.person, role)
        outcome, reason = form.get("outcome", ""), form.get("reason", "").strip()
        seen = form.get("plate_seen", "")[:32]
        if outcome == "confirmed":
            there = f"/duty/hits/{hit.id}"
            try:
                require_presence(request, there)
            except PresenceNeeded:
                self._kept.keep(session.person, there, reason=reason[:MOST_REASON], seen=seen)
                raise
        try:
            after: Hit = await self._outcomes.record_outcome(
                hit.id,
                outcome,
                reason,
                session.by,
                token="" if session.person else f"recipient:{session.unit}",
                looker=session.by,
                plate_seen=seen,
            )
        except HitRefused as refused:
            if not wants_page(request):
                raise
            again = RefusalShown(code=refused.code, reason=reason, seen=seen)
            return await self._hit_page(request, session, again, status_and_title(refused)[0])
        if wants_page(request):
            chosen = HitFilter.of_text(form.get("filter", "")).query
            return redirect(f"/duty?recorded={after.id}{f'&{chosen}' if chosen else ''}")
        confirming, now_us = self._unit_hits.cannot_confirm(after), self._clock.now_us()
        return private_answer(as_json(after, cannot_confirm=confirming, now_us=now_us))

    async def get_image(self, request: Request) -> Response:
        """`GET /duty/images/{authority}/{ref}`: an image of a released read.

        With `?in=queue` it is one of many, small: nobody has looked at it for that.
        """
        session = session_of(request, *SEE)
        name, ref = request.path_params["authority"], request.path_params["ref"]
        looking = request.method == "GET" and request.query_params.get("in") != "queue"
        return await self._images.answer(
            session.unit, name, ref, by=session.by, person=session.person, looking=looking
        )
