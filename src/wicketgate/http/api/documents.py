"""The handler of `/v1/documents`, for signed documents.

Anybody with a token submits them, the admin for whoever has none: a court, an overseer, a house of parliament.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import SECOND_US, Clock, rfc3339
from wicketgate.base.signing import MAX_ENVELOPE_BYTES
from wicketgate.gateway.filing.documents import Filing
from wicketgate.http.answers import Effect
from wicketgate.http.gatekeeper import Principal, withdrawn
from wicketgate.http.presence import require_presence
from wicketgate.http.problems import problem
from wicketgate.http.rates import Rate, TokenAllowance
from wicketgate.http.requests import json_answer, read_body

EACH = Rate(burst=100, every_us=SECOND_US)
"""How many documents one token may submit, whatever becomes of them."""


class DocumentsApi:
    """The handler of documents, over their filing.

    Parameters
    ----------
    each : Rate
        For one token: to judge a document costs, and nobody's documents keep out another's.
    """

    def __init__(self, filing: Filing, clock: Clock, *, each: Rate = EACH) -> None:
        self._filing = filing
        self._allowance = TokenAllowance(clock.now_us, each)

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/v1/documents", self.take_document, methods=["POST"])]

    async def take_document(self, request: Request) -> Response:
        """`POST /v1/documents`: a signed document.

        Any known token may submit one, and a person who proved lately that they are there. The signatures count.
        """
        principal: Principal = request.scope["principal"]
        wait_s = self._allowance.take(f"{principal.kind}:{principal.name}")
        if wait_s:
            detail = f"this token may submit one document a second after its first {EACH.burst}"
            return problem("too-many-documents", detail, retry_s=wait_s)
        body = await read_body(request, MAX_ENVELOPE_BYTES)
        if not request.scope["still_known"]():
            raise withdrawn()
        require_presence(request)
        entry, in_force_us = await self._filing.submit(body, by=principal.by if principal.person else "")
        return json_answer(Effect(entry=entry, in_force_from=rfc3339(in_force_us)), status=201)
