"""Handlers of `/v1/disclosures` and `/v1/receipts`.

They take what recipients attest, and show what is missing of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.shapes import Time, about
from wicketgate.commits.durable import Durable
from wicketgate.commits.state import State
from wicketgate.gateway.entitlement import Entitlement, names_of
from wicketgate.gateway.filing.disclosures import DisclosureFiling, DisclosureSaid
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.http.answers import (
    Disclosures,
    DisclosureShown,
    DisclosureTaken,
    NextDeletion,
    OwedShown,
    Receipts,
    ReceiptShown,
    ReceiptTaken,
)
from wicketgate.http.gatekeeper import Principal, require
from wicketgate.http.parameters import LINES
from wicketgate.http.problems import problem
from wicketgate.http.requests import MAX_MEMBERS, decoded, json_answer, private_answer, read_body
from wicketgate.http.roles import DUE, OVERSEE, SOURCE
from wicketgate.http.said_names import said_name
from wicketgate.regime.obligations.disclosures import Held, owed_at, published
from wicketgate.regime.obligations.values import Disclosure, Receipt

_MOST_ROWS = 1 << 53
_LONGEST = {"to": 64, "law": 200, "case": 200, "reason": 1_000, "method": 500, "by": 200}
_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_SEALED = "For the overseers alone."


class Disclosed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows were passed on."""

    authority: Annotated[str, about("The authority's name, without a version.")]
    to: Annotated[str, about("An organisation of the charter.", minLength=1, maxLength=_LONGEST["to"])]
    law: Annotated[str, about("Under which law; no plate.", minLength=1, maxLength=_LONGEST["law"])]
    rows: Annotated[int, about("How many rows.", minimum=1, exclusiveMaximum=_MOST_ROWS)]
    version: Annotated[
        int | None, about("That released them; if left out the one that counts now.", minimum=1)
    ] = None
    case: Annotated[str, about(_SEALED, maxLength=_LONGEST["case"])] = ""
    reason: Annotated[str, about(_SEALED, maxLength=_LONGEST["reason"])] = ""
    at: Annotated[Time | None, about("When it was passed on; now, if left out.")] = None
    id: Annotated[str, about("The unit's own.", pattern=f"^({_ID.pattern})?$")] = ""


