"""Handlers of `/v1/custody`: what a recipient's custody says of itself."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.shapes import Hash, about
from wicketgate.commits.durable import Durable
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.custody import CustodyFiling
from wicketgate.http.answers import CustodyLast, CustodyTaken
from wicketgate.http.gatekeeper import require
from wicketgate.http.requests import MAX_MEMBERS, decoded, json_answer, private_answer, read_body
from wicketgate.regime.obligations.values import CustodyCheckpoint

_MOST_PROOF = 64


class JournalSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the journal of a custody has come."""

    size: Annotated[int, about("Its records.", minimum=1, exclusiveMaximum=1 << 53)]
    root: Annotated[Hash, about("RFC 6962 tree hash over them.")]
    consistency: Annotated[
        list[Hash],
        about("That it goes on from the last checkpoint (RFC 9162, section 2.1.4).", maxItems=_MOST_PROOF),
    ] = []
    batch: Annotated[int, about("Up to which batch it has kept.", minimum=0, exclusiveMaximum=1 << 53)]


class CustodyApi:
    """The handlers of custody's checkpoints."""

    def __init__(self, commits: Durable, filing: CustodyFiling, entitlement: Entitlement) -> None:
        self._commits = commits
        self._filing = filing
        self._entitlement = entitlement

    def routes(self) -> list[Route]:
        """Return the routes under `/v1/custody`."""
        path = "/v1/custody/{authority}/checkpoints"
        return [
            Route(path, self.post_checkpoint, methods=["POST"]),
            Route(path, self.get_checkpoint, methods=["GET"]),
        ]

    async def post_checkpoint(self, request: Request) -> Response:
        """`POST /v1/custody/{authority}/checkpoints` `{"size","root","consistency","batch"}`."""
        require(request, "recipient")
        body = await read_body(request, MAX_MEMBERS)
        said = decoded(msgspec.json.Decoder(JournalSaid), body, "not in the form that `/docs` shows")
        if (
            not 1 <= said.size < 1 << 53
            or not 0 <= said.batch < 1 << 53
            or len(said.consistency) > _MOST_PROOF
        ):
            raise InputError("`size`, `batch` or `consistency` is out of bounds")
        who = require(request, "recipient")
        name = request.path_params["authority"]
        self._entitlement.demand_own(who.name, name)
        taken = await self._filing.checkpoint(
            name,
            size=said.size,
            root=_hash(said.root),
            consistency=[_hash(one) for one in said.consistency],
            batch=said.batch,
            token=who.by,
        )
        return json_answer(CustodyTaken(commit=taken.commit), 201)

    async def get_checkpoint(self, request: Request) -> Response:
        """`GET /v1/custody/{authority}/checkpoints`: the last one that was recorded."""
        who = require(request, "recipient")
        name = request.path_params["authority"]
        self._entitlement.demand_own(who.name, name)
        return private_answer(_shown(self._commits.committed.custody.get(name)))


def _hash(text: str) -> bytes:
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 32 or found.hex() != text:
        raise InputError("a hash is 64 digits in hexadecimal, small letters")
    return found


def _shown(last: CustodyCheckpoint | None) -> CustodyLast:
    if last is None:
        return CustodyLast(size=0, root=None, batch=0, at=None, commit=None)
    return CustodyLast(
        size=last.size, root=last.root, batch=last.batch, at=rfc3339(last.said_us), commit=last.commit
    )
