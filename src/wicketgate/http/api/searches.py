"""Handlers of `/v1/searches`: questions to the past, their approvals and their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import SECOND_US, Clock
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.base.shapes import about
from wicketgate.gateway.projections import Projections
from wicketgate.gateway.searching.searches import MOST_SAID, Searches
from wicketgate.gateway.searching.values import (
    AnswerForm,
    AnswerPage,
    Approver,
    AskedDocument,
    Asker,
    SearchShown,
    SourceSearch,
    StoppedUnit,
)
from wicketgate.history.forms import CSV, GEOJSON, NDJSON, PARQUET, as_csv, as_geojson, as_parquet
from wicketgate.http.answers import RunProof
from wicketgate.http.api.images import FeedImages
from wicketgate.http.gatekeeper import Principal, require, withdrawn
from wicketgate.http.parameters import AFTER_ROW, ROWS
from wicketgate.http.presence import require_presence
from wicketgate.http.problems import problem, problem_of
from wicketgate.http.rates import Rate, TokenAllowance
from wicketgate.http.requests import MAX_MEMBERS, decoded, private_answer, read_body
from wicketgate.http.roles import APPROVE, ASK, OVERSEE, SOURCE
from wicketgate.ledger.facts import search_run_fact
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.notes import unverified_checkpoint

MAX_SEARCH: Final = 256 * 1024
"""Bytes of a question with its reasons."""
EACH: Final = Rate(burst=60, every_us=2 * SECOND_US)
"""How often one person may ask, and look at what would become of it."""
_APPROVERS: Final = ("recipient", "office", "overseer")
_HEADERS: Final = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


class SearchApproval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An approval of one run."""

    vehicles: Annotated[
        int | None, about("The number of vehicles that was told; null where nothing was counted.")
    ] = None


class SearchRefusal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a question is not to be answered."""

    reason: Annotated[str, about("In words; whoever asked sees it.", minLength=1, maxLength=MOST_SAID)]


class SearchesShown(msgspec.Struct, frozen=True, kw_only=True):
    """Questions, without what they asked."""

    searches: list[SearchShown]


class SourceSearchesShown(msgspec.Struct, frozen=True, kw_only=True):
    """Questions on the cameras of a source."""

    searches: list[SourceSearch]


class UnitNamed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A unit, `organisation/unit`."""

    unit: Annotated[str, about("`organisation/unit`.", maxLength=130)]


class StoppedUnits(msgspec.Struct, frozen=True, kw_only=True):
    """Units that may not say that life is threatened."""

    stopped: list[StoppedUnit]


_document = msgspec.json.Decoder(AskedDocument)
_approval = msgspec.json.Decoder(SearchApproval)
_refusal = msgspec.json.Decoder(SearchRefusal)
_unit = msgspec.json.Decoder(UnitNamed)


class _SearchId(Convertor[str]):
    """An id in a path; what has a route of its own is none."""

    regex = "(?!preview$)[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("search", _SearchId())


