"""`/v1/hits`: the hits of a unit, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.gateway.entitlement import entitled_match, match_authorities
from wicketgate.gateway.hits import cannot_confirm, hit_of, queue_of, recent_of
from wicketgate.gateway.node import Gateway
from wicketgate.hotlists.hits import WAITING, Hit
from wicketgate.http.gatekeeper import require
from wicketgate.http.requests import decoded, json_answer, number_in, read_body
from wicketgate.regime.standing import STOPPED

_MOST_BODY = 16 * 1024
_MOST_HITS = 1_000
_STATES = ("queue", "recent")
_HIDDEN = "no-store"


class _Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    outcome: str
    reason: str = ""
    by: str = ""


_decoder = msgspec.json.Decoder(_Said)


class HitsApi:
    """The handlers, over one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Route]:
        """Return the routes under `/v1/hits`."""
        return [
            Route("/v1/hits", self.list_hits, methods=["GET"]),
            Route("/v1/hits/{id}", self.get_hit, methods=["GET"]),
            Route("/v1/hits/{id}/outcome", self.post_outcome, methods=["POST"]),
        ]

    async def list_hits(self, request: Request) -> Response:
        """`GET /v1/hits?authority=&state=queue|recent&limit=`."""
        unit = require(request, "recipient").name
        state = request.query_params.get("state", "queue")
        if state not in _STATES:
            raise InputError(f"`state` is one of {', '.join(_STATES)}")
        limit = number_in(request, "limit", 100, least=1, most=_MOST_HITS)
        name = request.query_params.get("authority")
        gateway = self._gateway
        if name is None:
            names = [authority.name for authority in match_authorities(gateway, unit)[0]]
        else:
            names = [entitled_match(gateway, unit, name).name]
        found = queue_of(gateway, names) if state == "queue" else recent_of(gateway, names, limit)
        return _answer({"hits": [as_json(gateway, hit) for hit in found[:limit]]})

    async def get_hit(self, request: Request) -> Response:
        """`GET /v1/hits/{id}`."""
        unit = require(request, "recipient").name
        hit, _ = hit_of(self._gateway, unit, request.path_params["id"])
        return _answer(as_json(self._gateway, hit))

    async def post_outcome(self, request: Request) -> Response:
        """`POST /v1/hits/{id}/outcome` `{"outcome", "reason"?, "by"?}`."""
        unit = require(request, "recipient").name
        body = await read_body(request, _MOST_BODY)
        said = decoded(_decoder, body, 'send `{"outcome", "reason", "by"}`, each a text')
        require(request, "recipient")  # the body may have taken long
        hit_id, stopped = request.path_params["id"], False
        try:
            hit_of(self._gateway, unit, hit_id)
        except NotEntitled as error:
            if error.code not in STOPPED:
                raise
            stopped = True
        after = await self._gateway.desk.record_outcome(hit_id, said.outcome, said.reason, said.by)
        shown = as_json(self._gateway, after)
        if stopped:
            # What became of it must be said even then; the read itself is shown no longer.
            shown = {name: shown[name] for name in ("id", "authority", "status", "outcomes")}
        return _answer(shown)


def _answer(value: Any) -> Response:
    answer = json_answer(value)
    answer.headers["Cache-Control"] = _HIDDEN
    return answer


# --- what the duty officer's pages ask too ------------------------------------------------------------------------


def as_json(gateway: Gateway, hit: Hit) -> dict[str, Any]:
    """Return a hit as its unit is shown it: what the authority's fields do not allow is not in it."""
    waiting = hit.status in WAITING
    read = {
        "plate": hit.plate,
        "confidence": hit.confidence,
        "captured_at": None if hit.captured_us is None else rfc3339(hit.captured_us),
        "source": hit.source,
        "camera": hit.camera,
        "latitude": hit.latitude,
        "longitude": hit.longitude,
        "heading": hit.heading,
        "lane": _raw(hit.lane),
        "direction": _raw(hit.direction),
        "vehicle": _raw(hit.vehicle),
        "patch_image": _image(hit, hit.patch),
        "overview_image": _image(hit, hit.overview),
        "marks": hit.marks or None,
    }
    return {
        "id": hit.id,
        "authority": f"{hit.authority}@{hit.version}",
        "seq": hit.seq,
        "voi": hit.voi,
        "kind": hit.kind,
        "priority": hit.priority,
        "quality": hit.quality,
        **({"late": True} if hit.late else {}),
        **({"clone": True} if hit.clone else {}),
        "raised_at": rfc3339(hit.raised_us),
        "due_at": rfc3339(hit.due_us),
        "overdue": waiting and gateway.clock.now_us() >= hit.due_us,
        "status": hit.status,
        "actionable": hit.status == "confirmed",
        "cannot_confirm": cannot_confirm(gateway, hit),
        "read": {name: value for name, value in read.items() if value is not None},
        "listed": {"plate": hit.listed, **hit.entry},
        "outcomes": [
            {
                "outcome": outcome.outcome,
                "reason": outcome.reason,
                "by": outcome.by,
                "at": rfc3339(outcome.at_us),
            }
            for outcome in hit.outcomes
        ],
    }


def _raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text.encode())


def _image(hit: Hit, ref: str | None) -> Mapping[str, str] | None:
    return None if ref is None else {"ref": ref, "href": f"/v1/feeds/{hit.authority}/images/{ref}"}
