"""Handlers of `/v1/hits/{id}/evidence` and `/v1/searches/{id}/evidence`: what evidence packs are made of."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.evidence import EvidenceDesk
from wicketgate.gateway.hits import UnitHits
from wicketgate.gateway.searching.searches import Searches
from wicketgate.hotlists.hits import Hit
from wicketgate.http.api.searches import asker_of
from wicketgate.http.gatekeeper import Principal, require
from wicketgate.http.requests import private_answer
from wicketgate.http.roles import SEE


class EvidenceApi:
    """The handlers of evidence, over the hits of units and the questions of people."""

    def __init__(
        self, hits: UnitHits, searches: Searches, entitlement: Entitlement, desk: EvidenceDesk
    ) -> None:
        self._hits = hits
        self._searches = searches
        self._entitlement = entitlement
        self._desk = desk

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/hits/{id}/evidence", self.get_hit_evidence, methods=["GET"]),
            Route("/v1/searches/{id}/evidence", self.get_search_evidence, methods=["GET"]),
        ]

    async def get_hit_evidence(self, request: Request) -> Response:
        """`GET /v1/hits/{id}/evidence`."""
        who, hit_id = require(request, "recipient", *SEE), request.path_params["id"]
        hit = self._hit(who, hit_id)
        given = await self._desk.of_hit(hit, who.by)
        # It may have been stopped meanwhile, or its person withdrawn.
        self._hit(require(request, "recipient", *SEE), hit_id)
        return private_answer(given)

    async def get_search_evidence(self, request: Request) -> Response:
        """`GET /v1/searches/{id}/evidence`; the rows of one in custody come from there."""
        id_ = request.path_params["id"]
        held = self._searches.answered(id_, asker_of(request))
        given = await self._desk.of_search(held, held.asked.by)
        self._searches.answered(id_, asker_of(request))  # it may have ended meanwhile
        return private_answer(given)

    def _hit(self, who: Principal, hit_id: str) -> Hit:
        hit, _ = self._hits.hit_of(who.name, hit_id)
        self._entitlement.demand_person(hit.authority, who.person, "viewer")
        return hit
