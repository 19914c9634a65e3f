"""Handlers for whoever administers people: openings, and the end of a passkey."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.commits.durable import Durable
from wicketgate.commits.people import CommitmentOpened
from wicketgate.gateway.filing.people import MOST_OPENINGS, PeopleFiling
from wicketgate.gateway.people import require_true
from wicketgate.http.gatekeeper import Principal, require, withdrawn
from wicketgate.http.people.answers import OpeningsGiven, OpeningsTaken, PasskeyListed, PasskeysShown
from wicketgate.http.problems import problem
from wicketgate.http.rates import Rate, TokenAllowance
from wicketgate.http.requests import decoded, demand_few, json_answer, read_body

MOST_BYTES = 512 * 1024
"""Bytes of the openings of one organisation."""
_MOST_VALUES = 50_000
_OPENINGS = Rate(burst=10, every_us=10 * SECOND_US)

_decoder = msgspec.json.Decoder(OpeningsGiven)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


class PeopleApi:
    """The handlers of `/v1/people`."""

    def __init__(self, commits: Durable, filing: PeopleFiling, now_us: Callable[[], int]) -> None:
        self._commits = commits
        self._filing = filing
        self._allowance = TokenAllowance(now_us, _OPENINGS)
        self._underway: set[str] = set()

    def routes(self) -> list[Route]:
        """Return the routes of `/v1/people`."""
        return [
            Route("/v1/people/{organisation}/openings", self.put_openings, methods=["PUT"]),
            Route("/v1/people/{organisation}/passkeys", self.get_passkeys, methods=["GET"]),
            Route("/v1/people/{organisation}/passkeys/{id}", self.delete_passkey, methods=["DELETE"]),
        ]

    async def put_openings(self, request: Request) -> Response:
        """`PUT /v1/people/{organisation}/openings`.

        What costs nothing is asked first. They are parsed and hashed in a thread, those of one organisation at a time.
        """
        organisation = request.path_params["organisation"]
        who = self._own(request)
        self._filing.demand_named(organisation)
        wait_s = self._allowance.take(f"{who.kind}:{who.name} {organisation}")
        if wait_s:
            detail = f"this token may hand in openings once in ten seconds after its first {_OPENINGS.burst}"
            return problem("too-much-at-once", detail, retry_s=wait_s)
        body = await read_body(request, MOST_BYTES)
        who = self._own(request)  # the body may have taken long
        demand_few(body, _MOST_VALUES)
        if organisation in self._underway:
            return problem("too-much-at-once", "openings of this organisation are being looked at", retry_s=1)
        self._underway.add(organisation)
        try:
            openings = await asyncio.to_thread(_openings_in, body)
            who = self._own(request)
            await self._filing.open(organisation, openings, who.by)
        finally:
            self._underway.discard(organisation)
        return json_answer(OpeningsTaken(opened=len(openings)))

    async def get_passkeys(self, request: Request) -> Response:
        """`GET /v1/people/{organisation}/passkeys`."""
        self._own(request)
        held = self._commits.committed.people.passkeys.values()
        shown = [
            PasskeyListed(id=one.id, person=one.person)
            for one in held
            if one.organisation == request.path_params["organisation"]
        ]
        return json_answer(PasskeysShown(passkeys=shown))

    async def delete_passkey(self, request: Request) -> Response:
        """`DELETE /v1/people/{organisation}/passkeys/{id}`: a machine of the organisation reads, and ends nobody's."""
        who = require(request, "admin")
        known = self._commits.committed.people.passkeys.get(request.path_params["id"])
        if known is None or known.organisation != request.path_params["organisation"]:
            raise InputError("no such passkey is enrolled", code="unknown-passkey")
        await self._filing.withdraw(known.id, who.by)
        return Response(status_code=204)

    def _own(self, request: Request) -> Principal:
        """Return the caller: the admin, or a machine of the organisation itself."""
        principal: Principal | None = request.scope["principal"]
        if not request.scope["still_known"]():
            raise withdrawn()
        own = principal is not None and (
            principal.kind == "admin"
            or principal.name.partition("/")[0] == request.path_params["organisation"]
        )
        if principal is None or principal.person or not own:
            raise NotEntitled("this is for the admin, or a token of the organisation itself")
        return principal


def _openings_in(body: bytes) -> list[CommitmentOpened]:
    """Return openings that are each of the commitment which they name."""
    given = decoded(_decoder, body, "openings of commitments")
    if not 1 <= len(given.openings) <= MOST_OPENINGS:
        raise InputError(f"send 1 to {MOST_OPENINGS} openings")
    openings = []
    for number, one in enumerate(given.openings):
        if not (_HEX.fullmatch(one.commitment) and _HEX.fullmatch(one.salt)):
            raise InputError(f"opening {number}: commitment and salt are 64 hexadecimal digits each")
        openings.append(
            CommitmentOpened(commitment=one.commitment, salt=bytes.fromhex(one.salt), value=one.value)
        )
    require_true(openings)
    return openings
