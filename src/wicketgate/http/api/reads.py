"""Handlers of `POST /v1/reads` and the images of reads, for sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError, WicketgateError
from wicketgate.http.answers import ImageTaken, ReadsTaken, RefusedImage, RefusedRead
from wicketgate.http.forms import FORM, MAX_FORM, FormPart, parts_of
from wicketgate.http.gatekeeper import require
from wicketgate.http.problems import not_allowed, problem, problem_of
from wicketgate.http.requests import json_answer, media_type_of, read_body
from wicketgate.reads.cameras import CameraNames
from wicketgate.reads.images.joining import Joining, with_mark
from wicketgate.reads.images.references import MAX_BYTES
from wicketgate.reads.intake import Intake, PostAnswer
from wicketgate.reads.observations import ImageKind
from wicketgate.reads.parse import (
    ARROW,
    JSON,
    MAX_ID,
    MAX_POST_BYTES,
    NDJSON,
    Checked,
    ClockLimits,
    Malformed,
    RawRead,
    check,
    parse,
)

_ROWS_AT_ONCE = 2_000
_TYPES = (JSON, NDJSON, ARROW)


class Reads:
    """The handlers of reads, over the intake of one gateway."""

    def __init__(
        self,
        cameras: CameraNames,
        intake: Intake,
        joining: Joining,
        clock: Clock,
        limits: Callable[[], ClockLimits],
    ) -> None:
        self._cameras = cameras
        self._intake = intake
        self._joining = joining
        self._clock = clock
        self._limits = limits

    def routes(self) -> list[Route]:
        """Return the routes of images sent after their reads."""
        return [Route("/v1/reads/{id:path}/images/{kind}", self.put_image, methods=["PUT"])]

    async def take_reads(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/reads`, as an ASGI application of its own.

        Cameras post one read at a time: the framework's routing and wrapping would cost as much as all the rest.
        """
        try:
            response = await self._take_reads(Request(scope, receive))
        except WicketgateError as error:
            response = problem_of(error)
        await response(scope, receive, send)

    async def _take_reads(self, request: Request) -> Response:
        source = require(request, "source").name
        if request.method != "POST":
            return not_allowed(["POST"], "reads are posted")
        media_type = media_type_of(request)
        if media_type in _TYPES:
            rows = parse(await read_body(request, MAX_POST_BYTES), media_type)
            return json_answer(await self._take(source, rows, _Bound()))
        if media_type != FORM:
            return problem("unsupported-media-type", f"send `{JSON}`, `{NDJSON}`, `{ARROW}` or `{FORM}`")
        form = parts_of(await read_body(request, MAX_FORM), request.headers["content-type"])
        posted = [part for part in form if part.name == "reads"]
        if len(posted) != 1:
            raise InputError("a form has one part `reads`, and parts named by the reads' `image`")
        if posted[0].media_type not in _TYPES:
            return problem("unsupported-media-type", f"the part `reads` is `{JSON}`, `{NDJSON}` or `{ARROW}`")
        if len(posted[0].body) > MAX_POST_BYTES:
            raise InputError("at most 8 MiB of reads in one post; nothing of it was taken", code="too-large")
        rows = parse(posted[0].body, posted[0].media_type)
        return json_answer(await self._take(source, rows, _Bound(rows, form)))

    async def _take(self, source: str, rows: Sequence[RawRead | Malformed], bound: _Bound) -> ReadsTaken:
        limits = self._limits()
        cameras = self._cameras.ids(source).get
        answers: list[tuple[int, PostAnswer]] = []
        # In parts, so that one large post does not hold up a thousand small ones.
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE] if start or len(rows) > _ROWS_AT_ONCE else rows
            checked = check(
                some,
                source=source,
                cameras=cameras,
                limits=limits,
                now_us=self._clock.now_us(),
                parts=bound.names,
            )
            bad = await bound.attach(checked, source, some, self._joining) if bound.names else []
            answers.append((start, await self._intake.take(checked, source, images=bad)))
        if bound.left:
            detail = "no read of the post names this part, or more than one"
            left = [
                (number, await self._joining.unbound(source, part.body, detail))
                for number, part in bound.left
            ]
            answers.append((0, await self._intake.take(Checked(), source, images=left)))
        return answer_of(answers)

    async def put_image(self, request: Request) -> Response:
        """`PUT /v1/reads/{id}/images/{patch|overview}`: an image sent after its read."""
        source = require(request, "source").name
        kind, given = request.path_params["kind"], request.path_params["id"]
        if kind not in MAX_BYTES or not 0 < len(given) <= MAX_ID:
            return problem(
                "not-found", "a read's images are `patch` and `overview`, its `id` has 1 to 64 characters"
            )
        body = await read_body(request, MAX_BYTES[kind])
        joined = await self._joining.follow(source, given, kind, body)
        if joined.code:
            return problem(joined.code, joined.detail)
        return json_answer(ImageTaken(image=kind, sha256=joined.sha256, repeated=joined.repeated))


class _Bound:
    """The binding of a form's parts to the images of its reads.

    A part is bound if exactly one read names it, and it stands there once.
    """

    def __init__(self, rows: Sequence[RawRead | Malformed] = (), form: Sequence[FormPart] = ()) -> None:
        parts = [(number, part) for number, part in enumerate(form) if part.name != "reads"]
        there = Counter(part.name for _, part in parts)
        named = Counter(
            name for row in rows if isinstance(row, RawRead) and row.image for name in row.images().values()
        )
        self.names = frozenset(there)
        self._certain = {
            part.name: (number, part.body)
            for number, part in parts
            if there[part.name] == 1 and named[part.name] == 1
        }
        self.left = [(number, part) for number, part in parts if part.name not in self._certain]

    async def attach(
        self, checked: Checked, source: str, rows: Sequence[RawRead | Malformed], joining: Joining
    ) -> list[Any]:
        """Join the images of checked rows.

        Return those that are none.
        """
        bodies: dict[int, Mapping[ImageKind, tuple[int, bytes]]] = {}
        for n, index in enumerate(checked.index):
            row = rows[index]
            assert isinstance(row, RawRead)
            named = row.images()
            certain = {kind: self._certain[name] for kind, name in named.items() if name in self._certain}
            if certain:
                bodies[index] = certain
            if len(certain) < len(named):
                checked.reads["marks"][n] = with_mark(checked.reads["marks"][n], "image-missing")
        return await joining.attach(checked, source, bodies)


def answer_of(answers: Sequence[tuple[int, PostAnswer]]) -> ReadsTaken:
    """Return the body of the answer to a post.

    Each answer has the index in the post at which its part begins.
    """
    held = sum(answer.held for _, answer in answers)
    images = [
        RefusedImage(part=number, code=code, detail=detail)
        for _, answer in answers
        for number, code, detail in answer.images
    ]
    return ReadsTaken(
        accepted=sum(answer.accepted for _, answer in answers),
        repeated=sum(answer.repeated for _, answer in answers),
        quarantined=[
            RefusedRead(index=start + index, code=code, detail=detail)
            for start, answer in answers
            for index, code, detail in answer.quarantined
        ],
        held=held or UNSET,
        images=images or UNSET,
    )
