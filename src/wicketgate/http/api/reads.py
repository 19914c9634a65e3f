"""Handlers of `POST /v1/reads` and the images of reads, for sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError, WicketgateError
from wicketgate.base.turns import PieceTurns
from wicketgate.http.answers import ImageTaken, ReadsTaken, RefusedImage, RefusedRead
from wicketgate.http.forms import FORM, MAX_FORM, FormPart, parts_of
from wicketgate.http.gatekeeper import require
from wicketgate.http.problems import not_allowed, problem, problem_of
from wicketgate.http.requests import json_answer, media_type_of, read_body
from wicketgate.http.underway import while_there
from wicketgate.reads.cameras import CameraNames
from wicketgate.reads.checks import Checked, ClockLimits, check
from wicketgate.reads.crowds import Crowds
from wicketgate.reads.images.references import MAX_BYTES
from wicketgate.reads.images.takers import Bodies, ImageTaker, with_mark
from wicketgate.reads.parse import ARROW, JSON, MAX_ID, MAX_POST_BYTES, NDJSON, RawRead, Rows
from wicketgate.reads.posts import ArrowParser, PieceTurn, PostedReads, no_turn, parse_arrow
from wicketgate.reads.takers import PostAnswer, ReadTaker

SMALL_POST: Final = 16 * 1024
"""Bytes of a post whose work needs no turn: a few milliseconds at most."""
LARGE_POST: Final = 256 * 1024
"""Bytes of a post from which on few of one source are worked on at once."""
_TYPES = (JSON, NDJSON, ARROW)
_NOBODY: Mapping[str, int] = MappingProxyType({})
_list = msgspec.json.Encoder()


class Reads:
    """The handlers of reads, over the intake of one gateway.

    Parameters
    ----------
    images : ImageTaker
        Takes reads that come with images.
    arrow : ArrowParser
        Parses bodies in Arrow's format.
    turns : PieceTurns
        Of all large posts of this process.
    """

    def __init__(
        self,
        cameras: CameraNames,
        intake: ReadTaker,
        images: ImageTaker,
        clock: Clock,
        limits: Callable[[], ClockLimits],
        turns: PieceTurns,
        arrow: ArrowParser = parse_arrow,
    ) -> None:
        self._cameras = cameras
        self._intake = intake
        self._images = images
        self._clock = clock
        self._limits = limits
        self._arrow = arrow
        self._turns = turns
        self._crowds = Crowds()

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
            body = await read_body(request, MAX_POST_BYTES)
            async with self._seat(request, source, len(body)) as turn:
                post = await PostedReads.read(body, media_type, arrow=self._arrow, turn=turn)
                return await self._take(source, post, _Bound())
        if media_type != FORM:
            return problem("unsupported-media-type", f"send `{JSON}`, `{NDJSON}`, `{ARROW}` or `{FORM}`")
        body = await read_body(request, MAX_FORM)
        async with self._seat(request, source, len(body)) as turn:
            return await self._take_form(request, source, body, turn)

    @asynccontextmanager
    async def _seat(self, request: Request, source: str, size: int) -> AsyncIterator[PieceTurn]:
        """Wait until a post may be worked on; yield what it waits for between its pieces.

        Of one whose client has gone nothing more is taken.
        """
        scope = request.scope

        async def turn() -> None:
            await while_there(scope, self._turns.turn(source))

        if size <= SMALL_POST:
            yield no_turn
        elif size <= LARGE_POST:
            yield turn
        else:
            await while_there(scope, self._turns.sit(source))
            try:
                yield turn
            finally:
                self._turns.leave(source)

    async def _take_form(self, request: Request, source: str, body: bytes, turn: PieceTurn) -> Response:
        form = await parts_of(body, request.headers["content-type"], turn)
        posted = [part for part in form if part.name == "reads"]
        if len(posted) != 1:
            raise InputError("a form has one part `reads`, and parts named by the reads' `image`")
        if posted[0].media_type not in _TYPES:
            return problem("unsupported-media-type", f"the part `reads` is `{JSON}`, `{NDJSON}` or `{ARROW}`")
        if len(posted[0].body) > MAX_POST_BYTES:
            raise InputError("at most 8 MiB of reads in one post; nothing of it was taken", code="too-large")
        (one,) = posted
        post = await PostedReads.read(one.body, one.media_type, is_form=True, arrow=self._arrow, turn=turn)
        return await self._take(source, post, _Bound(post.named, form))

    async def take_together(self, source: str, rows: Rows) -> list[Response]:
        """Take reads of many posts that have waited for one another; return the answer to each."""
        checked = check(
            rows,
            source=source,
            cameras=self._cameras.ids(source).get,
            limits=self._limits(),
            now_us=self._clock.now_us(),
            words=self._cameras.words(),
        )
        checked = self._crowds.sift(source, checked, self._clock.now_us())
        taken = await self._intake.take(checked, source, have_waited=True)
        answers = [_ACCEPTED] * len(rows)
        for index in taken.again:
            answers[index] = _REPEATED
        for index, code, detail in taken.quarantined:
            answers[index] = told(PostAnswer(accepted=0, repeated=0, quarantined=((0, code, detail),)))
        return answers

    async def take_body(self, source: str, body: bytes) -> Response:
        """Take the body of a post in JSON, whatever it holds."""
        return await self._take(source, await PostedReads.read(body, JSON), _Bound())

    async def _take(self, source: str, post: PostedReads, bound: _Bound) -> Response:
        limits = self._limits()
        cameras = self._cameras.ids(source).get
        parts = TakenParts()
        # In parts, so that one large post does not hold up a thousand small ones.
        async with aclosing(post.parts()) as found:
            async for start, some in found:
                checked = check(
                    some,
                    source=source,
                    cameras=cameras,
                    limits=limits,
                    now_us=self._clock.now_us(),
                    parts=bound.names,
                    words=self._cameras.words(),
                )
                checked = self._crowds.sift(source, checked, self._clock.now_us())
                if bound.names:
                    taken = await self._images.take(checked, source, bound.bodies(checked, some))
                else:
                    taken = await self._intake.take(checked, source)
                parts.add(start, taken)
        if bound.left:
            left = [(number, part.body) for number, part in bound.left]
            parts.add(0, await self._images.take(Checked(), source, {}, left))
        return parts.answer()

    async def put_image(self, request: Request) -> Response:
        """`PUT /v1/reads/{id}/images/{patch|overview}`: an image sent after its read."""
        source = require(request, "source").name
        kind, given = request.path_params["kind"], request.path_params["id"]
        if kind not in MAX_BYTES or not 0 < len(given) <= MAX_ID:
            return problem(
                "not-found", "a read's images are `patch` and `overview`, its `id` has 1 to 64 characters"
            )
        body = await read_body(request, MAX_BYTES[kind])
        joined = await self._images.follow(source, given, kind, body)
        if joined.code:
            return problem(joined.code, joined.detail)
        return json_answer(ImageTaken(image=kind, sha256=joined.sha256, repeated=joined.repeated))


class _Bound:
    """The binding of a form's parts to the images of its reads.

    A part is bound if exactly one read names it, and it stands there once.
    """

    def __init__(self, named: Mapping[str, int] = _NOBODY, form: Sequence[FormPart] = ()) -> None:
        parts = [(number, part) for number, part in enumerate(form) if part.name != "reads"]
        there = Counter(part.name for _, part in parts)
        self.names = frozenset(there)
        self._certain = {
            part.name: (number, part.body)
            for number, part in parts
            if there[part.name] == 1 and named.get(part.name) == 1
        }
        self.left = [(number, part) for number, part in parts if part.name not in self._certain]

    def bodies(self, checked: Checked, rows: Rows) -> dict[int, Bodies]:
        """Return the images of checked rows; where one that is named is not certain, its read is marked."""
        bodies: dict[int, Bodies] = {}
        for n, index in enumerate(checked.index):
            row = rows[index]
            assert isinstance(row, RawRead)
            named = row.images()
            certain = {kind: self._certain[name] for kind, name in named.items() if name in self._certain}
            if certain:
                bodies[index] = certain
            if len(certain) < len(named):
                checked.reads["marks"][n] = with_mark(checked.reads["marks"][n], "image-missing")
        return bodies


class TakenParts:
    """The answer to a post, put together from those to its parts.

    Each part's refusals are written as soon as they are known: a post may have as many as it has reads.
    """

    def __init__(self) -> None:
        self._accepted = self._repeated = self._held = 0
        self._quarantined: list[bytes] = []
        self._images: list[RefusedImage] = []

    def add(self, start: int, answer: PostAnswer) -> None:
        """Add the answer to the part that begins at a number of the post."""
        self._accepted += answer.accepted
        self._repeated += answer.repeated
        self._held += answer.held
        if answer.quarantined:
            refused = [
                RefusedRead(index=start + index, code=code, detail=detail)
                for index, code, detail in answer.quarantined
            ]
            self._quarantined.append(_list.encode(refused)[1:-1])
        self._images += [
            RefusedImage(part=number, code=code, detail=detail) for number, code, detail in answer.images
        ]

    def answer(self) -> Response:
        """Return the answer, a `ReadsTaken` as JSON."""
        taken = ReadsTaken(
            accepted=self._accepted,
            repeated=self._repeated,
            quarantined=[],
            held=self._held or UNSET,
            images=self._images or UNSET,
        )
        body = _list.encode(taken)
        if self._quarantined:
            before, _, behind = body.partition(b'"quarantined":[')
            body = b"".join((before, b'"quarantined":[', b",".join(self._quarantined), behind))
        return Response(body, media_type=JSON)


def told(answer: PostAnswer) -> Response:
    """Return the answer to a post that was taken in one part."""
    parts = TakenParts()
    parts.add(0, answer)
    return parts.answer()


_ACCEPTED: Final = told(PostAnswer(accepted=1, repeated=0, quarantined=()))
_REPEATED: Final = told(PostAnswer(accepted=0, repeated=1, quarantined=()))
