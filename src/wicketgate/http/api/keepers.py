"""Handlers of `/v1/keepers`: one shown row or confirmed hit, one cause, one keeper; and the list of links."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import SECOND_US, Clock
from wicketgate.base.errors import HitRefused
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.keepers.desk import KeeperDesk, LinkAsker, LinkRefusal
from wicketgate.gateway.keepers.values import LinkSaid, ListedLinks
from wicketgate.http.gatekeeper import Principal, require
from wicketgate.http.presence import require_presence
from wicketgate.http.problems import problem, status_and_title
from wicketgate.http.rates import Rate, TokenAllowance
from wicketgate.http.requests import decoded, private_answer, read_body
from wicketgate.http.roles import ASK, OVERSEE, SOURCE

MAX_LINK: Final = 256 * 1024
"""Bytes of a link: a line, its header and its path."""
EACH: Final = Rate(burst=60, every_us=SECOND_US // 10)
"""How often one token or person may ask."""
_WANTED: Final = "send `authority`, `cause`, `case`, and `header`, `row`, `path` or `hit`, as `/docs` says"
_said = msgspec.json.Decoder(LinkSaid)


class KeepersApi:
    """The handlers of links to keepers."""

    def __init__(self, desk: KeeperDesk, entitlement: Entitlement, clock: Clock, looks: LookFiling) -> None:
        self._desk = desk
        self._entitlement = entitlement
        self._looks = looks
        self._allowance = TokenAllowance(clock.now_us, EACH)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/keepers", self.post_link, methods=["POST"]),
            Route("/v1/keepers", self.list_links, methods=["GET"]),
        ]

    async def post_link(self, request: Request) -> Response:
        """`POST /v1/keepers`: the keeper of a row or hit that is shown; the fact comes first, the register then."""
        who = require(request, "recipient", *ASK)
        wait_s = self._allowance.take(who.by)
        if wait_s:
            return problem(
                "busy", f"after {EACH.burst} links at once ten in a second are taken", retry_s=wait_s
            )
        said = decoded(_said, await read_body(request, MAX_LINK), _WANTED)
        who = require(request, "recipient", *ASK)  # the body may have taken long
        self._entitlement.demand_own(who.name, said.authority)
        self._entitlement.demand_person(said.authority, who.person, "viewer")
        if said.decided:
            require_presence(request)
        try:
            answer = await self._desk.link(said, _asker(who))
        except LinkRefusal as refusal:
            _, title = status_and_title(refusal)
            link = refusal.link or msgspec.UNSET
            return problem(refusal.code, refusal.detail, status=403, title=title, id=link)
        except HitRefused as error:
            return problem(error.code, error.detail)
        require(request, "recipient", *ASK)
        return private_answer(answer)

    async def list_links(self, request: Request) -> Response:
        """`GET /v1/keepers`: links on a source's cameras; for overseers those whose source is the recipient itself."""
        principal: Principal | None = request.scope["principal"]
        if principal is not None and principal.kind == "overseer":
            who = require(request, "overseer", *OVERSEE)
            await self._looks.look(who.by, "links", who.name)
            require(request, "overseer", *OVERSEE)
            return private_answer(ListedLinks(links=self._desk.to_be_sampled()))
        who = require(request, "source", *SOURCE)
        return private_answer(ListedLinks(links=self._desk.on_cameras_of(who.name)))


def _asker(who: Principal) -> LinkAsker:
    return LinkAsker(by=who.by, unit=who.name, is_person=bool(who.person))