class Deleted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an authority released before a time is deleted."""

    authority: Annotated[str, about("The authority's name, without a version.")]
    deleted_until: Annotated[Time, about("Neither ahead of the clock nor before an earlier one.")]
    method: Annotated[str, about("How it was deleted.", minLength=1, maxLength=_LONGEST["method"])]
    by: Annotated[str, about("Who says so.", minLength=1, maxLength=_LONGEST["by"])]
    rows: Annotated[
        int | None, about("How many, where that is known.", minimum=0, exclusiveMaximum=_MOST_ROWS)
    ] = None


_Body = TypeVar("_Body", Disclosed, Deleted)


class DisclosuresApi:
    """The handlers of disclosures and receipts.

    They stand over what recipients attest and the committed state.
    """

    def __init__(
        self,
        commits: Durable,
        disclosures: DisclosureFiling,
        entitlement: Entitlement,
        clock: Clock,
        looks: LookFiling,
    ) -> None:
        self._commits = commits
        self._disclosures = disclosures
        self._entitlement = entitlement
        self._clock = clock
        self._looks = looks

    def routes(self) -> list[Route]:
        """Return the routes under `/v1/disclosures` and `/v1/receipts`."""
        return [
            Route("/v1/disclosures", self.post_disclosure, methods=["POST"]),
            Route("/v1/disclosures", self.list_disclosures, methods=["GET"]),
            Route("/v1/receipts", self.post_receipt, methods=["POST"]),
            Route("/v1/receipts", self.list_receipts, methods=["GET"]),
        ]

    async def post_disclosure(self, request: Request) -> Response:
        """`POST /v1/disclosures` `{"authority","to","law","rows"}`."""
        require(request, "recipient")
        said = await _read(request, Disclosed)
        unit = require(request, "recipient").name  # the body may have taken long
        _demand_texts(to=said.to, law=said.law)
        _demand_texts(empty=True, case=said.case, reason=said.reason)
        _demand_rows(said.rows)
        if said.id and not _ID.fullmatch(said.id):
            raise InputError("`id` is at most 64 letters, digits and `_.:-`")
        self._entitlement.demand_own(unit, said.authority)
        taken = await self._disclosures.disclose(
            DisclosureSaid(
                authority=said.authority,
                to=said.to,
                law=said.law,
                rows=said.rows,
                version=said.version,
                made_us=None if said.at is None else _time(said.at, "at"),
                case=said.case,
                reason=said.reason,
                id=said.id,
            )
        )
        if taken.refused:
            return problem(
                "onward-not-allowed",
                f"version {taken.version} of `{taken.authority}` does not let it be passed on to them: the attempt is "
                "recorded",
                id=taken.id,
                commit=taken.commit,
            )
        return json_answer(
            DisclosureTaken(id=taken.id, commit=taken.commit, version=taken.version, status=taken.status), 201
        )

    async def list_disclosures(self, request: Request) -> Response:
        """`GET /v1/disclosures?authority=&limit=`: the newest first."""
        limit = LINES.read(request)
        state = self._commits.committed
        names = [name for name, exact in self._readable(request).items() if exact]
        found = [
            disclosure for name in names if name in state.held for disclosure in state.held[name].disclosures
        ]
        found.sort(key=lambda one: -one.commit)
        found = found[:limit]
        await self._seen(request, "disclosures", [one.id for one in found])
        return private_answer(Disclosures(disclosures=[_disclosure(state, one) for one in found]))

    async def post_receipt(self, request: Request) -> Response:
        """`POST /v1/receipts` `{"authority","deleted_until","method","by"}`."""
        require(request, "recipient")
        said = await _read(request, Deleted)
        who = require(request, "recipient")
        _demand_texts(method=said.method, by=said_name(said.by))
        if said.rows is not None:
            _demand_rows(said.rows, least=0)
        deleted_us = _time(said.deleted_until, "deleted_until")
        self._entitlement.demand_own(who.name, said.authority)
        taken = await self._disclosures.receive(
            said.authority, deleted_us, method=said.method, by=said.by, token=who.by, rows=said.rows
        )
        return json_answer(ReceiptTaken(commit=taken.commit, counts_until=rfc3339(taken.until_us)), 201)

    async def list_receipts(self, request: Request) -> Response:
        """`GET /v1/receipts?authority=`: receipts due, missing and attested last."""
        names = self._readable(request)
        await self._seen(request, "receipts", list(names))
        state, now_us = self._commits.committed, self._clock.now_us()
        return private_answer(
            Receipts(
                receipts=[
                    _owed(state, name, state.held.get(name) or Held(), now_us, exact=exact)
                    for name, exact in names.items()
                ]
            )
        )

    async def _seen(self, request: Request, what: str, items: Sequence[str]) -> None:
        """Record what of a list this caller has not been shown before."""
        who: Principal = request.scope["principal"]
        await self._looks.show(who.by, request.scope["credential"], what, who.name, items)
        self._readable(request)  # it took a moment

    def _readable(self, request: Request) -> dict[str, bool]:
        """Return the authorities open to the caller's questions, and of each whether its counts are.

        They are a unit's own, an overseer's all, those of an officer's organisation, or the one named. A source must
        not learn which passage was a hit: of what follows a list it learns no count.
        """
        principal: Principal = request.scope["principal"]
        state = self._commits.committed
        name = request.query_params.get("authority")
        if principal.kind == "overseer":
            require(request, "overseer", *OVERSEE)
            return {one: True for one in sorted(state.feeds) if name in (None, one)}
        if principal.person:
            kind, roles = ("source", SOURCE) if principal.kind == "source" else ("office", DUE)
            organisation = require(request, kind, *roles).name.partition("/")[0]
            concerning = self._entitlement.concerning(organisation, as_source=kind == "source")
            return {one: exact for one, exact in concerning.items() if name in (None, one)}
        unit = require(request, "recipient").name
        if name is not None:
            self._entitlement.demand_own(unit, name)
            return {name: True}
        return dict.fromkeys(names_of(state, unit), True)


async def _read(request: Request, shape: type[_Body]) -> _Body:
    body = await read_body(request, MAX_MEMBERS)
    return decoded(msgspec.json.Decoder(shape), body, "not in the form that `/docs` shows")


def _demand_texts(*, empty: bool = False, **texts: str) -> None:
    for name, text in texts.items():
        if len(text) > _LONGEST[name] or not text.isprintable() or not (empty or text.strip()):
            least = "" if empty else ", and not empty"
            raise InputError(f"`{name}` is one line of at most {_LONGEST[name]} characters{least}")


def _demand_rows(rows: int, *, least: int = 1) -> None:
    if not least <= rows < _MOST_ROWS:
        raise InputError(f"`rows` is a whole number of at least {least}")


def _time(text: str, name: str) -> int:
    try:
        return parse_rfc3339(text)
    except InputError as error:
        raise InputError(f"`{name}` is not a time with a zone, such as `2026-07-08T12:00:00Z`") from error


def _disclosure(state: State, one: Disclosure) -> DisclosureShown:
    return DisclosureShown(
        id=one.id,
        authority=f"{one.authority}@{one.version}",
        unit=state.feeds[one.authority].whose,
        to=one.to,
        law=one.law,
        rows=one.rows,
        at=rfc3339(one.made_us),
        said_at=rfc3339(one.said_us),
        status=one.status,
        refused=one.refused,
        commit=one.commit,
    )


def _owed(state: State, name: str, held: Held, now_us: int, *, exact: bool) -> OwedShown:
    standing = owed_at(held, now_us)
    coming = standing.next
    upcoming = None
    if coming is not None:
        upcoming = NextDeletion(until=rfc3339(coming.until_us), by=rfc3339(coming.due_us), rows=coming.rows)
    members = {
        "authority": name,
        "unit": state.feeds[name].whose,
        **published(standing),
        "next": upcoming,
        "attested": [_receipt(one, exact=exact) for one in reversed(held.receipts)],
    }
    return msgspec.convert(members, OwedShown)


def _receipt(one: Receipt, *, exact: bool) -> ReceiptShown:
    return ReceiptShown(
        deleted_until=rfc3339(one.deleted_us),
        counts_until=rfc3339(one.until_us),
        rows=one.rows if exact else None,
        method=one.method,
        by=one.by,
        said_at=rfc3339(one.said_us),
        commit=one.commit,
    )
