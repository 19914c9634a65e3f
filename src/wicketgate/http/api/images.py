"""The handler of images for recipients, by the references in their feeds."""

from __future__ import annotations

import hashlib
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.commits.transactions import HitLooked
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.facts import FactFiling, image_fact
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.http.gatekeeper import require
from wicketgate.http.problems import problem
from wicketgate.reads.images.references import media_type_of
from wicketgate.reads.images.store import Images

_HEADERS = {"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"}


class FeedImages:
    """The handler of images, over those of released reads."""

    def __init__(self, images: Images, facts: FactFiling, entitlement: Entitlement, hits: HitQueue) -> None:
        self._hits = hits
        self._images = images
        self._facts = facts
        self._entitlement = entitlement

    def routes(self) -> list[Route]:
        """Return the route."""
        return [Route("/v1/feeds/{authority}/images/{ref}", self.get_image, methods=["GET"])]

    async def get_image(self, request: Request) -> Response:
        """`GET /v1/feeds/{authority}/images/{ref}`."""
        unit = require(request, "recipient").name
        authority, ref = request.path_params["authority"], request.path_params["ref"]
        return await self.answer(unit, authority, ref, by=unit, looking=request.method == "GET")

    async def answer(self, unit: str, authority: str, ref: str, *, by: str, looking: bool) -> Response:
        """Commit the fetch of an image, then return it.

        The image is the one that a reference of this authority means.

        Parameters
        ----------
        unit : str
            `organisation/unit`, whose feed it is.
        by : str
            Who looks at it, for the fact of it: the unit, or its officer where one is known.
        looking : bool
            Whether the hits that it belongs to know of the look, without which a possible one is not confirmed.

        Returns
        -------
        Response
            404 if the reference is another authority's, or the image past its term.

        Raises
        ------
        NotEntitled
            As the feed itself does.
        """
        self._entitlement.entitled(unit, authority)
        body = await self._images.find(authority, ref)
        if body is None:
            return problem("not-found", f"`{authority}` has no such image, or it is past its term")
        digest = hashlib.sha256(body).hexdigest()
        fact = partial(image_fact, authority=authority, sha256=digest, unit=unit, by=by)
        hits = self._hits.showing(authority, ref) if looking else ()
        looked = [HitLooked(hit=hit.id, by=by) for hit in hits]
        await self._facts.record(fact, looked)
        self._entitlement.entitled(unit, authority)  # it may have been revoked meanwhile
        media_type = media_type_of(body) or "application/octet-stream"
        return Response(body, media_type=media_type, headers=_HEADERS)
