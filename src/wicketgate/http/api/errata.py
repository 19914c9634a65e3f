"""Handlers of `/v1/errata`: sources say that a read was wrong, and units are told of what they got."""

from __future__ import annotations

from typing import Annotated, get_args

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.shapes import about
from wicketgate.commits.durable import Durable
from wicketgate.commits.errata import Ground
from wicketgate.gateway.entitlement import Entitlement, names_of
from wicketgate.gateway.filing.errata import ErrataFiling
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.hotlists.hits import MOST_REASON
from wicketgate.http.answers import ErrataShown, ErrataTakenUp, ErratumShown, ErratumTaken
from wicketgate.http.gatekeeper import require
from wicketgate.http.parameters import AFTER, LINES
from wicketgate.http.requests import MAX_MEMBERS, decoded, json_answer, private_answer, read_body
from wicketgate.http.roles import VIEW
from wicketgate.reads.parse import MAX_ID
from wicketgate.reads.plates import PlateFault, read_plate

_LONGEST_PLATE = 64


class WrongRead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A read of the source's own was wrong."""

    id: Annotated[str, about("The read's own `id`.", minLength=1, maxLength=MAX_ID)]
    ground: Annotated[
        str,
        about(
            "What was wrong: the plate was misread, there was no plate, or time or place were wrong. Recipients are "
            "told this word.",
            enum=list(get_args(Ground)),
        ),
    ]
    reason: Annotated[
        str,
        about("How that was found, for the overseers alone; no plate.", minLength=1, maxLength=MOST_REASON),
    ]
    plate: Annotated[
        str | None,
        about("The right one, of a read that was misread. Here and nowhere else.", maxLength=_LONGEST_PLATE),
    ] = None


class TakenThrough(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The unit has what it was told of an authority, up to a notice."""

    authority: Annotated[str, about("The authority's name, without a version.")]
    through: Annotated[int, about("The notice's number.", minimum=1)]


_wrong = msgspec.json.Decoder(WrongRead)
_through = msgspec.json.Decoder(TakenThrough)


class ErrataApi:
    """The handlers of errata, over the committed state and the filing of errata."""

    def __init__(
        self, commits: Durable, errata: ErrataFiling, entitlement: Entitlement, looks: LookFiling
    ) -> None:
        self._commits = commits
        self._errata = errata
        self._entitlement = entitlement
        self._looks = looks

    def routes(self) -> list[Route]:
        """Return the routes of `/v1/errata`."""
        return [
            Route("/v1/errata", self.post_erratum, methods=["POST"]),
            Route("/v1/errata", self.list_errata, methods=["GET"]),
            Route("/v1/errata/taken", self.post_taken, methods=["POST"]),
        ]

    async def post_erratum(self, request: Request) -> Response:
        """`POST /v1/errata` `{"id","ground","reason","plate"?}`."""
        require(request, "source")
        said = decoded(_wrong, await read_body(request, MAX_MEMBERS), 'send `{"id","ground","reason"}`')
        who = require(request, "source")  # the body may have taken long
        if said.ground not in get_args(Ground):
            raise InputError(f"`ground` is one of {', '.join(get_args(Ground))}")
        if not 0 < len(said.id) <= MAX_ID:
            raise InputError(f"`id` has 1 to {MAX_ID} characters")
        if not said.reason.strip() or len(said.reason) > MOST_REASON or not said.reason.isprintable():
            raise InputError(f"`reason` is one line of at most {MOST_REASON} characters, and not empty")
        plate = ""
        if said.plate is not None:
            read = read_plate(said.plate[: _LONGEST_PLATE + 1])
            if isinstance(read, PlateFault):
                raise InputError("`plate` is no plate")
            if said.ground != "misread":
                raise InputError("`plate` is said of a read that was misread, and of no other")
            plate = read
        one, is_new = await self._errata.say(
            who.name,
            said.id,
            said.ground,  # type: ignore[arg-type]  # looked at above
            plate=plate,
            reason=said.reason,
            by=who.by,
        )
        shown = ErratumTaken(id=one.id, ground=one.ground, at=rfc3339(one.at_us), repeated=not is_new)
        return json_answer(shown, 201 if is_new else 200)

    async def list_errata(self, request: Request) -> Response:
        """`GET /v1/errata?authority=&after=&limit=`: however the authorities stand."""
        who = require(request, "recipient", *VIEW)
        limit, after, name = LINES.read(request), AFTER.read(request), request.query_params.get("authority")
        if name is None and after:
            raise InputError("`after` is the number of a notice of one authority: name it")
        if name is None:
            names = names_of(self._commits.committed, who.name)
        else:
            self._entitlement.demand_own(who.name, name)
            names = [name]
        found = list(self._commits.committed.errata.behind(names, after))
        found.sort(key=lambda one: (one[1].at_us, one[0], one[1].number))
        shown = [
            ErratumShown(
                authority=authority,
                number=one.number,
                seq=one.corrects,
                ground=one.ground,
                at=rfc3339(one.at_us),
                row=one.seq or UNSET,
                search=one.search or UNSET,
                taken_at=rfc3339(one.taken_us) if one.taken_us else None,
            )
            for authority, one in found[:limit]
        ]
        items = [f"{one.authority}/{one.number}" for one in shown]
        await self._looks.show(who.by, request.scope["credential"], "errata", who.name, items)
        require(request, "recipient", *VIEW)  # it took a moment
        return private_answer(ErrataShown(errata=shown, more=len(found) > limit))

    async def post_taken(self, request: Request) -> Response:
        """`POST /v1/errata/taken` `{"authority","through"}`."""
        require(request, "recipient")
        said = decoded(_through, await read_body(request, MAX_MEMBERS), 'send `{"authority","through"}`')
        who = require(request, "recipient")  # the body may have taken long
        self._entitlement.demand_own(who.name, said.authority)
        await self._errata.take(said.authority, said.through, who.by)
        return json_answer(ErrataTakenUp(authority=said.authority, through=said.through))