class SearchesApi:
    """The handlers of questions."""

    def __init__(
        self, searches: Searches, projections: Projections, images: FeedImages, clock: Clock
    ) -> None:
        self._searches, self._projections, self._images = searches, projections, images
        self._allowance = TokenAllowance(clock.now_us, EACH)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/searches", self.post_search, methods=["POST"]),
            Route("/v1/searches", self.list_own, methods=["GET"]),
            Route("/v1/searches/preview", self.post_preview, methods=["POST"]),
            Route("/v1/searches/{id:search}", self.get_search, methods=["GET"]),
            Route("/v1/searches/{id}/question", self.get_question, methods=["GET"]),
            Route("/v1/searches/{id}/approve", self.post_approve, methods=["POST"]),
            Route("/v1/searches/{id}/refuse", self.post_refuse, methods=["POST"]),
            Route("/v1/searches/{id}/rows", self.get_rows, methods=["GET"]),
            Route("/v1/searches/{id}/images/{ref}", self.get_image, methods=["GET"]),
            Route("/v1/searches/{id}/proof", self.get_proof, methods=["GET"]),
            Route("/v1/approvals", self.list_awaiting, methods=["GET"]),
            Route("/v1/cameras/searches", self.list_on_cameras, methods=["GET"]),
            Route("/v1/emergencies", self.list_stopped, methods=["GET"]),
            Route("/v1/emergencies/let", self.post_let, methods=["POST"]),
        ]

    # --- whoever asks -----------------------------------------------------------------------------------------

    async def post_search(self, request: Request) -> Response:
        """`POST /v1/searches` `{"authority", "offence", "case", "reason", "question", "emergency"?}`."""
        who = asker_of(request)
        wait_s = self._allowance.take(who.by)
        if wait_s:
            return _too_often(wait_s)
        document = decoded(_document, await read_body(request, MAX_SEARCH), _WANTED)
        asker_of(request)  # the body may have taken long
        try:
            shown = await self._searches.ask(who, document)
        except InputError as error:
            return _refused(error)
        asker_of(request)
        answer = private_answer(shown)
        answer.status_code = 201
        return answer

    async def post_preview(self, request: Request) -> Response:
        """`POST /v1/searches/preview`: what would become of a question. Nothing is recorded."""
        who = asker_of(request)
        wait_s = self._allowance.take(who.by)
        if wait_s:
            return _too_often(wait_s)
        document = decoded(_document, await read_body(request, MAX_SEARCH), _WANTED)
        asker_of(request)
        try:
            return private_answer(await self._searches.preview(who, document))
        except InputError as error:
            return _refused(error)

    async def list_own(self, request: Request) -> Response:
        """`GET /v1/searches`: one's own questions."""
        return private_answer(SearchesShown(searches=await self._searches.own(asker_of(request))))

    async def get_search(self, request: Request) -> Response:
        """`GET /v1/searches/{id}`: how one's own question stands."""
        return private_answer(self._searches.show(request.path_params["id"], asker_of(request).by))

    async def get_question(self, request: Request) -> Response:
        """`GET /v1/searches/{id}/question`: what was asked and why, for whoever asked and whoever may approve."""
        who = _person(request, _APPROVERS, *ASK, *APPROVE)
        approver = None if who.roles.isdisjoint(APPROVE) else _approver(request)
        shown = await self._searches.detail(request.path_params["id"], who.by, approver)
        _person(request, _APPROVERS, *ASK, *APPROVE)
        return private_answer(shown)

    async def get_rows(self, request: Request) -> Response:
        """`GET /v1/searches/{id}/rows?after=&limit=`: a page of an answer, committed as a look before it goes."""
        who, form = asker_of(request), _form_of(request)
        after, limit = AFTER_ROW.read(request), ROWS.read(request)
        page = await self._searches.rows(request.path_params["id"], who, after=after, limit=limit, form=form)
        body = await asyncio.to_thread(_MAKE[form], page.lines, after)
        asker_of(request)
        return _page(page, form, body)

    async def get_image(self, request: Request) -> Response:
        """`GET /v1/searches/{id}/images/{ref}`: an image that a row of one's own answer names."""
        who = asker_of(request)
        shown = await self._searches.images_of(request.path_params["id"], who)
        person = request.scope["principal"].person
        ref = request.path_params["ref"]
        return await self._images.answer(
            who.unit, shown.authority, ref, by=who.by, person=person, looking=False, refs=shown.refs
        )

    async def get_proof(self, request: Request) -> Response:
        """`GET /v1/searches/{id}/proof`: from the run's fact to the ledger, once its second is closed."""
        shown = self._searches.show(request.path_params["id"], asker_of(request).by)
        if shown.header is None:
            raise InputError("this question has not run", code="not-answered")
        fact = search_run_fact(msgspec.to_builtins(shown.header))
        answer = await self._projections.prove(leaf_hash(fact))
        if answer is None:
            return problem("not-due", f"the run's proof follows by {shown.header.promise.merge_by}")
        # The size is the checkpoint's own: the projection goes on in another thread.
        checkpoint = self._projections.ledger.checkpoint
        size = unverified_checkpoint(checkpoint).size
        proof = await asyncio.to_thread(self._projections.ledger.inclusion, answer.entry, size)
        return private_answer(
            RunProof(
                fact=msgspec.Raw(fact),
                **msgspec.structs.asdict(answer),
                entry_proof=[node.hex() for node in proof],
                checkpoint=checkpoint.decode(),
            )
        )

    # --- whoever approves -------------------------------------------------------------------------------------

    async def list_awaiting(self, request: Request) -> Response:
        """`GET /v1/approvals`: the questions that wait for this person."""
        return private_answer(SearchesShown(searches=await self._searches.awaiting(_approver(request))))

    async def post_approve(self, request: Request) -> Response:
        """`POST /v1/searches/{id}/approve` `{"vehicles"?}`."""
        _approver(request)
        said = decoded(_approval, await read_body(request, MAX_MEMBERS), 'send `{"vehicles"}`, a number')
        who = _approver(request)
        require_presence(request)
        return private_answer(await self._searches.approve(request.path_params["id"], who, said.vehicles))

    async def post_refuse(self, request: Request) -> Response:
        """`POST /v1/searches/{id}/refuse` `{"reason"}`."""
        _approver(request)
        said = decoded(_refusal, await read_body(request, MAX_MEMBERS), 'send `{"reason"}`, a text')
        who = _approver(request)
        require_presence(request)
        return private_answer(await self._searches.refuse(request.path_params["id"], who, said.reason))

    # --- sources and overseers --------------------------------------------------------------------------------

    async def list_on_cameras(self, request: Request) -> Response:
        """`GET /v1/cameras/searches`: questions on the source's cameras, never what they asked for."""
        who = require(request, "source", *SOURCE)
        return private_answer(SourceSearchesShown(searches=await self._searches.on_cameras_of(who.name)))

    async def list_stopped(self, request: Request) -> Response:
        """`GET /v1/emergencies`: units whose emergency nobody approved in time."""
        require(request, "overseer", *OVERSEE)
        return private_answer(StoppedUnits(stopped=self._searches.stopped()))

    async def post_let(self, request: Request) -> Response:
        """`POST /v1/emergencies/let` `{"unit"}`: let a unit say again that life is threatened."""
        require(request, "overseer", *OVERSEE)
        said = decoded(_unit, await read_body(request, MAX_MEMBERS), 'send `{"unit"}`, a text')
        who = require(request, "overseer", *OVERSEE)
        require_presence(request)
        await self._searches.let(said.unit, who.by, who.name)
        return private_answer(StoppedUnits(stopped=self._searches.stopped()))


