"""Handlers of `/v1/feeds`: recipients' releases, with their proofs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from wicketgate.base.clock import Clock, parse_rfc3339
from wicketgate.base.errors import NotEntitled, StreamError
from wicketgate.commits.durable import Durable
from wicketgate.feeds.feed import Feed
from wicketgate.gateway.entitlement import Entitlement, names_of
from wicketgate.gateway.looking import LooksRecorded
from wicketgate.http.answers import BatchProof, Feeds, FeedShown
from wicketgate.http.gatekeeper import Principal, patience_of, require
from wicketgate.http.parameters import AFTER_BATCH, BATCH, BATCHES, WAIT
from wicketgate.http.problems import problem
from wicketgate.http.requests import NDJSON, json_answer
from wicketgate.http.roles import VIEW
from wicketgate.http.site.shows import ShownProjections
from wicketgate.http.underway import while_there
from wicketgate.ledger.facts import release_fact
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.notes import unverified_checkpoint

_MAX_ANSWER = 16 * 1024 * 1024
_PART = 256 * 1024
"""Bytes of batches, about, that are read before the client has taken those before them."""
_EVENTS_ALIVE_S = 15.0


class FeedsShown(ShownProjections, Protocol):
    """The feeds that are shown, with their log and proofs."""

    @property
    def feeds(self) -> Mapping[str, Feed]:
        """The feeds by name."""


class FeedsApi:
    """The handlers of feeds, over the feeds and the committed state."""

    def __init__(
        self,
        commits: Durable,
        projections: FeedsShown,
        entitlement: Entitlement,
        clock: Clock,
        looks: LooksRecorded,
    ) -> None:
        self._commits = commits
        self._projections = projections
        self._entitlement = entitlement
        self._clock = clock
        self._looks = looks

    def routes(self) -> list[Route]:
        """Return the routes under `/v1/feeds`."""
        return [
            Route("/v1/feeds", self.list_feeds, methods=["GET"]),
            Route("/v1/feeds/{authority}", self.get_feed, methods=["GET"]),
            Route("/v1/feeds/{authority}/proofs", self.get_proof, methods=["GET"]),
            Route("/v1/feeds/{authority}/events", self.get_events, methods=["GET"]),
        ]

    async def list_feeds(self, request: Request) -> Response:
        """`GET /v1/feeds`: the unit's feeds."""
        unit = require(request, "recipient", *VIEW).name
        state, moment = self._commits.committed, self._commits.committed_at(self._clock.now_us())
        feeds = []
        for name in names_of(state, unit):
            number, stands = moment.current_status(state.authorities[name])
            feeds.append(
                FeedShown(
                    authority=name,
                    version=number + 1,
                    status=stands,
                    batches=self._projections.feeds[name].last,
                )
            )
        return json_answer(Feeds(feeds=feeds))

    async def get_feed(self, request: Request) -> Response:
        """`GET /v1/feeds/{authority}?after=B&limit=N&wait=S`."""
        name, feed = self._feed(request)
        after, limit, wait_s = AFTER_BATCH.read(request), BATCHES.read(request), WAIT.read(request)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        while feed.last <= after and loop.time() < until_s:
            await while_there(request.scope, feed.wait(after, patience_of(request, until_s - loop.time())))
            self._feed(request)  # it may have been revoked meanwhile: whoever waits is woken then
        past = await self._past_term(name, feed, after)
        if past is not None:
            return past
        batches = await feed.batches(after, limit, _PART)
        if batches:
            await self._seen(request, name, after + 1, after + len(batches))
        self._feed(request)  # reading may have taken long
        if not batches and feed.last > after:
            await feed.refresh()  # its term may have ended meanwhile
            return await self._past_term(name, feed, after) or Response(media_type=NDJSON)
        headers = {"Cache-Control": "no-store"}
        last = after + len(batches)
        if not batches or last >= min(after + limit, feed.last) or sum(map(len, batches)) >= _MAX_ANSWER:
            return Response(b"".join(batches), media_type=NDJSON, headers=headers)
        return StreamingResponse(
            self._parts(request, name, feed, batches, after, limit), media_type=NDJSON, headers=headers
        )

    async def _parts(
        self, request: Request, name: str, feed: Feed, batches: Sequence[bytes], after: int, limit: int
    ) -> AsyncIterator[bytes]:
        """Yield whole batches in parts, each read once the client has taken the one before.

        A client that does not read holds one part, and gets nothing more once its authority is stopped: the answer
        then ends behind a batch, and the next one says why.
        """
        size, end = 0, min(after + limit, feed.last)
        while batches:
            part = b"".join(batches)
            size += len(part)
            after += len(batches)
            batches = ()
            yield part
            await asyncio.sleep(
                0
            )  # an answer to somebody who has gone ends here; another one lets others have a turn
            try:
                self._feed(request)
                if after < end and size < _MAX_ANSWER:
                    batches = await feed.batches(after, end - after, min(_PART, _MAX_ANSWER - size))
                    if batches:
                        await self._seen(request, name, after + 1, after + len(batches))
                        self._feed(request)  # it took a moment
            except (NotEntitled, StreamError):
                return

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
        projections = self._projections
        answer = await projections.prove(leaf, parse_rfc3339(header["released_at"]))
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
        name, feed = self._feed(request)
        resumed = request.headers.get("last-event-id", "")
        if resumed.isascii() and resumed.isdigit():
            after = AFTER_BATCH.parse(resumed, "Last-Event-ID")
        else:
            after = AFTER_BATCH.read(request)
        past = await self._past_term(name, feed, after)
        if past is not None:
            return past
        if request.method == "HEAD":
            return Response(media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        return StreamingResponse(
            self._events(request, name, feed, after),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    async def _events(self, request: Request, name: str, feed: Feed, after: int) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        try:
            while True:
                last = feed.last
                batches = await feed.batches(after, 100, _PART)
                if not batches and last > after:
                    # A reader slower than the term: nothing of what was there is there any more.
                    yield _end_event("cursor-past-term")
                    return
                if batches:
                    await self._seen(request, name, after + 1, after + len(batches))
                for data in batches:
                    self._feed(request)  # a slow reader gets nothing more once it is stopped
                    after += 1
                    lines = data.rstrip(b"\n").split(b"\n")
                    yield b"id: %d\n" % after + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
                if feed.last > after:
                    continue
                alive_s = loop.time() + _EVENTS_ALIVE_S
                while feed.last <= after and loop.time() < alive_s:
                    await while_there(
                        request.scope, feed.wait(after, patience_of(request, alive_s - loop.time()))
                    )
                    self._feed(request)
                if feed.last <= after:
                    yield b": alive\n\n"
        except (NotEntitled, StreamError) as stopped:
            yield _end_event(stopped.code)

    async def _seen(self, request: Request, name: str, first: int, last: int) -> None:
        """Record that the caller sees batches, before they do."""
        who: Principal = request.scope["principal"]
        if who.person:
            await self._looks.look(who.by, "rows", name, **{"from": first, "to": last})
        else:
            await self._looks.read(who.by, "rows", name, first, last)

    @staticmethod
    async def _past_term(name: str, feed: Feed, after: int) -> Response | None:
        """Return the answer to whoever asks for what has run out; None where it is there."""
        if not await feed.is_past_term(after):
            return None
        return problem(
            "cursor-past-term",
            f"batch {after + 1} of `{name}` is past its term; the first held is {feed.first}",
        )

    def _feed(self, request: Request) -> tuple[str, Feed]:
        """Return the feed in the path, if the caller's unit may have it now."""
        who = require(request, "recipient", *VIEW)
        name = request.path_params["authority"]
        self._entitlement.entitled(who.name, name)
        self._entitlement.demand_person(name, who.person, "viewer")
        return name, self._projections.feeds[name]


def _end_event(code: str) -> bytes:
    return b"event: end\ndata: " + msgspec.json.encode({"code": code}) + b"\n\n"
