"""The API under `/v1/`: what sources, recipients, officers, overseers and the admin call."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wicketgate.clock import rfc3339
from wicketgate.errors import InputError, NotEntitled, WicketgateError
from wicketgate.facts import release_fact
from wicketgate.feeds import Feed
from wicketgate.http.gatekeeper import require
from wicketgate.http.problems import problem, problem_of
from wicketgate.ingest import ARROW, JSON, MAX_BODY, NDJSON, Limits, check, parse
from wicketgate.merkle import leaf_hash
from wicketgate.node import Gateway
from wicketgate.state import current, status
from wicketgate.transactions import CameraSet, QuarantinedRead

_MAX_DOCUMENT = 1024 * 1024
_MAX_WAIT_S = 60.0
_MAX_ANSWER = 16 * 1024 * 1024
_ROWS_AT_ONCE = 2_000
_EVENTS_ALIVE_S = 15.0
_STOPS = {"revoked", "suspended", "review-overdue"}
_cameras_decoder = msgspec.json.Decoder(list[CameraSet])


class _TooLarge(Exception):
    """A body beyond its limit."""


class Api:
    """The handlers, over one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._cameras: dict[str, dict[str, int]] = {}
        self._cameras_revision = -1

    def routes(self) -> list[Route]:
        """Return every route under `/v1/`."""
        return [
            Route("/v1/cameras", self.put_cameras, methods=["PUT"]),
            Route("/v1/cameras", self.get_cameras, methods=["GET"]),
            Route("/v1/quarantine", self.get_quarantine, methods=["GET"]),
            Route("/v1/documents", self.take_document, methods=["POST"]),
            Route("/v1/feeds", self.list_feeds, methods=["GET"]),
            Route("/v1/feeds/{authority}", self.get_feed, methods=["GET"]),
            Route("/v1/feeds/{authority}/proofs", self.get_proof, methods=["GET"]),
            Route("/v1/feeds/{authority}/events", self.get_events, methods=["GET"]),
            Route("/v1/openings", self.get_openings, methods=["GET"]),
            Route("/v1/tokens", self.issue_token, methods=["POST"]),
            Route("/v1/tokens/withdraw", self.withdraw_tokens, methods=["POST"]),
        ]

    # --- sources --------------------------------------------------------------------------------------------------

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
            return problem("method-not-allowed", "reads are posted")
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type not in (JSON, NDJSON, ARROW):
            return problem("unsupported-media-type", f"send `{JSON}`, `{NDJSON}` or `{ARROW}`")
        try:
            body = await _body(request, MAX_BODY)
        except _TooLarge:
            return problem("too-large", "at most 8 MiB in one post; nothing of it was taken")
        rows = parse(body, media_type)
        gateway = self._gateway
        charter = gateway.commits.parsed.charter(gateway.commits.committed)
        limits = Limits(clock_ahead_us=charter.limits.clock_ahead_us, too_old_us=charter.limits.too_old_us)
        cameras = self._cameras_of(source).get
        accepted = repeated = 0
        quarantined: list[dict[str, Any]] = []
        # In parts, so that one large post does not hold up a thousand small ones.
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            checked = check(
                rows[start : start + _ROWS_AT_ONCE] if start or len(rows) > _ROWS_AT_ONCE else rows,
                source=source,
                cameras=cameras,
                limits=limits,
                now_us=gateway.clock.now_us(),
            )
            answer = await gateway.intake.take(checked, source)
            accepted += answer.accepted
            repeated += answer.repeated
            quarantined += [
                {"index": start + index, "code": code, "detail": detail}
                for index, code, detail in answer.quarantined
            ]
        return _json({"accepted": accepted, "repeated": repeated, "quarantined": quarantined})

    def _cameras_of(self, source: str) -> dict[str, int]:
        state = self._gateway.commits.committed
        if self._cameras_revision != state.revision:
            self._cameras = {}
            for number, camera in enumerate(state.cameras):
                if camera.active:
                    self._cameras.setdefault(camera.source, {})[camera.id] = number
            self._cameras_revision = state.revision
        return self._cameras.get(source, {})

    async def put_cameras(self, request: Request) -> Response:
        """`PUT /v1/cameras`: the source's cameras, in full."""
        source = require(request, "source").name
        try:
            body = await _body(request, MAX_BODY)
        except _TooLarge:
            return problem("too-large", "at most 8 MiB")
        try:
            cameras = _cameras_decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            # Where it is wrong, and not with what: an unknown member's name is the caller's own.
            place = re.search(r"at `\$[^`]*`", str(error))
            raise InputError(f"not a list of cameras{f': look {place[0]}' if place else ''}") from error
        for camera in cameras:
            names = (camera.id, *camera.groups)
            if not all(re.fullmatch(r"[\w.:-]{1,64}", name, re.ASCII) for name in names):
                raise InputError("ids and groups have 1 to 64 letters, digits, `_`, `.`, `:` or `-`")
        entry = await self._gateway.register_cameras(source, tuple(cameras))
        return _json({"entry": entry, "cameras": len(cameras)})

    async def get_cameras(self, request: Request) -> Response:
        """`GET /v1/cameras`: the source's cameras, with what became of their reads."""
        source = require(request, "source").name
        state = self._gateway.commits.committed
        return _json(
            {
                "cameras": [
                    {
                        "id": camera.id,
                        "groups": camera.groups,
                        "latitude": camera.latitude,
                        "longitude": camera.longitude,
                        "heading": camera.heading,
                        "counts": state.camera_counts.get(f"{source}/{camera.id}", {}),
                    }
                    for camera in state.cameras
                    if camera.source == source and camera.active
                ],
                "unknown": state.camera_counts.get(f"{source}/", {}),
            }
        )

    async def get_quarantine(self, request: Request) -> Response:
        """`GET /v1/quarantine?after=N&limit=N`: what of the source's own could not be taken."""
        source = require(request, "source").name
        after, limit = _number(request, "after", 0), _number(request, "limit", 100, most=1000)
        stream = self._gateway.projections.quarantine
        first, last, _ = await stream.extent()
        lines: list[bytes] = []
        number = max(after, first - 1)
        while number < last and len(lines) < limit:
            number += 1
            data = await stream.get(number)
            if data is None:
                continue
            item = msgspec.msgpack.decode(data, type=QuarantinedRead)
            if item.source == source:
                shown = {
                    "number": number,
                    "at": rfc3339(item.at_us),
                    "camera": item.camera or None,
                    "code": item.code,
                    "detail": item.detail,
                    "read": msgspec.Raw(item.read),
                }
                lines.append(msgspec.json.encode(shown) + b"\n")
        return Response(b"".join(lines), media_type=NDJSON)

    # --- documents ------------------------------------------------------------------------------------------------

    async def take_document(self, request: Request) -> Response:
        """`POST /v1/documents`: a signed document; any known token may submit, the signatures count."""
        try:
            body = await _body(request, _MAX_DOCUMENT)
        except _TooLarge:
            return problem("too-large", "at most 1 MiB")
        entry, in_force_us = await self._gateway.submit(body)
        return _json({"entry": entry, "in_force_from": rfc3339(in_force_us)}, status=201)

    # --- recipients -----------------------------------------------------------------------------------------------

    async def list_feeds(self, request: Request) -> Response:
        """`GET /v1/feeds`: the unit's feeds."""
        unit = require(request, "recipient").name
        gateway = self._gateway
        state, now_us = gateway.commits.committed, gateway.clock.now_us()
        feeds = []
        for name, feed in sorted(state.feeds.items()):
            if f"{feed.recipient}/{feed.unit}" == unit:
                named = state.authorities[name]
                number = current(named, gateway.commits.parsed, now_us)
                feeds.append(
                    {
                        "authority": name,
                        "version": number + 1,
                        "status": status(named, number, gateway.commits.parsed, now_us),
                        "batches": gateway.projections.feeds[name].last,
                    }
                )
        return _json({"feeds": feeds})

    async def get_feed(self, request: Request) -> Response:
        """`GET /v1/feeds/{authority}?after=B&limit=N&wait=S`."""
        name, feed = self._feed(request)
        after = _number(request, "after", 0)
        limit = _number(request, "limit", 100, least=1, most=10_000)
        wait_s = _seconds(request, "wait", _MAX_WAIT_S)
        if wait_s and feed.last <= after:
            await feed.wait(after, wait_s)
            self._feed(request)  # it may have been revoked meanwhile
        if await feed.is_past_term(after):
            return problem(
                "cursor-past-term",
                f"batch {after + 1} of `{name}` is past its term; the first held is {feed.first}",
            )
        batches = await feed.batches(after, limit, _MAX_ANSWER)
        self._feed(request)  # reading may have taken long
        return Response(b"".join(batches), media_type=NDJSON, headers={"Cache-Control": "no-store"})

    async def get_proof(self, request: Request) -> Response:
        """`GET /v1/feeds/{authority}/proofs?batch=B`."""
        name, feed = self._feed(request)
        number = _number(request, "batch", None, least=1)
        data = await feed.batch(number)
        if data is None:
            if await feed.is_past_term(number - 1):
                return problem("cursor-past-term", f"batch {number} of `{name}` is past its term")
            return problem("not-found", f"`{name}` has no batch {number}")
        header = msgspec.json.decode(data[: data.index(b"\n")])
        leaf = leaf_hash(release_fact(header))
        projections = self._gateway.projections
        answer = projections.proofs.answer(leaf)
        if answer is None:
            return problem(
                "not-due", f"the proof of batch {number} follows by {header['promise']['merge_by']}"
            )
        # The size is the checkpoint's own: the projection goes on in another thread.
        checkpoint = projections.ledger.checkpoint
        size = int(checkpoint.split(b"\n", 2)[1])
        proof = await asyncio.to_thread(projections.ledger.inclusion, answer.entry, size)
        return _json(
            {
                "batch": number,
                "fact": msgspec.Raw(release_fact(header)),
                **msgspec.to_builtins(answer),
                "entry_proof": [node.hex() for node in proof],
                "checkpoint": checkpoint.decode(),
            }
        )

    async def get_events(self, request: Request) -> Response:
        """`GET /v1/feeds/{authority}/events`: server-sent events, a batch each."""
        _, feed = self._feed(request)
        resumed = request.headers.get("last-event-id", "")
        after = int(resumed) if resumed.isascii() and resumed.isdigit() else _number(request, "after", 0)
        if await feed.is_past_term(after):
            return problem("cursor-past-term", f"batch {after + 1} is past its term")
        return StreamingResponse(
            self._events(request, feed, after),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    async def _events(self, request: Request, feed: Feed, after: int) -> AsyncIterator[bytes]:
        try:
            while True:
                for data in await feed.batches(after, 100, _MAX_ANSWER):
                    self._feed(request)  # a slow reader gets nothing more once it is stopped
                    after += 1
                    lines = data.rstrip(b"\n").split(b"\n")
                    yield b"id: %d\n" % after + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
                if feed.last > after:
                    continue
                await feed.wait(after, _EVENTS_ALIVE_S)
                self._feed(request)
                if feed.last <= after:
                    yield b": alive\n\n"
        except NotEntitled as stopped:
            yield b"event: end\ndata: " + msgspec.json.encode({"code": stopped.code}) + b"\n\n"

    def _feed(self, request: Request) -> tuple[str, Feed]:
        """Return the feed in the path, if the caller's unit may have it now."""
        unit = require(request, "recipient").name
        name = request.path_params["authority"]
        gateway = self._gateway
        state = gateway.commits.committed
        known = state.feeds.get(name)
        if known is None or f"{known.recipient}/{known.unit}" != unit:
            raise NotEntitled("this unit has no such feed")
        now_us = gateway.clock.now_us()
        named = state.authorities[name]
        stands = status(named, current(named, gateway.commits.parsed, now_us), gateway.commits.parsed, now_us)
        if stands in _STOPS:
            raise NotEntitled(f"the authority `{name}` is stopped: {stands}", code=stands)
        return name, gateway.projections.feeds[name]

    # --- overseers and the admin ----------------------------------------------------------------------------------

    async def get_openings(self, request: Request) -> Response:
        """`GET /v1/openings?after=N&limit=N`: the sealed openings of seconds, by their number."""
        require(request, "overseer")
        after, limit = _number(request, "after", 0), _number(request, "limit", 100, least=1, most=1000)
        stream = self._gateway.openings
        lines: list[bytes] = []
        for number in range(after + 1, min(after + limit, stream.last) + 1):
            data = await stream.get(number)
            if data is not None:
                sealed = base64.b64encode(data).decode()
                lines.append(msgspec.json.encode({"number": number, "sealed": sealed}) + b"\n")
        return Response(b"".join(lines), media_type=NDJSON)

    async def issue_token(self, request: Request) -> Response:
        """`POST /v1/tokens` `{"name"}`: a fresh token, shown once."""
        require(request, "admin")
        name = await self._token_name(request)
        token = await self._gateway.issue_token(name)
        return _json({"name": name, "token": token}, status=201)

    async def withdraw_tokens(self, request: Request) -> Response:
        """`POST /v1/tokens/withdraw` `{"name"}`: every token of that name is worthless from now on."""
        require(request, "admin")
        name = await self._token_name(request)
        await self._gateway.withdraw_tokens(name)
        return _json({"name": name})

    async def _token_name(self, request: Request) -> str:
        try:
            name = msgspec.json.decode(await _body(request, 4096), type=dict[str, str]).get("name", "")
        except (msgspec.DecodeError, UnicodeDecodeError, _TooLarge) as error:
            raise InputError('send `{"name": "source:<organisation>"}` or the like') from error
        commits = self._gateway.commits
        charter = commits.parsed.charter(commits.committed)
        kind, _, rest = name.partition(":")
        known = False
        if kind == "source":
            known = rest in charter.organisations and "source" in charter.organisations[rest].roles
        elif kind == "recipient":
            organisation, _, unit = rest.partition("/")
            known = (
                organisation in charter.organisations and unit in charter.organisations[organisation].units
            )
        elif kind == "overseer":
            known = rest in charter.offices and charter.offices[rest].opening_key is not None
        elif name == "admin":
            known = True
        if not known:
            raise InputError("the charter knows no such source, recipient unit or overseer")
        return name


async def _body(request: Request, most: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise _TooLarge
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise _TooLarge
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status_code=status, media_type=JSON)


def _number(request: Request, name: str, default: int | None, *, least: int = 0, most: int = 1 << 53) -> int:
    text = request.query_params.get(name)
    if text is None:
        if default is None:
            raise InputError(f"`{name}` is missing")
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) >= least):
        raise InputError(f"`{name}` must be a whole number of at least {least}")
    return min(int(text), most)


def _seconds(request: Request, name: str, most: float) -> float:
    text = request.query_params.get(name, "0")
    if not re.fullmatch(r"\d{1,4}(\.\d{1,6})?", text, re.ASCII):
        raise InputError(f"`{name}` must be a number of seconds")
    return min(float(text), most)
