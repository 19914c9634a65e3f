"""Handlers of `/v1/openings` and `/v1/tokens`, for overseers and the admin."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from wicketgate.base.errors import InputError
from wicketgate.base.streams.ordinal import OrdinalStream
from wicketgate.commits.durable import Durable
from wicketgate.gateway.filing.tokens import TokenFiling
from wicketgate.gateway.looking import LooksRecorded
from wicketgate.http.answers import Opening
from wicketgate.http.gatekeeper import require
from wicketgate.http.parameters import AFTER, LINES
from wicketgate.http.presence import require_presence
from wicketgate.http.requests import MAX_NAME, decoded, json_answer, read_body
from wicketgate.http.roles import OVERSEE
from wicketgate.http.token_answers import Token, TokenName, TokensOfName, TokensShown
from wicketgate.reads.parse import NDJSON

_named = msgspec.json.Decoder(TokenName)


class AdminApi:
    """The handlers of openings and tokens.

    They stand over the committed state, the tokens and the sealed openings of seconds.
    """

    def __init__(
        self, commits: Durable, tokens: TokenFiling, openings: OrdinalStream, looks: LooksRecorded
    ) -> None:
        self._commits = commits
        self._tokens = tokens
        self._openings = openings
        self._looks = looks

    def routes(self) -> list[Route]:
        """Return the routes of `/v1/openings` and `/v1/tokens`."""
        return [
            Route("/v1/openings", self.get_openings, methods=["GET"]),
            Route("/v1/tokens", self.list_tokens, methods=["GET"]),
            Route("/v1/tokens", self.issue_token, methods=["POST"]),
            Route("/v1/tokens/withdraw", self.withdraw_tokens, methods=["POST"]),
        ]

    async def get_openings(self, request: Request) -> Response:
        """`GET /v1/openings?after=N&limit=N`: the sealed openings of seconds, by their number."""
        who = require(request, "overseer", *OVERSEE)
        require_presence(request)
        after, limit = AFTER.read(request), LINES.read(request)
        last = min(after + limit, self._openings.last)
        if last > after:
            await self._looks.read(who.by, "openings", "log", after + 1, last)
            require(request, "overseer", *OVERSEE)
        return StreamingResponse(self._sealed(request, after, last), media_type=NDJSON)

    async def _sealed(self, request: Request, after: int, last: int) -> AsyncIterator[bytes]:
        """Yield openings one by one, each read once the client has taken the one before."""
        stream = self._openings
        for number in range(after + 1, last + 1):
            data = await stream.get(number)
            if not request.scope["still_known"]():
                return
            if data is not None:
                sealed = base64.b64encode(data).decode()
                yield msgspec.json.encode(Opening(number=number, sealed=sealed)) + b"\n"

    async def list_tokens(self, request: Request) -> Response:
        """`GET /v1/tokens`: the names that have tokens, and how many each; of a token only its hash is kept."""
        require(request, "admin")
        counted = Counter(self._commits.committed.tokens.values())
        names = [TokensOfName(name=name, tokens=number) for name, number in sorted(counted.items())]
        return json_answer(TokensShown(names=names))

    async def issue_token(self, request: Request) -> Response:
        """`POST /v1/tokens` `{"name"}`: a fresh token, shown once."""
        require(request, "admin")
        name = await self._token_name(request)
        token = await self._tokens.issue_token(name)
        return json_answer(Token(name=name, token=token), status=201)

    async def withdraw_tokens(self, request: Request) -> Response:
        """`POST /v1/tokens/withdraw` `{"name"}`: every token of the name, withdrawn.

        They are worthless from now on.
        """
        require(request, "admin")
        name = await self._token_name(request)
        await self._tokens.withdraw_tokens(name)
        return json_answer(TokenName(name=name))

    async def _token_name(self, request: Request) -> str:
        wrong = 'send `{"name": "source:<organisation>"}` or the like'
        name = decoded(_named, await read_body(request, MAX_NAME), wrong).name
        charter = self._commits.parsed.charter(self._commits.committed)
        if not charter.knows(name):
            raise InputError("the charter knows no such source, recipient unit or overseer")
        return name
