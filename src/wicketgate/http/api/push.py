"""The handler of `POST /v1/push/{adapter}`, for devices' own pushes.

Devices push by themselves, in their makers' formats.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from wicketgate.base.errors import WicketgateError
from wicketgate.base.turns import PieceTurns
from wicketgate.http.api.reads import SMALL_POST, told
from wicketgate.http.gatekeeper import PUSH_PREFIX, require
from wicketgate.http.problems import not_allowed, problem, problem_of
from wicketgate.http.requests import read_body
from wicketgate.reads.adapters import MAX_PAYLOAD, Adapters, Outcome
from wicketgate.reads.observations import Payload
from wicketgate.reads.pushes import CheckingPushes

_METHODS: Final = ["GET", "HEAD", "POST"]
"""Devices look by GET whether an address is there, and some say in it what they have to say."""


class Push:
    """The handler of devices' pushes.

    It is an ASGI application of its own, as for `POST /v1/reads`.

    Parameters
    ----------
    turns : PieceTurns
        Of all large posts of this process: a push is one piece.
    """

    def __init__(self, pushes: CheckingPushes, turns: PieceTurns, adapters: Adapters) -> None:
        self._pushes = pushes
        self._turns = turns
        self.adapters = adapters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one payload of a device."""
        try:
            response = await self._take(Request(scope, receive))
        except WicketgateError as error:
            response = problem_of(error)
        await response(scope, receive, send)

    async def _take(self, request: Request) -> Response:
        source = require(request, "source").name
        name = request.scope["path"].removeprefix(PUSH_PREFIX)
        if name not in self.adapters:
            return problem("not-found", f"there are adapters for {', '.join(self.adapters.names)}")
        if request.method not in _METHODS:
            return not_allowed(_METHODS, "payloads are posted, or stand in the address of a GET")
        payload = Payload(
            content_type=request.headers.get("content-type", ""),
            body=await read_body(request, MAX_PAYLOAD),
            query=request.scope["query_string"],
        )
        return await self.take(source, name, payload, request.query_params.get("camera") or None)

    async def take(self, source: str, name: str, payload: Payload, camera: str | None) -> Response:
        """Take a payload for the adapter of a name, which there is; return what its devices expect."""
        if len(payload.body) > SMALL_POST:
            await self._turns.turn(source)
        parsed = self.adapters.parse(name, payload)
        taken = await self._pushes.take(source, parsed, camera=camera)
        outcome: Outcome = "quarantined" if taken.quarantined else "taken"
        expected = self.adapters.answer(name, payload, outcome)
        if expected is None:
            return told(taken)
        status, media_type, body = expected
        # The header is set by hand: the framework would add a character set of its own.
        return Response(body, status_code=status, headers={"Content-Type": media_type})
