"""Handlers of images for recipients, by the references in their feeds."""

from __future__ import annotations

import hashlib
from functools import partial

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.errors import InputError
from wicketgate.commits.transactions import HitLooked, ImagesFetched
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.facts import FactFiling, image_fact, images_fact
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.http.gatekeeper import require
from wicketgate.http.problems import problem
from wicketgate.http.requests import MAX_MEMBERS, decoded, read_body
from wicketgate.http.roles import SEE
from wicketgate.http.underway import reserve_answer
from wicketgate.reads.images.references import media_type_of
from wicketgate.reads.images.several import (
    MOST_ANSWER,
    MOST_BYTES,
    MOST_REFS,
    ImageGone,
    ImagesAsked,
    ImageSent,
)
from wicketgate.reads.images.store import Images
from wicketgate.reads.parse import NDJSON

_HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


_asked = msgspec.json.Decoder(ImagesAsked)


class FeedImages:
    """The handler of images, over those of released reads."""

    def __init__(self, images: Images, facts: FactFiling, entitlement: Entitlement, hits: HitQueue) -> None:
        self._hits = hits
        self._images = images
        self._facts = facts
        self._entitlement = entitlement

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/feeds/{authority}/images/{ref}", self.get_image, methods=["GET"]),
            Route("/v1/feeds/{authority}/images", self.get_images, methods=["POST"]),
        ]

    async def get_image(self, request: Request) -> Response:
        """`GET /v1/feeds/{authority}/images/{ref}`."""
        who = require(request, "recipient", *SEE)
        unit = who.name
        authority, ref = request.path_params["authority"], request.path_params["ref"]
        by = who.by if who.person else unit
        return await self.answer(
            unit, authority, ref, by=by, person=who.person, looking=request.method == "GET"
        )

    async def answer(
        self, unit: str, authority: str, ref: str, *, by: str, person: str, looking: bool, refs: str = ""
    ) -> Response:
        """Commit the fetch of an image, then return it.

        The image is the one that a reference of this authority means.

        Parameters
        ----------
        unit : str
            `organisation/unit`, whose feed it is.
        by : str
            Who looks at it, for the fact of it: the unit, or its officer where one is known.
        person : str
            The person, where it is one who signed in by name.
        looking : bool
            Whether the hits that it belongs to know of the look, without which a possible one is not confirmed.
        refs : str
            Whose the reference is, where it is no row's of the feed: an answer's own (`images_of`).

        Returns
        -------
        Response
            404 if the reference is another authority's, or the image past its term.

        Raises
        ------
        NotEntitled
            As the feed itself does.
        """
        self._demand(unit, authority, person)
        body = await self._images.find(refs or authority, ref)
        if body is None:
            return problem("not-found", f"`{authority}` has no such image, or it is past its term")
        digest = hashlib.sha256(body).hexdigest()
        fact = partial(image_fact, authority=authority, sha256=digest, unit=unit, by=by)
        hits = self._hits.showing(authority, ref) if looking else ()
        looked = [HitLooked(hit=hit.id, by=by) for hit in hits]
        await self._facts.record(fact, looked, ImagesFetched(authority=authority, images=1))
        self._demand(unit, authority, person)  # it may have been revoked meanwhile
        media_type = media_type_of(body) or "application/octet-stream"
        return Response(body, media_type=media_type, headers=_HEADERS)

    async def get_images(self, request: Request) -> Response:
        """`POST /v1/feeds/{authority}/images`: commit one fact of the fetch, then answer with the images.

        They are for a program's keeping: no hit counts as looked at.
        """
        unit, authority = require(request, "recipient").name, request.path_params["authority"]
        self._demand(unit, authority, "")
        refs = decoded(
            _asked, await read_body(request, MAX_MEMBERS), "send the references as `refs`, in JSON"
        ).refs
        if not 1 <= len(refs) <= MOST_REFS:
            raise InputError(f"ask for at least one image, and for at most {MOST_REFS}")
        # Before any is read: many such answers made at once would not fit into memory.
        refused = reserve_answer(request, MOST_ANSWER)
        if refused is not None:
            return refused
        lines, digests = await self._read(authority, refs)
        if digests:
            fact = partial(images_fact, authority=authority, images=digests, unit=unit, by=unit)
            fetched = ImagesFetched(authority=authority, images=len(digests))
            await self._facts.record(fact, fetched=fetched)
        self._demand(unit, authority, "")  # it may have been revoked meanwhile
        return Response(b"".join(lines), media_type=NDJSON, headers=_HEADERS)

    def _demand(self, unit: str, authority: str, person: str) -> None:
        self._entitlement.entitled(unit, authority)
        self._entitlement.demand_person(authority, person, "viewer")

    async def _read(self, authority: str, refs: list[str]) -> tuple[list[bytes], list[str]]:
        """Return the answer's lines, and the SHA-256 of each image in them, until the answer is full."""
        lines: list[bytes] = []
        digests: list[str] = []
        size = 0
        for ref in refs:
            body = await self._images.find(authority, ref)
            media_type = None if body is None else media_type_of(body)
            if body is None or media_type is None:
                lines.append(msgspec.json.encode(ImageGone(ref=ref)) + b"\n")
                continue
            size += len(body)
            if lines and size > MOST_BYTES:
                break
            digests.append(hashlib.sha256(body).hexdigest())
            sent = ImageSent(ref=ref, sha256=digests[-1], type=media_type, bytes=len(body), data=body)
            lines.append(msgspec.json.encode(sent) + b"\n")
        return lines, digests
