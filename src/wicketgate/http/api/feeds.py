"""`/v1/feeds`: the feeds of a unit, their batches and their proofs."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.base.signing import MAX_ENVELOPE_BYTES
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.feeds.feed import Feed
from wicketgate.gateway.entitlement import entitled, names_of
from wicketgate.gateway.node import Gateway
from wicketgate.http.answers import (
    BatchProof,
    Cameras,
    CameraShown,
    Effect,
    Feeds,
    FeedShown,
    Opening,
    Quarantined,
    Registered,
    Token,
    TokenName,
)
from wicketgate.http.api.sources import _cameras_decoder
from wicketgate.http.gatekeeper import require
from wicketgate.http.parameters import AFTER, AFTER_BATCH, BATCH, BATCHES, LINES, QUARANTINED, WAIT
from wicketgate.http.problems import problem
from wicketgate.http.requests import MAX_NAME, decoded, json_answer, read_body
from wicketgate.ledger.facts import release_fact
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.notes import unverified_checkpoint
from wicketgate.reads.cameras import check_cameras
from wicketgate.reads.parse import MAX_POST_BYTES, NDJSON
from wicketgate.regime.standing import current_status

_MAX_ANSWER = 16 * 1024 * 1024
_EVENTS_ALIVE_S = 15.0


class Api:
    """The handlers, over one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

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

    async def put_cameras(self, request: Request) -> Response:
        """`PUT /v1/cameras`: the source's cameras, in full."""
        source = require(request, "source").name
        body = await read_body(request, MAX_POST_BYTES)
        cameras = decoded(_cameras_decoder, body, "not a list of cameras")
        check_cameras(cameras)
        entry = await self._gateway.camera_lists.register_cameras(source, tuple(cameras))
        return json_answer(Registered(entry=entry, cameras=len(cameras)))

    async def get_cameras(self, request: Request) -> Response:
        """`GET /v1/cameras`: the source's cameras, with what became of their reads."""
        source = require(request, "source").name
        state = self._gateway.commits.committed
        return json_answer(
            Cameras(
                cameras=[
                    CameraShown(
                        id=camera.id,
                        groups=camera.groups,
                        latitude=camera.latitude,
                        longitude=camera.longitude,
                        heading=camera.heading,
                        zone=camera.zone,
                        aliases=camera.aliases,
                        counts=state.camera_counts.get(f"{source}/{camera.id}", {}),
                        judged=state.misreads.get(f"{source}/{camera.id}", {}),
                    )
                    for camera in state.cameras
                    if camera.source == source and camera.active
                ],
                source=source,
                unknown=state.camera_counts.get(f"{source}/", {}),
            )
        )

    async def get_quarantine(self, request: Request) -> Response:
        """`GET /v1/quarantine?after=N&limit=N`: what of the source's own could not be taken."""
        source = require(request, "source").name
        after, limit = AFTER.read(request), QUARANTINED.read(request)
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
                shown = Quarantined(
                    number=number,
                    at=rfc3339(item.at_us),
                    camera=item.camera or None,
                    code=item.code,
                    detail=item.detail,
                    read=msgspec.Raw(item.read),
                )
                lines.append(msgspec.json.encode(shown) + b"\n")
        return Response(b"".join(lines), media_type=NDJSON)

    # --- documents ------------------------------------------------------------------------------------------------

    async def take_document(self, request: Request) -> Response:
        """`POST /v1/documents`: a signed document; any known token may submit, the signatures count."""
        body = await read_body(request, MAX_ENVELOPE_BYTES)
        entry, in_force_us = await self._gateway.filing.submit(body)
        return json_answer(Effect(entry=entry, in_force_from=rfc3339(in_force_us)), status=201)

    # --- recipients -----------------------------------------------------------------------------------------------

    async def list_feeds(self, request: Request) -> Response:
        """`GET /v1/feeds`: the unit's feeds."""
        unit = require(request, "recipient").name
        gateway = self._gateway
        state, now_us = gateway.commits.committed, gateway.clock.now_us()
        feeds = []
        for name in names_of(state, unit):
            number, stands = current_status(state.authorities[name], gateway.commits.parsed, now_us)
            feeds.append(
                FeedShown(
                    authority=name,
                    version=number + 1,
                    status=stands,
                    batches=gateway.projections.feeds[name].last,
                )
            )
        return json_answer(Feeds(feeds=feeds))

    async def get_feed(self, request: Request) -> Response:
        """`GET /v1/feeds/{authority}?after=B&limit=N&wait=S`."""
        name, feed = self._feed(request)
        after, limit, wait_s = AFTER_BATCH.read(request), BATCHES.read(request), WAIT.read(request)
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
        number = BATCH.read(request)
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
        size = unverified_checkpoint(checkpoint).size
        proof = await asyncio.to_thread(projections.ledger.inclusion, answer.entry, size)
        return json_answer(
            BatchProof(
                batch=number,
                fact=msgspec.Raw(release_fact(header)),
                **msgspec.structs.asdict(answer),
                entry_proof=[node.hex() for node in proof],
                checkpoint=checkpoint.decode(),
            )
        )

    async def get_events(self, request: Request) -> Response:
        """`GET /v1/feeds/{authority}/events`: server-sent events, a batch each."""
        _, feed = self._feed(request)
        resumed = request.headers.get("last-event-id", "")
        if resumed.isascii() and resumed.isdigit():
            after = AFTER_BATCH.parse(resumed, "Last-Event-ID")
        else:
            after = AFTER_BATCH.read(request)
        if await feed.is_past_term(after):
            return problem("cursor-past-term", f"batch {after + 1} is past its term")
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers={"Cache-Control": "no-store"})
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
        entitled(self._gateway, unit, name)
        return name, self._gateway.projections.feeds[name]

    # --- overseers and the admin ----------------------------------------------------------------------------------

    async def get_openings(self, request: Request) -> Response:
        """`GET /v1/openings?after=N&limit=N`: the sealed openings of seconds, by their number."""
        require(request, "overseer")
        after, limit = AFTER.read(request), LINES.read(request)
        stream = self._gateway.openings
        lines: list[bytes] = []
        for number in range(after + 1, min(after + limit, stream.last) + 1):
            data = await stream.get(number)
            if data is not None:
                sealed = base64.b64encode(data).decode()
                lines.append(msgspec.json.encode(Opening(number=number, sealed=sealed)) + b"\n")
        return Response(b"".join(lines), media_type=NDJSON)

    async def issue_token(self, request: Request) -> Response:
        """`POST /v1/tokens` `{"name"}`: a fresh token, shown once."""
        require(request, "admin")
        name = await self._token_name(request)
        token = await self._gateway.tokens.issue_token(name)
        return json_answer(Token(name=name, token=token), status=201)

    async def withdraw_tokens(self, request: Request) -> Response:
        """`POST /v1/tokens/withdraw` `{"name"}`: every token of that name is worthless from now on."""
        require(request, "admin")
        name = await self._token_name(request)
        await self._gateway.tokens.withdraw_tokens(name)
        return json_answer(TokenName(name=name))

    async def _token_name(self, request: Request) -> str:
        try:
            name = msgspec.json.decode(await read_body(request, MAX_NAME), type=TokenName).name
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError('send `{"name": "source:<organisation>"}` or the like') from error
        commits = self._gateway.commits
        charter = commits.parsed.charter(commits.committed)
        if not charter.knows(name):
            raise InputError("the charter knows no such source, recipient unit or overseer")
        return name
