"""Handlers of `/v1/hits`: the hits of a unit, and their outcomes."""

from __future__ import annotations

from typing import Annotated, TypeVar, get_args

import msgspec
from msgspec import UNSET, Raw, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock, rfc3339
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.base.shapes import about, shape
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.filing.outcomes import OutcomeFiling
from wicketgate.gateway.hits import UnitHits
from wicketgate.hotlists.hits import MOST_BY, MOST_REASON, WAITING, Hit
from wicketgate.hotlists.outcomes import Said
from wicketgate.http.answers import (
    HitErratum,
    HitRead,
    HitShown,
    HitsShown,
    ImageLink,
    OutcomeShown,
    StoppedHit,
)
from wicketgate.http.gatekeeper import require
from wicketgate.http.parameters import LINES
from wicketgate.http.presence import require_presence
from wicketgate.http.requests import MAX_MEMBERS, decoded, private_answer, read_body
from wicketgate.http.roles import CONFIRM, SEE
from wicketgate.http.said_names import said_name
from wicketgate.regime.standing import STOPPED

STATES = ("queue", "recent")
_T = TypeVar("_T")


class OutcomeSaid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of a hit."""

    outcome: Annotated[str, shape(enum=list(get_args(Said)))]
    reason: Annotated[str, about("Needed for `not-acted`.", maxLength=MOST_REASON)] = ""
    by: Annotated[str, about("Who says so: a name or number.", maxLength=MOST_BY)] = ""
    plate_seen: Annotated[
        str,
        about(
            "Needed to confirm a possible hit: the plate as seen in its image. It is not kept.", maxLength=32
        ),
    ] = ""


_decoder = msgspec.json.Decoder(OutcomeSaid)


class HitsApi:
    """The handlers of hits, over the hits of units and their outcomes."""

    def __init__(
        self,
        hits: UnitHits,
        outcomes: OutcomeFiling,
        entitlement: Entitlement,
        clock: Clock,
        looks: LookFiling,
    ) -> None:
        self._hits = hits
        self._outcomes = outcomes
        self._entitlement = entitlement
        self._clock = clock
        self._looks = looks

    def routes(self) -> list[Route]:
        """Return the routes under `/v1/hits`."""
        return [
            Route("/v1/hits", self.list_hits, methods=["GET"]),
            Route("/v1/hits/{id}", self.get_hit, methods=["GET"]),
            Route("/v1/hits/{id}/outcome", self.post_outcome, methods=["POST"]),
        ]

    async def list_hits(self, request: Request) -> Response:
        """`GET /v1/hits?authority=&state=queue|recent&limit=`."""
        who = require(request, "recipient", *SEE)
        unit = who.name
        state = request.query_params.get("state", "queue")
        if state not in STATES:
            raise InputError(f"`state` is one of {', '.join(STATES)}")
        limit = LINES.read(request)
        name = request.query_params.get("authority")
        if name is None:
            names = [one.name for one in self._entitlement.open_matches(unit, who.person, "viewer")]
        else:
            names = [self._entitlement.entitled_match(unit, name).name]
            self._entitlement.demand_person(name, who.person, "viewer")
        found = self._hits.queue_of(names) if state == "queue" else self._hits.recent_of(names, limit)
        shown = found[:limit]
        if shown:
            session = request.scope["credential"]
            await self._looks.show(who.by, session, "hits", unit, [hit.id for hit in shown])
        return private_answer(HitsShown(hits=[self._shown(hit) for hit in shown]))

    async def get_hit(self, request: Request) -> Response:
        """`GET /v1/hits/{id}`."""
        who = require(request, "recipient", *SEE)
        hit, _ = self._hits.hit_of(who.name, request.path_params["id"])
        self._entitlement.demand_person(hit.authority, who.person, "viewer")
        await self._looks.look(who.by, "hit", hit.id)
        require(request, "recipient", *SEE)
        return private_answer(self._shown(hit))

    async def post_outcome(self, request: Request) -> Response:
        """`POST /v1/hits/{id}/outcome` `{"outcome", "reason"?, "by"?, "plate_seen"?}`."""
        who = require(request, "recipient", *CONFIRM)
        unit = who.name
        body = await read_body(request, MAX_MEMBERS)
        said = decoded(_decoder, body, 'send `{"outcome", "reason", "by"}`, each a text')
        require(request, "recipient", *CONFIRM)  # the body may have taken long
        if said.outcome == "confirmed":
            require_presence(request)
        hit_id, stopped = request.path_params["id"], False
        try:
            self._hits.hit_of(unit, hit_id)
        except NotEntitled as error:
            if error.code not in STOPPED:
                raise
            stopped = True
        if not who.person:
            self._entitlement.demand_nobody_named(unit)
            name = self._hits.authority_of(hit_id)
            # The answer shows the hit.
            for role in ("confirmer", "viewer"):
                self._entitlement.demand_person(name, "", role)
        after = await self._outcomes.record_outcome(
            hit_id,
            said.outcome,
            said.reason,
            who.by if who.person else said_name(said.by),
            token="" if who.person else who.by,
            looker=who.by if who.person else unit,
            plate_seen=said.plate_seen,
        )
        shown = self._shown(after)
        if not stopped:
            return private_answer(shown)
        # What became of it must be said even then; the read itself is shown no longer.
        return private_answer(
            StoppedHit(id=shown.id, authority=shown.authority, status=shown.status, outcomes=shown.outcomes)
        )

    def _shown(self, hit: Hit) -> HitShown:
        return as_json(hit, cannot_confirm=self._hits.cannot_confirm(hit), now_us=self._clock.now_us())


# --- what the duty officer's pages ask too ------------------------------------------------------------------------


def as_json(hit: Hit, *, cannot_confirm: str | None, now_us: int) -> HitShown:
    """Return a hit in its unit's view.

    What the authority's fields do not allow is not in it.
    """
    waiting = hit.status in WAITING
    return HitShown(
        id=hit.id,
        authority=f"{hit.authority}@{hit.version}",
        seq=hit.seq,
        voi=hit.voi,
        kind=hit.kind,
        priority=hit.priority,
        quality=hit.quality,
        late=hit.late or UNSET,
        clone=True if hit.clone else UNSET,
        raised_at=rfc3339(hit.raised_us),
        due_at=rfc3339(hit.due_us),
        overdue=waiting and now_us >= hit.due_us,
        status=hit.status,
        actionable=hit.status == "confirmed",
        cannot_confirm=cannot_confirm,
        read=_read(hit),
        listed={"plate": hit.listed, **hit.entry},
        outcomes=[
            OutcomeShown(
                outcome=outcome.outcome, reason=outcome.reason, by=outcome.by, at=rfc3339(outcome.at_us)
            )
            for outcome in hit.outcomes
        ],
        errata=[
            HitErratum(ground=one.ground, at=rfc3339(one.at_us), plate=_given(one.plate))
            for one in hit.errata
        ]
        or UNSET,
    )


def _read(hit: Hit) -> HitRead:
    return HitRead(
        plate=_given(hit.plate),
        confidence=_given(hit.confidence),
        captured_at=UNSET if hit.captured_us is None else rfc3339(hit.captured_us),
        source=_given(hit.source),
        camera=_given(hit.camera),
        camera_name=_given(hit.camera_name),
        latitude=_given(hit.latitude),
        longitude=_given(hit.longitude),
        heading=_given(hit.heading),
        lane=_raw(hit.lane),
        direction=_raw(hit.direction),
        vehicle=_raw(hit.vehicle),
        patch_image=_image(hit, hit.patch),
        overview_image=_image(hit, hit.overview),
        marks=hit.marks or UNSET,
    )


def _given(value: _T | None) -> _T | UnsetType:
    return UNSET if value is None else value


def _raw(text: str | None) -> Raw | UnsetType:
    return UNSET if text is None else Raw(text.encode())


def _image(hit: Hit, ref: str | None) -> ImageLink | UnsetType:
    return UNSET if ref is None else ImageLink(ref=ref, href=f"/v1/feeds/{hit.authority}/images/{ref}")
