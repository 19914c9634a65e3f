"""Handlers for whoever administers people: openings, and the end of a passkey."""

from __future__ import annotations

import re

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.commits.durable import Durable
from wicketgate.commits.people import CommitmentOpened
from wicketgate.gateway.filing.people import MOST_OPENINGS, PeopleFiling
from wicketgate.http.gatekeeper import Principal, require, withdrawn
from wicketgate.http.people.answers import OpeningsGiven, OpeningsTaken, PasskeyListed, PasskeysShown
from wicketgate.http.requests import decoded, json_answer, read_body

MOST_BYTES = 8 << 20
"""Bytes of the openings of one organisation."""


_decoder = msgspec.json.Decoder(OpeningsGiven)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


class PeopleApi:
    """The handlers of `/v1/people`."""

    def __init__(self, commits: Durable, filing: PeopleFiling) -> None:
        self._commits = commits
        self._filing = filing

    def routes(self) -> list[Route]:
        """Return the routes of `/v1/people`."""
        return [
            Route("/v1/people/{organisation}/openings", self.put_openings, methods=["PUT"]),
            Route("/v1/people/{organisation}/passkeys", self.get_passkeys, methods=["GET"]),
            Route("/v1/people/{organisation}/passkeys/{id}", self.delete_passkey, methods=["DELETE"]),
        ]

    async def put_openings(self, request: Request) -> Response:
        """`PUT /v1/people/{organisation}/openings`."""
        self._own(request)
        body = await read_body(request, MOST_BYTES)
        who = self._own(request)  # the body may have taken long
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
        await self._filing.open(request.path_params["organisation"], openings, who.by)
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
