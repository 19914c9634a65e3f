"""Handlers of `/v1/custody/…`: what a recipient's custody says of itself, and what it answers.

Its machine hands over checkpoints, counts and runs; a person commits each look, before custody shows a row.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

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
from wicketgate.gateway.searching.custody import WaitingInCustody
from wicketgate.gateway.searching.searches import Searches
from wicketgate.gateway.searching.values import AnswerForm
from wicketgate.http.answers import CustodyLast, CustodyTaken
from wicketgate.http.api.searches import asker_of
from wicketgate.http.gatekeeper import Principal, require
from wicketgate.http.requests import MAX_MEMBERS, decoded, json_answer, private_answer, read_body
from wicketgate.regime.obligations.values import CustodyCheckpoint

_MOST_PROOF = 64
_WANTED = "not in the form that `/docs` shows"


class JournalSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the journal of a custody has come."""

    size: Annotated[int, about("Its records.", minimum=1, exclusiveMaximum=1 << 53)]
    root: Annotated[Hash, about("RFC 6962 tree hash over them.")]
    consistency: Annotated[
        list[Hash],
        about("That it goes on from the last checkpoint (RFC 9162, section 2.1.4).", maxItems=_MOST_PROOF),
    ] = []
    batch: Annotated[int, about("Up to which batch it has kept.", minimum=0, exclusiveMaximum=1 << 53)]


class CountSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many vehicles a question means, as custody counted."""

    vehicles: Annotated[int, about("Exactly.", minimum=0, exclusiveMaximum=1 << 53)]
    rows: Annotated[
        int,
        about(
            "Where one answer may not have so many: then it is refused.", minimum=0, exclusiveMaximum=1 << 53
        ),
    ] = 0


class RunSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer that custody made, and shows nobody before its run is committed."""

    rows: Annotated[int, about("Its rows.", minimum=0, exclusiveMaximum=1 << 53)]
    vehicles: Annotated[int, about("Exactly.", minimum=0, exclusiveMaximum=1 << 53)]
    root: Annotated[Hash, about("RFC 6962 tree hash over its rows' lines without LF.")]
    listed: Annotated[
        int,
        about(
            "Rows of plates that a question here had named before the capture: mode match would have released them.",
            minimum=0,
            exclusiveMaximum=1 << 53,
        ),
    ] = 0


class LookSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of an answer that custody is about to show."""

    after: Annotated[int, about("Behind which row.", minimum=0, exclusiveMaximum=1 << 53)]
    rows: Annotated[int, about("How many rows.", minimum=0, exclusiveMaximum=1 << 53)]
    form: Annotated[AnswerForm, about("All but `ndjson` are exports.")] = "ndjson"


_Said = TypeVar("_Said", CountSaid, RunSaid)


class CustodyApi:
    """The handlers of what custody says and answers."""

    def __init__(
        self,
        commits: Durable,
        filing: CustodyFiling,
        entitlement: Entitlement,
        searches: Searches,
        waiting: WaitingInCustody,
    ) -> None:
        self._commits = commits
        self._filing = filing
        self._entitlement = entitlement
        self._searches = searches
        self._waiting = waiting

    def routes(self) -> list[Route]:
        """Return the routes under `/v1/custody`."""
        path = "/v1/custody/{authority}/checkpoints"
        return [
            Route(path, self.post_checkpoint, methods=["POST"]),
            Route(path, self.get_checkpoint, methods=["GET"]),
            Route("/v1/custody/{authority}/searches", self.list_waiting, methods=["GET"]),
            Route("/v1/custody/{authority}/searches/{id}/count", self.post_count, methods=["POST"]),
            Route("/v1/custody/{authority}/searches/{id}/run", self.post_run, methods=["POST"]),
            Route("/v1/searches/{id}/looks", self.post_look, methods=["POST"]),
        ]

    async def post_checkpoint(self, request: Request) -> Response:
        """`POST /v1/custody/{authority}/checkpoints` `{"size","root","consistency","batch"}`."""
        self._own(request)
        body = await read_body(request, MAX_MEMBERS)
        said = decoded(msgspec.json.Decoder(JournalSaid), body, _WANTED)
        if (
            not 1 <= said.size < 1 << 53
            or not 0 <= said.batch < 1 << 53
            or len(said.consistency) > _MOST_PROOF
        ):
            raise InputError("`size`, `batch` or `consistency` is out of bounds")
        who, name = self._own(request)
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
        _, name = self._own(request)
        return private_answer(_shown(self._commits.committed.custody.get(name)))

    # --- questions --------------------------------------------------------------------------------------------

    async def list_waiting(self, request: Request) -> Response:
        """`GET /v1/custody/{authority}/searches`: what this custody is to count or run now."""
        who, name = self._own(request)
        return private_answer(await self._waiting.waiting(who.name, name))

    async def post_count(self, request: Request) -> Response:
        """`POST /v1/custody/{authority}/searches/{id}/count` `{"vehicles","rows"?}`."""
        said, unit = await self._said(request, CountSaid)
        _demand_counts(said.vehicles, said.rows)
        id_ = request.path_params["id"]
        return private_answer(await self._searches.take_count(id_, unit, said.vehicles, rows=said.rows))

    async def post_run(self, request: Request) -> Response:
        """`POST /v1/custody/{authority}/searches/{id}/run` `{"rows","vehicles","root"}`."""
        said, unit = await self._said(request, RunSaid)
        _demand_counts(said.rows, said.vehicles, said.listed)
        return private_answer(
            await self._searches.take_run(
                request.path_params["id"],
                unit,
                rows=said.rows,
                vehicles=said.vehicles,
                root=_hash(said.root).hex(),
                listed=said.listed,
            )
        )

    async def post_look(self, request: Request) -> Response:
        """`POST /v1/searches/{id}/looks` `{"after","rows","form"?}`: by the person who is about to see the page."""
        asker_of(request)
        body = await read_body(request, MAX_MEMBERS)
        said = decoded(msgspec.json.Decoder(LookSaid), body, _WANTED)
        _demand_counts(said.after, said.rows)
        who, id_ = asker_of(request), request.path_params["id"]
        await self._searches.take_look(id_, who, after=said.after, rows=said.rows, form=said.form)
        answer = private_answer(self._searches.show(id_, who.by))
        answer.status_code = 201
        return answer

    async def _said(self, request: Request, shape: type[_Said]) -> tuple[_Said, str]:
        self._own(request)
        said = decoded(msgspec.json.Decoder(shape), await read_body(request, MAX_MEMBERS), _WANTED)
        return said, self._own(request)[0].name

    def _own(self, request: Request) -> tuple[Principal, str]:
        """Return the unit's machine that calls, and the authority, which is the unit's own. NotEntitled otherwise."""
        who, name = require(request, "recipient"), request.path_params["authority"]
        self._entitlement.demand_own(who.name, name)
        return who, name


def _demand_counts(*counts: int) -> None:
    if not all(0 <= one < 1 << 53 for one in counts):
        raise InputError("a number of rows or vehicles is out of bounds")


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
