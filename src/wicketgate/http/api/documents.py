"""The handler of `/v1/documents`, for signed documents.

Anybody with a token submits them.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import rfc3339
from wicketgate.base.signing import MAX_ENVELOPE_BYTES
from wicketgate.gateway.filing.documents import Filing
from wicketgate.http.answers import Effect
from wicketgate.http.requests import json_answer, read_body


class DocumentsApi:
    """The handler of documents, over their filing."""

    def __init__(self, filing: Filing) -> None:
        self._filing = filing

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/v1/documents", self.take_document, methods=["POST"])]

    async def take_document(self, request: Request) -> Response:
        """`POST /v1/documents`: a signed document.

        Any known token may submit one. The signatures count.
        """
        body = await read_body(request, MAX_ENVELOPE_BYTES)
        entry, in_force_us = await self._filing.submit(body)
        return json_answer(Effect(entry=entry, in_force_from=rfc3339(in_force_us)), status=201)