_WANTED: Final = (
    'send `{"authority", "offence", "case", "reason", "question"}`, as docs/spec/searches.md says'
)


def _refused(error: InputError) -> Response:
    """Return the answer to what is no question; elsewhere a time without a zone is `malformed`."""
    if error.code != "zone-missing":
        return problem_of(error)
    return problem(error.code, error.detail, status=422, title="A time of the question has no zone")


def _too_often(wait_s: int) -> Response:
    detail = f"after {EACH.burst} questions at once one in two seconds is taken"
    return problem("too-many-searches", detail, retry_s=wait_s)


def _person(request: Request, kinds: Sequence[str], *roles: str) -> Principal:
    """Return the caller, if they are a person of one of some kinds with one of some roles.

    Raises
    ------
    NotEntitled
        `person-needed` for a machine: no question is asked without a name.
    """
    principal: Principal | None = request.scope["principal"]
    if not request.scope["still_known"]():
        raise withdrawn()
    if principal is None or principal.kind not in kinds:
        raise NotEntitled("this is for people of units and offices")
    if not principal.person:
        raise NotEntitled("questions are asked and approved by named people alone", code="person-needed")
    if principal.roles.isdisjoint(roles):
        raise NotEntitled(f"this needs the role {' or '.join(roles)}")
    return principal


def asker_of(request: Request) -> Asker:
    """Return the caller as a person who may ask; refused as everybody else."""
    who = _person(request, ("recipient",), *ASK)
    return Asker(by=who.by, unit=who.name)


def _approver(request: Request) -> Approver:
    who = _person(request, _APPROVERS, *APPROVE)
    return Approver(by=who.by, place=who.name, is_unit=who.kind == "recipient")


_FORM_OF: Final[dict[str, AnswerForm]] = {
    CSV: "csv",
    PARQUET: "parquet",
    GEOJSON: "geojson",
    "application/geojson": "geojson",
    NDJSON: "ndjson",
    "application/json": "ndjson",
}
_MAKE: Final[dict[AnswerForm, Callable[[Sequence[bytes], int], bytes]]] = {
    "ndjson": lambda lines, after: b"".join(line + b"\n" for line in lines),
    "csv": lambda lines, after: as_csv(lines, head=after == 0),
    "parquet": lambda lines, after: as_parquet(lines),
    "geojson": lambda lines, after: as_geojson(lines),
}


def _form_of(request: Request) -> AnswerForm:
    """Return the form that is asked for: the first known one of `Accept`, and NDJSON where none is."""
    for one in request.headers.get("accept", "").split(","):
        form = _FORM_OF.get(one.partition(";")[0].strip().lower())
        if form is not None:
            return form
    return "ndjson"


def _page(page: AnswerPage, form: AnswerForm, body: bytes) -> Response:
    media_type = {"ndjson": NDJSON, "csv": CSV, "parquet": PARQUET, "geojson": GEOJSON}[form]
    headers = dict(_HEADERS)
    if page.after is not None:
        headers["Wicketgate-After"] = str(page.after)
    if page.search.root:
        headers["Wicketgate-Root"] = page.search.root
    if form != "ndjson":
        headers["Content-Disposition"] = f'attachment; filename="answer-{page.search.id}.{form}"'
    answer = Response(body, headers=headers)
    answer.headers["Content-Type"] = f"{media_type}; charset=utf-8" if form == "csv" else media_type
    return answer
