"""Handlers of the public's part in consultations.

Anybody may read consultations, respond while they are open, and read the responses afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from wicketgate.base.clock import MINUTE_US, SECOND_US, Clock, rfc3339
from wicketgate.base.errors import InputError, NotEntitled, StreamError, WicketgateError
from wicketgate.gateway.filing.responses import (
    MOST_NAME,
    MOST_ORGANISATION,
    MOST_TEXT,
    PAGE,
    Acknowledged,
    ResponsesHeld,
    SaidInPublic,
    parse_said,
)
from wicketgate.gateway.looking import LooksRecorded
from wicketgate.http.answers import ResponseHeld, ResponseTaken
from wicketgate.http.gatekeeper import require
from wicketgate.http.parameters import PAGE_OF_RESPONSES
from wicketgate.http.peers import peer_of
from wicketgate.http.problems import problem, status_and_title
from wicketgate.http.rates import Allowance, Rate
from wicketgate.http.requests import (
    FORM,
    JSON,
    MAX_MEMBERS,
    MAX_RESPONSE,
    NDJSON,
    declared_length,
    demand_once_each,
    form_pairs,
    is_from_elsewhere,
    json_answer,
    media_type_of,
    read_body,
)
from wicketgate.http.roles import OVERSEE
from wicketgate.http.said_names import said_name
from wicketgate.http.site.public import Public
from wicketgate.http.underway import SMALL_BODY
from wicketgate.pages.orders import Body
from wicketgate.pages.public import FORM_HEADERS, HEADERS

EACH = Rate(burst=30, every_us=MINUTE_US)
"""How often one peer may respond to one consultation."""
NEAR = Rate(burst=60, every_us=20 * SECOND_US)
"""How often the peers of one neighbourhood may."""
TOGETHER = Rate(burst=300, every_us=SECOND_US // 2)
"""How often all may; half of it is for those who have not responded lately."""

_WRITTEN = {"text": MOST_TEXT, "name": MOST_NAME, "organisation": MOST_ORGANISATION}
"""What a form shows again, and how many characters of it at most."""
_HTML = "text/html; charset=utf-8"
_Given = TypeVar("_Given")
_Parsed = TypeVar("_Parsed")
_YES = {"yes": True, "true": True, "no": False, "false": False}


class TooManyResponses(InputError):
    """An excess of responses to one consultation, from one peer or all together.

    `retry_s` says when to try again.
    """

    code = "too-many-responses"

    def __init__(self, retry_s: int) -> None:
        super().__init__(f"too many responses to this consultation at once: try again in {retry_s} s")
        self.retry_s = retry_s


class Consultations:
    """The handlers of consultations, over the responses of one gateway.

    Parameters
    ----------
    public : Public
        The public pages and the register that they are made of.
    each, near, together : Rate
        How often one peer, its neighbourhood, and all together may respond to one consultation.
    """

    def __init__(
        self,
        responses: ResponsesHeld,
        public: Public,
        clock: Clock,
        looks: LooksRecorded,
        *,
        each: Rate = EACH,
        near: Rate = NEAR,
        together: Rate = TOGETHER,
    ) -> None:
        self._responses = responses
        self._public = public
        self._clock = clock
        self._looks = looks
        self._reading = asyncio.Lock()
        self._parsing = asyncio.Lock()
        self._allowance = Allowance(clock.now_us, each=each, near=near, together=together)

    def routes(self) -> list[Route]:
        """Return every route."""
        return [
            Route("/consultations", self.get_list, methods=["GET"]),
            Route("/consultations/{id}", self.get_one, methods=["GET"]),
            Route("/consultations/{id}/responses", self.get_responses, methods=["GET"]),
            Route("/consultations/{id}/responses", self.post_response, methods=["POST"]),
            Route("/v1/consultations/{id}/responses", self.get_all, methods=["GET"]),
        ]

    # --- pages --------------------------------------------------------------------------------------------------------

    async def get_list(self, request: Request) -> Response:
        """`GET /consultations`."""
        return await self._public.page(request, "consultations", await self._public.view(), self._now)

    async def _now(self) -> Mapping[str, Any]:
        return {"now_us": self._clock.now_us()}

    async def get_one(self, request: Request) -> Response:
        """`GET /consultations/{id}?page=N`."""
        try:
            number = PAGE_OF_RESPONSES.read(request)
        except InputError:
            return await self._public.not_found(request)
        return await self._shown(request, number)

    async def _shown(
        self,
        request: Request,
        number: int = 1,
        *,
        written: Mapping[str, str] | None = None,
        fault: str = "",
        status: int = 200,
    ) -> Response:
        """Answer with the page of a consultation.

        Parameters
        ----------
        number : int
            Which page of its responses.
        written : mapping, optional
            What somebody wrote into the form that was not taken, and `fault`, a sentence that says why. They are put
            into a page that is rendered for all.
        """
        shown, name = await self._public.view(), request.path_params["id"]
        stands = _status(shown.register, name)
        if stands is None:
            return await self._public.not_found(request)
        over = stands not in {"announced", "open"}
        page = self._page_of(name, number) if over else 1
        hidden = (written or {}).get("publish") == "no"

        async def arguments() -> Mapping[str, Any]:
            return {
                "name": name,
                "now_us": self._clock.now_us(),
                "responses": await self._said(name, page) if over else None,
                "faulty": bool(fault),
                "hidden": hidden,
            }

        texts = _again(written or {}) | {"fault": fault} if fault else {}
        return await self._public.page(
            request,
            "consultation",
            shown,
            arguments,
            key=(name, page, bool(fault), hidden),
            headers=FORM_HEADERS if stands == "open" else HEADERS,
            status=status,
            texts=texts,
        )

    def _page_of(self, name: str, number: int) -> int:
        """Return the number of a page of responses that there is, the nearest to the one asked for."""
        try:
            count, _ = self._responses.count(name)
        except WicketgateError:
            return 1
        return min(number, max(1, -(-count // PAGE)))

    async def _said(self, name: str, page: int) -> dict[str, Any] | None:
        """Return one page of the public's responses, to be masked where it is rendered.

        None where it cannot be read now.
        """
        try:
            count, withheld = self._responses.count(name)
            until = rfc3339(self._responses.kept_until(name))
            said: dict[str, Any] = {"count": count, "withheld": withheld, "until": until}
            try:
                held = await self._held_on(name, page, count)
            except InputError:
                return said | {"deleted": True}
        except WicketgateError:
            return None
        return said | {"held": held, "page": page, "pages": max(1, -(-count // PAGE))}

    async def _held_on(self, name: str, page: int, count: int) -> list[Any]:
        """Return the publishable responses of one page, as they were written, for the renderer."""
        first = (page - 1) * PAGE + 1
        async with self._reading:  # one page at a time, whoever asks
            held = await self._responses.read(name, first, min(count, first + PAGE - 1))
        return [msgspec.to_builtins(one) for one in held if one.publish]

    # --- responding ---------------------------------------------------------------------------------------------------

    async def post_response(self, request: Request) -> Response:
        """`POST /consultations/{id}/responses`: JSON, or the form of the page."""
        if media_type_of(request) == FORM:
            return await self._post_form(request)
        _demand_own(request)
        self._responses.demand_open(request.path_params["id"])
        if media_type_of(request) != JSON:
            raise InputError(f"send `{JSON}` or `{FORM}`", code="unsupported-media-type")
        retry_s = self._refusal(request)
        if retry_s:
            error = TooManyResponses(retry_s)
            return problem(error.code, error.detail, retry_s=retry_s)
        body = await read_body(request, MAX_RESPONSE)
        said = await self._parsed(len(body), _said_in_json, body)
        return json_answer(_receipt(await self._take(request, said)), 201)

    async def _post_form(self, request: Request) -> Response:
        """Take a response from the page's form.

        Anything wrong is said on the page, and the text as it was written is kept there: of one response too many no
        more than 16 KiB are read for that.
        """
        form: dict[str, str] = {}
        try:
            _demand_own(request)
            self._responses.demand_open(request.path_params["id"])
            retry_s = self._refusal(request)
            if retry_s and (declared_length(request) or MAX_RESPONSE) > MAX_MEMBERS:
                raise TooManyResponses(retry_s)
            body = await read_body(request, MAX_RESPONSE)
            form = await self._parsed(len(body), _form, body)
            if retry_s:
                raise TooManyResponses(retry_s)
            said = await self._parsed(len(body), _said_in_form, form)
            taken = await self._take(request, said)
        except WicketgateError as error:
            status, _ = status_and_title(error)
            answer = await self._shown(request, written=form, fault=_sentence(error), status=status)
            if isinstance(error, TooManyResponses):
                answer.headers["Retry-After"] = str(error.retry_s)
            return answer
        shown, receipt = await self._public.view(), _receipt(taken)
        told = {"id": receipt.id, "received_at": receipt.received_at, "fact": receipt.fact}
        arguments = {
            "name": request.path_params["id"],
            "receipt": {**told, "opening": taken.fact.decode()},
        }
        try:
            page = await self._public.order("response-taken", shown, arguments)
        except StreamError:
            return json_answer(receipt, 201)  # it was taken, whatever the renderer does
        assert page is not None
        return Response(page.content, status_code=201, media_type=_HTML, headers=dict(HEADERS))

    def _refusal(self, request: Request) -> int:
        """Take one from the caller's allowance, before anything is read: what turns out faulty counts too.

        Return 0, or the seconds after which to try again.
        """
        return self._allowance.take(request.path_params["id"], peer_of(request.scope))

    async def _parsed(self, size: int, parse: Callable[[_Given], _Parsed], given: _Given) -> _Parsed:
        """Parse what a stranger sent, so many bytes: off the loop and one at a time, unless they are few."""
        if size <= SMALL_BODY:
            return parse(given)
        async with self._parsing:
            return await asyncio.to_thread(parse, given)

    async def _take(self, request: Request, said: SaidInPublic) -> Acknowledged:
        name = request.path_params["id"]
        self._responses.demand_open(name)  # the body may have taken long
        said_name(said.name)
        return await self._responses.give(name, said)

    # --- responses ----------------------------------------------------------------------------------------------------

    async def get_responses(self, request: Request) -> Response:
        """`GET /consultations/{id}/responses`: the publishable responses, masked.

        A response may be shown once its consultation has closed.
        """
        name = request.path_params["id"]
        count, _ = self._responses.count(name)
        self._responses.demand_kept(name)
        return StreamingResponse(self._published(name, count), media_type=NDJSON, headers=dict(HEADERS))

    async def _published(self, name: str, count: int) -> AsyncIterator[bytes]:
        for page in range(1, -(-count // PAGE) + 1):

            async def make(page: int = page) -> Body | None:
                return await self._public.order(
                    "published", None, {"held": await self._held_on(name, page, count)}
                )

            key = ("published", name, page)
            served = await self._public.shelf.get(key, count, make, lasts=True)
            assert served is not None
            yield served.body.content

    async def get_all(self, request: Request) -> Response:
        """`GET /v1/consultations/{id}/responses`: every response, as it was written.

        This is for overseers.
        """
        who = require(request, "overseer", *OVERSEE)
        name = request.path_params["id"]
        count, _ = self._responses.count(name)
        self._responses.demand_kept(name)
        if count:
            await self._looks.read(who.by, "responses", name, 1, count)
            require(request, "overseer", *OVERSEE)
        return StreamingResponse(
            self._held(name, count), media_type=NDJSON, headers={"Cache-Control": "no-store"}
        )

    async def _held(self, name: str, count: int) -> AsyncIterator[bytes]:
        for first in range(1, count + 1, PAGE):
            for one in await self._responses.read(name, first, min(count, first + PAGE - 1)):
                held = ResponseHeld(
                    id=one.id,
                    received_at=rfc3339(one.received_us),
                    publish=one.publish,
                    text=one.text,
                    name=one.name,
                    organisation=one.organisation,
                )
                yield msgspec.json.encode(held) + b"\n"


def _receipt(taken: Acknowledged) -> ResponseTaken:
    return ResponseTaken(
        id=taken.id,
        received_at=rfc3339(taken.received_us),
        fact=taken.leaf,
        opening=msgspec.Raw(taken.fact),
    )


def _form(body: bytes) -> dict[str, str]:
    pairs = form_pairs(body)
    if len({name for name, _ in pairs}) != len(pairs):
        raise InputError("a member of the form stands twice")
    return dict(pairs)


def _said_in_form(form: Mapping[str, str]) -> SaidInPublic:
    _demand_text(form.get("text", ""))
    members: dict[str, Any] = dict(form)
    if "publish" in form:
        if form["publish"] not in _YES:
            raise InputError("`publish` is neither `yes` nor `no`")
        members["publish"] = _YES[form["publish"]]
    return parse_said(members)


def _said_in_json(body: bytes) -> SaidInPublic:
    try:
        members = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError("the body is no JSON object") from error
    demand_once_each(body)
    return parse_said(members)


def _demand_own(request: Request) -> None:
    """Demand that no other site's page makes its visitors respond, from their own addresses."""
    if is_from_elsewhere(request):
        raise NotEntitled("this form was sent from elsewhere", code="form-refused")


def _again(written: Mapping[str, str]) -> dict[str, str]:
    """Return what a form shows again of what was written into it, no more of a field than it takes."""
    return {name: written.get(name, "").replace("\r\n", "\n")[:most] for name, most in _WRITTEN.items()}


def _demand_text(text: str) -> None:
    written = text.replace("\r\n", "\n")
    if not written.strip():
        raise InputError("write what you want to say")
    if len(written) > MOST_TEXT:
        raise InputError(f"at most {MOST_TEXT:,} characters: yours has {len(written):,}")


def _status(register: Mapping[str, Any], name: str) -> str | None:
    return next((one["status"] for one in register["consultations"] if one["id"] == name), None)


def _sentence(error: WicketgateError) -> str:
    text = error.detail.replace("`", "")
    return f"{text[:1].upper()}{text[1:]}."
